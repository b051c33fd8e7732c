package policy

import (
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
)

// The rules of draft-mahy-mimi-group-chat, "Authorizing MLS primitives", each have their file: create.go, add.go, keypackages.go,
// join.go (with access to the GroupInfo), remove.go, leave.go, destroy.go, message.go, room.go (update of the policy) and other.go (PSK,
// ReInit, Update, external proposals). Where its successors kept a rule as capabilities, that is the rule; what they have no
// word for is held where [Options.Seed] says so, and only ever refuses: members that know the successors alone would not follow a
// hub that allowed more than they do.

// administers says that a role belongs to an admin or owner: it decides about the room or about who is banned.
func administers(r *mimi.Role) bool {
	return slices.ContainsFunc([]mimi.Capability{mimi.CanChangeRoomMembershipStyle, mimi.CanChangeRoleDefinitions, mimi.CanDestroyRoom, mimi.CanBan}, r.Has)
}

// system says that an actor is a system user: an external sender of the group, or the participant that Options.System names.
func (c *change) system(by *actor) bool {
	return by.external || !by.user.IsZero() && by.user == c.o.System
}

// owningProvider is the provider that owns the room.
func (s *State) owningProvider() string { return s.metadata.Room.Provider() }

// judgeSeed asks the rules that only the seed has.
func (c *change) judgeSeed(after *State) *mimi.Refusal {
	if !c.o.Seed {
		return nil
	}
	for _, rule := range []func(*State) *mimi.Refusal{c.seedRemoves, c.seedLeaves, c.seedLoggers, c.seedBots} {
		if r := rule(after); r != nil {
			return r
		}
	}
	return nil
}

// Logging returns the room's logging policy: optional and without loggers where it has none. The caller must not change it.
func (s *State) Logging() *mimi.LoggingPolicy { return s.logging }

// Logger says that the room's logging policy names a user, or one of its clients.
func (s *State) Logger(user mimi.URI) bool {
	if s.logging.Logging == mimi.Forbidden {
		return false
	}
	for _, name := range s.logging.Clients {
		u, err := mimi.ParseURI(name)
		if err == nil && (u == user || u.Kind() == mimi.KindClient && u.ClientUser() == user) {
			return true
		}
	}
	return false
}

// logged says that one of the loggers has a client in the group.
func (s *State) logged() bool {
	for _, name := range s.logging.Clients {
		u, err := mimi.ParseURI(name)
		if err == nil && u.Kind() == mimi.KindClient {
			u = u.ClientUser()
		}
		if err == nil && s.clients[u] > 0 {
			return true
		}
	}
	return false
}

// seedLoggers holds that a room that must be logged is: nobody is added, and the demand is not made, while no logger is there. A named
// logger is taken out by nobody but itself, and the last one not even so, as long as the policy names it (the seed: "check if a
// logger/bot/system device is present", "can't remove authorized logger").
func (c *change) seedLoggers(after *State) *mimi.Refusal {
	for _, m := range c.removes {
		if after.Logger(m.user) && after.clients[m.user] == 0 && m.by.user != m.user {
			return deny("logger-removed", "%s logs this room by its policy and cannot be removed; change the logging policy first", m.user)
		}
	}
	if after.logging.Logging != mimi.Required || after.logged() {
		return nil
	}
	if c.before.logged() {
		return deny("logger-missing", "this room is logged by its policy, and its only logger would be gone")
	}
	for _, m := range c.adds {
		if !after.Logger(m.user) {
			return deny("logger-missing", "this room is logged by its policy: nobody is added while none of its loggers is in the group")
		}
	}
	for i := range c.components {
		if isComponent(&c.components[i].p, mimi.ComponentLoggingPolicy) {
			return deny("logger-missing", "logging cannot be required before one of the loggers is in the group")
		}
	}
	return nil
}

// optional reads a component that a group need not have; without it, the zero value.
func optional[T any](g Group, id mls.ComponentID, parse func([]byte) (*T, error)) (*T, error) {
	if _, present := g.AppData(id); !present {
		return new(T), nil
	}
	return component(g, id, parse)
}
