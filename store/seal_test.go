package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/store/storetest"
)

func TestSealedInMemory(t *testing.T) {
	storetest.Sealing(t, func(*testing.T) (storetest.Place, func(*testing.T) []byte) {
		s := memstore.New()
		return storetest.Place{Open: func(*testing.T) store.Store { return s }}, func(*testing.T) []byte {
			var all []byte
			s.Each(func(b []byte) { all = append(append(all, b...), '\n') })
			return all
		}
	})
}

func seal(t *testing.T, inner store.Store, k store.Key) store.Store {
	t.Helper()
	s, err := store.Seal(t.Context(), inner, k)
	if err != nil {
		t.Fatalf("seal: %v", err)
	}
	return s
}

func TestWrongKey(t *testing.T) {
	inner := memstore.New()
	right, wrong := store.NewKey(), store.NewKey()
	seal(t, inner, right)
	seal(t, inner, right)
	_, err := store.Seal(t.Context(), inner, wrong)
	if !errors.Is(err, store.ErrWrongKey) {
		t.Fatalf("seal with another key: %v", err)
	}
	for _, id := range []string{right.ID(), wrong.ID()} {
		if !strings.Contains(err.Error(), id) {
			t.Errorf("%q does not name key %s", err, id)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
}

// TestKeyCheckFails: a store that cannot be read or written is not taken for a fresh one.
func TestKeyCheckFails(t *testing.T) {
	inner := memstore.New()
	inner.FailBefore(1)
	if _, err := store.Seal(t.Context(), inner, store.NewKey()); !errors.Is(err, memstore.ErrInjected) {
		t.Errorf("write fails: %v", err)
	}
	if err := inner.Update(t.Context(), "anteroom store", store.Change{Key: "key check", Value: []byte("short")}); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Seal(t.Context(), inner, store.NewKey()); !errors.Is(err, store.ErrCorrupt) {
		t.Errorf("damaged key check: %v", err)
	}
}

func TestKeyDoesNotShow(t *testing.T) {
	k := store.NewKey()
	want := "seal key " + k.ID()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s shows %q", verb, got)
		}
	}
}

// tampered is an inner store that gives out something else than was put in.
type tampered struct {
	store.Store
	room func(*store.Room)
	page func(*store.ArchivePage)
	rec  func(*store.Record)
}

func (s tampered) Load(ctx context.Context, room string) (*store.Room, error) {
	r, err := s.Store.Load(ctx, room)
	if err == nil && s.room != nil {
		s.room(r)
	}
	return r, err
}

func (s tampered) Archive(ctx context.Context, room string, q store.ArchiveQuery) (store.ArchivePage, error) {
	p, err := s.Store.Archive(ctx, room, q)
	if err == nil && s.page != nil {
		s.page(&p)
	}
	return p, err
}

func (s tampered) Get(ctx context.Context, bucket, key string) (store.Record, error) {
	r, err := s.Store.Get(ctx, bucket, key)
	if err == nil && s.rec != nil && bucket == "b" {
		s.rec(&r)
	}
	return r, err
}

