package main

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"anteroom/config"
	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mimi/pki"
	"anteroom/mls"
)

// credentials decides whose credentials are believed, and issues those of our users. What it knows is replaced when the configuration is read again.
type credentials struct {
	verifier atomic.Pointer[pki.Verifier]
	issuer   atomic.Pointer[pki.Authority] // nil: nobody vouches for our users

	own []byte // certificates of our own authorities that were read, in PEM; for load alone, which is not called concurrently
}

// issue is mucmap.Config.Issue, by the authority that was read last.
func (c *credentials) issue(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
	return c.issuer.Load().Credential(client, suite, key, now)
}

func (c *credentials) authenticate(credential mls.Credential, key mls.SignaturePublicKey, now uint64) error {
	return c.verifier.Load().Authenticate(credential, key, now)
}

// who says who vouches for users: files, and of which providers basic credentials are accepted.
type who struct {
	authority, key string            // of our own provider; empty: nobody
	authorities    map[string]string // of others, by provider
	basic          func(provider string) bool
}

// load reads all of it anew. It returns our own authority, nil if there is none. Credentials by it are believed, whoever vouches for it; so are those by
// an authority that it has taken the place of, if this process has read it or those who are trusted for all vouch for it.
func (c *credentials) load(provider string, id *mimihttp.Identity, w who) (*pki.Authority, error) {
	trust := pki.Trust{Roots: id.Trust, Authorities: map[string]*x509.CertPool{}, Basic: w.basic}
	for name, file := range w.authorities {
		pool, err := readPool(file)
		if err != nil {
			return nil, err
		}
		trust.Authorities[name] = pool
	}
	var authority *pki.Authority
	if w.authority != "" {
		certificate, err := os.ReadFile(w.authority)
		if err != nil {
			return nil, err
		}
		key, err := os.ReadFile(w.key)
		if err != nil {
			return nil, err
		}
		if authority, err = pki.NewAuthority(provider, certificate, key); err != nil {
			return nil, fmt.Errorf("%s: %w", w.authority, err)
		}
		if !bytes.Contains(c.own, certificate) {
			c.own = append(c.own, certificate...)
		}
		pool := x509.NewCertPool()
		if id.Trust != nil {
			pool = id.Trust.Clone()
		}
		pool.AppendCertsFromPEM(c.own)
		trust.Authorities[provider] = pool
		c.issuer.Store(authority)
	}
	c.verifier.Store(pki.NewVerifier(trust))
	return authority, nil
}

func readPool(file string) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", file)
	}
	return pool, nil
}

// credentials reads who vouches for users, as configured.
func (s *service) credentials(cfg *config.Config) (*pki.Authority, error) {
	p := cfg.Provider // a copy: whom it believes is asked while the configuration changes
	id, err := mimihttp.LoadIdentity(p.Certificate, p.Key, p.Trust)
	if err != nil {
		return nil, err
	}
	return s.believes.load(p.Domain, id, who{authority: p.Authority, key: p.AuthorityKey, authorities: p.Authorities, basic: p.AcceptsBasic})
}

// vouching is who vouches for a native client, and whom it believes. Without an authority its credential is a basic one.
type vouching struct {
	authority    *pki.Authority
	authenticate mimi.Authenticate
}

func (v vouching) credential(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
	if v.authority == nil {
		return mimi.BasicCredential(client), nil
	}
	return v.authority.Credential(client, suite, key, now)
}

// renewedCredential is a new credential for a leaf of ours that has a basic one, or a certificate that has served long enough.
func (c *nativeClient) renewedCredential(leaf *mls.LeafNode, now time.Time) (mls.Credential, bool) {
	if c.vouch.authority == nil || leaf.Credential.Type != mls.CredentialBasic && !mimi.CredentialDue(leaf.Credential, now) {
		return mls.Credential{}, false
	}
	client, err := mimi.CredentialClient(leaf.Credential)
	if err != nil {
		return mls.Credential{}, false
	}
	if _, ours := c.device(client); !ours {
		return mls.Credential{}, false
	}
	credential, err := c.vouch.credential(client, leafSuite(leaf), leaf.SignatureKey, now)
	return credential, err == nil
}

// leafSuite is the suite of a leaf of ours, the only one that it lists.
func leafSuite(leaf *mls.LeafNode) mls.CipherSuite {
	if len(leaf.Capabilities.CipherSuites) != 1 {
		return clientSuite
	}
	return leaf.Capabilities.CipherSuites[0]
}
