package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"anteroom/internal/servertest"
)

// A comparison is one server with its own rooms and anteroom's beside it: the same load, made of users of a component, through the same
// server, one after the other.
const (
	usersDomain  = "users.a.example"
	nativeDomain = "muc.a.example"
	idleRooms    = 1000
	talkers      = 200 // occupants of the room in which the fan-out is measured
	peerPatience = 20 * time.Minute
)

// service is what is measured: rooms under a domain, and the process that keeps them.
type service struct {
	name, domain string
	pid          int
}

// result is a column of the comparison.
type result struct {
	joins        []time.Duration // of each size
	deliveries   float64         // per second
	occupantSize float64         // bytes of one occupant of the largest room
	roomSize     float64         // bytes of one idle room
}

func comparePeers(binary string, software []string, sizes []int, messages int) error {
	for _, name := range software {
		if err := comparePeer(binary, name, sizes, messages); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func comparePeer(binary, software string, sizes []int, messages int) error {
	ctx, cancel := context.WithTimeout(context.Background(), peerPatience)
	defer cancel()
	var results []result
	for _, native := range []bool{true, false} { // each with a server of its own: no memory of the other in it
		r, err := measurePeer(ctx, binary, software, native, sizes, messages)
		if err != nil {
			return err
		}
		results = append(results, r)
	}
	printComparison(software, sizes, results[0], results[1])
	return nil
}

func measurePeer(ctx context.Context, binary, software string, native bool, sizes []int, messages int) (r result, err error) {
	server, err := servertest.StartXMPP(software, servertest.XMPPOptions{Second: usersDomain, MUC: nativeDomain})
	if err != nil {
		return r, err
	}
	defer server.Stop()
	s := service{software + "'s own rooms", nativeDomain, server.PID()}
	if !native {
		stop, pid, err := serveBeside(ctx, binary, server, slices.Max(sizes))
		if err != nil {
			return r, err
		}
		defer stop()
		s = service{"anteroom beside " + software, server.Component, pid}
	}
	l, err := connect(ctx, server.ComponentAddr(), usersDomain, server.Secret)
	if err != nil {
		return r, err
	}
	defer l.conn.Close()
	r, err = s.measure(ctx, l, sizes, messages)
	if err != nil {
		err = fmt.Errorf("%s: %w", s.name, err)
	}
	return r, err
}

// serveBeside runs anteroom with its durable default store beside a server and waits until it is a component there.
func serveBeside(ctx context.Context, binary string, server *servertest.XMPP, occupants int) (stop func(), pid int, err error) {
	dir, err := os.MkdirTemp("", "roombench-")
	if err != nil {
		return nil, 0, err
	}
	config := filepath.Join(dir, "anteroom.toml")
	text := fmt.Sprintf(`[component]
domain = %q
secret = %q
port   = %d
[store]
url = %q
key_file = "seal.key"
[admin]
socket = "admin.sock"
[log]
level = "warn"
[limits]
occupants = %d
message_rate = 0
room_rate = 0
join_rate = 0
`, server.Component, server.Secret, server.ComponentPort, "bolt://"+filepath.Join(dir, "rooms.db"), occupants+10)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, 0, err
	}
	cmd := exec.CommandContext(ctx, binary, "serve", "--config", config)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, 0, err
	}
	stop = func() {
		cmd.Process.Kill()
		cmd.Wait()
		os.RemoveAll(dir)
	}
	for exec.CommandContext(ctx, binary, "room", "list", "--config", config).Run() != nil {
		select {
		case <-ctx.Done():
			stop()
			return nil, 0, ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
	return stop, cmd.Process.Pid, nil
}

func (s *service) room(name string) string { return name + "@" + s.domain }

// measure does everything with one service: idle rooms first, while nothing else is in memory.
func (s *service) measure(ctx context.Context, l *load, sizes []int, messages int) (r result, err error) {
	if err := s.warm(ctx, l); err != nil {
		return r, err
	}
	before := residentSize(s.pid)
	if err := s.idle(ctx, l); err != nil {
		return r, err
	}
	r.roomSize = float64(residentSize(s.pid)-before) / idleRooms
	for i, n := range sizes {
		room := s.room(fmt.Sprintf("join%d", i))
		before := residentSize(s.pid)
		took, err := s.fill(ctx, l, room, n)
		if err != nil {
			return r, err
		}
		r.joins = append(r.joins, took)
		if n == slices.Max(sizes) {
			r.occupantSize = float64(residentSize(s.pid)-before) / float64(n)
		}
	}
	r.deliveries, err = s.talk(ctx, l, messages)
	return r, err
}

// create makes a room of user 0's, unlocks it, and waits.
func (s *service) create(ctx context.Context, l *load, room string, persistent bool) error {
	l.begin()
	if err := l.send(l.enter(nil, 0, room)); err != nil {
		return err
	}
	if err := l.wait(ctx, "creating "+room, func() bool { return l.presences == 1 }); err != nil {
		return err
	}
	if err := l.send(l.configure(nil, 0, room, persistent)); err != nil {
		return err
	}
	return l.wait(ctx, "configuring "+room, func() bool { return l.results == 1 })
}

// warm retries until the service answers: its component may not be routed to yet.
func (s *service) warm(ctx context.Context, l *load) error {
	for {
		l.begin()
		if err := l.send(fmt.Appendf(nil, "<iq from='%s' to='%s' type='get' id='warm'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", l.user(0), s.domain)); err != nil {
			return err
		}
		if err := l.wait(ctx, "asking "+s.domain, func() bool { return l.results+l.errors > 0 }); err != nil {
			return err
		}
		l.mu.Lock()
		ok := l.results > 0
		l.mu.Unlock()
		if ok {
			return s.create(ctx, l, s.room("warm"), false)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// idle makes persistent rooms that nobody is in.
func (s *service) idle(ctx context.Context, l *load) error {
	for i := range idleRooms {
		room := s.room(fmt.Sprintf("idle%d", i))
		if err := s.create(ctx, l, room, true); err != nil {
			return err
		}
		if err := l.send(l.leave(nil, 0, room)); err != nil {
			return err
		}
	}
	return nil
}

// fill lets n users enter a room at once and waits until everybody has seen everybody.
func (s *service) fill(ctx context.Context, l *load, room string, n int) (time.Duration, error) {
	if err := s.create(ctx, l, room, false); err != nil {
		return 0, err
	}
	var all []byte
	for i := 1; i < n; i++ {
		all = l.enter(all, i, room)
	}
	l.begin()
	want, start := int64(n)*int64(n)-1, time.Now()
	sent := make(chan error, 1)
	go func() { sent <- l.send(all) }()
	if err := l.wait(ctx, fmt.Sprintf("%d joins", n), func() bool { return l.presences >= want }); err != nil {
		return 0, err
	}
	return time.Since(start), <-sent
}

// talk measures deliveries of groupchat messages per second.
func (s *service) talk(ctx context.Context, l *load, messages int) (float64, error) {
	room := s.room("talk")
	if _, err := s.fill(ctx, l, room, talkers); err != nil {
		return 0, err
	}
	var all []byte
	for i := range messages {
		all = fmt.Appendf(all, "<message from='%s' to='%s' type='groupchat' id='m%d'><body>Message number %d, about as long as what people say.</body></message>",
			l.user(i%talkers), room, i, i)
	}
	l.begin()
	want, start := int64(messages)*talkers, time.Now()
	sent := make(chan error, 1)
	go func() { sent <- l.send(all) }()
	if err := l.wait(ctx, fmt.Sprintf("%d messages", messages), func() bool { return l.messages >= want }); err != nil {
		return 0, err
	}
	return float64(want) / time.Since(start).Seconds(), <-sent
}

func printComparison(software string, sizes []int, native, ours result) {
	fmt.Printf("\nThrough %s, users of a component: its own rooms and anteroom's (bolt) beside it\n", software)
	table := tabwriter.NewWriter(os.Stdout, 0, 4, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "\t%s\tanteroom\tratio\t\n", software)
	row := func(what, format string, a, b float64, more bool) {
		better := "less is better"
		if more {
			better = "more is better"
		}
		fmt.Fprintf(table, "%s (%s)\t"+format+"\t"+format+"\t%.2f\t\n", what, better, a, b, b/a)
	}
	for i, n := range sizes {
		row(fmt.Sprintf("joins/s into a room of %d", n), "%.0f", float64(n)/native.joins[i].Seconds(), float64(n)/ours.joins[i].Seconds(), true)
	}
	row(fmt.Sprintf("deliveries/s in a room of %d", talkers), "%.0f", native.deliveries, ours.deliveries, true)
	row(fmt.Sprintf("KiB per occupant of a room of %d", slices.Max(sizes)), "%.1f", native.occupantSize/1024, ours.occupantSize/1024, false)
	row(fmt.Sprintf("KiB per idle room of %d", idleRooms), "%.1f", native.roomSize/1024, ours.roomSize/1024, false)
	table.Flush()
}

// names splits a flag.
func names(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}
