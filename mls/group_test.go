package mls

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

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
	return Config{Components: appendComponent{}, Now: 1500, PastEpochs: 2}
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
