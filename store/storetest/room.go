package storetest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"

	"anteroom/store"
)

func testRoundTrip(t *testing.T, p Place) {
	s := p.open(t)
	if _, err := s.Load(t.Context(), "r"); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("load of a room that is not there: %v", err)
	}
	write(t, s, full("r", claim(t, s, "r")))
	want(t, "room", load(t, s, "r"), fullRoom())
	if err := s.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	s = p.open(t)
	want(t, "room after opening again", load(t, s, "r"), fullRoom())
	rooms, err := s.Rooms(t.Context())
	want(t, "rooms", rooms, []string{"r"})
	want(t, "rooms error", err, nil)
	page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 5})
	want(t, "archive error", err, nil)
	want(t, "archive", page, store.ArchivePage{Entries: full("r", 1).Archive, Total: 1, Complete: true})
	f := claim(t, s, "r")
	write(t, s, store.Batch{Room: "r", Fence: f, Seq: 3, Events: texts("four"), Sent: 1})
	r := load(t, s, "r")
	want(t, "sequence", r.Seq, store.Seq(4))
	want(t, "a lower Sent", r.Sent, store.Seq(2))
	write(t, s, store.Batch{Room: "r", Fence: f, Seq: 4, Sent: 4})
	want(t, "a higher Sent, without events", load(t, s, "r").Sent, store.Seq(4))
}

func testConflict(t *testing.T, p Place) {
	s := p.open(t)
	old := claim(t, s, "r")
	f := claim(t, s, "r")
	if f <= old {
		t.Fatalf("fence %d after %d", f, old)
	}
	write(t, s, full("r", f))
	for _, c := range []struct {
		why   string
		fence store.Fence
		seq   store.Seq
	}{
		{"an older claim", old, 3},
		{"a fence nobody was given", f + 1, 3},
		{"no fence", 0, 3},
		{"an old sequence", f, 2},
		{"a sequence to come", f, 4},
	} {
		err := s.Write(t.Context(), store.Batch{Room: "r", Fence: c.fence, Seq: c.seq, Events: texts("x"), SetSecrets: map[string][]byte{"leaf": nil}})
		if !errors.Is(err, store.ErrConflict) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	want(t, "room", load(t, s, "r"), fullRoom())
	if err := s.Write(t.Context(), store.Batch{Room: "other", Fence: f, Events: texts("x")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("another room's fence: %v", err)
	}
	if err := s.Release(t.Context(), store.RoomLease("r"), owner, f); err != nil {
		t.Fatalf("release: %v", err)
	}
	if err := s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Seq: 3}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("a released fence: %v", err)
	}
}

// testRefused breaks a rule that only shows in view of the room, in a batch that is otherwise good.
func testRefused(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	b := full("r", f)
	b.Snapshot, b.SnapshotSeq = []byte("snap"), 2
	write(t, s, b)
	before := load(t, s, "r")
	for _, c := range []struct {
		why   string
		spoil func(b *store.Batch)
	}{
		{"snapshot going back", func(b *store.Batch) { b.Snapshot, b.SnapshotSeq = []byte("x"), 1 }},
		{"outbox id in use", func(b *store.Batch) { b.Outbox[0].ID = 12 }},
		{"archive id in use", func(b *store.Batch) { b.Archive[0].ID = "m1" }},
	} {
		b := store.Batch{
			Room: "r", Fence: f, Seq: 3, Events: texts("x"), Sent: 3,
			SetSecrets: map[string][]byte{"leaf": []byte("new")}, DropSecrets: []string{"empty"},
			OutboxDone: []uint64{3}, Outbox: []store.OutboxEntry{{ID: 20}},
			Archive: []store.ArchiveEntry{{ID: "m2", Time: at(2)}}, Redact: []store.Redaction{{ID: "m1"}},
		}
		c.spoil(&b)
		if err := s.Write(t.Context(), b); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", c.why, err)
		}
		want(t, "room after "+c.why, load(t, s, "r"), before)
		page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 5})
		want(t, "archive after "+c.why, page.Entries, full("r", f).Archive)
		want(t, "archive error", err, nil)
	}
}

