package mucmap

import (
	"fmt"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// relay lets the room see what a provider answers to key material that went by way of us.
func (b *bench) relay(t *testing.T, provider string, body []byte) Reply {
	t.Helper()
	b.n++
	id := fmt.Sprintf("relayed %d", b.n)
	if err := b.step(Request{ID: id, Provider: provider, Kind: RequestRelayed, Body: body}); err != nil {
		t.Fatal(err)
	}
	return b.reply[id]
}

// A participant adds a client of a third provider by a key package that this provider gave out by way of us, after a restart too, and by no other
// (draft-ietf-mimi-protocol-06 §5.2).
func TestRelayedKeyMaterial(t *testing.T) {
	b, bob := asOwner(t)
	carol := newRemote(t, b, "mimi://c.example/d/carol/cli")
	kp := carol.keyPackage("Carol")
	add := func() mimi.UpdateResponse {
		return bob.commitOf(listUpdate(mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: carol.client.ClientUser(), Role: roleMember}}}), mls.Add{KeyPackage: kp.KeyPackage})
	}
	if a := add(); a.Code != mimi.UpdateNotAllowed || !strings.Contains(a.Text, "by way of this hub") {
		t.Errorf("a key package that nobody gave out: %+v", a)
	}
	body := wire.Marshal(&mimi.KeyMaterialResponse{User: carol.client.ClientUser(), Clients: []mimi.ClientKeyMaterial{{Client: carol.client, KeyPackage: &kp.KeyPackage}}})
	for why, r := range map[string]Reply{"no answer at all": b.relay(t, "c.example", []byte("x")), "the answer of somebody else": b.relay(t, "d.example", body)} {
		if r.Status != statusBadGateway {
			t.Errorf("%s: %d %q", why, r.Status, r.Body)
		}
	}
	if a := add(); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("after answers that are none: %+v", a)
	}
	if r := b.relay(t, "c.example", body); r.Status != statusOK || string(r.Body) != string(body) {
		t.Errorf("relayed: %d %q", r.Status, r.Body)
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if a := add(); a.Code != mimi.UpdateSuccess {
		t.Errorf("with the key package that was given out: %+v", a)
	}
	if m := b.room.pub.members[carol.client.ClientUser()]; m == nil || m.Leaves != 1 {
		t.Errorf("carol is %+v", m)
	}
}
