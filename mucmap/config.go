package mucmap

import (
	"slices"
	"strconv"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// roomConfig is the configuration of a room (XEP-0045 §10.2). The first part is the group's and follows it; the rest is the
// gateway's alone.
type roomConfig struct {
	Name, Description string // room_metadata
	Public            bool   // base_room_policy.discoverable
	Persistent        bool   // base_room_policy.persistent_room
	MembersOnly       bool   // roles_list: role 0 cannot join by itself
	Moderated         bool   // roles_list: who enters becomes a visitor
	ChangeSubject     bool   // roles_list: members and guests may change the subject
	AllowInvites      bool   // roles_list: members may add members
	Anyone            bool   // base_room_policy.pseudonyms_allowed is not set: everybody sees real JIDs, not only moderators (whois)

	Fixed     bool // base_room_policy.fixed_membership: nobody comes or goes
	Single    bool // base_room_policy.multi_device is not set: one device of a user at a time
	Before    int  // chat_history: seconds of history before joining that newcomers get; 0: all, -1: none
	Expiry    int  // message_expiration: seconds after which messages disappear that do not say it themselves; 0: never
	Preauthed bool // roles_list: who is on the preauth_list may join
	Bots      bool `json:",omitempty"` // roles_list: there are roles for bots
	Systems   bool `json:",omitempty"` // roles_list: there is a role for system users of other providers

	MaxUsers   int          // 0: as many as the service allows
	MaxClients mimi.Maximum `json:",omitzero"` // of the group
	History    int          // messages shown to who enters
	Lang       string

	Protected  bool     // entering takes a password, which is among the room's secrets
	AllowPM    pmPolicy // who may send private messages
	MemberList roleSet  // who may read the member list, beside admins
	Logging    bool     // says that conversations may be logged
	PubSub     string   // URI of a node

	Knock    bool // who is refused because only members may enter waits for the admins
	SlowMode int  // seconds between two messages of a user (XEP-0500); 0: none
	Closed   bool // to newcomers

	Hidden     roleSet // whose presence is not broadcast
	ShowAbsent bool    // members who are not here are shown as unavailable

	Contacts             string // bare JIDs, one a line, for everybody to see
	UpdateMin, UpdateMax uint64 `json:",omitempty"` // mls_operational_policy: seconds between two renewals of a leaf's keys

	LDAPGroup string
	Logs      string // URL
}

// defaultHistory is how many messages a new room shows to who enters.
const defaultHistory = 20

// Limits of what a form may say.
const (
	maxName        = 1024
	maxDescription = 4096
	maxLang        = 35 // RFC 5646 §4.4.1
)

func defaultConfig() roomConfig { return roomConfig{Public: true, History: defaultHistory} }

// metadata is the room_metadata of a configuration, with what else old holds.
func (c *roomConfig) metadata(old *mimi.RoomMetadata) *mimi.RoomMetadata {
	m := *old
	m.Name = c.Name
	m.Descriptions = nil
	if c.Description != "" {
		m.Descriptions = []mimi.RichDescription{{Language: c.Lang, Content: []byte(c.Description)}}
	}
	return &m
}

// base is the base_room_policy of a configuration, with what else old holds.
func (c *roomConfig) base(old *mimi.BaseRoomPolicy) *mimi.BaseRoomPolicy {
	p := *old
	p.Persistent, p.Discoverable, p.Pseudonyms = c.Persistent, c.Public, !c.Anyone
	p.FixedMembership, p.MultiDevice, p.MaxClients = c.Fixed, !c.Single, c.MaxClients
	if (c.UpdateMin > 0 || c.UpdateMax > 0) && !slices.Contains(p.PolicyComponents, mimi.ComponentOperationalPolicy) {
		p.PolicyComponents = append(slices.Clip(p.PolicyComponents), mimi.ComponentOperationalPolicy)
	}
	if c.Bots && !slices.Contains(p.PolicyComponents, mimi.ComponentBotPolicy) {
		p.PolicyComponents = append(slices.Clip(p.PolicyComponents), mimi.ComponentBotPolicy)
	}
	return &p
}

// follow is the configuration with the group's part as the group has it.
func (c roomConfig) follow(s *policy.State) roomConfig {
	m, b := s.Metadata(), s.Base()
	c.Name, c.Description = m.Name, ""
	for _, d := range m.Descriptions {
		if (d.MediaType == "" || d.MediaType == "text/plain;charset=utf-8") && xmpp.LegalText(string(d.Content)) {
			c.Description = string(d.Content)
			break
		}
	}
	c.Persistent, c.Public, c.Anyone = b.Persistent, b.Discoverable, !b.Pseudonyms
	c.Fixed, c.Single, c.MaxClients = b.FixedMembership, !b.MultiDevice, b.MaxClients
	c.UpdateMin, c.UpdateMax = s.UpdateTimes().Min, s.UpdateTimes().Max
	c.followHistory(s)
	c.followExpiration(s)
	c.followLogging(s)
	if r, ok := s.Role(roleNone); ok {
		// Without canOpenJoin a room is members-only or asks for a password, or both: the group does not tell which.
		if open := r.Has(mimi.CanOpenJoin); open {
			c.MembersOnly, c.Protected = false, false
		} else if !c.Protected {
			c.MembersOnly = true
		}
		c.Moderated = r.MayChange(roleNone, roleVisitor)
	}
	c.Bots = s.BotRole(roleBot) && s.BotRole(roleBotReader)
	role, defined := s.Role(roleEnforcer)
	c.Systems = defined && role.Name == enforcerName
	if r, ok := s.Role(roleMember); ok {
		c.ChangeSubject = r.Has(mimi.CanChangeRoomSubject)
		c.AllowInvites = r.Has(mimi.CanAddParticipant) && r.MayChange(roleNone, roleMember)
		c.Preauthed = r.Has(mimi.CanJoinIfPreauthorized)
	}
	return c
}

// sameRoles says that two configurations have the same roles_list.
func (c *roomConfig) sameRoles(o *roomConfig) bool {
	return c.MembersOnly == o.MembersOnly && c.Protected == o.Protected && c.Moderated == o.Moderated && c.ChangeSubject == o.ChangeSubject && c.AllowInvites == o.AllowInvites
}

// codes are the status codes for a change of configuration (XEP-0045 §10.2.1).
func (c *roomConfig) codes(next *roomConfig) []muc.Status {
	var codes []muc.Status
	if c.Anyone != next.Anyone {
		codes = append(codes, muc.StatusNowSemiAnonymous)
		if next.Anyone {
			codes[0] = muc.StatusNowNonAnonymous
		}
	}
	if c.Logging != next.Logging {
		if next.Logging {
			codes = append(codes, muc.StatusLoggingOn)
		} else {
			codes = append(codes, muc.StatusLoggingOff)
		}
	}
	if c.ShowAbsent != next.ShowAbsent {
		if next.ShowAbsent {
			codes = append(codes, muc.StatusShowsUnavailable)
		} else {
			codes = append(codes, muc.StatusHidesUnavailable)
		}
	}
	old, other := *c, *next
	old.Anyone, old.Logging, old.ShowAbsent, old.Bots, old.Systems = other.Anyone, other.Logging, other.ShowAbsent, other.Bots, other.Systems
	if old != other {
		codes = append(codes, muc.StatusConfigChanged)
	}
	return codes
}

// configured says that the configuration changed.
type configured struct {
	ID     string
	Config roomConfig
	Codes  []muc.Status
}

func (e *configured) apply(s *state, p *stage) {
	if old := &s.Config; old.MembersOnly != e.Config.MembersOnly || old.Anyone != e.Config.Anyone || old.MemberList != e.Config.MemberList {
		s.forgetVersions() // others may read the lists now
	}
	hidden, shown := s.Config.Hidden, s.Config.ShowAbsent
	s.Config = e.Config
	if s.here.Anonymous() == e.Config.Anyone {
		s.here.SetAnonymous(!e.Config.Anyone)
	}
	if len(e.Codes) > 0 {
		p.send(func() []xmpp.Broadcast {
			return []xmpp.Broadcast{s.here.Broadcast(xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: e.ID, Type: xmpp.TypeGroupchat,
				Payload: []*xmpp.Element{muc.User{Statuses: e.Codes}.Element()}})}
		})
	}
	if s.Config.Hidden != hidden {
		s.setHidden(p)
	}
	if s.Config.ShowAbsent && !shown {
		p.send(s.showAbsent)
	}
}

