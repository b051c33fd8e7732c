package mucmap

import (
	"slices"

	"anteroom/mimi"
	"anteroom/xmpp/muc"
)

// The roles of rooms that we create (docs/decisions/040-room-roles.md). Each stands for an affiliation and a role of XEP-0045.
const (
	roleNone            = mimi.RoleNone
	roleBanned          = mimi.RoleBanned
	roleMember          = mimi.RoleIndex(2)
	roleAdmin           = mimi.RoleIndex(3)
	roleOwner           = mimi.RoleIndex(4)
	roleGuest           = mimi.RoleIndex(5)
	roleVisitor         = mimi.RoleIndex(6)
	roleGuestModerator  = mimi.RoleIndex(7)
	roleMemberVisitor   = mimi.RoleIndex(8)
	roleMemberModerator = mimi.RoleIndex(9)
	roleKeeper          = mimi.RoleIndex(10)
	roleBot             = mimi.RoleIndex(11) // reads and writes; in rooms that have bots (bots.go)
	roleBotReader       = mimi.RoleIndex(12) // reads only
	roleEnforcer        = mimi.RoleIndex(13) // of system users of other providers, in rooms that have them (systems.go)
)

// standing is what XEP-0045 calls the holder of a role.
type standing struct {
	affiliation muc.Affiliation
	role        muc.Role
}

var standings = [...]standing{
	roleNone:            {muc.AffiliationNone, muc.RoleNone},
	roleBanned:          {muc.AffiliationOutcast, muc.RoleNone},
	roleMember:          {muc.AffiliationMember, muc.RoleParticipant},
	roleAdmin:           {muc.AffiliationAdmin, muc.RoleModerator},
	roleOwner:           {muc.AffiliationOwner, muc.RoleModerator},
	roleGuest:           {muc.AffiliationNone, muc.RoleParticipant},
	roleVisitor:         {muc.AffiliationNone, muc.RoleVisitor},
	roleGuestModerator:  {muc.AffiliationNone, muc.RoleModerator},
	roleMemberVisitor:   {muc.AffiliationMember, muc.RoleVisitor},
	roleMemberModerator: {muc.AffiliationMember, muc.RoleModerator},
	roleKeeper:          {muc.AffiliationNone, muc.RoleNone},
	roleBot:             {muc.AffiliationMember, muc.RoleParticipant},
	roleBotReader:       {muc.AffiliationMember, muc.RoleVisitor},
	roleEnforcer:        {muc.AffiliationNone, muc.RoleNone},
}

func standingOf(i mimi.RoleIndex) standing {
	if int(i) < len(standings) {
		return standings[i]
	}
	return standings[roleNone]
}

// roleOf is the role that stands for an affiliation and a role of an occupant; ok is false for pairs that no role stands for,
// such as an admin without moderator (XEP-0045 §5.2).
func roleOf(want standing) (mimi.RoleIndex, bool) {
	for i, s := range standings[:roleKeeper] {
		if s == want {
			return mimi.RoleIndex(i), true
		}
	}
	return 0, false
}

// defaultRole is the role of somebody of this affiliation who enters (XEP-0045 §5.1.2): sessions fall back to it.
func (c *roomConfig) defaultRole(a muc.Affiliation) mimi.RoleIndex {
	switch a {
	case muc.AffiliationOutcast:
		return roleBanned
	case muc.AffiliationMember:
		return roleMember
	case muc.AffiliationAdmin:
		return roleAdmin
	case muc.AffiliationOwner:
		return roleOwner
	}
	if c.Moderated {
		return roleVisitor
	}
	return roleGuest
}

// withAffiliation is the role of somebody who has role now and gets another affiliation: an occupant keeps its voice, or the
// lack of it, as far as the affiliation allows (XEP-0045 §5.2.2); somebody who is not in the room has no role to keep.
func (c *roomConfig) withAffiliation(now mimi.RoleIndex, a muc.Affiliation, present bool) mimi.RoleIndex {
	switch a {
	case muc.AffiliationOutcast:
		return roleBanned
	case muc.AffiliationAdmin:
		return roleAdmin
	case muc.AffiliationOwner:
		return roleOwner
	case muc.AffiliationMember:
		switch now {
		case roleGuestModerator, roleMemberModerator:
			return roleMemberModerator
		case roleMemberVisitor:
			return roleMemberVisitor
		}
		return roleMember
	}
	if !present || c.MembersOnly {
		return roleNone
	}
	switch now {
	case roleMemberModerator, roleGuestModerator:
		return roleGuestModerator
	case roleMemberVisitor, roleVisitor:
		return roleVisitor
	}
	return roleGuest
}

// roleTitle is what the log calls a role.
func roleTitle(i mimi.RoleIndex) string {
	if i == roleNone {
		return "none"
	}
	if name, ours := roleNames[i]; ours {
		return name
	}
	return "role " + utoa(uint64(i))
}

