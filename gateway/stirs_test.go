package gateway

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"anteroom/mimi"
)

// fail lets every POST end so until up is set; then all are taken.
func (p *posts) fail(reply PeerReply, err error) (up *atomic.Bool) {
	up = new(atomic.Bool)
	p.answer = func(string, string, int) (PeerReply, error) {
		if up.Load() {
			return PeerReply{Status: 201}, nil
		}
		return reply, err
	}
	return up
}

// A provider that gave no answer for long, and asks something itself, is told what it is owed at once (docs/decisions/168-stirs.md).
func TestAProviderThatStirsIsToldAtOnce(t *testing.T) {
	for _, tt := range []struct {
		why  string
		fail PeerReply
		err  error
		once bool // tried as soon as it asks
	}{
		{"no answer", PeerReply{}, errors.New("no route"), true},
		{"an answer that asks for patience", PeerReply{Status: 503, RetryAfter: time.Hour}, nil, false},
		{"an error of that room", PeerReply{Status: 500}, nil, false},
	} {
		t.Run(tt.why, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				up := b.posts.fail(tt.fail, tt.err)
				b.join("garden", juliet)
				b.join("hall", juliet)
				b.say("garden", juliet, "deliver b.example")
				b.settle()
				time.Sleep(10 * MaxBackoff)
				up.Store(true)
				b.settle()
				b.posts.forget()
				ask := func(room string) {
					b.g.Update(b.t.Context(), "b.example", mimi.MustURI("mimi://a.example/r/"+room), []byte("x"))
					b.settle()
				}
				ask("hall")
				if got := b.posts.all(); len(got) != 0 {
					t.Errorf("asked about another room it is told %q", got)
				}
				ask("garden")
				if got := b.posts.all(); slices.Contains(got, "b.example garden-2") != tt.once {
					t.Errorf("it is told %q", got)
				}
			})
		})
	}
}

// While an answer waits for what its provider is to hear before it, that is tried every second.
func TestWhatAnAnswerWaitsForIsTriedSoon(t *testing.T) {
	inBubble(t, func(b *bench) {
		up := b.posts.fail(PeerReply{}, errors.New("no route"))
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		time.Sleep(MaxBackoff)
		b.settle()
		time.AfterFunc(TurnPatience/2, func() { up.Store(true) })
		began := time.Now()
		b.g.SubmitMessage(b.t.Context(), "b.example", mimi.MustURI("mimi://a.example/r/garden"), []byte("x"))
		if took := time.Since(began); took < TurnPatience/2 || took > TurnPatience/2+MinBackoff {
			t.Errorf("answered after %v", took)
		}
	})
}

// Who asks and cannot be reached costs one attempt in MinBackoff at most, and those that are due come as if it had said nothing.
func TestStirringCostsLittle(t *testing.T) {
	for _, tt := range []struct{ away, due time.Duration }{{6 * time.Second, 10 * time.Second}, {10 * time.Minute, MaxBackoff * 12 / 10}} {
		t.Run(tt.away.String(), func(t *testing.T) {
			inBubble(t, func(b *bench) {
				up := b.posts.fail(PeerReply{}, errors.New("no route"))
				b.join("garden", juliet)
				b.say("garden", juliet, "deliver b.example")
				b.settle()
				for began := time.Now(); time.Since(began) < tt.away; time.Sleep(time.Second / 10) {
					b.g.Update(b.t.Context(), "b.example", mimi.MustURI("mimi://a.example/r/garden"), []byte("x"))
				}
				b.settle()
				if n, most := len(b.posts.all()), int(tt.away/MinBackoff); n < most/2 || n > most+20 {
					t.Errorf("%d attempts in %v", n, tt.away)
				}
				up.Store(true)
				b.posts.forget()
				time.Sleep(tt.due)
				b.settle()
				if got := b.posts.all(); !slices.Equal(got, []string{"b.example garden-2"}) {
					t.Errorf("when it can be reached it is told %q", got)
				}
			})
		})
	}
}
