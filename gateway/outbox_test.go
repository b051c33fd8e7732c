package gateway

import (
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anteroom/mimi"
)

func TestDeliveriesKeepTheirOrderWhileAPeerIsDown(t *testing.T) {
	inBubble(t, func(b *bench) {
		var down atomic.Bool
		down.Store(true)
		b.posts.answer = func(provider, _ string, _ int) (PeerReply, error) {
			if provider == "b.example" && down.Load() {
				return PeerReply{}, errors.New("connection refused")
			}
			return PeerReply{Status: 201}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		b.settle() // tried by itself, in vain; the others wait behind it
		for range 4 {
			b.say("garden", juliet, "deliver b.example")
		}
		b.say("garden", juliet, "deliver c.example")
		b.settle()
		if got := b.posts.all(); !slices.Contains(got, "c.example garden-7") {
			t.Errorf("a peer that is up waits for one that is down: %q", got)
		}
		time.Sleep(time.Minute)
		tries := len(b.posts.all())
		if tries < 4 || tries > 12 {
			t.Errorf("%d attempts in a minute: back-off is doubled each time", tries)
		}
		down.Store(false)
		time.Sleep(MaxBackoff)
		b.settle()
		got := b.posts.all()[tries:]
		want := []string{"b.example garden-2", "b.example garden-3garden-4garden-5garden-6"}
		if !slices.Equal(got, want) {
			t.Errorf("after it was back came %q", got)
		}
		time.Sleep(2 * FlushAfter)
		b.settle()
		if r, err := b.store.Load(b.t.Context(), "garden"); err != nil || len(r.Outbox) != 0 {
			t.Errorf("the store still owes %d deliveries, %v", len(r.Outbox), err)
		}
	})
}

// What comes while a request is under way goes out together, in bounded requests. What is tried again is the same octets. Who refuses several
// at once gets them one by one, and what it refuses then is given up by itself.
func TestSeveralInOneRequest(t *testing.T) {
	inBubble(t, func(b *bench) {
		failures := 2
		b.posts.answer = func(string, string, int) (PeerReply, error) {
			if failures--; failures >= 0 {
				return PeerReply{}, errors.New("connection reset")
			}
			return PeerReply{Status: 201}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		b.settle() // it is on its way, and fails
		for range MaxTogether + 4 {
			b.say("garden", juliet, "deliver b.example")
		}
		time.Sleep(time.Minute)
		var counts []int
		for _, post := range b.posts.all() {
			counts = append(counts, strings.Count(post, "garden"))
		}
		if !slices.Equal(counts, []int{1, 1, 1, MaxTogether, 4}) {
			t.Errorf("requests of %d messages", counts)
		}
		b.posts.forget()
		b.posts.answer = func(_, body string, n int) (PeerReply, error) {
			switch {
			case n == 1:
				return PeerReply{Status: 503}, nil
			case strings.Count(body, "garden") > 1, body == "garden-72":
				return PeerReply{Status: 400}, nil
			}
			return PeerReply{Status: 201}, nil
		}
		b.say("garden", juliet, "deliver b.example")
		b.settle()
		b.say("garden", juliet, "deliver b.example")
		b.say("garden", juliet, "deliver b.example")
		time.Sleep(time.Minute)
		want := []string{"b.example garden-71", "b.example garden-71", "b.example garden-72garden-73", "b.example garden-72", "b.example garden-73"}
		if got := b.posts.all(); !slices.Equal(got, want) {
			t.Errorf("to a provider that refuses several went %q", got)
		}
		b.settle()
		time.Sleep(2 * FlushAfter)
		b.settle()
		if r, err := b.store.Load(b.t.Context(), "garden"); err != nil || len(r.Outbox) != 0 {
			t.Errorf("the store still owes %d deliveries, %v", len(r.Outbox), err)
		}
	})
}

// A request holds fan-out messages of one room, and no more octets than the bound unless one alone has more.
func TestWhatGoesTogether(t *testing.T) {
	entry := func(e mimi.Endpoint, size int) delivery {
		return delivery{room: "garden", provider: "b.example", endpoint: e, body: make([]byte, size)}
	}
	const half = MaxTogetherBytes / 2
	for i, tt := range []struct {
		entries []delivery
		want    int
	}{
		{[]delivery{entry(mimi.EndpointNotify, half), entry(mimi.EndpointNotify, half), entry(mimi.EndpointNotify, 1)}, 2},
		{[]delivery{entry(mimi.EndpointNotify, 3*half), entry(mimi.EndpointNotify, 1)}, 1},
		{[]delivery{entry(mimi.EndpointNotify, 1), entry(mimi.EndpointRequestConsent, 1)}, 1},
		{[]delivery{entry(mimi.EndpointRequestConsent, 1), entry(mimi.EndpointRequestConsent, 1)}, 1},
	} {
		if got := together(tt.entries); got != tt.want {
			t.Errorf("case %d: %d go together, want %d", i, got, tt.want)
		}
	}
}

func TestOutboxSurvivesAKill(t *testing.T) {
	inBubble(t, func(b *bench) {
		var down atomic.Bool
		down.Store(true)
		b.posts.answer = func(string, string, int) (PeerReply, error) {
			if down.Load() {
				return PeerReply{Status: 503}, nil
			}
			return PeerReply{Status: 200}, nil
		}
		b.join("garden", juliet)
		for range 3 {
			b.say("garden", juliet, "deliver b.example")
		}
		b.leave("garden", juliet)
		b.settle()
		time.Sleep(2 * DefaultIdle)
		if n := loaded(b.g); n != 1 {
			t.Errorf("a room that owes something was dropped: %d loaded", n)
		}
		b.crash()
		down.Store(false)
		b.posts.forget()
		b.start()
		time.Sleep(time.Minute)
		b.settle()
		if got := b.posts.all(); !slices.Equal(got, []string{"b.example garden-2garden-3garden-4"}) {
			t.Errorf("after the restart came %q", got)
		}
		b.stop()
		b.posts.forget()
		b.start()
		time.Sleep(time.Hour)
		if got := b.posts.all(); len(got) != 0 {
			t.Errorf("delivered again: %q", got)
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.posts.answer = func(_, _ string, n int) (PeerReply, error) {
			if n == 1 {
				return PeerReply{Status: 429, RetryAfter: 10 * time.Minute}, nil
			}
			return PeerReply{Status: 200}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		time.Sleep(9 * time.Minute)
		if n := len(b.posts.all()); n != 1 {
			t.Errorf("%d attempts before the time that the peer named", n)
		}
		time.Sleep(2 * time.Minute)
		if n := len(b.posts.all()); n != 2 {
			t.Errorf("%d attempts after it", n)
		}
	})
}

func TestRefusedAndOldDeliveriesAreGivenUp(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.posts.answer = func(provider, _ string, _ int) (PeerReply, error) {
			if provider == "gone.example" {
				return PeerReply{}, errors.New("no such host")
			}
			return PeerReply{Status: 404}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		b.say("garden", juliet, "deliver gone.example")
		time.Sleep(DefaultOutboxAge + 10*time.Minute)
		b.settle()
		if r, err := b.store.Load(b.t.Context(), "garden"); err != nil || len(r.Outbox) != 0 {
			t.Errorf("the store still owes %d deliveries, %v", len(r.Outbox), err)
		}
	})
}

func TestFullOutboxGivesUpTheOldest(t *testing.T) {
	inBubble(t, func(b *bench) {
		var down atomic.Bool
		down.Store(true)
		b.posts.answer = func(string, string, int) (PeerReply, error) {
			if down.Load() {
				return PeerReply{}, errors.New("down")
			}
			return PeerReply{Status: 200}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		b.settle() // on its way now, which is kept
		for range 9 {
			b.say("garden", juliet, "deliver b.example")
		}
		b.settle()
		down.Store(false)
		tries := len(b.posts.all())
		time.Sleep(time.Minute)
		got := b.posts.all()[tries:]
		if !slices.Equal(got, []string{"b.example garden-2", "b.example garden-9garden-10garden-11"}) {
			t.Errorf("an outbox of 4 delivered %q", got)
		}
	}, func(o *Options) { o.Outbox = 4 })
}

func TestBackoffGrowsToItsBound(t *testing.T) {
	for n := 1; n < 100; n++ {
		d := backoff(n)
		if d < MinBackoff*8/10 || d > MaxBackoff*12/10 {
			t.Fatalf("pause %d is %v", n, d)
		}
	}
}
