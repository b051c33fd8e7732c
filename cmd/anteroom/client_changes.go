package main

import (
	"fmt"
	"math"
	"slices"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// changeList collects what proposals do, by name.
type changeList struct {
	before, after *policy.State // before is nil if it is not known
	pg            *mls.PublicGroup
	committer     string
	changes       []clientChange
	proposers     []string          // in order of appearance, each once
	proposedBy    map[string]string // client → who proposed what becomes of its leaf
}

func (w *changeList) add(c clientChange) {
	w.changes = append(w.changes, c)
	if c.Proposer != "" && !slices.Contains(w.proposers, c.Proposer) {
		w.proposers = append(w.proposers, c.Proposer)
	}
}

// byValue is a proposal that the committer put into its commit.
func (w *changeList) byValue(p mls.Proposal, aad []byte) { w.sort(p, w.committer, nil, aad) }

// proposal is one that its sender signed by itself.
func (w *changeList) proposal(p mls.Proposal, sender mls.Sender, aad []byte) {
	by := ""
	switch sender.Type {
	case mls.SenderMember:
		if node, ok := w.pg.Leaf(sender.Leaf); ok {
			by = userOf(node)
		}
	case mls.SenderNewMemberProposal:
		if add, ok := p.(mls.Add); ok {
			by = userOf(&add.KeyPackage.LeafNode)
		} else if add, ok := p.(*mls.Add); ok {
			by = userOf(&add.KeyPackage.LeafNode)
		}
	case mls.SenderExternal:
		by = externalSender(w.pg, sender.Index)
	}
	w.sort(p, by, &sender, aad)
}

// externalSender is the system user at a place of the group's external senders.
func externalSender(pg *mls.PublicGroup, index uint32) string {
	for _, x := range pg.Context().Extensions {
		var senders mls.ExternalSenders
		if x.Type != mls.ExtensionExternalSenders || wire.Unmarshal(x.Data, &senders) != nil || int64(index) >= int64(len(senders)) {
			continue
		}
		if client, err := mimi.CredentialClient(senders[index].Credential); err == nil {
			return client.ClientUser().String()
		}
	}
	return "hub"
}

func (w *changeList) sort(p mls.Proposal, by string, sender *mls.Sender, aad []byte) {
	reason, alternate := "", ""
	if _, why, err := mimi.ParseAAD(aad); err == nil {
		reason, alternate = why.Reason, why.Alternate
	}
	switch p := p.(type) {
	case mls.Add: // in a commit its leaf is listed by itself, with its index
		if w.committer == "" {
			node := &p.KeyPackage.LeafNode
			w.add(clientChange{Kind: "leaf_added", Proposer: by, User: userOf(node), Client: mimi.CredentialName(node.Credential), Key: keyPrint(node.SignatureKey), Reason: reason})
			return
		}
		w.by(mimi.CredentialName(p.KeyPackage.LeafNode.Credential), by)
	case mls.Remove:
		w.removal(p.Removed, by, reason)
	case mls.SelfRemove:
		if sender != nil {
			w.removal(sender.Leaf, by, reason)
		}
	case mls.AppDataUpdate:
		if p.Component == mimi.ComponentRolesList { // by which rooms of anteroom begin to end
			w.add(clientChange{Kind: "roles", Proposer: by, Reason: reason, Alternate: alternate})
			return
		}
		w.component(p, by, reason)
	case mls.Update: // in a commit its leaf is listed by itself
		node := &p.LeafNode
		w.by(mimi.CredentialName(node.Credential), by)
		if w.committer == "" && sender != nil {
			w.add(clientChange{Kind: "leaf_updated", Proposer: by, User: userOf(node), Client: mimi.CredentialName(node.Credential), Leaf: number(sender.Leaf), Key: keyPrint(node.SignatureKey), Reason: reason})
		}
	case mls.ExternalInit:
	case mls.ReInit:
		w.add(clientChange{Kind: "reinit", Proposer: by, Name: p.Suite.Name(), Reason: reason})
	default:
		w.add(clientChange{Kind: "other", Proposer: by, Reason: reason})
	}
}

// by notes who proposed what becomes of a client's leaf.
func (w *changeList) by(client, proposer string) {
	if w.proposedBy == nil {
		w.proposedBy = map[string]string{}
	}
	w.proposedBy[client] = proposer
}

func (w *changeList) removal(i mls.LeafIndex, by, reason string) {
	c := clientChange{Kind: "leaf_removed", Proposer: by, Leaf: number(i), Reason: reason}
	if node, ok := w.pg.Leaf(i); ok {
		c.User, c.Client, c.Key = userOf(node), mimi.CredentialName(node.Credential), keyPrint(node.SignatureKey)
	}
	w.add(c)
}

func (w *changeList) leaf(kind string, pg *mls.PublicGroup, i mls.LeafIndex) {
	if node, ok := pg.Leaf(i); ok {
		client := mimi.CredentialName(node.Credential)
		w.add(clientChange{Kind: kind, Proposer: w.proposedBy[client], User: userOf(node), Client: client, Leaf: number(i), Key: keyPrint(node.SignatureKey)})
	}
}

func (w *changeList) component(p mls.AppDataUpdate, by, reason string) {
	switch p.Component {
	case mimi.ComponentParticipantList:
		w.list(p, by, reason)
	case mimi.ComponentRoomMetadata:
		c := clientChange{Kind: "metadata", Proposer: by, Reason: reason}
		if metadata, err := mimi.ParseRoomMetadata(p.Update); err == nil {
			c.Name, c.Subject = metadata.Name, metadata.Subject
		}
		w.add(c)
	default:
		w.add(clientChange{Kind: "policy", Proposer: by, Policy: policyText(&p), Reason: reason})
	}
}

// policyText says what a policy becomes, where that fits in a few words.
func policyText(p *mls.AppDataUpdate) string {
	switch p.Component {
	case mimi.ComponentChatHistoryPolicy:
		var h mimi.HistoryPolicy
		switch {
		case wire.Unmarshal(p.Update, &h) != nil:
		case h.Sharing == mimi.Forbidden || h.MaxPeriod == 0:
			return "history is withheld"
		case h.MaxPeriod == math.MaxUint32:
			return "history is given"
		default:
			return fmt.Sprintf("history of %d s is given", h.MaxPeriod)
		}
	case mimi.ComponentOperationalPolicy:
		var o mimi.OperationalParameters
		if wire.Unmarshal(p.Update, &o) == nil {
			return fmt.Sprintf("keys serve between %d and %d s (0: no bound)", o.LeafUpdate.Min, o.LeafUpdate.Max)
		}
	}
	return ""
}

func (w *changeList) list(p mls.AppDataUpdate, by, reason string) {
	update, err := mimi.ParseParticipantListUpdate(p.Update)
	if err != nil {
		return
	}
	at := func(i uint32) (mimi.Participant, bool) {
		if w.before == nil || int64(i) >= int64(len(w.before.Participants())) {
			return mimi.Participant{}, false
		}
		return w.before.Participants()[i], true
	}
	for _, change := range update.Changed {
		if was, ok := at(change.Index); ok {
			w.add(clientChange{Kind: "role_changed", Proposer: by, User: was.User.String(), From: number(was.Role), FromName: roleName(w.before, was.Role),
				Role: number(change.Role), RoleName: roleName(w.after, change.Role), Reason: reason})
		}
	}
	for _, i := range update.Removed {
		if was, ok := at(i); ok {
			w.add(clientChange{Kind: "participant_removed", Proposer: by, User: was.User.String(), From: number(was.Role), FromName: roleName(w.before, was.Role), Reason: reason})
		}
	}
	for _, added := range update.Added {
		w.add(clientChange{Kind: "participant_added", Proposer: by, User: added.User.String(), Role: number(added.Role), RoleName: roleName(w.after, added.Role), Reason: reason})
	}
}
