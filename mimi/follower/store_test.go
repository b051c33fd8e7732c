package follower_test

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"anteroom/mimi/follower"
	"anteroom/mimi/mimitest"
	"anteroom/mls/wire"
)

// What a message changes in the store does not grow with what waits behind it, nor with what is remembered.
func TestStoredByMessage(t *testing.T) {
	w := both(t)
	const most = 8192
	size := func(out follower.Output) (n int) {
		for _, b := range out.Next.Parts(w.room).Set {
			n += len(b)
		}
		return n
	}
	for i := range 3 * follower.MaxSeen / 2 {
		w.say(fmt.Sprint(i))
		out, err := w.room.Notify(w.now, w.seed(), "a.example", w.post[0])
		w.must(err)
		if n := size(out); n > most {
			t.Fatalf("message %d that came writes %d bytes", i, n)
		}
		w.post = nil
		w.room = out.Next
	}
	for i := range 500 {
		out := w.room.Do(w.now, w.seed(), follower.Wish{ID: uint64(i), Kind: follower.Send, Client: bob, Data: []byte("one of many")})
		if n := size(out); n > most {
			t.Fatalf("wish %d writes %d bytes", i, n)
		}
		w.room = out.Next
	}
	for i := range 500 {
		q := w.room.InFlight()
		out := w.room.Answer(w.now, w.seed(), q, 200, w.decide(q))
		if n := size(out); n > most {
			t.Fatalf("answer %d writes %d bytes", i, n)
		}
		w.room = out.Next
	}
	if !w.room.Idle() {
		t.Error("something is left")
	}
}

// A room that was stored before wishes, requests and what was seen had parts of their own is read, and wholly written with the first change.
func TestStoredBefore(t *testing.T) {
	w := both(t)
	w.say("seen")
	seen := w.post[0]
	w.deliver()
	for _, text := range []string{"one", "two"} {
		w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 7, Kind: follower.Send, Client: bob, Data: []byte(text)}))
	}
	flight := w.room.InFlight()

	old := wire.NewWriter(nil)
	old.U8(7)
	old.OpaqueString(garden.String())
	old.Bool(true)
	old.OpaqueString("") // broken
	old.U64(0)           // waits for no epoch
	old.Vector(func(old *wire.Writer) {
		for i, text := range []string{"one", "two"} {
			(&follower.Wish{ID: 7, Kind: follower.Send, Client: bob, Data: []byte(text)}).MarshalTLS(old)
			old.U32(uint32(1 - i))
			old.Vector(func(*wire.Writer) {})
			old.Bool(false)
		}
	})
	old.Vector(func(*wire.Writer) {}) // nobody leaves
	old.Vector(func(*wire.Writer) {}) // nothing is missing
	old.Vector(func(old *wire.Writer) {
		sum := sha256.Sum256(seen)
		old.Raw(sum[:])
	})
	old.Optional(true, func(old *wire.Writer) {
		old.U8(4) // a message
		old.OpaqueString(string(flight.Endpoint))
		old.Opaque(flight.Body)
		old.Bool(true)
		old.Opaque(nil)
		for range 3 {
			old.Bool(false)
		}
	})
	old.OpaqueString("") // not lost
	old.U64(0)
	old.U32(0)
	old.U64(0)
	old.OpaqueString("")
	old.Optional(false, nil)
	parts := map[string][]byte{"room": old.Bytes()}
	for name, b := range w.stored {
		if strings.HasPrefix(name, "g.") {
			parts[name] = b
		}
	}
	room, err := follower.Load(parts, followOptions)
	w.must(err)
	if q := room.InFlight(); q == nil || string(q.Body) != string(flight.Body) {
		t.Fatal("the request is lost")
	}
	if out, err := room.Notify(w.now, w.seed(), "a.example", seen); err != nil || out.Next != room {
		t.Errorf("what was seen is new: %v", err)
	}
	w.room, w.stored, w.events = room, parts, nil
	w.adopt(room.Answer(w.now, w.seed(), flight, 200, w.decide(flight)))
	w.must(mimitest.SameParts(w.stored, w.room.Parts(nil).Set)) // nothing is left of the old form
	w.restart()
	for w.ask() {
	}
	var sent []string
	for _, e := range w.events {
		if e, ok := e.(follower.Sent); ok {
			sent = append(sent, string(e.Wish.Data))
		}
	}
	if fmt.Sprint(sent) != "[one two]" {
		t.Errorf("sent %q", sent)
	}
}
