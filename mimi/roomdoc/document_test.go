package roomdoc

import (
	"bytes"
	"reflect"
	"strings"
	"testing"
)

// example has the members and values of the seed's example, with the comma that it misses.
const example = `{
  "policy": {"discoverable": true, "open": false, "membership": "knock-first", "moderated": false, "logging": false,
    "fixed-membership": true, "multi-device": true, "welcome-directly": true},
  "preauth-owner": [], "preauth-admin": [{"team": "sales@example.com"}],
  "preauth-member": [{"domain": "provider1.example"}, {"domain": "provider2.example"}],
  "preauth-visitor": [], "owning-system": [], "system-auth": [],
  "user-affiliations": {"owner": ["alice@example.com"], "admin": [], "member": ["bob@example.com"], "outcast": []}
}`

func TestExample(t *testing.T) {
	d, err := Parse([]byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := &Document{
		Policy:        Policy{Discoverable: true, Membership: KnockFirst, FixedMembership: true, MultiDevice: true, WelcomeDirectly: true},
		PreauthOwner:  []Preauth{},
		PreauthAdmin:  []Preauth{{Team, "sales@example.com"}},
		PreauthMember: []Preauth{{Domain, "provider1.example"}, {Domain, "provider2.example"}}, PreauthVisitor: []Preauth{},
		OwningSystem: []string{}, SystemAuth: []SystemUser{},
		Affiliations: Affiliations{Owner: []string{"alice@example.com"}, Admin: []string{}, Member: []string{"bob@example.com"}, Outcast: []string{}},
	}
	if !reflect.DeepEqual(d, want) {
		t.Errorf("got %+v, want %+v", d, want)
	}
	again, err := Parse(d.Format())
	if err != nil || !reflect.DeepEqual(again, d) || !bytes.Equal(again.Format(), d.Format()) {
		t.Errorf("%+v %v after writing", again, err)
	}
	short, err := Parse([]byte(`{"policy": {"open": true}}`))
	if err != nil || !short.Policy.WelcomeDirectly || short.Policy.MultiDevice {
		t.Errorf("short document: %+v %v", short, err)
	}
	if again, err := Parse(short.Format()); err != nil || !bytes.Equal(again.Format(), short.Format()) {
		t.Errorf("short document, written: %+v %v", again, err)
	}
}

func TestStrict(t *testing.T) {
	many := `{"user-affiliations": {"member": [` + strings.Repeat(`"a",`, MaxUsers+1) + `"b"]}}`
	for name, c := range map[string]struct{ text, wants string }{
		"the missing comma":       {strings.Replace(example, `"moderated": false,`, `"moderated": false`, 1), "invalid character"},
		"long subject":            {`{"metadata": {"subject": "` + strings.Repeat("x", MaxText+1) + `"}}`, "metadata: a text of more than"},
		"unknown metadata":        {`{"metadata": {"mood": "x"}}`, "mood"},
		"unknown member":          {`{"policy": {"opn": true}}`, "opn"},
		"other case":              {`{"policy": {"Open": true}}`, "Open"},
		"twice":                   {`{"policy": {"open": true, "open": false}}`, "twice"},
		"null":                    {`{"policy": null}`, "policy: is null"},
		"wrong type":              {`{"policy": {"open": "yes"}}`, "open"},
		"more after it":           {`{} {}`, "follows"},
		"cut off":                 {example[:len(example)-1], "unexpected EOF"},
		"nothing":                 {``, "unexpected EOF"},
		"no object":               {`[]`, "cannot unmarshal"},
		"deep":                    {strings.Repeat("[", 100), "deep"},
		"membership":              {`{"policy": {"membership": "by-lot"}}`, "membership"},
		"knock at an open room":   {`{"policy": {"membership": "knock-first", "open": true}}`, "membership"},
		"open and fixed":          {`{"policy": {"open": true, "fixed-membership": true}}`, "fixed-membership"},
		"two affiliations":        {`{"user-affiliations": {"owner": ["a@b"], "outcast": ["a@b"]}}`, "outcast: a@b is owner already"},
		"an empty user":           {`{"user-affiliations": {"owner": [""]}}`, "owner"},
		"a user with a newline":   {`{"user-affiliations": {"owner": ["a\nb"]}}`, "owner"},
		"no preauthorisation":     {`{"preauth-owner": [{}]}`, "one member"},
		"two preauthorisations":   {`{"preauth-owner": [{"user": "a@b", "domain": "b"}]}`, "one member"},
		"unknown preauth":         {`{"preauth-owner": [{"planet": "b"}]}`, "planet"},
		"a logger from outside":   {`{"policy": {"fixed-membership": true, "logging": true}, "preauth-member": [{"system": "log@b"}]}`, "log@b"},
		"too many users":          {many, "more than"},
		"too many preauthorised":  {`{"preauth-owner": [` + strings.Repeat(`{"domain": "b"},`, MaxPreauth) + `{"domain": "c"}]}`, "more than"},
		"too long a name":         {`{"owning-system": ["` + strings.Repeat("x", MaxName+1) + `"]}`, "owning-system"},
		"too long a document":     {`{}` + strings.Repeat(" ", MaxDocument), "bytes"},
		"a system without a key":  {`{"system-auth": [{"system": "sys@b"}]}`, "system-auth"},
		"a system by name alone":  {`{"system-auth": ["sys@b"]}`, "cannot unmarshal"},
		"a key that is no base64": {`{"system-auth": [{"system": "sys@b", "key": "?"}]}`, "base64"},
		"a system twice":          {`{"system-auth": [{"system": "sys@b", "key": "AAAA"}, {"system": "sys@b", "key": "AAAB"}]}`, "twice"},
		"a key of two systems":    {`{"system-auth": [{"system": "sys@b", "key": "AAAA"}, {"system": "sys@c", "key": "AAAA"}]}`, "twice"},
		"a system of no name":     {`{"system-auth": [{"system": "", "key": "AAAA"}]}`, "system-auth"},
		"too many systems":        {`{"system-auth": [` + strings.Repeat(`{"system": "s", "key": "AAAA"},`, MaxSystems) + `{"system": "s", "key": "AAAA"}]}`, "entries"},
		"too many bots":           {`{"bots": [` + strings.Repeat(`{"name": "b", "rights": "local", "private-messages": false, "per-user-content": false},`, MaxBots) + `{"name": "b", "rights": "local", "private-messages": false, "per-user-content": false}]}`, "more than"},
		"invalid UTF-8 in a name": {"{\"owning-system\": [\"\xff\"]}", "owning-system"},
	} {
		if d, err := Parse([]byte(c.text)); err == nil || !strings.Contains(err.Error(), c.wants) {
			t.Errorf("%s: %+v, error %v, want one about %q", name, d, err, c.wants)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte(`{"system-auth": [{"system": "sys@b", "key": "AAAA"}], "bots": [{"user": "b@c", "name": "b", "rights": "read", "private-messages": true, "per-user-content": false}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := Parse(b)
		if err != nil {
			return
		}
		again, err := Parse(d.Format())
		if err != nil || !bytes.Equal(again.Format(), d.Format()) {
			t.Errorf("%q: %v after writing", b, err)
		}
	})
}

func TestPresets(t *testing.T) {
	names := map[string]Names{
		"one-on-one":         {Owners: []string{"alice@a"}, Admins: []string{"bob@a"}},
		"administrated":      {Owners: []string{"alice@a"}},
		"open":               {Owners: []string{"alice@a"}},
		"semi-open":          {Owners: []string{"alice@a"}, Preauth: []Preauth{{Domain, "example.net"}, {Team, "sales@example.com"}}},
		"moderated":          {Owners: []string{"alice@a"}},
		"fixed-with-logging": {Owners: []string{"alice@a"}, Admins: []string{"bob@a"}, Loggers: []string{"logger@a"}},
	}
	want := map[string]Policy{
		"one-on-one":         {FixedMembership: true, MultiDevice: true, WelcomeDirectly: true},
		"administrated":      {Membership: KnockFirst, MultiDevice: true, WelcomeDirectly: true},
		"open":               {Open: true, Discoverable: true, MultiDevice: true, WelcomeDirectly: true},
		"semi-open":          {Discoverable: true, Membership: KnockFirst, MultiDevice: true, WelcomeDirectly: true},
		"moderated":          {Open: true, Discoverable: true, Moderated: true, MultiDevice: true, WelcomeDirectly: true},
		"fixed-with-logging": {FixedMembership: true, Logging: true, WelcomeDirectly: true},
	}
	if len(Presets()) != 6 {
		t.Fatal(Presets())
	}
	for _, name := range Presets() {
		d, err := Preset(name, names[name])
		if err != nil || d.Policy != want[name] {
			t.Errorf("%s: %+v %v", name, d, err)
			continue
		}
		if again, err := Parse(d.Format()); err != nil || !bytes.Equal(again.Format(), d.Format()) {
			t.Errorf("%s is not read back: %v", name, err)
		}
		if _, err := Preset(name, Names{}); err == nil {
			t.Errorf("%s without owner", name)
		}
	}
	logged, _ := Preset("fixed-with-logging", names["fixed-with-logging"])
	if l := logged.Loggers(); len(l) != 1 || l[0] != "logger@a" {
		t.Errorf("loggers %v", l)
	}
	if _, err := Preset("one-on-one", Names{Owners: []string{"a@a"}, Admins: []string{"b@a"}, Members: []string{"c@a"}}); err == nil {
		t.Error("three in a room of two")
	}
	if _, err := Preset("disco", Names{}); err == nil || !strings.Contains(err.Error(), "moderated") {
		t.Error(err)
	}
	for _, bad := range []string{"example.net", "planet:x"} {
		if _, err := ParsePreauth(bad); err == nil {
			t.Errorf("preauthorisation %q", bad)
		}
	}
	if p, err := ParsePreauth("domain:example.net"); err != nil || p != (Preauth{Domain, "example.net"}) {
		t.Error(p, err)
	}
}
