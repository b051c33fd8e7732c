package e2e

import (
	"encoding/json"
	"strings"
	"time"
)

// reported: an XMPP user reports what a native user said, and the operators of the hub get it with proof (XEP-0377; draft-ietf-mimi-protocol-06 §5.9).
func reported(p *scene) {
	garden, uri := room("reported")
	p.enters(p.juliet, garden, "juliet")
	p.joins(p.bob, uri)
	p.sees(p.juliet, garden, "bob", "", "")
	p.tells(p.bob, "send %s buy my pills", uri)
	st, err := p.juliet.Hear(p.step(), garden, "bob", "buy my pills")
	p.must(err)
	id := st.Child("urn:xmpp:sid:0", "stanza-id").Attr("id")
	_, err = p.juliet.Request(p.step(), garden, "set", `<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><stanza-id xmlns='urn:xmpp:sid:0' by='`+garden+`' id='`+id+`'/></report>`)
	p.must(err)
	p.until("a report with proof", func() bool {
		out, err := command(p.T, anteroomBinary, "room", "abuse", "--config", p.here.ConfigFile(), "--json")
		p.must(err)
		var lines []struct {
			Abuser string
			Found  []struct {
				Proved bool
				Text   string
			}
		}
		p.must(json.Unmarshal([]byte(out), &lines))
		return len(lines) == 1 && lines[0].Abuser == p.bob.User && len(lines[0].Found) == 1 && lines[0].Found[0].Proved && lines[0].Found[0].Text == "buy my pills"
	})
	out, err := command(p.T, anteroomBinary, "room", "abuse", "--config", p.here.ConfigFile())
	if err != nil || !strings.Contains(out, "proved") {
		p.Errorf("operators read %q, %v", out, err)
	}
}

// until waits for what cannot be heard of, only looked up.
func (p *scene) until(what string, met func() bool) {
	p.Helper()
	for ctx := p.step(); !met(); {
		select {
		case <-ctx.Done():
			p.Fatalf("never: %s", what)
		case <-time.After(100 * time.Millisecond):
		}
	}
}
