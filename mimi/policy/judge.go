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
		c.judgeMembership, c.judgeConstraints,
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
		act := Act{Actor: t.by.user, ActorRole: t.by.role, Target: user, From: t.from, To: t.to, ClientsNow: after.clients[user]}
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

// addUser: canAddParticipant and an authorised change from 0 to the target's role (room-policy §8.1.1).
func (c *change) addUser(t *transition) *mimi.Refusal {
	return c.before.needChange("can-add-participant", t.by.role, mimi.CanAddParticipant, t.from, t.to, "add participants")
}

// removeUser: canRemoveParticipant and an authorised change from the target's role to 0 (room-policy §8.1.2).
func (c *change) removeUser(t *transition) *mimi.Refusal {
	return c.before.needChange("can-remove-participant", t.by.role, mimi.CanRemoveParticipant, t.from, t.to, "remove participants")
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

// leave: canRemoveSelf and an authorised change from the own role to 0 (room-policy §8.1.2).
func (c *change) leave(t *transition) *mimi.Refusal {
	return c.before.needChange("can-remove-self", t.by.role, mimi.CanRemoveSelf, t.from, t.to, "leave the participant list")
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

// judgeAdds decides on added clients. A client of a user who is listed by the same proposer in the same commit comes with it
// (canAddParticipant); everybody else adds only clients of its own (canAddOwnClient, room-policy §8.1.1).
func (c *change) judgeAdds(after *State) *mimi.Refusal {
	for _, m := range c.adds {
		t := c.transitions[m.user]
		if t != nil && t.from == mimi.RoleNone && t.by.same(m.by) {
			continue // ActAddUser or ActJoin
		}
		if r := c.addClient(m, after); r != nil {
			return r
		}
		act := Act{Kind: ActAddClient, Actor: m.by.user, ActorRole: m.by.role, Target: m.user, From: c.before.RoleOf(m.user),
			To: after.RoleOf(m.user), ClientsNow: after.clients[m.user]}
		if r := c.allowed(act); r != nil {
			return r
		}
	}
	return nil
}

func (c *change) addClient(m move, after *State) *mimi.Refusal {
	role := after.RoleOf(m.user)
	if role == mimi.RoleNone {
		return deny("add-unlisted", "%s is not a participant, so its client %s cannot be added", m.user, m.client)
	}
	if role == mimi.RoleBanned {
		return deny("add-banned", "%s is banned", m.user)
	}
	if m.by.user != m.user {
		return deny("add-client-of-other", "%s may not add a client of %s, who is listed already; its own client proposes or commits that", m.by.user, m.user)
	}
	return c.before.need("can-add-own-client", role, mimi.CanAddOwnClient, "add clients of their own")
}

// judgeRemoves decides on removed clients: together with a removal or ban by the same proposer, of the proposer's own, or by
// canKick (room-policy §8.1.2).
func (c *change) judgeRemoves(after *State) *mimi.Refusal {
	asked := make(map[mimi.URI]mimi.URI) // target to actor: one question per pair in a row
	for _, m := range c.removes {
		if t := c.transitions[m.user]; t != nil && t.by.same(m.by) && c.takesClients(t) {
			continue
		}
		if c.replaced(m) {
			continue
		}
		act := Act{Kind: ActKick, Actor: m.by.user, ActorRole: m.by.role, Target: m.user, From: c.before.RoleOf(m.user),
			To: after.RoleOf(m.user), ClientsNow: after.clients[m.user]}
		var r *mimi.Refusal
		if m.by.user == m.user {
			act.Kind = ActRemoveClient
			r = c.removeOwnClient(m)
		} else {
			r = c.kick(m)
		}
		if r != nil {
			return r
		}
		if actor, ok := asked[m.user]; ok && actor == m.by.user {
			continue
		}
		asked[m.user] = m.by.user
		if r = c.allowed(act); r != nil {
			return r
		}
	}
	return nil
}

// takesClients says whether a transition brings the right to remove the target's clients: a removal, a leave, or a ban by
// canBan. Who bans by canChangeUserRole needs canKick too (room-policy §8.1.3).
func (c *change) takesClients(t *transition) bool {
	return t.to == mimi.RoleNone || t.to == mimi.RoleBanned && c.before.role(t.by.role).Has(mimi.CanBan)
}

// kick: canKick; authorised role changes are not consulted (room-policy §8.1.2).
func (c *change) kick(m move) *mimi.Refusal {
	return c.before.need("can-kick", m.by.role, mimi.CanKick, "remove the clients of others")
}

// removeOwnClient: canRemoveOwnClient (room-policy §8.1.2). Somebody who was removed or banned may still take its clients out
// (mimi-protocol §5.3).
func (c *change) removeOwnClient(m move) *mimi.Refusal {
	if role := c.before.RoleOf(m.user); role == mimi.RoleNone || role == mimi.RoleBanned {
		return nil
	}
	return c.before.need("can-remove-own-client", m.by.role, mimi.CanRemoveOwnClient, "remove clients of their own and stay listed")
}

// replaced says whether a user's client only makes way for the same client: resync by external commit (RFC 9420 §12.4.3.2) or
// Remove with Add.
func (c *change) replaced(m move) bool {
	for _, add := range c.adds {
		if add.client == m.client && m.by.user == m.user {
			return true
		}
	}
	return false
}
