package mls

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"anteroom/mls/wire"
)

// walk is a group in which several values hold members: groups[0] many of them, the others one each.
type walk struct {
	t      testing.TB
	suite  CipherSuite
	hub    Signer // the external sender
	most   int    // members at a time
	s      testSeed
	rng    *rand.Rand
	groups []*Group
	stored []map[string][]byte // the stored form of each value, kept by deltas
	saved  []*Group            // what stored was last brought up to
	public *PublicGroup
	names  int
	asking []*KeyPackageSecrets // clients whose new_member_proposal is pending
	counts map[string]int
}

func newWalk(t testing.TB, seed uint64, suite CipherSuite) *walk {
	w := &walk{t: t, suite: suite, s: testSeed{seed << 32}, rng: rand.New(rand.NewPCG(seed, 1)), counts: map[string]int{}}
	var err error
	w.hub, err = NewSigner(suite, w.s.next())
	w.must(err)
	senders := ExternalSenders{{SignatureKey: w.hub.Public, Credential: Credential{Type: CredentialBasic, Identity: []byte("hub")}}}
	g, err := NewGroup(w.s.next(), NewGroupParams{GroupID: []byte("group"), Creator: w.client(),
		Extensions: []Extension{{ExtensionExternalSenders, wire.Marshal(senders)}}, Config: w.config()})
	if err != nil {
		t.Fatal(err)
	}
	w.add(g)
	gi, err := g.GroupInfo(0, false)
	if err != nil {
		t.Fatal(err)
	}
	if w.public, err = NewPublicGroup(gi, g.Public().Tree(), w.config()); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *walk) client() *KeyPackageSecrets {
	w.names++
	return w.s.clientOfSuite(w.t, w.suite, fmt.Sprintf("user%d", w.names))
}

// config knows all external PSKs, and the resumption PSKs that the first value keeps.
func (w *walk) config() Config {
	cfg := testConfig()
	cfg.ExternalPSK = func(id []byte) ([]byte, bool) { return append([]byte("psk "), id...), true }
	if len(w.groups) > 0 {
		first := w.groups[0]
		cfg.ResumptionPSK = func(_ []byte, epoch Epoch) ([]byte, bool) { return first.ResumptionPSK(epoch) }
	}
	return cfg
}

// psk is a PSK that everybody knows.
func (w *walk) psk() PreSharedKey {
	nonce := make([]byte, w.public.suite.HashSize())
	for i := range nonce {
		nonce[i] = byte(w.rng.Uint32())
	}
	if w.chance(2) {
		w.counts["external PSK"]++
		return PreSharedKey{PreSharedKeyID{Type: PSKExternal, ID: nonce[:2], Nonce: nonce}}
	}
	w.counts["resumption PSK"]++
	return PreSharedKey{PreSharedKeyID{Type: PSKResumption, Usage: ResumptionApplication, GroupID: []byte("group"), Epoch: w.public.Epoch(), Nonce: nonce}}
}

func (w *walk) add(g *Group) {
	w.groups = append(w.groups, g)
	w.stored = append(w.stored, map[string][]byte{})
	w.saved = append(w.saved, nil)
}

// owner is the position of the value in which i is local.
func (w *walk) owner(i LeafIndex) int {
	return slices.IndexFunc(w.groups, func(g *Group) bool { return g.IsLocal(i) })
}

func (w *walk) members() []LeafIndex {
	var out []LeafIndex
	for i := range w.public.Leaves() {
		out = append(out, i)
	}
	return out
}

// chance is true once in n times.
func (w *walk) chance(n int) bool { return w.rng.IntN(n) == 0 }

func (w *walk) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("epoch %d: %v", w.public.Epoch(), err)
	}
}

