package mimi

import (
	"strings"
	"testing"
)

func TestSeedURIs(t *testing.T) {
	for s, want := range map[string]string{
		"im:mimi=%40alice@providerA.example":        "mimi://providera.example/u/alice",
		"im:mimi=@alice@a.example":                  "mimi://a.example/u/alice",
		"im:mimi=garden@a.example":                  "mimi://a.example/r/garden",
		"im:mimi=garden%2Fpath@a.example":           "mimi://a.example/r/garden%2Fpath",
		"mimi://a.example/d/alice/phone":            "mimi://a.example/d/alice/phone",
		"im:mimi=":                                  "",
		"im:mimi=garden":                            "",
		"im:mimi=@a.example":                        "",
		"im:mimi=%40@a.example":                     "",
		"im:mimi=garden@":                           "",
		"im:mimi=garden@-a.example":                 "",
		"im:mimi=garden%4@a.example":                "",
		"im:mimi=garden%00@a.example":               "",
		"im:mimi=%FF@a.example":                     "",
		"im:garden@a.example":                       "",
		"IM:mimi=garden@a.example":                  "",
		"im:mimi=" + strings.Repeat("x", MaxURI):    "",
		"im:mimi=garden@a.example/u/juliet":         "",
		"im:mimi=garden@127.0.0.1":                  "",
		"im:mimi=" + strings.Repeat("%40", 3) + "x": "",
	} {
		u, err := ReadURI(s)
		if u.String() != want || (err == nil) != (want != "") {
			t.Errorf("%.60s: %q %v, want %q", s, u, err, want)
		}
	}
}

// The published names of rooms with fixed membership.
func TestSeedURIVectors(t *testing.T) {
	var v struct {
		Positive struct {
			URIs []string `json:"sorted_uris"`
			Name string   `json:"room_name"`
			URI  string   `json:"room_uri"`
		} `json:"positive_vector"`
		Seed struct {
			Value string `json:"value"`
			URI   string `json:"room_uri"`
		} `json:"seed_example"`
	}
	vector(t, &v, "naming", "fixed_membership_naming.json")
	for uri, name := range map[string]string{v.Positive.URI: v.Positive.Name, v.Seed.URI: fixedMark + v.Seed.Value} {
		u, err := ReadURI(uri)
		if err != nil || u.Kind() != KindRoom || u.Name() != name || u.Provider() != "example.com" || !IsFixedMembershipName(u.Name()) {
			t.Errorf("%s: %s %v, want %s", uri, u, err, name)
		}
	}
	if len(v.Positive.URIs) == 0 {
		t.Error("no users")
	}
	for _, uri := range v.Positive.URIs {
		if u, err := ReadURI(uri); err != nil || u.Kind() != KindUser || !strings.Contains(uri, "%40"+u.Name()+"@") {
			t.Errorf("%s: %s %v", uri, u, err)
		}
	}
}
