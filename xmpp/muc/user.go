package muc

import (
	"strconv"

	"anteroom/xmpp"
)

// Actor is who did it (XEP-0045 §8.2).
type Actor struct {
	JID  xmpp.JID
	Nick string
}

// Item describes one user or occupant, in presence, in lists and in requests to change them (XEP-0045 §7.2.2, §9).
type Item struct {
	Affiliation Affiliation
	Role        Role
	JID         xmpp.JID
	Nick        string
	Actor       *Actor
	Reason      string
	Continue    *Continue // in presence of a room that continues a one-to-one chat (§7.6)
}

// Continue says that a room continues a one-to-one chat, with its thread if there was one (XEP-0045 §7.6).
type Continue struct {
	Thread string
}

func (c *Continue) element() *xmpp.Element {
	if c == nil {
		return nil
	}
	return xmpp.NewElement(NSUser, "continue").WithAttr("thread", c.Thread)
}

func parseContinue(e *xmpp.Element) *Continue {
	if c := e.Child(NSUser, "continue"); c != nil {
		return &Continue{Thread: c.Attr("thread")}
	}
	return nil
}

// element is the item in the namespace of its query or x element.
func (i Item) element(ns string) *xmpp.Element {
	e := xmpp.NewElement(ns, "item").
		WithAttr("affiliation", i.Affiliation.String()).WithAttr("role", i.Role.String()).
		WithAttr("jid", i.JID.String()).WithAttr("nick", i.Nick)
	if i.Actor != nil {
		e.With(xmpp.NewElement(ns, "actor").WithAttr("jid", i.Actor.JID.String()).WithAttr("nick", i.Actor.Nick))
	}
	return e.With(optionalText(ns, "reason", i.Reason), i.Continue.element())
}

func parseItem(e *xmpp.Element) (Item, error) {
	ns := e.Name.Space
	i := Item{Nick: e.Attr("nick"), Reason: e.ChildText(ns, "reason"), Continue: parseContinue(e)}
	var err error
	if i.Affiliation, err = ParseAffiliation(e.Attr("affiliation")); err != nil {
		return Item{}, err
	}
	if i.Role, err = ParseRole(e.Attr("role")); err != nil {
		return Item{}, err
	}
	if i.JID, err = parseJID(e.Attr("jid"), "jid of an item"); err != nil {
		return Item{}, err
	}
	if a := e.Child(ns, "actor"); a != nil {
		i.Actor = &Actor{Nick: a.Attr("nick")}
		if i.Actor.JID, err = parseJID(a.Attr("jid"), "jid of an actor"); err != nil {
			return Item{}, err
		}
	}
	return i, nil
}

// Invite is a mediated invitation: To on its way to the room, From on its way to the invitee (XEP-0045 §7.8.2).
type Invite struct {
	To, From xmpp.JID
	Reason   string
	Continue *Continue
}

// Decline refuses a mediated invitation (XEP-0045 §7.8.2).
type Decline struct {
	To, From xmpp.JID
	Reason   string
}

// Destroy says that a room is or shall be destroyed (XEP-0045 §10.9).
type Destroy struct {
	Venue    xmpp.JID // alternate venue
	Password string   // of the alternate venue
	Reason   string
}

// Element is the payload inside a query of muc#owner (ns [NSOwner]) or x of muc#user (ns [NSUser]).
func (d Destroy) Element(ns string) *xmpp.Element {
	return xmpp.NewElement(ns, "destroy").WithAttr("jid", d.Venue.String()).
		With(optionalText(ns, "password", d.Password), optionalText(ns, "reason", d.Reason))
}

func parseDestroy(e *xmpp.Element) (*Destroy, error) {
	if e == nil {
		return nil, nil
	}
	ns := e.Name.Space
	d := &Destroy{Password: e.ChildText(ns, "password"), Reason: e.ChildText(ns, "reason")}
	var err error
	d.Venue, err = parseJID(e.Attr("jid"), "jid of the alternate venue")
	return d, err
}

// User is the x element of muc#user, which a room sends with presence and messages, and a client with invitations.
type User struct {
	Items    []Item
	Statuses []Status
	Invites  []Invite
	Decline  *Decline
	Destroy  *Destroy
	Password string // of the room, in an invitation
	Mav      *Mav
}

// Mav says from which version of a room's affiliations to which one the items lead (XEP-0463 §4.2). Since is empty in a full
// response, and in self-presence, which only names the present version.
type Mav struct {
	Since, Until string
}

