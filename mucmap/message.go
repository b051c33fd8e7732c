package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// spoke says that a message was accepted by the hub: it is broadcast and archived.
type spoke struct {
	N   uint64
	ID  string // stanza-id
	At  time.Time
	XML string // the stanza without addressee

	From provenance `json:",omitzero"`
	Ends time.Time  `json:",omitzero"` // when it expires

	st *xmpp.Stanza
}

func (e *spoke) apply(s *state, p *stage) {
	if e.st == nil {
		st, err := xmpp.ParseStanzaXML([]byte(e.XML))
		if err != nil {
			return // was written by AppendXML
		}
		e.st = &st
	}
	s.Said = e.N
	s.spokeNow(e)
	s.Activity.note(e.At, e.st)
	m := s.newRecord(e.ID, e.st, e.From)
	s.keep(m)
	s.awaitEnd(e.Ends, m)
	s.remember(said{N: e.N, ID: e.ID, At: e.At, St: *e.st, From: e.From})
	p.send(func() []xmpp.Broadcast { return []xmpp.Broadcast{s.here.Broadcast(*e.st)} })
}

// groupchat is a message to everybody, or a new subject (XEP-0045 §7.4, §8.1).
func (t *turn) groupchat(st *xmpp.Stanza) {
	if e := t.r.missing(); e != nil {
		t.refuse(st, e)
		return
	}
	o := t.r.pub.here.BySession(st.From)
	if o == nil {
		t.refuse(st, refusal(xmpp.NotAcceptable, "only occupants may send messages to this room"))
		return
	}
	if t.tooLoud(st, o) {
		return
	}
	if isSubject(st) {
		t.changeSubject(st, o)
		return
	}
	t.speak(st)
}

const noVoice = "visitors have no voice in this room" // XEP-0045 §7.4

// speak is a message to everybody that the room has time for, at once or after having waited.
func (t *turn) speak(st *xmpp.Stanza) {
	o := t.r.pub.here.BySession(st.From)
	if o == nil {
		t.refuse(st, refusal(xmpp.NotAcceptable, "you left the room before your message was said"))
		return
	}
	if o.Role < muc.RoleParticipant {
		t.refuse(st, refusal(xmpp.Forbidden, noVoice))
		return
	}
	if e := t.tooSoon(st, o); e != nil {
		t.limited(st, e)
		return
	}
	if content.Transient(st, t.r.pub.references(userOf(o), nil)) {
		t.showState(st, o)
		return
	}
	gone, ok := t.retracts(st, o, func(t *turn) { t.speak(st) })
	if !ok {
		return
	}
	if t.tooLate(st, userOf(o)) {
		return
	}
	if t.r.mustWait() {
		t.hold(st)
		return
	}
	t.say(st, o, gone)
}

// missing says that there is no room to send a message to (XEP-0045 §17.2).
func (r *Room) missing() *xmpp.StanzaError {
	if r.pub.Exists {
		return nil
	}
	return refusal(xmpp.ItemNotFound, "there is no such room")
}

// hold lets a message, or a moderation, wait for a commit.
func (t *turn) hold(st *xmpp.Stanza) {
	if len(t.r.waiting) >= t.r.svc.cfg.Limits.Waiting {
		t.refuse(st, refusal(xmpp.ResourceConstraint, "too many messages are waiting"))
		return
	}
	t.r.waiting = append(t.r.waiting, st)
}

// mustWait says that no application message may be sent now: a member that has seen proposals commits first (RFC 9420 §12.4), and
// after an unclean start the restored epoch is left before anything is encrypted.
func (r *Room) mustWait() bool {
	return r.unclean || r.hub == nil || len(r.hub.Group().Public().Pending()) > 0
}

// release says what had to wait for a commit. Who has left or lost voice meanwhile is refused now.
func (t *turn) release() {
	for len(t.r.waiting) > 0 && !t.r.mustWait() {
		st := t.r.waiting[0]
		t.r.waiting = t.r.waiting[1:]
		if st.Kind == xmpp.IQ {
			t.moderate(st)
			continue
		}
		if t.r.forTwo() {
			t.directStanza(st)
			continue
		}
		t.speak(st)
	}
	if len(t.r.waiting) == 0 {
		t.r.waiting = nil
	}
}

