package hub_test

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

var ann = mimi.MustURI("mimi://a.example/d/ann/anteroom")

// issue lets the hub know the key packages that w.give made.
func (w *world) issue() {
	w.options.Issued = w.followOptions().KeyPackage
	w.room = w.room.WithOptions(w.options)
}

// bobIsOwner lets bob in and lets him add whom he wants.
func (w *world) bobIsOwner() {
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleOwner)}})
}

// Nobody but us makes clients of ours (draft-ietf-mimi-protocol-06 §5.1, §5.2): by no way does a leaf come into the group that has the name
// of one of our users and keys that we did not give out.
func TestForgedClients(t *testing.T) {
	renamed := func(to mimi.URI) *mls.LeafChange {
		c := mimi.BasicCredential(to)
		return &mls.LeafChange{Credential: &c}
	}
	for name, test := range map[string]struct {
		rule string
		make func(w *world) *mimi.UpdateRequest
	}{
		"added with its user": {"forged-client", func(w *world) *mimi.UpdateRequest {
			return bobCommits(w, mls.Add{KeyPackage: w.keyPackage(ann).KeyPackage}, w.roleChange(ann.ClientUser(), roleGuest))
		}},
		"added with its user and a changed key package of ours": {"forged-client", func(w *world) *mimi.UpdateRequest {
			w.give(ann)
			return bobCommits(w, mls.Add{KeyPackage: w.keyPackage(ann).KeyPackage}, w.roleChange(ann.ClientUser(), roleGuest))
		}},
		"proposed with its user": {"forged-client", func(w *world) *mimi.UpdateRequest {
			group, leaf := bobsGroup(w)
			group, list, err := group.Propose(leaf, w.roleChange(ann.ClientUser(), roleGuest), aad())
			w.must(err)
			_, add, err := group.Propose(leaf, mls.Add{KeyPackage: w.keyPackage(ann).KeyPackage}, aad())
			w.must(err)
			return &mimi.UpdateRequest{Message: list, More: []*mls.Message{add}}
		}},
		"proposed by itself": {"foreign-user", func(w *world) *mimi.UpdateRequest {
			m, err := mls.NewMemberProposal(w.rooms["b.example"].Group().Public(), w.keyPackage(ann), aad())
			w.must(err)
			return &mimi.UpdateRequest{Message: m}
		}},
		"second client of a user who is listed": {"", func(w *world) *mimi.UpdateRequest {
			return bobCommits(w, mls.Add{KeyPackage: w.keyPackage(mimi.MustURI("mimi://a.example/d/alice/phone")).KeyPackage})
		}},
		"joins by external commit": {"foreign-user", func(w *world) *mimi.UpdateRequest { return joinAs(w, ann) }},
		"joins by external commit as a client that is there": {"foreign-user", func(w *world) *mimi.UpdateRequest {
			delete(w.signers, alice) // whose key it does not have
			return joinAs(w, alice)
		}},
		"joins by external commit as a second client of somebody": {"foreign-user", func(w *world) *mimi.UpdateRequest { return joinAs(w, mimi.MustURI("mimi://a.example/d/alice/phone")) }},
		"renames itself by a commit": {"foreign-user", func(w *world) *mimi.UpdateRequest {
			group, leaf := bobsGroup(w)
			staged, err := careless(w, group).Commit(w.seed(), leaf, mls.CommitParams{Leaf: renamed(ann), AuthenticatedData: aad()})
			w.must(err)
			return update(w, staged)
		}},
		"renames itself by an Update": {"credential-user", func(w *world) *mimi.UpdateRequest {
			group, leaf := bobsGroup(w)
			_, m, err := careless(w, group).ProposeUpdate(w.seed(), leaf, renamed(ann), aad())
			w.must(err)
			return &mimi.UpdateRequest{Message: m}
		}},
		"the Welcome leads elsewhere": {"welcome-epoch", func(w *world) *mimi.UpdateRequest {
			add := []mls.Proposal{mls.Add{KeyPackage: w.give(ann).KeyPackage}, w.roleChange(ann.ClientUser(), roleGuest)}
			request, other := bobCommits(w, add...), bobCommits(w, add...)
			request.Welcome = other.Welcome
			return request
		}},
	} {
		w := newWorld(t)
		w.issue()
		w.bobIsOwner()
		body := wire.Marshal(test.make(w))
		before, group := string(stored(w.room)), w.room.Group()
		accepted, answer, err := w.room.AcceptUpdate(w.now, "b.example", body)
		wantUpdate(t, name, answer, err, mimi.UpdateNotAllowed, test.rule)
		if accepted != nil || before != string(stored(w.room)) || w.room.Group() != group {
			t.Errorf("%s: something changed", name)
		}
	}
}