// propose lets the members in by, untouched until now, propose something about themselves or others.
func (w *walk) propose(committer LeafIndex, touched map[LeafIndex]bool) {
	members := w.members()
	for range w.rng.IntN(4) {
		by := members[w.rng.IntN(len(members))]
		from := w.owner(by)
		var m *Message
		var g *Group
		var err error
		switch w.rng.IntN(7) {
		case 0:
			if touched[by] || by == committer {
				continue
			}
			touched[by] = true
			w.counts["update"]++
			g, m, err = w.groups[from].ProposeUpdate(w.s.next(), by, nil, nil)
		case 1:
			if touched[by] || by == committer || !w.mayLeave(by, touched) {
				continue
			}
			touched[by] = true
			w.counts["self-remove"]++
			g, m, err = w.groups[from].Propose(by, SelfRemove{}, nil)
		case 2:
			other := members[w.rng.IntN(len(members))]
			if touched[other] || other == committer || !w.mayLeave(other, touched) {
				continue
			}
			touched[other] = true
			w.counts["remove by reference"]++
			g, m, err = w.groups[from].Propose(by, Remove{other}, nil)
		case 3:
			w.counts["app data by reference"]++
			g, m, err = w.groups[from].Propose(by, AppDataUpdate{Component: 0x8000, Update: []byte{byte(w.rng.Uint32())}}, nil)
		case 4:
			w.counts["new member proposal"]++
			kp := w.client()
			w.asking = append(w.asking, kp)
			m, err = NewMemberProposal(w.public, kp, nil)
			from = -1
		case 5:
			other := members[w.rng.IntN(len(members))]
			if touched[other] || other == committer || !w.mayLeave(other, touched) {
				continue
			}
			touched[other] = true
			w.counts["remove by external sender"]++
			m, err = ExternalProposal(w.public, w.hub, Remove{other}, nil)
			from = -1
		case 6:
			w.counts["PSK by reference"]++
			g, m, err = w.groups[from].Propose(by, w.psk(), nil)
		}
		w.must(err)
		for k := range w.groups {
			if k == from {
				w.groups[k] = g
				continue
			}
			w.groups[k], _, err = w.groups[k].AddProposal(reencode(w.t, m))
			w.must(err)
		}
		w.public, _, err = w.public.AddProposal(reencode(w.t, m))
		w.must(err)
	}
}

// mayLeave keeps a member in groups[0] and a few members at all.
func (w *walk) mayLeave(i LeafIndex, touched map[LeafIndex]bool) bool {
	left := 0
	for _, l := range w.groups[0].Local() {
		if l != i && !touched[l] {
			left++
		}
	}
	return left > 1 && w.public.Size()-len(touched) > 3
}

// step moves the group by one epoch and verifies that everybody agrees.
func (w *walk) step() {
	w.most = max(w.most, w.public.Size())
	if w.chance(8) {
		w.externalJoin()
	} else if w.chance(10) {
		w.resync()
	} else {
		w.commit()
	}
	wantAgreement(w.t, w.groups...)
	w.message()
	w.store()
}

func (w *walk) commit() {
	members := w.members()
	committer := members[w.rng.IntN(len(members))]
	from := w.owner(committer)
	touched := map[LeafIndex]bool{}
	bare := w.chance(4) // only Adds, without path
	if !bare && w.chance(2) {
		w.propose(committer, touched)
	}
	p := CommitParams{ForcePath: !bare && w.chance(3), WelcomeTree: w.chance(2)}
	for _, q := range w.public.Pending() {
		p.ByReference = append(p.ByReference, q.Ref)
	}
	if !bare && w.chance(3) {
		signer, err := NewSigner(w.suite, w.s.next())
		w.must(err)
		p.Leaf = &LeafChange{Signer: &signer}
	}
	if i := members[w.rng.IntN(len(members))]; !bare && i != committer && !touched[i] && w.mayLeave(i, touched) && (w.chance(2) || len(members) > 46) {
		p.ByValue = append(p.ByValue, Remove{i})
		w.counts["remove by value"]++
	}
	var adopt, single []*KeyPackageSecrets
	if from == 0 {
		p.Joiners = append(p.Joiners, w.asking...)
	} else {
		adopt = append(adopt, w.asking...)
	}
	if len(members)+len(w.asking) < 50 {
		for range min(w.rng.IntN(6), 50-len(members)-len(w.asking)) {
			kp := w.client()
			p.ByValue = append(p.ByValue, Add{kp.KeyPackage})
			switch {
			case len(w.groups) < 5 && w.chance(3):
				single = append(single, kp)
				w.counts["welcome"]++
			case from == 0:
				p.Joiners = append(p.Joiners, kp)
				w.counts["joiner"]++
			default:
				adopt = append(adopt, kp)
				w.counts["adopt"]++
			}
		}
	}
	if w.chance(3) {
		p.ByValue = append(p.ByValue, AppDataUpdate{Component: 0x8001, Update: []byte{byte(w.rng.Uint32())}})
	}
	if w.chance(4) {
		p.ByValue = append(p.ByValue, w.psk())
	}
	if w.chance(4) {
		w.counts["app ephemeral"]++
		p.ByValue = append(p.ByValue, AppEphemeral{0x8003, []byte("ephemeral")})
	}
	if !bare && w.chance(4) {
		w.counts["group context extensions"]++
		p.ByValue = append(p.ByValue, GroupContextExtensions{w.changedExtensions()})
	}
	staged, err := w.groups[from].Commit(w.s.next(), committer, p)
	w.must(err)
	cfg := w.config() // of the epoch before, which the Welcome's PSKs may be of
	w.deliver(from, staged)
	for _, kp := range adopt {
		w.groups[0], err = w.groups[0].Adopt(staged.Welcome, kp)
		w.must(err)
	}
	for _, kp := range single {
		g, err := Join(staged.Welcome, kp, JoinParams{Tree: w.public.Tree(), Config: cfg})
		w.must(err)
		w.add(g)
	}
}

