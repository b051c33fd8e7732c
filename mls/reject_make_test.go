package mls

import (
	"slices"
	"testing"

	"anteroom/mls/internal/treemath"
	"anteroom/mls/wire"
)

// rejectCase is one file below testdata/reject: something that breaks one rule and no other before it.
type rejectCase struct {
	name, comment, expect, operation string
	fields                           map[string][]byte
}

// accepted is what the files say that hold something valid, so that the checks beside them mean something.
const accepted = "accepted"

// rejectMaker collects cases from one group of alice (leaf 0, who judges), bob (1) and carol (2).
type rejectMaker struct {
	t       *testing.T
	s       testSeed
	a, b, c *Group
	cases   []rejectCase
}

// makeRejects makes all cases, and the state of alice that they are judged by. Seeds are fixed; what HPKE draws is not.
func makeRejects(t *testing.T) ([]rejectCase, map[string][]byte) {
	x := &rejectMaker{t: t}
	sender, err := NewSigner(testSuite, x.s.next())
	if err != nil {
		t.Fatal(err)
	}
	senders := ExternalSenders{{SignatureKey: sender.Public, Credential: Credential{Type: CredentialBasic, Identity: []byte("hub")}}}
	x.a, x.b, x.c = trio(t, &x.s, Extension{ExtensionExternalSenders, wire.Marshal(senders)})
	x.commits()
	x.lists()
	x.proposals(sender)
	x.messages()
	x.externalCommits()
	x.welcomes()
	x.groupInfos()
	x.keyPackages()
	x.encodings()
	return x.cases, x.a.Parts(nil).Set
}

func (x *rejectMaker) add(operation, name, expect, comment string, message wire.Marshaler) {
	x.cases = append(x.cases, rejectCase{operation + "-" + name, comment, expect, operation, map[string][]byte{"message": wire.Marshal(message)}})
}

// with adds a field to the latest case.
func (x *rejectMaker) with(key string, value []byte) { x.cases[len(x.cases)-1].fields[key] = value }

func (x *rejectMaker) signLeaf(n *LeafNode) {
	if err := n.sign(x.b.public.suite, x.b.localAt(1).signature, []byte("group"), 1); err != nil {
		x.t.Fatal(err)
	}
}

