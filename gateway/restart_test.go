package gateway

import (
	"strings"
	"testing"
	"time"
)

// Everybody stays in the room while the gateway is away, and hears nothing of it: no presence, no history, no subject is sent again,
// whatever the number of occupants.
func TestRestartSendsNothing(t *testing.T) {
	inBubble(t, func(b *bench) {
		c := &conversation{b: b}
		c.play(t, func() {})
		before := len(c.all())
		b.stop()
		b.start()
		time.Sleep(time.Minute)
		b.settle()
		if d, err := b.g.RoomShow(b.t.Context(), "garden"); err != nil || d.Occupants != 2 {
			t.Fatalf("%+v, %v", d, err)
		}
		if again := c.all()[before:]; len(again) > 0 {
			t.Errorf("%d stanzas are sent after the restart, the first is %s", len(again), again[0].String())
		}
	}, withRooms(t))
}

// With Farewell everybody is sent out before the process ends, and nobody is in the room afterwards (XEP-0045 §11.2).
func TestFarewell(t *testing.T) {
	inBubble(t, func(b *bench) {
		c := &conversation{b: b}
		c.play(t, func() {})
		b.stop()
		for _, user := range []string{juliet, romeo} {
			if !c.got(user, "type='unavailable'", "code='110'", "code='332'") {
				t.Errorf("%s is not told", user)
			}
		}
		if c.got(nurse, "code='332'") {
			t.Error("somebody is told who was not there")
		}
		b.start()
		if rooms := b.g.RoomList(); len(rooms) != 0 {
			t.Errorf("the temporary room is still there: %+v", rooms)
		}
		if strings.Contains(b.logs.String(), "level=ERROR") {
			t.Errorf("errors:\n%s", b.logs)
		}
	}, withRooms(t), func(o *Options) { o.Farewell = true })
}
