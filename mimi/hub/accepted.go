package hub

import (
	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// Accepted is what took effect, with everything that follows from it; the same for local and remote origin.
type Accepted struct {
	Next          *Room
	Before, After *policy.State // the same value unless Effects is set

	Origin string // the provider that submitted it; our own for local events

	// Exactly one of these three is set.
	Effects     *mls.Effects            // a commit
	Proposals   []mls.PendingProposal   // proposals that were sent together
	Application *mls.ApplicationMessage // an application message; Data is nil if a local leaf sent it

	Sender  mimi.URI     // the user that sent it
	Message *mls.Message // as it was sent
	Frank   *mimi.Frank  // of an application message: our stamp, if others get it

	// With a commit.
	Welcome *mls.Welcome          // lets those in that it adds from outside
	Adopt   []mls.LeafIndex       // leaves of our own users that a remote commit added by key packages of ours: local in Next
	Voided  []mls.PendingProposal // accepted proposals that an external commit made void, to be proposed again

	AcceptedAt uint64 // milliseconds since 1970
	Fanout     []Fanout

	// Memory is what Room.Remember needs when an event log is replayed: set for requests of other providers. Next has it already.
	Memory *Memory
}

// Fanout is what one provider must be told: a body for its notify endpoint, one or more concatenated FanoutMessages. The hub's own
// provider is never among them. The provider that submitted the event learns its outcome from the answer and is told nothing, except
// the Welcome for clients of its own that the event added.
type Fanout struct {
	Provider string
	Body     []byte
}
