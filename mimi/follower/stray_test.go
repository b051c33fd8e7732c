package follower_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// adds lets alice add a client of ours, and returns the key package that she used.
func (w *world) adds(client mimi.URI) *mls.KeyPackageSecrets {
	w.t.Helper()
	kp, err := keyPackage(w.seed(), client, w.now)
	w.must(err)
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: client.ClientUser(), Role: roleGuest}}}
	w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: kp.KeyPackage},
		mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}})
	return kp
}

// The Welcome of one client is lost for good. When another comes into the room, anew or for the first time, by itself or by a Welcome of its own, both are in it:
// nobody else has the keys of the leaf that is there already.
func TestLostWelcomeIsMadeUpFor(t *testing.T) {
	ours := follower.Options{Member: member, Provider: "b.example"}
	for how, enter := range map[string]func(w *world){
		"comes back": func(w *world) {
			w.wish(follower.Wish{Kind: follower.Join, Client: bob})
			w.adds(bella)
			w.post = nil
			w.say("unreadable")
			w.deliver()
			w.wait()
		},
		"enters": func(w *world) {
			w.adds(bella)
			w.post = nil
			w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob}))
		},
		"is added": func(w *world) {
			w.adds(bella)
			w.post = nil
			kp := w.adds(bob)
			o := ours
			o.Invited, o.KeyPackage = true, func(mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) { return kp, true }
			w.room = w.room.WithOptions(o)
			w.deliver()
		},
	} {
		w := newWorld(t)
		w.room = w.room.WithOptions(ours)
		enter(w)
		for w.ask() {
		}
		w.deliver()
		w.agree()
		got := w.news()
		if n := len(slices.DeleteFunc(slices.Clone(got), func(s string) bool { return s != "joined bella" })); n != 1 {
			t.Errorf("bob %s: %q", how, got)
		}
		for _, client := range []mimi.URI{bob, bella} {
			if _, in := w.room.Leaf(client); !in || w.hub.State().Clients(client.ClientUser()) != 1 {
				t.Errorf("bob %s: %s is in: %v", how, client, in)
			}
		}
		if n := leaves(w.hub.Group()); n != 3 {
			t.Errorf("bob %s: %d leaves, want 3", how, n)
		}
		if !w.room.Idle() {
			t.Errorf("bob %s: something is asked for still", how)
		}
		w.wish(follower.Wish{Kind: follower.Send, Client: bella, Data: []byte("mine")})
		w.want("bella speaks", "sent mine")
	}
}

// Who waits to enter is not taken for somebody who was forgotten when the room comes back: it enters as it asked to.
func TestStrayWhoWaitsToEnter(t *testing.T) {
	w := newWorld(t)
	w.room = w.room.WithOptions(follower.Options{Member: member, Provider: "b.example"})
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.adds(bella)
	w.post = nil
	w.say("unreadable")
	w.deliver()
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 7, Kind: follower.Join, Client: bella}))
	w.wait()
	for w.ask() {
	}
	for _, e := range w.events {
		if j, is := e.(follower.Joined); is && j.Added {
			t.Errorf("%s was let in by others", j.Client)
		}
	}
	if _, in := w.room.Leaf(bella); !in {
		t.Errorf("bella is out: %q", w.news())
	}
}

// left is a room that came back for bob, and lost touch again before bella's turn: the hub is being asked on her behalf.
func left(t *testing.T, between func(*world)) (*world, *follower.Request) {
	w := both(t)
	w.lose()
	w.wait()
	for len(w.room.Group().Local()) != 1 {
		if !w.ask() {
			t.Fatal("nothing is asked")
		}
	}
	w.post = nil
	between(w)
	w.commit(mls.CommitParams{})
	w.ask() // bella comes back, in vain: it is of the epoch before
	q := w.room.InFlight()
	if q == nil || q.Endpoint != mimi.EndpointGroupInfo || !w.room.Behind() {
		t.Fatalf("the hub is asked %v", q)
	}
	return w, q
}

