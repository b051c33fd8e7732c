package mls

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// addLocal adds n local members by one commit without path.
func addLocal(t testing.TB, s *testSeed, g *Group, as LeafIndex, n int) (*Group, *Staged) {
	t.Helper()
	var p CommitParams
	for i := range n {
		kp := s.newClient(t, fmt.Sprintf("local%d-%d", g.Public().Epoch(), i))
		p.ByValue = append(p.ByValue, Add{kp.KeyPackage})
		p.Joiners = append(p.Joiners, kp)
	}
	staged := commit(t, s, g, as, p)
	return staged.Group, staged
}

// A commit that adds local members needs neither path nor Welcome, nor does one that changes application data.
func TestLocalJoinersNeedNothing(t *testing.T) {
	var s testSeed
	g := s.newGroup(t, s.newClient(t, "alice"))
	g, staged := addLocal(t, &s, g, 0, 5)
	if staged.Welcome != nil || staged.Effects.HasPath {
		t.Errorf("Welcome %v, path %v", staged.Welcome, staged.Effects.HasPath)
	}
	if len(g.Local()) != 6 || len(staged.Effects.Added) != 5 {
		t.Errorf("local leaves %v, added %v", g.Local(), staged.Effects.Added)
	}
	staged = commit(t, &s, g, 3, CommitParams{ByValue: []Proposal{AppDataUpdate{Component: 0x8000, Update: []byte("x")}}})
	if staged.Effects.HasPath {
		t.Error("AppDataUpdate made a path")
	}
	if data, found := staged.Group.Public().AppData(0x8000); !found || string(data) != "x" {
		t.Errorf("component data %q, %v", data, found)
	}
	if staged = commit(t, &s, g, 3, CommitParams{ByValue: []Proposal{AppDataUpdate{Component: 0x8000, Update: []byte("x")}}, ForcePath: true}); !staged.Effects.HasPath {
		t.Error("ForcePath made no path")
	}
	wantAgreement(t, staged.Group)
}

// MULTILEAF: a leaf that is unmerged below a parent cannot use that parent's key. Leaf 7 arrives, without path, under nodes 11 and 7
// that leaf 4 has set before; a path from leaf 0 is then encrypted to the resolution {11, leaf 7}.
func TestUnmergedLeafCannotUseParent(t *testing.T) {
	var s testSeed
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, &s, g, 0, 6)
	g = commit(t, &s, g, 4, CommitParams{}).Group
	late := s.newClient(t, "7")
	staged := commit(t, &s, g, 0, CommitParams{ByValue: []Proposal{Add{late.KeyPackage}}})
	g = staged.Group
	only := join(t, staged, late)
	if len(only.nodes) != 0 || only.Local()[0] != 7 {
		t.Fatalf("leaves %v hold keys of %d parents, want leaf 7 without any", only.Local(), len(only.nodes))
	}
	res := g.public.tree.resolution(nil, 11)
	if len(res) != 2 || res[0] != 11 || res[1] != LeafIndex(7).node() {
		t.Fatalf("resolution of node 11 is %v: the test is not about what it says", res)
	}
	staged = commit(t, &s, g, 0, CommitParams{})
	after := follow(t, only, staged.Commit)
	wantAgreement(t, staged.Group, after)
	if len(after.nodes) != 1 || after.nodes[7] == nil {
		t.Errorf("leaf 7 holds %d parents, want the root only", len(after.nodes))
	}
}

// Adopt takes a member that somebody else's commit added, and refuses a Welcome to another epoch.
func TestAdopt(t *testing.T) {
	var s testSeed
	first, second, third := s.newClient(t, "first"), s.newClient(t, "second"), s.newClient(t, "third")
	remote := s.newGroup(t, s.newClient(t, "remote"))
	staged := commit(t, &s, remote, 0, CommitParams{ByValue: []Proposal{Add{first.KeyPackage}}})
	remote = staged.Group
	g := join(t, staged, first)

	// With path: the Welcome brings the path secret, since no local leaf may be that low.
	staged = commit(t, &s, remote, 0, CommitParams{ByValue: []Proposal{Add{second.KeyPackage}, Add{third.KeyPackage}}, ForcePath: true})
	other := commit(t, &s, remote, 0, CommitParams{ByValue: []Proposal{Add{second.KeyPackage}, Add{third.KeyPackage}}, ForcePath: true})
	remote = staged.Group
	g = follow(t, g, staged.Commit)
	_, err := g.Adopt(other.Welcome, second)
	wantRule(t, "Welcome of a commit that lost", "local-adopt-epoch", err)
	for _, kp := range []*KeyPackageSecrets{third, second} {
		if g, err = g.Adopt(staged.Welcome, kp); err != nil {
			t.Fatal(err)
		}
		wantAgreement(t, remote, g)
	}
	if got := g.Local(); len(got) != 3 {
		t.Errorf("local leaves %v", got)
	}
	staged = commit(t, &s, g, 2, CommitParams{ByValue: []Proposal{Remove{1}}})
	wantAgreement(t, staged.Group, follow(t, remote, staged.Commit))
}

