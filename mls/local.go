package mls

import (
	"bytes"
	"maps"
	"slices"
)

// localLeaf is what this value knows of one of its own members beyond what all of them share. It is immutable.
type localLeaf struct {
	index LeafIndex
	leafKeys
	updates []leafUpdate // own Update proposals of this epoch
}

// leafUpdate is the private side of a pending Update.
type leafUpdate struct {
	public HPKEPublicKey
	leafKeys
}

// nodeKeys are the private keys of parents. Invariant: x is in it if and only if x is not blank and some local leaf below
// x is not unmerged at x.
type nodeKeys map[nodeIndex]HPKEPrivateKey

// localAt returns the local leaf i, or nil.
func (g *Group) localAt(i LeafIndex) *localLeaf {
	at, found := findLocal(g.local, i)
	if !found {
		return nil
	}
	return g.local[at]
}

// Signer is the signature key of local leaf as, for what a member signs outside of MLS, such as requests of its provider. A component
// of the group signs by SafeSign instead.
func (g *Group) Signer(as LeafIndex) (Signer, error) {
	l := g.localAt(as)
	if l == nil {
		return Signer{}, ErrNoLocalLeaf
	}
	return Signer{Suite: g.public.Suite(), Public: g.public.tree.leaf(as).SignatureKey, Private: l.signature}, nil
}

// findLocal says where in a sorted list leaf i is, or would be.
func findLocal(list []*localLeaf, i LeafIndex) (int, bool) {
	return slices.BinarySearchFunc(list, i, func(l *localLeaf, i LeafIndex) int { return int(l.index) - int(i) })
}

// withLocal returns a copy of a sorted list in which l replaces the leaf of its index or is put in.
func withLocal(list []*localLeaf, l *localLeaf) []*localLeaf {
	at, found := findLocal(list, l.index)
	out := slices.Clone(list)
	if found {
		out[at] = l
		return out
	}
	return slices.Insert(out, at, l)
}

// carry takes the local leaves through a commit's proposals: removed ones go, updated ones take their new keys. What they may
// still decrypt with is computed by carryNodes. Sending starts anew in the next epoch.
func (g *Group) carry(a *appliedList) ([]*localLeaf, error) {
	if !slices.ContainsFunc(g.local, func(l *localLeaf) bool { return len(l.updates) > 0 }) && // the rule, and no copy of a long list
		!slices.ContainsFunc(a.proposalList.removed, g.IsLocal) && !slices.ContainsFunc(a.updated, g.IsLocal) {
		return g.local, nil
	}
	removed := make(map[LeafIndex]bool, len(a.proposalList.removed))
	for _, i := range a.proposalList.removed {
		removed[i] = true
	}
	var out []*localLeaf
	for _, l := range g.local {
		if removed[l.index] {
			continue
		}
		n := &localLeaf{index: l.index, leafKeys: l.leafKeys}
		if slices.Contains(a.updated, l.index) {
			u := l.update(a.tree.leaf(l.index).EncryptionKey)
			if u == nil {
				return nil, invalidf("local-update-unknown", "the private key of local leaf %d's Update is not known", l.index)
			}
			n.leafKeys = u.leafKeys
		}
		out = append(out, n)
	}
	return out, nil
}

func (l *localLeaf) update(public HPKEPublicKey) *leafUpdate {
	for i := range l.updates {
		if bytes.Equal(l.updates[i].public, public) {
			return &l.updates[i]
		}
	}
	return nil
}

// carryNodes keeps the private keys of the parents that are the same in the next tree. That preserves the invariant of
// nodeKeys: whatever removes or replaces a leaf blanks every parent above it.
func (g *Group) carryNodes(next tree) nodeKeys {
	out := maps.Clone(g.nodes)
	g.public.tree.eachChange(next, func(x nodeIndex, old, now *treeNode) {
		if old == nil || old.parent == nil || now != nil && now.parent != nil && bytes.Equal(old.parent.EncryptionKey, now.parent.EncryptionKey) {
			return
		}
		delete(out, x)
	})
	return out
}

// held looks up the private key of a node for which a local leaf has it.
func held(local []*localLeaf, nodes nodeKeys) func(nodeIndex) HPKEPrivateKey {
	return func(x nodeIndex) HPKEPrivateKey {
		if !x.IsLeaf() {
			return nodes[x]
		}
		if at, found := findLocal(local, leafAt(x)); found {
			return local[at].key
		}
		return nil
	}
}

// set adds the private keys of a path from one step on.
func (n nodeKeys) set(steps []pathStep, keys []HPKEPrivateKey) {
	for k, step := range steps {
		n[step.node] = keys[k]
	}
}

// checkHeld verifies that every local leaf is a member with a key and that the invariant of nodeKeys holds.
func (g *Group) checkHeld() error {
	t := g.public.tree
	var local []LeafIndex
	for _, l := range g.local {
		if t.leaf(l.index) == nil || len(l.key) == 0 {
			return invalidf("local-leaf", "local leaf %d is not a member", l.index)
		}
		local = append(local, l.index)
	}
	held := 0
	err := t.eachParent(func(x nodeIndex, n *treeNode) error {
		want := slices.ContainsFunc(below(local, x), func(i LeafIndex) bool {
			_, unmerged := slices.BinarySearch(n.parent.UnmergedLeaves, i)
			return !unmerged
		})
		if have := g.nodes[x] != nil; have != want {
			return invalidf("local-node-key", "node %d: key held %v, want %v", x, have, want)
		}
		if want {
			held++
		}
		return nil
	})
	if err == nil && held != len(g.nodes) {
		return invalidf("local-node-key", "%d keys for blank nodes", len(g.nodes)-held)
	}
	return err
}
