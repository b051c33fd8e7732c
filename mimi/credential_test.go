package mimi

import (
	"errors"
	"testing"
	"time"

	"anteroom/mls"
)

// One client's credential may follow another of the same client, but no other client's (RFC 9420 §5.3.1). That certificates do not give way
// to basic credentials is held where there are certificates: TestCertificatesStay of mimi/pki.
func TestCredentialSuccession(t *testing.T) {
	juliet, phone := MustURI("mimi://a.example/d/juliet/anteroom"), MustURI("mimi://a.example/d/juliet/phone")
	rule := func(err error) string {
		var e *RuleError
		if errors.As(err, &e) {
			return e.Rule
		}
		return ""
	}
	if err := SameClient(BasicCredential(juliet), BasicCredential(juliet)); err != nil {
		t.Error(err)
	}
	if got := rule(SameClient(BasicCredential(juliet), BasicCredential(phone))); got != "credential-client" {
		t.Errorf("another client: %q", got)
	}
	nobody := mls.Credential{Type: mls.CredentialX509, Certificates: [][]byte{{0x30, 0}}}
	for _, pair := range [][2]mls.Credential{{BasicCredential(juliet), nobody}, {nobody, BasicCredential(juliet)}} {
		if SameClient(pair[0], pair[1]) == nil || SameIdentity(pair[0], pair[1]) {
			t.Error("a credential that names nobody is somebody's")
		}
	}
	if SameIdentity(nobody, nobody) {
		t.Error("two credentials that name nobody are one client's")
	}
	if !Asserts(BasicCredential(juliet), juliet) || Asserts(BasicCredential(juliet), phone) || Asserts(nobody, juliet) || Asserts(mls.Credential{}, juliet) ||
		Asserts(BasicCredential(juliet.ClientUser()), juliet.ClientUser()) {
		t.Error("who asserts what")
	}
	if CredentialName(nobody) != "" || CredentialName(BasicCredential(juliet)) != juliet.String() {
		t.Error("names")
	}
	if got := rule(AuthenticateBasic(nobody, nil, 0)); got != "credential-type" {
		t.Errorf("a certificate where only basic credentials are accepted: %q", got)
	}
	if AuthenticateBasic(BasicCredential(juliet), nil, 0) != nil || AuthenticateBasic(mls.Credential{Type: mls.CredentialBasic, Identity: []byte("x")}, nil, 0) == nil {
		t.Error("basic credentials")
	}
	if _, _, err := CredentialValidity(BasicCredential(juliet)); err == nil || CredentialDue(BasicCredential(juliet), time.Unix(1<<40, 0)) {
		t.Error("a basic credential has a time")
	}
	if _, err := CredentialClient(mls.Credential{Type: 9}); err == nil {
		t.Error("a credential of an unknown type names a client")
	}
}
