package mucmap

import (
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The roles of a room that somebody else defined mean what they can do, whatever their numbers (docs/decisions/050-followed-rooms.md). Each
// is translated into the one of ours that comes nearest, so that the public state of all rooms has the same form.

func unmarshal(b []byte, v wire.Unmarshaler) error { return wire.Unmarshal(b, v) }

// translate maps the room's roles to ours.
func translate(s *policy.State) map[mimi.RoleIndex]mimi.RoleIndex {
	all := map[mimi.RoleIndex]mimi.RoleIndex{}
	entrance, open := s.Open()
	same := ourLayout(s.Roles())
	for i := range s.Roles() {
		role := &s.Roles()[i]
		all[role.Index] = role.Index
		if same {
			continue
		}
		member := true // where not everybody may come, who is listed is a member
		for _, at := range entrance {
			if open && at == role.Index {
				member = false
			}
		}
		all[role.Index] = byCapability(role, member)
		if policy.IsBotRole(role) {
			all[role.Index] = either(role.Has(mimi.CanSendMessage), roleBot, roleBotReader)
		}
	}
	all[roleNone] = roleNone
	return all
}

func either(first bool, yes, no mimi.RoleIndex) mimi.RoleIndex {
	if first {
		return yes
	}
	return no
}

// byCapability is the role of ours that can do what another room's role can do.
func byCapability(role *mimi.Role, member bool) mimi.RoleIndex {
	switch {
	case role.Index == roleNone, role.Index == roleBanned:
		return role.Index
	case isKeeper(role):
		return roleKeeper
	case role.Has(mimi.CanDestroyRoom), role.Has(mimi.CanChangeRoleDefinitions):
		return roleOwner
	case role.Has(mimi.CanBan) && role.Has(mimi.CanChangeUserRole):
		return roleAdmin
	case role.Has(mimi.CanKick):
		return either(member, roleMemberModerator, roleGuestModerator)
	case role.Has(mimi.CanSendMessage):
		return either(member, roleMember, roleGuest)
	}
	return either(member, roleMemberVisitor, roleVisitor)
}

// isKeeper says that a role is for the one machine that serves a room: it has no voice, exactly one client holds it, and it is not shown.
func isKeeper(role *mimi.Role) bool {
	return !role.Has(mimi.CanSendMessage) && role.MinActive == 1 && role.MaxActive.Allows(1) && !role.MaxActive.Allows(2)
}

// ourLayout says that a list of roles is that of an anteroom: the same numbers, names and powers. Then affiliations are told apart that
// capabilities do not tell.
func ourLayout(roles []mimi.Role) bool {
	ours := defaultRoles.Roles
	roles = slices.DeleteFunc(slices.Clone(roles), func(r mimi.Role) bool { // what only some rooms have
		return isBotRole(r.Index) && policy.IsBotRole(&r) || r.Index == roleEnforcer && r.Name == enforcerName
	})
	if len(roles) != len(ours) {
		return false
	}
	for i := range ours {
		role := findRole(roles, ours[i].Index)
		if role == nil || role.Name != ours[i].Name {
			return false
		}
		if standingOf(byCapability(role, true)).role != standingOf(ours[i].Index).role {
			return false
		}
	}
	return true
}

var defaultRoles = func() *mimi.RolesList { c := defaultConfig(); return c.roles(false) }()

func findRole(roles []mimi.Role, i mimi.RoleIndex) *mimi.Role {
	for n := range roles {
		if roles[n].Index == i {
			return &roles[n]
		}
	}
	return nil
}

// roleFor is the room's own role that stands for one of ours, and into which an actor may move somebody.
func roleFor(s *policy.State, actor mimi.URI, from, want mimi.RoleIndex) (mimi.RoleIndex, *xmpp.StanzaError) {
	if want == roleNone {
		return roleNone, nil
	}
	roles := translate(s)
	found := mimi.RoleIndex(0)
	for i := range s.Roles() {
		index := s.Roles()[i].Index
		if roles[index] != want || index == roleNone {
			continue
		}
		if s.MayChange(actor, from, index) {
			return index, nil
		}
		if found == 0 {
			found = index
		}
	}
	if found != 0 {
		return found, nil // and policy says what is missing
	}
	st := standingOf(want)
	return 0, refusal(xmpp.NotAllowed, "no role of this room stands for affiliation "+st.affiliation.String()+" and role "+roleName(st.role))
}

func roleName(r muc.Role) string {
	if r == muc.RoleNone {
		return "none"
	}
	return r.String()
}
