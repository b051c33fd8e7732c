package schedule

import (
	"errors"
	"slices"

	"anteroom/mls/internal/suite"
	"anteroom/mls/internal/treemath"
	"anteroom/mls/wire"
)

// exporterLeaves is how many leaves an exporter tree has: one for each component (draft-ietf-mls-extensions, Exported Secrets).
const exporterLeaves = 1 << 16

// ErrExported says that a component's secret was exported before and is gone.
var ErrExported = errors.New("schedule: the component's secret was exported before")

// ExporterTree yields one secret per application component and epoch, each once. It is an immutable value. The zero ExporterTree
// yields nothing.
type ExporterTree struct {
	st   *suite.Suite
	left []exporterSecret // disjoint subtrees that nobody has touched, ascending
}

type exporterSecret struct {
	node   treemath.NodeIndex
	secret []byte
}

// NewExporterTree starts the exporter tree of an epoch from its application_export secret.
func NewExporterTree(st *suite.Suite, application []byte) ExporterTree {
	return ExporterTree{st, []exporterSecret{{treemath.Root(exporterLeaves), application}}}
}

// Export returns the secret of a component, and the tree from which it and all it derives from are gone.
func (t ExporterTree) Export(component uint16) (ExporterTree, []byte, error) {
	leaf := treemath.LeafIndex(component).Node()
	at := slices.IndexFunc(t.left, func(s exporterSecret) bool { return s.node.Contains(leaf) })
	if at < 0 {
		return t, nil, ErrExported
	}
	x, secret := t.left[at].node, t.left[at].secret
	next := ExporterTree{t.st, slices.Delete(slices.Clone(t.left), at, at+1)}
	for !x.IsLeaf() {
		l := exporterSecret{left(x), t.st.ExpandWithLabel(secret, "tree", []byte("left"), t.st.HashSize())}
		r := exporterSecret{right(x), t.st.ExpandWithLabel(secret, "tree", []byte("right"), t.st.HashSize())}
		if r.node.Contains(leaf) {
			l, r = r, l
		}
		x, secret = l.node, l.secret
		next.left = append(next.left, r)
	}
	slices.SortFunc(next.left, func(a, b exporterSecret) int { return int(a.node) - int(b.node) })
	return next, secret, nil
}

// Same reports whether t and o share all their secrets in memory, so that nothing can have changed between them.
func (t ExporterTree) Same(o ExporterTree) bool {
	return len(t.left) == len(o.left) && (t.st == nil) == (o.st == nil) && (len(t.left) == 0 || &t.left[0] == &o.left[0])
}

// Part is the stored form of what is left of the tree; nil for the zero value.
func (t ExporterTree) Part() []byte {
	if t.st == nil {
		return nil
	}
	w := wire.NewWriter(nil)
	for _, s := range t.left {
		w.U32(uint32(s.node))
		w.Opaque(s.secret)
	}
	return append([]byte{}, w.Bytes()...)
}

// LoadExporterTree reads what Part wrote.
func LoadExporterTree(st *suite.Suite, part []byte) (ExporterTree, error) {
	t := ExporterTree{st: st}
	if part == nil {
		return t, errors.New("schedule: no exporter tree")
	}
	r := wire.NewReader(part)
	for r.Err() == nil && r.Len() > 0 {
		s := exporterSecret{treemath.NodeIndex(r.At("exporter.node").U32()), slices.Clone(r.At("exporter.secret").Opaque())}
		switch {
		case r.Err() != nil:
		case uint32(s.node) >= treemath.Nodes(exporterLeaves) || len(s.secret) != st.HashSize():
			r.Fail("no node of an exporter tree")
		case len(t.left) > 0 && t.left[len(t.left)-1].node >= s.node:
			r.Fail("nodes are not in ascending order")
		}
		t.left = append(t.left, s)
	}
	return t, r.Done()
}
