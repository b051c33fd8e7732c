package content

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// generated is a random groupchat message: its payload as a client sends it, and as another anteroom must show it.
type generated struct {
	lang     string
	in, want []string
}

// text is random text: styling, markup, line ends, characters of all planes.
func text(rng *rand.Rand) string {
	bits := []string{"a", "b c", "*", "_", "`", "```\n", "> ", ">", "\n", "~", "[x](y)", "# ", "- ", "1. ", "\\", "<b>", "&amp;", "é", "שלום", "👩‍👩‍👧", "\u2060", "https://x.example/?a=b&c", "  ", "\t", "**", "|"}
	var b strings.Builder
	for range 1 + rng.IntN(12) {
		b.WriteString(bits[rng.IntN(len(bits))])
	}
	return b.String()
}

func element(name, inner string, attrs ...string) string {
	var b strings.Builder
	b.WriteString("<" + name)
	for i := 0; i < len(attrs); i += 2 {
		b.WriteString(" " + attrs[i] + "='" + escape(attrs[i+1]) + "'")
	}
	return b.String() + ">" + inner + "</" + strings.Fields(name)[0] + ">"
}

var escape = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "'", "&apos;", "\"", "&quot;", "\n", "&#10;", "\t", "&#9;").Replace

// generate makes a message of what clients put into one.
func generate(rng *rand.Rand) generated {
	var g generated
	both := func(s string) { g.in, g.want = append(g.in, s), append(g.want, s) }
	maybe := func() bool { return rng.IntN(3) == 0 }
	langs := []string{"de", "fr", "pt-BR", "zh-Hant-TW"}
	if maybe() {
		g.lang = langs[rng.IntN(len(langs))]
	}
	switch rng.IntN(12) {
	case 0:
	case 1:
		both(element("body", ""))
	case 2:
		both(element("body", escape(text(rng)), "xml:lang", "not a tag"))
	default:
		both(element("body", escape(text(rng))))
	}
	for _, lang := range langs {
		if rng.IntN(6) == 0 && lang != g.lang {
			both(element("body", escape(text(rng)), "xml:lang", lang))
		}
	}
	for _, part := range []func(){
		func() {
			both(element("thread", escape([]string{"t", "", strings.Repeat("long", MaxTopic)}[rng.IntN(3)]+text(rng))))
		},
		func() { both(element("thread", "child", "parent", "t")) },
		func() { both(element("unstyled xmlns='urn:xmpp:styling:0'", "")) },
		func() { both(element("spoiler xmlns='urn:xmpp:spoiler:0'", escape(text(rng)))) },
		func() { both(element("markable xmlns='urn:xmpp:chat-markers:0'", "")) },
		func() {
			both(element("x xmlns='jabber:x:oob'", element("url", "https://files.example/"+string(rune('a'+rng.IntN(26))))+element("desc", escape(text(rng)))))
		},
		func() { both(element("attention xmlns='urn:xmpp:attention:0'", "")) },
		func() {
			both(element("y xmlns='urn:example:y'", element("z", escape(text(rng)), "a", text(rng))+element("w xmlns='urn:example:w'", ""), "b", text(rng)))
		},
		func() {
			g.in = append(g.in, "<reply xmlns='urn:xmpp:reply:0' id='here-1' to='garden@rooms.a.example/x'/>")
			g.want = append(g.want, "<reply xmlns='urn:xmpp:reply:0' id='there-1'></reply>")
		},
		func() {
			g.in = append(g.in, "<replace xmlns='urn:xmpp:message-correct:0' id='mine-1'/>")
			g.want = append(g.want, "<replace xmlns='urn:xmpp:message-correct:0' id='theirs-1'></replace>")
		},
		func() {
			g.in = append(g.in, "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='1' uri='xmpp:romeo@a.example'/>")
			g.want = append(g.want, "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='0' end='1' uri='xmpp:u%25romeo%25a.example@rooms.b.example'></reference>")
		},
		func() { // of one hop or address
			g.in = append(g.in, []string{"<origin-id xmlns='urn:xmpp:sid:0' id='o'/>", "<active xmlns='http://jabber.org/protocol/chatstates'/>", "<request xmlns='urn:xmpp:receipts'/>",
				"<delay xmlns='urn:xmpp:delay' stamp='2020-01-01T00:00:00Z'/>", "<no-copy xmlns='urn:xmpp:hints'/>", "<occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/>"}[rng.IntN(6)])
		},
	} {
		if maybe() {
			part()
		}
	}
	return g
}

// sorted are elements in one form and order, with the language that bodies have.
func sorted(t *testing.T, lang string, payload []*xmpp.Element) []string {
	t.Helper()
	var all []string
	for _, e := range payload {
		if e.Is(xmpp.NSClient, "body") && e.Lang() == "" && lang != "" {
			e = e.Clone()
			e.WithLang(lang)
		}
		all = append(all, string(e.AppendXML(nil, xmpp.NSClient)))
	}
	slices.Sort(all)
	return all
}

// Whatever clients put into a message comes out of another anteroom as it went in, but for what belongs to one hop, and with references in that room's
// words (docs/mapping.md §5). Every message with text is readable for other MIMI clients.
func TestNothingIsLostBetweenAnterooms(t *testing.T) {
	refs := References{ByStanzaID: one("here-1", first), ByOwnID: one("mine-1", first), User: func(j xmpp.JID) (mimi.URI, bool) {
		return mimi.MustURI("mimi://a.example/u/romeo"), j.String() == "romeo@a.example"
	}}
	names := Names{StanzaID: back(first, "there-1"), OwnID: back(first, "theirs-1"), User: func(uri string) (xmpp.JID, bool) {
		return xmpp.MustParseJID("u%romeo%a.example@rooms.b.example"), uri == "mimi://a.example/u/romeo"
	}}
	for seed := range uint64(3000) {
		g := generate(rand.New(rand.NewPCG(seed, 1)))
		if len(g.want) == 0 {
			continue // nothing that lasts
		}
		in := stanza(t, strings.Join(g.in, ""))
		in.Lang = g.lang
		want := sorted(t, g.lang, stanza(t, strings.Join(g.want, "")).Payload)
		m := travel(t, FromXMPP(in, [16]byte{byte(seed)}, juliet, garden, refs))
		out := m.ToXMPP(names)
		if got := sorted(t, out.Lang, out.Payload); !slices.Equal(got, want) {
			t.Fatalf("seed %d: %s\ngot\n  %s\nwant\n  %s", seed, strings.Join(g.in, ""), strings.Join(got, "\n  "), strings.Join(want, "\n  "))
		}
		if body, _ := in.Body(); body != "" && !readableText(&m.Body) {
			t.Fatalf("seed %d: nothing to read for others in %+v", seed, m.Body)
		}
	}
}

// readableText says that the first choice of a message is text or a file, which every MIMI client shows.
func readableText(p *Part) bool {
	if p.Cardinality == Multi {
		return readableText(&p.Parts[0])
	}
	return p.Cardinality == External || p.Cardinality == Single && isText(p.ContentType)
}
