package mucmap

import (
	"time"

	"anteroom/mls"
)

// Room is one room: its public state, its group and what is under way. It is not safe for concurrent use.
type Room struct{}

// Step is the only way a Room changes. It never blocks and never fails: what the sender did wrong becomes a refusal in Output.
// seed must be fresh for every Step: keys and ids are derived from it.
func (r *Room) Step(now time.Time, seed mls.Seed, in Input) Output { panic("skeleton") }

// Exists says that the room has been created and not destroyed: a room that does not exist need not be kept.
func (r *Room) Exists() bool { panic("skeleton") }

// Idle says that no job is under way, nobody is present and nothing waits: the room may be dropped and restored later. A room
// that was dropped while idle, after its last write, is restored with Snapshot.Clean.
func (r *Room) Idle() bool { panic("skeleton") }

// Seq is the number of events so far.
func (r *Room) Seq() uint64 { panic("skeleton") }

// MarkSent tells the room that the stanzas of the events up to seq were handed to the server.
func (r *Room) MarkSent(seq uint64) { panic("skeleton") }

// Summary is the room's line in lists of rooms.
func (r *Room) Summary() Summary { panic("skeleton") }
