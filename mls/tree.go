package mls

import (
	"bytes"
	"encoding/binary"

	"anteroom/mls/wire"
)

// Node is one node of an exported ratchet tree: Leaf or Parent is set; a nil *Node is blank (§12.4.3.3).
type Node struct {
	Leaf   *LeafNode
	Parent *ParentNode
}

// ParentNode is an interior node (§7.1).
type ParentNode struct {
	EncryptionKey  HPKEPublicKey
	ParentHash     []byte
	UnmergedLeaves []LeafIndex
}

// RatchetTree is the exported form of a tree: nodes in array order without trailing blanks (§12.4.3.3).
type RatchetTree []*Node

// The node types of RFC 9420 §7.8.
const (
	nodeTypeLeaf   = 1
	nodeTypeParent = 2
)

// MarshalTLS implements wire.Marshaler.
func (p *ParentNode) MarshalTLS(w *wire.Writer) {
	w.Opaque(p.EncryptionKey)
	w.Opaque(p.ParentHash)
	w.Varint(4 * len(p.UnmergedLeaves))
	for _, l := range p.UnmergedLeaves {
		w.U32(uint32(l))
	}
}

// UnmarshalTLS implements wire.Unmarshaler. The node gets memory of its own.
func (p *ParentNode) UnmarshalTLS(r *wire.Reader) {
	*p = ParentNode{}
	p.EncryptionKey = bytes.Clone(r.At("ParentNode.encryption_key").Opaque())
	p.ParentHash = bytes.Clone(r.At("ParentNode.parent_hash").Opaque())
	b := r.At("ParentNode.unmerged_leaves").Opaque()
	if len(b)%4 != 0 {
		r.Failf("vector of uint32 with %d bytes", len(b))
		return
	}
	if len(b) == 0 {
		return
	}
	p.UnmergedLeaves = make([]LeafIndex, len(b)/4)
	for i := range p.UnmergedLeaves {
		l := LeafIndex(binary.BigEndian.Uint32(b[4*i:]))
		if i > 0 && p.UnmergedLeaves[i-1] >= l {
			r.Fail("leaves not in ascending order")
			return
		}
		p.UnmergedLeaves[i] = l
	}
}

// MarshalTLS implements wire.Marshaler.
func (n *Node) MarshalTLS(w *wire.Writer) {
	if n.Leaf != nil {
		w.U8(nodeTypeLeaf)
		n.Leaf.MarshalTLS(w)
		return
	}
	w.U8(nodeTypeParent)
	n.Parent.MarshalTLS(w)
}

// UnmarshalTLS implements wire.Unmarshaler.
func (n *Node) UnmarshalTLS(r *wire.Reader) {
	*n = Node{}
	switch t := r.At("Node.node_type").U8(); {
	case r.Err() != nil:
	case t == nodeTypeLeaf:
		n.Leaf = new(LeafNode)
		n.Leaf.UnmarshalTLS(r)
	case t == nodeTypeParent:
		n.Parent = new(ParentNode)
		n.Parent.UnmarshalTLS(r)
	default:
		r.Failf("unknown type %d", t)
	}
}

// MarshalTLS implements wire.Marshaler.
func (t RatchetTree) MarshalTLS(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, n := range t {
			w.Optional(n != nil, func(w *wire.Writer) { n.MarshalTLS(w) })
		}
	})
}

// UnmarshalTLS implements wire.Unmarshaler. It checks that leaves and parents alternate and that the last node is not blank.
func (t *RatchetTree) UnmarshalTLS(r *wire.Reader) {
	*t = nil
	r.At("ratchet_tree").Vector(func(r *wire.Reader) {
		if len(*t) >= 2*MaxLeaves-1 { // blank nodes take one byte each
			r.At("ratchet_tree").Failf("more than %d leaves", MaxLeaves)
			return
		}
		var n *Node
		r.Optional(func(r *wire.Reader) {
			n = new(Node)
			n.UnmarshalTLS(r)
		})
		if r.Err() == nil && n != nil && (n.Leaf != nil) != (len(*t)%2 == 0) {
			r.At("ratchet_tree").Failf("node %d has the wrong type", len(*t))
			return
		}
		*t = append(*t, n)
	})
	if r.Err() == nil && (len(*t) == 0 || (*t)[len(*t)-1] == nil) {
		r.At("ratchet_tree").Fail("the last node is blank")
	}
}
