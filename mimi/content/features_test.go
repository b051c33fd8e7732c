package content

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anteroom/internal/vectors"
	"anteroom/mimi"
	"anteroom/xmpp"
)

// The published report, and what is no report (draft-mahy-mimi-message-status-01 §4).
func TestStatusVector(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(vectors.Path(t, "mimi", "mimi-content"), "..", "mimi-message-status", "status.cbor"))
	if err != nil {
		t.Fatal(err)
	}
	report, err := DecodeReport(b)
	if err != nil {
		t.Fatal(err)
	}
	want := []struct {
		id     string
		status Status
	}{{"017ce548", Read}, {"01535497", Read}, {"018d825a", Unread}, {"01e59db8", Expired}}
	if len(report) != len(want) {
		t.Fatalf("%+v", report)
	}
	for i, w := range want {
		if !strings.HasPrefix(report[i].Message.String(), w.id) || report[i].Status != w.status {
			t.Errorf("entry %d is %+v, want %+v", i, report[i], w)
		}
	}
	if again, err := EncodeReport(report); err != nil || !bytes.Equal(again, b) {
		t.Errorf("encoded again %x: %v", again, err)
	}
	long := bytes.Clone(b)
	long[36] = 0x18 // a status not in its shortest form
	for name, bad := range map[string][]byte{"empty": nil, "cut": b[:len(b)-1], "more": append(bytes.Clone(b), 0), "no array": {0xa0}, "long form": long,
		"too many": {0x9b, 0, 0, 1, 0, 0, 0, 0, 0}, "zero id": append([]byte{0x81, 0x82, 0x58, 32}, make([]byte, 33)...)} {
		if r, err := DecodeReport(bad); err == nil {
			t.Errorf("%s: decoded as %+v", name, r)
		}
	}
	if _, err := EncodeReport(make([]MessageStatus, MaxReport+1)); err == nil {
		t.Error("an endless report is encoded")
	}
}

// Markers and receipts are reports; of a report XMPP clients see how far its sender has read.
func TestMarkersAndReports(t *testing.T) {
	refs := References{ByStanzaID: one("here-1", first)}
	for payload, want := range map[string]Status{"<displayed xmlns='urn:xmpp:chat-markers:0' id='here-1'/>": Read, "<received xmlns='urn:xmpp:receipts' id='here-1'/>": Delivered} {
		m := travel(t, FromXMPP(stanza(t, payload), [16]byte{}, juliet, garden, refs))
		report, err := DecodeReport(m.Body.Content)
		if err != nil || m.Body.ContentType != TypeStatus || len(report) != 1 || report[0] != (MessageStatus{first, want}) {
			t.Errorf("%s became %+v", payload, m.Body)
		}
	}
	b, err := EncodeReport([]MessageStatus{{liked, Read}, {first, Read}, {MessageID{1, 9}, Read}, {liked, Delivered}})
	if err != nil {
		t.Fatal(err)
	}
	m := &Message{Body: Part{Cardinality: Single, ContentType: TypeStatus, Content: b}}
	if got := xml(m.ToXMPP(Names{StanzaID: back(first, "there-1")})); !strings.Contains(got, "<displayed") || !strings.Contains(got, "there-1") {
		t.Errorf("a report is shown as %s", got)
	}
	if got := m.ToXMPP(Names{}); len(got.Payload) != 0 {
		t.Errorf("a report on nothing known is shown as %s", xml(got))
	}
}

