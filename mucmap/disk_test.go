package mucmap

import (
	"fmt"
	"maps"
	"slices"

	"anteroom/store"
)

// disk is what a store keeps of one room.
type disk struct {
	seq, snapSeq, sent uint64
	snapshot           []byte
	events             [][]byte
	secrets            map[string][]byte
	archive            []ArchiveEntry
	outbox             []Delivery
	exists             bool
	tombstone          []byte
}

func newDisk() *disk { return &disk{secrets: map[string][]byte{}} }

// write applies an Output as a store would: all of it or nothing.
func (d *disk) write(o *Output) error {
	if o.Destroyed {
		outbox := append(d.outbox, o.Outbox...)
		*d = *newDisk()
		d.tombstone = o.Tombstone
		d.outbox = outbox
		return nil
	}
	if d.seq+uint64(len(o.Events)) != o.Seq {
		return fmt.Errorf("store has %d events, %d more do not make %d", d.seq, len(o.Events), o.Seq)
	}
	if o.Snapshot != nil {
		if o.SnapshotSeq != d.seq || d.sent < o.SnapshotSeq {
			return fmt.Errorf("snapshot up to %d at %d, sent %d", o.SnapshotSeq, d.seq, d.sent)
		}
		d.snapshot, d.snapSeq, d.events = o.Snapshot, o.SnapshotSeq, nil
	}
	d.events = append(slices.Clip(d.events), o.Events...)
	d.seq = o.Seq
	for _, name := range o.DropSecrets {
		delete(d.secrets, name)
	}
	maps.Copy(d.secrets, o.SetSecrets)
	d.archive = append(slices.Clip(d.archive), o.Archive...)
	for _, r := range o.Redact {
		for i := range d.archive {
			if d.archive[i].ID == r.ID {
				d.archive[i].Data = r.Data
			}
		}
	}
	d.outbox = append(slices.Clip(d.outbox), o.Outbox...)
	d.exists = d.exists || len(o.Events) > 0
	return nil
}

func (d *disk) load(clean bool) Snapshot {
	archive := d.archive
	if len(archive) > DefaultHistory {
		archive = archive[len(archive)-DefaultHistory:]
	}
	return Snapshot{Seq: d.seq, Snapshot: d.snapshot, SnapshotSeq: d.snapSeq, Events: d.events, Secrets: maps.Clone(d.secrets),
		Archive: archive, Sent: d.sent, Clean: clean, Tombstone: d.tombstone}
}

// read is a page of the archive, as a store gives it.
func (d *disk) read(r ArchiveRange) (ArchiveSlice, error) {
	sel, err := store.ArchiveQuery{After: r.After, Before: r.Before, Since: r.Since, Until: r.Until, Newest: r.Newest, Limit: r.Limit}.Select(
		0, uint64(len(d.archive)),
		func(i uint64) (int64, error) { return store.Micros(d.archive[i].Time), nil },
		func(id string) (uint64, error) {
			if i := slices.IndexFunc(d.archive, func(e ArchiveEntry) bool { return e.ID == id }); i >= 0 {
				return uint64(i), nil
			}
			return 0, ErrNoEntry
		})
	if err != nil {
		return ArchiveSlice{}, err
	}
	return ArchiveSlice{slices.Clone(d.archive[sel.From:sel.To]), sel.Index, sel.Total, sel.Complete}, nil
}
