package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// join is somebody who enters and waits for a leaf.
type join struct {
	st      *xmpp.Stanza
	user    mimi.URI
	nick    string
	code    string // the password or join link that came with it
	codes   []muc.Status
	history *muc.History
	mav     *string // as in muc.Join
	payload []*xmpp.Element
	creator bool // made the room
	wish    *wish
}

// joined says that a device entered the room.
type joined struct {
	At      time.Time
	JID     xmpp.JID
	User    mimi.URI
	Nick    string
	ID      string       `json:",omitempty"` // of the presence that asked
	Payload string       `json:",omitempty"`
	Codes   []muc.Status `json:",omitempty"`
	History *muc.History `json:",omitempty"`
	Said    uint64       // messages so far: later ones are no history for it

	Affiliations *string `json:",omitempty"` // since which version it asks for affiliations
}

func (e *joined) apply(s *state, p *stage) {
	payload, _ := parsePayload(e.Payload) // was written by payloadText
	m := s.members[e.User]
	m.Nick, m.Gone = e.Nick, time.Time{}
	session := presence.Session{JID: e.JID, Payload: payload}
	o := s.occupant(e.User)
	if o == nil {
		newcomer := s.newOccupant(e.User, e.Nick)
		newcomer.Sessions = []presence.Session{session}
		o = s.here.Enter(newcomer)
	} else {
		s.here.AddSession(o, session)
	}
	codes := e.Codes
	if s.Config.Logging {
		codes = append([]muc.Status{muc.StatusLoggingOn}, codes...)
	}
	if s.Config.Anyone {
		codes = append([]muc.Status{muc.StatusNonAnonymousRoom}, codes...)
	}
	p.send(func() []xmpp.Broadcast {
		self := presence.Change{ID: e.ID, SelfCodes: codes}
		var before, bs []xmpp.Broadcast
		if e.Affiliations != nil {
			before = s.affiliationsFor(e)
			self.SelfMav = &muc.Mav{Until: s.affiliationVersion()}
		}
		p.out.add(append(before, s.introduce(e.JID))...)
		p.out.add(s.here.Roster(o, e.JID)...)
		bs = append(bs, s.absentFor(o, e.JID)...)
		bs = append(bs, s.here.ToOthers(o, presence.Change{})...)
		if others := o.DevicesExcept(e.JID); len(others) > 0 {
			bs = append(bs, s.here.ToSelf(o, xmpp.TypeAvailable, presence.Change{}, others...))
		}
		bs = append(bs, s.here.ToSelf(o, xmpp.TypeAvailable, self, e.JID))
		bs = append(bs, s.recall(e)...)
		return append(bs, s.subjectFor(e.JID))
	})
	s.here.Told(o)
}

// presence is an available presence to room@service/nick: entering, a new status, or another nick (XEP-0045 §7.2, §7.6, §7.7).
func (t *turn) presence(st *xmpp.Stanza) {
	x := st.Child(muc.NS, "x")
	nick, err := xmpp.Nickname(st.To.Resource())
	if err != nil || nick == "" {
		t.refuse(st, refusal(xmpp.NotAcceptable, "this is no possible nick"))
		return
	}
	if e := tooMuchPresence(st); e != nil {
		t.limited(st, e)
		return
	}
	if o := t.r.pub.here.BySession(st.From); o != nil {
		switch {
		case o.Nick != nick && t.r.pub.here.ByNick(nick) != o || o.Nick != nick && x == nil:
			t.rename(st, o, nick)
		case x != nil:
			t.enter(st, x, nick) // it lost track and wants everything again (XEP-0045 §7.2, XEP-0410)
		default:
			t.changeStatus(st, o)
		}
		return
	}
	if j := t.r.joining[st.From]; j != nil {
		j.payload = ownPayload(st)
		return
	}
	if x == nil {
		t.resync(st)
		return
	}
	t.enter(st, x, nick)
}

// resync tells a client that thinks it is in the room, or one of the protocol before XEP-0045, that it is not: by a kick that both
// understand, rather than by letting it in half informed (XEP-0045 §7.2.18).
func (t *turn) resync(st *xmpp.Stanza) {
	t.note(NoteDebug, "presence without x of somebody who is not here", Attr{"from", st.From.String()})
	a := muc.AffiliationNone
	if u, err := t.r.svc.UserURI(st.From); err == nil {
		a = t.r.pub.affiliation(u)
	}
	t.send(xmpp.Stanza{Kind: xmpp.Presence, Type: xmpp.TypeUnavailable, From: st.To, To: st.From, ID: st.ID, Payload: []*xmpp.Element{
		muc.User{Items: []muc.Item{{Affiliation: a, Role: muc.RoleNone}},
			Statuses: []muc.Status{muc.StatusSelf, muc.StatusKicked, muc.StatusRemovedServiceError}}.Element()}})
}

func (t *turn) presenceWithoutNick(st *xmpp.Stanza) {
	t.refuse(st, refusal(xmpp.JIDMalformed, "a presence to a room names a nick")) // XEP-0045 §7.2
}

