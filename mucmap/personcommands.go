package mucmap

import (
	"slices"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// The commands by which users of ours read and change their decisions about consent: persontext.go by forms (XEP-0050). They reach the
// user's person, as its messages to the service do.

// personNode begins the nodes of these commands.
const (
	personNode     = "urn:anteroom:person#"
	personConsents = personNode + "consents"
	personAllow    = personNode + "allow"
	personDeny     = personNode + "deny"
	personForget   = personNode + "forget"
	personOthers   = personNode + "others"
	personProvider = personNode + "provider"
	personFindable = personNode + "findable"
	personFind     = personNode + "find"
	personRooms    = personNode + "rooms"
)

// personCommand is the form of a line that personCommand of a Room understands.
type personCommand struct {
	serviceCommand
	line func(f *muc.Form) []string
}

var personCommands = []*personCommand{
	{serviceCommand{personConsents, "Who may add you to rooms of other providers", nil}, func(*muc.Form) []string { return []string{"consents"} }},
	decisionCommand(personAllow, "Let a user add you to rooms", "allow"),
	decisionCommand(personDeny, "Do not let a user add you to rooms", "deny"),
	decisionCommand(personForget, "Take a decision about a user back", "forget"),
	{serviceCommand{personOthers, "What users you have decided nothing about may do", othersForm}, formLine("others", "others")},
	{serviceCommand{personProvider, "Trust the users of a provider, or not any more", providerForm}, formLine("provider", "provider", "users")},
	{serviceCommand{personFindable, "Who of other providers finds you", findableForm}, formLine("findable", "findable", "name")},
	{serviceCommand{personFind, "Search for users of another provider", findForm}, findLine},
	{serviceCommand{personRooms, "Search for rooms of another provider", findRoomsForm}, formLine("rooms", "provider", "words")},
}

func decisionCommand(node, name, verb string) *personCommand {
	form := func() muc.Form {
		return serviceForm(name, required(muc.TextField("address", "Address or URI of the user", "")), muc.TextField("room", "Address or URI of a room; without it: all rooms", ""))
	}
	return &personCommand{serviceCommand{node, name, form}, formLine(verb, "address", "room")}
}

func othersForm() muc.Form {
	return serviceForm("Everybody else", required(muc.ListField("others", "Users whom you have decided nothing about", "ask",
		muc.Option{Label: "You are asked", Value: "ask"}, muc.Option{Label: "They may add you to a few rooms", Value: "few"},
		muc.Option{Label: "They may add you to rooms", Value: "allow"}, muc.Option{Label: "They may not", Value: "deny"})))
}

func providerForm() muc.Form {
	return serviceForm("Users of a provider", required(muc.TextField("provider", "Name of the provider, such as b.example", "")),
		required(muc.ListField("users", "Its users", "allow", muc.Option{Label: "They may add you to rooms", Value: "allow"}, muc.Option{Label: "They are treated like everybody else", Value: "ask"})))
}

func findableForm() muc.Form {
	return serviceForm("Who finds you", required(muc.ListField("findable", "Users of other providers find you", "no",
		muc.Option{Label: "by nothing", Value: "no"}, muc.Option{Label: "by your whole address", Value: "handle"}, muc.Option{Label: "by your name too", Value: "name"})),
		muc.TextField("name", "Your name, for those who may find you by it", ""))
}

func findForm() muc.Form {
	return serviceForm("Users of another provider", required(muc.TextField("user", "Address, or a part of the name", "")),
		muc.TextField("provider", "Provider to ask; not needed with an address", ""))
}

func findRoomsForm() muc.Form {
	return serviceForm("Rooms of another provider", required(muc.TextField("provider", "Provider to ask, such as b.example", "")),
		muc.TextField("words", "Words; without them: all rooms that are listed", ""))
}

// findLine makes a line of findForm.
func findLine(f *muc.Form) []string {
	user, _ := f.Text("user")
	if provider, _ := f.Text("provider"); provider != "" {
		return []string{"find", user, "at", provider}
	}
	return []string{"find", user}
}

// formLine makes a line of the fields of a form. A field that is empty is left out.
func formLine(verb string, fields ...string) func(*muc.Form) []string {
	return func(f *muc.Form) []string {
		words := []string{verb}
		for _, name := range fields {
			if v, _ := f.Text(name); v != "" {
				words = append(words, v)
			}
		}
		return words
	}
}

// personAt is PersonName of the user of an address.
func (s *Service) personAt(from xmpp.JID) string {
	if u, err := s.UserURI(from.Bare()); err == nil {
		return s.PersonName(u)
	}
	return ""
}

// isPersonCommand says that a stanza to the service is for its sender's person.
func isPersonCommand(st *xmpp.Stanza) bool {
	return isCommand(st) && st.ID != "" && strings.HasPrefix(st.Payload[0].Attr("node"), personNode)
}

// personIQ carries out one step of a command.
func (t *turn) personIQ(st *xmpp.Stanza) {
	node := st.Payload[0].Attr("node")
	i := slices.IndexFunc(personCommands, func(c *personCommand) bool { return c.node == node })
	if i < 0 {
		t.refuse(st, refusal(xmpp.ItemNotFound, "the service has no such command"))
		return
	}
	c := personCommands[i]
	f, answer, e := c.step(st)
	switch {
	case e != nil:
		t.refuse(st, e)
		return
	case answer != nil:
		t.result(st, answer)
		return
	}
	line := c.line(f)
	if t.personSeeks(line, seek{func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }, func(t *turn, found *findings) {
		t.result(st, c.completed(st, commandResult{form: found.form()}))
	}}) {
		return
	}
	said, ok := t.r.personCommand(t, line)
	switch {
	case !ok && c.form != nil:
		t.refuse(st, commandError(xmpp.BadRequest, "bad-payload", said))
	case c.form == nil:
		t.result(st, c.completed(st, commandResult{form: t.r.consentsForm()}))
	default:
		t.result(st, c.completed(st, commandResult{note: said}))
	}
}

// consentsForm says what was asked and decided, newest first.
func (r *Room) consentsForm() *muc.Form {
	p := r.person
	f := resultForm("Who may add you to rooms of other providers", muc.TextField("others", "Everybody else", p.Default.String()),
		muc.Field{Var: "providers", Type: muc.FieldTextMulti, Label: "Providers whose users may", Values: p.Providers})
	f.Reported = []muc.Field{muc.TextField("address", "User", ""), muc.TextField("decided", "Decided", ""), muc.TextField("room", "Room", "")}
	var rows [][]string
	for _, c := range slices.Backward(p.Consents) {
		room := "all"
		if !c.Room.IsZero() {
			room = c.Room.String()
		}
		rows = append(rows, []string{r.svc.UserJID(c.Requester).String(), c.Decided.String(), room})
	}
	return addRows(f, rows, "forget some of these to see the others.")
}
