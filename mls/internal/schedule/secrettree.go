package schedule

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"anteroom/mls/internal/suite"
	"anteroom/mls/internal/treemath"
	"anteroom/mls/wire"
)

// Ratchet names one of the two ratchets of a leaf.
type Ratchet uint8

// The ratchets of RFC 9420 §9.1.
const (
	HandshakeRatchet Ratchet = iota
	ApplicationRatchet
)

// SecretTree yields the keys of all messages of an epoch. It is an immutable value: what changes it returns another one that
// shares all but the touched path. The zero SecretTree has no leaves.
type SecretTree struct {
	st     *suite.Suite
	leaves uint32
	root   *secretNode
}

// secretNode is one of: a subtree nobody has touched (secret), a parent whose secret is consumed (left, right), or a leaf whose
// secret is consumed (ratchets).
type secretNode struct {
	secret      []byte
	left, right *secretNode
	ratchets    *[2]ratchet
}

// NewSecretTree starts the secret tree of an epoch whose ratchet tree has the given number of leaves, a power of two.
func NewSecretTree(st *suite.Suite, encryption []byte, leaves uint32) SecretTree {
	return SecretTree{st, leaves, &secretNode{secret: encryption}}
}

// Key returns the key with which leaf encrypted the message of a generation, and the tree from which that key is gone.
// The caller adopts the new tree only when the key decrypted the message, RFC 9420 §9.2.
func (t SecretTree) Key(leaf treemath.LeafIndex, which Ratchet, generation uint32) (SecretTree, MessageKey, error) {
	var key MessageKey
	next, err := t.update(leaf, which, func(r ratchet) (_ ratchet, err error) {
		r, key, err = r.receive(t.st, generation)
		return r, err
	})
	return next, key, err
}

// Reserve adds n generations to those with which leaf may send. From the first reservation on the ratchet is for sending only.
// The tree's Parts must be stored before Next is called on it: a stored tree continues after all reserved generations.
func (t SecretTree) Reserve(leaf treemath.LeafIndex, which Ratchet, n uint32) (SecretTree, error) {
	return t.update(leaf, which, func(r ratchet) (ratchet, error) { return r.reserve(t.st, n) })
}

// Reserved returns how many keys Next can still give.
func (t SecretTree) Reserved(leaf treemath.LeafIndex, which Ratchet) uint32 {
	if uint32(leaf) >= t.leaves {
		return 0
	}
	n := t.root
	for x := treemath.Root(t.leaves); n.ratchets == nil; {
		if n.secret != nil {
			return 0
		}
		if leaf.Node() < x {
			n, x = n.left, left(x)
		} else {
			n, x = n.right, right(x)
		}
	}
	return n.ratchets[which].reserved()
}

// Next returns the next key with which leaf sends, and the tree from which it is gone. It fails with ErrNotReserved when the
// reservation is used up.
func (t SecretTree) Next(leaf treemath.LeafIndex, which Ratchet) (SecretTree, MessageKey, error) {
	var key MessageKey
	next, err := t.update(leaf, which, func(r ratchet) (_ ratchet, err error) {
		r, key, err = r.send(t.st)
		return r, err
	})
	return next, key, err
}

// update replaces one ratchet. On an error the tree is returned as it was.
func (t SecretTree) update(leaf treemath.LeafIndex, which Ratchet, change func(ratchet) (ratchet, error)) (SecretTree, error) {
	if uint32(leaf) >= t.leaves {
		return t, ErrLeaf
	}
	root, err := t.updateBelow(t.root, treemath.Root(t.leaves), leaf.Node(), which, change)
	if err != nil {
		return t, err
	}
	t.root = root
	return t, nil
}

func (t SecretTree) updateBelow(n *secretNode, x, leaf treemath.NodeIndex, which Ratchet, change func(ratchet) (ratchet, error)) (*secretNode, error) {
	if n.secret != nil {
		n = t.consume(n.secret, x)
	}
	var err error
	if x == leaf {
		ratchets := *n.ratchets
		if ratchets[which], err = change(ratchets[which]); err != nil {
			return nil, err
		}
		return &secretNode{ratchets: &ratchets}, nil
	}
	l, r := n.left, n.right
	if leaf < x {
		l, err = t.updateBelow(l, left(x), leaf, which, change)
	} else {
		r, err = t.updateBelow(r, right(x), leaf, which, change)
	}
	if err != nil {
		return nil, err
	}
	return &secretNode{left: l, right: r}, nil
}

// consume replaces a node's secret by what follows from it, RFC 9420 §9.
func (t SecretTree) consume(secret []byte, x treemath.NodeIndex) *secretNode {
	nh := t.st.HashSize()
	if x.IsLeaf() {
		return &secretNode{ratchets: &[2]ratchet{
			HandshakeRatchet:   {point: point{secret: t.st.ExpandWithLabel(secret, "handshake", nil, nh)}},
			ApplicationRatchet: {point: point{secret: t.st.ExpandWithLabel(secret, "application", nil, nh)}},
		}}
	}
	return &secretNode{
		left:  &secretNode{secret: t.st.ExpandWithLabel(secret, "tree", []byte("left"), nh)},
		right: &secretNode{secret: t.st.ExpandWithLabel(secret, "tree", []byte("right"), nh)},
	}
}

func left(x treemath.NodeIndex) treemath.NodeIndex {
	l, _ := treemath.Left(x)
	return l
}

func right(x treemath.NodeIndex) treemath.NodeIndex {
	r, _ := treemath.Right(x)
	return r
}

