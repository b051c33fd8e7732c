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

// AcceptUpdate decides on a remote commit or on remote proposals: the body of an update request from provider from. The second result is
// the answer owed, whatever the decision; it is nil only if the body is malformed (Rule is RuleMalformed), which HTTP says. A repetition
// of an accepted request gets its first answer and neither Accepted nor error. The error is a *mimi.Refusal.
func (r *Room) AcceptUpdate(now time.Time, from string, body []byte) (*Accepted, []byte, error) {
	digest := digestOf(mimi.EndpointUpdate, from, body)
	if answer, ok := r.recall(from, digest); ok {
		return nil, answer, nil
	}
	accepted, refusal := r.decideUpdate(now, from, body)
	if refusal != nil {
		return nil, updateAnswer(refusal, r.epochFor(refusal)), refusal
	}
	answer := wire.Marshal(&mimi.UpdateResponse{Code: mimi.UpdateSuccess, AcceptedAt: accepted.AcceptedAt})
	accepted.Memory = &Memory{from, digest, answer}
	accepted.Next.remember(*accepted.Memory)
	return accepted, answer, nil
}

func (r *Room) decideUpdate(now time.Time, from string, body []byte) (*Accepted, *mimi.Refusal) {
	var request mimi.UpdateRequest
	if err := wire.Unmarshal(body, &request); err != nil {
		return nil, notAllowed(RuleMalformed, "%v", err)
	}
	messages := append([]*mls.Message{request.Message}, request.More...)
	for _, m := range messages {
		if refusal := r.checkHandshake(m); refusal != nil {
			return nil, refusal
		}
	}
	if from == r.provider() {
		return nil, notAllowed("hub-own-provider", "the hub's own users do not come from outside")
	}
	if request.Message.Public.Content.ContentType == mls.ContentCommit {
		return r.remoteCommit(now, from, &request)
	}
	return r.remoteProposals(now, from, messages)
}

// checkHandshake holds what can be said of a handshake message before any of its signatures is verified (draft-ietf-mimi-protocol-06 §5.3:
// handshakes are visible to the hub).
func (r *Room) checkHandshake(m *mls.Message) *mimi.Refusal {
	if m == nil || m.Format != mls.WireFormatPublicMessage || m.Public == nil {
		return notAllowed("handshake-public", "a handshake must be a PublicMessage")
	}
	content := &m.Public.Content
	if content.ContentType != mls.ContentCommit && content.ContentType != mls.ContentProposal {
		return notAllowed("handshake-content", "an update holds a commit or proposals")
	}
	pg := r.group.Public()
	if refusal := r.ended(mimi.EndpointUpdate, uint8(mimi.UpdateWrongEpoch), content.GroupID); refusal != nil {
		return refusal
	}
	if !bytes.Equal(content.GroupID, pg.GroupID()) {
		return notAllowed("group-id", "the message belongs to another group")
	}
	if content.Epoch != pg.Epoch() {
		return refuse(mimi.EndpointUpdate, uint8(mimi.UpdateWrongEpoch), "epoch", "the message belongs to epoch %d, the room is in epoch %d", content.Epoch, pg.Epoch())
	}
	return r.checkAAD(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), content.AuthenticatedData)
}

// checkAAD holds draft-ietf-mls-extensions §4.9: in a group with safe_aad all authenticated data is a SafeAAD.
func (r *Room) checkAAD(e mimi.Endpoint, code uint8, data []byte) *mimi.Refusal {
	if _, ok := r.group.Public().AppData(mls.ComponentSafeAAD); !ok {
		return nil
	}
	var aad mls.SafeAAD
	if err := wire.Unmarshal(data, &aad); err != nil {
		return refuse(e, code, "safe-aad", "authenticated data is no SafeAAD: %v", err)
	}
	return nil
}

// speaks holds that a provider speaks only for its own users.
func speaks(from string, client mimi.URI) *mimi.Refusal {
	if client.Provider() != from {
		return notAllowed("foreign-user", "%s may not speak for %s", from, client.ClientUser())
	}
	return nil
}

// proposer returns the client that is responsible for a proposal.
func proposer(pg *mls.PublicGroup, p *mls.PendingProposal) (mimi.URI, error) {
	switch p.Sender.Type {
	case mls.SenderMember:
		if client, ok := leafClient(pg, p.Sender.Leaf); ok {
			return client, nil
		}
	case mls.SenderNewMemberProposal:
		if add, ok := p.Proposal.(mls.Add); ok {
			return mimi.CredentialClient(add.KeyPackage.LeafNode.Credential)
		}
	case mls.SenderExternal: // a system user
		for _, extension := range pg.Context().Extensions {
			var senders mls.ExternalSenders
			if extension.Type == mls.ExtensionExternalSenders && wire.Unmarshal(extension.Data, &senders) == nil && int64(p.Sender.Index) < int64(len(senders)) {
				return mimi.CredentialClient(senders[p.Sender.Index].Credential)
			}
		}
	}
	return mimi.URI{}, errors.New("its sender is not a client")
}

