package follower

import (
	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// Output is what follows from one call.
type Output struct {
	Next    *Room
	Request *Request // to be sent now; nil if none
	Events  []Event  // in order
}

// Request is a body for an endpoint of the hub, about the room.
type Request struct {
	Endpoint mimi.Endpoint
	Body     []byte
}

// Event is one thing that took place: Joined, Epoch, Proposed, Message, Sent, Done, Removed, Refused, Dropped, Lost, Resynced,
// Reinitialised or Broken.
type Event interface{ event() }

type (
	// Joined says that Client is a member now. An Epoch event follows if the join was by external commit in this process.
	Joined struct {
		Client mimi.URI
		Leaf   mls.LeafIndex
		Epoch  mls.Epoch
		Added  bool // by somebody else, whose Welcome let it in
	}
	// Epoch says that a commit took effect, ours or somebody else's.
	Epoch struct {
		Effects       *mls.Effects
		Before, After *policy.State
		At            uint64 // accepted by the hub, milliseconds since 1970
	}
	// Proposed says that proposals wait for a commit.
	Proposed struct {
		Proposals []mls.PendingProposal
		Group     *mls.PublicGroup // and State: what they are about
		State     *policy.State
		At        uint64
	}
	// Message is an application message of another provider's user, or of a user of ours in another process.
	Message struct {
		Message *mls.ApplicationMessage
		Sender  mimi.URI // the user
		At      uint64
		Frank   *mimi.Frank // the hub's stamp, if there is one and its signature holds
	}
	// Sent says that the hub accepted a message of ours.
	Sent struct {
		Wish  Wish
		Epoch mls.Epoch
		At    uint64
	}
	// Done says that a wish other than Send was fulfilled. It follows the events that came of it; a Leave is fulfilled when the hub
	// holds its proposals.
	Done struct{ Wish Wish }
	// Removed says that none of our clients is a member any more. The room keeps the last epoch that it could read.
	Removed struct{ At uint64 }
	// Refused says that a wish will not come true.
	Refused struct {
		Wish     Wish
		Endpoint mimi.Endpoint // empty if our own check refused it
		Status   int           // HTTP status, if it was not 200
		Code     uint8         // of the endpoint's answer
		Text     string
		Err      error // of our own check; nil otherwise
	}
	// Dropped is something from the hub that was not applied and does not matter to the room's state.
	Dropped struct{ Text string }
	// Lost says that the room is behind and what is done about it.
	Lost struct{ Text string }
	// Resynced says that the room was entered anew, as Client: what took place between Before and After was not seen. Messages of that time are told
	// when they come late (trail.go).
	Resynced struct {
		Client        mimi.URI
		Before, After *policy.State
		Epoch         mls.Epoch
		At            uint64
	}
	// Reinitialised says that the room goes on in the group that follows its old one, after an Epoch that ended that one with a ReInit: same members and
	// policy, other keys, perhaps another suite.
	Reinitialised struct {
		Group []byte
		Suite mls.CipherSuite
		State *policy.State
		Epoch mls.Epoch
		At    uint64 // accepted by the hub, milliseconds since 1970
	}
	// Broken says that the hub accepted what it must not, or cannot be followed: the room is given up.
	Broken struct{ Text string }
)

func (Joined) event()        {}
func (Epoch) event()         {}
func (Proposed) event()      {}
func (Message) event()       {}
func (Sent) event()          {}
func (Done) event()          {}
func (Removed) event()       {}
func (Refused) event()       {}
func (Dropped) event()       {}
func (Lost) event()          {}
func (Resynced) event()      {}
func (Reinitialised) event() {}
func (Broken) event()        {}
