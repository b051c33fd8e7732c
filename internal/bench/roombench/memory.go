package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"anteroom/internal/bench/process"
)

// idleTime is how long rooms of this part stay in memory when nobody is in them.
const idleTime = 20 * time.Second

// together is how many rooms are made at once.
const together = 200

// measureMemory prints what rooms need on the heap: the process's whole heap and stacks after a garbage collection, less what it was
// without them. The store is bolt, whose file does not count.
func measureMemory(binary string, rooms int, profile string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*patient)
	defer cancel()
	a, err := process.Start(ctx, process.Options{Binary: binary, Domain: domain, Store: "bolt:rooms.db",
		Config: fmt.Sprintf("[limits]\nmessage_rate = 0\nroom_rate = 0\njoin_rate = 0\noccupants = %d\nidle = %q\n", rooms+10, idleTime)})
	if err != nil {
		return err
	}
	defer a.Stop()
	m := &memory{bench{a, ctx, a.Server}, 0, profile}
	fmt.Printf("\nMemory: heap and stacks after a garbage collection, less what there was before\n")
	// What the first rooms need once for all is not counted.
	if err := m.make(0, together, true); err != nil {
		return err
	}
	if err := m.putAway(); err != nil {
		return err
	}
	if m.before, err = m.Heap(ctx); err != nil {
		return err
	}
	if err := m.make(together, together+rooms, true); err != nil {
		return err
	}
	if n, err := m.Loaded(ctx); err != nil || n < rooms {
		return fmt.Errorf("only %d of %d rooms are in memory: this machine is too slow for so many, use -rooms (%v)", n, rooms, err)
	}
	if err := m.row("idle room, loaded: KiB", "loaded", rooms); err != nil {
		return err
	}
	if err := m.putAway(); err != nil {
		return err
	}
	if err := m.row("the same put away: KiB", "away", rooms); err != nil {
		return err
	}
	cpu, start := m.CPU(), time.Now()
	if err := m.wake(together, together+rooms); err != nil {
		return err
	}
	fmt.Printf("%-44s %10.2f   CPU ms each; %.2f s for all at once\n", "the same asked for their features", 1000*(m.CPU()-cpu).Seconds()/float64(rooms), time.Since(start).Seconds())
	if m.before, err = m.Heap(ctx); err != nil {
		return err
	}
	if err := m.make(together+rooms, together+2*rooms, false); err != nil {
		return err
	}
	if err := m.row("room with one occupant, more: KiB", "occupied", rooms); err != nil {
		return err
	}
	if m.before, err = m.Heap(ctx); err != nil {
		return err
	}
	const crowd = 500
	var crowded measurement
	if err := m.join(crowd, &crowded); err != nil {
		return err
	}
	return m.row(fmt.Sprintf("occupant of a room of %d: KiB", crowd), "crowd", crowd)
}

type memory struct {
	bench
	before  int64
	profile string
}

// row prints what there is more than before, divided.
func (m *memory) row(what, name string, n int) error {
	heap, err := m.Heap(m.ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%-44s %10.1f\n", what, float64(heap-m.before)/1024/float64(n))
	if m.profile == "" {
		return nil
	}
	return m.Save(m.ctx, "/debug/pprof/heap?gc=1", filepath.Join(m.profile, name+".pprof"))
}

// putAway waits until no room is in memory.
func (m *memory) putAway() error {
	for {
		n, err := m.Loaded(m.ctx)
		if err != nil || n == 0 {
			return err
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// make makes persistent rooms of user 0's, who leaves them again if so wanted.
func (m *memory) make(from, to int, leave bool) error {
	const user = "user0@a.example/x"
	for ; from < to; from += together {
		var enter, configure, gone []byte
		n := min(from+together, to) - from
		for i := from; i < from+n; i++ {
			enter = fmt.Appendf(enter, "<presence from='%s' to='idle%d@%s/nick'><x xmlns='http://jabber.org/protocol/muc'/></presence>", user, i, domain)
			configure = fmt.Appendf(configure, "<iq from='%s' to='idle%d@%s' type='set' id='form'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
				"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"+
				"<field var='muc#roomconfig_persistentroom'><value>1</value></field></x></query></iq>", user, i, domain)
			gone = fmt.Appendf(gone, "<presence from='%s' to='idle%d@%s/nick' type='unavailable'/>", user, i, domain)
		}
		// Entering: the presences of the room and of its creator, and the subject. Configuring: the result and a notice. Leaving: the presence.
		steps := []struct {
			stanzas []byte
			each    int
		}{{enter, 3}, {configure, 2}, {gone, 1}}
		if !leave {
			steps = steps[:2]
		}
		for _, step := range steps {
			before := m.server.Delivered()
			if err := m.server.Inject(step.stanzas); err != nil {
				return err
			}
			if err := m.server.WaitDelivered(m.ctx, before+int64(step.each*n)); err != nil {
				return fmt.Errorf("rooms %d to %d: %d of %d stanzas: %w", from, from+n, m.server.Delivered()-before, step.each*n, err)
			}
		}
	}
	return nil
}

// wake asks rooms something that only they know.
func (m *memory) wake(from, to int) error {
	var all []byte
	for i := from; i < to; i++ {
		all = fmt.Appendf(all, "<iq from='user0@a.example/x' to='idle%d@%s' type='get' id='info'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>", i, domain)
	}
	before := m.server.Delivered()
	if err := m.server.Inject(all); err != nil {
		return err
	}
	return m.server.WaitDelivered(m.ctx, before+int64(to-from))
}
