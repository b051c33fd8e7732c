package mucmap

import "time"

// Limits bound what a peer can make grow in one room.
type Limits struct {
	Occupants   int // sessions present at once
	History     int // messages kept in memory for joining occupants
	Affiliation int // entries of the participant list
	Nick        int // characters (code points) of a nick
	Waiting     int // wishes that wait for a commit, messages that wait for one, and requests that wait for the room to be made
	Rates       Rates

	Gap     time.Duration // a room of another provider waits so long for what is missing before it is entered anew; 0: follower.GapPatience
	Renewal time.Duration // owners may want all keys to be renewed in no less; between MinShortestRenewal and the default
}

// The defaults of [Limits] and [Config].
const (
	DefaultOccupants   = 20000
	DefaultHistory     = 100
	DefaultAffiliation = 50000
	DefaultNick        = 64
	DefaultWaiting     = 4096
	DefaultGuestLinger = 30 * time.Minute
	DefaultLockTimeout = 5 * time.Minute

	DefaultShortestRenewal = time.Hour
)

// fullListText refuses who would be listed beyond Limits.Affiliation.
const fullListText = "the room has too many participants"

// SnapshotEvery is the number of events after which the room's state replaces its log.
const SnapshotEvery = 256

// GenerationBlock is how many sending generations of a leaf are made durable at a time.
const GenerationBlock = 64
