package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// trio returns one group as seen by its members alice (leaf 0), bob (1) and carol (2), with a populated tree.
func trio(t *testing.T, s *testSeed, extensions ...Extension) (a, b, c *Group) {
	t.Helper()
	alice, bob, carol := s.newClient(t, "alice"), s.newClient(t, "bob"), s.newClient(t, "carol")
	staged := commit(t, s, s.newGroup(t, alice, extensions...), 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}, Add{carol.KeyPackage}}})
	a, b, c = staged.Group, join(t, staged, bob), join(t, staged, carol)
	staged = commit(t, s, c, 2, CommitParams{})
	return follow(t, a, staged.Commit), follow(t, b, staged.Commit), staged.Group
}

// client is newClient with changes, signed afterwards.
func (s *testSeed) client(t *testing.T, change func(kp *KeyPackage)) KeyPackage {
	t.Helper()
	signer, err := NewSigner(testSuite, s.next())
	if err != nil {
		t.Fatal(err)
	}
	return s.clientOf(t, signer, change)
}

func (s *testSeed) clientOf(t *testing.T, signer Signer, change func(kp *KeyPackage)) KeyPackage {
	t.Helper()
	kp := s.newClient(t, "dave").KeyPackage
	kp.LeafNode.SignatureKey = signer.Public
	change(&kp)
	st, err := suite.ByID(uint16(testSuite))
	if err != nil {
		t.Fatal(err)
	}
	if err := kp.LeafNode.sign(st, signer.Private, nil, 0); err != nil {
		t.Fatal(err)
	}
	if kp.Signature, err = st.SignContent(signer.Private, kp.signContent()); err != nil {
		t.Fatal(err)
	}
	return kp
}

