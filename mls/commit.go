package mls

// Commit is a list of proposals with, where needed, an update path (§12.4).
type Commit struct {
	Proposals []ProposalOrRef
	Path      *UpdatePath
}

// ProposalOrRef is a proposal by value, or the reference of one sent before.
type ProposalOrRef struct {
	Proposal Proposal // nil if by reference
	Ref      ProposalRef
}

// UpdatePath gives the committer's new leaf and the new keys of its filtered direct path (§7.6).
type UpdatePath struct {
	LeafNode LeafNode
	Nodes    []UpdatePathNode
}

// UpdatePathNode is one parent node's new key, and its path secret for each node of the copath's resolution.
type UpdatePathNode struct {
	EncryptionKey        HPKEPublicKey
	EncryptedPathSecrets []HPKECiphertext
}

// HPKECiphertext is an HPKE encapsulation with its ciphertext (§7.6).
type HPKECiphertext struct{ KEMOutput, Ciphertext []byte }