func (x *rejectMaker) commits() {
	good := commit(x.t, &x.s, x.b, 1, CommitParams{})
	x.add("commit", "good", accepted, "an empty commit with path", good.Commit)
	each := func(name, rule, comment string, change func(m *PublicMessage, p *UpdatePath)) {
		x.add("commit", name, rule, comment, insider(x.t, x.b, 1, good.Commit, func(m *PublicMessage) { change(m, m.Content.Commit.Path) }))
	}
	leaf := func(name, rule, comment string, change func(n *LeafNode)) {
		each(name, rule, comment, func(_ *PublicMessage, p *UpdatePath) {
			change(&p.LeafNode)
			x.signLeaf(&p.LeafNode)
		})
	}
	each("no-path", "9420-12.4-path-required", "an empty commit without path", func(m *PublicMessage, _ *UpdatePath) { m.Content.Commit.Path = nil })
	each("short-path", "9420-7.6-path-length", "a path with a node too few", func(_ *PublicMessage, p *UpdatePath) { p.Nodes = p.Nodes[1:] })
	each("long-path", "9420-7.6-path-length", "a path with a node too many", func(_ *PublicMessage, p *UpdatePath) { p.Nodes = append(p.Nodes, p.Nodes[0]) })
	each("ciphertext-too-many", "9420-7.6-ciphertext-count", "a path node with a ciphertext too many", func(_ *PublicMessage, p *UpdatePath) {
		n := &p.Nodes[0]
		n.EncryptedPathSecrets = append(n.EncryptedPathSecrets, n.EncryptedPathSecrets[0])
	})
	each("ciphertext-missing", "9420-7.6-ciphertext-count", "a path node without ciphertext", func(_ *PublicMessage, p *UpdatePath) { p.Nodes[0].EncryptedPathSecrets = nil })
	each("ciphertext-broken", "9420-7.6-decrypt", "a path secret for alice that does not decrypt", func(_ *PublicMessage, p *UpdatePath) {
		e := &p.Nodes[0].EncryptedPathSecrets[0]
		e.Ciphertext = flip(e.Ciphertext, 0)
	})
	each("kem-output-short", "9420-7.6-decrypt", "a KEM output that is a byte too short", func(_ *PublicMessage, p *UpdatePath) {
		e := &p.Nodes[0].EncryptedPathSecrets[0]
		e.KEMOutput = e.KEMOutput[1:]
	})
	leaf("source", "9420-7.3-leaf-node-source", "a path whose leaf is of source update", func(n *LeafNode) { n.Source = LeafNodeSourceUpdate })
	leaf("parent-hash", "9420-7.9.2-leaf-parent-hash", "a leaf with another parent hash", func(n *LeafNode) { n.ParentHash = flip(n.ParentHash, 0) })
	leaf("old-leaf-key", "9420-12.4.2-path-key-unique", "a path that keeps the committer's encryption key", func(n *LeafNode) { n.EncryptionKey = x.b.public.tree.leaf(1).EncryptionKey })
	leaf("leaf-key-malformed", "9420-7.3-encryption-key", "an encryption key of 31 bytes", func(n *LeafNode) { n.EncryptionKey = n.EncryptionKey[1:] })
	leaf("no-suite", "9420-7.2-capabilities-suite", "a leaf that does not list the group's suite", func(n *LeafNode) { n.Capabilities.CipherSuites = nil })
	leaf("no-version", "9420-7.2-capabilities-version", "a leaf that does not list mls10", func(n *LeafNode) { n.Capabilities.Versions = nil })
	leaf("no-credential", "9420-7.2-capabilities-credential", "a leaf that does not list its credential type", func(n *LeafNode) { n.Capabilities.Credentials = []CredentialType{CredentialX509} })
	leaf("own-extension", "9420-7.3-own-extension", "a leaf with an extension that it does not list", func(n *LeafNode) { n.Extensions = []Extension{{0xf000, nil}} })
	each("leaf-signature", "9420-7.3-leaf-signature", "a leaf with a bit of its signature turned", func(_ *PublicMessage, p *UpdatePath) { p.LeafNode.Signature = flip(p.LeafNode.Signature, 0) })
	each("path-key-malformed", "9420-5.1.1-public-key", "a parent key of 31 bytes", func(_ *PublicMessage, p *UpdatePath) { p.Nodes[0].EncryptionKey = p.Nodes[0].EncryptionKey[1:] })
	each("path-key-of-leaf", "9420-12.4.2-path-key-unique", "a parent key that is carol's", func(_ *PublicMessage, p *UpdatePath) {
		p.Nodes[0].EncryptionKey = x.a.public.tree.leaf(2).EncryptionKey
	})
	each("path-key-twice", "9420-12.4.2-path-key-unique", "two nodes of a path with one key", func(_ *PublicMessage, p *UpdatePath) { p.Nodes[0].EncryptionKey = p.Nodes[1].EncryptionKey })
	each("confirmation-tag", "9420-8.1-confirmation-tag", "a confirmation tag with a bit turned", func(m *PublicMessage, _ *UpdatePath) { m.Auth.ConfirmationTag = flip(m.Auth.ConfirmationTag, 0) })
	each("no-confirmation-tag", "9420-8.1-confirmation-tag", "an empty confirmation tag", func(m *PublicMessage, _ *UpdatePath) { m.Auth.ConfirmationTag = nil })
	each("unknown-reference", "9420-12.4.2-unknown-reference", "a reference to a proposal that nobody sent", func(m *PublicMessage, _ *UpdatePath) {
		m.Content.Commit.Proposals = []ProposalOrRef{{Ref: []byte("ref")}}
	})
	each("blank-sender", "9420-6.1-sender", "a commit by a leaf that is blank", func(m *PublicMessage, _ *UpdatePath) { m.Content.Sender.Leaf = 3 })
	each("no-such-sender", "9420-6.1-sender", "a commit by a leaf outside of the tree", func(m *PublicMessage, _ *UpdatePath) { m.Content.Sender.Leaf = 1 << 31 })
	each("other-sender", "9420-6.1-signature", "a commit by bob in carol's name", func(m *PublicMessage, _ *UpdatePath) { m.Content.Sender.Leaf = 2 })
	each("own", "local-own-commit", "a commit in alice's own name", func(m *PublicMessage, _ *UpdatePath) { m.Content.Sender.Leaf = 0 })
	each("group-id", "9420-6-group-id", "a commit for another group", func(m *PublicMessage, _ *UpdatePath) { m.Content.GroupID = []byte("grouq") })
	each("content-type", "9420-6-content-type", "a proposal in a commit's place", func(m *PublicMessage, _ *UpdatePath) {
		m.Content.ContentType, m.Content.Proposal = ContentProposal, Remove{2}
	})
	broken := reencode(x.t, good.Commit)
	broken.Public.MembershipTag = flip(broken.Public.MembershipTag, 0)
	x.add("commit", "membership-tag", "9420-6.2-membership-tag", "a membership tag with a bit turned", broken)
	x.add("commit", "wire-format", "9420-6-wire-format", "a Welcome in a commit's place", &Message{Format: WireFormatWelcome, Welcome: &Welcome{Suite: testSuite}})
}

