package mls

import (
	"bytes"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/internal/treemath"
)

type cryptoBasicsCase struct {
	CipherSuite uint16 `json:"cipher_suite"`
	RefHash     struct {
		Label string
		Value hexBytes
		Out   hexBytes
	} `json:"ref_hash"`
	ExpandWithLabel struct {
		Secret  hexBytes
		Label   string
		Context hexBytes
		Length  int
		Out     hexBytes
	} `json:"expand_with_label"`
	DeriveSecret struct {
		Secret hexBytes
		Label  string
		Out    hexBytes
	} `json:"derive_secret"`
	DeriveTreeSecret struct {
		Secret     hexBytes
		Label      string
		Generation uint32
		Length     int
		Out        hexBytes
	} `json:"derive_tree_secret"`
	SignWithLabel struct {
		Priv      hexBytes
		Pub       hexBytes
		Content   hexBytes
		Label     string
		Signature hexBytes
	} `json:"sign_with_label"`
	EncryptWithLabel struct {
		Priv       hexBytes
		Pub        hexBytes
		Label      string
		Context    hexBytes
		Plaintext  hexBytes
		KEMOutput  hexBytes `json:"kem_output"`
		Ciphertext hexBytes
	} `json:"encrypt_with_label"`
}

func vectorCryptoBasics(t *testing.T, file string) {
	cases := loadVectors[cryptoBasicsCase](t, file)
	eachSuite(t, cases, func(c *cryptoBasicsCase) uint16 { return c.CipherSuite }, func(t *testing.T, st *suite.Suite, c *cryptoBasicsCase) {
		if got := st.RefHash(c.RefHash.Label, c.RefHash.Value); !bytes.Equal(got, c.RefHash.Out) {
			t.Errorf("ref_hash %x", got)
		}
		e := c.ExpandWithLabel
		if got := st.ExpandWithLabel(e.Secret, e.Label, e.Context, e.Length); !bytes.Equal(got, e.Out) {
			t.Errorf("expand_with_label %x", got)
		}
		if got := st.DeriveSecret(c.DeriveSecret.Secret, c.DeriveSecret.Label); !bytes.Equal(got, c.DeriveSecret.Out) {
			t.Errorf("derive_secret %x", got)
		}
		d := c.DeriveTreeSecret
		if got := st.DeriveTreeSecret(d.Secret, d.Label, d.Generation, d.Length); !bytes.Equal(got, d.Out) {
			t.Errorf("derive_tree_secret %x", got)
		}
		s := c.SignWithLabel
		if err := st.VerifyWithLabel(s.Pub, s.Label, s.Content, s.Signature); err != nil {
			t.Errorf("the vector's signature: %v", err)
		}
		key, err := st.NewSignatureKey(s.Priv)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(key.Public(), s.Pub) {
			t.Errorf("public signature key %x", key.Public())
		}
		own, err := key.SignWithLabel(s.Label, s.Content)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.VerifyWithLabel(s.Pub, s.Label, s.Content, own); err != nil {
			t.Errorf("own signature: %v", err)
		}
		p := c.EncryptWithLabel
		if got, err := st.DecryptWithLabel(p.Priv, p.Label, p.Context, p.KEMOutput, p.Ciphertext); err != nil || !bytes.Equal(got, p.Plaintext) {
			t.Errorf("decrypt_with_label %x, %v", got, err)
		}
		out, ct, err := st.EncryptWithLabel(p.Pub, p.Label, p.Context, p.Plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := st.DecryptWithLabel(p.Priv, p.Label, p.Context, out, ct); err != nil || !bytes.Equal(got, p.Plaintext) {
			t.Errorf("own encryption: %x, %v", got, err)
		}
	})
}

type treeMathCase struct {
	Leaves  uint32 `json:"n_leaves"`
	Nodes   uint32 `json:"n_nodes"`
	Root    treemath.NodeIndex
	Left    []*treemath.NodeIndex
	Right   []*treemath.NodeIndex
	Parent  []*treemath.NodeIndex
	Sibling []*treemath.NodeIndex
}

func vectorTreeMath(t *testing.T, file string) {
	for _, c := range loadVectors[treeMathCase](t, file) {
		if treemath.Nodes(c.Leaves) != c.Nodes || treemath.Root(c.Leaves) != c.Root {
			t.Errorf("%d leaves: %d nodes, root %d", c.Leaves, treemath.Nodes(c.Leaves), treemath.Root(c.Leaves))
		}
		check := func(what string, x treemath.NodeIndex, want *treemath.NodeIndex, got treemath.NodeIndex, ok bool) {
			if ok != (want != nil) || ok && got != *want {
				t.Errorf("%d leaves: %s of %d is %d, %v", c.Leaves, what, x, got, ok)
			}
		}
		for i := range c.Nodes {
			x := treemath.NodeIndex(i)
			got, ok := treemath.Left(x)
			check("left", x, c.Left[i], got, ok)
			got, ok = treemath.Right(x)
			check("right", x, c.Right[i], got, ok)
			got, ok = treemath.Parent(x, c.Leaves)
			check("parent", x, c.Parent[i], got, ok)
			got, ok = treemath.Sibling(x, c.Leaves)
			check("sibling", x, c.Sibling[i], got, ok)
		}
	}
}
