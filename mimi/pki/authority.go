package pki

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"time"

	"golang.org/x/crypto/cryptobyte"
	casn1 "golang.org/x/crypto/cryptobyte/asn1"

	"anteroom/mimi"
	"anteroom/mls"
)

const (
	// LeafLifetime is how long a client's certificate is valid. mimi.CredentialDue says when it is to be renewed: after two thirds of it.
	LeafLifetime = 90 * 24 * time.Hour
	// Backdate is how much earlier it begins, for clocks that differ.
	Backdate = time.Hour
)

// Authority issues certificates for the clients of one provider.
type Authority struct {
	provider    string
	certificate *x509.Certificate
	key         ed25519.PrivateKey
	algorithm   []byte // AlgorithmIdentifier
	extensions  []byte // of every leaf but its names, encoded
	chain       [][]byte
}

// NewAuthority takes an authority for the users of a provider: its certificate, its Ed25519 key (PKCS #8), both PEM.
func NewAuthority(provider string, certificatePEM, keyPEM []byte) (*Authority, error) {
	block, _ := pem.Decode(certificatePEM)
	if block == nil || block.Type != "CERTIFICATE" {
		return nil, errors.New("pki: no certificate in PEM")
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("pki: authority: %w", err)
	}
	if err := checkAuthority(certificate, provider); err != nil {
		return nil, err
	}
	if block, _ = pem.Decode(keyPEM); block == nil || block.Type != "PRIVATE KEY" {
		return nil, errors.New("pki: no private key in PEM")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("pki: authority's key: %w", err)
	}
	key, ok := parsed.(ed25519.PrivateKey)
	if !ok {
		return nil, errors.New("pki: the authority's key is not of Ed25519")
	}
	if public, ok := certificate.PublicKey.(ed25519.PublicKey); !ok || !public.Equal(key.Public()) {
		return nil, errors.New("pki: the authority's key does not belong to its certificate")
	}
	a := &Authority{provider: provider, certificate: certificate, key: key}
	if certificate.CheckSignatureFrom(certificate) != nil { // a trust anchor need not be sent
		a.chain = [][]byte{certificate.Raw}
	}
	if a.algorithm, err = asn1.Marshal(pkix.AlgorithmIdentifier{Algorithm: oidEd25519}); err != nil {
		return nil, err
	}
	a.extensions, err = leafExtensions(certificate.SubjectKeyId)
	return a, err
}

var (
	oidEd25519        = asn1.ObjectIdentifier{1, 3, 101, 112}
	oidKeyUsage       = asn1.ObjectIdentifier{2, 5, 29, 15}
	oidSubjectAltName = asn1.ObjectIdentifier{2, 5, 29, 17}
	oidAuthorityKeyID = asn1.ObjectIdentifier{2, 5, 29, 35}
)

func addExtension(b *cryptobyte.Builder, id asn1.ObjectIdentifier, critical bool, value func(*cryptobyte.Builder)) {
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1ObjectIdentifier(id)
		if critical {
			b.AddASN1Boolean(true)
		}
		b.AddASN1(casn1.OCTET_STRING, value)
	})
}

// leafExtensions are the extensions that all leaves have alike.
func leafExtensions(authorityKey []byte) ([]byte, error) {
	var b cryptobyte.Builder
	addExtension(&b, oidKeyUsage, true, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.BIT_STRING, func(b *cryptobyte.Builder) { b.AddBytes([]byte{7, 0x80}) }) // digitalSignature
	})
	if len(authorityKey) > 0 {
		addExtension(&b, oidAuthorityKeyID, false, func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddASN1(casn1.Tag(0).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes(authorityKey) })
			})
		})
	}
	return b.Bytes()
}

// Provider is whose clients the authority vouches for.
func (a *Authority) Provider() string { return a.provider }

// Credential issues a certificate that a client's signature key of a cipher suite is valid from now on, and returns it as a credential. The
// same arguments give the same bytes.
//
// The certificate is written here rather than by crypto/x509, which verifies what it has just signed: a gateway issues one for every user
// that enters a room.
func (a *Authority) Credential(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
	if client.Kind() != mimi.KindClient || client.Provider() != a.provider {
		return mls.Credential{}, fmt.Errorf("pki: %s is not a client of %s", client, a.provider)
	}
	spki, err := publicKeyInfo(suite, key)
	if err != nil {
		return mls.Credential{}, err
	}
	from, until := now.Add(-Backdate).UTC().Truncate(time.Second), now.Add(LeafLifetime).UTC().Truncate(time.Second)
	if until.After(a.certificate.NotAfter) {
		until = a.certificate.NotAfter
	}
	if begin := a.certificate.NotBefore; from.Before(begin) && !now.Before(begin) { // it is less old than clocks differ
		from = begin
	}
	if !from.Before(until) || now.Before(a.certificate.NotBefore) {
		return mls.Credential{}, fmt.Errorf("pki: the authority's certificate is valid from %v to %v", a.certificate.NotBefore, a.certificate.NotAfter)
	}
	tbs, err := a.leaf(client, spki, from, until)
	if err != nil {
		return mls.Credential{}, err
	}
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddBytes(tbs)
		b.AddBytes(a.algorithm)
		b.AddASN1BitString(ed25519.Sign(a.key, tbs))
	})
	der, err := b.Bytes()
	if err != nil {
		return mls.Credential{}, err
	}
	return mls.Credential{Type: mls.CredentialX509, Certificates: append([][]byte{der}, a.chain...)}, nil
}

