package policy

import (
	"bytes"
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
)

// judgeComponents decides on updates of room policy and metadata (room-policy §8.2 and §8.6).
func (c *change) judgeComponents(after *State) *mimi.Refusal {
	if r := c.updatedOrRemoved(); r != nil {
		return r
	}
	metadata := 0
	for i := range c.components {
		u := &c.components[i]
		if !mimi.Updatable(u.p.Component) && !u.p.Remove {
			return deny("component-unknown", "component 0x%04x cannot be updated", uint16(u.p.Component))
		}
		var r *mimi.Refusal
		switch u.p.Component {
		case mimi.ComponentRoomMetadata:
			if metadata++; metadata > 1 {
				return deny("metadata-once", "more than one room metadata update in a commit") // mimi-protocol §7.6
			}
			r = c.changeMetadata(u, after)
		case mimi.ComponentRolesList:
			r = c.changeRoles(u, after)
		case mimi.ComponentPreauthList:
			r = c.needRoom(u, "can-change-preauth", mimi.CanChangePreauthorizedUserList, "change the preauthorisation list")
		case mimi.ComponentBaseRoomPolicy:
			r = c.changeBase(u, after)
		case mimi.ComponentParticipantList, mls.ComponentAppComponents, mls.ComponentSafeAAD:
			r = deny("component-required", "component 0x%04x cannot be removed", uint16(u.p.Component))
		case mimi.ComponentOperationalPolicy:
			r = c.changeOperational(u)
		case mimi.ComponentJoinLinks:
			r = c.changeJoinLinks(u)
		case mimi.ComponentFrankingAgent:
			r = c.changeAgent(u)
		case mimi.ComponentChatHistoryPolicy, mimi.ComponentMessageExpiration, mimi.ComponentBotPolicy, mimi.ComponentAssetPolicy,
			mimi.ComponentLinkPreviewPolicy, mimi.ComponentStatusNotification, mimi.ComponentJoinLinkPolicy:
			r = c.changeOptional(u, after)
		default:
			r = c.changeOther(u)
		}
		if r != nil {
			return r
		}
	}
	return nil
}

// updatedOrRemoved holds that no component is updated and removed at once (draft-ietf-mls-extensions §4.7).
func (c *change) updatedOrRemoved() *mimi.Refusal {
	removed := map[mls.ComponentID]bool{}
	for i := range c.components {
		p := &c.components[i].p
		if was, twice := removed[p.Component]; twice && was != p.Remove {
			return deny("component-removed", "component 0x%04x is updated and removed at once", uint16(p.Component))
		}
		removed[p.Component] = p.Remove
	}
	return nil
}

func (c *change) needRoom(u *componentUpdate, rule string, capability mimi.Capability, what string) *mimi.Refusal {
	return c.before.need(rule, u.by.role, capability, what)
}

// changeMetadata asks for one capability per field that differs (room-policy §8.2).
func (c *change) changeMetadata(u *componentUpdate, after *State) *mimi.Refusal {
	if u.p.Remove {
		return deny("component-required", "the room metadata cannot be removed")
	}
	was, is := c.before.metadata, after.metadata
	if !was.Room.IsZero() && was.Room != is.Room {
		return deny("metadata-room", "the room's own uri cannot change")
	}
	for _, field := range []struct {
		changed bool
		needs   mimi.Capability
		rule    string
		what    string
	}{
		{was.Name != is.Name, mimi.CanChangeRoomName, "can-change-name", "change the room's name"},
		{!slices.EqualFunc(was.Descriptions, is.Descriptions, sameDescription), mimi.CanChangeRoomDescription,
			"can-change-description", "change the room's description"},
		{was.Avatar != is.Avatar, mimi.CanChangeRoomAvatar, "can-change-avatar", "change the room's avatar"},
		{was.Subject != is.Subject, mimi.CanChangeRoomSubject, "can-change-subject", "change the room's subject"},
		{was.Mood != is.Mood, mimi.CanChangeRoomMood, "can-change-mood", "change the room's mood"},
	} {
		if !field.changed {
			continue
		}
		if r := c.needRoom(u, field.rule, field.needs, field.what); r != nil {
			return r
		}
	}
	return nil
}

func sameDescription(a, b mimi.RichDescription) bool {
	return a.MediaType == b.MediaType && a.Language == b.Language && bytes.Equal(a.Content, b.Content)
}

// changeRoles: canChangeRoleDefinitions (room-policy §8.6). Every participant's role must stay defined.
func (c *change) changeRoles(u *componentUpdate, after *State) *mimi.Refusal {
	if u.p.Remove {
		return deny("component-required", "the roles list cannot be removed")
	}
	if r := c.needRoom(u, "can-change-roles", mimi.CanChangeRoleDefinitions, "change role definitions"); r != nil {
		return r
	}
	for index, t := range c.before.count {
		if _, ok := after.Role(index); !ok && t.participants > 0 {
			return deny("roles-used", "role %d has %d participant(s) and cannot disappear", index, t.participants)
		}
	}
	return after.fixedRoles()
}

// changeBase: canChangeRoomMembershipStyle (room-policy §8.6).
func (c *change) changeBase(u *componentUpdate, after *State) *mimi.Refusal {
	if u.p.Remove {
		return deny("component-required", "the base policy cannot be removed")
	}
	if r := c.needRoom(u, "can-change-membership-style", mimi.CanChangeRoomMembershipStyle, "change the room's base policy"); r != nil {
		return r
	}
	return after.fixedRoles()
}

// fixedRoles holds that no role of a fixed-membership room can add participants (room-policy §6).
func (s *State) fixedRoles() *mimi.Refusal {
	if !s.base.FixedMembership {
		return nil
	}
	for i := range s.roles {
		role := &s.roles[i]
		if role.Index > mimi.RoleBanned && role.Has(mimi.CanAddParticipant) {
			return deny("fixed-roles", "role %s of a fixed-membership room has canAddParticipant", s.name(role.Index))
		}
	}
	return nil
}

// changeJoinLinks: the capabilities for join codes are reserved but named, so they or canChangeRoomMembershipStyle allow it.
func (c *change) changeJoinLinks(u *componentUpdate) *mimi.Refusal {
	role := c.before.role(u.by.role)
	if role.Has(mimi.CanCreateJoinCode) && role.Has(mimi.CanDeleteJoinCode) {
		return nil
	}
	return c.changeOther(u)
}

// changeOther decides on the remaining policy components. Their capability, canChangeOtherPolicyAttribute, is reserved; until
// it has a meaning canChangeRoomMembershipStyle is enough too.
func (c *change) changeOther(u *componentUpdate) *mimi.Refusal {
	if c.before.role(u.by.role).Has(mimi.CanChangeOtherPolicyAttribute) {
		return nil
	}
	return c.needRoom(u, "can-change-policy", mimi.CanChangeRoomMembershipStyle, "change the room's policy")
}
