package mls

import (
	"bytes"
	"encoding/binary"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// SenderType says who sent a message (§6).
type SenderType uint8

const (
	SenderMember            SenderType = 1
	SenderExternal          SenderType = 2
	SenderNewMemberProposal SenderType = 3
	SenderNewMemberCommit   SenderType = 4
)

// Sender is who sent a message: Leaf for members, Index into external_senders for external senders.
type Sender struct {
	Type  SenderType
	Leaf  LeafIndex
	Index uint32
}

// ContentType of framed content (§6).
type ContentType uint8

const (
	ContentApplication ContentType = 1
	ContentProposal    ContentType = 2
	ContentCommit      ContentType = 3
)

// FramedContent is what a member signs (§6). Exactly one of Application, Proposal and Commit is meaningful, by ContentType.
type FramedContent struct {
	GroupID           []byte
	Epoch             Epoch
	Sender            Sender
	AuthenticatedData []byte
	ContentType       ContentType
	Application       []byte
	Proposal          Proposal
	Commit            *Commit
}

// FramedContentAuthData is signature and, for commits, confirmation tag (§6.1).
type FramedContentAuthData struct {
	Signature       []byte
	ConfirmationTag []byte
}

// framedContentLabel is the signature label of RFC 9420 §6.1.
const framedContentLabel = "FramedContentTBS"

// MarshalTLS implements wire.Marshaler.
func (s Sender) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(s.Type))
	switch s.Type {
	case SenderMember:
		w.U32(uint32(s.Leaf))
	case SenderExternal:
		w.U32(s.Index)
	}
}

// UnmarshalTLS implements wire.Unmarshaler.
func (s *Sender) UnmarshalTLS(r *wire.Reader) {
	*s = Sender{Type: SenderType(r.At("Sender.sender_type").U8())}
	if r.Err() != nil {
		return
	}
	switch s.Type {
	case SenderMember:
		s.Leaf = LeafIndex(r.At("Sender.leaf_index").U32())
	case SenderExternal:
		s.Index = r.At("Sender.sender_index").U32()
	case SenderNewMemberProposal, SenderNewMemberCommit:
	default:
		r.Failf("unknown type %d", s.Type)
	}
}

// MarshalTLS implements wire.Marshaler.
func (c *FramedContent) MarshalTLS(w *wire.Writer) {
	w.Opaque(c.GroupID)
	w.U64(uint64(c.Epoch))
	c.Sender.MarshalTLS(w)
	w.Opaque(c.AuthenticatedData)
	w.U8(uint8(c.ContentType))
	c.marshalBody(w)
}

// marshalBody writes what the content type selects.
func (c *FramedContent) marshalBody(w *wire.Writer) {
	switch c.ContentType {
	case ContentApplication:
		w.Opaque(c.Application)
	case ContentProposal:
		marshalProposal(w, c.Proposal)
	case ContentCommit:
		c.Commit.MarshalTLS(w)
	}
}

// UnmarshalTLS implements wire.Unmarshaler.
func (c *FramedContent) UnmarshalTLS(r *wire.Reader) {
	*c = FramedContent{}
	c.GroupID = r.At("FramedContent.group_id").Opaque()
	c.Epoch = Epoch(r.At("FramedContent.epoch").U64())
	c.Sender.UnmarshalTLS(r)
	c.AuthenticatedData = r.At("FramedContent.authenticated_data").Opaque()
	c.ContentType = readContentType(r.At("FramedContent.content_type"))
	c.unmarshalBody(r)
	if r.Err() == nil {
		c.checkSender(r)
	}
}

func readContentType(r *wire.Reader) ContentType {
	t := ContentType(r.U8())
	if r.Err() == nil && (t < ContentApplication || t > ContentCommit) {
		r.Failf("unknown content type %d", t)
	}
	return t
}

func (c *FramedContent) unmarshalBody(r *wire.Reader) {
	switch c.ContentType {
	case ContentApplication:
		c.Application = r.At("FramedContent.application_data").Opaque()
	case ContentProposal:
		c.Proposal = unmarshalProposal(r)
	case ContentCommit:
		c.Commit = new(Commit)
		c.Commit.UnmarshalTLS(r)
	}
}

// checkSender enforces which content each kind of outsider may send (RFC 9420 §6.1, §12.1.8; for the proposals of
// draft-ietf-mls-extensions, the "Ext" column of its registrations).
func (c *FramedContent) checkSender(r *wire.Reader) {
	r.At("FramedContent.sender")
	switch c.Sender.Type {
	case SenderExternal:
		if c.ContentType != ContentProposal {
			r.Fail("an external sender sends proposals only")
			return
		}
		switch t := c.Proposal.Type(); t {
		case ProposalAdd, ProposalRemove, ProposalPSK, ProposalReInit, ProposalGroupContextExtensions,
			ProposalAppDataUpdate, ProposalAppEphemeral:
		default:
			r.Failf("an external sender may not send proposal type 0x%04x", uint16(t))
		}
	case SenderNewMemberProposal:
		if c.ContentType != ContentProposal || c.Proposal.Type() != ProposalAdd {
			r.Fail("new_member_proposal sends an Add only")
		}
	case SenderNewMemberCommit:
		if c.ContentType != ContentCommit || c.Commit.Path == nil {
			r.Fail("new_member_commit sends a commit with path only")
		}
	}
}

// marshal writes FramedContentAuthData, whose shape depends on the content type.
func (a *FramedContentAuthData) marshal(w *wire.Writer, t ContentType) {
	w.Opaque(a.Signature)
	if t == ContentCommit {
		w.Opaque(a.ConfirmationTag)
	}
}

