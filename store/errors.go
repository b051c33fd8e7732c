package store

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound: there is no such room, record or archive entry.
	ErrNotFound = errors.New("store: not found")
	// ErrConflict: somebody else claimed or wrote in between; nothing was written.
	ErrConflict = errors.New("store: conflict: fence, sequence or version is not as said")
	// ErrInvalid: what was asked breaks a rule or a limit of this package; nothing was written.
	ErrInvalid = errors.New("store: invalid")
	// ErrHeld: another owner holds the lease.
	ErrHeld = errors.New("store: lease is held")
	// ErrWrongKey: the store was sealed with another key than the one given.
	ErrWrongKey = errors.New("store: wrong sealing key")
	// ErrCorrupt: sealed bytes do not open, or what the backend holds is not what this package wrote.
	ErrCorrupt = errors.New("store: corrupt")
)

// What can be invalid about a batch only in view of its room. For backends; each is an ErrInvalid.
var (
	ErrSnapshotOrder = invalid("SnapshotSeq: before the stored one")
	ErrOutboxID      = invalid("Outbox: id in use")
	ErrArchiveID     = invalid("Archive: id in use")
)

// HeldError is the ErrHeld of Claim.
type HeldError struct {
	Lease Lease
	Owner string        // who holds it
	Left  time.Duration // for how long at most, unless renewed
}

func (e *HeldError) Error() string {
	return fmt.Sprintf("store: lease %q is held by %q for %v", e.Lease.name, e.Owner, e.Left)
}

// Is makes errors.Is(err, ErrHeld) true.
func (e *HeldError) Is(target error) bool { return target == ErrHeld }

func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalid, fmt.Sprintf(format, args...))
}
