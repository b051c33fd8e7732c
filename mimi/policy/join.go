package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

// join decides on a user who lists itself by external commit: in an open room, as preauthorised, or by a join code
// (room-policy §8.1.1).
func (c *change) join(t *transition) *mimi.Refusal {
	if !t.by.joining {
		return deny("join-external", "%s can list itself only by joining with an external commit", t.target)
	}
	return c.before.mayJoin(t.by, t.to, c.o)
}

func (s *State) mayJoin(by *actor, to mimi.RoleIndex, o Options) *mimi.Refusal {
	if to == mimi.RoleBanned {
		return deny("join-banned", "nobody joins as banned")
	}
	none := s.role(mimi.RoleNone)
	if none.Has(mimi.CanOpenJoin) && none.MayChange(mimi.RoleNone, to) {
		return nil
	}
	if role, ok := s.PreauthRole(by.credential); ok && role == to && s.role(to).Has(mimi.CanJoinIfPreauthorized) {
		return nil
	}
	if none.Has(mimi.CanUseJoinCode) && o.JoinCode != nil && o.JoinCode(by.user, to) {
		return nil
	}
	if none.Has(mimi.CanOpenJoin) {
		return deny("join-role", "nobody joins this room as %s by itself", s.name(to))
	}
	r := deny("join", "%s is not a participant, the room is not open, and no preauthorisation or join code applies", by.user)
	r.Missing, r.HasMissing = mimi.CanOpenJoin, true
	return r
}

// AuthorizeGroupInfo decides whether the holder of a credential may get the GroupInfo, which is whether it could join by
// external commit: as a listed user with canAddOwnClient, or as in join. The error is a *mimi.Refusal with a code of the
// groupInfo endpoint.
func AuthorizeGroupInfo(s *State, credential mls.Credential, o Options) error {
	return at(s.groupInfo(credential, o), mimi.EndpointGroupInfo, uint8(mimi.GroupInfoNotAuthorized))
}

func (s *State) groupInfo(credential mls.Credential, o Options) *mimi.Refusal {
	c := newChange(s, o)
	by, r := c.client(credential)
	if r != nil {
		return r
	}
	if o.Provider != "" && by.user.Provider() != o.Provider {
		return deny("provider", "%s does not speak for %s", o.Provider, by.user)
	}
	switch by.role {
	case mimi.RoleBanned:
		return deny("join-banned", "%s is banned", by.user)
	case mimi.RoleNone:
		if s.base.FixedMembership {
			return deny("fixed-membership", "nobody joins a fixed-membership room")
		}
	default:
		return s.need("can-add-own-client", by.role, mimi.CanAddOwnClient, "add clients of their own")
	}
	for i := range s.roles {
		if index := s.roles[i].Index; index > mimi.RoleBanned {
			if r = s.mayJoin(by, index, o); r == nil {
				return nil
			}
		}
	}
	if r == nil {
		r = deny("join", "this room defines no role to join as")
	}
	return r
}

// JoinRole returns the role in which the holder of a credential may list itself when it joins by external commit: the
// preauthorised role, or the first that the open room offers.
func (s *State) JoinRole(credential mls.Credential) (mimi.RoleIndex, bool) {
	if role, ok := s.PreauthRole(credential); ok && s.role(role).Has(mimi.CanJoinIfPreauthorized) {
		return role, true
	}
	if roles, open := s.Open(); open {
		return roles[0], true
	}
	return mimi.RoleNone, false
}
