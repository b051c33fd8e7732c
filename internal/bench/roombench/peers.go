package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"anteroom/internal/bench/process"
	"anteroom/internal/servertest"
)

// Users of a component enter rooms through a server: its own rooms, and anteroom's beside another process of the same server. What is
// measured of one is measured of the other right after it.
const (
	usersDomain  = "users.a.example"
	nativeDomain = "muc.a.example"
	batchOfRooms = 100 // that are made at once
)

// comparison says what to compare.
type comparison struct {
	binary   string
	sizes    []int // occupants of rooms that all enter at once
	talkers  int   // occupants of the room in which the fan-out is measured
	messages int
	idle     int           // rooms that nobody is in
	patience time.Duration // for one figure of one side
}

// service is what is measured: rooms under a domain, the process that keeps them, and the server if that is another.
type service struct {
	name, domain string
	rooms        int // process id
	server       int // process id, 0 when the server keeps the rooms
	load         *load
	delivered    []byte // a message as talk brought it
	stops        []func()
}

func (s *service) stop() {
	for _, f := range slices.Backward(s.stops) {
		f()
	}
}

// figure is what one row found about one side. cpu is of deliveries.
type figure struct {
	value             float64
	deliveries, bytes int64
	serverCPU, ownCPU time.Duration
}

// errSlow: the patience of a row was not enough.
var errSlow = errors.New("not within the time of -patience")

func (c *comparison) run(software string) error {
	native, err := c.start(software, true)
	if err != nil {
		return err
	}
	defer native.stop()
	ours, err := c.start(software, false)
	if err != nil {
		return err
	}
	defer ours.stop()
	fmt.Printf("\nThrough %[1]s, users of a component: its own rooms, and anteroom's (bolt) beside another %[1]s\n", software)
	fmt.Printf("%-44s %10s %10s %7s   CPU ms per 1,000 deliveries: %s, %s beside anteroom + anteroom; bytes of a delivery\n", "", software, "anteroom", "ratio", software, software)
	row := func(what, format string, measure func(context.Context, *service) (figure, error)) {
		fmt.Printf("%-44s", what)
		var sides [2]figure
		var errs [2]error
		for i, s := range []*service{native, ours} {
			if s.load.dead() {
				errs[i] = errors.New("gone")
			} else {
				ctx, cancel := context.WithTimeoutCause(context.Background(), c.patience, errSlow)
				sides[i], errs[i] = measure(ctx, s)
				cancel()
			}
			if errs[i] != nil {
				fmt.Printf(" %10s", "-")
			} else {
				fmt.Printf(" %10s", fmt.Sprintf(format, sides[i].value))
			}
		}
		if errs[0] == nil && errs[1] == nil && sides[0].value != 0 {
			fmt.Printf(" %7.2f", sides[1].value/sides[0].value)
		}
		if a, b := sides[0], sides[1]; a.deliveries > 0 && b.deliveries > 0 {
			fmt.Printf("   %.0f, %.0f + %.1f; %d, %d", a.per1000(a.ownCPU), b.per1000(b.serverCPU), b.per1000(b.ownCPU), a.bytes/a.deliveries, b.bytes/b.deliveries)
		}
		fmt.Println()
		for i, s := range []*service{native, ours} {
			if errs[i] == nil {
				continue
			}
			fmt.Printf("  %s: %v\n", s.name, errs[i])
			s.stop() // it works on what it has not finished: nothing can be measured any more
			if s.load.conn != nil {
				fresh, err := c.start(software, i == 0)
				if err != nil {
					fmt.Printf("  %s was not started again: %v\n", s.name, err)
					continue
				}
				*s = *fresh
			}
		}
	}
	row(fmt.Sprintf("KiB per idle room of %d", c.idle), "%.1f", c.idleRooms)
	for i, n := range c.sizes {
		row(fmt.Sprintf("joins/s into a room of %d", n), "%.0f", func(ctx context.Context, s *service) (figure, error) {
			return s.fill(ctx, s.room(fmt.Sprintf("join%d", i)), n)
		})
	}
	row(fmt.Sprintf("deliveries/s in a room of %d", c.talkers), "%.0f", func(ctx context.Context, s *service) (figure, error) {
		return s.talk(ctx, c.talkers, c.messages)
	})
	row("the same stanzas/s, a component to itself", "%.0f", func(ctx context.Context, s *service) (figure, error) {
		return s.hop(ctx, c.talkers*c.messages)
	})
	return nil
}

func (f *figure) per1000(cpu time.Duration) float64 {
	return 1000 * 1000 * cpu.Seconds() / float64(f.deliveries)
}

