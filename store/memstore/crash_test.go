package memstore_test

import (
	"context"
	"errors"
	"testing"

	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/store/storetest"
)

// TestFaultsInSequence stops the crash writer before and after each of its first writes and checks what is left.
func TestFaultsInSequence(t *testing.T) {
	for n := 1; n <= 3*storetest.CrashRooms*3; n++ {
		for _, inject := range []func(*memstore.Store, int){(*memstore.Store).FailBefore, (*memstore.Store).FailAfter} {
			s := memstore.New()
			inject(s, n)
			acked := writeUntilFault(t, s)
			storetest.CheckCrash(t, s, acked)
			inject(s, storetest.CrashRooms)
			acked = writeUntilFault(t, s)
			storetest.CheckCrash(t, s, acked)
		}
	}
}

func writeUntilFault(t *testing.T, s store.Store) (acked int) {
	t.Helper()
	err := storetest.WriteForever(t.Context(), s, func(batches int) { acked = batches })
	if !errors.Is(err, memstore.ErrInjected) {
		t.Fatalf("writer: %v", err)
	}
	return acked
}

// silent notes errors in place of failing the test.
type silent struct {
	testing.TB
	failed bool
}

func (s *silent) Errorf(string, ...any) { s.failed = true }
func (s *silent) Helper()               {}

// lossy gives out rooms as a store would that tore or lost a batch.
type lossy struct {
	store.Store
	spoil func(*store.Room)
}

func (l lossy) Load(ctx context.Context, room string) (*store.Room, error) {
	r, err := l.Store.Load(ctx, room)
	if err == nil {
		l.spoil(r)
	}
	return r, err
}

// TestCrashCheckFails is the control of CheckCrash: it must notice every kind of damage.
func TestCrashCheckFails(t *testing.T) {
	s := memstore.New()
	s.FailBefore(7*storetest.CrashRooms + 1)
	acked := writeUntilFault(t, s)
	for _, c := range []struct {
		why   string
		fine  bool
		acked int
		spoil func(*store.Room)
	}{
		{"nothing", true, acked, func(*store.Room) {}},
		{"a lost acknowledgement", false, acked + 1, func(*store.Room) {}},
		{"a lost event", false, acked, func(r *store.Room) { r.Events = r.Events[1:] }},
		{"an event of another batch", false, acked, func(r *store.Room) { r.Events[0] = r.Events[1] }},
		{"a secret part not replaced", false, acked, func(r *store.Room) { r.Secrets["batch"] = []byte("5") }},
		{"a secret part missing", false, acked, func(r *store.Room) { delete(r.Secrets, "batch 1") }},
		{"an outbox entry not forgotten", false, acked, func(r *store.Room) { r.Outbox = append(r.Outbox, r.Outbox...) }},
		{"a snapshot missing", false, acked, func(r *store.Room) { r.Snapshot = nil }},
		{"Sent missing", false, acked, func(r *store.Room) { r.Sent = 0 }},
	} {
		tb := &silent{TB: t}
		storetest.CheckCrash(tb, lossy{s, c.spoil}, c.acked)
		if tb.failed == c.fine {
			t.Errorf("%s: noticed: %v", c.why, tb.failed)
		}
	}
}
