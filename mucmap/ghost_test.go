package mucmap

import (
	"fmt"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
)

// silent is a room with juliet and n further devices, all silent, and the moment when the last one entered.
func silent(t *testing.T, n int, after time.Duration) *bench {
	t.Helper()
	b := newBench(t)
	cfg := b.svc.cfg
	cfg.PingAfter = after
	b.svc = &Service{cfg}
	b.room = b.svc.New(b.name)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	for i := range n {
		o := b.room.pub.newOccupant(mimi.MustURI(fmt.Sprintf("mimi://a.example/u/u%d", i)), fmt.Sprint("u", i))
		o.Sessions = []presence.Session{{JID: xmpp.MustParseJID(fmt.Sprintf("u%d@a.example/x", i))}}
		b.room.pub.here.Enter(o)
	}
	b.room.watch = nil // as after a restart
	return b
}

// A large room asks its silent devices spread over time, no more than maxPings in any second and no more than maxPings that have not
// answered, each once in PingAfter, and looks at the clock when it has something to do only.
func TestPingsAreSpread(t *testing.T) {
	const n, after = 5000, 15 * time.Minute
	for name, answers := range map[string]bool{"devices that answer": true, "devices that never answer": false} {
		t.Run(name, func(t *testing.T) {
			b := silent(t, n, after)
			start, steps := b.now, 0
			asked := map[xmpp.JID]time.Time{}
			second := map[int64]int{}
			wake := b.now
			for wake.Before(start.Add(after + 10*time.Second)) {
				if b.now = wake; b.now.Before(start) {
					b.now = start
				}
				o := b.room.Step(b.now, b.seed(), Timer{})
				steps++
				for _, s := range o.Stanzas {
					st := s.Template.Stanza()
					if st.Kind != xmpp.IQ || len(s.To) != 1 {
						t.Fatalf("unexpected %s", st)
					}
					if last, twice := asked[s.To[0]]; twice && b.now.Sub(last) < after {
						t.Fatalf("%s is asked twice within %v", s.To[0], b.now.Sub(last))
					}
					asked[s.To[0]] = b.now
					if second[b.now.Unix()]++; second[b.now.Unix()] > maxPings {
						t.Fatalf("more than %d questions in a second", maxPings)
					}
					if answers {
						st.From, st.To, st.Type, st.Payload = s.To[0], b.room.addr, xmpp.TypeResult, nil
						b.room.Step(b.now, b.seed(), StanzaIn{&st})
					}
				}
				if len(b.room.watch.asked) > maxPings {
					t.Fatalf("%d questions are open", len(b.room.watch.asked))
				}
				if !o.Wake.After(b.now) {
					t.Fatalf("wake at %v, now %v", o.Wake, b.now)
				}
				wake = o.Wake
			}
			if answers && len(asked) < n {
				t.Errorf("%d of %d devices were asked in time", len(asked), n)
			}
			if steps > n+int(after/time.Second) {
				t.Errorf("%d looks at the clock for %d devices", steps, n)
			}
		})
	}
}

// Devices that come and go leave nothing behind.
func TestWatchIsBounded(t *testing.T) {
	b := silent(t, 10, 15*time.Minute)
	b.room.Step(b.now, b.seed(), Timer{})
	for range 1000 {
		b.send(t, "<presence from='romeo@a.example/x' to='garden@rooms.a.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		b.send(t, "<presence from='romeo@a.example/x' to='garden@rooms.a.example/Romeo' type='unavailable'/>")
		b.now = b.now.Add(10 * time.Second)
		if w := b.room.watch; len(w.devices) > 12 || len(w.queue) > 2*(len(w.devices)+1)+maxPings {
			t.Fatalf("%d devices, a queue of %d", len(w.devices), len(w.queue))
		}
	}
}

// Whatever is said, who speaks is not asked.
func TestWhoSpeaksIsNotAsked(t *testing.T) {
	b := silent(t, 0, time.Minute)
	for range 100 {
		b.now = b.now.Add(30 * time.Second)
		b.send(t, "<message from='juliet@a.example/balcony' to='garden@rooms.a.example' type='groupchat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>")
		if err := b.step(Timer{}); err != nil {
			t.Fatal(err)
		}
	}
	if got := b.out.String(); len(b.room.watch.asked) != 0 {
		t.Errorf("asked: %s", got)
	}
	b.now = b.now.Add(time.Minute)
	b.out.Reset()
	if err := b.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "then it is", b.out.String(), "to juliet@a.example/balcony", "<ping xmlns='urn:xmpp:ping'/>")
}
