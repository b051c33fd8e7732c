package muc

import "anteroom/xmpp"

// Affiliation is the long-lived standing of a user in a room (XEP-0045 §5.2). Values are ordered: a greater one has more
// rights. The zero value says that none was given.
type Affiliation uint8

// The affiliations of XEP-0045 §5.2, in order.
const (
	AffiliationUnset Affiliation = iota
	AffiliationOutcast
	AffiliationNone
	AffiliationMember
	AffiliationAdmin
	AffiliationOwner
)

var affiliationNames = [...]string{"", "outcast", "none", "member", "admin", "owner"}

// String is the value of the attribute, "" when unset.
func (a Affiliation) String() string {
	if int(a) < len(affiliationNames) {
		return affiliationNames[a]
	}
	return "invalid"
}

// ParseAffiliation reads the value of the attribute; "" gives unset.
func ParseAffiliation(s string) (Affiliation, error) {
	for i, name := range affiliationNames {
		if s == name {
			return Affiliation(i), nil
		}
	}
	return 0, xmpp.NewError(xmpp.BadRequest, "affiliation is none of owner, admin, member, none, outcast")
}

// Role is what an occupant may do during its visit (XEP-0045 §5.1). Values are ordered. The zero value says that none was
// given.
type Role uint8

// The roles of XEP-0045 §5.1, in order.
const (
	RoleUnset Role = iota
	RoleNone
	RoleVisitor
	RoleParticipant
	RoleModerator
)

var roleNames = [...]string{"", "none", "visitor", "participant", "moderator"}

// String is the value of the attribute, "" when unset.
func (r Role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return "invalid"
}

// ParseRole reads the value of the attribute; "" gives unset.
func ParseRole(s string) (Role, error) {
	for i, name := range roleNames {
		if s == name {
			return Role(i), nil
		}
	}
	return 0, xmpp.NewError(xmpp.BadRequest, "role is none of moderator, participant, visitor, none")
}

// Status is a status code of the registry (XEP-0045 §15.6.2).
type Status uint16

// All registered status codes.
const (
	StatusNonAnonymousRoom    Status = 100 // any occupant sees full addresses
	StatusAffiliationChanged  Status = 101 // while the user was not in the room
	StatusShowsUnavailable    Status = 102 // the room now shows unavailable members
	StatusHidesUnavailable    Status = 103 // the room no longer shows unavailable members
	StatusConfigChanged       Status = 104 // a change that does not concern privacy
	StatusSelf                Status = 110 // the presence refers to its receiver
	StatusLoggingOn           Status = 170
	StatusLoggingOff          Status = 171
	StatusNowNonAnonymous     Status = 172
	StatusNowSemiAnonymous    Status = 173
	StatusRoomCreated         Status = 201
	StatusNickAssigned        Status = 210 // the service assigned or changed the nick
	StatusBanned              Status = 301
	StatusNickChanged         Status = 303
	StatusKicked              Status = 307
	StatusRemovedAffiliation  Status = 321 // removed because of an affiliation change
	StatusRemovedMembersOnly  Status = 322 // removed because the room became members-only
	StatusRemovedShutdown     Status = 332 // removed because the service shuts down
	StatusRemovedServiceError Status = 333 // removed because of an error reply
)