// ownPayload is what of a presence others may see. Its language goes to the text that has none of its own, since the room sends many
// people's words in stanzas of its own (XEP-0045 §13).
func ownPayload(st *xmpp.Stanza) []*xmpp.Element {
	own := slices.DeleteFunc(slices.Clone(st.Payload), func(e *xmpp.Element) bool {
		switch e.Name.Space {
		case muc.NS, muc.NSUser, muc.NSDelay, muc.NSOccupantID, nsHats:
			return true
		}
		return false
	})
	for i, e := range own {
		if st.Lang != "" && e.Is(xmpp.NSClient, "status") && e.Lang() == "" {
			own[i] = e.Clone().WithLang(st.Lang)
		}
	}
	return own
}

// mayEnter says why a user may not enter now (XEP-0045 §7.2.5 to §7.2.9). code is for the hub, in a room of another provider.
func (r *Room) mayEnter(u mimi.URI, code string) *xmpp.StanzaError {
	a := r.pub.affiliation(u)
	_, invited := r.pub.preauthorised(u)
	invited = invited || r.pub.admission(u) != nil || r.follow != nil && code != ""
	switch {
	case r.pub.Closing:
		return refusal(xmpp.Gone, "the room is being destroyed")
	case r.lockedOut(a) != nil:
		return r.lockedOut(a)
	case a == muc.AffiliationOutcast:
		return r.pub.banned(u)
	case r.pub.Exists && a == muc.AffiliationNone && r.pub.Config.MembersOnly && !invited:
		return refusal(xmpp.RegistrationRequired, "only members may enter this room")
	case r.pub.strangerRefusal(u) != nil:
		return r.pub.strangerRefusal(u)
	case r.full(u):
		return refusal(xmpp.ServiceUnavailable, fullText).WithType(xmpp.Wait)
	case !r.pub.Exists && len(r.joining) >= r.svc.cfg.Limits.Waiting, len(r.pub.members) >= r.svc.cfg.Limits.Affiliation && r.pub.members[u] == nil:
		return refusal(xmpp.ResourceConstraint, fullListText)
	}
	return nil
}

const fullText = "the room is full"

// full says that there is no room for another device of a user.
func (r *Room) full(u mimi.URI) bool {
	most := r.pub.Config.MaxUsers
	return r.pub.here.Len() >= r.svc.cfg.Limits.Occupants ||
		most > 0 && r.pub.here.Occupants() >= most && r.pub.affiliation(u) < muc.AffiliationAdmin && r.pub.occupant(u) == nil
}

// secondDevice refuses another device of a user who is here, in a room that allows one.
func (r *Room) secondDevice(j *join) *xmpp.StanzaError {
	if o := r.pub.occupant(j.user); r.pub.Config.Single && o != nil && len(o.Sessions) > 0 && r.pub.here.BySession(j.st.From) == nil {
		return refusal(xmpp.Conflict, "this room allows one device of a user, and another one of yours is here")
	}
	return nil
}

// nickTaken says that somebody else has a nick, or is about to get it.
func (r *Room) nickTaken(nick string, u mimi.URI) bool {
	if o := r.pub.here.ByNick(nick); o != nil && o.User != u.String() {
		return true
	}
	if j := r.pendingNicks[nickKey(nick)]; j != nil && j.user != u {
		return true
	}
	return false
}

func nickKey(nick string) string {
	key, err := xmpp.NicknameKey(nick)
	if err != nil {
		return nick
	}
	return key
}

// enter lets a device in: at once if its user has a leaf and the right role already, otherwise after a commit.
func (t *turn) enter(st *xmpp.Stanza, x *xmpp.Element, nick string) {
	r := t.r
	payload, err := muc.ParseJoin(x)
	if err != nil {
		t.refuse(st, asStanzaError(err))
		return
	}
	if !st.From.IsFull() {
		t.refuse(st, refusal(xmpp.JIDMalformed, "who enters a room has a resource"))
		return
	}
	u, err := r.svc.UserURI(st.From)
	if err != nil || !r.svc.local(u) || u == r.keeper {
		t.refuse(st, refusal(xmpp.JIDMalformed, "only users can enter a room"))
		return
	}
	if e := t.mayTryToEnter(u); e != nil {
		t.limited(st, e)
		return
	}
	// Of a room elsewhere its hub is asked whether it is there again.
	if e := t.noRoom(u); (r.pub.Closing || !r.pub.Exists && r.follow == nil) && e.Condition == xmpp.Gone {
		t.refuse(st, e)
		return
	}
	if e := t.showLink(u, payload.Password); e != nil {
		t.refuse(st, e)
		return
	}
	if e := r.mayEnter(u, payload.Password); e != nil && r.pub.here.BySession(st.From) == nil {
		t.refuse(st, t.knockByEntering(u, nick, e))
		return
	}
	if e := r.checkPassword(u, payload.Password); e != nil && r.pub.here.BySession(st.From) == nil {
		t.refuse(st, e)
		return
	}
	if e := t.mayArrive(u); e != nil {
		t.limited(st, e)
		return
	}
	if v := payload.Mav; v != nil && len(*v) > maxVersion {
		*v = "?" // known to nobody
	}
	j := &join{st: st, user: u, nick: nick, code: payload.Password, history: payload.History, mav: payload.Mav, payload: ownPayload(st)}
	if e := r.secondDevice(j); e != nil {
		t.refuse(st, e)
		return
	}
	if r.pub.occupant(u) != nil {
		t.letIn(j)
		return
	}
	if e := r.nickRefusal(nick, u); e != nil {
		t.refuse(st, e)
		return
	}
	if r.follow != nil {
		t.followEnter(j)
		return
	}
	if m := r.pub.members[u]; m != nil && m.Leaves > 0 && m.Role == r.pub.entryRole(u, m.Role) && r.pub.admission(u) == nil {
		t.letIn(j)
		return
	}
	j.wish = &wish{what: "join of " + u.String(), join: j,
		plan:   func(d *delta) *xmpp.StanzaError { return d.enter(j) },
		done:   func(t *turn) { t.entered(j) },
		refuse: func(t *turn, e *xmpp.StanzaError) { t.unwait(j); t.refuse(st, e) },
	}
	r.joining[st.From] = j
	r.pendingNicks[nickKey(nick)] = j
	t.ask(j.wish)
}

