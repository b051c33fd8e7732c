package mucmap

import (
	"crypto/hmac"
	"encoding/base64"
	"strconv"
	"strings"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// MaxInvites bounds how many users one message may invite, maxReason the reason of an invitation or of its refusal, in bytes.
const (
	MaxInvites = 20
	maxReason  = 4096
)

// messageToRoom is a message that is not for everybody: an invitation, an answer to one, or a form (XEP-0045 §7.8.2, §7.13).
func (t *turn) messageToRoom(st *xmpp.Stanza) {
	if e := t.r.missing(); e != nil {
		t.refuse(st, e)
		return
	}
	x := st.Child(muc.NSUser, "x")
	form := st.Child(muc.NSForm, "x")
	switch {
	case x != nil && (x.Child(muc.NSUser, "invite") != nil || x.Child(muc.NSUser, "decline") != nil):
		u, err := muc.ParseUser(x)
		if err != nil {
			t.refuse(st, asStanzaError(err))
		} else if u.Decline != nil {
			t.decline(st, u.Decline)
		} else {
			t.invite(st, u.Invites)
		}
	case form != nil:
		f, err := muc.ParseForm(form)
		if err != nil {
			t.refuse(st, asStanzaError(err))
			return
		}
		t.formToRoom(st, &f)
	default:
		t.refuse(st, refusal(xmpp.BadRequest, "a message to everybody is of type groupchat; others hold an invitation, its answer, or a form"))
	}
}

// formToRoom takes a form that a message brings.
func (t *turn) formToRoom(st *xmpp.Stanza, f *muc.Form) {
	switch {
	case f.Type == muc.FormCancel:
	case f.FormType() == muc.FormRequest:
		t.voiceForm(st, f)
	case f.FormType() == muc.FormRegister:
		t.registerForm(st, f)
	default:
		t.refuse(st, refusal(xmpp.BadRequest, "the room asked for no form of this type"))
	}
}

// invite passes invitations on (XEP-0045 §7.8.2), all or none. In a members-only room the invited become members first (§9.5).
func (t *turn) invite(st *xmpp.Stanza, invites []muc.Invite) {
	o := t.r.pub.here.BySession(st.From)
	users, e := t.r.invitable(st, o, invites)
	if e != nil {
		t.refuse(st, e)
		return
	}
	u := userOf(o)
	if t.r.follow != nil {
		t.followInvite(st, o, users, invites)
		return
	}
	send := func(t *turn) {
		for i := range invites {
			if t.r.svc.local(users[i]) {
				t.sendInvite(st, o, invites[i])
			} else {
				t.inviteRemote(st, u, users[i], invites[i].Reason)
			}
		}
	}
	if !t.r.pub.Config.MembersOnly {
		send(t)
		return
	}
	t.askAs(u, &wish{
		what: "invitation by " + u.String(),
		plan: func(d *delta) *xmpp.StanzaError {
			if e := d.r.mayAddMembers(u); e != nil {
				return e
			}
			d.signer, d.actor = u, d.r.nickOf(u)
			for _, user := range users {
				if d.r.svc.local(user) && d.state.RoleOf(user) == roleNone {
					if e := d.changeAffiliation(u, user, muc.AffiliationMember, why{}); e != nil {
						return e
					}
				}
			}
			d.empty = len(d.touched) == 0
			return nil
		},
		done:   send,
		refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) },
	})
}

