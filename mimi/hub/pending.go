package hub

import (
	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// gone says who is on the way out: accepted proposals remove or ban them, the commit is still to come. From the acceptance on they may
// only propose their own removal (draft-ietf-mimi-protocol-06 §5.3).
type gone struct {
	leaves map[mls.LeafIndex]bool
	users  map[mimi.URI]bool
}

func (r *Room) gone() gone {
	pg := r.group.Public()
	out := gone{map[mls.LeafIndex]bool{}, map[mimi.URI]bool{}}
	for _, p := range pg.Pending() {
		switch proposal := p.Proposal.(type) {
		case mls.Remove:
			out.leaves[proposal.Removed] = true
		case mls.SelfRemove:
			out.leaves[p.Sender.Leaf] = true
		case mls.AppDataUpdate:
			if proposal.Component != mimi.ComponentParticipantList || proposal.Remove {
				continue
			}
			var update mimi.ParticipantListUpdate
			if wire.Unmarshal(proposal.Update, &update) != nil {
				continue // policy refused it before it could be pending
			}
			list := r.state.Participants()
			for _, index := range update.Removed {
				if int64(index) < int64(len(list)) {
					out.users[list[index].User] = true
				}
			}
			for _, change := range update.Changed {
				if change.Role == mimi.RoleBanned && int64(change.Index) < int64(len(list)) {
					out.users[list[change.Index].User] = true
				}
			}
			for _, added := range update.Added {
				if added.Role == mimi.RoleBanned {
					out.users[added.User] = true
				}
			}
		}
	}
	return out
}

func (g *gone) has(leaf mls.LeafIndex, user mimi.URI) bool { return g.leaves[leaf] || g.users[user] }

// anyOf says whether a user or one of its clients is on the way out. Such a user may not join: an external commit would void what removes it.
func (g *gone) anyOf(pg *mls.PublicGroup, user mimi.URI) bool {
	if g.users[user] {
		return true
	}
	for leaf := range g.leaves {
		if client, ok := leafClient(pg, leaf); ok && client.ClientUser() == user {
			return true
		}
	}
	return false
}

// checkGone lets those who are on the way out propose nothing but the removal of their own clients.
func (r *Room) checkGone(p *mls.PendingProposal) *mimi.Refusal {
	if len(r.group.Public().Pending()) == 0 {
		return nil
	}
	g := r.gone()
	client, err := proposer(r.group.Public(), p)
	if err != nil {
		return notAllowed("proposal-sender", "%v", err)
	}
	user := client.ClientUser()
	if p.Sender.Type == mls.SenderMember && !g.has(p.Sender.Leaf, user) || p.Sender.Type != mls.SenderMember && !g.users[user] {
		return nil
	}
	switch proposal := p.Proposal.(type) {
	case mls.SelfRemove:
		return nil
	case mls.Remove:
		if removed, ok := leafClient(r.group.Public(), proposal.Removed); ok && removed.ClientUser() == user {
			return nil
		}
	}
	return notAllowed("leaving", "%s is being removed and may only remove its own clients", user)
}

// pendingOf counts the proposals that wait and are those of a provider's clients.
func pendingOf(pg *mls.PublicGroup, provider string) (n int) {
	for _, p := range pg.Pending() {
		if client, err := proposer(pg, &p); err == nil && client.Provider() == provider {
			n++
		}
	}
	return n
}

// compatible holds that one commit can contain all pending proposals (RFC 9420 §12.2): a leaf is touched once, a client is added once.
func compatible(pending []mls.PendingProposal) *mimi.Refusal {
	touched := map[mls.LeafIndex]bool{}
	added := map[string]bool{}
	touch := func(i mls.LeafIndex) *mimi.Refusal {
		if touched[i] {
			return notAllowed("pending-leaf-twice", "an accepted proposal already changes or removes the client at leaf %d", i)
		}
		touched[i] = true
		return nil
	}
	contexts := 0
	for i := range pending {
		var refusal *mimi.Refusal
		switch proposal := pending[i].Proposal.(type) {
		case mls.Update, mls.SelfRemove:
			refusal = touch(pending[i].Sender.Leaf)
		case mls.Remove:
			refusal = touch(proposal.Removed)
		case mls.Add:
			for _, key := range []string{string(proposal.KeyPackage.LeafNode.SignatureKey), mimi.CredentialName(proposal.KeyPackage.LeafNode.Credential)} {
				if added[key] {
					return notAllowed("pending-add-twice", "an accepted proposal already adds this client")
				}
				added[key] = true
			}
		case mls.GroupContextExtensions:
			contexts++
		case mls.ReInit, mls.ExternalInit:
			return notAllowed("pending-kind", "a proposal of type %d cannot wait for a commit", proposal.Type())
		}
		if contexts > 1 {
			refusal = notAllowed("pending-context-twice", "an accepted proposal already changes the group's extensions")
		}
		if refusal != nil {
			return refusal
		}
	}
	return nil
}

// checkPSK refuses pre-shared keys: a commit with one can be made and followed by those alone who have it (RFC 9420 §8.4), and the hub knows of none that
// every member has. Those of earlier epochs are unknown to whoever came since.
func checkPSK(p mls.Proposal) *mimi.Refusal {
	if p.Type() == mls.ProposalPSK {
		return notAllowed("psk", "not everybody in the room has this pre-shared key")
	}
	return nil
}
