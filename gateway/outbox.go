package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"anteroom/mimi"
)

// delivery is one POST owed to a provider.
type delivery struct {
	room     string
	id       uint64 // of the debt that it pays
	provider string
	endpoint mimi.Endpoint
	uri      mimi.URI
	body     []byte
}

func (d *delivery) made() time.Time { return time.UnixMicro(int64(d.id)) }

// outbox delivers to providers. What one room owes to one provider goes out in the order in which the room wrote it, one request at a time; rooms
// take turns (destination.go). What a room has to tell while a request of it is under way goes out with the next one: a notify request holds one
// fan-out message or several (mimi.ParseFanout). A provider that refuses several gets them one by one.
type outbox struct {
	g *Gateway

	mu           sync.Mutex // of destinations and their queues too
	destinations map[string]*destination
	waiting      int
	stopped      bool
	running      sync.WaitGroup // requests on their way
}

func newOutbox(g *Gateway) *outbox {
	return &outbox{g: g, destinations: make(map[string]*destination)}
}

// add queues deliveries whose entries are stored. A restored room hands in its outbox again. What comes at once goes out together where it can.
func (o *outbox) add(entries []delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range entries {
		d, ok := o.destinations[e.provider]
		if !ok {
			d = &destination{provider: e.provider, queues: make(map[string]*queue)}
			o.destinations[e.provider] = d
		}
		if !d.add(e) {
			continue
		}
		o.count(1)
		if d.waiting > o.g.opt.Outbox {
			if old, ok := d.giveUp(); ok {
				o.finish(old, "overflow")
			}
		}
	}
	for _, e := range entries {
		o.advance(o.destinations[e.provider])
	}
}

// count keeps the figure of waiting deliveries; o.mu is held.
func (o *outbox) count(n int) {
	o.waiting += n
	o.g.m.outbox.Set(float64(o.waiting))
}

// caughtUp waits until nothing is left of what a room owes a provider now, or TurnPatience is over: who said something sees it answered behind what the room
// had heard before, as everybody else does.
func (o *outbox) caughtUp(ctx context.Context, provider, room string) {
	o.mu.Lock()
	var done <-chan struct{}
	if d := o.destinations[provider]; d != nil {
		done = d.behind(room)
	}
	o.mu.Unlock()
	if done == nil {
		return
	}
	patience := time.NewTimer(TurnPatience)
	defer patience.Stop()
	again := time.NewTicker(MinBackoff)
	defer again.Stop()
	for {
		select {
		case <-again.C:
			o.stirs(provider, room) // it waits for us, so there is a way at least to us
		case <-done:
			return
		case <-patience.C:
			return
		case <-ctx.Done():
			return
		}
	}
}

// finish tells the room that an entry needs no further attempt; o.mu is held.
func (o *outbox) finish(e delivery, result string) {
	o.count(-1)
	if result == resultDelivered {
		o.g.m.posts.WithLabelValues(result).Inc()
	} else {
		o.g.m.posts.WithLabelValues("given up").Inc()
		o.g.log.Warn("delivery to a provider was given up", "provider", e.provider, "room", e.room, "endpoint", string(e.endpoint), "reason", result)
	}
	o.g.force(e.room, item{delivered: e.id, by: e.provider, at: time.Now()})
}

// advance sends what may be sent now; o.mu is held.
func (o *outbox) advance(d *destination) {
	for !o.stopped {
		q := d.next(time.Now())
		if q == nil {
			return
		}
		if q.busy == 0 {
			q.busy = 1
			if !d.singly && d.provider != o.g.opt.Provider {
				q.busy = together(q.entries)
			}
		}
		batch := slices.Clone(q.entries[:q.busy])
		o.running.Go(func() { o.deliver(d, q, batch) })
	}
}

// after looks again when a destination or a queue may go on; o.mu is held.
func (o *outbox) after(pause time.Duration, d *destination, before func()) {
	time.AfterFunc(pause, func() {
		o.mu.Lock()
		defer o.mu.Unlock()
		before()
		o.advance(d)
	})
}

// deliver makes one attempt with the first entries of a queue and decides what comes of them.
func (o *outbox) deliver(d *destination, q *queue, batch []delivery) {
	out := o.attempt(batch)
	o.mu.Lock()
	defer o.mu.Unlock()
	d.landed(q)
	switch {
	case out.again:
		o.g.m.posts.WithLabelValues("retry").Inc()
		o.postpone(d, q, out)
	case out.result != resultDelivered && out.n > 1:
		d.reached()
		d.singly = true // nothing of it took effect; by itself each may
		d.done(q, 0)
	default:
		if out.status != 0 {
			d.reached()
		}
		for _, e := range d.done(q, out.n) {
			o.finish(e, out.result)
		}
	}
	if d.waiting == 0 && d.busy == 0 {
		delete(o.destinations, d.provider)
	}
	o.advance(d)
}