// Field names that are in use but not registered.
const fieldHistoryLength = "muc#roomconfig_historylength"

func (c *roomConfig) form() muc.Form {
	whois := "moderators"
	if c.Anyone {
		whois = "anyone"
	}
	f := muc.NewForm(muc.FormAsk, muc.FormRoomConfig,
		muc.TextField(muc.FieldRoomName, "Name", c.Name),
		muc.TextField(muc.FieldRoomDesc, "Description", c.Description),
		muc.TextField(muc.FieldLang, "Language of discussion", c.Lang),
		muc.BoolField(muc.FieldPublicRoom, "Listed publicly", c.Public),
		muc.BoolField(muc.FieldPersistentRoom, "Stays when everybody has left", c.Persistent),
		muc.BoolField(muc.FieldMembersOnly, "Only members may enter", c.MembersOnly),
		muc.BoolField(muc.FieldModeratedRoom, "Who enters has no voice", c.Moderated),
		muc.BoolField(muc.FieldChangeSubject, "Everybody with voice may change the subject", c.ChangeSubject),
		muc.BoolField(muc.FieldAllowInvites, "Members may make others members", c.AllowInvites),
		muc.ListField(muc.FieldWhois, "Who may see the addresses of XMPP occupants; unless anyone may, the group lists them by pseudonyms", whois,
			muc.Option{Label: "Moderators", Value: "moderators"}, muc.Option{Label: "Anyone", Value: "anyone"}),
		muc.TextField(muc.FieldMaxUsers, "Occupants at most (empty: no limit of the room)", number(c.MaxUsers)),
		muc.TextField(muc.FieldMaxHistoryFetch, "Messages shown to who enters", strconv.Itoa(c.History)),
		muc.BoolField(muc.FieldPasswordProtected, "Entering takes a password", c.Protected),
	)
	f.Title = "Configuration of the room"
	f.Fields = append(f.Fields, c.optionFields()...)
	return f
}

