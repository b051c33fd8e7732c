package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"anteroom/internal/servertest/fakexmpp"
)

type bench struct {
	ctx    context.Context
	server *fakexmpp.Server
	pid    int
	binary string
	config string
}

// join lets the creator enter, and then all others at once.
func (b *bench) join(occupants int, m *measurement) error {
	if err := b.server.Inject(enter(0)); err != nil {
		return err
	}
	if err := b.settled(1, m); err != nil {
		return err
	}
	if err := b.unlock(); err != nil {
		return err
	}
	before, epoch, start := b.server.Delivered(), m.joinCommits, time.Now()
	var all []byte
	for i := 1; i < occupants; i++ {
		all = append(all, enter(i)...)
	}
	if err := b.server.Inject(all); err != nil {
		return err
	}
	// Everybody gets the presence of everybody, and a subject: the creator's was counted before.
	want := int64(occupants*occupants-1) + int64(occupants-1)
	if err := b.server.WaitDelivered(b.ctx, before+want); err != nil {
		return fmt.Errorf("joins: %d of %d stanzas: %w", b.server.Delivered()-before, want, err)
	}
	m.join = time.Since(start)
	m.joinStanzas = b.server.Delivered() - before
	if err := b.settled(occupants, m); err != nil {
		return err
	}
	m.joinCommits -= epoch
	return nil
}

// unlock opens the new room, which is locked until its owner asks for an instant room (XEP-0045 §10.1.2).
func (b *bench) unlock() error {
	before := b.server.Delivered()
	if err := b.server.Inject(fmt.Appendf(nil, "<iq from='user0@a.example/x' to='bench@%s' type='set' id='unlock'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", domain)); err != nil {
		return err
	}
	return b.server.WaitDelivered(b.ctx, before+1)
}

// settled waits until the room has this many occupants and leaves, and notes its epoch.
func (b *bench) settled(occupants int, m *measurement) error {
	for {
		out, err := exec.CommandContext(b.ctx, b.binary, "room", "show", "--config", b.config, "--json", "bench").Output()
		var room struct {
			Epoch     uint64
			Occupants int
			Leaves    int
		}
		if err == nil && json.Unmarshal(out, &room) == nil && room.Occupants == occupants && room.Leaves == occupants+1 {
			m.joinCommits = room.Epoch
			return nil
		}
		select {
		case <-b.ctx.Done():
			return fmt.Errorf("the room did not come to %d occupants: %s %w", occupants, out, b.ctx.Err())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// talk sends messages by different occupants, as fast as anteroom takes them, and waits until everybody has got all.
func (b *bench) talk(occupants, messages int, m *measurement) error {
	var all bytes.Buffer
	for i := range messages {
		fmt.Fprintf(&all, "<message from='user%d@a.example/x' to='bench@%s' type='groupchat' id='m%d'><body>Message number %d, about as long as what people say.</body></message>",
			1+i%(occupants-1), domain, i, i)
	}
	before, cpu, start := b.server.Delivered(), cpuTime(b.pid), time.Now()
	if err := b.server.Inject(all.Bytes()); err != nil {
		return err
	}
	m.deliveries = int64(messages) * int64(occupants)
	if err := b.server.WaitDelivered(b.ctx, before+m.deliveries); err != nil {
		return fmt.Errorf("messages: %d of %d deliveries: %w", b.server.Delivered()-before, m.deliveries, err)
	}
	m.fanout, m.cpu = time.Since(start), cpuTime(b.pid)-cpu
	m.rss = residentSize(b.pid)
	return nil
}

func enter(i int) []byte {
	return fmt.Appendf(nil, "<presence from='user%d@a.example/x' to='bench@%s/nick%d'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", i, domain, i)
}

// ticksPerSecond is the unit of /proc/PID/stat on Linux (USER_HZ).
const ticksPerSecond = 100

// cpuTime is what a process has used, in user and system mode, to 10 ms.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

func residentSize(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
