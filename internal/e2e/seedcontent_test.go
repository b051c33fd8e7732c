package e2e

import (
	"encoding/xml"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// said is a message as a client sends it, and what becomes of it on the way to another provider. In payloads THEIRS is the stanza-id of what the other one
// said last before, MINE and MINEID stanza-id and id of what the speaker said, ROOM and OTHER the room's address and the other's nick: as they are at
// the speaker's provider when it is sent, and at the listener's when it arrives.
type said struct {
	name, payload string
	arrives       string     // if it is not the same; "-": it stays with the occupants at the speaker's provider
	native        stack.Line // body, media type and the messages that it is about, as a native client tells it; LAST is the last of this speaker that is about no other of its own
}

const (
	plainText = "text/plain;charset=utf-8"
	markdown  = "text/markdown;variant=GFM-MIMI"
)

func text(body string) stack.Line { return stack.Line{Body: body, ContentType: plainText} }

var conversation = []said{
	{"a body", "<body>wherefore art thou &lt;Romeo&gt; &amp; why? 🌹</body>", "", text("wherefore art thou <Romeo> & why? 🌹")},
	{"lines", "<body>one\n\n  two\tthree\n</body>", "", text("one\n\n  two\tthree\n")},
	{"/me (XEP-0245)", "<body>/me sighs</body>", "", text("/me sighs")},
	{"a thread", "<body>in a thread</body><thread>e0ffe42b</thread>", "", text("in a thread")},
	{"a thread of another", "<body>deeper</body><thread parent='e0ffe42b'>7edf9f</thread>", "", text("deeper")},
	{"styling (XEP-0393)", "<body>*strong* _emphasis_ `code`</body>", "", stack.Line{Body: "**strong** _emphasis_ `code`", ContentType: markdown}},
	{"no styling", "<body>*not strong*</body><unstyled xmlns='urn:xmpp:styling:0'/>", "", text("*not strong*")},
	{"XHTML-IM (XEP-0071)", "<body>hi</body><html xmlns='http://jabber.org/protocol/xhtml-im'><body xmlns='http://www.w3.org/1999/xhtml'><p style='font-weight:bold'>hi</p></body></html>", "", text("hi")},
	{"languages", "<body xml:lang='en'>good night</body><body xml:lang='de'>gute Nacht</body>", "", text("good night")},
	{"a spoiler (XEP-0382)", "<body>they die</body><spoiler xmlns='urn:xmpp:spoiler:0' xml:lang='en'>the end</spoiler>", "", text("they die")},
	{"what nobody knows", "<body>hi</body><extension xmlns='urn:example:unknown' a='1'><b xmlns='urn:example:other'>c<d/>e</b></extension>", "", text("hi")},
	{"nothing that is known", "<extension xmlns='urn:example:unknown'/>", "", stack.Line{ContentType: "application/xmpp+xml"}},
	{"OMEMO (XEP-0384, XEP-0380)", "<body>encrypted</body><encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted><encryption xmlns='urn:xmpp:eme:0' " +
		"namespace='eu.siacs.conversations.axolotl' name='OMEMO'/>", "", text("encrypted")},
	{"a markable message (XEP-0333)", "<body>read this</body><markable xmlns='urn:xmpp:chat-markers:0'/>", "", text("read this")},
	{"a file by its link (XEP-0066)", "<body>https://localhost/rose.png</body><x xmlns='jabber:x:oob'><url>https://localhost/rose.png</url></x>", "",
		stack.Line{ContentType: "image/png"}},
	{"a file with words", "<body>a rose: https://localhost/rose.png</body><x xmlns='jabber:x:oob'><url>https://localhost/rose.png</url><desc>a rose</desc></x>", "",
		text("a rose: https://localhost/rose.png")},
	{"a picture in the text (XEP-0372, XEP-0385)", "<body>see https://localhost/r</body><reference xmlns='urn:xmpp:reference:0' type='data' begin='4' end='23' uri='https://localhost/r'>" +
		"<media-sharing xmlns='urn:xmpp:sims:1'/></reference>", "", text("see https://localhost/r")},
	{"a reply (XEP-0461)", "<body>&gt; anchor\nindeed</body><reply xmlns='urn:xmpp:reply:0' id='THEIRS' to='ROOM/OTHER'/>" +
		"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='9'/></fallback>", "", stack.Line{Body: "indeed", ContentType: plainText, InReplyTo: "THEIRS"}},
	{"a reaction (XEP-0444)", "<reactions xmlns='urn:xmpp:reactions:0' id='THEIRS'><reaction>❤</reaction></reactions>", "", stack.Line{Body: "❤", ContentType: plainText, InReplyTo: "THEIRS"}},
	{"other reactions", "<reactions xmlns='urn:xmpp:reactions:0' id='THEIRS'><reaction>🎉</reaction><reaction>🌹</reaction></reactions>", "", stack.Line{Body: "🎉", ContentType: plainText, InReplyTo: "THEIRS", Replaces: "LAST"}},
	{"a reaction with words for others (XEP-0428)", "<reactions xmlns='urn:xmpp:reactions:0' id='THEIRS'><reaction>👍</reaction></reactions><body>&gt; anchor\n👍</body>" +
		"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'><body/></fallback>", "", stack.Line{Body: "👍", ContentType: plainText, InReplyTo: "THEIRS", Replaces: "LAST"}},
	{"no reaction any more", "<reactions xmlns='urn:xmpp:reactions:0' id='THEIRS'/>", "", stack.Line{InReplyTo: "THEIRS", Replaces: "LAST"}},
	{"a marker (XEP-0333)", "<displayed xmlns='urn:xmpp:chat-markers:0' id='THEIRS'/>", "", stack.Line{ContentType: "application/mimi-message-status"}},
	{"a mention (XEP-0372)", "<body>hear, you</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='6' end='9' uri='xmpp:PATH/OTHER'/>",
		"", stack.Line{Body: "hear, [you](USER)", ContentType: markdown}},
	{"a correction (XEP-0308)", "<body>anchor, corrected</body><replace xmlns='urn:xmpp:message-correct:0' id='MINEID'/>", "", stack.Line{Body: "anchor, corrected", ContentType: plainText, Replaces: "MINE"}},
	{"a correction with more", "<body>*anchor*, corrected</body><replace xmlns='urn:xmpp:message-correct:0' id='MINEID'/><extension xmlns='urn:example:unknown'/>", "",
		stack.Line{Body: "**anchor**, corrected", ContentType: markdown, Replaces: "MINE"}},
	{"a retraction (XEP-0424)", "<body>I take it back</body><retract xmlns='urn:xmpp:message-retract:1' id='MINE'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>", "",
		stack.Line{Replaces: "MINE"}},
	{"a marker of what is not known", "<displayed xmlns='urn:xmpp:chat-markers:0' id='gone'/>", "-", stack.Line{}},
	{"a chat state alone (XEP-0085)", "<composing xmlns='http://jabber.org/protocol/chatstates'/>", "-", stack.Line{}},
	{"a chat state with words", "<body>done</body><active xmlns='http://jabber.org/protocol/chatstates'/>", "<body>done</body>", text("done")},
	{"a request for receipts (XEP-0184)", "<body>got it?</body><request xmlns='urn:xmpp:receipts'/>", "<body>got it?</body>", text("got it?")},
	{"what belongs to one hop (XEP-0359, XEP-0334)", "<body>hop</body><origin-id xmlns='urn:xmpp:sid:0' id='o1'/><store xmlns='urn:xmpp:hints'/>", "<body>hop</body>", text("hop")},
}

// spoken says that there are words, which are of a language.
func (m *said) spoken() bool { return strings.Contains(m.payload, "<body") }

// speaker is an XMPP user of a room, at the provider of which the room has this address.
type speaker struct {
	*xmppclient.Client
	room, nick string
	anchor     string // stanza-id of what the other said first
	own, mimi  string // stanza-id and message id of what itself said first
}

var mimiUser = regexp.MustCompile(`\(mimi://[^)]*\)`)

// next is the next message of somebody in the room.
func (p *scene) next(at *speaker, nick string) *xmpp.Stanza {
	p.Helper()
	st, err := at.Expect(p.step(), "what "+nick+" says", func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat && st.From.String() == at.room+"/"+nick
	})
	p.must(err)
	return st
}

