package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// testKeyPackageIn returns a key package with its keys derived from n.
func testKeyPackageIn(tb testing.TB, cs CipherSuite, n byte) *KeyPackageSecrets {
	tb.Helper()
	signer, err := NewSigner(cs, Seed{n, 1})
	if err != nil {
		tb.Fatal(err)
	}
	kp, err := NewKeyPackage(Seed{n, 2}, KeyPackageParams{
		Signer:     signer,
		Credential: Credential{Type: CredentialBasic, Identity: []byte{'u', n}},
		Capabilities: Capabilities{
			Versions: []ProtocolVersion{ProtocolVersionMLS10}, CipherSuites: []CipherSuite{cs, 0x0a0a},
			Extensions: []ExtensionType{ExtensionAppDataDictionary, 0x1a1a}, Proposals: []ProposalType{ProposalAppDataUpdate, ProposalSelfRemove},
			Credentials: []CredentialType{CredentialBasic},
		},
		Lifetime:       Lifetime{1000, 2000},
		LeafExtensions: []Extension{{0x1a1a, []byte("grease")}},
		Extensions:     []Extension{{0x2a2a, []byte("grease")}},
	})
	if err != nil {
		tb.Fatal(err)
	}
	return kp
}

func testKeyPackage(tb testing.TB, n byte) *KeyPackageSecrets {
	return testKeyPackageIn(tb, SuiteX25519AES128SHA256Ed25519, n)
}

func wantRule(t *testing.T, why, rule string, err error) {
	t.Helper()
	var v *ValidationError
	if !errors.As(err, &v) || v.Rule != rule {
		t.Errorf("%s: error %v, want rule %s", why, err, rule)
	}
}

// A key package is a function of its seed, valid in every suite, decodes to itself, and its private keys fit.
func TestNewKeyPackage(t *testing.T) {
	for _, id := range suite.Supported() {
		cs := CipherSuite(id)
		kp, again, other := testKeyPackageIn(t, cs, 1), testKeyPackageIn(t, cs, 1), testKeyPackageIn(t, cs, 2)
		in := wire.Marshal(&kp.KeyPackage)
		if !bytes.Equal(kp.Init, again.Init) || bytes.Equal(kp.Init, other.Init) || bytes.Equal(kp.Init, kp.Leaf) {
			t.Errorf("suite %d: keys are not a function of the seed", cs)
		}
		var got KeyPackage
		if err := wire.Unmarshal(in, &got); err != nil {
			t.Fatal(err)
		}
		if err := got.Validate(cs, Config{Now: 1500}); err != nil {
			t.Errorf("suite %d: %v", cs, err)
		}
		ref, err := got.Ref()
		refOther, _ := other.KeyPackage.Ref()
		if err != nil || bytes.Equal(ref, refOther) {
			t.Errorf("suite %d: reference %x, %v", cs, ref, err)
		}
		st, _ := suite.ByID(id)
		for _, pair := range [][2][]byte{{kp.Init, got.InitKey}, {kp.Leaf, got.LeafNode.EncryptionKey}} {
			if public, err := st.HPKEPublic(pair[0]); err != nil || !bytes.Equal(public, pair[1]) {
				t.Errorf("suite %d: private key does not fit: %v", cs, err)
			}
		}
	}
}

