package policy

import (
	"cmp"
	"fmt"
	"iter"
	"maps"
	"slices"

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
	base     *mimi.BaseRoomPolicy
	metadata *mimi.RoomMetadata
	preauth  *mimi.PreauthList
	logging  *mimi.LoggingPolicy
	mls      *mimi.OperationalParameters

	history    *mimi.HistoryPolicy     // nil: none
	expiration *mimi.MessageExpiration // nil: none
	bots       *mimi.BotPolicy         // nil: none
	assets     *mimi.AssetPolicy       // nil: none
	previews   *mimi.LinkPreviewPolicy // nil: none
	status     *mimi.StatusNotificationPolicy
	linkPolicy *mimi.JoinLinkPolicy

	list *mimi.ParticipantList

	roles   []mimi.Role // ascending by index
	index   map[mimi.URI]int
	clients map[mimi.URI]int // users with at least one client
	leaves  int
	count   map[mimi.RoleIndex]tally
}

// tally counts the participants of a role, and those of them with at least one client.
type tally struct{ participants, active int }

// StateOf reads a room's policy from its group. Participant list, roles list and base policy must be there; a missing
// metadata, preauth list, logging policy or operational policy is an empty one. It fails when one of them is malformed or a leaf has no client URI.
func StateOf(g Group) (*State, error) {
	s := new(State)
	var err error
	if s.list, err = component(g, mimi.ComponentParticipantList, mimi.ParseParticipantList); err != nil {
		return nil, err
	}
	roles, err := component(g, mimi.ComponentRolesList, mimi.ParseRolesList)
	if err != nil {
		return nil, err
	}
	if s.base, err = component(g, mimi.ComponentBaseRoomPolicy, mimi.ParseBaseRoomPolicy); err != nil {
		return nil, err
	}
	if s.metadata, err = optional(g, mimi.ComponentRoomMetadata, mimi.ParseRoomMetadata); err != nil {
		return nil, err
	}
	if s.preauth, err = optional(g, mimi.ComponentPreauthList, mimi.ParsePreauthList); err != nil {
		return nil, err
	}
	if s.logging, err = optional(g, mimi.ComponentLoggingPolicy, mimi.ParseLoggingPolicy); err != nil {
		return nil, err
	}
	if s.mls, err = optional(g, mimi.ComponentOperationalPolicy, mimi.ParseOperationalParameters); err != nil {
		return nil, err
	}
	if err = s.readOptional(g); err != nil {
		return nil, err
	}
	s.roles = sortedRoles(roles)
	s.indexList()
	s.clients = make(map[mimi.URI]int, len(s.list.Participants))
	for i, node := range g.Leaves() {
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil {
			return nil, fmt.Errorf("policy: leaf %d: %w", i, err)
		}
		s.clients[client.ClientUser()]++
		s.leaves++
	}
	s.recount()
	return s, nil
}

func component[T any](g Group, id mls.ComponentID, parse func([]byte) (*T, error)) (*T, error) {
	data, ok := g.AppData(id)
	if !ok {
		return nil, fmt.Errorf("policy: the group has no component 0x%04x", uint16(id))
	}
	v, err := parse(data)
	if err != nil {
		return nil, fmt.Errorf("policy: component 0x%04x: %w", uint16(id), err)
	}
	return v, nil
}

func sortedRoles(l *mimi.RolesList) []mimi.Role {
	roles := slices.Clone(l.Roles)
	slices.SortFunc(roles, func(a, b mimi.Role) int { return cmp.Compare(a.Index, b.Index) })
	return roles
}

func (s *State) indexList() {
	s.index = make(map[mimi.URI]int, len(s.list.Participants))
	for i := range s.list.Participants {
		s.index[s.list.Participants[i].User] = i
	}
}

func (s *State) recount() {
	s.count = make(map[mimi.RoleIndex]tally, len(s.roles))
	for i := range s.list.Participants {
		p := &s.list.Participants[i]
		t := s.count[p.Role]
		t.participants++
		if s.clients[p.User] > 0 {
			t.active++
		}
		s.count[p.Role] = t
	}
}

// RoleOf returns a user's role: RoleNone if it is not listed.
func (s *State) RoleOf(user mimi.URI) mimi.RoleIndex {
	if i, ok := s.index[user]; ok {
		return s.list.Participants[i].Role
	}
	return mimi.RoleNone
}

// Active returns the users that have a client in the group, in no order.
func (s *State) Active() iter.Seq[mimi.URI] { return maps.Keys(s.clients) }

// Role returns the definition of a role, which the caller must not change.
func (s *State) Role(i mimi.RoleIndex) (*mimi.Role, bool) {
	at, ok := slices.BinarySearchFunc(s.roles, i, func(r mimi.Role, i mimi.RoleIndex) int { return cmp.Compare(r.Index, i) })
	if !ok {
		return nil, false
	}
	return &s.roles[at], true
}

// role is Role for callers that take an undefined role, nil, as one without capabilities.
func (s *State) role(i mimi.RoleIndex) *mimi.Role {
	r, _ := s.Role(i)
	return r
}

// Roles returns all roles in ascending order of their index; the caller must not change them.
func (s *State) Roles() []mimi.Role { return s.roles }

// Can says whether a user's role has a capability.
func (s *State) Can(user mimi.URI, c mimi.Capability) bool { return s.role(s.RoleOf(user)).Has(c) }

// MayChange says whether a user's role is authorised to move somebody from one role to another.
func (s *State) MayChange(user mimi.URI, from, to mimi.RoleIndex) bool {
	return s.role(s.RoleOf(user)).MayChange(from, to)
}

// Position returns a user's place in the participant list, for a ParticipantListUpdate.
func (s *State) Position(user mimi.URI) (uint32, bool) {
	i, ok := s.index[user]
	return uint32(i), ok
}

// Participants returns the list in its order, which the caller must not change.
func (s *State) Participants() []mimi.Participant { return s.list.Participants }

// Clients returns how many clients a user has in the group: it is active if there is one.
func (s *State) Clients(user mimi.URI) int { return s.clients[user] }

// Count returns how many participants have a role, and how many of them are active.
func (s *State) Count(i mimi.RoleIndex) (participants, active int) {
	t := s.count[i]
	return t.participants, t.active
}

// Base returns the base policy, Metadata the metadata and Preauth the preauthorisation list; the caller must not change them.
func (s *State) Base() *mimi.BaseRoomPolicy   { return s.base }
func (s *State) Metadata() *mimi.RoomMetadata { return s.metadata }
func (s *State) Preauth() *mimi.PreauthList   { return s.preauth }

// PreauthRole returns the role of the first preauthorisation entry that a credential matches (room-policy §5).
func (s *State) PreauthRole(c mls.Credential) (mimi.RoleIndex, bool) {
	for i := range s.preauth.Entries {
		if s.preauth.Entries[i].Matches(c) {
			return s.preauth.Entries[i].Role.Index, true
		}
	}
	return mimi.RoleNone, false
}

// Open says whether anybody who is not banned may join by itself (canOpenJoin on role 0), and as which roles.
func (s *State) Open() ([]mimi.RoleIndex, bool) {
	none := s.role(mimi.RoleNone)
	if !none.Has(mimi.CanOpenJoin) {
		return nil, false
	}
	for _, change := range none.Changes {
		if change.From == mimi.RoleNone {
			return change.Targets, len(change.Targets) > 0
		}
	}
	return nil, false
}
