package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/treemath"
	"anteroom/mls/wire"
)

const testSuite = SuiteX25519AES128SHA256Ed25519

// testSeed gives every call of next another seed, the same in every run.
type testSeed struct{ n uint64 }

func (s *testSeed) next() Seed {
	s.n++
	return Seed{}.Derive("test", fmt.Appendf(nil, "%d", s.n))
}

func testCapabilities() Capabilities {
	return Capabilities{
		Versions:     []ProtocolVersion{ProtocolVersionMLS10},
		CipherSuites: []CipherSuite{testSuite},
		Extensions:   []ExtensionType{ExtensionAppDataDictionary},
		Proposals:    []ProposalType{ProposalAppDataUpdate, ProposalAppEphemeral, ProposalSelfRemove},
		Credentials:  []CredentialType{CredentialBasic},
	}
}

// newClient makes a key package for a member called name.
func (s *testSeed) newClient(t testing.TB, name string) *KeyPackageSecrets {
	t.Helper()
	signer, err := NewSigner(testSuite, s.next())
	if err != nil {
		t.Fatal(err)
	}
	kp, err := NewKeyPackage(s.next(), KeyPackageParams{
		Signer:       signer,
		Credential:   Credential{Type: CredentialBasic, Identity: []byte(name)},
		Capabilities: testCapabilities(),
		Lifetime:     Lifetime{NotBefore: 1000, NotAfter: 2000},
	})
	if err != nil {
		t.Fatal(err)
	}
	return kp
}

// appendComponent keeps the concatenation of all updates; an update that says "refuse" is refused.
type appendComponent struct{}

func (appendComponent) ApplyUpdates(_ ComponentID, current []byte, _ bool, updates [][]byte) ([]byte, error) {
	out := bytes.Clone(current)
	for _, u := range updates {
		if string(u) == "refuse" {
			return nil, errors.New("refused")
		}
		out = append(out, u...)
	}
	return out, nil
}

func testConfig() Config {
	return Config{Components: appendComponent{}, Now: 1500, PastEpochs: 2, Parallel: allAtOnce}
}

// allAtOnce is a Config.Parallel by which every test runs what may run at the same time in goroutines of its own.
func allAtOnce(n int, do func(int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { do(i) })
	}
	wg.Wait()
}

// Of several failures the first in order is reported, whether calls run one after the other or all at once.
func TestEachReportsTheFirst(t *testing.T) {
	for name, cfg := range map[string]Config{"sequential": {}, "parallel": {Parallel: allAtOnce}} {
		done := make([]bool, 50)
		if err := cfg.each(len(done), func(i int) error { done[i] = true; return nil }); err != nil || slices.Contains(done, false) {
			t.Errorf("%s: error %v, calls %v", name, err, done)
		}
		err := cfg.each(50, func(i int) error {
			if i >= 20 {
				return fmt.Errorf("number %d", i)
			}
			return nil
		})
		if err == nil || err.Error() != "number 20" {
			t.Errorf("%s: error %v, want that of number 20", name, err)
		}
	}
}

