package mucmap

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// A person is what the service keeps of one XMPP user beside rooms: whom it lets add it to rooms of other providers
// (draft-ietf-mimi-protocol-06 §5.7). It runs as a [Room] of a name that no room's address can have, so that it is stored, restored and asked
// like one (docs/decisions/071-persons.md).

// MaxConsents is how many questions and decisions are kept of one user. A question, and consent that the user only implied, makes room for the
// next, a decision does not.
const MaxConsents = 512

// MaxQuestions is how many of the questions are those of one other provider's users. One more makes its own oldest go.
const MaxQuestions = 64

// askPause is how long a question that is put again is taken for the same.
const askPause = 10 * time.Minute

// questionPatience is how long a question waits for the user. Rooms of ours that ask give up before (consentPatience).
const questionPatience = 2 * consentPatience

// personMark begins the name of a person's actor. A localpart cannot contain it (RFC 7622 §3.3.1).
const personMark = "@"

// secretPerson is the name of the one thing that is stored of a person.
const secretPerson = "person"

// PersonName is the name of the Room that keeps what one of our users decided about consent, "" for anybody else.
func (s *Service) PersonName(u mimi.URI) string {
	if u.Kind() != mimi.KindUser || !s.local(u) {
		return ""
	}
	if back, err := s.UserURI(s.UserJID(u)); err != nil || back != u {
		return "" // not the name of an XMPP user
	}
	return personMark + u.Name()
}

// personOf is the user whose actor has this name.
func (s *Service) personOf(name string) (mimi.URI, bool) {
	rest, ok := strings.CutPrefix(name, personMark)
	if !ok {
		return mimi.URI{}, false
	}
	u, err := mimi.UserURI(s.cfg.Provider, rest)
	return u, err == nil && s.PersonName(u) == name
}

// openness says what a user answers to those it has decided nothing about.
type openness string

const (
	openAsk   openness = ""      // the user is asked
	openAll   openness = "allow" // they may
	openNever openness = "deny"  // they may not
	openFew   openness = "few"   // they may a little: fewkeys.go
)

// person is one user's decisions.
type person struct {
	user   mimi.URI
	stored bool
	was    string // as it is stored

	seeks   map[string]*seek // on the way, by PeerRequest.ID
	seeking gauge

	Findable  Findable     `json:",omitempty"`
	Name      string       `json:",omitempty"` // by which it is found
	Default   openness     `json:",omitempty"`
	Providers []string     `json:",omitempty"` // whose users may
	Unasked   []unaskedKey `json:",omitempty"` // key packages that are out without consent, oldest first
	Consents  []consent    `json:",omitempty"` // oldest first, one per requester and scope
}

// consent is a question of somebody, or what the user decided about it, for one room or, without one, for all.
type consent struct {
	Requester mimi.URI
	Room      mimi.URI `json:",omitzero"`
	Decided   decision `json:",omitempty"`
	Implied   bool     `json:",omitempty"` // the user did not say so, but wrote to the requester
	At        time.Time
}

type decision string

const (
	undecided decision = ""
	granted   decision = "granted"
	refused   decision = "refused"
)

// String says what the requester may do.
func (d decision) String() string {
	return map[decision]string{undecided: "asks", granted: "may", refused: "may not"}[d]
}

// String says what those may do about whom nothing is decided.
func (o openness) String() string {
	return map[openness]string{openAsk: "ask", openAll: "may", openNever: "may not", openFew: "may a little"}[o]
}

func loadPerson(u mimi.URI, secrets map[string][]byte) (*person, error) {
	p := &person{user: u}
	b, ok := secrets[secretPerson]
	if !ok {
		return p, nil
	}
	if err := json.Unmarshal(b, p); err != nil {
		return nil, fmt.Errorf("person: %w", err)
	}
	p.stored, p.was = true, string(b)
	return p, nil
}

// personStep is Step for a person.
func (t *turn) personStep(in Input) {
	p := t.r.person
	p.forgetQuestions(t.now)
	switch in := in.(type) {
	case StanzaIn:
		t.personStanza(in.Stanza)
	case Request:
		t.out.Replies = append(t.out.Replies, t.personRequest(in))
	case Answered:
		t.sought(in)
	case ArchivePage, CommitDone, Timer:
	}
	if !p.seeking.full.After(t.now) { // it has not searched for a while
		p.seeking.full = time.Time{}
	}
	t.out.Wake = p.seeking.full
	if s := t.r.personSummary(); s != t.r.summary {
		t.r.summary = s
		t.out.Summary = &s
	}
	if b := encodeJSON(p); string(b) != p.was && (p.stored || p.Findable != FindableNot || p.Default != openAsk || len(p.Providers) > 0 || len(p.Consents) > 0 || len(p.Unasked) > 0) {
		t.out.SetSecrets = map[string][]byte{secretPerson: b}
		p.stored, p.was = true, string(b)
	}
}

