package mucmap

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// state is the public room: the fold of its events. Only events change it.
type state struct {
	svc  *Service
	addr xmpp.JID

	Exists     bool
	Created    time.Time
	Secret     []byte    // occupant ids are made with it
	Preauth    []preauth `json:",omitempty"` // who enters without being asked
	Veil       []byte    `json:",omitempty"` // pseudonyms are made with it; none in rooms of other providers
	Group      string    // id of the MLS group
	Epoch      uint64
	Config     roomConfig
	Subject    subject
	VCard      string       `json:",omitempty"` // of the room
	AvatarHash string       `json:",omitempty"`
	Said       uint64       // messages so far
	Applicants []applicant  `json:",omitempty"` // who wait to be registered, oldest first
	TurnedAway []turnedAway `json:",omitempty"` // who knocked and was refused, oldest first
	Grave      *tombstone   `json:",omitempty"` // what is to stay of a room that is closing
	Locked     bool         `json:",omitempty"` // new and not configured: see lock.go
	Direct     *pair        `json:",omitempty"` // of a room of two, ours
	Held       []string     `json:",omitempty"` // messages that wait for the other one, oldest first
	Handed     [][]byte     `json:",omitempty"` // digests of messages that waited in another room, oldest first
	Expiring   []expiring   `json:",omitempty"` // messages that end by themselves, the next one first
	Awaiting   []awaited    `json:",omitempty"` // users of other providers whose consent is asked for, oldest first
	Domains    []domainBan  `json:",omitempty"` // banned, sorted
	Links      []joinLink   `json:",omitempty"` // oldest first
	Bots       []mimi.Bot   `json:",omitempty"` // the group's bot policy
	Closing    bool         // destroyed, but its group is not empty yet
	Departed   []mimi.URI   `json:",omitempty"` // who had a pseudonym, oldest first
	Until      time.Time    `json:",omitzero"`  // how long a room of another provider, which we are not in any more, is remembered

	Affiliations affiliations `json:",omitzero"` // their versions
	Activity     activity     `json:",omitzero"`

	members                 map[mimi.URI]*member  // the participant list, as of Epoch
	veiled                  map[mimi.URI]mimi.URI // who is behind a pseudonym
	reserved, reservedLooks map[string]mimi.URI   // whose nick it is, by nickKey and by look
	here                    *presence.Room
	history                 []said      // newest last
	records                 []record    // newest last
	caps                    *entityCaps // as last told
	frozen                  bool        // history comes from the archive: events do not add to it
}

// member is an entry of the participant list with what XMPP keeps beside it.
type member struct {
	Role     mimi.RoleIndex
	Leaves   int       // clients in the group
	Nick     string    // the last one used
	Gone     time.Time // since when an XMPP user with a leaf is not present; zero while present
	Reason   string    // of the role, as lists show it
	Reserved string    `json:",omitempty"` // nick (XEP-0045 §7.10)
	As       mimi.URI  `json:",omitzero"`  // the pseudonym under which the group lists the user
	Since    time.Time `json:",omitzero"`  // when it joined
	Link     string    `json:",omitempty"` // the digest of the join link by which it came
	Spoke    time.Time `json:",omitzero"`  // when it last said something in slow mode
}

// subject is the room subject and who set it (XEP-0045 §8.1).
type subject struct {
	Text string
	Nick string   // empty: nobody yet
	User mimi.URI `json:",omitzero"`
	ID   string
	At   time.Time

	Archive string `json:",omitempty"` // its stanza-id; empty: it is not in the archive
}

// said is one archived message.
type said struct {
	N  uint64 // it was the N-th
	ID string
	At time.Time
	St xmpp.Stanza // as broadcast

	From provenance
}

func newState(svc *Service, addr xmpp.JID) *state {
	return &state{svc: svc, addr: addr, Config: defaultConfig(), members: map[mimi.URI]*member{}, veiled: map[mimi.URI]mimi.URI{},
		reserved: map[string]mimi.URI{}, reservedLooks: map[string]mimi.URI{}, here: presence.New(addr, true)}
}

// role is the role of a user in the participant list.
func (s *state) role(u mimi.URI) mimi.RoleIndex {
	if m := s.members[u]; m != nil {
		return m.Role
	}
	return roleNone
}

func (s *state) affiliation(u mimi.URI) muc.Affiliation { return standingOf(s.role(u)).affiliation }

// count is how many users have an affiliation.
func (s *state) count(a muc.Affiliation) (n int) {
	for u := range s.members {
		if s.affiliation(u) == a {
			n++
		}
	}
	return n
}