func (s *testSeed) newGroup(t testing.TB, creator *KeyPackageSecrets, extensions ...Extension) *Group {
	t.Helper()
	g, err := NewGroup(s.next(), NewGroupParams{GroupID: []byte("group"), Creator: creator, Extensions: extensions, Config: testConfig()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// reencode sends a message over the wire.
func reencode(t testing.TB, m *Message) *Message {
	t.Helper()
	out := new(Message)
	if err := wire.Unmarshal(wire.Marshal(m), out); err != nil {
		t.Fatal(err)
	}
	return out
}

func commit(t testing.TB, s *testSeed, g *Group, as LeafIndex, p CommitParams) *Staged {
	t.Helper()
	staged, err := g.Commit(s.next(), as, p)
	if err != nil {
		t.Fatal(err)
	}
	return staged
}

func follow(t testing.TB, g *Group, m *Message) *Group {
	t.Helper()
	staged, err := g.StageCommit(reencode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	return staged.Group
}

func join(t testing.TB, staged *Staged, kp *KeyPackageSecrets) *Group {
	t.Helper()
	g, err := Join(staged.Welcome, kp, JoinParams{Tree: staged.Group.Public().Tree(), Config: testConfig()})
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// checkInvariant verifies the invariant of nodeKeys and that every private key fits its public key.
func (g *Group) checkInvariant() error {
	t, s := g.public.tree, g.public.suite
	if err := g.checkHeld(); err != nil {
		return err
	}
	for _, l := range g.local {
		if public, err := s.HPKEPublic(l.key); err != nil || !bytes.Equal(public, t.leaf(l.index).EncryptionKey) {
			return fmt.Errorf("private key of local leaf %d does not fit", l.index)
		}
	}
	for x, key := range g.nodes {
		if public, err := s.HPKEPublic(key); err != nil || !bytes.Equal(public, t.at(x).parent.EncryptionKey) {
			return fmt.Errorf("private key of node %d does not fit", x)
		}
	}
	return nil
}

// wantAgreement verifies that all values are in one epoch and keep the invariant of their private keys.
func wantAgreement(t testing.TB, groups ...*Group) {
	t.Helper()
	for _, g := range groups {
		if err := g.checkInvariant(); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(g.EpochAuthenticator(), groups[0].EpochAuthenticator()) {
			t.Fatalf("epoch %d: no agreement", g.Public().Epoch())
		}
	}
}

func TestTwoParties(t *testing.T) {
	var s testSeed
	alice, bob := s.newClient(t, "alice"), s.newClient(t, "bob")
	a := s.newGroup(t, alice)
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	if staged.Effects.HasPath {
		t.Error("Add-only commit has a path")
	}
	a = staged.Group
	b := join(t, staged, bob)
	wantAgreement(t, a, b)

	staged = commit(t, &s, b, 1, CommitParams{})
	if !staged.Effects.HasPath {
		t.Error("empty commit has no path")
	}
	a, b = follow(t, a, staged.Commit), staged.Group
	wantAgreement(t, a, b)

	b, m, err := b.ProposeUpdate(s.next(), 1, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	a, pending, err := a.AddProposal(reencode(t, m))
	if err != nil {
		t.Fatal(err)
	}
	staged = commit(t, &s, a, 0, CommitParams{ByReference: []ProposalRef{pending.Ref}})
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)

	staged = commit(t, &s, b, 1, CommitParams{ByValue: []Proposal{Remove{0}}})
	if left := follow(t, a, staged.Commit); left != nil {
		t.Error("removed member still has a group")
	}
}

func TestMessages(t *testing.T) {
	var s testSeed
	alice, bob := s.newClient(t, "alice"), s.newClient(t, "bob")
	a := s.newGroup(t, alice)
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	a, b := staged.Group, join(t, staged, bob)

	if _, _, err := a.Protect(s.next(), 0, []byte("hello"), nil); !errors.Is(err, ErrGenerationNotReserved) {
		t.Fatalf("error %v, want ErrGenerationNotReserved", err)
	}
	a, err := a.Reserve(0, 2)
	if err != nil {
		t.Fatal(err)
	}
	var messages []*Message
	for k := range 2 {
		if n := a.Reserved(0); n != uint32(2-k) {
			t.Errorf("%d generations reserved, want %d", n, 2-k)
		}
		var m *Message
		if a, m, err = a.Protect(s.next(), 0, fmt.Appendf(nil, "message %d", k), []byte("aad")); err != nil {
			t.Fatal(err)
		}
		messages = append(messages, reencode(t, m))
	}
	if _, _, err := a.Protect(s.next(), 0, []byte("hello"), nil); !errors.Is(err, ErrGenerationNotReserved) {
		t.Fatalf("error %v, want ErrGenerationNotReserved", err)
	}
	// The second arrives first, and the first only after a commit.
	b, got, err := b.Unprotect(messages[1])
	if err != nil {
		t.Fatal(err)
	}
	if string(got.Data) != "message 1" || got.Sender != 0 || string(got.AuthenticatedData) != "aad" {
		t.Errorf("got %+v", got)
	}
	_, _, err = b.Unprotect(messages[1])
	wantRule(t, "a message again", "9420-9.2-generation-used", err)
	_, _, err = a.Unprotect(messages[1])
	wantRule(t, "own message", "local-own-message", err)
	staged = commit(t, &s, b, 1, CommitParams{})
	b = staged.Group
	if b, got, err = b.Unprotect(messages[0]); err != nil || string(got.Data) != "message 0" || got.Epoch != 1 {
		t.Fatalf("message of a past epoch: %v, %v", got, err)
	}
	if _, _, err := b.Unprotect(messages[0]); err == nil {
		t.Error("a message of a past epoch was decrypted twice")
	}
	for range testConfig().PastEpochs {
		b = commit(t, &s, b, 1, CommitParams{}).Group
	}
	var e *EpochError
	if _, _, err := b.Unprotect(messages[0]); !errors.As(err, &e) {
		t.Errorf("error %v, want EpochError", err)
	}
}

// With all the keys that it ever held, a removed member opens nothing of the path that removes it (§12.4), whereas one that stays
// opens exactly one ciphertext.
func TestRemovedMemberLearnsNothing(t *testing.T) {
	var s testSeed
	bob, carol := s.newClient(t, "bob"), s.newClient(t, "carol")
	a := s.newGroup(t, s.newClient(t, "alice"))
	a, _ = addLocal(t, &s, a, 0, 5)
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}, Add{carol.KeyPackage}}, ForcePath: true})
	a, b, c := staged.Group, join(t, staged, bob), join(t, staged, carol)
	staged = commit(t, &s, a, 4, CommitParams{})
	a, b, c = staged.Group, follow(t, b, staged.Commit), follow(t, c, staged.Commit)

	staged = commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Remove{b.Local()[0]}}})
	path := staged.Commit.Public.Content.Commit.Path
	provisional := staged.Effects.After.Context()
	provisional.ConfirmedTranscriptHash = a.public.context.ConfirmedTranscriptHash
	opens := func(g *Group) int {
		keys := []HPKEPrivateKey{g.local[0].key}
		for _, key := range g.nodes {
			keys = append(keys, key)
		}
		n := 0
		for _, key := range keys {
			for _, node := range path.Nodes {
				for _, e := range node.EncryptedPathSecrets {
					if _, err := g.public.suite.DecryptWithLabel(key, "UpdatePathNode", wire.Marshal(&provisional), e.KEMOutput, e.Ciphertext); err == nil {
						n++
					}
				}
			}
		}
		return n
	}
	if n := opens(c); n != 1 {
		t.Errorf("carol, who stays, opens %d ciphertexts, want 1", n)
	}
	if n := opens(b); n != 0 {
		t.Errorf("bob, who is removed, opens %d ciphertexts", n)
	}
	if next, err := b.StageCommit(staged.Commit); err != nil || next.Group != nil || len(next.Effects.Removed) != 1 {
		t.Errorf("bob: %+v, %v", next, err)
	}
	context := staged.Effects.After.Context()
	if _, guess := advanceSecrets(b.public.suite, b.secrets.Init, nil, nil, &context); bytes.Equal(guess.Authenticator, staged.Group.EpochAuthenticator()) {
		t.Error("bob gets into the epoch without a commit secret")
	}
	wantAgreement(t, staged.Group, follow(t, c, staged.Commit))
}

