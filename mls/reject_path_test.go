package mls

import (
	"bytes"
	"testing"

	"anteroom/mls/wire"
)

// stage is a group with the local leaves 0 to 3 of one value and leaf 4 of another, which judges what the first one forges.
type stage struct {
	t      *testing.T
	s      testSeed
	signer Signer // external sender 0
	g      *Group // leaves 0 to 3
	judge  *Group // leaf 4
}

func newStage(t *testing.T, extensions ...Extension) *stage {
	x := &stage{t: t}
	var err error
	if x.signer, err = NewSigner(testSuite, x.s.next()); err != nil {
		t.Fatal(err)
	}
	senders := ExternalSenders{{SignatureKey: x.signer.Public, Credential: Credential{Type: CredentialBasic, Identity: []byte("hub")}}}
	extensions = append(extensions, Extension{ExtensionExternalSenders, wire.Marshal(senders)})
	x.g = x.s.newGroup(t, x.s.newClient(t, "0"), extensions...)
	x.g, _ = addLocal(t, &x.s, x.g, 0, 3)
	judge := x.s.newClient(t, "judge")
	staged := commit(t, &x.s, x.g, 0, CommitParams{ByValue: []Proposal{Add{judge.KeyPackage}}})
	x.g, x.judge = staged.Group, join(t, staged, judge)
	return x
}

// propose signs p by a local leaf and gives it to both values.
func (x *stage) propose(by LeafIndex, p Proposal) ProposalOrRef {
	x.t.Helper()
	var m *Message
	var err error
	if u, ok := p.(Update); ok && u.LeafNode.EncryptionKey == nil {
		x.g, m, err = x.g.ProposeUpdate(x.s.next(), by, nil, nil)
	} else {
		x.g, m, err = x.g.Propose(by, p, nil)
	}
	if err != nil {
		x.t.Fatal(err)
	}
	var pending *PendingProposal
	if x.judge, pending, err = x.judge.AddProposal(reencode(x.t, m)); err != nil {
		x.t.Fatal(err)
	}
	return ProposalOrRef{Ref: pending.Ref}
}

func (x *stage) addOf(name string) Add { return Add{x.s.newClient(x.t, name).KeyPackage} }

// tampered makes a commit with path by local leaf as, lets change work on it, and signs it as it then is.
func (x *stage) tampered(as LeafIndex, change func(c *committing)) *Message {
	x.t.Helper()
	l := x.g.localAt(as)
	c := &committing{before: x.g.public, sender: Sender{Type: SenderMember, Leaf: as}, signature: l.signature, own: l.leafKeys,
		leaf: *x.g.public.tree.leaf(as)}
	if err := c.build(x.s.next(), true); err != nil {
		x.t.Fatal(err)
	}
	change(c)
	if err := c.sign(); err != nil {
		x.t.Fatal(err)
	}
	c.staged.content.Auth.ConfirmationTag = make([]byte, 32)
	return x.g.protectPublic(c.staged.content)
}

// signLeaf signs the leaf of a tampered path anew.
func (x *stage) signLeaf(c *committing, key SignaturePrivateKey) {
	x.t.Helper()
	if err := c.staged.path.LeafNode.sign(x.g.public.suite, key, x.g.public.context.GroupID, c.staged.committer); err != nil {
		x.t.Fatal(err)
	}
}

// reseal encrypts the path again with other path secrets.
func (x *stage) reseal(c *committing, change func(secret []byte) []byte) {
	x.t.Helper()
	for k := range c.path.secrets {
		c.path.secrets[k] = change(bytes.Clone(c.path.secrets[k]))
	}
	if err := c.path.encrypt(x.g.public.suite, &Config{}, nil, &c.staged.provisional); err != nil {
		x.t.Fatal(err)
	}
}

