package follower

import (
	"encoding/binary"
	"time"
)

// When many commit at the same time, as when fifty providers enter a room at once, one of them wins each epoch and the others have to try again. Who
// has lost a few times steps aside, for longer and longer, so that those who are left get a turn within MaxAttempts
// (docs/decisions/144-many-at-once.md).

// stepAside lets the first wish pause, after its commit has lost a race.
func (t *turn) stepAside() {
	lost := t.r.queue[0].attempts
	if lost < FreeAttempts {
		return
	}
	seed := t.fresh("pause")
	t.r.pause = t.now.Add(time.Duration(binary.BigEndian.Uint64(seed[:]) % uint64(pauseAfter(lost))))
}

// pauseAfter is what a pause is shorter than, after so many lost races.
func pauseAfter(lost int) time.Duration {
	return min(FirstPause<<min(lost-FreeAttempts, 16), MaxPause)
}