// The hub does not answer while the room is behind: bella comes back all the same, when the gap has closed, or after bob.
func TestTurnOutlivesSilence(t *testing.T) {
	for _, closes := range []bool{true, false} {
		w, q := left(t, func(*world) {})
		w.answer(q, 504, []byte("silence"))
		if w.room.InFlight() != nil {
			t.Fatal("the hub is asked at once again")
		}
		w.restart()
		if w.room.InFlight() != nil {
			t.Fatal("the hub is asked at once after a restart")
		}
		if closes {
			w.deliver()
		} else {
			w.post = nil
			w.wait()
		}
		for w.ask() {
		}
		w.deliver()
		w.agree()
		for _, client := range []mimi.URI{bob, bella} {
			if _, in := w.room.Leaf(client); !in {
				t.Errorf("the gap closes: %v; %s is not back: %q", closes, client, w.news())
			}
		}
		if n := leaves(w.hub.Group()); n != 3 {
			t.Errorf("%d leaves, want 3", n)
		}
	}
}

// Whom the hub does not let back when its turn comes costs the room no attempt, and gives none back that was forgiven.
func TestTurnRefusedLate(t *testing.T) {
	for want, between := range map[string]time.Duration{"attempt 1 of": 2 * follower.ResyncForgiven, "attempt 2 of": time.Second} {
		lateRefusal(t, want, between)
	}
}

func lateRefusal(t *testing.T, want string, between time.Duration) {
	t.Helper()
	w, q := left(t, func(w *world) {
		w.now = w.now.Add(between)
		w.tick()
	})
	w.answer(q, 200, wire.Marshal(&mimi.GroupInfoResponse{Code: mimi.GroupInfoNotAuthorized, Room: garden}))
	w.post = nil
	w.wait()
	if text := w.room.Trouble(); !strings.Contains(text, want) {
		t.Errorf("%q, want %q", text, want)
	}
	for w.ask() {
	}
	w.deliver()
	w.agree()
	if _, in := w.room.Leaf(bob); !in || w.room.Broken() != "" {
		t.Errorf("bob is in: %v; %s", in, w.room.Broken())
	}
}

// When the hub refuses to let a client in whose leaf has no keys, the leaf stays. What the client wants next brings it in first, or is refused for the same reason.
func TestRefusedKeysAreAskedForAgain(t *testing.T) {
	no := wire.Marshal(&mimi.UpdateResponse{Code: mimi.UpdateNotAllowed, Text: "not now"})
	for how, keyless := range map[string]func() *world{
		"added, the Welcome lost": func() *world {
			w := newWorld(t)
			w.room = w.room.WithOptions(follower.Options{Member: member, Provider: "b.example"})
			w.adds(bella)
			w.post = nil
			w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob}))
			w.ask() // for the GroupInfo
			w.ask() // bob is in
			return w
		},
		"its turn to come back": func() *world {
			w := both(t)
			w.lose()
			w.wait()
			for len(w.room.Group().Local()) != 1 {
				w.ask()
			}
			return w
		},
	} {
		w := keyless()
		q := w.room.InFlight()
		if q == nil || q.Endpoint != mimi.EndpointUpdate {
			t.Fatalf("%s: the hub is asked %v", how, q)
		}
		w.answer(q, 200, no)
		if _, in := w.room.Leaf(bella); in || w.room.InFlight() != nil {
			t.Fatalf("%s: bella is in: %v", how, in)
		}
		w.news()
		speak := follower.Wish{Kind: follower.Send, Client: bella, Data: []byte("mine")}
		w.adopt(w.room.Do(w.now, w.seed(), speak))
		w.answer(w.room.InFlight(), 200, no)
		w.want(how+", again", "refused not now")
		w.adopt(w.room.Do(w.now, w.seed(), speak))
		w.restart()
		for w.ask() {
		}
		if got := w.news(); !slices.Contains(got, "sent mine") {
			t.Errorf("%s: %q", how, got)
		}
		w.deliver()
		w.agree()
		if n := leaves(w.hub.Group()); n != 3 {
			t.Errorf("%s: %d leaves, want 3", how, n)
		}
		w.wish(follower.Wish{Kind: follower.Leave, Client: bella})
		w.news()
		w.commit(mls.CommitParams{ByReference: refs(w.hub.Group().Public().Pending())})
		w.deliver()
		w.wish(speak)
		if got, want := w.news(), "refused "+bella.String()+" is not a member"; !slices.Contains(got, want) {
			t.Errorf("%s, out: %q, want %q", how, got, want)
		}
	}
}