// A Welcome tells its addressee to which epoch it leads, others nothing, and nobody if it needs PSKs.
func TestWelcomeEpoch(t *testing.T) {
	var s testSeed
	bob, carol := s.newClient(t, "bob"), s.newClient(t, "carol")
	cfg := testConfig()
	cfg.ExternalPSK = func([]byte) ([]byte, bool) { return []byte("secret"), true }
	g := commit(t, &s, s.newGroup(t, s.newClient(t, "alice")), 0, CommitParams{}).Group.WithConfig(cfg)
	staged := commit(t, &s, g, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	group, epoch, err := WelcomeEpoch(staged.Welcome, bob)
	if err != nil || epoch != 2 || !bytes.Equal(group, g.Public().GroupID()) {
		t.Errorf("epoch %d of %q, %v", epoch, group, err)
	}
	_, _, err = WelcomeEpoch(staged.Welcome, carol)
	wantRule(t, "of somebody else", "9420-12.4.3.1-not-addressed", err)
	staged = commit(t, &s, g, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage},
		PreSharedKey{PreSharedKeyID{Type: PSKExternal, ID: []byte("x"), Nonce: make([]byte, 32)}}}})
	_, _, err = WelcomeEpoch(staged.Welcome, bob)
	wantRule(t, "with a PSK", "9420-12.4.3.1-psk", err)
}

// A local leaf commits what another local leaf proposes, but not its own Update or Remove.
func TestCommitForOtherLocalLeaf(t *testing.T) {
	var s testSeed
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, &s, g, 0, 4)
	signer, err := NewSigner(testSuite, s.next())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name    string
		propose func() (*Group, *Message, error)
		gone    bool
	}{
		{"Update", func() (*Group, *Message, error) {
			return g.ProposeUpdate(s.next(), 2, &LeafChange{Signer: &signer}, nil)
		}, false},
		{"Remove", func() (*Group, *Message, error) { return g.Propose(2, Remove{2}, nil) }, true},
		{"SelfRemove", func() (*Group, *Message, error) { return g.Propose(2, SelfRemove{}, nil) }, true},
	} {
		h, _, err := c.propose()
		if err != nil {
			t.Fatal(err)
		}
		p := CommitParams{ByReference: []ProposalRef{h.Public().Pending()[0].Ref}}
		_, err = h.Commit(s.next(), 2, p)
		wantRule(t, c.name+" committed by its own leaf", "9420-12.2-own-leaf", err)
		staged := commit(t, &s, h, 1, p)
		if staged.Group.IsLocal(2) == c.gone {
			t.Errorf("%s: leaf 2 local: %v", c.name, !c.gone)
		}
		wantAgreement(t, staged.Group)
		if !c.gone {
			if _, err := staged.Group.GroupInfo(2, true); err != nil {
				t.Error(err)
			}
			next := commit(t, &s, staged.Group, 2, CommitParams{})
			wantAgreement(t, next.Group, next.Group)
		}
	}
}

// A group is a value: two commits from one value lead to two epochs, and neither changes it.
func TestGroupIsAValue(t *testing.T) {
	var s testSeed
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, &s, g, 0, 6)
	before := g.Parts(nil).Set
	a, b := commit(t, &s, g, 1, CommitParams{}), commit(t, &s, g, 2, CommitParams{ByValue: []Proposal{Remove{5}}})
	if bytes.Equal(a.Group.EpochAuthenticator(), b.Group.EpochAuthenticator()) {
		t.Error("two different commits lead to one epoch")
	}
	wantSameParts(t, before, g.Parts(nil).Set)
	wantAgreement(t, g, g)
	wantAgreement(t, a.Group)
	wantAgreement(t, b.Group)
	if !g.IsLocal(5) || b.Group.IsLocal(5) {
		t.Error("leaf 5 left the wrong value")
	}
	if _, err := a.Group.StageCommit(b.Commit); err == nil {
		t.Error("a commit of the last epoch was processed")
	}
	_, err := g.StageCommit(a.Commit)
	wantRule(t, "own commit", "local-own-commit", err)
	if _, err := g.Commit(s.next(), 99, CommitParams{}); !errors.Is(err, ErrNoLocalLeaf) {
		t.Errorf("error %v, want ErrNoLocalLeaf", err)
	}
}

