package boltstore

import (
	"context"
	"errors"

	"go.etcd.io/bbolt"

	"anteroom/store"
)

// A room's bucket holds head (sequence, snapshot's sequence, sent: 8 bytes each), snapshot, and the buckets events (by
// sequence), secrets (by name), outbox (by id), archive (by place) and places (by archive id).
var (
	keyHead       = []byte("head")
	keySnapshot   = []byte("snapshot")
	bucketEvents  = []byte("events")
	bucketSecrets = []byte("secrets")
	bucketOutbox  = []byte("outbox")
	bucketArchive = []byte("archive")
	bucketPlaces  = []byte("places")
)

type head struct {
	seq, snapshot, sent store.Seq
}

const headSize = 3 * 8

func readHead(b *bbolt.Bucket) head {
	raw := b.Get(keyHead)
	if len(raw) != headSize {
		return head{}
	}
	return head{store.Seq(number(raw)), store.Seq(number(raw[8:])), store.Seq(number(raw[16:]))}
}

func (h head) bytes() []byte {
	out := append(bytesOf(uint64(h.seq)), bytesOf(uint64(h.snapshot))...)
	return append(out, bytesOf(uint64(h.sent))...)
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, key string) (*store.Room, error) {
	if err := store.CheckRoom(key); err != nil {
		return nil, err
	}
	r := &store.Room{Secrets: make(map[string][]byte)}
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		if tomb := tx.Bucket(bucketTombs).Get([]byte(key)); tomb != nil {
			r.Tombstone = clone(tomb)
			return nil
		}
		b := tx.Bucket(bucketRooms).Bucket([]byte(key))
		if b == nil {
			return store.ErrNotFound
		}
		return read(b, r)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

func read(b *bbolt.Bucket, r *store.Room) error {
	h := readHead(b)
	if len(b.Get(keyHead)) != headSize || h.snapshot > h.seq {
		return store.ErrCorrupt
	}
	r.Seq, r.SnapshotSeq, r.Sent = h.seq, h.snapshot, h.sent
	if snapshot := b.Get(keySnapshot); snapshot != nil {
		r.Snapshot = clone(snapshot)
	}
	r.Events = [][]byte{}
	each(b.Bucket(bucketEvents), func(_, event []byte) { r.Events = append(r.Events, clone(event)) })
	each(b.Bucket(bucketSecrets), func(name, part []byte) { r.Secrets[string(name)] = clone(part) })
	each(b.Bucket(bucketOutbox), func(id, body []byte) {
		r.Outbox = append(r.Outbox, store.OutboxEntry{ID: number(id), Body: clone(body)})
	})
	if store.Seq(len(r.Events)) != h.seq-h.snapshot {
		return store.ErrCorrupt
	}
	return nil
}

// each goes through a bucket, which may be missing.
func each(b *bbolt.Bucket, f func(key, value []byte)) {
	if b == nil {
		return
	}
	c := b.Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		f(k, v)
	}
}

// Write implements store.Store.
func (s *Store) Write(ctx context.Context, b store.Batch) error {
	return s.WriteAll(ctx, []store.Batch{b})[0]
}

// WriteAll implements store.Store: one transaction for all batches. Where the file is damaged each is written by itself, so that the rooms that are whole
// do not share the trouble of one that is not.
func (s *Store) WriteAll(ctx context.Context, batches []store.Batch) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := s.writeTogether(ctx, batches)
	if len(batches) == 1 {
		return errs
	}
	for i := range batches {
		if errors.Is(errs[i], store.ErrCorrupt) {
			errs[i] = s.writeTogether(ctx, batches[i:i+1])[0]
		}
	}
	return errs
}

