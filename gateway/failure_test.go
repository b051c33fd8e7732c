package gateway

import (
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/store/memstore"
	"anteroom/xmpp"
)

func TestPanicCostsOneErrorAndNothingElse(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.core.panicOn = func(_, body string) bool { return body == "poison" }
		b.join("garden", juliet)
		b.join("other", juliet)
		b.settle()
		b.say("garden", romeo, "before")
		b.say("garden", "mallory@a.example/x", "poison")
		b.say("garden", romeo, "after")
		b.say("other", romeo, "elsewhere")
		b.settle()
		got := b.line.to(juliet)
		slices.Sort(got)
		want := []string{"joined " + juliet, "joined " + juliet, romeo + ": after", romeo + ": before", romeo + ": elsewhere"}
		if !slices.Equal(got, want) {
			t.Errorf("juliet got %q", got)
		}
		b.want("the culprit hears of it", "mallory@a.example/x", "error internal-server-error wait")
		if !strings.Contains(b.logs.String(), "panic in the room core") || !strings.Contains(b.logs.String(), "fake_test.go") {
			t.Errorf("no log with a stack:\n%s", b.logs)
		}
		if strings.Contains(b.logs.String(), "poison") || strings.Contains(b.logs.String(), "before") {
			t.Errorf("the log shows a message:\n%s", b.logs)
		}
	})
}

func TestPanicOfACommitJobIsTheRoomsAlone(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.say("garden", romeo, "work badly")
		b.settle()
		b.say("garden", romeo, "work")
		b.want("the next commit works", juliet, "joined "+juliet, "job: worked")
	})
}

// A panic in a look at the archive costs the answer, not the process.
func TestPanicInAQuery(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.say("garden", juliet, "search badly")
		b.settle()
		b.say("garden", juliet, "still here")
		b.settle()
		b.want("after the panic", juliet, "joined "+juliet, juliet+": search badly", juliet+": still here")
	})
}

// A stanza by which the core panics before it is any room's costs its sender an error, whoever sends it there.
func TestPanicOnTheWayToARoom(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		st := &xmpp.Stanza{Kind: xmpp.Message, From: xmpp.MustParseJID(juliet), To: xmpp.MustParseJID("nowhere@rooms.a.example")}
		if e := b.g.Deliver(st); e == nil || e.Condition != xmpp.InternalServerError {
			t.Errorf("got %v", e)
		}
		b.say("garden", juliet, "forward nowhere")
		b.say("garden", juliet, "still here")
		b.settle()
		b.want("after the panic", juliet, "joined "+juliet, juliet+": forward nowhere", "error internal-server-error wait", juliet+": still here")
	})
}

func TestStoreThatIsAwayIsTriedAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		b.store.SetFaults(func(uint64) memstore.Fault { return memstore.Before })
		b.say("garden", romeo, "while it is away")
		time.Sleep(5 * time.Second)
		b.want("nothing leaves that is not stored", juliet, "joined "+juliet)
		b.want("the sender hears of it", romeo, "error internal-server-error wait")
		b.store.SetFaults(nil)
		time.Sleep(30 * time.Second) // longer than any pause after so few failures
		b.say("garden", romeo, "back")
		b.want("then it goes on", juliet, "joined "+juliet, romeo+": back")
	})
}

// A store that can be read and not written must not keep a room, or a destroyed one, busy.
func TestFailingWritesAreSpacedOut(t *testing.T) {
	for _, last := range []string{"hello", "end"} {
		inBubble(t, func(b *bench) {
			b.join("garden", juliet)
			b.settle()
			time.Sleep(2 * FlushAfter)
			n := b.store.Writes()
			b.store.SetFaults(func(write uint64) memstore.Fault {
				if last == "end" && write == n+1 {
					return memstore.None // the end is stored, the deletion fails
				}
				return memstore.Before
			})
			for range 30 {
				b.say("garden", romeo, last)
				time.Sleep(2 * time.Second)
			}
			if n := b.store.Writes() - n; n < 3 || n > 120 {
				t.Errorf("%s: %d attempts to write in a minute", last, n)
			}
			b.store.SetFaults(nil)
			time.Sleep(MaxBackoff)
		})
	}
}
