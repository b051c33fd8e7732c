package mucmap

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// What other providers find here (draft-ietf-mimi-protocol-06 §5.8): users who made themselves findable, and discoverable rooms
// (docs/decisions/122-search.md). Everything that is needed stands in the summaries: nobody is woken by a search.

const (
	// MaxFoundUsers is how many users a query finds at most; one that fits more is too vague to be answered.
	MaxFoundUsers = 20
	minPartial    = 3 // characters of a part of a name
)

// Findable says by what a user is found by users of other providers.
type Findable string

// The levels of Findable. Nobody is found who has not asked to be.
const (
	FindableNot    Findable = ""       // by nothing
	FindableHandle Findable = "handle" // by its whole address
	FindableName   Findable = "name"   // by its names and parts of them too
)

// SearchPolicy says what other providers may search for here at all.
type SearchPolicy struct{ NoUsers, NoRooms bool }

// IdentifierQuery answers another provider. rooms yields all rooms and persons, sorted by name. Result: HTTP status and body.
func (s *Service) IdentifierQuery(body []byte, rooms iter.Seq[Summary]) (int, []byte) {
	var q mimi.IdentifierRequest
	if err := wire.Unmarshal(body, &q); err != nil {
		return statusBadRequest, []byte(err.Error())
	}
	wanted, asksRooms, err := mimi.ParseRoomQuery(q.Extensions)
	if err != nil {
		return statusBadRequest, []byte(err.Error())
	}
	a := mimi.IdentifierResponse{Code: mimi.IdentifierNotFound}
	switch code := s.queryFault(&q, asksRooms); {
	case code != mimi.IdentifierSuccess:
		a.Code = code
		return statusOK, wire.Marshal(&a)
	case len(q.Elements) > 0:
		a.Code = s.findUsers(&q, rooms, &a)
	}
	if asksRooms {
		found := s.findRooms(wanted.Words, rooms)
		if a.Extensions = (mls.AppDataDictionary{}).With(mimi.ComponentAnteroomRooms, wire.Marshal(found)); len(found.Rooms) > 0 && a.Code == mimi.IdentifierNotFound {
			a.Code = mimi.IdentifierSuccess
		}
	}
	return statusOK, wire.Marshal(&a)
}

// queryFault says what is wrong with a query before anything is looked at.
func (s *Service) queryFault(q *mimi.IdentifierRequest, asksRooms bool) mimi.IdentifierCode {
	policy := s.cfg.Search
	if len(q.Elements) > 0 && policy.NoUsers || asksRooms && policy.NoRooms || len(q.Elements) == 0 && !asksRooms {
		return mimi.IdentifierForbidden
	}
	for _, e := range q.Elements {
		switch e.Type {
		case mimi.SearchEmail, mimi.SearchPhone:
			return mimi.IdentifierUnsupportedField
		case mimi.SearchOIDCClaim, mimi.SearchVCardField:
			if _, known := profileFields[e.Type][e.Name]; !known {
				return mimi.IdentifierUnsupportedField
			}
		case mimi.SearchPartialName, mimi.SearchWholeProfile:
			if utf8.RuneCountInString(e.Value) < minPartial {
				return mimi.IdentifierAmbiguous
			}
		}
	}
	return mimi.IdentifierSuccess
}

// profile is what of a user may be searched.
type profile struct {
	user   mimi.URI
	level  Findable
	name   string // in full, may be empty
	handle xmpp.JID
}

// profileFields are the claims of OIDC and the properties of vCards that users have here.
var profileFields = map[mimi.SearchType]map[string]func(p *profile) string{
	mimi.SearchOIDCClaim: {
		"name":               func(p *profile) string { return p.name },
		"nickname":           func(p *profile) string { return p.handle.Local() },
		"preferred_username": func(p *profile) string { return p.handle.Local() },
	},
	mimi.SearchVCardField: {
		"FN":       func(p *profile) string { return p.name },
		"NICKNAME": func(p *profile) string { return p.handle.Local() },
	},
}

