package mls

import (
	"bytes"

	"anteroom/mls/wire"
)

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

// The variants of ProposalOrRef.
const (
	proposalByValue     = 1
	proposalByReference = 2
)

// MarshalTLS implements wire.Marshaler.
func (p *ProposalOrRef) MarshalTLS(w *wire.Writer) {
	if p.Proposal != nil {
		w.U8(proposalByValue)
		marshalProposal(w, p.Proposal)
		return
	}
	w.U8(proposalByReference)
	w.Opaque(p.Ref)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (p *ProposalOrRef) UnmarshalTLS(r *wire.Reader) {
	*p = ProposalOrRef{}
	switch t := r.At("ProposalOrRef.type").U8(); {
	case r.Err() != nil:
	case t == proposalByValue:
		p.Proposal = unmarshalProposal(r)
	case t == proposalByReference:
		p.Ref = r.At("ProposalOrRef.reference").Opaque()
	default:
		r.Failf("unknown type %d", t)
	}
}

// MarshalTLS implements wire.Marshaler.
func (c *Commit) MarshalTLS(w *wire.Writer) {
	wire.WriteVector(w, c.Proposals)
	w.Optional(c.Path != nil, func(w *wire.Writer) { c.Path.MarshalTLS(w) })
}

// UnmarshalTLS implements wire.Unmarshaler.
func (c *Commit) UnmarshalTLS(r *wire.Reader) {
	*c = Commit{}
	c.Proposals = wire.ReadVector[ProposalOrRef](r.At("Commit.proposals"))
	r.At("Commit.path").Optional(func(r *wire.Reader) {
		c.Path = new(UpdatePath)
		c.Path.UnmarshalTLS(r)
	})
}

// MarshalTLS implements wire.Marshaler.
func (p *UpdatePath) MarshalTLS(w *wire.Writer) {
	p.LeafNode.MarshalTLS(w)
	wire.WriteVector(w, p.Nodes)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (p *UpdatePath) UnmarshalTLS(r *wire.Reader) {
	p.LeafNode.UnmarshalTLS(r)
	p.Nodes = wire.ReadVector[UpdatePathNode](r.At("UpdatePath.nodes"))
}

// MarshalTLS implements wire.Marshaler.
func (n *UpdatePathNode) MarshalTLS(w *wire.Writer) {
	w.Opaque(n.EncryptionKey)
	wire.WriteVector(w, n.EncryptedPathSecrets)
}

// UnmarshalTLS implements wire.Unmarshaler. The key gets memory of its own: it goes into the tree.
func (n *UpdatePathNode) UnmarshalTLS(r *wire.Reader) {
	n.EncryptionKey = bytes.Clone(r.At("UpdatePathNode.encryption_key").Opaque())
	n.EncryptedPathSecrets = wire.ReadVector[HPKECiphertext](r.At("UpdatePathNode.encrypted_path_secret"))
}
