package memstore

import (
	"bytes"
	"slices"

	"anteroom/store"
)

// apply checks a batch against its room and then changes the room; it changes nothing when it returns an error.
func (s *Store) apply(b *store.Batch) error {
	if s.leases[store.RoomLease(b.Room)].fence != b.Fence {
		return store.ErrConflict
	}
	r, ok := s.rooms[b.Room]
	if !ok {
		r = &room{Room: store.Room{Secrets: make(map[string][]byte)}, ids: make(map[string]bool)}
	}
	if r.Seq != b.Seq {
		return store.ErrConflict
	}
	if err := r.check(b); err != nil {
		return err
	}
	r.append(b)
	r.replace(b)
	r.keep(b)
	s.rooms[b.Room] = r
	delete(s.tombs, b.Room)
	return nil
}

func (r *room) check(b *store.Batch) error {
	if b.Snapshot != nil && b.SnapshotSeq < r.SnapshotSeq {
		return store.ErrSnapshotOrder
	}
	for _, e := range b.Outbox {
		if slices.ContainsFunc(r.Outbox, func(have store.OutboxEntry) bool { return have.ID == e.ID }) {
			return store.ErrOutboxID
		}
	}
	for _, e := range b.Archive {
		if r.ids[e.ID] {
			return store.ErrArchiveID
		}
	}
	return nil
}

// append adds the events and lets a snapshot take the place of old ones.
func (r *room) append(b *store.Batch) {
	r.Events = append(r.Events, cloneAll(b.Events)...)
	r.Seq += store.Seq(len(b.Events))
	r.Sent = max(r.Sent, b.Sent)
	if b.Snapshot != nil {
		r.Events = slices.Clone(r.Events[b.SnapshotSeq-r.SnapshotSeq:])
		r.Snapshot, r.SnapshotSeq = bytes.Clone(b.Snapshot), b.SnapshotSeq
	}
}

// replace changes secret parts and the outbox.
func (r *room) replace(b *store.Batch) {
	for _, name := range b.DropSecrets {
		delete(r.Secrets, name)
	}
	for name, part := range b.SetSecrets {
		r.Secrets[name] = clone(part)
	}
	r.Outbox = slices.DeleteFunc(r.Outbox, func(e store.OutboxEntry) bool { return slices.Contains(b.OutboxDone, e.ID) })
	for _, e := range b.Outbox {
		e.Body = clone(e.Body)
		r.Outbox = append(r.Outbox, e)
	}
	slices.SortFunc(r.Outbox, func(x, y store.OutboxEntry) int {
		if x.ID < y.ID {
			return -1
		}
		return 1
	})
}

// keep changes the archive.
func (r *room) keep(b *store.Batch) {
	for _, e := range b.Archive {
		order := store.Micros(e.Time)
		if n := len(r.archive); n > 0 {
			order = max(order, r.archive[n-1].order)
		}
		e.Body = clone(e.Body)
		e.Time = store.Canonical(e.Time)
		r.archive = append(r.archive, entry{e, order})
		r.ids[e.ID] = true
	}
	for _, red := range b.Redact {
		for i := range r.archive {
			if r.archive[i].ID == red.ID {
				r.archive[i].Body = clone(red.Body)
			}
		}
	}
	if !b.ArchiveBefore.IsZero() {
		before := store.Micros(b.ArchiveBefore)
		kept := slices.IndexFunc(r.archive, func(e entry) bool { return e.order >= before })
		if kept < 0 {
			kept = len(r.archive)
		}
		for _, e := range r.archive[:kept] {
			delete(r.ids, e.ID)
		}
		r.archive = slices.Clone(r.archive[kept:])
	}
}
