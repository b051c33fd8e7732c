package mls

import (
	"bytes"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

func init() {
	vectors["tree-operations"] = vectorTreeOperations
	vectors["tree-validation"] = vectorTreeValidation
	vectors["treekem"] = vectorTreeKEM
}

func decodeTree(t *testing.T, s *suite.Suite, b []byte) tree {
	t.Helper()
	var nodes RatchetTree
	if err := wire.Unmarshal(b, &nodes); err != nil {
		t.Fatal(err)
	}
	tr, err := importTree(nodes)
	if err != nil {
		t.Fatal(err)
	}
	if got := wire.Marshal(tr.export()); !bytes.Equal(got, b) {
		t.Fatal("export differs from what was imported")
	}
	return tr.hashed(s)
}

// §12.1.1, §12.1.2, §12.1.3 and §7.7: what Add, Update and Remove do to a tree.
func vectorTreeOperations(t *testing.T, file string) {
	type testCase struct {
		Suite          uint16    `json:"cipher_suite"`
		Before         hexBytes  `json:"tree_before"`
		Proposal       hexBytes  `json:"proposal"`
		ProposalSender LeafIndex `json:"proposal_sender"`
		HashBefore     hexBytes  `json:"tree_hash_before"`
		After          hexBytes  `json:"tree_after"`
		HashAfter      hexBytes  `json:"tree_hash_after"`
	}
	eachSuite(t, loadVectors[testCase](t, file), func(c *testCase) uint16 { return c.Suite }, func(t *testing.T, s *suite.Suite, c *testCase) {
		tr := decodeTree(t, s, c.Before)
		before := tr
		if !bytes.Equal(tr.hash(), c.HashBefore) {
			t.Errorf("tree hash %x, want %x", tr.hash(), c.HashBefore)
		}
		r := wire.NewReader(c.Proposal)
		proposal := unmarshalProposal(r)
		if err := r.Done(); err != nil {
			t.Fatal(err)
		}
		switch p := proposal.(type) {
		case Add:
			tr, _ = tr.add(&p.KeyPackage.LeafNode)
		case Update:
			tr = tr.update(c.ProposalSender, &p.LeafNode)
		case Remove:
			tr = tr.remove(p.Removed)
		default:
			t.Fatalf("unexpected proposal %T", p)
		}
		tr = tr.hashed(s)
		if got := wire.Marshal(tr.export()); !bytes.Equal(got, c.After) {
			t.Errorf("tree after the proposal\n%x, want\n%x", got, c.After)
		}
		if !bytes.Equal(tr.hash(), c.HashAfter) {
			t.Errorf("tree hash %x, want %x", tr.hash(), c.HashAfter)
		}
		if !bytes.Equal(wire.Marshal(before.export()), c.Before) {
			t.Error("the tree before the proposal has changed")
		}
	})
}

// §12.4.3.1 and §7.9: whole trees, their resolutions and hashes. Each tree must be refused after one bit of a signature, of a parent
// hash or of an unmerged list changes.
func vectorTreeValidation(t *testing.T, file string) {
	type testCase struct {
		Suite       uint16        `json:"cipher_suite"`
		Tree        hexBytes      `json:"tree"`
		GroupID     hexBytes      `json:"group_id"`
		Resolutions [][]nodeIndex `json:"resolutions"`
		Hashes      []hexBytes    `json:"tree_hashes"`
	}
	eachSuite(t, loadVectors[testCase](t, file), func(c *testCase) uint16 { return c.Suite }, func(t *testing.T, s *suite.Suite, c *testCase) {
		tr := decodeTree(t, s, c.Tree)
		for x := range c.Resolutions {
			got := tr.resolution([]nodeIndex{}, nodeIndex(x))
			if n := tr.at(nodeIndex(x)).resolution; int(n) != len(got) {
				t.Errorf("resolution of %d has %d nodes, counted %d", x, len(got), n)
			}
			if len(got) != len(c.Resolutions[x]) {
				t.Fatalf("resolution of %d: %v, want %v", x, got, c.Resolutions[x])
			}
			for k := range got {
				if got[k] != c.Resolutions[x][k] {
					t.Fatalf("resolution of %d: %v, want %v", x, got, c.Resolutions[x])
				}
			}
			if h := tr.at(nodeIndex(x)).hash; !bytes.Equal(h, c.Hashes[x]) {
				t.Fatalf("tree hash of %d: %x, want %x", x, h, c.Hashes[x])
			}
		}
		p := &PublicGroup{suite: s, tree: tr, context: GroupContext{GroupID: []byte(c.GroupID)}}
		if err := checkWholeTree(p); err != nil {
			t.Fatal(err)
		}
		parents := 0
		for x, n := range tr.export() {
			switch {
			case n == nil:
				continue
			case n.Leaf != nil:
				m := *n.Leaf
				m.Signature = bytes.Clone(m.Signature)
				m.Signature[len(m.Signature)/2] ^= 1
				n = &Node{Leaf: &m}
			default:
				parents++
				m := *n.Parent
				if len(m.ParentHash) > 0 {
					m.ParentHash = bytes.Clone(m.ParentHash)
					m.ParentHash[0] ^= 1
				} else {
					m.ParentHash = []byte{1}
				}
				n = &Node{Parent: &m}
			}
			nodes := tr.export()
			nodes[x] = n
			bad, err := importTree(nodes)
			if err != nil {
				t.Fatal(err)
			}
			if n.Leaf != nil && x > 8 {
				continue // signatures are slow to verify; a few will do
			}
			p := &PublicGroup{suite: s, tree: bad.hashed(s), context: GroupContext{GroupID: []byte(c.GroupID)}}
			if err := checkWholeTree(p); err == nil {
				t.Errorf("tree with a forged node %d is valid", x)
			}
		}
	})
}

type treeKEMLeaf struct {
	Index          LeafIndex `json:"index"`
	EncryptionPriv hexBytes  `json:"encryption_priv"`
	SignaturePriv  hexBytes  `json:"signature_priv"`
	PathSecrets    []struct {
		Node       nodeIndex `json:"node"`
		PathSecret hexBytes  `json:"path_secret"`
	} `json:"path_secrets"`
}

// §7.4 to §7.6: update paths, opened by every leaf, and made by every leaf for every other.
func vectorTreeKEM(t *testing.T, file string) {
	type testCase struct {
		Suite      uint16        `json:"cipher_suite"`
		Epoch      Epoch         `json:"epoch"`
		GroupID    hexBytes      `json:"group_id"`
		Transcript hexBytes      `json:"confirmed_transcript_hash"`
		Leaves     []treeKEMLeaf `json:"leaves_private"`
		Tree       hexBytes      `json:"ratchet_tree"`
		Paths      []struct {
			Sender      LeafIndex   `json:"sender"`
			Path        hexBytes    `json:"update_path"`
			PathSecrets []*hexBytes `json:"path_secrets"`
			Commit      hexBytes    `json:"commit_secret"`
			HashAfter   hexBytes    `json:"tree_hash_after"`
		} `json:"update_paths"`
	}
	eachSuite(t, loadVectors[testCase](t, file), func(c *testCase) uint16 { return c.Suite }, func(t *testing.T, s *suite.Suite, c *testCase) {
		tr := decodeTree(t, s, c.Tree)
		taken, err := tr.keys()
		if err != nil {
			t.Fatal(err)
		}
		context := func(hash []byte) *GroupContext {
			return &GroupContext{Version: ProtocolVersionMLS10, Suite: CipherSuite(c.Suite), GroupID: c.GroupID, Epoch: c.Epoch,
				TreeHash: hash, ConfirmedTranscriptHash: c.Transcript}
		}
		keys := map[LeafIndex]func(nodeIndex) HPKEPrivateKey{}
		for _, l := range c.Leaves {
			nodes := nodeKeys{}
			for _, ps := range l.PathSecrets {
				private, public := nodeKey(s, ps.PathSecret)
				if !bytes.Equal(public, tr.at(ps.Node).parent.EncryptionKey) {
					t.Fatalf("leaf %d: path secret of node %d does not fit", l.Index, ps.Node)
				}
				nodes[ps.Node] = private
			}
			keys[l.Index] = held([]*localLeaf{{index: l.Index, leafKeys: leafKeys{key: HPKEPrivateKey(l.EncryptionPriv)}}}, nodes)
		}
		for _, u := range c.Paths {
			var path UpdatePath
			if err := wire.Unmarshal(u.Path, &path); err != nil {
				t.Fatal(err)
			}
			next, steps, err := tr.mergePath(s, u.Sender, &path, nil, taken)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(next.hash(), u.HashAfter) {
				t.Fatalf("tree hash %x, want %x", next.hash(), u.HashAfter)
			}
			for _, l := range c.Leaves {
				if l.Index == u.Sender {
					continue
				}
				o, err := next.openPath(s, steps, &path, nil, []LeafIndex{l.Index}, keys[l.Index], context(next.hash()), &Config{})
				if err != nil {
					t.Fatalf("leaf %d: %v", l.Index, err)
				}
				want, _ := nodeKey(s, *u.PathSecrets[l.Index])
				if !bytes.Equal(o.private[0], want) || !bytes.Equal(o.commit, u.Commit) {
					t.Fatalf("leaf %d: wrong secrets", l.Index)
				}
			}
		}
		for _, from := range c.Leaves {
			p, err := tr.makePath(s, &Config{}, Seed{byte(from.Index)}, from.Index, *tr.leaf(from.Index), c.GroupID, SignaturePrivateKey(from.SignaturePriv))
			if err != nil {
				t.Fatal(err)
			}
			if err := p.encrypt(s, &Config{}, nil, context(p.tree.hash())); err != nil {
				t.Fatal(err)
			}
			next, steps, err := tr.mergePath(s, from.Index, p.path, nil, taken)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(next.hash(), p.tree.hash()) {
				t.Fatal("sender and receiver disagree on the tree")
			}
			for _, l := range c.Leaves {
				if l.Index == from.Index {
					continue
				}
				o, err := next.openPath(s, steps, p.path, nil, []LeafIndex{l.Index}, keys[l.Index], context(next.hash()), &Config{})
				if err != nil {
					t.Fatalf("own path of %d, leaf %d: %v", from.Index, l.Index, err)
				}
				if !bytes.Equal(o.commit, p.commit) {
					t.Fatalf("own path of %d, leaf %d: wrong commit secret", from.Index, l.Index)
				}
			}
		}
	})
}
