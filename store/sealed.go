package store

import (
	"context"
)

// sealed is the wrapper that Seal returns; what it does not override passes through.
type sealed struct {
	Store
	s *sealer
}

func (w *sealed) Load(ctx context.Context, room string) (*Room, error) {
	r, err := w.Store.Load(ctx, room)
	if err != nil {
		return nil, err
	}
	if r.Tombstone != nil {
		if r.Tombstone, err = w.s.open(kindGrave, room, "", r.Tombstone); err != nil {
			return nil, err
		}
	}
	if r.Snapshot != nil {
		if r.Snapshot, err = w.s.open(kindSnapshot, room, seqPart(r.SnapshotSeq), r.Snapshot); err != nil {
			return nil, err
		}
	}
	for i, e := range r.Events {
		if r.Events[i], err = w.s.open(kindEvent, room, seqPart(r.SnapshotSeq+Seq(i)+1), e); err != nil {
			return nil, err
		}
	}
	for name, part := range r.Secrets {
		if r.Secrets[name], err = w.s.open(kindSecret, room, name, part); err != nil {
			return nil, err
		}
	}
	for i, e := range r.Outbox {
		if r.Outbox[i].Body, err = w.s.open(kindOutbox, room, outboxPart(e), e.Body); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (w *sealed) Write(ctx context.Context, b Batch) error {
	return w.WriteAll(ctx, []Batch{b})[0]
}

func (w *sealed) WriteAll(ctx context.Context, batches []Batch) []error {
	errs := CheckAll(batches)
	valid := make([]Batch, 0, len(batches))
	for i, b := range batches {
		if errs[i] == nil {
			valid = append(valid, w.batch(b))
		}
	}
	if len(valid) == 0 {
		return errs
	}
	for i, n, written := 0, 0, w.Store.WriteAll(ctx, valid); i < len(errs); i++ {
		if errs[i] == nil {
			errs[i] = written[n]
			n++
		}
	}
	return errs
}

func (w *sealed) Delete(ctx context.Context, room string, f Fence, tombstone []byte) error {
	if err := CheckDelete(room, f, tombstone); err != nil {
		return err
	}
	if len(tombstone) > 0 {
		tombstone = w.s.seal(kindGrave, room, "", tombstone)
	}
	return w.Store.Delete(ctx, room, f, tombstone)
}

// batch returns a copy with sealed parts; it changes nothing that the caller holds.
func (w *sealed) batch(b Batch) Batch {
	if b.SetSecrets != nil {
		parts := make(map[string][]byte, len(b.SetSecrets))
		for name, part := range b.SetSecrets {
			parts[name] = w.s.seal(kindSecret, b.Room, name, part)
		}
		b.SetSecrets = parts
	}
	b.Events = append([][]byte(nil), b.Events...)
	for i, e := range b.Events {
		b.Events[i] = w.s.seal(kindEvent, b.Room, seqPart(b.Seq+Seq(i)+1), e)
	}
	if b.Snapshot != nil {
		b.Snapshot = w.s.seal(kindSnapshot, b.Room, seqPart(b.SnapshotSeq), b.Snapshot)
	}
	b.Outbox = append([]OutboxEntry(nil), b.Outbox...)
	for i, e := range b.Outbox {
		b.Outbox[i].Body = w.s.seal(kindOutbox, b.Room, outboxPart(e), e.Body)
	}
	b.Archive = append([]ArchiveEntry(nil), b.Archive...)
	for i, e := range b.Archive {
		b.Archive[i].Body = w.s.seal(kindArchive, b.Room, e.ID, e.Body)
	}
	b.Redact = append([]Redaction(nil), b.Redact...)
	for i, r := range b.Redact {
		b.Redact[i].Body = w.s.seal(kindArchive, b.Room, r.ID, r.Body)
	}
	return b
}

func (w *sealed) Archive(ctx context.Context, room string, q ArchiveQuery) (ArchivePage, error) {
	page, err := w.Store.Archive(ctx, room, q)
	if err != nil {
		return ArchivePage{}, err
	}
	for i, e := range page.Entries {
		if page.Entries[i].Body, err = w.s.open(kindArchive, room, e.ID, e.Body); err != nil {
			return ArchivePage{}, err
		}
	}
	return page, nil
}

func (w *sealed) Get(ctx context.Context, bucket, key string) (Record, error) {
	rec, err := w.Store.Get(ctx, bucket, key)
	if err != nil {
		return Record{}, err
	}
	rec.Value, err = w.s.open(kindRecord, bucket, key, rec.Value)
	if err != nil {
		return Record{}, err
	}
	return rec, nil
}

func (w *sealed) List(ctx context.Context, bucket, prefix, after string, limit int) ([]Record, error) {
	records, err := w.Store.List(ctx, bucket, prefix, after, limit)
	if err != nil {
		return nil, err
	}
	for i, rec := range records {
		if records[i].Value, err = w.s.open(kindRecord, bucket, rec.Key, rec.Value); err != nil {
			return nil, err
		}
	}
	return records, nil
}

func (w *sealed) Update(ctx context.Context, bucket string, changes ...Change) error {
	if err := CheckUpdate(bucket, changes); err != nil {
		return err
	}
	out := append([]Change(nil), changes...)
	for i, c := range out {
		if c.Value != nil {
			out[i].Value = w.s.seal(kindRecord, bucket, c.Key, c.Value)
		}
	}
	return w.Store.Update(ctx, bucket, out...)
}
