package mlsclient

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// randomScript is a script of the given number of epochs in which at most limit members add, remove and update by value and by
// reference, join from outside and come back.
func randomScript(seed uint64, epochs, limit int) script {
	w := &walk{rng: rand.New(rand.NewPCG(seed, 9420)), limit: limit}
	w.members = []string{w.name()}
	w.add(step{Action: "createGroup", Actor: w.members[0]})
	for range epochs {
		if len(w.members) > 1 && w.rng.IntN(5) == 0 {
			w.fromOutside()
		} else {
			w.commit()
		}
	}
	return w.script
}

type walk struct {
	rng     *rand.Rand
	script  script
	limit   int
	names   int
	members []string
}

func (w *walk) name() string {
	w.names++
	return fmt.Sprintf("m%d", w.names)
}

func (w *walk) add(s step) int {
	w.script = append(w.script, s)
	return len(w.script) - 1
}

func without(list []string, names ...string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(n string) bool { return slices.Contains(names, n) })
}

// fromOutside has somebody join by external commit: a newcomer, or a member again.
func (w *walk) fromOutside() {
	adder := w.members[w.rng.IntN(len(w.members))]
	s := step{Action: "externalJoin", Actor: adder, ExternalTree: w.rng.IntN(2) == 0}
	if others := without(w.members, adder); w.rng.IntN(2) == 0 || len(w.members) == w.limit {
		s.Joiner, s.RemovePrior = others[w.rng.IntN(len(others))], true
	} else {
		s.Joiner = w.name()
	}
	s.Members = without(w.members, adder, s.Joiner)
	w.add(s)
	if !s.RemovePrior {
		w.members = append(w.members, s.Joiner)
	}
}

// commit has a member commit proposals about the others.
func (w *walk) commit() {
	w.rng.Shuffle(len(w.members), func(i, j int) { w.members[i], w.members[j] = w.members[j], w.members[i] })
	committer, others := w.members[0], w.members[1:]
	removed := others[:w.rng.IntN(len(others)/3+1)]
	stay := others[len(removed):]
	updated := stay[:w.rng.IntN(len(stay)/2+1)]
	c := step{Action: "fullCommit", Actor: committer, Members: slices.Clone(stay), ForcePath: w.rng.IntN(4) == 0, ExternalTree: w.rng.IntN(4) == 0}
	for _, name := range updated {
		c.ByReference = append(c.ByReference, w.add(step{Action: "updateProposal", Actor: name}))
	}
	proposer := append([]string{committer}, stay...)
	for _, name := range removed {
		if w.rng.IntN(2) == 0 {
			c.ByValue = append(c.ByValue, description{Type: "remove", Removed: name})
			continue
		}
		c.ByReference = append(c.ByReference, w.add(step{Action: "removeProposal", Actor: proposer[w.rng.IntN(len(proposer))], Removed: name}))
	}
	for range w.rng.IntN(min(4, w.limit-len(w.members)+len(removed)) + 1) {
		joiner := w.name()
		kp := w.add(step{Action: "createKeyPackage", Actor: joiner})
		c.Joiners = append(c.Joiners, joiner)
		if w.rng.IntN(2) == 0 {
			c.ByValue = append(c.ByValue, description{Type: "add", KeyPackage: kp})
			continue
		}
		c.ByReference = append(c.ByReference, w.add(step{Action: "addProposal", Actor: proposer[w.rng.IntN(len(proposer))], KeyPackage: kp}))
	}
	w.members = slices.Concat([]string{committer}, stay, c.Joiners)
	w.add(c)
}
