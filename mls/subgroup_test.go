package mls

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
)

// renew makes a key package of another suite, or the same, for a member called name.
func (s *testSeed) clientOfSuite(t testing.TB, cs CipherSuite, name string) *KeyPackageSecrets {
	t.Helper()
	signer, err := NewSigner(cs, s.next())
	if err != nil {
		t.Fatal(err)
	}
	capabilities := testCapabilities()
	capabilities.CipherSuites = []CipherSuite{testSuite, cs}
	kp, err := NewKeyPackage(s.next(), KeyPackageParams{
		Signer:       signer,
		Credential:   Credential{Type: CredentialBasic, Identity: []byte(name)},
		Capabilities: capabilities,
		Lifetime:     Lifetime{NotBefore: 1000, NotAfter: 2000},
	})
	if err != nil {
		t.Fatal(err)
	}
	return kp
}

func rules(rule string) func(t *testing.T, what string, err error) {
	return func(t *testing.T, what string, err error) {
		t.Helper()
		wantRule(t, what, rule, err)
	}
}

// A branch has members of the group it branches off, of the same suite, and nobody else can enter or be entered (RFC 9420 §11.3).
func TestBranch(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	alice, bob, mallory := s.newClient(t, "alice"), s.newClient(t, "bob"), s.newClient(t, "mallory")
	p := SubgroupParams{Creator: alice, Members: []*KeyPackage{&bob.KeyPackage}, GroupID: []byte("branch"), Config: testConfig()}
	staged, err := a.Branch(s.next(), p)
	if err != nil {
		t.Fatal(err)
	}
	if staged.Group.Public().Epoch() != 1 || staged.Group.Public().Size() != 2 {
		t.Errorf("epoch %d with %d members", staged.Group.Public().Epoch(), staged.Group.Public().Size())
	}
	params := JoinParams{Tree: staged.Group.Public().Tree(), Config: testConfig()}
	bobs := []*KeyPackageSecrets{bob}
	joined, err := b.JoinBranch(staged.Welcome, bobs, params)
	if err != nil {
		t.Fatal(err)
	}
	wantAgreement(t, staged.Group, joined)
	next := commit(t, &s, joined, 1, CommitParams{})
	wantAgreement(t, follow(t, staged.Group, next.Commit), next.Group)

	// Later epochs of the old group still know the one branched off, as long as they keep it.
	later := commit(t, &s, b, 1, CommitParams{}).Group
	if _, err := later.JoinBranch(staged.Welcome, bobs, params); err != nil {
		t.Errorf("from the next epoch: %v", err)
	}
	for range testConfig().PastEpochs {
		later = commit(t, &s, later, 1, CommitParams{}).Group
	}
	_, err = later.JoinBranch(staged.Welcome, bobs, params)
	wantRule(t, "from an epoch that forgot", "9420-11.3-psk", err)
	_, err = Join(staged.Welcome, bob, params)
	wantRule(t, "a branch without the group it branched off", "9420-12.4.2-psk-unknown", err)
	_, err = b.JoinReInit(staged.Welcome, bobs, params)
	wantRule(t, "a branch taken for a ReInit", "9420-11.2-not-ended", err)
	_, err = b.JoinBranch(staged.Welcome, nil, params)
	if !errors.Is(err, ErrNoLocalLeaf) {
		t.Errorf("nobody joins: %v", err)
	}
	p.Members = []*KeyPackage{&mallory.KeyPackage}
	_, err = a.Branch(s.next(), p)
	wantRule(t, "a branch with somebody new", "9420-11.3-members", err)
	p.SameClient = func(old, successor Credential) bool { return true }
	if staged, err = a.Branch(s.next(), p); err != nil {
		t.Fatal(err)
	}
	_, err = b.JoinBranch(staged.Welcome, []*KeyPackageSecrets{mallory}, JoinParams{Tree: staged.Group.Public().Tree(), Config: testConfig()})
	wantRule(t, "joining a branch with somebody new", "9420-11.3-members", err)

	plain := commit(t, &s, s.newGroup(t, s.newClient(t, "alice")), 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	_, err = b.JoinBranch(plain.Welcome, bobs, JoinParams{Tree: plain.Group.Public().Tree(), Config: testConfig()})
	wantRule(t, "a group that is no branch", "9420-11.3-psk", err)

	other := s.clientOfSuite(t, SuiteP256AES128SHA256P256, "alice")
	_, err = a.Branch(s.next(), SubgroupParams{Creator: other, GroupID: []byte("branch"), Config: testConfig()})
	wantRule(t, "a branch of another suite", "9420-11.3-parameters", err)
}

// A group that ended with a ReInit is followed by one with its members and the parameters that the ReInit names, here another suite
// and other extensions (RFC 9420 §11.2). Local members enter together.
func TestReInit(t *testing.T) {
	const suite = SuiteP256AES128SHA256P256
	var s testSeed
	a, b, c := trio(t, &s)
	dave := s.newClient(t, "dave")
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{dave.KeyPackage}}})
	a, b, c = staged.Group, follow(t, b, staged.Commit), follow(t, c, staged.Commit)
	b, err := b.Adopt(staged.Welcome, dave) // bob and dave in one value
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Reinitialize(s.next(), SubgroupParams{Creator: s.clientOfSuite(t, suite, "alice"), Config: testConfig()})
	wantRule(t, "no ReInit yet", "9420-11.2-not-ended", err)

	re := ReInit{GroupID: []byte("next"), Version: 1, Suite: suite, Extensions: []Extension{{ExtensionAppDataDictionary, []byte{0}}}}
	c, m, err := c.Propose(2, re, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, pending, err := a.AddProposal(m)
	if err != nil {
		t.Fatal(err)
	}
	if b, _, err = b.AddProposal(m); err != nil {
		t.Fatal(err)
	}
	staged = commit(t, &s, a, 0, CommitParams{ByReference: []ProposalRef{pending.Ref}})
	a, b, c = staged.Group, follow(t, b, staged.Commit), follow(t, c, staged.Commit)
	wantAgreement(t, a, b, c)
	if c.Public().ReInit() == nil {
		t.Fatal("the group goes on")
	}

	// carol proposed, alice committed, bob goes on.
	alice, bob, carol := s.clientOfSuite(t, suite, "alice"), s.clientOfSuite(t, suite, "bob"), s.clientOfSuite(t, suite, "carol")
	dave = s.clientOfSuite(t, suite, "dave")
	p := SubgroupParams{Creator: carol, Members: []*KeyPackage{&bob.KeyPackage, &dave.KeyPackage, &alice.KeyPackage}, Config: testConfig()}
	next, err := c.Reinitialize(s.next(), p)
	if err != nil {
		t.Fatal(err)
	}
	params := JoinParams{Tree: next.Group.Public().Tree(), Config: testConfig()}
	a2, err := a.JoinReInit(next.Welcome, []*KeyPackageSecrets{alice}, params)
	if err != nil {
		t.Fatal(err)
	}
	b2, err := b.JoinReInit(next.Welcome, []*KeyPackageSecrets{bob, dave}, params)
	if err != nil {
		t.Fatal(err)
	}
	wantAgreement(t, next.Group, a2, b2)
	if got := b2.Local(); len(got) != 2 || b2.Public().Suite() != suite || !bytes.Equal(b2.Public().GroupID(), []byte("next")) {
		t.Errorf("local leaves %v in suite %d", got, b2.Public().Suite())
	}
	moved := commit(t, &s, b2, 2, CommitParams{ByValue: []Proposal{Remove{0}}})
	wantAgreement(t, follow(t, a2, moved.Commit), moved.Group)

	_, err = Join(next.Welcome, alice, params)
	wantRule(t, "without the group that ended", "9420-12.4.2-psk-unknown", err)
	params.Known = func(id []byte) bool { return string(id) == "next" }
	_, err = a.JoinReInit(next.Welcome, []*KeyPackageSecrets{alice}, params)
	wantRule(t, "a group that is known", "9420-12.4.3-group-id-unique", err)
	params.Known = nil

	missing := p
	missing.Members = p.Members[:2]
	_, err = c.Reinitialize(s.next(), missing)
	wantRule(t, "somebody is left behind", "9420-11.2-members", err)
	_, err = c.Reinitialize(s.next(), SubgroupParams{Creator: s.newClient(t, "carol"), Config: testConfig()})
	wantRule(t, "another suite than promised", "9420-11.2-parameters", err)

	// What the creator can do wrong without our checks.
	for _, v := range []struct {
		rule   string
		change func(g *Group, p *SubgroupParams)
	}{
		{"9420-11.2-parameters", func(g *Group, p *SubgroupParams) { g.public.reInit.GroupID = []byte("neyt") }},
		{"9420-11.2-parameters", func(g *Group, p *SubgroupParams) { g.public.reInit.Extensions = nil }},
		{"9420-11.2-psk", func(g *Group, p *SubgroupParams) { g.public.context.Epoch++ }},
		{"9420-11.2-psk", func(g *Group, p *SubgroupParams) { g.public.context.GroupID = []byte("other") }},
	} {
		public, q := *c.public, p
		r := *public.reInit
		public.reInit = &r
		g := c.withPublic(&public)
		v.change(g, &q)
		wrong, err := g.Reinitialize(s.next(), q)
		if err != nil {
			t.Fatal(err)
		}
		_, err = a.JoinReInit(wrong.Welcome, []*KeyPackageSecrets{alice}, JoinParams{Tree: wrong.Group.Public().Tree(), Config: testConfig()})
		rules(v.rule)(t, v.rule, err)
	}
}

