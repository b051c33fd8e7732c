package mls

import (
	"bytes"
	"slices"

	"anteroom/mls/wire"
)

// MaxProposals bounds the proposals of one commit and the pending proposals of one epoch.
const MaxProposals = 1 << 13

// pathRequired reports whether a commit that covers the proposal must have a path (§12.4; SelfRemove: draft-ietf-mls-extensions).
func pathRequired(t ProposalType) bool {
	switch t {
	case ProposalAdd, ProposalPSK, ProposalReInit, ProposalAppDataUpdate, ProposalAppEphemeral:
		return false
	}
	return true
}

// externalAllowed reports whether a sender outside of the group may propose the type (§12.1.8).
func externalAllowed(t ProposalType) bool {
	switch t {
	case ProposalAdd, ProposalRemove, ProposalPSK, ProposalReInit, ProposalGroupContextExtensions,
		ProposalAppDataUpdate, ProposalAppEphemeral:
		return true
	}
	return false
}

// checkSender verifies that the kind of sender may make the proposal at all (§12.1.8).
func checkSender(p Proposal, sender Sender) error {
	switch sender.Type {
	case SenderMember:
		return nil
	case SenderExternal:
		if externalAllowed(p.Type()) {
			return nil
		}
	case SenderNewMemberProposal:
		if p.Type() == ProposalAdd {
			return nil
		}
	case SenderNewMemberCommit:
		return nil
	}
	return invalidf("9420-12.1.8-external-type", "sender type %d may not propose type %d", sender.Type, p.Type())
}

// checkProposal verifies one proposal on its own against the present epoch (§12.1).
func (p *PublicGroup) checkProposal(proposal Proposal, sender Sender) error {
	if err := checkSender(proposal, sender); err != nil {
		return err
	}
	switch q := proposal.(type) {
	case Add:
		return q.KeyPackage.validate(p.suite, &p.config, false)
	case Update:
		return p.checkUpdate(&q.LeafNode, sender)
	case Remove:
		if p.tree.leaf(q.Removed) == nil {
			return invalidf("9420-12.1.3-no-such-member", "leaf %d is not a member", q.Removed)
		}
	case PreSharedKey:
		return p.checkPSK(&q.PSK)
	case ReInit:
		if q.Version < p.context.Version {
			return invalidf("9420-12.1.5-version", "version %d is less than the group's", q.Version)
		}
		return p.config.checkSenders(p.context.Extensions, q.Extensions, p.config.Now)
	case GroupContextExtensions:
		return p.checkExtensions(q.Extensions)
	case SelfRemove:
		if sender.Type != SenderMember {
			return invalid("mlsext-self-remove-sender", "SelfRemove not sent by a member")
		}
	case AppDataUpdate:
		if p.config.Components == nil {
			return invalidf("mlsext-component-unknown", "component %d", q.Component)
		}
	case AppEphemeral:
		if logic, ok := p.config.Components.(EphemeralLogic); ok {
			if err := logic.CheckEphemeral(q.Component, q.Data); err != nil {
				return invalid("mlsext-app-ephemeral-refused", err.Error())
			}
		}
	case ExternalInit:
	default:
		return invalidf("9420-12.2-unsupported-type", "proposal type %d is not implemented", proposal.Type())
	}
	return nil
}

// checkUpdate verifies the leaf node of an Update (§7.3, §12.1.2).
func (p *PublicGroup) checkUpdate(n *LeafNode, sender Sender) error {
	old := p.tree.leaf(sender.Leaf)
	if sender.Type != SenderMember || old == nil {
		return invalid("9420-12.1.2-sender", "Update not sent by a member")
	}
	if bytes.Equal(n.EncryptionKey, old.EncryptionKey) {
		return invalid("9420-7.3-update-key", "Update keeps the encryption key")
	}
	if err := n.checkSelf(p.suite, LeafNodeSourceUpdate, &p.config); err != nil {
		return err
	}
	if err := n.verifySignature(p.suite, p.context.GroupID, sender.Leaf); err != nil {
		return err
	}
	return p.checkSuccessor(old, n)
}

// checkSuccessor asks the application whether a changed credential still names the same member (§5.3.1).
func (p *PublicGroup) checkSuccessor(old, n *LeafNode) error {
	if p.config.Successor == nil || bytes.Equal(wire.Marshal(old.Credential), wire.Marshal(n.Credential)) {
		return nil
	}
	if err := p.config.Successor(old.Credential, n.Credential); err != nil {
		return invalid("9420-5.3.1-successor", err.Error())
	}
	return nil
}

func (p *PublicGroup) checkPSK(id *PreSharedKeyID) error {
	if len(id.Nonce) != p.suite.HashSize() {
		return invalidf("9420-12.1.4-nonce", "psk_nonce of %d bytes, want %d", len(id.Nonce), p.suite.HashSize())
	}
	if id.Type == PSKResumption && id.Usage != ResumptionApplication && id.Usage != p.resuming {
		return invalidf("9420-12.1.4-usage", "resumption PSK with usage %d outside of reinitialization and branching", id.Usage)
	}
	return nil
}

// checkExtensions verifies the list of a GroupContextExtensions proposal as far as it needs no look at the members (§12.1.7).
func (p *PublicGroup) checkExtensions(extensions []Extension) error {
	if err := uniqueExtensions(extensions); err != nil {
		return err
	}
	if _, err := requiredCapabilities(extensions); err != nil {
		return err
	}
	if err := p.config.checkSenders(p.context.Extensions, extensions, p.config.Now); err != nil {
		return err
	}
	if _, err := appDataDictionary(extensions); err != nil {
		return err
	}
	required, err := requiredCapabilities(p.context.Extensions)
	if err != nil {
		return err
	}
	before, _ := findExtension(p.context.Extensions, ExtensionAppDataDictionary)
	after, _ := findExtension(extensions, ExtensionAppDataDictionary)
	if slices.Contains(required.Proposals, ProposalAppDataUpdate) && ((before == nil) != (after == nil) || !bytes.Equal(before, after)) {
		return invalid("mlsext-gce-app-data", "GroupContextExtensions touches app_data_dictionary where AppDataUpdate is required")
	}
	return nil
}

// checkSenders asks about the external senders of a list of extensions that another list, of the group, does not have: whether a certificate is for
// the key (§5.3), and the application whether they are who they claim to be (§5.3.1). Those that stay as they are are not asked about again.
func (c *Config) checkSenders(had, extensions []Extension, now uint64) error {
	senders, err := externalSenders(extensions)
	if err != nil {
		return err
	}
	known, err := externalSenders(had)
	if err != nil {
		return err
	}
	for _, s := range senders {
		if slices.ContainsFunc(known, func(k ExternalSender) bool { return bytes.Equal(wire.Marshal(k), wire.Marshal(s)) }) {
			continue
		}
		if err := s.Credential.checkKey(s.SignatureKey); err != nil {
			return err
		}
		if c.AuthenticateSender == nil {
			continue
		}
		if err := c.AuthenticateSender(s, now); err != nil {
			return invalid("9420-5.3.1-external-sender", err.Error())
		}
	}
	return nil
}

// uniqueExtensions refuses two extensions of one type in a list (§13.4).
func uniqueExtensions(extensions []Extension) error {
	for i := range extensions {
		for j := range i {
			if extensions[i].Type == extensions[j].Type {
				return invalidf("9420-13.4-extension-unique", "two extensions of type %d", extensions[i].Type)
			}
		}
	}
	return nil
}
