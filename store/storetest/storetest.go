// Package storetest holds the contract of store.Store as tests that every backend runs, bare and sealed. It imports
// testing and is for tests only.
package storetest

import (
	"context"
	"fmt"
	"reflect"
	"testing"
	"time"

	"anteroom/store"
)

// Place is somewhere a store can be opened, again and again, finding what was there.
type Place struct {
	Open   func(t *testing.T) store.Store // closed by the test or by its end
	Shared bool                           // several owners can contend for a lease
	Model  func() store.Store             // an empty memory store to compare with
}

// Run runs the contract. fresh returns an empty place for each call.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	t.Run("bare", func(t *testing.T) { runAll(t, fresh) })
	t.Run("sealed", func(t *testing.T) {
		runAll(t, func(t *testing.T) Place {
			key := store.NewKey()
			inner := fresh(t)
			open := inner.Open
			inner.Open = func(t *testing.T) store.Store {
				s, err := store.Seal(t.Context(), open(t), key)
				if err != nil {
					t.Fatalf("seal: %v", err)
				}
				return s
			}
			return inner
		})
	})
}

func runAll(t *testing.T, fresh func(t *testing.T) Place) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, p Place)
	}{
		{"load gives back what was written", testRoundTrip},
		{"a batch needs the right sequence and fence", testConflict},
		{"a refused batch changes nothing", testRefused},
		{"rules and limits of a batch", testInvalid},
		{"a snapshot stands for events", testSnapshot},
		{"secret parts are replaced and dropped", testSecrets},
		{"outbox keeps order until done", testOutbox},
		{"several rooms in one write", testWriteAll},
		{"memory is not shared", testCopies},
		{"delete leaves at most a tombstone", testDelete},
		{"archive pages", testArchive},
		{"archive redaction and retention", testRedact},
		{"archive with a clock that steps back", testClock},
		{"leases", testLease},
		{"leases between owners", testContention},
		{"leases run out", testExpiry},
		{"records", testRecords},
		{"record conditions", testConditions},
		{"record lists", testList},
		{"strange keys", testKeys},
		{"many items in one batch", testLarge},
		{"a cancelled context", testCancelled},
		{"random batches agree with the model", testModel},
		{"two writers, one claim each", testRace},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

const (
	owner = "gateway-1"
	ttl   = time.Minute
)

// open opens the place and closes it when the test ends.
func (p Place) open(t *testing.T) store.Store {
	t.Helper()
	s := p.Open(t)
	t.Cleanup(func() { s.Close() })
	return s
}

func claim(t *testing.T, s store.Store, room string) store.Fence {
	t.Helper()
	f, err := s.Claim(t.Context(), store.RoomLease(room), owner, ttl)
	if err != nil {
		t.Fatalf("claim %s: %v", room, err)
	}
	return f
}

func write(t *testing.T, s store.Store, b store.Batch) {
	t.Helper()
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatalf("write: %v", err)
	}
}

func load(t *testing.T, s store.Store, room string) *store.Room {
	t.Helper()
	r, err := s.Load(t.Context(), room)
	if err != nil {
		t.Fatalf("load %s: %v", room, err)
	}
	return r
}

func want(t testing.TB, what string, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s:\n got %s\nwant %s", what, show(got), show(want))
	}
}

func show(v any) string {
	if r, ok := v.(*store.Room); ok {
		return fmt.Sprintf("%+v", *r)
	}
	return fmt.Sprintf("%+v", v)
}

func texts(list ...string) [][]byte {
	out := make([][]byte, len(list))
	for i, s := range list {
		out[i] = []byte(s)
	}
	return out
}

func at(second int) time.Time {
	return time.Date(2026, 3, 1, 12, 0, second, 123000, time.UTC)
}

func cancelled() context.Context {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	return ctx
}

// full is a batch that uses every field, for a room that has no events.
func full(room string, f store.Fence) store.Batch {
	return store.Batch{
		Room: room, Fence: f,
		Events:     texts("one", "", "three\x00\xff"),
		SetSecrets: map[string][]byte{"epoch/1": []byte("s1"), "leaf": []byte("s2"), "empty": {}},
		Outbox:     []store.OutboxEntry{{ID: 3, Body: []byte("first")}, {ID: 12, Body: []byte("second")}},
		Archive:    []store.ArchiveEntry{{ID: "m1", Time: at(1), Sender: "juliet", Body: []byte("hello")}},
		Sent:       2,
	}
}

func fullRoom() *store.Room {
	return &store.Room{
		Seq: 3, Events: texts("one", "", "three\x00\xff"),
		Secrets: map[string][]byte{"epoch/1": []byte("s1"), "leaf": []byte("s2"), "empty": {}},
		Outbox:  []store.OutboxEntry{{ID: 3, Body: []byte("first")}, {ID: 12, Body: []byte("second")}},
		Sent:    2,
	}
}
