package mimi

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Kind is what a URI names: the letter of its first path segment (draft-ietf-mimi-protocol-06 §3).
type Kind byte

const (
	KindUser   Kind = 'u'
	KindClient Kind = 'd'
	KindRoom   Kind = 'r'
	KindGroup  Kind = 'g'
)

const (
	// MaxURI bounds a URI in bytes.
	MaxURI = 2048
	// MaxProvider bounds the provider of a URI in bytes: a domain name (RFC 1035 §2.3.4).
	MaxProvider = 253
)

// URI is a MIMI URI in the one spelling that this package accepts, so that == compares identities: mimi://provider/u/name,
// /d/name/device, /r/room or /g/group. The provider is a domain name in lower case without a port; names are
// percent-encoded UTF-8 with upper case digits and without needless encoding (RFC 3986 §6.2.2). The zero value names nothing.
type URI struct{ s string }

const scheme = "mimi://"

// ParseURI reads a URI. The error names the broken rule.
func ParseURI(s string) (URI, error) {
	if len(s) > MaxURI {
		return URI{}, fmt.Errorf("mimi: uri is longer than %d bytes", MaxURI)
	}
	if err := checkURI(s); err != nil {
		return URI{}, fmt.Errorf("mimi: uri %q: %w", s, err)
	}
	return URI{strings.Clone(s)}, nil
}

// MustURI is ParseURI for constants and tests; it panics.
func MustURI(s string) URI {
	u, err := ParseURI(s)
	if err != nil {
		panic(err)
	}
	return u
}

func checkURI(s string) error {
	rest, ok := strings.CutPrefix(s, scheme)
	if !ok {
		return errors.New("does not begin with mimi://")
	}
	provider, path, ok := strings.Cut(rest, "/")
	if !ok {
		return errors.New("has no path")
	}
	if err := CheckProvider(provider); err != nil {
		return err
	}
	if len(path) < 2 || path[1] != '/' {
		return errors.New("path does not begin with one letter")
	}
	segments := 1
	switch Kind(path[0]) {
	case KindUser, KindRoom, KindGroup:
	case KindClient:
		segments = 2
	default:
		return fmt.Errorf("unknown kind %q", path[0])
	}
	for name := range strings.SplitSeq(path[2:], "/") {
		segments--
		if segments < 0 {
			return errors.New("too many path segments")
		}
		if _, err := unescape(name); err != nil {
			return err
		}
	}
	if segments > 0 {
		return errors.New("too few path segments")
	}
	return nil
}

// CheckProvider says whether provider is a domain name in the spelling that URIs use: lower case letters, digits and
// hyphens in labels of 1 to 63 bytes, and no IPv4 address.
func CheckProvider(provider string) error {
	if provider == "" || len(provider) > MaxProvider {
		return errors.New("provider is empty or too long")
	}
	last := ""
	for label := range strings.SplitSeq(provider, ".") {
		last = label
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return errors.New("provider has an invalid label")
		}
		for i := range len(label) {
			c := label[i]
			if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_') {
				return fmt.Errorf("provider contains %q", c)
			}
		}
	}
	if strings.Trim(last, "0123456789") == "" {
		return errors.New("provider is an address") // no top-level domain is a number, and readers of addresses take it for one
	}
	return nil
}

func unreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// literal says whether c may stand unencoded in a path segment: pchar of RFC 3986 §3.3.
func literal(c byte) bool { return unreserved(c) || strings.IndexByte("!$&'()*+,;=:@", c) >= 0 }

const upperHex = "0123456789ABCDEF"

