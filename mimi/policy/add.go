package policy

import "anteroom/mimi"

// addUser: canAddParticipant and an authorised change from 0 to the target's role (room-policy §8.1.1).
func (c *change) addUser(t *transition) *mimi.Refusal {
	return c.before.needChange("can-add-participant", t.by.role, mimi.CanAddParticipant, t.from, t.to, "add participants")
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
