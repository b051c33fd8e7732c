package gateway

import (
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/xmpp"
)

// ask sends a room a request that it passes to b.example.
func (b *bench) ask(room, from, id string) {
	b.t.Helper()
	st := &xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeGet, ID: id, From: xmpp.MustParseJID(from), To: xmpp.MustParseJID(room + "@rooms.a.example"),
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", "question")}}
	if err := b.g.Deliver(st); err != nil {
		b.t.Fatal(err)
	}
}

// answers are a user's results and errors of requests, by id.
func (b *bench) answers(user string) (got []string) {
	b.line.mu.Lock()
	defer b.line.mu.Unlock()
	for _, st := range b.line.got {
		if st.Kind == xmpp.IQ && st.To.String() == user {
			got = append(got, fmt.Sprintf("%s %s", st.ID, st.Type))
		}
	}
	return got
}

// A request of a user that waits for another provider is answered once, also when its room is lost meanwhile, or in the turn that brings the answer: then with an error.
func TestRequestsOfALostRoomAreAnswered(t *testing.T) {
	write := func(fault memstore.Fault) func(b *bench) {
		return func(b *bench) {
			n := uint64(0)
			b.store.SetFaults(func(write uint64) memstore.Fault {
				if n++; n == 1 {
					return fault
				}
				return memstore.None
			})
		}
	}
	for name, tt := range map[string]struct {
		before func(b *bench) // the next message
		answer bool           // before the room is lost
		want   []string
	}{
		"nothing happens":            {func(*bench) {}, false, []string{"q1 result"}},
		"a write fails":              {write(memstore.Before), false, []string{"q1 error"}},
		"a write's answer is lost":   {write(memstore.After), false, []string{"q1 error"}},
		"the core panics":            {func(b *bench) { b.core.panicOn = func(_, body string) bool { return body == "hello" } }, false, []string{"q1 error"}},
		"the answer is not stored":   {write(memstore.Before), true, []string{"q1 error"}},
		"the answer is stored":       {write(memstore.After), true, []string{"q1 result"}},
		"another gateway claims":     {claimed, false, []string{"q1 error"}},
		"the gateway stops too soon": {(*bench).stop, false, []string{"q1 error"}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(b *bench) {
				var up atomic.Bool
				b.posts.answer = func(string, string, int) (PeerReply, error) {
					if !up.Load() {
						return PeerReply{Status: 503}, nil
					}
					return PeerReply{Status: 200}, nil
				}
				b.join("garden", juliet)
				b.ask("garden", juliet, "q1")
				time.Sleep(2 * FlushAfter)
				b.settle()
				tt.before(b)
				switch {
				case b.g == nil:
				case tt.answer:
					up.Store(true)
				default:
					b.say("garden", romeo, "hello")
				}
				time.Sleep(MaxBackoff)
				b.settle()
				b.store.SetFaults(nil)
				up.Store(true)
				time.Sleep(2 * MaxBackoff)
				b.settle()
				if got := b.answers(juliet); !slices.Equal(got, tt.want) {
					t.Errorf("juliet got %q, want %q\n%s", got, tt.want, b.logs)
				}
			})
		})
	}
}

// claimed lets another gateway take the garden, for a moment.
func claimed(b *bench) {
	time.Sleep(LeaseTime / 6)
	fence, err := b.store.Claim(b.t.Context(), store.RoomLease("garden"), "anteroom", LeaseTime)
	if err != nil {
		b.t.Fatal(err)
	}
	time.Sleep(LeaseTime)
	if err := b.store.Release(b.t.Context(), store.RoomLease("garden"), "anteroom", fence); err != nil {
		b.t.Log(err)
	}
}

// What is known of requests outside of the room is bounded, and gone when they are answered.
func TestUnansweredIsBounded(t *testing.T) {
	var u unanswered
	st := func(n int) *xmpp.Stanza {
		return &xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeGet, ID: fmt.Sprint(n), From: xmpp.MustParseJID(juliet), To: xmpp.MustParseJID("garden@rooms.a.example")}
	}
	turned := &turn{}
	for n := range MaxUnanswered + 1 {
		turned.asked = append(turned.asked, st(n))
	}
	u.took(turned)
	if len(u) != MaxUnanswered {
		t.Errorf("%d are known", len(u))
	}
	for n := range MaxUnanswered {
		answer := st(n).Reply()
		turned = &turn{outs: []mucmap.Output{{Stanzas: []xmpp.Broadcast{{Template: xmpp.NewTemplate(answer), To: []xmpp.JID{answer.To}}}}}}
		u.took(turned)
	}
	u.took(&turn{outs: make([]mucmap.Output, 1)})
	if u != nil {
		t.Errorf("%d are known when all are answered", len(u))
	}
}