// personSummary is what searches need of a user: nothing of one who is not to be found, or lets nobody add it.
func (r *Room) personSummary() Summary {
	s := Summary{Name: r.name}
	if p := r.person; p.Default != openNever {
		s.Findable, s.Title = p.Findable, p.Name
	}
	return s
}

// personRequest answers what the gateway asks of a person. keyMaterial with status 204 means that the room that is to get the Welcome answers it.
func (t *turn) personRequest(in Request) Reply {
	p := t.r.person
	reply := Reply{ID: in.ID, Status: statusCreated}
	if in.Kind == RequestKeyMaterial {
		var q mimi.KeyMaterialRequest
		if err := wire.Unmarshal(in.Body, &q); err != nil {
			return Reply{ID: in.ID, Status: statusBadRequest, Body: []byte(err.Error())}
		}
		banned := t.r.svc.ban(q.Requester) != nil || t.r.svc.ban(p.user) != nil
		if !banned && p.mayHaveKeys(t.now, q.Requester, q.Room) == nil {
			return Reply{ID: in.ID, Status: statusNoContent}
		}
		return Reply{ID: in.ID, Status: statusOK, Body: wire.Marshal(&mimi.KeyMaterialResponse{Code: mimi.KeyMaterialNoConsent, User: q.Target})}
	}
	var c mimi.ConsentEntry
	if err := wire.Unmarshal(in.Body, &c); err != nil {
		return Reply{ID: in.ID, Status: statusBadRequest, Body: []byte(err.Error())}
	}
	own := t.r.svc.cfg.Provider
	switch {
	case t.r.svc.ban(c.Requester) != nil:
		return Reply{ID: in.ID, Status: statusForbidden, Body: []byte("requesterUri: " + t.r.svc.ban(c.Requester).about())}
	case c.Target != p.user:
		return Reply{ID: in.ID, Status: statusForbidden, Body: []byte("targetUri: is somebody else")}
	case in.Kind == RequestRequestConsent && in.Provider == own && c.Operation == mimi.ConsentCancel: // a room tells that a key package was used
		p.usedIn(c.Room)
	case in.Kind == RequestRequestConsent && c.Requester.Provider() == in.Provider && in.Provider != own:
		t.askedForConsent(&c)
	case in.Kind == RequestUpdateConsent && in.Provider == own: // a room tells what the user did there
		q := p.find(c.Requester, c.Room)
		asked := q != nil && q.Decided == undecided
		fixed := c.Room.Name() == mimi.FixedMembershipName(c.Requester.String(), p.user.String())
		t.decide(c.Requester, c.Room, map[mimi.ConsentOperation]decision{mimi.ConsentGrant: granted, mimi.ConsentRevoke: refused}[c.Operation])
		if q := p.find(c.Requester, c.Room); fixed && q != nil {
			if q.Implied = true; asked {
				t.tellConsent(c.Operation, c.Requester, c.Room)
			}
		}
		if len(c.KeyPackages) > 0 { // the room's answer to who asked (answerConsent)
			t.consent(c.Requester.Provider(), mimi.EndpointUpdateConsent, c.Requester, &c)
		}
	default:
		return Reply{ID: in.ID, Status: statusForbidden, Body: []byte("requesterUri: belongs to another provider")}
	}
	return reply
}

const statusNoContent = 204

// consents says what the user answers to somebody who wants to add it to a room: what it decided for the room, else for all, else for the
// provider, else in general.
func (p *person) consents(requester, room mimi.URI) decision {
	for _, scope := range []mimi.URI{room, {}} {
		if c := p.find(requester, scope); c != nil && c.Decided != undecided {
			return c.Decided
		}
	}
	switch {
	case slices.Contains(p.Providers, requester.Provider()), p.Default == openAll:
		return granted
	case p.Default == openNever:
		return refused
	}
	return undecided
}

func (p *person) find(requester, room mimi.URI) *consent {
	for i := range p.Consents {
		if p.Consents[i].Requester == requester && p.Consents[i].Room == room {
			return &p.Consents[i]
		}
	}
	return nil
}