// start starts a server, anteroom beside it unless its own rooms are wanted, and users.
func (c *comparison) start(software string, native bool) (s *service, err error) {
	ctx, cancel := context.WithTimeoutCause(context.Background(), 2*time.Minute, errors.New("the service does not answer"))
	defer cancel()
	server, err := servertest.StartXMPP(software, servertest.XMPPOptions{Second: usersDomain, MUC: nativeDomain})
	if err != nil {
		return nil, err
	}
	s = &service{name: software + "'s own rooms", domain: nativeDomain, rooms: server.PID(), stops: []func(){func() { server.Stop() }}}
	defer func() {
		if err != nil {
			s.stop()
		}
	}()
	if !native {
		stop, pid, err := serveBeside(ctx, c.binary, server, slices.Max(append(c.sizes, c.talkers)))
		if err != nil {
			return nil, err
		}
		s.name, s.domain, s.rooms, s.server = "anteroom beside "+software, server.Component, pid, server.PID()
		s.stops = append(s.stops, stop)
	}
	if s.load, err = connect(ctx, server.ComponentAddr(), usersDomain, server.Secret); err != nil {
		return nil, err
	}
	s.stops = append(s.stops, func() { s.load.conn.Close() })
	return s, s.warm(ctx)
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
level = "error"
[limits]
occupants = %d
message_rate = 0
room_rate = 0
join_rate = 0
`, server.Component, server.Secret, server.ComponentPort, "bolt://"+filepath.Join(dir, "rooms.db"), occupants+10)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, 0, err
	}
	cmd := exec.Command(binary, "serve", "--config", config)
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = servertest.DieWithParent()
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
			return nil, 0, context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return stop, cmd.Process.Pid, nil
}

func (s *service) room(name string) string { return name + "@" + s.domain }

// create makes rooms of user 0's, unlocks them, and waits.
func (s *service) create(ctx context.Context, persistent bool, rooms ...string) error {
	l := s.load
	l.begin()
	var enter, configure []byte
	for _, room := range rooms {
		enter = l.enter(enter, 0, room)
		configure = l.configure(configure, 0, room, persistent)
	}
	n := int64(len(rooms))
	if err := l.send(enter); err != nil {
		return err
	}
	if err := l.wait(ctx, "creating "+rooms[0], func(c *counts) bool { return c.presences == n }); err != nil {
		return err
	}
	if err := l.send(configure); err != nil {
		return err
	}
	return l.wait(ctx, "configuring "+rooms[0], func(c *counts) bool { return c.results == n })
}

// warm retries until the service answers: its component may not be routed to yet.
func (s *service) warm(ctx context.Context) error {
	l := s.load
	for {
		l.begin()
		if err := l.send(fmt.Appendf(nil, "<iq from='%s' to='%s' type='get' id='warm'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", l.user(0), s.domain)); err != nil {
			return err
		}
		if err := l.wait(ctx, "asking "+s.domain, func(c *counts) bool { return c.results+c.errors > 0 }); err != nil {
			return err
		}
		if c := l.now(); c.results > 0 {
			return s.create(ctx, false, s.room("warm"))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// idleRooms makes persistent rooms that nobody is in and says by how much the process grew that keeps them, in KiB of a room.
func (c *comparison) idleRooms(ctx context.Context, s *service) (f figure, err error) {
	before := process.Resident(s.rooms)
	for i := 0; i < c.idle; i += batchOfRooms {
		var rooms []string
		var leave []byte
		for k := i; k < min(i+batchOfRooms, c.idle); k++ {
			rooms = append(rooms, s.room(fmt.Sprintf("idle%d", k)))
			leave = s.load.leave(leave, 0, rooms[k-i])
		}
		if err := s.create(ctx, true, rooms...); err != nil {
			return f, err
		}
		if err := s.load.send(leave); err != nil {
			return f, err
		}
	}
	f.value = float64(process.Resident(s.rooms)-before) / 1024 / float64(c.idle)
	return f, nil
}

// measured sends what makes a number of deliveries and waits for them. Its value is so many of unit per second.
func (s *service) measured(ctx context.Context, what string, stanzas []byte, unit int, want int64, got func(*counts) int64) (f figure, err error) {
	s.load.begin()
	own, server, start := process.CPU(s.rooms), process.CPU(s.server), time.Now()
	sent := make(chan error, 1)
	go func() { sent <- s.load.send(stanzas) }()
	if err := s.load.wait(ctx, what, func(c *counts) bool { return got(c) >= want }); err != nil {
		return f, err
	}
	f = figure{value: float64(unit) / time.Since(start).Seconds(), deliveries: want, bytes: s.load.now().bytes, ownCPU: process.CPU(s.rooms) - own, serverCPU: process.CPU(s.server) - server}
	return f, <-sent
}

// fill lets n users enter a room at once and waits until everybody has seen everybody: joins per second.
func (s *service) fill(ctx context.Context, room string, n int) (f figure, err error) {
	if err := s.create(ctx, false, room); err != nil {
		return f, err
	}
	var all []byte
	for i := 1; i < n; i++ {
		all = s.load.enter(all, i, room)
	}
	return s.measured(ctx, fmt.Sprintf("%d joins", n), all, n, int64(n)*int64(n)-1, func(c *counts) int64 { return c.presences })
}

// talk measures deliveries of groupchat messages per second.
func (s *service) talk(ctx context.Context, talkers, messages int) (f figure, err error) {
	room := s.room("talk")
	if _, err := s.fill(ctx, room, talkers); err != nil {
		return f, err
	}
	var all []byte
	for i := range messages {
		all = fmt.Appendf(all, "<message from='%s' to='%s' type='groupchat' id='m%d'><body>Message number %d, about as long as what people say.</body></message>",
			s.load.user(i%talkers), room, i, i)
	}
	want := int64(messages) * int64(talkers)
	f, err = s.measured(ctx, fmt.Sprintf("%d messages", messages), all, int(want), want, func(c *counts) int64 { return c.messages })
	s.delivered = s.load.now().message
	return f, err
}

// hop lets the users' component send itself, through the server, as many stanzas as talk delivered and of the same form: what the way
// from a component through the server to another one costs by itself. Anteroom's deliveries cannot cost less; a server's own rooms
// need only the second half of it.
func (s *service) hop(ctx context.Context, n int) (f figure, err error) {
	if s.delivered == nil {
		return f, errors.New("no message was delivered")
	}
	one := bytes.ReplaceAll(s.delivered, []byte(s.domain), []byte(usersDomain))
	if s.server != 0 {
	}
	return s.measured(ctx, fmt.Sprintf("%d stanzas", n), bytes.Repeat(one, n), n, int64(n), func(c *counts) int64 { return c.messages })
}

// names splits a flag.
func names(list string) []string {
	return slices.DeleteFunc(strings.Split(list, ","), func(s string) bool { return s == "" })
}
