package mls

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/x509"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// Credential binds an identity to a signature key (RFC 9420 §5.3). Identity is set for basic credentials, Certificates (DER)
// for X.509. Every other registered type is one variable-size vector, so the body of an unknown type is kept in Raw without
// its length.
type Credential struct {
	Type         CredentialType
	Identity     []byte
	Certificates [][]byte
	Raw          []byte
}

// MarshalTLS implements wire.Marshaler.
func (c Credential) MarshalTLS(w *wire.Writer) {
	w.U16(uint16(c.Type))
	switch c.Type {
	case CredentialBasic:
		w.Opaque(c.Identity)
	case CredentialX509:
		w.Vector(func(w *wire.Writer) {
			for _, cert := range c.Certificates {
				w.Opaque(cert)
			}
		})
	default:
		w.Opaque(c.Raw)
	}
}

// UnmarshalTLS implements wire.Unmarshaler.
func (c *Credential) UnmarshalTLS(r *wire.Reader) {
	*c = Credential{Type: CredentialType(r.At("Credential.credential_type").U16())}
	switch c.Type {
	case CredentialBasic:
		c.Identity = r.At("Credential.identity").Opaque()
	case CredentialX509:
		r.At("Credential.certificates").Vector(func(r *wire.Reader) {
			c.Certificates = append(c.Certificates, r.Opaque())
		})
	default:
		c.Raw = r.At("Credential").Opaque()
	}
}

// checkKey verifies for an X.509 credential that its first certificate is for the leaf's signature key (RFC 9420 §5.3). Whether
// the chain can be trusted is for Config.Authenticate to say. Certificates for Ed448 keys are not understood.
func (c *Credential) checkKey(key SignaturePublicKey) error {
	if c.Type != CredentialX509 {
		return nil
	}
	const rule = "9420-5.3-certificate-key"
	if len(c.Certificates) == 0 {
		return &ValidationError{rule, "no certificate"}
	}
	cert, err := x509.ParseCertificate(c.Certificates[0])
	if err != nil {
		return &ValidationError{rule, err.Error()}
	}
	var certified []byte
	switch k := cert.PublicKey.(type) {
	case ed25519.PublicKey:
		certified = k
	case *ecdsa.PublicKey:
		if certified, err = k.Bytes(); err != nil {
			return &ValidationError{rule, err.Error()}
		}
	default:
		return &ValidationError{rule, "the certificate's key is of another kind"}
	}
	if !bytes.Equal(certified, key) {
		return &ValidationError{rule, "the certificate is for another key"}
	}
	return nil
}

// Signer is a signature key pair of one suite.
type Signer struct {
	Suite   CipherSuite
	Public  SignaturePublicKey
	Private SignaturePrivateKey
}

// NewSigner derives a signature key pair of a suite from seed.
func NewSigner(cs CipherSuite, seed Seed) (Signer, error) {
	st, err := suite.ByID(uint16(cs))
	if err != nil {
		return Signer{}, err
	}
	k := st.GenerateSignatureKey(seed[:])
	return Signer{cs, k.Public(), k.Private()}, nil
}
