package sim

import (
	"fmt"
	"maps"
	"slices"

	"anteroom/mucmap"
)

// disk is what a store keeps of one room.
type disk struct {
	seq, snapSeq, sent uint64
	snapshot           []byte
	events             [][]byte
	secrets            map[string][]byte
	archive            []mucmap.ArchiveEntry
	tombstone          []byte
}

func newDisk() disk { return disk{secrets: map[string][]byte{}} }

// write applies an Output as a store would.
func (d *disk) write(o *mucmap.Output) {
	if o.Destroyed {
		*d = newDisk()
		d.tombstone = o.Tombstone
		return
	}
	d.tombstone = nil // there is something else now
	if d.seq+uint64(len(o.Events)) != o.Seq {
		panic(fmt.Sprintf("sim: store has %d events, %d more do not make %d", d.seq, len(o.Events), o.Seq))
	}
	if o.Snapshot != nil {
		d.snapshot, d.snapSeq, d.events = o.Snapshot, o.SnapshotSeq, nil
	}
	d.events = append(slices.Clip(d.events), o.Events...)
	d.seq = o.Seq
	for _, name := range o.DropSecrets {
		delete(d.secrets, name)
	}
	maps.Copy(d.secrets, o.SetSecrets)
	d.archive = append(slices.Clip(d.archive), o.Archive...)
}

func (d *disk) load() mucmap.Snapshot {
	archive := d.archive
	if len(archive) > mucmap.DefaultHistory {
		archive = archive[len(archive)-mucmap.DefaultHistory:]
	}
	return mucmap.Snapshot{Seq: d.seq, Snapshot: d.snapshot, SnapshotSeq: d.snapSeq, Events: d.events, Secrets: maps.Clone(d.secrets), Archive: archive, Sent: d.sent, Tombstone: d.tombstone}
}
