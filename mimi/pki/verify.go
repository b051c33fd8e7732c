package pki

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

const (
	// MaxCertificates bounds the certificates of a credential: a leaf, its authority, and what leads from there to a trusted one.
	MaxCertificates = 4
	// MaxCertificate bounds one certificate in bytes.
	MaxCertificate = 4096
	// MaxRemembered bounds how many authorities a Verifier remembers to be good.
	MaxRemembered = 1024
	// MaxLeafLifetime bounds from when until when a client's certificate may be valid.
	MaxLeafLifetime = 398 * 24 * time.Hour
)

// Trust says whom to believe. It must not change while a Verifier uses it.
type Trust struct {
	// Roots are certificates that vouch for user authorities of all providers. Nil: none.
	Roots *x509.CertPool
	// Authorities are certificates that vouch for user authorities of one provider, by provider. Roots do not count for a provider that has
	// some here.
	Authorities map[string]*x509.CertPool
	// Basic says of which providers basic credentials are accepted, for which nobody vouches but who delivers them. Nil: of none.
	Basic func(provider string) bool
}

// Verifier decides whether keys belong to credentials.
type Verifier struct {
	trust Trust

	mu    sync.Mutex
	known map[remembered]*authority
}

// remembered is a user authority that was found good for a provider.
type remembered struct {
	provider string
	chain    [sha256.Size]byte // of all certificates behind the leaf
}

// authority is a user authority with the time in which it and those who vouch for it are all valid.
type authority struct {
	certificate *x509.Certificate
	from, until time.Time
}

// NewVerifier makes a Verifier that trusts nobody else.
func NewVerifier(t Trust) *Verifier { return &Verifier{trust: t, known: map[remembered]*authority{}} }

// Authenticate is mimi.Authenticate: it accepts X.509 credentials by the authority of the provider that the client's URI names, and basic
// ones where they are configured. The error is a *mimi.RuleError or says what cannot be read.
func (v *Verifier) Authenticate(c mls.Credential, key mls.SignaturePublicKey, now uint64) error {
	client, err := mimi.CredentialClient(c)
	if err != nil {
		return fault("credential-client", err.Error())
	}
	if c.Type == mls.CredentialBasic {
		if v.trust.Basic == nil || !v.trust.Basic(client.Provider()) {
			return fault("credential-basic", "a basic credential proves nothing, and is not accepted for users of "+client.Provider())
		}
		return nil
	}
	if len(c.Certificates) > MaxCertificates {
		return fault("x509-chain-length", fmt.Sprintf("more than %d certificates", MaxCertificates))
	}
	for _, der := range c.Certificates {
		if len(der) > MaxCertificate {
			return fault("x509-size", fmt.Sprintf("a certificate of more than %d bytes", MaxCertificate))
		}
	}
	leaf, err := x509.ParseCertificate(c.Certificates[0])
	if err != nil {
		return fault("x509-parse", err.Error())
	}
	if err := checkLeaf(leaf); err != nil {
		return err
	}
	issuer, err := v.authority(client.Provider(), leaf, c.Certificates[1:])
	if err != nil {
		return err
	}
	if !bytes.Equal(leaf.RawIssuer, issuer.certificate.RawSubject) {
		return fault("x509-issuer", "the certificate names another issuer than the authority that comes with it")
	}
	if err := issuer.certificate.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature); err != nil {
		return fault("x509-signature", "the certificate is not signed by the authority of "+client.Provider())
	}
	if now == 0 {
		return nil
	}
	at := time.Unix(int64(now), 0)
	if at.Before(leaf.NotBefore) || at.After(leaf.NotAfter) {
		return fault("x509-validity", fmt.Sprintf("the certificate of %s is valid from %v to %v", client, leaf.NotBefore, leaf.NotAfter))
	}
	if at.Before(issuer.from) || at.After(issuer.until) {
		return fault("x509-authority-validity", fmt.Sprintf("the authority of %s is valid from %v to %v", client.Provider(), issuer.from, issuer.until))
	}
	return nil
}

// checkLeaf holds the profile of a client's certificate; its names were held by mimi.CredentialClient, its key by package mls.
func checkLeaf(c *x509.Certificate) error {
	switch {
	case c.IsCA:
		return fault("x509-leaf-ca", "the certificate is that of an authority")
	case c.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return fault("x509-key-usage", "the certificate's key is not for signatures")
	case len(c.UnhandledCriticalExtensions) > 0:
		return fault("x509-critical", fmt.Sprintf("the critical extension %v is unknown", c.UnhandledCriticalExtensions[0]))
	case c.NotAfter.Sub(c.NotBefore) > MaxLeafLifetime:
		return fault("x509-lifetime", fmt.Sprintf("the certificate is valid for longer than %v", MaxLeafLifetime))
	}
	return nil
}

