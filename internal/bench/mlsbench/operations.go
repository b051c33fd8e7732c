package main

import (
	"anteroom/mls"
	"anteroom/mls/wire"
)

// maxMembers is the largest group for which everything is measured; above it only Remove is.
const maxMembers = 5000

// size measures all operations in groups of n members.
func (b *bench) size(n int) {
	if n <= maxMembers {
		b.creation(n)
	}
	r := newRoom(n)
	b.removes(r)
	if n > maxMembers {
		return
	}
	b.adds(r)
	b.paths(r, "blank tree")
	b.externalJoin(r, "blank tree")
	if b.wants("populated") || b.wants("remote commit") || b.wants("process external") || b.wants("GroupInfo") || b.wants("AppDataUpdate") || b.wants("SelfRemove") || b.wants("protect") {
		r.populate()
		b.paths(r, "populated")
		b.externalJoin(r, "populated")
		b.groupInfo(r)
		b.extensions(r)
		b.messages(r)
	}
}

// run measures one operation.
func (b *bench) run(name string, n int, prepare, f func()) {
	if b.wants(name) {
		b.set(name, n, median(prepare, f))
	}
}

func (b *bench) creation(n int) {
	w := new(world)
	b.run("key package", n, nil, func() { w.client("user") })
	creator := w.client("creator")
	if b.wants("add all") || b.wants("join by") {
		others := w.clients("user", n-1)
		g := w.group(creator)
		var welcome []byte
		add := func() {
			staged := w.commit(g, 0, mls.CommitParams{ByValue: adds(others), WelcomeTree: true})
			encode(staged.Commit)
			welcome = encodeWelcome(staged.Welcome)
		}
		b.run("add all in one commit", n, nil, add)
		if welcome == nil {
			add()
		}
		b.run("join by Welcome", n, nil, func() {
			must(mls.Join(decode(welcome).Welcome, others[n/2], mls.JoinParams{Config: config()}))
		})
	}
	b.run("add all in one commit, local, with their keys", n, nil, func() {
		local := w.clients("local", n-1)
		staged := w.commit(w.group(creator), 0, mls.CommitParams{ByValue: adds(local), Joiners: local})
		encode(staged.Commit)
	})
}

func (b *bench) adds(r *room) {
	guest := r.client("guest")
	var commit []byte
	add := func() {
		staged := r.commit(r.bob, r.b, mls.CommitParams{ByValue: adds([]*mls.KeyPackageSecrets{guest})})
		commit = encode(staged.Commit)
		encodeWelcome(staged.Welcome)
	}
	add()
	b.run("one Add without path: make", r.n, nil, add)
	b.run("one Add without path: process", r.n, nil, func() { follow(r.alice, commit) })
}

// paths measures commits with path, and in a populated tree what local leaves add to following one.
func (b *bench) paths(r *room, tree string) {
	var commit []byte
	path := func() { commit = encode(r.commit(r.bob, r.b, mls.CommitParams{}).Commit) }
	path()
	b.run("commit with path, "+tree+": make", r.n, nil, path)
	b.run("commit with path, "+tree+": process", r.n, nil, func() { follow(r.alice, commit) })
	if tree != "populated" {
		return
	}
	// Alternating, so that a disturbance hits both.
	if name := "remote commit, all local : one local"; b.wants(name) {
		one := median(nil, func() { follow(r.alice, commit) })
		all := median(nil, func() { follow(r.gateway, commit) })
		one = min(one, median(nil, func() { follow(r.alice, commit) }))
		all = min(all, median(nil, func() { follow(r.gateway, commit) }))
		b.set("remote commit, all members local", r.n, all)
		b.set(name, r.n, all/one)
	}
}

func (b *bench) externalJoin(r *room, tree string) {
	gi := wire.Marshal(must(r.bob.GroupInfo(r.b, true)))
	guest := r.client("guest")
	var commit []byte
	join := func() {
		var info mls.GroupInfo
		check(wire.Unmarshal(gi, &info))
		staged := must(mls.ExternalCommit(r.seed(), &info, guest, mls.ExternalCommitParams{Config: config()}))
		commit = encode(staged.Commit)
	}
	b.run("external join, "+tree, r.n, nil, join)
	if tree == "populated" && b.wants("process external join") {
		join()
		b.run("process external join", r.n, nil, func() { follow(r.alice, commit) })
	}
}

