// Hubbench measures rooms that several MIMI providers share, with `anteroom serve` processes that speak HTTP/2 with mutual TLS over loopback,
// each behind a fake XEP-0114 server in this process. It prints tables and asserts nothing.
//
// One provider is the hub; the others follow. Measured are messages and updates per second with 1, 10 and 50 followers, the time from a
// stanza of one side to the stanza of the other, and a room of 1,000 members of whom half are another provider's. Each table has the
// same of a room without other providers beside it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

type options struct {
	binary    string
	followers []int
	messages  int
	updates   int
	pings     int
	members   int
	patience  time.Duration
	profile   string
}

func main() {
	var o options
	flag.StringVar(&o.binary, "anteroom", "bin/anteroom", "path of the anteroom binary")
	followers := flag.String("followers", "1,10,50", "numbers of following providers, separated by commas; empty: leave that part out")
	flag.IntVar(&o.messages, "messages", 500, "messages of each row of that part")
	flag.IntVar(&o.updates, "updates", 30, "updates of each row of that part")
	flag.IntVar(&o.pings, "pings", 500, "messages whose time is measured, each way; 0: leave that part out")
	flag.IntVar(&o.members, "members", 1000, "members of the large room, half of them of another provider; 0: leave that part out")
	flag.DurationVar(&o.patience, "patience", 4*time.Minute, "for each part")
	flag.StringVar(&o.profile, "profile", "", "folder for CPU profiles of hub and a follower: while users talk, and in the large room")
	flag.Parse()
	for _, f := range strings.FieldsFunc(*followers, func(r rune) bool { return r == ',' }) {
		n, err := strconv.Atoi(f)
		if err != nil || n < 1 {
			fmt.Fprintf(os.Stderr, "hubbench: %q is no number of followers\n", f)
			os.Exit(2)
		}
		o.followers = append(o.followers, n)
	}
	failed := false
	part := func(name string, run func(context.Context, *options) error) {
		ctx, cancel := context.WithTimeout(context.Background(), o.patience)
		defer cancel()
		if err := run(ctx, &o); err != nil {
			fmt.Fprintf(os.Stderr, "hubbench: %s: %v\n", name, err)
			failed = true
		}
	}
	if len(o.followers) > 0 {
		fmt.Println("Through the hub: one user of each provider is in the room. CPU ms of the hub, and of one follower; all share this machine.")
		fmt.Printf("%-52s %9s %9s %9s %9s\n", "", "/s", "hub", "follower", "of plain")
	}
	for _, n := range o.followers {
		part(fmt.Sprintf("%d followers", n), func(ctx context.Context, o *options) error { return throughput(ctx, o, n) })
	}
	if o.pings > 0 {
		part("latency", latency)
	}
	if o.members > 0 {
		part("large room", crowd)
	}
	if failed {
		os.Exit(1)
	}
}
