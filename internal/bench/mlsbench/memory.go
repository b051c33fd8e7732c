package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"

	"anteroom/mls"
)

const memoryMembers = 1000

// memory measures resident memory in processes of its own. Both runs have a group of 1,000 whose members came in one commit and that
// saw commits and messages; in the second all members are local leaves.
func (b *bench) memory() {
	const run, local = "memory of the run", "memory of all members being local"
	if !b.wants(run) && !b.wants(local) {
		return
	}
	measure := func(what string) float64 {
		self := must(os.Executable())
		cmd := exec.Command(self, "-memory", what)
		cmd.Stderr = os.Stderr
		kilobytes := must(strconv.Atoi(strings.TrimSpace(string(must(cmd.Output())))))
		return float64(kilobytes) / 1000
	}
	one := measure("one")
	b.set(run, memoryMembers, one)
	b.set(local, memoryMembers, measure("all")-one)
}

// memoryRun does what is to be measured and prints the resident memory at its end in kilobytes.
func memoryRun(what string) {
	w := new(world)
	users := w.clients("user", memoryMembers-1)
	p := mls.CommitParams{ByValue: adds(users)}
	if what == "all" {
		p.Joiners = users
	}
	g := w.commit(w.group(w.client("creator")), 0, p).Group
	users, p = nil, mls.CommitParams{}
	for range 10 {
		g = w.commit(g, 0, mls.CommitParams{}).Group
	}
	g = must(g.Reserve(0, 100))
	for range 100 {
		next, _, err := g.Protect(w.seed(), 0, make([]byte, 100), nil)
		check(err)
		g = next
	}
	debug.FreeOSMemory()
	for _, line := range strings.Split(string(must(os.ReadFile("/proc/self/status"))), "\n") {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			fmt.Println(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")))
		}
	}
	if g.Public().Epoch() == 0 {
		panic("the group did not move on")
	}
}
