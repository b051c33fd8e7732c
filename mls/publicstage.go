package mls

import "bytes"

// Effects says what a commit does; policy is decided on it before anybody adopts the next epoch.
type Effects struct {
	Before, After     *PublicGroup
	Sender            Sender    // member, or new_member_commit
	Committer         LeafIndex // leaf in After; for an external commit the new leaf
	HasPath           bool
	AuthenticatedData []byte
	Proposals         []CommittedProposal // in commit order
	Added             []LeafIndex         // by Add proposals, indexes in After
	Removed           []RemovedLeaf       // by Remove, SelfRemove or resync
	Updated           []LeafIndex         // by Update proposals and by the path
}

// CommittedProposal is one proposal of a commit with who is responsible for it: its own sender if by reference, else the committer.
type CommittedProposal struct {
	Proposal          Proposal
	Sender            Sender
	Ref               ProposalRef // nil if by value
	AuthenticatedData []byte      // of the proposal's own message; nil if by value

	signedHere bool // an Add by value whose key package this process made for this commit
}

// RemovedLeaf is a member that a commit removed.
type RemovedLeaf struct {
	Index LeafIndex
	Node  *LeafNode
}

// stagedCommit is a commit verified as far as that is possible without secrets.
type stagedCommit struct {
	*appliedList
	committer   LeafIndex
	external    bool
	path        *UpdatePath
	steps       []pathStep   // of the path
	next        tree         // with the path merged, hashed
	keys        keyIndex     // of next
	provisional GroupContext // what path secrets are bound to
	content     *authenticatedContent

	leafSignature error // of a member's new leaf, not yet acted upon
}

// StageCommit verifies a PublicMessage commit as far as that is possible without secrets.
func (p *PublicGroup) StageCommit(m *Message) (*Effects, error) {
	ac, err := publicContent(m)
	if err != nil {
		return nil, err
	}
	c, err := p.stageCommit(ac)
	if err != nil {
		return nil, err
	}
	return p.effects(c)
}

// stageCommit verifies a commit whose framing is already open (§12.4.2).
func (p *PublicGroup) stageCommit(ac *authenticatedContent) (*stagedCommit, error) {
	if err := p.checkContent(ac, ContentCommit); err != nil {
		return nil, err
	}
	commit, sender := ac.Content.Commit, ac.Content.Sender
	key, err := p.commitKey(commit, sender)
	if err != nil {
		return nil, err
	}
	leafSignature, err := p.verifySignatures(ac, key)
	if err != nil {
		return nil, err
	}
	list, err := p.committedProposals(commit.Proposals, sender)
	if err != nil {
		return nil, err
	}
	applied, err := p.applyProposals(list, sender)
	if err != nil {
		return nil, err
	}
	if applied.needsPath && commit.Path == nil {
		return nil, invalid("9420-12.4-path-required", "commit needs a path")
	}
	c := &stagedCommit{appliedList: applied, committer: sender.Leaf, external: sender.Type == SenderNewMemberCommit,
		path: commit.Path, next: applied.tree, content: ac, leafSignature: leafSignature}
	if c.external {
		if c.committer, err = p.seatExternal(c.appliedList); err != nil {
			return nil, err
		}
	}
	if c.path != nil {
		if err := p.stagePath(c); err != nil {
			return nil, err
		}
	}
	if c.keys, err = p.checkNext(c.appliedList, c.next, c.changed()); err != nil {
		return nil, err
	}
	c.provisional = p.provisional(c.appliedList, c.next)
	return c, nil
}

// verifySignatures verifies the signature of a commit and at the same time, since it takes as long, that of a member's new leaf, of which the
// verdict is for later.
func (p *PublicGroup) verifySignatures(ac *authenticatedContent, key SignaturePublicKey) (leaf, err error) {
	commit, sender := ac.Content.Commit, ac.Content.Sender
	n := 1
	if commit.Path != nil && sender.Type == SenderMember {
		n = 2
	}
	err = p.config.each(n, func(k int) error {
		if k == 0 {
			return ac.verifySignature(p.suite, key, p.encodedContext)
		}
		leaf = commit.Path.LeafNode.verifySignature(p.suite, p.context.GroupID, sender.Leaf)
		return nil
	})
	return leaf, err
}

// commitKey returns the key that a commit's signature must verify with (§6.1, §12.4.3.2).
func (p *PublicGroup) commitKey(commit *Commit, sender Sender) (SignaturePublicKey, error) {
	switch sender.Type {
	case SenderMember:
		if n := p.tree.leaf(sender.Leaf); n != nil {
			return n.SignatureKey, nil
		}
		return nil, invalidf("9420-6.1-sender", "leaf %d is not a member", sender.Leaf)
	case SenderNewMemberCommit:
		if commit.Path == nil {
			return nil, invalid("9420-12.4.3.2-path", "external commit without path")
		}
		return commit.Path.LeafNode.SignatureKey, nil
	}
	return nil, invalidf("9420-6.1-commit-sender", "sender type %d may not commit", sender.Type)
}

