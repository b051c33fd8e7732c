package mimi

import (
	"anteroom/mls/wire"
)

// RoleIndex is the number of a role in a room (draft-ietf-mimi-room-policy-04 §4).
type RoleIndex uint32

const (
	RoleNone   RoleIndex = 0 // not in the participant list
	RoleBanned RoleIndex = 1 // if the room defines a role 1, it is named "banned"
)

// Participant is an entry of the participant list: UserRolePair of draft-ietf-mimi-protocol-06 §7.5.
type Participant struct {
	User URI
	Role RoleIndex
}

// ParticipantList is the data of ComponentParticipantList. The order matters: updates refer to positions.
type ParticipantList struct{ Participants []Participant }

func writeParticipant(w *wire.Writer, p *Participant) {
	writeURI(w, p.User)
	w.U32(uint32(p.Role))
}

func readParticipant(r *wire.Reader, p *Participant) {
	p.User = readURI(r, "UserRolePair.user")
	if r.Err() == nil && p.User.Kind() != KindUser {
		r.Fail("not a user uri")
	}
	p.Role = RoleIndex(r.At("UserRolePair.role_index").U32())
	if r.Err() == nil && p.Role == RoleNone {
		r.Fail("a participant cannot have role 0")
	}
}

func (p *ParticipantList) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for i := range p.Participants {
			writeParticipant(w, &p.Participants[i])
		}
	})
}

func (p *ParticipantList) UnmarshalTLS(r *wire.Reader) {
	*p = ParticipantList{}
	p.Participants = readList(r, "ParticipantListData.participants", MaxParticipants, readParticipant)
	if r.Err() == nil && hasDuplicateUser(p.Participants) {
		r.Fail("a user is listed twice")
	}
}

func hasDuplicateUser(list []Participant) bool {
	seen := make(map[URI]struct{}, len(list))
	for i := range list {
		if _, twice := seen[list[i].User]; twice {
			return true
		}
		seen[list[i].User] = struct{}{}
	}
	return false
}

// RoleChange gives the participant at position Index of the current list another role.
type RoleChange struct {
	Index uint32
	Role  RoleIndex
}

// ParticipantListUpdate is an update of ComponentParticipantList. Positions refer to the list of the epoch in which the
// commit is made: all changes, then all removals, then all additions (draft-ietf-mimi-protocol-06 §7.5). Where a commit
// carries several updates, all of them refer to the list before the commit, since each was signed in that epoch.
type ParticipantListUpdate struct {
	Changed []RoleChange
	Removed []uint32
	Added   []Participant
}

func (u *ParticipantListUpdate) MarshalTLS(w *wire.Writer) {
	w.Varint(len(u.Changed) * 8)
	for _, c := range u.Changed {
		w.U32(c.Index)
		w.U32(uint32(c.Role))
	}
	writeIntegers(w, u.Removed, 4)
	w.Vector(func(w *wire.Writer) {
		for i := range u.Added {
			writeParticipant(w, &u.Added[i])
		}
	})
}

func (u *ParticipantListUpdate) UnmarshalTLS(r *wire.Reader) {
	*u = ParticipantListUpdate{}
	u.Changed = readList(r, "ParticipantListUpdate.changedRoleParticipants", MaxListChanges, func(r *wire.Reader, c *RoleChange) {
		c.Index = r.At("UserindexRolePair.user_index").U32()
		c.Role = RoleIndex(r.At("UserindexRolePair.role_index").U32())
		if r.Err() == nil && c.Role == RoleNone {
			r.Fail("a participant cannot have role 0")
		}
	})
	u.Removed = readIntegers[uint32](r, "ParticipantListUpdate.removedIndices", 4, MaxListChanges)
	u.Added = readList(r, "ParticipantListUpdate.addedParticipants", MaxListChanges, readParticipant)
}

// Empty says whether the update changes nothing.
func (u *ParticipantListUpdate) Empty() bool {
	return len(u.Changed) == 0 && len(u.Removed) == 0 && len(u.Added) == 0
}

// Apply returns the list after all updates of one commit; the list itself is unchanged. It fails when a position does not
// exist, when a user is touched twice, and when an added user is already listed.
func (p *ParticipantList) Apply(updates ...*ParticipantListUpdate) (*ParticipantList, error) {
	touched := make(map[uint32]bool)
	touch := func(index uint32) error {
		if int64(index) >= int64(len(p.Participants)) {
			return listError("list-index", "position %d of a list of %d", index, len(p.Participants))
		}
		if touched[index] {
			return listError("list-twice", "%s is touched twice in one commit", p.Participants[index].User)
		}
		touched[index] = true
		return nil
	}
	next := append([]Participant(nil), p.Participants...)
	removed, added := 0, 0
	for _, u := range updates {
		for _, c := range u.Changed {
			if err := touch(c.Index); err != nil {
				return nil, err
			}
			next[c.Index].Role = c.Role
		}
		for _, index := range u.Removed {
			if err := touch(index); err != nil {
				return nil, err
			}
			next[index].User = URI{}
			removed++
		}
		added += len(u.Added)
	}
	if removed > 0 {
		kept := next[:0]
		for _, participant := range next {
			if !participant.User.IsZero() {
				kept = append(kept, participant)
			}
		}
		next = kept
	}
	if added > 0 {
		if len(next)+added > MaxParticipants {
			return nil, listError("list-limit", "more than %d participants", MaxParticipants)
		}
		listed := make(map[URI]struct{}, len(p.Participants)+added)
		for i := range p.Participants {
			listed[p.Participants[i].User] = struct{}{} // removed and added again is touched twice
		}
		for _, u := range updates {
			for _, participant := range u.Added {
				if _, twice := listed[participant.User]; twice {
					return nil, listError("list-twice", "%s is already listed", participant.User)
				}
				listed[participant.User] = struct{}{}
				next = append(next, participant)
			}
		}
	}
	return &ParticipantList{next}, nil
}
