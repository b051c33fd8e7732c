package schedule

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/internal/treemath"
)

func newTree(t *testing.T, leaves uint32) SecretTree {
	t.Helper()
	st, err := suite.ByID(suite.X25519AES128SHA256Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	return NewSecretTree(st, bytes.Repeat([]byte{7}, st.HashSize()), leaves)
}

func wantKey(t *testing.T, tree SecretTree, leaf treemath.LeafIndex, g uint32) (SecretTree, MessageKey) {
	t.Helper()
	next, key, err := tree.Key(leaf, ApplicationRatchet, g)
	if err != nil {
		t.Fatalf("leaf %d, generation %d: %v", leaf, g, err)
	}
	if key.Generation != g {
		t.Fatalf("generation %d, want %d", key.Generation, g)
	}
	return next, key
}

func wantError(t *testing.T, tree SecretTree, leaf treemath.LeafIndex, g uint32, want error) {
	t.Helper()
	next, _, err := tree.Key(leaf, ApplicationRatchet, g)
	if !errors.Is(err, want) || next != tree {
		t.Errorf("leaf %d, generation %d: error %v, want %v and an unchanged tree", leaf, g, err, want)
	}
}

// A key is given once; late keys wait for their message; the old value still has everything (RFC 9420 §9.2).
func TestOutOfOrder(t *testing.T) {
	t0 := newTree(t, 4)
	t1, k3 := wantKey(t, t0, 2, 3)
	wantError(t, t1, 2, 3, ErrGenerationUsed)
	t2, k1 := wantKey(t, t1, 2, 1)
	wantError(t, t2, 2, 1, ErrGenerationUsed)
	t3, k4 := wantKey(t, t2, 2, 4)
	_, inOrder := wantKey(t, t0, 2, 1)
	if !bytes.Equal(inOrder.Key, k1.Key) || !bytes.Equal(inOrder.Nonce, k1.Nonce) {
		t.Error("the late key differs from the one in order")
	}
	for _, k := range []MessageKey{k1, k4} {
		if bytes.Equal(k.Key, k3.Key) || bytes.Equal(k.Nonce, k3.Nonce) {
			t.Error("two generations share a key or nonce")
		}
	}
	t4, _ := wantKey(t, t3, 2, 0)
	t4, _ = wantKey(t, t4, 2, 2)
	wantError(t, t4, 2, 2, ErrGenerationUsed)
	if set, _ := t4.Parts(SecretTree{}); len(set["l2"]) > 2*(1+1+32+4+1) {
		t.Errorf("used keys are still stored: %d bytes", len(set["l2"]))
	}
}

// Both bounds of a receiving ratchet hold at their edge.
func TestLimits(t *testing.T) {
	tree := newTree(t, 2)
	wantError(t, tree, 0, MaxForward+1, ErrTooFarAhead)
	wantError(t, tree, 2, 0, ErrLeaf)
	wantError(t, tree, 0, 1<<32-1, ErrExhausted)
	tree, _ = wantKey(t, tree, 0, MaxForward)
	wantError(t, tree, 0, 2*MaxForward+2, ErrTooFarAhead)
	tree, _ = wantKey(t, tree, 0, MaxForward+11)
	wantError(t, tree, 0, 9, ErrGenerationUsed)
	tree, _ = wantKey(t, tree, 0, 10)
	tree, _ = wantKey(t, tree, 0, MaxForward+10)
	if n := len(tree.root.left.ratchets[ApplicationRatchet].skipped); n != MaxSkipped-2 {
		t.Errorf("%d skipped keys, want %d", n, MaxSkipped-2)
	}
	tree, _ = wantKey(t, tree, 0, 2*MaxForward+11)
	if n := len(tree.root.left.ratchets[ApplicationRatchet].skipped); n != MaxSkipped {
		t.Errorf("%d skipped keys, want %d", n, MaxSkipped)
	}
}

// A sender gets the keys that its receivers compute, only as many as reserved, and a stored tree continues after them.
func TestSending(t *testing.T) {
	receiver, sender := newTree(t, 8), newTree(t, 8)
	if _, _, err := sender.Next(5, ApplicationRatchet); !errors.Is(err, ErrNotReserved) {
		t.Errorf("without a reservation: %v", err)
	}
	if sender.Reserved(5, ApplicationRatchet) != 0 || sender.Reserved(99, ApplicationRatchet) != 0 {
		t.Error("something is reserved")
	}
	sender, err := sender.Reserve(5, ApplicationRatchet, 3)
	if err != nil {
		t.Fatal(err)
	}
	stored := sender
	var keys []MessageKey
	for sender.Reserved(5, ApplicationRatchet) > 0 {
		var k MessageKey
		if sender, k, err = sender.Next(5, ApplicationRatchet); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
		if set, drop := sender.Parts(stored); len(set)+len(drop) != 0 {
			t.Errorf("sending changed the stored form: %d set, %d dropped", len(set), len(drop))
		}
	}
	if len(keys) != 3 {
		t.Fatalf("%d keys for 3 reserved generations", len(keys))
	}
	if _, _, err := sender.Next(5, ApplicationRatchet); !errors.Is(err, ErrNotReserved) {
		t.Errorf("after the reservation: %v", err)
	}
	wantError(t, sender, 5, 0, ErrSending)

	parts, _ := stored.Parts(SecretTree{})
	loaded, err := LoadSecretTree(stored.st, 8, parts)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := loaded.Next(5, ApplicationRatchet); !errors.Is(err, ErrNotReserved) {
		t.Errorf("a loaded tree sends without a new reservation: %v", err)
	}
	if loaded, err = loaded.Reserve(5, ApplicationRatchet, 1); err != nil {
		t.Fatal(err)
	}
	_, k, err := loaded.Next(5, ApplicationRatchet)
	if err != nil || k.Generation != 3 {
		t.Fatalf("a loaded tree continues at generation %d, %v; want 3", k.Generation, err)
	}
	for _, k := range append(keys, k) {
		var got MessageKey
		receiver, got = wantKey(t, receiver, 5, k.Generation)
		if !bytes.Equal(got.Key, k.Key) || !bytes.Equal(got.Nonce, k.Nonce) {
			t.Errorf("generation %d: sender and receiver differ", k.Generation)
		}
	}
	if _, err := sender.Reserve(5, ApplicationRatchet, MaxReserve+1); !errors.Is(err, ErrExhausted) {
		t.Errorf("too large a reservation: %v", err)
	}
}

// Random use by many leaves: what is stored step by step by differences equals the whole, loads again, and yields the same keys;
// no step changes more than a part per level, and no consumed secret is left.
func TestParts(t *testing.T) {
	const leaves = 64
	rnd := rand.New(rand.NewPCG(1, 2))
	tree := newTree(t, leaves)
	stored, _ := tree.Parts(SecretTree{})
	next := map[treemath.LeafIndex]uint32{}
	for step := range 300 {
		leaf := treemath.LeafIndex(rnd.IntN(leaves))
		next[leaf] += 1 + rnd.Uint32N(3)
		later, _ := wantKey(t, tree, leaf, next[leaf])
		set, drop := later.Parts(tree)
		if len(set) > treemath.Depth(leaves)+1 || len(drop) > treemath.Depth(leaves)+1 {
			t.Fatalf("step %d sets %d and drops %d parts", step, len(set), len(drop))
		}
		for _, name := range drop {
			if _, ok := stored[name]; !ok {
				t.Fatalf("step %d drops %q, which is not there", step, name)
			}
			delete(stored, name)
		}
		maps.Copy(stored, set)
		tree = later
	}
	whole, drop := tree.Parts(SecretTree{})
	if len(drop) != 0 || !maps.EqualFunc(whole, stored, bytes.Equal) {
		t.Fatalf("parts by differences and the whole are not the same: %v, %v", slices.Sorted(maps.Keys(stored)), slices.Sorted(maps.Keys(whole)))
	}
	loaded, err := LoadSecretTree(tree.st, leaves, stored)
	if err != nil {
		t.Fatal(err)
	}
	if set, drop := loaded.Parts(tree); len(set)+len(drop) != 0 {
		t.Errorf("the loaded tree differs in %d parts", len(set)+len(drop))
	}
	for leaf := treemath.LeafIndex(0); leaf < leaves; leaf++ {
		_, a := wantKey(t, tree, leaf, next[leaf]+2)
		_, b := wantKey(t, loaded, leaf, next[leaf]+2)
		if !bytes.Equal(a.Key, b.Key) {
			t.Errorf("leaf %d: the loaded tree yields another key", leaf)
		}
	}
	if _, ok := stored[partName(nodePart, uint32(treemath.Root(leaves)))]; ok {
		t.Error("the root secret is still stored")
	}
}

// The differences between any two trees lead from one stored form to the other, also back and to another epoch or width.
func TestPartsOfAnotherTree(t *testing.T) {
	fresh := newTree(t, 4)
	used, _ := wantKey(t, fresh, 1, 0)
	wide, _ := wantKey(t, newTree(t, 8), 1, 0)
	other := NewSecretTree(fresh.st, make([]byte, 32), 4)
	otherUsed, _ := wantKey(t, other, 2, 0)
	trees := []SecretTree{{}, fresh, used, wide, other, otherUsed}
	for i, from := range trees {
		for j, to := range trees {
			stored, _ := from.Parts(SecretTree{})
			set, drop := to.Parts(from)
			for _, name := range drop {
				if _, both := set[name]; both {
					t.Errorf("from %d to %d: %q is set and dropped", i, j, name)
				}
				delete(stored, name)
			}
			maps.Copy(stored, set)
			if whole, _ := to.Parts(SecretTree{}); !maps.EqualFunc(whole, stored, bytes.Equal) {
				t.Errorf("from %d to %d: stored %v, want %v", i, j, slices.Sorted(maps.Keys(stored)), slices.Sorted(maps.Keys(whole)))
			}
		}
	}
}

func TestLoadRejects(t *testing.T) {
	tree, _ := wantKey(t, newTree(t, 8), 3, 2)
	tree, err := tree.Reserve(3, HandshakeRatchet, 1)
	if err != nil {
		t.Fatal(err)
	}
	good, _ := tree.Parts(SecretTree{})
	if _, err := LoadSecretTree(tree.st, 8, good); err != nil {
		t.Fatal(err)
	}
	with := func(name string, b []byte) map[string][]byte {
		m := maps.Clone(good)
		m[name] = b
		return m
	}
	without := func(name string) map[string][]byte {
		m := maps.Clone(good)
		delete(m, name)
		return m
	}
	cases := map[string]map[string][]byte{
		"empty":              {},
		"leaf missing":       without("l3"),
		"node missing":       without("n11"),
		"node and its child": with("n12", make([]byte, 32)),
		"leaf twice":         with("n6", make([]byte, 32)),
		"short secret":       with("n11", make([]byte, 31)),
		"unknown name":       with("x1", nil),
		"no name":            with("", nil),
		"index too large":    with("n99", make([]byte, 32)),
		"leaf too large":     with("l8", good["l3"]),
		"leaf overflows":     with("l2147483651", good["l3"]),
		"name not canonical": with("n011", good["n11"]),
		"cut ratchet":        with("l3", good["l3"][:len(good["l3"])-1]),
		"trailing bytes":     with("l3", append(bytes.Clone(good["l3"]), 0)),
	}
	for name, parts := range cases {
		if _, err := LoadSecretTree(tree.st, 8, parts); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%s: error %v, want ErrCorrupt", name, err)
		}
	}
	for _, n := range []uint32{0, 3, 16} {
		if _, err := LoadSecretTree(tree.st, n, good); !errors.Is(err, ErrCorrupt) {
			t.Errorf("%d leaves: error %v, want ErrCorrupt", n, err)
		}
	}
}

