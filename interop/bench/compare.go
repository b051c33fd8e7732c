package main

import (
	"fmt"
	"os"
	"time"

	"anteroom/mls"
	"anteroom/mls/wire"
)

// setting is a group of n members: two of ours, which are measured, two of the peer, and everybody else in one value of ours.
// The four sit at leaves that have a sibling in the crowd, so that the crowd can fill the whole tree.
type setting struct {
	*world
	*driver
	n      int
	crowd  *mls.Group
	guests []*mls.KeyPackageSecrets // ours
	ours   [2]*mls.Group
	peers  [2]string
	stale  bool // the peer did not get so far
}

// compare prints the rows of groups with n members.
func compare(n int, limit, total, budget time.Duration) error {
	d, err := startNode(limit, total, budget)
	if err != nil {
		return err
	}
	s := &setting{world: &world{budget: budget}, driver: d, n: n, peers: [2]string{"a", "b"}}
	defer func() { s.stop() }()
	for _, part := range []func() error{s.keyPackage, s.addAll, s.enter, s.blank, s.populated, s.memory} {
		if err := part(); err != nil {
			return err
		}
	}
	return nil
}

// peer measures the peer; its failure is told once and leaves the row empty.
func (s *setting) peer(r request) *reply {
	if s.stale {
		return &reply{}
	}
	a, err := s.call(r)
	if err != nil {
		fmt.Fprintf(os.Stderr, "bench: ts-mls, %d members: %v\n", s.n, err)
		s.stale = true
		return &reply{}
	}
	return a
}

func (s *setting) keyPackage() error {
	ours, err := s.timed(func() error { _, err := s.client(); return err })
	if err != nil {
		return err
	}
	row{"key package, with signature key", ours, s.peer(request{Op: "keyPackage"}).time()}.print(s.n)
	return nil
}

func (s *setting) addAll() error {
	clients, err := s.clients(s.n)
	if err != nil {
		return err
	}
	g, err := mls.NewGroup(s.seed(), mls.NewGroupParams{GroupID: []byte("bench"), Creator: clients[0]})
	if err != nil {
		return err
	}
	proposals := adds(clients[1:])
	ours, err := s.timed(func() error {
		_, err := g.Commit(s.seed(), 0, mls.CommitParams{ByValue: proposals, WelcomeTree: true})
		return err
	})
	if err != nil {
		return err
	}
	r := request{Op: "commit", State: "founder"}
	for _, c := range clients[1:] {
		r.Add = append(r.Add, encodeKeyPackage(&c.KeyPackage))
	}
	s.peer(request{Op: "client", Name: "founder"})
	s.peer(request{Op: "found", Name: "founder"})
	row{"add all in one commit", ours, s.peer(r).time()}.print(s.n)
	return nil
}

// enter builds the group and measures joining it.
func (s *setting) enter() error {
	clients, err := s.clients(s.n - 2)
	if err != nil {
		return err
	}
	if s.crowd, err = mls.NewGroup(s.seed(), mls.NewGroupParams{GroupID: []byte("group"), Creator: clients[0]}); err != nil {
		return err
	}
	s.guests = []*mls.KeyPackageSecrets{clients[1], clients[3]}
	proposals, joiners := adds(clients[1:]), []*mls.KeyPackageSecrets{}
	for k, c := range clients {
		if k != 0 && k != 1 && k != 3 {
			joiners = append(joiners, c)
		}
	}
	// The peer's members take leaves 5 and 7.
	for k, name := range s.peers {
		a := s.peer(request{Op: "client", Name: name})
		if s.stale {
			break
		}
		m, err := decode(a.Message)
		if err != nil {
			return err
		}
		at := 4 + 2*k
		proposals = append(proposals[:at], append([]mls.Proposal{mls.Add{KeyPackage: *m.KeyPackage}}, proposals[at:]...)...)
	}
	staged, err := s.crowd.Commit(s.seed(), 0, mls.CommitParams{ByValue: proposals, Joiners: joiners, WelcomeTree: true})
	if err != nil {
		return err
	}
	s.crowd = staged.Group
	welcome := wire.Marshal(&mls.Message{Format: mls.WireFormatWelcome, Welcome: staged.Welcome})
	ours, err := s.timed(func() (err error) { s.ours[0], err = join(welcome, s.guests[0]); return err })
	if err != nil {
		return err
	}
	if s.ours[1], err = join(welcome, s.guests[1]); err != nil {
		return err
	}
	row{"join by Welcome", ours, s.peer(request{Op: "join", Name: s.peers[0], Message: welcome}).time()}.print(s.n)
	s.peer(request{Op: "join", Name: s.peers[1], Message: welcome})
	return nil
}

// commit measures making a commit and processing it, by two members of each implementation.
func (s *setting) commit(name string, p mls.CommitParams, r request) error {
	as := s.ours[0].Local()[0]
	var staged *mls.Staged
	making, err := s.timed(func() (err error) { staged, err = s.ours[0].Commit(s.seed(), as, p); return err })
	if err != nil {
		return err
	}
	b := wire.Marshal(staged.Commit)
	processing, err := s.timed(func() error { _, err := process(s.ours[1], b); return err })
	if err != nil {
		return err
	}
	r.Op, r.State = "commit", s.peers[0]
	a := s.peer(r)
	row{name + ": make", making, a.time()}.print(s.n)
	row{name + ": process", processing, s.peer(request{Op: "process", State: s.peers[1], Message: a.Message}).time()}.print(s.n)
	return nil
}

