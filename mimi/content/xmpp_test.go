package content

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"
)

var (
	juliet = mimi.MustURI("mimi://a.example/u/juliet")
	garden = mimi.MustURI("mimi://a.example/r/garden")
	first  = MessageID{1, 1}
	liked  = MessageID{1, 2}
)

func stanza(t *testing.T, payload string) *xmpp.Stanza {
	t.Helper()
	e, err := xmpp.ParseElement([]byte(`<message xmlns='jabber:client' type='groupchat' from='juliet@a.example/balcony' to='garden@rooms.a.example'>` + payload + `</message>`))
	if err != nil {
		t.Fatal(err)
	}
	s := &xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeGroupchat, Lang: e.Lang()}
	for child := range e.Elements() {
		s.Payload = append(s.Payload, child)
	}
	return s
}

// one knows one message under one name.
func one(name string, id MessageID) func(string) (MessageID, bool) {
	return func(s string) (MessageID, bool) { return id, s == name }
}

func back(id MessageID, name string) func(MessageID) (string, bool) {
	return func(m MessageID) (string, bool) { return name, m == id }
}

// travel encodes and decodes as between two providers.
func travel(t *testing.T, m *Message) *Message {
	t.Helper()
	b, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func xml(r Rendered) string {
	var b []byte
	for _, e := range r.Payload {
		b = e.AppendXML(b, xmpp.NSClient)
	}
	return string(b)
}

// What one anteroom takes in, another gives out: the payload without what belongs to one hop, references in its own words.
func TestThroughTwoAnterooms(t *testing.T) {
	refs := References{ByStanzaID: one("here-1", first), ByOwnID: one("mine-1", first), User: func(j xmpp.JID) (mimi.URI, bool) {
		return mimi.MustURI("mimi://a.example/u/romeo"), j.String() == "romeo@a.example"
	}}
	names := Names{StanzaID: back(first, "there-1"), OwnID: back(first, "theirs-1"), User: func(uri string) (xmpp.JID, bool) {
		return xmpp.MustParseJID("u%romeo%a.example@rooms.b.example"), uri == "mimi://a.example/u/romeo"
	}}
	for _, c := range []struct{ name, in, out string }{
		{"a body", "<body>hello &amp; good bye</body>", "<body>hello &amp; good bye</body>"},
		{"its hop", "<body>hi</body><origin-id xmlns='urn:xmpp:sid:0' id='o'/><stanza-id xmlns='urn:xmpp:sid:0' id='s' by='garden@rooms.a.example'/>" +
			"<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='juliet@a.example/balcony'/></addresses>", "<body>hi</body>"},
		{"a thread", "<body>hi</body><thread>t1</thread>", "<body>hi</body><thread>t1</thread>"},
		{"two languages", "<body>hello</body><body xml:lang='de'>hallo</body>", `<body>hello</body><body xml:lang="de">hallo</body>`},
		{"an unknown payload", "<body>hi</body><x xmlns='urn:example:x' a='1'><y/></x>", `<body>hi</body><x xmlns="urn:example:x" a="1"><y/></x>`},
		{"a chat state stays", "<body>hi</body><active xmlns='http://jabber.org/protocol/chatstates'/>", "<body>hi</body>"},
		{"a receipt is not asked for", "<body>hi</body><request xmlns='urn:xmpp:receipts'/>", "<body>hi</body>"},
		{"styling", "<body>*hi* _you_</body>", "<body>*hi* _you_</body>"},
		{"no styling", "<body>*hi*</body><unstyled xmlns='urn:xmpp:styling:0'/>", `<body>*hi*</body><unstyled xmlns="urn:xmpp:styling:0"/>`},
		{"a file by address", "<body>https://a.example/r.png</body><x xmlns='jabber:x:oob'><url>https://a.example/r.png</url></x>",
			`<body>https://a.example/r.png</body><x xmlns="jabber:x:oob"><url>https://a.example/r.png</url></x>`},
		{"a displayed marker", "<displayed xmlns='urn:xmpp:chat-markers:0' id='here-1'/>", `<displayed xmlns="urn:xmpp:chat-markers:0" id="there-1"/>`},
		{"markers, one of what is not known, in a thread", "<displayed xmlns='urn:xmpp:chat-markers:0' id='gone'/><displayed xmlns='urn:xmpp:chat-markers:0' id='here-1'/><thread>t1</thread>",
			`<displayed xmlns="urn:xmpp:chat-markers:0" id="there-1"/>`},
		{"a markable message", "<body>hi</body><markable xmlns='urn:xmpp:chat-markers:0'/>", `<body>hi</body><markable xmlns="urn:xmpp:chat-markers:0"/>`},
		{"a mention", "<body>hi Romeo</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='3' end='8' uri='xmpp:romeo@a.example'/>",
			`<body>hi Romeo</body><reference xmlns="urn:xmpp:reference:0" type="mention" begin="3" end="8" uri="xmpp:u%25romeo%25a.example@rooms.b.example"/>`},
		{"a mention of somebody unknown", "<body>hi Tybalt</body><reference xmlns='urn:xmpp:reference:0' type='mention' begin='3' end='9' uri='xmpp:tybalt@c.example'/>",
			"<body>hi Tybalt</body>"},
		{"a correction", "<body>hi!</body><replace xmlns='urn:xmpp:message-correct:0' id='mine-1'/>",
			`<body>hi!</body><replace xmlns="urn:xmpp:message-correct:0" id="theirs-1"/>`},
		{"a reply", "<body>yes</body><reply xmlns='urn:xmpp:reply:0' id='here-1' to='garden@rooms.a.example/romeo'/>",
			`<body>yes</body><reply xmlns="urn:xmpp:reply:0" id="there-1"/>`},
		{"a reply to nobody knows what", "<body>yes</body><reply xmlns='urn:xmpp:reply:0' id='gone'/>", "<body>yes</body>"},
		{"a reaction", "<reactions xmlns='urn:xmpp:reactions:0' id='here-1'><reaction>❤</reaction></reactions>",
			`<reactions xmlns="urn:xmpp:reactions:0" id="there-1"><reaction>❤</reaction></reactions>`},
		{"two reactions", "<reactions xmlns='urn:xmpp:reactions:0' id='here-1'><reaction>❤</reaction><reaction>🥳</reaction></reactions>",
			`<reactions xmlns="urn:xmpp:reactions:0" id="there-1"><reaction>❤</reaction><reaction>🥳</reaction></reactions>`},
		{"a reaction to nobody knows what", "<reactions xmlns='urn:xmpp:reactions:0' id='gone'><reaction>❤</reaction></reactions>",
			"<body>Reaction: ❤</body>"},
		{"a retraction", "<retract xmlns='urn:xmpp:message-retract:1' id='here-1'/>",
			`<body>(retracted an earlier message)</body><retract xmlns="urn:xmpp:message-retract:1" id="there-1"/>` +
				`<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>`},
		{"a reaction with words for others", "<reactions xmlns='urn:xmpp:reactions:0' id='here-1'><reaction>❤</reaction></reactions><body>&gt; hi\n❤</body>" +
			"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reactions:0'><body/></fallback><x xmlns='jabber:x:oob'><url>https://a.example/x</url></x><store xmlns='urn:xmpp:hints'/>",
			`<reactions xmlns="urn:xmpp:reactions:0" id="there-1"><reaction>❤</reaction></reactions><body>&gt; hi` + "\n" + `❤</body>` +
				`<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:reactions:0"><body/></fallback>`},
		{"a retraction with words for others", "<body>never mind</body><retract xmlns='urn:xmpp:message-retract:1' id='here-1'/><fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:message-retract:1'/>",
			`<retract xmlns="urn:xmpp:message-retract:1" id="there-1"/><body>never mind</body><fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>`},
		{"too many words beside", "<retract xmlns='urn:xmpp:message-retract:1' id='here-1'/><body>" + strings.Repeat("x", MaxBeside) + "</body>",
			`<body>(retracted an earlier message)</body><retract xmlns="urn:xmpp:message-retract:1" id="there-1"/>` +
				`<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:message-retract:1"/>`},
		{"a retraction of nobody knows what", "<retract xmlns='urn:xmpp:message-retract:1' id='gone'/><body>took it back</body>",
			"<body>took it back</body>"},
		{"a subject is metadata", "<body>hi</body><subject>new</subject>", "<body>hi</body>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := FromXMPP(stanza(t, c.in), [16]byte{7}, juliet, garden, refs)
			if got := strings.ReplaceAll(xml(travel(t, m).ToXMPP(names)), "'", `"`); got != c.out {
				t.Errorf("got  %s\nwant %s", got, c.out)
			}
		})
	}
}

