package mimi

import (
	"strings"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// TreeRepresentation says how a ratchet tree is conveyed (draft-mahy-mls-ratchet-tree-options-03 §2).
type TreeRepresentation uint8

const (
	TreeFull                TreeRepresentation = 1
	TreeHTTPS               TreeRepresentation = 2
	TreeOutOfBand           TreeRepresentation = 3
	TreeDistributionService TreeRepresentation = 4
)

// RatchetTreeOption conveys a ratchet tree: Tree for TreeFull, URL and Signature for TreeHTTPS, Signature for
// TreeOutOfBand. The draft writes Node<V>; blank nodes need optional<Node>, as in RFC 9420 §12.4.3.3.
type RatchetTreeOption struct {
	Representation TreeRepresentation
	Tree           mls.RatchetTree
	URL            string
	Signature      []byte
}

// TreePresence says in which of two epochs a GroupInfo carries the tree (draft-mahy-mls-ratchet-tree-options-03 §3).
type TreePresence uint8

const (
	TreeAbsent  TreePresence = 0
	TreePresent TreePresence = 1
	TreeRemoved TreePresence = 2
	TreeAdded   TreePresence = 3
)

// PartialGroupInfo is what a hub that follows the group cannot compute of the next GroupInfo.
type PartialGroupInfo struct {
	Presence   TreePresence
	Extensions []mls.Extension // without ratchet_tree
	Signature  []byte
}

// GroupInfoOption is a GroupInfo, whole or in part: exactly one field is set.
type GroupInfoOption struct {
	Full    *mls.GroupInfo
	Partial *PartialGroupInfo
}

// Rebuild returns the GroupInfo of the epoch described by context, from what a PartialGroupInfo adds to it. The signature is
// not verified.
func (p *PartialGroupInfo) Rebuild(context mls.GroupContext, confirmationTag []byte, signer mls.LeafIndex) *mls.GroupInfo {
	return &mls.GroupInfo{
		Context:         context,
		Extensions:      p.Extensions,
		ConfirmationTag: confirmationTag,
		Signer:          signer,
		Signature:       p.Signature,
	}
}

func (o *RatchetTreeOption) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(o.Representation))
	switch o.Representation {
	case TreeFull:
		o.Tree.MarshalTLS(w)
	case TreeHTTPS:
		w.OpaqueString(o.URL)
		w.Opaque(o.Signature)
	case TreeOutOfBand:
		w.Opaque(o.Signature)
	}
}

func (o *RatchetTreeOption) UnmarshalTLS(r *wire.Reader) {
	*o = RatchetTreeOption{}
	o.Representation = TreeRepresentation(r.At("RatchetTreeOption.representation").U8())
	switch o.Representation {
	case TreeFull:
		if r.At("RatchetTreeOption.ratchet_tree"); vectorLength(r) > MaxTreeBytes {
			r.Failf("longer than %d bytes", MaxTreeBytes)
			return
		}
		o.Tree.UnmarshalTLS(r)
	case TreeHTTPS:
		o.URL = readText(r, "RatchetTreeOption.ratchet_tree_url", MaxTreeURL)
		if r.Err() == nil && !strings.HasPrefix(o.URL, "https://") {
			r.Fail("not an https url")
		}
		o.Signature = r.At("RatchetTreeOption.tree_signature").Opaque()
	case TreeOutOfBand:
		o.Signature = r.At("RatchetTreeOption.tree_signature").Opaque()
	case TreeDistributionService:
	default:
		r.Failf("unknown representation %d", o.Representation)
	}
}

// vectorLength is the length of the vector that r is about to read, without reading it.
func vectorLength(r *wire.Reader) int {
	look := *r
	return look.Varint()
}

func (p *PartialGroupInfo) MarshalTLS(w *wire.Writer) {
	w.U8(uint8(p.Presence))
	w.Vector(func(w *wire.Writer) {
		for i := range p.Extensions {
			p.Extensions[i].MarshalTLS(w)
		}
	})
	w.Opaque(p.Signature)
}

func (p *PartialGroupInfo) UnmarshalTLS(r *wire.Reader) {
	*p = PartialGroupInfo{}
	p.Presence = TreePresence(r.At("PartialGroupInfo.ratchet_tree_presence").U8())
	if r.Err() == nil && p.Presence > TreeAdded {
		r.Failf("unknown presence %d", p.Presence)
	}
	p.Extensions = readList(r, "PartialGroupInfo.group_info_extensions", mls.MaxExtensions, func(r *wire.Reader, e *mls.Extension) {
		e.UnmarshalTLS(r)
		if r.Err() == nil && e.Type == mls.ExtensionRatchetTree {
			r.At("PartialGroupInfo.group_info_extensions").Fail("contains the ratchet tree")
		}
	})
	p.Signature = r.At("PartialGroupInfo.signature").Opaque()
}

func (o *GroupInfoOption) MarshalTLS(w *wire.Writer) {
	if o.Full != nil {
		w.U8(1)
		o.Full.MarshalTLS(w)
		return
	}
	w.U8(2)
	o.Partial.MarshalTLS(w)
}

func (o *GroupInfoOption) UnmarshalTLS(r *wire.Reader) {
	*o = GroupInfoOption{}
	switch representation := r.At("GroupInfoOption.representation").U8(); representation {
	case 1:
		o.Full = new(mls.GroupInfo)
		o.Full.UnmarshalTLS(r)
	case 2:
		o.Partial = new(PartialGroupInfo)
		o.Partial.UnmarshalTLS(r)
	default:
		r.Failf("unknown representation %d", representation)
	}
}
