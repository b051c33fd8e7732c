package xmpp

import (
	"encoding/xml"
	"fmt"
)

// Kind tells the three stanzas apart.
type Kind uint8

// The stanzas of RFC 6120 §8.
const (
	Message Kind = iota + 1
	Presence
	IQ
)

// String is the element name.
func (k Kind) String() string {
	switch k {
	case Message:
		return "message"
	case Presence:
		return "presence"
	case IQ:
		return "iq"
	}
	return "invalid"
}

func kindOf(name xml.Name) (Kind, bool) {
	if name.Space != NSClient {
		return 0, false
	}
	switch name.Local {
	case "message":
		return Message, true
	case "presence":
		return Presence, true
	case "iq":
		return IQ, true
	}
	return 0, false
}

// Values of the type attribute (RFC 6120 §8.2.3, RFC 6121 §4.7.1 and §5.2.2). A presence without type is available, a
// message without type is normal.
const (
	TypeGet          = "get"
	TypeSet          = "set"
	TypeResult       = "result"
	TypeError        = "error"
	TypeChat         = "chat"
	TypeGroupchat    = "groupchat"
	TypeHeadline     = "headline"
	TypeNormal       = "normal"
	TypeAvailable    = ""
	TypeUnavailable  = "unavailable"
	TypeProbe        = "probe"
	TypeSubscribe    = "subscribe"
	TypeSubscribed   = "subscribed"
	TypeUnsubscribe  = "unsubscribe"
	TypeUnsubscribed = "unsubscribed"
)

// A Stanza is one message, presence or iq. Text directly inside a stanza is not kept: RFC 6120 gives it no meaning.
type Stanza struct {
	Kind    Kind
	From    JID
	To      JID
	ID      string
	Type    string
	Lang    string
	Payload []*Element
}

// Child is the first payload of this name, nil when there is none. An empty local name matches every local name.
func (s *Stanza) Child(space, local string) *Element {
	for _, e := range s.Payload {
		if e.Name.Space == space && (local == "" || e.Name.Local == local) {
			return e
		}
	}
	return nil
}

// Body is the text of the first body, and whether there is one.
func (s *Stanza) Body() (string, bool) {
	b := s.Child(NSClient, "body")
	return b.Text(), b != nil
}

// IsRequest says that the stanza is an iq of type get or set, which must be answered.
func (s *Stanza) IsRequest() bool { return s.Kind == IQ && (s.Type == TypeGet || s.Type == TypeSet) }

// AcceptsError says that an error may be sent back. An error is never answered with an error, nor is an iq result (RFC 6120
// §8.3.1); presence of type unavailable comes from somebody who is gone already.
func (s *Stanza) AcceptsError() bool {
	switch s.Kind {
	case IQ:
		return s.IsRequest()
	case Presence:
		return s.Type != TypeError && s.Type != TypeUnavailable
	}
	return s.Type != TypeError
}

// Reply is an empty answer: addresses swapped, same id. An iq becomes a result, a message keeps its type, a presence is
// available.
func (s *Stanza) Reply(payload ...*Element) Stanza {
	r := Stanza{Kind: s.Kind, From: s.To, To: s.From, ID: s.ID, Payload: payload}
	switch s.Kind {
	case IQ:
		r.Type = TypeResult
	case Message:
		r.Type = s.Type
	}
	return r
}

// nsMUC marks the presence of who enters a room (XEP-0045 §7.2).
const nsMUC = "http://jabber.org/protocol/muc"

// ErrorReply is the answer that refuses s: addresses swapped, same id, type error. Ask [Stanza.AcceptsError] first. A refused join keeps
// its x element, empty, as in the examples of XEP-0045 §7.2: slixmpp knows a failed join by it.
func (s *Stanza) ErrorReply(e *StanzaError) Stanza {
	reply := Stanza{Kind: s.Kind, From: s.To, To: s.From, ID: s.ID, Type: TypeError, Payload: []*Element{e.Element()}}
	if s.Kind == Presence && s.Child(nsMUC, "x") != nil {
		reply.Payload = []*Element{NewElement(nsMUC, "x"), e.Element()}
	}
	return reply
}

// Err is the error that a stanza of type error carries, nil for every other stanza. A stanza of type error without a
// readable error element gives undefined-condition.
func (s *Stanza) Err() *StanzaError {
	if s.Type != TypeError {
		return nil
	}
	if e := s.Child(NSClient, "error"); e != nil {
		return DecodeError(e)
	}
	return NewError(UndefinedCondition, "")
}

