// Package boltstore keeps rooms and records in one bbolt file, durable when a write returns (a transaction ends with
// fsync). One process at a time has the file open; leases are therefore granted to whoever asks, and only the fences
// keep an earlier claimant of the same process from writing.
//
// What is replaced or deleted stays in free pages of the file until bbolt writes over them; what is secret is sealed
// there as well (store.Seal). A damaged file is store.ErrCorrupt where its damage is met, and ends no process. Not implemented: shrinking the file.
//
// Layout, version 1: bucket meta (schema, generation); bucket rooms with a bucket per room, see room.go; bucket
// tombstones; bucket records with a bucket per record bucket, values led by their version.
package boltstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"anteroom/store"
)

const (
	schema      = "1"
	lockTimeout = 500 * time.Millisecond // how long a second process waits before it is told
)

var (
	bucketMeta    = []byte("meta")
	bucketRooms   = []byte("rooms")
	bucketTombs   = []byte("tombstones")
	bucketRecords = []byte("records")
	keySchema     = []byte("schema")
	keyGeneration = []byte("generation")
)

// ErrInUse: another process has the file open.
var ErrInUse = errors.New("boltstore: another process has the file open")

// Store is a store.Store in a file.
type Store struct {
	db *bbolt.DB

	// mu is held by Claim, and by a write of a room until it is committed: after a Claim no earlier write is under way.
	mu     sync.Mutex
	fence  store.Fence // the last one given out: generation of the file (32 bits), counter (32 bits)
	leases map[store.Lease]store.Fence
}

// Path returns the file that a bolt: URL names: bolt:///absolute/path or bolt:relative/path.
func Path(rawURL string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return "", errors.New("boltstore: the store URL cannot be parsed")
	}
	if u.Scheme != "bolt" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", fmt.Errorf("boltstore: %s is not of the form bolt:///absolute/path or bolt:relative/path", u.Redacted())
	}
	if u.Host != "" && u.Host != "." && u.Host != ".." {
		return "", fmt.Errorf("boltstore: %s has a host: write bolt:///absolute/path or bolt:relative/path", rawURL)
	}
	path := u.Host + u.Path
	if u.Opaque != "" {
		if path, err = url.PathUnescape(u.Opaque); err != nil {
			return "", fmt.Errorf("boltstore: %s: %w", rawURL, err)
		}
	}
	if path == "" || path[len(path)-1] == '/' {
		return "", fmt.Errorf("boltstore: %s names no file", rawURL)
	}
	return path, nil
}

// Open opens the file, or creates it with mode 0600. ErrInUse: another process has it open. A file that others than
// its owner may read is refused.
func Open(path string) (*Store, error) {
	info, err := os.Stat(path)
	created := errors.Is(err, fs.ErrNotExist)
	switch {
	case err != nil && !created:
		return nil, fmt.Errorf("boltstore: %w", err)
	case err == nil && info.IsDir():
		return nil, fmt.Errorf("boltstore: %s is a directory: name a file in it", path)
	case err == nil && info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("boltstore: %s has mode %04o: others may read it; set it to 0600", path, info.Mode().Perm())
	}
	var db *bbolt.DB
	err = undamaged(func() error {
		db, err = bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
		return err
	})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil, fmt.Errorf("%w: %s", ErrInUse, path)
	}
	if err != nil {
		return nil, fmt.Errorf("boltstore: open %s: %w", path, err)
	}
	s := &Store{db: db, leases: make(map[store.Lease]store.Fence)}
	if err := s.update(context.Background(), s.begin); err != nil {
		return nil, errors.Join(fmt.Errorf("boltstore: %s: %w", path, err), db.Close())
	}
	if created {
		if err := syncDir(filepath.Dir(path)); err != nil {
			return nil, errors.Join(fmt.Errorf("boltstore: %w", err), db.Close())
		}
	}
	return s, nil
}

// begin creates the buckets, checks the schema and counts this opening, so that fences grow from one to the next.
func (s *Store) begin(tx *bbolt.Tx) error {
	if info, err := os.Stat(s.db.Path()); err != nil || info.Size() < tx.Size() {
		return errors.Join(fmt.Errorf("%w: the file is cut off: %d bytes are needed", store.ErrCorrupt, tx.Size()), err)
	}
	meta, err := tx.CreateBucketIfNotExists(bucketMeta)
	if err != nil {
		return err
	}
	for _, name := range [][]byte{bucketRooms, bucketTombs, bucketRecords} {
		if _, err := tx.CreateBucketIfNotExists(name); err != nil {
			return err
		}
	}
	switch have := meta.Get(keySchema); {
	case have == nil:
		if err := meta.Put(keySchema, []byte(schema)); err != nil {
			return err
		}
	case string(have) != schema:
		return fmt.Errorf("schema %q; this program reads %q", have, schema)
	}
	generation := number(meta.Get(keyGeneration)) + 1
	s.fence = store.Fence(generation << 32)
	return meta.Put(keyGeneration, bytesOf(generation))
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Claim implements store.Store; it always grants.
func (s *Store) Claim(ctx context.Context, l store.Lease, owner string, ttl time.Duration) (store.Fence, error) {
	if err := errors.Join(store.CheckClaim(l, owner, ttl), ctx.Err()); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fence++
	s.leases[l] = s.fence
	return s.fence, nil
}

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, l store.Lease, owner string, f store.Fence, ttl time.Duration) error {
	if err := errors.Join(store.CheckClaim(l, owner, ttl), ctx.Err()); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.holds(l, f) {
		return store.ErrConflict
	}
	return nil
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, l store.Lease, owner string, f store.Fence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leases[l] == f {
		delete(s.leases, l)
	}
	return ctx.Err()
}

// holds needs mu.
func (s *Store) holds(l store.Lease, f store.Fence) bool {
	return f != 0 && s.leases[l] == f
}

// Rooms implements store.Store.
func (s *Store) Rooms(ctx context.Context) ([]string, error) {
	rooms := []string{}
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		return tx.Bucket(bucketRooms).ForEach(func(key, _ []byte) error {
			rooms = append(rooms, string(key))
			return nil
		})
	})
	return rooms, err
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	return s.view(ctx, func(*bbolt.Tx) error { return nil })
}

// Close implements store.Store.
func (s *Store) Close() error { return s.db.Close() }

func (s *Store) view(ctx context.Context, do func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return undamaged(func() error { return s.db.View(do) })
}

func (s *Store) update(ctx context.Context, do func(*bbolt.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return undamaged(func() error { return s.db.Update(do) })
}

// undamaged turns what bbolt makes of a damaged file, a panic or an access beyond its end, into an error. bbolt has rolled the transaction back then.
func undamaged(do func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: the file is damaged: %v", store.ErrCorrupt, p)
		}
	}()
	return do()
}

func number(b []byte) uint64 {
	if len(b) < 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func bytesOf(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// clone copies out of a transaction, and never returns nil.
func clone(b []byte) []byte { return append([]byte{}, b...) }
