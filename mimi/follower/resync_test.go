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

// lose lets alice commit and nobody here hear of it, but of what is said afterwards.
func (w *world) lose() {
	w.t.Helper()
	w.deliver()
	w.commit(mls.CommitParams{})
	w.post = nil
	w.say("unreadable")
	w.deliver()
}

// A lost commit: the room comes back by itself, for all its clients, and goes on; what waited is sent.
func TestLostCommit(t *testing.T) {
	for _, restart := range []bool{false, true} {
		w := both(t)
		w.lose()
		w.want("a gap is no news")
		w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 1, Kind: follower.Send, Client: bella, Data: []byte("mine")}))
		if at := w.room.Wake(); at.Before(w.now) || at.After(w.now.Add(follower.GapPatience)) {
			t.Fatalf("it wakes at %v", at)
		}
		w.now = w.now.Add(follower.GapPatience / 2)
		w.tick()
		if w.room.InFlight() != nil {
			t.Fatal("it has no patience")
		}
		if restart {
			w.restart()
		}
		w.wait()
		if q := w.room.InFlight(); q == nil || q.Endpoint != mimi.EndpointGroupInfo {
			t.Fatalf("the hub is asked %v", q)
		}
		for w.ask() {
			if restart {
				w.restart()
			}
		}
		w.deliver()
		w.agree()
		got := slices.DeleteFunc(w.news(), func(s string) bool { return s == "lost" || s == "dropped" })
		if want := []string{"resynced bob 4", "epoch 5", "sent mine"}; !slices.Equal(got, want) && !restart || !slices.Contains(got, "sent mine") {
			t.Fatalf("%q, want %q", got, want)
		}
		for _, client := range []mimi.URI{bob, bella} {
			if _, ok := w.room.Leaf(client); !ok {
				t.Errorf("%s is not back", client)
			}
		}
		w.say("readable")
		w.deliver()
		w.want("afterwards", "readable")
		w.restart()
		w.wish(follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("mine too")})
		w.want("after a restart", "sent mine too")
		if n := leaves(w.hub.Group()); n != 3 {
			t.Errorf("%d leaves, want 3", n)
		}
	}
}

// Operators say how long a room waits.
func TestGapPatience(t *testing.T) {
	w := both(t)
	w.lose()
	o := followOptions
	o.GapPatience = 10 * time.Second
	w.room = w.room.WithOptions(o)
	for _, tt := range []struct {
		wait  time.Duration
		asked bool
	}{{9 * time.Second, false}, {2 * time.Second, true}} {
		w.now = w.now.Add(tt.wait)
		w.tick()
		if asked := w.room.InFlight() != nil; asked != tt.asked {
			t.Fatalf("after %v more the hub is asked: %v", tt.wait, asked)
		}
	}
}

// A commit that cannot be applied: the room comes back at once.
func TestBrokenCommit(t *testing.T) {
	w := both(t)
	w.commit(mls.CommitParams{})
	body := w.post[0]
	w.post = nil
	body[len(body)-3] ^= 1 // in the membership tag
	w.must(w.bring(body))
	if q := w.room.InFlight(); q == nil || q.Endpoint != mimi.EndpointGroupInfo {
		t.Fatalf("the hub is asked %v", q)
	}
	for w.ask() {
	}
	w.deliver()
	w.agree()
	if got := w.news(); !slices.Contains(got, "resynced bob 4") {
		t.Errorf("%q", got)
	}
}

// The gap closes while the hub is being asked: nobody enters anew.
func TestGapClosesInTime(t *testing.T) {
	w := both(t)
	w.commit(mls.CommitParams{})
	w.say("later")
	w.must(w.bring(w.post[1]))
	w.wait()
	q := w.room.InFlight()
	answer := w.decide(q)
	w.must(w.bring(w.post[0]))
	w.post = nil
	w.answer(q, 200, answer)
	if w.room.InFlight() != nil {
		t.Errorf("%s is asked", w.room.InFlight().Endpoint)
	}
	w.agree()
	w.want("the gap closed", "lost", "epoch 3", "later")
}

