package gateway

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"anteroom/mimi"
)

// Who says something from another provider has the answer when its provider has what the room heard before (docs/decisions/167-answers-in-turn.md):
// nobody waits for another provider, for another room, for what comes later, or for long.
func TestAnswersComeInTurn(t *testing.T) {
	inBubble(t, func(b *bench) {
		garden := mimi.MustURI("mimi://a.example/r/garden")
		arrives := map[string]chan error{"garden-2": make(chan error), "garden-6": make(chan error), "hall-2": make(chan error)}
		b.posts.answer = func(_, body string, _ int) (PeerReply, error) {
			if gate := arrives[body]; gate != nil {
				return PeerReply{Status: 201}, <-gate
			}
			return PeerReply{Status: 201}, nil
		}
		for _, room := range []string{"garden", "hall"} {
			b.join(room, juliet)
			b.say(room, juliet, "deliver b.example")
		}
		b.settle()
		var mu sync.Mutex
		var answered []string
		submit := func(peer, text string) {
			go func() {
				b.g.SubmitMessage(b.t.Context(), peer, garden, []byte(text))
				mu.Lock()
				defer mu.Unlock()
				answered = append(answered, text)
			}()
			b.settle()
		}
		want := func(texts ...string) {
			t.Helper()
			b.settle()
			mu.Lock()
			defer mu.Unlock()
			if !slices.Equal(answered, texts) {
				t.Fatalf("answered is %q, want %q", answered, texts)
			}
		}
		submit("b.example", "one")
		want()
		submit("c.example", "of a third")
		want("of a third")
		if status, _ := b.g.Update(b.t.Context(), "b.example", garden, []byte("update")); status != 200 {
			t.Errorf("an update is answered with %d", status)
		}
		b.say("garden", juliet, "deliver b.example") // goes out later
		b.settle()
		arrives["hall-2"] <- nil
		want("of a third")
		arrives["garden-2"] <- nil
		want("of a third", "one")

		// The network is gone: what is answered late is answered.
		submit("b.example", "two")
		time.Sleep(TurnPatience - time.Millisecond)
		want("of a third", "one")
		time.Sleep(time.Millisecond)
		want("of a third", "one", "two")
		close(arrives["garden-6"])
	})
}

// What is given up holds up no answer.
func TestAnswersDoNotWaitForWhatIsGivenUp(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.posts.answer = func(string, string, int) (PeerReply, error) { return PeerReply{}, errors.New("gone") }
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		b.settle()
		began := time.Now()
		var done atomic.Bool
		go func() {
			b.g.SubmitMessage(b.t.Context(), "b.example", mimi.MustURI("mimi://a.example/r/garden"), []byte("one"))
			done.Store(true)
		}()
		b.settle()
		b.g.outbox.forget("garden")
		b.settle()
		if !done.Load() || time.Since(began) != 0 {
			t.Errorf("answered %v after %v", done.Load(), time.Since(began))
		}
	})
}

// However many ask while a provider cannot be reached, no more is kept of them than of what it is owed.
func TestWaitersForTheSameAreOne(t *testing.T) {
	d := &destination{provider: "b.example", queues: map[string]*queue{}}
	d.add(delivery{room: "garden", id: 1})
	first := d.behind("garden")
	for range 1000 {
		d.behind("garden")
	}
	d.add(delivery{room: "garden", id: 2})
	second := d.behind("garden")
	q := d.queues["garden"]
	if len(q.waiters) != 2 {
		t.Errorf("%d waiters for 2 messages", len(q.waiters))
	}
	gone := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	d.done(q, 1)
	if !gone(first) || gone(second) {
		t.Errorf("the first is gone: %v; the second: %v", gone(first), gone(second))
	}
	d.done(q, 1)
	if !gone(second) {
		t.Error("nothing is owed, and one waits")
	}
}
