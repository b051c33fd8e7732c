package pki

import (
	"bytes"
	"crypto/ed25519"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

var (
	juliet  = mimi.MustURI("mimi://a.example/d/juliet/anteroom")
	romeo   = mimi.MustURI("mimi://b.example/d/romeo/anteroom")
	start   = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	seconds = uint64(start.Unix())
)

const suite1 = mls.SuiteX25519AES128SHA256Ed25519

// full decides as a group does: package mls compares the key, then asks the Verifier.
func full(v *Verifier, c mls.Credential, key mls.SignaturePublicKey, now uint64) error {
	return (&mls.Config{Authenticate: v.Authenticate, Now: now}).CheckCredential(c, key)
}

func wantRule(t *testing.T, err error, rule string) {
	t.Helper()
	if rule == "" {
		if err != nil {
			t.Errorf("refused: %v", err)
		}
		return
	}
	if err == nil || !strings.Contains(err.Error(), rule+":") {
		t.Errorf("got %v, want a refusal by %s", err, rule)
	}
}

// What an authority issues is accepted, in every suite with keys that certificates can hold, and the same arguments give the same bytes.
func TestIssueAndVerify(t *testing.T) {
	root := newRoot(t, "root")
	users := newUsers(t, "a.example", root, nil)
	a := users.authority(t, "a.example")
	v := NewVerifier(Trust{Roots: pool(root)})
	for _, suite := range []mls.CipherSuite{mls.SuiteX25519AES128SHA256Ed25519, mls.SuiteP256AES128SHA256P256, mls.SuiteX25519ChaCha20SHA256Ed25519,
		mls.SuiteP521AES256SHA512P521, mls.SuiteP384AES256SHA384P384} {
		s := signer(t, suite, "juliet")
		c, err := a.Credential(juliet, suite, s.Public, start)
		if err != nil {
			t.Fatalf("suite %d: %v", suite, err)
		}
		again, err := a.Credential(juliet, suite, s.Public, start)
		if err != nil || !bytes.Equal(c.Certificates[0], again.Certificates[0]) {
			t.Errorf("suite %d: the same arguments gave other bytes (%v)", suite, err)
		}
		if got, err := mimi.CredentialClient(c); err != nil || got != juliet {
			t.Errorf("suite %d: client %s, %v", suite, got, err)
		}
		for _, now := range []uint64{seconds, 0} {
			if err := full(v, c, s.Public, now); err != nil {
				t.Errorf("suite %d, at %d: %v", suite, now, err)
			}
		}
		// What we wrote is what the standard library takes for a valid certificate of this chain.
		leaf, err := x509.ParseCertificate(c.Certificates[0])
		if err != nil {
			t.Fatal(err)
		}
		if _, err := leaf.Verify(x509.VerifyOptions{Roots: pool(root), Intermediates: pool(users), CurrentTime: start, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
			t.Errorf("suite %d: %v", suite, err)
		}
		if len(leaf.URIs) != 2 || leaf.URIs[0].String() != juliet.String() || leaf.URIs[1].String() != juliet.ClientUser().String() {
			t.Errorf("suite %d: names %v", suite, leaf.URIs)
		}
		from, until, err := mimi.CredentialValidity(c)
		if err != nil || !from.Equal(leaf.NotBefore) || !until.Equal(leaf.NotAfter) {
			t.Errorf("suite %d: valid from %v to %v (%v), want %v to %v", suite, from, until, err, leaf.NotBefore, leaf.NotAfter)
		}
	}
	if _, err := a.Credential(juliet, mls.SuiteX448AES256SHA512Ed448, make([]byte, 57), start); err == nil {
		t.Error("a certificate for a key of Ed448 was issued")
	}
	if _, err := a.Credential(juliet, suite1, make([]byte, 31), start); err == nil {
		t.Error("a certificate for half a key was issued")
	}
	for _, client := range []mimi.URI{romeo, juliet.ClientUser(), {}} {
		if _, err := a.Credential(client, suite1, signer(t, suite1, "x").Public, start); err == nil {
			t.Errorf("the authority of a.example vouches for %q", client)
		}
	}
	for _, now := range []time.Time{start.Add(-2 * time.Hour), start.AddDate(5, 0, 1)} {
		if _, err := a.Credential(juliet, suite1, signer(t, suite1, "x").Public, now); err == nil {
			t.Errorf("the authority issued at %v, when it is not valid", now)
		}
	}
}

// A certificate is to be renewed when two thirds of its time are over, and ends with its authority.
func TestRenewalOfCertificates(t *testing.T) {
	a := newUsers(t, "a.example", newRoot(t, "root"), nil).authority(t, "a.example")
	key := signer(t, suite1, "juliet").Public
	c, err := a.Credential(juliet, suite1, key, start)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		after time.Duration
		due   bool
	}{{0, false}, {59 * 24 * time.Hour, false}, {61 * 24 * time.Hour, true}, {200 * 24 * time.Hour, true}} {
		if got := mimi.CredentialDue(c, start.Add(test.after)); got != test.due {
			t.Errorf("after %v: due %v", test.after, got)
		}
	}
	late := start.AddDate(5, 0, -10)
	if c, err = a.Credential(juliet, suite1, key, late); err != nil {
		t.Fatal(err)
	}
	if _, until, err := mimi.CredentialValidity(c); err != nil || !until.Equal(start.AddDate(5, 0, 0)) {
		t.Errorf("valid until %v (%v), after its authority", until, err)
	}
}

// leafOf is the template of a client's certificate with these names.
func leafOf(names ...string) *x509.Certificate {
	c := &x509.Certificate{SerialNumber: big.NewInt(3), NotBefore: start.Add(-time.Hour), NotAfter: start.AddDate(0, 3, 0), KeyUsage: x509.KeyUsageDigitalSignature}
	for _, name := range names {
		u, err := url.Parse(name)
		if err != nil {
			panic(err)
		}
		c.URIs = append(c.URIs, u)
	}
	return c
}

// Every property of a credential has one that lacks it and nothing else, which is refused by the rule's name.
func TestVerifyRefuses(t *testing.T) {
	root, elsewhere := newRoot(t, "root"), newRoot(t, "elsewhere")
	users, others := newUsers(t, "a.example", root, nil), newUsers(t, "b.example", root, nil)
	key := newKey(t)
	public := mls.SignaturePublicKey(key.Public().(ed25519.PublicKey))
	names := []string{juliet.String(), juliet.ClientUser().String()}
	v := NewVerifier(Trust{Roots: pool(root)})
	leaf := func(by *issuer, alter func(*x509.Certificate), names ...string) []byte {
		template := leafOf(names...)
		if alter != nil {
			alter(template)
		}
		return sign(t, template, by, key).certificate.Raw
	}
	by := func(i *issuer, alter func(*x509.Certificate)) [][]byte {
		return [][]byte{leaf(i, alter, names...), i.certificate.Raw}
	}
	critical := pkix.Extension{Id: asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: true, Value: []byte{5, 0}}
	broken := leaf(users, nil, names...)
	broken[len(broken)-1] ^= 1
	middle := sign(t, &x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "middle"}, NotBefore: start.Add(-time.Hour),
		NotAfter: start.AddDate(0, 0, 30), IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1, KeyUsage: x509.KeyUsageCertSign}, newLongRoot(t, root), newKey(t))
	below := newUsers(t, "a.example", middle, nil)
	for _, test := range []struct {
		name, rule string
		chain      [][]byte
		key        mls.SignaturePublicKey
		now        uint64
	}{
		{"as it should be", "", by(users, nil), public, seconds},
		{"names in the other order", "", [][]byte{leaf(users, nil, names[1], names[0]), users.certificate.Raw}, public, seconds},
		{"no certificate", "9420-5.3-certificate-key", nil, public, seconds},
		{"another key", "9420-5.3-certificate-key", by(users, nil), signer(t, suite1, "other").Public, seconds},
		{"no names", "credential-client", [][]byte{leaf(users, nil), users.certificate.Raw}, public, seconds},
		{"the client alone", "credential-client", [][]byte{leaf(users, nil, names[0]), users.certificate.Raw}, public, seconds},
		{"the user alone", "credential-client", [][]byte{leaf(users, nil, names[1]), users.certificate.Raw}, public, seconds},
		{"another user's client", "credential-client", [][]byte{leaf(users, nil, names[0], "mimi://a.example/u/nurse"), users.certificate.Raw}, public, seconds},
		{"two clients", "credential-client", [][]byte{leaf(users, nil, names[0], "mimi://a.example/d/juliet/phone"), users.certificate.Raw}, public, seconds},
		{"a third name", "credential-client", [][]byte{leaf(users, nil, append(names, "mimi://a.example/u/nurse")...), users.certificate.Raw}, public, seconds},
		{"a name of another kind", "credential-client", [][]byte{leaf(users, func(c *x509.Certificate) { c.EmailAddresses = []string{"juliet@a.example"} }, names...), users.certificate.Raw}, public, seconds},
		{"the authority of another provider", "x509-authority-constraint", by(others, nil), public, seconds},
		{"an authority that nobody trusts", "x509-unknown-authority", by(newUsers(t, "a.example", elsewhere, nil), nil), public, seconds},
		{"no authority", "x509-unknown-authority", [][]byte{leaf(users, nil, names...)}, public, seconds},
		{"signed by who is trusted, without a user authority", "x509-authority-path-length", [][]byte{leaf(root, nil, names...)}, public, seconds},
		{"signed by somebody else", "x509-signature", [][]byte{leaf(newUsers(t, "a.example", root, nil), nil, names...), users.certificate.Raw}, public, seconds},
		{"a signature that is not one", "x509-signature", [][]byte{broken, users.certificate.Raw}, public, seconds},
		{"another issuer's name", "x509-issuer", [][]byte{leaf(&issuer{renamed(users.certificate), users.key}, nil, names...), users.certificate.Raw}, public, seconds},
		{"not yet valid", "x509-validity", by(users, nil), public, seconds - 3601},
		{"valid from its first second", "", by(users, nil), public, seconds - 3600},
		{"no longer valid", "x509-validity", by(users, nil), public, uint64(start.AddDate(0, 3, 0).Unix()) + 1},
		{"no longer valid, in a tree", "", by(users, func(c *x509.Certificate) { c.NotAfter = start.Add(-time.Minute) }), public, 0},
		{"valid for too long", "x509-lifetime", by(users, func(c *x509.Certificate) { c.NotAfter = c.NotBefore.Add(MaxLeafLifetime + time.Second) }), public, seconds},
		{"longer than its authority", "x509-authority-validity", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.NotAfter = start.AddDate(0, 1, 0) }), nil), public, uint64(start.AddDate(0, 2, 0).Unix())},
		{"longer than who vouches for its authority", "x509-authority-validity", [][]byte{leaf(below, nil, names...), below.certificate.Raw, middle.certificate.Raw, newLongRoot(t, root).certificate.Raw}, public, uint64(start.AddDate(0, 2, 0).Unix())},
		{"a key that may not sign", "x509-key-usage", by(users, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyAgreement }), public, seconds},
		{"an authority as a client", "x509-leaf-ca", by(users, func(c *x509.Certificate) {
			c.IsCA, c.BasicConstraintsValid = true, true
			c.KeyUsage |= x509.KeyUsageCertSign
		}), public, seconds},
		{"an unknown critical extension", "x509-critical", by(users, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{critical} }), public, seconds},
		{"an authority's unknown critical extension", "x509-unknown-authority", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.ExtraExtensions = []pkix.Extension{critical} }), nil), public, seconds},
		{"an issuer that is no authority", "x509-authority-ca", by(newUsers(t, "a.example", root, func(c *x509.Certificate) {
			c.IsCA = false
			c.MaxPathLenZero = false
			c.PermittedURIDomains, c.ExcludedDNSDomains = nil, nil
		}), nil), public, seconds},
		{"an authority that may issue authorities", "x509-authority-path-length", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.MaxPathLenZero = false }), nil), public, seconds},
		{"an authority whose key may not issue", "x509-authority-key-usage", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageCRLSign }), nil), public, seconds},
		{"an authority for everybody", "x509-authority-constraint", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.PermittedURIDomains = nil }), nil), public, seconds},
		{"an authority for two providers", "x509-authority-constraint", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.PermittedURIDomains = []string{"a.example", "b.example"} }), nil), public, seconds},
		{"an authority for the domains below", "x509-authority-constraint", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.PermittedURIDomains = []string{".a.example"} }), nil), public, seconds},
		{"an authority whose constraint is advice", "x509-authority-constraint", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.PermittedDNSDomainsCritical = false }), nil), public, seconds},
		{"an authority that could make certificates for TLS", "x509-authority-names", by(newUsers(t, "a.example", root, func(c *x509.Certificate) { c.ExcludedDNSDomains = nil }), nil), public, seconds},
		{"too many certificates", "x509-chain-length", append(by(users, nil), root.certificate.Raw, root.certificate.Raw, root.certificate.Raw), public, seconds},
		{"as many as there may be", "", append(by(users, nil), root.certificate.Raw, root.certificate.Raw), public, seconds},
		{"too big a certificate", "x509-size", [][]byte{leaf(users, func(c *x509.Certificate) {
			c.ExtraExtensions = []pkix.Extension{{Id: critical.Id, Value: make([]byte, MaxCertificate)}}
		}, names...), users.certificate.Raw}, public, seconds},
		{"an authority that is no certificate", "x509-parse", [][]byte{leaf(users, nil, names...), {0x30, 0}}, public, seconds},
	} {
		t.Run(test.name, func(t *testing.T) {
			wantRule(t, full(v, mls.Credential{Type: mls.CredentialX509, Certificates: test.chain}, test.key, test.now), test.rule)
		})
	}
}

