package mucmap

import (
	"cmp"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// MaxRecords is how many of the newest messages a room knows by all their names, so that later ones can refer to them between
// XMPP and MIMI. References to older ones travel as readable text; retraction and moderation look them up in the archive.
const MaxRecords = 512

// record is what a room knows of a message that others may refer to.
type record struct {
	ID     string   // stanza-id
	Own    string   // the id attribute that it was sent with
	Sender xmpp.JID // occupant address, as of then
	From   provenance
	Gone   bool   // retracted
	First  string `json:",omitempty"` // stanza-id of the first version, if it corrects it; empty: it corrects nothing that is known
}

func (s *state) newRecord(id string, st *xmpp.Stanza, from provenance) record {
	from.Proof = nil
	m := record{ID: id, Own: st.ID, Sender: st.From, From: from, Gone: st.Child(nsRetract, "retracted") != nil}
	if was := s.corrects(from.User, st); was != nil {
		m.First = cmp.Or(was.First, was.ID)
	}
	return m
}

// keep remembers the names of a message, in blocks, so that one message costs no copy.
func (s *state) keep(m record) {
	if s.frozen {
		return
	}
	if len(s.records) >= 2*MaxRecords {
		s.records = slices.Clone(s.records[len(s.records)-MaxRecords:])
	}
	s.records = append(s.records, m)
}

// recordBy finds the newest record for which a condition holds; nil: none.
func (s *state) recordBy(is func(*record) bool) *record {
	for i := len(s.records) - 1; i >= 0; i-- {
		if is(&s.records[i]) {
			return &s.records[i]
		}
	}
	return nil
}

func (s *state) recordByMessage(id content.MessageID) *record {
	if id.IsZero() {
		return nil
	}
	text := id.String()
	return s.recordBy(func(m *record) bool { return m.From.Message == text })
}

// message is the MIMI message id of a record.
func (m *record) message() (content.MessageID, bool) {
	if m == nil {
		return content.MessageID{}, false
	}
	return content.ParseMessageID(m.From.Message)
}

// references translates what a user's message refers to into MIMI message ids. recalled, which may be nil, was looked up for it.
func (s *state) references(u mimi.URI, recalled *record) content.References {
	return content.References{
		ByStanzaID: func(id string) (content.MessageID, bool) {
			if recalled != nil && (recalled.ID == id || recalled.Own == id) {
				return recalled.message()
			}
			return s.recordBy(func(m *record) bool { return m.ID == id }).message()
		},
		ByOwnID: func(id string) (content.MessageID, bool) {
			return s.recordBy(func(m *record) bool { return m.Own == id && m.From.User == u }).message()
		},
		OwnReaction: func(target content.MessageID) (content.MessageID, bool) { return s.reaction(u, target) },
		User:        s.mentioned,
	}
}

// reaction is the first version of a user's present reaction to a message, which is what a new one replaces
// (draft-ietf-mimi-content §3.3); one that was taken back is none.
func (s *state) reaction(u mimi.URI, target content.MessageID) (first content.MessageID, ok bool) {
	text := target.String()
	for i := len(s.records) - 1; i >= 0; i-- {
		m := &s.records[i]
		if m.From.User != u || m.From.Reacts != text {
			continue
		}
		if m.From.Empty {
			break
		}
		if id, known := m.message(); known {
			first, ok = id, true
		}
	}
	return first, ok
}

// reactions is all with which a user reacts to a message when it has sent one more reaction: in MIMI each may be a message of its own, which others replace or
// take back, in XMPP every one says them all (XEP-0444 §3.2). What the room has no record of any more is not among them.
func (s *state) reactions(u mimi.URI, next provenance) (all []string) {
	type reaction struct{ versions, gives []string }
	var each []reaction
	say := func(p provenance, gone bool) {
		if gone {
			p.Gives = nil
		}
		i := slices.IndexFunc(each, func(r reaction) bool { return p.Over != "" && slices.Contains(r.versions, p.Over) })
		if i < 0 {
			each = append(each, reaction{[]string{p.Message}, p.Gives})
			return
		}
		each[i].versions, each[i].gives = append(each[i].versions, p.Message), p.Gives
	}
	for i := range s.records {
		if m := &s.records[i]; m.From.User == u && m.From.Reacts == next.Reacts {
			say(m.From, m.Gone)
		}
	}
	say(next, false)
	for _, r := range each {
		for _, text := range r.gives {
			if !slices.Contains(all, text) && len(all) < content.MaxReactions {
				all = append(all, text)
			}
		}
	}
	return all
}

// mentioned is the user behind an occupant's address or a user's own, by the name that the group lists: addresses stay here (XEP-0372 §3.2).
func (s *state) mentioned(j xmpp.JID) (mimi.URI, bool) {
	var u mimi.URI
	if j.Bare() == s.addr {
		if o := s.here.ByNick(j.Resource()); o != nil {
			u = userOf(o)
		}
	} else if known, err := s.svc.UserURI(j.Bare()); err == nil {
		u = known
	}
	if u.IsZero() || s.members[u] == nil {
		return mimi.URI{}, false
	}
	return s.listed(u), true
}

// mention is the address by which clients know a user whom a message mentions: the occupant, or, where everybody may see it, the real one.
func (s *state) mention(uri string) (xmpp.JID, bool) {
	u, err := mimi.ParseURI(uri)
	if err != nil {
		return xmpp.JID{}, false
	}
	u = s.behind(u)
	switch o := s.occupant(u); {
	case s.members[u] == nil:
		return xmpp.JID{}, false
	case o != nil:
		return s.here.Address(o.Nick), true
	}
	return s.svc.UserJID(u), s.Config.Anyone
}

// names translates MIMI message ids into what the room calls messages.
func (s *state) names() content.Names {
	return content.Names{
		User: s.mention,
		StanzaID: func(id content.MessageID) (string, bool) {
			m := s.recordByMessage(id)
			if m == nil {
				return "", false
			}
			return m.ID, true
		},
		OwnID: func(id content.MessageID) (string, bool) {
			m := s.recordByMessage(id)
			if m == nil || m.Own == "" {
				return "", false
			}
			return m.Own, true
		},
		Quoted: func(id content.MessageID) (content.Quoted, bool) {
			m := s.recordByMessage(id)
			if m == nil || m.Gone {
				return content.Quoted{}, false
			}
			q := content.Quoted{Author: m.Sender}
			for i := range s.history {
				if s.history[i].ID == m.ID {
					q.Message = &s.history[i].St
				}
			}
			return q, true
		},
	}
}

// origin is what the archive keeps of a message.
func origin(u mimi.URI, m *content.Message, id content.MessageID) provenance {
	p := provenance{User: u, Message: id.String()}
	if m.Body.Disposition == content.Reaction && !m.InReplyTo.IsZero() {
		p.Reacts, p.Empty, p.Gives = m.InReplyTo.String(), m.Body.Cardinality == content.Null, m.Reactions()
		if !m.Replaces.IsZero() {
			p.Over = m.Replaces.String()
		}
	}
	return p
}

// compose encodes a message of a user and computes its id.
func (t *turn) compose(u mimi.URI, m *content.Message) ([]byte, provenance, error) {
	data, err := m.Encode()
	if err != nil {
		return nil, provenance{}, err
	}
	return data, origin(u, m, content.ID(t.r.pub.listed(u), t.r.uri, data, m.Salt)), nil
}

func saltOf(seed mls.Seed) (salt [content.SaltSize]byte) {
	copy(salt[:], seed[:])
	return salt
}

// recall finds a message by its stanza-id and goes on with it: at once, or with st from the start when the archive has been asked.
// It refuses st when there is no such message.
func (t *turn) recall(st *xmpp.Stanza, id string, again func(t *turn)) *record {
	r := t.r
	if m := r.pub.recordBy(func(m *record) bool { return m.ID == id }); m != nil {
		return m
	}
	if r.recalled != nil && r.recalled.ID == id {
		return r.recalled
	}
	if id == "" {
		t.refuse(st, refusal(xmpp.BadRequest, "the message has no id"))
		return nil
	}
	t.query(st, Query{IDs: []string{id}}, func(t *turn, p *ArchivePage) {
		old, from, err := decodeArchived(p.Entries[0].Data)
		if err != nil {
			t.refuse(st, refusal(xmpp.InternalServerError, "the message cannot be read"))
			return
		}
		if isSubject(&old) {
			t.refuse(st, refusal(xmpp.NotAllowed, "a subject is not retracted: it can be changed"))
			return
		}
		m := t.r.pub.newRecord(id, &old, from)
		t.r.recalled = &m
		again(t)
		t.r.recalled = nil
	})
	return nil
}

// retracted says that a message is no more: only that it was (XEP-0424 §4, XEP-0425 §5).
type retracted struct {
	ID  string // stanza-id of the message
	XML string // what stands in its place
}

func (e *retracted) apply(s *state, _ *stage) {
	if m := s.recordBy(func(m *record) bool { return m.ID == e.ID }); m != nil {
		m.Gone = true
	}
	s.buried(e.ID)
	st, err := xmpp.ParseStanzaXML([]byte(e.XML))
	if err != nil {
		return // was written by AppendXML
	}
	for i := range s.history {
		if s.history[i].ID == e.ID {
			s.history = slices.Clone(s.history) // broadcasts under way keep theirs
			s.history[i].St = st
		}
	}
}

// takenAway puts tombstones in the place of a message and of all its other versions that the room has a record of: a correction says again what is to be
// gone. by and more are those of bury.
func (t *turn) takenAway(m *record, by string, more ...*xmpp.Element) {
	first := cmp.Or(m.First, m.ID)
	versions := []record{*m}
	for _, v := range t.r.pub.records {
		if !v.Gone && v.ID != m.ID && (v.ID == first || v.First == first) {
			versions = append(versions, v)
		}
	}
	for i := range versions {
		t.bury(&versions[i], t.now, by, more...)
	}
}

// bury puts a tombstone in a message's place, in history and archive. by is the id of the message that asked for it; more, which
// may be nil, says who moderated and why.
func (t *turn) bury(m *record, at time.Time, by string, more ...*xmpp.Element) {
	s := t.r.pub
	stone := xmpp.NewElement(nsRetract, "retracted").WithAttr("id", by).WithAttr("stamp", muc.FormatTime(at)).With(more...)
	st := xmpp.Stanza{Kind: xmpp.Message, From: m.Sender, ID: m.Own, Type: xmpp.TypeGroupchat, Payload: s.withOccupantID(nil, m.From.User)}
	st.Payload = append(st.Payload, muc.StanzaID{ID: m.ID, By: s.addr}.Element(), stone)
	t.out.Redact = append(t.out.Redact, Redaction{ID: m.ID, Data: encodeArchived(st, m.From)})
	t.emit(&retracted{ID: m.ID, XML: string(st.AppendXML(nil))})
}