// invitable checks a request to invite and returns the users that it means.
func (r *Room) invitable(st *xmpp.Stanza, o *presence.Occupant, invites []muc.Invite) ([]mimi.URI, *xmpp.StanzaError) {
	switch {
	case o == nil:
		return nil, refusal(xmpp.NotAcceptable, "only occupants may invite to this room")
	case st.Type != "" && st.Type != xmpp.TypeNormal:
		return nil, refusal(xmpp.BadRequest, "an invitation is a message of type normal") // XEP-0045 §7.8.2
	case len(invites) > MaxInvites:
		return nil, refusal(xmpp.PolicyViolation, "more than "+strconv.Itoa(MaxInvites)+" users in one invitation")
	case o.Role < muc.RoleParticipant:
		return nil, refusal(xmpp.Forbidden, "visitors may not invite") // XEP-0045 §5.1.1
	}
	if r.pub.Config.MembersOnly {
		if e := r.mayAddMembers(userOf(o)); e != nil {
			return nil, e
		}
	}
	var users []mimi.URI
	for i := range invites {
		to := invites[i].To
		switch {
		case to.IsZero():
			return nil, refusal(xmpp.BadRequest, "an invitation names whom it invites")
		case len(invites[i].Reason) > maxReason || invites[i].Continue != nil && len(invites[i].Continue.Thread) > maxReason:
			return nil, refusal(xmpp.PolicyViolation, "the invitation is too long")
		case to.Local() == "":
			return nil, refusal(xmpp.ItemNotFound, "only users can be invited")
		}
		u, err := r.svc.UserURI(to.Bare())
		if err != nil {
			return nil, refusal(xmpp.ItemNotFound, "there is no such user")
		}
		if b := r.svc.ban(u); b != nil {
			return nil, refusal(xmpp.NotAllowed, "this user cannot be invited: "+b.about())
		}
		if r.pub.barred(u) {
			return nil, refusal(xmpp.NotAllowed, "this user is banned: an admin would have to lift the ban first")
		}
		users = append(users, u)
	}
	return users, nil
}

// mayAddMembers says why a user may not add others to the member list (XEP-0045 §9.5).
func (r *Room) mayAddMembers(u mimi.URI) *xmpp.StanzaError {
	if r.follow != nil {
		_, e := r.roleToAdd(u)
		return e
	}
	a := r.pub.affiliation(u)
	if a >= muc.AffiliationAdmin || a == muc.AffiliationMember && r.pub.Config.AllowInvites && r.pub.role(u) == roleMember {
		return nil
	}
	if r.pub.Config.AllowInvites {
		return refusal(xmpp.Forbidden, "only members with voice may invite to this room")
	}
	return refusal(xmpp.Forbidden, "only an admin or owner may invite to this room, since that adds to its member list") // XEP-0045 §7.8.2
}

// inviter is the address under which others learn who invited them: the real one only where the room shows it.
func (s *state) inviter(o *presence.Occupant) xmpp.JID {
	if s.Config.Anyone {
		return o.Real
	}
	return s.here.Address(o.Nick)
}

// sendInvite passes one invitation on, from the room.
func (t *turn) sendInvite(st *xmpp.Stanza, o *presence.Occupant, in muc.Invite) {
	s := t.r.pub
	x := muc.User{Invites: []muc.Invite{{From: s.inviter(o), Reason: in.Reason, Continue: in.Continue}}}
	if s.Config.Protected {
		x.Password = t.r.password
	}
	out := xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: s.inviteID(in.To, o.Nick, st.ID), Lang: st.Lang, To: in.To, Payload: []*xmpp.Element{x.Element()}}
	t.passTo([]xmpp.JID{in.To}, out)
}

// inviteMark begins the ids of invitations that the room passes on; longer ids than maxInviteID, in bytes, are not given back.
const (
	inviteMark  = "invite-"
	maxInviteID = 1024
)

// inviteID is the id of an invitation, from which the room learns who sent which when it comes back: Prosody sends errors without what
// they are about, and the room keeps no list. A tag that nobody else can make binds it to the address that was invited.
func (s *state) inviteID(to xmpp.JID, nick, id string) string {
	if len(id) > maxInviteID {
		id = ""
	}
	rest := []byte(nick + "\x00" + id)
	return inviteMark + base64.RawURLEncoding.EncodeToString(append(s.inviteTag(to, rest), rest...))
}

func (s *state) inviteTag(to xmpp.JID, rest []byte) []byte {
	return s.keyed("invitation", to.Bare(), rest)[:relayTagSize]
}