// §7.3, §7.5, §7.6, §7.9.2, §12.4.2: what a committer can get wrong about its path.
func TestPathRejects(t *testing.T) {
	x := newStage(t)
	tree := x.g.public.tree
	for _, c := range []struct {
		why, rule string
		change    func(c *committing)
	}{
		{"nothing but the confirmation tag", "9420-8.1-confirmation-tag", func(*committing) {}},
		{"no path", "9420-12.4-path-required", func(c *committing) { c.staged.path = nil }},
		{"a node too few", "9420-7.6-path-length", func(c *committing) { c.staged.path.Nodes = c.staged.path.Nodes[1:] }},
		{"a path secret too few", "9420-7.6-ciphertext-count", func(c *committing) {
			n := &c.staged.path.Nodes[0]
			n.EncryptedPathSecrets = n.EncryptedPathSecrets[1:]
		}},
		{"undecryptable", "9420-7.6-decrypt", func(c *committing) {
			for _, n := range c.staged.path.Nodes {
				for k := range n.EncryptedPathSecrets {
					n.EncryptedPathSecrets[k].Ciphertext[0] ^= 1
				}
			}
		}},
		{"path secret of another key", "9420-7.5-path-key", func(c *committing) {
			x.reseal(c, func(s []byte) []byte { s[0] ^= 1; return s })
		}},
		{"short path secret", "9420-7.4-path-secret", func(c *committing) {
			x.reseal(c, func(s []byte) []byte { return s[1:] })
		}},
		{"parent hash", "9420-7.9.2-leaf-parent-hash", func(c *committing) {
			c.staged.path.LeafNode.ParentHash = make([]byte, 32)
			x.signLeaf(c, c.own.signature)
		}},
		{"key of a member", "9420-12.4.2-path-key-unique", func(c *committing) {
			c.staged.path.Nodes[0].EncryptionKey = tree.leaf(2).EncryptionKey
		}},
		{"one key twice", "9420-12.4.2-path-key-unique", func(c *committing) {
			c.staged.path.Nodes[0].EncryptionKey = c.staged.path.Nodes[1].EncryptionKey
		}},
		{"old leaf key", "9420-12.4.2-path-key-unique", func(c *committing) {
			c.staged.path.LeafNode.EncryptionKey = tree.leaf(1).EncryptionKey
			x.signLeaf(c, c.own.signature)
		}},
		{"malformed key", "9420-5.1.1-public-key", func(c *committing) { c.staged.path.Nodes[0].EncryptionKey = []byte{1} }},
		{"leaf of an Update", "9420-7.3-leaf-node-source", func(c *committing) {
			c.staged.path.LeafNode.Source = LeafNodeSourceUpdate
			x.signLeaf(c, c.own.signature)
		}},
		{"leaf signature", "9420-7.3-leaf-signature", func(c *committing) { c.staged.path.LeafNode.ParentHash = make([]byte, 32) }},
		{"signature key of another member", "9420-7.3-signature-key-unique", func(c *committing) {
			c.staged.path.LeafNode.SignatureKey = tree.leaf(2).SignatureKey
			x.signLeaf(c, x.g.localAt(2).signature)
		}},
		{"committer who is no member", "9420-6.1-sender", func(c *committing) { c.sender.Leaf = 9 }},
		{"commit by an external sender", "9420-6.1-commit-sender", func(c *committing) { c.sender = Sender{Type: SenderExternal} }},
		{"external commit without path", "9420-12.4.3.2-path", func(c *committing) {
			c.sender, c.staged.path = Sender{Type: SenderNewMemberCommit}, nil
		}},
	} {
		_, err := x.judge.StageCommit(x.tampered(1, c.change))
		wantRule(t, c.why, c.rule, err)
	}
	// A path that was made for a tree in which the judge is not.
	only := x.judge.local
	_, err := x.g.public.tree.openPath(x.g.public.suite, x.g.public.tree.filteredPath(1), &UpdatePath{}, nil, []LeafIndex{only[0].index},
		func(nodeIndex) HPKEPrivateKey { return nil }, &GroupContext{}, &Config{})
	wantRule(t, "no key held", "9420-7.6-no-recipient", err)
}

// A tree of MaxLeaves members takes no more.
func TestMaxLeaves(t *testing.T) {
	x := newStage(t)
	full := leafTreeNode(x.g.public.tree.leaf(0))
	p := *x.g.public
	p.tree = tree{root: full}
	for p.tree.width() < MaxLeaves {
		p.tree.root = parentTreeNode(nil, p.tree.root, p.tree.root)
		p.tree.level++
	}
	_, err := p.applyProposals([]CommittedProposal{{Proposal: x.addOf("x"), Sender: Sender{Type: SenderMember}}}, Sender{Type: SenderMember})
	wantRule(t, "Add", "limit-leaves", err)
	_, err = p.seatExternal(&appliedList{tree: p.tree})
	wantRule(t, "external commit", "limit-leaves", err)
	_, err = importTree(make(RatchetTree, 2*MaxLeaves-1, 2*MaxLeaves)[:2*MaxLeaves-1])
	wantRule(t, "blank tree", "9420-12.4.3.3-trailing-blank", err)
	nodes := make(RatchetTree, 2*MaxLeaves+1)
	nodes[2*MaxLeaves] = &Node{Leaf: x.g.public.tree.leaf(0)}
	_, err = importTree(nodes)
	wantRule(t, "tree of too many nodes", "9420-12.4.3.3-too-large", err)
	nodes = RatchetTree{{Leaf: x.g.public.tree.leaf(0)}, {Leaf: x.g.public.tree.leaf(0)}}
	_, err = importTree(nodes)
	wantRule(t, "leaf in the place of a parent", "9420-12.4.3.3-node-type", err)
}

