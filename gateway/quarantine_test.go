package gateway

import (
	"errors"
	"strings"
	"testing"
	"time"
)

func TestRoomThatPanicsAgainAndAgainIsQuarantined(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.core.panicOn = func(_, body string) bool { return body == "poison" }
		b.join("garden", juliet)
		for range MaxCrashes {
			b.say("garden", "mallory@a.example/x", "poison")
			b.settle()
		}
		b.say("garden", romeo, "during")
		b.want("a quarantined room answers with an error", romeo, "error internal-server-error wait")
		b.join("other", romeo)
		b.want("other rooms go on", romeo, "error internal-server-error wait", "joined "+romeo)
		time.Sleep(QuarantineTime + time.Second)
		b.say("garden", romeo, "after")
		b.want("it is tried again later, with its occupants", juliet, "joined "+juliet, romeo+": after")
	})
}

func TestDamagedRoomIsQuarantined(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		b.crash()
		b.core.damaged = true
		b.start()
		b.say("garden", romeo, "x")
		b.want("its users get an error", romeo, "error internal-server-error wait")
		if e := b.line.got[len(b.line.got)-1].Err(); !strings.Contains(e.Text, "in quarantine") || !strings.Contains(e.Text, "tried again at 2000-01-01 00:1") || strings.Contains(e.Text, "damaged") {
			b.t.Errorf("its users are told %q", e.Text)
		}
		b.join("other", romeo)
		b.want("other rooms go on", romeo, "error internal-server-error wait", "joined "+romeo)
		trouble := func() string {
			for _, l := range b.g.RoomList() {
				if l.Name == "garden" {
					return l.Trouble
				}
			}
			return "no line"
		}
		if d, err := b.g.RoomShow(b.t.Context(), "garden"); err != nil || d.Trouble != trouble() || !strings.HasPrefix(d.Trouble, "in quarantine until ") || !strings.HasSuffix(d.Trouble, ": damaged") {
			b.t.Errorf("operators see %+v, %v, and in the list %q", d, err, trouble())
		}
		if _, err := b.g.RoomMembers(b.t.Context(), "garden"); !errors.Is(err, ErrUnavailable) || !strings.Contains(err.Error(), "in quarantine until ") {
			b.t.Errorf("operators ask for its members: %v", err)
		}
		if d, err := b.g.RoomRelease(b.t.Context(), "garden"); err != nil || d.Trouble == "" {
			b.t.Errorf("released while it is damaged: %+v, %v", d, err)
		}
		b.core.damaged = false
		if d, err := b.g.RoomRelease(b.t.Context(), "garden"); err != nil || d.Trouble != "" || trouble() != "" {
			b.t.Errorf("released when it is mended: %+v, %v, and in the list %q", d, err, trouble())
		}
		b.say("garden", romeo, "again")
		b.want("it goes on", juliet, "joined "+juliet, romeo+": again")
	})
}
