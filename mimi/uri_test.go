package mimi

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"anteroom/mls"
)

func TestParseURI(t *testing.T) {
	for _, c := range []struct {
		uri                    string
		kind                   Kind
		provider, name, device string
	}{
		{"mimi://a.example/u/juliet", KindUser, "a.example", "juliet", ""},
		{"mimi://a.example/u/juliet%40other.example", KindUser, "a.example", "juliet@other.example", ""},
		{"mimi://a.example/u/juliet@other.example", KindUser, "a.example", "juliet@other.example", ""},
		{"mimi://a.example/d/juliet/anteroom", KindClient, "a.example", "juliet", "anteroom"},
		{"mimi://h/r/Rl33FWLC-._~", KindRoom, "h", "Rl33FWLC-._~", ""},
		{"mimi://a.example/g/a%2Fb", KindGroup, "a.example", "a/b", ""},
		{"mimi://a.example/u/%C3%A9", KindUser, "a.example", "é", ""},
	} {
		u, err := ParseURI(c.uri)
		if err != nil {
			t.Errorf("%s: %v", c.uri, err)
			continue
		}
		if u.Kind() != c.kind || u.Provider() != c.provider || u.Name() != c.name || u.Device() != c.device || u.String() != c.uri {
			t.Errorf("%s: kind %c, provider %s, name %s, device %s", c.uri, u.Kind(), u.Provider(), u.Name(), u.Device())
		}
	}
}

func TestParseURIRefuses(t *testing.T) {
	for why, uri := range map[string]string{
		"other scheme":             "im:juliet",
		"upper case scheme":        "MIMI://a.example/u/juliet",
		"no path":                  "mimi://a.example",
		"address":                  "mimi://127.0.0.1/u/juliet",
		"number":                   "mimi://2130706433/u/juliet",
		"no provider":              "mimi:///u/juliet",
		"upper case provider":      "mimi://A.example/u/juliet",
		"port":                     "mimi://a.example:443/u/juliet",
		"user information":         "mimi://x@a.example/u/juliet",
		"empty label":              "mimi://a..example/u/juliet",
		"hyphen first":             "mimi://-a.example/u/juliet",
		"long label":               "mimi://" + strings.Repeat("a", 64) + "/u/juliet",
		"long provider":            "mimi://" + strings.Repeat("a.", 127) + "a/u/juliet",
		"unknown kind":             "mimi://a.example/b/bob",
		"long kind":                "mimi://a.example/user/bob",
		"empty name":               "mimi://a.example/u/",
		"dot":                      "mimi://a.example/u/..",
		"encoded dots":             "mimi://a.example/u/%2E%2E",
		"second segment":           "mimi://a.example/u/juliet/x",
		"client without device":    "mimi://a.example/d/juliet",
		"client with empty device": "mimi://a.example/d/juliet/",
		"client with three":        "mimi://a.example/d/juliet/a/b",
		"needless encoding":        "mimi://a.example/u/%6auliet",
		"lower case digits":        "mimi://a.example/u/%c3%a9",
		"cut encoding":             "mimi://a.example/u/x%4",
		"not UTF-8":                "mimi://a.example/u/%FF",
		"control character":        "mimi://a.example/u/%00",
		"space":                    "mimi://a.example/u/a b",
		"raw UTF-8":                "mimi://a.example/u/é",
		"query":                    "mimi://a.example/u/juliet?x",
		"fragment":                 "mimi://a.example/u/juliet#x",
		"too long":                 "mimi://a.example/u/" + strings.Repeat("a", MaxURI),
	} {
		if u, err := ParseURI(uri); err == nil {
			t.Errorf("%s: %s is accepted", why, u)
		}
	}
}

func TestClientUser(t *testing.T) {
	client, err := ClientURI("a.example", "juliet@other.example", "balcony")
	if err != nil {
		t.Fatal(err)
	}
	user, err := UserURI("a.example", "juliet@other.example")
	if err != nil {
		t.Fatal(err)
	}
	if got := ClientUser(client); got != user {
		t.Errorf("%s belongs to %s, want %s", client, got, user)
	}
	if !user.ClientUser().IsZero() {
		t.Error("a user has a user")
	}
	if got, err := CredentialClient(BasicCredential(client)); err != nil || got != client {
		t.Errorf("credential of %s: %s %v", client, got, err)
	}
	for _, c := range []mls.Credential{
		BasicCredential(user), {Type: mls.CredentialX509}, {Type: mls.CredentialBasic, Identity: []byte(strings.Repeat("x", MaxURI+1))},
	} {
		if _, err := CredentialClient(c); err == nil {
			t.Errorf("%+v is accepted as a client", c)
		}
	}
	var zero URI
	if zero.Provider()+zero.Name()+zero.Device() != "" || zero.Kind() != 0 || !zero.ClientUser().IsZero() {
		t.Error("the zero URI names something")
	}
}

// Constructors make what ParseURI takes, and the name comes back.
func FuzzNames(f *testing.F) {
	f.Add("juliet")
	f.Add("a/b%25 ü..")
	f.Fuzz(func(t *testing.T, name string) {
		u, err := UserURI("a.example", name)
		if err != nil {
			if name != "" && name != "." && name != ".." && utf8.ValidString(name) && !strings.ContainsFunc(name, unicode.IsControl) && len(name) < MaxURI/4 {
				t.Fatalf("%q: %v", name, err)
			}
			return
		}
		again, err := ParseURI(u.String())
		if err != nil || again != u || again.Name() != name {
			t.Fatalf("%q became %s, then %q: %v", name, u, again.Name(), err)
		}
	})
}
