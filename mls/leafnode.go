package mls

// LeafNodeSource says where a leaf node came from, which decides what its signature covers (§7.2).
type LeafNodeSource uint8

const (
	LeafNodeSourceKeyPackage LeafNodeSource = 1
	LeafNodeSourceUpdate     LeafNodeSource = 2
	LeafNodeSourceCommit     LeafNodeSource = 3
)

// Capabilities lists what a client supports beyond the defaults (§7.2). Unknown and GREASE values are kept.
type Capabilities struct {
	Versions     []ProtocolVersion
	CipherSuites []CipherSuite
	Extensions   []ExtensionType
	Proposals    []ProposalType
	Credentials  []CredentialType
}

// Lifetime bounds the validity of a key package's leaf in seconds since 1970 (§7.2).
type Lifetime struct{ NotBefore, NotAfter uint64 }

// LeafNode is one client in the tree (§7.2). Values are immutable once they are in a group.
type LeafNode struct {
	EncryptionKey HPKEPublicKey
	SignatureKey  SignaturePublicKey
	Credential    Credential
	Capabilities  Capabilities
	Source        LeafNodeSource
	Lifetime      Lifetime // source key_package
	ParentHash    []byte   // source commit
	Extensions    []Extension
	Signature     []byte
}
