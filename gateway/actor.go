package gateway

import (
	"context"
	"log/slog"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/xmpp"
)

// Parts of a room's secrets that belong to the gateway; the core never sees them.
const (
	partClean     = "~clean"     // the room was left with nothing in flight at this sequence
	partTaken     = "~taken"     // up to which entry of the outbox providers have taken what was for them
	partTombstone = "~tombstone" // the room was destroyed; what is to take its place
)

// actor owns one room while it is loaded. All fields but box belong to its goroutine.
type actor struct {
	g    *Gateway
	name string
	log  *slog.Logger
	box  *mailbox

	room        Room               // nil: not loaded
	incarnation int                // counts restores: results of jobs of an earlier room are ignored
	jobs        int                // commit jobs and archive queries of this incarnation under way
	cancelPost  context.CancelFunc // of the request to another provider that is on its way; nil: none

	fence   store.Fence // 0: not claimed, nothing was ever written
	renewAt time.Time
	stored  bool      // the store has something of this room
	opened  bool      // the directory says that the room is open
	seq     store.Seq // events stored
	queued  store.Seq // stanzas of events up to here are in the server's queue, which outlives the room but not the process
	sent    store.Seq // stanzas of events up to here have left the process
	marks   []mark    // where in the queue the stanzas after sent are

	sentStored store.Seq // what the store knows of sent
	debts      debts
	unanswered unanswered
	clean      bool   // the store has partClean
	tombstone  []byte // not nil: destroyed, to be deleted when nothing is owed, or at buryBy
	buryBy     time.Time
	wake       time.Time
	flushAt    time.Time // write progress by then; zero: nothing to note
	idleSince  time.Time

	pending      *turn     // its write failed, and what the store has of it is not known yet
	failures     int       // to load, one after the other
	failedWrites int       // one after the other
	retryAt      time.Time // do not load before
	crashes      []time.Time
	quarantined  *quarantine // nil: it is not
}

func newActor(g *Gateway, name string) *actor {
	return &actor{g: g, name: name, log: g.log.With("room", name), box: newMailbox(g.opt.Mailbox), idleSince: time.Now()}
}

// run is the actor's life.
func (a *actor) run() {
	for {
		now := time.Now()
		if a.room == nil {
			if a.g.stopping.Load() && (now.Before(a.retryAt) || a.box.len() == 0) || a.g.ctx.Err() != nil {
				a.abandon()
				return
			}
			if now.Before(a.retryAt) && a.quarantined == nil {
				a.rejectWaiting(now)
				a.wait(now)
				continue
			}
			if now.Before(a.retryAt) {
				a.refuseAll()
				if !a.retryAt.IsZero() {
					a.wait(now)
				}
				continue
			}
			a.load(now)
			continue
		}
		if a.g.ctx.Err() != nil {
			a.abandon()
			return
		}
		if !a.renewAt.IsZero() && !now.Before(a.renewAt) && !a.renew(now) {
			continue
		}
		a.progress()
		if a.tombstone != nil {
			if !a.bury(now) {
				return
			}
			continue
		}
		items := a.box.take(MaxBatch)
		if !a.wake.IsZero() && !now.Before(a.wake) {
			items = append(items, item{at: now})
		}
		if len(items) > 0 || !a.flushAt.IsZero() && !now.Before(a.flushAt) {
			a.turn(now, items)
			continue
		}
		if a.mayLeave(now) {
			if a.leave() {
				return
			}
			if a.room == nil || a.box.len() > 0 {
				continue // the store failed, or something came
			}
		}
		a.wait(now)
	}
}

// wait until something comes or falls due.
func (a *actor) wait(now time.Time) {
	next := time.Time{}
	for _, at := range a.deadlines(now) {
		if !at.IsZero() && (next.IsZero() || at.Before(next)) {
			next = at
		}
	}
	stop := a.g.stop
	if a.g.stopping.Load() {
		stop = nil // known already
	}
	if next.IsZero() {
		select {
		case <-a.box.bell:
		case <-stop:
		case <-a.g.ctx.Done():
		}
		return
	}
	t := time.NewTimer(max(next.Sub(now), 0))
	defer t.Stop()
	select {
	case <-t.C:
	case <-a.box.bell:
	case <-stop:
	case <-a.g.ctx.Done():
	}
}

