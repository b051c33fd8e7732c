package mls

import (
	"bytes"
	"errors"
	"testing"
)

func reserveHandshake(t testing.TB, g *Group, as LeafIndex, n uint32) *Group {
	t.Helper()
	g, err := g.ReserveHandshake(as, n)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// Members may send proposals and commits as PrivateMessage (RFC 9420 §6.3), mixed with public ones in one epoch.
func TestPrivateCommit(t *testing.T) {
	s := new(testSeed)
	alice, bob, carol := s.newClient(t, "alice"), s.newClient(t, "bob"), s.newClient(t, "carol")
	a := s.newGroup(t, alice)
	staged := commit(t, s, a, 0, CommitParams{ByValue: []Proposal{Add{bob.KeyPackage}, Add{carol.KeyPackage}}, ForcePath: true})
	a, b, c := staged.Group, join(t, staged, bob), join(t, staged, carol)

	if _, _, err := b.ProposeUpdatePrivate(s.next(), 1, nil, nil); !errors.Is(err, ErrGenerationNotReserved) {
		t.Fatalf("error %v, want ErrGenerationNotReserved", err)
	}
	if _, err := b.ReserveHandshake(0, 1); !errors.Is(err, ErrNoLocalLeaf) {
		t.Fatalf("error %v, want ErrNoLocalLeaf", err)
	}
	b = reserveHandshake(t, b, 1, 2)
	b, update, err := b.ProposeUpdatePrivate(s.next(), 1, nil, []byte("aad"))
	if err != nil {
		t.Fatal(err)
	}
	if update.Format != WireFormatPrivateMessage || b.ReservedHandshake(1) != 1 || b.Reserved(1) != 0 {
		t.Fatalf("format %d, %d generations left, want a PrivateMessage and 1", update.Format, b.ReservedHandshake(1))
	}
	c, gce, err := c.Propose(2, GroupContextExtensions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var refs []ProposalRef
	groups := []**Group{&a, &b, &c}
	for _, m := range []*Message{update, gce} {
		for _, g := range groups {
			next, pending, err := (*g).AddProposal(reencode(t, m)) // a sender is told of its own proposal, too
			if err != nil {
				t.Fatal(err)
			}
			if again, _, err := next.AddProposal(reencode(t, m)); err != nil || again != next && len(again.Public().Pending()) != len(next.Public().Pending()) {
				t.Fatalf("a repeated proposal changed the group: %v", err)
			}
			if *g = next; g == groups[0] {
				refs = append(refs, pending.Ref)
			}
		}
	}
	_, _, err = a.Public().AddProposal(update)
	wantRule(t, "a public group cannot read a PrivateMessage", "9420-6-wire-format", err)

	if _, err := a.Commit(s.next(), 0, CommitParams{ByReference: refs, Private: true}); !errors.Is(err, ErrGenerationNotReserved) {
		t.Fatalf("error %v, want ErrGenerationNotReserved", err)
	}
	a = reserveHandshake(t, a, 0, 2)
	staged = commit(t, s, a, 0, CommitParams{ByReference: refs, Private: true, AuthenticatedData: []byte("why")})
	if n := staged.Present.ReservedHandshake(0); n != 1 || staged.Commit.Format != WireFormatPrivateMessage {
		t.Fatalf("format %d, %d generations left, want a PrivateMessage and 1", staged.Commit.Format, n)
	}
	lost := commit(t, s, staged.Present, 0, CommitParams{ByReference: refs, Private: true}) // with the next key
	for _, g := range []*Group{b, c} {
		seen, err := g.StageCommit(reencode(t, staged.Commit))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(seen.Group.EpochAuthenticator(), staged.Group.EpochAuthenticator()) || string(seen.Effects.AuthenticatedData) != "why" {
			t.Error("members do not agree after a private commit")
		}
		_, err = seen.Present.StageCommit(reencode(t, staged.Commit))
		wantRule(t, "the commit's key is gone", "9420-9.2-generation-used", err)
		if _, err := seen.Present.StageCommit(reencode(t, lost.Commit)); err != nil {
			t.Errorf("a second commit in the epoch does not take the next generation: %v", err)
		}
	}
	_, err = a.StageCommit(staged.Commit)
	wantRule(t, "a commit by a local leaf", "local-own-message", err)
}

// SelfRemove is never private, so that those who know the public group only can act on it (draft-ietf-mls-extensions, SelfRemove).
func TestSelfRemoveIsPublic(t *testing.T) {
	s := new(testSeed)
	g := reserveHandshake(t, s.newGroup(t, s.newClient(t, "alice")), 0, 1)
	_, _, err := g.ProposePrivate(s.next(), 0, SelfRemove{}, nil)
	wantRule(t, "a private SelfRemove", "mlsext-self-remove-public", err)
}

// Generations of private handshake messages are stored as reserved, so that a crash never uses one twice.
func TestHandshakeGenerationsSurviveLoading(t *testing.T) {
	s := new(testSeed)
	g := reserveHandshake(t, s.newGroup(t, s.newClient(t, "alice")), 0, 3)
	stored := g.Parts(nil).Set
	g, first, err := g.ProposePrivate(s.next(), 0, GroupContextExtensions{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Private == nil || g.ReservedHandshake(0) != 2 {
		t.Fatalf("%d generations left, want 2", g.ReservedHandshake(0))
	}
	loaded, err := LoadGroup(stored, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if n := loaded.ReservedHandshake(0); n != 0 {
		t.Errorf("%d generations left after loading, want 0", n)
	}
	if _, _, err := loaded.ProposePrivate(s.next(), 0, GroupContextExtensions{}, nil); !errors.Is(err, ErrGenerationNotReserved) {
		t.Errorf("error %v, want ErrGenerationNotReserved", err)
	}
}
