package gateway

import (
	"errors"
	"net/http"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/xmpp"
)

// drop forgets the room; the actor restores it. Jobs of the room that was are ignored when they come back.
func (a *actor) drop(reason string) {
	a.room = nil
	a.incarnation++
	a.jobs = 0
	a.unpost()
	a.wake, a.flushAt, a.renewAt = time.Time{}, time.Time{}, time.Time{}
	a.g.m.restores.WithLabelValues(reason).Inc()
}

// lost handles a turn whose write failed, or whose outcome is unknown: only the store knows, after a new claim.
func (a *actor) lost(now time.Time, t *turn, err error) {
	a.log.Warn("write failed; the room is restored from the store", "error", err)
	a.drop("write")
	a.writeFailed(now)
	a.pending = t
	if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrInvalid) {
		a.settleLost(now, t) // nothing was written
		a.pending = nil
	}
}

// writeFailed delays the next attempt, unless this is the first failure: a store that loads and does not write must not keep us busy.
func (a *actor) writeFailed(now time.Time) {
	if a.failedWrites++; a.failedWrites > 1 {
		a.retryAt = now.Add(backoff(a.failedWrites - 1))
	}
}

// settle decides about the pending turn when the store has been read.
func (a *actor) settle(now time.Time, stored *store.Room) {
	t := a.pending
	if t == nil {
		return
	}
	a.pending = nil
	if end := t.batch.Seq + store.Seq(len(t.batch.Events)); len(t.batch.Events) == 0 || stored.Seq != end {
		a.settleLost(now, t)
		return
	}
	// It took effect. What it owed to providers is in the stored outbox; its jobs belong to a room that is gone.
	a.written(t)
	var last Mark
	for i := range t.outs {
		last = max(last, a.g.send(t.outs[i].Stanzas))
		a.forward(now, t.outs[i].Forward) // the room has let go of them
		a.g.bookmark(now, t.outs[i].Bookmarks)
		if t.outs[i].Spoken {
			a.g.spoken(a.name)
		}
		for _, r := range t.outs[i].Replies {
			t.answer(r)
		}
		a.note(t.outs[i].Notes)
		a.query(t.outs[i].Queries) // they need no room that remembers them
	}
	t.answerRest()
	a.unanswered.took(t)
	a.refuseUnanswered()
	a.queued = stored.Seq
	a.marks = append(a.marks, mark{a.queued, last})
}

// settleLost puts the items of a turn that had no effect back, or refuses what was lost too often.
func (a *actor) settleLost(now time.Time, t *turn) {
	var again []item
	for _, it := range t.items {
		if it.stanza == nil && it.request == nil && it.page == nil {
			continue // belonged to the room that is gone, or is done
		}
		if it.tries++; it.tries >= MaxTries || now.Sub(it.at) > Patience {
			a.reject(it, "the room could not be stored")
			continue
		}
		again = append(again, it)
	}
	a.box.restore(again)
	a.refuseUnanswered()
}

// crashed handles a panic in the core: the item that caused it is refused, the others of its turn, of which nothing was stored,
// are stepped again by the restored room.
func (a *actor) crashed(now time.Time, items []item, culprit int, p any, stack []byte) {
	a.g.m.crashes.Inc()
	a.log.Error("panic in the room core; the room is restored from the store", "input", items[culprit].kind(), "panic", p, "stack", string(stack))
	a.drop("panic")
	a.refuseUnanswered()
	a.reject(items[culprit], "internal error")
	var again []item
	for i, it := range items {
		if i != culprit && (it.stanza != nil || it.request != nil || it.page != nil || i > culprit && (it.ask != nil || it.delivered != 0)) {
			again = append(again, it)
		}
	}
	a.box.restore(again)
	recent := a.crashes[:0]
	for _, at := range a.crashes {
		if now.Sub(at) < CrashWindow {
			recent = append(recent, at)
		}
	}
	if a.crashes = append(recent, now); len(a.crashes) >= MaxCrashes {
		a.crashes = nil
		a.quarantine(now, "it panicked again and again")
	}
}

// rejectWaiting refuses what has waited too long for a room that cannot be loaded.
func (a *actor) rejectWaiting(now time.Time) {
	for _, it := range a.box.waitedSince(now.Add(-Patience)) {
		a.reject(it, "the room is not available now")
	}
}

// reject answers an item that the room did not work on.
func (a *actor) reject(it item, text string) {
	switch {
	case it.stanza != nil:
		a.g.refuse(it.stanza, xmpp.NewError(xmpp.InternalServerError, text).WithType(xmpp.Wait))
	case it.request != nil:
		it.request.answer <- mucmap.Reply{ID: it.request.ID, Status: http.StatusServiceUnavailable, Body: []byte(text)}
	case it.ask != nil:
		it.ask(a)
	case it.delivered != 0:
		a.debts.pay(it.delivered, it.by)
	}
}

// kind names an item for logs.
func (it *item) kind() string {
	switch {
	case it.stanza != nil:
		return it.stanza.Kind.String()
	case it.request != nil:
		return it.request.Kind.String()
	case it.done != nil:
		return "commit"
	case it.page != nil:
		return "archive page"
	case it.answered != nil:
		return "answer"
	case it.ask != nil:
		return "question"
	case it.delivered != 0:
		return "delivered"
	case it.release:
		return "release"
	}
	return "timer"
}