// §11.2: a group that was ended takes nothing more.
func TestReInitEnds(t *testing.T) {
	x := newStage(t)
	staged := commit(t, &x.s, x.g, 0, CommitParams{ByValue: []Proposal{ReInit{GroupID: []byte("next"), Version: ProtocolVersionMLS10, Suite: testSuite}}})
	g, judge := staged.Group, follow(t, x.judge, staged.Commit)
	wantAgreement(t, g, judge)
	if r := judge.Public().ReInit(); r == nil || string(r.GroupID) != "next" {
		t.Fatalf("ReInit %v", r)
	}
	_, err := g.Commit(x.s.next(), 0, CommitParams{})
	wantRule(t, "commit", "9420-12.4.2-reinit", err)
	_, _, err = g.Propose(0, Remove{1}, nil)
	wantRule(t, "proposal", "9420-12.4.2-reinit", err)
	_, _, err = g.Protect(x.s.next(), 0, nil, nil)
	wantRule(t, "message", "9420-12.4.2-reinit", err)
	loaded, err := LoadGroup(g.Parts(nil).Set, testConfig())
	if err != nil || loaded.Public().ReInit() == nil {
		t.Errorf("after loading: %v, %v", loaded, err)
	}
}

// §12.4.3.1: what can be wrong with a Welcome, its GroupInfo and the tree.
func TestWelcomeMadeWrong(t *testing.T) {
	x := newStage(t)
	s := x.g.public.suite
	joiner, other := x.s.newClient(t, "joiner"), x.s.newClient(t, "other")
	staged := commit(t, &x.s, x.g, 0, CommitParams{ByValue: []Proposal{Add{joiner.KeyPackage}}, ForcePath: true})
	good := staged.Group.Public().Tree()
	params := JoinParams{Tree: good, Config: testConfig()}
	if _, err := Join(staged.Welcome, joiner, params); err != nil {
		t.Fatal(err)
	}
	_, err := Join(staged.Welcome, other, params)
	wantRule(t, "other client", "9420-12.4.3.1-not-addressed", err)
	wrong := *joiner
	wrong.Init = other.Init
	_, err = Join(staged.Welcome, &wrong, params)
	wantRule(t, "other init key", "9420-12.4.3.1-decrypt", err)
	wrong = *joiner
	wrong.Leaf = other.Leaf
	_, err = Join(staged.Welcome, &wrong, params)
	wantRule(t, "other leaf key", "9420-12.4.3.1-own-key", err)
	_, err = Join(staged.Welcome, joiner, JoinParams{Config: testConfig()})
	wantRule(t, "no tree", "9420-12.4.3.1-no-tree", err)
	_, err = Join(staged.Welcome, joiner, JoinParams{Tree: x.g.Public().Tree(), Config: testConfig()})
	wantRule(t, "old tree", "9420-12.4.3.1-tree-hash", err)
	w := *staged.Welcome
	w.Suite = SuiteP256AES128SHA256P256
	_, err = Join(&w, joiner, params)
	wantRule(t, "other suite", "9420-12.4.3.1-suite", err)

	// Welcomes that the committer makes wrong on purpose.
	secrets := func(change func(*groupSecrets), gi func(*GroupInfo)) error {
		_, opened, err := openWelcome(staged.Welcome, joiner)
		if err != nil {
			t.Fatal(err)
		}
		join := &joinSecrets{opened.JoinerSecret, nil}
		info, err := join.open(s, staged.Welcome.EncryptedGroupInfo)
		if err != nil {
			t.Fatal(err)
		}
		gi(info)
		if err := info.sign(s, staged.Group.localAt(0).signature); err != nil {
			t.Fatal(err)
		}
		w := &Welcome{Suite: testSuite, EncryptedGroupInfo: join.seal(s, wire.Marshal(info))}
		change(opened)
		e, err := encryptGroupSecrets(s.Encryption("Welcome", w.EncryptedGroupInfo), &joiner.KeyPackage, opened)
		if err != nil {
			t.Fatal(err)
		}
		w.Secrets = append(w.Secrets, e)
		_, err = Join(w, joiner, params)
		return err
	}
	same := func(*groupSecrets) {}
	asIs := func(*GroupInfo) {}
	if err := secrets(same, asIs); err != nil {
		t.Fatal(err)
	}
	branch := PreSharedKeyID{Type: PSKResumption, Usage: ResumptionBranch, Nonce: make([]byte, 32)}
	for _, c := range []struct {
		why, rule string
		err       error
	}{
		{"no path secret", "9420-12.4.3.1-path-secret", secrets(func(g *groupSecrets) { g.PathSecret = nil }, asIs)},
		{"other path secret", "9420-7.5-path-key", secrets(func(g *groupSecrets) { g.PathSecret = make([]byte, 32) }, asIs)},
		{"two branch PSKs", "9420-12.4.3.1-psk", secrets(func(g *groupSecrets) { g.PSKs = []PreSharedKeyID{branch, branch} }, asIs)},
		{"blank signer", "9420-12.4.3.1-signer", secrets(same, func(gi *GroupInfo) { gi.Signer = 7 })},
		{"signature of another", "9420-12.4.3-group-info-signature", secrets(same, func(gi *GroupInfo) { gi.Signer = 1 })},
		{"other epoch", "9420-8.1-confirmation-tag", secrets(same, func(gi *GroupInfo) { gi.Context.Epoch++ })},
		{"version", "9420-12.4.3.1-encoding", secrets(same, func(gi *GroupInfo) { gi.Context.Version = 2 })},
	} {
		wantRule(t, c.why, c.rule, c.err)
	}
	gi, err := staged.Group.GroupInfo(0, false)
	if err != nil {
		t.Fatal(err)
	}
	gi.Context.Version = 2
	_, err = NewPublicGroup(gi, good, testConfig())
	wantRule(t, "version", "9420-12.4.3.1-version", err)
	gi, _ = staged.Group.GroupInfo(0, false)
	gi.Extensions = append(gi.Extensions, Extension{ExtensionRatchetTree, []byte{0xff}})
	_, err = NewPublicGroup(gi, nil, testConfig())
	wantRule(t, "ratchet_tree", "9420-12.4.3.3-encoding", err)
	_, err = staged.Group.seat(other, &groupSecrets{}, 0)
	wantRule(t, "leaf that is not in the tree", "9420-12.4.3.1-own-leaf", err)
}

