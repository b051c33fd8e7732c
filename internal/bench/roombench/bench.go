package main

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"anteroom/internal/bench/process"
	"anteroom/internal/servertest/fakexmpp"
)

type bench struct {
	*process.Anteroom
	ctx    context.Context
	server *fakexmpp.Server
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
	before, epoch, cpu, start := b.server.Delivered(), m.joinCommits, b.CPU(), time.Now()
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
	m.join, m.joinCPU = time.Since(start), b.CPU()-cpu
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
	room, err := b.Await(b.ctx, "bench", func(r process.Room) bool { return r.Occupants == occupants && r.Leaves == occupants+1 })
	m.joinCommits = room.Epoch
	return err
}

// talk sends messages by different occupants, as fast as anteroom takes them, and waits until everybody has got all.
func (b *bench) talk(occupants, messages int, m *measurement) error {
	var all bytes.Buffer
	for i := range messages {
		fmt.Fprintf(&all, "<message from='user%d@a.example/x' to='bench@%s' type='groupchat' id='m%d'><body>Message number %d, about as long as what people say.</body></message>",
			1+i%(occupants-1), domain, i, i)
	}
	before, cpu, start := b.server.Delivered(), b.CPU(), time.Now()
	if err := b.server.Inject(all.Bytes()); err != nil {
		return err
	}
	m.deliveries = int64(messages) * int64(occupants)
	if err := b.server.WaitDelivered(b.ctx, before+m.deliveries); err != nil {
		return fmt.Errorf("messages: %d of %d deliveries: %w", b.server.Delivered()-before, m.deliveries, err)
	}
	m.fanout, m.cpu = time.Since(start), b.CPU()-cpu
	m.rss = b.Resident()
	return nil
}

func enter(i int) []byte {
	return fmt.Appendf(nil, "<presence from='user%d@a.example/x' to='bench@%s/nick%d'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", i, domain, i)
}
