package hub_test

import (
	"bytes"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// draft-ietf-mimi-protocol-06 §4: a user of another provider joins, talks, loses its voice, gets it back and is kicked.
func TestFollowedRoom(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.want("b.example", "joined bob", "epoch 2")
	w.agree("b.example")
	if role := w.room.State().RoleOf(bob.ClientUser()); role != roleGuest {
		t.Errorf("bob has role %d, want guest", role)
	}

	w.say(alice, "hello")
	w.wish(follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("hi")})
	w.want("b.example", "message alice: hello", "sent hi")

	w.propose(alice, w.roleChange(bob.ClientUser(), roleVisitor))
	accepted := w.commitPending()
	w.want("b.example", "proposed 1", "epoch 3")
	if sender := accepted.Effects.Proposals[0].Sender; sender.Leaf != w.leaf(alice) {
		t.Errorf("the proposer is leaf %d, want alice's", sender.Leaf)
	}
	w.wish(follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("anybody?")})
	w.want("b.example", "refused 3 0") // by itself: it knows the policy
	w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleGuest)}})
	w.wish(follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("back")})
	w.want("b.example", "epoch 4", "sent back")

	w.propose(alice, mls.Remove{Removed: w.leaf(bob)}, w.roleChange(bob.ClientUser(), mimi.RoleNone))
	w.commitPending()
	w.want("b.example", "proposed 2", "epoch 5", "removed")
	if followers := w.room.Followers(); len(followers) != 0 {
		t.Errorf("followers %q after the last of them is gone", followers)
	}

	// Whoever was kicked keeps all keys and captures what follows.
	later := w.say(alice, "secret").Message
	if _, _, err := w.rooms["b.example"].Group().Unprotect(later); err == nil {
		t.Error("a kicked client read a later message")
	}
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.want("b.example", "joined bob", "epoch 6")
}

// draft-ietf-mimi-protocol-06 §5.5: a byte-exact repetition of a notification is taken and ignored, also after a restart.
func TestRepeatedNotify(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	fanout := w.say(alice, "once").Fanout[0]
	w.want("b.example", "joined bob", "epoch 2", "message alice: once")
	w.notify(fanout)
	w.restart("b.example")
	w.notify(fanout)
	w.want("b.example")
}

// draft-ietf-mimi-room-policy-04 §8: who is banned gets no GroupInfo, and an external commit made before does not help.
func TestBan(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.propose(alice, mls.Remove{Removed: w.leaf(bob)}, w.roleChange(bob.ClientUser(), roleBanned))
	w.commitPending()
	w.want("b.example", "joined bob", "epoch 2", "proposed 2", "epoch 3", "removed")
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.want("b.example", "refused 1 2")
	if w.room.Group().Public().Epoch() != 3 {
		t.Error("the epoch moved")
	}
}

// draft-ietf-mimi-protocol-06 §5.2, §5.5: the Welcome goes to the provider that gave the key package away, and there alone.
func TestWelcome(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	kp := w.give(carol)
	w.learn(carol, kp)
	w.propose(alice, mls.Add{KeyPackage: kp.KeyPackage}, w.roleChange(carol.ClientUser(), roleGuest))
	w.received("b.example")
	accepted := w.commitPending()
	if len(accepted.Fanout) != 2 || accepted.Fanout[0].Provider != "b.example" || accepted.Fanout[1].Provider != "c.example" {
		t.Fatalf("fan-out to %d providers, want the commit to b.example and the Welcome to c.example", len(accepted.Fanout))
	}
	w.want("b.example", "epoch 3")
	w.want("c.example", "joined carol")
	w.agree("c.example")
	w.say(alice, "welcome")
	w.wish(follower.Wish{Kind: follower.Send, Client: carol, Data: []byte("thanks")})
	w.want("c.example", "message alice: welcome", "sent thanks")
	w.want("b.example", "message alice: welcome", "message carol: thanks")
}