// The epoch of a subgroup's Welcome is 1: one that has moved on is not a subgroup any more (RFC 9420 §12.4.3.1).
func TestSubgroupEpoch(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	alice, bob := s.newClient(t, "alice"), s.newClient(t, "bob")
	first, err := a.Branch(s.next(), SubgroupParams{Creator: alice, GroupID: []byte("branch"), Config: testConfig()})
	if err != nil {
		t.Fatal(err)
	}
	public := *first.Group.public
	public.resuming = ResumptionBranch
	nonce := make([]byte, 32)
	late, err := first.Group.withPublic(&public).commit(s.next(), 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage},
		PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: ResumptionBranch, GroupID: []byte("group"), Epoch: 2, Nonce: nonce}}}}, a.subgroupPSK)
	if err != nil {
		t.Fatal(err)
	}
	_, err = b.JoinBranch(late.Welcome, []*KeyPackageSecrets{bob}, JoinParams{Tree: late.Group.Public().Tree(), Config: testConfig()})
	wantRule(t, "epoch 2", "9420-11.3-epoch", err)
	a.public.reInit = &ReInit{GroupID: []byte("branch"), Version: 1, Suite: testSuite}
	wantRule(t, "epoch 2", "9420-11.2-epoch", a.checkSubgroup(late.Group.public, ResumptionReInit, a.public.tree, nil))
}