func (a *FramedContentAuthData) unmarshal(r *wire.Reader, t ContentType) {
	*a = FramedContentAuthData{Signature: r.At("FramedContentAuthData.signature").Opaque()}
	if t == ContentCommit {
		a.ConfirmationTag = r.At("FramedContentAuthData.confirmation_tag").Opaque()
	}
}

// authenticatedContent is content with its authentication, independent of how it is protected on the way (RFC 9420 §6).
// Nothing is verified by having one; see verifySignature.
type authenticatedContent struct {
	WireFormat WireFormat
	Content    FramedContent
	Auth       FramedContentAuthData
	encoded    []byte // Content as it was signed or first needed
	signed     []byte // SignContent of FramedContentTBS, of which encoded is a part
	tbsBytes   []byte // FramedContentTBS, a part of signed
	context    []byte // the GroupContext that signed is for
}

// encodedContent encodes the content once: a commit in a blank tree has some 80 bytes per member, and tag, signature and
// transcript all cover it.
func (a *authenticatedContent) encodedContent() []byte {
	if a.encoded == nil {
		w := wire.NewWriter(make([]byte, 0, a.Content.SizeHint()))
		a.Content.MarshalTLS(w)
		a.encoded = w.Bytes()
	}
	return a.encoded
}

// SizeHint implements wire.Sizer.
func (c *FramedContent) SizeHint() int {
	size := 512 + len(c.Application)
	if m := c.Commit; m != nil && m.Path != nil {
		for i := range m.Path.Nodes {
			size += 64 + 96*len(m.Path.Nodes[i].EncryptedPathSecrets)
		}
	}
	return size
}

// MarshalTLS implements wire.Marshaler.
func (a *authenticatedContent) MarshalTLS(w *wire.Writer) {
	w.U16(uint16(a.WireFormat))
	a.Content.MarshalTLS(w)
	a.Auth.marshal(w, a.Content.ContentType)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (a *authenticatedContent) UnmarshalTLS(r *wire.Reader) {
	a.WireFormat = WireFormat(r.At("AuthenticatedContent.wire_format").U16())
	a.Content.UnmarshalTLS(r)
	a.Auth.unmarshal(r, a.Content.ContentType)
}

// tbs encodes FramedContentTBS. groupContext is the encoded GroupContext of the content's epoch; it is part of the result
// only for members and joiners.
func (a *authenticatedContent) tbs(groupContext []byte) []byte {
	if a.signed != nil && bytes.Equal(a.context, groupContext) && binary.BigEndian.Uint16(a.tbsBytes[2:]) == uint16(a.WireFormat) {
		return a.tbsBytes
	}
	var from, to int
	a.signed, a.tbsBytes = suite.SignContent(framedContentLabel, a.Content.SizeHint()+len(groupContext), func(w *wire.Writer) {
		start := w.Len()
		w.U16(uint16(ProtocolVersionMLS10))
		w.U16(uint16(a.WireFormat))
		from = w.Len() - start
		a.Content.MarshalTLS(w)
		to = w.Len() - start
		if t := a.Content.Sender.Type; t == SenderMember || t == SenderNewMemberCommit {
			w.Raw(groupContext)
		}
	})
	a.context, a.encoded = groupContext, a.tbsBytes[from:to:to]
	return a.tbsBytes
}

// signContent is what the signature covers (§5.1.2, §6.1).
func (a *authenticatedContent) signContent(groupContext []byte) []byte {
	a.tbs(groupContext)
	return a.signed
}

// sign sets the signature (RFC 9420 §6.1).
func (a *authenticatedContent) sign(st *suite.Suite, key SignaturePrivateKey, groupContext []byte) error {
	a.encoded, a.signed = nil, nil
	sig, err := st.SignContent(key, a.signContent(groupContext))
	if err != nil {
		return err
	}
	a.Auth.Signature = sig
	return nil
}

// verifySignature checks the signature under the sender's key, which the caller finds by the sender type (RFC 9420 §6.1).
func (a *authenticatedContent) verifySignature(st *suite.Suite, key SignaturePublicKey, groupContext []byte) error {
	if err := st.VerifyContent(key, a.signContent(groupContext), a.Auth.Signature); err != nil {
		return &ValidationError{"9420-6.1-signature", err.Error()}
	}
	return nil
}

// proposalRef returns the reference by which a commit names the proposal that a carries (RFC 9420 §5.2).
func (a *authenticatedContent) proposalRef(st *suite.Suite) ProposalRef {
	return st.ProposalRef(wire.Marshal(a))
}

// confirmedTranscriptHash adds a commit to the transcript (RFC 9420 §8.2).
func (a *authenticatedContent) confirmedTranscriptHash(st *suite.Suite, interim []byte) []byte {
	head := binary.BigEndian.AppendUint16(bytes.Clone(interim), uint16(a.WireFormat))
	w := wire.NewWriter(make([]byte, 0, 256))
	w.Opaque(a.Auth.Signature)
	return st.HashOf(head, a.encodedContent(), w.Bytes())
}

// interimTranscriptHash adds a confirmation tag to the transcript (RFC 9420 §8.2).
func interimTranscriptHash(st *suite.Suite, confirmed, confirmationTag []byte) []byte {
	w := wire.NewWriter(append(make([]byte, 0, 256), confirmed...))
	w.Opaque(confirmationTag)
	return st.Hash(w.Bytes())
}
