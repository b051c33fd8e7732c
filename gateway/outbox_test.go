package gateway

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"
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
		for range 5 {
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
		want := []string{"b.example garden-2", "b.example garden-3", "b.example garden-4", "b.example garden-5", "b.example garden-6"}
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
		if got := b.posts.all(); !slices.Equal(got, []string{"b.example garden-2", "b.example garden-3", "b.example garden-4"}) {
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
		for range 10 {
			b.say("garden", juliet, "deliver b.example")
		}
		b.settle()
		down.Store(false)
		tries := len(b.posts.all())
		time.Sleep(time.Minute)
		got := b.posts.all()[tries:]
		if len(got) != 4 || got[3] != "b.example garden-11" {
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