// PSKs of all kinds enter the key schedule: external, resumption of this and of an earlier epoch and of another group, and of an
// application component (RFC 9420 §8.4, draft-ietf-mls-extensions); by value, by reference, in an external commit. Who does not know
// the PSK cannot follow, and joiners need it too.
func TestPreSharedKeys(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	secret := []byte("secret")
	cfg := testConfig()
	cfg.ExternalPSK = func(id []byte) ([]byte, bool) { return secret, string(id) == "ext" }
	cfg.ComponentPSK = func(c ComponentID, id []byte) ([]byte, bool) { return secret, c == 0x8000 && string(id) == "app" }
	cfg.ResumptionPSK = func(group []byte, epoch Epoch) ([]byte, bool) {
		return secret, string(group) == "elsewhere" && epoch == 7
	}
	nonce := func() []byte { return bytes.Clone(Seed{byte(s.n)}.slice()) }
	known := a.Public().Epoch()
	ids := func() []PreSharedKeyID {
		s.n++
		return []PreSharedKeyID{
			{Type: PSKExternal, ID: []byte("ext"), Nonce: nonce()},
			{Type: PSKApplication, Component: 0x8000, ID: []byte("app"), Nonce: nonce()},
			{Type: PSKResumption, Usage: ResumptionApplication, GroupID: []byte("group"), Epoch: known, Nonce: nonce()},
			{Type: PSKResumption, Usage: ResumptionApplication, GroupID: []byte("elsewhere"), Epoch: 7, Nonce: nonce()},
		}
	}
	a, b = a.WithConfig(cfg), b.WithConfig(cfg)
	dave := s.newClient(t, "dave")
	list := []Proposal{Add{dave.KeyPackage}}
	for _, id := range ids() {
		list = append(list, PreSharedKey{id})
	}
	staged := commit(t, &s, a, 0, CommitParams{ByValue: list})
	_, err := b.WithConfig(testConfig()).StageCommit(staged.Commit)
	wantRule(t, "a member without the PSK", "9420-12.4.2-psk-unknown", err)
	before := b
	wrong := cfg
	wrong.ExternalPSK = func([]byte) ([]byte, bool) { return []byte("guess"), true }
	_, err = b.WithConfig(wrong).StageCommit(staged.Commit)
	wantRule(t, "a member with another PSK", "9420-8.1-confirmation-tag", err)
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)

	params := JoinParams{Tree: a.Public().Tree(), Config: cfg}
	_, err = Join(staged.Welcome, dave, params)
	wantRule(t, "a joiner that does not know the epoch", "9420-12.4.2-psk-unknown", err)
	params.PSKs = map[string][]byte{"ext": secret}
	resumption, found := before.ResumptionPSK(known)
	if !found {
		t.Fatal("the present epoch has no resumption PSK")
	}
	params.Config.ResumptionPSK = func(group []byte, epoch Epoch) ([]byte, bool) {
		if string(group) == "group" && epoch == known {
			return resumption, true
		}
		return cfg.ResumptionPSK(group, epoch)
	}
	d, err := Join(staged.Welcome, dave, params)
	if err != nil {
		t.Fatal(err)
	}
	wantAgreement(t, a, b, d)

	// By reference.
	var refs []ProposalRef
	for _, id := range ids() {
		var m *Message
		if b, m, err = b.Propose(1, PreSharedKey{id}, nil); err != nil {
			t.Fatal(err)
		}
		var q *PendingProposal
		if a, q, err = a.AddProposal(m); err != nil {
			t.Fatal(err)
		}
		refs = append(refs, q.Ref)
	}
	staged = commit(t, &s, a, 0, CommitParams{ByReference: refs})
	if staged.Effects.HasPath {
		t.Error("PSKs alone need no path")
	}
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)

	// In an external commit, where resumption is by the joiner's own store.
	gi, err := a.GroupInfo(0, true)
	if err != nil {
		t.Fatal(err)
	}
	old := map[Epoch][]byte{known: resumption}
	cfg.ResumptionPSK = func(group []byte, epoch Epoch) ([]byte, bool) { secret, found := old[epoch]; return secret, found }
	psk := PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: ResumptionApplication, GroupID: []byte("group"), Epoch: known, Nonce: nonce()}}
	joined, err := ExternalCommit(s.next(), gi, s.newClient(t, "erin"), ExternalCommitParams{ByValue: []Proposal{psk}, Config: cfg})
	if err != nil {
		t.Fatal(err)
	}
	wantAgreement(t, follow(t, a, joined.Commit), follow(t, b, joined.Commit), joined.Group)
}