// draft-ietf-mimi-protocol-06 §4.5: a leave waits for somebody else's commit, and meanwhile its user may do nothing else.
func TestLeave(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.wish(follower.Wish{Kind: follower.Leave, Client: bob})
	w.want("b.example", "joined bob", "epoch 2", "proposed 2")
	if n := len(w.room.Group().Public().Pending()); n != 2 {
		t.Fatalf("%d proposals wait, want 2", n)
	}
	group, err := w.rooms["b.example"].Group().WithoutPending().Reserve(w.leaf(bob), 1)
	w.must(err)
	_, m, err := group.Protect(w.seed(), w.leaf(bob), []byte("still here"), aad())
	w.must(err)
	_, answer, err := w.room.AcceptSubmit(w.now, "b.example", wire.Marshal(&mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()}))
	wantSubmit(t, "message of a leaver", answer, err, mimi.SubmitNotAllowed, "leaving")
	_, m, err = group.Propose(w.leaf(bob), mls.AppEphemeral{Component: 0x8001}, aad())
	w.must(err)
	_, answer, err = w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(&mimi.UpdateRequest{Message: m}))
	wantUpdate(t, "proposal of a leaver", answer, err, mimi.UpdateNotAllowed, "leaving")
	w.commitPending()
	w.want("b.example", "epoch 3", "removed")
	if _, listed := w.room.State().Position(bob.ClientUser()); listed {
		t.Error("bob is still listed")
	}
}

// draft-ietf-mimi-protocol-06 §5.5: an external commit makes pending proposals void; the leaver asks again.
func TestExternalCommitVoidsPending(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.wish(follower.Wish{Kind: follower.Leave, Client: bob})
	w.received("b.example")
	w.wish(follower.Wish{Kind: follower.Join, Client: carol})
	w.want("c.example", "joined carol", "epoch 3", "proposed 2")
	w.want("b.example", "epoch 3", "proposed 2")
	w.commitPending()
	w.want("b.example", "epoch 4", "removed")
	w.agree("c.example")
}

// draft-ietf-mimi-protocol-06 §5.3, §5.4: a repeated request gets the first answer and has no effect.
func TestRepetition(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.wish(follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("once")})
	w.wish(follower.Wish{Kind: follower.Leave, Client: bob})
	restored, err := hub.Load(w.room.Parts(nil).Set, w.room.Group(), w.options)
	w.must(err)
	for _, room := range []*hub.Room{w.room, restored} {
		for _, s := range w.sent {
			if s.request.Endpoint == mimi.EndpointGroupInfo {
				continue
			}
			accept := room.AcceptUpdate
			if s.request.Endpoint == mimi.EndpointSubmitMessage {
				accept = room.AcceptSubmit
			}
			accepted, answer, err := accept(w.now, s.from, s.request.Body)
			if accepted != nil || err != nil || !bytes.Equal(answer, s.answer) {
				t.Errorf("%s again: accepted %v, error %v, answer %x, want nothing but %x", s.request.Endpoint, accepted != nil, err, answer, s.answer)
			}
			if accepted, _, err := accept(w.now, "c.example", s.request.Body); accepted != nil || err == nil {
				t.Errorf("%s again by another provider: accepted", s.request.Endpoint)
			}
		}
	}
}

// A request that was lost or whose answer was lost is sent again after a restart and counts once.
func TestCrashBeforeAnswer(t *testing.T) {
	for _, test := range []struct {
		name string
		wish follower.Wish
		want []string
	}{
		{"join", follower.Wish{Kind: follower.Join, Client: bella}, []string{"joined bella", "epoch 3"}},
		{"send", follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("x")}, []string{"sent x"}},
		{"leave", follower.Wish{Kind: follower.Leave, Client: bob}, []string{"proposed 2"}},
	} {
		for _, arrived := range []bool{false, true} {
			w := newWorld(t)
			w.wish(follower.Wish{Kind: follower.Join, Client: bob})
			w.received("b.example")
			out := w.rooms["b.example"].Do(w.now, w.seed(), test.wish)
			w.adopt("b.example", out)
			if arrived {
				w.ask("b.example", *out.Request)
			}
			w.restart("b.example")
			out = w.rooms["b.example"].Resume(w.now, w.seed())
			w.adopt("b.example", out)
			w.pump("b.example", out.Request)
			if got := w.received("b.example"); len(got) != len(test.want) || got[0] != test.want[0] {
				t.Errorf("%s, arrived %v: events %q, want %q", test.name, arrived, got, test.want)
			}
			w.agree("b.example")
		}
	}
}

