package mucmap

import (
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// How a user reads and changes its decisions about consent: by messages to the service.

const personHelp = `Who may add you to rooms of other providers:
consents - lists questions and decisions
allow ADDRESS [ROOM] - lets a user add you, to one room or to all
deny ADDRESS [ROOM] - does not
forget ADDRESS [ROOM] - takes a decision back
others ask|few|allow|deny - everybody else: you are asked (so it is at first), they may a little, they may, they may not
provider DOMAIN allow|ask - all users of a provider may, or are treated like everybody else
findable no|handle|name [NAME] - users of other providers find you by nothing (so it is at first), by your whole address, or by your name too
find ADDRESS, find NAME at PROVIDER - searches for users of another provider
find ROOM - tells you by which address to enter a room whose URI you have
rooms PROVIDER [WORDS] - searches for rooms of another provider
ADDRESS is like u%bob%b.example@SERVICE, mimi://b.example/u/bob or im:mimi=%40bob@b.example, ROOM like garden%b.example@SERVICE, mimi://b.example/r/garden or im:mimi=garden@b.example.`

// personSays is a message of the service to the user.
func (t *turn) personSays(text string) xmpp.Stanza {
	return xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: t.r.svc.cfg.Domain, ID: t.id(), Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}}
}

// personStanza obeys a message of the user.
func (t *turn) personStanza(st *xmpp.Stanza) {
	if u, err := t.r.svc.UserURI(st.From); err != nil || u != t.r.person.user || st.Kind != xmpp.Message && !isPersonCommand(st) && !seeksElsewhere(st) {
		t.note(NoteWarn, "stanza is not for this user", Attr{"from", st.From.String()})
		return
	}
	switch {
	case st.Kind == xmpp.IQ && st.Payload[0].Is(nsSearch, "search"):
		t.seekRooms(st)
		return
	case st.Kind == xmpp.IQ && st.Payload[0].Is(nsUserSearch, "query"):
		t.seekUsers(st)
		return
	case st.Kind == xmpp.IQ:
		t.personIQ(st)
		return
	}
	body, _ := st.Body()
	words := strings.Fields(body)
	say := func(t *turn, text string) { t.passTo([]xmpp.JID{st.From}, t.personSays(text)) }
	if t.personSeeks(words, seek{func(t *turn, e *xmpp.StanzaError) { say(t, e.Text) }, func(t *turn, f *findings) { say(t, f.text()) }}) {
		return
	}
	answer, _ := t.r.personCommand(t, words)
	say(t, answer)
}

// personCommand obeys a line; false: it changed nothing, and the text says why.
func (r *Room) personCommand(t *turn, words []string) (string, bool) {
	p := r.person
	verb := ""
	if len(words) > 0 {
		verb = strings.ToLower(words[0])
	}
	switch {
	case verb == "consents" && len(words) == 1:
		return r.personList(), true
	case verb == "others" && len(words) == 2:
		d, ok := map[string]openness{"ask": openAsk, "allow": openAll, "deny": openNever, "few": openFew}[words[1]]
		if !ok {
			return "others: ask, few, allow or deny?", false
		}
		p.Default = d
		return "Done.", true
	case verb == "findable" && len(words) >= 2:
		return p.setFindable(words[1], strings.Join(words[2:], " "))
	case verb == "provider" && len(words) == 3 && (words[2] == "allow" || words[2] == "ask"):
		if mimi.CheckProvider(words[1]) != nil || words[1] == r.svc.cfg.Provider {
			return words[1] + " is not the name of another provider.", false
		}
		p.Providers = slices.DeleteFunc(p.Providers, func(s string) bool { return s == words[1] })
		if words[2] == "allow" {
			if len(p.Providers) >= MaxConsents {
				return "There are too many providers on your list.", false
			}
			p.Providers = append(p.Providers, words[1])
		}
		return "Done.", true
	case (verb == "allow" || verb == "deny" || verb == "forget") && (len(words) == 2 || len(words) == 3):
		return t.personDecides(verb, words[1:])
	}
	return strings.ReplaceAll(personHelp, "SERVICE", r.svc.cfg.Domain.String()), false
}

// maxPersonName bounds the name by which a user lets itself be found, in bytes.
const maxPersonName = 256

