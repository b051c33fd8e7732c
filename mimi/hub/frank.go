package hub

import (
	"bytes"

	"anteroom/mimi"
	"anteroom/mls"
)

// stamp franks an accepted application message (draft-ietf-mimi-protocol-06 §5.4.1) where we are the group's franking agent and its sender has
// committed to the content. Nil: there is nothing to vouch for.
func (r *Room) stamp(m *mls.Message, sender mimi.URI, at uint64) *mimi.Frank {
	agent, ok := mimi.AgentOf(r.group.Public())
	if !ok || len(r.options.FrankKey) == 0 || !bytes.Equal(agent.SignatureKey, r.options.Sender.SignatureKey) {
		return nil
	}
	tag, ok := mimi.TagOf(m.Private.AuthenticatedData)
	if !ok {
		return nil
	}
	signer := mls.Signer{Suite: r.group.Public().Suite(), Public: r.options.Sender.SignatureKey, Private: r.options.Key}
	frank, err := mimi.NewFrank(r.options.FrankKey, signer, tag, &mimi.FrankingContext{Sender: sender, Room: r.uri, AcceptedAt: at})
	if err != nil {
		return nil // our key is of another cipher suite than the room
	}
	return frank
}