func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// submit is the configuration with what a submitted form says. Unknown fields are ignored; a value that cannot be honoured is
// refused as a whole, rather than dropped.
func (c roomConfig) submit(f *muc.Form, limits *Limits) (roomConfig, *xmpp.StanzaError) {
	for name, at := range map[string]*bool{
		muc.FieldPublicRoom: &c.Public, muc.FieldPersistentRoom: &c.Persistent, muc.FieldMembersOnly: &c.MembersOnly,
		muc.FieldModeratedRoom: &c.Moderated, muc.FieldPasswordProtected: &c.Protected, muc.FieldChangeSubject: &c.ChangeSubject, muc.FieldAllowInvites: &c.AllowInvites} {
		if v, present, err := f.Bool(name); err != nil {
			return c, asStanzaError(err)
		} else if present {
			*at = v
		}
	}
	for _, field := range []struct {
		name  string
		at    *string
		limit int
	}{{muc.FieldRoomName, &c.Name, maxName}, {muc.FieldRoomDesc, &c.Description, maxDescription}, {muc.FieldLang, &c.Lang, maxLang}} {
		if v, present := f.Text(field.name); present {
			if len(v) > field.limit {
				return c, refusal(xmpp.NotAcceptable, field.name+" is too long")
			}
			if why := xmpp.TextFault(v); why != "" {
				return c, refusal(xmpp.NotAcceptable, field.name+" is not possible: "+why)
			}
			*field.at = v
		}
	}
	if v, present := f.Text(muc.FieldWhois); present {
		if v != "anyone" && v != "moderators" {
			return c, refusal(xmpp.NotAcceptable, muc.FieldWhois+" is neither anyone nor moderators")
		}
		c.Anyone = v == "anyone"
	}
	if v, present := f.Text(muc.FieldMaxUsers); present {
		n, err := strconv.Atoi(v)
		if v == "" || v == "none" {
			n, err = 0, nil
		}
		if err != nil || n < 0 || n > limits.Occupants {
			return c, refusal(xmpp.NotAcceptable, muc.FieldMaxUsers+" is not a number up to "+strconv.Itoa(limits.Occupants))
		}
		c.MaxUsers = n
	}
	for _, name := range []string{fieldHistoryLength, muc.FieldMaxHistoryFetch} {
		n, present, err := f.Count(name)
		if err != nil {
			return c, asStanzaError(err)
		}
		if present {
			if n > limits.History {
				return c, refusal(xmpp.NotAcceptable, name+" is more than "+strconv.Itoa(limits.History))
			}
			c.History = n
		}
	}
	return c, c.submitOptions(f, limits)
}

