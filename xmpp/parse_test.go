package xmpp

import (
	"encoding/xml"
	"errors"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

func TestParseElement(t *testing.T) {
	tests := []struct{ in, want, comment string }{
		{`<a/>`, `<a/>`, "empty element"},
		{" <a></a>\n", `<a/>`, "white space around"},
		{`<a xmlns='urn:1'><b/><c xmlns=''/></a>`, `<a xmlns='urn:1'><b/><c xmlns=''/></a>`, "default namespace inherited and undone"},
		{`<p:a xmlns:p='urn:1'><p:b/><c/></p:a>`, `<a xmlns='urn:1'><b/><c xmlns=''/></a>`, "prefix"},
		{`<a xmlns:p='urn:1'><b xmlns:p='urn:2'><p:c/></b><p:d/></a>`, `<a><b><c xmlns='urn:2'/></b><d xmlns='urn:1'/></a>`, "prefix redeclared inside"},
		{`<a xmlns:p='urn:1' p:x='1' x='2'/>`, `<a xmlns:a0='urn:1' a0:x='1' x='2'/>`, "attribute with namespace"},
		{`<a xml:lang='de'/>`, `<a xml:lang='de'/>`, "xml:lang"},
		{`<a b="'&quot;&#65;&#x42;&lt;&gt;&amp;&apos;"/>`, `<a b='&apos;"AB&lt;&gt;&amp;&apos;'/>`, "references in an attribute"},
		{"<a b='x\ty\r\nz'/>", `<a b='x y z'/>`, "white space in an attribute becomes blanks"},
		{`<a b='&#9;&#xA;'/>`, `<a b='&#x9;&#xA;'/>`, "white space by reference stays"},
		{"<a>x\r\ny\rz&#xD;</a>", "<a>x\ny\nz&#xD;</a>", "line ends"},
		{`<a>1<![CDATA[<&]]>2</a>`, `<a>1&lt;&amp;2</a>`, "CDATA"},
		{`<a ><b /></a >`, `<a><b/></a>`, "blanks in tags"},
		{`<ä ü='ö'/>`, `<ä ü='ö'/>`, "names beyond ASCII"},
		{`<a xmlns='jabber:component:accept'/>`, `<a xmlns='jabber:client'/>`, "component namespace"},
	}
	for _, tt := range tests {
		t.Run(tt.comment, func(t *testing.T) {
			e, err := ParseElement([]byte(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if got := e.String(); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
			if err := e.Validate(); err != nil {
				t.Error(err)
			}
			if err := xml.Unmarshal([]byte(e.String()), new(any)); err != nil {
				t.Errorf("encoding/xml cannot read %s: %v", e, err)
			}
		})
	}
}

func TestParseElementRefuses(t *testing.T) {
	for _, in := range []string{
		``, `a`, `<`, `<a`, `<a>`, `<a></b>`, `<a></ab>`, `</a>`, `<a/><b/>`, `<a/>x`, `<a b/>`, `<a b=c/>`, `<a b='/>`, `<a b='1'c='2'/>`,
		`<a b='1' b='2'/>`, `<a xmlns:p='u' xmlns:q='u' p:b='1' q:b='2'/>`, `<a xmlns='1' xmlns='2'/>`, `<a xmlns:p='1' xmlns:p='2'/>`,
		`<p:a/>`, `<a p:b='1'/>`, `<a:b:c/>`, `<:a/>`, `<a:/>`, `<1/>`, `<a xmlns:p=''/>`, `<a xmlns:xmlns='x'/>`, `<a xmlns:xml='x'/>`,
		`<a>&nbsp;</a>`, `<a>&</a>`, `<a>&lt</a>`, `<a>&#0;</a>`, `<a>&#x1F;</a>`, `<a>&#xD800;</a>`, `<a>&#x110000;</a>`, `<a>&#;</a>`, `<a>&#-5;</a>`,
		`<a>&#99999999999;</a>`, "<a>\x00</a>", "<a>\x1f</a>", "<a>\xff</a>", "<a>\xed\xa0\x80</a>", "<a>\ufffe</a>", "<a b='\x01'/>", `<a b='<'/>`,
		`<a>]]></a>`, `<a><![CDATA[</a>`, "<a><![CDATA[\x00]]></a>", `<a><!-- --></a>`, `<a><?x?></a>`, `<!DOCTYPE a><a/>`, `<?xml version='1.0'?><a/>`,
	} {
		e, err := ParseElement([]byte(in))
		var se *SyntaxError
		if !errors.As(err, &se) || se.Rule == "" {
			t.Errorf("%q gave %v, %v, want a SyntaxError", in, e, err)
		}
	}
}

func TestParseLimits(t *testing.T) {
	attrs := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(" a" + strconv.Itoa(i) + "=''")
		}
		return "<a" + b.String() + "/>"
	}
	nested := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	long := strings.Repeat("n", 1<<10) // written again, each name that takes it from elsewhere has it as its own
	borrowed := func(n int, inner string) string {
		return "<a xmlns='" + long + "' xmlns:p='" + long + "' xmlns:s='s'><s:b>" + strings.Repeat(inner, n) + "</s:b></a>"
	}
	const lent = MaxBorrowed/(1<<10) - 1 // the s of b counts, too
	tests := []struct {
		comment  string
		in, over string
	}{
		{"namespaces by prefix", borrowed(lent, "<p:c/>"), borrowed(lent+1, "<p:c/>")},
		{"namespaces by prefix of attributes", borrowed(lent, "<s:c p:d=''/>"), borrowed(lent+1, "<s:c p:d=''/>")},
		{"namespaces by a declaration that is not the parent's", borrowed(lent, "<c/>"), borrowed(lent+1, "<c/>")},
		{"depth", nested(MaxDepth), nested(MaxDepth + 1)},
		{"attributes", attrs(MaxAttrs), attrs(MaxAttrs + 1)},
		{"declarations count as attributes", attrs(MaxAttrs), strings.Replace(attrs(MaxAttrs), "/>", " xmlns:p='u'/>", 1)},
		{"nodes", "<a>" + strings.Repeat("<b/>", MaxNodes-1) + "</a>", "<a>" + strings.Repeat("<b/>", MaxNodes) + "</a>"},
		{"text runs are nodes", "<a>" + strings.Repeat("x<b/>", MaxNodes/2-1) + "x</a>", "<a>" + strings.Repeat("x<b/>", MaxNodes/2) + "</a>"},
		{"size", "<a>" + strings.Repeat("x", MaxIncomingBytes-7) + "</a>", "<a>" + strings.Repeat("x", MaxIncomingBytes-6) + "</a>"},
	}
	for _, tt := range tests {
		t.Run(tt.comment, func(t *testing.T) {
			e, err := ParseElement([]byte(tt.in))
			if err != nil {
				t.Fatalf("at the limit: %v", err)
			}
			if err := e.Validate(); err != nil {
				t.Errorf("at the limit: %v", err)
			}
			var le *LimitError
			if _, err := ParseElement([]byte(tt.over)); !errors.As(err, &le) {
				t.Errorf("above the limit: %v", err)
			}
		})
	}
}

func TestParseStartTag(t *testing.T) {
	e, in, err := ParseStartTag([]byte(streamHead[strings.Index(streamHead, "<stream"):]+"<garbage"), Scope{})
	if err != nil {
		t.Fatal(err)
	}
	if !e.Is(NSStream, "stream") || e.Attr("id") != "a>b" || in.Default != NSComponent || in.Prefixes["stream"] != NSStream {
		t.Errorf("got %v in %+v", e, in)
	}
	c, err := ParseElementIn([]byte(`<stream:error><x/></stream:error>`), in)
	if err != nil || !c.Is(NSStream, "error") || c.Child(NSClient, "x") == nil {
		t.Errorf("inside the stream: %v, %v", c, err)
	}
	if _, _, err := ParseStartTag([]byte("<a b='"), Scope{}); err == nil {
		t.Error("half a tag was accepted")
	}
}

func TestElementHelpers(t *testing.T) {
	e := NewElement("urn:x", "a").WithAttr("k", "v").WithAttr("none", "").WithLang("en").
		With(TextElement("urn:x", "b", "1"), nil, TextElement("urn:y", "b", "2"), TextElement("urn:x", "b", "3")).WithText("t").WithText("")
	if e.ChildText("urn:x", "b") != "1" || e.ChildText("urn:y", "") != "2" || len(e.ChildrenNamed("urn:x", "b")) != 2 || e.Text() != "t" || e.Lang() != "en" {
		t.Errorf("children of %s are not found", e)
	}
	c := e.Clone()
	if !c.Equal(e) {
		t.Error("a clone is equal")
	}
	c.FirstElement().Children[0].Text = "changed"
	c.SetAttr("k", "w")
	if e.ChildText("urn:x", "b") != "1" || e.Attr("k") != "v" || c.Equal(e) {
		t.Error("changing a clone changes the original")
	}
	c.RemoveChildren("urn:x", "b")
	c.RemoveAttr("k")
	if got, want := c.String(), `<a xmlns='urn:x' xml:lang='en'><b xmlns='urn:y'>2</b>t</a>`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	var none *Element
	if none.Text()+none.Attr("x")+none.Lang()+none.String()+none.ChildText("", "x") != "" || none.Clone() != nil || none.FirstElement() != nil || none.Is("", "") || !none.Equal(nil) {
		t.Error("a nil element is empty")
	}
	for _, differ := range []string{`<a k='1'/>`, `<b k='v'/>`, `<a/>`, `<a k='v'>x</a>`} {
		o, err := ParseElement([]byte(differ))
		if err != nil {
			t.Fatal(err)
		}
		if o.Equal(NewElement("", "a").WithAttr("k", "v")) {
			t.Errorf("%s is not equal", o)
		}
	}
}

// Whatever is accepted is legal, can be written, and reads the same again.
func FuzzParseElement(f *testing.F) {
	for _, s := range []string{`<a xmlns='u' xmlns:p='v' p:x='&amp;'>t<p:b/><![CDATA[x]]></a>`, "<a>\r\n&#13;</a>", `<a b='&#x9;'/>`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		e, err := ParseElement(in)
		runtime.ReadMemStats(&after)
		if got, most := after.TotalAlloc-before.TotalAlloc, uint64(64<<10+300*len(in)); got > most {
			t.Fatalf("%d octets of input allocated %d octets", len(in), got)
		}
		if err != nil {
			return
		}
		if err := e.Validate(); err != nil {
			t.Fatalf("%q was accepted and is not valid: %v", in, err)
		}
		once := e.String()
		again, err := ParseElement([]byte(once))
		if err != nil {
			t.Fatalf("%q was written as %q: %v", in, once, err)
		}
		if twice := again.String(); twice != once {
			t.Fatalf("%q, then %q", once, twice)
		}
	})
}

func BenchmarkParseStanza(b *testing.B) {
	in := []byte(`<message from='juliet@a.example/balcony' to='garden@rooms.a.example' type='groupchat' id='q1' xml:lang='en'>` +
		`<body>Wherefore art thou, Romeo?</body><origin-id xmlns='urn:xmpp:sid:0' id='8f0c'/><active xmlns='http://jabber.org/protocol/chatstates'/></message>`)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := ParseStanzaXML(in); err != nil {
			b.Fatal(err)
		}
	}
}
