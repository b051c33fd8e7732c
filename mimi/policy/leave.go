package policy

import "anteroom/mimi"

// leave: canRemoveSelf and an authorised change from the own role to 0 (room-policy §8.1.2).
func (c *change) leave(t *transition) *mimi.Refusal {
	return c.before.needChange("can-remove-self", t.by.role, mimi.CanRemoveSelf, t.from, t.to, "leave the participant list")
}

// seedLeaves holds the two exceptions that the seed makes from everybody's right to leave: the only admin or owner of an administered
// group, and the last member of the group. The hub's own participant does not count: it is there for others.
func (c *change) seedLeaves(after *State) *mimi.Refusal {
	for _, user := range c.order {
		t := c.transitions[user]
		if t.by.user != t.target || t.to != mimi.RoleNone {
			continue
		}
		if after.leaves == 0 {
			return deny("leave-last", "%s is the last member of the group: it can only be destroyed", user)
		}
		if administers(c.before.role(t.from)) && !c.administered(after) {
			r := deny("leave-only-admin", "%s is the only owner or admin of this room and cannot leave before there is another", user)
			r.Roles = after.rolesWith(administers)
			return r
		}
	}
	return nil
}

// administered says that somebody is left who administers the room, or nobody who would need that.
func (c *change) administered(s *State) bool {
	rest := false
	for i := range s.list.Participants {
		p := &s.list.Participants[i]
		if p.User == c.o.System || p.Role == mimi.RoleBanned {
			continue
		}
		if rest = true; administers(s.role(p.Role)) {
			return true
		}
	}
	return !rest
}
