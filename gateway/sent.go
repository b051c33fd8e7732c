package gateway

import (
	"context"
	"time"

	"anteroom/store"
)

// mark says that the stanzas of the events up to seq end at a place in the server's queue.
type mark struct {
	seq  store.Seq
	mark Mark
}

// maxMarks bounds what a room remembers of a queue that does not move; the newest are merged beyond it.
const maxMarks = 64

// handed notes that the stanzas of all events so far are in the server's queue, the last of them before place m.
func (a *actor) handed(now time.Time, m Mark) {
	if a.seq > a.queued {
		a.queued = a.seq
		if n := len(a.marks); n > 0 {
			m = max(m, a.marks[n-1].mark)
		}
		if len(a.marks) == maxMarks {
			a.marks = a.marks[:maxMarks-1]
		}
		a.marks = append(a.marks, mark{a.queued, m})
	}
	a.progress()
	if len(a.marks) > 0 || a.sent > a.sentStored {
		a.noteProgress(now)
	}
}

// progress looks how far the queue has left the process.
func (a *actor) progress() {
	if len(a.marks) == 0 {
		return
	}
	written, n := a.g.opt.Server.Written(), 0
	for n < len(a.marks) && a.marks[n].mark <= written {
		a.sent = max(a.sent, a.marks[n].seq)
		n++
	}
	if n == 0 {
		return
	}
	if a.marks = a.marks[n:]; len(a.marks) == 0 {
		a.marks = nil
	}
	a.room.MarkSent(uint64(a.sent))
}

// flushed waits a little for the server to take what is queued. False: it did not, and the room stays, unless the gateway stops.
func (a *actor) flushed() bool {
	n := len(a.marks)
	if n == 0 {
		return true
	}
	if a.g.stopping.Load() {
		ctx, cancel := context.WithTimeout(a.g.ctx, FlushGrace)
		defer cancel()
		_ = a.g.opt.Server.Flush(ctx, a.marks[n-1].mark) // what is not written then is sent again by the next start
		a.progress()
		return true
	}
	a.idleSince = time.Now() // look again later
	return false
}
