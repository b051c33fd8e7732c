package mimi

import "anteroom/mls"

// GroupInfoRequest asks the hub for what an external commit needs (draft-ietf-mimi-protocol-06 §5.6). The joining code is
// optional<opaque<V>> in the request as in what is signed.
type GroupInfoRequest struct {
	Suite        mls.CipherSuite
	SignatureKey mls.SignaturePublicKey
	Credential   mls.Credential
	HPKEKey      mls.HPKEPublicKey
	JoiningCode  []byte // nil for none
	Signature    []byte // over everything before it, label "GroupInfoRequestTBS"
}

// GroupInfoCode is the outcome of a GroupInfoRequest.
type GroupInfoCode uint8

const (
	GroupInfoSuccess       GroupInfoCode = 1
	GroupInfoNotAuthorized GroupInfoCode = 2
	GroupInfoNoSuchRoom    GroupInfoCode = 3
)

// GroupInfoResponse answers a GroupInfoRequest; the fields after Code travel on success only.
type GroupInfoResponse struct {
	Room      URI
	Code      GroupInfoCode
	Suite     mls.CipherSuite
	Hub       mls.ExternalSender
	Encrypted mls.HPKECiphertext // a GroupInfoAndTree
	Signature []byte             // by the hub over everything before it, label "GroupInfoResponseTBS"
}

// GroupInfoAndTree is the plaintext of a response: GroupInfoRatchetTreeTBE.
type GroupInfoAndTree struct {
	GroupInfo   *mls.GroupInfo // without ratchet_tree
	RatchetTree RatchetTreeOption
	Pending     []PendingProposal // that the hub accepted in this epoch
}

// PendingProposal is a proposal with the time at which the hub accepted it, milliseconds since 1970.
type PendingProposal struct {
	Message    *mls.Message
	AcceptedAt uint64
}
