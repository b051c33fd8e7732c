package xmpp

import "testing"

func TestTextFault(t *testing.T) {
	for _, good := range []string{"", "The garden", "שלום and welcome", "👩\u200d🚀 ❤\ufe0f", "a \u2067שלום\u2069 b", "\u202bשלום\u202c", "\u2068a \u2066b\u2069\u2069", "two\nlines"} {
		if why := TextFault(good); why != "" {
			t.Errorf("%q: %s", good, why)
		}
	}
	for _, bad := range []string{"\u200b", " \u2060\u2800", "a\u202eb\u202c", "\u202db\u202c", "a\u202b", "a\u2067", "a\u2069", "a\u202c", "\u2067a\u202c\u2069", "\u202aa\u2069"} {
		if TextFault(bad) == "" {
			t.Errorf("%q deceives", bad)
		}
	}
}

// No room can have an address that holds invisible characters or such that turn the direction of writing (RFC 8265 §3.3).
func TestAddressesHoldNothingInvisible(t *testing.T) {
	for _, bad := range []string{"gar\u200bden", "garden\u202e", "\u2066garden\u2069", "gar\u00adden", "garden\ufe0f", "\u2800"} {
		if j, err := NewJID(bad, "rooms.a.example", ""); err == nil {
			t.Errorf("%q is the address %s", bad, j)
		}
	}
}