// committedProposals looks up the proposals that a commit names by reference (§12.4.2).
func (p *PublicGroup) committedProposals(list []ProposalOrRef, sender Sender) ([]CommittedProposal, error) {
	if len(list) > MaxProposals {
		return nil, invalidf("limit-proposals", "%d proposals, limit %d", len(list), MaxProposals)
	}
	out := make([]CommittedProposal, len(list))
	for i := range list {
		if list[i].Proposal != nil {
			out[i] = CommittedProposal{Proposal: list[i].Proposal, Sender: sender}
			continue
		}
		pending := p.findPending(list[i].Ref)
		if pending == nil {
			return nil, invalidf("9420-12.4.2-unknown-reference", "commit names proposal %x, which was not received", list[i].Ref)
		}
		out[i] = CommittedProposal{Proposal: pending.Proposal, Sender: pending.Sender, Ref: pending.Ref, AuthenticatedData: pending.AuthenticatedData}
	}
	return out, nil
}

// seatExternal gives the joiner of an external commit its leaf: the leftmost blank one (§12.4.2).
func (p *PublicGroup) seatExternal(a *appliedList) (LeafIndex, error) {
	if a.tree.members() >= MaxLeaves {
		return 0, invalidf("limit-leaves", "more than %d members", MaxLeaves)
	}
	i := a.tree.nextLeaf()
	a.tree = a.tree.reaching(i).hashed(p.suite)
	return i, nil
}

// stagePath verifies the committer's new leaf and merges the path (§12.4.2).
func (p *PublicGroup) stagePath(c *stagedCommit) error {
	n := &c.path.LeafNode
	if err := n.checkSelf(p.suite, LeafNodeSourceCommit, &p.config); err != nil {
		return err
	}
	if c.external {
		c.leafSignature = n.verifySignature(p.suite, p.context.GroupID, c.committer)
	}
	if c.leafSignature != nil {
		return c.leafSignature
	}
	if old := p.predecessor(c); old != nil {
		if c.external && bytes.Equal(old.EncryptionKey, n.EncryptionKey) {
			return invalid("9420-12.2-resync-key", "the leaf of a resync keeps the encryption key")
		}
		if err := p.checkSuccessor(old, n); err != nil {
			return err
		}
	}
	var err error
	c.next, c.steps, err = c.tree.mergePath(p.suite, c.committer, c.path, c.added, c.appliedList.keys)
	return err
}

// predecessor is the leaf that the committer's new one replaces: its own, or the one that a resync removes; nil for a plain join.
func (p *PublicGroup) predecessor(c *stagedCommit) *LeafNode {
	if !c.external {
		return p.tree.leaf(c.committer)
	}
	for _, q := range c.all {
		if r, ok := q.Proposal.(Remove); ok {
			return p.tree.leaf(r.Removed)
		}
	}
	return nil
}

// changed names the leaves of the next tree that the commit put or replaced.
func (c *stagedCommit) changed() []LeafIndex {
	changed := append(append([]LeafIndex{}, c.updated...), c.added...)
	if c.path != nil {
		changed = append(changed, c.committer)
	}
	return changed
}

// provisional is the next epoch's GroupContext with the old transcript hash (§12.4.1).
func (p *PublicGroup) provisional(a *appliedList, next tree) GroupContext {
	context := p.context
	context.Epoch++
	context.TreeHash = next.hash()
	context.Extensions = a.extensions
	return context
}

// advance is the public part of the next epoch.
func (p *PublicGroup) advance(c *stagedCommit) (*PublicGroup, error) {
	context := c.provisional
	context.ConfirmedTranscriptHash = c.content.confirmedTranscriptHash(p.suite, p.interimHash)
	q, err := newPublicGroup(p.suite, context, c.next, c.content.Auth.ConfirmationTag, p.config)
	if err != nil {
		return nil, err
	}
	q.reInit, q.keys = c.reInit, c.keys
	return q, nil
}

func (p *PublicGroup) effects(c *stagedCommit) (*Effects, error) {
	after, err := p.advance(c)
	if err != nil {
		return nil, err
	}
	e := &Effects{
		Before:            p,
		After:             after,
		Sender:            c.content.Content.Sender,
		Committer:         c.committer,
		HasPath:           c.path != nil,
		AuthenticatedData: c.content.Content.AuthenticatedData,
		Proposals:         c.all,
		Added:             c.added,
		Removed:           c.removed,
		Updated:           c.updated,
	}
	if c.path != nil && !c.external {
		e.Updated = append(append([]LeafIndex{}, c.updated...), c.committer)
	}
	return e, nil
}