// changedExtensions puts required_capabilities in or takes it out, and keeps the rest.
func (w *walk) changedExtensions() []Extension {
	before := w.public.Context().Extensions
	list := slices.DeleteFunc(slices.Clone(before), func(e Extension) bool { return e.Type == ExtensionRequiredCapabilities })
	if len(list) == len(before) {
		required := RequiredCapabilities{Extensions: []ExtensionType{ExtensionAppDataDictionary}, Proposals: []ProposalType{ProposalAppDataUpdate, ProposalSelfRemove},
			Credentials: []CredentialType{CredentialBasic}}
		list = append(list, Extension{ExtensionRequiredCapabilities, wire.Marshal(required)})
	}
	return list
}

// resync lets a member that lost its state come back by an external commit that removes its old leaf (§12.4.3.2).
func (w *walk) resync() {
	w.counts["resync"]++
	kp := w.client()
	if members := w.groups[0].Local(); len(w.groups) == 1 || w.chance(2) && len(members) > 1 {
		i := members[w.rng.IntN(len(members))]
		staged, err := w.groups[0].ExternalCommit(w.s.next(), kp, ExternalCommitParams{ByValue: []Proposal{Remove{i}}})
		w.must(err)
		w.deliver(0, staged)
		return
	}
	lost := 1 + w.rng.IntN(len(w.groups)-1)
	gi, err := w.groups[0].GroupInfo(w.groups[0].Local()[0], false)
	w.must(err)
	staged, err := ExternalCommit(w.s.next(), gi, kp, ExternalCommitParams{Tree: w.public.Tree(), Config: w.config(),
		ByValue: []Proposal{Remove{w.groups[lost].Local()[0]}, w.psk()}})
	w.must(err)
	w.deliver(-1, staged)
	w.add(staged.Group)
}

// externalJoin lets a newcomer commit itself in: into groups[0], or as a value of its own.
func (w *walk) externalJoin() {
	w.counts["external commit"]++
	if w.chance(2) {
		w.propose(LeafIndex(1<<30), map[LeafIndex]bool{})
	}
	if w.chance(2) || len(w.groups) >= 5 {
		staged, err := w.groups[0].ExternalCommit(w.s.next(), w.client(), ExternalCommitParams{})
		w.must(err)
		w.deliver(0, staged)
		return
	}
	i := w.groups[0].Local()[0]
	gi, err := w.groups[0].GroupInfo(i, true)
	w.must(err)
	p := ExternalCommitParams{Config: w.config(), ByValue: []Proposal{AppDataUpdate{Component: 0x8002, Update: []byte{1}}}}
	for _, q := range w.public.Pending() {
		if q.Proposal.Type() == ProposalSelfRemove {
			p.Pending = append(p.Pending, q.Message)
		}
	}
	staged, err := ExternalCommit(w.s.next(), gi, w.client(), p)
	w.must(err)
	w.deliver(-1, staged)
	w.add(staged.Group)
}

// deliver gives a commit to everybody but its maker, and to the public tracker.
func (w *walk) deliver(from int, staged *Staged) {
	w.counts["commit"]++
	if staged.Effects.HasPath {
		w.counts["path"]++
	}
	effects, err := w.public.StageCommit(reencode(w.t, staged.Commit))
	w.must(err)
	if !bytes.Equal(effects.After.encodedContext, staged.Effects.After.encodedContext) {
		w.t.Fatalf("epoch %d: the public tracker disagrees", w.public.Epoch())
	}
	w.public = effects.After
	var groups, saved []*Group
	var stored []map[string][]byte
	for k, g := range w.groups {
		next := staged
		if k != from {
			next, err = g.StageCommit(reencode(w.t, staged.Commit))
			w.must(err)
		}
		if next.Group == nil {
			w.counts["value left"]++
			continue
		}
		groups, saved, stored = append(groups, next.Group), append(saved, w.saved[k]), append(stored, w.stored[k])
	}
	// Removed members cannot read what is sent from now on.
	if by := groups[0].Local()[0]; len(staged.Effects.Removed) > 0 {
		sender, err := groups[0].Reserve(by, 1)
		w.must(err)
		_, m, err := sender.Protect(w.s.next(), by, []byte("not for the removed"), nil)
		w.must(err)
		for _, r := range staged.Effects.Removed {
			old := w.groups[w.owner(r.Index)]
			var e *EpochError
			if _, _, err := old.Unprotect(m); !errors.As(err, &e) {
				w.t.Fatalf("removed leaf %d: error %v, want EpochError", r.Index, err)
			}
		}
	}
	w.groups, w.saved, w.stored, w.asking = groups, saved, stored, nil
}

