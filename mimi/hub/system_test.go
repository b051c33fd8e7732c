package hub_test

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// The system user of another provider takes out clients of that provider, and only those (draft-mahy-mimi-group-chat, "commit with Remove").
func TestSystemUserRemoves(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.wish(follower.Wish{Kind: follower.Join, Client: carol})
	w.received("b.example")
	ask := func(from string, target mimi.URI) (accepted bool, answer []byte, err error) {
		m, err := mls.ExternalProposal(w.room.Group().Public(), w.system, mls.Remove{Removed: w.leaf(target)}, aad())
		w.must(err)
		a, answer, err := w.room.AcceptUpdate(w.now, from, wire.Marshal(&mimi.UpdateRequest{Message: m}))
		if a != nil {
			w.take(a, nil)
		}
		return a != nil, answer, err
	}
	for target, rule := range map[mimi.URI]string{alice: "system-user", carol: "system-user", keeper: "min-active"} {
		_, answer, err := ask("b.example", target)
		wantUpdate(t, "removal of "+target.String(), answer, err, mimi.UpdateNotAllowed, rule)
	}
	_, answer, err := ask("c.example", bob)
	wantUpdate(t, "system user of b.example through c.example", answer, err, mimi.UpdateNotAllowed, "foreign-user")
	if accepted, _, err := ask("b.example", bob); err != nil || !accepted {
		t.Fatalf("removal of bob's client: %v", err)
	}
	w.commitPending()
	w.want("b.example", "proposed 1", "epoch 4", "removed")
	if w.room.State().Clients(bob.ClientUser()) != 0 {
		t.Error("bob's client is still there")
	}
	w.agree("c.example")
}
