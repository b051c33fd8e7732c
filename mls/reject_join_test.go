package mls

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/treemath"
	"anteroom/mls/wire"
)

// What an external commit may not contain (RFC 9420 §12.2, §12.4.3.2).
func TestExternalCommitRejects(t *testing.T) {
	var s testSeed
	a, _, _ := trio(t, &s)
	joiner := s.newClient(t, "dave")
	sender := Sender{Type: SenderNewMemberCommit}
	init := CommittedProposal{Proposal: ExternalInit{[]byte("kem")}, Sender: sender}
	value := func(p Proposal) CommittedProposal { return CommittedProposal{Proposal: p, Sender: sender} }
	for _, v := range []struct {
		rule string
		list []CommittedProposal
	}{
		{"9420-12.2-external-init", nil},
		{"9420-12.2-external-init", []CommittedProposal{init, init}},
		{"9420-12.2-external-remove", []CommittedProposal{init, value(Remove{1}), value(Remove{2})}},
		{"9420-12.2-external-type", []CommittedProposal{init, value(Add{joiner.KeyPackage})}},
		{"9420-12.4.3.2-by-reference", []CommittedProposal{init, {Proposal: Remove{1}, Sender: Sender{Type: SenderMember}, Ref: []byte("ref")}}},
	} {
		_, err := a.Public().applyProposals(v.list, sender)
		wantRule(t, v.rule, v.rule, err)
	}

	gi, err := a.GroupInfo(0, true)
	if err != nil {
		t.Fatal(err)
	}
	staged, err := ExternalCommit(s.next(), gi, joiner, ExternalCommitParams{Config: testConfig()})
	if err != nil {
		t.Fatal(err)
	}
	forge := func(change func(m *PublicMessage)) *Message {
		m := reencode(t, staged.Commit)
		change(m.Public)
		ac := &authenticatedContent{WireFormat: WireFormatPublicMessage, Content: m.Public.Content, Auth: m.Public.Auth}
		if err := ac.sign(a.public.suite, joiner.Signature, a.public.encodedContext); err != nil {
			t.Fatal(err)
		}
		m.Public.Auth = ac.Auth
		return m
	}
	for _, v := range []struct {
		rule   string
		change func(m *PublicMessage)
	}{
		{"9420-12.4.3.2-path", func(m *PublicMessage) { m.Content.Commit.Path = nil }},
		{"9420-6.1-commit-sender", func(m *PublicMessage) { m.Content.Sender = Sender{Type: SenderExternal} }},
		{"9420-8.3-external-init", func(m *PublicMessage) {
			m.Content.Commit.Proposals = []ProposalOrRef{{Proposal: ExternalInit{[]byte("short")}}}
		}},
	} {
		_, err := a.StageCommit(forge(v.change))
		wantRule(t, v.rule, v.rule, err)
	}
	if follow(t, a, staged.Commit) == nil {
		t.Error("the good external commit is refused")
	}

	for what, external := range map[string][]byte{
		"none":           nil,
		"an empty one":   {},
		"no vector":      bytes.Repeat([]byte{32}, 32),
		"a short vector": append([]byte{31}, bytes.Repeat([]byte{9}, 31)...), // a bare key that begins with 31 looks so
	} {
		other := *gi
		other.Extensions = slices.DeleteFunc(slices.Clone(gi.Extensions), func(e Extension) bool { return e.Type == ExtensionExternalPub })
		if external != nil {
			other.Extensions = append(other.Extensions, Extension{Type: ExtensionExternalPub, Data: external})
		}
		if err := other.sign(a.public.suite, a.localAt(0).signature); err != nil {
			t.Fatal(err)
		}
		_, err = ExternalCommit(s.next(), &other, joiner, ExternalCommitParams{Config: testConfig()})
		wantRule(t, "GroupInfo with external_pub: "+what, "9420-12.4.3.2-external-pub", err)
	}
}

