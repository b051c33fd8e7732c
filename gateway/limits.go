package gateway

import "time"

// Limits of Options that have no field of their own there. Each has a test.
const (
	MaxBatch       = 64                    // inputs of one turn: a busy room yields to others after so many
	MaxTurnBytes   = 4 << 20               // of what it wants written, after which it ends: a batch has an end
	MaxGroup       = 256                   // batches of one group commit
	MaxActors      = 200_000               // rooms in memory; more stanzas for others are answered with resource-constraint
	MaxFollowed    = 10_000                // rooms of one provider that its hub can make us remember by asking for key packages
	MaxReports     = 256                   // reports of abuse that are kept; the oldest of who sent the most goes when one more comes
	MaxPersons     = 100_000               // users whose questions and decisions about consent are kept; more are asked nothing
	MaxNewPersons  = 1000                  // of them, those that one provider may make us remember in a day
	MaxLoading     = 32                    // rooms that are loaded at the same time
	MaxReading     = 16                    // archive queries that are carried out at the same time
	MaxSenders     = 100_000               // users whose rate is watched in the same minute
	MaxService     = 1024                  // stanzas to the service itself that wait
	MaxPrivileges  = 64                    // domains whose servers let us keep their users' bookmarks
	MaxBookmarks   = 1024                  // bookmarks under way; more are not made
	MaxCrashes     = 5                     // panics of one room within CrashWindow until it is quarantined
	CrashWindow    = 10 * time.Minute      //
	QuarantineTime = 10 * time.Minute      //
	MaxUnanswered  = 4096                  // requests of users that a room answers later and that are known outside of it; of more nobody hears when it is dropped
	MaxTries       = 2                     // turns that an input may be lost with before it is answered with an error
	MaxBelonging   = 256                   // rooms that a user is known to belong to, for indicators of activity; more are not indicated
	MaxIndicated   = 10_000                // devices that ask for indicators of activity; more are refused
	MaxOrders      = 8                     // orders of operators by ad-hoc command that are carried out at the same time
	WakePace       = 20 * time.Millisecond // at start, from one room that is overdue to be woken to the next
	MaxSeeking     = 64                    // searches of other providers that are on the way; more users are told to try again
	AnnouncePace   = 20 * time.Millisecond // from one room to the next that hears an announcement
	AnnounceTime   = 5 * time.Second       // a room that takes longer does not hear it

	MaxPosts         = 4         // rooms that have a request on its way to the same provider
	MaxTogether      = 64        // fan-out messages of one room in one request to a provider
	MaxTogetherBytes = 512 << 10 // of them, unless one alone is larger

	MaxIndicatedDevices = 16               // of one user that ask for indicators of activity
	IndicatorPause      = 2 * time.Second  // activity of so long goes into one indicator
	IndicatorTime       = 30 * time.Second // of finding out what a device that asks is to be told

	LeaseTime        = time.Minute      // of a room; renewed after a third of it
	WriteTimeout     = 10 * time.Second // of one group commit
	LoadTimeout      = 30 * time.Second // of claiming and loading one room
	ReadTimeout      = 15 * time.Second // of one archive query
	Patience         = 20 * time.Second // an input that waits longer for the store is answered with an error
	FlushAfter       = time.Second      // what only notes progress is written with the next batch, or after this long
	BuryWithin       = 5 * time.Second  // a destroyed room stays in the store so long for what it owes to providers
	BookmarkPatience = time.Minute      // a bookmark whose server does not answer is given up
	FlushGrace       = 2 * time.Second  // a room that is given up waits this long for the server to take its stanzas
	RequestTime      = 25 * time.Second // a provider's request is answered with 503 after this long
	TurnPatience     = 8 * time.Second  // an answer waits so long for what its provider is to hear before it

	MinBackoff = time.Second     // between attempts to load a room or to deliver to a provider, doubled each time
	MaxBackoff = 5 * time.Minute //
)

// Defaults of Options.
const (
	DefaultMailbox   = 4096
	DefaultHistory   = 20
	DefaultOutbox    = 10_000
	DefaultOutboxAge = 3 * 24 * time.Hour
	DefaultIdle      = 2 * time.Minute
)