// The stored form of a tree is a set of small parts: "n" and a node's index for each subtree nobody has touched, "l" and a
// leaf's number for the ratchets of each leaf that was. Touching a leaf for the first time drops one part and sets a part per
// level; later it sets one.
const (
	nodePart = "n"
	leafPart = "l"
)

// Parts returns how the stored form differs from that of an earlier tree: parts to set and names to drop. For the zero
// SecretTree as since, that is the whole form. Subtrees that both share are not visited.
func (t SecretTree) Parts(since SecretTree) (set map[string][]byte, drop []string) {
	set = make(map[string][]byte)
	old := make(map[string][]byte)
	switch {
	case t.root != nil && since.root != nil && t.leaves == since.leaves:
		diff(t.root, since.root, treemath.Root(t.leaves), set, old)
	default:
		t.all(set)
		since.all(old)
	}
	for name, b := range old {
		if now, kept := set[name]; !kept {
			drop = append(drop, name)
		} else if bytes.Equal(now, b) {
			delete(set, name)
		}
	}
	return set, drop
}

// all adds all parts of t.
func (t SecretTree) all(parts map[string][]byte) {
	if t.root != nil {
		collect(t.root, treemath.Root(t.leaves), parts)
	}
}

// collect adds the parts at and below n.
func collect(n *secretNode, x treemath.NodeIndex, parts map[string][]byte) {
	switch {
	case n.secret != nil:
		parts[partName(nodePart, uint32(x))] = n.secret
	case n.ratchets != nil:
		parts[partName(leafPart, uint32(x.Leaf()))] = wire.Marshal(n)
	default:
		collect(n.left, left(x), parts)
		collect(n.right, right(x), parts)
	}
}

// diff adds the parts of a and of b at and below x, without those of subtrees that are the same value.
func diff(a, b *secretNode, x treemath.NodeIndex, ofA, ofB map[string][]byte) {
	if a == b {
		return
	}
	if a.left != nil && b.left != nil {
		diff(a.left, b.left, left(x), ofA, ofB)
		diff(a.right, b.right, right(x), ofA, ofB)
		return
	}
	collect(a, x, ofA)
	collect(b, x, ofB)
}

// MarshalTLS writes the part of a used leaf.
func (n *secretNode) MarshalTLS(w *wire.Writer) {
	for i := range n.ratchets {
		n.ratchets[i].MarshalTLS(w)
	}
}

func partName(kind string, i uint32) string { return kind + strconv.FormatUint(uint64(i), 10) }

// LoadSecretTree rebuilds a tree from all its parts. Sending ratchets continue after their reserved generations. It fails with
// ErrCorrupt unless the parts cover each leaf exactly once.
func LoadSecretTree(st *suite.Suite, leaves uint32, parts map[string][]byte) (SecretTree, error) {
	if leaves == 0 || leaves > treemath.MaxLeaves || treemath.FullSize(leaves) != leaves {
		return SecretTree{}, fmt.Errorf("%w: %d leaves", ErrCorrupt, leaves)
	}
	nodes := make(map[treemath.NodeIndex]*secretNode, 2*len(parts))
	for name, b := range parts {
		x, n, err := loadPart(st, leaves, name, b)
		if err != nil {
			return SecretTree{}, err
		}
		nodes[x] = n
	}
	loaded := len(nodes)
	root := assemble(nodes, treemath.Root(leaves))
	if root == nil || loaded != len(parts) || count(root) != len(parts) {
		return SecretTree{}, fmt.Errorf("%w: the parts do not cover each leaf exactly once", ErrCorrupt)
	}
	return SecretTree{st, leaves, root}, nil
}

func loadPart(st *suite.Suite, leaves uint32, name string, b []byte) (treemath.NodeIndex, *secretNode, error) {
	digits, isLeaf := strings.CutPrefix(name, leafPart)
	if !isLeaf {
		digits, _ = strings.CutPrefix(name, nodePart)
	}
	i, err := strconv.ParseUint(digits, 10, 32)
	x := treemath.NodeIndex(i)
	if isLeaf {
		x = treemath.LeafIndex(i).Node()
	}
	if err != nil || isLeaf && i >= uint64(leaves) || uint32(x) >= treemath.Nodes(leaves) || name != partName(name[:1], uint32(i)) {
		return 0, nil, fmt.Errorf("%w: part %q", ErrCorrupt, name)
	}
	if !isLeaf {
		if len(b) != st.HashSize() {
			return 0, nil, fmt.Errorf("%w: part %q has %d bytes", ErrCorrupt, name, len(b))
		}
		return x, &secretNode{secret: bytes.Clone(b)}, nil
	}
	var ratchets [2]ratchet
	r := wire.NewReader(bytes.Clone(b))
	for k := range ratchets {
		ratchets[k].read(r, st)
	}
	if err := r.Done(); err != nil {
		return 0, nil, fmt.Errorf("%w: part %q: %w", ErrCorrupt, name, err)
	}
	return x, &secretNode{ratchets: &ratchets}, nil
}

// assemble returns the node at x with everything below it, or nil when a leaf is not covered.
func assemble(nodes map[treemath.NodeIndex]*secretNode, x treemath.NodeIndex) *secretNode {
	if n := nodes[x]; n != nil {
		return n
	}
	if x.IsLeaf() {
		return nil
	}
	l := assemble(nodes, left(x))
	if l == nil {
		return nil
	}
	r := assemble(nodes, right(x))
	if r == nil {
		return nil
	}
	return &secretNode{left: l, right: r}
}

// count returns the number of parts below n.
func count(n *secretNode) int {
	if n.left == nil {
		return 1
	}
	return count(n.left) + count(n.right)
}