// leaf encodes a TBSCertificate. Its subject is empty: the names are what counts, and critical therefore (RFC 5280 §4.2.1.6). The serial
// number is taken from a hash of what makes a certificate one of its own.
func (a *Authority) leaf(client mimi.URI, spki []byte, from, until time.Time) ([]byte, error) {
	user := client.ClientUser()
	h := sha256.New()
	h.Write(spki)
	h.Write(binary.BigEndian.AppendUint64(nil, uint64(from.Unix())))
	h.Write([]byte(client.String()))
	sum := h.Sum(nil)[:16]
	sum[0] = sum[0]&0x7f | 0x40 // positive and always of the same length
	var b cryptobyte.Builder
	b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
		b.AddASN1(casn1.Tag(0).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) { b.AddASN1Int64(2) }) // version 3
		b.AddASN1BigInt(new(big.Int).SetBytes(sum))
		b.AddBytes(a.algorithm)
		b.AddBytes(a.certificate.RawSubject)
		b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
			for _, t := range []time.Time{from, until} {
				if t.Year() < 2050 {
					b.AddASN1UTCTime(t)
				} else {
					b.AddASN1GeneralizedTime(t)
				}
			}
		})
		b.AddASN1(casn1.SEQUENCE, func(*cryptobyte.Builder) {}) // subject
		b.AddBytes(spki)
		b.AddASN1(casn1.Tag(3).Constructed().ContextSpecific(), func(b *cryptobyte.Builder) {
			b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
				b.AddBytes(a.extensions)
				addExtension(b, oidSubjectAltName, true, func(b *cryptobyte.Builder) {
					b.AddASN1(casn1.SEQUENCE, func(b *cryptobyte.Builder) {
						for _, uri := range []mimi.URI{client, user} {
							b.AddASN1(casn1.Tag(6).ContextSpecific(), func(b *cryptobyte.Builder) { b.AddBytes([]byte(uri.String())) })
						}
					})
				})
			})
		})
	})
	return b.Bytes()
}

// publicKeyInfo encodes an MLS signature key as SubjectPublicKeyInfo (RFC 9420 §5.1.1 says how MLS writes it, RFC 5480 and RFC 8410 how
// certificates do).
func publicKeyInfo(suite mls.CipherSuite, key mls.SignaturePublicKey) ([]byte, error) {
	var curve elliptic.Curve
	switch suite {
	case mls.SuiteX25519AES128SHA256Ed25519, mls.SuiteX25519ChaCha20SHA256Ed25519:
		if len(key) != ed25519.PublicKeySize {
			return nil, errors.New("pki: a key of Ed25519 has 32 bytes")
		}
		return x509.MarshalPKIXPublicKey(ed25519.PublicKey(key))
	case mls.SuiteP256AES128SHA256P256:
		curve = elliptic.P256()
	case mls.SuiteP384AES256SHA384P384:
		curve = elliptic.P384()
	case mls.SuiteP521AES256SHA512P521:
		curve = elliptic.P521()
	default:
		return nil, fmt.Errorf("pki: certificates for keys of cipher suite %d are not implemented", suite)
	}
	public, err := ecdsa.ParseUncompressedPublicKey(curve, key)
	if err != nil {
		return nil, fmt.Errorf("pki: %w", err)
	}
	return x509.MarshalPKIXPublicKey(public)
}

// UserAuthority is the template of a certificate for the authority of a provider's users, for crypto/x509 to sign: by a certificate authority
// that providers trust, or by itself.
func UserAuthority(provider string, serial *big.Int, from, until time.Time) (*x509.Certificate, error) {
	if err := mimi.CheckProvider(provider); err != nil {
		return nil, fmt.Errorf("pki: %q: %w", provider, err)
	}
	return &x509.Certificate{
		SerialNumber:          serial,
		Subject:               pkix.Name{CommonName: "users"}, // short: it stands twice in every credential; the constraint says whose users
		NotBefore:             from,
		NotAfter:              until,
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,

		PermittedDNSDomainsCritical: true, // of the whole extension
		PermittedURIDomains:         []string{provider},
		ExcludedDNSDomains:          []string{""}, // all
	}, nil
}

// checkAuthority holds the profile of a user authority, its chain apart.
func checkAuthority(c *x509.Certificate, provider string) error {
	switch {
	case !c.BasicConstraintsValid || !c.IsCA:
		return fault("x509-authority-ca", "the issuer is no authority")
	case c.MaxPathLen != 0 || !c.MaxPathLenZero:
		return fault("x509-authority-path-length", "the user authority may issue authorities")
	case c.KeyUsage&x509.KeyUsageCertSign == 0:
		return fault("x509-authority-key-usage", "the issuer's key may not sign certificates")
	case !c.PermittedDNSDomainsCritical || !slices.Equal(c.PermittedURIDomains, []string{provider}):
		return fault("x509-authority-constraint", "the user authority is not constrained to "+provider)
	case !slices.Equal(c.ExcludedDNSDomains, []string{""}):
		return fault("x509-authority-names", "the user authority may issue certificates for DNS names")
	}
	return nil
}

func fault(rule, text string) error { return &mimi.RuleError{Rule: rule, Text: text} }
