package gateway

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/store"
)

// A room's request is repeated as it is until its hub answers; the answer comes back to the room.
func TestRequestsAreRepeated(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.posts.answer = func(_, _ string, n int) (PeerReply, error) {
			switch n {
			case 1:
				return PeerReply{}, errors.New("connection refused")
			case 2:
				return PeerReply{Status: 503, RetryAfter: 40 * time.Second}, nil
			}
			return PeerReply{Status: 403, Body: []byte("no")}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "request entry")
		time.Sleep(20 * time.Second)
		if got := len(b.posts.all()); got != 2 {
			t.Errorf("%d attempts although the hub asked for patience", got)
		}
		time.Sleep(time.Minute)
		b.settle()
		b.want("the hub's refusal is an answer", juliet, "joined "+juliet, juliet+": request entry", "b.example: answers 403 no")
		if got := b.posts.all(); len(got) != 3 || got[0] != "b.example request entry" || got[2] != got[0] {
			t.Errorf("posted %q", got)
		}
	})
}

// Who waits for a hub that cannot be reached hears of it, where the room says that nothing has taken effect by then.
func TestPatienceEnds(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.posts.answer = func(string, string, int) (PeerReply, error) { return PeerReply{}, errors.New("no such host") }
		b.join("garden", juliet)
		b.say("garden", juliet, "request impatiently")
		time.Sleep(30 * time.Second)
		b.settle()
		b.want("given up", juliet, "joined "+juliet, juliet+": request impatiently", "b.example: answers 504 the room's provider cannot be reached now")
		tries := len(b.posts.all())
		time.Sleep(time.Hour)
		if got := len(b.posts.all()); got != tries {
			t.Errorf("%d more attempts afterwards", got-tries)
		}
	})
}

// A new request takes the place of an earlier one, whose outcome the room knows.
func TestANewRequestEndsTheOld(t *testing.T) {
	inBubble(t, func(b *bench) {
		var up atomic.Bool
		b.posts.answer = func(_, body string, _ int) (PeerReply, error) {
			if !up.Load() {
				return PeerReply{}, errors.New("connection refused")
			}
			return PeerReply{Status: 200, Body: []byte(body)}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "request one")
		b.settle()
		b.say("garden", juliet, "request two")
		b.settle()
		up.Store(true)
		time.Sleep(MaxBackoff)
		b.settle()
		b.want("only the second is answered", juliet, "joined "+juliet, juliet+": request one", juliet+": request two", "b.example: answers 200 request two")
	})
}

// A notification reaches the room that follows its hub.
func TestNotify(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden%b.example", juliet)
		b.settle()
		status, _ := b.g.Notify(b.t.Context(), "b.example", mimi.MustURI("mimi://b.example/r/garden"), []byte("news"))
		if status != 200 { // the small room answers everything so
			t.Errorf("notify: %d", status)
		}
		b.want("the room has it", juliet, "joined "+juliet, "b.example: news")
	})
}

// A hub asks for key packages of our users by way of the room that will get the Welcome; how many rooms it can make us remember so is
// bounded.
func TestKeyMaterialOfOurUsers(t *testing.T) {
	inBubble(t, func(b *bench) {
		const ours, theirs = "mimi://a.example/u/juliet", "mimi://b.example/r/garden"
		ask := func(peer, room string) int {
			status, _ := b.g.KeyMaterial(b.t.Context(), peer, mimi.MustURI(ours), keyRequest(b.t, "mimi://c.example/u/bob", ours, room))
			return status
		}
		b.join("garden%b.example", juliet)
		b.settle()
		if got := ask("b.example", theirs); got != 200 {
			t.Errorf("the hub asks: %d", got)
		}
		if got := ask("d.example", theirs); got != 403 {
			t.Errorf("another provider asks: %d", got)
		}
		if got := ask("refused.example", "mimi://refused.example/r/garden"); got != 200 || b.g.dir.known("garden%refused.example") {
			t.Errorf("without consent: %d, and a room begins", got)
		}
		b.g.maxFollowed = 1
		if got := ask("b.example", "mimi://b.example/r/other"); got != 503 {
			t.Errorf("beyond the limit: %d", got)
		}
		if got := ask("b.example", theirs); got != 200 {
			t.Errorf("a room that is known already: %d", got)
		}
	})
}

// A room that has secrets and no events, such as a request on its way, is one that is stored.
func TestSecretsWithoutEvents(t *testing.T) {
	for name, want := range map[string]bool{"follow/room": true, partClean: false} {
		if got := holdsSecrets(&store.Room{Secrets: map[string][]byte{name: nil}}); got != want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
