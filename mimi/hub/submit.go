package hub

import (
	"bytes"
	"errors"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// AcceptSubmit decides on a remote application message: the body of a submitMessage request. Results as in AcceptUpdate.
func (r *Room) AcceptSubmit(now time.Time, from string, body []byte) (*Accepted, []byte, error) {
	digest := digestOf(mimi.EndpointSubmitMessage, from, body)
	if answer, ok := r.recall(from, digest); ok {
		return nil, answer, nil
	}
	accepted, refusal := r.decideSubmit(now, from, body)
	if refusal != nil {
		if refusal.Rule == RuleMalformed {
			return nil, nil, refusal
		}
		response := mimi.SubmitMessageResponse{Code: mimi.SubmitCode(refusal.Code), Epoch: r.epochFor(refusal)}
		return nil, wire.Marshal(&response), refusal
	}
	answer := wire.Marshal(&mimi.SubmitMessageResponse{Code: mimi.SubmitAccepted, AcceptedAt: accepted.AcceptedAt, Frank: accepted.Frank})
	accepted.Memory = &Memory{from, digest, answer}
	accepted.Next.remember(*accepted.Memory)
	return accepted, answer, nil
}

func (r *Room) decideSubmit(now time.Time, from string, body []byte) (*Accepted, *mimi.Refusal) {
	var request mimi.SubmitMessageRequest
	if err := wire.Unmarshal(body, &request); err != nil {
		return nil, notSent(RuleMalformed, "%v", err)
	}
	m := request.Message
	if m == nil || m.Format != mls.WireFormatPrivateMessage || m.Private == nil || m.Private.ContentType != mls.ContentApplication {
		return nil, notSent("message-private", "a submission must be a PrivateMessage with application data")
	}
	if request.Sender.Kind() != mimi.KindUser || request.Sender.Provider() != from || from == r.provider() {
		return nil, notSent("foreign-user", "%s may not speak for %s", from, request.Sender)
	}
	pg := r.group.Public()
	if refusal := r.ended(mimi.EndpointSubmitMessage, uint8(mimi.SubmitEpochTooOld), m.Private.GroupID); refusal != nil {
		return nil, refusal
	}
	if !bytes.Equal(m.Private.GroupID, pg.GroupID()) {
		return nil, notSent("group-id", "the message belongs to another group")
	}
	if m.Private.Epoch > pg.Epoch() {
		return nil, notSent("epoch", "the message belongs to epoch %d, the room is in epoch %d", m.Private.Epoch, pg.Epoch())
	}
	if refusal := r.checkAAD(mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed), m.Private.AuthenticatedData); refusal != nil {
		return nil, refusal
	}
	if refusal := r.maySend(request.Sender); refusal != nil {
		return nil, refusal
	}
	group, message, err := r.group.Unprotect(m)
	if err != nil {
		var epoch *mls.EpochError
		if errors.As(err, &epoch) || m.Private.Epoch < pg.Epoch() {
			return nil, refuse(mimi.EndpointSubmitMessage, uint8(mimi.SubmitEpochTooOld), "epoch", "the message belongs to epoch %d, the room is in epoch %d", m.Private.Epoch, pg.Epoch())
		}
		return nil, refusalOf(mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed), "message", err)
	}
	if refusal := r.checkSender(message, request.Sender); refusal != nil {
		return nil, refusal
	}
	return r.message(now, from, group, m, message, request.Sender), nil
}

// maySend holds that a user may send messages and is not on the way out.
func (r *Room) maySend(user mimi.URI) *mimi.Refusal {
	if err := policy.AuthorizeSend(r.state, user); err != nil {
		return refusalOf(mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed), "policy", err)
	}
	if len(r.group.Public().Pending()) > 0 && r.gone().users[user] {
		return notSent("leaving", "%s is being removed", user)
	}
	return nil
}

// checkSender holds that the leaf that signed belongs to the user who is said to have sent, and is still a member: a message of an
// earlier epoch by a client that has been removed since is refused.
func (r *Room) checkSender(message *mls.ApplicationMessage, user mimi.URI) *mimi.Refusal {
	client, err := mimi.CredentialClient(message.SenderNode.Credential)
	if err != nil || client.ClientUser() != user {
		return notSent("sender", "the message was signed by a client of somebody else than %s", user)
	}
	leaf, ok := r.group.Public().Leaf(message.Sender)
	if !ok || !mimi.SameIdentity(leaf.Credential, message.SenderNode.Credential) {
		return notSent("sender-removed", "%s is no longer in the group", client)
	}
	if g := r.gone(); g.leaves[message.Sender] {
		return notSent("leaving", "%s is being removed", client)
	}
	return nil
}

// AcceptLocalMessage decides on an application message of a local user: g and m are what Protect returned. The error is a *mimi.Refusal.
func (r *Room) AcceptLocalMessage(now time.Time, g *mls.Group, m *mls.Message, sender mimi.URI) (*Accepted, error) {
	if g.Public().Epoch() != r.group.Public().Epoch() || m.Private == nil || m.Private.Epoch != g.Public().Epoch() {
		return nil, refuse(mimi.EndpointSubmitMessage, uint8(mimi.SubmitEpochTooOld), "epoch", "the message does not belong to epoch %d", r.group.Public().Epoch())
	}
	if refusal := r.maySend(sender); refusal != nil {
		return nil, refusal
	}
	if refusal := r.checkAAD(mimi.EndpointSubmitMessage, uint8(mimi.SubmitNotAllowed), m.Private.AuthenticatedData); refusal != nil {
		return nil, refusal
	}
	return r.message(now, r.provider(), g, m, &mls.ApplicationMessage{Epoch: m.Private.Epoch, AuthenticatedData: m.Private.AuthenticatedData}, sender), nil
}

func (r *Room) message(now time.Time, from string, g *mls.Group, m *mls.Message, application *mls.ApplicationMessage, sender mimi.URI) *Accepted {
	at := uint64(now.UnixMilli())
	next := r.copy()
	next.group = g
	var frank *mimi.Frank
	if from != r.provider() || len(r.receivers) > 0 { // somebody else gets it
		frank = r.stamp(m, sender, at)
	}
	return &Accepted{
		Next: &next, Before: r.state, After: r.state, Origin: from,
		Application: application, Sender: sender, Message: m, Frank: frank,
		AcceptedAt: at, Fanout: tell(r.receivers, from, &mimi.FanoutMessage{Timestamp: at, Message: m, Frank: frank}),
	}
}