// A Welcome that is for somebody else, changed, or opened with wrong keys yields no group (RFC 9420 §12.4.3.1).
func TestWelcomeRejects(t *testing.T) {
	var s testSeed
	alice, bob, eve := s.newClient(t, "alice"), s.newClient(t, "bob"), s.newClient(t, "eve")
	staged := commit(t, &s, s.newGroup(t, alice), 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	params := JoinParams{Tree: staged.Group.Public().Tree(), Config: testConfig()}
	changed := func(change func(w *Welcome)) *Welcome {
		w := *staged.Welcome
		w.Secrets = slices.Clone(w.Secrets)
		change(&w)
		return &w
	}
	wrongLeaf, wrongInit := *bob, *bob
	wrongLeaf.Leaf, wrongInit.Init = eve.Leaf, eve.Init
	for _, v := range []struct {
		rule string
		w    *Welcome
		kp   *KeyPackageSecrets
	}{
		{"9420-12.4.3.1-not-addressed", staged.Welcome, eve},
		{"9420-12.4.3.1-own-key", staged.Welcome, &wrongLeaf},
		{"9420-12.4.3.1-decrypt", staged.Welcome, &wrongInit},
		{"9420-12.4.3.1-decrypt", changed(func(w *Welcome) { w.EncryptedGroupInfo = flip(w.EncryptedGroupInfo, 9) }), bob},
		{"9420-12.4.3.1-decrypt", changed(func(w *Welcome) { w.Secrets[0].Secrets.Ciphertext = nil }), bob},
		{"9420-12.4.3.1-suite", changed(func(w *Welcome) { w.Suite = SuiteX25519ChaCha20SHA256Ed25519 }), bob},
		{"9420-12.4.3.1-suite", changed(func(w *Welcome) { w.Suite = 0x7a7a }), bob},
	} {
		_, err := Join(v.w, v.kp, params)
		wantRule(t, v.rule, v.rule, err)
	}
	if _, err := Join(staged.Welcome, bob, params); err != nil {
		t.Errorf("the good Welcome: %v", err)
	}
}

// Parents of a tree that cannot have come about by commits are refused (RFC 9420 §7.1, §7.9.2, §12.4.3.1).
func TestParentRejects(t *testing.T) {
	var s testSeed
	_, b, _ := trio(t, &s)
	b = commit(t, &s, b, 1, CommitParams{}).Group
	for _, v := range []struct {
		rule   string
		node   int
		change func(p *ParentNode, nodes RatchetTree)
	}{
		{"9420-7.1-unmerged-order", 3, func(p *ParentNode, _ RatchetTree) { p.UnmergedLeaves = []LeafIndex{2, 1} }},
		{"9420-12.4.3.1-unmerged-leaf", 3, func(p *ParentNode, _ RatchetTree) { p.UnmergedLeaves = []LeafIndex{3} }},
		{"9420-12.4.3.1-unmerged-leaf", 1, func(p *ParentNode, _ RatchetTree) { p.UnmergedLeaves = []LeafIndex{2} }},
		{"9420-12.4.3.1-unmerged-between", 3, func(p *ParentNode, _ RatchetTree) { p.UnmergedLeaves = []LeafIndex{0} }},
		{"9420-7.9.2-parent-hash", 1, func(p *ParentNode, _ RatchetTree) { p.ParentHash = flip(p.ParentHash, 0) }},
		{"9420-7.9.2-parent-hash", 3, func(p *ParentNode, n RatchetTree) { p.EncryptionKey = flip(p.EncryptionKey, 0) }},
		{"9420-12.4.3.1-parent-key-unique", 1, func(p *ParentNode, n RatchetTree) { p.EncryptionKey = n[4].Leaf.EncryptionKey }},
	} {
		nodes := slices.Clone(b.Public().Tree())
		p := *nodes[v.node].Parent
		nodes[v.node] = &Node{Parent: &p}
		v.change(&p, nodes)
		tr, err := importTree(nodes)
		if err != nil {
			t.Fatal(err)
		}
		tr = tr.hashed(b.public.suite)
		q := *b.public
		q.tree = tr
		wantRule(t, v.rule, v.rule, checkWholeTree(&q))
	}
}

// Senders and generations of PrivateMessages that members cannot rightly use (RFC 9420 §6.3.2, §9.1), SelfRemove sent where joiners
// cannot see it, and proposals of senders that never make them.
func TestPrivateSenderRejects(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	private := func(leaf LeafIndex, kind ContentType, p Proposal) *Message {
		tr, err := b.tree.Reserve(treemath.LeafIndex(leaf), ratchetOf(kind), 1)
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := tr.Next(treemath.LeafIndex(leaf), ratchetOf(kind))
		if err != nil {
			t.Fatal(err)
		}
		c := &b.public.context
		ac := &authenticatedContent{WireFormat: WireFormatPrivateMessage, Content: FramedContent{GroupID: c.GroupID, Epoch: c.Epoch,
			Sender: Sender{Type: SenderMember, Leaf: leaf}, ContentType: kind, Proposal: p}}
		if err := ac.sign(b.public.suite, b.localAt(1).signature, b.public.encodedContext); err != nil {
			t.Fatal(err)
		}
		return &Message{Format: WireFormatPrivateMessage, Private: ac.protectPrivate(b.public.suite, b.secrets.SenderData, key, [4]byte{}, 0)}
	}
	_, _, err := a.Unprotect(private(3, ContentApplication, nil))
	wantRule(t, "blank leaf", "9420-6.3.2-sender", err)
	_, _, err = a.Unprotect(private(2, ContentApplication, nil))
	wantRule(t, "in another member's name", "9420-6.1-signature", err)
	_, _, err = a.AddProposal(private(1, ContentProposal, SelfRemove{}))
	wantRule(t, "SelfRemove in a PrivateMessage", "mlsext-self-remove-public", err)
	if _, _, err = a.AddProposal(private(1, ContentProposal, Remove{2})); err != nil {
		t.Errorf("Remove in a PrivateMessage: %v", err)
	}

	const ahead = schedule.MaxForward + 2
	b, err = b.Reserve(1, ahead)
	if err != nil {
		t.Fatal(err)
	}
	var m *Message
	for range ahead {
		if b, m, err = b.Protect(s.next(), 1, []byte("x"), nil); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = a.Unprotect(m)
	wantRule(t, "far ahead", "limit-generation", err)

	for rule, v := range map[string]struct {
		p Proposal
		s Sender
	}{
		"9420-12.1.8-external-type": {Update{}, Sender{Type: SenderExternal}},
		"9420-12.1.2-sender":        {Update{}, Sender{Type: SenderNewMemberCommit}},
		"mlsext-self-remove-sender": {SelfRemove{}, Sender{Type: SenderNewMemberCommit}},
	} {
		wantRule(t, rule, rule, a.Public().checkProposal(v.p, v.s))
	}
}

// Where the group context has safe_aad, authenticated data is a SafeAAD (draft-ietf-mls-extensions).
func TestSafeAAD(t *testing.T) {
	var s testSeed
	alice, bob := s.newClient(t, "alice"), s.newClient(t, "bob")
	g := s.newGroup(t, alice, Extension{ExtensionAppDataDictionary, wire.Marshal(AppDataDictionary{{ComponentSafeAAD, []byte{0}}})})
	p := CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}}
	_, err := g.Commit(s.next(), 0, p)
	wantRule(t, "commit without SafeAAD", "mlsext-safe-aad", err)
	p.AuthenticatedData = wire.Marshal(SafeAAD{})
	staged := commit(t, &s, g, 0, p)
	a, b := staged.Group, join(t, staged, bob)
	a, err = a.Reserve(0, 1)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = a.Protect(s.next(), 0, []byte("x"), []byte("aad"))
	wantRule(t, "free authenticated data", "mlsext-safe-aad", err)
	_, _, err = a.Propose(0, Remove{1}, []byte{1})
	wantRule(t, "free authenticated data of a proposal", "mlsext-safe-aad", err)
	safe := wire.Marshal(SafeAAD{{Component: 9, Data: []byte("x")}})
	_, m, err := a.Protect(s.next(), 0, []byte("x"), safe)
	if err != nil {
		t.Fatal(err)
	}
	if _, got, err := b.Unprotect(m); err != nil || !bytes.Equal(got.AuthenticatedData, safe) {
		t.Errorf("%+v, %v", got, err)
	}
}