// A plain body needs no second part; everything else is plain text first for other MIMI clients.
func TestReadableForOthers(t *testing.T) {
	refs := References{ByStanzaID: one("here-1", first)}
	m := FromXMPP(stanza(t, "<body>hi</body>"), [16]byte{}, juliet, garden, refs)
	if m.Body.Cardinality != Single || m.Body.ContentType != TypePlain || string(m.Body.Content) != "hi" {
		t.Errorf("a body became %+v", m.Body)
	}
	m = FromXMPP(stanza(t, "<body>&gt; quote\nyes</body><reply xmlns='urn:xmpp:reply:0' id='here-1'/>"+
		"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='8'/></fallback>"), [16]byte{}, juliet, garden, refs)
	if m.InReplyTo != first || string(m.Body.Parts[0].Content) != "yes" {
		t.Errorf("a reply with fallback became %+v", m)
	}
	if strings.Contains(string(m.Body.Parts[1].Content), "juliet@") {
		t.Error("an address rides along")
	}
	m = FromXMPP(stanza(t, "<x xmlns='urn:example:x'/>"), [16]byte{}, juliet, garden, refs)
	if m.Body.Semantics != ChooseOne || m.Body.Parts[0].Cardinality != Null {
		t.Errorf("a message without body shows something: %+v", m.Body)
	}
}

