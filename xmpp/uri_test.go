package xmpp

import (
	"strings"
	"testing"
)

func TestURI(t *testing.T) {
	for address, uri := range map[string]string{
		"romeo@a.example":                          "xmpp:romeo@a.example",
		"a.example":                                "xmpp:a.example",
		"garden@rooms.a.example/Juliet Capulet":    "xmpp:garden@rooms.a.example/Juliet%20Capulet",
		"garden@rooms.a.example/a/b@c?d#e":         "xmpp:garden@rooms.a.example/a%2Fb%40c%3Fd%23e",
		"u%bea%b.example@rooms.a.example":          "xmpp:u%25bea%25b.example@rooms.a.example",
		"garden@rooms.a.example/Zo\u00eb":          "xmpp:garden@rooms.a.example/Zo%C3%AB",
		"romeo@[2001:db8::1]/x":                    "xmpp:romeo@[2001:db8::1]/x",
		"garden@rooms.a.example/100%25 of <us> \"": "xmpp:garden@rooms.a.example/100%2525%20of%20%3Cus%3E%20%22",
	} {
		j := MustParseJID(address)
		if got := j.URI(); got != uri {
			t.Errorf("%s is %s, want %s", address, got, uri)
		}
		if back, err := ParseURI(uri); err != nil || back != j {
			t.Errorf("%s is %q, %v", uri, back, err)
		}
	}
	for uri, address := range map[string]string{
		"XMPP:romeo@a.example?message;body=hi":          "romeo@a.example",
		"xmpp:garden@rooms.a.example/Juliet Capulet":    "garden@rooms.a.example/Juliet Capulet",
		"xmpp:u%bob%b.example@rooms.a.example":          "u%bob%b.example@rooms.a.example",
		"xmpp:u%bea%b.example@rooms.a.example":          "u%bea%b.example@rooms.a.example", // %be is no character
		"xmpp:garden@rooms.a.example/100%":              "garden@rooms.a.example/100%",
		"xmpp:garden@rooms.a.example/what%3F?join#here": "garden@rooms.a.example/what?",
	} {
		if j, err := ParseURI(uri); err != nil || j.String() != address {
			t.Errorf("%s is %q, %v, want %s", uri, j, err, address)
		}
	}
	for _, uri := range []string{"", "xmpp", "xmpp:", "mailto:a@b", "xmpp:@b", "xmpp:a@b/", "xmpp:a%40b%00c", "xmpp://guest@a.example/b", "xmpp:" + strings.Repeat("a", MaxJIDPart+1)} {
		if j, err := ParseURI(uri); err == nil {
			t.Errorf("%q is taken for %s", uri, j)
		}
	}
}
