package mls

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