// Every requirement of RFC 9420 §10.1 and §7.3 that a single key package can break is enforced.
func TestKeyPackageValidate(t *testing.T) {
	resign := func(t *testing.T, kp *KeyPackageSecrets) {
		st, _ := suite.ByID(uint16(SuiteX25519AES128SHA256Ed25519))
		if err := kp.KeyPackage.LeafNode.sign(st, kp.Signature, nil, 0); err != nil {
			t.Fatal(err)
		}
		var err error
		if kp.KeyPackage.Signature, err = st.SignContent(kp.Signature, kp.KeyPackage.signContent()); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		rule   string
		change func(kp *KeyPackage, cfg *Config)
		keep   bool // the signatures as they are
	}{
		{rule: "9420-10.1-suite-version", change: func(kp *KeyPackage, _ *Config) { kp.Suite = 3 }},
		{rule: "9420-10.1-suite-version", change: func(kp *KeyPackage, _ *Config) { kp.Version = 2 }},
		{rule: "9420-10.1-key-package-signature", change: func(kp *KeyPackage, _ *Config) { kp.Signature = slices.Clone(kp.Signature); kp.Signature[5] ^= 1 }, keep: true},
		{rule: "9420-10.1-key-package-signature", change: func(kp *KeyPackage, _ *Config) { kp.Extensions = nil }, keep: true},
		{rule: "9420-10.1-init-key", change: func(kp *KeyPackage, _ *Config) { kp.InitKey = kp.InitKey[1:] }},
		{rule: "9420-10.1-init-key-differs", change: func(kp *KeyPackage, _ *Config) { kp.InitKey = kp.LeafNode.EncryptionKey }},
		{rule: "9420-7.3-leaf-signature", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.Credential.Identity = []byte("mallory") }, keep: true},
		{rule: "9420-7.3-leaf-signature", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.Signature = nil }, keep: true},
		{rule: "9420-7.3-leaf-node-source", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.Source = LeafNodeSourceUpdate }},
		{rule: "9420-7.3-encryption-key", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.EncryptionKey = []byte("short") }},
		{rule: "9420-7.2-capabilities-version", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.Capabilities.Versions = []ProtocolVersion{2} }},
		{rule: "9420-7.2-capabilities-suite", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.Capabilities.CipherSuites = []CipherSuite{3} }},
		{rule: "9420-7.2-capabilities-credential", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.Capabilities.Credentials = []CredentialType{2} }},
		{rule: "9420-7.3-own-extension", change: func(kp *KeyPackage, _ *Config) { kp.LeafNode.Extensions = []Extension{{0x3a3a, nil}} }},
		{rule: "9420-7.3-lifetime", change: func(_ *KeyPackage, cfg *Config) { cfg.Now = 999 }},
		{rule: "9420-7.3-lifetime", change: func(_ *KeyPackage, cfg *Config) { cfg.Now = 2001 }},
		{rule: "9420-7.2-lifetime-length", change: func(_ *KeyPackage, cfg *Config) { cfg.MaxLifetime = 999 }},
		{rule: "9420-5.3-certificate-key", change: func(kp *KeyPackage, _ *Config) {
			kp.LeafNode.Capabilities.Credentials = []CredentialType{CredentialX509}
			kp.LeafNode.Credential = Credential{Type: CredentialX509}
		}},
		{rule: "9420-5.3.1-credential", change: func(_ *KeyPackage, cfg *Config) {
			cfg.Authenticate = func(Credential, SignaturePublicKey, uint64) error { return errors.New("not in the directory") }
		}},
	} {
		kp := testKeyPackage(t, 1)
		cfg := Config{Now: 1500}
		c.change(&kp.KeyPackage, &cfg)
		if !c.keep {
			resign(t, kp)
		}
		wantRule(t, "changed key package", c.rule, kp.KeyPackage.Validate(SuiteX25519AES128SHA256Ed25519, cfg))
	}
	kp := testKeyPackage(t, 1)
	for _, now := range []uint64{0, 1000, 2000} {
		if err := kp.KeyPackage.Validate(SuiteX25519AES128SHA256Ed25519, Config{Now: now}); err != nil {
			t.Errorf("at time %d: %v", now, err)
		}
	}
}

// The signature of a leaf that was made within a group holds at its place in that group only (RFC 9420 §7.2).
func TestLeafSignatureIsBoundToItsPlace(t *testing.T) {
	st, _ := suite.ByID(uint16(SuiteX25519AES128SHA256Ed25519))
	kp := testKeyPackage(t, 1)
	n := kp.KeyPackage.LeafNode
	n.Source = LeafNodeSourceUpdate
	if err := n.sign(st, kp.Signature, []byte("group"), 3); err != nil {
		t.Fatal(err)
	}
	if err := n.verifySignature(st, []byte("group"), 3); err != nil {
		t.Error(err)
	}
	wantRule(t, "another leaf", "9420-7.3-leaf-signature", n.verifySignature(st, []byte("group"), 4))
	wantRule(t, "another group", "9420-7.3-leaf-signature", n.verifySignature(st, []byte("grouq"), 3))
	n.Source, n.ParentHash = LeafNodeSourceCommit, []byte{}
	wantRule(t, "another source", "9420-7.3-leaf-signature", n.verifySignature(st, []byte("group"), 3))
}

// Seeds derived with different labels or differently cut parts are different.
func TestSeedDerive(t *testing.T) {
	s := Seed{1}
	seen := map[Seed]string{}
	for name, d := range map[string]Seed{
		"itself":        s,
		"label":         s.Derive("label"),
		"part":          s.Derive("label", []byte("part")),
		"empty part":    s.Derive("label", nil),
		"cut otherwise": s.Derive("label", []byte("pa"), []byte("rt")),
		"in the label":  s.Derive("labelpart"),
		"other seed":    Seed{2}.Derive("label"),
	} {
		if other, dup := seen[d]; dup {
			t.Errorf("%s and %s are the same seed", name, other)
		}
		seen[d] = name
	}
	if again := (Seed{1}).Derive("label"); seen[again] != "label" {
		t.Error("not a function of its arguments")
	}
}
