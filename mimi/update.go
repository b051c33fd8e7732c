package mimi

import "anteroom/mls"

// UpdateRequest is a HandshakeBundle: a commit with what belongs to it, or one or more proposals
// (draft-ietf-mimi-protocol-06 §5.3). It has no protocol octet. Message is a PublicMessage.
type UpdateRequest struct {
	Message *mls.Message

	// With a commit. Welcome and GroupInfo are bare structures, not MLSMessages, and carry no ratchet_tree.
	Welcome     *mls.Welcome
	GroupInfo   GroupInfoOption
	RatchetTree RatchetTreeOption

	// With a proposal.
	More []*mls.Message
}

// UpdateCode is the outcome of an update.
type UpdateCode uint8

const (
	UpdateSuccess         UpdateCode = 0
	UpdateWrongEpoch      UpdateCode = 1
	UpdateNotAllowed      UpdateCode = 2
	UpdateInvalidProposal UpdateCode = 3
)

// UpdateResponse answers an UpdateRequest: UpdateRoomResponse of the draft.
type UpdateResponse struct {
	Code       UpdateCode
	Text       string
	AcceptedAt uint64            // success: milliseconds since 1970
	Epoch      mls.Epoch         // wrongEpoch: the hub's
	Invalid    []mls.ProposalRef // invalidProposal
}
