package mls

import (
	"bytes"
	"slices"

	"anteroom/mls/internal/suite"
)

// checkUnmerged verifies the unmerged leaves of all parents (§12.4.3.1): sorted, members, below the parent, and listed at every
// non-blank node in between.
func (t tree) checkUnmerged() error {
	return t.eachParent(func(x nodeIndex, n *treeNode) error {
		for k, u := range n.parent.UnmergedLeaves {
			if k > 0 && n.parent.UnmergedLeaves[k-1] >= u {
				return invalidf("9420-7.1-unmerged-order", "node %d: unmerged leaves are not in ascending order", x)
			}
			if !x.Contains(u.node()) || t.leaf(u) == nil {
				return invalidf("9420-12.4.3.1-unmerged-leaf", "node %d: unmerged leaf %d is not a member below it", x, u)
			}
			for y := upOf(u.node()); y != x; y = upOf(y) {
				p := t.at(y).parent
				if p == nil {
					continue
				}
				if _, found := slices.BinarySearch(p.UnmergedLeaves, u); !found {
					return invalidf("9420-12.4.3.1-unmerged-between", "leaf %d is unmerged at node %d but not at node %d below it", u, x, y)
				}
			}
		}
		return nil
	})
}

// checkParentHashes verifies that every non-blank parent was set together with exactly one node below it (§7.9.2).
func (t tree) checkParentHashes(s *suite.Suite, cfg *Config) error {
	var nodes []*treeNode
	var indexes []nodeIndex
	t.eachParent(func(x nodeIndex, n *treeNode) error {
		nodes, indexes = append(nodes, n), append(indexes, x)
		return nil
	})
	return cfg.each(len(nodes), func(k int) error {
		n, x := nodes[k], indexes[k]
		valid := t.setTogether(s, n, n.left, leftOf(x), n.right, rightOf(x)) +
			t.setTogether(s, n, n.right, rightOf(x), n.left, leftOf(x))
		if valid != 1 {
			return invalidf("9420-7.9.2-parent-hash", "node %d: %d nodes below carry its parent hash, want 1", x, valid)
		}
		return nil
	})
}

// setTogether counts the nodes D in the resolution of child c, whose sibling is o, with a valid parent hash for parent p (§7.9.2).
func (t tree) setTogether(s *suite.Suite, p, c *treeNode, cx nodeIndex, o *treeNode, ox nodeIndex) int {
	if !c.occupied {
		return 0
	}
	original := without(o, ox, below(p.parent.UnmergedLeaves, ox))
	hashSubtree(s, original, ox)
	want := parentHash(s, p.parent.EncryptionKey, p.parent.ParentHash, original.hash)

	res := resolution(nil, c, cx)
	unmerged := below(p.parent.UnmergedLeaves, cx)
	if len(res) != len(unmerged)+1 {
		return 0
	}
	valid := 0
	for _, d := range res {
		if !bytes.Equal(t.at(d).parentHash(), want) {
			continue
		}
		same := true
		for _, r := range res {
			if r == d {
				continue
			}
			if !r.IsLeaf() {
				same = false
				break
			}
			if _, found := slices.BinarySearch(unmerged, leafAt(r)); !found {
				same = false
				break
			}
		}
		if same {
			valid++
		}
	}
	return valid
}

// parentHash is the parent_hash field of a non-blank node, nil where there is none.
func (n *treeNode) parentHash() []byte {
	switch {
	case n.parent != nil:
		return n.parent.ParentHash
	case n.leaf != nil && n.leaf.Source == LeafNodeSourceCommit:
		return n.leaf.ParentHash
	}
	return nil
}

// keys indexes the public keys, verifying that encryption keys are unique in the whole tree and signature keys among the members
// (§7.3, §12.4.3.1).
func (t tree) keys() (keyIndex, error) {
	return keyIndex{}.moved(tree{root: leafTreeNode(nil)}, t)
}

// checkSupport verifies what the leaves claim to support (§7.3, §11.1): each one supports all credential types in use, the
// group's required capabilities and the types of its extensions.
func (t tree) checkSupport(extensions []Extension) error {
	required, err := requiredCapabilities(extensions)
	if err != nil {
		return err
	}
	if all := t.root.support; all != nil && !all.unknown && all.leaf().checkSupport(0, all.used, required, extensions) == nil {
		return t.checkWireFormats(extensions)
	}
	var inUse []CredentialType
	t.eachLeaf(func(_ LeafIndex, n *LeafNode) bool {
		if !slices.Contains(inUse, n.Credential.Type) {
			inUse = append(inUse, n.Credential.Type)
		}
		return true
	})
	t.eachLeaf(func(i LeafIndex, n *LeafNode) bool {
		err = n.checkSupport(i, inUse, required, extensions)
		return err == nil
	})
	if err != nil {
		return err
	}
	return t.checkWireFormats(extensions)
}

func (n *LeafNode) checkSupport(i LeafIndex, inUse []CredentialType, required RequiredCapabilities, extensions []Extension) error {
	c := &n.Capabilities
	for _, ct := range inUse {
		if !slices.Contains(c.Credentials, ct) {
			return invalidf("9420-7.3-credential-support", "leaf %d does not support credential type %d, which is in use", i, ct)
		}
	}
	for _, e := range required.Extensions {
		if !c.SupportsExtension(e) {
			return invalidf("9420-7.3-required-extension", "leaf %d does not support required extension %d", i, e)
		}
	}
	for _, p := range required.Proposals {
		if !c.SupportsProposal(p) {
			return invalidf("9420-7.3-required-proposal", "leaf %d does not support required proposal %d", i, p)
		}
	}
	for _, ct := range required.Credentials {
		if !slices.Contains(c.Credentials, ct) {
			return invalidf("9420-7.3-required-credential", "leaf %d does not support required credential type %d", i, ct)
		}
	}
	for _, e := range extensions {
		if !c.SupportsExtension(e.Type) {
			return invalidf("9420-12.1.7-group-extension-support", "leaf %d does not support the group's extension %d", i, e.Type)
		}
	}
	return nil
}

// defaultProposal holds for the types that every client supports without saying so (§7.2).
func defaultProposal(t ProposalType) bool {
	return ProposalAdd <= t && t <= ProposalGroupContextExtensions
}
