package mucmap

import (
	"encoding/base64"
	"errors"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Query asks for a part of the room's archive, which the room itself does not hold. Whoever runs the room carries it out by
// [Query.Run], on any goroutine, and brings the page back as Input. Queries of one room are few at a time: maxQueries.
type Query struct {
	After, Before string                     // ids, exclusive; empty: no bound
	Since, Until  time.Time                  // inclusive; zero: no bound
	Exist         []string                   // ids that must be in the archive besides
	IDs           []string                   // exactly these entries, whatever the bounds
	Ends          bool                       // the first and the last entry of the archive, whatever the bounds but Since
	Match         func(e *ArchiveEntry) bool // nil: every entry. It may be called on any goroutine
	Newest        bool                       // the newest Limit entries and not the oldest; the page ascends anyway
	Limit         int                        // 0 only counts

	byID bool // bounded by ids that are filters, not pages
	then func(t *turn, p *ArchivePage)
}

// ArchivePage answers a [Query]. Exactly one of the following holds: Err is set, or the page is valid.
type ArchivePage struct {
	Query    Query
	Entries  []ArchiveEntry // ascending
	Index    uint64         // place of the first entry among all between Since and Until; only without Match, IDs and Ends
	Total    uint64         // how many lie between Since and Until; likewise
	Complete bool           // nothing of what was asked for is left
	Err      error          // [ErrNoEntry], [ErrScan], or a failure of the store
}

func (ArchivePage) input() {}

// ArchiveRange is a page of consecutive entries, as a store gives it; the fields are as in [Query].
type ArchiveRange struct {
	After, Before string
	Since, Until  time.Time
	Newest        bool
	Limit         int
}

// ArchiveSlice is what a store has for an [ArchiveRange].
type ArchiveSlice struct {
	Entries      []ArchiveEntry
	Index, Total uint64
	Complete     bool
}

// Errors of [ArchivePage].
var (
	ErrNoEntry = errors.New("mucmap: the archive has no entry of this id")
	ErrScan    = errors.New("mucmap: too many messages were looked through for this filter")
)

const (
	// MaxScan bounds how many entries a query with Match looks at.
	MaxScan = 20_000
	// scanPage is how many of them at a time.
	scanPage = 200
)

// Run carries the query out by reading pages. read answers an unknown After or Before with an error that is [ErrNoEntry].
func (q Query) Run(read func(ArchiveRange) (ArchiveSlice, error)) ArchivePage {
	p := ArchivePage{Query: q}
	switch {
	case q.Ends:
		p.Err = p.ends(read)
	case len(q.IDs) > 0:
		p.Err = p.byID(read)
	default:
		for _, id := range q.Exist {
			if _, p.Err = read(ArchiveRange{After: id}); p.Err != nil {
				return p
			}
		}
		if q.Match != nil {
			p.Err = p.scan(read)
			break
		}
		var s ArchiveSlice
		s, p.Err = read(ArchiveRange{q.After, q.Before, q.Since, q.Until, q.Newest, q.Limit})
		p.Entries, p.Index, p.Total, p.Complete = s.Entries, s.Index, s.Total, s.Complete
	}
	return p
}

func (p *ArchivePage) ends(read func(ArchiveRange) (ArchiveSlice, error)) error {
	p.Complete = true
	for _, newest := range []bool{false, true} {
		s, err := read(ArchiveRange{Since: p.Query.Since, Newest: newest, Limit: 1})
		if err != nil {
			return err
		}
		p.Entries = append(p.Entries, s.Entries...)
	}
	return nil
}

// byID finds each entry as the one after its predecessor.
func (p *ArchivePage) byID(read func(ArchiveRange) (ArchiveSlice, error)) error {
	p.Complete = true
	type placed struct {
		at uint64
		e  ArchiveEntry
	}
	var found []placed
	for _, id := range p.Query.IDs {
		before, err := read(ArchiveRange{Before: id, Newest: true, Limit: 1})
		if err != nil {
			return err
		}
		next := ArchiveRange{Limit: 1}
		if len(before.Entries) > 0 {
			next.After = before.Entries[0].ID
		}
		s, err := read(next)
		if err != nil {
			return err
		}
		if len(s.Entries) == 0 || s.Entries[0].ID != id {
			return ErrNoEntry // retention was faster
		}
		if !slices.ContainsFunc(found, func(f placed) bool { return f.e.ID == id }) {
			found = append(found, placed{s.Index, s.Entries[0]})
		}
	}
	slices.SortFunc(found, func(a, b placed) int { return int(int64(a.at) - int64(b.at)) })
	for _, f := range found {
		p.Entries = append(p.Entries, f.e)
	}
	return nil
}

// scan reads pages until enough entries match. It looks for one more than wanted, to know whether something is left.
func (p *ArchivePage) scan(read func(ArchiveRange) (ArchiveSlice, error)) error {
	q := &p.Query
	r := ArchiveRange{q.After, q.Before, q.Since, q.Until, q.Newest, scanPage}
	for seen := 0; ; seen += scanPage {
		if seen >= MaxScan {
			return ErrScan
		}
		s, err := read(r)
		if err != nil {
			return err
		}
		if q.Newest {
			slices.Reverse(s.Entries)
		}
		for i := range s.Entries {
			if !q.Match(&s.Entries[i]) {
				continue
			}
			if len(p.Entries) == q.Limit {
				p.inOrder()
				return nil
			}
			p.Entries = append(p.Entries, s.Entries[i])
		}
		if s.Complete || len(s.Entries) == 0 {
			p.Complete = true
			p.inOrder()
			return nil
		}
		if last := s.Entries[len(s.Entries)-1].ID; q.Newest {
			r.Before = last
		} else {
			r.After = last
		}
	}
}

func (p *ArchivePage) inOrder() {
	if p.Query.Newest {
		slices.Reverse(p.Entries)
	}
}

// maxQueries bounds the queries of a room under way.
const maxQueries = 16

// query asks for a part of the archive on behalf of who sent st. Failures are answered here, pages by then.
func (t *turn) query(st *xmpp.Stanza, q Query, then func(t *turn, p *ArchivePage)) {
	if t.r.asked >= maxQueries {
		t.refuse(st, refusal(xmpp.ResourceConstraint, "too many requests to the archive of this room are under way"))
		return
	}
	t.r.asked++
	q.then = func(t *turn, p *ArchivePage) {
		switch {
		case errors.Is(p.Err, ErrNoEntry):
			t.refuse(st, refusal(xmpp.ItemNotFound, "the archive has no message with this id"))
		case errors.Is(p.Err, ErrScan):
			t.refuse(st, refusal(xmpp.ResourceConstraint, "too many messages would have to be looked through: ask for a shorter time"))
		case p.Err != nil:
			t.note(NoteWarn, "archive was not read", Attr{"error", p.Err.Error()})
			t.refuse(st, refusal(xmpp.InternalServerError, "the archive cannot be read now").WithType(xmpp.Wait))
		default:
			then(t, p)
		}
	}
	t.out.Queries = append(t.out.Queries, q)
}

// answered goes on with a page. A room that was restored meanwhile answers as well: what is needed came with the query.
func (t *turn) answered(p *ArchivePage) {
	t.r.asked = max(t.r.asked-1, 0)
	if p.Query.then != nil {
		p.Query.then(t, p)
	}
}

// nsArchive is the namespace of what only the archive knows about a message; no client gets to see it, and none may send it.
const nsArchive = "urn:anteroom:archive:0"

// provenance is what the archive keeps of a message beside what everybody saw.
type provenance struct {
	User    mimi.URI `json:",omitzero"`  // who said it; zero: the room itself
	Message string   `json:",omitempty"` // its MIMI message id in hexadecimal; empty: none
	Reacts  string   `json:",omitempty"` // the message that it is a reaction to
	Empty   bool     `json:",omitempty"` // the reaction was taken back
	Over    string   `json:",omitempty"` // the reaction that it replaces
	Gives   []string `json:",omitempty"` // what it reacts with by itself
	Proof   []byte   `json:",omitempty"` // what proves it to the room's hub: a mimi.AbusiveMessage; not kept in memory
}

func (p provenance) element() *xmpp.Element {
	e := xmpp.NewElement(nsArchive, "archived").WithAttr("id", p.Message).WithAttr("reacts", p.Reacts)
	if !p.User.IsZero() {
		e.SetAttr("user", p.User.String())
	}
	if p.Empty {
		e.SetAttr("empty", "true")
	}
	if p.Over != "" {
		e.SetAttr("over", p.Over)
	}
	for _, reaction := range p.Gives {
		e.With(xmpp.TextElement(nsArchive, "reaction", reaction))
	}
	if len(p.Proof) > 0 {
		e.SetAttr("proof", base64.StdEncoding.EncodeToString(p.Proof))
	}
	return e
}

// encodeArchived is a message as the archive keeps it.
func encodeArchived(st xmpp.Stanza, p provenance) []byte {
	st.Payload = append(slices.Clone(st.Payload), p.element())
	return st.AppendXML(nil)
}

// decodeArchived undoes encodeArchived. Messages that were archived without provenance have none.
func decodeArchived(data []byte) (xmpp.Stanza, provenance, error) {
	st, err := xmpp.ParseStanzaXML(data)
	if err != nil {
		return xmpp.Stanza{}, provenance{}, err
	}
	var p provenance
	if e := st.Child(nsArchive, "archived"); e != nil {
		p = provenance{Message: e.Attr("id"), Reacts: e.Attr("reacts"), Empty: e.Attr("empty") != "", Over: e.Attr("over")}
		for _, reaction := range e.ChildrenNamed(nsArchive, "reaction") {
			p.Gives = append(p.Gives, reaction.Text())
		}
		if u, err := mimi.ParseURI(e.Attr("user")); err == nil {
			p.User = u
		}
		p.Proof, _ = base64.StdEncoding.DecodeString(e.Attr("proof"))
		if len(p.Proof) == 0 {
			p.Proof = nil
		}
	}
	st.Payload = slices.DeleteFunc(st.Payload, func(e *xmpp.Element) bool { return e.Name.Space == nsArchive })
	return st, p, nil
}

// maySeeAddresses says that a user may see the real addresses of others (XEP-0045 §4.2), present or not.
func (s *state) maySeeAddresses(u mimi.URI) bool {
	return s.Config.Anyone || standingOf(s.role(u)).role == muc.RoleModerator
}
