package mimi

import (
	"strings"

	"anteroom/mls"
	"anteroom/mls/wire"
)

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

func (q *UpdateRequest) MarshalTLS(w *wire.Writer) {
	q.Message.MarshalTLS(w)
	if shapeOf(q.Message) == shapeProposal {
		writeMessages(w, q.More)
		return
	}
	w.Optional(q.Welcome != nil, func(w *wire.Writer) { q.Welcome.MarshalTLS(w) })
	q.GroupInfo.MarshalTLS(w)
	q.RatchetTree.MarshalTLS(w)
}

func (q *UpdateRequest) UnmarshalTLS(r *wire.Reader) {
	*q = UpdateRequest{}
	q.Message = readMessage(r, "HandshakeBundle.proposalOrCommit")
	switch shapeOf(q.Message) {
	case shapeProposal:
		q.More = readProposals(r, "HandshakeBundle.moreProposals", MaxMoreMessages)
	case shapeCommit:
		r.At("HandshakeBundle.welcome").Optional(func(r *wire.Reader) {
			q.Welcome = new(mls.Welcome)
			q.Welcome.UnmarshalTLS(r)
		})
		q.GroupInfo.UnmarshalTLS(r)
		q.RatchetTree.UnmarshalTLS(r)
	default:
		r.At("HandshakeBundle.proposalOrCommit").Fail("neither a proposal nor a commit in a PublicMessage")
	}
}

// IsCommit says whether the request brings a commit; else it brings proposals.
func (q *UpdateRequest) IsCommit() bool { return shapeOf(q.Message) == shapeCommit }

// Proposals returns all messages of a request that brings proposals.
func (q *UpdateRequest) Proposals() []*mls.Message {
	return append([]*mls.Message{q.Message}, q.More...)
}

func (q *UpdateResponse) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(q.Code))
	w.OpaqueString(q.Text)
	switch q.Code {
	case UpdateSuccess:
		w.U64(q.AcceptedAt)
	case UpdateWrongEpoch:
		w.U64(uint64(q.Epoch))
	case UpdateInvalidProposal:
		w.Vector(func(w *wire.Writer) {
			for _, ref := range q.Invalid {
				w.Opaque(ref)
			}
		})
	}
}

func (q *UpdateResponse) UnmarshalTLS(r *wire.Reader) {
	*q = UpdateResponse{}
	q.Code = UpdateCode(r.At("UpdateRoomResponse.responseCode").U8())
	if r.Err() == nil && q.Code > UpdateInvalidProposal {
		r.Failf("unknown code %d", q.Code)
	}
	q.Text = readText(r, "UpdateRoomResponse.errorDescription", MaxErrorText)
	switch q.Code {
	case UpdateSuccess:
		q.AcceptedAt = r.At("UpdateRoomResponse.accepted_timestamp").U64()
	case UpdateWrongEpoch:
		q.Epoch = mls.Epoch(r.At("UpdateRoomResponse.currentEpoch").U64())
	case UpdateInvalidProposal:
		q.Invalid = readList(r, "UpdateRoomResponse.invalidProposals", MaxMoreMessages, func(r *wire.Reader, ref *mls.ProposalRef) {
			*ref = r.Opaque()
		})
	}
}

// RefuseUpdate is the answer to an update that was refused; the text is cut to what the encoding allows.
func RefuseUpdate(r *Refusal) *UpdateResponse {
	response := &UpdateResponse{Code: UpdateNotAllowed, Text: cutText(r.Error(), MaxErrorText)}
	if r.Endpoint == EndpointUpdate && UpdateCode(r.Code) == UpdateInvalidProposal {
		response.Code = UpdateInvalidProposal
		for _, ref := range r.Invalid {
			response.Invalid = append(response.Invalid, ref)
		}
	}
	return response
}

// cutText shortens s to at most limit bytes without cutting a character.
func cutText(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	return strings.ToValidUTF8(s[:limit], "")
}