func testInvalid(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	long := strings.Repeat("k", store.MaxKey+1)
	for _, c := range []struct {
		why   string
		spoil func(b *store.Batch)
	}{
		{"no room", func(b *store.Batch) { b.Room = "" }},
		{"long room", func(b *store.Batch) { b.Room = long }},
		{"sent beyond the end", func(b *store.Batch) { b.Sent = 4 }},
		{"snapshot beyond the end", func(b *store.Batch) { b.Snapshot, b.SnapshotSeq = []byte("x"), 4 }},
		{"snapshot sequence without snapshot", func(b *store.Batch) { b.SnapshotSeq = 1 }},
		{"sequence overflow", func(b *store.Batch) { b.Seq = ^store.Seq(0) }},
		{"secret part without name", func(b *store.Batch) { b.SetSecrets[""] = nil }},
		{"dropped part with long name", func(b *store.Batch) { b.DropSecrets = []string{long} }},
		{"outbox id 0", func(b *store.Batch) { b.Outbox[0].ID = 0 }},
		{"outbox ids descend", func(b *store.Batch) { b.Outbox[0].ID = 13 }},
		{"archive without id", func(b *store.Batch) { b.Archive[0].ID = "" }},
		{"archive with long sender", func(b *store.Batch) { b.Archive[0].Sender = long }},
		{"archive before 1970", func(b *store.Batch) { b.Archive[0].Time = at(0).AddDate(-60, 0, 0) }},
		{"archive twice the same id", func(b *store.Batch) { b.Archive = append(b.Archive, b.Archive[0]) }},
		{"redaction without id", func(b *store.Batch) { b.Redact = []store.Redaction{{}} }},
		{"too many items", func(b *store.Batch) { b.OutboxDone = make([]uint64, store.MaxBatchItems) }},
		{"too many bytes", func(b *store.Batch) { b.Snapshot = make([]byte, store.MaxBatchBytes+1000) }},
	} {
		b := full("r", f)
		c.spoil(&b)
		if err := s.Write(t.Context(), b); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", c.why, err)
		}
	}
	if rooms, err := s.Rooms(t.Context()); len(rooms) != 0 || err != nil {
		t.Errorf("rooms after nothing but invalid batches: %q, %v", rooms, err)
	}
	write(t, s, full("r", f))
}

func testSnapshot(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	write(t, s, store.Batch{Room: "r", Fence: f, Events: texts("1", "2", "3")})
	write(t, s, store.Batch{Room: "r", Fence: f, Seq: 3, Events: texts("4"), Snapshot: []byte("two"), SnapshotSeq: 2})
	none := map[string][]byte{}
	want(t, "snapshot of the past", load(t, s, "r"), &store.Room{Seq: 4, Snapshot: []byte("two"), SnapshotSeq: 2, Events: texts("3", "4"), Secrets: none})
	write(t, s, store.Batch{Room: "r", Fence: f, Seq: 4, Snapshot: []byte("two, better"), SnapshotSeq: 2})
	want(t, "snapshot of the same place", load(t, s, "r"), &store.Room{Seq: 4, Snapshot: []byte("two, better"), SnapshotSeq: 2, Events: texts("3", "4"), Secrets: none})
	write(t, s, store.Batch{Room: "r", Fence: f, Seq: 4, Events: texts("5"), Snapshot: []byte("five"), SnapshotSeq: 5})
	want(t, "snapshot of everything", load(t, s, "r"), &store.Room{Seq: 5, Snapshot: []byte("five"), SnapshotSeq: 5, Events: texts(), Secrets: none})
	write(t, s, store.Batch{Room: "r", Fence: f, Seq: 5, Events: texts("6")})
	want(t, "event after the snapshot", load(t, s, "r"), &store.Room{Seq: 6, Snapshot: []byte("five"), SnapshotSeq: 5, Events: texts("6"), Secrets: none})
	g := claim(t, s, "q")
	write(t, s, store.Batch{Room: "q", Fence: g, Snapshot: []byte{}})
	want(t, "room that begins with a snapshot, an empty one", load(t, s, "q"), &store.Room{Snapshot: []byte{}, Events: texts(), Secrets: none})
}