// ordered is an element with its attributes, and those of all in it, in one order: servers write them in any.
func ordered(e *xmpp.Element) *xmpp.Element {
	e = e.Clone()
	slices.SortFunc(e.Attrs, func(a, b xml.Attr) int { return strings.Compare(a.Name.Local, b.Name.Local) })
	for i, n := range e.Children {
		if n.Elem != nil {
			e.Children[i].Elem = ordered(n.Elem)
		}
	}
	return e
}

// payloads are the payloads of a message but those that each room adds, in one order.
func payloads(elements []*xmpp.Element) string {
	var all []string
	for _, e := range elements {
		if !e.Is("urn:xmpp:occupant-id:0", "occupant-id") && (!e.Is("urn:xmpp:sid:0", "stanza-id")) {
			all = append(all, string(ordered(e).AppendXML(nil, xmpp.NSClient)))
		}
	}
	slices.Sort(all)
	return strings.Join(all, "")
}

// conversed: what XMPP users of two providers say to each other arrives as in a room of one server, payload by payload, with references in the words of
// each; a native user reads the same in MIMI's (docs/mapping.md §5, docs/decisions/092-content.md).
func conversed(p *scene) {
	garden, uri := room("conversed")
	juliet := &speaker{Client: p.juliet, room: garden, nick: "juliet"}
	benvolio := &speaker{Client: p.benvolio, room: far("conversed"), nick: "benvolio"}
	p.enters(p.juliet, juliet.room, "juliet")
	p.enters(p.benvolio, benvolio.room, "benvolio")
	p.joins(p.cathy, uri)
	p.sees(p.juliet, garden, "benvolio", "", "")
	p.sees(p.juliet, garden, "cathy", "", "")
	p.sees(p.benvolio, benvolio.room, "cathy", "", "")

	reads := func() *stack.Line {
		p.Helper()
		return p.expects(p.cathy, "a message", func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri })
	}
	stanzaID := func(st *xmpp.Stanza) string { return st.Child("urn:xmpp:sid:0", "stanza-id").Attr("id") }
	for _, s := range []struct{ from, to *speaker }{{juliet, benvolio}, {benvolio, juliet}} {
		p.must(s.from.Send("<message to='" + s.from.room + "' type='groupchat' id='anchor-" + s.from.nick + "'><body>anchor</body></message>"))
		mine, theirs := p.next(s.from, s.from.nick), p.next(s.to, s.from.nick)
		s.from.own, s.to.anchor, s.from.mimi = stanzaID(mine), stanzaID(theirs), reads().ID
	}
	parse := func(payload string) []*xmpp.Element {
		p.Helper()
		e, err := xmpp.ParseElement([]byte("<message xmlns='jabber:client'>" + payload + "</message>"))
		p.must(err)
		return slices.Collect(e.Elements())
	}
	for _, s := range []struct{ from, to *speaker }{{juliet, benvolio}, {benvolio, juliet}} {
		// How the listener's provider names what the speaker's does.
		p.must(s.from.Say(s.from.room, "anchor"))
		mine, theirs := p.next(s.from, s.from.nick), p.next(s.to, s.from.nick)
		first := reads().ID
		last := first
		here := strings.NewReplacer("THEIRS", s.from.anchor, "MINEID", mine.ID, "MINE", stanzaID(mine), "ROOM", s.from.room, "PATH", url.PathEscape(s.from.room), "OTHER", s.to.nick)
		there := strings.NewReplacer("THEIRS", s.to.own, "MINEID", theirs.ID, "MINE", stanzaID(theirs), "ROOM", s.to.room, "PATH", url.PathEscape(s.to.room), "OTHER", s.to.nick)
		for _, m := range conversation {
			sent := here.Replace(m.payload)
			p.must(s.from.Send("<message to='" + s.from.room + "' type='groupchat' id='said'>" + sent + "</message>"))
			mine := p.next(s.from, s.from.nick)
			if got, want := payloads(mine.Payload), payloads(parse(sent)); got != want && !strings.Contains(sent, "origin-id") {
				p.Errorf("%s, %s: at home\n%s\nwant\n%s", s.from.nick, m.name, got, want)
			}
			if m.arrives == "-" {
				continue
			}
			arrived, want := p.next(s.to, s.from.nick), m.payload
			if m.arrives != "" {
				want = m.arrives
			}
			if got, want := payloads(arrived.Payload), payloads(parse(there.Replace(want))); got != want || m.spoken() && arrived.Lang != mine.Lang {
				p.Errorf("%s, %s: elsewhere, %q after %q\n%s\nwant\n%s", s.from.nick, m.name, arrived.Lang, mine.Lang, got, want)
			}
			l := reads()
			about := strings.NewReplacer("THEIRS", s.to.mimi, "MINE", first, "LAST", last)
			if l.Replaces == "" {
				last = l.ID
			}
			reads := stack.Line{Body: mimiUser.ReplaceAllString(l.Body, "(USER)"), ContentType: l.ContentType, InReplyTo: l.InReplyTo, Replaces: l.Replaces}
			wanted := stack.Line{Body: m.native.Body, ContentType: m.native.ContentType, InReplyTo: about.Replace(m.native.InReplyTo), Replaces: about.Replace(m.native.Replaces)}
			if !reflect.DeepEqual(reads, wanted) {
				p.Errorf("%s, %s: cathy reads\n%+v\nwant\n%+v", s.from.nick, m.name, reads, wanted)
			}
		}
	}
}
