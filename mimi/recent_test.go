package mimi_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
)

// What is remembered is the last that came; each one more changes one stored part and drops one at most, and what is stored is always what is
// remembered.
func TestRecent(t *testing.T) {
	const limit, prefix = 40, "m."
	entry := func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }
	var r, stored mimi.Recent
	parts := map[string][]byte{}
	for i := range 200 {
		before := r
		r = r.With(limit, entry(i))
		if _, ok := before.Find(entry(i)); ok {
			t.Fatalf("%d changed the earlier value", i)
		}
		change := mls.Parts{Set: map[string][]byte{}}
		r.Parts(&change, prefix, stored)
		if len(change.Set) != 1 || len(change.Drop) > 1 {
			t.Fatalf("%d sets %d parts and drops %v", i, len(change.Set), change.Drop)
		}
		for _, body := range change.Set {
			if len(body) > 2+mimi.RecentBlock*9 {
				t.Fatalf("%d writes %d bytes", i, len(body))
			}
		}
		for _, name := range change.Drop {
			delete(parts, name)
		}
		maps.Copy(parts, change.Set)
		stored = r
		loaded, err := mimi.LoadRecent(parts, prefix)
		if err != nil || loaded.Len() != r.Len() {
			t.Fatalf("%d loads as %d of %d: %v", i, loaded.Len(), r.Len(), err)
		}
		for j := range i + 1 {
			e, ok := loaded.Find(entry(j))
			switch {
			case ok && !bytes.Equal(e, entry(j)):
				t.Fatalf("%d is found as %x", j, e)
			case !ok && i-j < limit, ok && i-j >= limit+mimi.RecentBlock:
				t.Fatalf("after %d, is %d remembered: %t", i, j, ok)
			}
		}
		if r.Len() > limit+mimi.RecentBlock {
			t.Fatalf("%d are remembered", r.Len())
		}
	}
	change := mls.Parts{Set: map[string][]byte{}}
	mimi.Recent{}.With(limit, entry(999)).Parts(&change, prefix, stored) // another history with the same numbers
	if len(change.Set) != 1 {
		t.Errorf("another history changes %d parts", len(change.Set))
	}
	change = mls.Parts{Set: map[string][]byte{}}
	r.Parts(&change, prefix, r)
	if len(change.Set)+len(change.Drop) > 0 {
		t.Errorf("nothing is new, but %v %v", change.Set, change.Drop)
	}
	if _, err := mimi.LoadRecent(map[string][]byte{"m.x": nil}, prefix); err == nil {
		t.Error("a block without number is loaded")
	}
	if _, err := mimi.LoadRecent(map[string][]byte{"m.1": {5, 1}}, prefix); err == nil {
		t.Error("a cut block is loaded")
	}
}