// users are all listed users, sorted, so that nothing depends on the order of a map.
func (s *state) users() []mimi.URI {
	all := make([]mimi.URI, 0, len(s.members))
	for u := range s.members {
		all = append(all, u)
	}
	sortURIs(all)
	return all
}

// occupant is the occupant that a user is; nil when not present.
func (s *state) occupant(u mimi.URI) *presence.Occupant { return s.here.ByUser(u.String()) }

// userOf is the user that an occupant is.
func userOf(o *presence.Occupant) mimi.URI { return mimi.MustURI(o.User) }

// stateFormat is the version of the encoded state and of events.
const stateFormat = 2

type savedState struct {
	V int
	*state
	Members   []savedMember
	Occupants []savedOccupant
}

type savedMember struct {
	User mimi.URI
	member
}

type savedOccupant struct {
	User, Nick string
	Remote     bool `json:",omitempty"`
	Behind     bool `json:",omitempty"` // others have not been told yet that they see it now, or no more
	Sessions   []savedSession
}

type savedSession struct {
	JID     xmpp.JID
	Payload string `json:",omitempty"`
}

// encode is the state as stored; history is in the archive.
func (s *state) encode() []byte {
	saved := savedState{V: stateFormat, state: s}
	for _, u := range s.users() {
		saved.Members = append(saved.Members, savedMember{u, *s.members[u]})
	}
	for _, o := range s.here.Sorted() {
		so := savedOccupant{User: o.User, Nick: o.Nick, Remote: o.Remote, Behind: o.Unseen == s.here.Shows(o)}
		for _, x := range o.Sessions {
			so.Sessions = append(so.Sessions, savedSession{x.JID, payloadText(x.Payload)})
		}
		saved.Occupants = append(saved.Occupants, so)
	}
	return encodeJSON(saved)
}

func encodeJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("mucmap: state is not encodable: " + err.Error())
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}

// decodeState reads what encode wrote.
func decodeState(svc *Service, addr xmpp.JID, b []byte) (*state, error) {
	s := newState(svc, addr)
	saved := savedState{state: s}
	if err := json.Unmarshal(b, &saved); err != nil {
		return nil, fmt.Errorf("mucmap: snapshot: %w", err)
	}
	if saved.V != stateFormat {
		return nil, fmt.Errorf("mucmap: snapshot has format %d, this program knows %d", saved.V, stateFormat)
	}
	s.here = presence.New(addr, !s.Config.Anyone)
	s.here.SetHidden(s.Config.Hidden.has)
	for i := range saved.Members {
		m := saved.Members[i].member
		s.members[saved.Members[i].User] = &m
		s.reserve(saved.Members[i].User, m.Reserved)
	}
	s.unveil()
	for _, so := range saved.Occupants {
		u, err := mimi.ParseURI(so.User)
		if err != nil {
			return nil, fmt.Errorf("mucmap: snapshot: occupant: %w", err)
		}
		o := s.newOccupant(u, so.Nick)
		for _, x := range so.Sessions {
			payload, err := parsePayload(x.Payload)
			if err != nil {
				return nil, fmt.Errorf("mucmap: snapshot: presence of %s: %w", x.JID, err)
			}
			o.Sessions = append(o.Sessions, presence.Session{JID: x.JID, Payload: payload})
		}
		if s.here.ByUser(so.User) != nil || s.here.ByNick(so.Nick) != nil {
			return nil, fmt.Errorf("mucmap: snapshot: occupant %q occurs twice", so.Nick)
		}
		if in := s.here.Enter(o); so.Behind {
			in.Unseen = !in.Unseen
		}
	}
	return s, nil
}

// newOccupant is a user as an occupant, without devices.
func (s *state) newOccupant(u mimi.URI, nick string) presence.Occupant {
	st := standingOf(s.role(u))
	return presence.Occupant{User: u.String(), Nick: nick, ID: s.occupantID(u), Hats: s.hats(u), Real: s.svc.UserJID(u), Remote: !s.svc.local(u),
		Affiliation: st.affiliation, Role: st.role}
}

// payloadText encodes payload elements one after the other.
func payloadText(p []*xmpp.Element) string {
	var b []byte
	for _, e := range p {
		b = e.AppendXML(b, xmpp.NSClient)
	}
	return string(b)
}

func parsePayload(text string) ([]*xmpp.Element, error) {
	if text == "" {
		return nil, nil
	}
	e, err := xmpp.ParseElement([]byte("<presence xmlns='" + xmpp.NSClient + "'>" + text + "</presence>"))
	if err != nil {
		return nil, err
	}
	return slices.Collect(e.Elements()), nil
}