func asStanzaError(err error) *xmpp.StanzaError {
	if e, ok := err.(*xmpp.StanzaError); ok {
		return e
	}
	return refusal(xmpp.BadRequest, err.Error())
}

// ownerGet answers with the configuration form (XEP-0045 §10.2).
func (t *turn) ownerGet(st *xmpp.Stanza) {
	if _, ok := t.owner(st); !ok {
		return
	}
	f := t.r.pub.Config.form()
	if t.r.pub.Locked {
		f.Instructions = []string{"The room is new and locked. Submit this form to open it; cancel it to give the room up."}
	}
	asked := slices.IndexFunc(f.Fields, func(f muc.Field) bool { return f.Var == muc.FieldPasswordProtected })
	f.Fields = append(slices.Insert(f.Fields, asked+1, muc.PrivateField(muc.FieldRoomSecret, "Password", t.r.password)), t.r.listFields()...)
	t.result(st, muc.OwnerQuery{Form: &f}.Element())
}

// owner is the user who sent st if it is an owner; otherwise st is refused.
func (t *turn) owner(st *xmpp.Stanza) (mimi.URI, bool) {
	u, e := t.actor(st)
	if e == nil && t.r.pub.affiliation(u) != muc.AffiliationOwner {
		e = refusal(xmpp.Forbidden, "only an owner may do this")
	}
	if e != nil {
		t.refuse(st, e)
		return mimi.URI{}, false
	}
	return u, true
}

// ownerSet takes a submitted or cancelled form, or the order to destroy (XEP-0045 §10.2, §10.9).
func (t *turn) ownerSet(st *xmpp.Stanza) {
	q, err := muc.ParseOwnerQuery(st.Payload[0])
	if err != nil {
		t.refuse(st, asStanzaError(err))
		return
	}
	u, ok := t.owner(st)
	if !ok {
		return
	}
	children := 0
	for range st.Payload[0].Elements() {
		children++
	}
	switch {
	case children > 1:
		t.refuse(st, refusal(xmpp.BadRequest, "more than one form, or a form and a destroy")) // XEP-0045 §10.1.2
	case q.Destroy != nil && checkDestruction(*q.Destroy) != "":
		t.refuse(st, refusal(xmpp.NotAcceptable, checkDestruction(*q.Destroy)))
	case q.Destroy != nil:
		t.destroy(st, u, *q.Destroy)
	case q.Form == nil:
		t.refuse(st, refusal(xmpp.BadRequest, "neither a form nor a destroy"))
	case q.Form.Type == muc.FormCancel && t.r.pub.Locked:
		t.destroy(st, u, muc.Destroy{Reason: "the owner cancelled the configuration"}) // XEP-0045 §10.1.3
	case q.Form.Type == muc.FormCancel:
		t.result(st)
	case q.Form.Type != muc.FormSubmit:
		t.refuse(st, refusal(xmpp.BadRequest, "the form is neither submitted nor cancelled"))
	case q.Form.FormType() != "" && q.Form.FormType() != muc.FormRoomConfig:
		t.refuse(st, refusal(xmpp.BadRequest, "this is another form than the room's"))
	default:
		t.configure(st, u, q.Form)
	}
}

