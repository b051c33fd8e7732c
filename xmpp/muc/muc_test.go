package muc

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"anteroom/xmpp"
)

// decoded turns the Parse functions into one shape.
func decoded[T interface{ Element() *xmpp.Element }](parse func(*xmpp.Element) (T, error)) func(*xmpp.Element) (payload, error) {
	return func(e *xmpp.Element) (payload, error) {
		v, err := parse(e)
		return v, err
	}
}

type payload interface{ Element() *xmpp.Element }

func ptr[T any](v T) *T { return &v }

var (
	room   = xmpp.MustParseJID("garden@rooms.a.example")
	juliet = xmpp.MustParseJID("juliet@a.example/balcony")
	stamp  = time.Date(2026, 5, 3, 10, 11, 12, 130_000_000, time.UTC)
)

var payloads = []struct {
	name  string
	value payload
	xml   string
	parse func(*xmpp.Element) (payload, error)
}{
	{"plain join, XEP-0045 §7.2.1", Join{}, `<x xmlns='http://jabber.org/protocol/muc'/>`, decoded(ParseJoin)},
	{"join with password and history, §7.2.6 and §7.2.14",
		Join{Password: "s", History: &History{MaxChars: ptr(0), MaxStanzas: ptr(20), Seconds: ptr(180), Since: stamp}},
		`<x xmlns='http://jabber.org/protocol/muc'><password>s</password>` +
			`<history maxchars='0' maxstanzas='20' seconds='180' since='2026-05-03T10:11:12.13Z'/></x>`, decoded(ParseJoin)},
	{"self-presence, §7.2.2",
		User{Items: []Item{{Affiliation: AffiliationMember, Role: RoleParticipant, JID: juliet}}, Statuses: []Status{100, 110, 170, 210}},
		`<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='member' role='participant' jid='juliet@a.example/balcony'/>` +
			`<status code='100'/><status code='110'/><status code='170'/><status code='210'/></x>`, decoded(ParseUser)},
	{"kick, §8.2",
		User{Items: []Item{{Affiliation: AffiliationNone, Role: RoleNone, Actor: &Actor{Nick: "Juliet", JID: juliet}, Reason: "no!"}}, Statuses: []Status{StatusKicked}},
		`<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'>` +
			`<actor jid='juliet@a.example/balcony' nick='Juliet'/><reason>no!</reason></item><status code='307'/></x>`, decoded(ParseUser)},
	{"nick change, §7.6",
		User{Items: []Item{{Affiliation: AffiliationNone, Role: RoleVisitor, Nick: "new"}}, Statuses: []Status{StatusNickChanged}},
		`<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='visitor' nick='new'/><status code='303'/></x>`, decoded(ParseUser)},
	{"mediated invitation, §7.8.2",
		User{Invites: []Invite{{To: juliet.Bare(), Reason: "come", Continue: &Continue{Thread: "t"}}}, Password: "p"},
		`<x xmlns='http://jabber.org/protocol/muc#user'><invite to='juliet@a.example'><reason>come</reason><continue thread='t'/></invite>` +
			`<password>p</password></x>`, decoded(ParseUser)},
	{"decline, §7.8.2", User{Decline: &Decline{From: juliet.Bare(), Reason: "no"}},
		`<x xmlns='http://jabber.org/protocol/muc#user'><decline from='juliet@a.example'><reason>no</reason></decline></x>`, decoded(ParseUser)},
	{"destroyed room, §10.9",
		User{Items: []Item{{Affiliation: AffiliationNone, Role: RoleNone}}, Destroy: &Destroy{Venue: room, Reason: "moved", Password: "pw"}},
		`<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='none'/>` +
			`<destroy jid='garden@rooms.a.example'><password>pw</password><reason>moved</reason></destroy></x>`, decoded(ParseUser)},
	{"list of bans, §9.2", AdminQuery{Items: []Item{{Affiliation: AffiliationOutcast}}},
		`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query>`, decoded(ParseAdminQuery)},
	{"changes in bulk, §9.2", AdminQuery{Items: []Item{{Affiliation: AffiliationOutcast, JID: juliet.Bare(), Reason: "r"}, {Role: RoleNone, Nick: "n"}}},
		`<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='juliet@a.example'><reason>r</reason></item>` +
			`<item role='none' nick='n'/></query>`, decoded(ParseAdminQuery)},
	{"request of the configuration form, §10.1.3", OwnerQuery{}, `<query xmlns='http://jabber.org/protocol/muc#owner'/>`, decoded(ParseOwnerQuery)},
	{"instant room, §10.1.2", OwnerQuery{Form: &Form{Type: FormSubmit}},
		`<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`, decoded(ParseOwnerQuery)},
	{"order to destroy, §10.9", OwnerQuery{Destroy: &Destroy{Venue: room}},
		`<query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='garden@rooms.a.example'/></query>`, decoded(ParseOwnerQuery)},
	{"registration, §7.10", RegisterQuery{Registered: true, Username: "nick"},
		`<query xmlns='jabber:iq:register'><registered/><username>nick</username></query>`, decoded(ParseRegisterQuery)},
	{"end of a registration, XEP-0077 §3.2", RegisterQuery{Remove: true}, `<query xmlns='jabber:iq:register'><remove/></query>`, decoded(ParseRegisterQuery)},
	{"direct invitation, XEP-0249 §2", DirectInvite{Room: room, Password: "p", Reason: "r", Continue: true, Thread: "t"},
		`<x xmlns='jabber:x:conference' jid='garden@rooms.a.example' password='p' reason='r' continue='true' thread='t'/>`, decoded(ParseDirectInvite)},
	{"form, XEP-0004", Form{Type: FormAsk, Title: "T", Instructions: []string{"i"}, Fields: []Field{
		{Var: FieldFormType, Type: FieldHidden, Values: []string{FormRoomConfig}},
		{Var: FieldWhois, Type: FieldListSingle, Label: "L", Desc: "D", Required: true, Values: []string{"anyone"}, Options: []Option{{"All", "anyone"}, {"", "moderators"}}},
	}}, `<x xmlns='jabber:x:data' type='form'><title>T</title><instructions>i</instructions>` +
		`<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roomconfig</value></field>` +
		`<field var='muc#roomconfig_whois' type='list-single' label='L'><desc>D</desc><required/><value>anyone</value>` +
		`<option label='All'><value>anyone</value></option><option><value>moderators</value></option></field></x>`, decoded(ParseForm)},
	{"disco#info, XEP-0030 and XEP-0128", DiscoInfo{Node: "n", Identities: []Identity{{"conference", "text", "Garden", "en"}}, Features: []string{NS, FeatureOpen},
		Forms: []Form{NewForm(FormResult, FormRoomInfo, Field{Var: InfoOccupants, Values: []string{"3"}})}},
		`<query xmlns='http://jabber.org/protocol/disco#info' node='n'><identity category='conference' type='text' name='Garden' xml:lang='en'/>` +
			`<feature var='http://jabber.org/protocol/muc'/><feature var='muc_open'/><x xmlns='jabber:x:data' type='result'>` +
			`<field var='FORM_TYPE' type='hidden'><value>http://jabber.org/protocol/muc#roominfo</value></field>` +
			`<field var='muc#roominfo_occupants'><value>3</value></field></x></query>`, decoded(ParseDiscoInfo)},
	{"disco#items with RSM", DiscoItems{Items: []DiscoItem{{JID: room, Name: "Garden"}}, RSM: &RSM{First: "a", FirstIndex: ptr(0), Last: "b", Count: ptr(9)}},
		`<query xmlns='http://jabber.org/protocol/disco#items'><item jid='garden@rooms.a.example' name='Garden'/>` +
			`<set xmlns='http://jabber.org/protocol/rsm'><first index='0'>a</first><last>b</last><count>9</count></set></query>`, decoded(ParseDiscoItems)},
	{"RSM request for the last page, XEP-0059 §2.5", RSM{Max: ptr(10), Before: ptr("")},
		`<set xmlns='http://jabber.org/protocol/rsm'><max>10</max><before/></set>`, decoded(ParseRSM)},
	{"RSM request, XEP-0059 §2.2 and §2.6", RSM{Max: ptr(0), After: ptr("x"), Index: ptr(4)},
		`<set xmlns='http://jabber.org/protocol/rsm'><max>0</max><after>x</after><index>4</index></set>`, decoded(ParseRSM)},
	{"entity capabilities, XEP-0115", Caps{"sha-1", "https://a.example", "v"},
		`<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='https://a.example' ver='v'/>`, decoded(ParseCaps)},
	{"archive query, XEP-0313 §4", MAMQuery{QueryID: "q", With: juliet, Start: stamp, End: stamp, BeforeID: "b", AfterID: "a", IDs: []string{"1", "2"}, RSM: &RSM{Max: ptr(5)}, FlipPage: true},
		`<query xmlns='urn:xmpp:mam:2' queryid='q'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>` +
			`<field var='with'><value>juliet@a.example/balcony</value></field><field var='start'><value>2026-05-03T10:11:12.13Z</value></field>` +
			`<field var='end'><value>2026-05-03T10:11:12.13Z</value></field><field var='before-id'><value>b</value></field><field var='after-id'><value>a</value></field>` +
			`<field var='ids'><value>1</value><value>2</value></field></x><set xmlns='http://jabber.org/protocol/rsm'><max>5</max></set><flip-page/></query>`, decoded(ParseMAMQuery)},
	{"archive result, XEP-0313 §4.2", MAMResult{QueryID: "q", ID: "i", Forwarded: Forwarded{Delay: &Delay{Stamp: stamp}, Stanza: xmpp.NewElement(xmpp.NSClient, "message")}},
		`<result xmlns='urn:xmpp:mam:2' queryid='q' id='i'><forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2026-05-03T10:11:12.13Z'/>` +
			`<message xmlns='jabber:client'/></forwarded></result>`, decoded(ParseMAMResult)},
	{"end of the archive, XEP-0313 §4.3", MAMFin{Complete: true, Unstable: true, RSM: RSM{Count: ptr(0)}},
		`<fin xmlns='urn:xmpp:mam:2' complete='true' stable='false'><set xmlns='http://jabber.org/protocol/rsm'><count>0</count></set></fin>`, decoded(ParseMAMFin)},
	{"delay, XEP-0203", Delay{From: room, Stamp: stamp, Reason: "late"},
		`<delay xmlns='urn:xmpp:delay' from='garden@rooms.a.example' stamp='2026-05-03T10:11:12.13Z'>late</delay>`, decoded(ParseDelay)},
	{"stanza id, XEP-0359", StanzaID{ID: "1", By: room}, `<stanza-id xmlns='urn:xmpp:sid:0' id='1' by='garden@rooms.a.example'/>`, decoded(ParseStanzaID)},
	{"version, XEP-0092", Version{"anteroom", "1", "Linux"},
		`<query xmlns='jabber:iq:version'><name>anteroom</name><version>1</version><os>Linux</os></query>`, decoded(ParseVersion)},
}