// Each list of proposals that RFC 9420 §12.1, §12.2 or draft-ietf-mls-extensions forbids is refused by its rule, by those who
// commit as by those who receive: both run the same check. The group is unchanged.
func TestProposalRejects(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	dave := s.newClient(t, "dave").KeyPackage
	bobSigner := Signer{testSuite, b.Public().tree.leaf(1).SignatureKey, b.localAt(1).signature}
	psk := PreSharedKey{PreSharedKeyID{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 32)}}
	gce := func(e ...Extension) Proposal { return GroupContextExtensions{e} }
	required := func(c RequiredCapabilities) Proposal {
		return gce(Extension{ExtensionRequiredCapabilities, wire.Marshal(c)})
	}
	garbage := []byte{0xff}
	update := *a.Public().tree.leaf(0)
	update.Source, update.EncryptionKey = LeafNodeSourceUpdate, dave.InitKey
	if err := update.sign(a.public.suite, a.localAt(0).signature, []byte("group"), 0); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		rule string
		list []Proposal
	}{
		{"9420-12.2-own-leaf", []Proposal{Remove{0}}},
		{"9420-12.2-own-leaf", []Proposal{Update{update}}},
		{"9420-12.2-duplicate-leaf", []Proposal{Remove{1}, Remove{1}}},
		{"9420-12.2-duplicate-add", []Proposal{Add{dave}, Add{dave}}},
		{"9420-12.1.3-no-such-member", []Proposal{Remove{3}}},
		{"9420-12.1.3-no-such-member", []Proposal{Remove{1 << 31}}},
		{"9420-12.2-duplicate-psk", []Proposal{psk, psk}},
		{"9420-12.4.2-psk-unknown", []Proposal{psk}},
		{"9420-12.1.4-nonce", []Proposal{PreSharedKey{PreSharedKeyID{Type: PSKExternal, Nonce: make([]byte, 31)}}}},
		{"9420-12.1.4-usage", []Proposal{PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: ResumptionReInit, Nonce: make([]byte, 32)}}}},
		{"9420-12.1.4-usage", []Proposal{PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: ResumptionBranch, Nonce: make([]byte, 32)}}}},
		{"9420-12.1.5-version", []Proposal{ReInit{GroupID: []byte("next"), Suite: testSuite}}},
		{"9420-12.2-reinit-alone", []Proposal{Add{dave}, ReInit{GroupID: []byte("next"), Version: 1, Suite: testSuite}}},
		{"9420-12.2-external-init", []Proposal{ExternalInit{[]byte("kem")}}},
		{"9420-12.2-duplicate-extensions", []Proposal{gce(), gce()}},
		{"9420-13.4-extension-unique", []Proposal{gce(Extension{6, []byte{0}}, Extension{6, []byte{0}})}},
		{"9420-11.1-encoding", []Proposal{gce(Extension{ExtensionRequiredCapabilities, garbage})}},
		{"9420-12.1.8.1-encoding", []Proposal{gce(Extension{ExtensionExternalSenders, garbage})}},
		{"mlsext-app-data-encoding", []Proposal{gce(Extension{ExtensionAppDataDictionary, garbage})}},
		{"9420-7.3-required-extension", []Proposal{required(RequiredCapabilities{Extensions: []ExtensionType{0x7a7a}})}},
		{"9420-7.3-required-proposal", []Proposal{required(RequiredCapabilities{Proposals: []ProposalType{0x7a7a}})}},
		{"9420-7.3-required-credential", []Proposal{required(RequiredCapabilities{Credentials: []CredentialType{CredentialX509}})}},
		{"9420-12.1.7-group-extension-support", []Proposal{gce(Extension{0x7a7a, nil})}},
		{"9420-12.2-unsupported-type", []Proposal{UnknownProposal{0x7a7a, nil}}},
		{"9420-7.3-signature-key-unique", []Proposal{Add{s.clientOf(t, bobSigner, func(*KeyPackage) {})}}},
		{"9420-7.3-encryption-key-unique", []Proposal{Add{s.client(t, func(kp *KeyPackage) { kp.LeafNode.EncryptionKey = a.Public().tree.leaf(1).EncryptionKey })}}},
		{"9420-7.3-credential-support", []Proposal{Add{s.client(t, func(kp *KeyPackage) {
			kp.LeafNode.Credential = Credential{Type: 0x1234}
			kp.LeafNode.Capabilities.Credentials = []CredentialType{0x1234, CredentialBasic}
		})}}},
		{"9420-7.3-own-extension", []Proposal{Add{s.client(t, func(kp *KeyPackage) { kp.LeafNode.Extensions = []Extension{{0x7a7a, nil}} })}}},
		{"mlsext-self-remove-by-value", []Proposal{SelfRemove{}}},
		{"mlsext-app-data-remove-absent", []Proposal{AppDataUpdate{Component: 9, Remove: true}}},
		{"mlsext-app-data-mix", []Proposal{AppDataUpdate{Component: 9, Remove: true}, AppDataUpdate{Component: 9, Update: []byte("x")}}},
		{"mlsext-app-data-mix", []Proposal{AppDataUpdate{Component: 9, Remove: true}, AppDataUpdate{Component: 9, Remove: true}}},
		{"mlsext-app-data-refused", []Proposal{AppDataUpdate{Component: 9, Update: []byte("refuse")}}},
		{"limit-proposals", slices.Repeat([]Proposal{Remove{1}}, MaxProposals+1)},
	} {
		before := a.EpochAuthenticator()
		_, err := a.Commit(s.next(), 0, CommitParams{ByValue: c.list})
		wantRule(t, c.rule, c.rule, err)
		if !bytes.Equal(before, a.EpochAuthenticator()) {
			t.Errorf("%s: the group changed", c.rule)
		}
	}
	_, err := a.WithConfig(Config{}).Commit(s.next(), 0, CommitParams{ByValue: []Proposal{AppDataUpdate{Component: 9, Update: []byte("x")}}})
	wantRule(t, "application without components", "mlsext-component-unknown", err)
	_, err = a.WithNow(2001).Commit(s.next(), 0, CommitParams{ByValue: []Proposal{Add{dave}}})
	wantRule(t, "expired key package", "9420-7.3-lifetime", err)
	_, err = a.Commit(s.next(), 0, CommitParams{ByReference: []ProposalRef{[]byte("ref")}})
	wantRule(t, "unknown reference", "9420-12.4.2-unknown-reference", err)
	_, err = a.Export("label", nil, 255*32+1)
	wantRule(t, "long export", "9420-8.5-length", err)
	_, err = a.Reserve(0, schedule.MaxReserve+1)
	wantRule(t, "large reservation", "limit-reserve", err)

	a2 := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{s.client(t, func(kp *KeyPackage) { kp.LeafNode.Capabilities.Proposals = nil })}}}).Group
	_, err = a2.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{AppDataUpdate{Component: 9, Update: []byte("x")}}})
	wantRule(t, "a member that does not support the type", "9420-12.2-proposal-support", err)

	ended := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{ReInit{GroupID: []byte("next"), Version: 1, Suite: testSuite}}}).Group
	_, err = ended.Commit(s.next(), 0, CommitParams{})
	wantRule(t, "commit after ReInit", "9420-12.4.2-reinit", err)
	_, _, err = ended.Propose(0, Remove{1}, nil)
	wantRule(t, "proposal after ReInit", "9420-12.4.2-reinit", err)
}

