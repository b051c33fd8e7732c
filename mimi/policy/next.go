package policy

import (
	"maps"

	"anteroom/mimi"
	"anteroom/mls"
)

// next returns the state after the change, before anybody asked whether it is allowed.
func (c *change) next() (*State, *mimi.Refusal) {
	s := *c.before
	if len(c.lists) > 0 {
		list, err := c.before.list.Apply(c.lists...)
		if err != nil {
			return nil, deny("list", "%v", err)
		}
		s.list = list
		s.indexList()
	}
	if len(c.adds) > 0 || len(c.removes) > 0 {
		s.clients = maps.Clone(c.before.clients)
		for _, m := range c.adds {
			s.clients[m.user]++
			s.leaves++
		}
		for _, m := range c.removes {
			if s.clients[m.user]--; s.clients[m.user] <= 0 {
				delete(s.clients, m.user)
			}
			s.leaves--
		}
	}
	if r := c.nextComponents(&s); r != nil {
		return nil, r
	}
	c.nextCount(&s)
	return &s, nil
}

func (c *change) nextComponents(s *State) *mimi.Refusal {
	for i := range c.components {
		u := &c.components[i].p
		if u.Remove {
			switch u.Component {
			case mimi.ComponentPreauthList:
				s.preauth = new(mimi.PreauthList)
			case mimi.ComponentLoggingPolicy:
				s.logging = new(mimi.LoggingPolicy)
			case mimi.ComponentOperationalPolicy:
				s.mls = new(mimi.OperationalParameters)
			default:
				s.dropOptional(u.Component)
			}
			continue
		}
		var err error
		switch u.Component {
		case mimi.ComponentRolesList:
			var roles *mimi.RolesList
			if roles, err = mimi.ParseRolesList(u.Update); err == nil {
				s.roles = sortedRoles(roles)
			}
		case mimi.ComponentBaseRoomPolicy:
			s.base, err = mimi.ParseBaseRoomPolicy(u.Update)
		case mimi.ComponentRoomMetadata:
			s.metadata, err = mimi.ParseRoomMetadata(u.Update)
		case mimi.ComponentPreauthList:
			s.preauth, err = mimi.ParsePreauthList(u.Update)
		case mimi.ComponentLoggingPolicy:
			s.logging, err = mimi.ParseLoggingPolicy(u.Update)
		case mimi.ComponentOperationalPolicy:
			s.mls, err = mimi.ParseOperationalParameters(u.Update)
		default:
			err = s.setOptional(u.Component, u.Update)
		}
		if err != nil {
			return deny("component", "component 0x%04x: %v", uint16(u.Component), err)
		}
	}
	return nil
}

// nextCount recounts the roles of the users that the change touches.
func (c *change) nextCount(s *State) {
	touched := c.touched()
	if len(touched) == 0 {
		return
	}
	s.count = maps.Clone(c.before.count)
	if s.count == nil {
		s.count = make(map[mimi.RoleIndex]tally)
	}
	for user := range touched {
		adjust(s.count, c.before, user, -1)
		adjust(s.count, s, user, +1)
	}
}

func adjust(count map[mimi.RoleIndex]tally, s *State, user mimi.URI, by int) {
	role := s.RoleOf(user)
	if role == mimi.RoleNone {
		return
	}
	t := count[role]
	t.participants += by
	if s.clients[user] > 0 {
		t.active += by
	}
	if count[role] = t; t.participants == 0 {
		delete(count, role) // as in a state that was read anew
	}
}

// touched returns the users whose entry or clients the change touches.
func (c *change) touched() map[mimi.URI]bool {
	users := make(map[mimi.URI]bool, len(c.order)+len(c.adds)+len(c.removes))
	for _, user := range c.order {
		users[user] = true
	}
	for _, m := range c.adds {
		users[m.user] = true
	}
	for _, m := range c.removes {
		users[m.user] = true
	}
	return users
}

// isComponent says whether an AppDataUpdate belongs to one of the components given.
func isComponent(u *mls.AppDataUpdate, ids ...mls.ComponentID) bool {
	for _, id := range ids {
		if u.Component == id {
			return true
		}
	}
	return false
}
