package mls

import (
	"bytes"
	"fmt"

	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// publicStorageVersion begins the stored form of a PublicGroup and changes with its meaning.
const publicStorageVersion = 1

// Marshal returns the stored form of p, from which LoadPublicGroup rebuilds it: the epoch with its tree and its pending proposals.
// Nothing in it is secret. Group.Parts is the stored form of a group with secrets.
func (p *PublicGroup) Marshal() []byte {
	tree := p.tree.encoding()
	w := wire.NewWriter(make([]byte, 0, len(tree)+len(p.encodedContext)+512))
	w.U8(publicStorageVersion)
	w.Raw(p.encodedContext)
	w.Opaque(p.confirmationTag)
	w.Optional(p.reInit != nil, func(w *wire.Writer) { marshalProposal(w, *p.reInit) })
	w.Raw(tree)
	w.Vector(func(w *wire.Writer) {
		for i := range p.pending {
			w.Raw(p.pending[i].part())
		}
	})
	return w.Bytes()
}

// LoadPublicGroup rebuilds a group from what Marshal returned. It verifies what holds the stored form together (tree hash, unique keys,
// readable extensions, the limits), but no signatures: those were verified before it was stored. Errors wrap ErrStored.
func LoadPublicGroup(b []byte, cfg Config) (*PublicGroup, error) {
	fail := func(err error) (*PublicGroup, error) { return nil, fmt.Errorf("%w: public group: %w", ErrStored, err) }
	r := wire.NewReader(bytes.Clone(b))
	if v := r.At("version").U8(); r.Err() == nil && v != publicStorageVersion {
		return fail(fmt.Errorf("version %d, this program reads %d", v, publicStorageVersion))
	}
	var context GroupContext
	context.UnmarshalTLS(r)
	tag := r.At("confirmation_tag").Opaque()
	var reInit *ReInit
	r.At("reinit").Optional(func(r *wire.Reader) {
		q, ok := unmarshalProposal(r).(ReInit)
		if reInit = &q; !ok {
			r.Fail("not a ReInit")
		}
	})
	var nodes RatchetTree
	nodes.UnmarshalTLS(r)
	var pending []PendingProposal
	r.At("pending").Vector(func(r *wire.Reader) {
		if len(pending) == MaxProposals {
			r.At("pending").Failf("more than %d proposals", MaxProposals)
			return
		}
		pending = append(pending, loadPending(r))
	})
	if err := r.Done(); err != nil {
		return fail(err)
	}
	s, err := suite.ByID(uint16(context.Suite))
	if err != nil {
		return fail(err)
	}
	t, err := importTree(nodes)
	if err != nil {
		return fail(err)
	}
	if t = t.hashed(s); !bytes.Equal(t.hash(), context.TreeHash) {
		return fail(invalid("9420-12.4.3.1-tree-hash", "tree does not have the hash in the GroupContext"))
	}
	if err := t.checkUnmerged(); err != nil {
		return fail(err)
	}
	if err := checkGroupExtensions(context.Extensions); err != nil {
		return fail(err)
	}
	p, err := newPublicGroup(s, context, t, tag, cfg)
	if err != nil {
		return fail(err)
	}
	if p.keys, err = t.keys(); err != nil {
		return fail(err)
	}
	p.reInit, p.pending = reInit, pending
	return p, nil
}