// Where AppDataUpdate is required, GroupContextExtensions keeps off the dictionary (draft-ietf-mls-extensions).
func TestGroupContextExtensionsKeepsAppData(t *testing.T) {
	var s testSeed
	dict := Extension{ExtensionAppDataDictionary, wire.Marshal(AppDataDictionary{{9, []byte("x")}})}
	required := Extension{ExtensionRequiredCapabilities, wire.Marshal(RequiredCapabilities{Proposals: []ProposalType{ProposalAppDataUpdate}})}
	a, _, _ := trio(t, &s, dict, required)
	for _, list := range [][]Extension{{required}, {required, {ExtensionAppDataDictionary, []byte{0}}}} {
		_, err := a.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{GroupContextExtensions{list}}})
		wantRule(t, "dictionary removed or changed", "mlsext-gce-app-data", err)
	}
	if _, err := a.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{GroupContextExtensions{[]Extension{dict, required}}}}); err != nil {
		t.Errorf("dictionary as it was: %v", err)
	}
}

// insider signs a changed message anew with the key of a member, whose group g is, and puts the right membership tag on it.
func insider(t *testing.T, g *Group, as LeafIndex, m *Message, change func(m *PublicMessage)) *Message {
	t.Helper()
	m = reencode(t, m)
	change(m.Public)
	ac := &authenticatedContent{WireFormat: WireFormatPublicMessage, Content: m.Public.Content, Auth: m.Public.Auth}
	if err := ac.sign(g.public.suite, g.localAt(as).signature, g.public.encodedContext); err != nil {
		t.Fatal(err)
	}
	return &Message{Format: WireFormatPublicMessage, Public: ac.protectPublic(g.public.suite, g.secrets.Membership, g.public.encodedContext)}
}