// One client is back, the other loses a race, and the hub is asked on its behalf; meanwhile the winner's commit comes. It comes back all the same, whatever
// the hub answers: otherwise nobody would hold the keys of its leaf.
func TestGapClosesBeforeAllAreBack(t *testing.T) {
	for _, status := range []int{200, 504} {
		w := both(t)
		w.lose()
		w.wait()
		for len(w.room.Group().Local()) != 1 {
			if !w.ask() {
				t.Fatal("nothing is asked")
			}
		}
		w.post = nil
		if q := w.room.InFlight(); q == nil || q.Endpoint != mimi.EndpointUpdate {
			t.Fatalf("bella does not come back, but %v", q)
		}
		w.commit(mls.CommitParams{})
		w.ask() // in vain: it is of the epoch before
		q := w.room.InFlight()
		if q == nil || q.Endpoint != mimi.EndpointGroupInfo || !w.room.Behind() {
			t.Fatalf("the hub is asked %v", q)
		}
		answer := w.decide(q)
		w.deliver()
		if w.room.Behind() {
			t.Fatal("the gap is not closed")
		}
		if status != 200 {
			answer = []byte("silence")
		}
		w.answer(q, status, answer)
		for w.ask() {
		}
		w.deliver()
		w.agree()
		if _, ok := w.room.Leaf(bella); !ok {
			t.Errorf("after %d bella is not back: %q", status, w.news())
		}
		w.wish(follower.Wish{Kind: follower.Send, Client: bella, Data: []byte("mine")})
		if got := w.news(); !slices.Contains(got, "sent mine") {
			t.Errorf("after %d bella says nothing: %q", status, got)
		}
		if n := leaves(w.hub.Group()); n != 3 {
			t.Errorf("%d leaves, want 3", n)
		}
	}
}

// A hub that does not let the room come back is asked a bounded number of times, further and further apart; then the room is given up.
func TestResyncIsBounded(t *testing.T) {
	w := both(t)
	w.lose()
	var pauses []time.Duration
	for n := 0; w.room.Broken() == ""; n++ {
		if n > follower.MaxResyncs {
			t.Fatal("it never ends")
		}
		before := w.now
		w.wait()
		if pauses = append(pauses, w.now.Sub(before)); w.room.Broken() != "" {
			break
		}
		w.answer(w.room.InFlight(), 504, []byte("silence"))
		if w.room.InFlight() != nil {
			t.Fatal("it asks at once again")
		}
		if n == 3 {
			w.restart()
		}
	}
	if len(pauses) != follower.MaxResyncs+1 {
		t.Errorf("%d attempts", len(pauses)-1)
	}
	for i := 2; i < len(pauses); i++ {
		if pauses[i] < 2*pauses[i-1]-time.Second {
			t.Errorf("pauses %v", pauses)
		}
	}
	if text := w.room.Broken(); !strings.Contains(text, "504") || !strings.Contains(text, "8 attempts") {
		t.Errorf("trouble: %q", text)
	}
	w.say("more")
	w.must(w.bring(w.post[0])) // answered, not put off
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob}))
	if got := w.news(); !strings.HasPrefix(got[len(got)-1], "refused the room was given up") {
		t.Errorf("%q", got)
	}
}

// Who was put out in what was not seen does not come back: nobody, or only the others.
func TestNobodyReturnsWhoWasPutOut(t *testing.T) {
	w := both(t)
	w.deliver()
	w.put(bob.ClientUser(), mimi.RoleNone)
	w.post = nil
	w.say("unreadable")
	w.deliver()
	w.wait()
	for w.ask() {
	}
	w.deliver()
	w.agree()
	if _, ok := w.room.Leaf(bob); ok {
		t.Error("bob is back")
	}
	if _, ok := w.room.Leaf(bella); !ok {
		t.Error("bella is not back")
	}
	if w.hub.State().RoleOf(bob.ClientUser()) != mimi.RoleNone {
		t.Error("bob is listed again")
	}
	w.put(bella.ClientUser(), roleBanned)
	w.news()
	w.post = w.post[:len(w.post)-1]
	w.room = behind(w)
	w.wait()
	for w.ask() {
	}
	if w.room.Member() || w.room.Behind() {
		t.Error("it is still a member")
	}
	if got := w.news(); !slices.Contains(got, "removed") {
		t.Errorf("%q", got)
	}
}