// say encrypts a message once, by the sender's own leaf, and after the hub's acceptance broadcasts it. gone, which may be nil, is
// the message that it retracts.
func (t *turn) say(st *xmpp.Stanza, o *presence.Occupant, gone *record) {
	r, u := t.r, userOf(o)
	end := r.endOf(r.pub.corrects(u, st), timer(st), t.now)
	e := t.prepare(provenance{User: u}, xmpp.Stanza{Kind: xmpp.Message, From: r.pub.here.Address(o.Nick), ID: st.ID, Type: xmpp.TypeGroupchat, Lang: st.Lang,
		Payload: ephemeral(publicPayload(st, r.pub.addr), t.now, end)})
	e.Ends = end
	if len(e.XML) > maxMessage {
		t.refuse(st, refusal(xmpp.PolicyViolation, "the message is too long to be sent on"))
		return
	}
	m := content.FromXMPP(r.pub.unsigned(u, st), saltOf(t.derive("content")), r.pub.listed(u), r.uri, r.pub.references(u, gone))
	m.Expires = expiration(end)
	if e := r.contentRefusal(u, m); e != nil {
		t.refuse(st, e)
		return
	}
	body, from, err := t.compose(u, m)
	if err != nil {
		t.refuse(st, refusal(xmpp.NotAcceptable, err.Error()))
		return
	}
	e.From = from
	a, err := t.protect(u, body)
	if err != nil {
		t.failed(&wish{what: "message", refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }}, err)
		return
	}
	r.hub = a.Next
	t.fanout(a)
	t.broadcast(e)
	if gone != nil {
		t.takenAway(gone, st.ID)
	}
}

// maxMessage bounds, in bytes, a message as it is broadcast: with any addressee it can leave, also inside an archive's answer.
const maxMessage = xmpp.MaxStanzaBytes - 16*xmpp.MaxJIDPart

// publicPayload is what of a message others get: all but what only the room may say.
func publicPayload(st *xmpp.Stanza, room xmpp.JID) []*xmpp.Element {
	return slices.DeleteFunc(slices.Clone(st.Payload), func(e *xmpp.Element) bool {
		switch {
		case e.Name.Space == muc.NSUser, e.Name.Space == muc.NSOccupantID, e.Name.Space == muc.NSDelay, e.Name.Space == nsArchive:
			return true
		case e.Is(nsRetract, "retracted"): // a tombstone
			return true
		case e.Is(muc.NSStanzaID, "stanza-id"):
			by, err := xmpp.ParseJID(e.Attr("by"))
			return err == nil && by.Bare() == room
		}
		return false
	})
}

// protect encrypts by a user's leaf and asks the hub.
func (t *turn) protect(u mimi.URI, body []byte) (*hub.Accepted, error) {
	r := t.r
	leaf, ok := r.leaf(u)
	if !ok {
		return nil, mls.ErrNoLocalLeaf
	}
	g := r.hub.Group()
	if g.Reserved(leaf) == 0 {
		var err error
		if g, err = g.Reserve(leaf, GenerationBlock); err != nil {
			return nil, err
		}
	}
	aad := emptyAAD
	if len(r.hub.Followers()) > 0 { // nobody else can report it elsewhere
		aad = committedAAD(g.Public(), body, emptyAAD)
	}
	g, m, err := g.Protect(t.derive("message"), leaf, body, aad)
	if err != nil {
		return nil, err
	}
	return r.hub.AcceptLocalMessage(t.now, g, m, r.pub.listed(u))
}

// prepare numbers a message and encodes it as it will be broadcast.
func (t *turn) prepare(from provenance, st xmpp.Stanza) *spoke {
	n := t.r.pub.Said + 1
	id := archiveID(n, t.id())
	st.Payload = append(t.r.pub.withOccupantID(st.Payload, from.User), xmpp.NewElement(muc.NSStanzaID, "stanza-id").WithAttr("by", t.r.pub.addr.String()).WithAttr("id", id))
	return &spoke{N: n, ID: id, At: t.now, XML: string(st.AppendXML(nil)), From: from, st: &st}
}

// broadcast archives and sends a message that the hub accepted.
func (t *turn) broadcast(e *spoke) {
	t.out.Archive = append(t.out.Archive, ArchiveEntry{ID: e.ID, Time: e.At, Sender: e.st.From.String(), Data: encodeArchived(*e.st, e.From)})
	t.emit(e)
}

func (t *turn) groupchatToNick(st *xmpp.Stanza) {
	t.refuse(st, refusal(xmpp.BadRequest, "a private message is not of type groupchat")) // XEP-0045 §7.5
}
