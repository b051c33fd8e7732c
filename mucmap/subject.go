package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// titled says that the subject changed: room_metadata.subject of the group.
type titled struct {
	At   time.Time
	ID   string
	Nick string
	User mimi.URI `json:",omitzero"` // whose nick it is
	Text string

	N       uint64 `json:",omitempty"` // it was the N-th message; zero: it is not in the archive
	Archive string `json:",omitempty"` // its stanza-id there
}

func (e *titled) apply(s *state, p *stage) {
	if e.N > 0 {
		s.Said = e.N
	}
	s.Subject = e.subject()
	p.send(func() []xmpp.Broadcast { return []xmpp.Broadcast{s.here.Broadcast(s.subjectStanza(s.Subject))} })
}

func (e *titled) subject() subject {
	return subject{Text: e.Text, Nick: e.Nick, User: e.User, ID: e.ID, Archive: e.Archive, At: e.At}
}

// title decides a change of the subject, which is archived like what is said (XEP-0313 §5.1.3): under one stanza-id in the live
// message, in the archive, and in what those get who enter later. History for newcomers leaves it out, since they get the subject after it.
func (t *turn) title(id, nick string, u mimi.URI, text string) {
	s := t.r.pub
	e := &titled{At: t.now, ID: id, Nick: nick, User: u, Text: text, N: s.Said + 1}
	e.Archive = archiveID(e.N, t.id())
	st := s.subjectStanza(e.subject())
	t.out.Archive = append(t.out.Archive, ArchiveEntry{ID: e.Archive, Time: e.At, Sender: st.From.String(), Data: encodeArchived(st, provenance{User: u})})
	t.emit(e)
}

func (s *state) subjectStanza(is subject) xmpp.Stanza {
	st := xmpp.Stanza{Kind: xmpp.Message, From: s.addr, ID: is.ID, Type: xmpp.TypeGroupchat,
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "subject", is.Text)}}
	if is.Nick != "" {
		st.From = s.here.Address(is.Nick)
		st.Payload = s.withOccupantID(st.Payload, is.User)
	}
	if is.Archive != "" {
		st.Payload = append(st.Payload, xmpp.NewElement(muc.NSStanzaID, "stanza-id").WithAttr("by", s.addr.String()).WithAttr("id", is.Archive))
	}
	return st
}

// subjectFor is the subject as the end of a join, sent even when there is none (XEP-0045 §7.2.15).
func (s *state) subjectFor(to xmpp.JID) xmpp.Broadcast {
	st := s.subjectStanza(s.Subject)
	if !s.Subject.At.IsZero() {
		st.Payload = append(st.Payload, delay(s.addr, s.Subject.At))
	}
	return xmpp.Broadcast{Template: xmpp.NewTemplate(st), To: []xmpp.JID{to}}
}

// maxSubject bounds a subject in bytes.
const maxSubject = 4096

// isSubject says that a message changes the subject: it has one, and neither body nor thread (XEP-0045 §8.1).
func isSubject(st *xmpp.Stanza) bool {
	return st.Child(xmpp.NSClient, "subject") != nil && st.Child(xmpp.NSClient, "body") == nil && st.Child(xmpp.NSClient, "thread") == nil
}

// changeSubject asks for another subject, by the occupant's own leaf.
func (t *turn) changeSubject(st *xmpp.Stanza, o *presence.Occupant) {
	text := st.Child(xmpp.NSClient, "subject").Text()
	u := userOf(o)
	if len(text) > maxSubject {
		t.refuse(st, refusal(xmpp.NotAcceptable, "the subject is too long"))
		return
	}
	if why := xmpp.TextFault(text); why != "" {
		t.refuse(st, refusal(xmpp.NotAcceptable, "this subject is not possible: "+why))
		return
	}
	if e := t.r.maySetSubject(u); e != nil {
		t.refuse(st, e)
		return
	}
	t.askAs(u, &wish{
		what: "subject",
		plan: func(d *delta) *xmpp.StanzaError {
			if e := d.r.maySetSubject(u); e != nil {
				return e
			}
			m := *d.state.Metadata()
			d.empty = m.Subject == text
			m.Subject = text
			d.signer, d.said = u, st.ID
			d.replace(mimi.ComponentRoomMetadata, &m)
			return nil
		},
		done: func(t *turn) {
			// The same text again changes nothing in the group, but who set it hears it like everybody.
			if s := t.r.pub.Subject; s.Text == text && s.At != t.now {
				id := st.ID // as of every message (XEP-0045 §7.4)
				if id == "" {
					id = t.id()
				}
				t.title(id, o.Nick, u, text)
			}
		},
		refuse: func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) },
	})
}

// maySetSubject: moderators, and others with voice where the room says so.
func (r *Room) maySetSubject(u mimi.URI) *xmpp.StanzaError {
	s := standingOf(r.pub.role(u))
	if s.role == muc.RoleModerator || s.role == muc.RoleParticipant && r.pub.Config.ChangeSubject {
		return nil
	}
	return refusal(xmpp.Forbidden, "you may not change the subject of this room") // XEP-0045 §8.1
}

// subjectNick is the nick of whoever proposed the new metadata of a commit.
func (t *turn) subjectNick(a *hub.Accepted) string {
	return t.r.nickOf(t.subjectUser(a))
}

// subjectUser is who proposed the new metadata of a commit.
func (t *turn) subjectUser(a *hub.Accepted) mimi.URI {
	for i := range a.Effects.Proposals {
		p := &a.Effects.Proposals[i]
		x, is := p.Proposal.(mls.AppDataUpdate)
		if !is || x.Component != mimi.ComponentRoomMetadata {
			continue
		}
		if u := t.r.pub.behind(senderUser(a.Effects, p.Sender)); t.r.pub.members[u] != nil {
			return u
		}
	}
	return mimi.URI{}
}
