package mls

import (
	"bytes"
	"fmt"
	"math/rand"
	"slices"
	"testing"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// A key index that follows random changes of a tree has exactly the keys of the tree, and earlier indexes keep theirs.
func TestKeyIndexFollowsTree(t *testing.T) {
	random := rand.New(rand.NewSource(7))
	fresh := 0
	key := func() []byte {
		fresh++
		return fmt.Appendf(nil, "key %d", fresh)
	}
	leaf := func() *LeafNode { return &LeafNode{EncryptionKey: key(), SignatureKey: key()} }
	same := func(x keyIndex, tr tree) {
		t.Helper()
		var want []keyEntry
		tr.eachChange(tree{root: leafTreeNode(nil)}, func(at nodeIndex, old, _ *treeNode) { want = old.appendKeys(want, at) })
		for _, e := range want {
			if at, found := x.find(e.kind, e.key); !found || at != e.node {
				t.Fatalf("key %q of node %d: found %v at %d", e.key, e.node, found, at)
			}
		}
		if n := x.root.count(); n != len(want) {
			t.Fatalf("%d keys in the index, %d in the tree", n, len(want))
		}
	}
	type version struct {
		tree
		keyIndex
	}
	now := version{tree: newTree(leaf())}
	now.keyIndex, _ = now.tree.keys()
	var all []version
	for range 300 {
		all = append(all, now)
		next := now.tree
		for range 1 + random.Intn(4) {
			var members []LeafIndex
			next.eachLeaf(func(i LeafIndex, _ *LeafNode) bool { members = append(members, i); return true })
			i := members[random.Intn(len(members))]
			switch random.Intn(4) {
			case 0:
				if len(members) > 1 {
					next = next.remove(i)
				}
			case 1:
				parents := map[nodeIndex]*ParentNode{}
				for _, step := range next.filteredPath(i) {
					parents[step.node] = &ParentNode{EncryptionKey: key()}
				}
				next = next.withPath(i, leaf(), parents)
			default:
				next, _ = next.add(leaf())
			}
		}
		x, err := now.keyIndex.moved(now.tree, next)
		if err != nil {
			t.Fatal(err)
		}
		now = version{next, x}
		same(now.keyIndex, now.tree)
	}
	for _, v := range all {
		same(v.keyIndex, v.tree)
	}
}

func (n *keyNode) count() int {
	switch {
	case n == nil:
		return 0
	case n.branches == nil:
		return len(n.entries)
	}
	total := 0
	for _, b := range n.branches {
		total += b.count()
	}
	return total
}

// Keys whose digests are equal do not hide one another.
func TestKeyIndexCollision(t *testing.T) {
	var root *keyNode
	for i, k := range []string{"a", "b"} {
		root = root.with(keyEntry{encryptionKeys, []byte(k), nodeIndex(2 * i)}, 5, 0, false)
	}
	root = root.with(keyEntry{signatureKeys, []byte("a"), 6}, 5, 0, false).with(keyEntry{encryptionKeys, []byte("c"), 8}, 6, 0, false)
	if root.count() != 4 {
		t.Fatalf("%d entries, want 4", root.count())
	}
	root = root.without(encryptionKeys, []byte("a"), 5, 0)
	n := root
	for shift := uint64(5); n.branches != nil; shift <<= 4 {
		n = n.branches[shift>>60]
	}
	if len(n.entries) != 2 || string(n.entries[0].key) != "b" || n.entries[1].kind != signatureKeys {
		t.Errorf("entries %v, want b and the signature key a", n.entries)
	}
}

// The summary of a subtree is what asking every member says.
func TestSupportSummary(t *testing.T) {
	random := rand.New(rand.NewSource(3))
	for range 200 {
		var sum *support
		var members []*LeafNode
		for range 1 + random.Intn(5) {
			n := &LeafNode{Credential: Credential{Type: CredentialType(1 + random.Intn(2))}}
			for range random.Intn(6) {
				n.Capabilities.Extensions = append(n.Capabilities.Extensions, ExtensionType(random.Intn(4)))
				n.Capabilities.Proposals = append(n.Capabilities.Proposals, ProposalType(random.Intn(4)))
				n.Capabilities.Credentials = append(n.Capabilities.Credentials, CredentialType(random.Intn(4)))
			}
			if random.Intn(20) == 0 {
				n.Capabilities.Proposals = make([]ProposalType, maxCommon+1)
			}
			members, sum = append(members, n), both(sum, supportOf(n))
		}
		long := slices.ContainsFunc(members, func(n *LeafNode) bool { return len(n.Capabilities.Proposals) > maxCommon })
		if sum.unknown != long {
			t.Fatalf("unknown %v, want %v", sum.unknown, long)
		}
		if long {
			continue
		}
		for v := range 4 {
			extension, proposal, credential, used := true, true, true, false
			for _, n := range members {
				extension = extension && slices.Contains(n.Capabilities.Extensions, ExtensionType(v))
				proposal = proposal && slices.Contains(n.Capabilities.Proposals, ProposalType(v))
				credential = credential && slices.Contains(n.Capabilities.Credentials, CredentialType(v))
				used = used || n.Credential.Type == CredentialType(v)
			}
			if slices.Contains(sum.extensions, ExtensionType(v)) != extension || slices.Contains(sum.proposals, ProposalType(v)) != proposal ||
				slices.Contains(sum.credentials, CredentialType(v)) != credential || slices.Contains(sum.used, CredentialType(v)) != used {
				t.Fatalf("value %d of %+v: summary %+v", v, members, sum)
			}
		}
	}
}

// The encoding of a tree made from cached leaves is that of its exported form, and adding members together is adding them singly.
func TestTreeEncodingAndAddAll(t *testing.T) {
	s, err := suite.ByID(suite.X25519AES128SHA256Ed25519)
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewSource(11))
	leaf := func() *LeafNode {
		return &LeafNode{EncryptionKey: fmt.Appendf(nil, "%d", random.Int()), Source: LeafNodeSourceUpdate, Credential: Credential{Type: CredentialBasic}}
	}
	tr := newTree(leaf())
	for range 200 {
		list := make([]*LeafNode, random.Intn(6))
		single := tr
		var want []LeafIndex
		for i := range list {
			list[i] = leaf()
			at := single.nextLeaf()
			single = single.reaching(at).replace(at, list[i], func(_ nodeIndex, p *ParentNode) *ParentNode {
				if p == nil {
					return nil
				}
				q := *p
				q.UnmergedLeaves = append(slices.Clone(p.UnmergedLeaves), at)
				slices.Sort(q.UnmergedLeaves)
				return &q
			})
			want = append(want, at)
		}
		var got []LeafIndex
		tr, got = tr.addAll(list)
		tr = tr.hashed(s)
		if !slices.Equal(got, want) || !bytes.Equal(tr.hash(), single.hashed(s).hash()) {
			t.Fatalf("added at %v, want %v, or the trees differ", got, want)
		}
		if !bytes.Equal(tr.encoding(), wire.Marshal(tr.export())) {
			t.Fatal("encoding differs from that of the exported tree")
		}
		var members []LeafIndex
		tr.eachLeaf(func(i LeafIndex, _ *LeafNode) bool { members = append(members, i); return true })
		i := members[random.Intn(len(members))]
		parents := map[nodeIndex]*ParentNode{}
		for _, step := range tr.filteredPath(i) {
			parents[step.node] = &ParentNode{EncryptionKey: fmt.Appendf(nil, "%d", random.Int())}
		}
		tr = tr.withPath(i, leaf(), parents)
		for range random.Intn(5) {
			if i = LeafIndex(random.Intn(int(tr.width()))); tr.members() > 1 && tr.leaf(i) != nil {
				tr = tr.remove(i)
			}
		}
	}
}
