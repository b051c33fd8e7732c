// Command bench measures package mls and ts-mls in the same run, and prints one table of medians and ratios: suite 1, groups of
// 100 and of 1,000 members. What takes ts-mls too long is printed as n/a. It needs Node.js and the packages of interop/peers
// (make peers), and runs in the root of the module.
//
// Every row does the same for both: a member commits, another one of the same implementation processes, in a group whose other
// members are ours. Times are taken inside each process; parsing and encoding of MLSMessages belong to processing. The last two
// rows of a size are memory (memory.go): one member of each, alone in its process.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// row is one line of the table; zero means not measured.
type row struct {
	name       string
	ours, peer time.Duration
}

func main() {
	sizes := flag.String("sizes", "100,1000", "group sizes")
	limit := flag.Duration("limit", 60*time.Second, "what one operation of the peer may take")
	total := flag.Duration("total", 3*time.Minute, "what all operations of the peer may take, per size")
	budget := flag.Duration("budget", 500*time.Millisecond, "how long an operation is repeated, up to 9 times")
	member := flag.Bool("member", false, "be the member whose memory is measured; internal")
	flag.Parse()
	if *member {
		if err := serveMember(os.Stdin, os.Stdout); err != nil {
			fmt.Fprintln(os.Stderr, "bench: member:", err)
			os.Exit(1)
		}
		return
	}
	fmt.Println("| suite 1 | members | mls | ts-mls 1.6.4 | ratio |\n|---|---|---|---|---|")
	for _, s := range strings.Split(*sizes, ",") {
		n, err := strconv.Atoi(s)
		if err == nil && n < 8 {
			err = fmt.Errorf("a group of %d is too small", n)
		}
		if err == nil {
			err = compare(n, *limit, *total, *budget)
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "bench:", err)
			os.Exit(1)
		}
	}
}

func (r row) print(n int) {
	peer, ratio := "n/a", "n/a"
	if r.peer > 0 {
		peer, ratio = milliseconds(r.peer), fmt.Sprintf("%.1f", float64(r.peer)/float64(r.ours))
	}
	fmt.Printf("| %s | %d | %s | %s | %s |\n", r.name, n, milliseconds(r.ours), peer, ratio)
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3g ms", float64(d)/float64(time.Millisecond))
}
