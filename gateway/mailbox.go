package gateway

import (
	"sync"
	"time"

	"anteroom/mucmap"
	"anteroom/xmpp"
)

// item is one thing that waits for a room. Exactly one of its first fields is set; none: look at the clock.
type item struct {
	stanza    *xmpp.Stanza
	request   *request
	done      *jobResult
	page      *pageResult
	answered  *peerAnswer
	delivered uint64       // id of the outbox entry that needs no further attempt at a provider
	shutdown  bool         // everybody is sent out
	release   bool         // an operator releases a room that was given up
	ask       func(*actor) // a.room is nil when the room is not available

	by    string    // the provider of delivered
	at    time.Time // when it came
	tries int       // turns it was lost with
}

// request is a provider's request and where its answer goes.
type request struct {
	mucmap.Request
	answer chan mucmap.Reply // takes one without waiting
}

// jobResult is a finished commit job.
type jobResult struct {
	mucmap.CommitDone
	incarnation int // of the room that started it
	panicked    any
	stack       []byte
}

// pageResult is what the archive had for a room's query.
type pageResult struct {
	mucmap.ArchivePage
	incarnation int // of the room that asked
}

// mailbox is an actor's queue: bounded for what comes from outside, never waiting for anybody.
type mailbox struct {
	bell chan struct{} // holds a token when something came

	mu     sync.Mutex
	items  []item
	closed bool
	limit  int
}

type putResult int

const (
	putOK putResult = iota
	putFull
	putClosed // its actor is gone: start another
)

func newMailbox(limit int) *mailbox {
	return &mailbox{bell: make(chan struct{}, 1), limit: limit}
}

// put appends an item from outside.
func (m *mailbox) put(it item) putResult { return m.add(it, m.limit) }

// force appends an item of ours, which is bounded by what caused it: jobs and deliveries under way.
func (m *mailbox) force(it item) putResult { return m.add(it, int(^uint(0)>>1)) }

func (m *mailbox) add(it item, limit int) putResult {
	m.mu.Lock()
	defer m.mu.Unlock()
	switch {
	case m.closed:
		return putClosed
	case len(m.items) >= limit:
		return putFull
	}
	m.items = append(m.items, it)
	m.ring()
	return putOK
}

func (m *mailbox) ring() {
	select {
	case m.bell <- struct{}{}:
	default:
	}
}

// take removes up to n items from the front; one that was lost before comes alone, so that it harms no other again.
func (m *mailbox) take(n int) []item {
	m.mu.Lock()
	defer m.mu.Unlock()
	n = min(n, len(m.items))
	for i := range n {
		if m.items[i].tries > 0 {
			n = max(i, 1)
			break
		}
	}
	if n == 0 {
		return nil
	}
	out := m.items[:n:n]
	if m.items = m.items[n:]; len(m.items) == 0 {
		m.items = nil // an idle room holds no buffer
	}
	return out
}

// takeDelivered removes and returns what tells of deliveries.
func (m *mailbox) takeDelivered() []item {
	m.mu.Lock()
	defer m.mu.Unlock()
	var told, rest []item
	for _, it := range m.items {
		if it.delivered != 0 {
			told = append(told, it)
		} else {
			rest = append(rest, it)
		}
	}
	m.items = rest
	return told
}

// restore puts items back to the front, in order.
func (m *mailbox) restore(items []item) {
	if len(items) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.items = append(append([]item(nil), items...), m.items...)
	m.ring()
}

// waitedSince removes and returns the items that came before t.
func (m *mailbox) waitedSince(t time.Time) []item {
	m.mu.Lock()
	defer m.mu.Unlock()
	var old, rest []item
	for _, it := range m.items {
		if it.at.Before(t) {
			old = append(old, it)
		} else {
			rest = append(rest, it)
		}
	}
	m.items = rest
	return old
}

// closeIfEmpty closes the mailbox unless something waits.
func (m *mailbox) closeIfEmpty() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.items) > 0 {
		return false
	}
	m.closed = true
	return true
}

// close closes the mailbox and returns what waited.
func (m *mailbox) close() []item {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed = true
	items := m.items
	m.items = nil
	return items
}

func (m *mailbox) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.items)
}
