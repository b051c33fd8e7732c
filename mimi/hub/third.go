package hub

import (
	"bytes"
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
)

// Clients of third providers. Key packages for a room travel by way of its hub (draft-ietf-mimi-protocol-06 §5.2), so that the hub has seen every
// one that a provider gave out for this room. A member adds a client of another provider than its own and ours only by such a one: any other key
// package is the adder's invention, or nobody would get its Welcome (docs/decisions/121-third-providers.md).

// checkThird refuses an Add of a client of a third provider with a key package that this provider did not give out by way of us. Proposals that
// were accepted before, and so have passed, are not asked again: what is known of key packages may have expired since, and every commit must
// contain what was accepted.
func (r *Room) checkThird(p mls.Proposal, sender mls.Sender, from string) *mimi.Refusal {
	add, is := p.(mls.Add)
	if !is || sender.Type == mls.SenderNewMemberProposal {
		return nil // the client itself, from its own provider: anybody else's was refused when it came
	}
	client, err := mimi.CredentialClient(add.KeyPackage.LeafNode.Credential)
	if err != nil || client.Provider() == r.provider() || client.Provider() == from {
		return nil // without a name policy refuses it; checkOwn has ours; a provider speaks for its own
	}
	ref, err := add.KeyPackage.Ref()
	if err == nil && slices.ContainsFunc(r.routes, func(e route) bool { return e.provider == client.Provider() && bytes.Equal(e.ref, ref) }) {
		return nil
	}
	return notAllowed("third-provider", "%s gave out no such key package of %s by way of this hub: ask for key material here", client.Provider(), client)
}
