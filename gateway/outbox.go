package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"anteroom/mimi"
	"anteroom/store"
)

// delivery is one POST owed to a provider.
type delivery struct {
	room     string
	id       uint64 // in the room's outbox; about the time it was made, in microseconds
	provider string
	endpoint mimi.Endpoint
	uri      mimi.URI
	body     []byte
}

// storedDelivery is what an outbox entry's Body holds.
type storedDelivery struct {
	Endpoint mimi.Endpoint
	URI      mimi.URI
	Body     []byte
}

func (d *delivery) encode() []byte {
	b, err := json.Marshal(storedDelivery{d.endpoint, d.uri, d.body})
	if err != nil {
		panic(err) // strings and bytes
	}
	return b
}

func decodeDelivery(room string, e store.OutboxEntry) (delivery, error) {
	var s storedDelivery
	if err := json.Unmarshal(e.Body, &s); err != nil {
		return delivery{}, fmt.Errorf("outbox entry %d: %w", e.ID, err)
	}
	return delivery{room: room, id: e.ID, provider: e.To, endpoint: s.Endpoint, uri: s.URI, body: s.Body}, nil
}

func (d *delivery) made() time.Time { return time.UnixMicro(int64(d.id)) }

// outbox delivers to providers: one queue each, in the order in which rooms wrote, one request at a time. What one room has to tell while
// a request is under way goes out with the next one: a notify request holds one fan-out message or several (mimi.ParseFanout). A provider
// that refuses several gets them one by one.
type outbox struct {
	g *Gateway

	mu      sync.Mutex
	queues  map[string]*queue
	waiting int
	quit    chan struct{}
	running sync.WaitGroup
}

type queue struct {
	provider string
	entries  []delivery
	known    map[deliveryKey]bool // entries by room and id: a restored room hands in its outbox again
	busy     int                  // so many of the first entries are on their way, or will be tried again as they are
	singly   bool                 // the provider refused several at once
}

type deliveryKey struct {
	room string
	id   uint64
}

func newOutbox(g *Gateway) *outbox {
	return &outbox{g: g, queues: make(map[string]*queue), quit: make(chan struct{})}
}

// add queues a delivery whose entry is stored.
func (o *outbox) add(d delivery) {
	o.mu.Lock()
	defer o.mu.Unlock()
	q, ok := o.queues[d.provider]
	if !ok {
		q = &queue{provider: d.provider, known: make(map[deliveryKey]bool)}
		o.queues[d.provider] = q
		o.running.Go(func() { o.run(q) })
	}
	key := deliveryKey{d.room, d.id}
	if q.known[key] {
		return
	}
	q.known[key] = true
	q.entries = append(q.entries, d)
	o.count(1)
	for len(q.entries) > o.g.opt.Outbox {
		i := q.busy
		if i >= len(q.entries) {
			break
		}
		old := q.entries[i]
		q.entries = append(q.entries[:i], q.entries[i+1:]...)
		o.finish(q, old, "overflow")
	}
}

// count keeps the figure of waiting deliveries; o.mu is held.
func (o *outbox) count(n int) {
	o.waiting += n
	o.g.m.outbox.Set(float64(o.waiting))
}

const resultDelivered = "delivered"

// finish tells the room that an entry needs no further attempt; o.mu is held.
func (o *outbox) finish(q *queue, d delivery, result string) {
	delete(q.known, deliveryKey{d.room, d.id})
	o.count(-1)
	if result == resultDelivered {
		o.g.m.posts.WithLabelValues(result).Inc()
	} else {
		o.g.m.posts.WithLabelValues("given up").Inc()
		o.g.log.Warn("delivery to a provider was given up", "provider", d.provider, "room", d.room, "endpoint", string(d.endpoint), "reason", result)
	}
	o.g.force(d.room, item{delivered: d.id, at: time.Now()})
}

// run delivers until the queue is empty or the gateway stops.
func (o *outbox) run(q *queue) {
	failures := 0
	for {
		batch := o.head(q)
		if len(batch) == 0 {
			return
		}
		result, pause := o.attempt(batch, failures+1)
		if result == "" {
			failures++
			o.g.m.posts.WithLabelValues("retry").Inc()
			if !o.sleep(pause) {
				return
			}
			continue
		}
		failures = 0
		o.mu.Lock()
		q.busy = 0
		if len(batch) > 1 && result != resultDelivered {
			q.singly = true // nothing of it took effect; by itself each may
			o.mu.Unlock()
			continue
		}
		for _, d := range batch {
			if len(q.entries) > 0 && q.entries[0].id == d.id && q.entries[0].room == d.room {
				q.entries = q.entries[1:]
				o.finish(q, d, result)
			}
		}
		o.mu.Unlock()
	}
}