// behind tells the room of a later epoch by the hub's answer to a message.
func behind(w *world) *follower.Room {
	w.t.Helper()
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Send, Client: bella, Data: []byte("x")}))
	answer := mimi.SubmitMessageResponse{Code: mimi.SubmitEpochTooOld, Epoch: w.hub.Group().Public().Epoch()}
	w.answer(w.room.InFlight(), 200, wire.Marshal(&answer))
	if !w.room.Behind() {
		w.t.Fatal("it does not know that it is behind")
	}
	return w.room
}

// While the hub is asked, what was missing comes, and after it a message that is early again: what the hub answers is older than that, and does not make it one of
// an epoch that will never be.
func TestEarlyAfterTheQuestion(t *testing.T) {
	w := both(t)
	w.commit(mls.CommitParams{})
	w.say("first")
	commit, first := w.post[0], w.post[1]
	w.post = nil
	w.must(w.bring(first))
	w.wait()
	q := w.room.InFlight()
	if q == nil || q.Endpoint != mimi.EndpointGroupInfo {
		t.Fatalf("the hub is asked %v", q)
	}
	answer := w.decide(q)
	w.must(w.bring(commit))
	w.want("what was missing", "lost", "epoch 3", "first")
	w.commit(mls.CommitParams{})
	w.say("second")
	w.must(w.bring(w.post[1]))
	w.answer(q, 200, answer)
	w.must(w.bring(w.post[0]))
	w.post = nil
	for w.ask() {
	}
	w.deliver()
	if got := w.news(); !slices.Contains(got, "second") {
		t.Errorf("%q", got)
	}
	w.agree()
}

// A message of an epoch that does not exist costs one attempt and not one after the other.
func TestForgedEpoch(t *testing.T) {
	w := both(t)
	w.commit(mls.CommitParams{})
	w.say("from the future")
	w.post = w.post[1:]
	body := w.post[0]
	w.post = nil
	list, err := mimi.ParseFanout(body)
	w.must(err)
	list[0].Message.Private.Epoch += 1000
	w.must(w.bring(wire.Marshal(list[0])))
	w.wait()
	for w.ask() {
	}
	w.deliver()
	w.agree()
	if w.room.Behind() {
		t.Error("it still waits")
	}
}

func leaves(g *mls.Group) (n int) {
	for range g.Public().Leaves() {
		n++
	}
	return n
}

// Whom the hub did not let come back once, when the gap closed after all, is asked for again the next time.
func TestExpelledIsForgottenWhenAllIsWell(t *testing.T) {
	w := both(t)
	refuse := func(client mimi.URI) {
		t.Helper()
		q := w.room.InFlight()
		if q == nil || q.Endpoint != mimi.EndpointGroupInfo {
			t.Fatalf("%s does not ask: %v", client, q)
		}
		w.answer(q, 200, wire.Marshal(&mimi.GroupInfoResponse{Room: garden, Code: mimi.GroupInfoNotAuthorized}))
	}
	w.commit(mls.CommitParams{})
	late := w.post
	w.post = nil
	w.room = behind(w)
	w.wait()
	refuse(bob)
	w.post = late
	w.deliver() // while bella asks
	w.settle()
	if w.room.Behind() || !w.room.Member() {
		t.Fatal("the gap did not close")
	}
	w.now = w.now.Add(2 * follower.ResyncForgiven)
	w.tick()
	w.commit(mls.CommitParams{})
	w.post = nil
	w.room = behind(w)
	w.wait()
	w.news()
	asked := 0
	for ; w.room.InFlight() != nil && asked < 3; asked++ {
		refuse(bob)
	}
	if got := w.news(); asked != 2 || !slices.Contains(got, "removed") {
		t.Errorf("%d of two clients ask: %q", asked, got)
	}
}