// §8.4: PSKs, external ones and those of an earlier epoch, go into the epoch in the order of the commit; who lacks one stays outside.
func TestPSKs(t *testing.T) {
	var s testSeed
	bob, carol := s.newClient(t, "bob"), s.newClient(t, "carol")
	cfg := testConfig()
	cfg.ExternalPSK = func(id []byte) ([]byte, bool) { return []byte("secret of " + string(id)), len(id) == 1 }
	a := s.newGroup(t, s.newClient(t, "alice"))
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	a, b := staged.Group.WithConfig(cfg), join(t, staged, bob).WithConfig(cfg)
	staged = commit(t, &s, a, 0, CommitParams{})
	a, b = staged.Group, follow(t, b, staged.Commit)

	external := func(id string) Proposal {
		return PreSharedKey{PreSharedKeyID{Type: PSKExternal, ID: []byte(id), Nonce: bytes.Repeat([]byte{7}, 32)}}
	}
	resumption := PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: ResumptionApplication, GroupID: []byte("group"), Epoch: 1,
		Nonce: bytes.Repeat([]byte{8}, 32)}}
	staged = commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{external("x"), resumption, external("y")}})
	if staged.Effects.HasPath {
		t.Error("PSKs made a path")
	}
	swapped := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{external("y"), resumption, external("x")}})
	if bytes.Equal(swapped.Group.EpochAuthenticator(), staged.Group.EpochAuthenticator()) {
		t.Error("the order of PSKs makes no difference")
	}
	_, err := b.WithConfig(testConfig()).StageCommit(staged.Commit)
	wantRule(t, "member without the PSK", "9420-12.4.2-psk-unknown", err)
	a, b = staged.Group, follow(t, b, staged.Commit)
	wantAgreement(t, a, b)

	staged = commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{carol.KeyPackage}, external("z")}})
	p := JoinParams{Tree: staged.Group.Public().Tree(), Config: testConfig()}
	_, err = Join(staged.Welcome, carol, p)
	wantRule(t, "joiner without the PSK", "9420-12.4.2-psk-unknown", err)
	p.PSKs = map[string][]byte{"z": []byte("secret of z")}
	c, err := Join(staged.Welcome, carol, p)
	if err != nil {
		t.Fatal(err)
	}
	wantAgreement(t, staged.Group, follow(t, b, staged.Commit), c)
}

