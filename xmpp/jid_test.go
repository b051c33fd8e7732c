package xmpp

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParseJID(t *testing.T) {
	long := strings.Repeat("a", MaxJIDPart)
	label := strings.Repeat("a", 63)
	tests := []struct {
		in, local, domain, resource string
		comment                     string
	}{
		{"juliet@example.com", "juliet", "example.com", "", "RFC 7622 §3.5 example 1"},
		{"juliet@example.com/foo", "juliet", "example.com", "foo", "example 2"},
		{"juliet@example.com/foo bar", "juliet", "example.com", "foo bar", "example 3: blank in a resourcepart"},
		{"juliet@example.com/foo@bar", "juliet", "example.com", "foo@bar", "example 4: at sign in a resourcepart"},
		{`foo\20bar@example.com`, `foo\20bar`, "example.com", "", "example 5: XEP-0106"},
		{"fußball@example.com", "fußball", "example.com", "", "example 6: sharp s is not ss"},
		{"π@example.com", "π", "example.com", "", "example 7"},
		{"Σ@example.com/foo", "σ", "example.com", "foo", "example 8: case mapped to a non-final sigma"},
		{"king@example.com/♚", "king", "example.com", "♚", "example 10: a symbol in a resourcepart"},
		{"example.com", "", "example.com", "", "example 11: a domain alone"},
		{"example.com/foobar", "", "example.com", "foobar", "example 12"},
		{"a.example.com/b@example.net", "", "a.example.com", "b@example.net", "example 13: at sign after the slash"},
		{"Juliet@EXAMPLE.com/Balcony", "juliet", "example.com", "Balcony", "case is kept in the resourcepart only"},
		{"example.com.", "", "example.com", "", "the final dot goes (RFC 7622 §3.2)"},
		{"juliet@xn--bcher-kva.example", "juliet", "bücher.example", "", "A-label becomes U-label"},
		{"juliet@BÜCHER.example", "juliet", "bücher.example", "", "U-label is case mapped"},
		{"juliet@bücher.example", "juliet", "bücher.example", "", "U-label stays"},
		{"u@127.0.0.1/x", "u", "127.0.0.1", "x", "IPv4"},
		{"u@[2001:DB8::1]/x", "u", "[2001:db8::1]", "x", "IPv6"},
		{"u@my_host", "u", "my_host", "", "underscore is tolerated"},
		{"u@localhost/a/b", "u", "localhost", "a/b", "slash in a resourcepart"},
		{"u@e.x/a\u00a0b", "u", "e.x", "a b", "non-ASCII space mapped to a blank (RFC 8265 §4.2.2)"},
		{"ｊuliet@e.x", "juliet", "e.x", "", "full-width letter mapped (RFC 8265 §3.3.2)"},
		{long + "@e.x", long, "e.x", "", "longest localpart"},
		{"u@" + label + ".x", "u", label + ".x", "", "longest label"},
		{"e.x/" + long, "", "e.x", long, "longest resourcepart"},
	}
	for _, tt := range tests {
		t.Run(tt.comment, func(t *testing.T) {
			j, err := ParseJID(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			if j.Local() != tt.local || j.Domain() != tt.domain || j.Resource() != tt.resource {
				t.Fatalf("got %q %q %q", j.Local(), j.Domain(), j.Resource())
			}
			again, err := ParseJID(j.String())
			if err != nil || again != j {
				t.Errorf("parsing %q again: %q, %v", j, again, err)
			}
			built, err := NewJID(tt.local, tt.domain, tt.resource)
			if err != nil || built != j {
				t.Errorf("built from its parts: %q, %v", built, err)
			}
		})
	}
}

func TestParseJIDRefuses(t *testing.T) {
	tests := []struct{ in, part, comment string }{
		{`"juliet"@example.com`, "localpart", "RFC 7622 §3.5 example 15: quotes"},
		{"foo bar@example.com", "localpart", "example 16: blank"},
		{"juliet@example.com/", "resourcepart", "example 17: empty resourcepart"},
		{"@example.com/", "resourcepart", "example 18"},
		{"@example.com", "localpart", "empty localpart"},
		{"henryⅣ@example.com", "localpart", "example 19: a compatibility character"},
		{"♚@example.com", "localpart", "example 20: a symbol"},
		{"a&b@example.com", "localpart", "excluded character"},
		{"a:b@example.com", "localpart", "excluded character"},
		{"a＆b@example.com", "localpart", "full-width ampersand becomes an excluded character"},
		{"a@b@example.com", "domainpart", "the first at sign separates"},
		{"a@exa mple.com", "domainpart", "blank in a domain"},
		{"a@example..com", "domainpart", "empty label"},
		{"a@-example.com", "domainpart", "label begins with a hyphen"},
		{"a@" + strings.Repeat("b", 64) + ".x", "domainpart", "label of 64 octets"},
		{"a@[::1", "domainpart", "bracket not closed"},
		{"a@[1.2.3.4]", "domainpart", "IPv4 in brackets"},
		{"a@[fe80::1%25eth0]", "domainpart", "zone"},
		{"a@e.x/\x00", "resourcepart", "control character"},
		{"a@e.x/\xff", "resourcepart", "not UTF-8"},
		{"\xff@e.x", "localpart", "not UTF-8"},
		{strings.Repeat("a", MaxJIDPart+1) + "@e.x", "localpart", "too long"},
		{"e.x/" + strings.Repeat("a", MaxJIDPart+1), "resourcepart", "too long"},
		{strings.Repeat("a.", MaxJIDPart/2+1) + "a", "domainpart", "too long"},
	}
	for _, tt := range tests {
		t.Run(tt.comment, func(t *testing.T) {
			j, err := ParseJID(tt.in)
			var je *JIDError
			if !errors.As(err, &je) {
				t.Fatalf("got %q, %v, want a JIDError", j, err)
			}
			if je.Part != tt.part {
				t.Errorf("blamed the %s, want the %s: %v", je.Part, tt.part, err)
			}
		})
	}
	for _, in := range []string{"", "a@", "/"} {
		if j, err := ParseJID(in); err == nil {
			t.Errorf("%q gave %q", in, j)
		}
	}
}

func TestJIDParts(t *testing.T) {
	j := MustParseJID("juliet@a.example/balcony")
	if !j.IsFull() || j.IsBare() || j.IsZero() {
		t.Error("a full address is full only")
	}
	b := j.Bare()
	if b != MustParseJID("juliet@a.example") || !b.IsBare() || b.IsFull() {
		t.Errorf("bare is %q", b)
	}
	if j.DomainJID() != MustParseJID("a.example") {
		t.Errorf("domain is %q", j.DomainJID())
	}
	r, err := b.WithResource("chamber")
	if err != nil || r != MustParseJID("juliet@a.example/chamber") {
		t.Errorf("WithResource gave %q, %v", r, err)
	}
	if again, _ := r.WithResource(""); again != b {
		t.Errorf("WithResource(\"\") gave %q", again)
	}
	if _, err := (JID{}).WithResource("x"); !errors.Is(err, ErrEmptyJID) {
		t.Errorf("WithResource on the zero JID: %v", err)
	}
	var zero JID
	if !zero.IsZero() || zero.IsBare() || zero.IsFull() || zero.String()+zero.Local()+zero.Domain()+zero.Resource() != "" || zero.Bare() != zero {
		t.Error("the zero JID has no parts")
	}
	seen := map[JID]bool{j: true}
	if !seen[MustParseJID("JULIET@A.EXAMPLE/balcony")] {
		t.Error("equal addresses are one map key")
	}
}

func TestJIDText(t *testing.T) {
	type v struct{ J JID }
	var got v
	if err := json.Unmarshal([]byte(`{"J":"Juliet@a.example/x"}`), &got); err != nil || got.J != MustParseJID("juliet@a.example/x") {
		t.Errorf("got %v, %v", got, err)
	}
	if out, err := json.Marshal(got); err != nil || string(out) != `{"J":"juliet@a.example/x"}` {
		t.Errorf("got %s, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"J":""}`), &got); err != nil || !got.J.IsZero() {
		t.Errorf("empty text gave %v, %v", got, err)
	}
	if err := json.Unmarshal([]byte(`{"J":"@"}`), &got); err == nil {
		t.Error("a malformed address was accepted")
	}
}

func TestEscapeLocal(t *testing.T) {
	// XEP-0106 §5.1, and backslashes that do and do not read as escapes.
	tests := []struct{ plain, escaped string }{
		{`space cadet`, `space\20cadet`},
		{`call me "ishmael"`, `call\20me\20\22ishmael\22`},
		{`at&t guy`, `at\26t\20guy`},
		{`d'artagnan`, `d\27artagnan`},
		{`/.fanboy`, `\2f.fanboy`},
		{`::foo::`, `\3a\3afoo\3a\3a`},
		{`<foo>`, `\3cfoo\3e`},
		{`user@host`, `user\40host`},
		{`c:\net`, `c\3a\net`},
		{`c:\\net`, `c\3a\\net`},
		{`c:\cool stuff`, `c\3a\cool\20stuff`},
		{`c:\5commas`, `c\3a\5c5commas`},
		{`\2plus\2is\4`, `\2plus\2is\4`},
		{`foo\bar`, `foo\bar`},
		{`foob\41r`, `foob\41r`},
		{`\20`, `\5c20`},
	}
	for _, tt := range tests {
		if got := EscapeLocal(tt.plain); got != tt.escaped {
			t.Errorf("EscapeLocal(%q) = %q, want %q", tt.plain, got, tt.escaped)
		}
		if got := UnescapeLocal(tt.escaped); got != tt.plain {
			t.Errorf("UnescapeLocal(%q) = %q, want %q", tt.escaped, got, tt.plain)
		}
	}
}

func TestNickname(t *testing.T) {
	tests := []struct{ in, shown, key, comment string }{
		{"Foo", "Foo", "foo", "RFC 8266 §3 example 1"},
		{"Foo Bar", "Foo Bar", "foo bar", "example 3"},
		{" foo bar ", "foo bar", "foo bar", "example 4: outer spaces go"},
		{"foo   bar", "foo bar", "foo bar", "example 5: inner spaces become one"},
		{"Σ", "Σ", "σ", "example 7"},
		{"♞", "♞", "♞", "example 11: a symbol"},
		{"Richard Ⅳ", "Richard IV", "richard iv", "example 12: compatibility form mapped"},
	}
	for _, tt := range tests {
		shown, err := Nickname(tt.in)
		if err != nil || shown != tt.shown {
			t.Errorf("%s: Nickname(%q) = %q, %v, want %q", tt.comment, tt.in, shown, err, tt.shown)
		}
		key, err := NicknameKey(tt.in)
		if err != nil || key != tt.key {
			t.Errorf("%s: NicknameKey(%q) = %q, %v, want %q", tt.comment, tt.in, key, err, tt.key)
		}
	}
	for _, in := range []string{"", "  ", "\x07", "\xff", strings.Repeat("n", MaxJIDPart+1)} {
		if got, err := Nickname(in); err == nil {
			t.Errorf("Nickname(%q) = %q, want an error", in, got)
		}
		if got, err := NicknameKey(in); err == nil {
			t.Errorf("NicknameKey(%q) = %q, want an error", in, got)
		}
	}
}

func FuzzParseJID(f *testing.F) {
	for _, s := range []string{"juliet@example.com/foo", "Σ@bücher.example", "xn--bcher-kva.example", "u@[::1]/x", "a@b./\u00a0", "ｊ@e.x", "a@xn--\u00df.x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		j, err := ParseJID(s)
		if err != nil {
			return
		}
		again, err := ParseJID(j.String())
		if err != nil || again != j {
			t.Fatalf("%q gives %q, which gives %q, %v", s, j, again, err)
		}
		if !LegalText(j.String()) || j.Domain() == "" {
			t.Fatalf("%q gives %q", s, j)
		}
		if n, err := NewJID(j.Local(), j.Domain(), j.Resource()); err != nil || n != j {
			t.Fatalf("%q from its parts: %q, %v", j, n, err)
		}
	})
}

func FuzzEscapeLocal(f *testing.F) {
	f.Add(`c:\5commas`)
	f.Fuzz(func(t *testing.T, s string) {
		if got := UnescapeLocal(EscapeLocal(s)); got != s {
			t.Fatalf("%q came back as %q", s, got)
		}
	})
}

func BenchmarkParseJID(b *testing.B) {
	for _, s := range []string{"juliet@a.example/balcony", "Σ@bücher.example/♚"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ParseJID(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
