package mls

// SenderType says who sent a message (§6).
type SenderType uint8

const (
	SenderMember            SenderType = 1
	SenderExternal          SenderType = 2
	SenderNewMemberProposal SenderType = 3
	SenderNewMemberCommit   SenderType = 4
)

// Sender is who sent a message: Leaf for members, Index into external_senders for external senders.
type Sender struct {
	Type  SenderType
	Leaf  LeafIndex
	Index uint32
}

// ContentType of framed content (§6).
type ContentType uint8

const (
	ContentApplication ContentType = 1
	ContentProposal    ContentType = 2
	ContentCommit      ContentType = 3
)

// FramedContent is what a member signs (§6). Exactly one of Application, Proposal and Commit is meaningful, by ContentType.
type FramedContent struct {
	GroupID           []byte
	Epoch             Epoch
	Sender            Sender
	AuthenticatedData []byte
	ContentType       ContentType
	Application       []byte
	Proposal          Proposal
	Commit            *Commit
}

// FramedContentAuthData is signature and, for commits, confirmation tag (§6.1).
type FramedContentAuthData struct {
	Signature       []byte
	ConfirmationTag []byte
}

// PublicMessage is signed, not encrypted (§6.2).
type PublicMessage struct {
	Content       FramedContent
	Auth          FramedContentAuthData
	MembershipTag []byte
}

// PrivateMessage is signed and encrypted (§6.3).
type PrivateMessage struct {
	GroupID             []byte
	Epoch               Epoch
	ContentType         ContentType
	AuthenticatedData   []byte
	EncryptedSenderData []byte
	Ciphertext          []byte
}

// Message is an MLSMessage (§6): the field named by Format is set.
type Message struct {
	Format     WireFormat
	Public     *PublicMessage
	Private    *PrivateMessage
	Welcome    *Welcome
	GroupInfo  *GroupInfo
	KeyPackage *KeyPackage
}