// TestTampered: sealed parts open only where they were put, and as they were.
func TestTampered(t *testing.T) {
	const planted = "the planted secret"
	inner, key := memstore.New(), store.NewKey()
	s := seal(t, inner, key)
	for _, room := range []string{"r", "q"} {
		f, err := s.Claim(t.Context(), store.RoomLease(room), "o", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		b := store.Batch{
			Room: room, Fence: f, SetSecrets: map[string][]byte{}, Events: [][]byte{[]byte(planted), []byte(planted), []byte(planted)},
			Snapshot: []byte(planted), SnapshotSeq: 1,
		}
		for _, id := range []string{"a", "b"} {
			b.SetSecrets[id] = []byte(planted)
			b.Archive = append(b.Archive, store.ArchiveEntry{ID: id, Time: time.Unix(1, 0), Body: []byte(planted)})
			b.Outbox = append(b.Outbox, store.OutboxEntry{ID: uint64(len(b.Outbox) + 1), Body: []byte(planted)})
		}
		if err := s.Write(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Update(t.Context(), "b", store.Change{Key: "k", Value: []byte(planted)}, store.Change{Key: "l", Value: []byte(planted)}); err != nil {
		t.Fatal(err)
	}
	other, err := inner.Load(t.Context(), "q")
	if err != nil {
		t.Fatal(err)
	}
	grave := func(room string) []byte {
		t.Helper()
		f, err := s.Claim(t.Context(), store.RoomLease(room), "o", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), room, f, []byte(planted)); err != nil {
			t.Fatal(err)
		}
		r, err := inner.Load(t.Context(), room)
		if err != nil {
			t.Fatal(err)
		}
		return r.Tombstone
	}
	elsewhere := grave("elsewhere")
	record, err := inner.Get(t.Context(), "b", "l")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		why string
		how tampered
	}{
		{"nothing", tampered{}},
		{"a part of another name", tampered{room: func(r *store.Room) { r.Secrets["a"] = r.Secrets["b"] }}},
		{"a part of another room", tampered{room: func(r *store.Room) { r.Secrets["a"] = other.Secrets["a"] }}},
		{"an event of another place", tampered{room: func(r *store.Room) { r.Events[0] = r.Events[1] }}},
		{"an event of another room", tampered{room: func(r *store.Room) { r.Events[0] = other.Events[0] }}},
		{"a snapshot of another room", tampered{room: func(r *store.Room) { r.Snapshot = other.Snapshot }}},
		{"an event in place of a snapshot", tampered{room: func(r *store.Room) { r.Snapshot = r.Events[0] }}},
		{"an outbox body in place of a part", tampered{room: func(r *store.Room) { r.Secrets["a"] = r.Outbox[0].Body }}},
		{"an outbox body of another entry", tampered{room: func(r *store.Room) { r.Outbox[0].Body = r.Outbox[1].Body }}},
		{"an archive body of another entry", tampered{page: func(p *store.ArchivePage) { p.Entries[0].Body = p.Entries[1].Body }}},
		{"a tombstone where there is none", tampered{room: func(r *store.Room) { *r = store.Room{Tombstone: []byte(planted)} }}},
		{"a tombstone of another room", tampered{room: func(r *store.Room) { *r = store.Room{Tombstone: elsewhere} }}},
		{"a record of another key", tampered{rec: func(r *store.Record) { r.Value = record.Value }}},
		{"a flipped bit", tampered{room: func(r *store.Room) { r.Secrets["a"][40] ^= 1 }}},
		{"an unknown format", tampered{room: func(r *store.Room) { r.Secrets["a"][0] = 2 }}},
		{"a part cut off", tampered{room: func(r *store.Room) { r.Secrets["a"] = r.Secrets["a"][:20] }}},
		{"a part in clear", tampered{room: func(r *store.Room) { r.Secrets["a"] = []byte(planted) }}},
		{"a part of another key", tampered{room: func(r *store.Room) { r.Secrets["a"][1] ^= 1 }}},
	} {
		c.how.Store = inner
		s := seal(t, c.how, key)
		_, err1 := s.Load(t.Context(), "r")
		_, err2 := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 5})
		_, err3 := s.Get(t.Context(), "b", "k")
		err := errors.Join(err1, err2, err3)
		if c.why == "nothing" {
			if err != nil {
				t.Errorf("%s changed: %v", c.why, err)
			}
			continue
		}
		if !errors.Is(err, store.ErrCorrupt) && !errors.Is(err, store.ErrWrongKey) {
			t.Errorf("%s was not noticed: %v", c.why, err)
		} else if strings.Contains(err.Error(), planted) {
			t.Errorf("%s: the error shows the secret: %v", c.why, err)
		}
	}
}

// TestSealedTwice: equal content is sealed to different bytes.
func TestSealedTwice(t *testing.T) {
	inner := memstore.New()
	s := seal(t, inner, store.NewKey())
	var values [][]byte
	for range 2 {
		if err := s.Update(t.Context(), "b", store.Change{Key: "k", Value: []byte("v")}); err != nil {
			t.Fatal(err)
		}
		rec, err := inner.Get(t.Context(), "b", "k")
		if err != nil {
			t.Fatal(err)
		}
		values = append(values, rec.Value)
	}
	if bytes.Equal(values[0], values[1]) {
		t.Error("the same bytes")
	}
}

// TestLargestTombstone: what may be deleted with may be sealed.
func TestLargestTombstone(t *testing.T) {
	s := seal(t, memstore.New(), store.NewKey())
	f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Repeat([]byte{7}, store.MaxTombstone)
	if err := s.Delete(t.Context(), "r", f, want); err != nil {
		t.Fatal(err)
	}
	if r, err := s.Load(t.Context(), "r"); err != nil || !bytes.Equal(r.Tombstone, want) {
		t.Errorf("%d bytes came back, %v", len(r.Tombstone), err)
	}
}
