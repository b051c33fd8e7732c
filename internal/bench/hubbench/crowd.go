package main

import (
	"context"
	"fmt"
	"path/filepath"
)

// crowd measures a room half of whose members are another provider's.
func crowd(ctx context.Context, o *options) error {
	w, err := start(ctx, o.binary, 1, o.members+20)
	if err != nil {
		return err
	}
	defer w.stop()
	hub, other, half := w.hub, w.followers[0], o.members/2
	fmt.Printf("\nA room of %d: %d of the hub's users and %d of another provider's\n", 2*half, half, half)
	fmt.Printf("%-52s %9s %9s %9s\n", "", "s", "hub CPU s", "follower")
	before := [2]int64{}
	for i, p := range []*provider{hub, other} {
		if before[i], err = p.Heap(ctx); err != nil {
			return err
		}
	}
	row := func(what string, do func() error) error {
		c, err := w.measure(do)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		fmt.Printf("%-52s %9.3f %9.2f %9.2f\n", what, c.took.Seconds(), c.hub.Seconds(), c.followers.Seconds())
		return nil
	}
	stop := func() error { return nil }
	if o.profile != "" {
		done := make(chan error, 1)
		go func() {
			done <- hub.Save(ctx, "/debug/pprof/profile?seconds=25", filepath.Join(o.profile, "hub-cpu.pprof"))
		}()
		go func() {
			other.Save(ctx, "/debug/pprof/profile?seconds=25", filepath.Join(o.profile, "follower-cpu.pprof"))
		}()
		stop = func() error { return <-done }
	}
	if err := hub.enter(hub.room, 0, 2); err != nil {
		return err
	}
	if err := w.agree0(); err != nil {
		return err
	}
	presences := func(p *provider, n int64) func() bool {
		from := p.available.Load()
		return func() bool { return p.available.Load()-from >= n }
	}
	h := int64(half)
	if err := row(fmt.Sprintf("%d of the hub's users enter at once", half-2), func() error {
		seen := presences(hub, h*h-4)
		if err := hub.enter(hub.room, 2, half); err != nil {
			return err
		}
		return w.until("presences", seen)
	}); err != nil {
		return err
	}
	if err := row("the other provider's first user enters", func() error {
		atHub, there := presences(hub, h), presences(other, h+1)
		if err := other.enter(other.room, 0, 1); err != nil {
			return err
		}
		return w.until("presences", func() bool { return atHub() && there() })
	}); err != nil {
		return err
	}
	if err := row(fmt.Sprintf("%d others of it enter at once", half-1), func() error {
		atHub, there := presences(hub, h*(h-1)), presences(other, 2*h*h-(h+1))
		if err := other.enter(other.room, 1, half); err != nil {
			return err
		}
		return w.until("presences", func() bool { return atHub() && there() })
	}); err != nil {
		return err
	}
	if err := row("both sides agree and have nothing to do", func() error { return w.agree(2*half+1, 2*half) }); err != nil {
		return err
	}
	for i, p := range []*provider{hub, other} {
		heap, err := p.Heap(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("%-52s %9.1f MiB more heap after a garbage collection, %.1f KiB a member; resident %d MiB\n", p.domain, float64(heap-before[i])/(1<<20), float64(heap-before[i])/1024/float64(2*half), p.Resident()>>20)
	}
	message := func(from *provider) func() error {
		return func() error {
			const n = 20
			a, b := hub.messages.Load(), other.messages.Load()
			for range n {
				if err := from.say(from.room, 0, "a message to everybody, about as long as what people say"); err != nil {
					return err
				}
			}
			return w.until("messages", func() bool { return hub.messages.Load()-a >= n*h && other.messages.Load()-b >= n*h })
		}
	}
	if err := row("20 messages of the hub's user to all", message(hub)); err != nil {
		return err
	}
	if err := row("20 messages of the other's user to all", message(other)); err != nil {
		return err
	}
	inside := map[*provider]int64{hub: h, other: h}
	for _, p := range []*provider{hub, other} {
		if err := row("one more of "+p.domain+" enters (Add)", func() error {
			inside[p]++
			atHub, there := presences(hub, inside[hub]), presences(other, inside[other])
			if p == hub { // the newcomer sees everybody
				atHub = presences(hub, inside[hub]+inside[hub]+inside[other]-1)
			} else {
				there = presences(other, inside[other]+inside[hub]+inside[other]-1)
			}
			if err := p.enter(p.room, half, half+1); err != nil {
				return err
			}
			return w.until("presences", func() bool { return atHub() && there() })
		}); err != nil {
			return err
		}
		for i := range 4 {
			nick := p.nick(half - i)
			if err := row(nick+" is kicked (Remove)", func() error {
				a, b, result := hub.gone.Load()+inside[hub], other.gone.Load()+inside[other], hub.results.Load()
				inside[p]--
				if err := hub.setRole(hub.room, nick, "none"); err != nil {
					return err
				}
				return w.until("presences", func() bool { return hub.gone.Load() >= a && other.gone.Load() >= b && hub.results.Load() > result })
			}); err != nil {
				return err
			}
		}
	}
	return stop()
}