// message sends application data from one member to all other values.
func (w *walk) message() {
	members := w.members()
	by := members[w.rng.IntN(len(members))]
	from := w.owner(by)
	g, err := w.groups[from].Reserve(by, 1)
	w.must(err)
	data := fmt.Appendf(nil, "epoch %d", g.Public().Epoch())
	g, m, err := g.Protect(w.s.next(), by, data, nil)
	w.must(err)
	w.groups[from] = g
	for k := range w.groups {
		if k == from {
			continue
		}
		h, got, err := w.groups[k].Unprotect(reencode(w.t, m))
		w.must(err)
		if got.Sender != by || !bytes.Equal(got.Data, data) {
			w.t.Fatalf("got %+v", got)
		}
		w.groups[k] = h
	}
}

// store brings the stored forms up to date by deltas and verifies that what is loaded equals what lives. Now and then a value is
// replaced by the loaded one.
func (w *walk) store() {
	for k, g := range w.groups {
		p := g.Parts(w.saved[k])
		for name, b := range p.Set {
			if have, found := w.stored[k][name]; found && bytes.Equal(have, b) {
				w.t.Fatalf("part %s is set again though unchanged", name)
			}
			w.stored[k][name] = b
		}
		for _, name := range p.Drop {
			if _, found := w.stored[k][name]; !found {
				w.t.Fatalf("part %s is dropped but was not stored", name)
			}
			delete(w.stored[k], name)
		}
		w.saved[k] = g
		loaded, err := LoadGroup(w.stored[k], w.config())
		w.must(err)
		wantSameParts(w.t, w.stored[k], loaded.Parts(nil).Set)
		if again := loaded.Parts(g); len(again.Set)+len(again.Drop) > 0 {
			w.t.Fatalf("loaded value differs from the live one: %v", again)
		}
		if w.chance(4) {
			w.groups[k] = loaded
			w.counts["loaded"]++
		}
	}
}

func wantSameParts(t testing.TB, a, b map[string][]byte) {
	t.Helper()
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Fatalf("part %s: %x, loaded %x", name, a[name], b[name])
		}
	}
	for name := range b {
		if a[name] == nil {
			t.Fatalf("part %s only in the loaded value", name)
		}
	}
}

// Random epochs in which all values agree, keep the invariant of their private keys, and survive being stored.
func TestRandomWalk(t *testing.T) {
	for seed := range uint64(8) {
		suite, steps := testSuite, 80
		if seed > 1 { // a short one in each of the other suites
			suite, steps = CipherSuite(seed), 12
		}
		if testing.Short() {
			steps /= 2
		}
		t.Run(fmt.Sprintf("%d/suite%d", seed, suite), func(t *testing.T) {
			w := newWalk(t, seed, suite)
			for range steps {
				w.step()
			}
			t.Logf("%d members, at most %d, in %d values: %v", w.public.Size(), w.most, len(w.groups), w.counts)
			if steps > 50 && w.most < 50 {
				t.Errorf("no more than %d members at a time", w.most)
			}
			for _, what := range []string{"update", "self-remove", "remove by reference", "remove by value", "new member proposal",
				"app data by reference", "PSK by reference", "remove by external sender", "external PSK", "resumption PSK", "app ephemeral",
				"group context extensions", "resync", "welcome", "joiner", "adopt", "external commit", "path", "loaded"} {
				if w.counts[what] == 0 && steps > 50 {
					t.Errorf("the walk never came to: %s", what)
				}
			}
		})
	}
}

// The walk's checks can fail: a value that misses an epoch, one that lacks a node's key, one with a foreign key.
func TestWalkChecksCanFail(t *testing.T) {
	w := newWalk(t, 7, testSuite)
	for range 40 {
		w.step()
	}
	g := w.groups[0]
	behind := g
	w.commit()
	if bytes.Equal(behind.EpochAuthenticator(), w.groups[0].EpochAuthenticator()) {
		t.Error("a value that missed an epoch agrees")
	}
	if len(g.nodes) == 0 {
		t.Fatal("no node key is held: the walk tests nothing")
	}
	for x := range g.nodes {
		h := *g
		h.nodes = nodeKeys{}
		for y, key := range g.nodes {
			if y != x {
				h.nodes[y] = key
			}
		}
		if h.checkInvariant() == nil {
			t.Errorf("a missing key of node %d is not noticed", x)
		}
		h.nodes[x] = g.local[0].key
		if h.checkInvariant() == nil {
			t.Errorf("a wrong key of node %d is not noticed", x)
		}
	}
}
