package interop

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// walkParams says what a random walk with a peer is made of.
type walkParams struct {
	seed    uint64
	size    int // members in the end
	steps   int
	lenient bool
	// treeInside says that new members want the tree in the Welcome.
	treeInside bool
	// refusesTree is in the error of a peer that refuses some sound trees: its new member is then removed again.
	refusesTree string
	// peer lists the actions that the peer's members can take, ours what ours can (nil: all). commits says that members of
	// the peer can commit what others proposed.
	peer, ours []string
	commits    bool
	// shared adds a walk in which our members share one value.
	shared bool
}

var walkActions = []string{"add", "remove", "path", "update", "reference", "extensions", "talk", "enter"}

// walk takes random steps in one group and compares all members after each. Our members share one value, or have one each. It
// returns what the table says of it.
func walk(t *testing.T, s *spec, p *peer, shared bool) string {
	w := s.walk
	rng := rand.New(rand.NewPCG(w.seed, 1))
	r := newRoom(t, s, p)
	r.walking = true
	if shared {
		r.value = newValue()
	}
	if err := r.found(true); err != nil {
		t.Fatal(err)
	}
	counts, refused := map[string]int{}, 0
	for step := range w.steps {
		m := r.members[rng.IntN(len(r.members))]
		var can []string
		for _, a := range walkActions {
			grows := a == "add" || a == "enter" || a == "reference"
			switch {
			case !m.ours() && !slices.Contains(w.peer, a),
				m.ours() && w.ours != nil && !slices.Contains(w.ours, a),
				grows && len(r.members) >= w.size,
				a == "remove" && len(r.members) < max(3, step*w.size/w.steps):
			default:
				can = append(can, a)
			}
		}
		if len(can) == 0 {
			continue
		}
		action := can[rng.IntN(len(can))]
		if len(r.members) < min(w.size, step) && slices.Contains(can, "add") && rng.IntN(2) == 0 {
			action = "add"
		}
		if err := r.step(rng, m, action); err != nil {
			t.Fatalf("step %d, %s by %s (ours: %t) of %d members: %v", step, action, m.name(), m.ours(), len(r.members), err)
		}
		counts[action]++
		for _, ghost := range r.ghosts {
			if err := r.exorcise(ghost); err != nil {
				t.Fatalf("step %d, removing %s, who refused to join: %v", step, ghost.name(), err)
			}
			refused++
		}
		r.ghosts = nil
	}
	ours := 0
	for _, m := range r.members {
		if m.ours() {
			ours++
		}
	}
	if n := len(r.one(true).(*local).value.group.Local()); ours < 4 || ours > len(r.members)-4 || n != 1 && !shared || n != ours && shared {
		t.Fatalf("%d of %d members are ours, %d in the first value", ours, len(r.members), n)
	}
	if len(r.members) < w.size*3/4 {
		t.Fatalf("%d members in the end, want about %d", len(r.members), w.size)
	}
	var what []string
	for _, a := range slices.Sorted(maps.Keys(counts)) {
		what = append(what, fmt.Sprintf("%s %d", a, counts[a]))
	}
	if refused > 0 {
		what = append(what, fmt.Sprintf("the peer refused to join %d sound trees", refused))
	}
	return fmt.Sprintf("yes: %d steps up to %d members of both (%s)", w.steps, w.size, strings.Join(what, ", "))
}

func (r *room) step(rng *rand.Rand, m member, action string) error {
	pick := func() member { // somebody else
		for {
			if o := r.members[rng.IntN(len(r.members))]; o != m {
				return o
			}
		}
	}
	committer := func() member { // of m's proposal
		for range 100 {
			if o := pick(); o.ours() || r.spec.walk.commits {
				return o
			}
		}
		return nil
	}
	side := func() bool { // keeps both kinds about even
		ours := 0
		for _, o := range r.members {
			if o.ours() {
				ours++
			}
		}
		return rng.IntN(len(r.members)) >= ours
	}
	switch action {
	case "add":
		kinds := []bool{side()}
		if len(r.members)+3 <= r.spec.walk.size && rng.IntN(3) == 0 {
			kinds = append(kinds, side(), side())
		}
		return r.add(m, !r.spec.walk.treeInside && rng.IntN(3) == 0, kinds...)
	case "enter":
		ours := side() || r.spec.noGroupInfo // who makes none does not take any either
		if !slices.ContainsFunc(r.members, func(o member) bool { return o.ours() != ours }) {
			return r.add(m, false, !ours)
		}
		err := r.enter(ours, r.spec.walk.lenient)
		if refuses := r.spec.walk.refusesTree; refuses != "" && err != nil && strings.Contains(err.Error(), refuses) {
			return nil
		}
		return err
	case "remove":
		gone := pick()
		if gone == r.one(true) {
			gone = m // the first of ours stays: somebody must read the tree
		}
		if gone == m {
			return nil
		}
		return r.drop(gone, func() error { return r.commit(m, commitRequest{proposals: []proposal{r.remove(gone)}}) })
	case "path":
		return r.commit(m, commitRequest{})
	case "update":
		if len(r.members) < 2 {
			return nil
		}
		o := committer()
		if o == nil {
			return nil
		}
		if err := r.propose(m, proposal{Type: "update"}); err != nil {
			return err
		}
		return r.commit(o, commitRequest{})
	case "reference":
		j, err := r.client(side())
		if err != nil {
			return err
		}
		if err := r.propose(m, adds([]member{j})[0]); err != nil {
			return err
		}
		o := m
		if len(r.members) > 1 && rng.IntN(2) == 0 {
			o = committer()
		}
		if o == nil {
			o = m
		}
		return r.commit(o, commitRequest{}, j)
	case "extensions":
		return r.commit(m, commitRequest{proposals: []proposal{r.newExtensions()}})
	case "talk":
		return r.talk(m, fmt.Appendf(nil, "message %d", rng.Uint32()))
	}
	return fmt.Errorf("no action %q", action)
}

// exorcise removes the leaf of somebody who was added and refused to join.
func (r *room) exorcise(ghost member) error {
	return r.commit(r.one(true), commitRequest{proposals: []proposal{r.remove(ghost)}})
}