func testSecrets(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	write(t, s, store.Batch{Room: "r", Fence: f, SetSecrets: map[string][]byte{"a": []byte("1"), "b": []byte("2"), "c": []byte("3")}})
	write(t, s, store.Batch{Room: "r", Fence: f, SetSecrets: map[string][]byte{"a": []byte("new"), "c": []byte("set after drop")}, DropSecrets: []string{"b", "c", "unknown"}})
	want(t, "secrets", load(t, s, "r").Secrets, map[string][]byte{"a": []byte("new"), "c": []byte("set after drop")})
}

func testOutbox(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	var all []store.OutboxEntry
	for id := uint64(1); id <= 120; id += 7 {
		e := store.OutboxEntry{ID: id, Body: fmt.Append(nil, id)}
		all = append(all, e)
		write(t, s, store.Batch{Room: "r", Fence: f, Outbox: []store.OutboxEntry{e}})
	}
	want(t, "outbox", load(t, s, "r").Outbox, all)
	write(t, s, store.Batch{Room: "r", Fence: f, OutboxDone: []uint64{8, 99, 2}, Outbox: []store.OutboxEntry{{ID: 1 << 40, Body: []byte{}}}})
	all = append(append(all[:1:1], all[2:14]...), append(all[15:len(all):len(all)], store.OutboxEntry{ID: 1 << 40, Body: []byte{}})...)
	want(t, "outbox", load(t, s, "r").Outbox, all)
}

func testWriteAll(t *testing.T, p Place) {
	s := p.open(t)
	var batches []store.Batch
	for i := range 20 {
		room := fmt.Sprintf("r%02d", i)
		batches = append(batches, full(room, claim(t, s, room)))
	}
	batches[3].Seq = 7
	batches[5].Outbox[0].ID = 0
	batches[8].Room = "r07"
	batches[9].Fence--
	errs := s.WriteAll(t.Context(), batches)
	if len(errs) != len(batches) {
		t.Fatalf("%d errors for %d batches", len(errs), len(batches))
	}
	for i, err := range errs {
		expect := map[int]error{3: store.ErrConflict, 5: store.ErrInvalid, 8: store.ErrInvalid, 9: store.ErrConflict}[i]
		if !errors.Is(err, expect) {
			t.Errorf("batch %d: %v, want %v", i, err, expect)
		}
		_, err := s.Load(t.Context(), fmt.Sprintf("r%02d", i))
		if written := err == nil; written != (expect == nil) {
			t.Errorf("batch %d: written: %v (%v)", i, written, err)
		}
	}
	rooms, err := s.Rooms(t.Context())
	if len(rooms) != 16 || err != nil {
		t.Errorf("rooms: %q, %v", rooms, err)
	}
	if errs := s.WriteAll(t.Context(), nil); len(errs) != 0 {
		t.Errorf("no batches: %v", errs)
	}
	if errs := s.WriteAll(t.Context(), make([]store.Batch, store.MaxBatches+1)); len(errs) != store.MaxBatches+1 || errs[store.MaxBatches] == nil {
		t.Errorf("too many batches: %d errors", len(errs))
	}
}

func testCopies(t *testing.T, p Place) {
	s := p.open(t)
	b := full("r", claim(t, s, "r"))
	b.Snapshot = []byte("snap")
	write(t, s, b)
	spoil := func(list ...[]byte) {
		for _, x := range list {
			for i := range x {
				x[i] = '#'
			}
		}
	}
	spoil(b.Snapshot, b.Events[0], b.SetSecrets["leaf"], b.Outbox[0].Body, b.Archive[0].Body)
	expect := fullRoom()
	expect.Snapshot = []byte("snap")
	r := load(t, s, "r")
	want(t, "room after its batch was spoiled", r, expect)
	spoil(r.Snapshot, r.Events[0], r.Secrets["leaf"], r.Outbox[0].Body)
	delete(r.Secrets, "leaf")
	want(t, "room after an earlier load was spoiled", load(t, s, "r"), expect)
	for range 2 {
		page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 1})
		if err != nil || len(page.Entries) != 1 || !bytes.Equal(page.Entries[0].Body, []byte("hello")) {
			t.Fatalf("archive: %v, %v", page, err)
		}
		spoil(page.Entries[0].Body)
	}
}

