package boltstore_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"go.etcd.io/bbolt"

	"anteroom/store"
	"anteroom/store/boltstore"
)

const damagedRooms = 8

var files atomic.Int64

// sound is a file with rooms and records, and its bytes.
func sound(t *testing.T) (path string, raw []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "rooms.db")
	s := open(t, path)
	for i := range damagedRooms {
		room := fmt.Sprint("room", i)
		f, err := s.Claim(t.Context(), store.RoomLease(room), "o", store.MaxTTL)
		if err != nil {
			t.Fatal(err)
		}
		err = errors.Join(s.Write(t.Context(), store.Batch{
			Room: room, Fence: f, Events: [][]byte{bytes.Repeat([]byte{1}, 5000), {2}}, SetSecrets: map[string][]byte{"s": make([]byte, 3000)},
			Outbox: []store.OutboxEntry{{ID: 1, Body: make([]byte, 3000)}},
		}), s.Update(t.Context(), "b", store.Change{Key: room, Value: make([]byte, 3000)}))
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, raw
}

// another writes a file beside one: what cannot be opened stays locked as long as the process lives.
func another(t *testing.T, path string, raw []byte) string {
	t.Helper()
	path = filepath.Join(filepath.Dir(path), fmt.Sprint("damaged-", len(raw), "-", files.Add(1)))
	if err := os.WriteFile(path, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// use reads all that a file holds and writes to each room; it returns what went wrong.
func use(t *testing.T, path string) (errs []error) {
	t.Helper()
	s, err := boltstore.Open(path)
	if err != nil {
		return []error{err}
	}
	defer s.Close()
	_, err = s.Rooms(t.Context())
	_, err2 := s.List(t.Context(), "b", "", "", damagedRooms)
	errs = append(errs, err, err2)
	for i := range damagedRooms {
		room := fmt.Sprint("room", i)
		f, err := s.Claim(t.Context(), store.RoomLease(room), "o", store.MaxTTL)
		errs = append(errs, err)
		r, err := s.Load(t.Context(), room)
		if errs = append(errs, err); err != nil {
			r = &store.Room{Seq: 2}
		}
		errs = append(errs, s.Write(t.Context(), store.Batch{Room: room, Fence: f, Seq: r.Seq, Events: [][]byte{{3}}, SetSecrets: map[string][]byte{"s": {1}}}))
	}
	return errs
}

// TestDamagedPages spoils one page after the other: what cannot be read is an error, and no panic, which would end the process with all its rooms.
func TestDamagedPages(t *testing.T) {
	path, raw := sound(t)
	if err := errors.Join(use(t, path)...); err != nil {
		t.Fatalf("the sound file: %v", err)
	}
	size, corrupt := os.Getpagesize(), 0
	for at := 2 * size; at < len(raw); at += size {
		spoiled := bytes.Clone(raw)
		if len(bytes.Trim(spoiled[at:at+size], "\x00")) == 0 {
			continue
		}
		for i := range 64 {
			spoiled[at+i] = byte(0x5a + 37*i)
		}
		for _, err := range use(t, another(t, path, spoiled)) {
			if errors.Is(err, store.ErrCorrupt) {
				corrupt++
			}
		}
	}
	if corrupt == 0 {
		t.Error("no damage was found")
	}
}

// TestDamageIsOfItsRooms: rooms that can be written by themselves are written also together with one that cannot.
func TestDamageIsOfItsRooms(t *testing.T) {
	path, raw := sound(t)
	size, mixed := os.Getpagesize(), 0
	for at := 2 * size; at < len(raw); at += size {
		spoiled := bytes.Clone(raw)
		for i := range 64 {
			spoiled[at+i] = byte(0x5a + 37*i)
		}
		write := func(together bool) (whole map[string]bool) {
			s, err := boltstore.Open(another(t, path, spoiled))
			if err != nil {
				return nil
			}
			defer s.Close()
			whole = map[string]bool{}
			var batches []store.Batch
			for i := range damagedRooms {
				room := fmt.Sprint("room", i)
				f, err := s.Claim(t.Context(), store.RoomLease(room), "o", store.MaxTTL)
				if err != nil {
					t.Fatal(err)
				}
				batches = append(batches, store.Batch{Room: room, Fence: f, Seq: 2, Events: [][]byte{{3}}, SetSecrets: map[string][]byte{"s": {1}}})
			}
			if together {
				for i, err := range s.WriteAll(t.Context(), batches) {
					whole[batches[i].Room] = err == nil
				}
				return whole
			}
			for i := range batches {
				whole[batches[i].Room] = s.Write(t.Context(), batches[i]) == nil
			}
			return whole
		}
		alone, together := write(false), write(true)
		if !maps.Equal(alone, together) {
			t.Errorf("page %d: written alone %v, together %v", at/size, alone, together)
		}
		some := 0
		for _, ok := range together {
			if ok {
				some++
			}
		}
		if some > 0 && some < damagedRooms {
			mixed++
		}
	}
	if mixed == 0 {
		t.Error("no damage was of some rooms only")
	}
}

func TestCutOffFile(t *testing.T) {
	path, raw := sound(t)
	for _, keep := range []int{len(raw) / 2, 4 * os.Getpagesize()} {
		path := another(t, path, raw[:keep])
		if _, err := boltstore.Open(path); !errors.Is(err, store.ErrCorrupt) || !strings.Contains(err.Error(), path) {
			t.Errorf("the first %d of %d bytes: %v", keep, len(raw), err)
		}
	}
}

// TestDamagedHead: numbers that make no sense cost no memory.
func TestDamagedHead(t *testing.T) {
	path, _ := sound(t)
	for name, head := range map[string][]byte{
		"short":                       {1, 2, 3},
		"a snapshot of the future":    binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(make([]byte, 8), 9), 0),
		"more events than are there":  append(binary.BigEndian.AppendUint64(nil, 3), make([]byte, 16)...),
		"events that nobody can hold": append(binary.BigEndian.AppendUint64(nil, 1<<52), make([]byte, 16)...),
	} {
		db, err := bbolt.Open(path, 0o600, nil)
		if err != nil {
			t.Fatal(err)
		}
		err = db.Update(func(tx *bbolt.Tx) error {
			return tx.Bucket([]byte("rooms")).Bucket([]byte("room0")).Put([]byte("head"), head)
		})
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		s := open(t, path)
		if r, err := s.Load(t.Context(), "room0"); !errors.Is(err, store.ErrCorrupt) {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
		s.Close()
	}
}
