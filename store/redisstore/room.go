package redisstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"anteroom/store"
)

// Load implements store.Store: all keys of the room in one script.
func (s *Store) Load(ctx context.Context, room string) (*store.Room, error) {
	if err := store.CheckRoom(room); err != nil {
		return nil, err
	}
	reply, err := s.run(ctx, scriptLoad, s.roomKeys(room)).Slice()
	if err != nil {
		return nil, failed("load", err)
	}
	if len(reply) != 6 {
		return nil, fmt.Errorf("%w: load: unknown reply", store.ErrCorrupt)
	}
	head, err1 := fields(reply[0])
	events, err2 := list(reply[2])
	secrets, err3 := fields(reply[3])
	outbox, err4 := fields(reply[4])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	r := &store.Room{Secrets: make(map[string][]byte, len(secrets))}
	if tombstone, ok := reply[5].(string); ok {
		r.Tombstone = []byte(tombstone)
		return r, nil
	}
	if len(head) == 0 {
		return nil, store.ErrNotFound
	}
	if snapshot, ok := reply[1].(string); ok {
		r.Snapshot = []byte(snapshot)
	}
	for name, part := range secrets {
		r.Secrets[name] = []byte(part)
	}
	r.Events = make([][]byte, len(events))
	for i, event := range events {
		r.Events[i] = []byte(event)
	}
	if err := readHead(head, r); err != nil {
		return nil, err
	}
	return r, readOutbox(outbox, r)
}

// list is a reply of strings.
func list(reply any) ([]string, error) {
	items, ok := reply.([]any)
	out := make([]string, len(items))
	for i := range items {
		text, is := items[i].(string)
		out[i], ok = text, ok && is
	}
	if !ok {
		return nil, fmt.Errorf("%w: load: unknown reply", store.ErrCorrupt)
	}
	return out, nil
}

// fields is a reply of names and values in turn.
func fields(reply any) (map[string]string, error) {
	items, err := list(reply)
	out := make(map[string]string, len(items)/2)
	for i := 0; i+1 < len(items); i += 2 {
		out[items[i]] = items[i+1]
	}
	return out, err
}

func readHead(fields map[string]string, r *store.Room) error {
	for name, to := range map[string]*store.Seq{"seq": &r.Seq, "snapshot": &r.SnapshotSeq, "sent": &r.Sent} {
		text, ok := fields[name]
		if !ok {
			continue // there is no snapshot yet
		}
		n, err := parseNumber(text)
		if err != nil {
			return err
		}
		*to = store.Seq(n)
	}
	if r.SnapshotSeq > r.Seq || store.Seq(len(r.Events)) != r.Seq-r.SnapshotSeq {
		return store.ErrCorrupt
	}
	return nil
}

func readOutbox(fields map[string]string, r *store.Room) error {
	for id, body := range fields {
		n, err := parseNumber(id)
		if err != nil {
			return err
		}
		r.Outbox = append(r.Outbox, store.OutboxEntry{ID: n, Body: []byte(body)})
	}
	slices.SortFunc(r.Outbox, func(x, y store.OutboxEntry) int { return cmp.Compare(x.ID, y.ID) })
	return nil
}

// Write implements store.Store.
func (s *Store) Write(ctx context.Context, b store.Batch) error {
	return s.WriteAll(ctx, []store.Batch{b})[0]
}

// WriteAll implements store.Store: one round trip, to each server of a cluster.
func (s *Store) WriteAll(ctx context.Context, batches []store.Batch) []error {
	errs := store.CheckAll(batches)
	var calls []call
	for i := range batches {
		if errs[i] == nil {
			calls = append(calls, call{scriptWrite, s.roomKeys(batches[i].Room), writeArgs(&batches[i])})
		}
	}
	if len(calls) == 0 {
		return errs
	}
	for i, n, done := 0, 0, s.runAll(ctx, calls); i < len(errs); i++ {
		if errs[i] == nil {
			errs[i] = verdict("write", done[n])
			n++
		}
	}
	return errs
}

// writeArgs are the arguments of write.lua.
func writeArgs(b *store.Batch) []any {
	snapshotSeq, before := "", ""
	if b.Snapshot != nil {
		snapshotSeq = number(b.SnapshotSeq)
	}
	if !b.ArchiveBefore.IsZero() {
		before = micros(b.ArchiveBefore)
	}
	args := []any{number(b.Fence), number(b.Seq), number(b.Seq + store.Seq(len(b.Events))), number(b.Sent), snapshotSeq, bytesOf(b.Snapshot), before}
	args = append(args, len(b.Events))
	for _, event := range b.Events {
		args = append(args, bytesOf(event))
	}
	args = append(args, len(b.DropSecrets))
	for _, name := range b.DropSecrets {
		args = append(args, name)
	}
	args = append(args, len(b.SetSecrets))
	for name, part := range b.SetSecrets {
		args = append(args, name, bytesOf(part))
	}
	args = append(args, len(b.OutboxDone))
	for _, id := range b.OutboxDone {
		args = append(args, number(id))
	}
	args = append(args, len(b.Outbox))
	for _, e := range b.Outbox {
		args = append(args, number(e.ID), bytesOf(e.Body))
	}
	args = append(args, len(b.Archive))
	for _, e := range b.Archive {
		args = append(args, e.ID, micros(e.Time), archiveEntry(e))
	}
	args = append(args, len(b.Redact))
	for _, red := range b.Redact {
		args = append(args, red.ID, bytesOf(red.Body))
	}
	return args
}

// bytesOf makes an argument of bytes that may be nil.
func bytesOf(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
