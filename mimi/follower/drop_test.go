package follower_test

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
)

var phone = mimi.MustURI("mimi://b.example/d/bob/phone")

// A client that is given up goes out by a commit of another client of its user, whatever the epoch does meanwhile and after a restart. Its user stays.
func TestDropOneOfTwo(t *testing.T) {
	for _, trouble := range []string{"", "wrong epoch", "restart"} {
		w := both(t)
		w.wish(follower.Wish{Kind: follower.Join, Client: phone})
		w.want("a second client of bob's", "joined bob", "epoch 3")
		if n := w.hub.State().Clients(bob.ClientUser()); n != 2 {
			t.Fatalf("bob has %d clients", n)
		}
		w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Drop, Client: bob}))
		switch trouble {
		case "wrong epoch":
			w.commit(mls.CommitParams{})
		case "restart":
			w.restart()
		}
		for w.ask() || len(w.post) > 0 {
			w.deliver()
		}
		w.agree()
		if n := w.hub.State().Clients(bob.ClientUser()); n != 1 || w.hub.State().RoleOf(bob.ClientUser()) != roleGuest {
			t.Fatalf("%s: bob has %d clients and role %d", trouble, n, w.hub.State().RoleOf(bob.ClientUser()))
		}
		if _, in := w.room.Leaf(bob); in {
			t.Errorf("%s: the client that was given up is still there", trouble)
		}
		w.wish(follower.Wish{Kind: follower.Send, Client: phone, Data: []byte("still here")})
		w.wish(follower.Wish{Kind: follower.Drop, Client: bob}) // fulfilled already
		w.agree()
	}
}

// The only client of a user proposes its own removal, once, and is out with somebody else's commit.
func TestDropTheOnlyOne(t *testing.T) {
	w := both(t)
	for range 2 {
		w.wish(follower.Wish{Kind: follower.Drop, Client: bella})
	}
	w.want("bella proposes once", "proposed")
	if n := len(w.hub.Group().Public().Pending()); n != 1 {
		t.Fatalf("%d proposals wait", n)
	}
	w.commit(mls.CommitParams{ByReference: []mls.ProposalRef{w.hub.Group().Public().Pending()[0].Ref}})
	w.deliver()
	w.agree()
	if w.hub.State().Clients(bella.ClientUser()) != 0 || w.hub.State().RoleOf(bella.ClientUser()) != roleGuest {
		t.Errorf("bella has %d clients and role %d", w.hub.State().Clients(bella.ClientUser()), w.hub.State().RoleOf(bella.ClientUser()))
	}
}