// invitedBy undoes inviteID, for an answer of who was invited.
func (s *state) invitedBy(from xmpp.JID, id string) (nick, original string, ok bool) {
	coded, ok := strings.CutPrefix(id, inviteMark)
	if !ok {
		return "", "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(coded)
	if err != nil || len(b) < relayTagSize || len(s.Secret) == 0 || !hmac.Equal(b[:relayTagSize], s.inviteTag(from, b[relayTagSize:])) {
		return "", "", false
	}
	return strings.Cut(string(b[relayTagSize:]), "\x00")
}

// decline passes the answer of somebody invited on to the inviter (XEP-0045 §7.8.2). Who declines need not be an occupant.
func (t *turn) decline(st *xmpp.Stanza, d *muc.Decline) {
	s := t.r.pub
	u, err := t.r.svc.UserURI(st.From)
	if err != nil || s.barred(u) {
		t.refuse(st, refusal(xmpp.Forbidden, "you may not decline invitations to this room"))
		return
	}
	if len(d.Reason) > maxReason {
		t.refuse(st, refusal(xmpp.PolicyViolation, "the reason is too long"))
		return
	}
	o := s.inviting(t.r.svc, d.To)
	if o == nil || o.Remote {
		t.refuse(st, refusal(xmpp.ItemNotFound, "the inviter is not present"))
		return
	}
	t.pass(o, xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: st.ID, Lang: st.Lang, Payload: []*xmpp.Element{
		muc.User{Decline: &muc.Decline{From: st.From.Bare(), Reason: d.Reason}}.Element()}})
}

// inviting finds the occupant that an address of an inviter means: an occupant of the room, or a real address as inviter shows it.
func (s *state) inviting(svc *Service, j xmpp.JID) *presence.Occupant {
	if j.Bare() == s.addr {
		return s.here.ByNick(j.Resource())
	}
	u, err := svc.UserURI(j.Bare())
	if err != nil || !s.Config.Anyone {
		return nil
	}
	return s.occupant(u)
}

// inviteBounced tells an inviter that an invitation came back (XEP-0045 §7.8.2).
func (t *turn) inviteBounced(st *xmpp.Stanza) bool {
	nick, id, ok := t.r.pub.invitedBy(st.From, st.ID)
	if !ok {
		return false
	}
	if o := t.r.pub.here.ByNick(nick); o != nil && !o.Remote {
		in := muc.Invite{To: st.From.Bare()}
		back := xmpp.Stanza{Kind: xmpp.Message, To: t.r.pub.addr, ID: id, Payload: []*xmpp.Element{muc.User{Invites: []muc.Invite{in}}.Element()}}
		back.From = o.Devices()[0]
		t.pass(o, back.ErrorReply(refusal(xmpp.ItemNotFound, "there is no such user to invite")))
	}
	return true
}

// newMembers are the users without affiliation and not present that items make members.
func (r *Room) newMembers(items []muc.Item) (users []mimi.URI) {
	for i := range items {
		if items[i].Affiliation != muc.AffiliationMember {
			continue
		}
		if u, e := r.target(&items[i]); e == nil && r.svc.local(u) && r.pub.affiliation(u) == muc.AffiliationNone && r.pub.occupant(u) == nil {
			users = append(users, u)
		}
	}
	return users
}

// inviteMembers lets users know that they may enter a members-only room from now on, and with which password (XEP-0045 §9.5).
func (t *turn) inviteMembers(by mimi.URI, users []mimi.URI) {
	s := t.r.pub
	if !s.Config.MembersOnly {
		return
	}
	x := muc.User{Invites: []muc.Invite{{From: s.addr}}}
	if o := s.occupant(by); o != nil {
		x.Invites[0].From = s.inviter(o)
	}
	if s.Config.Protected {
		x.Password = t.r.password
	}
	for _, u := range users {
		t.passTo([]xmpp.JID{t.r.svc.UserJID(u)}, xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: t.id(), Payload: []*xmpp.Element{x.Element()}})
	}
}