func TestPayloads(t *testing.T) {
	for _, tt := range payloads {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.value.Element().String(); got != tt.xml {
				t.Errorf("encoded\n     %s\nwant %s", got, tt.xml)
			}
			e, err := xmpp.ParseElement([]byte(tt.xml))
			if err != nil {
				t.Fatal(err)
			}
			if err := e.Validate(); err != nil {
				t.Error(err)
			}
			got, err := tt.parse(e)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, tt.value) {
				t.Errorf("decoded %+v\nwant    %+v", got, tt.value)
			}
			for _, other := range []*xmpp.Element{nil, xmpp.NewElement("urn:other", e.Name.Local), xmpp.NewElement(e.Name.Space, "other")} {
				if _, err := tt.parse(other); err == nil {
					t.Errorf("%v was accepted", other)
				}
			}
		})
	}
}

func TestPayloadsRefuse(t *testing.T) {
	const muc, user, admin, owner = `<x xmlns='http://jabber.org/protocol/muc'>`, `<x xmlns='http://jabber.org/protocol/muc#user'>`,
		`<query xmlns='http://jabber.org/protocol/muc#admin'>`, `<query xmlns='http://jabber.org/protocol/muc#owner'>`
	manyFields := strings.Repeat("<field var='a'/>", MaxFields+1)
	manyValues := strings.Repeat("<value/>", MaxFieldValues+1)
	tests := []struct {
		xml   string
		want  xmpp.Condition
		parse func(*xmpp.Element) (payload, error)
	}{
		{muc + `<history maxchars='-1'/></x>`, xmpp.BadRequest, decoded(ParseJoin)},
		{muc + `<history maxstanzas='many'/></x>`, xmpp.BadRequest, decoded(ParseJoin)},
		{muc + `<history seconds=''/></x>`, xmpp.BadRequest, decoded(ParseJoin)},
		{muc + `<history since='yesterday'/></x>`, xmpp.BadRequest, decoded(ParseJoin)},
		{muc + `<history since='9999-12-31T23:59:59-01:00'/></x>`, xmpp.BadRequest, decoded(ParseJoin)},
		{user + `<item affiliation='king'/></x>`, xmpp.BadRequest, decoded(ParseUser)},
		{user + `<item role='king'/></x>`, xmpp.BadRequest, decoded(ParseUser)},
		{user + `<item jid='@'/></x>`, xmpp.JIDMalformed, decoded(ParseUser)},
		{user + `<item><actor jid='@'/></item></x>`, xmpp.JIDMalformed, decoded(ParseUser)},
		{user + `<invite to='@'/></x>`, xmpp.JIDMalformed, decoded(ParseUser)},
		{user + `<decline from='@'/></x>`, xmpp.JIDMalformed, decoded(ParseUser)},
		{user + `<destroy jid='@'/></x>`, xmpp.JIDMalformed, decoded(ParseUser)},
		{admin + `<item jid='a b@c'/></query>`, xmpp.JIDMalformed, decoded(ParseAdminQuery)},
		{owner + `<destroy jid='@'/></query>`, xmpp.JIDMalformed, decoded(ParseOwnerQuery)},
		{owner + `<destroy/><x xmlns='jabber:x:data' type='submit'/></query>`, xmpp.BadRequest, decoded(ParseOwnerQuery)},
		{owner + `<x xmlns='jabber:x:data' type='huh'/></query>`, xmpp.BadRequest, decoded(ParseOwnerQuery)},
		{`<query xmlns='jabber:iq:register'><x xmlns='jabber:x:data'/></query>`, xmpp.BadRequest, decoded(ParseRegisterQuery)},
		{`<x xmlns='jabber:x:conference'/>`, xmpp.BadRequest, decoded(ParseDirectInvite)},
		{`<x xmlns='jabber:x:conference' jid='@'/>`, xmpp.JIDMalformed, decoded(ParseDirectInvite)},
		{`<x xmlns='jabber:x:data' type='submit'>` + manyFields + `</x>`, xmpp.BadRequest, decoded(ParseForm)},
		{`<x xmlns='jabber:x:data' type='submit'><field>` + manyValues + `</field></x>`, xmpp.BadRequest, decoded(ParseForm)},
		{`<query xmlns='http://jabber.org/protocol/disco#items'><item jid='@'/></query>`, xmpp.JIDMalformed, decoded(ParseDiscoItems)},
		{`<query xmlns='http://jabber.org/protocol/disco#items'><set xmlns='http://jabber.org/protocol/rsm'><max>x</max></set></query>`, xmpp.BadRequest, decoded(ParseDiscoItems)},
		{`<set xmlns='http://jabber.org/protocol/rsm'><first index='x'>1</first></set>`, xmpp.BadRequest, decoded(ParseRSM)},
		{mamQuery("<field var='start'><value>now</value></field>"), xmpp.BadRequest, decoded(ParseMAMQuery)},
		{mamQuery("<field var='with'><value>@</value></field>"), xmpp.JIDMalformed, decoded(ParseMAMQuery)},
		{mamQuery("<field var='colour'><value>red</value></field>"), xmpp.FeatureNotImplemented, decoded(ParseMAMQuery)},
		{`<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'/></query>`, xmpp.BadRequest, decoded(ParseMAMQuery)},
		{`<result xmlns='urn:xmpp:mam:2'/>`, xmpp.BadRequest, decoded(ParseMAMResult)},
		{`<forwarded xmlns='urn:xmpp:forward:0'/>`, xmpp.BadRequest, decoded(ParseForwarded)},
		{`<delay xmlns='urn:xmpp:delay'/>`, xmpp.BadRequest, decoded(ParseDelay)},
		{`<stanza-id xmlns='urn:xmpp:sid:0' id='1'/>`, xmpp.BadRequest, decoded(ParseStanzaID)},
	}
	for _, tt := range tests {
		e, err := xmpp.ParseElement([]byte(tt.xml))
		if err != nil {
			t.Fatal(err)
		}
		v, err := tt.parse(e)
		var se *xmpp.StanzaError
		if !errors.As(err, &se) || se.Condition != tt.want {
			t.Errorf("%.120s gave %+v, %v, want %s", tt.xml, v, err, tt.want)
		}
	}
}

