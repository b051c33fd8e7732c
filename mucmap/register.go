package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// MaxApplicants bounds how many users wait for admins to decide about their registration.
const MaxApplicants = 256

// applicant is a user without affiliation who asked to be registered.
type applicant struct {
	User mimi.URI
	Nick string

	Knock    bool      `json:",omitempty"` // asks to be let in: see knock.go
	At       time.Time `json:",omitzero"`  // since when it knocks
	As       mimi.URI  `json:",omitzero"`  // whom a user of another provider lets add it
	Packages [][]byte  `json:",omitempty"` // its key packages
}

// reserved says that a user has a reserved nick from now on, or none any more.
type reserved struct {
	User mimi.URI
	Nick string `json:",omitempty"`
}

func (e *reserved) apply(s *state, _ *stage) { s.reserve(e.User, e.Nick) }

// reserve gives a member a reserved nick, in place of the one that it has; "" takes it away.
func (s *state) reserve(u mimi.URI, nick string) {
	m := s.members[u]
	if m == nil {
		return
	}
	if m.Reserved != "" {
		delete(s.reserved, nickKey(m.Reserved))
		delete(s.reservedLooks, xmpp.NicknameLook(m.Reserved))
	}
	if m.Reserved = nick; nick != "" {
		s.reserved[nickKey(nick)], s.reservedLooks[xmpp.NicknameLook(nick)] = u, u
	}
}

// applied says that a user asked to be registered, or that the request is settled.
type applied struct {
	User    mimi.URI
	Nick    string `json:",omitempty"`
	Settled bool   `json:",omitempty"`

	Knock, Away bool      `json:",omitempty"` // Away: it was turned away
	At          time.Time `json:",omitzero"`
	As          mimi.URI  `json:",omitzero"`
	Packages    [][]byte  `json:",omitempty"`
}

func (e *applied) apply(s *state, _ *stage) {
	s.settle(e.User)
	if e.Away {
		s.turnAway(e.User, e.At)
	}
	if !e.Settled {
		s.Applicants = append(s.Applicants, applicant{User: e.User, Nick: e.Nick, Knock: e.Knock, At: e.At, As: e.As, Packages: e.Packages})
	}
}

// settle forgets a user's request to be registered.
func (s *state) settle(u mimi.URI) {
	if i := slices.IndexFunc(s.Applicants, func(a applicant) bool { return a.User == u }); i >= 0 {
		s.Applicants = slices.Delete(slices.Clone(s.Applicants), i, i+1)
	}
}

// nickRefusal says why a user may not have a nick now: it deceives, somebody else has it or has reserved it, or it looks like such
// a one (XEP-0045 §7.2.8, §7.6, §7.12).
func (r *Room) nickRefusal(nick string, u mimi.URI) *xmpp.StanzaError {
	if why := r.svc.nickFault(nick); why != "" {
		return refusal(xmpp.NotAcceptable, "this nick is not possible: "+why)
	}
	if r.nickTaken(nick, u) {
		return refusal(xmpp.Conflict, "this nick is in use")
	}
	if by, is := r.pub.reserved[nickKey(nick)]; is && by != u {
		return refusal(xmpp.Conflict, "this nick is reserved for somebody else")
	}
	if o := r.pub.here.ByLook(nick); o != nil && o.User != u.String() {
		return refusal(xmpp.Conflict, "this nick looks like that of another occupant: "+o.Nick)
	}
	if by, is := r.pub.reservedLooks[xmpp.NicknameLook(nick)]; is && by != u {
		return refusal(xmpp.Conflict, "this nick looks like one that is reserved for somebody else")
	}
	return nil
}

// registrant is the user who sent st, if it may register at all.
func (t *turn) registrant(st *xmpp.Stanza) (mimi.URI, *xmpp.StanzaError) {
	u, e := t.actor(st)
	if e == nil && (t.r.pub.barred(u) || u == t.r.keeper) {
		e = refusal(xmpp.NotAllowed, "you may not register with this room")
	}
	return u, e
}

