package mls

import (
	"bytes"
	"strconv"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/wire"
)

// Parts is the change of a group's stored form: named parts to set and names to drop. Parts are secret.
type Parts struct {
	Set  map[string][]byte
	Drop []string
}

// storageVersion is in the part "g" and changes with the meaning of any part.
const storageVersion = 2

// The parts of a stored group. Those with a slash come once per number.
//
//	g            version, GroupContext, confirmation tag, ReInit
//	e            epoch secrets
//	x            what is left of the exporter tree
//	n/NODE       a non-blank node of the tree
//	k/NODE       the private key of a parent
//	l/LEAF       the private state of a local leaf
//	q/PLACE      a pending proposal
//	h/EPOCH      a past epoch
//	s/EPOCH/...  the secret tree of the present or of a past epoch
const (
	partGroup    = "g"
	partSecrets  = "e"
	partExports  = "x"
	partNode     = "n/"
	partKey      = "k/"
	partLocal    = "l/"
	partPending  = "q/"
	partPast     = "h/"
	partMessages = "s/"
)

func number[T ~uint32 | ~uint64 | ~int](prefix string, n T) string {
	return prefix + strconv.FormatUint(uint64(n), 10)
}

// partsDiff collects how the stored form differs from an earlier one.
type partsDiff struct{ Parts }

// change notes a part that was before (nil: was not there) and is now (nil: is no more).
func (d *partsDiff) change(name string, before, now []byte) {
	switch {
	case now == nil && before != nil:
		d.Drop = append(d.Drop, name)
	case now != nil && (before == nil || !bytes.Equal(before, now)):
		d.Set[name] = now
	}
}

// Parts returns what has changed since an earlier value of the same group (nil: everything). Part names are short ASCII and
// stable; a message sent within the reserved generations changes none, a commit changes parts proportional to what it touched.
func (g *Group) Parts(since *Group) Parts {
	d := &partsDiff{Parts{Set: map[string][]byte{}}}
	if since == nil {
		since = &Group{}
	}
	d.public(since.public, g.public)
	if since.secrets != g.secrets {
		d.change(partSecrets, since.secrets.part(), g.secrets.part())
	}
	if !g.exports.Same(since.exports) {
		d.change(partExports, since.exports.Part(), g.exports.Part())
	}
	if since.secrets != g.secrets || len(since.nodes) != len(g.nodes) { // within an epoch, keys are only added
		d.keys(since.nodes, g.nodes)
	}
	for _, l := range g.local {
		if before := since.localAt(l.index); before != l {
			d.change(number(partLocal, l.index), before.part(), l.part())
		}
	}
	for _, l := range since.local {
		if !g.IsLocal(l.index) {
			d.change(number(partLocal, l.index), l.part(), nil)
		}
	}
	d.past(since, g)
	d.messages(since.secretTrees(), g.secretTrees())
	return d.Parts
}

func (d *partsDiff) keys(before, now nodeKeys) {
	for x, key := range now {
		d.change(number(partKey, x), before[x], key)
	}
	for x, key := range before {
		if now[x] == nil {
			d.change(number(partKey, x), key, nil)
		}
	}
}

func (d *partsDiff) public(before, now *PublicGroup) {
	if before == now {
		return
	}
	if before == nil {
		d.change(partGroup, nil, now.part())
		d.nodes(nil, now.tree.root, now.tree.rootIndex())
		d.pending(nil, now.pending)
		return
	}
	d.change(partGroup, before.part(), now.part())
	a, b := before.tree, now.tree
	x := max(a.rootIndex(), b.rootIndex())
	d.nodes(a.grown(b.level), b.grown(a.level), x)
	d.pending(before.pending, now.pending)
}

// grown is the root of t as if it had at least the given level, without making the blank nodes to its right.
func (t tree) grown(level int) *treeNode {
	n := t.root
	for k := t.level; k < level; k++ {
		n = &treeNode{left: n, occupied: n.occupied}
	}
	return n
}

// nodes compares two subtrees at x, either of which may be nil. Subtrees with the same hash are equal.
func (d *partsDiff) nodes(before, now *treeNode, x nodeIndex) {
	if before == now || before != nil && now != nil && before.hash != nil && bytes.Equal(before.hash, now.hash) {
		return
	}
	if before == nil {
		before = &treeNode{}
	}
	if now == nil {
		now = &treeNode{}
	}
	if !before.occupied && !now.occupied {
		return
	}
	d.change(number(partNode, x), before.part(), now.part())
	if !x.IsLeaf() {
		d.nodes(before.left, now.left, leftOf(x))
		d.nodes(before.right, now.right, rightOf(x))
	}
}

func (n *treeNode) part() []byte {
	if n.leaf == nil && n.parent == nil {
		return nil
	}
	return wire.Marshal(&Node{Leaf: n.leaf, Parent: n.parent})
}

func (d *partsDiff) pending(before, now []PendingProposal) {
	for i := range max(len(before), len(now)) {
		var a, b *PendingProposal
		if i < len(before) {
			a = &before[i]
		}
		if i < len(now) {
			b = &now[i]
		}
		if a != nil && b != nil && bytes.Equal(a.Ref, b.Ref) {
			continue
		}
		d.change(number(partPending, i), a.part(), b.part())
	}
}