func mamQuery(fields string) string {
	return `<query xmlns='urn:xmpp:mam:2'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field>` + fields + `</x></query>`
}

func TestOrder(t *testing.T) {
	if !(AffiliationUnset < AffiliationOutcast && AffiliationOutcast < AffiliationNone && AffiliationNone < AffiliationMember &&
		AffiliationMember < AffiliationAdmin && AffiliationAdmin < AffiliationOwner) {
		t.Error("affiliations are not ordered")
	}
	if !(RoleUnset < RoleNone && RoleNone < RoleVisitor && RoleVisitor < RoleParticipant && RoleParticipant < RoleModerator) {
		t.Error("roles are not ordered")
	}
	for a := AffiliationUnset; a <= AffiliationOwner; a++ {
		if got, err := ParseAffiliation(a.String()); got != a || err != nil {
			t.Errorf("%v came back as %v, %v", a, got, err)
		}
	}
	for r := RoleUnset; r <= RoleModerator; r++ {
		if got, err := ParseRole(r.String()); got != r || err != nil {
			t.Errorf("%v came back as %v, %v", r, got, err)
		}
	}
	if s := fmt.Sprint(Affiliation(77), Role(77)); s != "invalid invalid" {
		t.Errorf("values out of range print as %s", s)
	}
}