func (m *Mav) element() *xmpp.Element {
	if m == nil {
		return nil
	}
	return xmpp.NewElement(NSMav, "mav").WithAttr("since", m.Since).WithAttr("until", m.Until)
}

// Has says that the payload holds a status code.
func (u *User) Has(s Status) bool {
	for _, have := range u.Statuses {
		if have == s {
			return true
		}
	}
	return false
}

// Element is the payload: items, then statuses, then the rest.
func (u User) Element() *xmpp.Element {
	e := xmpp.NewElement(NSUser, "x").With(u.Mav.element())
	for _, i := range u.Items {
		e.With(i.element(NSUser))
	}
	for _, s := range u.Statuses {
		e.With(xmpp.NewElement(NSUser, "status").WithAttr("code", strconv.Itoa(int(s))))
	}
	for _, i := range u.Invites {
		e.With(directed("invite", i.To, i.From, i.Reason).With(i.Continue.element()))
	}
	if d := u.Decline; d != nil {
		e.With(directed("decline", d.To, d.From, d.Reason))
	}
	if u.Destroy != nil {
		e.With(u.Destroy.Element(NSUser))
	}
	return e.With(optionalText(NSUser, "password", u.Password))
}

func directed(local string, to, from xmpp.JID, reason string) *xmpp.Element {
	return xmpp.NewElement(NSUser, local).WithAttr("to", to.String()).WithAttr("from", from.String()).
		With(optionalText(NSUser, "reason", reason))
}

// ParseUser reads the payload. Status codes that are no numbers are ignored.
func ParseUser(e *xmpp.Element) (User, error) {
	if err := expect(e, NSUser, "x"); err != nil {
		return User{}, err
	}
	u := User{Password: e.ChildText(NSUser, "password")}
	if m := e.Child(NSMav, "mav"); m != nil {
		u.Mav = &Mav{m.Attr("since"), m.Attr("until")}
	}
	for c := range e.Elements() {
		if err := u.parseChild(c); err != nil {
			return User{}, err
		}
	}
	return u, nil
}

func (u *User) parseChild(c *xmpp.Element) error {
	if c.Name.Space != NSUser {
		return nil
	}
	var err error
	switch c.Name.Local {
	case "item":
		var i Item
		if i, err = parseItem(c); err == nil {
			u.Items = append(u.Items, i)
		}
	case "status":
		if n, numErr := strconv.ParseUint(c.Attr("code"), 10, 16); numErr == nil {
			u.Statuses = append(u.Statuses, Status(n))
		}
	case "invite":
		i := Invite{Reason: c.ChildText(NSUser, "reason"), Continue: parseContinue(c)}
		if i.To, i.From, err = parseDirected(c); err == nil {
			u.Invites = append(u.Invites, i)
		}
	case "decline":
		d := Decline{Reason: c.ChildText(NSUser, "reason")}
		if d.To, d.From, err = parseDirected(c); err == nil {
			u.Decline = &d
		}
	case "destroy":
		u.Destroy, err = parseDestroy(c)
	}
	return err
}

func parseDirected(e *xmpp.Element) (to, from xmpp.JID, err error) {
	if to, err = parseJID(e.Attr("to"), "to of "+e.Name.Local); err != nil {
		return to, from, err
	}
	from, err = parseJID(e.Attr("from"), "from of "+e.Name.Local)
	return to, from, err
}

// DirectInvite invites without the room's help (XEP-0249).
type DirectInvite struct {
	Room     xmpp.JID
	Password string
	Reason   string
	Continue bool
	Thread   string
}

// Element is the payload of a message.
func (d DirectInvite) Element() *xmpp.Element {
	e := xmpp.NewElement(NSDirectInvite, "x").WithAttr("jid", d.Room.String()).
		WithAttr("password", d.Password).WithAttr("reason", d.Reason)
	if d.Continue {
		e.WithAttr("continue", "true").WithAttr("thread", d.Thread)
	}
	return e
}

// ParseDirectInvite reads the payload of a message.
func ParseDirectInvite(e *xmpp.Element) (DirectInvite, error) {
	if err := expect(e, NSDirectInvite, "x"); err != nil {
		return DirectInvite{}, err
	}
	room, err := parseJID(e.Attr("jid"), "jid of the room")
	if err != nil {
		return DirectInvite{}, err
	}
	if room.IsZero() {
		return DirectInvite{}, bad("a direct invitation names no room (XEP-0249 §2)")
	}
	more, _ := parseBool(e.Attr("continue"))
	return DirectInvite{Room: room, Password: e.Attr("password"), Reason: e.Attr("reason"), Continue: more, Thread: e.Attr("thread")}, nil
}
