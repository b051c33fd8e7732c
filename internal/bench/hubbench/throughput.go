package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"anteroom/internal/bench/process"
)

// cost is what a row needed.
type cost struct {
	took           time.Duration
	hub, followers time.Duration // CPU
}

func (w *world) measure(do func() error) (c cost, err error) {
	cpu := func() (d time.Duration) {
		for _, f := range w.followers {
			d += f.CPU()
		}
		return d
	}
	hub, followers, start := w.hub.CPU(), cpu(), time.Now()
	err = do()
	return cost{time.Since(start), w.hub.CPU() - hub, cpu() - followers}, err
}

func (c *cost) rate(n int) float64 { return float64(n) / c.took.Seconds() }

func (c *cost) print(w *world, what string, n int, plain float64) {
	fmt.Printf("%-52s %9.0f %9.2f %9.2f", what, c.rate(n), 1000*c.hub.Seconds()/float64(n), 1000*c.followers.Seconds()/float64(n)/float64(max(len(w.followers), 1)))
	if plain > 0 {
		fmt.Printf(" %9.2f", c.rate(n)/plain)
	}
	fmt.Println()
}

// wave is how many providers enter at the same time. Each makes a commit of its own, and of all that are made for one epoch the hub takes
// one; of more at once the time is that of the pauses of those who lose (docs/decisions/144-many-at-once.md).
const wave = 10

// throughput measures a room with n following providers, and one with as many users of the hub's own.
func throughput(ctx context.Context, o *options, n int) error {
	w, err := start(ctx, o.binary, n, n+10)
	if err != nil {
		return err
	}
	defer w.stop()
	plainMessages, plainUpdates, err := w.plain(o, n)
	if err != nil {
		return err
	}
	if err := w.hub.enter(w.hub.room, 0, 2); err != nil {
		return err
	}
	if err := w.agree0(); err != nil {
		return err
	}
	c, err := w.measure(func() error {
		for i, f := range w.followers {
			if err := f.enter(f.room, 0, 1); err != nil {
				return err
			}
			if in := i + 1; in%wave == 0 {
				if _, err := w.hub.Await(w.ctx, shared, func(r process.Room) bool { return r.Leaves == in+3 }); err != nil {
					return err
				}
			}
		}
		return w.agree(n+3, n+2)
	})
	if err != nil {
		return err
	}
	c.print(w, fmt.Sprintf("%d followers: providers that enter, 10 at once", n), n, 0)

	heard := func(each int64) func() bool {
		hub, before := w.hub.messages.Load(), make([]int64, n)
		for i, f := range w.followers {
			before[i] = f.messages.Load()
		}
		return func() bool {
			if w.hub.messages.Load()-hub < 2*each { // two users of the hub
				return false
			}
			for i, f := range w.followers {
				if f.messages.Load()-before[i] < each {
					return false
				}
			}
			return true
		}
	}
	all := heard(int64(o.messages))
	profiled := w.profile(o, fmt.Sprintf("from-hub-%d.pprof", n))
	c, err = w.measure(func() error {
		for i := range o.messages {
			if err := w.hub.say(w.hub.room, 0, fmt.Sprintf("Message number %d, about as long as what people say.", i)); err != nil {
				return err
			}
		}
		return w.until("messages of the hub's user", all)
	})
	if err == nil {
		err = profiled()
	}
	if err != nil {
		return err
	}
	c.print(w, fmt.Sprintf("%d followers: messages of the hub's user to all", n), o.messages, plainMessages)

	each := max(o.messages/n, 1)
	all = heard(int64(each * n))
	profiled = w.profile(o, fmt.Sprintf("from-followers-%d.pprof", n))
	c, err = w.measure(func() error {
		for i := range each {
			for _, f := range w.followers {
				if err := f.say(f.room, 0, fmt.Sprintf("Message number %d, about as long as what people say.", i)); err != nil {
					return err
				}
			}
		}
		return w.until("messages of the followers' users", all)
	})
	if err == nil {
		err = profiled()
	}
	if err != nil {
		return err
	}
	c.print(w, fmt.Sprintf("%d followers: messages of their users to all", n), each*n, plainMessages)

	c, err = w.measure(func() error {
		if err := w.updates(w.hub.room, w.hub.nick(1), o.updates); err != nil {
			return err
		}
		return w.agree(n+3, n+2)
	})
	if err != nil {
		return err
	}
	c.print(w, fmt.Sprintf("%d followers: updates, one after the other", n), o.updates, plainUpdates)
	return nil
}

// profile begins CPU profiles of the hub and of a follower, of 5 s, if profiles are wanted; what it returns waits for their end.
func (w *world) profile(o *options, name string) (wait func() error) {
	if o.profile == "" {
		return func() error { return nil }
	}
	both := map[string]*provider{"hub": w.hub, "follower": w.followers[0]}
	done := make(chan error, len(both))
	for who, p := range both {
		go func() {
			done <- p.Save(w.ctx, "/debug/pprof/profile?seconds=5", filepath.Join(o.profile, who+"-"+name))
		}()
	}
	return func() error { return errors.Join(<-done, <-done) }
}

// agree0 waits for the hub's own two users.
func (w *world) agree0() error {
	_, err := w.hub.Await(w.ctx, shared, func(r process.Room) bool { return r.Leaves == 3 && r.Occupants == 2 })
	return err
}

// updates takes and gives voice, one commit after the other.
func (w *world) updates(room, nick string, n int) error {
	for i := range n {
		before := w.hub.results.Load()
		role := "visitor"
		if i%2 == 1 {
			role = "participant"
		}
		if err := w.hub.setRole(room, nick, role); err != nil {
			return err
		}
		if err := w.until(fmt.Sprintf("update %d", i), func() bool { return w.hub.results.Load() > before }); err != nil {
			return err
		}
	}
	return nil
}

// plain measures a room whose n+2 users are all the hub's own.
func (w *world) plain(o *options, n int) (messages, updates float64, err error) {
	room, users := plain+"@rooms."+hubDomain, n+2
	if err := w.hub.enter(room, 0, 1); err != nil {
		return 0, 0, err
	}
	if err := w.until("the plain room", func() bool { return w.hub.available.Load() == 1 }); err != nil {
		return 0, 0, err
	}
	if err := w.hub.enter(room, 1, users); err != nil {
		return 0, 0, err
	}
	if _, err := w.hub.Await(w.ctx, plain, func(r process.Room) bool { return r.Occupants == users && r.Leaves == users+1 }); err != nil {
		return 0, 0, err
	}
	before := w.hub.messages.Load()
	c, err := w.measure(func() error {
		for i := range o.messages {
			if err := w.hub.say(room, 0, fmt.Sprintf("Message number %d, about as long as what people say.", i)); err != nil {
				return err
			}
		}
		return w.until("messages in the plain room", func() bool { return w.hub.messages.Load()-before >= int64(o.messages*users) })
	})
	if err != nil {
		return 0, 0, err
	}
	c.print(w, fmt.Sprintf("plain room of %d: messages to all", users), o.messages, 0)
	messages = c.rate(o.messages)
	if c, err = w.measure(func() error { return w.updates(room, w.hub.nick(1), o.updates) }); err != nil {
		return 0, 0, err
	}
	c.print(w, fmt.Sprintf("plain room of %d: updates, one after the other", users), o.updates, 0)
	return messages, c.rate(o.updates), nil
}