var roleNames = func() map[mimi.RoleIndex]string {
	names := map[mimi.RoleIndex]string{}
	for _, role := range new(roomConfig).roles(false).Roles {
		names[role.Index] = role.Name
	}
	return names
}()

var (
	capsClient = []mimi.Capability{mimi.CanAddOwnClient, mimi.CanRemoveOwnClient}
	capsRead   = []mimi.Capability{
		mimi.CanReceiveMessage, mimi.CanCopyMessage, mimi.CanReportAbuse, mimi.CanDownloadImage, mimi.CanDownloadAudio,
		mimi.CanDownloadVideo, mimi.CanDownloadAttachment, mimi.CanFollowLink, mimi.CanCopyLink}
	capsSend = []mimi.Capability{
		mimi.CanSendMessage, mimi.CanReplyToMessage, mimi.CanReactToMessage, mimi.CanEditReaction, mimi.CanDeleteOwnReaction,
		mimi.CanEditOwnMessage, mimi.CanDeleteOwnMessage, mimi.CanStartTopic, mimi.CanReplyInTopic, mimi.CanEditOwnTopic,
		mimi.CanUploadImage, mimi.CanUploadAudio, mimi.CanUploadVideo, mimi.CanUploadAttachment, mimi.CanSendLink, mimi.CanSendLinkPreview}
	capsModerate = []mimi.Capability{
		mimi.CanRemoveParticipant, mimi.CanKick, mimi.CanChangeUserRole, mimi.CanDeleteOtherReaction, mimi.CanDeleteOtherMessage,
		mimi.CanEditOtherTopic}
	capsAdmin = []mimi.Capability{mimi.CanAddParticipant, mimi.CanBan, mimi.CanUnBan, mimi.CanChangeRoomSubject}
	capsOwner = []mimi.Capability{
		mimi.CanChangeRoomName, mimi.CanChangeRoomDescription, mimi.CanChangeRoomAvatar, mimi.CanChangeRoomMood, mimi.CanDestroyRoom,
		mimi.CanChangeRoomMembershipStyle, mimi.CanChangeRoleDefinitions, mimi.CanChangePreauthorizedUserList, mimi.CanSendMLSReinitProposal}
	capsKeeper = []mimi.Capability{
		mimi.CanAddParticipant, mimi.CanRemoveParticipant, mimi.CanAddOwnClient, mimi.CanBan, mimi.CanUnBan, mimi.CanKick,
		mimi.CanChangeUserRole, mimi.CanReceiveMessage, mimi.CanChangeRoomSubject, mimi.CanDestroyRoom,
		mimi.CanChangeRoomMembershipStyle, mimi.CanChangeRoleDefinitions, mimi.CanChangePreauthorizedUserList, mimi.CanSendMLSReinitProposal}
)

func caps(sets ...[]mimi.Capability) []mimi.Capability {
	var all []mimi.Capability
	for _, s := range sets {
		all = append(all, s...)
	}
	return all
}

func targets(from mimi.RoleIndex, to ...mimi.RoleIndex) mimi.RoleTargets {
	return mimi.RoleTargets{From: from, Targets: to}
}

// allTargets lets its holder move everybody but keepers to every role but keeper.
func (c *roomConfig) allTargets() []mimi.RoleTargets {
	last := roleMemberModerator
	if c.Bots {
		last = roleBotReader
	}
	var all []mimi.RoleTargets
	for from := roleNone; from <= last; from++ {
		if from == roleKeeper {
			continue
		}
		t := mimi.RoleTargets{From: from}
		for to := roleNone; to <= last; to++ {
			if to != from && to != roleKeeper {
				t.Targets = append(t.Targets, to)
			}
		}
		all = append(all, t)
	}
	return all
}

// open says that anybody may enter who is not banned.
func (c *roomConfig) open() bool { return !c.MembersOnly && !c.Protected }

