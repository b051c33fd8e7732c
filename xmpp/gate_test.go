package xmpp

import (
	"encoding/xml"
	"errors"
	"strconv"
	"strings"
	"testing"
)

var (
	garden = MustParseJID("garden@rooms.a.example/juliet")
	romeo  = MustParseJID("romeo@b.example/orchard")
)

func message(body string) Stanza {
	return Stanza{Kind: Message, From: garden, To: romeo, ID: "1", Type: TypeGroupchat, Payload: []*Element{TextElement(NSClient, "body", body)}}
}

func TestGate(t *testing.T) {
	g := NewGate(MustParseJID("rooms.a.example"))
	deep := NewElement("u", "a")
	for range MaxDepth - 2 {
		deep = NewElement("u", "a").With(deep)
	}
	with := func(change func(*Stanza)) Stanza {
		s := message("hello")
		change(&s)
		return s
	}
	attr := func(space, local, value string) *Element {
		return &Element{Name: xml.Name{Local: "a"}, Attrs: []xml.Attr{{Name: xml.Name{Space: space, Local: local}, Value: value}}}
	}
	tests := []struct {
		comment string
		s       Stanza
		ok      bool
	}{
		{"ordinary message", message("hello"), true},
		{"iq", Stanza{Kind: IQ, From: garden, To: romeo, ID: "1", Type: TypeResult}, true},
		{"every legal character", message("\t\n\r \u0085\ud7ff\ue000\ufffd\U00010000\U0010ffff<>&'\""), true},
		{"largest", message(strings.Repeat("x", MaxStanzaBytes-len(message("x").String())+1)), true},
		{"deepest", with(func(s *Stanza) { s.Payload = []*Element{deep} }), true},
		{"no to", with(func(s *Stanza) { s.To = JID{} }), false},
		{"no from", with(func(s *Stanza) { s.From = JID{} }), false},
		{"from another domain", with(func(s *Stanza) { s.From = romeo }), false},
		{"from a subdomain", with(func(s *Stanza) { s.From = MustParseJID("x.rooms.a.example") }), false},
		{"no kind", with(func(s *Stanza) { s.Kind = 0 }), false},
		{"iq without id", Stanza{Kind: IQ, From: garden, To: romeo, Type: TypeResult}, false},
		{"iq without type", Stanza{Kind: IQ, From: garden, To: romeo, ID: "1"}, false},
		{"control character in text", message("a\x00b"), false},
		{"not a character", message("\uffff"), false},
		{"not UTF-8", message("\xff"), false},
		{"surrogate", message("\xed\xa0\x80"), false},
		{"control character in id", with(func(s *Stanza) { s.ID = "\x01" }), false},
		{"control character in type", with(func(s *Stanza) { s.Type = "\x01" }), false},
		{"control character in xml:lang", with(func(s *Stanza) { s.Lang = "\x01" }), false},
		{"control character in an attribute", with(func(s *Stanza) { s.Payload = []*Element{attr("", "x", "\x0b")} }), false},
		{"control character in a namespace", with(func(s *Stanza) { s.Payload = []*Element{NewElement("\x0b", "a")} }), false},
		{"markup as element name", with(func(s *Stanza) { s.Payload = []*Element{NewElement("", "a/><b")} }), false},
		{"markup as attribute name", with(func(s *Stanza) { s.Payload = []*Element{attr("", "x='1' y", "")} }), false},
		{"colon in a name", with(func(s *Stanza) { s.Payload = []*Element{NewElement("", "a:b")} }), false},
		{"xmlns as attribute", with(func(s *Stanza) { s.Payload = []*Element{attr("", "xmlns", "u")} }), false},
		{"the same attribute twice", with(func(s *Stanza) {
			e := attr("", "x", "1")
			e.Attrs = append(e.Attrs, e.Attrs[0])
			s.Payload = []*Element{e}
		}), false},
		{"nil payload", with(func(s *Stanza) { s.Payload = []*Element{nil} }), false},
		{"too deep", with(func(s *Stanza) { s.Payload = []*Element{NewElement("u", "a").With(deep)} }), false},
		{"too many nodes", with(func(s *Stanza) {
			e := NewElement("u", "a")
			for range MaxNodes {
				e.With(NewElement("u", "b"))
			}
			s.Payload = []*Element{e}
		}), false},
		{"too many attributes", with(func(s *Stanza) {
			e := NewElement("u", "a")
			for i := range MaxAttrs + 1 {
				e.SetAttr("a"+strconv.Itoa(i), "")
			}
			s.Payload = []*Element{e}
		}), false},
		{"too large", message(strings.Repeat("&", MaxStanzaBytes/5)), false},
	}
	for _, tt := range tests {
		t.Run(tt.comment, func(t *testing.T) {
			prefix := []byte("before")
			out, err := g.Append(prefix, &tt.s)
			if (err == nil) != tt.ok {
				t.Fatalf("got %v", err)
			}
			if !tt.ok {
				if string(out) != "before" {
					t.Errorf("a refused stanza left %q", out)
				}
			} else if err := g.CheckBytes(out[len(prefix):]); err != nil {
				t.Errorf("as bytes: %v", err)
			}
			// A template of the same stanza passes and fails alike, but for the recipient.
			tpl := NewTemplate(tt.s)
			tplErr := g.CheckTemplate(tpl)
			if tplErr == nil {
				tplErr = g.CheckRecipient(tpl, tt.s.To)
			}
			if (tplErr == nil) != tt.ok {
				t.Errorf("as template: %v", tplErr)
			}
		})
	}
	if err := (Gate{}).CheckStanza(&Stanza{Kind: Message, To: romeo}); err == nil {
		t.Error("the zero gate let something through")
	}
	for _, b := range []string{"", "x", "<message/>", "<message to='a@b' from='rooms.a.example'/><a/>", "<message to='@' from='rooms.a.example'/>",
		"<message to='a@b' from='evil.example'/>", "<message to='a@b' from='rooms.a.example'>\x00</message>", "<handshake to='a@b' from='rooms.a.example'/>"} {
		if err := g.CheckBytes([]byte(b)); err == nil {
			t.Errorf("%q passed", b)
		}
	}
	if err := g.CheckBytes([]byte("<message to='a@b' from='rooms.a.example'/>")); err != nil {
		t.Error(err)
	}
	big := []byte("<message to='a@b' from='rooms.a.example'>" + strings.Repeat(" ", MaxStanzaBytes) + "</message>")
	var ie *InvalidError
	if err := g.CheckBytes(big); !errors.As(err, &ie) {
		t.Errorf("too large as bytes: %v", err)
	}
}