// lists has commits by bob whose proposals, all by value, may not be committed together or at all.
func (x *rejectMaker) lists() {
	good := commit(x.t, &x.s, x.b, 1, CommitParams{}).Commit
	dave := x.s.newClient(x.t, "dave").KeyPackage
	gce := func(e ...Extension) Proposal { return GroupContextExtensions{e} }
	required := func(c RequiredCapabilities) Proposal {
		return gce(Extension{ExtensionRequiredCapabilities, wire.Marshal(c)})
	}
	psk := PreSharedKey{PreSharedKeyID{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 32)}}
	resumption := func(usage uint8) Proposal {
		return PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: usage, GroupID: []byte("group"), Nonce: make([]byte, 32)}}
	}
	addOf := func(change func(kp *KeyPackage)) Proposal { return Add{x.s.client(x.t, change)} }
	update := *x.b.public.tree.leaf(1)
	update.Source, update.EncryptionKey = LeafNodeSourceUpdate, dave.InitKey
	x.signLeaf(&update)
	carol := Signer{testSuite, x.c.public.tree.leaf(2).SignatureKey, x.c.localAt(2).signature}
	for _, v := range []struct {
		name, rule, comment string
		list                []Proposal
	}{
		{"remove-committer", "9420-12.2-own-leaf", "the committer removes itself", []Proposal{Remove{1}}},
		{"update-committer", "9420-12.2-own-leaf", "the committer commits its own Update", []Proposal{Update{update}}},
		{"remove-twice", "9420-12.2-duplicate-leaf", "two Removes of carol", []Proposal{Remove{2}, Remove{2}}},
		{"add-twice", "9420-12.2-duplicate-add", "two Adds of dave", []Proposal{Add{dave}, Add{dave}}},
		{"remove-blank", "9420-12.1.3-no-such-member", "a Remove of a blank leaf", []Proposal{Remove{3}}},
		{"remove-outside", "9420-12.1.3-no-such-member", "a Remove of a leaf outside of the tree", []Proposal{Remove{1 << 31}}},
		{"psk-twice", "9420-12.2-duplicate-psk", "one PSK twice", []Proposal{psk, psk}},
		{"psk-nonce", "9420-12.1.4-nonce", "a PSK nonce of 31 bytes", []Proposal{PreSharedKey{PreSharedKeyID{Type: PSKExternal, Nonce: make([]byte, 31)}}}},
		{"psk-reinit", "9420-12.1.4-usage", "a resumption PSK with usage reinit", []Proposal{resumption(ResumptionReInit)}},
		{"psk-branch", "9420-12.1.4-usage", "a resumption PSK with usage branch", []Proposal{resumption(ResumptionBranch)}},
		{"reinit-version", "9420-12.1.5-version", "a ReInit to version 0", []Proposal{ReInit{GroupID: []byte("next"), Suite: testSuite}}},
		{"reinit-and-add", "9420-12.2-reinit-alone", "a ReInit with an Add", []Proposal{Add{dave}, ReInit{GroupID: []byte("next"), Version: 1, Suite: testSuite}}},
		{"external-init", "9420-12.2-external-init", "ExternalInit in a member's commit", []Proposal{ExternalInit{[]byte("kem")}}},
		{"extensions-twice", "9420-12.2-duplicate-extensions", "two GroupContextExtensions", []Proposal{gce(), gce()}},
		{"required-encoding", "9420-11.1-encoding", "required_capabilities that cannot be read", []Proposal{gce(Extension{ExtensionRequiredCapabilities, []byte{0xff}})}},
		{"senders-encoding", "9420-12.1.8.1-encoding", "external_senders that cannot be read", []Proposal{gce(Extension{ExtensionExternalSenders, []byte{0xff}})}},
		{"dictionary-encoding", "mlsext-app-data-encoding", "an app_data_dictionary that cannot be read", []Proposal{gce(Extension{ExtensionAppDataDictionary, []byte{0xff}})}},
		{"required-extension", "9420-7.3-required-extension", "a required extension that nobody supports", []Proposal{required(RequiredCapabilities{Extensions: []ExtensionType{0xf000}})}},
		{"required-proposal", "9420-7.3-required-proposal", "a required proposal that nobody supports", []Proposal{required(RequiredCapabilities{Proposals: []ProposalType{0xf000}})}},
		{"required-credential", "9420-7.3-required-credential", "a required credential that nobody supports", []Proposal{required(RequiredCapabilities{Credentials: []CredentialType{CredentialX509}})}},
		{"group-extension", "9420-12.1.7-group-extension-support", "a group extension that nobody supports", []Proposal{gce(Extension{0xf000, nil})}},
		{"unknown-type", "9420-12.2-unsupported-type", "a proposal of a type that nobody knows", []Proposal{UnknownProposal{0xf000, nil}}},
		{"add-key-of-member", "9420-7.3-signature-key-unique", "an Add with carol's signature key", []Proposal{Add{x.s.clientOf(x.t, carol, func(*KeyPackage) {})}}},
		{"add-encryption-key", "9420-7.3-encryption-key-unique", "an Add with carol's encryption key", []Proposal{addOf(func(kp *KeyPackage) { kp.LeafNode.EncryptionKey = x.a.public.tree.leaf(2).EncryptionKey })}},
		{"add-init-key", "9420-10.1-init-key-differs", "an Add whose init key is the leaf's", []Proposal{addOf(func(kp *KeyPackage) { kp.InitKey = kp.LeafNode.EncryptionKey })}},
		{"add-suite", "9420-10.1-suite-version", "an Add of another suite", []Proposal{addOf(func(kp *KeyPackage) { kp.Suite = SuiteP256AES128SHA256P256 })}},
		{"add-expired", "9420-7.3-lifetime", "an Add of a key package that expired", []Proposal{addOf(func(kp *KeyPackage) { kp.LeafNode.Lifetime = Lifetime{1000, 1499} })}},
		{"add-early", "9420-7.3-lifetime", "an Add of a key package that is not valid yet", []Proposal{addOf(func(kp *KeyPackage) { kp.LeafNode.Lifetime = Lifetime{1501, 2000} })}},
		{"add-credential", "9420-7.3-credential-support", "an Add with a credential type that members do not support", []Proposal{addOf(func(kp *KeyPackage) {
			kp.LeafNode.Credential = Credential{Type: 0xf000}
			kp.LeafNode.Capabilities.Credentials = []CredentialType{0xf000, CredentialBasic}
		})}},
		{"add-no-basic", "9420-7.3-credential-support", "an Add of a client that does not support the members' credential type", []Proposal{addOf(func(kp *KeyPackage) {
			kp.LeafNode.Credential = Credential{Type: 0xf000}
			kp.LeafNode.Capabilities.Credentials = []CredentialType{0xf000}
		})}},
		{"self-remove", "mlsext-self-remove-by-value", "SelfRemove by value", []Proposal{SelfRemove{}}},
		{"app-data-absent", "mlsext-app-data-remove-absent", "the removal of data that is not there", []Proposal{AppDataUpdate{Component: 9, Remove: true}}},
		{"app-data-mix", "mlsext-app-data-mix", "an update and a removal of one component", []Proposal{AppDataUpdate{Component: 9, Remove: true}, AppDataUpdate{Component: 9, Update: []byte("x")}}},
		{"app-data-twice", "mlsext-app-data-mix", "two removals of one component", []Proposal{AppDataUpdate{Component: 9, Remove: true}, AppDataUpdate{Component: 9, Remove: true}}},
		{"app-data-refused", "mlsext-app-data-refused", "an update that the application refuses", []Proposal{AppDataUpdate{Component: 9, Update: []byte("refuse")}}},
		{"too-many", "limit-proposals", "more proposals than a commit may have", slices.Repeat([]Proposal{Remove{2}}, MaxProposals+1)},
	} {
		x.add("commit", v.name, v.rule, v.comment, insider(x.t, x.b, 1, good, func(m *PublicMessage) {
			if _, added := v.list[0].(Add); added {
				m.Content.Commit.Path = nil
			}
			for _, p := range v.list {
				m.Content.Commit.Proposals = append(m.Content.Commit.Proposals, ProposalOrRef{Proposal: p})
			}
		}))
	}
}

