package gateway

import (
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
)

// destination is a provider and what rooms owe to it. Rooms take turns, each with one request at a time, MaxPosts of them at once. A room whose
// request failed waits by itself, longer and longer; the others go on. When the provider as a whole fails, all of them rest, and then one
// after the other tries until one has an answer.
type destination struct {
	provider string
	queues   map[string]*queue // by room; none is empty, unless it is flying
	ready    []*queue          // in turn: of which nothing is on its way and which need not wait
	busy     int               // requests on their way
	waiting  int               // deliveries of all queues
	singly   bool              // the provider refused several at once

	failures int       // how often the provider failed since its last answer, for another room than the time before
	suspect  *queue    // for which it failed last
	rest     time.Time // nothing is sent before
	silent   bool      // it gave no answer the last time
	heard    time.Time // when a room tried since the provider, which gave us no answer, asked us something
}

// queue is what one room owes to one provider.
type queue struct {
	room     string
	entries  []delivery
	known    map[uint64]bool // ids of entries
	busy     int             // so many of the first entries are on their way, or will be tried again as they are: a provider knows a request again by its octets
	flying   bool            // they are on their way
	failures int             // attempts with them that failed
	again    time.Time       // when the next attempt is due, unless the provider is heard of before
	wait     int             // counts the waits for it
	early    bool            // the provider was heard of: the attempt is not due yet
	waiters  []waiter        // for what was in it when they came
}

// waiter waits until the entries up to an id are gone: one for all who wait for the same, so there are no more than entries.
type waiter struct {
	last uint64
	done chan struct{}
}

// add appends to the queue of a room; false: it is there already.
func (d *destination) add(e delivery) bool {
	q, ok := d.queues[e.room]
	if !ok {
		q = &queue{room: e.room, known: make(map[uint64]bool)}
		d.queues[e.room] = q
		d.ready = append(d.ready, q)
	}
	if q.known[e.id] {
		return false
	}
	q.known[e.id] = true
	q.entries = append(q.entries, e)
	d.waiting++
	return true
}

// next is the queue whose turn it is, nil when nothing may be sent now. It counts as on its way until it has landed.
func (d *destination) next(now time.Time) *queue {
	width := MaxPosts
	if d.failures > 0 {
		width = 1
	}
	if len(d.ready) == 0 || d.busy >= width || now.Before(d.rest) && !d.ready[0].early {
		return nil
	}
	q := d.ready[0]
	d.ready = slices.Delete(d.ready, 0, 1)
	d.busy++
	q.flying = true
	return q
}

// behind is closed when what a room owes now is gone; nil: it owes nothing.
func (d *destination) behind(room string) <-chan struct{} {
	q := d.queues[room]
	if q == nil || len(q.entries) == 0 {
		return nil
	}
	last := q.entries[len(q.entries)-1].id
	if n := len(q.waiters); n > 0 && q.waiters[n-1].last == last {
		return q.waiters[n-1].done
	}
	w := waiter{last, make(chan struct{})}
	q.waiters = append(q.waiters, w)
	return w.done
}

// together says how many of the first entries make one request.
func together(entries []delivery) int {
	first, size, n := &entries[0], len(entries[0].body), 1
	if first.endpoint != mimi.EndpointNotify {
		return 1
	}
	for n < min(len(entries), MaxTogether) {
		e := &entries[n]
		if size += len(e.body); e.endpoint != first.endpoint || e.uri != first.uri || size > MaxTogetherBytes {
			break
		}
		n++
	}
	return n
}

// landed notes that a request has ended.
func (d *destination) landed(q *queue) {
	d.busy--
	q.flying = false
}

// reached notes that the provider answers.
func (d *destination) reached() { d.failures, d.suspect, d.silent = 0, nil, false }

// stirs notes that a provider asked for a room. If it gave us no answer the last time it may be there again, and the room need not wait until its next
// attempt is due; but no more than one such attempt is made in MinBackoff, and nothing that is due waits longer for it.
func (d *destination) stirs(now time.Time, room string) {
	q := d.queues[room]
	if q == nil || !d.silent || q.flying || q.early || now.Before(d.heard.Add(MinBackoff)) {
		return
	}
	d.heard, q.early = now, true
	d.ready = slices.DeleteFunc(d.ready, func(r *queue) bool { return r == q })
	d.ready = slices.Insert(d.ready, 0, q)
}

// done takes the first n entries out of a queue. It goes on when it is its turn again.
func (d *destination) done(q *queue, n int) []delivery {
	q.busy, q.failures, q.early = 0, 0, false
	n = min(n, len(q.entries))
	out := slices.Clone(q.entries[:n])
	for range out {
		d.remove(q, 0)
	}
	d.resume(q)
	return out
}

// failed lets the whole provider rest. As long as it fails for one room only, the rest is short, and others try soon: it may be that room. Each
// further room for which it fails makes it longer.
func (d *destination) failed(now time.Time, q *queue, patience time.Duration) (rest time.Duration) {
	if q != d.suspect && !now.Before(d.rest) {
		d.failures++
		d.suspect = q
	}
	rest = max(backoff(max(d.failures, 1)), patience)
	if until := now.Add(rest); until.After(d.rest) {
		d.rest = until
	}
	return rest
}

// resume puts a queue at the end of those in turn. One that is empty, or was forgotten, is gone; one that is on its way comes back by itself.
func (d *destination) resume(q *queue) {
	if d.queues[q.room] == q && len(q.entries) > 0 && !q.flying && !slices.Contains(d.ready, q) {
		d.ready = append(d.ready, q)
	}
}

// remove takes an entry out of a queue, and the queue away when it was the last one.
func (d *destination) remove(q *queue, i int) {
	delete(q.known, q.entries[i].id)
	q.entries = slices.Delete(q.entries, i, i+1)
	d.waiting--
	q.waiters = slices.DeleteFunc(q.waiters, func(w waiter) bool {
		gone := len(q.entries) == 0 || q.entries[0].id > w.last
		if gone {
			close(w.done)
		}
		return gone
	})
	if len(q.entries) == 0 && !q.flying {
		delete(d.queues, q.room)
		d.ready = slices.DeleteFunc(d.ready, func(r *queue) bool { return r == q })
	}
}

// giveUp removes the oldest delivery of the room that has the most waiting: a busy room costs others nothing. What is on its way, or will be
// tried again as it is, stays.
func (d *destination) giveUp() (old delivery, ok bool) {
	var most *queue
	for _, q := range d.queues {
		if len(q.entries) > q.busy && (most == nil || q.before(most)) {
			most = q
		}
	}
	if most == nil {
		return delivery{}, false
	}
	old = most.entries[most.busy]
	d.remove(most, most.busy)
	return old, true
}

// before: this queue loses a delivery before the other does. Both have one to lose.
func (q *queue) before(r *queue) bool {
	if n, m := len(q.entries)-q.busy, len(r.entries)-r.busy; n != m {
		return n > m
	}
	if a, b := q.entries[q.busy].id, r.entries[r.busy].id; a != b {
		return a < b
	}
	return strings.Compare(q.room, r.room) < 0
}

// forget drops the queue of a room, but for what is on its way, and says how many deliveries that were.
func (d *destination) forget(room string) int {
	q := d.queues[room]
	if q == nil {
		return 0
	}
	kept := 0
	if q.flying {
		kept = q.busy
	}
	n := len(q.entries) - kept
	for range n {
		d.remove(q, len(q.entries)-1)
	}
	return n
}
