package xmpp

import (
	"fmt"
	"net/url"
	"strings"
)

const uriScheme = "xmpp:"

// URI is the address as an XMPP URI (RFC 5122 §2.2): what is not unreserved is percent-encoded in each part, which "%", "/" and blanks in rooms' and
// occupants' names are not.
func (j JID) URI() string {
	var b strings.Builder
	b.WriteString(uriScheme)
	if l := j.Local(); l != "" {
		escapeURI(&b, l, "")
		b.WriteByte('@')
	}
	escapeURI(&b, j.Domain(), "[:]") // an IPv6 address is as it is
	if r := j.Resource(); r != "" {
		b.WriteByte('/')
		escapeURI(&b, r, "")
	}
	return b.String()
}

func escapeURI(b *strings.Builder, part, also string) {
	for i := range len(part) {
		c := part[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0 || strings.IndexByte(also, c) >= 0 {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(b, "%%%02X", c)
		}
	}
}

// ParseURI is the address in an XMPP URI without authority, whatever query it has. One that is no address when its percent-encoding is undone is taken
// as it is written: not all clients encode.
func ParseURI(uri string) (JID, error) {
	if len(uri) < len(uriScheme) || !strings.EqualFold(uri[:len(uriScheme)], uriScheme) {
		return JID{}, jidError("domainpart", uri, "an XMPP URI begins with xmpp: (RFC 5122 §2.2)")
	}
	address := uri[len(uriScheme):]
	encoded, _, _ := strings.Cut(address, "#")
	encoded, _, _ = strings.Cut(encoded, "?")
	if j, err := parseEncoded(encoded); err == nil {
		return j, nil
	}
	return ParseJID(address)
}

// parseEncoded undoes the encoding part by part: an encoded "/" or "@" separates nothing.
func parseEncoded(address string) (JID, error) {
	local, domain, resource, err := splitJID(address)
	if err != nil {
		return JID{}, err
	}
	for _, part := range []*string{&local, &domain, &resource} {
		if *part, err = url.PathUnescape(*part); err != nil {
			return JID{}, err
		}
	}
	return NewJID(local, domain, resource)
}
