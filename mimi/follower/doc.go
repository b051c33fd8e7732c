// Package follower is a room that another provider owns, as seen by a provider whose users take part in it: it applies what the hub
// says in order, holds it against the room's policy, and turns the wishes of our users into requests to the hub
// (draft-ietf-mimi-protocol-06 §5.3 to §5.6).
//
// A Room is a value: every method that moves on returns an Output with the next value, at most one request to send and the events that
// took place. At most one request is on the way at a time; wishes wait in a queue and are built anew when the hub answers that the
// epoch has moved on. The caller stores the change (Parts) before the request leaves, so that a crash repeats it byte for byte and the
// hub answers as the first time.
//
// What belongs to a later epoch is kept until what is missing comes (gap.go); a room that has lost touch is entered anew without anybody
// asking for it, a bounded number of times (resync.go), and still reads what comes late of the time between (trail.go).
//
// What the hub accepted is not believed: commits, proposals and messages that policy does not allow are not applied, and a room whose
// hub let such a commit pass is given up (Event Broken).
//
// A room whose group ends with a ReInit goes on in the group that follows: nothing is sent until its Welcome is here (reinit.go).
//
// Not implemented: SemiPrivateMessage, ratchet trees by URL and PSKs.
//
// Room and Output are safe for concurrent reading.
package follower

import (
	"time"

	"anteroom/mimi"
)

// Limits on what a hub or our own users can make a room remember.
const (
	// MaxQueue is how many wishes may wait.
	MaxQueue = 1024
	// MaxSeen is how many messages of notify bodies are recognised when they come again.
	MaxSeen = 512
	// MaxKept and MaxKeptBytes bound what is kept of later epochs; the hub is asked to come again with more.
	MaxKept      = 256
	MaxKeptBytes = 4 << 20
	// GapPatience is how long the room waits for what is missing before it is entered anew.
	GapPatience = time.Minute
	// MaxResyncs is how many attempts to enter it anew are made before it is given up; ResyncPause is the time after the first, doubled each time.
	MaxResyncs  = 8
	ResyncPause = 30 * time.Second
	// ResyncForgiven is how long all must have been well for attempts to be counted from the start.
	ResyncForgiven = time.Hour
	// MaxAttempts is how often one wish is built anew because the epoch moved on.
	MaxAttempts = 32
	// FreeAttempts is after how many races that a wish's commits have lost it begins to pause: a random time below FirstPause, which doubles with each
	// further one, up to MaxPause.
	FreeAttempts = 3
	FirstPause   = 200 * time.Millisecond
	MaxPause     = 30 * time.Second

	// OwnAhead is how many of our own commits the hub may have answered since it last told us anything.
	OwnAhead = 12
	// pastEpochs is how many epochs late a message can still be read. The hub takes one up to mimi.LateEpochs after its own and tells it behind the commit that
	// began the epoch in which it took it, and before the next of anybody else; our own commits we know from its answers, which overtake what it tells.
	// One epoch is 5 kB, and 15 kB in a room of a thousand.
	pastEpochs = mimi.LateEpochs + OwnAhead

	reserve = 64 // sending generations per reservation
)
