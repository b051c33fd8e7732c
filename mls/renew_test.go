package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"anteroom/mls/wire"
)

// Leaf and signature keys of many local leaves are renewed on a schedule: in each window a few by Update and one by its own commit, all
// with new signature keys. After one round no leaf has a key that it began with, a member elsewhere has followed, and what is encrypted
// and signed with the new keys is understood.
func TestRenewLocalLeaves(t *testing.T) {
	var s testSeed
	const n = 12
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, &s, g, 0, n-1)
	watcher := s.newClient(t, "watcher")
	staged := commit(t, &s, g, 0, CommitParams{ByValue: []Proposal{Add{watcher.KeyPackage}}})
	g, w := staged.Group, join(t, staged, watcher)
	before := map[LeafIndex]*LeafNode{}
	for i, leaf := range g.Public().Leaves() {
		before[i] = leaf
	}
	signer := func() *Signer {
		out, err := NewSigner(testSuite, s.next())
		if err != nil {
			t.Fatal(err)
		}
		return &out
	}
	for window := range LeafIndex(n / 4) {
		p := CommitParams{Leaf: &LeafChange{Signer: signer()}}
		for k := range LeafIndex(3) {
			var m *Message
			var err error
			if g, m, err = g.ProposeUpdate(s.next(), window+n/4*(k+1), &LeafChange{Signer: signer()}, nil); err != nil {
				t.Fatal(err)
			}
			var q *PendingProposal
			if w, q, err = w.AddProposal(reencode(t, m)); err != nil {
				t.Fatal(err)
			}
			p.ByReference = append(p.ByReference, q.Ref)
		}
		staged := commit(t, &s, g, window, p)
		if got := len(staged.Effects.Updated); got != 4 {
			t.Errorf("window %d: %d leaves updated", window, got)
		}
		g, w = staged.Group, follow(t, w, staged.Commit)
		wantAgreement(t, g, w)
	}
	for _, i := range g.Local() {
		now, _ := g.Public().Leaf(i)
		if bytes.Equal(now.EncryptionKey, before[i].EncryptionKey) || bytes.Equal(now.SignatureKey, before[i].SignatureKey) {
			t.Errorf("leaf %d keeps a key", i)
		}
		h, err := g.Reserve(i, 1)
		if err != nil {
			t.Fatal(err)
		}
		if h, m, err := h.Protect(s.next(), i, []byte("hello"), nil); err != nil {
			t.Fatal(err)
		} else if _, got, err := w.Unprotect(m); err != nil || got.Sender != i {
			t.Errorf("leaf %d: %v", i, err)
		} else {
			g = h
		}
	}
	loaded, err := LoadGroup(g.Parts(nil).Set, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	next := commit(t, &s, loaded, n-1, CommitParams{})
	wantAgreement(t, next.Group, follow(t, w, next.Commit))
}

// Renewed keys do not open what was sealed before: a leaf key taken before the round does not open the next commit's path.
func TestRenewalHeals(t *testing.T) {
	var s testSeed
	a, b, _ := trio(t, &s)
	stolen := b.localAt(1).key
	staged := commit(t, &s, b, 1, CommitParams{})
	after := follow(t, a, staged.Commit)
	next := commit(t, &s, after, 0, CommitParams{})
	thief := *staged.Group
	thief.local, thief.nodes = []*localLeaf{{index: 1, leafKeys: leafKeys{key: stolen, signature: staged.Group.localAt(1).signature}}}, nodeKeys{}
	_, err := thief.StageCommit(next.Commit)
	if err == nil {
		t.Fatal("the stolen key still opens paths")
	}
	wantAgreement(t, next.Group, follow(t, staged.Group, next.Commit))
}

// The best committer fills what a removal blanks: with it a later commit has fewer ciphertexts than with a committer elsewhere.
func TestBestCommitterFillsTheTree(t *testing.T) {
	var s testSeed
	const n = 16
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, &s, g, 0, n-1)
	for i := range LeafIndex(n) { // fill the tree
		g = commit(t, &s, g, i, CommitParams{}).Group
	}
	removed := LeafIndex(5)
	var candidates []LeafIndex
	for _, i := range g.Local() {
		if i != removed {
			candidates = append(candidates, i)
		}
	}
	best := g.OverlapWith([]LeafIndex{removed}, candidates)
	if best != 4 {
		t.Errorf("the best committer is %d", best)
	}
	cost := func(committer LeafIndex) int {
		h := commit(t, &s, g, committer, CommitParams{ByValue: []Proposal{Remove{removed}}}).Group
		return ciphertexts(commit(t, &s, h, 15, CommitParams{}).Commit)
	}
	if near, far := cost(best), cost(12); near >= far {
		t.Errorf("after the best committer a commit costs %d ciphertexts, after another %d", near, far)
	}
}

func ciphertexts(m *Message) int {
	count := 0
	for _, n := range m.Public.Content.Commit.Path.Nodes {
		count += len(n.EncryptedPathSecrets)
	}
	return count
}