// note keeps a question or a decision; false: there are too many decisions.
func (p *person) note(now time.Time, requester, room mimi.URI, d decision) bool {
	if c := p.find(requester, room); c != nil {
		c.Decided, c.At, c.Implied = d, now, false
		return true
	}
	questions, oldest := 0, -1 // of the same provider
	for i := range p.Consents {
		if c := &p.Consents[i]; c.Decided == undecided && c.Requester.Provider() == requester.Provider() {
			if questions++; oldest < 0 {
				oldest = i
			}
		}
	}
	switch {
	case d == undecided && questions >= MaxQuestions:
		p.Consents = slices.Delete(p.Consents, oldest, oldest+1)
	case len(p.Consents) >= MaxConsents:
		i := slices.IndexFunc(p.Consents, func(c consent) bool { return c.Decided == undecided || c.Implied })
		if i < 0 {
			return false
		}
		p.Consents = slices.Delete(p.Consents, i, i+1)
	}
	p.Consents = append(p.Consents, consent{Requester: requester, Room: room, Decided: d, At: now})
	return true
}

// forgetQuestions drops those that nobody waits for any more. A user who answers one later decides all the same.
func (p *person) forgetQuestions(now time.Time) {
	p.Consents = slices.DeleteFunc(p.Consents, func(c consent) bool { return c.Decided == undecided && !now.Before(c.At.Add(questionPatience)) })
}

// drop forgets a question or a decision.
func (p *person) drop(requester, room mimi.URI) {
	p.Consents = slices.DeleteFunc(p.Consents, func(c consent) bool { return c.Requester == requester && c.Room == room })
}

// askedForConsent takes a question, or its end. One that is decided already is answered at once, others are put to the user: about a room by
// the room, as an invitation; about all rooms by the one who asks.
func (t *turn) askedForConsent(c *mimi.ConsentEntry) {
	p := t.r.person
	if c.Operation == mimi.ConsentCancel {
		if q := p.find(c.Requester, c.Room); q != nil && q.Decided == undecided {
			p.drop(c.Requester, c.Room)
		}
		return
	}
	if c.Operation != mimi.ConsentRequest {
		return
	}
	if asksIn(c) && p.consents(c.Requester, c.Room) != refused && t.r.svc.FollowedName(c.Room) != "" {
		t.consent(t.r.svc.cfg.Provider, mimi.EndpointRequestConsent, c.Room, c)
		return
	}
	switch p.consents(c.Requester, c.Room) {
	case granted:
		t.tellConsent(mimi.ConsentGrant, c.Requester, c.Room)
		return
	case refused:
		t.tellConsent(mimi.ConsentRevoke, c.Requester, c.Room)
		return
	}
	if q := p.find(c.Requester, c.Room); q != nil && t.now.Before(q.At.Add(askPause)) {
		return // it has just been put to the user
	}
	if !p.note(t.now, c.Requester, c.Room, undecided) {
		t.note(NoteWarn, "question about consent is dropped: there are too many decisions", Attr{"user", p.user.String()}, Attr{"requester", c.Requester.String()})
		return
	}
	if name := c.Room.Name(); !c.Room.IsZero() && name == mimi.FixedMembershipName(c.Requester.String(), p.user.String()) {
		t.passTo([]xmpp.JID{t.r.svc.UserJID(p.user)}, t.personSays(c.Requester.String()+" wants to write to you. Answer with \"allow "+
			t.r.svc.UserJID(c.Requester).String()+"\" or \"deny "+t.r.svc.UserJID(c.Requester).String()+"\"."))
		return
	}
	if !c.Room.IsZero() && t.r.svc.FollowedName(c.Room) != "" {
		t.consent(t.r.svc.cfg.Provider, mimi.EndpointRequestConsent, c.Room, c)
		return
	}
	t.passTo([]xmpp.JID{t.r.svc.UserJID(p.user)}, t.personSays(c.Requester.String()+" asks to be allowed to add you to rooms. Answer with \"allow "+
		t.r.svc.UserJID(c.Requester).String()+"\" or \"deny "+t.r.svc.UserJID(c.Requester).String()+"\"."))
}

// tellConsent lets a requester's provider know what the user decided.
func (t *turn) tellConsent(op mimi.ConsentOperation, requester, room mimi.URI) {
	t.consent(requester.Provider(), mimi.EndpointUpdateConsent, requester, &mimi.ConsentEntry{Operation: op, Requester: requester, Target: t.r.person.user, Room: room})
}

// decide keeps what the user decided.
func (t *turn) decide(requester, room mimi.URI, d decision) bool {
	if d == undecided || !t.r.person.note(t.now, requester, room, d) {
		t.note(NoteWarn, "decision about consent is not kept", Attr{"user", t.r.person.user.String()}, Attr{"requester", requester.String()})
		return false
	}
	if room.IsZero() { // narrower questions are answered with it
		t.r.person.Consents = slices.DeleteFunc(t.r.person.Consents, func(c consent) bool {
			return c.Requester == requester && !c.Room.IsZero() && c.Decided == undecided
		})
	}
	return true
}
