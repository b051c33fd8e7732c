package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The archive of a room as XMPP clients see it: XEP-0313 1.1, with XEP-0059 and XEP-0441.

const (
	defaultPage  = 50      // messages of a page when nobody says how many
	maxPage      = 100     // messages of a page at most
	maxPageBytes = 2 << 20 // bytes of a page; one message always fits
	maxAskedIDs  = 50      // messages that are asked for one by one
)

// reader is the user behind a request to the archive, if it may read it: who may enter the room (XEP-0313 §5.1.3).
func (t *turn) reader(st *xmpp.Stanza) (mimi.URI, *xmpp.StanzaError) {
	u, e := t.actor(st)
	if e != nil {
		return u, e
	}
	switch a := t.r.pub.affiliation(u); {
	case t.r.pub.barred(u):
		return u, t.r.pub.banned(u)
	case a == muc.AffiliationNone && t.r.pub.Config.MembersOnly:
		return u, refusal(xmpp.Forbidden, "only members may read the archive of this room")
	case a == muc.AffiliationNone && t.r.pub.Config.Protected && t.r.pub.here.BySession(st.From) == nil:
		return u, refusal(xmpp.Forbidden, "entering this room takes a password: enter it to read its archive")
	}
	return u, nil
}

// archiveForm tells which filters exist (XEP-0313 §4.1.5).
func (t *turn) archiveForm(st *xmpp.Stanza) {
	if _, e := t.reader(st); e != nil {
		t.refuse(st, e)
		return
	}
	t.result(st, muc.MAMForm())
}

// archivePrefs answers requests for archiving preferences (XEP-0441): a room archives all of its messages for everybody.
func (t *turn) archivePrefs(st *xmpp.Stanza) {
	switch _, e := t.reader(st); {
	case e != nil:
		t.refuse(st, e)
	case st.Type == xmpp.TypeSet:
		t.refuse(st, refusal(xmpp.NotAllowed, "the room archives all messages: there are no preferences to set"))
	default:
		t.result(st, xmpp.NewElement(muc.NSMAM, "prefs").WithAttr("default", "always").
			With(xmpp.NewElement(muc.NSMAM, "always"), xmpp.NewElement(muc.NSMAM, "never")))
	}
}

