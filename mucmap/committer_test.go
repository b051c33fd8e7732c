package mucmap

import (
	"fmt"
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
)

// locals is a group of n local members, the keeper's leaf among them first.
func locals(tb testing.TB, n int) *mls.Group {
	svc := testService(tb)
	now := newBench(tb).now
	name, ok := svc.roomURI("garden")
	if !ok {
		tb.Fatal("no such room")
	}
	kp, err := svc.keyPackage(mls.Seed{1}, now, svc.clientURI(svc.keeperURI(name.Name())), "")
	if err != nil {
		tb.Fatal(err)
	}
	g, err := mls.NewGroup(mls.Seed{2}, mls.NewGroupParams{GroupID: []byte("g"), Creator: kp, Config: svc.groupConfig(now)})
	if err != nil {
		tb.Fatal(err)
	}
	for from := 1; from < n; from += 5000 { // what one commit holds is bounded
		var p mls.CommitParams
		for i := from; i < min(n, from+5000); i++ {
			u, err := svc.UserURI(user(i).Bare())
			if err != nil {
				tb.Fatal(err)
			}
			one, err := svc.keyPackage(mls.Seed{3, byte(i >> 8), byte(i)}, now, svc.clientURI(u), "")
			if err != nil {
				tb.Fatal(err)
			}
			p.Joiners = append(p.Joiners, one)
			p.ByValue = append(p.ByValue, mls.Add{KeyPackage: one.KeyPackage})
		}
		staged, err := g.Commit(mls.Seed{4, byte(from >> 8), byte(from)}, 0, p)
		if err != nil {
			tb.Fatal(err)
		}
		g = staged.Group
	}
	return g
}

// Who commits stays: it is never one of those whom the commit removes, however many these are; the keeper commits where nobody is removed or
// everybody else is.
func TestCommitterStays(t *testing.T) {
	g := locals(t, 40)
	all := g.Local()
	for i, leaf := range all { // so that no parent is blank, and a removal leaves a hole that somebody near fills best
		staged, err := g.Commit(mls.Seed{5, byte(i)}, leaf, mls.CommitParams{ForcePath: true})
		if err != nil {
			t.Fatal(err)
		}
		g = staged.Group
	}
	if c := chooseCommitter(g, 0, nil); c != 0 {
		t.Errorf("without removals leaf %d commits", c)
	}
	for n := 1; n < len(all); n++ {
		for from := range len(all) - n {
			removed := all[from+1 : from+1+n]
			if c := chooseCommitter(g, 0, removed); slices.Contains(removed, c) {
				t.Fatalf("leaf %d commits its own removal with %v", c, removed)
			} else if n == 1 && c/4 != removed[0]/4 { // of four, two are as near
				t.Errorf("leaf %d commits the removal of %d, from farther away than its neighbours", c, removed[0])
			}
		}
	}
	if c := chooseCommitter(g, 0, all[1:]); c != 0 {
		t.Errorf("leaf %d commits, which is removed", c)
	}
}

// Half of the members are removed at once: what it takes to choose grows with their number, not with its square.
func BenchmarkChooseCommitter(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		g := locals(b, n)
		all := g.Local()
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				chooseCommitter(g, 0, all[n/2:])
			}
		})
	}
}

// A commit is refused for the sake of one of the wishes that share it: other providers hear of the proposals of the others once, with the commit that holds them.
func TestProposalsOfARefusedCommit(t *testing.T) {
	b, bob := meet(t)
	bob.catchUp()
	b.hold = true
	b.send(t, "<presence from='paris@a.example/x' to='"+room+"/Paris'>"+joinX+"</presence>")
	b.send(t, adminSet("<item role='visitor' nick='Romeo'/>"))
	refused := 0
	b.room.queue = append(b.room.queue, &wish{what: "bad", plan: func(d *delta) *xmpp.StanzaError {
		d.touch(mimi.MustURI("mimi://a.example/u/nobody"), why{})
		d.list.Removed = append(d.list.Removed, 0)
		return nil
	}, done: func(*turn) { t.Error("done") }, refuse: func(*turn, *xmpp.StanzaError) { refused++ }})
	b.hold = false
	before := len(b.disk.outbox)
	for _, j := range b.held {
		if err := b.run(j); err != nil {
			t.Fatal(err)
		}
	}
	proposals := 0
	for _, d := range b.disk.outbox[before:] {
		all, err := mimi.ParseFanout(d.Body)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range all {
			if p := m.Message; p.Public != nil && p.Public.Content.Proposal != nil {
				proposals++
			}
		}
	}
	if refused != 1 || proposals != 1 {
		t.Errorf("refused %d, %d proposals\n%s", refused, proposals, b.out.String())
	}
}

// Many users of other providers are removed at once: the leaves of the group are looked through once for all of them.
func TestLeavesAreLookedThroughOnce(t *testing.T) {
	b, bob := meet(t)
	d := &delta{r: b.room}
	if got := d.leavesOf(bob.client.ClientUser()); len(got) != 1 || got[0] != bob.group.Local()[0] {
		t.Fatalf("bob has the leaves %v", got)
	}
	if n := testing.AllocsPerRun(10, func() { d.leavesOf(julietURI) }); n > 0 {
		t.Errorf("another user takes %v allocations", n)
	}
	if got := d.leavesOf(julietURI); got != nil {
		t.Errorf("juliet, who has a pseudonym here, has the leaves %v", got)
	}
}