// The application decides whether a member may change its credential (RFC 9420 §5.3.1).
func TestSuccessor(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	n := *b.Public().tree.leaf(1)
	n.Source, n.EncryptionKey, n.Credential.Identity = LeafNodeSourceUpdate, s.newClient(t, "x").KeyPackage.InitKey, []byte("robert")
	if err := n.sign(b.public.suite, b.localAt(1).signature, []byte("group"), 1); err != nil {
		t.Fatal(err)
	}
	sender := Sender{Type: SenderMember, Leaf: 1}
	if err := a.Public().checkProposal(Update{n}, sender); err != nil {
		t.Errorf("without an opinion of the application: %v", err)
	}
	cfg := testConfig()
	cfg.Successor = func(old, new Credential) error {
		if string(old.Identity) != "bob" || string(new.Identity) != "robert" {
			t.Errorf("asked about %q and %q", old.Identity, new.Identity)
		}
		return errors.New("no")
	}
	wantRule(t, "refused successor", "9420-5.3.1-successor", a.Public().WithConfig(cfg).checkProposal(Update{n}, sender))
}

// checkWholeTree verifies the tree of a group as who enters it does.
func checkWholeTree(p *PublicGroup) error {
	return p.checkTree(p.tree.check(p.suite, p.context.GroupID, &p.config, func() error { return nil }))
}