func (s *setting) external(name string) error {
	b, err := encodeGroupInfo(s.crowd)
	if err != nil {
		return err
	}
	joiner, err := s.client()
	if err != nil {
		return err
	}
	var staged *mls.Staged
	making, err := s.timed(func() error {
		m, err := decode(b)
		if err != nil {
			return err
		}
		staged, err = mls.ExternalCommit(s.seed(), m.GroupInfo, joiner, mls.ExternalCommitParams{})
		return err
	})
	if err != nil {
		return err
	}
	commit := wire.Marshal(staged.Commit)
	processing, err := s.timed(func() error { _, err := process(s.ours[1], commit); return err })
	if err != nil {
		return err
	}
	s.peer(request{Op: "client", Name: name})
	a := s.peer(request{Op: "externalJoin", Name: name, Message: b})
	row{name + ": make", making, a.time()}.print(s.n)
	row{name + ": process", processing, s.peer(request{Op: "process", State: s.peers[1], Message: a.Message}).time()}.print(s.n)
	return nil
}

// blank measures in the tree that only Adds have made.
func (s *setting) blank() error {
	newcomer, err := s.client()
	if err != nil {
		return err
	}
	if err := s.commit("one Add without path", mls.CommitParams{ByValue: adds([]*mls.KeyPackageSecrets{newcomer})},
		request{Add: [][]byte{encodeKeyPackage(&newcomer.KeyPackage)}}); err != nil {
		return err
	}
	if err := s.commit("commit with path, blank tree", mls.CommitParams{}, request{}); err != nil {
		return err
	}
	gone := uint32(s.crowd.Public().Size() - 1)
	if err := s.commit("Remove, blank tree", mls.CommitParams{ByValue: []mls.Proposal{mls.Remove{Removed: mls.LeafIndex(gone)}}},
		request{Remove: &gone}); err != nil {
		return err
	}
	if err := s.external("external join, blank tree"); err != nil {
		return err
	}
	ours, err := s.timed(func() error { _, err := encodeGroupInfo(s.ours[0]); return err })
	if err != nil {
		return err
	}
	row{"GroupInfo with tree", ours, s.peer(request{Op: "groupInfo", State: s.peers[0]}).time()}.print(s.n)
	return s.messages()
}

func (s *setting) messages() error {
	from, to := s.ours[0], s.ours[1]
	as := from.Local()[0]
	var sent []*mls.Message
	from, err := from.Reserve(as, repetitions)
	if err != nil {
		return err
	}
	data := make([]byte, 100)
	protecting, err := s.timed(func() error {
		g, m, err := from.Protect(s.seed(), as, data, nil)
		if err != nil {
			return err
		}
		from = g
		sent = append(sent, m)
		return nil
	})
	if err != nil {
		return err
	}
	next := 0
	unprotecting, err := s.timed(func() error {
		if next == len(sent) {
			return errDone
		}
		g, _, err := to.Unprotect(sent[next])
		to, next = g, next+1
		return err
	})
	if err != nil {
		return err
	}
	a := s.peer(request{Op: "protect", State: s.peers[0]})
	row{"protect 100 bytes", protecting, a.time()}.print(s.n)
	row{"unprotect 100 bytes", unprotecting, s.peer(request{Op: "unprotect", State: s.peers[1], Messages: a.Messages}).time()}.print(s.n)
	return nil
}

// populated lets half of the crowd commit, after which no parent node is blank, and measures again.
func (s *setting) populated() error {
	for i := 0; i < s.crowd.Public().Size(); i += 2 {
		if i == 4 || i == 6 {
			continue // siblings of the peer's members, who are replaced: they commit last
		}
		if _, err := s.crowdCommits(mls.LeafIndex(i), mls.CommitParams{}); err != nil {
			return err
		}
	}
	if err := s.replacePeers(); err != nil {
		return err
	}
	if err := s.commit("commit with path, populated tree", mls.CommitParams{}, request{}); err != nil {
		return err
	}
	return s.external("external join, populated tree")
}

// crowdCommits lets a member of the crowd commit and our two follow. The peer's join if there is a Welcome.
func (s *setting) crowdCommits(as mls.LeafIndex, p mls.CommitParams) ([]byte, error) {
	staged, err := s.crowd.Commit(s.seed(), as, p)
	if err != nil {
		return nil, err
	}
	s.crowd = staged.Group
	b := wire.Marshal(staged.Commit)
	for k := range s.ours {
		if s.ours[k], err = process(s.ours[k], b); err != nil {
			return nil, err
		}
	}
	if staged.Welcome == nil {
		return b, nil
	}
	welcome := wire.Marshal(&mls.Message{Format: mls.WireFormatWelcome, Welcome: staged.Welcome})
	for _, name := range s.peers {
		s.peer(request{Op: "join", Name: name, Message: welcome})
	}
	return b, nil
}

// replacePeers puts new members of the peer in the places of the old ones, which did not follow. Their siblings commit, so that the
// nodes above them are filled.
func (s *setting) replacePeers() error {
	p := mls.CommitParams{WelcomeTree: true}
	s.peers = [2]string{"c", "d"}
	for k, name := range s.peers {
		a := s.peer(request{Op: "client", Name: name})
		if s.stale {
			p.ByValue = nil
			break
		}
		m, err := decode(a.Message)
		if err != nil {
			return err
		}
		p.ByValue = append(p.ByValue, mls.Add{KeyPackage: *m.KeyPackage}, mls.Remove{Removed: mls.LeafIndex(5 + 2*k)})
	}
	if _, err := s.crowdCommits(0, p); err != nil {
		return err
	}
	for _, as := range []mls.LeafIndex{4, 6} {
		b, err := s.crowdCommits(as, mls.CommitParams{})
		if err != nil {
			return err
		}
		for _, name := range s.peers {
			s.peer(request{Op: "process", State: name, Message: b, Keep: true})
		}
	}
	return nil
}
