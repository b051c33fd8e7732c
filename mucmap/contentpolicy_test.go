package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Policies for the content of messages, which an owner with a MIMI client sets, hold for XMPP users: of files by their place, type and size, and of
// receipts (draft-ietf-mimi-room-policy-04 §7.1, §7.4). Operators see all of them.
func TestContentPolicies(t *testing.T) {
	b, bob := meet(t)
	b.send(t, adminSet("<item affiliation='owner' jid='u%bob%b.example@rooms.a.example'/>"))
	id := found(stanzaID, romeoSays(t, b, "m1", "<body>hello</body>"))[0]
	file := func(address string) string {
		return romeoSays(t, b, "f", "<body>"+address+"</body><x xmlns='jabber:x:oob'><url>"+address+"</url></x>")
	}
	marker := func() string {
		return romeoSays(t, b, "d", "<displayed xmlns='urn:xmpp:chat-markers:0' id='"+id+"'/>")
	}
	const local, foreign = "https://files.a.example/x.png", "https://files.b.example/x.png"
	wantIn(t, "any file, without policy", file(foreign), "<body>"+foreign+"</body>")
	wantIn(t, "a marker, without policy", marker(), "<displayed")
	if p := b.room.Describe().Policies; len(p) != 0 {
		t.Errorf("policies %+v", p)
	}
	var proposals []mls.Proposal
	for component, v := range map[mls.ComponentID]wire.Marshaler{
		mimi.ComponentAssetPolicy: &mimi.AssetPolicy{Location: mimi.AssetsLocally, MaxImage: 1000, MaxAttach: 1000,
			Domains:   []mimi.AssetDomains{{Provider: "a.example", Hosts: []string{"files.a.example"}}, {Provider: "b.example", Hosts: []string{"files.b.example"}}},
			Forbidden: []mls.MediaType{{Type: "image/gif"}}},
		mimi.ComponentStatusNotification: &mimi.StatusNotificationPolicy{Read: mimi.Forbidden},
		mimi.ComponentLinkPreviewPolicy:  &mimi.LinkPreviewPolicy{Send: mimi.Forbidden, ProxyUse: mimi.Forbidden},
		mimi.ComponentJoinLinkPolicy:     &mimi.JoinLinkPolicy{Expiration: 60},
		mimi.ComponentBaseRoomPolicy: func() wire.Marshaler {
			base := *b.room.hub.State().Base()
			base.PolicyComponents = append(base.PolicyComponents, 0x8123)
			return &base
		}(),
	} {
		proposals = append(proposals, mls.AppDataUpdate{Component: component, Update: wire.Marshal(v)})
	}
	if a := bob.commitOf(proposals...); a.Code != mimi.UpdateSuccess {
		t.Fatalf("the owner's policies: %+v", a)
	}
	for range 2 {
		wantIn(t, "a file with the own provider", file(local), "<body>"+local+"</body>")
		wantIn(t, "a file with another's", file(foreign), "<not-allowed", "files from files.b.example")
		wantIn(t, "a forbidden type", file("https://files.a.example/x.gif"), "<not-allowed", "image/gif")
		wantIn(t, "too large a file", romeoSays(t, b, "s", "<file-sharing xmlns='urn:xmpp:sfs:0'><file xmlns='urn:xmpp:file:metadata:0'><name>x.png</name><media-type>image/png</media-type><size>1001</size></file>"+
			"<sources><url-data xmlns='http://jabber.org/protocol/url-data' target='"+local+"'/></sources></file-sharing>"), "<not-allowed", "larger")
		wantIn(t, "a marker", marker(), "<not-allowed", "forbids read receipts")
		wantIn(t, "other words", romeoSays(t, b, "w", "<body>words</body>"), "<body>words</body>")
		var text string
		for _, p := range b.room.Describe().Policies {
			text += p.Name + ": " + p.Text + "\n"
		}
		for _, want := range []string{"receipts: delivery optional, reading forbidden", "files: with the sender's provider (files.a.example, files.b.example); images up to 1000 bytes", "link previews: by senders forbidden",
			"join links: on request false, for several users false, good for 60 s", "unknown: component 0x8123"} {
			if !strings.Contains(text, want) {
				t.Errorf("operators do not see %q in\n%s", want, text)
			}
		}
		if err := b.restart(true); err != nil {
			t.Fatal(err)
		}
	}
}
