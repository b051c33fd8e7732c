// Package treemath is the index arithmetic of RFC 9420 appendix C: a full binary tree whose number of leaves is a power of two,
// stored as an array in which leaves have even and parents odd indexes.
//
// A size n is always a number of leaves and a power of two between 1 and MaxLeaves; functions that take one do not check it.
// Everything is a pure function of its arguments.
package treemath

import "math/bits"

// NodeIndex is the position of a node in the array.
type NodeIndex uint32

// LeafIndex counts leaves from the left, starting with 0.
type LeafIndex uint32

// MaxLeaves is the largest tree whose node indexes fit a NodeIndex.
const MaxLeaves = 1 << 31

// Node returns the array position of a leaf, which must be below MaxLeaves.
func (l LeafIndex) Node() NodeIndex { return NodeIndex(2 * l) }

// IsLeaf reports whether x is a leaf.
func (x NodeIndex) IsLeaf() bool { return x&1 == 0 }

// Leaf returns the leaf number of x, which must be a leaf.
func (x NodeIndex) Leaf() LeafIndex { return LeafIndex(x / 2) }

// Level is the height of x above the leaves: 0 for leaves.
func (x NodeIndex) Level() int { return bits.TrailingZeros32(^uint32(x)) }

// FullSize rounds a number of leaves up to the size of the tree that holds them; it is 1 for 0.
func FullSize(leaves uint32) uint32 {
	if leaves <= 1 {
		return 1
	}
	return 1 << bits.Len32(leaves-1)
}

// Nodes returns the number of nodes of a tree with n leaves.
func Nodes(n uint32) uint32 { return 2*n - 1 }

// Root returns the root of a tree with n leaves.
func Root(n uint32) NodeIndex { return NodeIndex(n - 1) }

// Left returns the left child, and false for a leaf.
func Left(x NodeIndex) (NodeIndex, bool) {
	k := x.Level()
	if k == 0 {
		return 0, false
	}
	return x ^ 1<<(k-1), true
}

// Right returns the right child, and false for a leaf.
func Right(x NodeIndex) (NodeIndex, bool) {
	k := x.Level()
	if k == 0 {
		return 0, false
	}
	return x ^ 3<<(k-1), true
}

// Parent returns the parent in a tree with n leaves, and false for the root.
func Parent(x NodeIndex, n uint32) (NodeIndex, bool) {
	if x == Root(n) {
		return 0, false
	}
	k := x.Level()
	return (x | 1<<k) &^ (1 << (k + 1)), true
}

// Sibling returns the other child of the parent, and false for the root.
func Sibling(x NodeIndex, n uint32) (NodeIndex, bool) {
	p, ok := Parent(x, n)
	if !ok {
		return 0, false
	}
	if x < p {
		return Right(p)
	}
	return Left(p)
}

// DirectPath returns the ancestors of x from its parent to the root.
func DirectPath(x NodeIndex, n uint32) []NodeIndex {
	path := make([]NodeIndex, 0, Root(n).Level()-x.Level())
	for p, ok := Parent(x, n); ok; p, ok = Parent(p, n) {
		path = append(path, p)
	}
	return path
}

// Copath returns the siblings of x and of its ancestors below the root: element i is the child of DirectPath element i
// that is not on the way from x.
func Copath(x NodeIndex, n uint32) []NodeIndex {
	path := make([]NodeIndex, 0, Root(n).Level()-x.Level())
	for s, ok := Sibling(x, n); ok; s, ok = Sibling(x, n) {
		path = append(path, s)
		x, _ = Parent(x, n)
	}
	return path
}

// CommonAncestor returns the lowest node that has both x and y at or below it.
func CommonAncestor(x, y NodeIndex) NodeIndex {
	kx, ky := x.Level(), y.Level()
	// At level k, a node covers the indexes that agree with it above bit k.
	k := max(kx, ky)
	if d := (x >> (k + 1)) ^ (y >> (k + 1)); d != 0 {
		k += bits.Len32(uint32(d))
	}
	if k == kx {
		return x
	}
	if k == ky {
		return y
	}
	return x>>(k+1)<<(k+1) | (1<<k - 1)
}

// Contains reports whether y is x or below x.
func (x NodeIndex) Contains(y NodeIndex) bool {
	first, last := x.Span()
	return first.Node() <= y && y <= last.Node()
}

// Span returns the first and the last leaf at or below x.
func (x NodeIndex) Span() (first, last LeafIndex) {
	half := NodeIndex(1)<<x.Level() - 1
	return (x - half).Leaf(), (x + half).Leaf()
}

// Depth returns how many steps lead from any leaf up to the root of a tree with n leaves.
func Depth(n uint32) int { return bits.TrailingZeros32(n) }
