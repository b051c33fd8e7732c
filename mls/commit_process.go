package mls

// Staged is the next epoch, not yet adopted, with what others must be told. The present value stays valid until the caller
// has stored the next and the hub has accepted it.
type Staged struct {
	Group   *Group // nil if no local leaf is left
	Present *Group // the present epoch without the message key that the commit used; go on from it if the commit is not adopted; nil for who joins
	Effects *Effects
	Commit  *Message // PublicMessage or PrivateMessage
	Welcome *Welcome // nil if nobody outside was added
}

// StageCommit verifies and processes somebody else's commit (§12.4.2), decrypting its path once for all local leaves.
func (g *Group) StageCommit(m *Message) (*Staged, error) {
	h, ac, err := g.open(m)
	if err != nil {
		return nil, err
	}
	if sender := ac.Content.Sender; sender.Type == SenderMember && g.IsLocal(sender.Leaf) {
		return nil, invalidf("local-own-commit", "commit by local leaf %d: adopt the value that Commit returned", sender.Leaf)
	}
	c, err := g.public.stageCommit(ac)
	if err != nil {
		return nil, err
	}
	effects, err := g.public.effects(c)
	if err != nil {
		return nil, err
	}
	next, err := h.follow(c, effects.After)
	if err != nil {
		return nil, err
	}
	return &Staged{Group: next, Present: h, Effects: effects, Commit: m}, nil
}

// follow computes the private side of the epoch that somebody else's commit begins; nil if no local leaf is left in it.
func (g *Group) follow(c *stagedCommit, after *PublicGroup) (*Group, error) {
	s := g.public.suite
	local, err := g.carry(c.appliedList)
	if err != nil || len(local) == 0 {
		return nil, err
	}
	nodes := g.carryNodes(c.next)
	var commitSecret []byte // zero without path
	if c.path != nil {
		indexes := make([]LeafIndex, len(local))
		for i, l := range local {
			indexes[i] = l.index
		}
		opened, err := c.next.openPath(s, c.steps, c.path, c.added, indexes, held(local, nodes), &c.provisional, &g.public.config)
		if err != nil {
			return nil, err
		}
		nodes.set(c.steps[opened.from:], opened.private)
		commitSecret = opened.commit
	}
	initSecret := g.secrets.Init
	if c.external {
		private, _ := g.secrets.externalKey(s)
		initSecret, err = s.ReceiveExternalInit(private, c.externalInit)
		if err != nil {
			return nil, invalid("9420-8.3-external-init", err.Error())
		}
	}
	psks, err := pskSecret(s, c.psks, g.psk)
	if err != nil {
		return nil, err
	}
	_, secrets := advanceSecrets(s, initSecret, commitSecret, psks, &after.context)
	if !secrets.verifyConfirmationTag(s, after.context.ConfirmedTranscriptHash, after.confirmationTag) {
		return nil, invalid("9420-8.1-confirmation-tag", "confirmation tag does not match the epoch's secrets")
	}
	return startEpoch(after, secrets, local, nodes, g.retire()), nil
}
