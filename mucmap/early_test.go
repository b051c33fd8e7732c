package mucmap

import (
	"fmt"
	"strings"
	"testing"
)

func about(from, id string) string {
	return fmt.Sprintf("<iq from='%s' to='%s' type='get' id='%s'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", from, room, id)
}

// What a client asks right behind the presence that makes a room is answered when it is made and the client knows that it is in it; others hear meanwhile that there is none.
func TestRequestsBehindTheFirstPresence(t *testing.T) {
	b := newBench(t)
	b.svc = locking(b.svc)
	b.room = b.svc.New(b.name)
	b.hold = true
	const form = "<iq from='user0@a.example/x' to='" + room + "' type='get' id='form'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>"
	out := b.send(t, enter(0)+about("user0@a.example/x", "mine")+form+about("user0@a.example/y", "other device")+about("user1@a.example/x", "other user"))
	wantIn(t, "who is not entering", out, "id='other device' type='error'><error type='cancel'><item-not-found", "id='other user' type='error'><error type='cancel'><item-not-found")
	if strings.Contains(out, "id='mine'") || strings.Contains(out, "id='form'") {
		t.Fatalf("answered before there is a room:\n%s", out)
	}
	b.hold = false
	b.out.Reset()
	if err := b.run(b.held[0]); err != nil {
		t.Fatal(err)
	}
	out = b.out.String()
	wantIn(t, "the answer", out, "var='urn:xmpp:occupant-id:0'")
	at := strings.Index(out, "<status code='201'/>")
	for _, want := range []string{"id='mine' type='result'", "id='form' type='result'"} {
		next := strings.Index(out, want)
		if next < at || at < 0 {
			t.Fatalf("no %q, or not in its order:\n%s", want, out)
		}
		at = next
	}
	if out := b.send(t, about("user0@a.example/x", "again")); strings.Count(out, "<iq ") != 1 || len(b.room.early) > 0 {
		t.Errorf("something is answered twice, or waits still:\n%s", out)
	}
}

// Who gives up the room before it is made, or is refused, is told that there is none; what waits is bounded.
func TestRequestsOfARoomThatIsNotMade(t *testing.T) {
	for name, end := range map[string]func(b *bench) error{
		"given up": func(b *bench) error {
			b.send(t, "<presence from='user0@a.example/x' to='"+room+"/nick0' type='unavailable'/>")
			return nil
		},
		"not made":    func(b *bench) error { return b.step(CommitDone{Job: b.held[0].ID, Err: errCrash}) },
		"is stopping": func(b *bench) error { return b.step(Shutdown{}) },
	} {
		b := limited(t, Limits{Waiting: 2})
		b.hold = true
		out := b.send(t, enter(0)+about("user0@a.example/x", "one")+about("user0@a.example/x", "two")+about("user0@a.example/x", "three"))
		wantIn(t, name, out, "id='three' type='error'><error type='wait'><resource-constraint")
		b.out.Reset()
		if err := end(b); err != nil {
			t.Fatal(err)
		}
		for _, id := range []string{"one", "two"} {
			wantIn(t, name, b.out.String(), "id='"+id+"' type='error'><error type='cancel'><item-not-found")
		}
		if b.room.early != nil || b.room.pub.Exists {
			t.Errorf("%s: %d wait, the room exists: %v", name, len(b.room.early), b.room.pub.Exists)
		}
	}
}

// A room of another provider tells before anybody here is in it what it will be able to do, as clients may not ask again, and is called the same then and later.
func TestFollowedRoomTellsWhatAllRoomsCanDo(t *testing.T) {
	hub, bob := meet(t)
	there := elsewhere(t, hub.now)
	const ask = "<iq from='nurse@c.example/x' to='garden%a.example@rooms.c.example' type='get' id='d'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
	told := []string{"name='garden at a.example'", "var='urn:xmpp:occupant-id:0'", "var='urn:xmpp:mam:2'", "var='urn:xmpp:sid:0'", "var='urn:xmpp:message-moderate:1'"}
	out := there.send(t, ask)
	wantIn(t, "before", out, told...)
	if strings.Contains(out, "var='muc_") {
		t.Errorf("it is said how a room is configured that is not known:\n%s", out)
	}
	nurseComes(hub, bob, there)
	there.send(t, "<presence from='nurse@c.example/x' to='garden%a.example@rooms.c.example/Nurse' id='1'>"+joinX+"</presence>")
	wantIn(t, "later", there.send(t, ask), append(told, "var='muc_open'")...)
}