// The limits and local rules that nothing else covers.
func TestLocalRejects(t *testing.T) {
	x := newStage(t)
	_, err := x.g.Export("label", nil, 255*32+1)
	wantRule(t, "export", "9420-8.5-length", err)
	_, err = x.g.Reserve(0, 1<<30)
	wantRule(t, "reserve", "limit-reserve", err)
	_, err = x.g.Commit(x.s.next(), 0, CommitParams{Joiners: []*KeyPackageSecrets{x.s.newClient(t, "x")}})
	wantRule(t, "joiner without Add", "local-joiner", err)

	// An Update whose private key was lost with the value that made it.
	ref := x.propose(1, Update{})
	lost := *x.g
	lost.local = x.judge.local
	lost.local = withLocal(nil, &localLeaf{index: 1, leafKeys: x.g.localAt(1).leafKeys})
	staged := commit(t, &x.s, x.g, 0, CommitParams{ByReference: []ProposalRef{ref.Ref}})
	_, err = lost.StageCommit(staged.Commit)
	wantRule(t, "lost Update", "local-update-unknown", err)

	// Ratchets do not run ahead without end.
	ahead, err := x.g.Reserve(0, 2000)
	if err != nil {
		t.Fatal(err)
	}
	var m *Message
	for range 1500 {
		if ahead, m, err = ahead.Protect(x.s.next(), 0, nil, nil); err != nil {
			t.Fatal(err)
		}
	}
	_, _, err = x.judge.Unprotect(m)
	wantRule(t, "generation", "limit-generation", err)

	h := *x.g
	h.nodes = nodeKeys{1: []byte("key")}
	wantRule(t, "key of a blank node", "local-node-key", h.checkHeld())
	h = *x.g
	h.local = withLocal(h.local, &localLeaf{index: 9, leafKeys: leafKeys{key: []byte("key")}})
	wantRule(t, "leaf that is no member", "local-leaf", h.checkHeld())
}
