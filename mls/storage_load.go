package mls

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"anteroom/mls/internal/schedule"
	"anteroom/mls/internal/suite"
	"anteroom/mls/wire"
)

// ErrStored says that the parts given to LoadGroup are not those of a group.
var ErrStored = errors.New("mls: malformed stored group")

func stored(name string, err error) error { return fmt.Errorf("%w: part %q: %w", ErrStored, name, err) }

// loader collects the parts of one group by kind.
type loader struct {
	suite    *suite.Suite
	nodes    map[nodeIndex]*Node
	last     nodeIndex
	keys     nodeKeys
	local    []*localLeaf
	pending  map[uint64]PendingProposal
	past     []*storedEpoch
	messages map[Epoch]map[string][]byte
}

// storedEpoch is a past epoch with the leaves in which it differs from the epoch after it.
type storedEpoch struct {
	pastEpoch
	level  int
	leaves []RemovedLeaf // Node nil: blank
}

// LoadGroup rebuilds a value from all its parts. Sending continues after the reserved generations.
func LoadGroup(parts map[string][]byte, cfg Config) (*Group, error) {
	context, tag, reInit, err := loadHead(parts[partGroup])
	if err != nil {
		return nil, stored(partGroup, err)
	}
	s, err := suite.ByID(uint16(context.Suite))
	if err != nil {
		return nil, stored(partGroup, err)
	}
	l := &loader{suite: s, nodes: map[nodeIndex]*Node{}, keys: nodeKeys{}, pending: map[uint64]PendingProposal{},
		messages: map[Epoch]map[string][]byte{}}
	for name, b := range parts {
		if name == partGroup || name == partSecrets || name == partExports {
			continue
		}
		if err := l.part(name, b); err != nil {
			return nil, stored(name, err)
		}
	}
	secrets, err := loadSecrets(parts[partSecrets])
	if err != nil {
		return nil, stored(partSecrets, err)
	}
	t, err := l.tree(context)
	if err != nil {
		return nil, err
	}
	public, err := newPublicGroup(s, *context, t, tag, cfg)
	if err != nil {
		return nil, err
	}
	public.reInit = reInit
	if public.keys, err = t.keys(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrStored, err)
	}
	for i := range uint64(len(l.pending)) {
		q, found := l.pending[i]
		if !found {
			return nil, stored(number(partPending, i), errors.New("missing"))
		}
		public.pending = append(public.pending, q)
	}
	g := &Group{public: public, secrets: secrets, local: l.local, nodes: l.keys}
	if g.exports, err = schedule.LoadExporterTree(s, parts[partExports]); err != nil {
		return nil, stored(partExports, err)
	}
	if g.tree, err = l.secretTree(context.Epoch, t.level); err != nil {
		return nil, err
	}
	if g.past, err = l.pastEpochs(t); err != nil {
		return nil, err
	}
	return g, g.checkHeld()
}

func loadHead(b []byte) (context *GroupContext, tag []byte, reInit *ReInit, err error) {
	r := wire.NewReader(bytes.Clone(b))
	if v := r.At("version").U8(); r.Err() == nil && v != storageVersion {
		return nil, nil, nil, fmt.Errorf("version %d, this program reads %d", v, storageVersion)
	}
	context = new(GroupContext)
	context.UnmarshalTLS(r)
	tag = r.At("confirmation_tag").Opaque()
	r.At("reinit").Optional(func(r *wire.Reader) {
		if q, ok := unmarshalProposal(r).(ReInit); ok {
			reInit = &q
		}
	})
	return context, tag, reInit, r.Done()
}

func loadSecrets(b []byte) (*epochSecrets, error) {
	e := new(epochSecrets)
	r := wire.NewReader(bytes.Clone(b))
	for _, s := range e.fields() {
		*s = r.At("secret").Opaque()
	}
	return e, r.Done()
}

// part reads one part.
func (l *loader) part(name string, b []byte) error {
	if len(name) < 3 {
		return errors.New("unknown name")
	}
	digits, rest, nested := strings.Cut(name[2:], "/")
	n, err := strconv.ParseUint(digits, 10, 64)
	if err != nil {
		return err
	}
	r := wire.NewReader(bytes.Clone(b))
	switch kind := name[:2]; {
	case kind == partMessages && nested:
		if l.messages[Epoch(n)] == nil {
			l.messages[Epoch(n)] = map[string][]byte{}
		}
		l.messages[Epoch(n)][rest] = b
		return nil
	case nested:
		return errors.New("unknown name")
	case kind == partNode && n < 2*MaxLeaves:
		x := nodeIndex(n)
		node := new(Node)
		node.UnmarshalTLS(r)
		l.nodes[x], l.last = node, max(l.last, x)
	case kind == partKey && n < 2*MaxLeaves:
		l.keys[nodeIndex(n)] = r.Rest()
	case kind == partLocal && n < MaxLeaves:
		l.local = withLocal(l.local, loadLocal(r, LeafIndex(n)))
	case kind == partPending:
		l.pending[n] = loadPending(r)
	case kind == partPast:
		l.past = append(l.past, loadPast(r, Epoch(n)))
	default:
		return errors.New("unknown name")
	}
	return r.Done()
}

