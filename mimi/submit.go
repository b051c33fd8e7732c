package mimi

import "anteroom/mls"

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