func TestTemplate(t *testing.T) {
	s := message("x < y")
	tpl := NewTemplate(s)
	for _, to := range []JID{romeo, MustParseJID("a@b/it's <&>"), MustParseJID("b.example")} {
		s.To = to
		want, err := ParseStanzaXML([]byte(s.String()))
		if err != nil {
			t.Fatal(err)
		}
		got, err := ParseStanzaXML(tpl.AppendTo(nil, to))
		if err != nil || !got.Element().Equal(want.Element()) {
			t.Errorf("to %s: got %s, %v", to, got, err)
		}
	}
	if tpl.Stanza().To != (JID{}) || tpl.Err() != nil {
		t.Error("a template has no recipient of its own and no error")
	}
	// The margin of MaxStanzaBytes covers the longest address.
	part := strings.Repeat("&", MaxJIDPart)
	worst, err := NewJID(strings.Repeat("a", MaxJIDPart), strings.Repeat("a.", MaxJIDPart/2)+"a", strings.Replace(part, "&", "'", -1))
	if err != nil {
		t.Fatal(err)
	}
	if n := len(appendAttrValue(nil, worst.String())); n > ServerStanzaLimit-MaxStanzaBytes {
		t.Errorf("the longest address takes %d octets, the margin is %d", n, ServerStanzaLimit-MaxStanzaBytes)
	}
}

func recipients(n int) []JID {
	to := make([]JID, n)
	for i := range to {
		to[i] = MustParseJID("user" + strconv.Itoa(i) + "@a.example/phone")
	}
	return to
}

func BenchmarkBroadcast(b *testing.B) {
	to := recipients(10_000)
	s := message("Wherefore art thou, Romeo?")
	b.Run("template", func(b *testing.B) {
		g := NewGate(MustParseJID("rooms.a.example"))
		buf := make([]byte, 0, 4<<20)
		b.ReportAllocs()
		for b.Loop() {
			tpl := NewTemplate(s)
			if err := g.CheckTemplate(tpl); err != nil {
				b.Fatal(err)
			}
			buf = buf[:0]
			for _, j := range to {
				buf = tpl.AppendTo(buf, j)
			}
		}
		b.SetBytes(int64(len(buf)))
	})
	b.Run("encoding-xml", func(b *testing.B) {
		type stanza struct {
			XMLName xml.Name `xml:"message"`
			To      string   `xml:"to,attr"`
			From    string   `xml:"from,attr"`
			ID      string   `xml:"id,attr"`
			Type    string   `xml:"type,attr"`
			Body    string   `xml:"body"`
		}
		b.ReportAllocs()
		for b.Loop() {
			for _, j := range to {
				if _, err := xml.Marshal(stanza{To: j.String(), From: s.From.String(), ID: s.ID, Type: s.Type, Body: "Wherefore art thou, Romeo?"}); err != nil {
					b.Fatal(err)
				}
			}
		}
	})
}
