package hub

import (
	"slices"

	"anteroom/mimi"
	"anteroom/mls"
)

// Clients of our own provider are added by key packages of ours, or by ourselves: any other leaf with the name of a user of ours is
// somebody else's. That a provider vouches for its own users alone is draft-ietf-mimi-protocol-06 §5.1; key packages are its way to say who
// they are (§5.2). External commits, proposals and renewed leaves are held to it by speaks and by policy (rule credential-user).

// checkOwn refuses an Add of a client of ours by somebody else with a key package that we did not give out.
func (r *Room) checkOwn(pg *mls.PublicGroup, p mls.Proposal, sender mls.Sender) *mimi.Refusal {
	add, is := p.(mls.Add)
	if !is {
		return nil
	}
	client, err := mimi.CredentialClient(add.KeyPackage.LeafNode.Credential)
	if err != nil || client.Provider() != r.provider() {
		return nil
	}
	switch sender.Type {
	case mls.SenderNewMemberProposal:
		return nil // the client itself, from our provider: anybody else's was refused when it came
	case mls.SenderMember:
		if by, ok := leafClient(pg, sender.Leaf); ok && by.Provider() == r.provider() {
			return nil
		}
	}
	ref, err := add.KeyPackage.Ref()
	if err == nil {
		if _, issued := r.issued(ref); issued { // the reference is a hash of all of it
			return nil
		}
	}
	return notAllowed("forged-client", "%s did not give out this key package of %s", r.provider(), client)
}

func (r *Room) issued(ref mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) {
	if r.options.Issued == nil {
		return nil, false
	}
	return r.options.Issued(ref)
}

// adopt makes those added clients local whose keys we have. Their Welcome must lead to the epoch that the commit led us to: a committer
// that shows the hub another group than those it adds is found out here.
func (r *Room) adopt(e *mls.Effects, g *mls.Group, welcome *mls.Welcome, added []addition) (*mls.Group, []mls.LeafIndex, *mimi.Refusal) {
	var adopted []mls.LeafIndex
	for _, a := range added {
		keys, ok := r.issued(a.ref)
		if !ok || a.client.Provider() != r.provider() {
			continue
		}
		next, err := g.Adopt(welcome, keys)
		if err != nil {
			return nil, nil, notAllowed("welcome-epoch", "the Welcome does not let %s into the epoch of the commit: %v", a.client, err)
		}
		for _, i := range e.Added {
			if next.IsLocal(i) && !g.IsLocal(i) {
				adopted = append(adopted, i)
			}
		}
		g = next
	}
	slices.Sort(adopted)
	return g, adopted, nil
}