// roles is the room's roles_list under a configuration. ownerless lifts the demand for an owner, as the end of a room needs.
func (c *roomConfig) roles(ownerless bool) *mimi.RolesList {
	entrance := c.defaultRole(muc.AffiliationNone)
	none := mimi.Role{Index: roleNone, Name: "no_role", Changes: []mimi.RoleTargets{targets(roleNone, entrance)}}
	if c.open() {
		none.Capabilities = []mimi.Capability{mimi.CanOpenJoin}
	}
	if !c.Fixed {
		none.Capabilities = append(none.Capabilities, mimi.CanUseJoinCode) // whether a code is good is for the hub to say
	}
	member := mimi.Role{Index: roleMember, Name: "member", Changes: []mimi.RoleTargets{targets(roleMember, roleNone)},
		Capabilities: caps(capsClient, capsRead, capsSend, []mimi.Capability{mimi.CanRemoveSelf})}
	guest := mimi.Role{Index: roleGuest, Name: "guest", Changes: []mimi.RoleTargets{targets(roleGuest, roleNone)},
		Capabilities: caps(capsClient, capsRead, capsSend, []mimi.Capability{mimi.CanRemoveSelf})}
	if c.AllowInvites {
		member.Capabilities = append(member.Capabilities, mimi.CanAddParticipant)
		member.Changes = append(member.Changes, targets(roleNone, roleMember))
	}
	if c.ChangeSubject {
		member.Capabilities = append(member.Capabilities, mimi.CanChangeRoomSubject)
		guest.Capabilities = append(guest.Capabilities, mimi.CanChangeRoomSubject)
	}
	moderator := caps(capsClient, capsRead, capsSend, capsModerate, []mimi.Capability{mimi.CanRemoveSelf, mimi.CanChangeRoomSubject})
	admin := caps(capsClient, capsRead, capsSend, capsModerate, capsAdmin)
	owner := mimi.Role{Index: roleOwner, Name: "owner", Capabilities: caps(admin, capsOwner), Changes: c.allTargets()}
	if !ownerless {
		owner.MinParticipants = 1
	}
	list := &mimi.RolesList{Roles: []mimi.Role{
		none,
		{Index: roleBanned, Name: mimi.BannedName, MaxActive: mimi.AtMost(0)},
		member,
		{Index: roleAdmin, Name: "admin", Capabilities: admin, Changes: []mimi.RoleTargets{
			targets(0, 1, 2), targets(1, 0, 2), targets(2, 0, 1, 5, 6, 8, 9), targets(5, 0, 1, 2, 6, 7), targets(6, 0, 1, 2, 5, 7),
			targets(7, 0, 1, 5, 6, 9), targets(8, 0, 1, 2, 5, 6, 9), targets(9, 0, 1, 2, 5, 6, 7, 8)}},
		owner,
		guest,
		{Index: roleVisitor, Name: "visitor", Capabilities: caps(capsClient, capsRead, []mimi.Capability{mimi.CanRemoveSelf}),
			Changes: []mimi.RoleTargets{targets(roleVisitor, roleNone)}},
		{Index: roleGuestModerator, Name: "guest_moderator", Capabilities: moderator,
			Changes: []mimi.RoleTargets{targets(5, 0, 6), targets(6, 0, 5), targets(8, 2), targets(7, 0)}},
		{Index: roleMemberVisitor, Name: "member_visitor", Capabilities: caps(capsClient, capsRead, []mimi.Capability{mimi.CanRemoveSelf}),
			Changes: []mimi.RoleTargets{targets(roleMemberVisitor, roleNone)}},
		{Index: roleMemberModerator, Name: "member_moderator", Capabilities: moderator,
			Changes: []mimi.RoleTargets{targets(5, 0, 6), targets(6, 0, 5), targets(2, 8), targets(8, 2), targets(9, 0)}},
		{Index: roleKeeper, Name: "keeper", Capabilities: capsKeeper, Changes: c.allTargets(), MinParticipants: 1,
			MaxParticipants: mimi.AtMost(1), MinActive: 1, MaxActive: mimi.AtMost(1)},
	}}
	if c.Bots {
		of := &list.Roles[roleAdmin]
		of.Changes = append(of.Changes, targets(roleBot, roleNone, roleBanned), targets(roleBotReader, roleNone, roleBanned))
		list.Roles = append(list.Roles, botRoles()...)
	}
	if c.Systems {
		list.Roles = append(list.Roles, enforcer())
	}
	for i := range list.Roles {
		role := &list.Roles[i]
		if c.open() && role.Index > roleBanned && role.Index < roleKeeper && role.Has(mimi.CanSendMessage) {
			addsAs(role, entrance)
		}
		if c.Fixed { // room-policy §6
			role.Capabilities = slices.DeleteFunc(slices.Clone(role.Capabilities), func(c mimi.Capability) bool { return c == mimi.CanAddParticipant })
		}
		if _, listed := preauthLists[role.Index]; c.Preauthed && listed {
			role.Capabilities = append(slices.Clone(role.Capabilities), mimi.CanJoinIfPreauthorized)
		}
	}
	return list
}

// addsAs lets the holders of a role add others as what these would be who come by themselves: where anybody may enter, anybody with voice may invite
// (070-consent.md), and users of one provider may enter together (145-entering-together.md).
func addsAs(role *mimi.Role, to mimi.RoleIndex) {
	if !role.Has(mimi.CanAddParticipant) {
		role.Capabilities = append(slices.Clip(role.Capabilities), mimi.CanAddParticipant)
	}
	if role.MayChange(roleNone, to) {
		return
	}
	for i := range role.Changes {
		if role.Changes[i].From == roleNone {
			role.Changes[i].Targets = append(slices.Clip(role.Changes[i].Targets), to)
			return
		}
	}
	role.Changes = append(slices.Clip(role.Changes), targets(roleNone, to))
}
