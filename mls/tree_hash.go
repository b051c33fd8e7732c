package mls

import (
	"bytes"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// hashed computes the tree hashes (§7.8) and the summaries of support that are missing. It must run before the tree is shared: afterwards nodes are only read.
func (t tree) hashed(s *suite.Suite) tree {
	hashSubtree(s, t.root, t.rootIndex())
	return t
}

func hashSubtree(s *suite.Suite, n *treeNode, x nodeIndex) {
	var w wire.Writer
	hashBelow(s, &w, n, x)
}

// leafHashHeader is how many bytes of a leaf's TreeHashInput come before the leaf node (§7.8).
const leafHashHeader = 1 + 4 + 1

func hashBelow(s *suite.Suite, w *wire.Writer, n *treeNode, x nodeIndex) {
	if n.hash != nil {
		return
	}
	if x.IsLeaf() {
		w.Reset()
		w.U8(1)
		w.U32(uint32(leafAt(x)))
		w.Optional(n.leaf != nil, func(w *wire.Writer) { n.leaf.MarshalTLS(w) })
		if n.leaf != nil {
			n.support = supportOf(n.leaf)
			n.encoded = bytes.Clone(w.Bytes()[leafHashHeader:])
		}
	} else {
		hashBelow(s, w, n.left, leftOf(x))
		hashBelow(s, w, n.right, rightOf(x))
		w.Reset()
		w.U8(2)
		w.Optional(n.parent != nil, func(w *wire.Writer) { n.parent.MarshalTLS(w) })
		w.Opaque(n.left.hash)
		w.Opaque(n.right.hash)
		n.support = both(n.left.support, n.right.support)
	}
	n.hash = s.Hash(w.Bytes())
}

// hash is the tree hash of the root.
func (t tree) hash() []byte { return t.root.hash }

// parentHash is the hash of a ParentHashInput (§7.9).
func parentHash(s *suite.Suite, key HPKEPublicKey, above, siblingHash []byte) []byte {
	w := wire.NewWriter(make([]byte, 0, len(key)+len(above)+len(siblingHash)+8))
	w.Opaque(key)
	w.Opaque(above)
	w.Opaque(siblingHash)
	return s.Hash(w.Bytes())
}

// pathParents builds the parents that a path from leaf i sets, keys[k] belonging to steps[k], and the parent hash that its leaf
// must carry (§7.9). The copath of t must have hashes.
func (t tree) pathParents(s *suite.Suite, steps []pathStep, keys []HPKEPublicKey) (map[nodeIndex]*ParentNode, []byte) {
	parents := make(map[nodeIndex]*ParentNode, len(steps))
	above := []byte{}
	for k := len(steps) - 1; k >= 0; k-- {
		parents[steps[k].node] = &ParentNode{EncryptionKey: keys[k], ParentHash: above}
		above = parentHash(s, keys[k], above, t.at(steps[k].copath).hash)
	}
	return parents, above
}
