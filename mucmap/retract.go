package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

const (
	nsCorrect          = "urn:xmpp:message-correct:0"           // XEP-0308
	nsRetract          = "urn:xmpp:message-retract:1"           // XEP-0424
	nsRetractTombstone = "urn:xmpp:message-retract:1#tombstone" //
	nsModerate         = "urn:xmpp:message-moderate:1"          // XEP-0425
)

// retracts is the message that an occupant's message retracts: one of its own (XEP-0424 §3, §5). ok is false when the message
// was refused, or waits for the archive: then again starts over. The stanza-id names it; Converse.js names its own messages by the id that
// it gave them itself, which is understood for those that the room still remembers.
func (t *turn) retracts(st *xmpp.Stanza, o *presence.Occupant, again func(t *turn)) (m *record, ok bool) {
	e := st.Child(nsRetract, "retract")
	if e == nil {
		return nil, true
	}
	own := e.Attr("id")
	if m = t.r.pub.recordBy(func(m *record) bool { return own != "" && m.Own == own && m.From.User == userOf(o) }); m == nil {
		m = t.recall(st, own, again)
	}
	switch {
	case m == nil:
		return nil, false
	case m.From.User != userOf(o):
		t.refuse(st, refusal(xmpp.Forbidden, "only who sent a message may retract it; moderators moderate it")) // XEP-0425
		return nil, false
	case m.Gone:
		t.refuse(st, refusal(xmpp.ItemNotFound, "the message has been retracted already"))
		return nil, false
	}
	return m, true
}

// corrects is the message of u that a message corrects (XEP-0308); nil: none that the room has a record of.
func (s *state) corrects(u mimi.URI, st *xmpp.Stanza) *record {
	e := st.Child(nsCorrect, "replace")
	if e == nil || e.Attr("id") == "" {
		return nil
	}
	own := e.Attr("id")
	return s.recordBy(func(m *record) bool { return m.Own == own && m.From.User == u })
}

// tooLate refuses a correction of what has been retracted: nothing of it is to be said again.
func (t *turn) tooLate(st *xmpp.Stanza, u mimi.URI) bool {
	m := t.r.pub.corrects(u, st)
	if m == nil || !m.Gone {
		return false
	}
	t.refuse(st, refusal(xmpp.ItemNotFound, "the message has been retracted and cannot be corrected"))
	return true
}

// moderate lets a moderator retract somebody's message (XEP-0425 §3). The moderator's leaf tells participants of other providers.
func (t *turn) moderate(st *xmpp.Stanza) {
	r := t.r
	e := st.Payload[0]
	reason := e.ChildText(nsModerate, "reason")
	o := r.pub.here.BySession(st.From)
	switch {
	case !r.pub.Exists:
		t.refuse(st, refusal(xmpp.ItemNotFound, "there is no such room"))
		return
	case o == nil || o.Role != muc.RoleModerator:
		t.refuse(st, refusal(xmpp.Forbidden, "only moderators who are present may moderate messages"))
		return
	case e.Child(nsRetract, "retract") == nil:
		t.refuse(st, refusal(xmpp.FeatureNotImplemented, "the only moderation of a message is its retraction"))
		return
	case len(reason) > maxReason:
		t.refuse(st, refusal(xmpp.NotAcceptable, "the reason is too long"))
		return
	}
	m := t.recall(st, e.Attr("id"), func(t *turn) { t.moderate(st) })
	if m == nil {
		return
	}
	if m.Gone {
		t.refuse(st, refusal(xmpp.ItemNotFound, "the message has been retracted already"))
		return
	}
	if r.follow != nil {
		t.followModerate(st, userOf(o), m, reason)
		return
	}
	if r.mustWait() {
		t.hold(st)
		return
	}
	from := provenance{}
	if target, known := m.message(); known {
		u := userOf(o)
		body, p, err := t.takeAway(u, target)
		var a *hub.Accepted
		if err == nil {
			a, err = t.protect(u, body)
		}
		if err != nil {
			t.failed(&wish{what: "moderation", refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }}, err)
			return
		}
		r.hub = a.Next
		t.fanout(a)
		from.Message = p.Message
	}
	t.moderated(m, userOf(o), o.Nick, reason, from)
	t.result(st)
}