// Files both ways: XEP-0066, 0447 and 0448 as external parts (draft-ietf-mimi-content §4.4).
func TestFiles(t *testing.T) {
	const sealed = "<file-sharing xmlns='urn:xmpp:sfs:0' disposition='inline'><file xmlns='urn:xmpp:file:metadata:0'><media-type>image/jpeg</media-type><name>summit.jpg</name>" +
		"<size>3032449</size><desc>Photo</desc></file><sources><encrypted xmlns='urn:xmpp:esfs:0' cipher='urn:xmpp:ciphers:aes-128-gcm-nopadding:0'><key>AQID</key><iv>BAUG</iv>" +
		"<hash xmlns='urn:xmpp:hashes:2' algo='sha-256'>BwgJ</hash><sources xmlns='urn:xmpp:sfs:0'><url-data xmlns='http://jabber.org/protocol/url-data' target='https://a.example/e.jpg'/>" +
		"</sources></encrypted></sources></file-sharing>"
	m := travel(t, FromXMPP(stanza(t, "<body>https://a.example/e.jpg</body>"+sealed), [16]byte{}, juliet, garden, References{}))
	p := m.Body.Parts[0]
	x := p.External
	if p.Cardinality != External || p.Disposition != Inline || p.ContentType != "image/jpeg" || x.URL != "https://a.example/e.jpg" || x.Size != 3032449 || x.Filename != "summit.jpg" ||
		x.Description != "Photo" || x.Encryption != 1 || !bytes.Equal(x.Key, []byte{1, 2, 3}) || !bytes.Equal(x.Nonce, []byte{4, 5, 6}) || x.Hash != 1 || !bytes.Equal(x.ContentHash, []byte{7, 8, 9}) {
		t.Errorf("an encrypted file became %+v, %+v", p, x)
	}
	if got, want := xml((&Message{Body: p}).ToXMPP(Names{})), "<body>(encrypted attachment: Photo)</body>"+sealed+"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:sfs:0'><body/></fallback>"; norm(got) != norm(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	m = travel(t, FromXMPP(stanza(t, "<body>look</body><x xmlns='jabber:x:oob'><url>https://a.example/r.png</url></x>"), [16]byte{}, juliet, garden, References{}))
	if u := m.Body.Parts[0]; u.Semantics != ProcessAll || string(u.Parts[0].Content) != "look" || u.Parts[1].External.URL != "https://a.example/r.png" || u.Parts[1].External.Filename != "r.png" {
		t.Errorf("a file with words became %+v", u)
	}
	for _, address := range []string{"file:///etc/passwd", "xmpp:a@b", "https://" + strings.Repeat("a", MaxURL)} {
		if got := files(stanza(t, "<x xmlns='jabber:x:oob'><url>"+address+"</url></x>")); len(got) != 0 {
			t.Errorf("%.30s became %+v", address, got)
		}
	}
	many := stanza(t, "<body>x</body>")
	for i := range MaxFiles + 1 {
		many.Payload = append(many.Payload, xmpp.NewElement(nsOOB, "x").With(xmpp.TextElement(nsOOB, "url", "https://a.example/"+strings.Repeat("a", i+1))))
	}
	if got := files(many); len(got) != MaxFiles {
		t.Errorf("%d files", len(got))
	}
}

func norm(s string) string { return strings.ReplaceAll(s, `"`, "'") }

// Styled text is markdown for others; mentions are links to users and nothing else of an address travels.
func TestMarkdownAndMentions(t *testing.T) {
	refs := References{User: func(j xmpp.JID) (mimi.URI, bool) {
		return mimi.MustURI("mimi://a.example/u/romeo"), j.String() == "romeo@a.example"
	}}
	const mention = "<reference xmlns='urn:xmpp:reference:0' type='mention' begin='3' end='8' uri='xmpp:romeo@a.example'/>"
	m := travel(t, FromXMPP(stanza(t, "<body>hi Romeo, *now*</body>"+mention), [16]byte{}, juliet, garden, refs))
	p := m.Body.Parts[0]
	if p.ContentType != TypeMarkdown || string(p.Content) != "hi [Romeo](mimi://a.example/u/romeo), **now**" {
		t.Errorf("became %s %q", p.ContentType, p.Content)
	}
	if carried := string(m.Body.Parts[1].Content); strings.Contains(carried, "romeo@a.example") {
		t.Errorf("an address rides along: %s", carried)
	}
	names := Names{User: func(uri string) (xmpp.JID, bool) {
		return xmpp.MustParseJID("romeo@a.example"), uri == "mimi://a.example/u/romeo"
	}}
	if got, want := xml((&Message{Body: p}).ToXMPP(names)), "<body>hi Romeo, *now*</body>"+strings.Replace(mention, " begin='3' end='8' uri='xmpp:romeo@a.example'", " uri='xmpp:romeo@a.example' begin='3' end='8'", 1); norm(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Topics that are no text are threads all the same, and come back as they were.
func TestBinaryTopic(t *testing.T) {
	for _, topic := range []string{"t1", "\x00\xff", "mimi-topic:x", " a"} {
		shown := (&Message{Topic: []byte(topic), Body: Part{Cardinality: Single, ContentType: TypePlain, Content: []byte("x")}}).ToXMPP(Names{})
		s := &xmpp.Stanza{Payload: shown.Payload}
		if m := FromXMPP(s, [16]byte{}, juliet, garden, References{}); string(m.Topic) != topic {
			t.Errorf("%q came back as %q", topic, m.Topic)
		}
	}
}

// Chat states alone do not travel (XEP-0085), nor do markers of what nobody knows.
func TestTransient(t *testing.T) {
	for payload, want := range map[string]bool{
		"<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>":                   true,
		"<active xmlns='http://jabber.org/protocol/chatstates'/><body>x</body>":                                          false,
		"<no-store xmlns='urn:xmpp:hints'/>":                                                                             false,
		"<displayed xmlns='urn:xmpp:chat-markers:0' id='gone'/><thread>t</thread>":                                       true,
		"<received xmlns='urn:xmpp:receipts' id='gone'/>":                                                                true,
		"<displayed xmlns='urn:xmpp:chat-markers:0' id='here-1'/>":                                                       false,
		"<displayed xmlns='urn:xmpp:chat-markers:0' id='gone'/><displayed xmlns='urn:xmpp:chat-markers:0' id='here-1'/>": false,
		"<displayed xmlns='urn:xmpp:chat-markers:0' id='gone'/><body>x</body>":                                           false,
	} {
		if got := Transient(stanza(t, payload), References{ByStanzaID: one("here-1", first)}); got != want {
			t.Errorf("%s: %v", payload, got)
		}
	}
}

// The extensions of draft-mahy-mimi-content-more-extensions are kept as they came, in every form that its CDDL has.
func TestMoreExtensions(t *testing.T) {
	id := append([]byte{0x58, 32, 1}, make([]byte, 31)...)
	for name, e := range map[string]Extension{
		"senderTimestamp":             {[]byte{3}, []byte{0xa1, 1, 0x1a, 0x62, 3, 0x66, 0x74}},
		"senderTimestamp with millis": {[]byte{3}, []byte{0xa2, 1, 0x1a, 0x62, 3, 0x66, 0x74, 0x22, 0x18, 99}},
		"externalMessageId by pen":    {[]byte{4}, []byte{0x82, 0x41, 7, 9}},
		"externalMessageId by domain": {[]byte{4}, []byte{0x82, 0x41, 7, 0x61, 'b'}},
		"subject":                     {[]byte{5}, []byte{0x62, 'h', 'i'}},
		"lastSeen":                    {[]byte{0x19, 1, 0}, append([]byte{0x81}, id...)},
	} {
		m := travel(t, &Message{Extensions: []Extension{e}})
		if len(m.Extensions) != 1 || !bytes.Equal(m.Extensions[0].Key, e.Key) || !bytes.Equal(m.Extensions[0].Value, e.Value) {
			t.Errorf("%s came back as %x", name, m.Extensions)
		}
	}
}