// What a member with all its keys can do wrong in a commit is refused by its rule (RFC 9420 §12.4.2), and nothing changes.
func TestCommitRejects(t *testing.T) {
	var s testSeed
	a, b, c := trio(t, &s)
	good := commit(t, &s, b, 1, CommitParams{}).Commit
	other := commit(t, &s, b, 1, CommitParams{}).Commit
	signLeaf := func(m *PublicMessage) {
		if err := m.Content.Commit.Path.LeafNode.sign(b.public.suite, b.localAt(1).signature, []byte("group"), 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, v := range []struct {
		rule   string
		change func(m *PublicMessage)
	}{
		{"9420-12.4-path-required", func(m *PublicMessage) { m.Content.Commit.Path = nil }},
		{"9420-7.6-path-length", func(m *PublicMessage) { p := m.Content.Commit.Path; p.Nodes = p.Nodes[1:] }},
		{"9420-7.6-ciphertext-count", func(m *PublicMessage) {
			n := &m.Content.Commit.Path.Nodes[0]
			n.EncryptedPathSecrets = append(n.EncryptedPathSecrets, n.EncryptedPathSecrets[0])
		}},
		{"9420-7.3-leaf-node-source", func(m *PublicMessage) {
			m.Content.Commit.Path.LeafNode.Source = LeafNodeSourceUpdate
			signLeaf(m)
		}},
		{"9420-7.9.2-leaf-parent-hash", func(m *PublicMessage) {
			l := &m.Content.Commit.Path.LeafNode
			l.ParentHash = flip(l.ParentHash, 0)
			signLeaf(m)
		}},
		{"9420-7.3-leaf-signature", func(m *PublicMessage) {
			l := &m.Content.Commit.Path.LeafNode
			l.Signature = flip(l.Signature, 0)
		}},
		{"9420-5.1.1-public-key", func(m *PublicMessage) { n := &m.Content.Commit.Path.Nodes[0]; n.EncryptionKey = n.EncryptionKey[1:] }},
		{"9420-12.4.2-path-key-unique", func(m *PublicMessage) {
			m.Content.Commit.Path.Nodes[0].EncryptionKey = a.Public().tree.leaf(2).EncryptionKey
		}},
		{"9420-7.6-decrypt", func(m *PublicMessage) {
			e := &m.Content.Commit.Path.Nodes[0].EncryptedPathSecrets[0]
			e.Ciphertext = flip(e.Ciphertext, 0)
		}},
		{"9420-8.1-confirmation-tag", func(m *PublicMessage) { m.Auth.ConfirmationTag = flip(m.Auth.ConfirmationTag, 0) }},
		{"9420-8.1-confirmation-tag", func(m *PublicMessage) { m.Auth.ConfirmationTag = other.Public.Auth.ConfirmationTag }},
		{"9420-12.2-own-leaf", func(m *PublicMessage) { m.Content.Commit.Proposals = []ProposalOrRef{{Proposal: Remove{1}}} }},
		{"9420-12.4.2-unknown-reference", func(m *PublicMessage) { m.Content.Commit.Proposals = []ProposalOrRef{{Ref: []byte("ref")}} }},
		{"9420-6.1-sender", func(m *PublicMessage) { m.Content.Sender.Leaf = 77 }},
		{"9420-6.1-signature", func(m *PublicMessage) { m.Content.Sender.Leaf = 2 }},
		{"9420-6-group-id", func(m *PublicMessage) { m.Content.GroupID = []byte("grouq") }},
		{"9420-6-content-type", func(m *PublicMessage) { m.Content.ContentType, m.Content.Proposal = ContentProposal, Remove{2} }},
		{"local-own-commit", func(m *PublicMessage) { m.Content.Sender.Leaf = 0 }},
	} {
		before := a.EpochAuthenticator()
		_, err := a.StageCommit(insider(t, b, 1, good, v.change))
		wantRule(t, v.rule, v.rule, err)
		if !bytes.Equal(before, a.EpochAuthenticator()) {
			t.Errorf("%s: the group changed", v.rule)
		}
	}
	if follow(t, a, good) == nil || follow(t, c, good) == nil {
		t.Error("the good commit no longer works")
	}
	var e *EpochError
	_, err := a.StageCommit(insider(t, b, 1, good, func(m *PublicMessage) { m.Content.Epoch++ }))
	if !errors.As(err, &e) {
		t.Errorf("other epoch: %v", err)
	}
	tampered := reencode(t, good)
	tampered.Public.MembershipTag = flip(tampered.Public.MembershipTag, 0)
	_, err = a.StageCommit(tampered)
	wantRule(t, "outsider without the membership key", "9420-6.2-membership-tag", err)
	_, err = a.StageCommit(&Message{Format: WireFormatWelcome, Welcome: &Welcome{}})
	wantRule(t, "a Welcome in a commit's place", "9420-6-wire-format", err)
}

// Proposals from members and outsiders that may not make them are refused (RFC 9420 §12.1.8).
func TestProposalSenderRejects(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	_, m, err := b.Propose(1, Remove{2}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		rule   string
		change func(m *PublicMessage)
	}{
		{"9420-6.1-sender", func(m *PublicMessage) { m.Content.Sender.Leaf = 5 }},
		{"9420-12.1.3-no-such-member", func(m *PublicMessage) { m.Content.Proposal = Remove{3} }},
		{"9420-12.1.8-external-sender", func(m *PublicMessage) { m.Content.Sender = Sender{Type: SenderExternal} }},
		{"9420-7.3-update-key", func(m *PublicMessage) {
			n := *b.Public().tree.leaf(1)
			n.Source = LeafNodeSourceUpdate
			m.Content.Proposal = Update{n}
		}},
	} {
		_, _, err := a.AddProposal(insider(t, b, 1, m, v.change))
		wantRule(t, v.rule, v.rule, err)
	}
	if _, _, err := a.AddProposal(m); err != nil {
		t.Errorf("the good proposal: %v", err)
	}
}

// A tree that was tampered with is refused by its rule when a joiner or a hub takes it over (RFC 9420 §12.4.3.1).
func TestTreeRejects(t *testing.T) {
	var s testSeed
	a, _, _ := trio(t, &s)
	gi, err := a.GroupInfo(0, false)
	if err != nil {
		t.Fatal(err)
	}
	signed := func(change func(gi *GroupInfo)) *GroupInfo {
		out := *gi
		change(&out)
		if err := out.sign(a.public.suite, a.localAt(0).signature); err != nil {
			t.Fatal(err)
		}
		return &out
	}
	tree := a.Public().Tree()
	if _, err := NewPublicGroup(gi, tree, testConfig()); err != nil {
		t.Fatal(err)
	}
	for _, v := range []struct {
		rule string
		gi   *GroupInfo
		tree RatchetTree
	}{
		{"9420-12.4.3.1-no-tree", gi, nil},
		{"9420-12.4.3.1-tree-hash", gi, tree[:3]},
		{"9420-12.4.3.1-tree-hash", signed(func(gi *GroupInfo) { gi.Context.TreeHash = flip(gi.Context.TreeHash, 0) }), tree},
		{"9420-12.4.3.3-trailing-blank", gi, append(slices.Clone(tree), nil)},
		{"9420-12.4.3.3-node-type", gi, append(slices.Clone(tree[:len(tree)-1]), &Node{Parent: &ParentNode{}})},
		{"9420-12.4.3.1-signer", signed(func(gi *GroupInfo) { gi.Signer = 3 }), tree},
		{"9420-12.4.3-group-info-signature", signed(func(gi *GroupInfo) { gi.Signer = 1 }), tree},
		{"9420-12.4.3.3-encoding", signed(func(gi *GroupInfo) { gi.Extensions = []Extension{{ExtensionRatchetTree, []byte{9}}} }), nil},
		{"9420-12.4.3.1-version", signed(func(gi *GroupInfo) { gi.Context.Version = 2 }), tree},
		{"9420-12.4.3.1-suite", signed(func(gi *GroupInfo) { gi.Context.Suite = 0x7a7a }), tree},
	} {
		_, err := NewPublicGroup(v.gi, v.tree, testConfig())
		wantRule(t, v.rule, v.rule, err)
	}
}