// takeAway is the message by which a moderator takes away another one.
func (t *turn) takeAway(u mimi.URI, target content.MessageID) ([]byte, provenance, error) {
	return t.compose(u, &content.Message{Salt: saltOf(t.derive("content")), Sender: t.r.pub.listed(u).String(), Room: t.r.uri.String(),
		Replaces: target, Body: content.Part{Disposition: content.Render}})
}

// followModerate is moderate in a room of another provider: everybody there believes a moderator's leaf.
func (t *turn) followModerate(st *xmpp.Stanza, u mimi.URI, m *record, reason string) {
	r := t.r
	target, known := m.message()
	switch {
	case !known:
		t.refuse(st, refusal(xmpp.ItemNotFound, "this message is known here only"))
		return
	case !r.follow.room.State().Can(u, mimi.CanDeleteOtherMessage):
		t.refuse(st, refusal(xmpp.Forbidden, "your role in this room lacks canDeleteOtherMessage"))
		return
	case len(r.follow.waiting) >= r.svc.cfg.Limits.Waiting:
		t.refuse(st, refusal(xmpp.ResourceConstraint, "too many messages are waiting"))
		return
	}
	body, from, err := t.takeAway(u, target)
	if err != nil {
		t.refuse(st, refusal(xmpp.NotAcceptable, err.Error()))
		return
	}
	said := func(t *turn) {
		if !m.Gone {
			t.moderated(m, u, t.r.speaksAs(u), reason, provenance{Message: from.Message})
		}
		t.result(st)
	}
	t.wish(&asker{st: st, said: said}, follower.Wish{Kind: follower.Send, Client: r.svc.clientURI(u), Data: body, AAD: r.committed(body)})
}

// moderated tells everybody that a moderator took a message away.
func (t *turn) moderated(m *record, u mimi.URI, nick, reason string, from provenance) {
	s := t.r.pub
	by := xmpp.NewElement(nsModerate, "moderated").WithAttr("by", s.here.Address(nick).String())
	by.With(s.withOccupantID(nil, u)...)
	more := []*xmpp.Element{by}
	if reason != "" {
		more = append(more, xmpp.TextElement(nsRetract, "reason", reason))
	}
	e := t.prepare(from, xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: t.id(), Type: xmpp.TypeGroupchat,
		Payload: []*xmpp.Element{xmpp.NewElement(nsRetract, "retract").WithAttr("id", m.ID).With(more...)}})
	t.broadcast(e)
	t.takenAway(m, e.st.ID, more...)
}

// replaces looks at what a message of another provider's participant replaces. The hub cannot: it does not read messages. What it
// takes away and who may is XMPP's to decide: one's own, or anything as a moderator. ok is false when nobody is to see it.
func (t *turn) replaces(u mimi.URI, m *content.Message) (gone *record, ok bool) {
	if m.Replaces.IsZero() {
		return nil, true
	}
	target := t.r.pub.recordByMessage(m.Replaces)
	switch {
	case target == nil:
		return nil, true // said in words
	case target.From.Reacts != "" && target.From.User == u && m.Body.Cardinality == content.Null:
		m.Body.Disposition = content.Reaction // it takes a reaction back
		m.InReplyTo, _ = content.ParseMessageID(target.From.Reacts)
		return nil, true
	case target.From.User == u && m.Body.Disposition == content.Reaction:
		return nil, true // another reaction
	case target.Gone:
		t.note(NoteInfo, "message replaces one that was retracted and is not shown", Attr{"user", u.String()})
		return nil, false
	case target.From.User == u && m.Body.Cardinality != content.Null:
		return nil, true // a correction
	case target.From.User == u:
		return target, true
	case m.Body.Cardinality == content.Null && standingOf(t.r.pub.role(u)).role == muc.RoleModerator:
		return target, true
	}
	t.note(NoteInfo, "message replaces somebody else's and is not shown", Attr{"user", u.String()})
	return nil, false
}