// head is what the next request holds, none when the queue is empty, which ends it. What is tried again stays as it was: the provider knows
// a request again by its octets.
func (o *outbox) head(q *queue) []delivery {
	select {
	case <-o.quit:
		return nil
	default:
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(q.entries) == 0 {
		delete(o.queues, q.provider)
		return nil
	}
	if q.busy == 0 {
		q.busy = q.together(o.g.opt.Provider)
	}
	return slices.Clone(q.entries[:q.busy])
}

// together says how many of the first entries make one request.
func (q *queue) together(ours string) int {
	first, size := &q.entries[0], len(q.entries[0].body)
	if q.singly || first.endpoint != mimi.EndpointNotify || first.provider == ours {
		return 1
	}
	n := 1
	for n < min(len(q.entries), MaxTogether) {
		d := &q.entries[n]
		if size += len(d.body); d.room != first.room || d.endpoint != first.endpoint || d.uri != first.uri || size > MaxTogetherBytes {
			break
		}
		n++
	}
	return n
}

// attempt posts once. The result is empty when it is to be tried again after the pause.
func (o *outbox) attempt(batch []delivery, n int) (result string, pause time.Duration) {
	d := &batch[0]
	if time.Since(d.made()) > o.g.opt.OutboxAge {
		return "too old", 0
	}
	if d.provider == o.g.opt.Provider {
		if status := o.g.errandsAtHome(o.g.ctx, d); status < 300 {
			return resultDelivered, 0
		} else if !transient(status) {
			return fmt.Sprintf("refused with %d", status), 0
		}
		return "", backoff(n)
	}
	if o.g.opt.Peers == nil {
		return "no way to providers", 0
	}
	body := d.body
	if len(batch) > 1 {
		body = nil
		for i := range batch {
			body = append(body, batch[i].body...)
		}
	}
	reply, err := o.g.opt.Peers.Post(o.g.ctx, d.provider, d.endpoint, d.uri, body)
	pause = backoff(n)
	switch {
	case err != nil:
		if n == 1 && !errors.Is(err, context.Canceled) {
			o.g.log.Warn("provider cannot be reached; trying again", "provider", d.provider, "error", err)
		}
		return "", pause
	case reply.Status >= 200 && reply.Status < 300:
		return resultDelivered, 0
	case transient(reply.Status):
		if n == 1 {
			o.g.log.Warn("provider is not ready; trying again", "provider", d.provider, "status", reply.Status)
		}
		return "", max(pause, reply.RetryAfter)
	}
	return fmt.Sprintf("refused with %d", reply.Status), 0
}

// transient: the same request may succeed later.
func transient(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	}
	return status >= 500
}

func (o *outbox) sleep(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-o.quit:
		return false
	}
}

// forget drops what a room that is no longer run has queued; it stays in the store. An entry that is on its way may arrive.
func (o *outbox) forget(room string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, q := range o.queues {
		kept := q.entries[:0]
		for i, d := range q.entries {
			if d.room != room || i < q.busy {
				kept = append(kept, d)
				continue
			}
			delete(q.known, deliveryKey{d.room, d.id})
			o.count(-1)
		}
		q.entries = kept
	}
}

func (o *outbox) stop() { close(o.quit) }

func (o *outbox) wait() { o.running.Wait() }

// resumeOutbox takes over the stored outbox of a restored room.
func (a *actor) resumeOutbox(now time.Time, stored *store.Room) {
	done := make(map[uint64]bool, len(a.outboxDone))
	for _, id := range a.outboxDone {
		done[id] = true
	}
	a.owed = len(stored.Outbox)
	a.outboxDone = nil
	for _, e := range stored.Outbox {
		a.outboxID = max(a.outboxID, e.ID)
		if done[e.ID] {
			a.outboxDone = append(a.outboxDone, e.ID)
			continue
		}
		d, err := decodeDelivery(a.name, e)
		if err != nil {
			a.log.Error("delivery cannot be read and is given up", "error", err)
			a.outboxDone = append(a.outboxDone, e.ID)
			a.noteProgress(now)
			continue
		}
		a.g.outbox.add(d)
	}
}