// enter plans a join. The keeper lists who is new and adds its client; who is listed already adds its own; roles that last for a
// session fall back (docs/decisions/040-room-roles.md).
func (d *delta) enter(j *join) *xmpp.StanzaError {
	if e := d.r.mayEnter(j.user, j.code); e != nil {
		return e
	}
	role := d.state.RoleOf(j.user)
	want := d.r.pub.entryRole(j.user, role)
	if preauth, may := d.r.pub.preauthorised(j.user); may && standingOf(role).affiliation == muc.AffiliationNone {
		want = preauth
	}
	if l := d.r.pub.admission(j.user); l != nil && standingOf(want).affiliation <= standingOf(l.Role).affiliation {
		want = d.r.pub.Config.linkRole(l)
	}
	if b := d.r.pub.bot(j.user); b != nil && role == roleNone {
		want = b.Role
	}
	if want == roleNone {
		return refusal(xmpp.NotAllowed, "you are a bot that takes no part in this room by its bot policy")
	}
	if role != want {
		d.setRole(j.user, want, why{})
	}
	if d.state.Clients(j.user) == 0 {
		if len(d.touched) == 0 {
			d.touch(j.user, why{})
		}
		d.joiners = append(d.joiners, joiner{user: j.user, as: d.r.pub.listed(j.user), nick: j.nick, self: role != roleNone})
	}
	d.empty = len(d.touched) == 0
	return nil
}

// unwait forgets a join that ended one way or the other.
func (t *turn) unwait(j *join) {
	if t.r.joining[j.st.From] == j {
		delete(t.r.joining, j.st.From)
	}
	if k := nickKey(j.nick); t.r.pendingNicks[k] == j {
		delete(t.r.pendingNicks, k)
	}
}

// entered goes on after the commit. Meanwhile the device may have gone, or its user entered from another one.
func (t *turn) entered(j *join) {
	t.unwait(j)
	if j.wish.closed {
		return
	}
	if b := t.r.svc.ban(j.user); b != nil {
		t.refuse(j.st, b.refusal())
		return
	}
	if m := t.r.pub.members[j.user]; m == nil || m.Leaves == 0 {
		t.refuse(j.st, refusal(xmpp.InternalServerError, "no place in the group").WithType(xmpp.Wait))
		return
	}
	e := t.r.secondDevice(j)
	switch {
	case e != nil:
	case t.r.full(j.user): // others who shared the commit were first
		e = refusal(xmpp.ServiceUnavailable, fullText).WithType(xmpp.Wait)
	case t.r.pub.occupant(j.user) == nil:
		e = t.r.nickRefusal(j.nick, j.user)
	}
	if e != nil {
		t.refuse(j.st, e)
		return
	}
	t.letIn(j)
}

// letIn decides that a device is in. All devices of a user share the first one's nick.
func (t *turn) letIn(j *join) {
	nick := j.nick
	if o := t.r.pub.occupant(j.user); o != nil {
		nick = o.Nick
	}
	if j.creator || t.r.pub.Locked { // an owner who comes back to a locked room is asked to configure it, too
		j.codes = append(j.codes, muc.StatusRoomCreated)
	}
	if nick != j.st.To.Resource() {
		j.codes = append(j.codes, muc.StatusNickAssigned)
	}
	t.emit(&joined{At: t.now, JID: j.st.From, User: j.user, Nick: nick, ID: j.st.ID, Payload: payloadText(j.payload),
		Codes: j.codes, History: j.history, Said: t.r.pub.Said, Affiliations: j.mav})
	t.showApplicants(j.user, j.st.From)
}
