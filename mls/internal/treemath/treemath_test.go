package treemath

import "testing"

// The relations between the functions hold for every node of every small tree; the official vectors fix their values.
func TestRelations(t *testing.T) {
	for n := uint32(1); n <= 256; n *= 2 {
		if FullSize(n) != n || FullSize(n/2+1) != n {
			t.Fatalf("FullSize around %d", n)
		}
		for x := NodeIndex(0); uint32(x) < Nodes(n); x++ {
			path, copath := DirectPath(x, n), Copath(x, n)
			if len(path) != len(copath) || len(path) != Depth(n)-x.Level() {
				t.Fatalf("n %d, node %d: paths of %d and %d nodes", n, x, len(path), len(copath))
			}
			below := x
			for i, p := range path {
				l, _ := Left(p)
				r, _ := Right(p)
				if !(l == below && r == copath[i]) && !(r == below && l == copath[i]) {
					t.Fatalf("n %d, node %d: children %d, %d of %d", n, x, l, r, p)
				}
				if !p.Contains(x) || copath[i].Contains(x) || !p.Contains(copath[i]) {
					t.Fatalf("n %d, node %d: Contains disagrees at %d", n, x, p)
				}
				below = p
			}
			for y := NodeIndex(0); uint32(y) < Nodes(n); y++ {
				want := x
				for !want.Contains(y) {
					want, _ = Parent(want, n)
				}
				if got := CommonAncestor(x, y); got != want {
					t.Fatalf("common ancestor of %d and %d: %d, want %d", x, y, got, want)
				}
			}
		}
	}
}

// The largest tree does not overflow.
func TestMaxLeaves(t *testing.T) {
	n := uint32(MaxLeaves)
	last := LeafIndex(n - 1).Node()
	if p := DirectPath(last, n); len(p) != 31 || p[30] != Root(n) {
		t.Errorf("direct path %v", p)
	}
	if CommonAncestor(0, last) != Root(n) || !Root(n).Contains(last) || FullSize(n) != n {
		t.Error("the root does not span the tree")
	}
}