func escape(name string) string {
	var b strings.Builder
	for i := range len(name) {
		if c := name[i]; unreserved(c) {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}

func unescape(segment string) (string, error) {
	if segment == "" || segment == "." || segment == ".." {
		return "", errors.New("empty or relative path segment")
	}
	plain := true
	for i := 0; i < len(segment); i++ {
		switch c := segment[i]; {
		case c == '%':
			plain = false
		case !literal(c):
			return "", fmt.Errorf("path contains %q", c)
		}
	}
	if plain {
		return segment, nil
	}
	out := make([]byte, 0, len(segment))
	for i := 0; i < len(segment); i++ {
		if segment[i] != '%' {
			out = append(out, segment[i])
			continue
		}
		if i+2 >= len(segment) {
			return "", errors.New("path ends inside a percent-encoding")
		}
		hi, lo := strings.IndexByte(upperHex, segment[i+1]), strings.IndexByte(upperHex, segment[i+2])
		if hi < 0 || lo < 0 {
			return "", errors.New("percent-encoding needs two upper case hexadecimal digits")
		}
		c := byte(hi<<4 | lo)
		if unreserved(c) {
			return "", fmt.Errorf("%q is percent-encoded without need", c)
		}
		out = append(out, c)
		i += 2
	}
	name := string(out)
	if err := checkName(name); err != nil {
		return "", err
	}
	return name, nil
}

func checkName(name string) error {
	if name == "" || name == "." || name == ".." {
		return errors.New("empty or relative name")
	}
	if !utf8.ValidString(name) {
		return errors.New("name is not UTF-8")
	}
	if strings.ContainsFunc(name, unicode.IsControl) {
		return errors.New("name contains a control character")
	}
	return nil
}

func build(provider string, kind Kind, names ...string) (URI, error) {
	if err := CheckProvider(provider); err != nil {
		return URI{}, fmt.Errorf("mimi: uri: %w", err)
	}
	s := scheme + provider + "/" + string(rune(kind))
	for _, name := range names {
		if err := checkName(name); err != nil {
			return URI{}, fmt.Errorf("mimi: uri: name %q: %w", name, err)
		}
		s += "/" + escape(name)
	}
	if len(s) > MaxURI {
		return URI{}, fmt.Errorf("mimi: uri is longer than %d bytes", MaxURI)
	}
	return URI{s}, nil
}

// UserURI returns mimi://provider/u/name. The name is given unencoded.
func UserURI(provider, name string) (URI, error) { return build(provider, KindUser, name) }

// ClientURI returns mimi://provider/d/user/device. Names are given unencoded.
func ClientURI(provider, user, device string) (URI, error) {
	return build(provider, KindClient, user, device)
}

// RoomURI returns mimi://provider/r/name. The name is given unencoded.
func RoomURI(provider, name string) (URI, error) { return build(provider, KindRoom, name) }

// GroupURI returns mimi://provider/g/name, the form of MLS group identifiers. The name is given unencoded.
func GroupURI(provider, name string) (URI, error) { return build(provider, KindGroup, name) }

// String returns the URI as it travels.
func (u URI) String() string { return u.s }

// IsZero says whether u names nothing.
func (u URI) IsZero() bool { return u.s == "" }

// Provider returns the domain of the provider that u belongs to.
func (u URI) Provider() string {
	if u.s == "" {
		return ""
	}
	provider, _, _ := strings.Cut(u.s[len(scheme):], "/")
	return provider
}

// Kind returns what u names, zero for the zero URI.
func (u URI) Kind() Kind {
	if u.s == "" {
		return 0
	}
	return Kind(u.s[len(scheme)+len(u.Provider())+1])
}

func (u URI) path() string { return u.s[len(scheme)+len(u.Provider())+3:] }

// Name returns the user, room or group name, decoded; of a client its user's name.
func (u URI) Name() string {
	if u.s == "" {
		return ""
	}
	segment, _, _ := strings.Cut(u.path(), "/")
	name, _ := unescape(segment)
	return name
}

// Device returns the device name of a client URI, decoded; empty for every other kind.
func (u URI) Device() string {
	if u.Kind() != KindClient {
		return ""
	}
	_, segment, _ := strings.Cut(u.path(), "/")
	name, _ := unescape(segment)
	return name
}

// ClientUser returns the user that a client URI belongs to; the zero URI if u is no client.
func (u URI) ClientUser() URI {
	if u.Kind() != KindClient {
		return URI{}
	}
	segment, _, _ := strings.Cut(u.path(), "/")
	return URI{scheme + u.Provider() + "/u/" + segment}
}

// ClientUser returns the user that a client belongs to; the zero URI if client is no client URI.
func ClientUser(client URI) URI { return client.ClientUser() }

// AppendText implements encoding.TextAppender.
func (u URI) AppendText(b []byte) ([]byte, error) { return append(b, u.s...), nil }

// MarshalText returns the URI as it travels; the zero URI is empty.
func (u URI) MarshalText() ([]byte, error) { return []byte(u.s), nil }

// UnmarshalText is ParseURI; empty text is the zero URI.
func (u *URI) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*u = URI{}
		return nil
	}
	v, err := ParseURI(string(b))
	if err != nil {
		return err
	}
	*u = v
	return nil
}
