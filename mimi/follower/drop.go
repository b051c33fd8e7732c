package follower

import (
	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// buildDrop takes a client of ours out while its user stays on the list, as when a device is given up (room-policy §8.1.2, canRemoveOwnClient).
// Another client of the user that is here commits that. The user's only one proposes it, since nobody commits its own removal, and it takes effect
// with somebody else's commit.
func (t *turn) buildDrop(w *Wish) (*flight, error) {
	leaf, in := t.r.Leaf(w.Client)
	if !in || t.removes(leaf) {
		return nil, nil
	}
	for _, i := range t.r.group.Local() {
		node, ok := t.r.group.Public().Leaf(i)
		if !ok || i == leaf {
			continue
		}
		if client, err := mimi.CredentialClient(node.Credential); err == nil && client.ClientUser() == w.Client.ClientUser() {
			return t.buildCommit(w, i, []mls.Proposal{mls.Remove{Removed: leaf}}, true)
		}
	}
	group, message, err := t.r.group.Propose(leaf, mls.Remove{Removed: leaf}, t.aad(w))
	if err != nil {
		return nil, err
	}
	bundle := group.Public().Pending()
	bundle = bundle[len(bundle)-1:]
	if err := policy.AuthorizeProposals(t.r.state, group.Public(), bundle, policy.Options{JoinCode: trustHubJoinCode}); err != nil {
		return nil, err
	}
	return &flight{kind: flightProposals, endpoint: mimi.EndpointUpdate, body: wire.Marshal(&mimi.UpdateRequest{Message: message}), whole: true}, nil
}

// removes says that a pending proposal removes a leaf already.
func (t *turn) removes(leaf mls.LeafIndex) bool {
	for _, p := range t.r.group.Public().Pending() {
		if remove, is := p.Proposal.(mls.Remove); is && remove.Removed == leaf {
			return true
		}
	}
	return false
}
