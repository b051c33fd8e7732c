package policy

import "anteroom/mimi"

// AuthorizeCreate decides whether a group may become a room's: only a user who would be admin or owner of the room creates it
// (draft-mahy-mimi-group-chat, "Create an MLS group"). s is the state of the new group, whose only client is the creator's. The
// error is a *mimi.Refusal.
func AuthorizeCreate(s *State) error {
	return at(s.create(), mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed))
}

func (s *State) create() *mimi.Refusal {
	if s.leaves != 1 {
		return deny("create-alone", "a new group has one client, this one has %d", s.leaves)
	}
	for creator := range s.clients {
		role := s.RoleOf(creator)
		if role == mimi.RoleNone || role == mimi.RoleBanned {
			return deny("create-unlisted", "%s creates the room and is not one of its participants", creator)
		}
		if !administers(s.role(role)) {
			r := deny("create", "role %s of %s who creates the room is neither owner nor admin", s.name(role), creator)
			r.Missing, r.HasMissing, r.Roles = mimi.CanChangeRoomMembershipStyle, true, s.rolesWith(administers)
			return r
		}
	}
	return nil
}