// A further local user joins by external commit while the value holds the group, also in place of a leaf that it held.
func TestExternalCommitIntoHeldGroup(t *testing.T) {
	var s testSeed
	bob := s.newClient(t, "bob")
	a := s.newGroup(t, s.newClient(t, "alice"))
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	a, b := staged.Group, join(t, staged, bob)
	a, _, err := a.Propose(0, SelfRemove{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	b, _, err = b.AddProposal(a.Public().Pending()[0].Message)
	if err != nil {
		t.Fatal(err)
	}
	// Pending SelfRemoves go into the external commit.
	staged, err = b.ExternalCommit(s.next(), s.newClient(t, "carol"), ExternalCommitParams{})
	if err != nil {
		t.Fatal(err)
	}
	if next, err := a.StageCommit(reencode(t, staged.Commit)); err != nil || next.Group != nil {
		t.Errorf("alice, who removed herself: %v, %v", next, err)
	}
	b = staged.Group
	if got := b.Local(); len(got) != 2 || b.Public().Size() != 2 {
		t.Errorf("local leaves %v of %d", got, b.Public().Size())
	}
	wantAgreement(t, b)
	// A resync replaces bob's leaf.
	staged, err = b.ExternalCommit(s.next(), s.newClient(t, "bob"), ExternalCommitParams{ByValue: []Proposal{Remove{1}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := staged.Group.Local(); len(got) != 2 || len(staged.Effects.Removed) != 1 {
		t.Errorf("local leaves %v, removed %v", got, staged.Effects.Removed)
	}
	wantAgreement(t, staged.Group)
}

// In a full tree the best committer is the one whose path overlaps most with what the removal blanks; in a blank tree it is one where
// most is blank.
func TestOverlapWith(t *testing.T) {
	var s testSeed
	blank := s.newGroup(t, s.newClient(t, "0"))
	blank, _ = addLocal(t, &s, blank, 0, 15)
	half, full := blank, blank
	for i := range LeafIndex(16) {
		full = commit(t, &s, full, i, CommitParams{}).Group
		if i < 8 {
			half = commit(t, &s, half, i, CommitParams{}).Group
		}
	}
	for _, c := range []struct {
		name                string
		g                   *Group
		removed, candidates []LeafIndex
		want                LeafIndex
	}{
		{"sibling", full, []LeafIndex{5}, []LeafIndex{0, 8, 4, 6}, 4},
		{"cousin", full, []LeafIndex{5}, []LeafIndex{0, 8, 6}, 6},
		{"same half", full, []LeafIndex{5}, []LeafIndex{8, 0}, 0},
		{"first of equals", full, []LeafIndex{5}, []LeafIndex{9, 8}, 9},
		{"above both removed", full, []LeafIndex{2, 14}, []LeafIndex{8, 1}, 1},
		{"half with more members", blank, []LeafIndex{5}, []LeafIndex{4, 6, 9}, 9},
		{"blank half", half, []LeafIndex{5}, []LeafIndex{4, 6, 9}, 9},
		{"leaf outside", full, []LeafIndex{99, 5}, []LeafIndex{0, 4}, 4},
	} {
		if got := c.g.OverlapWith(c.removed, c.candidates); got != c.want {
			t.Errorf("%s: OverlapWith(%v, %v) = %d, want %d", c.name, c.removed, c.candidates, got, c.want)
		}
	}
}

// Generations that were reserved are never used again after loading, and sending within them changes no part.
func TestGenerationsSurviveLoading(t *testing.T) {
	var s testSeed
	bob := s.newClient(t, "bob")
	a := s.newGroup(t, s.newClient(t, "alice"))
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	a, b := staged.Group, join(t, staged, bob)
	a, err := a.Reserve(0, 5)
	if err != nil {
		t.Fatal(err)
	}
	parts := a.Parts(nil).Set
	live := a
	var first *Message
	for k := range 3 {
		var m *Message
		if live, m, err = live.Protect(s.next(), 0, []byte("live"), nil); err != nil {
			t.Fatal(err)
		}
		if k == 0 {
			first = m
		}
	}
	if p := live.Parts(a); len(p.Set)+len(p.Drop) != 0 {
		t.Errorf("sending within the reserved generations changed %v", p)
	}
	loaded, err := LoadGroup(parts, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := loaded.Protect(s.next(), 0, nil, nil); !errors.Is(err, ErrGenerationNotReserved) {
		t.Errorf("error %v, want ErrGenerationNotReserved", err)
	}
	if loaded, err = loaded.Reserve(0, 1); err != nil {
		t.Fatal(err)
	}
	_, m, err := loaded.Protect(s.next(), 0, []byte("after loading"), nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := m.Private.openSenderData(b.public.suite, b.secrets.SenderData)
	if err != nil || d.Generation != 5 {
		t.Errorf("generation %d after loading, want 5 (%v)", d.Generation, err)
	}
	for _, m := range []*Message{m, first} {
		if b, _, err = b.Unprotect(m); err != nil {
			t.Fatal(err)
		}
	}
}

// Parts that are not those of a group are refused.
func TestLoadGroupRefuses(t *testing.T) {
	var s testSeed
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, &s, g, 0, 3)
	g = commit(t, &s, g, 1, CommitParams{}).Group
	for name := range g.Parts(nil).Set {
		parts := g.Parts(nil).Set
		delete(parts, name)
		// Without the part of a local leaf the rest is still that of a group: one that does not hold this leaf.
		if _, err := LoadGroup(parts, testConfig()); err == nil && !strings.HasPrefix(name, partLocal) {
			t.Errorf("loaded without part %s", name)
		}
		parts = g.Parts(nil).Set
		parts[name] = parts[name][:len(parts[name])-1]
		if _, err := LoadGroup(parts, testConfig()); err == nil && !strings.HasPrefix(name, partKey) {
			t.Errorf("loaded with part %s cut", name)
		}
	}
	parts := g.Parts(nil).Set
	parts["x/1"] = []byte{1}
	if _, err := LoadGroup(parts, testConfig()); !errors.Is(err, ErrStored) {
		t.Errorf("unknown part: error %v", err)
	}
	parts = g.Parts(nil).Set
	parts[partGroup][0] = storageVersion + 1
	if _, err := LoadGroup(parts, testConfig()); !errors.Is(err, ErrStored) {
		t.Errorf("other version: error %v", err)
	}
}

// A value may be used from several goroutines at once (run with -race).
func TestConcurrentUse(t *testing.T) {
	var s testSeed
	bob := s.newClient(t, "bob")
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, &s, g, 0, 6)
	staged := commit(t, &s, g, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}, ForcePath: true})
	g, other := staged.Group, join(t, staged, bob)
	remote := commit(t, &s, other, 7, CommitParams{})
	g, err := g.Reserve(0, 10)
	if err != nil {
		t.Fatal(err)
	}
	uses := []func() error{
		func() error { _, err := g.Commit(Seed{1}, 1, CommitParams{ByValue: []Proposal{Remove{2}}}); return err },
		func() error { _, err := g.StageCommit(remote.Commit); return err },
		func() error { _, _, err := g.Protect(Seed{2}, 0, []byte("x"), nil); return err },
		func() error { _, _, err := g.Propose(3, Remove{2}, nil); return err },
		func() error { _, err := LoadGroup(g.Parts(nil).Set, testConfig()); return err },
		func() error { _, err := g.GroupInfo(0, true); return err },
		func() error { _, err := g.Export("label", nil, 32); return err },
	}
	done := make(chan error)
	for _, use := range uses {
		for range 2 {
			go func() { done <- use() }()
		}
	}
	for range 2 * len(uses) {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// The signatures of a key package that was made here are not verified again, unless a bit of it has changed since, or it came from elsewhere.
func TestJoinersAreSignedHere(t *testing.T) {
	var s testSeed
	g := s.newGroup(t, s.newClient(t, "alice"))
	for what, change := range map[string]func(kp *KeyPackageSecrets){
		"signature of the key package": func(kp *KeyPackageSecrets) {
			kp.KeyPackage.Signature = append([]byte{kp.KeyPackage.Signature[0] ^ 1}, kp.KeyPackage.Signature[1:]...)
		},
		"signature of the leaf": func(kp *KeyPackageSecrets) {
			leaf := &kp.KeyPackage.LeafNode
			leaf.Signature = append([]byte{leaf.Signature[0] ^ 1}, leaf.Signature[1:]...)
		},
		"a lifetime":     func(kp *KeyPackageSecrets) { kp.KeyPackage.LeafNode.Lifetime.NotAfter++ },
		"another's leaf": func(kp *KeyPackageSecrets) { kp.KeyPackage.LeafNode = s.newClient(t, "mallory").KeyPackage.LeafNode },
		"from elsewhere": func(kp *KeyPackageSecrets) {
			bad := kp.KeyPackage
			bad.Signature = make([]byte, 64)
			*kp = KeyPackageSecrets{KeyPackage: bad, Init: kp.Init, Leaf: kp.Leaf, Signature: kp.Signature}
		},
	} {
		kp := s.newClient(t, "bob")
		change(kp)
		_, err := g.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{Add{kp.KeyPackage}}, Joiners: []*KeyPackageSecrets{kp}})
		var invalid *ValidationError
		if !errors.As(err, &invalid) || !strings.Contains(invalid.Rule, "signature") {
			t.Errorf("%s: %v", what, err)
		}
	}
	kp := s.newClient(t, "bob")
	again := *kp // by way of the store, say
	again.signed = [len(again.signed)]byte{}
	for _, j := range []*KeyPackageSecrets{kp, &again} {
		if _, err := g.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{Add{j.KeyPackage}}, Joiners: []*KeyPackageSecrets{j}}); err != nil {
			t.Error(err)
		}
	}
}
