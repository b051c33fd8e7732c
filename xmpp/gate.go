package xmpp

import "fmt"

// A Gate is the choke point that every outgoing stanza passes: servers close the whole component stream for one stanza
// from another domain and for one illegal character, so a bad stanza must not leave. The zero Gate refuses everything.
type Gate struct {
	domain string
}

// NewGate is a gate for a component of this domain.
func NewGate(domain JID) Gate { return Gate{domain: domain.Domain()} }

// Domain is the domain that stanzas must come from.
func (g Gate) Domain() string { return g.domain }

// CheckStanza checks the tree and the addresses of a stanza. Size is known only after encoding: see [Gate.Append].
func (g Gate) CheckStanza(s *Stanza) error {
	if s.To.IsZero() {
		return &InvalidError{Where: s.Kind.String() + "@to", Rule: "must be present"}
	}
	if err := g.checkFrom(s.Kind, s.From); err != nil {
		return err
	}
	return s.validate()
}

// Append checks a stanza, size included, and appends its encoding; on error dst is unchanged.
func (g Gate) Append(dst []byte, s *Stanza) ([]byte, error) {
	if err := g.CheckStanza(s); err != nil {
		return dst, err
	}
	n := len(dst)
	out := s.AppendXML(dst)
	if err := checkSize(len(out) - n); err != nil {
		return dst, err
	}
	return out, nil
}

// CheckTemplate checks a template once for all its recipients. Their addresses are legal because they are JIDs; an absent
// one is refused by [Gate.CheckRecipient].
func (g Gate) CheckTemplate(t *Template) error {
	if t.err != nil {
		return t.err
	}
	return g.checkFrom(t.stanza.Kind, t.stanza.From)
}

// CheckRecipient checks one recipient of a template that passed [Gate.CheckTemplate].
func (g Gate) CheckRecipient(t *Template, to JID) error {
	if to.IsZero() {
		return &InvalidError{Where: t.stanza.Kind.String() + "@to", Rule: "must be present"}
	}
	return nil
}

// CheckBytes checks one encoded stanza by parsing it: exactly one well-formed stanza with legal addresses and characters.
func (g Gate) CheckBytes(b []byte) error {
	if err := checkSize(len(b)); err != nil {
		return err
	}
	s, err := ParseStanzaXML(b)
	if err != nil {
		return err
	}
	return g.CheckStanza(&s)
}

func (g Gate) checkFrom(k Kind, from JID) error {
	if g.domain == "" || from.Domain() != g.domain {
		return &InvalidError{Where: k.String() + "@from", Rule: fmt.Sprintf("domain %q is not the component's %q", from.Domain(), g.domain)}
	}
	return nil
}

// validate checks everything but the addresses.
func (s *Stanza) validate() error {
	if s.Kind < Message || s.Kind > IQ {
		return &InvalidError{Where: "stanza", Rule: "is neither message nor presence nor iq"}
	}
	if !LegalText(s.ID) || !LegalText(s.Type) || !LegalText(s.Lang) {
		return &InvalidError{Where: s.Kind.String(), Rule: "id, type or xml:lang holds a character that XML 1.0 does not allow"}
	}
	if s.Kind == IQ {
		if s.ID == "" {
			return &InvalidError{Where: "iq@id", Rule: "must be present (RFC 6120 §8.2.3)"}
		}
		if !isIQType(s.Type) {
			return &InvalidError{Where: "iq@type", Rule: "must be get, set, result or error (RFC 6120 §8.2.3)"}
		}
	}
	nodes := 1
	for _, e := range s.Payload {
		if e == nil {
			return &InvalidError{Where: s.Kind.String(), Rule: "payload is nil"}
		}
		if err := e.validate(s.Kind.String(), 2, &nodes); err != nil {
			return err
		}
	}
	return nil
}

func checkSize(n int) error {
	if n > MaxStanzaBytes {
		return &InvalidError{Where: "stanza", Rule: fmt.Sprintf("is %d octets long, the limit is %d", n, MaxStanzaBytes)}
	}
	return nil
}
