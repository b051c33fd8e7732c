package mimi

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// LateEpochs is how many epochs late our hubs take a message. Their followers can read later ones still (mimi/follower).
const LateEpochs = 4

// SubmitMessageRequest brings an application message to the hub (draft-ietf-mimi-protocol-06 §5.4). Message is a
// PrivateMessage, Sender the user who is said to have sent it.
type SubmitMessageRequest struct {
	Message *mls.Message
	Sender  URI
}

// SubmitCode is the outcome of a submission.
type SubmitCode uint8

const (
	SubmitAccepted    SubmitCode = 0
	SubmitNotAllowed  SubmitCode = 1
	SubmitEpochTooOld SubmitCode = 2
)

// SubmitMessageResponse answers a SubmitMessageRequest.
type SubmitMessageResponse struct {
	Code       SubmitCode
	AcceptedAt uint64 // accepted: milliseconds since 1970
	Frank      *Frank // accepted, and the message had a franking tag
	Epoch      mls.Epoch
}

// Frank is the hub's stamp on a message (draft-ietf-mimi-protocol-06 §5.4.1).
type Frank struct {
	ServerFrank [32]byte
	Suite       mls.CipherSuite
	Signature   []byte
}

func (q *SubmitMessageRequest) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(ProtocolMLS10))
	q.Message.MarshalTLS(w)
	writeURI(w, q.Sender)
}

func (q *SubmitMessageRequest) UnmarshalTLS(r *wire.Reader) {
	*q = SubmitMessageRequest{}
	readProtocol(r, "SubmitMessageRequest.protocol")
	q.Message = readMessage(r, "SubmitMessageRequest.appMessage")
	if r.Err() == nil && shapeOf(q.Message) != shapeApplication {
		r.At("SubmitMessageRequest.appMessage").Fail("not an application message in a PrivateMessage")
	}
	q.Sender = readKind(r, "SubmitMessageRequest.sendingUri", KindUser)
}

func (f *Frank) MarshalTLS(w *wire.Writer) {
	w.Raw(f.ServerFrank[:])
	w.U16(uint16(f.Suite))
	w.Opaque(f.Signature)
}

func (f *Frank) UnmarshalTLS(r *wire.Reader) {
	*f = Frank{}
	copy(f.ServerFrank[:], r.At("Frank.server_frank").Raw(len(f.ServerFrank)))
	f.Suite = mls.CipherSuite(r.At("Frank.franking_signature_ciphersuite").U16())
	f.Signature = r.At("Frank.franking_integrity_signature").Opaque()
}

func writeFrank(w *wire.Writer, f *Frank) {
	w.Optional(f != nil, func(w *wire.Writer) { f.MarshalTLS(w) })
}

func readFrank(r *wire.Reader, field string) (f *Frank) {
	r.At(field).Optional(func(r *wire.Reader) {
		f = new(Frank)
		f.UnmarshalTLS(r)
	})
	return f
}

func (q *SubmitMessageResponse) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(ProtocolMLS10))
	w.U8(uint8(q.Code))
	switch q.Code {
	case SubmitAccepted:
		w.U64(q.AcceptedAt)
		writeFrank(w, q.Frank)
	case SubmitEpochTooOld:
		w.U64(uint64(q.Epoch))
	}
}

func (q *SubmitMessageResponse) UnmarshalTLS(r *wire.Reader) {
	*q = SubmitMessageResponse{}
	readProtocol(r, "SubmitMessageResponse.protocol")
	q.Code = SubmitCode(r.At("SubmitMessageResponse.statusCode").U8())
	switch q.Code {
	case SubmitAccepted:
		q.AcceptedAt = r.At("SubmitMessageResponse.accepted_timestamp").U64()
		q.Frank = readFrank(r, "SubmitMessageResponse.frank")
	case SubmitNotAllowed:
	case SubmitEpochTooOld:
		q.Epoch = mls.Epoch(r.At("SubmitMessageResponse.currentEpoch").U64())
	default:
		r.Failf("unknown code %d", q.Code)
	}
}
