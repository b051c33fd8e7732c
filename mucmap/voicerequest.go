package mucmap

import (
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// voiceForm is a request for voice, or a moderator's answer to one (XEP-0045 §7.13, §8.6): the answer allows or denies.
func (t *turn) voiceForm(st *xmpp.Stanza, f *muc.Form) {
	o := t.r.pub.here.BySession(st.From)
	allow, answered, err := f.Bool(muc.RequestAllow)
	switch {
	case o == nil:
		t.refuse(st, refusal(xmpp.NotAcceptable, "only occupants may ask for voice"))
	case err != nil:
		t.refuse(st, asStanzaError(err))
	case f.Type != muc.FormSubmit:
		t.refuse(st, refusal(xmpp.BadRequest, "the form is neither submitted nor cancelled"))
	case !answered:
		t.requestVoice(st, o, f)
	case allow:
		t.approveVoice(st, o, f)
	case o.Role != muc.RoleModerator:
		t.refuse(st, refusal(xmpp.Forbidden, "only a moderator may deny voice"))
	}
}

// requestVoice asks the moderators who are present. Nothing is kept of it: a moderator gives voice whenever it likes.
func (t *turn) requestVoice(st *xmpp.Stanza, o *presence.Occupant, f *muc.Form) {
	role, _ := f.Text(muc.RequestRole)
	switch {
	case role != muc.RoleParticipant.String():
		t.refuse(st, refusal(xmpp.BadRequest, "only the role of participant can be asked for")) // XEP-0045 §7.13
		return
	case o.Role >= muc.RoleParticipant:
		t.refuse(st, refusal(xmpp.NotAcceptable, "you have voice already"))
		return
	}
	ask := muc.NewForm(muc.FormAsk, muc.FormRequest,
		muc.ListField(muc.RequestRole, "Requested role", role, muc.Option{Label: "Participant", Value: role}),
		muc.Field{Var: muc.RequestJID, Type: muc.FieldJIDSingle, Label: "User", Values: []string{st.From.String()}},
		muc.TextField(muc.RequestRoomNick, "Nick in the room", o.Nick),
		muc.BoolField(muc.RequestAllow, "Give voice to this person?", false))
	ask.Title = "Request for voice"
	if !t.toRole(muc.RoleModerator, muc.AffiliationNone, ask) {
		t.refuse(st, refusal(xmpp.ItemNotFound, "no moderator is present to decide"))
	}
}

// toRole sends a form to every device of all present occupants of at least a role and an affiliation; false: there are none.
func (t *turn) toRole(role muc.Role, a muc.Affiliation, f muc.Form) bool {
	var to []xmpp.JID
	for _, o := range t.r.pub.here.Sorted() {
		if o.Role >= role && o.Affiliation >= a {
			to = append(to, o.Devices()...)
		}
	}
	t.passTo(to, xmpp.Stanza{Kind: xmpp.Message, From: t.r.pub.addr, ID: t.id(), Payload: []*xmpp.Element{f.Element()}})
	return len(to) > 0
}

// approveVoice gives voice as if the moderator had done it by an iq (XEP-0045 §8.3, §8.6).
func (t *turn) approveVoice(st *xmpp.Stanza, o *presence.Occupant, f *muc.Form) {
	nick, _ := f.Text(muc.RequestRoomNick)
	target := t.r.pub.here.ByNick(nick)
	if jids, _, err := f.JIDs(muc.RequestJID); err == nil && len(jids) == 1 && !jids[0].IsZero() {
		if u, err := t.r.svc.UserURI(jids[0].Bare()); err == nil {
			target = t.r.pub.occupant(u) // whatever its nick is by now
		}
	}
	if target == nil {
		t.refuse(st, refusal(xmpp.ItemNotFound, "who asked for voice is not present any more"))
		return
	}
	u, to := userOf(o), userOf(target)
	check := func(r *Room) *xmpp.StanzaError {
		if e := r.checkRole(u, to, muc.RoleParticipant); e != nil {
			return e
		}
		if now := standingOf(r.pub.role(to)).role; now >= muc.RoleParticipant {
			return refusal(xmpp.Conflict, "this occupant has voice already")
		}
		return nil
	}
	if e := check(t.r); e != nil {
		t.refuse(st, e)
		return
	}
	if t.r.follow != nil {
		t.followVoice(st, u, target)
		return
	}
	t.askAs(u, &wish{
		what: "voice by request",
		plan: func(d *delta) *xmpp.StanzaError {
			if d.r.pub.occupant(to) == nil {
				return refusal(xmpp.ItemNotFound, "who asked for voice is not present any more")
			}
			if e := check(d.r); e != nil {
				return e
			}
			d.signer, d.actor = u, d.r.nickOf(u)
			return d.voice(to, muc.RoleParticipant, why{actor: d.actor})
		},
		done:   func(*turn) {},
		refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) },
	})
}