// writeTogether is one transaction. It needs mu.
func (s *Store) writeTogether(ctx context.Context, batches []store.Batch) []error {
	errs := store.CheckAll(batches)
	refused := make([]error, len(batches))
	err := s.update(ctx, func(tx *bbolt.Tx) error {
		for i := range batches {
			if errs[i] != nil {
				continue
			}
			if refused[i] = s.check(tx, &batches[i]); refused[i] != nil {
				continue
			}
			if err := apply(tx, &batches[i]); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range batches {
		if errs[i] == nil {
			if errs[i] = refused[i]; errs[i] == nil {
				errs[i] = err
			}
		}
	}
	return errs
}

// check compares a batch with its room and writes nothing. It needs mu.
func (s *Store) check(tx *bbolt.Tx, b *store.Batch) error {
	if !s.holds(store.RoomLease(b.Room), b.Fence) {
		return store.ErrConflict
	}
	room := tx.Bucket(bucketRooms).Bucket([]byte(b.Room))
	if room == nil {
		if b.Seq != 0 {
			return store.ErrConflict
		}
		return nil
	}
	h := readHead(room)
	if h.seq != b.Seq {
		return store.ErrConflict
	}
	if b.Snapshot != nil && b.SnapshotSeq < h.snapshot {
		return store.ErrSnapshotOrder
	}
	if outbox := room.Bucket(bucketOutbox); outbox != nil {
		for _, e := range b.Outbox {
			if outbox.Get(bytesOf(e.ID)) != nil {
				return store.ErrOutboxID
			}
		}
	}
	if places := room.Bucket(bucketPlaces); places != nil {
		for _, e := range b.Archive {
			if places.Get([]byte(e.ID)) != nil {
				return store.ErrArchiveID
			}
		}
	}
	return nil
}

// apply writes a checked batch.
func apply(tx *bbolt.Tx, b *store.Batch) error {
	if err := tx.Bucket(bucketTombs).Delete([]byte(b.Room)); err != nil {
		return err
	}
	room, err := tx.Bucket(bucketRooms).CreateBucketIfNotExists([]byte(b.Room))
	if err != nil {
		return err
	}
	for _, part := range []func(*bbolt.Bucket, *store.Batch) error{applyLog, applySecrets, applyOutbox, applyArchive} {
		if err := part(room, b); err != nil {
			return err
		}
	}
	return nil
}

func applyLog(room *bbolt.Bucket, b *store.Batch) error {
	h := readHead(room)
	if len(b.Events) > 0 {
		events, err := room.CreateBucketIfNotExists(bucketEvents)
		if err != nil {
			return err
		}
		events.FillPercent = 0.9 // keys ascend
		for _, event := range b.Events {
			h.seq++
			if err := events.Put(bytesOf(uint64(h.seq)), event); err != nil {
				return err
			}
		}
	}
	if b.Snapshot != nil {
		h.snapshot = b.SnapshotSeq
		if err := room.Put(keySnapshot, b.Snapshot); err != nil {
			return err
		}
		if err := forget(room.Bucket(bucketEvents), func(key, _ []byte) bool { return number(key) <= uint64(h.snapshot) }); err != nil {
			return err
		}
	}
	h.sent = max(h.sent, b.Sent)
	return room.Put(keyHead, h.bytes())
}

// forget deletes from the beginning of a bucket what old says; the bucket may be missing.
func forget(b *bbolt.Bucket, old func(key, value []byte) bool) error {
	if b == nil {
		return nil
	}
	var keys [][]byte
	c := b.Cursor()
	for k, v := c.First(); k != nil && old(k, v); k, v = c.Next() {
		keys = append(keys, clone(k))
	}
	for _, k := range keys {
		if err := b.Delete(k); err != nil {
			return err
		}
	}
	return nil
}

func applySecrets(room *bbolt.Bucket, b *store.Batch) error {
	if len(b.SetSecrets)+len(b.DropSecrets) == 0 {
		return nil
	}
	secrets, err := room.CreateBucketIfNotExists(bucketSecrets)
	if err != nil {
		return err
	}
	for _, name := range b.DropSecrets {
		if err := secrets.Delete([]byte(name)); err != nil {
			return err
		}
	}
	for name, part := range b.SetSecrets {
		if err := secrets.Put([]byte(name), part); err != nil {
			return err
		}
	}
	return nil
}

func applyOutbox(room *bbolt.Bucket, b *store.Batch) error {
	if len(b.Outbox)+len(b.OutboxDone) == 0 {
		return nil
	}
	outbox, err := room.CreateBucketIfNotExists(bucketOutbox)
	if err != nil {
		return err
	}
	for _, id := range b.OutboxDone {
		if err := outbox.Delete(bytesOf(id)); err != nil {
			return err
		}
	}
	for _, e := range b.Outbox {
		if err := outbox.Put(bytesOf(e.ID), e.Body); err != nil {
			return err
		}
	}
	return nil
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string, f store.Fence, tombstone []byte) error {
	if err := store.CheckDelete(key, f, tombstone); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.update(ctx, func(tx *bbolt.Tx) error {
		if !s.holds(store.RoomLease(key), f) {
			return store.ErrConflict
		}
		if rooms := tx.Bucket(bucketRooms); rooms.Bucket([]byte(key)) != nil {
			if err := rooms.DeleteBucket([]byte(key)); err != nil {
				return err
			}
		}
		if len(tombstone) > 0 {
			return tx.Bucket(bucketTombs).Put([]byte(key), tombstone)
		}
		return tx.Bucket(bucketTombs).Delete([]byte(key))
	})
}
