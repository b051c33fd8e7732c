package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

// StateOf reads a room's policy from its group. It fails when a component is missing or malformed, or a leaf has no client URI.
func StateOf(g Group) (*State, error) { panic("skeleton") }

// RoleOf returns a user's role: RoleNone if it is not listed.
func (s *State) RoleOf(user mimi.URI) mimi.RoleIndex { panic("skeleton") }

// Role returns the definition of a role.
func (s *State) Role(i mimi.RoleIndex) (*mimi.Role, bool) { panic("skeleton") }

// Can says whether a user's role has a capability.
func (s *State) Can(user mimi.URI, c mimi.Capability) bool { panic("skeleton") }

// Position returns a user's place in the participant list, for a ParticipantListUpdate.
func (s *State) Position(user mimi.URI) (uint32, bool) { panic("skeleton") }

// Participants returns the list in its order, which the caller must not change.
func (s *State) Participants() []mimi.Participant { panic("skeleton") }

// Clients returns how many clients a user has in the group: it is active if there is one.
func (s *State) Clients(user mimi.URI) int { panic("skeleton") }

// AuthorizeCommit decides on a commit and returns the state after it. The error is a *mimi.Refusal.
func AuthorizeCommit(before *State, e *mls.Effects, o Options) (*State, error) { panic("skeleton") }

// AuthorizeProposals decides on proposals that were sent together, none of them committed yet, as if one commit held them and
// nothing else. The error is a *mimi.Refusal.
func AuthorizeProposals(before *State, pg *mls.PublicGroup, bundle []mls.PendingProposal, o Options) error {
	panic("skeleton")
}

// AuthorizeSend decides whether a user may send application messages. The error is a *mimi.Refusal.
func AuthorizeSend(s *State, user mimi.URI) error { panic("skeleton") }

// AuthorizeReceive decides whether a user is to get application messages. The error is a *mimi.Refusal.
func AuthorizeReceive(s *State, user mimi.URI) error { panic("skeleton") }

// AuthorizeGroupInfo decides whether the holder of a credential may get the GroupInfo, which is whether it could join by
// external commit. The error is a *mimi.Refusal with a code of the groupInfo endpoint.
func AuthorizeGroupInfo(s *State, c mls.Credential, o Options) error { panic("skeleton") }