func testDelete(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	b := full("r", f)
	b.Snapshot = []byte("snap")
	write(t, s, b)
	if err := s.Delete(t.Context(), "r", f-1, nil); !errors.Is(err, store.ErrConflict) {
		t.Errorf("delete with an old fence: %v", err)
	}
	if err := s.Delete(t.Context(), "r", f, make([]byte, store.MaxTombstone+100)); !errors.Is(err, store.ErrInvalid) {
		t.Errorf("delete with a large tombstone: %v", err)
	}
	if load(t, s, "r").Seq != 3 {
		t.Fatal("a refused delete deleted")
	}
	if err := s.Delete(t.Context(), "r", f, []byte("moved")); err != nil {
		t.Fatalf("delete: %v", err)
	}
	want(t, "tombstone", load(t, s, "r"), &store.Room{Tombstone: []byte("moved"), Secrets: map[string][]byte{}})
	rooms, err := s.Rooms(t.Context())
	if len(rooms) != 0 || err != nil {
		t.Errorf("rooms: %q, %v", rooms, err)
	}
	page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 1})
	if page.Total != 0 || err != nil {
		t.Errorf("archive of a deleted room: %v, %v", page, err)
	}
	if err := s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Seq: 3, Events: texts("x")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("writing on after delete: %v", err)
	}
	if err := s.Delete(t.Context(), "r", f, nil); err != nil {
		t.Fatalf("delete of a tombstone: %v", err)
	}
	if r, err := s.Load(t.Context(), "r"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("load after the tombstone was deleted: %v, %v", r, err)
	}
	if err := s.Delete(t.Context(), "r", f, []byte("again")); err != nil {
		t.Fatalf("tombstone for a room that is not there: %v", err)
	}
	write(t, s, full("r", f))
	want(t, "room made again, the tombstone gone", load(t, s, "r"), fullRoom())
	for range 2 {
		if err := s.Delete(t.Context(), "r", f, nil); err != nil {
			t.Fatalf("delete: %v", err)
		}
		if r, err := s.Load(t.Context(), "r"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("load after delete: %v, %v", r, err)
		}
	}
}

func testKeys(t *testing.T, p Place) {
	s := p.open(t)
	keys := []string{"a{b}c", "}{", "%7B", "{", "*", "[a]", "room@rooms.a.example", "mimi://a.example/r/küche", "x:y\nz", "\x00\xff", "a", "a{b"}
	for i, key := range keys {
		write(t, s, store.Batch{Room: key, Fence: claim(t, s, key), Events: texts(key), SetSecrets: map[string][]byte{key: []byte(key)}})
		if rooms, err := s.Rooms(t.Context()); len(rooms) != i+1 || err != nil {
			t.Fatalf("rooms after %q: %q, %v", key, rooms, err)
		}
		if err := s.Update(t.Context(), key, store.Change{Key: key, Value: []byte(key)}); err != nil {
			t.Fatalf("update %q: %v", key, err)
		}
	}
	for _, key := range keys {
		want(t, "room", load(t, s, key), &store.Room{Seq: 1, Events: texts(key), Secrets: map[string][]byte{key: []byte(key)}})
		rec, err := s.Get(t.Context(), key, key)
		want(t, "record", string(rec.Value), key)
		want(t, "record error", err, nil)
	}
}

func testLarge(t *testing.T, p Place) {
	s := p.open(t)
	f := claim(t, s, "r")
	b := store.Batch{Room: "r", Fence: f, SetSecrets: map[string][]byte{}, Snapshot: bytes.Repeat([]byte("snap"), 1<<18)}
	for i := range 3000 {
		b.Events = append(b.Events, fmt.Append(nil, "event ", i))
		b.SetSecrets[fmt.Sprint("part ", i)] = fmt.Append(nil, "secret ", i)
		b.Outbox = append(b.Outbox, store.OutboxEntry{ID: uint64(i + 1), Body: fmt.Append(nil, i)})
		b.Archive = append(b.Archive, store.ArchiveEntry{ID: fmt.Sprint("m", i), Time: at(i), Body: fmt.Append(nil, i)})
	}
	write(t, s, b)
	want(t, "room", load(t, s, "r"), &store.Room{Seq: 3000, Snapshot: b.Snapshot, Events: b.Events, Secrets: b.SetSecrets, Outbox: b.Outbox})
	page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: store.MaxPage, Newest: true})
	want(t, "archive error", err, nil)
	want(t, "archive", page, store.ArchivePage{Entries: b.Archive[2000:], Index: 2000, Total: 3000})
}