// configure asks for another configuration. What belongs to the group is one commit, signed by the owner; a room that becomes
// members-only loses its non-members by a second one, since the list of roles and the list of participants may not change together.
func (t *turn) configure(st *xmpp.Stanza, u mimi.URI, f *muc.Form) {
	next, password, items, e := t.r.submitted(u, f)
	if e != nil {
		t.refuse(st, e)
		return
	}
	t.askAs(u, &wish{
		what: "configuration", config: true,
		plan: func(d *delta) *xmpp.StanzaError {
			if d.r.pub.affiliation(u) != muc.AffiliationOwner {
				return refusal(xmpp.Forbidden, "only an owner may do this")
			}
			now := &d.r.pub.Config
			var e *xmpp.StanzaError
			if next, password, items, e = d.r.submitted(u, f); e != nil {
				return e
			}
			d.signer, d.config = u, &next
			if !now.sameRoles(&next) {
				d.replace(mimi.ComponentRolesList, next.roles(false))
			}
			if now.Name != next.Name || now.Description != next.Description {
				d.replace(mimi.ComponentRoomMetadata, next.metadata(d.state.Metadata()))
			}
			d.replaceUpdateTimes(now, &next)
			if now.Public != next.Public || now.Persistent != next.Persistent || now.Anyone != next.Anyone || now.MaxClients != next.MaxClients || d.alters[mimi.ComponentOperationalPolicy] {
				d.replace(mimi.ComponentBaseRoomPolicy, next.base(d.state.Base()))
			}
			d.policies(now, &next)
			d.empty = len(d.updates) == 0
			return nil
		},
		done: func(t *turn) {
			if now := t.r.pub.Config; now != next {
				t.emit(&configured{ID: t.id(), Config: next, Codes: now.codes(&next)})
			}
			t.r.password = password
			t.unlock()
			t.expelNonMembers(u)
			if len(items) == 0 {
				t.result(st)
				return
			}
			t.listRemote(u, items, func(t *turn, guests map[mimi.URI][]mls.KeyPackage) { t.changeItems(st, u, items, guests) })
		},
		refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) },
	})
}

// expelNonMembers removes those whom a members-only room has no place for (XEP-0045 §10.2.1, code 322). by signs; zero: the keeper,
// when a crash came between the two commits.
func (t *turn) expelNonMembers(by mimi.URI) {
	out := t.r.pub.nonMembers()
	if len(out) == 0 {
		return
	}
	t.ask(&wish{
		what: "removal of non-members",
		plan: func(d *delta) *xmpp.StanzaError {
			if !by.IsZero() && d.state.Clients(by) > 0 && d.r.pub.affiliation(by) == muc.AffiliationOwner {
				d.signer = by
			}
			for _, u := range d.r.pub.nonMembers() {
				d.unlist(u, why{cause: causeMembersOnly})
				d.removeLeaves(u)
			}
			d.empty = len(d.touched) == 0
			return nil
		},
		done:   func(*turn) {},
		refuse: func(t *turn, e *xmpp.StanzaError) { t.note(NoteError, "non-members stay", Attr{"reason", e.Text}) },
	})
}

// nonMembers are the listed users without affiliation in a members-only room.
func (s *state) nonMembers() []mimi.URI {
	if !s.Config.MembersOnly {
		return nil
	}
	var out []mimi.URI
	for u, m := range s.members {
		if _, may := s.preauthorised(u); m.Role != roleKeeper && standingOf(m.Role).affiliation == muc.AffiliationNone && !may {
			out = append(out, u)
		}
	}
	slices.SortFunc(out, compareURI)
	return out
}