// Somebody else was faster: wrongEpoch and epochTooOld make the follower build its request anew.
func TestRebase(t *testing.T) {
	for _, wish := range []follower.Wish{
		{Kind: follower.Join, Client: bella},
		{Kind: follower.Leave, Client: bob},
		{Kind: follower.Change, Client: bob, Roles: []mimi.Participant{{User: mimi.MustURI("mimi://c.example/u/pest"), Role: roleBanned}}},
	} {
		w := newWorld(t)
		w.wish(follower.Wish{Kind: follower.Join, Client: bob})
		w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleOwner)}})
		if wish.Kind == follower.Leave {
			w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleGuest)}})
		}
		w.received("b.example")
		out := w.rooms["b.example"].Do(w.now, w.seed(), wish)
		w.adopt("b.example", out)
		faster := w.faster()
		answer := w.ask("b.example", *out.Request)
		var response mimi.UpdateResponse
		w.must(wire.Unmarshal(answer, &response))
		if response.Code != mimi.UpdateWrongEpoch || response.Epoch != w.room.Group().Public().Epoch() {
			t.Fatalf("code %d epoch %d, want wrongEpoch with %d", response.Code, response.Epoch, w.room.Group().Public().Epoch())
		}
		// The answer comes before the commit that explains it.
		out = w.rooms["b.example"].Answer(w.now, w.seed(), out.Request, 200, answer)
		w.adopt("b.example", out)
		if out.Request != nil {
			t.Fatal("something was sent before the new epoch is known")
		}
		for _, f := range faster.Fanout {
			w.notify(f)
		}
		w.agree("b.example")
		for _, e := range w.received("b.example") {
			if e[:3] == "ref" || e[:3] == "bro" {
				t.Errorf("wish %d: %s", wish.Kind, e)
			}
		}
	}
}

// faster commits at the hub without telling anybody.
func (w *world) faster() *hub.Accepted {
	w.t.Helper()
	staged, err := w.room.Group().Commit(w.seed(), w.leaf(alice), mls.CommitParams{ForcePath: true, AuthenticatedData: aad()})
	w.must(err)
	accepted, err := w.room.AcceptLocal(w.now, staged)
	w.must(err)
	w.room = accepted.Next
	return accepted
}

// A notification that overtakes the answer to our own commit is kept until the answer comes, and one that brings our own commit is its answer.
func TestOvertaking(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleOwner)}})
	w.received("b.example")
	out := w.rooms["b.example"].Do(w.now, w.seed(), follower.Wish{Kind: follower.Change, Client: bob, Roles: []mimi.Participant{{User: carol.ClientUser(), Role: roleBanned}}})
	w.adopt("b.example", out)
	accepted, answer, err := w.room.AcceptUpdate(w.now, "b.example", out.Request.Body)
	w.must(err)
	w.room = accepted.Next
	later := w.faster()
	w.notify(later.Fanout[0])
	w.want("b.example")
	w.restart("b.example")
	w.adopt("b.example", w.rooms["b.example"].Answer(w.now, w.seed(), out.Request, 200, answer))
	w.notify(later.Fanout[0]) // the hub may repeat
	w.want("b.example", "epoch 4", "epoch 5")
	w.agree("b.example")
	if _, err := w.rooms["b.example"].Notify(w.now, w.seed(), "c.example", later.Fanout[0].Body); err != follower.ErrNotHub {
		t.Errorf("a stranger's notify: %v, want ErrNotHub", err)
	}
}