// postpone lets a room wait for another attempt, and the whole provider when it is its trouble; o.mu is held.
func (o *outbox) postpone(d *destination, q *queue, out outcome) {
	now := time.Now()
	if q.early && out.err != nil { // it does not count: the next attempt is due when it was
		q.early = false
		o.waits(d, q, max(q.again.Sub(now), MinBackoff))
		return
	}
	q.early = false
	q.failures++
	if out.everybody {
		rest := d.failed(now, q, out.patience)
		o.after(rest, d, func() {})
	} else {
		d.reached()
	}
	d.silent = out.err != nil
	switch {
	case !out.everybody && q.failures == 1:
		o.g.log.Warn("provider has trouble with one room; trying again", "provider", d.provider, "room", q.room, "status", out.status)
	case !out.everybody || d.failures != 1 || errors.Is(out.err, context.Canceled): // was said
	case out.err != nil:
		o.g.log.Warn("provider cannot be reached; trying again", "provider", d.provider, "error", out.err)
	default:
		o.g.log.Warn("provider is not ready; trying again", "provider", d.provider, "status", out.status)
	}
	o.waits(d, q, max(backoff(q.failures), out.patience))
}

// waits lets a room wait for its next attempt; o.mu is held.
func (o *outbox) waits(d *destination, q *queue, pause time.Duration) {
	q.again = time.Now().Add(pause)
	q.wait++
	this := q.wait
	o.after(pause, d, func() {
		if q.wait == this {
			d.resume(q)
		}
	})
}

// stirs notes that a provider asked for a room.
func (o *outbox) stirs(provider, room string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if d := o.destinations[provider]; d != nil {
		d.stirs(time.Now(), room)
		o.advance(d)
	}
}

// outcome is what came of an attempt.
type outcome struct {
	result string // resultDelivered, or why it is given up
	n      int    // so many of the entries have this result

	again     bool // later
	everybody bool // the trouble is the provider's, not the room's
	patience  time.Duration
	status    int // of the answer, 0: there was none
	err       error
}

const resultDelivered = "delivered"

// attempt posts once.
func (o *outbox) attempt(batch []delivery) outcome {
	d := &batch[0]
	switch {
	case time.Since(d.made()) > o.g.opt.OutboxAge:
		return outcome{result: "too old", n: 1}
	case d.provider == o.g.opt.Provider:
		return judge(1, PeerReply{Status: o.g.errandsAtHome(o.g.ctx, d)}, false)
	case o.g.opt.Peers == nil:
		return outcome{result: "no way to providers", n: 1}
	}
	body := d.body
	if len(batch) > 1 {
		body = nil
		for i := range batch {
			body = append(body, batch[i].body...)
		}
	}
	reply, err := o.g.opt.Peers.Post(o.g.ctx, d.provider, d.endpoint, d.uri, body)
	if err != nil {
		return outcome{again: true, everybody: true, err: err}
	}
	return judge(len(batch), reply, ofProvider(reply.Status))
}

// judge reads the answer to n entries.
func judge(n int, reply PeerReply, everybody bool) outcome {
	switch {
	case reply.Status >= 200 && reply.Status < 300:
		return outcome{result: resultDelivered, n: n, status: reply.Status}
	case transient(reply.Status):
		return outcome{again: true, everybody: everybody, patience: reply.RetryAfter, status: reply.Status}
	}
	return outcome{result: fmt.Sprintf("refused with %d", reply.Status), n: n, status: reply.Status}
}

// transient: the same request may succeed later.
func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

// ofProvider: a transient answer by which a provider, or what stands in front of it, speaks for all of its rooms (RFC 6585 §4,
// RFC 9110 §15.6.3 to §15.6.5). One that means a single room by it is asked about others soon; see destination.failed.
func ofProvider(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// forget drops what a room that is no longer run has queued; it stays in the store. An entry that is on its way may arrive.
func (o *outbox) forget(room string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for provider, d := range o.destinations {
		o.count(-d.forget(room))
		if d.waiting == 0 && d.busy == 0 {
			delete(o.destinations, provider)
		}
	}
}

// stop begins no more requests.
func (o *outbox) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.stopped = true
}

// wait until those that are on their way have ended.
func (o *outbox) wait() { o.running.Wait() }
