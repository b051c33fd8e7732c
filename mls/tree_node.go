package mls

import "anteroom/mls/internal/treemath"

// MaxLeaves bounds the width of a ratchet tree: what an exported tree may hold and what Adds may grow a group to.
const MaxLeaves = 1 << 16

// nodeIndex is a node's place in the array form of a tree (RFC 9420 appendix C): leaves are even.
type nodeIndex = treemath.NodeIndex

// node is the index of the leaf's node.
func (i LeafIndex) node() nodeIndex { return nodeIndex(2 * i) }

// leafAt is the leaf index of a leaf node.
func leafAt(x nodeIndex) LeafIndex { return LeafIndex(x.Leaf()) }

// leftOf and rightOf are the children of a parent.
func leftOf(x nodeIndex) nodeIndex {
	y, _ := treemath.Left(x)
	return y
}

func rightOf(x nodeIndex) nodeIndex {
	y, _ := treemath.Right(x)
	return y
}

// upOf is the parent of x in a tree without bound.
func upOf(x nodeIndex) nodeIndex {
	k := uint(x.Level())
	return (x | 1<<k) &^ (1 << (k + 1))
}

// treeNode is one immutable node with everything below it. Trees share the subtrees in which they do not differ.
type treeNode struct {
	leaf        *LeafNode   // nil if blank
	parent      *ParentNode // nil if blank
	left, right *treeNode
	hash        []byte   // tree hash (§7.8); set before the tree that holds the node is published
	encoded     []byte   // of leaf; set with hash
	support     *support // of the members below; set with hash
	members     uint32   // non-blank leaves below
	resolution  uint32   // how many nodes the resolution of this one has (§4.1.1)
	occupied    bool     // some node here or below is not blank
}

func leafTreeNode(n *LeafNode) *treeNode {
	if n == nil {
		return &treeNode{}
	}
	return &treeNode{leaf: n, members: 1, resolution: 1, occupied: true}
}

func parentTreeNode(p *ParentNode, left, right *treeNode) *treeNode {
	n := &treeNode{parent: p, left: left, right: right, members: left.members + right.members,
		resolution: left.resolution + right.resolution, occupied: p != nil || left.occupied || right.occupied}
	if p != nil {
		n.resolution = 1 + uint32(len(p.UnmergedLeaves))
	}
	return n
}

// blankSubtree is a subtree of 2^level blank leaves.
func blankSubtree(level int) *treeNode {
	if level == 0 {
		return &treeNode{}
	}
	return parentTreeNode(nil, blankSubtree(level-1), blankSubtree(level-1))
}

// tree is a ratchet tree (§4): a value. Its methods that change something return another tree, whose new nodes
// have no hash until hashed is called.
type tree struct {
	root  *treeNode
	level int
}

func (t tree) width() uint32        { return 1 << t.level }
func (t tree) rootIndex() nodeIndex { return 1<<t.level - 1 }
func (t tree) members() int         { return int(t.root.members) }
func (t tree) has(i LeafIndex) bool { return uint32(i) < t.width() }

// at returns the node at x, which must be inside the tree.
func (t tree) at(x nodeIndex) *treeNode {
	n, c := t.root, t.rootIndex()
	for c != x {
		if x < c {
			n, c = n.left, leftOf(c)
		} else {
			n, c = n.right, rightOf(c)
		}
	}
	return n
}

// leaf returns the member at i, or nil if i is blank or outside.
func (t tree) leaf(i LeafIndex) *LeafNode {
	if !t.has(i) {
		return nil
	}
	return t.at(i.node()).leaf
}

// eachLeaf calls f for the members from left to right until it returns false.
func (t tree) eachLeaf(f func(LeafIndex, *LeafNode) bool) { eachLeafBelow(t.root, t.rootIndex(), f) }

func eachLeafBelow(n *treeNode, x nodeIndex, f func(LeafIndex, *LeafNode) bool) bool {
	if n.members == 0 {
		return true
	}
	if x.IsLeaf() {
		return f(leafAt(x), n.leaf)
	}
	return eachLeafBelow(n.left, leftOf(x), f) && eachLeafBelow(n.right, rightOf(x), f)
}

// eachParent calls f for the non-blank parents, lower ones first, until it returns an error.
func (t tree) eachParent(f func(nodeIndex, *treeNode) error) error {
	return eachParentBelow(t.root, t.rootIndex(), f)
}

func eachParentBelow(n *treeNode, x nodeIndex, f func(nodeIndex, *treeNode) error) error {
	if !n.occupied || x.IsLeaf() {
		return nil
	}
	if err := eachParentBelow(n.left, leftOf(x), f); err != nil {
		return err
	}
	if err := eachParentBelow(n.right, rightOf(x), f); err != nil {
		return err
	}
	if n.parent == nil {
		return nil
	}
	return f(x, n)
}

// resolution appends the resolution of x (§4.1.1) to dst.
func (t tree) resolution(dst []nodeIndex, x nodeIndex) []nodeIndex {
	return resolution(dst, t.at(x), x)
}

func resolution(dst []nodeIndex, n *treeNode, x nodeIndex) []nodeIndex {
	switch {
	case !n.occupied:
		return dst
	case x.IsLeaf():
		return append(dst, x)
	case n.parent != nil:
		dst = append(dst, x)
		for _, u := range n.parent.UnmergedLeaves {
			dst = append(dst, u.node())
		}
		return dst
	}
	return resolution(resolution(dst, n.left, leftOf(x)), n.right, rightOf(x))
}

// pathStep is one node of a filtered direct path with the child that is not on it.
type pathStep struct {
	node   nodeIndex
	copath nodeIndex
}

// filteredPath is the filtered direct path of leaf i from the leaf to the root (§4.1.2).
func (t tree) filteredPath(i LeafIndex) []pathStep {
	steps := make([]pathStep, t.level)
	n, x := t.root, t.rootIndex()
	k := t.level
	for !x.IsLeaf() {
		on, off := n.left, n.right
		step := pathStep{x, rightOf(x)}
		next := leftOf(x)
		if i.node() > x {
			on, off = off, on
			step.copath, next = next, step.copath
		}
		if off.occupied {
			k--
			steps[k] = step
		}
		n, x = on, next
	}
	return steps[k:]
}

// key returns the public key of a non-blank node.
func (n *treeNode) key() HPKEPublicKey {
	if n.leaf != nil {
		return n.leaf.EncryptionKey
	}
	return n.parent.EncryptionKey
}
