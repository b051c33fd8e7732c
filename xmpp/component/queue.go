package component

import (
	"context"
	"fmt"
	"sync"

	"anteroom/xmpp"
)

// chunkSize is the size of one write, in octets.
const chunkSize = 256 << 10

// keptChunks is how many empty chunks are kept for use again.
const keptChunks = 8

// A queue holds encoded stanzas until the kernel has taken them. Chunks begin and end between stanzas.
type queue struct {
	mu      sync.Mutex
	max     int
	chunks  [][]byte // full ones and the one being filled, in order
	writing []byte   // the chunk that the writer holds; still part of the queue
	free    [][]byte
	bytes   int // in chunks and writing
	queued  Seq // octets ever queued
	written Seq // octets ever handed to the kernel, up to a boundary between stanzas
	closed  bool
	changed chan struct{} // closed and renewed when octets were written, or the queue closed
	ready   chan struct{} // one signal: there is something to write
}

func newQueue(max int) *queue {
	return &queue{max: max, changed: make(chan struct{}), ready: make(chan struct{}, 1)}
}

// add waits until the queue is below its limit and calls fill with the lock held.
func (q *queue) add(ctx context.Context, fill func(*queue)) error {
	q.mu.Lock()
	for q.bytes >= q.max && !q.closed {
		changed := q.changed
		q.mu.Unlock()
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrFull, context.Cause(ctx))
		case <-changed:
		}
		q.mu.Lock()
	}
	defer q.mu.Unlock()
	if q.closed {
		return ErrClosed
	}
	fill(q)
	q.signal()
	return nil
}

// answerRoom is what a full queue takes beside, in octets: short answers, so that who is refused because of a slow server is told.
const answerRoom = 4 << 20

// tryAdd queues b, a short answer, unless the queue is full beyond answerRoom, or closed.
func (q *queue) tryAdd(b []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.bytes >= q.max+answerRoom {
		return false
	}
	q.fill(append(q.space(len(b)), b...))
	q.signal()
	return true
}

func (q *queue) signal() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// space is the chunk to append about n octets to.
func (q *queue) space(n int) []byte {
	if k := len(q.chunks); k > 0 {
		if last := q.chunks[k-1]; cap(last)-len(last) >= n {
			return last
		}
	}
	var chunk []byte
	if k := len(q.free); k > 0 && n <= chunkSize {
		chunk, q.free = q.free[k-1], q.free[:k-1]
	} else {
		chunk = make([]byte, 0, max(n, chunkSize))
	}
	q.chunks = append(q.chunks, chunk)
	return chunk
}

// fill takes back the chunk that space gave, with a stanza appended.
func (q *queue) fill(chunk []byte) {
	last := &q.chunks[len(q.chunks)-1]
	n := len(chunk) - len(*last)
	*last = chunk
	q.bytes += n
	q.queued += Seq(n)
}

// take gives the next chunk to write, nil when there is none. The same chunk is given until done or failed was called.
func (q *queue) take() []byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.writing == nil && len(q.chunks) > 0 {
		q.writing = q.chunks[0]
		q.chunks[0] = nil
		q.chunks = q.chunks[1:]
	}
	return q.writing
}

// done says that the kernel took the chunk.
func (q *queue) done() Seq {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.advance(len(q.writing))
	if cap(q.writing) == chunkSize && len(q.free) < keptChunks {
		q.free = append(q.free, q.writing[:0])
	}
	q.writing = nil
	return q.written
}

// failed says that the kernel took only n octets of the chunk: whole stanzas are done, the rest is written again.
func (q *queue) failed(n int) Seq {
	q.mu.Lock()
	defer q.mu.Unlock()
	whole := wholeStanzas(q.writing, n)
	q.advance(whole)
	if q.writing = q.writing[whole:]; len(q.writing) == 0 {
		q.writing = nil
	}
	return q.written
}

func (q *queue) advance(n int) {
	q.bytes -= n
	q.written += Seq(n)
	close(q.changed)
	q.changed = make(chan struct{})
}

// wholeStanzas is the length of the stanzas of chunk that end within its first n octets.
func wholeStanzas(chunk []byte, n int) int {
	const head = "<s>"
	var f xmpp.Framer
	whole, in := 0, append([]byte(head), chunk[:n]...)
	for {
		k := copy(f.Space(), in)
		f.Filled(k)
		in = in[k:]
		for {
			frame, err := f.Next()
			if err != nil {
				return whole
			}
			if frame.Kind == xmpp.NeedMore {
				break
			}
			if frame.Kind == xmpp.StreamElement {
				whole += len(frame.Bytes)
			}
		}
		if len(in) == 0 {
			return whole
		}
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.closed {
		q.closed = true
		close(q.changed)
		q.changed = make(chan struct{})
	}
}

func (q *queue) end() Seq {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.queued
}

func (q *queue) writtenSeq() Seq {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.written
}

func (q *queue) wait(ctx context.Context, seq Seq) error {
	for {
		q.mu.Lock()
		written, closed, changed := q.written, q.closed, q.changed
		q.mu.Unlock()
		switch {
		case written >= seq:
			return nil
		case closed:
			return ErrClosed
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}