// FuzzLoadPart reads any stored leaf without panic; what it accepts is stored again unchanged.
func FuzzLoadPart(f *testing.F) {
	st, err := suite.ByID(suite.X25519AES128SHA256Ed25519)
	if err != nil {
		f.Fatal(err)
	}
	tree, _, err := NewSecretTree(st, make([]byte, 32), 1).Key(0, ApplicationRatchet, 3)
	if err != nil {
		f.Fatal(err)
	}
	parts, _ := tree.Parts(SecretTree{})
	f.Add(parts["l0"])
	f.Fuzz(func(t *testing.T, b []byte) {
		tree, err := LoadSecretTree(st, 1, map[string][]byte{"l0": b})
		if err != nil {
			return
		}
		if parts, _ := tree.Parts(SecretTree{}); !bytes.Equal(parts["l0"], b) {
			t.Errorf("%x is stored again as %x", b, parts["l0"])
		}
	})
}

func BenchmarkKeyInOrder(b *testing.B) {
	for _, leaves := range []uint32{2, 1024} {
		b.Run(fmt.Sprint(leaves), func(b *testing.B) {
			st, err := suite.ByID(suite.X25519AES128SHA256Ed25519)
			if err != nil {
				b.Fatal(err)
			}
			tree := NewSecretTree(st, make([]byte, 32), leaves)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if tree, _, err = tree.Key(1, ApplicationRatchet, uint32(i)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
