// Roombench measures a running `anteroom serve` in two ways, prints tables and asserts nothing.
//
// Behind a fake XEP-0114 server: how fast users enter one room, and how fast one groupchat message reaches all of them, encryption, archive
// and a durable store included. CPU time is that of the anteroom process alone; the fake server counts in this process.
//
// Beside Prosody and ejabberd, in the same run with their own rooms: users of a component enter either's rooms through the same server,
// so that all have the same load. Memory is what the process that keeps the rooms grew by: anteroom, or the whole server. What the way
// through the server costs by itself is measured, too.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"anteroom/internal/bench/process"
	"anteroom/internal/servertest"
)

const (
	domain  = "rooms.a.example"
	patient = 3 * time.Minute // bounds one measurement
)

func main() {
	binary := flag.String("anteroom", "bin/anteroom", "path of the anteroom binary")
	stores := flag.String("stores", "memory,bolt,redis", "stores to measure behind the fake server, separated by commas; empty: none")
	sizes := flag.String("sizes", "200,500,1000", "occupants of the room behind the fake server, separated by commas")
	messages := flag.Int("messages", 300, "groupchat messages per measurement behind the fake server")
	peers := flag.String("peers", "prosody,ejabberd", "servers with whose own rooms to compare, separated by commas; empty: none")
	rooms := flag.Int("rooms", 2000, "rooms of which the memory is measured; 0: not")
	profile := flag.String("profile", "", "folder for heap profiles of that, and for CPU and allocation profiles of the joins behind the fake server, which then take longer")
	c := comparison{}
	peerSizes := flag.String("peer-sizes", "50,200,500", "occupants of the rooms of that comparison, separated by commas; 1,000 are a million stanzas through the server twice")
	flag.IntVar(&c.talkers, "talkers", 200, "occupants of the room in which the fan-out is compared")
	flag.IntVar(&c.messages, "peer-messages", 100, "groupchat messages there")
	flag.IntVar(&c.idle, "idle", 500, "idle rooms there")
	flag.DurationVar(&c.patience, "patience", time.Minute, "for one figure of the comparison; one that takes longer is given up")
	flag.Parse()
	c.binary = *binary
	if err := run(&c, names(*stores), names(*peers), names(*sizes), names(*peerSizes), *messages, *rooms, *profile); err != nil {
		fmt.Fprintln(os.Stderr, "roombench:", err)
		os.Exit(1)
	}
}

func run(c *comparison, stores, peers, sizes, peerSizes []string, messages, rooms int, profile string) error {
	occupants, err := numbers(sizes)
	if err != nil {
		return err
	}
	if c.sizes, err = numbers(peerSizes); err != nil {
		return err
	}
	if len(stores) > 0 {
		if err := measureAlone(c.binary, profile, stores, occupants, messages); err != nil {
			return err
		}
	}
	if rooms > 0 {
		if err := measureMemory(c.binary, rooms, profile); err != nil {
			return fmt.Errorf("memory: %w", err)
		}
	}
	for _, name := range peers {
		if err := c.run(name); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// numbers reads sizes of rooms.
func numbers(sizes []string) (occupants []int, err error) {
	for _, size := range sizes {
		n, err := strconv.Atoi(size)
		if err != nil || n < 2 {
			return nil, fmt.Errorf("size %q is no number of occupants", size)
		}
		occupants = append(occupants, n)
	}
	return occupants, nil
}

func measureAlone(binary, profile string, stores []string, sizes []int, messages int) error {
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "store\toccupants\tjoin s\tjoin CPU s\tjoin stanzas\tjoin commits\tdeliveries/s\tCPU ms/1000\tms/message\tRSS MiB\t")
	for _, store := range stores {
		for _, n := range sizes {
			m, err := measure(binary, profile, store, n, messages)
			if err != nil {
				return fmt.Errorf("%s, %d occupants: %w", store, n, err)
			}
			fmt.Fprintf(table, "%s\t%d\t%.2f\t%.2f\t%d\t%d\t%.0f\t%.2f\t%.2f\t%d\t\n", store, n, m.join.Seconds(), m.joinCPU.Seconds(), m.joinStanzas, m.joinCommits,
				float64(m.deliveries)/m.fanout.Seconds(), 1000*m.cpu.Seconds()*1000/float64(m.deliveries),
				1000*m.fanout.Seconds()/float64(messages), m.rss>>20)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	fmt.Println(`Orientation, on a machine like this (2 cores): biboumi about 54,000 deliveries/s at 17 ms CPU per 1,000, ejabberd's own rooms
about 50,000/s at 16 ms, Prosody's about 18,000/s at 55 ms; joins of 200: biboumi 1.1 s, ejabberd 1.3 s, Prosody 3.5 s.`)
	return nil
}

type measurement struct {
	join        time.Duration
	joinCPU     time.Duration
	joinStanzas int64
	joinCommits uint64
	fanout, cpu time.Duration
	deliveries  int64
	rss         int64 // bytes, behind the fan-out
}

func measure(binary, profile, store string, occupants, messages int) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patient)
	defer cancel()
	dir, err := os.MkdirTemp("", "roombench-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	url := "memory:"
	switch store {
	case "bolt":
		url = "bolt://" + filepath.Join(dir, "rooms.db")
	case "redis":
		redis, err := servertest.StartRedis("--appendfsync", "everysec")
		if err != nil {
			return m, err
		}
		defer redis.Stop()
		url = redis.URL()
	}
	a, err := process.Start(ctx, process.Options{Binary: binary, Domain: domain, Store: url, Config: fmt.Sprintf("[limits]\noccupants = %d\nmessage_rate = 0\nroom_rate = 0\njoin_rate = 0\n", occupants+10)})
	if err != nil {
		return m, err
	}
	defer a.Stop()
	b := &bench{a, ctx, a.Server}
	profiled := make(chan error, 1)
	file := func(what string) string {
		return filepath.Join(profile, fmt.Sprintf("join-%s-%d-%s.pprof", store, occupants, what))
	}
	if profile == "" {
		profiled <- nil
	} else {
		go func() { profiled <- a.Save(ctx, "/debug/pprof/profile?seconds=20", file("cpu")) }()
	}
	if err := b.join(occupants, &m); err != nil {
		return m, err
	}
	if profile != "" {
		if err := a.Save(ctx, "/debug/pprof/allocs", file("allocs")); err != nil {
			return m, err
		}
	}
	if err := <-profiled; err != nil {
		return m, err
	}
	return m, b.talk(occupants, messages, &m)
}
