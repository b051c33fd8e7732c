package mls

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
func NewKeyPackage(seed Seed, p KeyPackageParams) (*KeyPackageSecrets, error) { panic("skeleton") }

// Ref returns the KeyPackageRef (§5.2).
func (kp *KeyPackage) Ref() (KeyPackageRef, error) { panic("skeleton") }