// registerGet says what registration takes, or that it was done (XEP-0045 §7.10).
func (t *turn) registerGet(st *xmpp.Stanza) {
	u, e := t.registrant(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	if m := t.r.pub.members[u]; m != nil && m.Reserved != "" {
		t.result(st, muc.RegisterQuery{Registered: true, Username: m.Reserved}.Element())
		return
	}
	f := muc.NewForm(muc.FormAsk, muc.FormRegister, muc.TextField(muc.RegisterRoomNick, "Nick to reserve", t.r.nickOf(u)))
	f.Fields[len(f.Fields)-1].Required = true
	f.Title = "Registration with the room"
	t.result(st, muc.RegisterQuery{Instructions: "An admin decides who becomes a member; a member's nick is reserved.", Form: &f}.Element())
}

// registerSet reserves a nick for a member, asks the admins about somebody who is none, or ends a registration.
func (t *turn) registerSet(st *xmpp.Stanza) {
	u, e := t.registrant(st)
	var q muc.RegisterQuery
	if e == nil {
		var err error
		if q, err = muc.ParseRegisterQuery(st.Payload[0]); err != nil {
			e = asStanzaError(err)
		}
	}
	if e == nil && q.Remove {
		t.unregister(st, u)
		return
	}
	nick := ""
	if e == nil {
		nick, e = t.r.wantedNick(u, q.Form)
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	if t.r.pub.affiliation(u) >= muc.AffiliationMember {
		t.emit(&reserved{User: u, Nick: nick})
		t.result(st)
		return
	}
	if slices.ContainsFunc(t.r.pub.Applicants, func(a applicant) bool { return a.User == u && a.Nick == nick && !a.Knock }) {
		t.result(st) // the admins were asked
		return
	}
	a := applicant{User: u, Nick: nick}
	if slices.ContainsFunc(t.r.pub.Applicants, func(b applicant) bool { return b.User == u && b.Nick == nick && !b.Knock }) {
		t.result(st) // the admins know: some clients register whenever they enter
		return
	}
	t.emit(&applied{User: u, Nick: nick})
	t.result(st)
	t.toRole(muc.RoleNone, muc.AffiliationAdmin, t.r.approval(a))
}

// wantedNick is the nick that a registration form asks for.
func (r *Room) wantedNick(u mimi.URI, f *muc.Form) (string, *xmpp.StanzaError) {
	if f == nil || f.Type != muc.FormSubmit || f.FormType() != muc.FormRegister {
		return "", refusal(xmpp.BadRequest, "registration takes the room's form, submitted") // XEP-0045 §7.10
	}
	text, _ := f.Text(muc.RegisterRoomNick)
	nick, err := xmpp.Nickname(text)
	if err != nil || nick == "" {
		return "", refusal(xmpp.NotAcceptable, muc.RegisterRoomNick+" is no possible nick")
	}
	if _, err := r.addr.WithResource(nick); err != nil {
		return "", refusal(xmpp.NotAcceptable, muc.RegisterRoomNick+" is no possible nick")
	}
	for _, a := range r.pub.Applicants {
		if a.User != u && a.Nick != "" && nickKey(a.Nick) == nickKey(nick) {
			return "", refusal(xmpp.Conflict, "somebody else has asked for this nick")
		}
	}
	waits := slices.ContainsFunc(r.pub.Applicants, func(a applicant) bool { return a.User == u })
	if !waits && len(r.pub.Applicants) >= MaxApplicants && r.pub.affiliation(u) < muc.AffiliationMember {
		return "", refusal(xmpp.ResourceConstraint, "too many users wait to be registered")
	}
	return nick, r.nickRefusal(nick, u)
}

// unregister ends a registration: the nick is free again, and a member is none any more; admins and owners stay what they are.
func (t *turn) unregister(st *xmpp.Stanza, u mimi.URI) {
	m := t.r.pub.members[u]
	waits := slices.ContainsFunc(t.r.pub.Applicants, func(a applicant) bool { return a.User == u })
	switch {
	case waits:
		t.emit(&applied{User: u, Settled: true})
		t.result(st)
		return
	case m == nil || m.Reserved == "":
		t.refuse(st, refusal(xmpp.RegistrationRequired, "you are not registered"))
		return
	case t.r.pub.affiliation(u) > muc.AffiliationMember:
		t.emit(&reserved{User: u})
		t.result(st)
		return
	}
	t.askAs(u, &wish{
		what: "end of a registration",
		plan: func(d *delta) *xmpp.StanzaError {
			if d.empty = standingOf(d.state.RoleOf(u)).affiliation != muc.AffiliationMember; d.empty {
				return nil
			}
			return d.changeAffiliation(u, u, muc.AffiliationNone, why{})
		},
		done:   func(t *turn) { t.result(st) },
		refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) },
	})
}