// External senders are authenticated when a group is entered, in everything but time, and when its list changes, those that are new in it; not
// otherwise (RFC 9420 §5.3.1). The list changes by GroupContextExtensions, and with the group that follows a ReInit.
func TestAuthenticateExternalSenders(t *testing.T) {
	var s testSeed
	sender := func(name string) ExternalSender {
		signer, err := NewSigner(testSuite, s.next())
		if err != nil {
			t.Fatal(err)
		}
		return ExternalSender{signer.Public, Credential{Type: CredentialBasic, Identity: []byte(name)}}
	}
	list := func(senders ...ExternalSender) []Extension {
		return []Extension{{ExtensionExternalSenders, wire.Marshal(ExternalSenders(senders))}}
	}
	hub, other, mallory := sender("hub"), sender("other"), sender("mallory")
	a, _, _ := trio(t, &s, list(hub)...)
	const now = 12345
	var asked []string
	var at uint64
	cfg := testConfig()
	cfg.Now = now
	cfg.AuthenticateSender = func(e ExternalSender, now uint64) error {
		asked, at = append(asked, string(e.Credential.Identity)), now
		if string(e.Credential.Identity) == "mallory" {
			return errors.New("not a hub")
		}
		return nil
	}
	a = a.WithConfig(cfg)
	certificate := ExternalSender{hub.SignatureKey, Credential{Type: CredentialX509, Certificates: [][]byte{{1}}}}
	for _, c := range []struct {
		why     string
		senders []ExternalSender
		rule    string
		asked   []string
	}{
		{"the same list", []ExternalSender{hub}, "", nil},
		{"one more", []ExternalSender{hub, other}, "", []string{"other"}},
		{"one instead", []ExternalSender{mallory}, "9420-5.3.1-external-sender", []string{"mallory"}},
		{"one more, who is not believed", []ExternalSender{hub, mallory}, "9420-5.3.1-external-sender", []string{"mallory"}},
		{"a certificate that is not for the key", []ExternalSender{certificate}, "9420-5.3-certificate-key", nil},
		{"another key", []ExternalSender{{other.SignatureKey, hub.Credential}}, "", []string{"hub"}},
		{"nobody", nil, "", nil},
	} {
		for _, p := range []Proposal{GroupContextExtensions{list(c.senders...)}, ReInit{GroupID: []byte("next"), Version: 1, Suite: testSuite, Extensions: list(c.senders...)}} {
			asked, at = nil, now
			_, err := a.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{p}})
			if c.rule != "" {
				wantRule(t, c.why, c.rule, err)
			} else if err != nil {
				t.Errorf("%s: %v", c.why, err)
			}
			if slices.Sort(asked); !slices.Equal(slices.Compact(asked), c.asked) || at != now {
				t.Errorf("%s, by proposal %d: asked about %q at %d, want %q now", c.why, p.Type(), asked, at, c.asked)
			}
		}
	}
	for _, c := range []struct {
		senders []ExternalSender
		rule    string
		asked   int
	}{{[]ExternalSender{hub, other}, "", 2}, {[]ExternalSender{mallory}, "9420-5.3.1-external-sender", 1}, {[]ExternalSender{certificate}, "9420-5.3-certificate-key", 0}} {
		b := s.newGroup(t, s.newClient(t, "bob"), list(c.senders...)...)
		gi, err := b.GroupInfo(0, true)
		if err != nil {
			t.Fatal(err)
		}
		asked, at = nil, 0
		_, err = NewPublicGroup(gi, nil, cfg)
		if c.rule != "" {
			wantRule(t, "a group that lists it", c.rule, err)
		} else if err != nil {
			t.Error(err)
		}
		if len(asked) != c.asked || at != 0 {
			t.Errorf("a group is entered: asked about %q at %d, want no time", asked, at)
		}
	}
	garbage := ReInit{GroupID: []byte("next"), Version: 1, Suite: testSuite, Extensions: []Extension{{ExtensionExternalSenders, []byte{0xff}}}}
	_, err := a.Commit(s.next(), 0, CommitParams{ByValue: []Proposal{garbage}})
	wantRule(t, "senders that cannot be read", "9420-12.1.8.1-encoding", err)
}

// Past epochs are kept as often as configured, no more and no less, and without their sending keys.
func TestPastEpochCount(t *testing.T) {
	for keep := range 4 {
		t.Run(fmt.Sprint(keep), func(t *testing.T) {
			var s testSeed
			a, b, _ := trio(t, &s)
			cfg := testConfig()
			cfg.PastEpochs = keep
			b = b.WithConfig(cfg)
			b.past = nil
			var messages []*Message
			for range 5 {
				sender, err := a.Reserve(0, 1)
				if err != nil {
					t.Fatal(err)
				}
				_, m, err := sender.Protect(s.next(), 0, []byte("late"), nil)
				if err != nil {
					t.Fatal(err)
				}
				messages = append(messages, m)
				staged := commit(t, &s, a, 0, CommitParams{})
				a, b = staged.Group, follow(t, b, staged.Commit)
			}
			for k, m := range messages {
				_, got, err := b.Unprotect(m)
				var e *EpochError
				switch old := len(messages) - k; {
				case old <= keep && err != nil:
					t.Errorf("%d epochs old: %v", old, err)
				case old <= keep && string(got.Data) != "late":
					t.Errorf("%d epochs old: %q", old, got.Data)
				case old > keep && !errors.As(err, &e):
					t.Errorf("%d epochs old: error %v, want EpochError", old, err)
				}
			}
		})
	}
}
