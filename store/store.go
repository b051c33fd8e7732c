package store

import (
	"context"
	"time"
)

// Store is what the three backends and the sealing wrapper have in common.
type Store interface {
	// Rooms returns the keys of all rooms that were written and not deleted, sorted.
	Rooms(ctx context.Context) ([]string, error)

	// Load returns all of a room except its archive, as of one moment. ErrNotFound: neither room nor tombstone.
	Load(ctx context.Context, room string) (*Room, error)

	// Write applies one batch, atomically and durably.
	//
	// ErrConflict: the fence is not the newest or the sequence is not as said. ErrInvalid: the batch breaks a rule.
	// Nothing was written in both cases. Any other error: the outcome is unknown (see the package comment).
	Write(ctx context.Context, b Batch) error

	// WriteAll writes batches of different rooms in one go, for one round trip or one transaction. Every batch is
	// atomic by itself and has its own error, as from Write, in the order of the batches. It returns as many
	// errors as there were batches. A second batch for the same room is ErrInvalid.
	WriteAll(ctx context.Context, batches []Batch) []error

	// Archive returns one page of a room's archive. A room without archive has an empty one.
	// ErrNotFound: After or Before names no entry. ErrInvalid: limit out of range.
	Archive(ctx context.Context, room string, q ArchiveQuery) (ArchivePage, error)

	// Delete removes everything of a room. The tombstone, when not empty, takes its place: Load then returns a
	// Room that has nothing else, until a first batch is written again. Errors as from Write; deleting what is
	// not there is no error.
	Delete(ctx context.Context, room string, fence Fence, tombstone []byte) error

	// Claim takes a lease for ttl and returns a fence greater than any given out for that lease before. An owner
	// names a gateway: the same owner can always claim again, which spends its earlier fence. ErrHeld (as
	// *HeldError): another owner holds it. A store that only one process can open grants every claim.
	Claim(ctx context.Context, l Lease, owner string, ttl time.Duration) (Fence, error)

	// Renew prolongs a lease to ttl from now. ErrConflict: the fence is not the newest any more.
	Renew(ctx context.Context, l Lease, owner string, f Fence, ttl time.Duration) error

	// Release gives a lease back and spends its fence. Releasing a lease that was lost is no error.
	Release(ctx context.Context, l Lease, owner string, f Fence) error

	// Get returns a record. ErrNotFound: there is none.
	Get(ctx context.Context, bucket, key string) (Record, error)

	// Update applies changes of one bucket's records, all or none. ErrConflict: a record's version is not as
	// said; nothing was written. Other errors as from Write.
	Update(ctx context.Context, bucket string, changes ...Change) error

	// List returns up to limit records of a bucket whose keys start with prefix and sort after the key after
	// (empty: from the beginning), sorted by key.
	List(ctx context.Context, bucket, prefix, after string, limit int) ([]Record, error)

	// Ping reports whether the store answers.
	Ping(ctx context.Context) error

	// Close frees the store. Nothing else may be called afterwards.
	Close() error
}

// Seq counts the events of a room: the first event has Seq 1, a room of no events has Seq 0.
type Seq uint64

// Fence is the number of a claim. A write carries it, and only the newest claim's is accepted. The zero Fence never is.
type Fence uint64

// Version tells one content of a record from all others the same key ever had. It is never 0.
type Version uint64

// Absent, as Change.If, demands that there is no record.
const Absent = ^Version(0)

// Lease is something one owner at a time can hold.
type Lease struct {
	room bool
	name string
}

// RoomLease is the lease of a room; its fences guard Write and Delete.
func RoomLease(room string) Lease { return Lease{room: true, name: room} }

// ServiceLease is the lease of a role of the whole service, such as speaking for a component's domain.
func ServiceLease(name string) Lease { return Lease{name: name} }

// IsRoom reports whether this is the lease of a room.
func (l Lease) IsRoom() bool { return l.room }

// Name returns the room's key or the role's name.
func (l Lease) Name() string { return l.name }

// Room is what Load returns.
type Room struct {
	Seq         Seq               // events written so far
	Snapshot    []byte            // stands for events 1 to SnapshotSeq; nil: none
	SnapshotSeq Seq               //
	Events      [][]byte          // events SnapshotSeq+1 to Seq
	Secrets     map[string][]byte // by part name; never nil
	Outbox      []OutboxEntry     // owed, ids ascending
	Sent        Seq               // the highest Batch.Sent
	Tombstone   []byte            // not nil: the room was deleted, and there is nothing else
}

// Batch is what one turn of a room changes. The zero value of every field but the first three changes nothing.
type Batch struct {
	Room  string
	Fence Fence // from Claim of RoomLease(Room)
	Seq   Seq   // events before this batch

	Events [][]byte // appended; the first of a room's batches creates the room even when it has none

	// Snapshot, when not nil, stands for the events up to SnapshotSeq, which are then forgotten. SnapshotSeq lies
	// between the stored one and Seq+len(Events). Who builds stanzas again from unsent events snapshots no
	// further than Sent.
	Snapshot    []byte
	SnapshotSeq Seq

	SetSecrets  map[string][]byte
	DropSecrets []string // applied before SetSecrets; unknown names are ignored

	Outbox     []OutboxEntry // ids ascending and unused
	OutboxDone []uint64      // entries to forget; unknown ids are ignored

	Archive       []ArchiveEntry // appended; ids unused
	Redact        []Redaction    // unknown ids are ignored: retention may have been faster
	ArchiveBefore time.Time      // entries older than this are forgotten; zero: none.

	Sent Seq // stanzas of events up to here were handed to the server; never lowers the stored value
}

// OutboxEntry is what is owed to other providers. Who they are is in the body.
type OutboxEntry struct {
	ID   uint64 // ascending within a room
	Body []byte // sealed
}

// ArchiveEntry is one archived message. Entries keep the order in which they were written.
type ArchiveEntry struct {
	ID     string    // unique within the room
	Time   time.Time // to the microsecond, UTC
	Sender string    // in clear
	Body   []byte    // sealed
}

// Redaction replaces the body of an archive entry.
type Redaction struct {
	ID   string
	Body []byte
}

// ArchiveQuery selects a page. Since and Until look at an entry's time, raised to that of the entries before it where
// clocks stepped back, so that the order of writing and the order of time agree.
type ArchiveQuery struct {
	After, Before string    // ids, exclusive; empty: no bound
	Since, Until  time.Time // inclusive; zero: no bound
	Newest        bool      // the newest Limit entries of the range and not the oldest; the page is ascending anyway
	Limit         int       // 0 to MaxPage; 0 only counts
}

// ArchivePage is a piece of the archive, oldest entry first.
type ArchivePage struct {
	Entries  []ArchiveEntry
	Index    uint64 // place of the first entry among all that Since and Until select, from 0
	Total    uint64 // how many Since and Until select
	Complete bool   // nothing is left of the range between After and Before beyond this page
}

// Record is a small provider-wide value.
type Record struct {
	Key     string
	Value   []byte // sealed
	Version Version
}

// Change is what Update does to one record.
type Change struct {
	Key   string
	Value []byte  // nil removes the record
	If    Version // 0: whatever is there; Absent: nothing may be there; otherwise the version that must be there
}

// Holds reports whether the condition of a change holds for the record that is there, or not. For backends.
func (c Change) Holds(v Version, there bool) bool {
	switch c.If {
	case 0:
		return true
	case Absent:
		return !there
	}
	return there && v == c.If
}