func (b *bench) groupInfo(r *room) {
	b.run("GroupInfo with tree", r.n, nil, func() { b.treeSize[r.n] = len(wire.Marshal(must(r.bob.GroupInfo(r.b, true)))) })
}

// extensions measures the proposals that MIMI needs beyond RFC 9420: AppDataUpdate, which needs no path, and SelfRemove, which one member
// proposes and another commits.
func (b *bench) extensions(r *room) {
	var commit []byte
	update := []mls.Proposal{mls.AppDataUpdate{Component: 0x8000, Update: make([]byte, 100)}}
	make := func() { commit = encode(r.commit(r.bob, r.b, mls.CommitParams{ByValue: update}).Commit) }
	b.run("AppDataUpdate: make", r.n, nil, make)
	if b.wants("AppDataUpdate: process") {
		make()
		b.run("AppDataUpdate: process", r.n, nil, func() { follow(r.alice, commit) })
	}
	if !b.wants("SelfRemove") {
		return
	}
	var proposal []byte
	propose := func() {
		_, m, err := r.gateway.Propose(0, mls.SelfRemove{}, nil)
		check(err)
		proposal = encode(m)
	}
	var bob *mls.Group
	var ref mls.ProposalRef
	receive := func() {
		g, q, err := r.bob.AddProposal(decode(proposal))
		check(err)
		bob, ref = g, q.Ref
	}
	leave := func() {
		commit = encode(r.commit(bob, r.b, mls.CommitParams{ByReference: []mls.ProposalRef{ref}}).Commit)
	}
	propose()
	receive()
	leave()
	alice, _, err := r.alice.AddProposal(decode(proposal))
	check(err)
	b.run("SelfRemove: propose", r.n, nil, propose)
	b.run("SelfRemove: verify", r.n, nil, receive)
	b.run("SelfRemove, populated: commit", r.n, nil, leave)
	b.run("SelfRemove, populated: process", r.n, nil, func() { follow(alice, commit) })
}

func (b *bench) messages(r *room) {
	data := make([]byte, 100)
	start := must(r.bob.Reserve(r.b, 1<<10))
	g := start
	var message []byte
	protect := func() {
		if g.Reserved(r.b) == 0 {
			g = start
		}
		next, m, err := g.Protect(r.seed(), r.b, data, nil)
		check(err)
		g, message = next, encode(m)
	}
	b.run("protect 100 bytes", r.n, nil, protect)
	g = start
	reader := r.alice
	b.run("unprotect 100 bytes", r.n, func() {
		if g.Reserved(r.b) == 0 {
			g, reader = start, r.alice
		}
		protect()
	}, func() {
		next, _, err := reader.Unprotect(decode(message))
		check(err)
		reader = next
	})
}

// removes lets local leaves remove one another, each time by the leaf whose commit helps the tree most.
func (b *bench) removes(r *room) {
	g := r.gateway
	remove := func(g *mls.Group, victim mls.LeafIndex) *mls.Staged {
		local := g.Local()
		candidates := local[:0]
		for _, l := range local {
			if l != victim {
				candidates = append(candidates, l)
			}
		}
		staged := r.commit(g, g.OverlapWith([]mls.LeafIndex{victim}, candidates),
			mls.CommitParams{ByValue: []mls.Proposal{mls.Remove{Removed: victim}}})
		encode(staged.Commit)
		return staged
	}
	const last = 100
	b.run("Remove in a tree of Adds, first", r.n, nil, func() { remove(g, 1) })
	if name := "Remove in a tree of Adds, 100th"; b.wants(name) && r.n >= 2*last {
		for victim := 1; victim < last; victim++ {
			g = remove(g, mls.LeafIndex(victim)).Group
		}
		b.run(name, r.n, nil, func() { remove(g, last) })
	}
}
