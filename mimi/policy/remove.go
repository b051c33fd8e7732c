package policy

import "anteroom/mimi"

// removeUser: canRemoveParticipant and an authorised change from the target's role to 0 (room-policy §8.1.2).
func (c *change) removeUser(t *transition) *mimi.Refusal {
	return c.before.needChange("can-remove-participant", t.by.role, mimi.CanRemoveParticipant, t.from, t.to, "remove participants")
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

// seedRemoves holds whose clients may be removed by whom where the successors of draft-mahy-mimi-group-chat ask for canKick or
// canRemoveParticipant alone ("commit with Remove"). In every room a system user removes only clients of its own provider, unless it is the
// owning provider's. In a room of fixed membership nobody else removes clients of others, and nobody a user's last one: that
// would be a way to leave.
func (c *change) seedRemoves(after *State) *mimi.Refusal {
	for _, m := range c.removes {
		if c.replaced(m) {
			continue
		}
		own, system := m.by.user == m.user, c.system(m.by)
		switch {
		case m.user == c.o.System && !own:
			return deny("system-removed", "%s is the system user of this room's provider and cannot be removed", m.user)
		case system && !own && m.by.user.Provider() != c.before.owningProvider() && m.by.user.Provider() != m.user.Provider():
			return deny("system-user", "system user %s removes clients of %s only, not of %s", m.by.user, m.by.user.Provider(), m.user)
		case !c.before.base.FixedMembership:
		case !own && !system:
			return deny("fixed-remove", "in a room of fixed membership %s removes no clients of %s: only a user's own other clients go, or a system user takes them out", m.by.user, m.user)
		case after.clients[m.user] == 0:
			return deny("fixed-last-client", "the last client of %s stays in a room of fixed membership", m.user)
		}
	}
	return nil
}