// Element is the stanza as a tree in [NSClient].
func (s *Stanza) Element() *Element {
	e := NewElement(NSClient, s.Kind.String())
	e.Attrs = make([]xml.Attr, 0, 5)
	e.WithAttr("to", s.To.String()).WithAttr("from", s.From.String()).WithAttr("id", s.ID).WithAttr("type", s.Type).WithLang(s.Lang)
	return e.With(s.Payload...)
}

// AppendXML appends the encoded stanza as it stands in a component's stream.
func (s *Stanza) AppendXML(dst []byte) []byte {
	dst = append(dst, '<')
	dst = append(dst, s.Kind.String()...)
	if !s.To.IsZero() {
		dst = append(dst, " to='"...)
		dst = appendAttrValue(dst, s.To.String())
		dst = append(dst, '\'')
	}
	return s.appendRest(dst)
}

// appendRest appends everything after the to attribute.
func (s *Stanza) appendRest(dst []byte) []byte {
	attr := func(name, value string) {
		if value != "" {
			dst = append(dst, ' ')
			dst = append(dst, name...)
			dst = append(dst, "='"...)
			dst = appendAttrValue(dst, value)
			dst = append(dst, '\'')
		}
	}
	attr("from", s.From.String())
	attr("id", s.ID)
	attr("type", s.Type)
	attr("xml:lang", s.Lang)
	if len(s.Payload) == 0 {
		return append(dst, "/>"...)
	}
	dst = append(dst, '>')
	for _, e := range s.Payload {
		dst = e.AppendXML(dst, NSClient)
	}
	dst = append(dst, "</"...)
	dst = append(dst, s.Kind.String()...)
	return append(dst, '>')
}

// String is the encoded stanza, for logs and tests.
func (s Stanza) String() string { return string(s.AppendXML(nil)) }

// A StanzaParseError is well-formed XML that is no acceptable stanza.
type StanzaParseError struct {
	Field  string    // "name", "from", "to", "type"
	Answer Condition // what to tell the sender
	Err    error
}

func (e *StanzaParseError) Error() string { return fmt.Sprintf("xmpp: stanza %s: %v", e.Field, e.Err) }

func (e *StanzaParseError) Unwrap() error { return e.Err }

// ParseStanza reads a stanza from its tree. The payload is shared with the tree, the addresses are not. The error is a
// *[StanzaParseError].
func ParseStanza(e *Element) (Stanza, error) {
	kind, ok := kindOf(e.Name)
	if !ok {
		return Stanza{}, &StanzaParseError{"name", BadRequest, fmt.Errorf("%.40q in %.60q is no stanza", e.Name.Local, e.Name.Space)}
	}
	s := Stanza{Kind: kind, ID: e.Attr("id"), Type: e.Attr("type"), Lang: e.Lang()}
	var err error
	if s.From, err = parseAddress(e, "from"); err != nil {
		return Stanza{}, err
	}
	if s.To, err = parseAddress(e, "to"); err != nil {
		return Stanza{}, err
	}
	if kind == IQ && !isIQType(s.Type) {
		return Stanza{}, &StanzaParseError{"type", BadRequest, fmt.Errorf("iq has type %.40q (RFC 6120 §8.2.3)", s.Type)}
	}
	n := 0
	for range e.Elements() {
		n++
	}
	s.Payload = make([]*Element, 0, n)
	for c := range e.Elements() {
		s.Payload = append(s.Payload, c)
	}
	return s, nil
}

func isIQType(t string) bool {
	return t == TypeGet || t == TypeSet || t == TypeResult || t == TypeError
}

func parseAddress(e *Element, name string) (JID, error) {
	v, ok := e.LookupAttr("", name)
	if !ok || v == "" {
		return JID{}, nil
	}
	j, err := ParseJID(v)
	if err != nil {
		return JID{}, &StanzaParseError{name, JIDMalformed, err}
	}
	return j.Clone(), nil
}

// ParseStanzaXML reads one encoded stanza as it stands in a stream, its default namespace being [NSClient].
func ParseStanzaXML(b []byte) (Stanza, error) {
	e, err := ParseElementIn(b, Scope{Default: NSClient})
	if err != nil {
		return Stanza{}, err
	}
	return ParseStanza(e)
}
