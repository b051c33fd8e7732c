package hub_test

import (
	"bytes"
	"maps"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mimi/mimitest"
	"anteroom/mls/wire"
)

// What a message of another provider changes in the store does not grow with what is remembered, and what was stored change by change is what would be
// stored at once.
func TestStoredByMessage(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	kept := w.room.Parts(nil).Set
	for i := range hub.MaxRemembered + 3*mimi.RecentBlock {
		m := memory("b.example", i)
		m.Answer = make([]byte, 130)
		next := w.room.Remember(m)
		change := next.Parts(w.room)
		size := 0
		for _, b := range change.Set {
			size += len(b)
		}
		if len(change.Set) != 1 || size > 4096 {
			t.Fatalf("message %d writes %d parts of %d bytes", i, len(change.Set), size)
		}
		for _, name := range change.Drop {
			delete(kept, name)
		}
		maps.Copy(kept, change.Set)
		w.room = next
	}
	w.must(mimitest.SameParts(kept, w.room.Parts(nil).Set))
	loaded, err := hub.Load(kept, w.room.Group(), w.options)
	w.must(err)
	w.must(mimitest.SameParts(kept, loaded.Parts(nil).Set))
	if change := loaded.WithGroup(loaded.Group()).Parts(loaded); len(change.Set)+len(change.Drop) > 0 {
		t.Errorf("nothing happened, and %v %v is written", change.Set, change.Drop)
	}
}

// A room that was stored before what is remembered had parts of its own is read, and wholly written with the first change.
func TestStoredBefore(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.wish(follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("once")})
	said := w.sent[len(w.sent)-1].request
	again := func(room *hub.Room) []byte {
		t.Helper()
		accepted, answer, err := room.AcceptSubmit(w.now, "b.example", said.Body)
		if accepted != nil || err != nil {
			t.Fatalf("a repetition is accepted anew: %v", err)
		}
		return answer
	}
	first := again(w.room)

	old := wire.NewWriter(nil)
	old.U8(3)
	old.OpaqueString(w.room.URI().String())
	none := func(*wire.Writer) {}
	old.Vector(none) // routes
	old.Vector(func(old *wire.Writer) {
		for i := range 2 * mimi.RecentBlock {
			m := memory("b.example", 100+i)
			old.Raw(m.Digest[:])
			old.Opaque(nil)
		}
		m := hub.DigestOf(mimi.EndpointSubmitMessage, "b.example", said.Body)
		old.Raw(m[:])
		old.Opaque(first)
	})
	for range 3 { // proposals, renewals, former groups
		old.Vector(none)
	}
	loaded, err := hub.Load(map[string][]byte{"": old.Bytes()}, w.room.Group(), w.options)
	w.must(err)
	if !bytes.Equal(again(loaded), first) {
		t.Error("another answer")
	}
	next := loaded.Remember(memory("b.example", 1))
	change := next.Parts(loaded)
	w.must(mimitest.SameParts(change.Set, next.Parts(nil).Set))
	reloaded, err := hub.Load(change.Set, w.room.Group(), w.options)
	w.must(err)
	if !bytes.Equal(again(reloaded), first) {
		t.Error("another answer after it was written anew")
	}
	if change := next.Remember(memory("b.example", 2)).Parts(next); len(change.Set) != 1 {
		t.Errorf("all is written again: %d parts", len(change.Set))
	}
	kp := w.keyPackage(mimi.MustURI("mimi://c.example/d/carol/cli")).KeyPackage
	learned, err := next.LearnKeyMaterial(w.now, "c.example", &mimi.KeyMaterialResponse{User: mimi.MustURI("mimi://c.example/u/carol"),
		Clients: []mimi.ClientKeyMaterial{{Client: mimi.MustURI("mimi://c.example/d/carol/cli"), KeyPackage: &kp}}})
	w.must(err)
	maps.Copy(change.Set, learned.Parts(next).Set)
	w.must(mimitest.SameParts(change.Set, learned.Parts(nil).Set))
}
