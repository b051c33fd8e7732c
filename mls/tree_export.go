package mls

import (
	"fmt"

	"anteroom/mls/wire"
)

// importTree builds a tree from its exported form (§12.4.3.3) and checks its shape; nothing is verified beyond that.
func importTree(nodes RatchetTree) (tree, error) {
	if len(nodes) == 0 || nodes[len(nodes)-1] == nil {
		return tree{}, invalid("9420-12.4.3.3-trailing-blank", "the last node of the tree is blank")
	}
	if len(nodes) > 2*MaxLeaves-1 {
		return tree{}, invalid("9420-12.4.3.3-too-large", fmt.Sprintf("%d nodes, limit %d", len(nodes), 2*MaxLeaves-1))
	}
	var t tree
	for len(nodes) > 2<<t.level-1 {
		t.level++
	}
	for i, n := range nodes {
		if n == nil {
			continue
		}
		isLeaf := nodeIndex(i).IsLeaf()
		if (n.Leaf != nil) == (n.Parent != nil) || (n.Leaf != nil) != isLeaf {
			return tree{}, invalid("9420-12.4.3.3-node-type", fmt.Sprintf("node %d has the wrong type", i))
		}
	}
	t.root = importBelow(nodes, t.rootIndex())
	return t, nil
}

func importBelow(nodes RatchetTree, x nodeIndex) *treeNode {
	var n *Node
	if int(x) < len(nodes) {
		n = nodes[x]
	}
	if x.IsLeaf() {
		if n == nil {
			return leafTreeNode(nil)
		}
		return leafTreeNode(n.Leaf)
	}
	left, right := importBelow(nodes, leftOf(x)), importBelow(nodes, rightOf(x))
	if n == nil {
		return parentTreeNode(nil, left, right)
	}
	return parentTreeNode(n.Parent, left, right)
}

// export is the reverse of importTree.
func (t tree) export() RatchetTree {
	nodes := make(RatchetTree, 2*t.width()-1)
	exportBelow(nodes, t.root, t.rootIndex())
	last := len(nodes)
	for last > 0 && nodes[last-1] == nil {
		last--
	}
	return nodes[:last]
}

func exportBelow(nodes RatchetTree, n *treeNode, x nodeIndex) {
	if !n.occupied {
		return
	}
	if x.IsLeaf() {
		nodes[x] = &Node{Leaf: n.leaf}
		return
	}
	if n.parent != nil {
		nodes[x] = &Node{Parent: n.parent}
	}
	exportBelow(nodes, n.left, leftOf(x))
	exportBelow(nodes, n.right, rightOf(x))
}

// encoding is the encoding of export: the ratchet_tree extension (§12.4.3.3). The tree must be hashed.
func (t tree) encoding() []byte {
	e := exportWriter{Writer: *wire.NewWriter(make([]byte, 0, 320*t.members()+64))}
	e.Vector(func(*wire.Writer) { e.below(t.root, t.rootIndex()) })
	return e.Bytes()
}

// exportWriter writes nodes from left to right, blank ones only before another.
type exportWriter struct {
	wire.Writer
	blank int // nodes passed since the last one written
}

func (e *exportWriter) below(n *treeNode, x nodeIndex) {
	if !n.occupied {
		e.blank += 2<<x.Level() - 1
		return
	}
	if !x.IsLeaf() {
		e.below(n.left, leftOf(x))
	}
	if n.leaf == nil && n.parent == nil {
		e.blank++
	} else {
		for ; e.blank > 0; e.blank-- {
			e.Bool(false)
		}
		e.Bool(true)
		if n.leaf != nil {
			e.U8(nodeTypeLeaf)
			e.Raw(n.encoded)
		} else {
			(&Node{Parent: n.parent}).MarshalTLS(&e.Writer)
		}
	}
	if !x.IsLeaf() {
		e.below(n.right, rightOf(x))
	}
}

func invalid(rule, detail string) error { return &ValidationError{Rule: rule, Detail: detail} }

func invalidf(rule, format string, args ...any) error {
	return &ValidationError{Rule: rule, Detail: fmt.Sprintf(format, args...)}
}
