package xmpp

import (
	"errors"
	"strings"
	"testing"
)

func TestStanzaRoundTrip(t *testing.T) {
	tests := []struct{ in, want string }{
		{`<message to='a@b' from='c@d/e' id='1' type='groupchat' xml:lang='en'><body>x &amp; y</body></message>`, ""},
		{`<presence from='r@s/n' to='a@b/c'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>`, ""},
		{`<iq to='a@b' from='c' id='i' type='result'/>`, `<iq to='a@b' from='c' id='i' type='result'/>`},
		{"<message from='c@d' to='a@b' xmlns='jabber:component:accept'>\n<body xmlns='jabber:component:accept'>1</body>\n</message>",
			`<message to='a@b' from='c@d'><body>1</body></message>`},
		{`<message to='a@b' from='c@d'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client' from='x@y'><body>f</body></message></forwarded></message>`, ""},
	}
	for _, tt := range tests {
		s, err := ParseStanzaXML([]byte(tt.in))
		if err != nil {
			t.Errorf("%s: %v", tt.in, err)
			continue
		}
		want := tt.want
		if want == "" {
			if s.From.IsZero() || s.To.IsZero() {
				t.Errorf("%s: addresses are missing", tt.in)
			}
			again, err := ParseStanzaXML([]byte(s.String()))
			if err != nil || !again.Element().Equal(s.Element()) {
				t.Errorf("%s came back as %s, %v", tt.in, again, err)
			}
			continue
		}
		if got := s.String(); got != want {
			t.Errorf("%s\n gives %s\n want  %s", tt.in, got, want)
		}
		if got := string(s.Element().AppendXML(nil, NSClient)); got != want {
			t.Errorf("%s\n as element gives %s\n want %s", tt.in, got, want)
		}
	}
}

func TestParseStanzaRefuses(t *testing.T) {
	tests := []struct{ in, field string }{
		{`<message from='@' to='a@b'/>`, "from"},
		{`<message from='a@b' to='a b@c'/>`, "to"},
		{`<iq from='a@b' to='c' id='1'/>`, "type"},
		{`<iq from='a@b' to='c' id='1' type='push'/>`, "type"},
		{`<handshake/>`, "name"},
		{`<message xmlns='urn:x'/>`, "name"},
	}
	for _, tt := range tests {
		_, err := ParseStanzaXML([]byte(tt.in))
		var pe *StanzaParseError
		if !errors.As(err, &pe) || pe.Field != tt.field || pe.Answer == "" {
			t.Errorf("%s: %v, want an error in %s", tt.in, err, tt.field)
		}
	}
}

func TestReply(t *testing.T) {
	in, err := ParseStanzaXML([]byte(`<iq from='a@b/c' to='r@s' id='q1' type='get' xml:lang='de'><ping xmlns='urn:xmpp:ping'/></iq>`))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := in.Reply().String(), `<iq to='a@b/c' from='r@s' id='q1' type='result'/>`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	e := in.ErrorReply(NewError(Forbidden, "no"))
	want := `<iq to='a@b/c' from='r@s' id='q1' type='error'><error type='auth'>` +
		`<forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/><text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>no</text></error></iq>`
	if e.String() != want {
		t.Errorf("got %s, want %s", e, want)
	}
	if e.AcceptsError() {
		t.Error("an error would be answered with an error (RFC 6120 §8.3.1)")
	}
	// A refused join is known by its x element, whoever refuses it; what was in it does not come back.
	join, err := ParseStanzaXML([]byte(`<presence from='a@b/c' to='r@s/n' id='j'><x xmlns='http://jabber.org/protocol/muc'><password>p</password></x></presence>`))
	if err != nil {
		t.Fatal(err)
	}
	e = join.ErrorReply(NewError(Conflict, ""))
	want = `<presence to='a@b/c' from='r@s/n' id='j' type='error'><x xmlns='http://jabber.org/protocol/muc'/><error type='cancel'>` +
		`<conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></presence>`
	if e.String() != want {
		t.Errorf("got %s, want %s", e, want)
	}
	for in, want := range map[string]bool{
		`<iq id='1' type='set'/>`: true, `<iq id='1' type='get'/>`: true, `<iq id='1' type='result'/>`: false, `<iq id='1' type='error'/>`: false,
		`<message/>`: true, `<message type='groupchat'/>`: true, `<message type='error'/>`: false,
		`<presence/>`: true, `<presence type='unavailable'/>`: false, `<presence type='error'/>`: false,
	} {
		if s, err := ParseStanzaXML([]byte(in)); err != nil || s.AcceptsError() != want {
			t.Errorf("%s: AcceptsError is %v, %v", in, s.AcceptsError(), err)
		}
	}
}

func TestStanzaError(t *testing.T) {
	// RFC 6120 §8.3.3 recommends one type for each condition.
	types := map[Condition]ErrorType{
		BadRequest: Modify, Conflict: Cancel, FeatureNotImplemented: Cancel, Forbidden: Auth, Gone: Cancel, InternalServerError: Cancel,
		ItemNotFound: Cancel, JIDMalformed: Modify, NotAcceptable: Modify, NotAllowed: Cancel, NotAuthorized: Auth, PolicyViolation: Modify,
		RecipientUnavailable: Wait, Redirect: Modify, RegistrationRequired: Auth, RemoteServerNotFound: Cancel, RemoteServerTimeout: Wait,
		ResourceConstraint: Wait, ServiceUnavailable: Cancel, SubscriptionRequired: Auth, UndefinedCondition: Cancel, UnexpectedRequest: Wait,
	}
	if len(types) != 22 {
		t.Fatalf("%d conditions, RFC 6120 has 22", len(types))
	}
	for c, want := range types {
		if got := c.DefaultType(); got != want {
			t.Errorf("%s has type %s, want %s", c, got, want)
		}
		full := &StanzaError{Type: Wait, Condition: c, Text: "t < u", Lang: "en", By: MustParseJID("r@s"), App: NewElement("urn:x", "why")}
		if c == Gone || c == Redirect {
			full.Address = "xmpp:new@s"
		}
		got := DecodeError(full.Element())
		if got.Type != Wait || got.Condition != c || got.Text != full.Text || got.Lang != "en" || got.By != full.By ||
			got.Address != full.Address || !got.App.Equal(full.App) {
			t.Errorf("%s came back as %+v", c, got)
		}
	}
	odd, err := ParseElement([]byte(`<error xmlns='jabber:client' type='huh' by='@'><unheard-of xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>`))
	if err != nil {
		t.Fatal(err)
	}
	if got := DecodeError(odd); got.Condition != UndefinedCondition || got.Type != Cancel || !got.By.IsZero() {
		t.Errorf("an unknown error was read as %+v", got)
	}
	if got := (&StanzaError{}).Element().String(); !strings.Contains(got, "type='cancel'><undefined-condition") {
		t.Errorf("the zero error gives %s", got)
	}
	s := Stanza{Kind: Message, Type: TypeError}
	if s.Err() == nil || s.Err().Condition != UndefinedCondition {
		t.Errorf("an error stanza without error gives %v", s.Err())
	}
	if s.Type = ""; s.Err() != nil {
		t.Error("an ordinary stanza carries no error")
	}
}
