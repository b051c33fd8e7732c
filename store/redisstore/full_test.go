package redisstore_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"anteroom/store"
)

// TestFull: a server at its maxmemory takes nothing that makes it larger, and everything that makes it smaller. Nothing is written by halves.
func TestFull(t *testing.T) {
	r := startRedis(t, "--maxmemory-policy", "noeviction")
	s := open(t, r.URL(), "p:")
	lease, service := store.RoomLease("r"), store.ServiceLease("component")
	claim := func(l store.Lease) store.Fence {
		t.Helper()
		f, err := s.Claim(t.Context(), l, "o", store.MaxTTL)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	b := store.Batch{
		Room: "r", Fence: claim(lease), Events: [][]byte{{1}, {2}}, SetSecrets: map[string][]byte{"s": {1}},
		Outbox: []store.OutboxEntry{{ID: 1}}, Archive: []store.ArchiveEntry{{ID: "m", Time: time.Unix(1, 0)}},
	}
	if err := errors.Join(s.Write(t.Context(), b), s.Update(t.Context(), "b", store.Change{Key: "k", Value: []byte("v")})); err != nil {
		t.Fatal(err)
	}
	sf := claim(service)
	full := func(bytes string) { do(t, r.Addr(), "", "config", "set", "maxmemory", bytes) }
	full("1")
	f := claim(lease) // whoever lost its claim comes back, to make room
	for _, more := range []store.Batch{
		{Events: [][]byte{{3}}},
		{Snapshot: []byte("s"), SnapshotSeq: 1},
		{SetSecrets: map[string][]byte{"t": bytes.Repeat([]byte{1}, 100)}},
		{Outbox: []store.OutboxEntry{{ID: 2}}},
		{Archive: []store.ArchiveEntry{{ID: "n", Time: time.Unix(1, 0)}}},
		{Redact: []store.Redaction{{ID: "m", Body: []byte("longer")}}},
	} {
		more.Room, more.Fence, more.Seq = "r", f, 2
		if err := s.Write(t.Context(), more); err == nil || isRefusal(err) {
			t.Errorf("%+v: %v", more, err)
		}
	}
	if err := s.Update(t.Context(), "b", store.Change{Key: "l", Value: []byte("v")}); err == nil || isRefusal(err) {
		t.Errorf("another record: %v", err)
	}
	have, err := s.Load(t.Context(), "r")
	if err != nil || have.Seq != 2 || len(have.Events) != 2 || have.Snapshot != nil || len(have.Secrets) != 1 || len(have.Outbox) != 1 {
		t.Errorf("after writes that found no room: %+v, %v", have, err)
	}
	if page, err := s.Archive(t.Context(), "r", store.ArchiveQuery{Limit: 5}); err != nil || len(page.Entries) != 1 || len(page.Entries[0].Body) != 0 {
		t.Errorf("its archive: %+v, %v", page, err)
	}
	if err := errors.Join(
		s.Renew(t.Context(), lease, "o", f, store.MaxTTL),
		s.Renew(t.Context(), service, "o", sf, store.MaxTTL),
		s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Seq: 2, Sent: 2, OutboxDone: []uint64{1}, ArchiveBefore: time.Unix(2, 0), DropSecrets: []string{"s"}}),
		s.Update(t.Context(), "b", store.Change{Key: "k"}),
		s.Release(t.Context(), service, "o", sf),
		s.Delete(t.Context(), "r", f, nil),
		s.Release(t.Context(), lease, "o", f),
	); err != nil {
		t.Errorf("what makes it smaller: %v", err)
	}
	full("0")
	b.Fence = claim(lease)
	if err := s.Write(t.Context(), b); err != nil {
		t.Errorf("with memory again: %v", err)
	}
}