// Handshake messages of others may be PrivateMessages (§6.3), but not a SelfRemove (draft-ietf-mls-extensions).
func TestPrivateHandshake(t *testing.T) {
	var s testSeed
	bob := s.newClient(t, "bob")
	a := s.newGroup(t, s.newClient(t, "alice"))
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}}})
	a, b := staged.Group, join(t, staged, bob)
	private := func(g *Group, as LeafIndex, p Proposal) *Message {
		t.Helper()
		ac := g.public.proposalContent(Sender{Type: SenderMember, Leaf: as}, p, nil)
		ac.WireFormat = WireFormatPrivateMessage
		if err := ac.sign(g.public.suite, g.localAt(as).signature, g.public.encodedContext); err != nil {
			t.Fatal(err)
		}
		tree, err := g.tree.Reserve(treemath.LeafIndex(as), schedule.HandshakeRatchet, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, key, err := tree.Next(treemath.LeafIndex(as), schedule.HandshakeRatchet)
		if err != nil {
			t.Fatal(err)
		}
		return &Message{Format: WireFormatPrivateMessage, Private: ac.protectPrivate(g.public.suite, g.secrets.SenderData, key, [4]byte{}, 0)}
	}
	m := private(b, 1, Remove{1})
	h, pending, err := a.AddProposal(reencode(t, m))
	if err != nil || pending.Sender.Leaf != 1 {
		t.Fatalf("%v, %v", pending, err)
	}
	if again, _, err := h.AddProposal(m); err != nil || len(again.Public().Pending()) != 1 {
		t.Fatalf("the same again: %v", err)
	}
	loaded, err := LoadGroup(h.Parts(nil).Set, testConfig())
	if err != nil || len(loaded.Public().Pending()) != 1 {
		t.Fatalf("after loading: %v", err)
	}
	if staged := commit(t, &s, loaded, 0, CommitParams{ByReference: []ProposalRef{pending.Ref}}); len(staged.Effects.Removed) != 1 {
		t.Errorf("removed %v", staged.Effects.Removed)
	}
	_, _, err = a.AddProposal(private(b, 1, SelfRemove{}))
	wantRule(t, "SelfRemove", "mlsext-self-remove-public", err)
}
