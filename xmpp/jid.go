package xmpp

import (
	"errors"
	"fmt"
	"strings"
)

// JID is a prepared XMPP address (RFC 7622). It is a comparable value: equal addresses are equal with ==, and a JID may be
// a map key. The zero JID is "no address".
type JID struct {
	s string // local@domain/resource, prepared
	l uint16 // length of the localpart; 0 means that there is none
	d uint16 // length of the domainpart
}

// ErrEmptyJID is returned for an address without a domainpart.
var ErrEmptyJID = errors.New("xmpp: address has no domainpart")

// JIDError tells which part of an address breaks which rule.
type JIDError struct {
	Part  string // "localpart", "domainpart" or "resourcepart"
	Value string // the offending part, cut to a printable length
	Rule  string // what was required
}

func (e *JIDError) Error() string {
	return fmt.Sprintf("xmpp: %s %q: %s", e.Part, e.Value, e.Rule)
}

func jidError(part, value, rule string) error {
	const shown = 64
	if len(value) > shown {
		value = strings.ToValidUTF8(value[:shown], "") + "…"
	}
	return &JIDError{Part: part, Value: value, Rule: rule}
}

// ParseJID splits an address at the first "/" and the first "@" before it (RFC 7622 §3.2) and prepares each part.
func ParseJID(s string) (JID, error) {
	local, domain, resource, err := splitJID(s)
	if err != nil {
		return JID{}, err
	}
	return newJID(s, local, domain, resource)
}

// MustParseJID is ParseJID for constants; it panics on a malformed address.
func MustParseJID(s string) JID {
	j, err := ParseJID(s)
	if err != nil {
		panic(err)
	}
	return j
}

// NewJID prepares and joins the parts of an address. Empty local and resource mean that the part is absent.
func NewJID(local, domain, resource string) (JID, error) {
	return newJID("", local, domain, resource)
}

func splitJID(s string) (local, domain, resource string, err error) {
	bare, resource, hasResource := strings.Cut(s, "/")
	if hasResource && resource == "" {
		return "", "", "", jidError("resourcepart", "", "must not be empty after \"/\"") // RFC 7622 §3.4
	}
	local, domain, hasLocal := strings.Cut(bare, "@")
	if !hasLocal {
		return "", bare, resource, nil
	}
	if local == "" {
		return "", "", "", jidError("localpart", "", "must not be empty before \"@\"") // RFC 7622 §3.3
	}
	return local, domain, resource, nil
}

// newJID prepares the parts. When whole is already the prepared form it is used as it is, without a copy.
func newJID(whole, local, domain, resource string) (JID, error) {
	l, err := prepareLocal(local)
	if err != nil {
		return JID{}, err
	}
	d, err := prepareDomain(domain)
	if err != nil {
		return JID{}, err
	}
	r, err := prepareResource(resource)
	if err != nil {
		return JID{}, err
	}
	j := JID{l: uint16(len(l)), d: uint16(len(d))}
	if whole != "" && l == local && d == domain && r == resource {
		j.s = whole
		return j, nil
	}
	j.s = joinJID(l, d, r)
	return j, nil
}

func joinJID(local, domain, resource string) string {
	var b strings.Builder
	b.Grow(len(local) + len(domain) + len(resource) + 2)
	if local != "" {
		b.WriteString(local)
		b.WriteByte('@')
	}
	b.WriteString(domain)
	if resource != "" {
		b.WriteByte('/')
		b.WriteString(resource)
	}
	return b.String()
}

// domainAt is where the domainpart begins.
func (j JID) domainAt() int {
	if j.l == 0 {
		return 0
	}
	return int(j.l) + 1
}

// bareLen is the length of the address without its resourcepart.
func (j JID) bareLen() int { return j.domainAt() + int(j.d) }

// Local is the localpart, "" when absent.
func (j JID) Local() string { return j.s[:j.l] }

// Domain is the domainpart with internationalised labels as U-labels, "" only for the zero JID.
func (j JID) Domain() string { return j.s[j.domainAt():j.bareLen()] }

// Resource is the resourcepart, "" when absent.
func (j JID) Resource() string {
	if n := j.bareLen(); n < len(j.s) {
		return j.s[n+1:]
	}
	return ""
}

// Bare is the address without its resourcepart.
func (j JID) Bare() JID { return JID{s: j.s[:j.bareLen()], l: j.l, d: j.d} }

// DomainJID is the address of the domain alone.
func (j JID) DomainJID() JID { return JID{s: j.Domain(), d: j.d} }

// IsZero says that there is no address.
func (j JID) IsZero() bool { return j.s == "" }

// IsBare says that there is an address and it has no resourcepart.
func (j JID) IsBare() bool { return j.s != "" && j.bareLen() == len(j.s) }

// IsFull says that the address has a resourcepart.
func (j JID) IsFull() bool { return j.bareLen() < len(j.s) }

// WithResource is the bare address with another resourcepart, which is prepared; "" gives the bare address.
func (j JID) WithResource(resource string) (JID, error) {
	if j.IsZero() {
		return JID{}, ErrEmptyJID
	}
	r, err := prepareResource(resource)
	if err != nil {
		return JID{}, err
	}
	if r == "" {
		return j.Bare(), nil
	}
	return JID{s: j.s[:j.bareLen()] + "/" + r, l: j.l, d: j.d}, nil
}

// String is the address in its prepared form.
func (j JID) String() string { return j.s }

// Clone is the same address in memory of its own, for keeping it longer than the stanza it was read from.
func (j JID) Clone() JID { return JID{s: strings.Clone(j.s), l: j.l, d: j.d} }

// Compare orders addresses by their text.
func (j JID) Compare(o JID) int { return strings.Compare(j.s, o.s) }

// MarshalText is the address in its prepared form; the zero JID gives no bytes.
func (j JID) MarshalText() ([]byte, error) { return []byte(j.s), nil }

// UnmarshalText parses an address; no bytes give the zero JID.
func (j *JID) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*j = JID{}
		return nil
	}
	v, err := ParseJID(string(text))
	if err != nil {
		return err
	}
	*j = v
	return nil
}
