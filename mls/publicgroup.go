package mls

import "iter"

// Config is the behaviour of a group value that is not part of its state. The caller supplies it whenever a group value begins.
type Config struct {
	// Authenticate accepts or refuses that key belongs to the identity in a credential (§5.3.1). It must be pure. Nil accepts all.
	Authenticate func(Credential, SignaturePublicKey) error
	// Components interprets AppDataUpdate proposals. Nil refuses every AppDataUpdate.
	Components ComponentLogic
	// PastEpochs is how many earlier epochs stay able to decrypt late application messages.
	PastEpochs int
	// Now is used for the lifetimes of key packages offered in Add proposals (§7.3): seconds since 1970; zero skips the check.
	// Set it anew with Group.WithNow.
	Now uint64
}

// ComponentLogic is the application's part in AppDataUpdate (draft-ietf-mls-extensions): given the component's present data
// (present false: none) and all updates of one commit in order, it returns the new data or refuses the whole commit.
type ComponentLogic interface {
	ApplyUpdates(id ComponentID, current []byte, present bool, updates [][]byte) ([]byte, error)
}

// PublicGroup is what can be known of a group without its secrets: a value, safe for concurrent reading.
type PublicGroup struct{ _ struct{} }

// NewPublicGroup verifies a GroupInfo and its tree (§12.4.3.1, first steps) and starts tracking.
func NewPublicGroup(gi *GroupInfo, tree RatchetTree, cfg Config) (*PublicGroup, error) {
	panic("skeleton")
}

func (p *PublicGroup) Context() GroupContext { panic("skeleton") }
func (p *PublicGroup) Epoch() Epoch          { panic("skeleton") }
func (p *PublicGroup) GroupID() []byte       { panic("skeleton") }
func (p *PublicGroup) Suite() CipherSuite    { panic("skeleton") }

// Leaf returns the member at i; the node must not be changed.
func (p *PublicGroup) Leaf(i LeafIndex) (*LeafNode, bool) { panic("skeleton") }

// Leaves yields all members from left to right.
func (p *PublicGroup) Leaves() iter.Seq2[LeafIndex, *LeafNode] { panic("skeleton") }

// Size is the number of non-blank leaves.
func (p *PublicGroup) Size() int { panic("skeleton") }

// AppData returns one component's entry of the GroupContext's app_data_dictionary.
func (p *PublicGroup) AppData(id ComponentID) ([]byte, bool) { panic("skeleton") }

// Tree exports the ratchet tree.
func (p *PublicGroup) Tree() RatchetTree { panic("skeleton") }

// Pending returns the proposals of this epoch that can be committed by reference, in order of arrival.
func (p *PublicGroup) Pending() []PendingProposal { panic("skeleton") }

// PendingProposal is a verified proposal waiting for a commit.
type PendingProposal struct {
	Ref               ProposalRef
	Proposal          Proposal
	Sender            Sender
	AuthenticatedData []byte
	Message           *Message // as it was sent
}

// AddProposal verifies a PublicMessage proposal (signature, membership unless external; not the membership tag, which needs
// secrets) and caches it in the returned value.
func (p *PublicGroup) AddProposal(m *Message) (*PublicGroup, *PendingProposal, error) {
	panic("skeleton")
}

// StageCommit verifies a PublicMessage commit as far as that is possible without secrets.
func (p *PublicGroup) StageCommit(m *Message) (*Effects, error) { panic("skeleton") }

// Effects says what a commit does; policy is decided on it before anybody adopts the next epoch.
type Effects struct {
	Before, After     *PublicGroup
	Sender            Sender    // member, or new_member_commit
	Committer         LeafIndex // leaf in After; for an external commit the new leaf
	HasPath           bool
	AuthenticatedData []byte
	Proposals         []CommittedProposal // in commit order
	Added             []LeafIndex         // by Add proposals, indexes in After
	Removed           []RemovedLeaf       // by Remove, SelfRemove or resync
	Updated           []LeafIndex         // by Update proposals and by the path
}

// CommittedProposal is one proposal of a commit with who is responsible for it: its own sender if by reference, else the committer.
type CommittedProposal struct {
	Proposal          Proposal
	Sender            Sender
	Ref               ProposalRef // nil if by value
	AuthenticatedData []byte      // of the proposal's own message; nil if by value
}

// RemovedLeaf is a member that a commit removed.
type RemovedLeaf struct {
	Index LeafIndex
	Node  *LeafNode
}
