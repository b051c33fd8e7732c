package interop

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// The usages of a subgroup, as drivers know them (RFC 9420 §8.6).
const (
	branch = "branch"
	reInit = "reinit"
)

// subgroupRequest asks for the group that branches off another or follows its ReInit.
type subgroupRequest struct {
	usage   string
	group   []byte   // id of the new group
	members [][]byte // key packages, as MLSMessages
}

var subgroupOperations = []operation{
	{"resumption PSK", "by value, of the epoch before", four(func(r *room, actor, _ bool) error {
		epoch := r.one(true).view().epoch
		if err := r.commit(r.one(true), commitRequest{}); err != nil {
			return fmt.Errorf("setup: %w", err)
		}
		return r.commit(r.one(actor), commitRequest{proposals: []proposal{
			{Type: "resumption", Group: r.group, Epoch: epoch, Nonce: bytes.Repeat([]byte{9}, 32)}}})
	})},
	{"branch", "the actor creates a group of all members beside the first one, each with a new key package", four(func(r *room, actor, _ bool) error {
		return r.subgroup(actor, branch, r.nextGroup())
	})},
	{"ReInit", "the actor commits it and creates the group that follows", four(func(r *room, actor, _ bool) error {
		p := proposal{Type: reInit, Group: r.nextGroup(), Suite: uint16(r.spec.suite)}
		if err := r.commit(r.one(actor), commitRequest{proposals: []proposal{p}}); err != nil {
			return err
		}
		return r.subgroup(actor, reInit, p.Group)
	})},
}

// nextGroup is the id of a group that is not ours.
func (r *room) nextGroup() []byte {
	return binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(r.group)+1<<40)
}

// subgroup lets a member of actor create a group of everybody's new clients, the others enter it by Welcome, and one of each implementation
// commit there.
func (r *room) subgroup(actor bool, usage string, group []byte) error {
	creator := r.one(actor)
	s := &room{spec: r.spec, peer: r.peer, seeds: r.seeds, group: group, hub: r.hub}
	q := subgroupRequest{usage: usage, group: group}
	olds, news := []member{creator}, []member{}
	for _, m := range r.members {
		if m != creator {
			olds = append(olds, m)
		}
	}
	for _, m := range olds {
		n, err := s.clientCalled(m.ours(), m.identity())
		if err != nil {
			return err
		}
		if news = append(news, n); m != creator {
			q.members = append(q.members, n.keyPackage())
		}
	}
	done, err := news[0].subgroup(creator, q)
	if err != nil {
		return fmt.Errorf("subgroup: %w", err)
	}
	for k, n := range news[1:] {
		if err := n.joinSubgroup(olds[k+1], usage, done.welcome, done.tree); err != nil {
			return fmt.Errorf("join subgroup: %w", err)
		}
	}
	if s.members = news; bytes.Equal(news[0].view().exporter, creator.view().exporter) {
		return fmt.Errorf("the new group has the secrets of the old one")
	}
	if err := agree(news); err != nil {
		return err
	}
	for _, ours := range []bool{actor, !actor} {
		if err := s.commit(s.one(ours), commitRequest{}); err != nil {
			return fmt.Errorf("in the subgroup: %w", err)
		}
	}
	return nil
}

func (l *local) subgroup(old member, q subgroupRequest) (*committed, error) {
	p := mls.SubgroupParams{Creator: l.kp, GroupID: q.group, Config: l.config()}
	for _, b := range q.members {
		m, err := parse(b, mls.WireFormatKeyPackage)
		if err != nil {
			return nil, err
		}
		p.Members = append(p.Members, m.KeyPackage)
	}
	g := old.(*local).value.group
	create := g.Reinitialize
	if q.usage == branch {
		p.Extensions = g.Public().Context().Extensions
		create = g.Branch
	}
	staged, err := create(l.seeds.next(), p)
	if err != nil {
		return nil, err
	}
	l.value.group = staged.Group
	return &committed{welcome: wire.Marshal(&mls.Message{Format: mls.WireFormatWelcome, Welcome: staged.Welcome}),
		tree: wire.Marshal(staged.Group.Public().Tree())}, nil
}

func (l *local) joinSubgroup(old member, usage string, welcome, tree []byte) error {
	m, err := parse(welcome, mls.WireFormatWelcome)
	if err != nil {
		return err
	}
	p := mls.JoinParams{Config: l.config()}
	if err := wire.Unmarshal(tree, &p.Tree); err != nil {
		return err
	}
	g := old.(*local).value.group
	join := g.JoinReInit
	if usage == branch {
		join = g.JoinBranch
	}
	if l.value.group, err = join(m.Welcome, []*mls.KeyPackageSecrets{l.kp}, p); err != nil {
		return err
	}
	l.index = l.value.group.Local()[0]
	return nil
}

func (r *remote) subgroup(old member, q subgroupRequest) (*committed, error) {
	a, err := r.moved(request{Op: "subgroup", Old: old.(*remote).id, Usage: q.usage, Group: q.group, KeyPackages: q.members})
	if err != nil {
		return nil, err
	}
	return &committed{welcome: a.Welcome, tree: a.Tree}, nil
}

func (r *remote) joinSubgroup(old member, usage string, welcome, tree []byte) error {
	_, err := r.moved(request{Op: "joinSubgroup", Old: old.(*remote).id, Usage: usage, Welcome: welcome, Tree: tree})
	return err
}
