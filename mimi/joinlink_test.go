package mimi

import (
	"strings"
	"testing"

	"anteroom/mls"
)

func testLink(t *testing.T) (*JoinLink, mls.Signer) {
	t.Helper()
	signer, err := mls.NewSigner(mls.SuiteX25519AES128SHA256Ed25519, mls.Seed{5})
	if err != nil {
		t.Fatal(err)
	}
	l := &JoinLink{ID: [JoinLinkID]byte{1, 2, 3}, Room: MustURI("mimi://a.example/r/garden"), Role: 2, Expires: 1_800_000_000, Uses: 3, Password: true,
		Issuer: MustURI("mimi://a.example/u/juliet")}
	if err := l.Sign(signer); err != nil {
		t.Fatal(err)
	}
	return l, signer
}

// A link comes back from its text, with the password behind it, and its signature covers every field.
func TestJoinLink(t *testing.T) {
	l, signer := testLink(t)
	got, password, err := ParseJoinLink(l.String() + ".rose.garden")
	if err != nil || password != "rose.garden" {
		t.Fatalf("password %q, %v", password, err)
	}
	if err := got.Verify(signer.Suite, signer.Public); err != nil {
		t.Fatal(err)
	}
	if got.String() != l.String() || strings.ContainsAny(l.String(), "+/=.&;") {
		t.Errorf("text %q", l.String())
	}
	for what, change := range map[string]func(*JoinLink){
		"id":       func(l *JoinLink) { l.ID[15] ^= 1 },
		"room":     func(l *JoinLink) { l.Room = MustURI("mimi://a.example/r/other") },
		"role":     func(l *JoinLink) { l.Role = 4 },
		"expires":  func(l *JoinLink) { l.Expires++ },
		"uses":     func(l *JoinLink) { l.Uses = 1000 },
		"password": func(l *JoinLink) { l.Password = false },
		"issuer":   func(l *JoinLink) { l.Issuer = MustURI("mimi://a.example/u/romeo") },
	} {
		forged := *l
		change(&forged)
		again, _, err := ParseJoinLink(forged.String())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		if again.Verify(signer.Suite, signer.Public) == nil {
			t.Errorf("the signature does not cover %s", what)
		}
	}
}

func TestJoinLinkRefused(t *testing.T) {
	l, _ := testLink(t)
	for what, change := range map[string]func(*JoinLink){
		"no role":     func(l *JoinLink) { l.Role = RoleNone },
		"as banned":   func(l *JoinLink) { l.Role = RoleBanned },
		"no uses":     func(l *JoinLink) { l.Uses = 0 },
		"not a room":  func(l *JoinLink) { l.Room = l.Issuer },
		"not a user":  func(l *JoinLink) { l.Issuer = l.Room },
		"no password": nil,
	} {
		bad := *l
		if change == nil {
			if _, password, err := ParseJoinLink(bad.String()); err != nil || password != "" {
				t.Errorf("%s: %q %v", what, password, err)
			}
			continue
		}
		change(&bad)
		if _, _, err := ParseJoinLink(bad.String()); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	text := l.String()
	for what, code := range map[string]string{"empty": "", "padded": text + "=", "cut": text[:len(text)-4], "longer": text + "AAAA", "no base64": "rose garden",
		"too long": strings.Repeat("A", MaxJoiningCode+1), "another format": "Ag" + text[2:]} {
		if _, _, err := ParseJoinLink(code); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
