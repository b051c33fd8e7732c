package mucmap

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anteroom/internal/script"
	"anteroom/xmpp"
)

// Whatever stanzas come, in whatever order: no panic, nothing unsendable, and the replayed state equals the live one.
func FuzzStep(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.txt"))
	if err != nil || len(files) == 0 {
		f.Fatalf("no transcripts (%v)", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		steps, err := script.Parse(file, data)
		if err != nil {
			f.Fatal(err)
		}
		for _, s := range steps {
			if s.Name == "send" {
				f.Add([]byte(enter(0) + strings.ReplaceAll(s.Input, "juliet@a.example/balcony", "user0@a.example/x")))
			}
		}
	}
	f.Add([]byte(`<presence from='a@a.example/r' to='garden@rooms.a.example/x'><x xmlns='http://jabber.org/protocol/muc'><history seconds='99999999999'/></x></presence>`))
	f.Add([]byte(`<iq type='set' from='a@a.example/r' to='garden@rooms.a.example'/><iq type='get' from='a.example' to='garden@rooms.a.example'/><message from='u%25b%25b.example@rooms.a.example/r' to='garden@rooms.a.example/r'/>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 64<<10 || bytes.Contains(data, []byte("<!")) {
			return
		}
		e, err := xmpp.ParseElement([]byte("<x xmlns='jabber:client'>" + string(data) + "</x>"))
		if err != nil {
			return
		}
		b := newBench(t)
		n := 0
		for c := range e.Elements() {
			st, err := xmpp.ParseStanza(c)
			if err != nil {
				continue
			}
			if n++; n > maxFuzzed {
				break
			}
			if err := b.step(StanzaIn{&st}); err != nil {
				t.Fatal(err)
			}
		}
		if b.disk.exists {
			if err := b.replay(b.room.Seq(), &Output{}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

// maxFuzzed bounds the stanzas of one run.
const maxFuzzed = 12
