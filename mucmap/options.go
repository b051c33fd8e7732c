package mucmap

import (
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// roleSet is a set of the roles that an occupant can have.
type roleSet uint8

var roleBits = []struct {
	bit   roleSet
	role  muc.Role
	label string
}{{1, muc.RoleModerator, "Moderators"}, {2, muc.RoleParticipant, "Participants"}, {4, muc.RoleVisitor, "Visitors"}}

func (s roleSet) has(role muc.Role) bool {
	for _, b := range roleBits {
		if b.role == role {
			return s&b.bit != 0
		}
	}
	return false
}

func (s roleSet) names() (names []string) {
	for _, b := range roleBits {
		if s&b.bit != 0 {
			names = append(names, b.role.String())
		}
	}
	return names
}

func rolesField(name, label string, s roleSet) muc.Field {
	var options []muc.Option
	for _, b := range roleBits {
		options = append(options, muc.Option{Label: b.label, Value: b.role.String()})
	}
	return muc.ListMultiField(name, label, s.names(), options...)
}

// submitRoles reads a set of roles; present is false when the form says nothing of it.
func submitRoles(f *muc.Form, name string) (s roleSet, present bool, e *xmpp.StanzaError) {
	field := f.Field(name)
	if field == nil {
		return 0, false, nil
	}
	for _, v := range field.Values {
		i := slices.IndexFunc(roleBits, func(b struct {
			bit   roleSet
			role  muc.Role
			label string
		}) bool {
			return b.role.String() == v
		})
		switch {
		case i >= 0:
			s |= roleBits[i].bit
		case v != "" && v != "none":
			return 0, true, refusal(xmpp.NotAcceptable, name+" holds something that is no role of an occupant")
		}
	}
	return s, true, nil
}

// maxPubSub and maxPassword bound further fields, in bytes.
const (
	maxPubSub   = 1024
	maxPassword = 255
)

// optionFields are the fields of the configuration form that concern the XMPP side alone.
func (c *roomConfig) optionFields() []muc.Field {
	pm := []muc.Option{{Label: "Anyone", Value: pmAnyone.who()}, {Label: "Who has voice", Value: pmParticipants.who()},
		{Label: "Moderators", Value: pmModerators.who()}, {Label: "Nobody", Value: pmNone.who()}}
	return append([]muc.Field{
		muc.ListField(muc.FieldAllowPM, "Who may send private messages", c.AllowPM.who(), pm...),
		rolesField(muc.FieldGetMemberList, "Who may read the member list, beside admins", c.MemberList),
		muc.BoolField(muc.FieldEnableLogging, "Tell everybody that conversations here may be logged publicly (the service itself publishes no log)", c.Logging),
		muc.TextField(muc.FieldPubSub, "XMPP URI of an associated publish-subscribe node", c.PubSub),
		c.slowModeField(),
		c.closedField(),
		c.knockField(),
		c.historyField(),
		c.expiryField(),
		c.broadcastField(),
		c.absentField(),
		c.maxClientsField(),
	}, append(c.updateFields(), c.infoFields()...)...)
}

// submitOptions reads what optionFields offers.
func (c *roomConfig) submitOptions(f *muc.Form, limits *Limits) *xmpp.StanzaError {
	if v, present := f.Text(muc.FieldAllowPM); present {
		p, ok := parsePMPolicy(v)
		if !ok {
			return refusal(xmpp.NotAcceptable, muc.FieldAllowPM+" is none of anyone, participants, moderators, none")
		}
		c.AllowPM = p
	}
	if s, present, e := submitRoles(f, muc.FieldGetMemberList); e != nil {
		return e
	} else if present {
		c.MemberList = s
	}
	if on, present, err := f.Bool(muc.FieldEnableLogging); err != nil {
		return asStanzaError(err)
	} else if present {
		c.Logging = on
	}
	if v, present := f.Text(muc.FieldPubSub); present {
		if len(v) > maxPubSub || v != "" && !strings.HasPrefix(v, "xmpp:") {
			return refusal(xmpp.NotAcceptable, muc.FieldPubSub+" is no XMPP URI of at most 1024 bytes")
		}
		c.PubSub = v
	}
	for _, submit := range []func(*muc.Form) *xmpp.StanzaError{c.submitSlowMode, c.submitClosed, c.submitKnock, c.submitHistory, c.submitExpiry, c.submitBroadcast, c.submitAbsent, c.submitInfo, c.submitMaxClients} {
		if e := submit(f); e != nil {
			return e
		}
	}
	return c.submitUpdateTimes(f, limits.Renewal)
}

// jidLists are the fields of the configuration form that are lists of users.
var jidLists = []struct {
	field, label string
	affiliation  muc.Affiliation
}{{muc.FieldRoomAdmins, "Admins", muc.AffiliationAdmin}, {muc.FieldRoomOwners, "Owners", muc.AffiliationOwner}}

// listFields are the lists of admins and owners as the form shows them.
func (r *Room) listFields() (fields []muc.Field) {
	for _, l := range jidLists {
		var jids []xmpp.JID
		for _, u := range r.pub.users() {
			if r.pub.affiliation(u) == l.affiliation {
				jids = append(jids, r.svc.UserJID(u))
			}
		}
		fields = append(fields, muc.JIDsField(l.field, l.label, jids))
	}
	return fields
}

// listItems turns the lists of a submitted form into changes of affiliations: who is new on a list gets its affiliation, and who
// is on neither any more becomes a member (XEP-0045 §10.4, §10.7).
func (r *Room) listItems(f *muc.Form) ([]muc.Item, *xmpp.StanzaError) {
	want := map[mimi.URI]muc.Affiliation{}
	given := map[muc.Affiliation]bool{}
	var items []muc.Item
	for _, l := range jidLists {
		jids, present, err := f.JIDs(l.field)
		if err != nil {
			return nil, asStanzaError(err)
		}
		if len(jids) > MaxItems {
			return nil, refusal(xmpp.PolicyViolation, l.field+" is too long")
		}
		given[l.affiliation] = present
		for _, j := range jids {
			u, err := r.svc.UserURI(j.Bare())
			if err != nil {
				return nil, refusal(xmpp.NotAcceptable, l.field+": "+j.String()+" is no user")
			}
			want[u] = max(want[u], l.affiliation)
		}
	}
	add := func(u mimi.URI, a muc.Affiliation) {
		items = append(items, muc.Item{JID: r.svc.UserJID(u), Affiliation: a})
	}
	listed := make([]mimi.URI, 0, len(want))
	for u := range want {
		listed = append(listed, u)
	}
	sortURIs(listed)
	for _, u := range listed {
		if a := r.pub.affiliation(u); a != want[u] && !(a > want[u] && !given[a]) {
			add(u, want[u])
		}
	}
	for _, u := range r.pub.users() {
		if a := r.pub.affiliation(u); given[a] && want[u] == muc.AffiliationUnset {
			add(u, muc.AffiliationMember)
		}
	}
	return items, nil
}
