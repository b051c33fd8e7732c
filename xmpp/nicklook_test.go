package xmpp

import "testing"

func TestNicknameLook(t *testing.T) {
	for _, same := range [][2]string{
		{"Romeo", "R0meo"}, {"Romeo", "Rоmeo"}, {"Romeo", "Rom eo"}, {"Romeo", "romeo"}, {"Iago", "lago"}, {"Iago", "1ago"}, {"Paris", "Раris"},
		{"Arnold", "Amold"}, {"Romeo", "Rom\u200deo"}, {"Hero", "Ηero"},
	} {
		if a, b := NicknameLook(same[0]), NicknameLook(same[1]); a != b {
			t.Errorf("%q and %q look the same, not %q and %q", same[0], same[1], a, b)
		}
	}
	for _, other := range [][2]string{{"Ian", "Lan"}, {"Romeo", "Juliet"}, {"Иван", "Анна"}, {"Rene", "René"}} {
		if a := NicknameLook(other[0]); a == NicknameLook(other[1]) {
			t.Errorf("%q and %q look different, not both %q", other[0], other[1], a)
		}
	}
}

func TestNicknameFault(t *testing.T) {
	for _, good := range []string{"Romeo", "שלום", "Иван 2", "愛", "O'Neil", "👩\u200d🚀"} {
		if why := NicknameFault(good); why != "" {
			t.Errorf("%q: %s", good, why)
		}
	}
	for _, bad := range []string{"", "\u200d", "\u2800 ", "Romeo\u202e", "Romeoש"} {
		if NicknameFault(bad) == "" {
			t.Errorf("%q deceives", bad)
		}
	}
}
