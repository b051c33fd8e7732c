package mls

import (
	"bytes"

	"anteroom/mls/wire"
)

// ExternalCommitParams says what an external commit contains besides ExternalInit (§12.4.3.2).
type ExternalCommitParams struct {
	Tree              RatchetTree // unless in the GroupInfo
	ByValue           []Proposal  // Remove (resync), PreSharedKey, AppDataUpdate, AppEphemeral
	Pending           []*Message  // SelfRemove proposals that must be included by reference
	AuthenticatedData []byte
	Config            Config
}

// ExternalCommit joins a group from its GroupInfo.
func ExternalCommit(seed Seed, gi *GroupInfo, joiner *KeyPackageSecrets, p ExternalCommitParams) (*Staged, error) {
	public, err := NewPublicGroup(gi, p.Tree, p.Config)
	if err != nil {
		return nil, err
	}
	c, secrets, effects, err := public.externalCommit(seed, gi, joiner, p)
	if err != nil {
		return nil, err
	}
	nodes := nodeKeys{}
	nodes.set(c.path.steps, c.path.private)
	return &Staged{
		Group:   startEpoch(effects.After, secrets, []*localLeaf{c.renewed()}, nodes, nil),
		Effects: effects,
		Commit:  c.publicMessage(),
	}, nil
}

// ExternalCommit lets a further local user join a group that g already holds; the next value holds old and new leaves. Pending
// SelfRemove proposals of g are included.
func (g *Group) ExternalCommit(seed Seed, joiner *KeyPackageSecrets, p ExternalCommitParams) (*Staged, error) {
	gi := &GroupInfo{Context: g.public.context, ConfirmationTag: g.public.confirmationTag}
	var w wire.Writer
	_, external := g.secrets.externalKey(g.public.suite)
	w.Opaque(external)
	gi.Extensions = []Extension{{ExtensionExternalPub, w.Bytes()}}
	c, secrets, effects, err := g.public.externalCommit(seed, gi, joiner, p)
	if err != nil {
		return nil, err
	}
	local, err := g.carry(c.staged.appliedList)
	if err != nil {
		return nil, err
	}
	nodes := g.carryNodes(c.staged.next)
	nodes.set(c.path.steps, c.path.private)
	local = withLocal(local, c.renewed())
	return &Staged{
		Group:   startEpoch(effects.After, secrets, local, nodes, g.retire()),
		Present: g,
		Effects: effects,
		Commit:  c.publicMessage(),
	}, nil
}

// externalCommit makes the commit of a joiner (§12.4.3.2).
func (p *PublicGroup) externalCommit(seed Seed, gi *GroupInfo, joiner *KeyPackageSecrets, params ExternalCommitParams) (*committing, *epochSecrets, *Effects, error) {
	fail := func(err error) (*committing, *epochSecrets, *Effects, error) { return nil, nil, nil, err }
	if err := joiner.KeyPackage.validate(p.suite, &p.config, false); err != nil {
		return fail(err)
	}
	data, found := findExtension(gi.Extensions, ExtensionExternalPub)
	if !found {
		return fail(invalid("9420-12.4.3.2-external-pub", "GroupInfo has no external_pub extension"))
	}
	r := wire.NewReader(data)
	external := r.At("ExternalPub.external_pub").Opaque()
	if err := r.Done(); err != nil {
		return fail(invalid("9420-12.4.3.2-external-pub", err.Error()))
	}
	kemOutput, initSecret, err := p.suite.ExternalInit(external)
	if err != nil {
		return fail(invalid("9420-12.4.3.2-external-pub", err.Error()))
	}
	sender := Sender{Type: SenderNewMemberCommit}
	c := &committing{sender: sender, signature: joiner.Signature, own: keysOf(joiner, p.config.Now),
		leaf: joiner.KeyPackage.LeafNode, aad: params.AuthenticatedData}
	c.list = []CommittedProposal{{Proposal: ExternalInit{KEMOutput: kemOutput}, Sender: sender}}
	for _, q := range params.ByValue {
		c.list = append(c.list, CommittedProposal{Proposal: q, Sender: sender})
	}
	c.before = p
	for _, m := range params.Pending {
		var err error
		if c.before, _, err = c.before.AddProposal(m); err != nil {
			return fail(err)
		}
	}
	for _, q := range c.before.pending {
		if q.Proposal.Type() == ProposalSelfRemove {
			c.list = append(c.list, CommittedProposal{Proposal: q.Proposal, Sender: q.Sender, Ref: q.Ref, AuthenticatedData: q.AuthenticatedData})
		}
	}
	if err := c.build(seed, true); err != nil {
		return fail(err)
	}
	effects, _, secrets, err := c.finish(initSecret, p.config.psk)
	return c, secrets, effects, err
}

// publicMessage frames a commit that needs no membership tag.
func (c *committing) publicMessage() *Message {
	return &Message{Format: WireFormatPublicMessage, Public: c.staged.content.protectPublic(c.before.suite, nil, c.before.encodedContext)}
}

// NewMemberProposal signs the Add of kp by its own key (sender new_member_proposal, §12.1.8). pg names group and epoch.
func NewMemberProposal(pg *PublicGroup, kp *KeyPackageSecrets, authenticatedData []byte) (*Message, error) {
	if err := pg.checkAAD(authenticatedData); err != nil {
		return nil, err
	}
	ac := pg.proposalContent(Sender{Type: SenderNewMemberProposal}, Add{kp.KeyPackage}, authenticatedData)
	if err := ac.sign(pg.suite, kp.Signature, pg.encodedContext); err != nil {
		return nil, err
	}
	return &Message{Format: WireFormatPublicMessage, Public: ac.protectPublic(pg.suite, nil, pg.encodedContext)}, nil
}

// ExternalProposal signs a proposal by an external sender (§12.1.8), whose place in external_senders its key decides.
func ExternalProposal(pg *PublicGroup, signer Signer, p Proposal, authenticatedData []byte) (*Message, error) {
	senders, err := externalSenders(pg.context.Extensions)
	if err != nil {
		return nil, err
	}
	if err := pg.checkAAD(authenticatedData); err != nil {
		return nil, err
	}
	for i := range senders {
		if !bytes.Equal(senders[i].SignatureKey, signer.Public) {
			continue
		}
		sender := Sender{Type: SenderExternal, Index: uint32(i)}
		if err := pg.checkProposal(p, sender); err != nil {
			return nil, err
		}
		ac := pg.proposalContent(sender, p, authenticatedData)
		if err := ac.sign(pg.suite, signer.Private, pg.encodedContext); err != nil {
			return nil, err
		}
		return &Message{Format: WireFormatPublicMessage, Public: ac.protectPublic(pg.suite, nil, pg.encodedContext)}, nil
	}
	return nil, invalid("9420-12.1.8-external-sender", "the key is not that of an external sender")
}

// proposalContent frames a proposal for the present epoch, not yet signed.
func (p *PublicGroup) proposalContent(sender Sender, proposal Proposal, aad []byte) *authenticatedContent {
	return &authenticatedContent{
		WireFormat: WireFormatPublicMessage,
		Content: FramedContent{GroupID: p.context.GroupID, Epoch: p.context.Epoch, Sender: sender, AuthenticatedData: aad,
			ContentType: ContentProposal, Proposal: proposal},
	}
}