// setFindable says by what the user is found.
func (p *person) setFindable(level, name string) (string, bool) {
	to, ok := map[string]Findable{"no": FindableNot, "handle": FindableHandle, "name": FindableName}[level]
	switch {
	case !ok:
		return "findable: no, handle or name?", false
	case to != FindableName:
		name = ""
	case name == "" || len(name) > maxPersonName:
		return "By which name? It has 1 to 256 bytes.", false
	default:
		if why := xmpp.TextFault(name); why != "" {
			return "This name is not possible: " + why, false
		}
	}
	p.Findable, p.Name = to, name
	return "Done.", true
}

func (t *turn) personDecides(verb string, words []string) (string, bool) {
	r := t.r
	requester, ok := r.svc.namedUser(words[0])
	if !ok {
		return words[0] + " is not a user of another provider.", false
	}
	var room mimi.URI
	if len(words) == 2 {
		if room, ok = r.svc.namedRoom(words[1]); !ok {
			return words[1] + " is not a room.", false
		}
	}
	if verb == "forget" {
		r.person.drop(requester, room)
		return "Done.", true
	}
	var rooms []mimi.URI // that were asked for, when the answer is for all
	for _, c := range r.person.Consents {
		if room.IsZero() && c.Requester == requester && !c.Room.IsZero() && c.Decided == undecided {
			rooms = append(rooms, c.Room)
		}
	}
	d, op := granted, mimi.ConsentGrant
	if verb == "deny" {
		d, op = refused, mimi.ConsentRevoke
	}
	if !t.decide(requester, room, d) {
		return "There are too many decisions; forget some of them first.", false
	}
	t.tellConsent(op, requester, room)
	for _, asked := range rooms {
		t.tellConsent(op, requester, asked)
	}
	return "Done.", true
}

// personList says what was asked and decided.
func (r *Room) personList() string {
	p := r.person
	var b strings.Builder
	for _, c := range p.Consents {
		b.WriteString(r.svc.UserJID(c.Requester).String() + " " + c.Decided.String())
		if !c.Room.IsZero() {
			b.WriteString(" " + c.Room.String())
		}
		b.WriteString("\n")
	}
	for _, name := range p.Providers {
		b.WriteString("users of " + name + " may\n")
	}
	b.WriteString("others " + p.Default.String())
	switch p.Findable {
	case FindableHandle:
		b.WriteString("\nfindable by your address")
	case FindableName:
		b.WriteString("\nfindable by your name, " + p.Name)
	}
	return b.String()
}

// namedUser reads the address or URI of a user of another provider.
func (s *Service) namedUser(text string) (mimi.URI, bool) {
	if u, err := mimi.ReadURI(text); err == nil {
		return u, u.Kind() == mimi.KindUser && !s.local(u)
	}
	j, err := xmpp.ParseJID(text)
	if err != nil {
		return mimi.URI{}, false
	}
	u, err := s.UserURI(j.Bare())
	return u, err == nil && !s.local(u)
}

// namedRoom reads the address or URI of a room.
func (s *Service) namedRoom(text string) (mimi.URI, bool) {
	if u, err := mimi.ReadURI(text); err == nil {
		return u, u.Kind() == mimi.KindRoom
	}
	j, err := xmpp.ParseJID(text)
	if err != nil || j.Domain() != s.cfg.Domain.Domain() {
		return mimi.URI{}, false
	}
	if u, ok := s.roomURI(j.Local()); ok {
		return u, true
	}
	return s.followURI(j.Local())
}

// Route is the name of the Room that a stanza goes to, "" for the service itself. direct says which rooms have [Summary.Direct].
func (s *Service) Route(st *xmpp.Stanza, direct func(name string) bool) string {
	if name, ok := s.directRoute(st, direct); ok {
		return name
	}
	if local := st.To.Local(); local != "" {
		return local
	}
	if _, said := st.Body(); said && st.Kind == xmpp.Message && st.Type != xmpp.TypeError && st.Type != xmpp.TypeGroupchat {
		if u, err := s.UserURI(st.From.Bare()); err == nil {
			return s.PersonName(u)
		}
	}
	if isPersonCommand(st) || seeksElsewhere(st) {
		return s.personAt(st.From)
	}
	return ""
}
