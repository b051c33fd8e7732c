package mls

import (
	"slices"

	"anteroom/mls/wire"
)

// appliedList is what a valid proposal list makes of tree and extensions, before any path (§12.3).
type appliedList struct {
	*proposalList
	tree       tree // hashed
	keys       keyIndex
	clash      error // where a key is twice in tree, unless the path replaces one
	extensions []Extension
	added      []LeafIndex // of adds, in their order; ascending
	removed    []RemovedLeaf
	updated    []LeafIndex
}

// applyProposals verifies and applies a proposal list (§12.2, §12.3): GroupContextExtensions, Updates, SelfRemoves and Removes, Adds,
// AppDataUpdates.
func (p *PublicGroup) applyProposals(list []CommittedProposal, committer Sender) (*appliedList, error) {
	sorted, err := p.sortProposals(list, committer)
	if err != nil {
		return nil, err
	}
	a := &appliedList{proposalList: sorted, tree: p.tree, extensions: p.context.Extensions}
	if sorted.extensions != nil {
		a.extensions = sorted.extensions.Extensions
	}
	for _, c := range sorted.updates {
		n := c.Proposal.(Update).LeafNode
		a.tree = a.tree.update(c.Sender.Leaf, &n)
		a.updated = append(a.updated, c.Sender.Leaf)
	}
	for _, i := range sorted.removed {
		a.removed = append(a.removed, RemovedLeaf{i, p.tree.leaf(i)})
		a.tree = a.tree.replace(i, nil, blankParent)
	}
	a.tree = a.tree.truncated()
	if a.tree.members()+len(sorted.adds) > MaxLeaves {
		return nil, invalidf("limit-leaves", "more than %d members", MaxLeaves)
	}
	if len(sorted.adds) > 0 {
		leaves := make([]*LeafNode, len(sorted.adds))
		for i, kp := range sorted.adds {
			leaves[i] = &kp.LeafNode
		}
		a.tree, a.added = a.tree.addAll(leaves)
	}
	a.extensions, err = p.applyAppData(a.extensions, sorted.appData)
	if err != nil {
		return nil, err
	}
	a.tree = a.tree.hashed(p.suite)
	a.keys, a.clash = p.keys.moved(p.tree, a.tree)
	return a, nil
}

// applyAppData changes the components of app_data_dictionary (draft-ietf-mls-extensions, AppDataUpdate): per component either one
// removal, or all updates in commit order, which the application turns into new data.
func (p *PublicGroup) applyAppData(extensions []Extension, updates []AppDataUpdate) ([]Extension, error) {
	if len(updates) == 0 {
		return extensions, nil
	}
	dict, err := appDataDictionary(extensions)
	if err != nil {
		return nil, err
	}
	var order []ComponentID
	ops := map[ComponentID][]AppDataUpdate{}
	for _, u := range updates {
		if ops[u.Component] == nil {
			order = append(order, u.Component)
		}
		ops[u.Component] = append(ops[u.Component], u)
	}
	for _, id := range order {
		var bodies [][]byte
		removes := 0
		for _, u := range ops[id] {
			if u.Remove {
				removes++
			} else {
				bodies = append(bodies, u.Update)
			}
		}
		current, present := dict.Get(id)
		if removes > 0 {
			if removes > 1 || len(bodies) > 0 {
				return nil, invalidf("mlsext-app-data-mix", "component %d is removed and changed, or removed twice", id)
			}
			if !present {
				return nil, invalidf("mlsext-app-data-remove-absent", "component %d has no data to remove", id)
			}
			dict = dict.Without(id)
			continue
		}
		if p.config.Components == nil {
			return nil, invalidf("mlsext-component-unknown", "component %d", id)
		}
		data, err := p.config.Components.ApplyUpdates(id, current, present, bodies)
		if err != nil {
			return nil, invalid("mlsext-app-data-refused", err.Error())
		}
		dict = dict.With(id, data)
	}
	return withExtension(extensions, ExtensionAppDataDictionary, wire.Marshal(dict)), nil
}

// checkNext verifies the tree that a commit leads to: t with path, changed being the leaves that it put or replaced (§12.2, last rules;
// §7.3). It returns the keys of t.
func (p *PublicGroup) checkNext(a *appliedList, t tree, changed []LeafIndex) (keyIndex, error) {
	keys, before := a.keys, a.tree
	if a.clash != nil {
		keys, before = keyIndex{}, tree{root: leafTreeNode(nil)}
	}
	keys, err := keys.moved(before, t)
	if err != nil {
		return keys, err
	}
	if len(changed) > 0 || a.proposalList.extensions != nil || !slices.EqualFunc(p.context.Extensions, a.extensions, sameType) {
		if err := t.checkSupport(a.extensions); err != nil {
			return keys, err
		}
	}
	return keys, a.checkProposalSupport(p.tree, t)
}

func sameType(a, b Extension) bool { return a.Type == b.Type }

// checkProposalSupport verifies that every member that stays supports the non-default proposal types of the commit (§12.2).
func (a *appliedList) checkProposalSupport(before, after tree) error {
	if after.root.support.proposes(a.proposed) {
		return nil
	}
	var err error
	after.eachLeaf(func(i LeafIndex, n *LeafNode) bool {
		if before.leaf(i) == nil || slices.Contains(a.added, i) {
			return true
		}
		for t := range a.proposed {
			if !slices.Contains(n.Capabilities.Proposals, t) {
				err = invalidf("9420-12.2-proposal-support", "leaf %d does not support proposal type %d", i, t)
				return false
			}
		}
		return true
	})
	return err
}
