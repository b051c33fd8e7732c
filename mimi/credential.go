package mimi

import (
	"bytes"
	"errors"
	"fmt"
	"time"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"anteroom/mls"
)

// A credential asserts which client a leaf belongs to: a basic credential by its identity, an X.509 credential by the subject alternative
// names of its first certificate (RFC 5280 §4.2.1.6), which are two URIs, that of the client and that of its user, and nothing else. Whether
// the assertion is true is for whoever authenticates credentials to say (package mimi/pki for X.509).

// BasicCredential returns the credential of a client: its URI as basic identity.
func BasicCredential(client URI) mls.Credential {
	return mls.Credential{Type: mls.CredentialBasic, Identity: []byte(client.s)}
}

// CredentialClient returns the client URI that a credential asserts. It fails for other credential types than basic and X.509, and for
// other identities. It costs about as much as reading the URI: certificates are not parsed as a whole.
func CredentialClient(c mls.Credential) (URI, error) {
	switch c.Type {
	case mls.CredentialBasic:
		return clientURI(c.Identity)
	case mls.CredentialX509:
		if len(c.Certificates) == 0 {
			return URI{}, errors.New("mimi: X.509 credential without a certificate")
		}
		return certificateClient(c.Certificates[0])
	}
	return URI{}, fmt.Errorf("mimi: credential type %d is neither basic nor X.509", c.Type)
}

func clientURI(b []byte) (URI, error) {
	if len(b) > MaxURI {
		return URI{}, fmt.Errorf("mimi: uri is longer than %d bytes", MaxURI)
	}
	u, err := ParseURI(string(b))
	if err != nil {
		return URI{}, err
	}
	if u.Kind() != KindClient {
		return URI{}, fmt.Errorf("mimi: credential identity %s is not a client", u)
	}
	return u, nil
}

// Authenticate decides whether a key belongs to the client that a credential asserts, at a time in seconds since 1970; zero: the time does not
// matter. It is mls.Config.Authenticate, and pure as that demands.
type Authenticate = func(c mls.Credential, key mls.SignaturePublicKey, now uint64) error

// AuthenticateBasic accepts basic credentials that name a client, and no others: who delivers them vouches for them. It is for those whom
// nobody has told which authorities to trust.
func AuthenticateBasic(c mls.Credential, _ mls.SignaturePublicKey, _ uint64) error {
	if c.Type != mls.CredentialBasic {
		return &RuleError{"credential-type", "only basic credentials are accepted here"}
	}
	_, err := CredentialClient(c)
	return err
}

// SameClient refuses that one credential takes another's place in a group (RFC 9420 §5.3.1) unless both assert one client. A client that
// has proved its name by X.509 does not go back to a basic credential, which proves nothing. It is mls.Config.Successor.
func SameClient(old, successor mls.Credential) error {
	was, err := CredentialClient(old)
	if err != nil {
		return err
	}
	is, err := CredentialClient(successor)
	if err != nil {
		return err
	}
	if was != is {
		return &RuleError{"credential-client", "the leaf of " + was.String() + " now claims to be " + is.String()}
	}
	if old.Type == mls.CredentialX509 && successor.Type == mls.CredentialBasic {
		return &RuleError{"credential-weaker", "the leaf of " + was.String() + " exchanges its certificate for a basic credential"}
	}
	return nil
}

// CredentialName is the client that a credential asserts as text, empty if it asserts none.
func CredentialName(c mls.Credential) string {
	client, err := CredentialClient(c)
	if err != nil {
		return ""
	}
	return client.s
}

// Asserts says whether a credential asserts a client. Asked of every leaf of a tree it is much cheaper than [CredentialClient]: a credential
// without the URI, which has one spelling only, is not read.
func Asserts(c mls.Credential, client URI) bool {
	switch c.Type {
	case mls.CredentialBasic:
		return string(c.Identity) == client.s && client.Kind() == KindClient
	case mls.CredentialX509:
		if len(c.Certificates) == 0 || !bytes.Contains(c.Certificates[0], []byte(client.s)) {
			return false
		}
		is, err := certificateClient(c.Certificates[0])
		return err == nil && is == client
	}
	return false
}

// SameIdentities is SameIdentity that reads each credential once: for comparing all members of two groups. It is for one goroutine.
func SameIdentities() func(a, b mls.Credential) bool {
	clients := map[string]URI{}
	read := func(c mls.Credential) URI {
		key := string(c.Identity)
		if c.Type == mls.CredentialX509 && len(c.Certificates) > 0 {
			key = string(c.Certificates[0])
		}
		client, known := clients[key]
		if !known {
			client, _ = CredentialClient(c)
			clients[key] = client
		}
		return client
	}
	return func(a, b mls.Credential) bool {
		x := read(a)
		return !x.IsZero() && x == read(b)
	}
}

// SameIdentity says whether two credentials assert one client. Credentials that assert none are nobody's.
func SameIdentity(a, b mls.Credential) bool {
	if a.Type == mls.CredentialBasic && b.Type == mls.CredentialBasic {
		return bytes.Equal(a.Identity, b.Identity)
	}
	x, err := CredentialClient(a)
	if err != nil {
		return false
	}
	y, err := CredentialClient(b)
	return err == nil && x == y
}

