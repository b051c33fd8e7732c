package config

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anteroom/mimi/pki"
)

const federated = minimal + "[provider]\nlisten='127.0.0.1:0'\ncertificate='a.pem'\nkey='a.key'\ntrust=['a.pem']\n"

// writeCertificates makes a.pem for TLS, with these names (a.example if there are none), and authorities for the users of two providers.
func writeCertificates(t *testing.T, dir string, names ...string) {
	t.Helper()
	if len(names) == 0 {
		names = []string{"a.example"}
	}
	write := func(name string, template *x509.Certificate, public, key any) {
		t.Helper()
		der, err := x509.CreateCertificate(rand.Reader, template, template, public, key)
		if err != nil {
			t.Fatal(err)
		}
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		for file, block := range map[string]*pem.Block{name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "PRIVATE KEY", Bytes: private}} {
			if err := os.WriteFile(filepath.Join(dir, file), pem.EncodeToMemory(block), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	write("a", &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: from, NotAfter: until, DNSNames: names}, key.Public(), key)
	for _, provider := range []string{"a", "b"} {
		public, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template, err := pki.UserAuthority(provider+".example", big.NewInt(2), from, until)
		if err != nil {
			t.Fatal(err)
		}
		write(provider+"-users", template, public, key)
	}
}

// Whoever speaks with other providers says who vouches for its users, or that nobody does.
func TestAuthorities(t *testing.T) {
	dir := t.TempDir()
	writeCertificates(t, dir)
	for _, tt := range []struct {
		why, text string
		line      int
		key, rule string // key empty: it is good
	}{
		{why: "an authority", text: federated + "authority='a-users.pem'\nauthority_key='a-users.key'\n"},
		{why: "basic credentials of everybody", text: federated + "basic=['*']\n"},
		{why: "basic credentials of our own users", text: federated + "basic=['a.example']\n"},
		{why: "authorities of another provider", text: federated + "basic=['*']\n[provider.authorities]\n'b.example'='b-users.pem'\n"},
		{why: "listener without authority", text: federated, line: 4, key: "provider.authority", rule: "anteroom ca issue"},
		{why: "listener with basic for others only", text: federated + "basic=['b.example']\n", line: 4, key: "provider.authority", rule: "\"a.example\" in provider.basic"},
		{why: "basic for no provider", text: federated + "basic=['B.example/x']\n", line: 9, key: "provider.basic", rule: "not the name of a provider"},
		{why: "authority's key missing", text: federated + "authority='users.pem'\n", line: 4, key: "provider.authority_key", rule: "is missing"},
		{why: "key without authority", text: federated + "authority_key='users.key'\n", line: 4, key: "provider.authority", rule: "is missing"},
		{why: "authority file missing", text: federated + "authority='none'\nauthority_key='none'\n", line: 9, key: "provider.authority", rule: "no such file"},
		{why: "authority of another provider", text: federated + "authority='b-users.pem'\nauthority_key='b-users.key'\n", line: 9, key: "provider.authority", rule: "constrained"},
		{why: "authorities of no provider", text: federated + "basic=['*']\n[provider.authorities]\n'b example'='b-users.pem'\n", line: 11, key: "provider.authorities.b example", rule: "not the name of a provider"},
		{why: "authorities without certificate", text: federated + "basic=['*']\n[provider.authorities]\n'b.example'='b-users.key'\n", line: 11, key: "provider.authorities.b.example", rule: "no certificate"},
	} {
		t.Run(tt.why, func(t *testing.T) {
			path := filepath.Join(dir, "anteroom.toml")
			c, err := Parse(path, []byte(tt.text), nil)
			if tt.key == "" {
				if err != nil {
					t.Fatal(err)
				}
				for _, file := range append([]string{c.Provider.Authority, c.Provider.Authorities["b.example"]}, c.Provider.Trust...) {
					if file != "" && !filepath.IsAbs(file) {
						t.Errorf("path %q is relative", file)
					}
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || e.Line != tt.line || e.Key != tt.key || !strings.Contains(e.Rule, tt.rule) {
				t.Errorf("got %v", err)
			}
		})
	}
	c := Provider{Basic: []string{"b.example"}}
	if !c.AcceptsBasic("b.example") || c.AcceptsBasic("c.example") {
		t.Error("basic credentials of b.example, and of nobody else, are accepted")
	}
}

// A certificate that other providers will not take for ours is refused at once: they ask for the name itself and accept no wildcard (RFC 9525 §7.1).
func TestCertificateNamesTheProvider(t *testing.T) {
	for names, fine := range map[string]bool{"a.example": true, "b.example A.EXAMPLE": true, "*.example": false, "b.example": false} {
		dir := t.TempDir()
		writeCertificates(t, dir, strings.Fields(names)...)
		if _, err := Parse(filepath.Join(dir, "anteroom.toml"), []byte(federated+"basic=['a.example']\n"), nil); (err == nil) != fine {
			t.Errorf("names %q: %v", names, err)
		}
	}
}
