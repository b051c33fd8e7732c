package store

import (
	"time"
)

// Limits of what a store takes. Beyond them calls are ErrInvalid. How many events a room gathers before it writes a
// snapshot, and how many entries its outbox holds, is the caller's to bound.
const (
	MaxBatchBytes    = 32 << 20 // all of one batch, a snapshot included
	MaxBatchItems    = 16 << 10 // events, secret parts, outbox entries and archive entries of one batch together
	MaxBatches       = 1024     // of one WriteAll
	MaxKey           = 2048     // bytes of a room, lease, bucket, record, part, sender or archive key
	MaxTombstone     = 4 << 10  // bytes
	MaxRecord        = 1 << 20  // bytes of a record's value
	MaxChanges       = 1024     // of one Update
	MaxPage          = 1000     // entries of an archive page or a list
	MinTTL           = 100 * time.Millisecond
	MaxTTL           = 24 * time.Hour
	sealAllowance    = 64 // bytes that sealing may add to one item beyond the limits above
	minArchiveMicros = 0
	maxArchiveMicros = 1e16 - 2 // the year 2286: it, and one more, have sixteen decimal digits
)

// Check reports, as ErrInvalid, the rule that a batch breaks by itself. Backends call it before they look at the room.
func (b *Batch) Check() error {
	if err := checkKey("room", b.Room); err != nil {
		return err
	}
	if b.Fence == 0 {
		return ErrConflict
	}
	end := b.Seq + Seq(len(b.Events))
	switch {
	case end < b.Seq || end > 1<<53:
		return invalid("Seq: too large")
	case b.Sent > end:
		return invalid("Sent: beyond the last event")
	case b.Snapshot != nil && b.SnapshotSeq > end:
		return invalid("SnapshotSeq: beyond the last event")
	case b.Snapshot == nil && b.SnapshotSeq != 0:
		return invalid("SnapshotSeq: without Snapshot")
	}
	items := len(b.Events) + len(b.SetSecrets) + len(b.DropSecrets) + len(b.Outbox) + len(b.OutboxDone) + len(b.Archive) + len(b.Redact)
	if items > MaxBatchItems {
		return invalid("batch: more than %d items", MaxBatchItems)
	}
	size := len(b.Snapshot)
	for _, e := range b.Events {
		size += len(e)
	}
	for name, part := range b.SetSecrets {
		if err := checkKey("SetSecrets", name); err != nil {
			return err
		}
		size += len(name) + len(part)
	}
	for _, name := range b.DropSecrets {
		if err := checkKey("DropSecrets", name); err != nil {
			return err
		}
	}
	n, err := b.checkOutbox()
	if err != nil {
		return err
	}
	m, err := b.checkArchive()
	if err != nil {
		return err
	}
	if size += n + m; size > MaxBatchBytes+items*sealAllowance {
		return invalid("batch: more than %d bytes", MaxBatchBytes)
	}
	return nil
}

func (b *Batch) checkOutbox() (size int, err error) {
	last := uint64(0)
	for i, e := range b.Outbox {
		if e.ID == 0 || e.ID > 1<<53 || i > 0 && e.ID <= last {
			return 0, invalid("Outbox: ids must ascend from 1")
		}
		last = e.ID
		size += len(e.Body)
	}
	return size, nil
}

func (b *Batch) checkArchive() (size int, err error) {
	seen := make(map[string]bool, len(b.Archive))
	for _, e := range b.Archive {
		if err := checkKey("Archive.ID", e.ID); err != nil {
			return 0, err
		}
		if seen[e.ID] {
			return 0, invalid("Archive: the same id twice")
		}
		seen[e.ID] = true
		if len(e.Sender) > MaxKey {
			return 0, invalid("Archive.Sender: longer than %d bytes", MaxKey)
		}
		if us := e.Time.UnixMicro(); us < minArchiveMicros || us > maxArchiveMicros {
			return 0, invalid("Archive.Time: out of range")
		}
		size += len(e.ID) + len(e.Sender) + len(e.Body)
	}
	for _, r := range b.Redact {
		if err := checkKey("Redact.ID", r.ID); err != nil {
			return 0, err
		}
		size += len(r.Body)
	}
	return size, nil
}

// CheckAll checks batches that are to be written together. The result has an error, or nil, per batch.
func CheckAll(batches []Batch) []error {
	errs := make([]error, len(batches))
	seen := make(map[string]bool, len(batches))
	for i := range batches {
		b := &batches[i]
		switch err := b.Check(); {
		case i >= MaxBatches:
			errs[i] = invalid("more than %d batches", MaxBatches)
		case err != nil:
			errs[i] = err
		case seen[b.Room]:
			errs[i] = invalid("a second batch for the same room")
		default:
			seen[b.Room] = true
		}
	}
	return errs
}

// CheckRoom checks the arguments of Load, Archive and Delete.
func CheckRoom(room string) error { return checkKey("room", room) }

// CheckDelete checks the arguments of Delete.
func CheckDelete(room string, f Fence, tombstone []byte) error {
	if err := checkKey("room", room); err != nil {
		return err
	}
	if f == 0 {
		return ErrConflict
	}
	if len(tombstone) > MaxTombstone+sealAllowance {
		return invalid("tombstone: longer than %d bytes", MaxTombstone)
	}
	return nil
}

// CheckClaim checks the arguments of Claim and Renew.
func CheckClaim(l Lease, owner string, ttl time.Duration) error {
	if err := checkKey("lease", l.name); err != nil {
		return err
	}
	if err := checkKey("owner", owner); err != nil {
		return err
	}
	if ttl < MinTTL || ttl > MaxTTL {
		return invalid("ttl: not between %v and %v", MinTTL, MaxTTL)
	}
	return nil
}

// CheckArchive checks the arguments of Archive.
func CheckArchive(room string, q ArchiveQuery) error {
	if err := checkKey("room", room); err != nil {
		return err
	}
	if q.Limit < 0 || q.Limit > MaxPage {
		return invalid("Limit: not between 0 and %d", MaxPage)
	}
	return nil
}

// CheckUpdate checks the arguments of Update.
func CheckUpdate(bucket string, changes []Change) error {
	if err := checkKey("bucket", bucket); err != nil {
		return err
	}
	if len(changes) > MaxChanges {
		return invalid("more than %d changes", MaxChanges)
	}
	seen := make(map[string]bool, len(changes))
	for _, c := range changes {
		if err := checkKey("record key", c.Key); err != nil {
			return err
		}
		if seen[c.Key] {
			return invalid("a second change of the same record")
		}
		seen[c.Key] = true
		if len(c.Value) > MaxRecord+sealAllowance {
			return invalid("record: longer than %d bytes", MaxRecord)
		}
	}
	return nil
}

// CheckGet checks the arguments of Get.
func CheckGet(bucket, key string) error {
	if err := checkKey("bucket", bucket); err != nil {
		return err
	}
	return checkKey("record key", key)
}

// CheckList checks the arguments of List.
func CheckList(bucket, prefix, after string, limit int) error {
	if err := checkKey("bucket", bucket); err != nil {
		return err
	}
	if len(prefix) > MaxKey || len(after) > MaxKey {
		return invalid("prefix or after: longer than %d bytes", MaxKey)
	}
	if limit < 1 || limit > MaxPage {
		return invalid("limit: not between 1 and %d", MaxPage)
	}
	return nil
}

func checkKey(field, key string) error {
	switch {
	case key == "":
		return invalid("%s: empty", field)
	case len(key) > MaxKey:
		return invalid("%s: longer than %d bytes", field, MaxKey)
	}
	return nil
}
