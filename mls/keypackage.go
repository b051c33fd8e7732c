package mls

import (
	"bytes"
	"crypto/sha256"
	"strconv"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// KeyPackage is what a client publishes so that others can add it (§10).
type KeyPackage struct {
	Version    ProtocolVersion
	Suite      CipherSuite
	InitKey    HPKEPublicKey
	LeafNode   LeafNode
	Extensions []Extension
	Signature  []byte
}

// KeyPackageSecrets is a key package with its private keys: a client that can be added.
type KeyPackageSecrets struct {
	KeyPackage KeyPackage
	Init       HPKEPrivateKey
	Leaf       HPKEPrivateKey
	Signature  SignaturePrivateKey

	signed [sha256.Size]byte // digest of the KeyPackage that NewKeyPackage made; zero of one that comes from elsewhere
}

// KeyPackageParams says what a new key package contains.
type KeyPackageParams struct {
	Signer         Signer
	Credential     Credential
	Capabilities   Capabilities
	Lifetime       Lifetime
	LeafExtensions []Extension
	Extensions     []Extension
}

// NewKeyPackage derives init and leaf key from seed and signs a key package (§10).
func NewKeyPackage(seed Seed, p KeyPackageParams) (*KeyPackageSecrets, error) {
	st, err := suite.ByID(uint16(p.Signer.Suite))
	if err != nil {
		return nil, err
	}
	initSeed, leafSeed := seed.Derive("key package init key"), seed.Derive("key package leaf key")
	initPrivate, initPublic := st.DeriveKeyPair(st.Extract(nil, initSeed[:]))
	leafPrivate, leafPublic := st.DeriveKeyPair(st.Extract(nil, leafSeed[:]))
	kp := KeyPackage{
		Version: ProtocolVersionMLS10,
		Suite:   p.Signer.Suite,
		InitKey: initPublic,
		LeafNode: LeafNode{
			EncryptionKey: leafPublic,
			SignatureKey:  p.Signer.Public,
			Credential:    p.Credential,
			Capabilities:  p.Capabilities,
			Source:        LeafNodeSourceKeyPackage,
			Lifetime:      p.Lifetime,
			Extensions:    p.LeafExtensions,
		},
		Extensions: p.Extensions,
	}
	if err := kp.LeafNode.sign(st, p.Signer.Private, nil, 0); err != nil {
		return nil, err
	}
	if kp.Signature, err = st.SignContent(p.Signer.Private, kp.signContent()); err != nil {
		return nil, err
	}
	return &KeyPackageSecrets{KeyPackage: kp, Init: initPrivate, Leaf: leafPrivate, Signature: p.Signer.Private, signed: kp.digest()}, nil
}

func (kp *KeyPackage) digest() [sha256.Size]byte { return sha256.Sum256(wire.Marshal(kp)) }

// signedHere are the digests of key packages that this process signed itself, not a bit of which has changed since.
func signedHere(joiners []*KeyPackageSecrets) map[[sha256.Size]byte]bool {
	all := make(map[[sha256.Size]byte]bool, len(joiners))
	for _, j := range joiners {
		all[j.signed] = true
	}
	delete(all, [sha256.Size]byte{})
	return all
}

// Ref returns the KeyPackageRef (§5.2).
func (kp *KeyPackage) Ref() (KeyPackageRef, error) {
	st, err := suite.ByID(uint16(kp.Suite))
	if err != nil {
		return nil, err
	}
	return st.KeyPackageRef(wire.Marshal(kp)), nil
}

// keyPackageLabel is the signature label of RFC 9420 §10.
const keyPackageLabel = "KeyPackageTBS"

// MarshalTLS implements wire.Marshaler.
func (kp *KeyPackage) MarshalTLS(w *wire.Writer) {
	kp.marshalUnsigned(w)
	w.Opaque(kp.Signature)
}

func (kp *KeyPackage) marshalUnsigned(w *wire.Writer) {
	w.U16(uint16(kp.Version))
	w.U16(uint16(kp.Suite))
	w.Opaque(kp.InitKey)
	kp.LeafNode.MarshalTLS(w)
	writeExtensions(w, kp.Extensions)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (kp *KeyPackage) UnmarshalTLS(r *wire.Reader) {
	*kp = KeyPackage{}
	kp.Version = readVersion(r.At("KeyPackage.version"))
	kp.Suite = CipherSuite(r.At("KeyPackage.cipher_suite").U16())
	kp.InitKey = r.At("KeyPackage.init_key").Opaque()
	kp.LeafNode.UnmarshalTLS(r)
	kp.Extensions = readExtensions(r, "KeyPackage.extensions")
	kp.Signature = r.At("KeyPackage.signature").Opaque()
}

// signContent is what the signature covers (§5.1.2, §10).
func (kp *KeyPackage) signContent() []byte {
	whole, _ := suite.SignContent(keyPackageLabel, 640, kp.marshalUnsigned)
	return whole
}

// SizeHint implements wire.Sizer.
func (kp *KeyPackage) SizeHint() int { return 640 }

// Validate verifies a key package for the use in a group of the given suite, as far as that is possible without the group:
// version and suite, the leaf node, both signatures, and that init key and leaf key differ (RFC 9420 §10.1, §7.3).
func (kp *KeyPackage) Validate(cs CipherSuite, cfg Config) error {
	st, err := suite.ByID(uint16(cs))
	if err != nil {
		return err
	}
	return kp.validate(st, &cfg, false)
}

func (kp *KeyPackage) validate(st *suite.Suite, cfg *Config, signedHere bool) error {
	if kp.Version != ProtocolVersionMLS10 || kp.Suite != CipherSuite(st.ID()) {
		return &ValidationError{"9420-10.1-suite-version", "suite " + strconv.Itoa(int(kp.Suite)) + ", version " + strconv.Itoa(int(kp.Version))}
	}
	if err := kp.LeafNode.checkSelf(st, LeafNodeSourceKeyPackage, cfg); err != nil {
		return err
	}
	if !signedHere {
		if err := kp.LeafNode.verifySignature(st, nil, 0); err != nil {
			return err
		}
		if err := st.VerifyContent(kp.LeafNode.SignatureKey, kp.signContent(), kp.Signature); err != nil {
			return &ValidationError{"9420-10.1-key-package-signature", err.Error()}
		}
	}
	if err := st.CheckHPKEPublic(kp.InitKey); err != nil {
		return &ValidationError{"9420-10.1-init-key", err.Error()}
	}
	if bytes.Equal(kp.InitKey, kp.LeafNode.EncryptionKey) {
		return &ValidationError{"9420-10.1-init-key-differs", "the init key is the leaf's encryption key"}
	}
	return nil
}