func (x *rejectMaker) proposals(hub Signer) {
	_, good, err := x.b.Propose(1, Remove{2}, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.add("proposal", "good", accepted, "a Remove by bob", good)
	bob := *x.b.public.tree.leaf(1)
	bob.Source = LeafNodeSourceUpdate
	x.signLeaf(&bob)
	foreign := bob
	foreign.EncryptionKey = x.s.newClient(x.t, "dave").KeyPackage.InitKey
	if err := foreign.sign(x.b.public.suite, x.b.localAt(1).signature, []byte("grouq"), 1); err != nil {
		x.t.Fatal(err)
	}
	for _, v := range []struct {
		name, rule, comment string
		change              func(m *PublicMessage)
	}{
		{"blank-sender", "9420-6.1-sender", "a proposal by a leaf that is blank", func(m *PublicMessage) { m.Content.Sender.Leaf = 3 }},
		{"other-sender", "9420-6.1-signature", "a proposal by bob in carol's name", func(m *PublicMessage) { m.Content.Sender.Leaf = 2 }},
		{"remove-blank", "9420-12.1.3-no-such-member", "a Remove of a blank leaf", func(m *PublicMessage) { m.Content.Proposal = Remove{3} }},
		{"no-external-sender", "9420-12.1.8-external-sender", "a proposal by an external sender that is not listed", func(m *PublicMessage) { m.Content.Sender = Sender{Type: SenderExternal, Index: 1} }},
		{"external-signature", "9420-6.1-signature", "a proposal by bob in the external sender's name", func(m *PublicMessage) { m.Content.Sender = Sender{Type: SenderExternal} }},
		{"update-key", "9420-7.3-update-key", "an Update that keeps the encryption key", func(m *PublicMessage) { m.Content.Proposal = Update{bob} }},
		{"update-group", "9420-7.3-leaf-signature", "an Update signed for another group", func(m *PublicMessage) { m.Content.Proposal = Update{foreign} }},
		{"group-id", "9420-6-group-id", "a proposal for another group", func(m *PublicMessage) { m.Content.GroupID = []byte("grouq") }},
	} {
		x.add("proposal", v.name, v.rule, v.comment, insider(x.t, x.b, 1, good, v.change))
	}
	outside, err := ExternalProposal(x.a.Public(), hub, Remove{2}, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.add("proposal", "external-good", accepted, "a Remove by the external sender", outside)
	dave := x.s.newClient(x.t, "dave")
	asked, err := NewMemberProposal(x.a.Public(), dave, nil)
	if err != nil {
		x.t.Fatal(err)
	}
	x.add("proposal", "new-member-good", accepted, "an Add by who is to be added", asked)
	asked = reencode(x.t, asked)
	asked.Public.Auth.Signature = flip(asked.Public.Auth.Signature, 0)
	x.add("proposal", "new-member-signature", "9420-6.1-signature", "an Add by who is to be added with a bit of its signature turned", asked)
}

// messages has application data by bob, and what a PrivateMessage can have wrong.
func (x *rejectMaker) messages() {
	b, err := x.b.Reserve(1, 1)
	if err != nil {
		x.t.Fatal(err)
	}
	_, good, err := b.Protect(x.s.next(), 1, []byte("hello"), []byte("aad"))
	if err != nil {
		x.t.Fatal(err)
	}
	x.add("message", "good", accepted, "application data by bob", good)
	each := func(name, rule, comment string, change func(m *PrivateMessage)) {
		m := reencode(x.t, good)
		change(m.Private)
		x.add("message", name, rule, comment, m)
	}
	each("ciphertext", "9420-6.3.2-sender-data", "the first bit of the ciphertext turned, which the sender data's key depends on", func(m *PrivateMessage) { m.Ciphertext = flip(m.Ciphertext, 0) })
	each("ciphertext-end", "9420-6.3.1-content", "the last bit of the ciphertext turned", func(m *PrivateMessage) { m.Ciphertext = flip(m.Ciphertext, len(m.Ciphertext)-1) })
	each("sender-data", "9420-6.3.2-sender-data", "a bit of the sender data turned", func(m *PrivateMessage) { m.EncryptedSenderData = flip(m.EncryptedSenderData, 0) })
	each("aad", "9420-6.3.1-content", "other authenticated data", func(m *PrivateMessage) { m.AuthenticatedData = []byte("abd") })
	each("group-id", "9420-6-group-id", "a message of another group", func(m *PrivateMessage) { m.GroupID = []byte("grouq") })
	each("content-type", "9420-6-content-type", "a commit in a message's place", func(m *PrivateMessage) { m.ContentType = ContentCommit })
	private := func(name, rule, comment string, leaf LeafIndex, change func(ac *authenticatedContent)) {
		tree, err := x.b.tree.Reserve(treemath.LeafIndex(leaf), ratchetOf(ContentApplication), 1)
		if err != nil {
			x.t.Fatal(err)
		}
		_, key, err := tree.Next(treemath.LeafIndex(leaf), ratchetOf(ContentApplication))
		if err != nil {
			x.t.Fatal(err)
		}
		c := &x.b.public.context
		ac := &authenticatedContent{WireFormat: WireFormatPrivateMessage, Content: FramedContent{GroupID: c.GroupID, Epoch: c.Epoch,
			Sender: Sender{Type: SenderMember, Leaf: leaf}, ContentType: ContentApplication, Application: []byte("hello")}}
		if err := ac.sign(x.b.public.suite, x.b.localAt(1).signature, x.b.public.encodedContext); err != nil {
			x.t.Fatal(err)
		}
		change(ac)
		x.add("message", name, rule, comment, &Message{Format: WireFormatPrivateMessage,
			Private: ac.protectPrivate(x.b.public.suite, x.b.secrets.SenderData, key, [4]byte{}, 0)})
	}
	private("blank-sender", "9420-6.3.2-sender", "a message by a leaf that is blank", 3, func(*authenticatedContent) {})
	private("other-sender", "9420-6.1-signature", "a message by bob in carol's name", 2, func(*authenticatedContent) {})
	private("signature", "9420-6.1-signature", "a bit of the signature turned before encryption", 1, func(ac *authenticatedContent) { ac.Auth.Signature = flip(ac.Auth.Signature, 3) })
	x.add("message", "public", "9420-6-application-public", "application data in a PublicMessage", insider(x.t, x.b, 1, commit(x.t, &x.s, x.b, 1, CommitParams{}).Commit,
		func(m *PublicMessage) {
			m.Content.ContentType, m.Content.Application = ContentApplication, []byte("hello")
		}))
}

// externalCommits has commits by dave, who joins, seen by alice.
func (x *rejectMaker) externalCommits() {
	gi, err := x.a.GroupInfo(0, true)
	if err != nil {
		x.t.Fatal(err)
	}
	dave := x.s.newClient(x.t, "dave")
	staged, err := ExternalCommit(x.s.next(), gi, dave, ExternalCommitParams{Config: testConfig()})
	if err != nil {
		x.t.Fatal(err)
	}
	x.add("commit", "external-good", accepted, "dave joins by external commit", staged.Commit)
	other := x.s.newClient(x.t, "other").KeyPackage
	for _, v := range []struct {
		name, rule, comment string
		change              func(c *Commit)
	}{
		{"external-no-init", "9420-12.2-external-init", "an external commit without ExternalInit", func(c *Commit) { c.Proposals = nil }},
		{"external-two-inits", "9420-12.2-external-init", "an external commit with two ExternalInits", func(c *Commit) { c.Proposals = append(c.Proposals, c.Proposals[0]) }},
		{"external-two-removes", "9420-12.2-external-remove", "an external commit with two Removes", func(c *Commit) {
			c.Proposals = append(c.Proposals, ProposalOrRef{Proposal: Remove{1}}, ProposalOrRef{Proposal: Remove{2}})
		}},
		{"external-add", "9420-12.2-external-type", "an external commit with an Add", func(c *Commit) { c.Proposals = append(c.Proposals, ProposalOrRef{Proposal: Add{other}}) }},
		{"external-kem-output", "9420-8.3-external-init", "an ExternalInit whose KEM output is too short", func(c *Commit) { c.Proposals[0].Proposal = ExternalInit{[]byte("kem")} }},
		{"external-leaf-signature", "9420-7.3-leaf-signature", "an external commit whose leaf has a bit of its signature turned", func(c *Commit) { c.Path.LeafNode.Signature = flip(c.Path.LeafNode.Signature, 0) }},
	} {
		m := reencode(x.t, staged.Commit)
		v.change(m.Public.Content.Commit)
		ac := &authenticatedContent{WireFormat: WireFormatPublicMessage, Content: m.Public.Content, Auth: m.Public.Auth}
		if err := ac.sign(x.a.public.suite, dave.Signature, x.a.public.encodedContext); err != nil {
			x.t.Fatal(err)
		}
		m.Public.Auth = ac.Auth
		x.add("commit", v.name, v.rule, v.comment, m)
	}
	back, err := ExternalCommit(x.s.next(), gi, x.s.newClient(x.t, "bob"), ExternalCommitParams{ByValue: []Proposal{Remove{1}}, Config: testConfig()})
	if err != nil {
		x.t.Fatal(err)
	}
	x.add("commit", "resync-good", accepted, "bob comes back by external commit", back.Commit)
	again, err := NewSigner(testSuite, x.s.next())
	if err != nil {
		x.t.Fatal(err)
	}
	kept := reencode(x.t, back.Commit)
	n := &kept.Public.Content.Commit.Path.LeafNode
	n.EncryptionKey, n.SignatureKey = x.a.public.tree.leaf(1).EncryptionKey, again.Public
	if err := n.sign(x.a.public.suite, again.Private, []byte("group"), 1); err != nil {
		x.t.Fatal(err)
	}
	resync := &authenticatedContent{WireFormat: WireFormatPublicMessage, Content: kept.Public.Content, Auth: kept.Public.Auth}
	if err := resync.sign(x.a.public.suite, again.Private, x.a.public.encodedContext); err != nil {
		x.t.Fatal(err)
	}
	kept.Public.Auth = resync.Auth
	x.add("commit", "resync-key", "9420-12.2-resync-key", "bob comes back with the encryption key that he had", kept)
	m := reencode(x.t, staged.Commit)
	m.Public.Auth.Signature = flip(m.Public.Auth.Signature, 0)
	x.add("commit", "external-signature", "9420-6.1-signature", "an external commit with a bit of its signature turned", m)
}

// welcomes has what dave is sent, with the keys that dave has.
func (x *rejectMaker) welcomes() {
	s := x.a.public.suite
	dave, other := x.s.newClient(x.t, "dave"), x.s.newClient(x.t, "other")
	staged := commit(x.t, &x.s, x.a, 0, CommitParams{ByValue: []Proposal{Add{dave.KeyPackage}}, ForcePath: true})
	tree := staged.Group.Public().Tree()
	join := func(name, rule, comment string, w *Welcome, tree RatchetTree, who *KeyPackageSecrets) {
		x.add("join", name, rule, comment, &Message{Format: WireFormatWelcome, Welcome: w})
		if tree != nil {
			x.with("tree", wire.Marshal(tree))
		}
		x.with("key-package", wire.Marshal(&who.KeyPackage))
		x.with("init", who.Init)
		x.with("leaf", who.Leaf)
		x.with("signature", who.Signature)
	}
	join("good", accepted, "alice adds dave", staged.Welcome, tree, dave)
	join("not-addressed", "9420-12.4.3.1-not-addressed", "a Welcome for somebody else", staged.Welcome, tree, other)
	wrong := *dave
	wrong.Init = other.Init
	join("init-key", "9420-12.4.3.1-decrypt", "another init key than the key package's", staged.Welcome, tree, &wrong)
	wrong = *dave
	wrong.Leaf = other.Leaf
	join("leaf-key", "9420-12.4.3.1-own-key", "another leaf key than the key package's", staged.Welcome, tree, &wrong)
	join("no-tree", "9420-12.4.3.1-no-tree", "no tree at all", staged.Welcome, nil, dave)
	join("old-tree", "9420-12.4.3.1-tree-hash", "the tree of the epoch before", staged.Welcome, x.a.Public().Tree(), dave)
	w := *staged.Welcome
	w.Suite = SuiteP256AES128SHA256P256
	join("suite", "9420-12.4.3.1-suite", "another suite than the key package's", &w, tree, dave)
	forged := func(name, rule, comment string, change func(*groupSecrets), info func(*GroupInfo)) {
		_, opened, err := openWelcome(staged.Welcome, dave)
		if err != nil {
			x.t.Fatal(err)
		}
		secrets := &joinSecrets{opened.JoinerSecret, nil}
		gi, err := secrets.open(s, staged.Welcome.EncryptedGroupInfo)
		if err != nil {
			x.t.Fatal(err)
		}
		info(gi)
		if err := gi.sign(s, staged.Group.localAt(0).signature); err != nil {
			x.t.Fatal(err)
		}
		w := &Welcome{Suite: testSuite, EncryptedGroupInfo: secrets.seal(s, wire.Marshal(gi))}
		change(opened)
		e, err := encryptGroupSecrets(s.Encryption("Welcome", w.EncryptedGroupInfo), &dave.KeyPackage, opened)
		if err != nil {
			x.t.Fatal(err)
		}
		w.Secrets = append(w.Secrets, e)
		join(name, rule, comment, w, tree, dave)
	}
	same, asIs := func(*groupSecrets) {}, func(*GroupInfo) {}
	branch := PreSharedKeyID{Type: PSKResumption, Usage: ResumptionBranch, GroupID: []byte("group"), Nonce: make([]byte, 32)}
	forged("no-path-secret", "9420-12.4.3.1-path-secret", "no path secret after a commit with path", func(g *groupSecrets) { g.PathSecret = nil }, asIs)
	forged("path-secret", "9420-7.5-path-key", "a path secret of another key", func(g *groupSecrets) { g.PathSecret = make([]byte, 32) }, asIs)
	forged("two-branches", "9420-12.4.3.1-psk", "two PSKs with usage branch", func(g *groupSecrets) { g.PSKs = []PreSharedKeyID{branch, branch} }, asIs)
	forged("psk-nonce", "9420-8.4-nonce", "a PSK whose nonce is too short", func(g *groupSecrets) {
		g.PSKs = []PreSharedKeyID{{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 31)}}
	}, asIs)
	forged("psk-too-many", "limit-proposals", "more PSKs than a commit may have", func(g *groupSecrets) {
		g.PSKs = slices.Repeat([]PreSharedKeyID{{Type: PSKExternal}}, MaxProposals+1)
	}, asIs)
	forged("branch", "9420-12.4.2-psk-unknown", "a PSK of a group to branch off that the joiner is not in", func(g *groupSecrets) { g.PSKs = []PreSharedKeyID{branch} }, asIs)
	forged("signer", "9420-12.4.3.1-signer", "a GroupInfo by a leaf that is blank", same, func(gi *GroupInfo) { gi.Signer = 7 })
	forged("signature", "9420-12.4.3-group-info-signature", "a GroupInfo by alice in bob's name", same, func(gi *GroupInfo) { gi.Signer = 1 })
	forged("epoch", "9420-8.1-confirmation-tag", "a GroupInfo of another epoch", same, func(gi *GroupInfo) { gi.Context.Epoch++ })
	forged("version", "9420-12.4.3.1-encoding", "a GroupInfo of version 2", same, func(gi *GroupInfo) { gi.Context.Version = 2 })
}

// groupInfos has what a hub or joiner is given to start from.
func (x *rejectMaker) groupInfos() {
	good, err := x.a.GroupInfo(0, false)
	if err != nil {
		x.t.Fatal(err)
	}
	tree := x.a.Public().Tree()
	each := func(name, rule, comment string, tree RatchetTree, change func(gi *GroupInfo)) {
		gi := *good
		change(&gi)
		if err := gi.sign(x.a.public.suite, x.a.localAt(0).signature); err != nil {
			x.t.Fatal(err)
		}
		x.add("groupinfo", name, rule, comment, &Message{Format: WireFormatGroupInfo, GroupInfo: &gi})
		if tree != nil {
			x.with("tree", wire.Marshal(tree))
		}
	}
	// rehashed is a tree changed behind the back of its signers, with the right hash in the GroupInfo.
	rehashed := func(name, rule, comment string, change func(nodes RatchetTree)) {
		nodes := slices.Clone(tree)
		change(nodes)
		t, err := importTree(nodes)
		if err != nil {
			x.t.Fatal(err)
		}
		each(name, rule, comment, nodes, func(gi *GroupInfo) { gi.Context.TreeHash = t.hashed(x.a.public.suite).hash() })
	}
	parent := func(nodes RatchetTree, i int) *ParentNode {
		p := *nodes[i].Parent
		nodes[i] = &Node{Parent: &p}
		return &p
	}
	leaf := func(nodes RatchetTree, i int) *LeafNode {
		n := *nodes[i].Leaf
		nodes[i] = &Node{Leaf: &n}
		return &n
	}
	asIs := func(*GroupInfo) {}
	each("good", accepted, "the group as it is", tree, asIs)
	each("no-tree", "9420-12.4.3.1-no-tree", "no tree at all", nil, asIs)
	each("tree-hash", "9420-12.4.3.1-tree-hash", "another tree hash", tree, func(gi *GroupInfo) { gi.Context.TreeHash = flip(gi.Context.TreeHash, 0) })
	each("tree-cut", "9420-12.4.3.1-tree-hash", "half of the tree", tree[:3], asIs)
	each("tree-encoding", "9420-12.4.3.3-encoding", "a ratchet_tree extension that cannot be read", nil, func(gi *GroupInfo) { gi.Extensions = []Extension{{ExtensionRatchetTree, []byte{9}}} })
	each("signer-blank", "9420-12.4.3.1-signer", "a signer that is blank", tree, func(gi *GroupInfo) { gi.Signer = 3 })
	each("signature", "9420-12.4.3-group-info-signature", "alice's signature in bob's name", tree, func(gi *GroupInfo) { gi.Signer = 1 })
	each("suite", "9420-12.4.3.1-suite", "a suite that nobody knows", tree, func(gi *GroupInfo) { gi.Context.Suite = 0x7a7a })
	each("trailing-blank", "wire ratchet_tree", "a tree that ends with a blank node", append(slices.Clone(tree), nil), asIs)
	each("node-type", "wire ratchet_tree", "a parent in a leaf's place", append(slices.Clone(tree[:len(tree)-1]), &Node{Parent: &ParentNode{}}), asIs)
	each("group-extension", "9420-12.1.7-group-extension-support", "a group extension that members do not support", tree,
		func(gi *GroupInfo) {
			gi.Context.Extensions = append(slices.Clone(gi.Context.Extensions), Extension{0xf000, nil})
		})
	rehashed("leaf-signature", "9420-7.3-leaf-signature", "a leaf whose identity was changed", func(nodes RatchetTree) { leaf(nodes, 4).Credential.Identity = []byte("mallory") })
	rehashed("leaf-twice", "9420-7.3-encryption-key-unique", "alice's leaf in bob's place, too", func(nodes RatchetTree) { nodes[2] = nodes[0] })
	rehashed("signature-key-twice", "9420-7.3-signature-key-unique", "alice's signature key in bob's leaf", func(nodes RatchetTree) { leaf(nodes, 2).SignatureKey = nodes[0].Leaf.SignatureKey })
	rehashed("parent-key-of-leaf", "9420-12.4.3.1-parent-key-unique", "alice's key at the root", func(nodes RatchetTree) { parent(nodes, 3).EncryptionKey = nodes[0].Leaf.EncryptionKey })
	rehashed("parent-hash", "9420-7.9.2-parent-hash", "another key at the root", func(nodes RatchetTree) {
		parent(nodes, 3).EncryptionKey = x.s.newClient(x.t, "other").KeyPackage.InitKey
	})
	rehashed("unmerged-blank", "9420-12.4.3.1-unmerged-leaf", "an unmerged leaf that is blank", func(nodes RatchetTree) { parent(nodes, 3).UnmergedLeaves = []LeafIndex{3} })
}

func (x *rejectMaker) keyPackages() {
	each := func(name, rule, comment string, kp KeyPackage) {
		x.add("keypackage", name, rule, comment, &Message{Format: WireFormatKeyPackage, KeyPackage: &kp})
	}
	signed := func(name, rule, comment string, change func(kp *KeyPackage)) {
		each(name, rule, comment, x.s.client(x.t, change))
	}
	signed("good", accepted, "a key package", func(*KeyPackage) {})
	signed("suite", "9420-10.1-suite-version", "another suite", func(kp *KeyPackage) { kp.Suite = SuiteP256AES128SHA256P256 })
	signed("init-key", "9420-10.1-init-key", "an init key of 31 bytes", func(kp *KeyPackage) { kp.InitKey = kp.InitKey[1:] })
	signed("init-key-zero", "9420-10.1-init-key", "an init key of low order", func(kp *KeyPackage) { kp.InitKey = make([]byte, 32) })
	signed("init-key-is-leaf-key", "9420-10.1-init-key-differs", "one key for both purposes", func(kp *KeyPackage) { kp.InitKey = kp.LeafNode.EncryptionKey })
	signed("extension-good", accepted, "an extension that the leaf does not list, as GREASE may be (§13.5)", func(kp *KeyPackage) { kp.Extensions = []Extension{{0xf000, nil}} })
	signed("source", "9420-7.3-leaf-node-source", "a leaf of an Update", func(kp *KeyPackage) { kp.LeafNode.Source = LeafNodeSourceUpdate })
	signed("expired", "9420-7.3-lifetime", "a key package that expired", func(kp *KeyPackage) { kp.LeafNode.Lifetime.NotAfter = 1499 })
	signed("early", "9420-7.3-lifetime", "a key package that is not valid yet", func(kp *KeyPackage) { kp.LeafNode.Lifetime.NotBefore = 1501 })
	signed("certificate", "9420-5.3-certificate-key", "an X.509 credential without certificate", func(kp *KeyPackage) {
		kp.LeafNode.Credential, kp.LeafNode.Capabilities.Credentials = Credential{Type: CredentialX509}, []CredentialType{CredentialX509}
	})
	kp := x.s.client(x.t, func(*KeyPackage) {})
	kp.Signature = flip(kp.Signature, 0)
	each("signature", "9420-10.1-key-package-signature", "a bit of the signature turned", kp)
	kp = x.s.client(x.t, func(*KeyPackage) {})
	kp.LeafNode.Signature = flip(kp.LeafNode.Signature, 0)
	each("leaf-signature", "9420-7.3-leaf-signature", "a bit of the leaf's signature turned", kp)
}

// encodings has messages that do not decode: the rule is the field at which decoding stops.
func (x *rejectMaker) encodings() {
	good := wire.Marshal(commit(x.t, &x.s, x.b, 1, CommitParams{}).Commit)
	each := func(name, field, comment string, message []byte) {
		x.cases = append(x.cases, rejectCase{"wire-" + name, comment, "wire " + field, "commit", map[string][]byte{"message": message}})
	}
	at := func(i int, b byte) []byte {
		out := slices.Clone(good)
		out[i] = b
		return out
	}
	each("empty", "MLSMessage.version", "nothing at all", nil)
	each("version", "MLSMessage.version", "a message of version 2", at(1, 2))
	each("wire-format", "MLSMessage.wire_format", "a wire format that nobody knows", at(2, 0xf0))
	each("huge-group-id", "FramedContent.group_id", "a group id that claims to be longer than the message", at(4, 0x7f))
	each("length-not-minimal", "FramedContent.group_id", "a length in two bytes that fits into one", slices.Insert(slices.Clone(good), 4, 0x40))
	each("length-reserved", "FramedContent.group_id", "a length with the reserved prefix", at(4, 0xff))
	each("sender-type", "Sender.sender_type", "a sender type that nobody knows", at(18, 9))
	each("cut", "PublicMessage.membership_tag", "a message without its last byte", good[:len(good)-1])
	each("trailing", "PublicMessage.membership_tag", "a message with a byte too many", append(slices.Clone(good), 0))
}
