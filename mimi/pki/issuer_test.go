package pki

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"testing"
	"time"

	"anteroom/mls"
)

// issuer is a certificate with its key.
type issuer struct {
	certificate *x509.Certificate
	key         crypto.Signer
}

func newKey(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// sign issues a certificate; by nil it is self-signed.
func sign(t testing.TB, template *x509.Certificate, by *issuer, key crypto.Signer) *issuer {
	t.Helper()
	if by == nil {
		by = &issuer{template, key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, key.Public(), by.key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{c, key}
}

func newRoot(t testing.TB, name string) *issuer {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return sign(t, &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: start.Add(-time.Hour),
		NotAfter: start.AddDate(10, 0, 0), IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1, KeyUsage: x509.KeyUsageCertSign}, nil, key)
}

// newUsers makes a user authority, altered before it is signed.
func newUsers(t testing.TB, provider string, by *issuer, alter func(*x509.Certificate)) *issuer {
	t.Helper()
	template, err := UserAuthority(provider, big.NewInt(2), start.Add(-time.Hour), start.AddDate(5, 0, 0))
	if err != nil {
		t.Fatal(err)
	}
	if alter != nil {
		alter(template)
	}
	return sign(t, template, by, newKey(t))
}

func (i *issuer) pems(t testing.TB) (certificate, key []byte) {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(i.key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: i.certificate.Raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func (i *issuer) authority(t testing.TB, provider string) *Authority {
	t.Helper()
	certificate, key := i.pems(t)
	a, err := NewAuthority(provider, certificate, key)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func pool(list ...*issuer) *x509.CertPool {
	p := x509.NewCertPool()
	for _, i := range list {
		p.AddCert(i.certificate)
	}
	return p
}

func signer(t testing.TB, suite mls.CipherSuite, name string) mls.Signer {
	t.Helper()
	s, err := mls.NewSigner(suite, mls.Seed{}.Derive("pki test", []byte(name)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}