func loadLocal(r *wire.Reader, i LeafIndex) *localLeaf {
	l := &localLeaf{index: i}
	l.key = r.At("local.key").Opaque()
	l.signature = r.At("local.signature").Opaque()
	r.At("local.updates").Vector(func(r *wire.Reader) {
		l.updates = append(l.updates, leafUpdate{public: r.Opaque(), leafKeys: leafKeys{key: r.Opaque(), signature: r.Opaque()}})
	})
	if r.Err() == nil && r.Len() == 0 {
		return l // of unknown age, or stored before ages were
	}
	l.unmarshalSince(r)
	for i := range l.updates {
		l.updates[i].unmarshalSince(r)
	}
	return l
}

func (k *leafKeys) unmarshalSince(r *wire.Reader) {
	k.keySince = r.At("local.since").U64()
	k.signatureSince = r.At("local.signature_since").U64()
}

func loadPending(r *wire.Reader) PendingProposal {
	q := PendingProposal{Ref: r.At("pending.ref").Opaque(), Proposal: unmarshalProposal(r)}
	q.Sender.UnmarshalTLS(r)
	q.AuthenticatedData = r.At("pending.authenticated_data").Opaque()
	q.Message = new(Message)
	q.Message.UnmarshalTLS(r)
	return q
}

func loadPast(r *wire.Reader, epoch Epoch) *storedEpoch {
	e := &storedEpoch{pastEpoch: pastEpoch{epoch: epoch}}
	e.context = r.At("past.context").Opaque()
	context := new(GroupContext)
	if err := wire.Unmarshal(e.context, context); err != nil {
		r.Fail(err.Error())
	}
	if dictionary, err := appDataDictionary(context.Extensions); err != nil {
		r.Fail(err.Error())
	} else {
		_, e.framed = dictionary.Get(ComponentContentMediaTypes)
	}
	e.safeAAD = r.At("past.safe_aad").Bool()
	e.senderData = r.At("past.sender_data").Opaque()
	e.resumption = r.At("past.resumption").Opaque()
	e.level = int(r.At("past.level").U8())
	if r.Err() == nil && 1<<e.level > MaxLeaves {
		r.Fail("tree too large")
	}
	r.At("past.leaves").Vector(func(r *wire.Reader) {
		leaf := RemovedLeaf{Index: LeafIndex(r.U32())}
		r.Optional(func(r *wire.Reader) {
			leaf.Node = new(LeafNode)
			leaf.Node.UnmarshalTLS(r)
		})
		e.leaves = append(e.leaves, leaf)
	})
	return e
}

// tree assembles the public tree, whose hash must be that of the context.
func (l *loader) tree(context *GroupContext) (tree, error) {
	nodes := make(RatchetTree, l.last+1)
	for x, n := range l.nodes {
		nodes[x] = n
	}
	t, err := importTree(nodes)
	if err != nil {
		return t, fmt.Errorf("%w: %w", ErrStored, err)
	}
	t = t.hashed(l.suite)
	if !bytes.Equal(t.hash(), context.TreeHash) {
		return t, fmt.Errorf("%w: nodes do not have the tree hash of the group", ErrStored)
	}
	return t, nil
}

func (l *loader) secretTree(epoch Epoch, level int) (schedule.SecretTree, error) {
	t, err := schedule.LoadSecretTree(l.suite, 1<<level, l.messages[epoch])
	if err != nil {
		return t, stored(number(partMessages, epoch), err)
	}
	delete(l.messages, epoch)
	return t, nil
}

// pastEpochs rebuilds the past epochs, newest first, each from the leaves of the epoch after it.
func (l *loader) pastEpochs(t tree) ([]*pastEpoch, error) {
	slices.SortFunc(l.past, func(a, b *storedEpoch) int { return int(int64(b.epoch) - int64(a.epoch)) })
	var out []*pastEpoch
	for _, e := range l.past {
		for t.level > e.level {
			t.root, t.level = t.root.left, t.level-1
		}
		t = t.reaching(1<<e.level - 1)
		for _, leaf := range e.leaves {
			if t.has(leaf.Index) {
				t = t.replace(leaf.Index, leaf.Node, func(_ nodeIndex, p *ParentNode) *ParentNode { return p })
			}
		}
		t = t.hashed(l.suite)
		var err error
		if e.tree, err = l.secretTree(e.epoch, e.level); err != nil {
			return nil, err
		}
		e.members = t
		out = append(out, &e.pastEpoch)
	}
	if len(l.messages) > 0 {
		return nil, fmt.Errorf("%w: message keys of an epoch that is not stored", ErrStored)
	}
	return out, nil
}
