package mls

// Propose signs a proposal by local leaf as, as a PublicMessage, and caches it in the returned group.
func (g *Group) Propose(as LeafIndex, p Proposal, authenticatedData []byte) (*Group, *Message, error) {
	l := g.localAt(as)
	if l == nil {
		return nil, nil, ErrNoLocalLeaf
	}
	return g.propose(l, p, authenticatedData, nil)
}

// propose signs, frames and caches a proposal. The wire format is PublicMessage if guard is nil, else PrivateMessage.
func (g *Group) propose(l *localLeaf, p Proposal, authenticatedData []byte, guard *Seed) (*Group, *Message, error) {
	sender := Sender{Type: SenderMember, Leaf: l.index}
	if g.public.reInit != nil {
		return nil, nil, invalid("9420-12.4.2-reinit", "the group ended with a ReInit")
	}
	if err := g.public.checkAAD(authenticatedData); err != nil {
		return nil, nil, err
	}
	if err := g.public.checkProposal(p, sender); err != nil {
		return nil, nil, err
	}
	if guard != nil && p.Type() == ProposalSelfRemove {
		return nil, nil, invalid("mlsext-self-remove-public", "SelfRemove not in a PublicMessage")
	}
	ac := g.public.proposalContent(sender, p, authenticatedData)
	ac.WireFormat = handshakeFormat(guard)
	if err := ac.sign(g.public.suite, l.signature, g.public.encodedContext); err != nil {
		return nil, nil, err
	}
	h, m, err := g.protectHandshake(guard, ac)
	if err != nil {
		return nil, nil, err
	}
	public, _, err := g.public.cacheProposal(ac, m)
	if err != nil {
		return nil, nil, err
	}
	return h.withPublic(public), m, nil
}

// ProposeUpdate renews the encryption key of as by an Update proposal (§12.1.2), and what change names, which may be nil.
func (g *Group) ProposeUpdate(seed Seed, as LeafIndex, change *LeafChange, authenticatedData []byte) (*Group, *Message, error) {
	return g.proposeUpdate(seed, as, change, authenticatedData, nil)
}

func (g *Group) proposeUpdate(seed Seed, as LeafIndex, change *LeafChange, authenticatedData []byte, guard *Seed) (*Group, *Message, error) {
	l := g.localAt(as)
	if l == nil {
		return nil, nil, ErrNoLocalLeaf
	}
	p := g.public
	leaf := *p.tree.leaf(as)
	u := leafUpdate{leafKeys: l.leafKeys}
	change.apply(&leaf, &u.leafKeys, p.config.Now)
	u.key, u.public = hpkeKey(p.suite, seed.Derive("leaf key"))
	u.keySince = p.config.Now
	leaf.EncryptionKey = u.public
	leaf.Source, leaf.Lifetime, leaf.ParentHash = LeafNodeSourceUpdate, Lifetime{}, nil
	if err := leaf.sign(p.suite, u.signature, p.context.GroupID, as); err != nil {
		return nil, nil, err
	}
	h, m, err := g.propose(l, Update{leaf}, authenticatedData, guard)
	if err != nil {
		return nil, nil, err
	}
	updated := *l
	updated.updates = append(append([]leafUpdate{}, l.updates...), u)
	h.local = withLocal(g.local, &updated)
	return h, m, nil
}

// AddProposal verifies a proposal message from outside, membership tag included, and caches it in the returned group. A repeated one
// changes nothing.
func (g *Group) AddProposal(m *Message) (*Group, *PendingProposal, error) {
	if have := g.public.pendingMessage(m); have != nil {
		return g, have, nil
	}
	h, ac, err := g.open(m)
	if err != nil {
		return nil, nil, err
	}
	public, pending, err := g.public.addProposal(ac, m)
	if err != nil {
		return nil, nil, err
	}
	return h.withPublic(public), pending, nil
}
