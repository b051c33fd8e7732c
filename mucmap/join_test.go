package mucmap

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi/roomdoc"
)

// settle lets the jobs through that were held, and returns what follows from them.
func (b *bench) settle(t *testing.T) string {
	t.Helper()
	b.hold = false
	b.out.Reset()
	held := b.held
	b.held = nil
	for _, j := range held {
		if err := b.run(j); err != nil {
			t.Fatal(err)
		}
	}
	return b.out.String()
}

// Those who wait for one commit all found the door open. Not more of them enter than there is room for, and no second device of a user where one
// is allowed (XEP-0045 §7.2.9).
func TestEnteringTogether(t *testing.T) {
	for name, limits := range map[string]Limits{"of the room": {}, "of the service": {Occupants: 3, Rates: Rates{Joins: Rate{100, time.Millisecond}}}} {
		t.Run("limit "+name, func(t *testing.T) {
			b := limited(t, limits)
			b.send(t, enter(0))
			if limits.Occupants == 0 {
				b.send(t, setField("muc#roomconfig_maxusers", "3"))
			}
			b.hold = true
			for i := 5; i < 9; i++ {
				b.send(t, enter(i))
			}
			if out := b.settle(t); b.room.pub.here.Len() != 3 || strings.Count(out, "<service-unavailable") != 2 {
				t.Errorf("%d are here, not 3, or the others were not told:\n%s", b.room.pub.here.Len(), out)
			}
		})
	}
	t.Run("devices", func(t *testing.T) {
		d, err := roomdoc.Parse([]byte(`{"policy": {"open": true}, "user-affiliations": {"owner": ["user0@a.example"]}}`))
		if err != nil {
			t.Fatal(err)
		}
		b := newBench(t)
		b.made(t, d)
		b.check = true
		b.hold = true
		b.send(t, enter(5)+strings.Replace(enter(5), "/x'", "/y'", 1))
		wantIn(t, "the second one", b.settle(t), "to user5@a.example/y\n  <presence from='"+room+"/nick5' type='error'", "<conflict", "one device")
	})
}
