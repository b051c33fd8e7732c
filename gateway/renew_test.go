package gateway

import (
	"testing"
	"time"

	"anteroom/mucmap"
)

// Keys are renewed in a room that was put away: the gateway wakes it, also after a restart, and puts it away again. While the gateway is
// away nothing is renewed, and afterwards it is made up for in the room's next window.
func TestRenewalWakesRooms(t *testing.T) {
	const day = 24 * time.Hour
	inBubble(t, func(b *bench) {
		c := &conversation{b: b}
		c.play(t, func() {})
		b.feed("<iq xmlns='jabber:client' from='" + juliet + "' to='garden@rooms.a.example' type='set' id='stay'><query xmlns='http://jabber.org/protocol/muc#owner'>" +
			"<x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>")
		b.settle()
		for _, user := range []string{juliet, romeo} {
			b.feed("<presence xmlns='jabber:client' from='" + user + "' to='garden@rooms.a.example/x' type='unavailable'/>")
		}
		time.Sleep(time.Hour)
		b.settle()
		room := func() RoomLine {
			t.Helper()
			rooms := b.g.RoomList()
			if len(rooms) != 1 {
				t.Fatalf("rooms: %+v", rooms)
			}
			return rooms[0]
		}
		before := room()
		if before.Loaded || before.Wake.IsZero() {
			t.Fatalf("the room is not put away, to be woken: %+v", before)
		}
		time.Sleep(8 * day)
		b.settle()
		week := room()
		if week.Loaded || week.Epoch == before.Epoch || week.Epoch > before.Epoch+3 {
			t.Errorf("after a week the room is in epoch %d, it was in %d; loaded: %v", week.Epoch, before.Epoch, week.Loaded)
		}
		b.stop()
		time.Sleep(100 * day)
		b.start()
		time.Sleep(time.Second)
		b.settle()
		if got := room(); got.Epoch != week.Epoch {
			t.Errorf("keys are renewed while or just when the gateway is away: epoch %d, it was %d", got.Epoch, week.Epoch)
		}
		time.Sleep(mucmap.MaxRenewalPause + mucmap.RenewalWindow)
		b.settle()
		if got := room(); got.Epoch != week.Epoch+1 {
			t.Errorf("after the next window the room is in epoch %d, it was in %d", got.Epoch, week.Epoch)
		}
	}, withRooms(t, func(c *mucmap.Config) { c.RenewEncryption, c.RenewSignature = 7*day, 30*day }))
}

// Rooms that are overdue to be woken when the gateway starts are woken one after the other, the others in time.
func TestOverdueRoomsAreWokenInTurn(t *testing.T) {
	const rooms = 20
	inBubble(t, func(b *bench) {
		for i := range rooms + 1 {
			name, wake := "room"+string(rune('a'+i)), "wake 1h"
			if i == rooms {
				wake = "wake 48h"
			}
			b.join(name, juliet)
			b.say(name, juliet, wake)
			b.leave(name, juliet)
		}
		b.settle()
		time.Sleep(30 * time.Minute)
		b.stop()
		time.Sleep(2 * time.Hour)
		b.start()
		time.Sleep(WakePace * 9 / 2)
		b.settle()
		if n := loaded(b.g); n != 5 {
			t.Errorf("%d of %d rooms are loaded after four pauses", n, rooms)
		}
		time.Sleep(WakePace * rooms)
		b.settle()
		if n := loaded(b.g); n != rooms {
			t.Errorf("%d of %d rooms are loaded in the end", n, rooms)
		}
	})
}
