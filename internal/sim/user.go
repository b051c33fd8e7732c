package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// User is an XMPP client in one room.
type User struct {
	JID  xmpp.JID
	Room xmpp.JID // with the user's nick
	w    *World
	read int

	viewed int // where View begins in Inbox
}

// User makes a client. room is the address at the user's own service.
func (w *World) User(jid, room, nick string) *User {
	return &User{JID: xmpp.MustParseJID(jid), Room: xmpp.MustParseJID(room + "/" + nick), w: w}
}

// Join asks to enter.
func (u *User) Join() {
	u.w.Send(xmpp.Stanza{Kind: xmpp.Presence, From: u.JID, To: u.Room, ID: u.w.ID(), Payload: []*xmpp.Element{xmpp.NewElement(muc.NS, "x")}})
}

// Leave says farewell.
func (u *User) Leave() {
	u.w.Send(xmpp.Stanza{Kind: xmpp.Presence, Type: xmpp.TypeUnavailable, From: u.JID, To: u.Room, ID: u.w.ID()})
}

// Say sends a message to everybody, and returns its id.
func (u *User) Say(text string) string {
	id := u.w.ID()
	u.w.Send(xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeGroupchat, From: u.JID, To: u.Room.Bare(), ID: id,
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}})
	return id
}

// forget lets View begin anew, as a client does that enters again.
func (u *User) forget() { u.viewed = len(u.Inbox()) }

// Subject asks for another subject.
func (u *User) Subject(text string) {
	u.w.Send(xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeGroupchat, From: u.JID, To: u.Room.Bare(), ID: u.w.ID(),
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "subject", text)}})
}

// Set asks for a change by one item of muc#admin, and returns the request's id.
func (u *User) Set(item muc.Item) string {
	id := u.w.ID()
	u.w.Send(xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, From: u.JID, To: u.Room.Bare(), ID: id,
		Payload: []*xmpp.Element{muc.AdminQuery{Items: []muc.Item{item}}.Element()}})
	return id
}

// Invite asks the room to invite somebody.
func (u *User) Invite(whom xmpp.JID) {
	x := muc.User{Invites: []muc.Invite{{To: whom, Reason: "come"}}}
	u.w.Send(xmpp.Stanza{Kind: xmpp.Message, From: u.JID, To: u.Room.Bare(), ID: u.w.ID(), Payload: []*xmpp.Element{x.Element()}})
}

// Tell says something to the service itself, such as a decision about consent.
func (u *User) Tell(text string) {
	u.w.Send(xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: u.JID, To: xmpp.MustParseJID(u.Room.Domain()), ID: u.w.ID(),
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}})
}

// Bare is what came to the user's bare address.
func (u *User) Bare() []xmpp.Stanza { return u.provider().Inbox[u.JID.Bare().String()] }

// Inbox is everything that came.
func (u *User) Inbox() []xmpp.Stanza { return u.provider().Inbox[u.JID.String()] }

func (u *User) provider() *Provider {
	return u.w.Providers[strings.TrimPrefix(u.Room.Domain(), "rooms.")]
}

// News is what came since the last call, one line each: what a person would see.
func (u *User) News() []string {
	all := u.Inbox()
	var lines []string
	for _, st := range all[u.read:] {
		if !forClients(st) {
			lines = append(lines, Line(st))
		}
	}
	u.read = len(all)
	return lines
}

// forClients says that a stanza tells something to the client that its user does not see: the room's own presence (XEP-0115), and
// changes of affiliations of absent users (XEP-0463).
func forClients(st xmpp.Stanza) bool {
	if st.From.IsFull() || st.Err() != nil {
		return false
	}
	x, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
	return st.Kind == xmpp.Presence || err == nil && x.Mav != nil
}

// Line is a stanza in short.
func Line(st xmpp.Stanza) string {
	from := st.From.Resource()
	if e := st.Err(); e != nil {
		return fmt.Sprintf("error %s: %s", e.Condition, e.Text)
	}
	switch st.Kind {
	case xmpp.IQ:
		return "iq " + st.Type
	case xmpp.Message:
		if s := st.Child(xmpp.NSClient, "subject"); s != nil {
			return from + " sets subject " + s.Text()
		}
		body, _ := st.Body()
		return from + ": " + body
	}
	line := from + " is here"
	if st.Type == xmpp.TypeUnavailable {
		line = from + " is gone"
	}
	x, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
	if err != nil {
		return line
	}
	for _, it := range x.Items {
		line += " " + it.Affiliation.String() + "/" + it.Role.String()
		if it.Reason != "" {
			line += " because " + it.Reason
		}
	}
	for _, code := range x.Statuses {
		line += fmt.Sprintf(" %d", code)
	}
	if x.Destroy != nil {
		line += " destroyed " + x.Destroy.Reason
		if !x.Destroy.Venue.IsZero() {
			line += ", go to " + x.Destroy.Venue.String()
		}
	}
	return line
}

// Texts are the messages that came, in order.
func (u *User) Texts() []string {
	var all []string
	for _, st := range u.Inbox() {
		if body, ok := st.Body(); ok && st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat {
			all = append(all, body)
		}
	}
	return all
}

// View is who is there, as presences told: nick, affiliation and role; empty when the user is not in the room.
func (u *User) View() []string {
	view := map[string]string{}
	for _, st := range u.Inbox()[u.viewed:] {
		if st.Kind != xmpp.Presence || st.Err() != nil {
			continue
		}
		x, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
		if err != nil || len(x.Items) == 0 {
			continue
		}
		if st.Type == xmpp.TypeUnavailable {
			delete(view, st.From.Resource())
			if x.Has(muc.StatusSelf) && x.Items[0].Nick == "" {
				clear(view)
			}
			continue
		}
		view[st.From.Resource()] = x.Items[0].Affiliation.String() + "/" + x.Items[0].Role.String()
	}
	var lines []string
	for _, nick := range slices.Sorted(maps.Keys(view)) {
		lines = append(lines, nick+" "+view[nick])
	}
	return lines
}
