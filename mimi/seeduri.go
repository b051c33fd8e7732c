package mimi

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
)

// seedScheme begins the URIs of draft-mahy-mimi-group-chat, which were a kind of im: URIs (RFC 3860).
const seedScheme = "im:mimi="

// ReadURI is ParseURI that understands the form of draft-mahy-mimi-group-chat, too: im:mimi=%40alice@a.example is mimi://a.example/u/alice,
// im:mimi=garden@a.example and im:mimi=%23%23hash@a.example are mimi://a.example/r/garden and mimi://a.example/r/%23%23hash. The mark @ in front of
// a user's name tells users from rooms, as in the document's examples; it is no part of the name. For what people type: it never travels.
func ReadURI(s string) (URI, error) {
	rest, ok := strings.CutPrefix(s, seedScheme)
	if !ok {
		return ParseURI(s)
	}
	if len(s) > MaxURI {
		return URI{}, fmt.Errorf("mimi: uri is longer than %d bytes", MaxURI)
	}
	fail := func(err error) (URI, error) { return URI{}, fmt.Errorf("mimi: uri %q: %w", s, err) }
	at := strings.LastIndexByte(rest, '@')
	if at < 0 {
		return fail(errors.New("has no provider"))
	}
	name, err := url.PathUnescape(rest[:at])
	if err != nil {
		return fail(errors.New("has a bad percent-encoding"))
	}
	provider := strings.ToLower(rest[at+1:])
	if user, is := strings.CutPrefix(name, "@"); is {
		return UserURI(provider, user)
	}
	return RoomURI(provider, name)
}
