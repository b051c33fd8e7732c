package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"anteroom/store"
)

// CrashRooms is how many rooms WriteForever writes.
const CrashRooms = 3

const (
	crashEvents   = 3 // of each batch
	crashSnapshot = 5 // batches from one snapshot to the next
)

func crashRoom(i int) string { return fmt.Sprint("crash ", i) }

// WriteForever writes batches to rooms, going on from what is there, until a write fails; it returns that error.
// After each round acked is told how many batches every room has for certain. The content of a room follows from the
// number of its batches, so that CheckCrash can tell whether it is whole.
func WriteForever(ctx context.Context, s store.Store, acked func(batches int)) error {
	fences := make([]store.Fence, CrashRooms)
	done := make([]int, CrashRooms)
	for i := range CrashRooms {
		var err error
		if fences[i], err = s.Claim(ctx, store.RoomLease(crashRoom(i)), owner, ttl); err != nil {
			return err
		}
		r, err := s.Load(ctx, crashRoom(i))
		if err == nil {
			done[i] = int(r.Seq) / crashEvents
		} else if !errors.Is(err, store.ErrNotFound) {
			return err
		}
	}
	for {
		batches := make([]store.Batch, CrashRooms)
		least := done[0]
		for i := range batches {
			batches[i] = crashBatch(i, done[i], fences[i])
			done[i]++
			least = min(least, done[i]-1)
		}
		if err := errors.Join(s.WriteAll(ctx, batches)...); err != nil {
			return err
		}
		acked(least + 1)
	}
}

// crashBatch is batch n, from 0, of a room.
func crashBatch(room, n int, f store.Fence) store.Batch {
	b := store.Batch{
		Room: crashRoom(room), Fence: f, Seq: store.Seq(n * crashEvents), Sent: store.Seq(n * crashEvents),
		SetSecrets: map[string][]byte{"batch": fmt.Append(nil, n), fmt.Sprint("batch ", n%2): fmt.Append(nil, n)},
		Outbox:     []store.OutboxEntry{{ID: uint64(n + 1), Body: fmt.Append(nil, n)}},
		OutboxDone: []uint64{uint64(n)},
		Archive:    []store.ArchiveEntry{{ID: fmt.Sprint(n), Time: at(n), Body: fmt.Append(nil, n)}},
	}
	for i := range crashEvents {
		b.Events = append(b.Events, crashEvent(n*crashEvents+i))
	}
	if n%crashSnapshot == crashSnapshot-1 {
		b.SnapshotSeq = b.Seq + crashEvents
		b.Snapshot = fmt.Append(nil, "all to ", b.SnapshotSeq)
	}
	return b
}

func crashEvent(i int) []byte { return fmt.Append(nil, "event ", i) }

// CheckCrash checks that every room is what some number of whole batches makes of it, at least as many as said.
// It returns the least number found.
func CheckCrash(t testing.TB, s store.Store, acked int) int {
	t.Helper()
	least := -1
	for i := range CrashRooms {
		n := 0
		r, err := s.Load(t.Context(), crashRoom(i))
		if !errors.Is(err, store.ErrNotFound) || acked > 0 {
			if err != nil {
				t.Fatalf("load: %v", err)
			}
			n = checkCrashRoom(t, s, i, r)
		}
		if n < acked {
			t.Errorf("room %d has %d batches of %d that were acknowledged", i, n, acked)
		}
		if least < 0 || n < least {
			least = n
		}
	}
	return least
}

func checkCrashRoom(t testing.TB, s store.Store, room int, r *store.Room) (batches int) {
	t.Helper()
	n := int(r.Seq) / crashEvents
	last := crashBatch(room, n-1, 0)
	expect := &store.Room{
		Seq: store.Seq(n * crashEvents), Sent: last.Seq, Outbox: last.Outbox, Events: [][]byte{},
		Secrets: map[string][]byte{"batch": last.SetSecrets["batch"]},
	}
	for m := max(n-2, 0); m < n; m++ {
		expect.Secrets[fmt.Sprint("batch ", m%2)] = fmt.Append(nil, m)
	}
	if whole := n - n%crashSnapshot; whole > 0 {
		expect.Snapshot, expect.SnapshotSeq = crashBatch(room, whole-1, 0).Snapshot, store.Seq(whole*crashEvents)
	}
	for i := int(expect.SnapshotSeq); i < n*crashEvents; i++ {
		expect.Events = append(expect.Events, crashEvent(i))
	}
	want(t, fmt.Sprintf("room %d", room), r, expect)
	page, err := s.Archive(t.Context(), crashRoom(room), store.ArchiveQuery{Limit: 1, Newest: true})
	want(t, fmt.Sprintf("room %d: archive", room), page, store.ArchivePage{
		Entries: last.Archive, Index: uint64(n - 1), Total: uint64(n), Complete: n == 1,
	})
	want(t, "archive error", err, nil)
	return n
}
