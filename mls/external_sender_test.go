package mls

import (
	"testing"

	"anteroom/mls/wire"
)

// An external sender may propose Add, Remove, PSK, ReInit, GroupContextExtensions, AppDataUpdate and AppEphemeral, which a member commits;
// nothing else (RFC 9420 §12.1.8, draft-ietf-mls-extensions).
func TestExternalSenderProposals(t *testing.T) {
	var s testSeed
	hub, err := NewSigner(testSuite, s.next())
	if err != nil {
		t.Fatal(err)
	}
	senders := Extension{ExtensionExternalSenders, wire.Marshal(ExternalSenders{{hub.Public, Credential{Type: CredentialBasic, Identity: []byte("hub")}}})}
	a, b, _ := trio(t, &s, senders)
	cfg := testConfig()
	cfg.ExternalPSK = func([]byte) ([]byte, bool) { return []byte("secret"), true }
	a, b = a.WithConfig(cfg), b.WithConfig(cfg)
	for _, p := range []Proposal{
		Add{s.newClient(t, "dave").KeyPackage},
		Remove{2},
		PreSharedKey{PreSharedKeyID{Type: PSKExternal, ID: []byte("id"), Nonce: make([]byte, 32)}},
		ReInit{GroupID: []byte("next"), Version: 1, Suite: testSuite},
		GroupContextExtensions{[]Extension{senders}},
		AppDataUpdate{Component: 9, Update: []byte("x")},
		AppEphemeral{Component: 9, Data: []byte("x")},
	} {
		m, err := ExternalProposal(a.Public(), hub, p, nil)
		if err != nil {
			t.Fatalf("type %d: %v", p.Type(), err)
		}
		a, q, err := a.AddProposal(reencode(t, m))
		if err != nil {
			t.Fatalf("type %d: %v", p.Type(), err)
		}
		b, _, err := b.AddProposal(reencode(t, m))
		if err != nil {
			t.Fatalf("type %d: %v", p.Type(), err)
		}
		public, _, err := b.Public().AddProposal(reencode(t, m))
		if err != nil {
			t.Fatalf("type %d: %v", p.Type(), err)
		}
		staged := commit(t, &s, a, 0, CommitParams{ByReference: []ProposalRef{q.Ref}})
		wantAgreement(t, staged.Group, follow(t, b, staged.Commit))
		effects, err := public.StageCommit(staged.Commit)
		if err != nil {
			t.Fatalf("type %d: %v", p.Type(), err)
		}
		if got := effects.Proposals[0]; got.Sender.Type != SenderExternal || got.Proposal.Type() != p.Type() {
			t.Errorf("type %d is attributed to %+v", p.Type(), got.Sender)
		}
	}
	for _, p := range []Proposal{Update{*a.Public().tree.leaf(1)}, ExternalInit{[]byte("kem")}, SelfRemove{}} {
		_, err := ExternalProposal(a.Public(), hub, p, nil)
		wantRule(t, "not for external senders", "9420-12.1.8-external-type", err)
		ac := a.Public().proposalContent(Sender{Type: SenderExternal}, p, nil)
		if err := ac.sign(a.public.suite, hub.Private, a.public.encodedContext); err != nil {
			t.Fatal(err)
		}
		m := &Message{Format: WireFormatPublicMessage, Public: ac.protectPublic(a.public.suite, nil, a.public.encodedContext)}
		if err := wire.Unmarshal(wire.Marshal(m), new(Message)); err == nil {
			t.Errorf("type %d decodes from an external sender", p.Type())
		}
		_, _, err = b.AddProposal(m)
		wantRule(t, "not for external senders", "9420-12.1.8-external-type", err)
	}
	_, err = ExternalProposal(a.Public(), Signer{testSuite, a.Public().tree.leaf(1).SignatureKey, b.localAt(1).signature}, Remove{2}, nil)
	wantRule(t, "a key that is not listed", "9420-12.1.8-external-sender", err)
}

// A tree grows when it is full and shrinks when its right half is empty; everybody agrees on it (RFC 9420 §7.7, §12.1.3).
func TestTreeGrowsAndShrinks(t *testing.T) {
	var s testSeed
	a := s.newGroup(t, s.newClient(t, "0"))
	first := s.newClient(t, "watcher")
	staged := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Add{first.KeyPackage}}})
	a, w := staged.Group, join(t, staged, first)
	widths := []uint32{w.public.tree.width()}
	for range 7 {
		var next *Staged
		a, next = addLocal(t, &s, a, 0, 1)
		w = follow(t, w, next.Commit)
		widths = append(widths, w.public.tree.width())
	}
	for i := LeafIndex(8); i > 2; i-- {
		next := commit(t, &s, a, 0, CommitParams{ByValue: []Proposal{Remove{i}}})
		a, w = next.Group, follow(t, w, next.Commit)
		wantAgreement(t, a, w)
		widths = append(widths, w.public.tree.width())
	}
	want := []uint32{2, 4, 4, 8, 8, 8, 8, 16, 8, 8, 8, 8, 4, 4}
	for k := range want {
		if k >= len(widths) || widths[k] != want[k] {
			t.Fatalf("widths %v, want %v", widths, want)
		}
	}
}