func (s *Service) findUsers(q *mimi.IdentifierRequest, rooms iter.Seq[Summary], a *mimi.IdentifierResponse) mimi.IdentifierCode {
	for r := range rooms {
		u, is := s.personOf(r.Name)
		if !is || r.Findable == FindableNot {
			continue
		}
		p := profile{user: u, level: r.Findable, name: r.Title, handle: s.UserJID(u)}
		if slices.ContainsFunc(q.Elements, func(e mimi.QueryElement) bool { return !s.matches(&p, &e) }) {
			continue
		}
		if len(a.Users) == MaxFoundUsers {
			a.Users, a.Profiles = nil, nil
			return mimi.IdentifierAmbiguous
		}
		a.Users = append(a.Users, u)
		if p.level == FindableName && p.name != "" {
			a.Profiles = append(a.Profiles, mimi.UserProfile{User: u, Fields: []mimi.ProfileField{{Source: mimi.SearchVCardField, Name: "FN", Value: []byte(p.name)}}})
		}
	}
	if len(a.Users) == 0 {
		return mimi.IdentifierNotFound
	}
	return mimi.IdentifierSuccess
}

// matches says that a condition holds for a user. Only the whole address finds somebody who wants to be found by nothing else.
func (s *Service) matches(p *profile, e *mimi.QueryElement) bool {
	if e.Type == mimi.SearchHandle {
		return s.handleOf(e.Value) == p.user
	}
	if p.level != FindableName {
		return false
	}
	within := func(text string) bool { return strings.Contains(strings.ToLower(text), strings.ToLower(e.Value)) }
	switch e.Type {
	case mimi.SearchNick:
		return e.Value != "" && (e.Value == p.handle.Local() || e.Value == p.name)
	case mimi.SearchPartialName:
		return within(p.name)
	case mimi.SearchWholeProfile:
		return within(p.name) || within(p.handle.String())
	case mimi.SearchOIDCClaim, mimi.SearchVCardField:
		return e.Value != "" && profileFields[e.Type][e.Name](p) == e.Value
	}
	return false
}

// handleOf reads a handle: the URI of a user, or its address with or without a scheme in front.
func (s *Service) handleOf(handle string) mimi.URI {
	if u, err := mimi.ReadURI(handle); err == nil {
		return u
	}
	for _, scheme := range []string{"im:", "xmpp:"} {
		if rest, is := strings.CutPrefix(handle, scheme); is {
			handle = rest
			break
		}
	}
	j, err := xmpp.ParseJID(handle)
	if err != nil || j.IsFull() || j.Domain() == s.cfg.Domain.Domain() {
		return mimi.URI{}
	}
	u, err := s.UserURI(j)
	if err != nil {
		return mimi.URI{}
	}
	return u
}

// findRooms finds rooms that are listed here for everybody, the fullest first.
func (s *Service) findRooms(words string, rooms iter.Seq[Summary]) *mimi.FoundRooms {
	look := search{terms: strings.Fields(strings.ToLower(words)), inName: true, inText: true, inAddress: true, byUsers: true, muc: true}
	var all []channel
	for r := range rooms {
		if j, ok := s.publicAddress(&r); ok && look.finds(&r, j.String()) {
			all = append(all, channel{r, j.String()})
		}
	}
	slices.SortFunc(all, func(a, b channel) int { return look.compare(&a, &b) })
	found := new(mimi.FoundRooms)
	for i := range all {
		r := &all[i].Summary
		u, ours := s.roomURI(r.Name)
		if !ours {
			continue // its own provider lists it
		}
		if found.More = len(found.Rooms) == mimi.MaxFoundRooms; found.More {
			break
		}
		found.Rooms = append(found.Rooms, mimi.FoundRoom{Room: u, Name: clipText(r.title()), Description: clipText(r.Description), Language: r.Lang,
			Occupants: uint32(r.Occupants), Open: r.Open, Anyone: r.Anyone})
	}
	return found
}

// maxFoundText bounds, in bytes, what a found room says of itself.
const maxFoundText = 1 << 10

func clipText(s string) string {
	if len(s) > maxFoundText {
		return strings.ToValidUTF8(s[:maxFoundText], "")
	}
	return s
}
