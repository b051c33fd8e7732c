package muc

import (
	"errors"
	"testing"

	"anteroom/xmpp"
)

// Whatever arrives is refused with a stanza error, or becomes a value that can be written and reads the same again.
func FuzzPayloads(f *testing.F) {
	for _, tt := range payloads {
		f.Add([]byte(tt.xml))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := xmpp.ParseElement(in)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, tt := range payloads {
			zero := tt.value.Element()
			if name := zero.Name.Space + " " + zero.Name.Local; seen[name] || !e.Is(zero.Name.Space, zero.Name.Local) {
				continue
			} else {
				seen[name] = true
			}
			v, err := tt.parse(e)
			if err != nil {
				var se *xmpp.StanzaError
				if !errors.As(err, &se) {
					t.Fatalf("%s was refused with %v", in, err)
				}
				continue
			}
			once := v.Element()
			again, err := tt.parse(once)
			if err != nil {
				t.Fatalf("%s became %s: %v", in, once, err)
			}
			if twice := again.Element(); !twice.Equal(once) {
				t.Fatalf("%s became %s, then %s", in, once, twice)
			}
			if err := once.Validate(); err != nil {
				t.Fatalf("%s became %s: %v", in, once, err)
			}
		}
	})
}
