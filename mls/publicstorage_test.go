package mls

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// storedPublic is the stored form of a group with parents, unmerged leaves, a blank leaf, a dictionary and a pending proposal, and that group.
func storedPublic(t testing.TB, s *testSeed) (*Group, []byte) {
	g := s.newGroup(t, s.newClient(t, "0"))
	g, _ = addLocal(t, s, g, 0, 5)
	g = commit(t, s, g, 2, CommitParams{ByValue: []Proposal{AppDataUpdate{Component: 9, Update: []byte("x")}}, ForcePath: true}).Group
	g = commit(t, s, g, 0, CommitParams{ByValue: []Proposal{Remove{1}}}).Group
	g = commit(t, s, g, 0, CommitParams{ByValue: []Proposal{Add{s.newClient(t, "unmerged").KeyPackage}, Add{s.newClient(t, "last").KeyPackage}}}).Group
	g, _, err := g.ProposeUpdate(s.next(), 3, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return g, g.Public().Marshal()
}

// A hub's view of a group survives storing: the loaded one is stored the same way, holds what the other held, and accepts and refuses the same.
func TestPublicGroupStored(t *testing.T) {
	var s testSeed
	g, b := storedPublic(t, &s)
	p := g.Public()
	q, err := LoadPublicGroup(b, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(q.Marshal(), b) {
		t.Error("stored again it differs")
	}
	if q.Epoch() != p.Epoch() || !bytes.Equal(q.ConfirmationTag(), p.ConfirmationTag()) || q.Size() != p.Size() || q.ReInit() != nil ||
		len(q.Pending()) != 1 || !bytes.Equal(q.Pending()[0].Ref, p.Pending()[0].Ref) {
		t.Errorf("loaded %+v", q)
	}
	if data, found := q.AppData(9); !found || string(data) != "x" {
		t.Errorf("component data %q", data)
	}
	staged := commit(t, &s, g, 0, CommitParams{ByReference: []ProposalRef{p.Pending()[0].Ref}})
	effects, err := q.StageCommit(reencode(t, staged.Commit))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(effects.After.Marshal(), staged.Effects.After.Marshal()) {
		t.Error("after a commit they differ")
	}
	_, err = q.StageCommit(commit(t, &s, staged.Group, 0, CommitParams{}).Commit)
	var e *EpochError
	if !errors.As(err, &e) {
		t.Errorf("a commit of a later epoch: %v", err)
	}

	g = staged.Group
	g = commit(t, &s, g, 0, CommitParams{ByValue: []Proposal{ReInit{GroupID: []byte("next"), Version: ProtocolVersionMLS10, Suite: testSuite}}}).Group
	q, err = LoadPublicGroup(g.Public().Marshal(), testConfig())
	if err != nil || q.ReInit() == nil || string(q.ReInit().GroupID) != "next" {
		t.Errorf("an ended group: %v", err)
	}
}

// What is cut, continued, of another version or changed is refused or loads, without a panic and without much memory.
func TestPublicGroupStoredWrongly(t *testing.T) {
	var s testSeed
	_, b := storedPublic(t, &s)
	for n := range b {
		if _, err := LoadPublicGroup(b[:n], testConfig()); !errors.Is(err, ErrStored) {
			t.Fatalf("%d of %d bytes: %v", n, len(b), err)
		}
	}
	if _, err := LoadPublicGroup(append(bytes.Clone(b), 0), testConfig()); !errors.Is(err, ErrStored) {
		t.Errorf("one byte more: %v", err)
	}
	other := bytes.Clone(b)
	other[0]++
	if _, err := LoadPublicGroup(other, testConfig()); !errors.Is(err, ErrStored) {
		t.Errorf("another version: %v", err)
	}
	rng := rand.New(rand.NewPCG(9420, 3))
	for k := range 500 {
		data := mutate(rng, [][]byte{b})
		if n := allocated(func() { checkStoredPublic(t, data) }); n > handleBase {
			t.Fatalf("round %d: %d bytes allocated for %d", k, n, len(data))
		}
	}
}

// checkStoredPublic loads any bytes: what loads is stored the same way again.
func checkStoredPublic(t testing.TB, data []byte) {
	t.Helper()
	p, err := LoadPublicGroup(data, testConfig())
	switch {
	case err != nil && !errors.Is(err, ErrStored):
		t.Errorf("error %v is no ErrStored", err)
	case err == nil && !bytes.Equal(p.Marshal(), data):
		t.Error("what was loaded is stored in another way")
	}
}

// FuzzLoadPublicGroup feeds any bytes to LoadPublicGroup.
func FuzzLoadPublicGroup(f *testing.F) {
	var s testSeed
	_, b := storedPublic(f, &s)
	f.Add(b)
	f.Add(s.newGroup(f, s.newClient(f, "alone")).Public().Marshal())
	f.Fuzz(func(t *testing.T, data []byte) { checkStoredPublic(t, data) })
}

// Every field of the values that are stored is stored, follows from what is, or is configuration; a new field must be decided upon. What is
// stored comes back.
func TestStoredFields(t *testing.T) {
	decided := map[reflect.Type]string{
		reflect.TypeFor[Group]():           "public secrets tree exports local nodes past",
		reflect.TypeFor[PublicGroup]():     "suite context encodedContext tree keys dictionary confirmationTag interimHash pending reInit resuming config", // resuming: epoch 0 of a subgroup, never handed out
		reflect.TypeFor[localLeaf]():       "index leafKeys updates",
		reflect.TypeFor[leafUpdate]():      "public leafKeys",
		reflect.TypeFor[leafKeys]():        "key signature keySince signatureSince",
		reflect.TypeFor[pastEpoch]():       "epoch context safeAAD framed members senderData resumption tree",
		reflect.TypeFor[PendingProposal](): "Ref Proposal Sender AuthenticatedData Message",
		reflect.TypeFor[epochSecrets]():    "SenderData Exporter External Confirmation Membership Resumption Authenticator Init Encryption Application Welcome", // the last three are gone once an epoch began
	}
	for typ, want := range decided {
		var names []string
		for i := range typ.NumField() {
			names = append(names, typ.Field(i).Name)
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%v has the fields %s, decided upon are %s", typ, got, want)
		}
	}
	var s testSeed
	g, _ := storedPublic(t, &s)
	if g.secrets.Encryption != nil || g.secrets.Application != nil || g.secrets.Welcome != nil {
		t.Error("a secret that has been used is kept")
	}
	h, err := LoadGroup(g.Parts(nil).Set, testConfig())
	if err != nil {
		t.Fatal(err)
	}
	for name, pair := range map[string][2]any{
		"secrets": {g.secrets, h.secrets}, "exports": {g.exports, h.exports}, "local": {g.local, h.local}, "nodes": {g.nodes, h.nodes},
		"context": {g.public.encodedContext, h.public.encodedContext}, "interim": {g.public.interimHash, h.public.interimHash},
		"secret tree": {g.tree, h.tree}, "dictionary": {g.public.dictionary, h.public.dictionary}, "keys": {g.public.keys, h.public.keys},
	} {
		if !reflect.DeepEqual(pair[0], pair[1]) {
			t.Errorf("%s differ after loading:\n%v\n%v", name, pair[0], pair[1])
		}
	}
	if len(g.past) != len(h.past) || len(g.past) == 0 {
		t.Fatalf("%d past epochs, loaded %d", len(g.past), len(h.past))
	}
	for k, e := range g.past {
		f := h.past[k]
		if e.epoch != f.epoch || !bytes.Equal(e.context, f.context) || e.safeAAD != f.safeAAD || e.framed != f.framed ||
			!bytes.Equal(e.senderData, f.senderData) || !bytes.Equal(e.resumption, f.resumption) || !reflect.DeepEqual(e.tree, f.tree) {
			t.Errorf("past epoch %d differs after loading", e.epoch)
		}
	}
}
