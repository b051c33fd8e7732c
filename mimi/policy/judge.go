package policy

import (
	"anteroom/mimi"
)

// judge asks every rule about the change and returns the state after it.
func (c *change) judge() (*State, *mimi.Refusal) {
	after, r := c.next()
	if r != nil {
		return nil, r
	}
	for _, rule := range []func(*State) *mimi.Refusal{
		c.judgeTogether, c.judgeTransitions, c.judgeAdds, c.judgeRemoves, c.judgeComponents, c.judgeOthers,
		c.judgeMembership, c.judgeConstraints, c.judgeSeed,
	} {
		if r := rule(after); r != nil {
			return nil, r
		}
	}
	return after, nil
}

// allowed asks the Extra about an act that the documents allow.
func (c *change) allowed(act Act) *mimi.Refusal {
	if c.o.Extra == nil {
		return nil
	}
	return c.o.Extra(c.before, act)
}

// judgeTogether holds what may not be in one commit (room-policy §4 and §5).
func (c *change) judgeTogether(*State) *mimi.Refusal {
	if len(c.transitions) == 0 {
		return nil
	}
	for i := range c.components {
		switch u := &c.components[i].p; {
		case isComponent(u, mimi.ComponentRolesList):
			return deny("roles-with-list", "role definitions and the participant list cannot change in one commit")
		case isComponent(u, mimi.ComponentPreauthList):
			for _, t := range c.transitions {
				if t.to != mimi.RoleNone {
					return deny("preauth-with-list", "the preauthorisation list and the participant list cannot change in one commit, except by removals")
				}
			}
		}
	}
	return nil
}

// judgeTransitions asks of every changed entry of the participant list whether its proposer may change it (room-policy §8.1).
func (c *change) judgeTransitions(after *State) *mimi.Refusal {
	for _, user := range c.order {
		t := c.transitions[user]
		act := Act{Actor: t.by.user, ActorRole: t.by.role, Target: user, From: t.from, To: t.to, ClientsNow: after.clients[user],
			Listed: len(after.list.Participants)}
		var r *mimi.Refusal
		if act.Kind, r = c.judgeTransition(t, after); r != nil {
			return r
		}
		if r = c.allowed(act); r != nil {
			return r
		}
	}
	return nil
}

func (c *change) judgeTransition(t *transition, after *State) (ActKind, *mimi.Refusal) {
	if t.to != mimi.RoleNone {
		if _, ok := c.before.Role(t.to); !ok {
			return 0, deny("role-undefined", "this room does not define role %d", t.to)
		}
	}
	if c.before.base.FixedMembership && (t.from == mimi.RoleNone || t.to == mimi.RoleNone) {
		return 0, deny("fixed-membership", "nobody enters or leaves the participant list of a fixed-membership room")
	}
	if t.by.user == t.target {
		return c.judgeOwnTransition(t)
	}
	switch {
	case t.to == mimi.RoleBanned:
		return ActBan, c.ban(t)
	case t.from == mimi.RoleNone:
		return ActAddUser, c.addUser(t)
	case t.to == mimi.RoleNone:
		return ActRemoveUser, c.removeUser(t)
	case t.from == mimi.RoleBanned:
		return ActUnban, c.unban(t)
	}
	return ActChangeRole, c.changeRole(t)
}

func (c *change) judgeOwnTransition(t *transition) (ActKind, *mimi.Refusal) {
	switch {
	case t.from == mimi.RoleNone:
		return ActJoin, c.join(t)
	case t.to == mimi.RoleNone:
		return ActLeave, c.leave(t)
	}
	return ActChangeOwnRole, c.changeOwnRole(t)
}

// changeRole: canChangeUserRole and an authorised change between the roles (room-policy §8.1.3).
func (c *change) changeRole(t *transition) *mimi.Refusal {
	return c.before.needChange("can-change-user-role", t.by.role, mimi.CanChangeUserRole, t.from, t.to, "change roles")
}

// ban: canBan and an authorised change to role 1, which must be the banned role (room-policy §8.1.3). canChangeUserRole allows
// the same for somebody who is listed. A user who is not listed can be banned before it ever comes.
func (c *change) ban(t *transition) *mimi.Refusal {
	if t.from != mimi.RoleNone && c.changeRole(t) == nil {
		return nil
	}
	return c.before.needChange("can-ban", t.by.role, mimi.CanBan, t.from, t.to, "ban")
}

// unban: canUnBan and an authorised change from role 1 (room-policy §8.1.3); canChangeUserRole allows the same.
func (c *change) unban(t *transition) *mimi.Refusal {
	if c.changeRole(t) == nil {
		return nil
	}
	return c.before.needChange("can-unban", t.by.role, mimi.CanUnBan, t.from, t.to, "unban")
}

// changeOwnRole: canChangeOwnRole, and only to the role of the first matching preauthorisation (room-policy §8.1.3).
func (c *change) changeOwnRole(t *transition) *mimi.Refusal {
	if r := c.before.need("can-change-own-role", t.by.role, mimi.CanChangeOwnRole, "change their own role"); r != nil {
		return r
	}
	if role, ok := c.before.PreauthRole(t.by.credential); !ok || role != t.to {
		return deny("can-change-own-role-preauth", "%s is not preauthorised for role %s", t.target, c.before.name(t.to))
	}
	return nil
}
