package mucmap

import (
	"slices"
	"strconv"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Names of XEP-0433 (extended channel search).
const (
	nsSearch       = "urn:xmpp:channel-search:0:search"
	formSearch     = "urn:xmpp:channel-search:0:search-params"
	nsSearchError  = "urn:xmpp:channel-search:0:error"
	orderUsers     = "{urn:xmpp:channel-search:0:order}nusers"
	orderAddress   = "{urn:xmpp:channel-search:0:order}address"
	anonymityNone  = "{urn:xmpp:channel-search:0:anonymity}none"
	searchTypeMUC  = "xep-0045"
	searchOldField = "sinaddr" // what the XEP's example calls sinaddress
)

// Bounds of a search.
const (
	maxSearch      = 1024 // bytes of the search terms
	maxSearchTerms = 16
	maxSearchItems = 100 // results of one page
)

// search is a query for rooms: all of its terms occur in one of the places where it looks.
type search struct {
	terms                     []string // in lower case; none: all rooms
	inName, inText, inAddress bool
	users                     int // at least
	byUsers                   bool
	muc                       bool // rooms of XEP-0045 are asked for
}

// search answers a request for the form, or searches (XEP-0433 §4).
func (q *serviceQuery) search() (*xmpp.Element, *xmpp.StanzaError) {
	x := q.payload().Child(muc.NSForm, "x")
	if x == nil {
		return xmpp.NewElement(nsSearch, "search").With(searchForm().Element()), nil
	}
	f, err := muc.ParseForm(x)
	if err != nil {
		return nil, asStanzaError(err)
	}
	s, e := submittedSearch(&f)
	if e != nil {
		return nil, e
	}
	if provider, _ := f.Text(fieldProvider); provider != "" {
		return q.foreignSearch()
	}
	set, e := requestedPage(q.payload())
	if e != nil {
		return nil, e
	}
	return s.answer(q, set)
}

// submittedSearch reads a form that comes back.
func submittedSearch(f *muc.Form) (search, *xmpp.StanzaError) {
	if f.Type != muc.FormSubmit || f.FormType() != formSearch {
		return search{}, refusal(xmpp.BadRequest, "this is no submitted form of a search") // XEP-0433 §4.2
	}
	return readSearch(f)
}

// searchForm is the form with its defaults, which hold for fields that a searcher leaves out.
func searchForm() muc.Form {
	f := muc.NewForm(muc.FormAsk, formSearch,
		muc.TextField("q", "Search for", ""),
		muc.BoolField("all", "Return all rooms (ignore search terms)", false),
		muc.BoolField("sinname", "Search in name", true),
		muc.BoolField("sindescription", "Search in description", true),
		muc.BoolField("sinaddress", "Search in address", true),
		muc.TextField("min_users", "Minimum number of users", "0"),
		muc.ListMultiField("types", "Service types", []string{searchTypeMUC}, muc.Option{Label: "XEP-0045 Multi User Chats", Value: searchTypeMUC}),
		muc.ListField("key", "Sort results by", orderUsers,
			muc.Option{Label: "Number of online users", Value: orderUsers}, muc.Option{Label: "Address", Value: orderAddress}),
		muc.TextField(fieldProvider, "Another provider to search, such as b.example", ""),
	)
	f.Title = "Search for rooms"
	return f
}

// searchError is a refusal with an application-specific condition of XEP-0433 §4.2.2.
func searchError(c xmpp.Condition, typ xmpp.ErrorType, app, text string, vars ...string) *xmpp.StanzaError {
	e := refusal(c, text).WithType(typ)
	e.App = xmpp.NewElement(nsSearchError, app)
	for _, v := range vars {
		e.App.With(xmpp.TextElement(nsSearchError, "var", v))
	}
	return e
}

// readSearch reads a submitted form; fields that are not known are ignored.
func readSearch(f *muc.Form) (search, *xmpp.StanzaError) {
	s := search{inName: true, inText: true, inAddress: true, byUsers: true, muc: true}
	all := false
	for name, at := range map[string]*bool{"all": &all, "sinname": &s.inName, "sindescription": &s.inText, "sinaddress": &s.inAddress} {
		if name == "sinaddress" && f.Field(name) == nil {
			name = searchOldField
		}
		if v, present, err := f.Bool(name); err != nil {
			return s, asStanzaError(err)
		} else if present {
			*at = v
		}
	}
	n, _, err := f.Count("min_users")
	if err != nil {
		return s, asStanzaError(err)
	}
	s.users = n
	if types := f.Field("types"); types != nil && len(types.Values) > 0 {
		s.muc = slices.Contains(types.Values, searchTypeMUC)
	}
	if key, present := f.Text("key"); present && key != "" {
		if key != orderUsers && key != orderAddress {
			return s, searchError(xmpp.FeatureNotImplemented, xmpp.Modify, "invalid-sort-key", "rooms are sorted by number of users or by address")
		}
		s.byUsers = key == orderUsers
	}
	text, _ := f.Text("q")
	s.terms = strings.Fields(strings.ToLower(text))
	switch {
	case text == "" && !all:
		return s, searchError(xmpp.BadRequest, xmpp.Cancel, "no-search-conditions", "say what to search for, or ask for all rooms")
	case text != "" && all:
		return s, searchError(xmpp.BadRequest, xmpp.Modify, "conflicting-fields", "\"Search for\" and \"Return all rooms\" exclude each other", "all", "q")
	case text != "" && (len(s.terms) == 0 || len(s.terms) > maxSearchTerms || len(text) > maxSearch):
		return s, searchError(xmpp.BadRequest, xmpp.Modify, "invalid-search-terms", "a search has 1 to "+strconv.Itoa(maxSearchTerms)+" words")
	case text != "" && !s.inName && !s.inText && !s.inAddress:
		return s, searchError(xmpp.BadRequest, xmpp.Modify, "conflicting-fields", "a search by words looks into name, description or address",
			"q", "sinname", "sindescription", "sinaddress")
	}
	return s, nil
}

// finds says that a room is among the results.
func (s *search) finds(r *Summary, address string) bool {
	if !s.muc || r.Occupants < s.users {
		return false
	}
	in := func(on bool, text, term string) bool { return on && strings.Contains(strings.ToLower(text), term) }
	for _, term := range s.terms {
		if !in(s.inName, r.title(), term) && !in(s.inText, r.Description, term) && !in(s.inAddress, address, term) {
			return false
		}
	}
	return true
}

// channel is a result. Its place in the order is told by its id alone, so that pages need no memory of the search.
type channel struct {
	Summary
	address string
}

// compare orders results: by users, the fullest room first, or by address alone.
func (s *search) compare(a, b *channel) int {
	if s.byUsers && a.Occupants != b.Occupants {
		return b.Occupants - a.Occupants
	}
	return strings.Compare(a.address, b.address)
}

func (s *search) id(f *channel) string {
	if s.byUsers {
		return strconv.Itoa(f.Occupants) + " " + f.address
	}
	return f.address
}

// place is a result of which nothing is known but its id.
func (s *search) place(id string) (f channel, ok bool) {
	if !s.byUsers {
		return channel{address: id}, true
	}
	n, address, ok := strings.Cut(id, " ")
	users, err := strconv.Atoi(n)
	return channel{address: address, Summary: Summary{Occupants: users}}, ok && err == nil
}

func (s *search) answer(q *serviceQuery, set *muc.RSM) (*xmpp.Element, *xmpp.StanzaError) {
	var all []channel
	for r := range q.rooms {
		if j, ok := q.svc.publicAddress(&r); ok && s.finds(&r, j.String()) {
			all = append(all, channel{r, j.String()})
		}
	}
	return s.page(all, set)
}

// page sorts results and answers with a page of them.
func (s *search) page(all []channel, set *muc.RSM) (*xmpp.Element, *xmpp.StanzaError) {
	slices.SortFunc(all, func(a, b channel) int { return s.compare(&a, &b) })
	from, to, e := pageOf(len(all), maxSearchItems, set, func(id string) (before, after int, ok bool) {
		at, ok := s.place(id)
		if !ok {
			return 0, 0, false
		}
		before, there := slices.BinarySearchFunc(all, &at, func(f channel, at *channel) int { return s.compare(&f, at) })
		if after = before; there {
			after++
		}
		return before, after, true
	})
	if e != nil {
		return nil, e
	}
	result := xmpp.NewElement(nsSearch, "result")
	for i := from; i < to; i++ {
		result.With(all[i].element())
	}
	return result.With(pageSet(from, to, len(all), func(i int) string { return s.id(&all[i]) }).Element()), nil
}

// element is a result (XEP-0433 §6.2).
func (f *channel) element() *xmpp.Element {
	text := func(local, value string) *xmpp.Element {
		if value == "" {
			return nil
		}
		return xmpp.TextElement(nsSearch, local, value)
	}
	mode := muc.FeatureSemiAnonymous
	if f.Anyone {
		mode = anonymityNone
	}
	return xmpp.NewElement(nsSearch, "item").WithAttr("address", f.address).With(
		text("name", f.title()), text("description", f.Description), text("language", f.Lang), text("nusers", strconv.Itoa(f.Occupants)),
		text("service-type", searchTypeMUC), text("is-open", strconv.FormatBool(f.Open)), text("anonymity-mode", mode))
}