// past compares the past epochs. An epoch's part holds the leaves in which it differs from the epoch after it, which changes only when since is no earlier
// value of the group but one that took another commit.
func (d *partsDiff) past(before, now *Group) {
	type followed struct {
		*pastEpoch
		after tree
	}
	kept := map[Epoch]followed{}
	if before.public != nil {
		after := before.public.tree
		for _, e := range before.past {
			kept[e.epoch] = followed{e, after}
			after = e.members
		}
	}
	after := now.public.tree
	for _, e := range now.past {
		old, had := kept[e.epoch]
		switch {
		case !had:
			d.change(number(partPast, e.epoch), nil, e.part(after))
		case old.after.root != after.root || old.members.root != e.members.root:
			d.change(number(partPast, e.epoch), old.part(old.after), e.part(after))
		}
		delete(kept, e.epoch)
		after = e.members
	}
	for _, e := range before.past {
		if _, over := kept[e.epoch]; over {
			d.Drop = append(d.Drop, number(partPast, e.epoch))
		}
	}
}

// secretTrees returns the secret trees by epoch.
func (g *Group) secretTrees() map[Epoch]schedule.SecretTree {
	trees := make(map[Epoch]schedule.SecretTree, len(g.past)+1)
	if g.public != nil {
		trees[g.public.context.Epoch] = g.tree
	}
	for _, e := range g.past {
		trees[e.epoch] = e.tree
	}
	return trees
}

func (d *partsDiff) messages(before, now map[Epoch]schedule.SecretTree) {
	each := func(epoch Epoch, now, before schedule.SecretTree) {
		prefix := number(partMessages, epoch) + "/"
		set, drop := now.Parts(before)
		for name, b := range set {
			d.Set[prefix+name] = b
		}
		for _, name := range drop {
			d.Drop = append(d.Drop, prefix+name)
		}
	}
	for epoch, t := range now {
		each(epoch, t, before[epoch])
	}
	for epoch, t := range before {
		if _, kept := now[epoch]; !kept {
			each(epoch, schedule.SecretTree{}, t)
		}
	}
}

func (p *PublicGroup) part() []byte {
	var w wire.Writer
	w.U8(storageVersion)
	p.context.MarshalTLS(&w)
	w.Opaque(p.confirmationTag)
	w.Optional(p.reInit != nil, func(w *wire.Writer) { marshalProposal(w, *p.reInit) })
	return w.Bytes()
}

func (e *epochSecrets) part() []byte {
	if e == nil {
		return nil
	}
	var w wire.Writer
	for _, s := range e.fields() {
		w.Opaque(*s)
	}
	return w.Bytes()
}

// fields are the secrets that are kept as long as the epoch.
func (e *epochSecrets) fields() []*[]byte {
	return []*[]byte{&e.SenderData, &e.Exporter, &e.External, &e.Confirmation, &e.Membership, &e.Resumption, &e.Authenticator, &e.Init}
}

func (l *localLeaf) part() []byte {
	if l == nil {
		return nil
	}
	var w wire.Writer
	w.Opaque(l.key)
	w.Opaque(l.signature)
	w.Vector(func(w *wire.Writer) {
		for _, u := range l.updates {
			w.Opaque(u.public)
			w.Opaque(u.key)
			w.Opaque(u.signature)
		}
	})
	if l.keySince == 0 && l.signatureSince == 0 && len(l.updates) == 0 {
		return w.Bytes() // nothing is known of its age
	}
	l.marshalSince(&w)
	for i := range l.updates {
		l.updates[i].marshalSince(&w)
	}
	return w.Bytes()
}

func (k *leafKeys) marshalSince(w *wire.Writer) {
	w.U64(k.keySince)
	w.U64(k.signatureSince)
}

func (q *PendingProposal) part() []byte {
	if q == nil {
		return nil
	}
	var w wire.Writer
	w.Opaque(q.Ref)
	marshalProposal(&w, q.Proposal)
	q.Sender.MarshalTLS(&w)
	w.Opaque(q.AuthenticatedData)
	q.Message.MarshalTLS(&w)
	return w.Bytes()
}

func (e *pastEpoch) part(after tree) []byte {
	var w wire.Writer
	w.Opaque(e.context)
	w.Bool(e.safeAAD)
	w.Opaque(e.senderData)
	w.Opaque(e.resumption)
	w.U8(uint8(e.members.level))
	w.Vector(func(w *wire.Writer) {
		diffLeaves(after.grown(e.members.level), e.members.grown(after.level), max(after.rootIndex(), e.members.rootIndex()),
			func(i LeafIndex, n *LeafNode) {
				w.U32(uint32(i))
				w.Optional(n != nil, func(w *wire.Writer) { n.MarshalTLS(w) })
			})
	})
	return w.Bytes()
}

// diffLeaves calls f for every leaf at which b differs from a, with what is there in b. Either may be nil.
func diffLeaves(a, b *treeNode, x nodeIndex, f func(LeafIndex, *LeafNode)) {
	if a == b || a != nil && b != nil && a.hash != nil && bytes.Equal(a.hash, b.hash) {
		return
	}
	if a == nil {
		a = &treeNode{}
	}
	if b == nil {
		b = &treeNode{}
	}
	switch {
	case x.IsLeaf():
		if a.leaf != b.leaf {
			f(leafAt(x), b.leaf)
		}
	case a.occupied || b.occupied:
		diffLeaves(a.left, b.left, leftOf(x), f)
		diffLeaves(a.right, b.right, rightOf(x), f)
	}
}
