// Command mlsbench measures what a gateway does with MLS groups of 100, 1,000, 5,000 and 10,000 members and prints one table:
// the median of several runs per operation and size, the goal, and the growth exponent from 100 to 5,000. While it runs, each result
// is printed as it comes. After the table it tells for every goal that was missed what the cryptographic primitives alone
// take, measured in the same run: no operation can be faster than the ones it needs.
//
// Operations are named in rows.go; other programs that measure other implementations use the same names. With -json it prints
// one object per measurement instead. With -cpu it measures processor time instead of elapsed time, which disturbs less on a
// busy machine but hides what the second core does. Only exported names of package mls are used. Unix only (-cpu, memory).
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

func main() {
	sizes := flag.String("sizes", "100,1000,5000,10000", "numbers of members; above 5000 only Remove is measured")
	only := flag.String("only", "", "measure only operations whose name contains this")
	asJSON := flag.Bool("json", false, "print one JSON object per measurement")
	cpu := flag.Bool("cpu", false, "measure processor time of all cores together")
	memory := flag.String("memory", "", "what a process of its own does to have its memory measured")
	flag.Parse()
	if *memory != "" {
		memoryRun(*memory)
		return
	}
	if *cpu {
		clock = processorTime
	}
	b := &bench{only: *only, results: map[string]map[int]float64{}, treeSize: map[int]int{}, progress: !*asJSON}
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil {
			fmt.Fprintln(os.Stderr, "mlsbench:", err)
			os.Exit(2)
		}
		b.sizes = append(b.sizes, n)
	}
	started := time.Now()
	for _, n := range b.sizes {
		b.size(n)
	}
	b.memory()
	if b.progress {
		fmt.Println()
	}
	if *asJSON {
		b.printJSON()
		return
	}
	b.print()
	b.printFloors()
	fmt.Printf("\n%d cores used; the whole run took %s\n", workers(), time.Since(started).Round(time.Second))
}

// bench holds results in milliseconds, or in the unit of the row, by operation and size.
type bench struct {
	only     string
	sizes    []int
	results  map[string]map[int]float64
	treeSize map[int]int // bytes of a GroupInfo with tree, by number of members
	progress bool        // print each result as it comes
}

func (b *bench) wants(name string) bool { return strings.Contains(name, b.only) }

func (b *bench) set(name string, n int, v float64) {
	if b.results[name] == nil {
		b.results[name] = map[int]float64{}
	}
	b.results[name][n] = v
	if !b.progress {
		return
	}
	at := slices.IndexFunc(rows, func(r row) bool { return r.name == name })
	fmt.Printf("%6d  %-46s %8s %s  %s\n", n, name, number(v), rows[at].unit, rows[at].against(n, v))
}

// goal for groups of n members, zero if there is none.
func (r row) goal(n int) float64 {
	switch n {
	case 1000:
		return r.goal1000
	case 5000:
		return r.goal5000
	}
	return 0
}

// against compares a result with its goal.
func (r row) against(n int, v float64) string {
	switch goal := r.goal(n); {
	case goal == 0:
		return ""
	case v > goal:
		return fmt.Sprintf("goal %s: miss, %.2f×", goalText(goal), v/goal)
	default:
		return fmt.Sprintf("goal %s: met", goalText(goal))
	}
}

func (b *bench) printJSON() {
	e := json.NewEncoder(os.Stdout)
	for _, r := range rows {
		for _, n := range b.sizes {
			if v, ok := b.results[r.name][n]; ok {
				if err := e.Encode(map[string]any{"implementation": "anteroom", "operation": r.name, "members": n, "unit": r.unit, "median": v}); err != nil {
					panic(err)
				}
			}
		}
	}
}

func (b *bench) print() {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(w, "operation\tunit\t")
	for _, n := range b.sizes {
		fmt.Fprintf(w, "%d\t", n)
	}
	fmt.Fprint(w, "growth\tgoal 1000\tgoal 5000\tmet\t\n")
	for _, r := range rows {
		results := b.results[r.name]
		if len(results) == 0 {
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t", r.name, r.unit)
		for _, n := range b.sizes {
			if v, ok := results[n]; ok {
				fmt.Fprintf(w, "%s\t", number(v))
			} else {
				fmt.Fprint(w, "\t")
			}
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t\n", growth(results), goalText(r.goal1000), goalText(r.goal5000), r.verdict(results))
	}
	w.Flush()
}

func goalText(goal float64) string {
	if goal == 0 {
		return ""
	}
	return "≤ " + number(goal)
}

func number(v float64) string {
	switch {
	case v >= 100:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case v >= 1:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return strconv.FormatFloat(v, 'g', 2, 64)
}

func (r row) verdict(results map[int]float64) string {
	verdict := ""
	for _, n := range []int{1000, 5000} {
		v, measured := results[n]
		switch goal := r.goal(n); {
		case goal == 0 || !measured:
		case v > goal:
			return fmt.Sprintf("miss, %.2f×", v/goal)
		default:
			verdict = "yes"
		}
	}
	return verdict
}

// clock is what durations are measured with.
var clock = func() time.Duration { return time.Duration(time.Now().UnixNano()) }

func processorTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
