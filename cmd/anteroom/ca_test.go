package main

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mimi/pki"
	"anteroom/mls"
)

func TestCertificateAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if err := (&caInitCommand{Dir: dir}).Run(); err != nil {
		t.Fatal(err)
	}
	if err := (&caIssueCommand{Dir: dir, Domain: "b.example"}).Run(); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"ca.key", "b.example.key", "b.example-users.key"} {
		info, err := os.Stat(file(name))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want mode 0600", name, info, err)
		}
	}
	id, err := mimihttp.LoadIdentity(file("b.example.pem"), file("b.example.key"), []string{file("ca.pem")})
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(id.Certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, usage := range []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth} {
		if _, err := leaf.Verify(x509.VerifyOptions{DNSName: "b.example", Roots: id.Trust, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			t.Errorf("usage %v: %v", usage, err)
		}
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(file(name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	users, err := pki.NewAuthority("b.example", read("b.example-users.pem"), read("b.example-users.key"))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := mls.NewSigner(clientSuite, freshSeed())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	credential, err := users.Credential(mimi.MustURI("mimi://b.example/d/bob/cli"), clientSuite, signer.Public, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := pki.NewVerifier(pki.Trust{Roots: id.Trust}).Authenticate(credential, signer.Public, uint64(now.Unix())); err != nil {
		t.Errorf("what the issued authority issues is not believed: %v", err)
	}
	if len(leaf.DNSNames) != 1 || len(leaf.IPAddresses) != 0 {
		t.Errorf("names %q and addresses %v, want b.example alone", leaf.DNSNames, leaf.IPAddresses)
	}

	before, err := os.ReadFile(file("ca.key"))
	if err != nil {
		t.Fatal(err)
	}
	if err := (&caInitCommand{Dir: dir}).Run(); err == nil {
		t.Error("the authority was overwritten without an error")
	}
	if err := (&caIssueCommand{Dir: dir, Domain: "b.example"}).Run(); err == nil {
		t.Error("a certificate was overwritten without an error")
	}
	if after, err := os.ReadFile(file("ca.key")); err != nil || string(after) != string(before) {
		t.Error("ca.key changed")
	}
	for _, domain := range []string{"", "../x", "ca", "B.example", "a b"} {
		if err := (&caIssueCommand{Dir: dir, Domain: domain}).Run(); err == nil {
			t.Errorf("domain %q accepted", domain)
		}
	}
}