func (s Seed) slice() []byte { return s[:] }

// Where all credentials are renewed, the members of two groups are compared in about as many steps as there are members: they come in the same order.
func TestMembersAreComparedInOrder(t *testing.T) {
	const n = 40
	var s testSeed
	of := func(prefix string) tree {
		var p CommitParams
		for i := range n - 1 {
			kp := s.newClient(t, fmt.Sprintf("%s%02d", prefix, i+1))
			p.ByValue, p.Joiners = append(p.ByValue, Add{kp.KeyPackage}), append(p.Joiners, kp)
		}
		g, err := NewGroup(s.next(), NewGroupParams{GroupID: []byte(prefix), Creator: s.newClient(t, prefix+"00"), Config: testConfig()})
		if err != nil {
			t.Fatal(err)
		}
		staged, err := g.Commit(s.next(), 0, p)
		if err != nil {
			t.Fatal(err)
		}
		return staged.Group.public.tree
	}
	older, newer := of("old "), of("new ")
	compared := 0
	same := func(a, b Credential) bool {
		compared++
		return bytes.Equal(a.Identity[4:], b.Identity[4:])
	}
	if i, ok := contained(newer, older, same); !ok || compared > 2*n {
		t.Errorf("%v at %d, %d comparisons of %d members", ok, i, compared, n)
	}
	if i, ok := contained(newer, older, func(a, b Credential) bool { return !bytes.HasSuffix(b.Identity, []byte("07")) && same(a, b) }); ok || i != 7 {
		t.Errorf("a stranger is found %v, at %d", !ok, i)
	}
	if i, ok := contained(newer, older, nil); ok || i != 0 {
		t.Errorf("other credentials are the same: %v, %d", ok, i)
	}
}
