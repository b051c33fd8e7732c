package storetest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	"anteroom/store"
)

// testModel does the same random things to the store and to the model and compares what they answer.
func testModel(t *testing.T, p Place) {
	for seed := range uint64(3) {
		s, model := p.open(t), p.Model()
		rng := rand.New(rand.NewPCG(seed, 1))
		room := fmt.Sprint("room ", seed)
		f, mf := claim(t, s, room), claim(t, model, room)
		ids := 0
		for step := range 120 {
			what := fmt.Sprintf("seed %d, step %d", seed, step)
			if rng.IntN(40) == 0 {
				tomb := []byte("tomb")[:4*rng.IntN(2)]
				want(t, what+": delete", s.Delete(t.Context(), room, f, tomb), model.Delete(t.Context(), room, mf, tomb))
			}
			var seq, snap store.Seq
			if r, err := model.Load(t.Context(), room); err == nil {
				seq, snap = r.Seq, r.SnapshotSeq
			}
			b := randomBatch(rng, room, seq, snap, &ids)
			mb := b
			b.Fence, mb.Fence = f, mf
			got, expect := s.Write(t.Context(), b), model.Write(t.Context(), mb)
			if !errors.Is(got, expect) && !sameKind(got, expect) {
				t.Fatalf("%s: write: %v, want %v", what, got, expect)
			}
			compare(t, what, rng, s, model, room, ids)
			if t.Failed() {
				return
			}
		}
		s.Close()
	}
}

func sameKind(got, want error) bool {
	for _, kind := range []error{store.ErrInvalid, store.ErrConflict, store.ErrNotFound} {
		if errors.Is(want, kind) {
			return errors.Is(got, kind)
		}
	}
	return got == want
}

func randomBatch(rng *rand.Rand, room string, seq, snap store.Seq, ids *int) store.Batch {
	b := store.Batch{Room: room, Seq: seq, SetSecrets: map[string][]byte{}}
	if rng.IntN(15) == 0 {
		b.Seq += store.Seq(rng.IntN(3))
	}
	for range rng.IntN(4) {
		b.Events = append(b.Events, fmt.Append(nil, "event ", rng.IntN(1000)))
	}
	if end := seq + store.Seq(len(b.Events)); rng.IntN(6) == 0 {
		b.SnapshotSeq = end - store.Seq(rng.IntN(int(min(end-snap+2, end)+1)))
		b.Snapshot = fmt.Append(nil, "snapshot ", b.SnapshotSeq)
		b.Sent = b.SnapshotSeq
	}
	for range rng.IntN(3) {
		b.SetSecrets[fmt.Sprint("part ", rng.IntN(5))] = fmt.Append(nil, rng.IntN(1000))
		b.DropSecrets = append(b.DropSecrets, fmt.Sprint("part ", rng.IntN(5)))
	}
	id := uint64(rng.IntN(5) + 1)
	for range rng.IntN(3) {
		b.Outbox = append(b.Outbox, store.OutboxEntry{ID: id, Body: fmt.Append(nil, "body ", id)})
		b.OutboxDone = append(b.OutboxDone, uint64(rng.IntN(60)))
		id += uint64(rng.IntN(30) + 1)
	}
	for range rng.IntN(4) {
		*ids++
		b.Archive = append(b.Archive, store.ArchiveEntry{ID: fmt.Sprint("m", *ids-rng.IntN(12)/11), Time: at(*ids + rng.IntN(5)), Sender: "s", Body: fmt.Append(nil, *ids)})
	}
	if rng.IntN(4) == 0 {
		b.Redact = []store.Redaction{{ID: fmt.Sprint("m", rng.IntN(*ids+1)), Body: []byte("redacted")}}
	}
	if rng.IntN(12) == 0 {
		b.ArchiveBefore = at(*ids - rng.IntN(12))
	}
	return b
}

func compare(t *testing.T, what string, rng *rand.Rand, s, model store.Store, room string, ids int) {
	t.Helper()
	got, err := s.Load(t.Context(), room)
	expect, merr := model.Load(t.Context(), room)
	if !sameKind(err, merr) {
		t.Fatalf("%s: load: %v, want %v", what, err, merr)
	}
	if err == nil {
		if len(got.Outbox)+len(expect.Outbox) == 0 {
			got.Outbox, expect.Outbox = nil, nil
		}
		if len(got.Events)+len(expect.Events) == 0 {
			got.Events, expect.Events = nil, nil
		}
		want(t, what+": room", got, expect)
	}
	q := store.ArchiveQuery{Limit: rng.IntN(6), Newest: rng.IntN(2) == 0}
	if rng.IntN(2) == 0 {
		q.Since = at(rng.IntN(ids + 6))
	}
	if rng.IntN(2) == 0 {
		q.Until = at(rng.IntN(ids + 6))
	}
	if rng.IntN(3) == 0 {
		q.After = fmt.Sprint("m", ids-rng.IntN(ids+2)/2)
	}
	if rng.IntN(3) == 0 {
		q.Before = fmt.Sprint("m", ids-rng.IntN(ids+2)/2)
	}
	page, err := s.Archive(t.Context(), room, q)
	mpage, merr := model.Archive(t.Context(), room, q)
	if !sameKind(err, merr) {
		t.Fatalf("%s: archive: %v, want %v", what, err, merr)
	}
	want(t, fmt.Sprintf("%s: archive %+v", what, q), page, mpage)
}
