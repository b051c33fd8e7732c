package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

// Act is one thing that one user does to another in a proposal or commit.
type Act struct {
	Kind       ActKind
	Actor      mimi.URI // zero for an external sender
	ActorRole  mimi.RoleIndex
	Target     mimi.URI
	From, To   mimi.RoleIndex // of Target; equal where its role does not change
	ClientsNow int            // of Target after the commit
	Listed     int            // how many participants there are after the commit, where it changes Target's role
}

// ActKind names an Act.
type ActKind uint8

const (
	ActAddUser       ActKind = iota + 1 // Target is listed, and its clients may be added with it
	ActJoin                             // Actor lists itself
	ActAddClient                        // Actor adds a client of its own
	ActRemoveUser                       // Target and its clients are removed
	ActLeave                            // Actor takes itself and its clients out
	ActRemoveClient                     // Actor removes a client of its own and stays listed
	ActKick                             // clients of Target are removed, Target stays listed
	ActBan                              // Target gets role 1 and loses its clients
	ActUnban                            // Target gets another role than 1
	ActChangeRole                       // Target gets another role
	ActChangeOwnRole                    // Actor takes the role that it is preauthorised for
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
	// Now is the time in seconds since 1970, and Renewed says since when a leaf has its keys: with both a leaf whose keys are younger than the
	// operational policy's minimum is not renewed. Nil: times are not checked, as members do, who learn them too late.
	Now     uint64
	Renewed func(leaf mls.LeafIndex) (since uint64, known bool)
	// Seed holds the rules too that draft-mahy-mimi-group-chat has and its successors dropped: a hub's, for its own rooms. A member
	// that verifies what another provider's hub accepted leaves it false.
	Seed bool
	// System is the participant by which the owning provider acts in the room itself, if there is one; it is a system user
	// then, as external senders are.
	System mimi.URI
}
