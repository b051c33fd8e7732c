package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// An alternate venue goes to other providers as a URI and comes back as the address that it has there; what has none there is no venue.
func TestVenues(t *testing.T) {
	service := func(provider string) *Service {
		return &Service{Config{Domain: xmpp.MustParseJID("rooms." + provider), Provider: provider, Users: []string{provider}}}
	}
	a, b, c := service("a.example"), service("b.example"), service("c.example")
	for _, test := range []struct{ at, elsewhere, atB, atC string }{
		{"garden@rooms.a.example", "mimi://a.example/r/garden", "garden%a.example@rooms.b.example", "garden%a.example@rooms.c.example"},
		{"garden%b.example@rooms.a.example", "mimi://b.example/r/garden", "garden@rooms.b.example", "garden%b.example@rooms.c.example"},
		{"café@rooms.a.example", "mimi://a.example/r/%3Dcaf%C3%A9", "=3dcaf=c3=a9%a.example@rooms.b.example", "=3dcaf=c3=a9%a.example@rooms.c.example"},
		{"garden@muc.x.example", "garden@muc.x.example", "garden@muc.x.example", "garden@muc.x.example"},
	} {
		if got := a.venueElsewhere(xmpp.MustParseJID(test.at)); got != test.elsewhere {
			t.Errorf("%s: elsewhere %q, want %q", test.at, got, test.elsewhere)
		}
		if got := b.venueFrom(test.elsewhere).String(); got != test.atB {
			t.Errorf("%s at b.example: %q, want %q", test.elsewhere, got, test.atB)
		}
		if got := c.venueFrom(test.elsewhere).String(); got != test.atC {
			t.Errorf("%s at c.example: %q, want %q", test.elsewhere, got, test.atC)
		}
	}
	long := "mimi://b.example/r/" + strings.Repeat("x", 1100) // no localpart can be so long
	for _, none := range []string{"", "mimi://", "mimi://b.example/u/bob", "mimi://b.example/g/garden", "muc.x.example", "@", "a b@muc.x.example", long, "xmpp:garden@muc.x.example"} {
		if got := c.venueFrom(none); !got.IsZero() {
			t.Errorf("%q: %s", none, got)
		}
	}
	if got := a.venueElsewhere(xmpp.JID{}); got != "" {
		t.Errorf("no venue: %q", got)
	}
	wide := strings.Repeat("\u00e9", 500)
	if j, err := xmpp.NewJID(wide, "rooms.a.example", ""); err != nil || len(a.venueElsewhere(j)) > mimi.MaxSafeAADItem {
		t.Errorf("%v: %d bytes", err, len(a.venueElsewhere(j)))
	}
}
