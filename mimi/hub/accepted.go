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

	Sender  mimi.URI        // the user that sent it
	Message *mls.Message    // as it was sent
	Welcome *mls.Welcome    // of a commit that adds somebody
	Adopt   []mls.LeafIndex // leaves of our own users that a remote commit added: Group.Adopt opens Welcome for them

	AcceptedAt uint64 // milliseconds since 1970
	Fanout     []Fanout

	// Memory is what Room.Remember needs when an event log is replayed: set for requests of other providers.
	Memory *Memory
}

// Fanout is what one provider must be told: a body for its notify endpoint, one or more concatenated FanoutMessages. The hub's own
// provider and the provider that submitted the event are never among them; the latter learns all from its answer.
type Fanout struct {
	Provider string
	Body     []byte
}

// Memory is an accepted request with its answer, kept to answer a repetition.
type Memory struct {
	Digest [32]byte // of provider and body
	Answer []byte
}
