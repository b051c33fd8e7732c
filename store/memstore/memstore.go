// Package memstore keeps rooms and records in memory, for tests: every write can be made to fail before or after it
// took effect. Nothing outlives the Store value, but the value outlives Close, so that a test restarts a gateway on it.
//
// Leases are real, on time.Now, which a testing/synctest bubble replaces. Safe for concurrent use.
package memstore

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"anteroom/store"
)

// Store is a store.Store in memory.
type Store struct {
	mu       sync.Mutex
	rooms    map[string]*room
	tombs    map[string][]byte
	leases   map[store.Lease]lease
	fence    store.Fence
	buckets  map[string]map[string]store.Record
	version  store.Version
	writes   uint64
	injected map[uint64]Fault
	hook     func(write uint64) Fault
}

type room struct {
	store.Room
	archive []entry
	ids     map[string]bool // of the archive
}

type entry struct {
	store.ArchiveEntry
	order int64 // microseconds, never less than the entry before
}

type lease struct {
	owner   string
	fence   store.Fence
	expires time.Time
}

// New returns an empty store.
func New() *Store {
	return &Store{
		rooms:    make(map[string]*room),
		tombs:    make(map[string][]byte),
		leases:   make(map[store.Lease]lease),
		buckets:  make(map[string]map[string]store.Record),
		injected: make(map[uint64]Fault),
	}
}

// Rooms implements store.Store.
func (s *Store) Rooms(ctx context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Sorted(maps.Keys(s.rooms)), ctx.Err()
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, key string) (*store.Room, error) {
	if err := store.CheckRoom(key); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if tomb, ok := s.tombs[key]; ok {
		return &store.Room{Tombstone: bytes.Clone(tomb), Secrets: map[string][]byte{}}, ctx.Err()
	}
	r, ok := s.rooms[key]
	if !ok {
		return nil, store.ErrNotFound
	}
	out := r.Room
	out.Snapshot = bytes.Clone(r.Snapshot)
	out.Events = cloneAll(r.Events)
	out.Secrets = make(map[string][]byte, len(r.Secrets))
	for name, part := range r.Secrets {
		out.Secrets[name] = clone(part)
	}
	out.Outbox = slices.Clone(r.Outbox)
	for i := range out.Outbox {
		out.Outbox[i].Body = clone(out.Outbox[i].Body)
	}
	return &out, ctx.Err()
}

// Write implements store.Store.
func (s *Store) Write(ctx context.Context, b store.Batch) error {
	return s.WriteAll(ctx, []store.Batch{b})[0]
}

// WriteAll implements store.Store. Every batch counts as one write.
func (s *Store) WriteAll(ctx context.Context, batches []store.Batch) []error {
	errs := store.CheckAll(batches)
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range batches {
		if errs[i] == nil {
			errs[i] = s.write(ctx, func() error { return s.apply(&batches[i]) })
		}
	}
	return errs
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, key string, f store.Fence, tombstone []byte) error {
	if err := store.CheckDelete(key, f, tombstone); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(ctx, func() error {
		if s.leases[store.RoomLease(key)].fence != f {
			return store.ErrConflict
		}
		delete(s.rooms, key)
		delete(s.tombs, key)
		if len(tombstone) > 0 {
			s.tombs[key] = bytes.Clone(tombstone)
		}
		return nil
	})
}

// Archive implements store.Store.
func (s *Store) Archive(ctx context.Context, key string, q store.ArchiveQuery) (store.ArchivePage, error) {
	if err := store.CheckArchive(key, q); err != nil {
		return store.ArchivePage{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []entry
	if r, ok := s.rooms[key]; ok {
		all = r.archive
	}
	sel, err := q.Select(0, uint64(len(all)),
		func(place uint64) (int64, error) { return all[place].order, nil },
		func(id string) (uint64, error) {
			i := slices.IndexFunc(all, func(e entry) bool { return e.ID == id })
			if i < 0 {
				return 0, store.ErrNotFound
			}
			return uint64(i), nil
		})
	if err != nil {
		return store.ArchivePage{}, err
	}
	page := store.ArchivePage{Index: sel.Index, Total: sel.Total, Complete: sel.Complete}
	for _, e := range all[sel.From:sel.To] {
		e.Body = clone(e.Body)
		page.Entries = append(page.Entries, e.ArchiveEntry)
	}
	return page, ctx.Err()
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, bucket, key string) (store.Record, error) {
	if err := store.CheckGet(bucket, key); err != nil {
		return store.Record{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	rec, ok := s.buckets[bucket][key]
	if !ok {
		return store.Record{}, store.ErrNotFound
	}
	rec.Value = clone(rec.Value)
	return rec, ctx.Err()
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, bucket string, changes ...store.Change) error {
	if err := store.CheckUpdate(bucket, changes); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.write(ctx, func() error {
		records := s.buckets[bucket]
		for _, c := range changes {
			rec, ok := records[c.Key]
			if !c.Holds(rec.Version, ok) {
				return store.ErrConflict
			}
		}
		if records == nil {
			records = make(map[string]store.Record)
			s.buckets[bucket] = records
		}
		for _, c := range changes {
			if c.Value == nil {
				delete(records, c.Key)
				continue
			}
			s.version++
			records[c.Key] = store.Record{Key: c.Key, Value: bytes.Clone(c.Value), Version: s.version}
		}
		return nil
	})
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, bucket, prefix, after string, limit int) ([]store.Record, error) {
	if err := store.CheckList(bucket, prefix, after, limit); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []store.Record
	for _, key := range slices.Sorted(maps.Keys(s.buckets[bucket])) {
		if key <= after || !strings.HasPrefix(key, prefix) {
			continue
		}
		rec := s.buckets[bucket][key]
		rec.Value = clone(rec.Value)
		if out = append(out, rec); len(out) == limit {
			break
		}
	}
	return out, ctx.Err()
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error { return ctx.Err() }

// Close implements store.Store; it does nothing.
func (s *Store) Close() error { return nil }

// clone copies, and never returns nil.
func clone(b []byte) []byte { return append([]byte{}, b...) }

func cloneAll(list [][]byte) [][]byte {
	out := make([][]byte, len(list))
	for i, b := range list {
		out[i] = clone(b)
	}
	return out
}
