package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"anteroom/internal/bench/process"
)

// latency measures how long one message takes from the XMPP server of one side to that of the other, with nothing else on its way.
func latency(ctx context.Context, o *options) error {
	w, err := start(ctx, o.binary, 1, 10)
	if err != nil {
		return err
	}
	defer w.stop()
	hub, other := w.hub, w.followers[0]
	if err := hub.enter(hub.room, 0, 2); err != nil {
		return err
	}
	if err := w.agree0(); err != nil {
		return err
	}
	if err := other.enter(other.room, 0, 2); err != nil {
		return err
	}
	if err := w.agree(5, 4); err != nil {
		return err
	}
	plainRoom := plain + "@rooms." + hubDomain
	if err := hub.enter(plainRoom, 2, 3); err != nil {
		return err
	}
	if _, err := hub.Await(ctx, plain, func(r process.Room) bool { return r.Occupants == 1 }); err != nil {
		return err
	}
	fmt.Printf("\nFrom stanza to stanza, one message at a time, ms %31s %9s %9s\n", "median", "99th", "of plain")
	var plainMedian float64
	for _, row := range []struct {
		what     string
		from, to *provider
		room     string
		user     int
		others   int64 // who hear it at the side of to
	}{
		{"XMPP, hub, XMPP (a room without other providers)", hub, hub, plainRoom, 2, 1},
		{"XMPP, hub, follower, XMPP", hub, other, hub.room, 0, 2},
		{"XMPP, follower, hub, XMPP", other, hub, other.room, 0, 2},
		{"XMPP, follower, hub, follower, XMPP", other, other, other.room, 0, 2},
	} {
		var times []time.Duration
		for i := range o.pings + o.pings/10 {
			fromBefore, toBefore := row.from.messages.Load(), row.to.messages.Load()
			select {
			case <-row.to.heard:
			default:
			}
			start := time.Now()
			if err := row.from.say(row.room, row.user, fmt.Sprintf("ping %d", i)); err != nil {
				return err
			}
			select {
			case at := <-row.to.heard:
				if i >= o.pings/10 { // the first ones warm up
					times = append(times, at.Sub(start))
				}
			case <-ctx.Done():
				return fmt.Errorf("%s, message %d: %w", row.what, i, context.Cause(ctx))
			}
			// Nothing else is on its way when the next one starts.
			both := int64(2)
			if row.room == plainRoom {
				both = 1
			}
			if err := w.until("the rest of "+row.what, func() bool {
				return row.to.messages.Load()-toBefore >= row.others && row.from.messages.Load()-fromBefore >= both
			}); err != nil {
				return err
			}
		}
		slices.Sort(times)
		median, late := milliseconds(times[len(times)/2]), milliseconds(times[len(times)*99/100])
		fmt.Printf("%-70s %9.2f %9.2f", row.what, median, late)
		if plainMedian == 0 {
			plainMedian = median
		} else {
			fmt.Printf(" %9.2f", median/plainMedian)
		}
		fmt.Println()
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return 1000 * d.Seconds() }
