package muc

import (
	"time"

	"anteroom/xmpp"
)

// Delay says when a stanza was first sent (XEP-0203).
type Delay struct {
	From   xmpp.JID // who held it back
	Stamp  time.Time
	Reason string
}

// Element is the payload.
func (d Delay) Element() *xmpp.Element {
	return xmpp.NewElement(NSDelay, "delay").WithAttr("from", d.From.String()).WithAttr("stamp", FormatTime(d.Stamp)).WithText(d.Reason)
}

// ParseDelay reads the payload.
func ParseDelay(e *xmpp.Element) (Delay, error) {
	if err := expect(e, NSDelay, "delay"); err != nil {
		return Delay{}, err
	}
	stamp, err := ParseTime(e.Attr("stamp"), "stamp of delay")
	if err != nil {
		return Delay{}, err
	}
	from, err := parseJID(e.Attr("from"), "from of delay")
	return Delay{From: from, Stamp: stamp, Reason: e.Text()}, err
}

// StanzaID is the id that an archive gave to a message (XEP-0359 §3).
type StanzaID struct {
	ID string
	By xmpp.JID
}

// Element is the payload of a message.
func (s StanzaID) Element() *xmpp.Element {
	return xmpp.NewElement(NSStanzaID, "stanza-id").WithAttr("id", s.ID).WithAttr("by", s.By.String())
}

// ParseStanzaID reads the payload of a message. Both attributes are required.
func ParseStanzaID(e *xmpp.Element) (StanzaID, error) {
	if err := expect(e, NSStanzaID, "stanza-id"); err != nil {
		return StanzaID{}, err
	}
	by, err := parseJID(e.Attr("by"), "by of stanza-id")
	if err != nil {
		return StanzaID{}, err
	}
	s := StanzaID{ID: e.Attr("id"), By: by}
	if s.ID == "" || by.IsZero() {
		return StanzaID{}, bad("stanza-id lacks id or by (XEP-0359 §3)")
	}
	return s, nil
}

// OriginID is the element with the id that the sender gave to a message (XEP-0359 §4).
func OriginID(id string) *xmpp.Element {
	return xmpp.NewElement(NSStanzaID, "origin-id").WithAttr("id", id)
}

// OriginIDOf is the origin id of a message, "" when there is none.
func OriginIDOf(s *xmpp.Stanza) string { return s.Child(NSStanzaID, "origin-id").Attr("id") }

// OccupantID is the element that names an occupant, stable for one user and room (XEP-0421 §3).
func OccupantID(id string) *xmpp.Element {
	return xmpp.NewElement(NSOccupantID, "occupant-id").WithAttr("id", id)
}

// OccupantIDOf is the occupant id that a stanza carries, "" when there is none.
func OccupantIDOf(s *xmpp.Stanza) string { return s.Child(NSOccupantID, "occupant-id").Attr("id") }

// Ping is the payload of a ping (XEP-0199 §4); a client sends it to its own room address to learn whether it is still in the
// room (XEP-0410).
func Ping() *xmpp.Element { return xmpp.NewElement(NSPing, "ping") }

// Version says which software an entity runs (XEP-0092). All fields empty: the question.
type Version struct {
	Name, Version, OS string
}

// Element is the payload of an iq.
func (v Version) Element() *xmpp.Element {
	return xmpp.NewElement(NSVersion, "query").With(optionalText(NSVersion, "name", v.Name),
		optionalText(NSVersion, "version", v.Version), optionalText(NSVersion, "os", v.OS))
}

// ParseVersion reads the payload of an iq.
func ParseVersion(e *xmpp.Element) (Version, error) {
	if err := expect(e, NSVersion, "query"); err != nil {
		return Version{}, err
	}
	return Version{e.ChildText(NSVersion, "name"), e.ChildText(NSVersion, "version"), e.ChildText(NSVersion, "os")}, nil
}