// newLongRoot is a root's certificate with room for two authorities below it, by the same key.
func newLongRoot(t *testing.T, root *issuer) *issuer {
	template := *root.certificate
	template.MaxPathLen = 2
	template.SerialNumber = big.NewInt(77)
	return sign(t, &template, root, root.key)
}

func renamed(c *x509.Certificate) *x509.Certificate {
	other := *c
	other.RawSubject, other.Subject = nil, pkix.Name{CommonName: "somebody"}
	return &other
}

// Bytes that are no certificates are refused, and do nothing else.
func TestVerifyAnyBytes(t *testing.T) {
	root := newRoot(t, "root")
	a := newUsers(t, "a.example", root, nil).authority(t, "a.example")
	s := signer(t, suite1, "juliet")
	c, err := a.Credential(juliet, suite1, s.Public, start)
	if err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(Trust{Roots: pool(root)})
	for i := range c.Certificates[0] {
		changed := bytes.Clone(c.Certificates[0])
		changed[i] ^= 0x15
		if full(v, mls.Credential{Type: mls.CredentialX509, Certificates: [][]byte{changed, c.Certificates[1]}}, s.Public, seconds) == nil {
			t.Errorf("byte %d changed, and nobody minds", i)
		}
		if full(v, mls.Credential{Type: mls.CredentialX509, Certificates: [][]byte{c.Certificates[0][:i], c.Certificates[1]}}, s.Public, seconds) == nil {
			t.Errorf("cut at byte %d, and nobody minds", i)
		}
	}
}

