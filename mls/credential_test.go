package mls

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"math/big"
	"testing"
)

// The first certificate of an X.509 credential is for the leaf's signature key (RFC 9420 §5.3).
func TestCertificateKey(t *testing.T) {
	certify := func(public, signer any) []byte {
		der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)}, &x509.Certificate{SerialNumber: big.NewInt(1)}, public, signer)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	edPublic, edPrivate, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecPrivate, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ecPublic, err := ecPrivate.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	edCert, ecCert := certify(edPublic, edPrivate), certify(&ecPrivate.PublicKey, ecPrivate)
	for _, c := range []struct {
		why   string
		chain [][]byte
		key   []byte
		ok    bool
	}{
		{"Ed25519", [][]byte{edCert}, edPublic, true},
		{"ECDSA with a chain", [][]byte{ecCert, edCert}, ecPublic, true},
		{"other key", [][]byte{edCert}, ecPublic, false},
		{"only the second certificate fits", [][]byte{edCert, ecCert}, ecPublic, false},
		{"no certificate", nil, edPublic, false},
		{"not a certificate", [][]byte{[]byte("x")}, edPublic, false},
	} {
		err := (&Credential{Type: CredentialX509, Certificates: c.chain}).checkKey(c.key)
		if c.ok && err != nil {
			t.Errorf("%s: %v", c.why, err)
		}
		if !c.ok {
			wantRule(t, c.why, "9420-5.3-certificate-key", err)
		}
	}
	if err := (&Credential{Type: CredentialBasic}).checkKey(SignaturePublicKey(edPublic)); err != nil {
		t.Errorf("basic credential: %v", err)
	}
}
