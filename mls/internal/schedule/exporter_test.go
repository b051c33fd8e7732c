package schedule

import (
	"bytes"
	"errors"
	"testing"

	"anteroom/mls/internal/suite"
)

// Each component has its own secret, once; what derives it is gone with it, also from the stored form (draft-ietf-mls-extensions,
// Exported Secrets). The secret is that of the leaf in a secret tree with 2^16 leaves, computed here by walking down.
func TestExporterTree(t *testing.T) {
	st, err := suite.ByID(1)
	if err != nil {
		t.Fatal(err)
	}
	root := bytes.Repeat([]byte{7}, st.HashSize())
	want := func(component uint16) []byte {
		secret := root
		for bit := 15; bit >= 0; bit-- {
			side := "left"
			if component>>bit&1 == 1 {
				side = "right"
			}
			secret = st.ExpandWithLabel(secret, "tree", []byte(side), st.HashSize())
		}
		return secret
	}
	start := NewExporterTree(st, root)
	tree := start
	for _, id := range []uint16{0, 1, 0x8000, 0xffff, 5, 4} {
		next, secret, err := tree.Export(id)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(secret, want(id)) {
			t.Errorf("component %d: secret %x", id, secret)
		}
		if _, _, err := next.Export(id); !errors.Is(err, ErrExported) {
			t.Errorf("component %d twice: %v", id, err)
		}
		if next.Same(tree) || bytes.Contains(next.Part(), secret) || bytes.Contains(next.Part(), root) {
			t.Errorf("component %d: what it derives from is kept", id)
		}
		if tree, err = LoadExporterTree(st, next.Part()); err != nil || !bytes.Equal(tree.Part(), next.Part()) {
			t.Fatalf("loading: %v", err)
		}
	}
	if !start.Same(start) || len(start.left) != 1 {
		t.Error("the first value changed")
	}
	if _, _, err := (ExporterTree{}).Export(0); !errors.Is(err, ErrExported) {
		t.Errorf("zero value: %v", err)
	}
	good := tree.Part()
	for name, part := range map[string][]byte{
		"missing":     nil,
		"cut":         good[:len(good)-1],
		"repeated":    append(bytes.Clone(good), good...),
		"no node":     append([]byte{0xff, 0xff, 0xff, 0xff}, good[4:]...),
		"short":       {0, 0, 0, 0, 1, 9},
		"only a node": {0, 0, 0, 0},
	} {
		if _, err := LoadExporterTree(st, part); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
