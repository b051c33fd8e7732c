package mls

import (
	"anteroom/mls/wire"
)

// proposalList sorts the proposals of a commit by kind after verifying that they may stand together (§12.2).
type proposalList struct {
	all          []CommittedProposal
	extensions   *GroupContextExtensions
	updates      []CommittedProposal
	removed      []LeafIndex // by Remove and SelfRemove
	adds         []*KeyPackage
	psks         []PreSharedKeyID
	externalInit []byte
	reInit       *ReInit
	appData      []AppDataUpdate
	needsPath    bool
	proposed     map[ProposalType]bool // non-default types
}

// sortProposals verifies the list of a commit (§12.2). committer is a member, or the joiner of an external commit.
func (p *PublicGroup) sortProposals(list []CommittedProposal, committer Sender) (*proposalList, error) {
	if len(list) > MaxProposals {
		return nil, invalidf("limit-proposals", "%d proposals, limit %d", len(list), MaxProposals)
	}
	external := committer.Type == SenderNewMemberCommit
	l := &proposalList{all: list, needsPath: len(list) == 0 || external, proposed: map[ProposalType]bool{}}
	touched := map[LeafIndex]bool{}
	clients := map[string]bool{}
	psks := map[string]bool{}
	touch := func(i LeafIndex) error {
		if !external && i == committer.Leaf {
			return invalidf("9420-12.2-own-leaf", "commit applies an Update or Remove to its committer, leaf %d", i)
		}
		if touched[i] {
			return invalidf("9420-12.2-duplicate-leaf", "several Updates or Removes of leaf %d", i)
		}
		touched[i] = true
		return nil
	}
	err := p.config.each(len(list), func(k int) error {
		if list[k].Ref != nil {
			return nil // checked when it came
		}
		if add, is := list[k].Proposal.(Add); is && list[k].signedHere {
			return add.KeyPackage.validate(p.suite, &p.config, true)
		}
		return p.checkProposal(list[k].Proposal, list[k].Sender)
	})
	if err != nil {
		return nil, err
	}
	removes := 0
	for _, c := range list {
		byReference := c.Ref != nil
		if external {
			if err := checkExternalCommitProposal(c.Proposal, byReference); err != nil {
				return nil, err
			}
		}
		if t := c.Proposal.Type(); !defaultProposal(t) {
			l.proposed[t] = true
		}
		l.needsPath = l.needsPath || pathRequired(c.Proposal.Type())
		switch q := c.Proposal.(type) {
		case Add:
			if key := string(q.KeyPackage.LeafNode.SignatureKey); clients[key] {
				return nil, invalid("9420-12.2-duplicate-add", "two Adds of one client")
			} else {
				clients[key] = true
			}
			l.adds = append(l.adds, &q.KeyPackage)
		case Update:
			if !byReference {
				return nil, invalid("9420-12.2-own-leaf", "Update by value")
			}
			if err := touch(c.Sender.Leaf); err != nil {
				return nil, err
			}
			l.updates = append(l.updates, c)
		case Remove:
			removes++
			if err := touch(q.Removed); err != nil {
				return nil, err
			}
			l.removed = append(l.removed, q.Removed)
		case SelfRemove:
			if !byReference {
				return nil, invalid("mlsext-self-remove-by-value", "SelfRemove by value")
			}
			if err := touch(c.Sender.Leaf); err != nil {
				return nil, err
			}
			l.removed = append(l.removed, c.Sender.Leaf)
		case PreSharedKey:
			if id := string(wire.Marshal(&q.PSK)); psks[id] {
				return nil, invalid("9420-12.2-duplicate-psk", "one PSK twice")
			} else {
				psks[id] = true
			}
			l.psks = append(l.psks, q.PSK)
		case ReInit:
			if len(list) > 1 {
				return nil, invalid("9420-12.2-reinit-alone", "ReInit together with other proposals")
			}
			l.reInit = &q
		case ExternalInit:
			if !external {
				return nil, invalid("9420-12.2-external-init", "ExternalInit in a regular commit")
			}
			if l.externalInit != nil {
				return nil, invalid("9420-12.2-external-init", "several ExternalInits")
			}
			l.externalInit = append([]byte{}, q.KEMOutput...)
		case GroupContextExtensions:
			if l.extensions != nil {
				return nil, invalid("9420-12.2-duplicate-extensions", "several GroupContextExtensions")
			}
			l.extensions = &q
		case AppDataUpdate:
			l.appData = append(l.appData, q)
		}
	}
	if external && l.externalInit == nil {
		return nil, invalid("9420-12.2-external-init", "external commit without ExternalInit")
	}
	if external && removes > 1 {
		return nil, invalid("9420-12.2-external-remove", "external commit with several Removes")
	}
	return l, nil
}

// checkExternalCommitProposal says which proposals an external commit may contain (§12.2; SelfRemove, AppDataUpdate and AppEphemeral:
// draft-ietf-mls-extensions).
func checkExternalCommitProposal(p Proposal, byReference bool) error {
	switch p.Type() {
	case ProposalSelfRemove:
		return nil
	case ProposalExternalInit, ProposalRemove, ProposalPSK, ProposalAppDataUpdate, ProposalAppEphemeral:
		if byReference {
			return invalidf("9420-12.4.3.2-by-reference", "external commit with proposal type %d by reference", p.Type())
		}
		return nil
	}
	return invalidf("9420-12.2-external-type", "external commit with proposal type %d", p.Type())
}