// The keeper may commit a leave before the leaver has the answer to it; the answer then has no effect.
func TestLeaveCommittedBeforeAnswer(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := newWorld(t)
		w.wish(follower.Wish{Kind: follower.Join, Client: bob})
		w.wish(follower.Wish{Kind: follower.Join, Client: bella})
		w.received("b.example")
		out := w.rooms["b.example"].Do(w.now, w.seed(), follower.Wish{Kind: follower.Leave, Client: bob})
		w.adopt("b.example", out)
		accepted, answer, err := w.room.AcceptUpdate(w.now, "b.example", out.Request.Body)
		w.must(err)
		w.room = accepted.Next
		if restart {
			w.restart("b.example")
		}
		w.commitPending()
		w.want("b.example", "proposed 2", "epoch 4")
		w.wish(follower.Wish{Kind: follower.Send, Client: bella, Data: []byte("alone")})
		w.adopt("b.example", w.rooms["b.example"].Answer(w.now, w.seed(), out.Request, 200, answer))
		w.want("b.example", "sent alone")
		w.agree("b.example")
	}
}

// A leave that an external commit voids before the leaver has the answer is proposed again.
func TestLeaveVoidedBeforeAnswer(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.received("b.example")
	out := w.rooms["b.example"].Do(w.now, w.seed(), follower.Wish{Kind: follower.Leave, Client: bob})
	w.adopt("b.example", out)
	accepted, answer, err := w.room.AcceptUpdate(w.now, "b.example", out.Request.Body)
	w.must(err)
	w.room = accepted.Next
	w.wish(follower.Wish{Kind: follower.Join, Client: carol})
	w.want("b.example", "epoch 3")
	again := w.rooms["b.example"].Answer(w.now, w.seed(), out.Request, 200, answer)
	w.adopt("b.example", again)
	w.pump("b.example", again.Request)
	w.want("b.example", "proposed 2")
	w.commitPending()
	w.want("b.example", "epoch 4", "removed")
}

// A commit that left out a proposal on its way to us waits for it and is built anew.
func TestCommitMeetsProposal(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.commit(w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(bob.ClientUser(), roleOwner)}})
	w.received("b.example")
	w.busy["b.example"] = true
	out := w.rooms["b.example"].Do(w.now, w.seed(), follower.Wish{Kind: follower.Change, Client: bob, Roles: []mimi.Participant{{User: carol.ClientUser(), Role: roleBanned}}})
	w.adopt("b.example", out)
	group, m, err := w.room.Group().Propose(w.leaf(alice), w.roleChange(bella.ClientUser(), roleBanned), aad())
	w.must(err)
	accepted, err := w.room.AcceptLocalProposals(w.now, group, m)
	w.must(err)
	w.room = accepted.Next
	answer := w.ask("b.example", *out.Request)
	w.busy["b.example"] = false
	waits := w.rooms["b.example"].Answer(w.now, w.seed(), out.Request, 200, answer)
	w.adopt("b.example", waits)
	if waits.Request != nil {
		t.Fatal("something was sent before the proposal is known")
	}
	w.restart("b.example")
	w.notify(accepted.Fanout[0])
	w.want("b.example", "proposed 1", "epoch 4")
	for _, pest := range []mimi.URI{carol.ClientUser(), bella.ClientUser()} {
		if role := w.room.State().RoleOf(pest); role != roleBanned {
			t.Errorf("%s has role %d, want banned", pest, role)
		}
	}
}

// A follower does not believe its hub: a commit against policy breaks the room and is not applied.
func TestHubAgainstPolicy(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.received("b.example")
	// The keeper's leaf makes alice keeper too, which no role may do.
	staged, err := w.room.Group().Commit(w.seed(), w.leaf(alice), mls.CommitParams{ByValue: []mls.Proposal{w.roleChange(alice.ClientUser(), roleKeeper)}, AuthenticatedData: aad()})
	w.must(err)
	if _, err := w.room.AcceptLocal(w.now, staged); err == nil {
		t.Fatal("our own hub accepts it")
	}
	body := wire.Marshal(&mimi.FanoutMessage{Timestamp: 1, Message: staged.Commit})
	out, err := w.rooms["b.example"].Notify(w.now, w.seed(), "a.example", body)
	w.must(err)
	if out.Next.Broken() == "" || out.Next.Group() != w.rooms["b.example"].Group() {
		t.Error("the follower went along")
	}
}