func TestCapsHash(t *testing.T) {
	// The two worked examples of XEP-0115 §5.2 and §5.3.
	features := []string{"http://jabber.org/protocol/caps", NSDiscoInfo, NSDiscoItems, NS}
	simple := DiscoInfo{Identities: []Identity{{"client", "pc", "Exodus 0.9.1", ""}}, Features: features}
	if got, want := simple.CapsHash(), "QgayPKawpkPSDYmwT/WM94uAlu0="; got != want {
		t.Errorf("simple: %s, want %s", got, want)
	}
	complex := DiscoInfo{
		Identities: []Identity{{"client", "pc", "Psi 0.11", "en"}, {"client", "pc", "Ψ 0.11", "el"}},
		Features:   features,
		Forms: []Form{NewForm(FormResult, "urn:xmpp:dataforms:softwareinfo",
			Field{Var: "ip_version", Type: FieldTextMulti, Values: []string{"ipv6", "ipv4"}},
			Field{Var: "os", Values: []string{"Mac"}}, Field{Var: "os_version", Values: []string{"10.5.1"}},
			Field{Var: "software", Values: []string{"Psi"}}, Field{Var: "software_version", Values: []string{"0.11"}}),
			{Type: FormResult, Fields: []Field{{Var: FieldFormType, Values: []string{"not hidden, does not count"}}}}},
	}
	if got, want := complex.CapsHash(), "q07IKJEyjvHSyhy//CH0CxmKi8w="; got != want {
		t.Errorf("complex: %s, want %s", got, want)
	}
}

