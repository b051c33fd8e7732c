package mls

import (
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// GroupContext is what all members agree on in an epoch (§8.1).
type GroupContext struct {
	Version                 ProtocolVersion
	Suite                   CipherSuite
	GroupID                 []byte
	Epoch                   Epoch
	TreeHash                []byte
	ConfirmedTranscriptHash []byte
	Extensions              []Extension
}

// GroupInfo tells an outsider enough to join or to track a group (§12.4.3).
type GroupInfo struct {
	Context         GroupContext
	Extensions      []Extension
	ConfirmationTag []byte
	Signer          LeafIndex
	Signature       []byte
}

// groupInfoLabel is the signature label of RFC 9420 §12.4.3.
const groupInfoLabel = "GroupInfoTBS"

// MarshalTLS implements wire.Marshaler.
func (c *GroupContext) MarshalTLS(w *wire.Writer) {
	w.U16(uint16(c.Version))
	w.U16(uint16(c.Suite))
	w.Opaque(c.GroupID)
	w.U64(uint64(c.Epoch))
	w.Opaque(c.TreeHash)
	w.Opaque(c.ConfirmedTranscriptHash)
	writeExtensions(w, c.Extensions)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (c *GroupContext) UnmarshalTLS(r *wire.Reader) {
	c.Version = readVersion(r.At("GroupContext.version"))
	c.Suite = CipherSuite(r.At("GroupContext.cipher_suite").U16())
	c.GroupID = r.At("GroupContext.group_id").Opaque()
	c.Epoch = Epoch(r.At("GroupContext.epoch").U64())
	c.TreeHash = r.At("GroupContext.tree_hash").Opaque()
	c.ConfirmedTranscriptHash = r.At("GroupContext.confirmed_transcript_hash").Opaque()
	c.Extensions = readExtensions(r, "GroupContext.extensions")
}

// MarshalTLS implements wire.Marshaler.
func (gi *GroupInfo) MarshalTLS(w *wire.Writer) {
	gi.marshalUnsigned(w)
	w.Opaque(gi.Signature)
}

func (gi *GroupInfo) marshalUnsigned(w *wire.Writer) {
	gi.Context.MarshalTLS(w)
	writeExtensions(w, gi.Extensions)
	w.Opaque(gi.ConfirmationTag)
	w.U32(uint32(gi.Signer))
}

// UnmarshalTLS implements wire.Unmarshaler.
func (gi *GroupInfo) UnmarshalTLS(r *wire.Reader) {
	gi.Context.UnmarshalTLS(r)
	gi.Extensions = readExtensions(r, "GroupInfo.extensions")
	gi.ConfirmationTag = r.At("GroupInfo.confirmation_tag").Opaque()
	gi.Signer = LeafIndex(r.At("GroupInfo.signer").U32())
	gi.Signature = r.At("GroupInfo.signature").Opaque()
}

// SizeHint implements wire.Sizer.
func (gi *GroupInfo) SizeHint() int {
	size := 512 + len(gi.Context.GroupID)
	for _, list := range [][]Extension{gi.Context.Extensions, gi.Extensions} {
		for i := range list {
			size += len(list[i].Data) + 8
		}
	}
	return size
}

// signContent is what the signature covers (§5.1.2, §12.4.3).
func (gi *GroupInfo) signContent() []byte {
	whole, _ := suite.SignContent(groupInfoLabel, gi.SizeHint(), gi.marshalUnsigned)
	return whole
}

// sign sets the signature by the key of the leaf at gi.Signer.
func (gi *GroupInfo) sign(st *suite.Suite, key SignaturePrivateKey) error {
	sig, err := st.SignContent(key, gi.signContent())
	if err != nil {
		return err
	}
	gi.Signature = sig
	return nil
}

// verifySignature checks the signature under the key of the leaf at gi.Signer (RFC 9420 §12.4.3).
func (gi *GroupInfo) verifySignature(st *suite.Suite, key SignaturePublicKey) error {
	if err := st.VerifyContent(key, gi.signContent(), gi.Signature); err != nil {
		return &ValidationError{"9420-12.4.3-group-info-signature", err.Error()}
	}
	return nil
}