func TestReactionReplacesReaction(t *testing.T) {
	refs := References{ByStanzaID: one("here-1", first), OwnReaction: func(target MessageID) (MessageID, bool) { return liked, target == first }}
	names := Names{StanzaID: back(first, "there-1")}
	m := FromXMPP(stanza(t, "<reactions xmlns='urn:xmpp:reactions:0' id='here-1'/>"), [16]byte{}, juliet, garden, refs)
	if m.Replaces != liked || m.InReplyTo != first || m.Body.Cardinality != Null || m.Body.Disposition != Reaction {
		t.Errorf("a withdrawn reaction became %+v", m)
	}
	if got, want := xml(travel(t, m).ToXMPP(names)), `id='there-1'`; !strings.Contains(strings.ReplaceAll(got, `"`, "'"), want) || strings.Contains(got, "<reaction>") {
		t.Errorf("a withdrawn reaction is shown as %s", got)
	}
}

// Content of other clients, shown as text.
func TestForeignContent(t *testing.T) {
	text := func(mediaType, s string) Part {
		return Part{Disposition: Render, Cardinality: Single, ContentType: mediaType, Content: []byte(s)}
	}
	open := Part{Disposition: Attachment, Cardinality: External, ContentType: "image/png", External: &ExternalPart{URL: "https://b.example/i.png", Description: "a rose"}}
	sealed := open
	sealed.External = &ExternalPart{URL: "https://b.example/i.png", Encryption: 99, Key: []byte{1}, Filename: "rose.png"}
	for _, c := range []struct {
		name string
		body Part
		want string
	}{
		{"markdown", text(TypeMarkdown, "# Welcome"), "<body>*Welcome*</body>"},
		{"illegal characters", text(TypePlain, "a\x00b"), "<body>a\uFFFDb</body>"},
		{"another type", text("application/pdf", "x"), "<body>(content of type application/pdf, which cannot be shown here)</body>"},
		{"the text of a choice", Part{Disposition: Render, Cardinality: Multi, Parts: []Part{text("application/x", "?"), text(TypePlain, "this")}}, "<body>this</body>"},
		{"all parts", Part{Disposition: Render, Cardinality: Multi, Semantics: ProcessAll, Parts: []Part{text(TypePlain, "one"), text(TypePlain, "two")}}, "<body>one\ntwo</body>"},
		{"an open link", open, "<body>a rose\nhttps://b.example/i.png</body>" + `<file-sharing xmlns="urn:xmpp:sfs:0" disposition="attachment">` +
			`<file xmlns="urn:xmpp:file:metadata:0"><media-type>image/png</media-type><desc>a rose</desc></file>` +
			`<sources><url-data xmlns="http://jabber.org/protocol/url-data" target="https://b.example/i.png"/></sources></file-sharing>` +
			`<x xmlns="jabber:x:oob"><url>https://b.example/i.png</url><desc>a rose</desc></x>` + `<fallback xmlns="urn:xmpp:fallback:0" for="urn:xmpp:sfs:0"><body/></fallback>`},
		{"a sealed link", sealed, "<body>(attachment that cannot be opened here: rose.png)</body>"},
		{"text that looks styled", text(TypePlain, "*hi*"), `<body>*hi*</body><unstyled xmlns="urn:xmpp:styling:0"/>`},
		{"styled markdown", text(TypeMarkdown, "**hi**"), "<body>*hi*</body>"},
		{"HTML", text("text/html;charset=utf-8", "<p>Kudos to <a href=\"mimi://example.com/u/alice-smith\">\n@Alice</a> &amp; all!</p><p>Bye</p>"), "<body>Kudos to\n@Alice &amp; all!\nBye</body>"},
		{"text rather than HTML", Part{Cardinality: Multi, Parts: []Part{text("text/html", "<b>x</b>"), text(TypePlain, "x")}}, "<body>x</body>"},
		{"languages", Part{Cardinality: Multi, Parts: []Part{{Language: "en, de", Cardinality: Single, ContentType: TypePlain, Content: []byte("hi")},
			{Language: "fr", Cardinality: Single, ContentType: TypePlain, Content: []byte("salut")}}}, `<body>hi</body><body xml:lang="fr">salut</body>`},
		{"nothing", Part{}, "<body>(an empty message)</body>"},
		{"broken xml rides along", Part{Cardinality: Multi, Parts: []Part{text(TypePlain, "ok"), text(TypeXMPP, "<message")}}, "<body>ok</body>"},
		{"a forged subject and stanza-id", Part{Cardinality: Multi, Parts: []Part{text(TypePlain, "ok"),
			text(TypeXMPP, "<message xmlns='jabber:client'><subject>owned</subject><stanza-id xmlns='urn:xmpp:sid:0' id='x' by='y'/><body>ok</body></message>")}}, "<body>ok</body>"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := travel(t, &Message{Body: c.body})
			if got := strings.ReplaceAll(xml(m.ToXMPP(Names{})), "'", `"`); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

// What rides beside a reaction of somebody elsewhere adds words to it and nothing else.
func TestForgedBeside(t *testing.T) {
	beside := func(xml string) *Message {
		var w writer
		w.bytes([]byte(xml))
		return &Message{InReplyTo: first, Extensions: []Extension{{keyBeside, w.b}}, Body: Part{Disposition: Reaction, Cardinality: Single, ContentType: TypePlain, Content: []byte("❤")}}
	}
	const reaction = `<reactions xmlns="urn:xmpp:reactions:0" id="there-1"><reaction>❤</reaction></reactions>`
	for xmlText, want := range map[string]string{
		"<message xmlns='jabber:client'><body>words</body></message>": reaction + "<body>words</body>",
		"<message xmlns='jabber:client'><reactions xmlns='urn:xmpp:reactions:0' id='x'/><retract xmlns='urn:xmpp:message-retract:1' id='x'/><subject>owned</subject>" +
			"<stanza-id xmlns='urn:xmpp:sid:0' id='x' by='y'/><replace xmlns='urn:xmpp:message-correct:0' id='x'/></message>": reaction,
		"<message xmlns='jabber:client'><body>": reaction,
		"<presence xmlns='jabber:client'/>":     reaction,
		"":                                      reaction,
	} {
		if got := strings.ReplaceAll(xml(travel(t, beside(xmlText)).ToXMPP(Names{StanzaID: back(first, "there-1")})), "'", `"`); got != want {
			t.Errorf("%s: %s, want %s", xmlText, got, want)
		}
	}
	if got := xml(beside("<message xmlns='jabber:client'><body>words</body></message>").ToXMPP(Names{})); got != "<body>Reaction: ❤</body>" {
		t.Errorf("a reaction to nobody knows what: %s", got)
	}
	words := &Message{Extensions: beside("<message xmlns='jabber:client'><body>other words</body></message>").Extensions, Body: Part{Disposition: Render, Cardinality: Single, ContentType: TypePlain, Content: []byte("hi")}}
	if got := xml(words.ToXMPP(Names{})); got != "<body>hi</body>" {
		t.Errorf("words get others: %s", got)
	}
}

// Limits and forms that Decode refuses, beside one that it takes.
func TestDecodeRefuses(t *testing.T) {
	good, err := (&Message{Salt: [16]byte{1}, Sender: juliet.String(), Body: Part{Disposition: Render}}).Encode()
	if err != nil {
		t.Fatal(err)
	}
	nested := func(levels int) Part {
		p := Part{Disposition: Render}
		for range levels - 1 {
			p = Part{Cardinality: Multi, Parts: []Part{p, {}}}
		}
		return p
	}
	if _, err := (&Message{Body: nested(MaxDepth)}).Encode(); err != nil {
		t.Errorf("%d levels: %v", MaxDepth, err)
	}
	if _, err := (&Message{Body: nested(MaxDepth + 1)}).Encode(); err == nil {
		t.Errorf("%d levels are accepted", MaxDepth+1)
	}
	if _, err := (&Message{Body: Part{Cardinality: Multi, Parts: make([]Part, MaxParts-1)}}).Encode(); err != nil {
		t.Errorf("%d parts: %v", MaxParts, err)
	}
	if _, err := (&Message{Body: Part{Cardinality: Multi, Parts: make([]Part, MaxParts)}}).Encode(); err == nil {
		t.Errorf("%d parts are accepted", MaxParts+1)
	}
	if _, err := (&Message{Body: Part{Cardinality: Multi, Parts: make([]Part, 1)}}).Encode(); err == nil {
		t.Error("a multipart of one part is accepted")
	}
	if _, err := (&Message{Topic: make([]byte, MaxTopic+1)}).Encode(); err == nil {
		t.Error("a long topic is accepted")
	}
	if _, err := (&Message{Body: Part{Cardinality: Single, Content: make([]byte, MaxMessage)}}).Encode(); err == nil {
		t.Error("a long message is accepted")
	}
	extension := func(key, value []byte) *Message { return &Message{Extensions: []Extension{{key, value}}} }
	for name, c := range map[string]struct {
		m  *Message
		ok bool
	}{
		"nested as the draft shows": {extension([]byte{0x19, 1, 0}, []byte{0x81, 0x82, 0x40, 0xd8, 0x20, 0x60}), true},
		"nested deeper":             {extension([]byte{0x19, 1, 0}, []byte{0x81, 0x82, 0x40, 0xd8, 0x20, 0x80}), false},
		"long integer":              {extension([]byte{0x18, 5}, []byte{0x60}), false},
		"huge integer key":          {extension([]byte{0x1b, 0, 0x20, 0, 0, 0, 0, 0, 0}, []byte{0x60}), false},
		"empty text key":            {extension([]byte{0x60}, []byte{0x60}), false},
		"bytes as key":              {extension([]byte{0x41, 1}, []byte{0x60}), false},
		"half float":                {extension([]byte{5}, []byte{0xf9, 0x3c, 0}), true},
		"long float":                {extension([]byte{5}, []byte{0xfa, 0x3f, 0x80, 0, 0}), false},
		"needed float":              {extension([]byte{5}, []byte{0xfa, 0x3f, 0x8c, 0xcc, 0xcd}), true},
		"other NaN":                 {extension([]byte{5}, []byte{0xf9, 0x7e, 1}), false},
		"indefinite":                {extension([]byte{5}, []byte{0x9f, 0xff}), false},
		"unsorted inner map":        {extension([]byte{5}, []byte{0xa2, 2, 0, 1, 0}), false},
		"reply to an unknown hash":  {&Message{InReplyTo: MessageID{2, 1}}, false},
		"edit of an unknown hash":   {&Message{Replaces: MessageID{0, 1}}, false},
		"key twice":                 {&Message{Extensions: []Extension{{[]byte{5}, []byte{0}}, {[]byte{5}, []byte{0}}}}, false},
	} {
		if _, err := c.m.Encode(); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Decode(append(bytes.Clone(good), 0)); err == nil {
		t.Error("bytes after the end are accepted")
	}
}

func FuzzDecode(f *testing.F) {
	b, err := (&Message{Sender: juliet.String(), Room: garden.String(), Body: Part{Cardinality: Multi, Parts: []Part{{}, {Cardinality: Single, ContentType: TypePlain, Content: []byte("x")}}}}).Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte{0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, b []byte) {
		var m *Message
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		m, _ = Decode(b)
		runtime.ReadMemStats(&after)
		if n, bound := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+512*len(b)); n > bound {
			t.Fatalf("%d bytes of input allocate %d bytes", len(b), n)
		}
		if m == nil {
			return
		}
		again, err := m.Encode()
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("decoded, but encodes to %x: %v", again, err)
		}
		m.ToXMPP(Names{})
	})
}
