package mls

import (
	"slices"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// CommitParams says what a commit contains.
type CommitParams struct {
	ByValue     []Proposal
	ByReference []ProposalRef // of pending proposals, in this order after ByValue
	// Joiners are the secrets of key packages added by this commit (by value or by reference) that are to be local leaves: they need no Welcome.
	Joiners           []*KeyPackageSecrets
	ForcePath         bool
	Leaf              *LeafChange // of the committer; needs a path, which is added
	AuthenticatedData []byte
	WelcomeTree       bool // put the ratchet_tree extension into the Welcome
	// Private sends the commit as PrivateMessage. It needs ReserveHandshake first, and Staged.Present to go on from if the commit fails.
	Private bool
}

// committing is a commit while it is being made.
type committing struct {
	before    *PublicGroup
	sender    Sender
	signature SignaturePrivateKey // signs the framed content
	leaf      LeafNode            // what the committer's new leaf keeps
	own       leafKeys            // of the new leaf; its encryption key comes with the path
	changed   bool                // more than the encryption key
	list      []CommittedProposal
	aad       []byte
	guard     *Seed // of the reuse guard, for a PrivateMessage
	path      *newPath
	staged    *stagedCommit
}

// Commit commits proposals by local leaf as (§12.4.1). Path keys are derived from seed.
func (g *Group) Commit(seed Seed, as LeafIndex, p CommitParams) (*Staged, error) {
	return g.commit(seed, as, p, g.psk)
}

func (g *Group) commit(seed Seed, as LeafIndex, p CommitParams, psk func(*PreSharedKeyID) ([]byte, error)) (*Staged, error) {
	l := g.localAt(as)
	if l == nil {
		return nil, ErrNoLocalLeaf
	}
	sender := Sender{Type: SenderMember, Leaf: as}
	c := &committing{before: g.public, sender: sender, signature: l.signature, own: l.leafKeys, changed: p.Leaf != nil,
		leaf: *g.public.tree.leaf(as), aad: p.AuthenticatedData}
	if p.Private {
		guard := seed.Derive("commit message")
		c.guard = &guard
	}
	p.Leaf.apply(&c.leaf, &c.own, g.public.config.Now)
	own := signedHere(p.Joiners)
	for _, q := range p.ByValue {
		add, is := q.(Add)
		c.list = append(c.list, CommittedProposal{Proposal: q, Sender: sender, signedHere: is && len(own) > 0 && own[add.KeyPackage.digest()]})
	}
	for _, ref := range p.ByReference {
		pending := g.public.findPending(ref)
		if pending == nil {
			return nil, invalidf("9420-12.4.2-unknown-reference", "no pending proposal %x", ref)
		}
		c.list = append(c.list, CommittedProposal{Proposal: pending.Proposal, Sender: pending.Sender, Ref: pending.Ref, AuthenticatedData: pending.AuthenticatedData})
	}
	if err := c.build(seed, p.ForcePath || c.changed); err != nil {
		return nil, err
	}
	return g.finishCommit(c, p, psk)
}

// build applies the proposals and makes path and content, everything up to the confirmation tag (§12.4.1).
func (c *committing) build(seed Seed, forcePath bool) error {
	p, s := c.before, c.before.suite
	if p.reInit != nil {
		return invalid("9420-12.4.2-reinit", "the group ended with a ReInit")
	}
	if err := p.checkAAD(c.aad); err != nil {
		return err
	}
	applied, err := p.applyProposals(c.list, c.sender)
	if err != nil {
		return err
	}
	c.staged = &stagedCommit{appliedList: applied, committer: c.sender.Leaf, external: c.sender.Type == SenderNewMemberCommit, next: applied.tree}
	if c.staged.external {
		if c.staged.committer, err = p.seatExternal(applied); err != nil {
			return err
		}
	}
	if applied.needsPath || forcePath {
		c.path, err = applied.tree.makePath(s, &p.config, seed, c.staged.committer, c.leaf, p.context.GroupID, c.own.signature)
		if err != nil {
			return err
		}
		c.own.key, c.own.keySince = c.path.leafKey, p.config.Now
		if c.changed {
			if err := c.path.leaf.checkSelf(s, LeafNodeSourceCommit, &p.config); err != nil {
				return err
			}
		}
		if old := p.predecessor(c.staged); old != nil {
			if err := p.checkSuccessor(old, c.path.leaf); err != nil {
				return err
			}
		}
		c.staged.path, c.staged.steps, c.staged.next = c.path.path, c.path.steps, c.path.tree
	}
	if c.staged.keys, err = p.checkNext(applied, c.staged.next, c.staged.changed()); err != nil {
		return err
	}
	c.staged.provisional = p.provisional(applied, c.staged.next)
	if c.path != nil {
		if err := c.path.encrypt(s, &p.config, applied.added, &c.staged.provisional); err != nil {
			return err
		}
	}
	return c.sign()
}

// sign frames and signs the commit under the old epoch's context (§6.1).
func (c *committing) sign() error {
	p := c.before
	commit := &Commit{Path: c.staged.path, Proposals: make([]ProposalOrRef, len(c.list))}
	for i, q := range c.list {
		if q.Ref != nil {
			commit.Proposals[i].Ref = q.Ref
		} else {
			commit.Proposals[i].Proposal = q.Proposal
		}
	}
	c.staged.content = &authenticatedContent{
		WireFormat: handshakeFormat(c.guard),
		Content: FramedContent{GroupID: p.context.GroupID, Epoch: p.context.Epoch, Sender: c.sender, AuthenticatedData: c.aad,
			ContentType: ContentCommit, Commit: commit},
	}
	return c.staged.content.sign(p.suite, c.signature, p.encodedContext)
}

// finish derives the next epoch's secrets, sets the confirmation tag, and returns the effects.
func (c *committing) finish(initSecret []byte, psk func(*PreSharedKeyID) ([]byte, error)) (*Effects, *joinSecrets, *epochSecrets, error) {
	s := c.before.suite
	var commitSecret []byte // zero without path
	if c.path != nil {
		commitSecret = c.path.commit
	}
	psks, err := pskSecret(s, c.staged.psks, psk)
	if err != nil {
		return nil, nil, nil, err
	}
	context := c.staged.provisional
	context.ConfirmedTranscriptHash = c.staged.content.confirmedTranscriptHash(s, c.before.interimHash)
	join, secrets := advanceSecrets(s, initSecret, commitSecret, psks, &context)
	c.staged.content.Auth.ConfirmationTag = secrets.confirmationTag(s, context.ConfirmedTranscriptHash)
	effects, err := c.before.effects(c.staged)
	return effects, join, secrets, err
}

// renewed is the committer's local leaf after its commit with path.
func (c *committing) renewed() *localLeaf {
	return &localLeaf{index: c.staged.committer, leafKeys: c.own}
}

// finishCommit completes a member's commit: next value, message, Welcome.
func (g *Group) finishCommit(c *committing, p CommitParams, psk func(*PreSharedKeyID) ([]byte, error)) (*Staged, error) {
	effects, join, secrets, err := c.finish(g.secrets.Init, psk)
	if err != nil {
		return nil, err
	}
	present, message, err := g.protectHandshake(c.guard, c.staged.content)
	if err != nil {
		return nil, err
	}
	local, err := g.carry(c.staged.appliedList)
	if err != nil {
		return nil, err
	}
	local, outside, err := seatJoiners(c.staged, local, p.Joiners, g.public.config.Now)
	if err != nil {
		return nil, err
	}
	nodes := g.carryNodes(c.staged.next)
	if c.path != nil {
		nodes.set(c.path.steps, c.path.private)
		local = withLocal(local, c.renewed())
	}
	staged := &Staged{
		Group:   startEpoch(effects.After, secrets, local, nodes, present.retire()),
		Present: present,
		Effects: effects,
		Commit:  message,
	}
	if len(outside) > 0 {
		staged.Welcome, err = staged.Group.welcome(c, join, outside, p.WelcomeTree)
		if err != nil {
			return nil, err
		}
	}
	return staged, nil
}

// seatJoiners makes local the added members whose secrets we have. It returns which Adds are left for a Welcome.
func seatJoiners(c *stagedCommit, local []*localLeaf, joiners []*KeyPackageSecrets, now uint64) ([]*localLeaf, []int, error) {
	type identity struct{ signature, initKey string } // of a key package
	byIdentity := make(map[identity]*KeyPackageSecrets, len(joiners))
	for _, j := range joiners {
		byIdentity[identity{string(j.KeyPackage.Signature), string(j.KeyPackage.InitKey)}] = j
	}
	var outside []int
	used := 0
	for k, kp := range c.adds {
		j := byIdentity[identity{string(kp.Signature), string(kp.InitKey)}]
		if j == nil {
			outside = append(outside, k)
			continue
		}
		if used++; used == 1 {
			local = slices.Clone(local)
		}
		local = append(local, &localLeaf{index: c.added[k], leafKeys: keysOf(j, now)})
	}
	if used > 0 {
		slices.SortFunc(local, func(a, b *localLeaf) int { return int(a.index) - int(b.index) })
	}
	if used != len(joiners) {
		return nil, nil, invalidf("local-joiner", "%d of %d joiners are not added by the commit", len(joiners)-used, len(joiners))
	}
	return local, outside, nil
}

// welcome encrypts the new epoch to the added members that are not local (§12.4.3.1). g is the new epoch; adds are positions in
// the commit's list of Adds.
func (g *Group) welcome(c *committing, join *joinSecrets, adds []int, withTree bool) (*Welcome, error) {
	s := g.public.suite
	gi, err := g.groupInfo(g.localAt(c.staged.committer), withTree, false)
	if err != nil {
		return nil, err
	}
	w := &Welcome{Suite: g.public.context.Suite, EncryptedGroupInfo: join.seal(s, wire.Marshal(gi)), Secrets: make([]EncryptedGroupSecrets, len(adds))}
	encryption := s.Encryption("Welcome", w.EncryptedGroupInfo)
	return w, g.public.config.each(len(adds), func(i int) error {
		k := adds[i]
		secrets := &groupSecrets{JoinerSecret: join.joiner, PSKs: c.staged.psks}
		if c.path != nil {
			secrets.PathSecret = c.path.secretFor(c.staged.added[k])
		}
		var err error
		w.Secrets[i], err = encryptGroupSecrets(encryption, c.staged.adds[k], secrets)
		return err
	})
}

func encryptGroupSecrets(to suite.Encryption, kp *KeyPackage, secrets *groupSecrets) (e EncryptedGroupSecrets, err error) {
	if e.NewMember, err = kp.Ref(); err != nil {
		return e, err
	}
	e.Secrets.KEMOutput, e.Secrets.Ciphertext, err = to.Encrypt(kp.InitKey, wire.Marshal(secrets))
	return e, err
}