// careless is a group of somebody who does not mind what others' groups would refuse.
func careless(w *world, g *mls.Group) *mls.Group {
	return g.WithConfig(mls.Config{Components: mimi.Components{}, Now: uint64(w.now.Unix())})
}

// By a key package of ours a client of ours is added, and is a local leaf at once: it can send, and whoever follows can read it.
func TestAdoptedClient(t *testing.T) {
	w := newWorld(t)
	w.bobIsOwner()
	kp := w.give(ann)
	w.issue()
	request := bobCommits(w, mls.Add{KeyPackage: kp.KeyPackage}, w.roleChange(ann.ClientUser(), roleGuest))
	accepted, _, err := w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(request))
	w.must(err)
	if len(accepted.Adopt) != 1 || !accepted.Next.Group().IsLocal(accepted.Adopt[0]) || accepted.Adopt[0] != leafOf(t, accepted.Next.Group().Public(), ann) {
		t.Fatalf("adopted %v of %v", accepted.Adopt, accepted.Next.Group().Local())
	}
	w.room = accepted.Next
	w.commit(w.leaf(ann), mls.CommitParams{ForcePath: true}) // its keys are good for a commit
	w.say(ann, "thanks")
	if len(accepted.Fanout) != 0 {
		t.Errorf("fan-out to %d providers: the Welcome is for us", len(accepted.Fanout))
	}
}

// A follower does not believe what is signed in the name of a client of its own that it does not have: a member whom a careless hub let in.
func TestFollowerDisbelievesForgedClients(t *testing.T) {
	forged := mimi.MustURI("mimi://b.example/d/bert/cli")
	for _, what := range []string{"message", "commit", "message of another provider"} {
		w := newWorld(t)
		w.wish(follower.Wish{Kind: follower.Join, Client: bob})
		o := w.followOptions()
		if o.Provider = "b.example"; what == "message of another provider" {
			o.Provider = "d.example"
		}
		// The hub lets alice add bert by a key package that is none of b.example's.
		kp := w.keyPackage(forged)
		added := w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: kp.KeyPackage}, w.roleChange(forged.ClientUser(), roleGuest)}})
		mallory, err := mls.Join(added.Welcome, kp, mls.JoinParams{Tree: added.Effects.After.Tree(), Config: mls.Config{Components: mimi.Components{}, Now: uint64(w.now.Unix())}})
		w.must(err)
		w.rooms["b.example"] = w.rooms["b.example"].WithOptions(o)
		w.received("b.example")
		var said *mls.Message
		if what == "commit" {
			staged, err := mallory.Commit(w.seed(), mallory.Local()[0], mls.CommitParams{ForcePath: true, AuthenticatedData: aad()})
			w.must(err)
			said = staged.Commit
		} else {
			mallory, err = mallory.Reserve(mallory.Local()[0], 1)
			w.must(err)
			_, said, err = mallory.Protect(w.seed(), mallory.Local()[0], []byte("I am bert"), aad())
			w.must(err)
		}
		out, err := w.rooms["b.example"].Notify(w.now, w.seed(), "a.example", wire.Marshal(&mimi.FanoutMessage{Timestamp: 1, Message: said}))
		w.must(err)
		w.adopt("b.example", out)
		got := strings.Join(w.received("b.example"), ", ")
		want := map[string]string{"message": "dropped", "commit": "broken: the hub accepted a handshake in the name of a client of ours, which did not send it",
			"message of another provider": "message bert: I am bert"}[what]
		if got != want {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
}
