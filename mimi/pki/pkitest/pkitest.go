// Package pkitest makes authorities for tests: a certificate authority that everybody trusts, with user authorities of providers below it.
//
// It is for tests only, and draws its keys at random. A Circle is safe for concurrent use once it is made.
package pkitest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/pki"
	"anteroom/mls"
)

// Circle is a circle of providers that trust one certificate authority.
type Circle struct {
	// Trust believes the circle's authorities and nobody else. It may be changed before Verifier is called.
	Trust pki.Trust

	authorities map[string]*pki.Authority
}

// New makes a circle whose certificates are valid from a year before now, for eleven years.
func New(t testing.TB, now time.Time, providers ...string) *Circle {
	t.Helper()
	from, until := now.AddDate(-1, 0, 0), now.AddDate(10, 0, 0)
	root := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "root"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1, KeyUsage: x509.KeyUsageCertSign}
	rootKey := newKey(t)
	root = sign(t, root, root, rootKey.Public(), rootKey)
	c := &Circle{authorities: map[string]*pki.Authority{}}
	c.Trust.Roots = x509.NewCertPool()
	c.Trust.Roots.AddCert(root)
	for i, provider := range providers {
		template, err := pki.UserAuthority(provider, big.NewInt(int64(2+i)), from, until)
		if err != nil {
			t.Fatal(err)
		}
		key := newKey(t)
		certificate := sign(t, template, root, key.Public(), rootKey)
		private, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		c.authorities[provider], err = pki.NewAuthority(provider, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate.Raw}),
			pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
		if err != nil {
			t.Fatal(err)
		}
	}
	return c
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, template, by *x509.Certificate, public crypto.PublicKey, key crypto.Signer) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, by, public, key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// Issue vouches for a client's key by the authority of its provider.
func (c *Circle) Issue(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
	a := c.authorities[client.Provider()]
	if a == nil {
		return mls.Credential{}, fmt.Errorf("pkitest: nobody vouches for users of %s", client.Provider())
	}
	return a.Credential(client, suite, key, now)
}

// Verifier decides as Trust says.
func (c *Circle) Verifier() *pki.Verifier { return pki.NewVerifier(c.Trust) }
