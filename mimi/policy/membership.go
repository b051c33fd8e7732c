package policy

import (
	"anteroom/mimi"
)

// judgeMembership holds participant list and group together: only listed users that are not banned have clients, a client is
// there once, and the base policy's bounds are kept.
func (c *change) judgeMembership(after *State) *mimi.Refusal {
	for user := range c.touched() {
		clients := after.clients[user]
		if clients == 0 {
			continue
		}
		switch role := after.RoleOf(user); {
		case role == mimi.RoleNone && c.before.RoleOf(user) != mimi.RoleNone:
			return deny("clients-of-removed", "%s is removed but keeps %d client(s) in the group", user, clients)
		case role == mimi.RoleNone && c.adding(user):
			return deny("clients-of-unlisted", "%s has a client in the group but is not in the participant list", user)
		case role == mimi.RoleBanned && (c.transitions[user] != nil || c.adding(user)):
			return deny("clients-of-banned", "%s is banned but keeps %d client(s) in the group", user, clients)
		}
		if !after.base.MultiDevice && clients > 1 && clients > c.before.clients[user] {
			return deny("single-device", "this room allows one client per user, %s would have %d", user, clients)
		}
	}
	if r := c.clientTwice(); r != nil {
		return r
	}
	if after.leaves > c.before.leaves && !after.base.MaxClients.Allows(after.leaves) {
		return deny("max-clients", "this room allows %d clients", after.base.MaxClients.N)
	}
	users := func(s *State) int { return len(s.list.Participants) - s.count[mimi.RoleBanned].participants }
	if n := users(after); n > users(c.before) && !after.base.MaxUsers.Allows(n) {
		return deny("max-users", "this room allows %d users", after.base.MaxUsers.N)
	}
	return nil
}

func (c *change) adding(user mimi.URI) bool {
	for i := range c.adds {
		if c.adds[i].user == user {
			return true
		}
	}
	return false
}

// clientTwice holds that one commit does not add the same client twice.
func (c *change) clientTwice() *mimi.Refusal {
	if len(c.adds) < 2 {
		return nil
	}
	seen := make(map[mimi.URI]bool, len(c.adds))
	for i := range c.adds {
		if seen[c.adds[i].client] {
			return deny("client-twice", "client %s is added twice", c.adds[i].client)
		}
		seen[c.adds[i].client] = true
	}
	return nil
}

// judgeConstraints holds the minimum and maximum of participants and active participants of every role that the change makes
// smaller or larger (room-policy §4).
func (c *change) judgeConstraints(after *State) *mimi.Refusal {
	for i := range after.roles {
		role := &after.roles[i]
		was, is := c.before.count[role.Index], after.count[role.Index]
		switch {
		case is.participants < was.participants && is.participants < int(role.MinParticipants):
			return deny("min-participants", "role %s needs at least %d participant(s)", after.name(role.Index), role.MinParticipants)
		case is.participants > was.participants && !role.MaxParticipants.Allows(is.participants):
			return deny("max-participants", "role %s allows at most %d participant(s)", after.name(role.Index), role.MaxParticipants.N)
		case is.active < was.active && is.active < int(role.MinActive):
			return deny("min-active", "role %s needs at least %d active participant(s)", after.name(role.Index), role.MinActive)
		case is.active > was.active && !role.MaxActive.Allows(is.active):
			return deny("max-active", "role %s allows at most %d active participant(s)", after.name(role.Index), role.MaxActive.N)
		}
	}
	return nil
}