func (r *Room) remoteProposals(now time.Time, from string, messages []*mls.Message) (*Accepted, *mimi.Refusal) {
	g := r.group.WithNow(uint64(now.Unix()))
	var bundle []mls.PendingProposal
	var sender mimi.URI
	for _, m := range messages {
		if m.Public.Content.ContentType != mls.ContentProposal {
			return nil, notAllowed("handshake-content", "a commit among further proposals")
		}
		next, pending, err := g.AddProposal(m)
		if err != nil {
			return nil, refusalOf(mimi.EndpointUpdate, uint8(mimi.UpdateInvalidProposal), "proposal", err)
		}
		client, err := proposer(g.Public(), pending)
		if err != nil {
			return nil, notAllowed("proposal-sender", "%v", err)
		}
		if refusal := speaks(from, client); refusal != nil {
			return nil, refusal
		}
		if sender.IsZero() {
			sender = client.ClientUser()
		}
		g = next
		bundle = append(bundle, *pending)
	}
	return r.proposals(now, from, g, bundle, sender)
}

// AcceptLocalProposals decides on proposals by local leaves or new members of our provider: g is the group with them cached, messages
// are what Propose and NewMemberProposal returned, in the same order. The error is a *mimi.Refusal.
func (r *Room) AcceptLocalProposals(now time.Time, g *mls.Group, messages ...*mls.Message) (*Accepted, error) {
	before, all := r.group.Public().Pending(), g.Public().Pending()
	if len(all) != len(before)+len(messages) || len(messages) == 0 {
		return nil, notAllowed("proposal-cache", "the group's cache does not hold these proposals and the accepted ones")
	}
	for _, m := range messages {
		if refusal := r.checkHandshake(m); refusal != nil {
			return nil, refusal
		}
	}
	bundle := all[len(before):]
	client, err := proposer(g.Public(), &bundle[0])
	if err != nil {
		return nil, notAllowed("proposal-sender", "%v", err)
	}
	accepted, refusal := r.proposals(now, r.provider(), g, bundle, client.ClientUser())
	if refusal != nil {
		return nil, refusal
	}
	return accepted, nil
}

// proposals is the common part: a bundle that g already holds takes effect if policy allows it together with all that was accepted
// before, so that one commit can hold everything that is pending.
func (r *Room) proposals(now time.Time, from string, g *mls.Group, bundle []mls.PendingProposal, sender mimi.URI) (*Accepted, *mimi.Refusal) {
	pending := g.Public().Pending()
	if len(pending) > MaxPending {
		return nil, notAllowed("pending-limit", "more than %d proposals wait for a commit", MaxPending)
	}
	for i := range bundle {
		if refusal := r.checkGone(&bundle[i]); refusal != nil {
			return nil, refusal
		}
		if from == r.provider() {
			continue
		}
		if refusal := checkPSK(bundle[i].Proposal); refusal != nil {
			return nil, refusal
		}
		if refusal := r.checkOwn(r.group.Public(), bundle[i].Proposal, bundle[i].Sender); refusal != nil {
			return nil, refusal
		}
		if refusal := r.checkThird(bundle[i].Proposal, bundle[i].Sender, from); refusal != nil {
			return nil, refusal
		}
	}
	if from != r.provider() && pendingOf(g.Public(), from) > MaxPendingShare {
		return nil, notAllowed("pending-share", "more than %d proposals of %s wait for a commit", MaxPendingShare, from)
	}
	if refusal := compatible(pending); refusal != nil {
		return nil, refusal
	}
	if err := policy.AuthorizeProposals(r.state, g.Public(), bundle, r.policyOptions(now, from)); err != nil {
		return nil, refusalOf(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), "policy", err)
	}
	at := uint64(now.UnixMilli())
	next := r.copy()
	next.group = g
	next.accepted = append([]acceptance(nil), r.accepted...)
	for i := range bundle {
		next.accepted = append(next.accepted, acceptance{bundle[i].Ref, at})
	}
	origin := from
	if bundle[0].Sender.Type == mls.SenderExternal {
		origin = "" // a system user is no client of the room: its provider hears of it like everybody
	}
	fanout := &mimi.FanoutMessage{Timestamp: at, Message: bundle[0].Message}
	for i := range bundle[1:] {
		fanout.More = append(fanout.More, bundle[1+i].Message)
	}
	return &Accepted{
		Next: &next, Before: r.state, After: r.state, Origin: from,
		Proposals: bundle, Sender: sender, Message: bundle[0].Message,
		AcceptedAt: at, Fanout: tell(r.followers, origin, fanout),
	}, nil
}
