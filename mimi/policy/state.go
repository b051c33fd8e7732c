package policy

import (
	"iter"

	"anteroom/mimi"
	"anteroom/mls"
)

// Denied is how every function of this package refuses; Code is UpdateNotAllowed of the update endpoint unless said otherwise.
type Denied = mimi.Refusal

// Group is what a State is read from: *mls.PublicGroup.
type Group interface {
	AppData(id mls.ComponentID) ([]byte, bool)
	Leaves() iter.Seq2[mls.LeafIndex, *mls.LeafNode]
}

// State is a room's policy in one epoch: roles, participants and how many clients each has. It is immutable.
type State struct {
	base     mimi.BaseRoomPolicy
	metadata mimi.RoomMetadata
	preauth  mimi.PreauthList
	list     *mimi.ParticipantList

	roles   []mimi.Role // ascending by index
	index   map[mimi.URI]int
	clients map[mimi.URI]int // users with at least one client
	leaves  int
	count   map[mimi.RoleIndex]tally
}

// tally counts the participants of a role, and those of them with at least one client.
type tally struct{ participants, active int }

// Act is one thing that one user does to another in a proposal or commit.
type Act struct {
	Kind       ActKind
	Actor      mimi.URI // zero for an external sender
	ActorRole  mimi.RoleIndex
	Target     mimi.URI
	From, To   mimi.RoleIndex // of Target; equal where its role does not change
	ClientsNow int            // of Target after the commit
}

// ActKind names an Act.
type ActKind uint8

const (
	ActAddUser      ActKind = iota + 1 // Target is listed; its clients may be added with it
	ActJoin                            // Actor lists itself
	ActAddClient                       // Actor adds a client of its own
	ActRemoveUser                      // Target is taken off the list
	ActLeave                           // Actor takes itself off the list
	ActRemoveClient                    // Actor removes a client of its own
	ActKick                            // clients of Target go, Target stays listed
	ActBan
	ActUnban
	ActChangeRole
	ActChangeOwnRole
)

// Extra is a further check by a hub that is stricter than the documents; it is asked about every act that they allow.
type Extra func(before *State, act Act) *mimi.Refusal

// Options says who asks and who judges.
type Options struct {
	// Provider is the provider that submitted the message; it may only speak for its own users. Empty: not checked.
	Provider string
	// Extra is asked about everything that is otherwise allowed. Nil: nothing more.
	Extra Extra
	// JoinCode says whether user may join as role by a code that was checked before. Nil: nobody. A member that only
	// verifies what its hub accepted answers true.
	JoinCode func(user mimi.URI, role mimi.RoleIndex) bool
}
