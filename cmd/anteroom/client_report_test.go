package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/mimihttp"
	"anteroom/mls/wire"
)

// draft-ietf-mimi-protocol-06 §5.4.1, §5.9: a report names who said what, and the hub's stamp proves what its sender committed to as itself and in this
// room. It is sent until the hub has it.
func TestClientReports(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, w := pairOf(t)
		alice, bob := testAlice.ClientUser(), testBob.ClientUser()
		text := func(s, sender, room string) *content.Message {
			m, err := plainContent(s)
			h.must(err)
			m.Sender, m.Room = sender, room
			return m
		}
		h.locked(func() {
			h.say("not committed to")
			h.commitTo(text("as somebody else", bob.String(), testRoom.String()))
			h.commitTo(text("in another room", alice.String(), "mimi://a.example/r/other"))
			h.commitTo(text("buy my pills", alice.String(), testRoom.String()))
		})
		synctest.Wait()
		w.told()
		h.locked(func() { h.refuses = 503 })
		tell(t, c, "report "+testRoom.String()+" "+alice.String()+" spam, spam")
		if got := w.told(); !slices.Equal(got, []string{"error"}) {
			t.Errorf("told %q while the hub has trouble", got)
		}
		h.locked(func() { h.refuses = 0 })
		time.Sleep(maxRetry)
		synctest.Wait()
		if len(h.reports) != 1 {
			t.Fatalf("%d reports when the hub takes them", len(h.reports))
		}
		if got := w.told(); !slices.Equal(got, []string{"reported"}) {
			t.Errorf("told %q", got)
		}
		r := h.reports[0]
		if r.Reporter != bob || r.Abuser != alice || r.Note != "spam, spam" || len(r.Messages) != 4 {
			t.Fatalf("reported: %+v", r)
		}
		for i, want := range []bool{false, false, false, true} {
			m := r.Messages[i]
			said, err := content.Decode(m.Content)
			h.must(err)
			context := &mimi.FrankingContext{Sender: alice, Room: testRoom, AcceptedAt: m.AcceptedAt}
			if got := m.Frank.Own(h.options.FrankKey, mimi.FrankingTag(said.Salt[:], m.Content), context); got != want {
				t.Errorf("%q is proved: %v", said.Body.Content, got)
			}
		}
		h.locked(func() { h.refuses = 404 })
		tell(t, c, "report "+testRoom.String()+" "+alice.String())
		if got := w.told(); !slices.Equal(got, []string{"refused"}) || len(c.state.Errands) > 0 || !strings.Contains(w.text.String(), ": report refused: not here") {
			t.Errorf("told %q, %d errands are left, printed %s", got, len(c.state.Errands), w.text.String())
		}
		for _, line := range []string{"", "bob", bob.String(), testRoom.String(), alice.String() + " " + strings.Repeat("x", mimi.MaxNote+1)} {
			if _, err := c.command("report " + testRoom.String() + " " + line); err == nil {
				t.Errorf("%.60q is obeyed", line)
			}
		}
		if _, err := c.command("report mimi://a.example/r/other " + alice.String()); err == nil {
			t.Error("what was never heard is reported")
		}
	})
}

// What is remembered, and what one report holds, is bounded.
func TestReportsAreBounded(t *testing.T) {
	alice := testAlice.ClientUser()
	message := func(size int) heardMessage {
		return heardMessage{alice, mimi.AbusiveMessage{Content: make([]byte, size)}}
	}
	var heard []heardMessage
	for i := range maxHeard {
		heard = append(heard, message(i))
	}
	if got := lastOf(heard, alice, mimihttp.MaxAbuseBody); len(got) != maxReported || len(got[maxReported-1].Content) != maxHeard-1 {
		t.Errorf("%d messages, want the newest %d", len(got), maxReported)
	}
	heard = nil
	for range 4 {
		heard = append(heard, message(maxHeardContent))
	}
	report := &mimi.AbuseReport{Reporter: alice, Abuser: alice, Note: strings.Repeat("x", 100)}
	report.Messages = lastOf(heard, alice, mimihttp.MaxAbuseBody-len(wire.Marshal(report)))
	if size := len(wire.Marshal(report)); len(report.Messages) != 1 || size > mimihttp.MaxAbuseBody {
		t.Errorf("%d messages in %d bytes", len(report.Messages), size)
	}
	synctest.Test(t, func(t *testing.T) {
		h, c, _ := pairOf(t)
		h.locked(func() {
			for i := range maxHeard + 2 {
				h.say(fmt.Sprint("message ", i))
			}
			h.say(strings.Repeat("x", maxHeardContent+1))
		})
		synctest.Wait()
		kept := c.rooms[testRoom].heard
		if last, err := content.Decode(kept[len(kept)-1].said.Content); len(kept) != maxHeard || err != nil || string(last.Body.Content) != fmt.Sprint("message ", maxHeard+1) {
			t.Errorf("%d messages are kept; the last: %+v, %v", len(kept), last, err)
		}
	})
}
