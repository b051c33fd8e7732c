package mimi

import "anteroom/mls"

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