// authority returns the user authority of a provider that a credential presents behind its leaf, or, if it presents none, a configured one
// that issued the leaf.
func (v *Verifier) authority(provider string, leaf *x509.Certificate, presented [][]byte) (*authority, error) {
	h := sha256.New()
	for _, der := range presented {
		h.Write(der) // DER says its own length
	}
	if len(presented) == 0 {
		h.Write(leaf.RawIssuer)
		h.Write(leaf.AuthorityKeyId)
	}
	id := remembered{provider: provider, chain: [sha256.Size]byte(h.Sum(nil))}
	v.mu.Lock()
	a := v.known[id]
	v.mu.Unlock()
	if a != nil {
		return a, nil
	}
	a, err := v.judge(provider, leaf, presented)
	if err != nil {
		return nil, err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= MaxRemembered {
		clear(v.known)
	}
	v.known[id] = a
	return a, nil
}

func (v *Verifier) judge(provider string, leaf *x509.Certificate, presented [][]byte) (*authority, error) {
	roots := v.trust.Roots
	if own := v.trust.Authorities[provider]; own != nil {
		roots = own
	}
	if roots == nil {
		return nil, fault("x509-unknown-authority", "no authority is trusted for users of "+provider)
	}
	options := x509.VerifyOptions{Roots: roots, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	candidate := leaf
	for i, der := range presented {
		c, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, fault("x509-parse", err.Error())
		}
		if i == 0 {
			if err := checkAuthority(c, provider); err != nil {
				return nil, err
			}
			candidate = c
		} else {
			options.Intermediates.AddCert(c)
		}
	}
	chain, err := trustedChain(candidate, options, provider, leaf)
	if err != nil {
		return nil, fault("x509-unknown-authority", fmt.Sprintf("nobody who is trusted for users of %s vouches for the certificate: %v", provider, err))
	}
	if len(presented) == 0 {
		if chain = chain[1:]; len(chain) != 1 {
			return nil, fault("x509-chain-order", "the credential leaves out an authority that is not a trusted one")
		}
		if err := checkAuthority(chain[0], provider); err != nil {
			return nil, err
		}
	}
	a := &authority{certificate: chain[0], from: chain[0].NotBefore, until: chain[0].NotAfter}
	for _, c := range chain[1:] {
		if c.NotBefore.After(a.from) {
			a.from = c.NotBefore
		}
		if c.NotAfter.Before(a.until) {
			a.until = c.NotAfter
		}
	}
	return a, nil
}

// trustedChain leads from a certificate to a trusted one that may, like all between them, vouch for users of a provider.
func trustedChain(candidate *x509.Certificate, options x509.VerifyOptions, provider string, leaf *x509.Certificate) (chain []*x509.Certificate, err error) {
	// Any time will do at which all are valid: whether that is the time in question is looked at for each leaf. Who is above may have been renewed since.
	for _, options.CurrentTime = range []time.Time{candidate.NotBefore, leaf.NotBefore, leaf.NotAfter} {
		chains, failed := candidate.Verify(options)
		if failed != nil {
			if err == nil {
				err = failed
			}
			continue
		}
		for _, chain := range chains {
			if err = constrained(chain[1:], provider); err == nil {
				return chain, nil
			}
		}
	}
	return nil, err
}

// constrained holds the name constraints of authorities for the host of the URIs in the leaf (RFC 5280 §4.2.1.10). The names of the certificate that
// package x509 verified are not those.
func constrained(above []*x509.Certificate, provider string) error {
	within := func(constraint string) bool {
		if strings.HasPrefix(constraint, ".") {
			return strings.HasSuffix(provider, strings.ToLower(constraint))
		}
		return strings.EqualFold(provider, constraint)
	}
	for _, c := range above {
		if len(c.PermittedURIDomains) > 0 && !slices.ContainsFunc(c.PermittedURIDomains, within) || slices.ContainsFunc(c.ExcludedURIDomains, within) {
			return fmt.Errorf("%s may not vouch for %s", c.Subject, provider)
		}
	}
	return nil
}