func (a *actor) deadlines(now time.Time) []time.Time {
	if a.room == nil {
		at := []time.Time{a.retryAt}
		if a.quarantined == nil && a.box.len() > 0 {
			at = append(at, now.Add(time.Second)) // look who has waited too long
		}
		return at
	}
	at := []time.Time{a.wake, a.flushAt, a.renewAt}
	if a.tombstone != nil {
		return []time.Time{a.buryBy, a.renewAt, now.Add(FlushAfter)}
	}
	if a.dispensable() {
		at = append(at, a.idleSince.Add(a.g.opt.Idle))
	}
	return at
}

// dispensable: the room may be dropped without anybody noticing.
func (a *actor) dispensable() bool {
	return a.jobs == 0 && len(a.debts.open) == 0 && a.room.Idle()
}

// mayLeave: there is a reason to drop the room, and nothing against it. A room that does not exist goes at once, others when they
// were idle for long, or when the gateway stops and no commit is under way.
func (a *actor) mayLeave(now time.Time) bool {
	switch {
	case a.g.stopping.Load():
		return a.jobs == 0
	case !a.room.Exists():
		return a.jobs == 0 && len(a.debts.open) == 0
	}
	return a.dispensable() && !now.Before(a.idleSince.Add(a.g.opt.Idle))
}

// leave stores that the room is clean, gives it back and closes the mailbox. False: something came, or the store failed.
func (a *actor) leave() bool {
	if !a.flushed() {
		return false
	}
	if a.stored && !a.clean && !a.writeClean() {
		return false
	}
	if !a.box.closeIfEmpty() {
		return false
	}
	switch {
	case !a.stored:
		a.g.dir.remove(a.name)
	case len(a.debts.open) == 0:
		a.g.dir.close(a.name, a.wake)
	} // otherwise it stays open: the next start goes on with what is owed
	a.refuseUnanswered()
	a.unpost()
	a.g.outbox.forget(a.name)
	a.release()
	a.g.forget(a, a.wake)
	return true
}

// abandon ends the actor as a crash would, except that those who wait hear of it.
func (a *actor) abandon() {
	waiting := a.box.close()
	if a.pending != nil {
		waiting = append(a.pending.items, waiting...)
	}
	for _, it := range waiting {
		a.reject(it, "the service is stopping")
	}
	a.refuseUnanswered()
	a.unpost()
	a.g.outbox.forget(a.name)
	a.g.forget(a, time.Time{})
}

// publish lets go what a turn produced, in the order of its Steps.
func (a *actor) publish(now time.Time, t *turn) {
	var posts []delivery
	for _, d := range t.debts {
		a.debts.owe(d.id, d.to)
		posts = append(posts, d.deliveries(a.name)...)
	}
	a.g.outbox.add(posts) // before the answers: some wait for them
	var last Mark
	for i := range t.outs {
		out := &t.outs[i]
		if out.Summary != nil {
			a.g.dir.set(*out.Summary) // before the answer: who hides a room finds it hidden
		}
		last = max(last, a.g.send(out.Stanzas))
		a.forward(now, out.Forward)
		a.g.bookmark(now, out.Bookmarks)
		a.g.belong(a.name, out.Belonging)
		if out.Spoken {
			a.g.spoken(a.name)
		}
		for _, r := range out.Replies {
			t.answer(r)
		}
		a.start(out.Jobs)
		a.query(out.Queries)
		a.post(out.Requests)
		a.ask(out.Asks)
		a.note(out.Notes)
	}
	t.answerRest()
	a.unanswered.took(t)
	a.handed(now, last)
}

// forward passes stanzas on to other rooms, as if our users had sent them there.
func (a *actor) forward(now time.Time, stanzas []*xmpp.Stanza) {
	for _, st := range stanzas {
		name, e := a.g.route(st)
		if e == nil && (name == "" || a.g.putOrWhy(name, item{stanza: st, at: now}) != "") {
			e = xmpp.NewError(xmpp.ResourceConstraint, "too much is waiting").WithType(xmpp.Wait)
		}
		if e != nil {
			a.g.refuse(st, e)
		}
	}
}

// note logs what the core wants operators to see.
func (a *actor) note(notes []mucmap.Note) {
	for _, n := range notes {
		attrs := make([]slog.Attr, len(n.Attrs))
		for i, at := range n.Attrs {
			attrs[i] = slog.String(at.Key, at.Value)
		}
		a.log.LogAttrs(a.g.ctx, slog.Level(n.Level), n.Msg, attrs...)
	}
}
