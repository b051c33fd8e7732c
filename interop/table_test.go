package interop

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/interop.md anew")

const page = "../docs/interop.md"

// table collects the outcomes of one peer.
type table struct {
	spec *spec
	rows [][3]string // operation, ours acting, peer acting
}

func (tb *table) add(name string, ours, peer outcome) {
	tb.rows = append(tb.rows, [3]string{name, string(ours), string(peer)})
}

func (tb *table) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| Operation, suite %d | ours → peer | peer → ours |\n|---|---|---|\n", tb.spec.suite)
	for _, r := range tb.rows {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r[0], r[1], r[2])
	}
	return b.String()
}

// check compares the table with the page, between the marks of the peer.
func (tb *table) check(t *testing.T) {
	t.Helper()
	if t.Failed() {
		return
	}
	begin, end := fmt.Sprintf("<!-- %s -->\n", tb.spec.name), fmt.Sprintf("<!-- end of %s -->\n", tb.spec.name)
	old, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(old), begin)
	body, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no marks for %s", page, tb.spec.name)
	}
	if body == tb.markdown() {
		return
	}
	if !*update {
		t.Fatalf("%s is out of date for %s: go test ./interop -update\n%s", page, tb.spec.name, tb.markdown())
	}
	if err := os.WriteFile(page, []byte(head+begin+tb.markdown()+end+tail), 0o644); err != nil {
		t.Fatal(err)
	}
}

// runTable tries all operations with a peer, walks, and checks the table.
func runTable(t *testing.T, s *spec) {
	p := startPeer(t, s.driver)
	tb := &table{spec: s}
	for _, op := range slices.Concat(operations, subgroupOperations) {
		var cells [2]outcome
		for k, actor := range []bool{true, false} {
			t.Run(strings.ReplaceAll(op.name, " ", "_")+[]string{"/ours", "/peer"}[k], func(t *testing.T) {
				cells[k] = try(t, s, p, op, actor)
			})
		}
		name := "**" + op.name + "**"
		if op.about != "" {
			name += ": " + op.about
		}
		tb.add(name, cells[0], cells[1])
	}
	if s.walk.size > 0 {
		t.Run("walk", func(t *testing.T) {
			tb.add("**random walk** with a fixed seed, all members compared after every step", outcome(walk(t, s, p, false)), "")
		})
	}
	if s.walk.shared {
		t.Run("shared_walk", func(t *testing.T) {
			tb.add("**random walk** in which our members are leaves of one value", outcome(walk(t, s, p, true)), "")
		})
	}
	tb.check(t)
}
