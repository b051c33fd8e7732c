package content

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// A reply from MIMI quotes what it answers, if the room has it, for clients that do not know replies; the range tells the others what to leave out, and
// mentions move with the body (XEP-0461 §3.1, XEP-0428 §2.2).
func TestRepliesQuote(t *testing.T) {
	known := func(payload string) Names {
		return Names{StanzaID: back(first, "there-1"), User: func(string) (xmpp.JID, bool) { return xmpp.MustParseJID("garden@rooms.b.example/Romeo"), true },
			Quoted: func(id MessageID) (Quoted, bool) {
				q := Quoted{Author: xmpp.MustParseJID("garden@rooms.b.example/Änne")}
				if payload != "" {
					q.Message = stanza(t, payload)
				}
				return q, id == first
			}}
	}
	plain := Part{Cardinality: Single, ContentType: TypePlain, Content: []byte("yes")}
	const reply = `<reply xmlns="urn:xmpp:reply:0" id="there-1" to="garden@rooms.b.example/Änne"/>`
	mark := func(end string) string {
		return `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reply:0"><body start="0" end="` + end + `"/></fallback>`
	}
	for _, c := range []struct {
		name, quoted string
		body         Part
		want         string
	}{
		{"a line", "<body>Bäcker?</body>", plain, "<body>&gt; Änne wrote:\n&gt; Bäcker?\nyes</body>" + reply + mark("24")},
		{"two lines", "<body>a\nb</body>", plain, "<body>&gt; Änne wrote:\n&gt; a\n&gt; b\nyes</body>" + reply + mark("22")},
		{"a reply itself", "<body>&gt; x\nb</body><reply xmlns='urn:xmpp:reply:0' id='z'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='4'/></fallback>",
			plain, "<body>&gt; Änne wrote:\n&gt; b\nyes</body>" + reply + mark("18")},
		{"six lines", "<body>1\n2\n3\n4\n5\n6</body>", plain, "<body>&gt; Änne wrote:\n&gt; 1\n&gt; 2\n&gt; 3\n&gt; 4\n&gt; 5…\nyes</body>" + reply + mark("35")},
		{"no text", "<x xmlns='urn:example:x'/>", plain, "<body>yes</body>" + reply},
		{"older than what is kept", "", plain, "<body>yes</body>" + reply},
		{"with a mention", "<body>a</body>", Part{Cardinality: Single, ContentType: TypeMarkdown, Content: []byte("hi [R](mimi://b.example/u/romeo)")},
			"<body>&gt; Änne wrote:\n&gt; a\nhi R</body>" + `<reference xmlns="urn:xmpp:reference:0" type="mention" uri="xmpp:garden@rooms.b.example/Romeo" begin="21" end="22"/>` + reply + mark("18")},
		{"in two languages", "<body>a</body>", Part{Cardinality: Multi, Parts: []Part{plain, {Language: "de", Cardinality: Single, ContentType: TypePlain, Content: []byte("ja")}}},
			`<body>yes</body><body xml:lang="de">ja</body>` + reply},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := travel(t, &Message{InReplyTo: first, Body: c.body})
			if got := strings.ReplaceAll(xml(m.ToXMPP(known(c.quoted))), "'", `"`); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
	long := xml(travel(t, &Message{InReplyTo: first, Body: plain}).ToXMPP(known("<body>" + strings.Repeat("ä", 10*MaxQuotedCharacters) + "</body>")))
	if n := strings.Count(long, "ä"); n != MaxQuotedCharacters {
		t.Errorf("%d characters are quoted, want %d", n, MaxQuotedCharacters)
	}
	// What an anteroom sent has its own quotation.
	m := FromXMPP(stanza(t, "<body>&gt; quote\nyes</body><reply xmlns='urn:xmpp:reply:0' id='here-1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='8'/></fallback>"),
		[16]byte{}, mimi.MustURI("mimi://a.example/u/juliet"), garden, References{ByStanzaID: one("here-1", first)})
	if got := xml(travel(t, m).ToXMPP(known("<body>other</body>"))); strings.Contains(got, "wrote") || !strings.Contains(got, "&gt; quote\nyes") {
		t.Errorf("a reply between anterooms became %s", got)
	}
}
