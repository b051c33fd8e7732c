package mls

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
)

func newSigner(t testing.TB, s *testSeed) *Signer {
	t.Helper()
	out, err := NewSigner(testSuite, s.next())
	if err != nil {
		t.Fatal(err)
	}
	return &out
}

// dueText is what RenewalDue says, in short: leaf numbers, with e and s for the keys.
func dueText(g *Group, now uint64, every RenewalInterval) string {
	var out []string
	for _, r := range g.RenewalDue(now, every) {
		text := fmt.Sprint(r.Leaf)
		if r.Encryption {
			text += "e"
		}
		if r.Signature {
			text += "s"
		}
		out = append(out, text)
	}
	return fmt.Sprint(out)
}

// Local leaves fall due by the age of their keys, oldest first, and one that renews itself leaves the others as they were. The ages survive
// storing, in full and as a delta.
func TestRenewalDue(t *testing.T) {
	var s testSeed
	every := RenewalInterval{Encryption: 100, Signature: 300}
	g := s.newGroup(t, s.newClient(t, "0")) // keys of a key package exist since its lifetime began, at 1000
	g, _ = addLocal(t, &s, g, 0, 3)
	want := func(why string, g *Group, now uint64, due string) {
		t.Helper()
		if got := dueText(g, now, every); got != due {
			t.Errorf("%s: %s are due, want %s", why, got, due)
		}
	}
	want("too early", g, 1099, "[]")
	want("encryption keys", g, 1100, "[0e 1e 2e 3e]")
	want("both", g, 1300, "[0es 1es 2es 3es]")
	if got := g.RenewalDue(1300, RenewalInterval{}); got != nil {
		t.Errorf("no interval: %v", got)
	}

	g = g.WithNow(1300)
	untouched := []*localLeaf{g.localAt(2), g.localAt(3)}
	before := g
	staged := commit(t, &s, g, 1, CommitParams{Leaf: &LeafChange{Signer: newSigner(t, &s)}})
	g = staged.Group
	for k, l := range untouched {
		if g.localAt(LeafIndex(2+k)) != l {
			t.Errorf("leaf %d changed with leaf 1", 2+k)
		}
	}
	want("after its commit", g, 1300, "[0es 2es 3es]")
	want("later", g, 1400, "[0es 2es 3es 1e]")
	stored := before.Parts(nil).Set
	delta := g.Parts(before)
	for name, b := range delta.Set {
		stored[name] = b
	}
	for _, name := range delta.Drop {
		delete(stored, name)
	}
	wantSameParts(t, g.Parts(nil).Set, stored)

	// A path alone renews the encryption key only; an Update counts once it is committed, by whoever commits.
	g = commit(t, &s, g.WithNow(1350), 2, CommitParams{ForcePath: true}).Group
	want("path", g, 1350, "[0es 2s 3es]")
	g = g.WithNow(1360)
	g, _, err := g.ProposeUpdate(s.next(), 3, &LeafChange{Signer: newSigner(t, &s)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	want("while its Update waits", g, 1360, "[0es 2s]")
	loaded, err := LoadGroup(g.Parts(nil).Set, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	want("loaded while its Update waits", loaded, 1360, "[0es 2s]")
	want("Update withdrawn", g.WithoutPending(), 1360, "[0es 2s 3es]")
	g = commit(t, &s, loaded.WithNow(1380), 0, CommitParams{ByReference: []ProposalRef{loaded.Public().Pending()[0].Ref}}).Group
	want("Update committed", g, 1459, "[0s 2es 1e]")
	want("and due again", g, 1460, "[0s 2es 1e 3e]")
}

// Parts stored before the ages of keys were kept still load: such keys are due.
func TestRenewalOfOldState(t *testing.T) {
	var s testSeed
	g := s.newGroup(t, s.newClient(t, "0"))
	parts := g.Parts(nil).Set
	const ages = 16
	parts["l/0"] = parts["l/0"][:len(parts["l/0"])-ages]
	old, err := LoadGroup(parts, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if got := dueText(old, 1500, RenewalInterval{Encryption: 1 << 30}); got != "[0e]" {
		t.Errorf("due: %s", got)
	}
	parts["l/0"] = append(slices.Clone(parts["l/0"]), 0)
	if _, err := LoadGroup(parts, testConfig()); err == nil {
		t.Error("a part cut within the ages loads")
	}
}

// A leaf changes its credential, capabilities and extensions with its keys, by commit and by Update, and others see it. What the
// others would refuse is not sent.
func TestLeafChange(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	leaf, _ := a.Public().Leaf(0)
	capabilities := leaf.Capabilities
	capabilities.Extensions = append(slices.Clone(capabilities.Extensions), 0xf000)
	change := &LeafChange{
		Signer:       newSigner(t, &s),
		Credential:   &Credential{Type: CredentialBasic, Identity: []byte("another name")},
		Capabilities: &capabilities,
		Extensions:   &[]Extension{{0xf000, []byte("data")}},
	}
	same := func(why string, g *Group, i LeafIndex) {
		t.Helper()
		n, _ := g.Public().Leaf(i)
		if !bytes.Equal(n.SignatureKey, change.Signer.Public) || string(n.Credential.Identity) != "another name" ||
			!n.Capabilities.SupportsExtension(0xf000) || len(n.Extensions) != 1 {
			t.Errorf("%s: the leaf is %+v", why, n)
		}
	}
	staged := commit(t, &s, a, 0, CommitParams{Leaf: change})
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)
	same("commit", b, 0)

	change.Signer = newSigner(t, &s)
	b, m, err := b.ProposeUpdate(s.next(), 1, change, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, q, err := a.AddProposal(reencode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	staged = commit(t, &s, a, 0, CommitParams{ByReference: []ProposalRef{q.Ref}})
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)
	same("Update", a, 1)

	bad := &LeafChange{Extensions: &[]Extension{{0xf001, nil}}}
	_, err = a.Commit(s.next(), 0, CommitParams{Leaf: bad})
	wantRule(t, "commit", "9420-7.3-own-extension", err)
	_, _, err = b.ProposeUpdate(s.next(), 1, bad, nil)
	wantRule(t, "Update", "9420-7.3-own-extension", err)
	taken, _ := a.Public().Leaf(1)
	_, err = a.Commit(s.next(), 0, CommitParams{Leaf: &LeafChange{Signer: &Signer{Suite: testSuite, Public: taken.SignatureKey, Private: b.localAt(1).signature}}})
	wantRule(t, "key of another leaf", "9420-7.3-signature-key-unique", err)
}

// Who has stolen everything that a member holds, its signature key included, is out as soon as the member's Update is committed: it cannot open
// the commit that holds it, and what it signs with the old key is refused, even if it learned the new epoch's secrets.
func TestRenewalShutsThievesOut(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	thief := b
	b, m, err := b.ProposeUpdate(s.next(), 1, &LeafChange{Signer: newSigner(t, &s)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	hears := func(g *Group) *Group {
		t.Helper()
		next, _, err := g.AddProposal(reencode(t, m))
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	a, thief = hears(a), hears(thief)
	staged := commit(t, &s, a, 0, CommitParams{ByReference: []ProposalRef{a.Public().Pending()[0].Ref}})
	if _, err := thief.StageCommit(reencode(t, staged.Commit)); err == nil {
		t.Fatal("who has the old keys follows into the next epoch")
	}
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)

	old := *b.localAt(1)
	old.signature = thief.localAt(1).signature
	forger := *b
	forger.local = []*localLeaf{&old}
	for name, g := range map[string]*Group{"old": &forger, "new": b} {
		g, err := g.Reserve(1, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, message, err := g.Protect(s.next(), 1, []byte("it is me"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := a.Unprotect(message); (err == nil) != (name == "new") {
			t.Errorf("a message signed with the %s key: %v", name, err)
		}
	}
}
