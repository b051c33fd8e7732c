package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/content"
)

// Chat states reach the occupants here and nobody else; no archive has them (XEP-0085).
func TestChatStatesStay(t *testing.T) {
	b, bob := meet(t)
	bob.catchUp()
	before := len(b.disk.outbox)
	out := romeoSays(t, b, "c1", "<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>")
	wantIn(t, "occupants", out, "to juliet@a.example/balcony, romeo@a.example/orchard", "<composing", "occupant-id", "id='c1'")
	if strings.Contains(out, "stanza-id") || len(b.disk.outbox) != before {
		t.Errorf("it has an archive id, or other providers get it: %s", out)
	}
	if page := b.mam(t, "", ""); strings.Contains(page, "composing") {
		t.Errorf("the archive has it: %s", page)
	}
	wantIn(t, "after voice was taken", b.send(t, adminSet("<item nick='Romeo' role='visitor'/>"))+romeoSays(t, b, "c2", "<paused xmlns='http://jabber.org/protocol/chatstates'/>"), "forbidden")
}

// A marker of a message that the room does not know any more is no message for others.
func TestMarkersOfUnknownMessagesStay(t *testing.T) {
	b, bob := meet(t)
	bob.catchUp()
	before := len(b.disk.outbox)
	out := romeoSays(t, b, "d1", "<displayed xmlns='urn:xmpp:chat-markers:0' id='gone'/>")
	wantIn(t, "occupants", out, "to juliet@a.example/balcony, romeo@a.example/orchard", "<displayed", "id='gone'")
	if strings.Contains(out, "stanza-id") || len(b.disk.outbox) != before {
		t.Errorf("it has an archive id, or other providers get it: %s", out)
	}
}

// Markers are reports for others, reports markers here (XEP-0333 §5.1); mentions name whom the group lists (XEP-0372).
func TestMarkersAndMentions(t *testing.T) {
	b, bob := meet(t)
	user := bob.client.ClientUser()
	id := found(stanzaID, romeoSays(t, b, "m1", "<body>Hello *Bob*</body><markable xmlns='urn:xmpp:chat-markers:0'/>"))[0]
	m1 := bob.last()
	if p := m1.Body.Parts[0]; p.ContentType != content.TypeMarkdown || string(p.Content) != "Hello **Bob**" {
		t.Errorf("bob got %+v", m1.Body)
	}
	b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='d'><displayed xmlns='urn:xmpp:chat-markers:0' id='"+id+"'/></message>")
	if report, err := content.DecodeReport(bob.last().Body.Content); err != nil || len(report) != 1 || report[0] != (content.MessageStatus{Message: m1.id, Status: content.Read}) {
		t.Errorf("bob got the report %+v: %v", report, err)
	}
	submit := func(p content.Part) string {
		t.Helper()
		b.out.Reset()
		a, _ := bob.submit(&content.Message{Salt: saltOf(b.seed()), Sender: user.String(), Room: b.room.uri.String(), Body: p}, user)
		if a.Code != mimi.SubmitAccepted {
			t.Fatalf("refused: %+v", a)
		}
		return b.out.String()
	}
	report := func(s content.Status) content.Part {
		data, err := content.EncodeReport([]content.MessageStatus{{Message: m1.id, Status: s}})
		if err != nil {
			t.Fatal(err)
		}
		return content.Part{Cardinality: content.Single, ContentType: content.TypeStatus, Content: data}
	}
	wantIn(t, "read", submit(report(content.Read)), "from='"+room+"/Bob'", "<displayed xmlns='urn:xmpp:chat-markers:0' id='"+id+"'/>")
	if out := submit(report(content.Delivered)); strings.Contains(out, "<message") {
		t.Errorf("occupants are told of a delivery: %s", out)
	}
	link := "[Romeo](" + b.listed("romeo").String() + ")"
	wantIn(t, "bob mentions", submit(content.Part{Cardinality: content.Single, ContentType: content.TypeMarkdown, Content: []byte("Hi " + link)}),
		"<body>Hi Romeo</body>", "uri='xmpp:"+room+"/Romeo' begin='3' end='8'")
	for _, uri := range []string{"xmpp:" + room + "/Bob", "xmpp:" + room + "/%42ob", "xmpp:u%bob%b.example@rooms.a.example", "xmpp:u%25bob%25b.example@rooms.a.example"} {
		romeoSays(t, b, "m2", "<body>Hi Bob</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='3' end='6' uri='"+uri+"'/>")
		if got := bob.last().Body.Parts; string(got[0].Content) != "Hi [Bob]("+user.String()+")" || strings.Contains(string(got[1].Content), "xmpp:") && strings.Contains(string(got[1].Content), "uri='xmpp:") {
			t.Errorf("%s became %s, %s", uri, got[0].Content, got[1].Content)
		}
	}
}

// A message that has the id of one that was said before is not shown again: salt and content are the same, and so would be all that refers to it.
func TestSaidTwice(t *testing.T) {
	b, bob := meet(t)
	user := bob.client.ClientUser()
	m := &content.Message{Salt: saltOf(b.seed()), Sender: user.String(), Room: b.room.uri.String(),
		Body: content.Part{Disposition: content.Render, Cardinality: content.Single, ContentType: content.TypePlain, Content: []byte("Hello")}}
	submit := func() string {
		t.Helper()
		b.out.Reset()
		if a, _ := bob.submit(m, user); a.Code != mimi.SubmitAccepted {
			t.Fatalf("refused: %+v", a)
		}
		return b.out.String()
	}
	wantIn(t, "the first", submit(), "<body>Hello</body>")
	if out := submit(); strings.Contains(out, "<message") {
		t.Errorf("the second: %s", out)
	}
	m.Salt = saltOf(b.seed())
	wantIn(t, "with another salt", submit(), "<body>Hello</body>")
}