// archiveEnds answers a request for metadata: first and last message (XEP-0313 §4.4).
func (t *turn) archiveEnds(st *xmpp.Stanza) {
	u, e := t.reader(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	ask := Query{Ends: true}
	t.r.pub.withhold(u, t.now, &ask)
	t.query(st, ask, func(t *turn, p *ArchivePage) {
		if _, e := t.reader(st); e != nil {
			t.refuse(st, e)
			return
		}
		m := xmpp.NewElement(muc.NSMAM, "metadata")
		if len(p.Entries) == 2 {
			for i, local := range []string{"start", "end"} {
				m.With(xmpp.NewElement(muc.NSMAM, local).WithAttr("id", p.Entries[i].ID).WithAttr("timestamp", muc.FormatTime(p.Entries[i].Time)))
			}
		}
		t.result(st, m)
	})
}

// archiveQuery sends a page of the archive (XEP-0313 §4).
func (t *turn) archiveQuery(st *xmpp.Stanza) {
	u, e := t.reader(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	q, err := muc.ParseMAMQuery(st.Payload[0])
	if err != nil {
		t.refuse(st, asStanzaError(err))
		return
	}
	ask, e := t.r.pub.archiveAsk(u, t.now, &q)
	if e != nil {
		t.refuse(st, e)
		return
	}
	t.query(st, ask, func(t *turn, p *ArchivePage) { t.archivePage(st, &q, p) })
}

// archiveAsk puts a client's query into the archive's words.
func (s *state) archiveAsk(u mimi.URI, now time.Time, q *muc.MAMQuery) (Query, *xmpp.StanzaError) {
	ask := Query{After: q.AfterID, Before: q.BeforeID, Since: q.Start, Until: q.End, IDs: q.IDs, Limit: defaultPage, byID: q.AfterID != "" || q.BeforeID != ""}
	switch {
	case q.Node != "":
		return ask, refusal(xmpp.ItemNotFound, "the archive has no such node")
	case len(q.IDs) > maxAskedIDs:
		return ask, refusal(xmpp.PolicyViolation, "too many messages are asked for one by one")
	}
	if r := q.RSM; r != nil {
		switch {
		case r.After != nil && r.Before != nil && *r.Before != "":
			return ask, refusal(xmpp.BadRequest, "after and before in one page request have no meaning: use after-id and before-id") // XEP-0059
		case r.Index != nil:
			return ask, refusal(xmpp.FeatureNotImplemented, "pages are asked for by id, not by index") // XEP-0059 §2.6
		}
		if r.Max != nil {
			ask.Limit = min(max(*r.Max, 0), maxPage)
		}
		if r.After != nil && *r.After != "" {
			ask.After = ask.bound(*r.After, q.AfterID, func(a, b uint64) bool { return a > b })
		}
		if r.Before != nil {
			ask.Newest = true
			if *r.Before != "" {
				ask.Before = ask.bound(*r.Before, q.BeforeID, func(a, b uint64) bool { return a < b })
			}
		}
	}
	s.withhold(u, now, &ask)
	e := s.withPublisher(u, q.With, &ask)
	return ask, e
}

// bound is the tighter of two bounds; the other one must exist nevertheless (XEP-0313 §4.1.3).
func (q *Query) bound(page, filter string, tighter func(a, b uint64) bool) string {
	if filter == "" {
		return page
	}
	n, known := archiveNumber(page)
	m, knownToo := archiveNumber(filter)
	if known && knownToo && tighter(m, n) {
		page, filter = filter, page
	}
	q.Exist = append(q.Exist, filter)
	return page
}

// withPublisher lets a query find one publisher's messages only: everybody may name an occupant's address, a real one only who
// may know it (XEP-0313 §4.1.1).
func (s *state) withPublisher(u mimi.URI, with xmpp.JID, ask *Query) *xmpp.StanzaError {
	switch {
	case with.IsZero() || with == s.addr:
		return nil
	case with.Bare() == s.addr:
		sender := with.String()
		ask.Match = func(e *ArchiveEntry) bool { return e.Sender == sender }
		return nil
	case !s.maySeeAddresses(u):
		return refusal(xmpp.Forbidden, "you may not know who is behind the nicks of this room: name an occupant")
	}
	publisher, err := s.svc.UserURI(with)
	ask.Match = func(e *ArchiveEntry) bool {
		_, p, bad := decodeArchived(e.Data)
		return err == nil && bad == nil && p.User == publisher
	}
	return nil
}

// noEntryForYou is said of a message that the history policy withholds.
const noEntryForYou = "the archive has no message with this id for you"

// archivePage sends what was found, and fin. Whether the user may have it is looked at once more: time has passed.
func (t *turn) archivePage(st *xmpp.Stanza, q *muc.MAMQuery, p *ArchivePage) {
	u, e := t.reader(st)
	if e != nil {
		t.refuse(st, e)
		return
	}
	from := t.r.pub.historyFrom(u, t.now)
	if i := slices.IndexFunc(p.Entries, func(e ArchiveEntry) bool { return e.Time.Before(from) }); i >= 0 && len(q.IDs) > 0 {
		t.refuse(st, refusal(xmpp.ItemNotFound, noEntryForYou))
		return
	}
	p.Entries = slices.DeleteFunc(p.Entries, func(e ArchiveEntry) bool { return e.Time.Before(from) }) // the policy may have changed meanwhile
	if len(q.IDs) > 0 && !p.pick(q.RSM) {
		t.refuse(st, refusal(xmpp.ItemNotFound, "this id is not among the messages asked for"))
		return
	}
	var results []xmpp.Stanza
	cut := p.Query.Newest // at which end of the page the bytes run out
	if cut {
		slices.Reverse(p.Entries)
	}
	size, n := 0, len(p.Entries)
	for i := range n {
		if size += len(p.Entries[i].Data); size > maxPageBytes && i > 0 {
			p.Entries, p.Complete = p.Entries[:i], false
			if cut {
				p.Index += uint64(n - i)
			}
			break
		}
	}
	if cut {
		slices.Reverse(p.Entries)
	}
	for i := range p.Entries {
		if r, ok := t.r.pub.archiveResult(u, q.QueryID, &p.Entries[i]); ok {
			results = append(results, xmpp.Stanza{Kind: xmpp.Message, From: t.r.addr, To: st.From, ID: t.id(), Payload: []*xmpp.Element{r}})
		}
	}
	if q.FlipPage {
		slices.Reverse(results)
	}
	for _, r := range results {
		t.send(r)
	}
	t.result(st, p.fin().Element())
}

// pick takes a page out of messages that were asked for by their ids. False: the page begins at none of them.
func (p *ArchivePage) pick(r *muc.RSM) bool {
	if r == nil {
		return true
	}
	at := func(id string) int {
		return slices.IndexFunc(p.Entries, func(e ArchiveEntry) bool { return e.ID == id })
	}
	if r.After != nil && *r.After != "" {
		i := at(*r.After)
		if i < 0 {
			return false
		}
		p.Entries = p.Entries[i+1:]
	}
	if r.Before != nil && *r.Before != "" {
		i := at(*r.Before)
		if i < 0 {
			return false
		}
		p.Entries = p.Entries[:i]
	}
	if n := len(p.Entries) - p.Query.Limit; n > 0 {
		p.Complete = false
		if p.Query.Newest {
			p.Entries = p.Entries[n:]
		} else {
			p.Entries = p.Entries[:p.Query.Limit]
		}
	}
	return true
}

// fin describes the page. Its place and the number of all are only known when nothing but time was filtered by.
func (p *ArchivePage) fin() muc.MAMFin {
	f := muc.MAMFin{Complete: p.Complete}
	q := &p.Query
	counted := q.Match == nil && len(q.IDs) == 0 && !q.byID
	if counted {
		total := int(p.Total)
		f.RSM.Count = &total
	}
	if n := len(p.Entries); n > 0 {
		f.RSM.First, f.RSM.Last = p.Entries[0].ID, p.Entries[n-1].ID
		if counted {
			index := int(p.Index)
			f.RSM.FirstIndex = &index
		}
	}
	return f
}

// archiveResult is one archived message for a user: from the occupant, to nobody, with the real address for those who may see it
// (XEP-0313 §5.1.3).
func (s *state) archiveResult(u mimi.URI, queryID string, e *ArchiveEntry) (*xmpp.Element, bool) {
	st, from, err := decodeArchived(e.Data)
	if err != nil {
		return nil, false // was written by encodeArchived
	}
	st.To = xmpp.JID{}
	st.Payload = slices.DeleteFunc(st.Payload, func(x *xmpp.Element) bool { return x.Name.Space == muc.NSUser })
	if !from.User.IsZero() && s.maySeeAddresses(u) {
		standing := standingOf(s.role(from.User))
		item := muc.Item{JID: s.svc.UserJID(from.User), Affiliation: standing.affiliation, Role: standing.role}
		st.Payload = append(st.Payload, muc.User{Items: []muc.Item{item}}.Element())
	}
	return muc.MAMResult{QueryID: queryID, ID: e.ID, Forwarded: muc.Forwarded{
		Delay: &muc.Delay{From: s.addr, Stamp: e.Time}, Stanza: st.Element()}}.Element(), true
}
