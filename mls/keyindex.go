package mls

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// keyKind tells encryption keys from signature keys: each kind must be unique on its own (§7.3).
type keyKind byte

const (
	encryptionKeys keyKind = 1
	signatureKeys  keyKind = 2
)

// keyIndex finds the node that has a public key: all keys of a tree, in a persistent trie over their digests. Values share what
// they have in common, so that the next epoch's index costs what its commit changed. The zero value is empty.
type keyIndex struct{ root *keyNode }

// keyNode is a branch, or the entries of one digest: a single one unless digests collide.
type keyNode struct {
	branches *[16]*keyNode
	entries  []keyEntry
	digest   uint64
}

type keyEntry struct {
	kind keyKind
	key  []byte
	node nodeIndex
}

func keyDigest(kind keyKind, key []byte) uint64 {
	var space [160]byte
	h := sha256.Sum256(append(append(space[:0], byte(kind)), key...))
	return binary.BigEndian.Uint64(h[:])
}

// find returns the node that has the key.
func (x keyIndex) find(kind keyKind, key []byte) (nodeIndex, bool) {
	return x.findDigest(kind, key, keyDigest(kind, key))
}

func (x keyIndex) findDigest(kind keyKind, key []byte, digest uint64) (nodeIndex, bool) {
	n := x.root
	for shift := digest; n != nil; shift <<= 4 {
		if n.branches == nil {
			if n.digest == digest {
				for _, e := range n.entries {
					if e.kind == kind && bytes.Equal(e.key, key) {
						return e.node, true
					}
				}
			}
			return 0, false
		}
		n = n.branches[shift>>60]
	}
	return 0, false
}

// add adds a key. Where a node has it already, found is true and that node is returned. own says that no other value shares any node of the
// index, so that branches are changed in place.
func (x *keyIndex) add(kind keyKind, key []byte, at nodeIndex, own bool) (other nodeIndex, found bool) {
	digest := keyDigest(kind, key)
	if other, found = x.findDigest(kind, key, digest); found {
		return other, true
	}
	x.root = x.root.with(keyEntry{kind, key, at}, digest, 0, own)
	return 0, false
}

func (n *keyNode) with(e keyEntry, digest uint64, depth int, own bool) *keyNode {
	switch {
	case n == nil:
		return &keyNode{entries: []keyEntry{e}, digest: digest}
	case n.branches == nil && n.digest == digest:
		return &keyNode{entries: append(n.entries[:len(n.entries):len(n.entries)], e), digest: digest}
	}
	k := digest << (4 * depth) >> 60
	if n.branches != nil && own {
		n.branches[k] = n.branches[k].with(e, digest, depth+1, own)
		return n
	}
	var branches [16]*keyNode
	if n.branches == nil {
		branches[n.digest<<(4*depth)>>60] = n
	} else {
		branches = *n.branches
	}
	branches[k] = branches[k].with(e, digest, depth+1, own)
	return &keyNode{branches: &branches}
}

// without removes the key of a node; another node's stays.
func (x *keyIndex) without(kind keyKind, key []byte, at nodeIndex) {
	if node, found := x.find(kind, key); found && node == at {
		x.root = x.root.without(kind, key, keyDigest(kind, key), 0)
	}
}

func (n *keyNode) without(kind keyKind, key []byte, digest uint64, depth int) *keyNode {
	if n.branches == nil {
		var kept []keyEntry
		for _, e := range n.entries {
			if e.kind != kind || !bytes.Equal(e.key, key) {
				kept = append(kept, e)
			}
		}
		if kept == nil {
			return nil
		}
		return &keyNode{entries: kept, digest: digest}
	}
	branches := *n.branches
	k := digest << (4 * depth) >> 60
	branches[k] = branches[k].without(kind, key, digest, depth+1)
	var only *keyNode
	for _, b := range branches {
		switch {
		case b == nil:
		case only != nil || b.branches != nil:
			return &keyNode{branches: &branches}
		default:
			only = b
		}
	}
	return only
}

// moved returns the index of after, given that x is the index of before, by looking at what differs. The error says which key is at
// two nodes (§7.3, §12.4.3.1); leaves go before parents.
func (x keyIndex) moved(before, after tree) (keyIndex, error) {
	var gone, come []keyEntry
	before.eachChange(after, func(at nodeIndex, old, now *treeNode) {
		gone, come = old.appendKeys(gone, at), now.appendKeys(come, at)
	})
	own := x.root == nil // what is built from nothing is shared with nobody yet
	for _, e := range gone {
		x.without(e.kind, e.key, e.node)
	}
	for _, leaves := range []bool{true, false} {
		for _, e := range come {
			if e.node.IsLeaf() != leaves {
				continue
			}
			if other, found := x.add(e.kind, e.key, e.node, own); found {
				return x, keyClash(e, other)
			}
		}
	}
	return x, nil
}

func keyClash(e keyEntry, other nodeIndex) error {
	switch {
	case e.kind == signatureKeys:
		return invalidf("9420-7.3-signature-key-unique", "leaf %d has the signature key of leaf %d", leafAt(e.node), leafAt(other))
	case e.node.IsLeaf() && other.IsLeaf():
		return invalidf("9420-7.3-encryption-key-unique", "leaf %d has the encryption key of leaf %d", leafAt(e.node), leafAt(other))
	}
	return invalidf("9420-12.4.3.1-parent-key-unique", "node %d has the encryption key of node %d", e.node, other)
}

// appendKeys appends the public keys of a node, which may be nil, to list.
func (n *treeNode) appendKeys(list []keyEntry, at nodeIndex) []keyEntry {
	switch {
	case n == nil:
	case n.leaf != nil:
		return append(list, keyEntry{encryptionKeys, n.leaf.EncryptionKey, at}, keyEntry{signatureKeys, n.leaf.SignatureKey, at})
	case n.parent != nil:
		return append(list, keyEntry{encryptionKeys, n.parent.EncryptionKey, at})
	}
	return list
}

// eachChange calls f for the nodes that are not the same value in t and in other, nil standing for a node outside; what is blank in
// both trees may be left out. It takes as long as there are differences.
func (t tree) eachChange(other tree, f func(at nodeIndex, old, now *treeNode)) {
	eachChangeBelow(t.grown(other.level), other.grown(t.level), max(t.rootIndex(), other.rootIndex()), f)
}

func eachChangeBelow(old, now *treeNode, x nodeIndex, f func(at nodeIndex, old, now *treeNode)) {
	if old == now || (old == nil || !old.occupied) && (now == nil || !now.occupied) {
		return
	}
	if !x.IsLeaf() {
		var none treeNode
		a, b := old, now
		if a == nil {
			a = &none
		}
		if b == nil {
			b = &none
		}
		eachChangeBelow(a.left, b.left, leftOf(x), f)
		eachChangeBelow(a.right, b.right, rightOf(x), f)
		if a.parent == b.parent {
			return
		}
	}
	f(x, old, now)
}
