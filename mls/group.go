package mls

// Group is one group as seen by one or more local leaves that share everything RFC 9420 makes common to all members.
// A Group is a value: no method changes it, methods that move on return another one. Safe for concurrent reading.
type Group struct{ _ struct{} }

// NewGroupParams describes a group of one member at epoch 0 (§11).
type NewGroupParams struct {
	GroupID    []byte
	Creator    *KeyPackageSecrets
	Extensions []Extension // of the GroupContext
	Config     Config
}

// NewGroup creates a group whose only member is the creator, at leaf 0.
func NewGroup(seed Seed, p NewGroupParams) (*Group, error) { panic("skeleton") }

// JoinParams is what a joiner has besides the Welcome. Tree is needed unless the GroupInfo carries a ratchet_tree extension.
type JoinParams struct {
	Tree   RatchetTree
	PSKs   map[string][]byte // external PSKs by id
	Config Config
}

// Join enters a group by Welcome (§12.4.3.1).
func Join(w *Welcome, kp *KeyPackageSecrets, p JoinParams) (*Group, error) { panic("skeleton") }

// Adopt makes a leaf local that a remote commit added to this group in this epoch: its Welcome is opened once for its path
// secret, and the epoch it yields must be this one (MULTILEAF: same epoch authenticator).
func (g *Group) Adopt(w *Welcome, kp *KeyPackageSecrets) (*Group, error) { panic("skeleton") }

// Public returns the part of g that needs no secrets.
func (g *Group) Public() *PublicGroup { panic("skeleton") }

// Local returns the local leaves in ascending order; IsLocal asks for one.
func (g *Group) Local() []LeafIndex       { panic("skeleton") }
func (g *Group) IsLocal(i LeafIndex) bool { panic("skeleton") }

// EpochAuthenticator is equal for all members of an epoch (§8.7).
func (g *Group) EpochAuthenticator() []byte { panic("skeleton") }

// ConfirmationTag of the current epoch (§8.1).
func (g *Group) ConfirmationTag() []byte { panic("skeleton") }

// Export derives a secret of the epoch for the application (§8.5).
func (g *Group) Export(label string, context []byte, length int) ([]byte, error) { panic("skeleton") }

// WithNow returns g with Config.Now replaced; WithConfig replaces all of it.
func (g *Group) WithNow(seconds uint64) *Group { panic("skeleton") }

// GroupInfo returns a GroupInfo signed by local leaf as, with external_pub, and with the ratchet_tree extension if withTree.
func (g *Group) GroupInfo(as LeafIndex, withTree bool) (*GroupInfo, error) { panic("skeleton") }

// Propose signs a proposal by local leaf as, as a PublicMessage, and caches it in the returned group.
func (g *Group) Propose(as LeafIndex, p Proposal, authenticatedData []byte) (*Group, *Message, error) {
	panic("skeleton")
}

// ProposeUpdate renews the leaf keys of as by an Update proposal (§12.1.2); newSigner may be nil.
func (g *Group) ProposeUpdate(seed Seed, as LeafIndex, newSigner *Signer, authenticatedData []byte) (*Group, *Message, error) {
	panic("skeleton")
}

// NewMemberProposal signs the Add of kp by its own key (sender new_member_proposal, §12.1.8). pg names group and epoch.
func NewMemberProposal(pg *PublicGroup, kp *KeyPackageSecrets, authenticatedData []byte) (*Message, error) {
	panic("skeleton")
}

// AddProposal verifies a proposal message from outside, membership tag included, and caches it in the returned group.
func (g *Group) AddProposal(m *Message) (*Group, *PendingProposal, error) { panic("skeleton") }

// WithoutPending returns g with an empty proposal cache.
func (g *Group) WithoutPending() *Group { panic("skeleton") }

// CommitParams says what a commit contains.
type CommitParams struct {
	ByValue     []Proposal
	ByReference []ProposalRef // of pending proposals, in this order after ByValue
	// Joiners are the secrets of key packages added by this commit (by value or by reference) that are to be local leaves: they need no Welcome.
	Joiners           []*KeyPackageSecrets
	ForcePath         bool
	NewSigner         *Signer // renews the committer's signature key; needs a path
	AuthenticatedData []byte
}

// Staged is the next epoch, not yet adopted, with what others must be told. The present value stays valid until the caller
// has stored the next and the hub has accepted it.
type Staged struct {
	Group   *Group // nil if no local leaf is left
	Effects *Effects
	Commit  *Message // PublicMessage
	Welcome *Welcome // nil if nobody outside was added
}

// Commit commits proposals by local leaf as (§12.4.1). Path keys are derived from seed.
func (g *Group) Commit(seed Seed, as LeafIndex, p CommitParams) (*Staged, error) { panic("skeleton") }

// StageCommit verifies and processes somebody else's commit (§12.4.2), decrypting its path once for all local leaves.
func (g *Group) StageCommit(m *Message) (*Staged, error) { panic("skeleton") }

// ExternalCommitParams says what an external commit contains besides ExternalInit (§12.4.3.2).
type ExternalCommitParams struct {
	Tree              RatchetTree // unless in the GroupInfo
	ByValue           []Proposal  // Remove (resync), PreSharedKey, AppDataUpdate, AppEphemeral
	Pending           []*Message  // SelfRemove proposals that must be included by reference
	AuthenticatedData []byte
	Config            Config
}

// ExternalCommit joins a group from its GroupInfo.
func ExternalCommit(seed Seed, gi *GroupInfo, joiner *KeyPackageSecrets, p ExternalCommitParams) (*Staged, error) {
	panic("skeleton")
}

// ExternalCommit lets a further local user join a group that g already holds; the next value holds old and new leaves.
func (g *Group) ExternalCommit(seed Seed, joiner *KeyPackageSecrets, p ExternalCommitParams) (*Staged, error) {
	panic("skeleton")
}

// Reserve raises the durable bound of as's sending generations by n. Store the returned value's Parts before using it.
func (g *Group) Reserve(as LeafIndex, n uint32) (*Group, error) { panic("skeleton") }

// Reserved says how many messages as can still protect before Reserve is needed again.
func (g *Group) Reserved(as LeafIndex) uint32 { panic("skeleton") }

// Protect encrypts application data by local leaf as (§6.3). The reuse guard is drawn from seed.
func (g *Group) Protect(seed Seed, as LeafIndex, data, authenticatedData []byte) (*Group, *Message, error) {
	panic("skeleton")
}

// ApplicationMessage is decrypted and verified application data.
type ApplicationMessage struct {
	Epoch             Epoch
	Sender            LeafIndex
	SenderNode        *LeafNode // in that epoch
	Data              []byte
	AuthenticatedData []byte
}

// Unprotect decrypts a PrivateMessage of this or a kept past epoch; its key is gone from the returned group. Messages sent by
// a local leaf cannot be decrypted.
func (g *Group) Unprotect(m *Message) (*Group, *ApplicationMessage, error) { panic("skeleton") }

// Parts is the change of a group's stored form: named parts to set and names to drop. Parts are secret.
type Parts struct {
	Set  map[string][]byte
	Drop []string
}

// Parts returns what has changed since an earlier value of the same group (nil: everything). Part names are short ASCII and
// stable; a message sent within the reserved generations changes none, a commit changes parts proportional to what it touched.
func (g *Group) Parts(since *Group) Parts { panic("skeleton") }

// LoadGroup rebuilds a value from all its parts. Sending continues after the reserved generations.
func LoadGroup(parts map[string][]byte, cfg Config) (*Group, error) { panic("skeleton") }