// fieldApplicant names the user in a form of approval: the registered fields do not.
const fieldApplicant = "x-anteroom_jid"

// approval is the form by which admins decide (XEP-0045 §9.9).
func (r *Room) approval(a applicant) muc.Form {
	f := muc.NewForm(muc.FormAsk, muc.FormRegister,
		muc.Field{Var: fieldApplicant, Type: muc.FieldJIDSingle, Label: "User", Values: []string{r.svc.UserJID(a.User).String()}},
		muc.TextField(muc.RegisterRoomNick, "Desired nick", a.Nick),
		muc.BoolField(muc.RegisterAllow, "Let this person register with the room?", false))
	f.Title = "Request for registration"
	if a.Knock {
		f.Title = "Somebody knocks: request to be let in, as a member"
	}
	return f
}

// showApplicants brings an admin who enters the requests that nobody has decided yet.
func (t *turn) showApplicants(u mimi.URI, to xmpp.JID) {
	if t.r.pub.affiliation(u) < muc.AffiliationAdmin {
		return
	}
	for _, a := range t.r.pub.Applicants {
		t.passTo([]xmpp.JID{to}, xmpp.Stanza{Kind: xmpp.Message, From: t.r.addr, ID: t.id(), Payload: []*xmpp.Element{t.r.approval(a).Element()}})
	}
}

// registerForm is an admin's decision about an applicant (XEP-0045 §9.9).
func (t *turn) registerForm(st *xmpp.Stanza, f *muc.Form) {
	u, e := t.actor(st)
	allow, answered, err := f.Bool(muc.RegisterAllow)
	switch {
	case t.r.follow != nil:
		t.notForeign(st)
		return
	case e != nil:
	case t.r.pub.affiliation(u) < muc.AffiliationAdmin:
		e = refusal(xmpp.Forbidden, "only an admin or owner decides who is registered")
	case err != nil:
		e = asStanzaError(err)
	case f.Type != muc.FormSubmit || !answered:
		e = refusal(xmpp.BadRequest, "the form does not say whether to allow")
	}
	if e != nil {
		t.refuse(st, e)
		return
	}
	jid, _ := f.Text(fieldApplicant)
	nick, _ := f.Text(muc.RegisterRoomNick)
	i := slices.IndexFunc(t.r.pub.Applicants, func(a applicant) bool {
		return jid != "" && t.r.svc.UserJID(a.User).String() == jid || jid == "" && nick != "" && nickKey(a.Nick) == nickKey(nick)
	})
	if i < 0 {
		t.refuse(st, refusal(xmpp.ItemNotFound, "nobody waits for this decision any more"))
		return
	}
	a := t.r.pub.Applicants[i]
	if !allow {
		t.turnAway(a)
		return
	}
	t.open(st, u, a)
}

// admit makes an applicant a member, by the admin's proposal, and reserves its nick unless somebody else has it by now.
func (t *turn) admit(st *xmpp.Stanza, by mimi.URI, a applicant) {
	t.askAs(by, &wish{
		what: "registration of " + a.User.String(),
		plan: func(d *delta) *xmpp.StanzaError {
			if e := d.r.checkAffiliation(by, a.User, muc.AffiliationMember); e != nil {
				return e
			}
			d.signer, d.actor = by, d.r.nickOf(by)
			if d.empty = d.r.pub.affiliation(a.User) >= muc.AffiliationMember; d.empty {
				return nil
			}
			return d.changeAffiliation(by, a.User, muc.AffiliationMember, why{actor: d.actor, ordered: true})
		},
		done: func(t *turn) {
			t.emit(&applied{User: a.User, Settled: true})
			if !a.Knock && t.r.nickRefusal(a.Nick, a.User) == nil {
				t.emit(&reserved{User: a.User, Nick: a.Nick})
			}
			t.knockAnswered(a)
		},
		refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) },
	})
}

// roomNick answers which nick the asking user has reserved (XEP-0045 §7.12).
func (t *turn) roomNick(st *xmpp.Stanza) {
	q := xmpp.NewElement(muc.NSDiscoInfo, "query").WithAttr("node", muc.NodeRoomNick)
	if u, err := t.r.svc.UserURI(st.From); err == nil {
		if m := t.r.pub.members[u]; m != nil && m.Reserved != "" {
			q.With(identity(m.Reserved))
		}
	}
	t.result(st, q)
}
