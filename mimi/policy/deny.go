package policy

import (
	"fmt"
	"strings"

	"anteroom/mimi"
)

// deny refuses for a reason that no role would change.
func deny(rule, format string, args ...any) *mimi.Refusal {
	return &mimi.Refusal{
		Endpoint: mimi.EndpointUpdate,
		Code:     uint8(mimi.UpdateNotAllowed),
		Rule:     rule,
		Text:     fmt.Sprintf(format, args...),
	}
}

// denyFor refuses for want of a capability and names the roles that have it.
func (s *State) denyFor(rule string, missing mimi.Capability, format string, args ...any) *mimi.Refusal {
	r := deny(rule, format, args...)
	r.Missing, r.HasMissing = missing, true
	r.Roles = s.rolesWith(func(role *mimi.Role) bool { return role.Has(missing) })
	return r
}

// denyChange refuses because the actor's role may not move anybody from one role to another, and names the roles that have
// the capability and may.
func (s *State) denyChange(rule string, c mimi.Capability, actor mimi.RoleIndex, from, to mimi.RoleIndex) *mimi.Refusal {
	able := s.rolesWith(func(role *mimi.Role) bool { return role.Has(c) && role.MayChange(from, to) })
	who := "no role of this room may"
	if len(able) > 0 {
		who = "roles that may: " + strings.Join(able, ", ")
	}
	r := deny(rule, "role %s may not change %s into %s; %s", s.name(actor), s.name(from), s.name(to), who)
	r.Roles = able
	return r
}

func (s *State) rolesWith(able func(*mimi.Role) bool) []string {
	var names []string
	for i := range s.roles {
		if able(&s.roles[i]) {
			names = append(names, s.roles[i].Name)
		}
	}
	return names
}

// name is a role's name with its number, for people.
func (s *State) name(i mimi.RoleIndex) string {
	if role, ok := s.Role(i); ok && role.Name != "" {
		return fmt.Sprintf("%q (%d)", role.Name, i)
	}
	return fmt.Sprintf("%d", i)
}

// need refuses unless a role has a capability.
func (s *State) need(rule string, role mimi.RoleIndex, c mimi.Capability, what string) *mimi.Refusal {
	if s.role(role).Has(c) {
		return nil
	}
	return s.denyFor(rule, c, "role %s may not %s", s.name(role), what)
}

// needChange refuses unless a role has a capability and may move somebody from one role to another.
func (s *State) needChange(rule string, role mimi.RoleIndex, c mimi.Capability, from, to mimi.RoleIndex, what string) *mimi.Refusal {
	if r := s.need(rule, role, c, what); r != nil {
		return r
	}
	if !s.role(role).MayChange(from, to) {
		return s.denyChange(rule+"-change", c, role, from, to)
	}
	return nil
}