var errCertificate = errors.New("mimi: not a certificate")

// tbs returns the fields of a certificate behind its issuer (RFC 5280 §4.1): validity, subject, subjectPublicKeyInfo, then the optional ones.
func tbs(der []byte) (cryptobyte.String, error) {
	input := cryptobyte.String(der)
	var certificate, fields cryptobyte.String
	if !input.ReadASN1(&certificate, asn1.SEQUENCE) || !input.Empty() || !certificate.ReadASN1(&fields, asn1.SEQUENCE) ||
		!fields.SkipOptionalASN1(asn1.Tag(0).Constructed().ContextSpecific()) || // version
		!fields.SkipASN1(asn1.INTEGER) || // serial number
		!fields.SkipASN1(asn1.SEQUENCE) || // signature algorithm
		!fields.SkipASN1(asn1.SEQUENCE) { // issuer
		return nil, errCertificate
	}
	return fields, nil
}

var oidSubjectAltName = []byte{0x55, 0x1d, 0x11}

// certificateClient reads the client from a certificate's subject alternative names.
func certificateClient(der []byte) (URI, error) {
	fields, err := tbs(der)
	if err != nil {
		return URI{}, err
	}
	var outer, extensions, names cryptobyte.String
	var present bool
	for range 3 { // validity, subject, subjectPublicKeyInfo
		if !fields.SkipASN1(asn1.SEQUENCE) {
			return URI{}, errCertificate
		}
	}
	if !fields.SkipOptionalASN1(asn1.Tag(1).ContextSpecific()) || !fields.SkipOptionalASN1(asn1.Tag(2).ContextSpecific()) ||
		!fields.ReadOptionalASN1(&outer, &present, asn1.Tag(3).Constructed().ContextSpecific()) ||
		present && !outer.ReadASN1(&extensions, asn1.SEQUENCE) {
		return URI{}, errCertificate
	}
	found := false
	for !extensions.Empty() {
		var extension, oid, value cryptobyte.String
		if !extensions.ReadASN1(&extension, asn1.SEQUENCE) || !extension.ReadASN1(&oid, asn1.OBJECT_IDENTIFIER) ||
			!extension.SkipOptionalASN1(asn1.BOOLEAN) || !extension.ReadASN1(&value, asn1.OCTET_STRING) {
			return URI{}, errCertificate
		}
		if !bytes.Equal(oid, oidSubjectAltName) {
			continue
		}
		if found || !value.ReadASN1(&names, asn1.SEQUENCE) || !value.Empty() {
			return URI{}, errCertificate
		}
		found = true
	}
	return clientOf(names)
}

// clientOf demands that general names are the URIs of one client and of its user, in any order.
func clientOf(names cryptobyte.String) (URI, error) {
	var uris []cryptobyte.String
	for !names.Empty() {
		var name cryptobyte.String
		if len(uris) == 2 || !names.ReadASN1(&name, asn1.Tag(6).ContextSpecific()) {
			return URI{}, errors.New("mimi: the certificate's names are not two URIs, of a client and of its user")
		}
		uris = append(uris, name)
	}
	if len(uris) != 2 {
		return URI{}, errors.New("mimi: the certificate's names are not two URIs, of a client and of its user")
	}
	client, err := clientURI(uris[0])
	if err != nil {
		if client, err = clientURI(uris[1]); err != nil {
			return URI{}, err
		}
		uris[1] = uris[0]
	}
	if user := client.ClientUser(); string(uris[1]) != user.s {
		return URI{}, fmt.Errorf("mimi: the certificate is for %s and for %q, which is not its user", client, string(uris[1]))
	}
	return client, nil
}

// CredentialValidity returns from when until when the first certificate of an X.509 credential is valid (RFC 5280 §4.1.2.5).
func CredentialValidity(c mls.Credential) (from, until time.Time, err error) {
	if c.Type != mls.CredentialX509 || len(c.Certificates) == 0 {
		return from, until, errors.New("mimi: not an X.509 credential")
	}
	fields, err := tbs(c.Certificates[0])
	if err != nil {
		return from, until, err
	}
	var validity cryptobyte.String
	if !fields.ReadASN1(&validity, asn1.SEQUENCE) || !readTime(&validity, &from) || !readTime(&validity, &until) || !validity.Empty() {
		return from, until, errCertificate
	}
	return from, until, nil
}

// readTime reads a Time of RFC 5280 §4.1: a UTCTime for years up to 2049.
func readTime(s *cryptobyte.String, out *time.Time) bool {
	if s.PeekASN1Tag(asn1.UTCTime) {
		return s.ReadASN1UTCTime(out)
	}
	return s.ReadASN1GeneralizedTime(out)
}

// CredentialDue says whether a client should renew its credential: an X.509 credential when two thirds of its time are over.
func CredentialDue(c mls.Credential, now time.Time) bool {
	from, until, err := CredentialValidity(c)
	return err == nil && !now.Before(from.Add(until.Sub(from)*2/3))
}
