package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Protocol is the end-to-end encryption protocol of a request (draft-ietf-mimi-protocol-06 §5).
type Protocol uint8

// ProtocolMLS10 is the only protocol there is.
const ProtocolMLS10 Protocol = 1

// Limits of messages between providers. A message that exceeds one is refused as a whole.
const (
	MaxClients          = 1024     // clients of one user in a key material response
	MaxSuites           = 64       // acceptable cipher suites
	MaxMoreMessages     = 1024     // messages stapled to another
	MaxFanout           = 1024     // fanout messages in one notify request
	MaxPendingProposals = 4096     // pending proposals of a GroupInfo response
	MaxJoiningCode      = 4096     // bytes of a joining code
	MaxErrorText        = 4096     // bytes of an error description
	MaxKeyPackages      = 1024     // key packages of a consent grant
	MaxQueryElements    = 64       // elements of an identifier query
	MaxQueryResults     = 1024     // results of an identifier query
	MaxAbusiveMessages  = 256      // messages of an abuse report
	MaxNote             = 64 << 10 // bytes of an abuse report's note
	MaxTreeURL          = 4096     // bytes of the URL of a ratchet tree
	MaxTreeBytes        = 14 << 20 // of a ratchet tree; refused before any of its nodes is read. About 13,000 members with certificates, 37,000 without
)

// shape is which tail belongs to an MLSMessage in an UpdateRequest or FanoutMessage.
type shape uint8

const (
	shapeNone shape = iota
	shapeApplication
	shapeProposal
	shapeCommit
	shapeWelcome
)

// shapeOf looks at wire format and content type (RFC 9420 §6). Handshakes are PublicMessages, application messages are
// PrivateMessages (draft-ietf-mimi-protocol-06 §4.2).
func shapeOf(m *mls.Message) shape {
	switch {
	case m == nil:
	case m.Format == mls.WireFormatWelcome && m.Welcome != nil:
		return shapeWelcome
	case m.Format == mls.WireFormatPrivateMessage && m.Private != nil:
		if m.Private.ContentType == mls.ContentApplication {
			return shapeApplication
		}
	case m.Format == mls.WireFormatPublicMessage && m.Public != nil:
		switch m.Public.Content.ContentType {
		case mls.ContentProposal:
			return shapeProposal
		case mls.ContentCommit:
			return shapeCommit
		}
	}
	return shapeNone
}

func readProtocol(r *wire.Reader, field string) {
	if p := Protocol(r.At(field).U8()); r.Err() == nil && p != ProtocolMLS10 {
		r.Failf("protocol %d is not mls10", p)
	}
}

func readMessage(r *wire.Reader, field string) *mls.Message {
	m := new(mls.Message)
	m.UnmarshalTLS(r.At(field))
	if r.Err() != nil {
		return nil
	}
	return m
}

func writeMessages(w *wire.Writer, list []*mls.Message) {
	w.Vector(func(w *wire.Writer) {
		for _, m := range list {
			m.MarshalTLS(w)
		}
	})
}

// readProposals reads MLSMessage<V> of PublicMessages that hold proposals.
func readProposals(r *wire.Reader, field string, limit int) []*mls.Message {
	return readList(r, field, limit, func(r *wire.Reader, m **mls.Message) {
		*m = readMessage(r, field)
		if r.Err() == nil && shapeOf(*m) != shapeProposal {
			r.At(field).Fail("not a proposal in a PublicMessage")
		}
	})
}

func readBounded(r *wire.Reader, field string, limit int) []byte {
	b := r.At(field).Opaque()
	if len(b) > limit {
		r.Failf("longer than %d bytes", limit)
		return nil
	}
	return b
}

// sign and verify cover the encoding of a structure up to its signature.
func sign(s mls.Signer, label string, tbs func(w *wire.Writer)) ([]byte, error) {
	var w wire.Writer
	tbs(&w)
	return s.SignWithLabel(label, w.Bytes())
}

func verify(cs mls.CipherSuite, key mls.SignaturePublicKey, label string, tbs func(w *wire.Writer), signature []byte) error {
	var w wire.Writer
	tbs(&w)
	return mls.VerifyWithLabel(cs, key, label, w.Bytes(), signature)
}