// Certificates that are configured for a provider count for it alone, and instead of those for everybody. What they are themselves need not be
// sent.
func TestAuthoritiesOfOneProvider(t *testing.T) {
	root, elsewhere := newRoot(t, "root"), newRoot(t, "elsewhere")
	selfSigned := newUsers(t, "a.example", nil, nil)
	v := NewVerifier(Trust{Roots: pool(root), Authorities: map[string]*x509.CertPool{"a.example": pool(selfSigned), "b.example": pool(elsewhere)}})
	key := signer(t, suite1, "x").Public
	credential := func(i *issuer, provider string, client mimi.URI) mls.Credential {
		c, err := i.authority(t, provider).Credential(client, suite1, key, start)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	own := credential(selfSigned, "a.example", juliet)
	if len(own.Certificates) != 1 {
		t.Errorf("a trust anchor was sent along: %d certificates", len(own.Certificates))
	}
	wantRule(t, full(v, own, key, seconds), "")
	own.Certificates = append(own.Certificates, selfSigned.certificate.Raw)
	wantRule(t, full(v, own, key, seconds), "")
	wantRule(t, full(v, credential(newUsers(t, "b.example", elsewhere, nil), "b.example", romeo), key, seconds), "")
	wantRule(t, full(v, credential(newUsers(t, "b.example", root, nil), "b.example", romeo), key, seconds), "x509-unknown-authority")
	wantRule(t, full(v, credential(newUsers(t, "a.example", root, nil), "a.example", juliet), key, seconds), "x509-unknown-authority")
	wantRule(t, full(NewVerifier(Trust{}), own, key, seconds), "x509-unknown-authority")
}

// A chain that leaves out an authority between the leaf and a trusted one is refused, also where that authority is trusted for others.
func TestChainLeavesOutNobody(t *testing.T) {
	root := newLongRoot(t, newRoot(t, "root"))
	users := newUsers(t, "a.example", root, nil)
	v := NewVerifier(Trust{Authorities: map[string]*x509.CertPool{"a.example": pool(root)}})
	key := signer(t, suite1, "juliet").Public
	c, err := users.authority(t, "a.example").Credential(juliet, suite1, key, start)
	if err != nil {
		t.Fatal(err)
	}
	wantRule(t, full(v, c, key, seconds), "")
	c.Certificates = c.Certificates[:1]
	wantRule(t, full(v, c, key, seconds), "x509-unknown-authority")
	ourselves := newKey(t)
	itself := sign(t, leafOf(juliet.String(), juliet.ClientUser().String()), nil, ourselves)
	v = NewVerifier(Trust{Authorities: map[string]*x509.CertPool{"a.example": pool(itself)}})
	alone := mls.Credential{Type: mls.CredentialX509, Certificates: [][]byte{itself.certificate.Raw}}
	wantRule(t, full(v, alone, mls.SignaturePublicKey(ourselves.Public().(ed25519.PublicKey)), seconds), "x509-chain-order")
}

// A client with a certificate renews it, and does not go back to a basic credential.
func TestCertificatesStay(t *testing.T) {
	a := newUsers(t, "a.example", newRoot(t, "root"), nil).authority(t, "a.example")
	issue := func(client mimi.URI, now time.Time) mls.Credential {
		c, err := a.Credential(client, suite1, signer(t, suite1, "juliet").Public, now)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := issue(juliet, start)
	wantRule(t, mimi.SameClient(old, issue(juliet, start.AddDate(0, 2, 0))), "")
	wantRule(t, mimi.SameClient(mimi.BasicCredential(juliet), old), "")
	wantRule(t, mimi.SameClient(old, mimi.BasicCredential(juliet)), "credential-weaker")
	wantRule(t, mimi.SameClient(old, issue(mimi.MustURI("mimi://a.example/d/nurse/anteroom"), start)), "credential-client")
	if !mimi.SameIdentity(old, mimi.BasicCredential(juliet)) || mimi.SameIdentity(old, mimi.BasicCredential(romeo)) {
		t.Error("identities")
	}
	if romeo := mimi.MustURI("mimi://a.example/d/juliet/anteroom2"); !mimi.Asserts(old, juliet) || mimi.Asserts(old, romeo) || mimi.Asserts(old, juliet.ClientUser()) {
		t.Error("who asserts what")
	}
}

// Preauthorisation of a user holds whatever proves who it is; claims about certificates hold for certificates.
func TestPreauthorisedByCertificate(t *testing.T) {
	a := newUsers(t, "a.example", newRoot(t, "root"), nil).authority(t, "a.example")
	c, err := a.Credential(juliet, suite1, signer(t, suite1, "juliet").Public, start)
	if err != nil {
		t.Fatal(err)
	}
	altName := func(value string) mimi.Preauth {
		return mimi.Preauth{Claims: []mimi.Claim{{CredentialType: mls.CredentialX509, ID: []byte{6, 3, 0x55, 0x1d, 0x11}, Value: []byte(value)}}}
	}
	for _, test := range []struct {
		name        string
		entry       mimi.Preauth
		x509, basic bool
	}{
		{"user", mimi.PreauthUser(juliet.ClientUser(), mimi.Role{}), true, true},
		{"another user", mimi.PreauthUser(romeo.ClientUser(), mimi.Role{}), false, false},
		{"alternative name, client", altName(juliet.String()), true, false},
		{"alternative name, user", altName(juliet.ClientUser().String()), true, false},
		{"alternative name, another user", altName(romeo.ClientUser().String()), false, false},
	} {
		if got := test.entry.Matches(c); got != test.x509 {
			t.Errorf("%s: matches the certificate: %v", test.name, got)
		}
		if got := test.entry.Matches(mimi.BasicCredential(juliet)); got != test.basic {
			t.Errorf("%s: matches the basic credential: %v", test.name, got)
		}
	}
}

// Basic credentials are accepted of configured providers only.
func TestBasicOnlyWhereConfigured(t *testing.T) {
	key := signer(t, suite1, "x").Public
	v := NewVerifier(Trust{Basic: func(provider string) bool { return provider == "b.example" }})
	wantRule(t, full(v, mimi.BasicCredential(romeo), key, seconds), "")
	wantRule(t, full(v, mimi.BasicCredential(juliet), key, seconds), "credential-basic")
	wantRule(t, full(NewVerifier(Trust{}), mimi.BasicCredential(romeo), key, seconds), "credential-basic")
}

// What a Verifier remembers is bounded, and is only what it found good.
func TestMemoryIsBounded(t *testing.T) {
	root := newRoot(t, "root")
	users := newUsers(t, "a.example", root, nil)
	s := signer(t, suite1, "juliet")
	c, err := users.authority(t, "a.example").Credential(juliet, suite1, s.Public, start)
	if err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(Trust{Roots: pool(root)})
	forged := mls.Credential{Type: mls.CredentialX509, Certificates: [][]byte{c.Certificates[0], newUsers(t, "a.example", newRoot(t, "evil"), nil).certificate.Raw}}
	wantRule(t, full(v, forged, s.Public, seconds), "x509-unknown-authority")
	if len(v.known) != 0 {
		t.Error("a bad authority is remembered")
	}
	wantRule(t, full(v, c, s.Public, seconds), "")
	if len(v.known) != 1 {
		t.Errorf("%d authorities are remembered, want 1", len(v.known))
	}
	for i := range MaxRemembered {
		v.known[remembered{provider: string(rune(i))}] = nil
	}
	delete(v.known, remembered{provider: string(rune(0))})
	c.Certificates = append(c.Certificates, root.certificate.Raw)
	wantRule(t, full(v, c, s.Public, seconds), "")
	if len(v.known) > MaxRemembered {
		t.Errorf("%d authorities are remembered, more than %d", len(v.known), MaxRemembered)
	}
}

// An authority that is not one, or belongs to another provider or key, is not used to issue.
func TestNewAuthorityRefuses(t *testing.T) {
	root := newRoot(t, "root")
	users := newUsers(t, "a.example", root, nil)
	certificate, key := users.pems(t)
	other, otherKey := newUsers(t, "a.example", root, nil).pems(t)
	rootPEM, rootKey := root.pems(t)
	for name, test := range map[string]struct {
		provider         string
		certificate, key []byte
	}{
		"no certificate":     {"a.example", key, key},
		"no key":             {"a.example", certificate, certificate},
		"another's key":      {"a.example", certificate, otherKey},
		"another's":          {"b.example", other, otherKey},
		"no user authority":  {"a.example", rootPEM, rootKey},
		"a key of ECDSA":     {"a.example", certificate, rootKey},
		"nothing in the PEM": {"a.example", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE"}), key},
	} {
		if _, err := NewAuthority(test.provider, test.certificate, test.key); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := UserAuthority("A_B/..", big.NewInt(1), start, start); err == nil {
		t.Error("a user authority for what is no provider")
	}
}

// A user authority below the certificate authority that TLS trusts cannot make certificates for TLS.
func TestUserAuthorityIsNoUseForTLS(t *testing.T) {
	root := newRoot(t, "root")
	users := newUsers(t, "a.example", root, nil)
	for _, domain := range []string{"b.example", "a.example"} {
		c := sign(t, &x509.Certificate{SerialNumber: big.NewInt(4), DNSNames: []string{domain}, NotBefore: start, NotAfter: start.AddDate(0, 1, 0),
			KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, users, newKey(t)).certificate
		_, err := c.Verify(x509.VerifyOptions{Roots: pool(root), Intermediates: pool(users), CurrentTime: start, DNSName: domain, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
		var invalid x509.CertificateInvalidError
		if !errors.As(err, &invalid) || invalid.Reason != x509.CANotAuthorizedForThisName {
			t.Errorf("%s: %v, want a refusal by name constraint", domain, err)
		}
	}
}

func BenchmarkIssue(b *testing.B) {
	a := newUsers(b, "a.example", newRoot(b, "root"), nil).authority(b, "a.example")
	key := signer(b, suite1, "juliet").Public
	var size int
	for b.Loop() {
		c, err := a.Credential(juliet, suite1, key, start)
		if err != nil {
			b.Fatal(err)
		}
		size = len(c.Certificates[0]) + len(c.Certificates[1])
	}
	b.ReportMetric(float64(size), "bytes/credential")
}

func BenchmarkVerify(b *testing.B) {
	root := newRoot(b, "root")
	key := signer(b, suite1, "juliet").Public
	c, err := newUsers(b, "a.example", root, nil).authority(b, "a.example").Credential(juliet, suite1, key, start)
	if err != nil {
		b.Fatal(err)
	}
	v := NewVerifier(Trust{Roots: pool(root)})
	for b.Loop() {
		if err := full(v, c, key, seconds); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCredentialClient(b *testing.B) {
	key := signer(b, suite1, "juliet").Public
	c, err := newUsers(b, "a.example", newRoot(b, "root"), nil).authority(b, "a.example").Credential(juliet, suite1, key, start)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := mimi.CredentialClient(c); err != nil {
			b.Fatal(err)
		}
	}
}

// What an authority above a user authority is constrained to holds for the names in the leaf (RFC 5280 §6.1.4 (g)), which are far below it.
func TestConstraintsAboveTheUserAuthority(t *testing.T) {
	root := newLongRoot(t, newRoot(t, "root"))
	v := NewVerifier(Trust{Roots: pool(root)})
	s := signer(t, suite1, "juliet")
	for _, test := range []struct {
		name, rule         string
		permitted, exclude []string
	}{
		{"no constraint", "", nil, nil},
		{"this provider", "", []string{"c.example", "a.example"}, nil},
		{"all below a domain", "", []string{".example"}, nil},
		{"another provider", "x509-unknown-authority", []string{"b.example"}, nil},
		{"all below this provider", "x509-unknown-authority", []string{".a.example"}, nil},
		{"a longer name", "x509-unknown-authority", []string{"ba.example"}, nil},
		{"all but this provider", "x509-unknown-authority", nil, []string{"a.example"}},
		{"all but those of its domain", "x509-unknown-authority", nil, []string{".example"}},
		{"all but another provider", "", nil, []string{"b.example"}},
	} {
		middle := sign(t, &x509.Certificate{SerialNumber: big.NewInt(9), Subject: pkix.Name{CommonName: "middle"}, NotBefore: start.Add(-time.Hour),
			NotAfter: start.AddDate(5, 0, 0), IsCA: true, BasicConstraintsValid: true, MaxPathLen: 1, KeyUsage: x509.KeyUsageCertSign,
			PermittedDNSDomainsCritical: true, PermittedURIDomains: test.permitted, ExcludedURIDomains: test.exclude}, root, newKey(t))
		c, err := newUsers(t, "a.example", middle, nil).authority(t, "a.example").Credential(juliet, suite1, s.Public, start)
		if err != nil {
			t.Fatal(err)
		}
		c.Certificates = append(c.Certificates, middle.certificate.Raw)
		t.Run(test.name, func(t *testing.T) { wantRule(t, full(v, c, s.Public, seconds), test.rule) })
	}
}

// A credential is good from the moment that its authority is, also where the authority is not sent along.
func TestFirstHourOfAnAuthority(t *testing.T) {
	users := newUsers(t, "a.example", nil, func(c *x509.Certificate) { c.NotBefore = start })
	s := signer(t, suite1, "juliet")
	c, err := users.authority(t, "a.example").Credential(juliet, suite1, s.Public, start)
	if err != nil {
		t.Fatal(err)
	}
	v := NewVerifier(Trust{Authorities: map[string]*x509.CertPool{"a.example": pool(users)}})
	wantRule(t, full(v, c, s.Public, seconds), "")
}

// A trusted certificate that was renewed, with its key and a later beginning, still vouches for what it issued before.
func TestRenewedRoot(t *testing.T) {
	root := newRoot(t, "root")
	users := newUsers(t, "a.example", root, nil)
	template := *root.certificate
	template.NotBefore, template.SerialNumber = start.AddDate(0, 1, 0), big.NewInt(78)
	v := NewVerifier(Trust{Roots: pool(sign(t, &template, &issuer{&template, root.key}, root.key))})
	s := signer(t, suite1, "juliet")
	for _, issued := range []time.Time{start, start.AddDate(0, 2, 0)} {
		c, err := users.authority(t, "a.example").Credential(juliet, suite1, s.Public, issued)
		if err != nil {
			t.Fatal(err)
		}
		wantRule(t, full(v, c, s.Public, uint64(start.AddDate(0, 2, 0).Unix())), "")
		if issued.Equal(start) {
			wantRule(t, full(v, c, s.Public, seconds), "x509-authority-validity")
		}
		v = NewVerifier(v.trust)
	}
}
