package mucmap

import (
	"fmt"
	"testing"
	"time"

	"anteroom/xmpp"
)

// crowd is a room with n occupants, all of whom entered while one commit was under way.
func crowd(t testing.TB, n int) *bench {
	b := newBench(t)
	if err := b.step(StanzaIn{enterStanza(0)}); err != nil {
		t.Fatal(err)
	}
	b.hold = true
	for i := 1; i < n; i++ {
		if err := b.step(StanzaIn{enterStanza(i)}); err != nil {
			t.Fatal(err)
		}
		b.out.Reset()
	}
	for len(b.held) > 0 {
		held := b.held
		b.held = nil
		for _, j := range held {
			if err := b.run(j); err != nil {
				t.Fatal(err)
			}
		}
		b.out.Reset()
	}
	b.hold = false
	if got := b.room.pub.here.Len(); got != n {
		t.Fatalf("%d occupants, want %d", got, n)
	}
	return b
}

func enterStanza(i int) *xmpp.Stanza {
	return &xmpp.Stanza{Kind: xmpp.Presence, From: user(i), To: xmpp.MustParseJID(fmt.Sprintf("garden@rooms.a.example/nick%d", i)),
		Payload: []*xmpp.Element{xmpp.NewElement("http://jabber.org/protocol/muc", "x")}}
}

func user(i int) xmpp.JID { return xmpp.MustParseJID(fmt.Sprintf("user%d@a.example/phone", i)) }

func hello() *xmpp.Stanza {
	return &xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeGroupchat, From: user(1), To: xmpp.MustParseJID(room), ID: "m",
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", "hello")}}
}

// What a message costs does not grow with the number of occupants: one template, one shared list of recipients.
func TestMessageCostIsIndependentOfOccupants(t *testing.T) {
	allocs := func(n int) float64 {
		b := crowd(t, n)
		return testing.AllocsPerRun(200, func() {
			o := b.room.Step(b.now, b.seed(), StanzaIn{hello()})
			if len(o.Stanzas) != 1 || len(o.Stanzas[0].To) != n {
				t.Fatalf("%d broadcasts", len(o.Stanzas))
			}
		})
	}
	few, many := allocs(5), allocs(200)
	if many > few*1.5 {
		t.Errorf("a message allocates %.0f times with 5 occupants, %.0f times with 200", few, many)
	}
}

// Many who enter together share few commits: the first alone, the rest in one, without path.
func TestMassJoinSharesCommits(t *testing.T) {
	b := crowd(t, 100)
	if e := b.room.pub.Epoch; e != 3 {
		t.Errorf("100 users are in after %d epochs, want 3: the owner, the first guest, all others", e)
	}
}

func BenchmarkMessage(b *testing.B) {
	for _, n := range []int{200, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			c := crowd(b, n)
			b.ReportAllocs()
			for b.Loop() {
				c.room.Step(c.now, c.seed(), StanzaIn{hello()})
			}
		})
	}
}

func BenchmarkJoin(b *testing.B) {
	for _, n := range []int{200, 1000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				start := time.Now()
				crowd(b, n)
				b.ReportMetric(float64(time.Since(start).Milliseconds()), "ms/crowd")
			}
		})
	}
}
