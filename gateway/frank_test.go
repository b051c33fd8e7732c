package gateway

import (
	"encoding/xml"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls/wire"
)

// idOf is the stanza-id of a message.
func idOf(t *testing.T, x string) string {
	t.Helper()
	var m struct {
		ID struct {
			ID string `xml:"id,attr"`
		} `xml:"urn:xmpp:sid:0 stanza-id"`
	}
	if err := xml.Unmarshal([]byte(x), &m); err != nil || m.ID.ID == "" {
		t.Fatalf("no stanza-id in %s: %v", x, err)
	}
	return m.ID.ID
}

// A user in a room of another provider reports a message; the hub finds by its own stamp that it was sent, by whom, and when
// (draft-ietf-mimi-protocol-06 §5.4.1, §5.9). What somebody changes, or makes up, is not proved.
func TestReportedMessagesAreProved(t *testing.T) {
	inPair(t, func(p *pair) {
		const garden = "garden@rooms.a.example"
		p.send(enter(juliet, garden+"/Juliet"))
		p.send(enter(romeoB, "garden%a.example@rooms.b.example/Romeo"))
		say := func(from, to, text string) {
			t.Helper()
			p.send("<message xmlns='jabber:client' from='" + from + "' to='" + to + "' type='groupchat' id='m'>" + body(text) + "</message>")
		}
		say(juliet, garden, "buy my pills")
		say(romeoB, "garden%a.example@rooms.b.example", "sell your pills")
		report := func(why, user, room, text string) {
			t.Helper()
			x := p.last(user, body(text))
			if x == "" {
				t.Fatalf("%s: %q was not heard\n%s\n%s", why, text, p.bench.logs, p.b.logs)
			}
			p.send(iq("set", user, room, "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><stanza-id xmlns='urn:xmpp:sid:0' by='"+room+"' id='"+idOf(t, x)+
				"'/><text>again and again</text></report>"))
			p.want(why, user, "type='result'", "id='q'")
		}
		lines := func(n int) []AbuseLine {
			t.Helper()
			lines, err := p.g.AbuseReports(p.t.Context())
			if err != nil || len(lines) != n {
				t.Fatalf("%d reports, want %d: %v\n%s", len(lines), n, err, p.b.logs)
			}
			return lines
		}
		report("of the hub's user, by a follower's", romeoB, "garden%a.example@rooms.b.example", "buy my pills")
		l := lines(1)[0]
		if len(l.Found) != 1 || !l.Found[0].Proved || l.Found[0].Text != "buy my pills" || l.Provider != "b.example" || l.Reporter != "mimi://b.example/u/romeo" ||
			l.Note != "urn:xmpp:reporting:spam: again and again" || l.Found[0].Said.Year() != 2000 {
			t.Errorf("report of juliet: %+v", l)
		}
		report("of a follower's user, by the hub's", juliet, garden, "sell your pills")
		l = lines(2)[1]
		if len(l.Found) != 1 || !l.Found[0].Proved || l.Found[0].Text != "sell your pills" || l.Abuser != "mimi://b.example/u/romeo" || l.Provider != "a.example" {
			t.Errorf("report of romeo: %+v", l)
		}

		p.b.stop() // what proves a message is in the archive
		p.b.start()
		report("after a restart", romeoB, "garden%a.example@rooms.b.example", "buy my pills")
		l = lines(3)[2]
		if !l.Found[0].Proved {
			t.Errorf("after a restart: %+v", l)
		}
		say(juliet, garden, "only a test")
		report("of one's own provider's user in a room here", juliet, garden, "only a test")
		if l := lines(4)[3]; len(l.Found) != 1 || l.Found[0].Proved || l.Found[0].Text != "only a test" || l.Found[0].Why != "as our own archive has it" {
			t.Errorf("what only the archive knows: %+v", l)
		}

		// A provider that changes what was said, whom it was by, when or where.
		proof := lines(4)[1]
		honest := func() *mimi.AbuseReport {
			return &mimi.AbuseReport{Abuser: mimi.MustURI(proof.Abuser), Messages: []mimi.AbusiveMessage{{Content: proof.Messages[0]}}}
		}
		for _, content := range [][]byte{nil, []byte("x"), proof.Messages[0], []byte(strings.Replace(string(proof.Messages[0]), "pills", "bills", 1))} {
			q := honest()
			q.Messages[0].Content = content
			if status, text := p.g.ReportAbuse(p.t.Context(), "b.example", mimi.MustURI("mimi://a.example/r/garden"), wire.Marshal(q)); status != 201 {
				t.Fatalf("%d %s", status, text)
			}
		}
		for _, l := range lines(8)[4:] {
			if l.Found[0].Proved || l.Found[0].Why == "" {
				t.Errorf("made up, and proved: %+v", l)
			}
		}
		p.send(iq("set", juliet, garden, "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'/>"))
		p.want("without a message", juliet, "type='error'", "stanza-ids")
		p.send(iq("set", nurseA, garden, "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><stanza-id xmlns='urn:xmpp:sid:0' by='"+garden+"' id='1-none'/></report>"))
		p.want("of a message that is not there", nurseA, "type='error'", "item-not-found")
	})
}
