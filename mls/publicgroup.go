package mls

import (
	"bytes"
	"fmt"
	"iter"
	"slices"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// Config is the behaviour of a group value that is not part of its state. The caller supplies it whenever a group value begins.
type Config struct {
	// Authenticate accepts or refuses that key belongs to the identity in a credential (§5.3.1) at a time in seconds since 1970: Now
	// for a credential that comes into the group, zero for those of members found in a tree. It must be pure. Nil accepts all.
	Authenticate func(c Credential, key SignaturePublicKey, now uint64) error
	// Successor accepts or refuses that a member's new credential replaces its old one, in an Update, a commit's path or a
	// resync (§5.3.1). It is asked when the two differ. It must be pure. Nil accepts all.
	Successor func(old, successor Credential) error
	// AuthenticateSender accepts or refuses an external sender (§5.3.1) at a time in seconds since 1970: Now for one that GroupContextExtensions
	// or ReInit brings or changes, zero for those that a group lists when it is entered. It must be pure. Nil accepts all.
	AuthenticateSender func(s ExternalSender, now uint64) error
	// Components interprets AppDataUpdate proposals. Nil refuses every AppDataUpdate.
	Components ComponentLogic
	// ExternalPSK looks up external PSKs that commits name (§8.4). It must be pure. Nil knows none.
	ExternalPSK func(id []byte) ([]byte, bool)
	// ResumptionPSK looks up resumption PSKs of other groups and of epochs that the value no longer keeps, ComponentPSK the PSKs of
	// application components (draft-ietf-mls-extensions, PSK type application). Both must be pure. Nil knows none.
	ResumptionPSK func(groupID []byte, epoch Epoch) ([]byte, bool)
	ComponentPSK  func(component ComponentID, id []byte) ([]byte, bool)
	// PastEpochs is how many earlier epochs stay able to decrypt late application messages.
	PastEpochs int
	// Now is used for the lifetimes of key packages offered in Add proposals (§7.3): seconds since 1970; zero skips the check.
	// Set it anew with Group.WithNow.
	Now uint64
	// MaxLifetime is how many seconds the leaf of a key package may be valid in total (§7.2); zero for no limit.
	MaxLifetime uint64
	// Parallel calls do for each of 0 to n-1, in any order and at the same time if it likes, and returns when all calls have
	// returned. It is used where a commit or a tree needs many signatures verified or many secrets encrypted; Authenticate is
	// then called concurrently. This package starts no goroutine. Nil calls one after the other.
	Parallel func(n int, do func(int))
}

// each calls do for 0 to n-1, by Parallel if there is one, and returns the error of the lowest number that has one.
func (c *Config) each(n int, do func(int) error) error {
	if c.Parallel == nil || n < 2 {
		for i := range n {
			if err := do(i); err != nil {
				return err
			}
		}
		return nil
	}
	errs := make([]error, n)
	c.Parallel(n, func(i int) { errs[i] = do(i) })
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// ComponentLogic is the application's part in AppDataUpdate (draft-ietf-mls-extensions): given the component's present data
// (present false: none) and all updates of one commit in order, it returns the new data or refuses the whole commit.
type ComponentLogic interface {
	ApplyUpdates(id ComponentID, current []byte, present bool, updates [][]byte) ([]byte, error)
}

// EphemeralLogic is what a ComponentLogic may offer besides: CheckEphemeral refuses an AppEphemeral whose component is unknown or whose
// data the component refuses (draft-ietf-mls-extensions, AppEphemeral). Without it every AppEphemeral is accepted. The data itself is in
// Effects.Proposals, in commit order.
type EphemeralLogic interface {
	CheckEphemeral(id ComponentID, data []byte) error
}

// PublicGroup is what can be known of a group without its secrets: a value, safe for concurrent reading.
type PublicGroup struct {
	suite           *suite.Suite
	context         GroupContext
	encodedContext  []byte // what signatures of this epoch cover
	tree            tree
	keys            keyIndex // of tree
	dictionary      AppDataDictionary
	confirmationTag []byte
	interimHash     []byte // interim transcript hash
	pending         []PendingProposal
	reInit          *ReInit // committed: the group is over
	resuming        uint8   // usage of the PSK that the first commit of a subgroup carries
	config          Config
}

// newPublicGroup derives what follows from context, tree and confirmation tag. The tree must have hashes. What the group keeps of its
// context and dictionary lies in the encoded context: the dictionary of a room is most of what a small group needs.
func newPublicGroup(s *suite.Suite, context GroupContext, t tree, confirmationTag []byte, cfg Config) (*PublicGroup, error) {
	encoded := bytes.Clone(wire.Marshal(&context)) // without the writer's spare room
	context = GroupContext{}
	if err := unmarshalWithin(encoded, &context); err != nil {
		return nil, fmt.Errorf("mls: the group's context: %w", err)
	}
	dictionary, err := appDataDictionary(context.Extensions)
	if err != nil {
		return nil, err
	}
	return &PublicGroup{
		suite:           s,
		context:         context,
		encodedContext:  encoded,
		tree:            t,
		dictionary:      dictionary,
		confirmationTag: confirmationTag,
		interimHash:     interimTranscriptHash(s, context.ConfirmedTranscriptHash, confirmationTag),
		config:          cfg,
	}, nil
}

// NewPublicGroup verifies a GroupInfo and its tree (§12.4.3.1, first steps) and starts tracking.
func NewPublicGroup(gi *GroupInfo, nodes RatchetTree, cfg Config) (*PublicGroup, error) {
	s, err := suite.ByID(uint16(gi.Context.Suite))
	if err != nil {
		return nil, invalid("9420-12.4.3.1-suite", err.Error())
	}
	if gi.Context.Version != ProtocolVersionMLS10 {
		return nil, invalidf("9420-12.4.3.1-version", "version %d", gi.Context.Version)
	}
	if nodes == nil {
		data, found := findExtension(gi.Extensions, ExtensionRatchetTree)
		if !found {
			return nil, invalid("9420-12.4.3.1-no-tree", "GroupInfo has no ratchet_tree extension and no tree was given")
		}
		if err := wire.Unmarshal(data, &nodes); err != nil {
			return nil, invalid("9420-12.4.3.3-encoding", err.Error())
		}
	}
	t, err := importTree(nodes)
	if err != nil {
		return nil, err
	}
	signer := t.leaf(gi.Signer)
	if signer == nil {
		return nil, invalidf("9420-12.4.3.1-signer", "GroupInfo is signed by leaf %d, which is blank", gi.Signer)
	}
	checks := t.check(s, gi.Context.GroupID, &cfg, func() error { return gi.verifySignature(s, signer.SignatureKey) })
	if checks.first != nil {
		return nil, checks.first
	}
	if err := checkGroupExtensions(gi.Context.Extensions); err != nil {
		return nil, err
	}
	if err := cfg.checkSenders(nil, gi.Context.Extensions, 0); err != nil {
		return nil, err
	}
	if err := uniqueExtensions(gi.Extensions); err != nil {
		return nil, err
	}
	t = t.hashed(s)
	if !bytes.Equal(t.hash(), gi.Context.TreeHash) {
		return nil, invalid("9420-12.4.3.1-tree-hash", "tree does not have the hash in the GroupInfo")
	}
	p, err := newPublicGroup(s, gi.Context, t, gi.ConfirmationTag, cfg)
	if err != nil {
		return nil, err
	}
	return p, p.checkTree(checks)
}

// treeChecks is what was found out about a whole tree where several things could be verified at once.
type treeChecks struct {
	first  error // of the check that was given
	keys   keyIndex
	clash  error // of keys
	leaves error // of the members
}

// check verifies all members of an imported tree, hashes their leaves and indexes the keys of all nodes, together with another check
// that does not need the tree: much of what joining a group costs, and all of it can be done at the same time.
func (t tree) check(s *suite.Suite, groupID []byte, cfg *Config, first func() error) (c treeChecks) {
	own := *cfg
	own.Now = 0 // members do not leave when the lifetime of their key package ends
	nodes, indexes := t.leafNodes()
	const others = 2 // before the leaves, since they take longer than one of them
	c.leaves = own.each(others+len(nodes), func(k int) error {
		switch k {
		case 0:
			c.first = first()
			return nil
		case 1:
			c.keys, c.clash = t.keys()
			return nil
		}
		n, i := nodes[k-others], indexes[k-others]
		hashSubtree(s, n, i.node())
		if err := n.leaf.verifySignature(s, groupID, i); err != nil {
			return err
		}
		return n.leaf.checkSelf(s, n.leaf.Source, &own)
	})
	return c
}

// leafNodes returns the members' nodes from left to right.
func (t tree) leafNodes() (nodes []*treeNode, indexes []LeafIndex) {
	nodes, indexes = make([]*treeNode, 0, t.members()), make([]LeafIndex, 0, t.members())
	var below func(n *treeNode, x nodeIndex)
	below = func(n *treeNode, x nodeIndex) {
		switch {
		case n.members == 0:
		case x.IsLeaf():
			nodes, indexes = append(nodes, n), append(indexes, leafAt(x))
		default:
			below(n.left, leftOf(x))
			below(n.right, rightOf(x))
		}
	}
	below(t.root, t.rootIndex())
	return nodes, indexes
}

// checkTree verifies the rest of a whole tree, as a joiner does (§12.4.3.1).
func (p *PublicGroup) checkTree(c treeChecks) error {
	if err := p.tree.checkUnmerged(); err != nil {
		return err
	}
	if c.clash != nil {
		return c.clash
	}
	p.keys = c.keys
	if err := p.tree.checkParentHashes(p.suite, &p.config); err != nil {
		return err
	}
	if c.leaves != nil {
		return c.leaves
	}
	return p.tree.checkSupport(p.context.Extensions)
}

// checkGroupExtensions verifies that the extensions of a GroupContext can be read and appear once each (§13.4).
func checkGroupExtensions(extensions []Extension) error {
	if err := uniqueExtensions(extensions); err != nil {
		return err
	}
	if _, err := requiredCapabilities(extensions); err != nil {
		return err
	}
	if _, err := externalSenders(extensions); err != nil {
		return err
	}
	_, err := appDataDictionary(extensions)
	return err
}

// requiredCapabilities, externalSenders and appDataDictionary read one extension of a list; absent ones read as empty.
func requiredCapabilities(extensions []Extension) (r RequiredCapabilities, err error) {
	return r, readExtension(extensions, ExtensionRequiredCapabilities, &r, "9420-11.1-encoding")
}

func externalSenders(extensions []Extension) (s ExternalSenders, err error) {
	return s, readExtension(extensions, ExtensionExternalSenders, &s, "9420-12.1.8.1-encoding")
}

func appDataDictionary(extensions []Extension) (d AppDataDictionary, err error) {
	return d, readExtension(extensions, ExtensionAppDataDictionary, &d, "mlsext-app-data-encoding")
}

func readExtension(extensions []Extension, t ExtensionType, v wire.Unmarshaler, rule string) error {
	data, found := findExtension(extensions, t)
	if !found {
		return nil
	}
	if err := unmarshalWithin(data, v); err != nil {
		return invalid(rule, err.Error())
	}
	return nil
}

// unmarshalWithin is wire.Unmarshal of bytes that never change: v shares them.
func unmarshalWithin(b []byte, v wire.Unmarshaler) error {
	r := wire.NewReader(b)
	v.UnmarshalTLS(r)
	return r.Done()
}

// Context returns the GroupContext of the epoch; its slices must not be changed.
func (p *PublicGroup) Context() GroupContext { return p.context }
func (p *PublicGroup) Epoch() Epoch          { return p.context.Epoch }
func (p *PublicGroup) GroupID() []byte       { return p.context.GroupID }
func (p *PublicGroup) Suite() CipherSuite    { return p.context.Suite }

// ConfirmationTag of the current epoch (§8.1).
func (p *PublicGroup) ConfirmationTag() []byte { return p.confirmationTag }

// ReInit returns the committed ReInit proposal that ended the group, or nil (§11.2).
func (p *PublicGroup) ReInit() *ReInit { return p.reInit }

// Leaf returns the member at i; the node must not be changed.
func (p *PublicGroup) Leaf(i LeafIndex) (*LeafNode, bool) {
	n := p.tree.leaf(i)
	return n, n != nil
}

// Leaves yields all members from left to right.
func (p *PublicGroup) Leaves() iter.Seq2[LeafIndex, *LeafNode] {
	return func(yield func(LeafIndex, *LeafNode) bool) { p.tree.eachLeaf(yield) }
}

// Size is the number of non-blank leaves.
func (p *PublicGroup) Size() int { return p.tree.members() }

// AppData returns one component's entry of the GroupContext's app_data_dictionary.
func (p *PublicGroup) AppData(id ComponentID) ([]byte, bool) { return p.dictionary.Get(id) }

// Tree exports the ratchet tree.
func (p *PublicGroup) Tree() RatchetTree { return p.tree.export() }

// Pending returns the proposals of this epoch that can be committed by reference, in order of arrival.
func (p *PublicGroup) Pending() []PendingProposal { return slices.Clip(p.pending) }

// PendingProposal is a verified proposal waiting for a commit.
type PendingProposal struct {
	Ref               ProposalRef
	Proposal          Proposal
	Sender            Sender
	AuthenticatedData []byte
	Message           *Message // as it was sent
}

// CheckCredential is Config.CheckCredential at a time in seconds since 1970, for a credential that comes to the group by another way
// than a handshake.
func (p *PublicGroup) CheckCredential(c Credential, key SignaturePublicKey, now uint64) error {
	cfg := p.config
	cfg.Now = now
	return cfg.CheckCredential(c, key)
}

// WithConfig returns p with another configuration.
func (p *PublicGroup) WithConfig(cfg Config) *PublicGroup {
	q := *p
	q.config = cfg
	return &q
}

// AddProposal verifies a PublicMessage proposal (signature, membership unless external; not the membership tag, which needs
// secrets) and caches it in the returned value.
func (p *PublicGroup) AddProposal(m *Message) (*PublicGroup, *PendingProposal, error) {
	ac, err := publicContent(m)
	if err != nil {
		return nil, nil, err
	}
	return p.addProposal(ac, m)
}

// addProposal verifies and caches a proposal whose framing is already open. A repeated one changes nothing.
func (p *PublicGroup) addProposal(ac *authenticatedContent, m *Message) (*PublicGroup, *PendingProposal, error) {
	if err := p.checkContent(ac, ContentProposal); err != nil {
		return nil, nil, err
	}
	key, err := p.proposalKey(&ac.Content)
	if err != nil {
		return nil, nil, err
	}
	if err := ac.verifySignature(p.suite, key, p.encodedContext); err != nil {
		return nil, nil, err
	}
	if err := p.checkProposal(ac.Content.Proposal, ac.Content.Sender); err != nil {
		return nil, nil, err
	}
	if ac.Content.Proposal.Type() == ProposalSelfRemove && ac.WireFormat != WireFormatPublicMessage {
		return nil, nil, invalid("mlsext-self-remove-public", "SelfRemove not in a PublicMessage")
	}
	q, pending, err := p.cacheProposal(ac, m)
	return q, pending, err
}

// cacheProposal appends a verified proposal to the cache.
func (p *PublicGroup) cacheProposal(ac *authenticatedContent, m *Message) (*PublicGroup, *PendingProposal, error) {
	pending := PendingProposal{
		Ref:               ac.proposalRef(p.suite),
		Proposal:          ac.Content.Proposal,
		Sender:            ac.Content.Sender,
		AuthenticatedData: ac.Content.AuthenticatedData,
		Message:           m,
	}
	if have := p.findPending(pending.Ref); have != nil {
		return p, have, nil
	}
	if len(p.pending) >= MaxProposals {
		return nil, nil, invalidf("limit-proposals", "more than %d pending proposals", MaxProposals)
	}
	q := *p
	q.pending = append(slices.Clip(p.pending), pending)
	return &q, &pending, nil
}

func (p *PublicGroup) findPending(ref ProposalRef) *PendingProposal {
	for i := range p.pending {
		if bytes.Equal(p.pending[i].Ref, ref) {
			return &p.pending[i]
		}
	}
	return nil
}

// checkContent verifies that framed content is of this group and epoch and of the wanted type.
func (p *PublicGroup) checkContent(ac *authenticatedContent, want ContentType) error {
	c := &ac.Content
	if !bytes.Equal(c.GroupID, p.context.GroupID) {
		return invalid("9420-6-group-id", "message of another group")
	}
	if c.Epoch != p.context.Epoch {
		return &EpochError{Message: c.Epoch, Group: p.context.Epoch}
	}
	if c.ContentType != want {
		return invalidf("9420-6-content-type", "content type %d, want %d", c.ContentType, want)
	}
	if p.reInit != nil {
		return invalid("9420-12.4.2-reinit", "the group ended with a ReInit")
	}
	return p.checkAAD(c.AuthenticatedData)
}

// checkAAD verifies that authenticated data is a SafeAAD where the group demands it (draft-ietf-mls-extensions, safe_aad).
func (p *PublicGroup) checkAAD(data []byte) error {
	if _, safe := p.dictionary.Get(ComponentSafeAAD); !safe {
		return nil
	}
	return checkSafeAAD(data)
}

func checkSafeAAD(data []byte) error {
	if err := wire.Unmarshal(data, new(SafeAAD)); err != nil {
		return invalid("mlsext-safe-aad", err.Error())
	}
	return nil
}

// publicContent opens a PublicMessage without looking at its membership tag.
func publicContent(m *Message) (*authenticatedContent, error) {
	if m.Format != WireFormatPublicMessage || m.Public == nil {
		return nil, invalidf("9420-6-wire-format", "wire format %d, want a PublicMessage", m.Format)
	}
	return m.Public.content()
}

// proposalKey returns the key that a proposal's signature must verify with (§6.1, §12.1.8).
func (p *PublicGroup) proposalKey(c *FramedContent) (SignaturePublicKey, error) {
	switch c.Sender.Type {
	case SenderMember:
		if n := p.tree.leaf(c.Sender.Leaf); n != nil {
			return n.SignatureKey, nil
		}
		return nil, invalidf("9420-6.1-sender", "leaf %d is not a member", c.Sender.Leaf)
	case SenderExternal:
		senders, err := externalSenders(p.context.Extensions)
		if err != nil {
			return nil, err
		}
		if int64(c.Sender.Index) >= int64(len(senders)) {
			return nil, invalidf("9420-12.1.8-external-sender", "no external sender %d", c.Sender.Index)
		}
		return senders[c.Sender.Index].SignatureKey, nil
	case SenderNewMemberProposal:
		if add, ok := c.Proposal.(Add); ok {
			return add.KeyPackage.LeafNode.SignatureKey, nil
		}
	}
	return nil, invalidf("9420-12.1.8-external-type", "sender type %d may not propose type %d", c.Sender.Type, c.Proposal.Type())
}