func TestFormValues(t *testing.T) {
	e, err := xmpp.ParseElement([]byte(`<x xmlns='jabber:x:data' type='submit'><field var='yes'><value>true</value></field><field var='no'><value>0</value></field>` +
		`<field var='empty'/><field var='odd'><value>perhaps</value></field><field var='n'><value>30</value></field>` +
		`<field var='who'><value>a@b</value><value/><value>c@d</value></field></x>`))
	if err != nil {
		t.Fatal(err)
	}
	f, err := ParseForm(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name           string
		value, present bool
		bad            bool
	}{{"yes", true, true, false}, {"no", false, true, false}, {"empty", false, true, false}, {"absent", false, false, false}, {"odd", false, true, true}} {
		v, present, err := f.Bool(tt.name)
		if v != tt.value || present != tt.present || (err != nil) != tt.bad {
			t.Errorf("%s is %v, %v, %v", tt.name, v, present, err)
		}
	}
	if n, ok, err := f.Count("n"); n != 30 || !ok || err != nil {
		t.Errorf("n is %d, %v, %v", n, ok, err)
	}
	if _, _, err := f.Count("odd"); err == nil {
		t.Error("a word was read as a number")
	}
	if j, ok, err := f.JIDs("who"); len(j) != 2 || !ok || err != nil {
		t.Errorf("who is %v, %v, %v", j, ok, err)
	}
	if _, _, err := f.JIDs("odd"); err != nil {
		t.Errorf("a domain is an address: %v", err)
	}
	if _, ok := f.Text("absent"); ok {
		t.Error("an absent field is present")
	}
	built := NewForm(FormAsk, FormRoomConfig, TextField("a", "A", "x"), PrivateField("b", "B", ""), BoolField("c", "C", true),
		ListField("d", "D", "1", Option{"One", "1"}), ListMultiField("e", "E", []string{"1", "2"}), JIDsField("f", "F", []xmpp.JID{room}))
	want := []FieldType{FieldHidden, FieldTextSingle, FieldTextPrivate, FieldBoolean, FieldListSingle, FieldListMulti, FieldJIDMulti}
	for i, f := range built.Fields {
		if f.Type != want[i] {
			t.Errorf("field %d has type %s, want %s", i, f.Type, want[i])
		}
	}
	if built.FormType() != FormRoomConfig {
		t.Errorf("FORM_TYPE is %q", built.FormType())
	}
}

func TestIDs(t *testing.T) {
	s := xmpp.Stanza{Kind: xmpp.Message, Payload: []*xmpp.Element{OriginID("o"), OccupantID("p")}}
	if OriginIDOf(&s) != "o" || OccupantIDOf(&s) != "p" {
		t.Errorf("got %q and %q", OriginIDOf(&s), OccupantIDOf(&s))
	}
	if OriginIDOf(&xmpp.Stanza{}) != "" || OccupantIDOf(&xmpp.Stanza{}) != "" {
		t.Error("ids out of nothing")
	}
	if got := Ping().String(); got != `<ping xmlns='urn:xmpp:ping'/>` {
		t.Errorf("ping is %s", got)
	}
}
