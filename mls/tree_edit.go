package mls

import (
	"slices"
)

// newTree is the tree of a new group: its creator at leaf 0 (§11).
func newTree(creator *LeafNode) tree { return tree{root: leafTreeNode(creator)} }

// replace rebuilds the path from leaf i to the root. leaf is what becomes of the leaf; parent, called for every node of the
// direct path, returns what becomes of that one.
func (t tree) replace(i LeafIndex, leaf *LeafNode, parent func(nodeIndex, *ParentNode) *ParentNode) tree {
	t.root = replaceBelow(t.root, t.rootIndex(), i, leaf, parent)
	return t
}

func replaceBelow(n *treeNode, x nodeIndex, i LeafIndex, leaf *LeafNode, parent func(nodeIndex, *ParentNode) *ParentNode) *treeNode {
	if x.IsLeaf() {
		return leafTreeNode(leaf)
	}
	left, right := n.left, n.right
	if i.node() < x {
		left = replaceBelow(left, leftOf(x), i, leaf, parent)
	} else {
		right = replaceBelow(right, rightOf(x), i, leaf, parent)
	}
	return parentTreeNode(parent(x, n.parent), left, right)
}

func blankParent(nodeIndex, *ParentNode) *ParentNode { return nil }

// update puts a new leaf node at i and blanks its direct path, as an Update does (§12.1.2).
func (t tree) update(i LeafIndex, n *LeafNode) tree { return t.replace(i, n, blankParent) }

// remove blanks leaf i and its direct path and shrinks the tree (§12.1.3).
func (t tree) remove(i LeafIndex) tree { return t.replace(i, nil, blankParent).truncated() }

// truncated drops right halves without members, as long as something is left (§7.7).
func (t tree) truncated() tree {
	for t.level > 0 && t.root.right.members == 0 {
		t.root, t.level = t.root.left, t.level-1
	}
	return t
}

// nextLeaf is where a new member goes: the leftmost blank leaf, or just outside the tree (§12.1.1).
func (t tree) nextLeaf() LeafIndex {
	if t.root.members == t.width() {
		return LeafIndex(t.width())
	}
	n, x := t.root, t.rootIndex()
	for !x.IsLeaf() {
		if n.left.members < 1<<(x.Level()-1) {
			n, x = n.left, leftOf(x)
		} else {
			n, x = n.right, rightOf(x)
		}
	}
	return leafAt(x)
}

// reaching doubles the tree until leaf i is inside (§7.7).
func (t tree) reaching(i LeafIndex) tree {
	for !t.has(i) {
		t.root = parentTreeNode(nil, t.root, blankSubtree(t.level))
		t.level++
	}
	return t
}

// add puts a member at the leftmost blank leaf, unmerged at every non-blank parent above it (§12.1.1).
func (t tree) add(n *LeafNode) (tree, LeafIndex) {
	t, added := t.addAll([]*LeafNode{n})
	return t, added[0]
}

// addAll adds members one after the other, rebuilding each subtree only once. It returns where they went, in order.
func (t tree) addAll(list []*LeafNode) (tree, []LeafIndex) {
	added := make([]LeafIndex, 0, len(list))
	for len(added) < len(list) {
		if t.root.members == t.width() {
			t = t.reaching(LeafIndex(t.width()))
		}
		t.root = addBelow(t.root, t.rootIndex(), list, &added)
	}
	return t, added
}

// addBelow puts the members of list that are not in added yet at the blank leaves of a subtree, as far as there are any.
func addBelow(n *treeNode, x nodeIndex, list []*LeafNode, added *[]LeafIndex) *treeNode {
	from := len(*added)
	switch {
	case from == len(list) || n.members == 1<<x.Level():
		return n
	case x.IsLeaf():
		*added = append(*added, leafAt(x))
		return leafTreeNode(list[from])
	}
	left := addBelow(n.left, leftOf(x), list, added)
	right := addBelow(n.right, rightOf(x), list, added)
	p := n.parent
	if p != nil {
		q := *p
		q.UnmergedLeaves = slices.Concat(p.UnmergedLeaves, (*added)[from:])
		slices.Sort(q.UnmergedLeaves)
		q.UnmergedLeaves = slices.Compact(q.UnmergedLeaves)
		p = &q
	}
	return parentTreeNode(p, left, right)
}

// withPath blanks the direct path of leaf i, puts leaf there and parents at the given nodes (§7.5).
func (t tree) withPath(i LeafIndex, leaf *LeafNode, parents map[nodeIndex]*ParentNode) tree {
	return t.replace(i, leaf, func(x nodeIndex, _ *ParentNode) *ParentNode { return parents[x] })
}

// without blanks the leaves that drop names and forgets them in unmerged lists, keeping shape and parents: the tree that
// original_sibling_tree_hash is about (§7.9). x is the index of n.
func without(n *treeNode, x nodeIndex, drop []LeafIndex) *treeNode {
	if len(drop) == 0 {
		return n
	}
	if x.IsLeaf() {
		return leafTreeNode(nil)
	}
	at, _ := slices.BinarySearch(drop, LeafIndex(x/2+1))
	left := without(n.left, leftOf(x), drop[:at])
	right := without(n.right, rightOf(x), drop[at:])
	p := n.parent
	if p != nil && len(p.UnmergedLeaves) > 0 {
		q := *p
		q.UnmergedLeaves = slices.DeleteFunc(slices.Clone(p.UnmergedLeaves), func(u LeafIndex) bool {
			_, found := slices.BinarySearch(drop, u)
			return found
		})
		p = &q
	}
	return parentTreeNode(p, left, right)
}

// below returns the leaves of a sorted list that are in the subtree of x.
func below(sorted []LeafIndex, x nodeIndex) []LeafIndex {
	first, last := x.Span()
	from, _ := slices.BinarySearch(sorted, LeafIndex(first))
	to, _ := slices.BinarySearch(sorted, LeafIndex(last)+1)
	return sorted[from:to]
}
