package mucmap

import (
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// XMPP users search another provider for users and for discoverable rooms (draft-ietf-mimi-protocol-06 §5.8): by messages and commands to the
// service, by the search for rooms of XEP-0433 and the search for users of XEP-0055. The user's person asks and tells.

const (
	// MaxSeeks is how many searches of one user are on the way.
	MaxSeeks = 4

	seekPatience = 15 * time.Second
)

// seekRate is how often one user searches elsewhere.
var seekRate = Rate{10, 6 * time.Second}

// seek is a search that is on the way.
type seek struct {
	refuse func(t *turn, e *xmpp.StanzaError)
	found  func(t *turn, f *findings)
}

// findings is what another provider told, of its own users and rooms.
type findings struct {
	provider string
	users    []foundUser
	rooms    []channel
	more     bool // rooms
}

type foundUser struct {
	address, name string
}

// seek asks a provider. One of refuse and found is called, in this Step or a later one; after a restart neither.
func (t *turn) seek(provider string, q *mimi.IdentifierRequest, s seek) {
	p := t.r.person
	if mimi.CheckProvider(provider) != nil {
		s.refuse(t, refusal(xmpp.BadRequest, provider+" is not the name of a provider"))
		return
	}
	wait, ok := p.seeking.take(t.now, seekRate)
	if !ok || len(p.seeks) >= MaxSeeks {
		s.refuse(t, tooFast(xmpp.PolicyViolation, "you search too much at once", max(wait, time.Second)))
		return
	}
	id := t.id()
	if p.seeks == nil {
		p.seeks = map[string]*seek{}
	}
	p.seeks[id] = &s
	t.out.Asks = append(t.out.Asks, PeerRequest{ID: id, Provider: provider, Endpoint: string(mimi.EndpointIdentifierQuery), Body: wire.Marshal(q), Patience: seekPatience})
}

// sought takes a provider's answer.
func (t *turn) sought(in Answered) {
	s := t.r.person.seeks[in.Request.ID]
	if s == nil {
		return
	}
	delete(t.r.person.seeks, in.Request.ID)
	f, e := t.r.svc.readFindings(in)
	if e != nil {
		s.refuse(t, e)
		return
	}
	s.found(t, f)
}

// readFindings reads an answer. A provider speaks for its own users and rooms: others are left out, as is what no address can hold.
func (s *Service) readFindings(in Answered) (*findings, *xmpp.StanzaError) {
	provider := in.Request.Provider
	f := &findings{provider: provider}
	switch in.Status {
	case statusOK:
	case statusTryAgain:
		return nil, refusal(xmpp.ResourceConstraint, "too many are searching; try again later")
	case statusGatewayTimeout:
		return nil, refusal(xmpp.RemoteServerTimeout, provider+" cannot be searched now: it does not answer, or has no search")
	default:
		return nil, refusal(xmpp.UndefinedCondition, provider+" answers with status "+utoa(uint64(in.Status)))
	}
	var a mimi.IdentifierResponse
	err := wire.Unmarshal(in.Body, &a)
	var rooms *mimi.FoundRooms
	if err == nil {
		rooms, err = mimi.ParseFoundRooms(a.Extensions)
	}
	if err != nil {
		return nil, refusal(xmpp.UndefinedCondition, provider+" answers with what is no result of a search")
	}
	switch a.Code {
	case mimi.IdentifierAmbiguous:
		return nil, refusal(xmpp.NotAcceptable, provider+" finds too many: search for more than a part of a name")
	case mimi.IdentifierForbidden:
		return nil, refusal(xmpp.Forbidden, provider+" does not let others search for this")
	case mimi.IdentifierUnsupportedField:
		return nil, refusal(xmpp.FeatureNotImplemented, provider+" has no search by this")
	}
	names := map[mimi.URI]string{}
	for _, p := range a.Profiles {
		for _, field := range p.Fields {
			if name := string(field.Value); field.Source == mimi.SearchVCardField && field.Name == "FN" && fit(name) {
				names[p.User] = clipText(name)
			}
		}
	}
	for _, u := range a.Users {
		if u.Provider() == provider && len(f.users) < mimi.MaxQueryResults {
			f.users = append(f.users, foundUser{s.UserJID(u).String(), names[u]})
		}
	}
	for _, r := range rooms.Rooms {
		name := s.FollowedName(r.Room)
		if name == "" {
			name = s.RoomName(r.Room)
		}
		j, err := xmpp.NewJID(name, s.cfg.Domain.Domain(), "")
		if r.Room.Provider() != provider || name == "" || err != nil {
			continue
		}
		c := channel{Summary{Name: name, Public: true, Title: r.Name, Description: r.Description, Lang: r.Language, Occupants: int(min(r.Occupants, 1<<30)),
			Open: r.Open, Anyone: r.Anyone}, j.String()}
		for _, text := range []*string{&c.Title, &c.Description, &c.Lang} {
			if !fit(*text) {
				*text = ""
			}
		}
		f.rooms = append(f.rooms, c)
	}
	f.more = rooms.More
	return f, nil
}

// fit says that a text of another provider can be shown, and does not deceive.
func fit(text string) bool { return xmpp.LegalText(text) && xmpp.TextFault(text) == "" }

// userQuery asks for a user by its address or, with a provider, by a part of its name.
func (s *Service) userQuery(what, provider string) (string, *mimi.IdentifierRequest, *xmpp.StanzaError) {
	element := mimi.QueryElement{Type: mimi.SearchPartialName, Value: what}
	if u, ok := s.namedUser(what); ok { // an address of this service, or a URI
		if provider == "" {
			provider = u.Provider()
		}
		element = mimi.QueryElement{Type: mimi.SearchHandle, Value: u.String()}
	} else if _, domain, is := strings.Cut(what, "@"); is && !strings.Contains(what, " ") {
		if provider == "" {
			provider = strings.ToLower(domain)
		}
		element = mimi.QueryElement{Type: mimi.SearchHandle, Value: "im:" + what}
	}
	switch {
	case provider == "":
		return "", nil, refusal(xmpp.BadRequest, "which provider is to be asked? Give an address, or a name and a provider")
	case len(element.Value) > maxSearch || element.Value == "":
		return "", nil, refusal(xmpp.BadRequest, "the search is empty or too long")
	}
	return provider, &mimi.IdentifierRequest{Elements: []mimi.QueryElement{element}}, nil
}

// roomQuery asks for discoverable rooms.
func roomQuery(words string) (*mimi.IdentifierRequest, *xmpp.StanzaError) {
	if len(words) > maxSearch {
		return nil, refusal(xmpp.BadRequest, "the search is too long")
	}
	q := wire.Marshal(&mimi.RoomQuery{Words: words})
	return &mimi.IdentifierRequest{Extensions: (mls.AppDataDictionary{}).With(mimi.ComponentAnteroomRooms, q)}, nil
}

// personSeeks obeys a line that searches: find ADDRESS, find ROOM, find NAME at PROVIDER, rooms PROVIDER [WORDS]. False: it is another line.
func (t *turn) personSeeks(words []string, s seek) bool {
	if len(words) < 2 {
		return false
	}
	if u, err := mimi.ReadURI(words[1]); err == nil && strings.EqualFold(words[0], "find") && len(words) == 2 && u.Kind() == mimi.KindRoom {
		t.findAddress(u, s)
		return true
	}
	var provider string
	var q *mimi.IdentifierRequest
	var e *xmpp.StanzaError
	switch n := len(words); {
	case strings.EqualFold(words[0], "find") && n >= 4 && strings.EqualFold(words[n-2], "at"):
		provider, q, e = t.r.svc.userQuery(strings.Join(words[1:n-2], " "), strings.ToLower(words[n-1]))
	case strings.EqualFold(words[0], "find"):
		provider, q, e = t.r.svc.userQuery(strings.Join(words[1:], " "), "")
	case strings.EqualFold(words[0], "rooms"):
		provider = strings.ToLower(words[1])
		q, e = roomQuery(strings.Join(words[2:], " "))
	default:
		return false
	}
	if e != nil {
		s.refuse(t, e)
		return true
	}
	t.seek(provider, q, s)
	return true
}

// findAddress tells by which address our users enter the room that a URI names. Nobody is asked whether it exists.
func (t *turn) findAddress(u mimi.URI, s seek) {
	j, ok := t.r.svc.roomJID(u)
	if !ok {
		s.refuse(t, refusal(xmpp.ItemNotFound, u.String()+" has no address here"))
		return
	}
	s.found(t, &findings{provider: u.Provider(), rooms: []channel{{address: j.String()}}})
}

// text is what was found, for people.
func (f *findings) text() string {
	var b strings.Builder
	line := func(address, name string) {
		b.WriteString(address)
		if name != "" {
			b.WriteString(" (" + name + ")")
		}
		b.WriteString("\n")
	}
	for _, u := range f.users {
		line(u.address, u.name)
	}
	for i := range f.rooms {
		line(f.rooms[i].address, f.rooms[i].Title)
	}
	switch {
	case b.Len() == 0:
		return "Nothing was found at " + f.provider + "."
	case f.more:
		b.WriteString("There are more: search for more words.\n")
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// form is the same as a table.
func (f *findings) form() *muc.Form {
	out := resultForm("Found at " + f.provider)
	out.Reported = []muc.Field{{Var: "address", Type: muc.FieldJIDSingle, Label: "Address"}, muc.TextField("name", "Name", "")}
	var rows [][]string
	for _, u := range f.users {
		rows = append(rows, []string{u.address, u.name})
	}
	for i := range f.rooms {
		rows = append(rows, []string{f.rooms[i].address, f.rooms[i].Title})
	}
	return addRows(out, rows, "search for more words to see the others.")
}

// fieldProvider is our field in forms of searches: which other provider is to be asked.
const fieldProvider = "x-anteroom_provider"

// seeksElsewhere says that a request to the service is a search of another provider.
func seeksElsewhere(st *xmpp.Stanza) bool {
	if st.Kind != xmpp.IQ || !st.IsRequest() || st.ID == "" || len(st.Payload) != 1 {
		return false
	}
	x := st.Payload[0]
	if st.Type == xmpp.TypeSet && x.Is(nsUserSearch, "query") {
		return true
	}
	if !x.Is(nsSearch, "search") || x.Child(muc.NSForm, "x") == nil {
		return false
	}
	f, err := muc.ParseForm(x.Child(muc.NSForm, "x"))
	if err != nil {
		return false
	}
	provider, _ := f.Text(fieldProvider)
	return provider != ""
}

// seekRooms is a search for rooms of another provider (XEP-0433): its results are sorted and cut to a page here, by the same fields.
func (t *turn) seekRooms(st *xmpp.Stanza) {
	refuse := func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }
	f, err := muc.ParseForm(st.Payload[0].Child(muc.NSForm, "x"))
	if err != nil {
		refuse(t, asStanzaError(err))
		return
	}
	s, e := submittedSearch(&f)
	if e != nil {
		refuse(t, e)
		return
	}
	set, e := requestedPage(st.Payload[0])
	if e != nil {
		refuse(t, e)
		return
	}
	q, e := roomQuery(strings.Join(s.terms, " "))
	if e != nil {
		refuse(t, e)
		return
	}
	provider, _ := f.Text(fieldProvider)
	t.seek(strings.ToLower(provider), q, seek{refuse, func(t *turn, found *findings) {
		all := slices.DeleteFunc(found.rooms, func(c channel) bool { return !s.finds(&c.Summary, c.address) })
		answer, e := s.page(all, set)
		if e != nil {
			refuse(t, e)
			return
		}
		t.result(st, answer)
	}})
}
