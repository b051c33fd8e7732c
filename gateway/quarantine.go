package gateway

import (
	"fmt"
	"time"

	"anteroom/mucmap"
)

// A room of which something that is stored is damaged, or that panics again and again, is in quarantine: it is not run for a while. Whoever wants
// something of it is told so, operators see it beside the room's name and release it when they have mended what they can; otherwise it is
// tried again by itself. Followers' rooms that were given up are another matter: their state is known (mucmap, Release).

// quarantine is why a room is not run, and until when.
type quarantine struct {
	reason string
	until  time.Time
}

// forOperators is what lists of rooms say.
func (q *quarantine) forOperators() string {
	return "in quarantine until " + q.clock() + ": " + q.reason
}

// forUsers is what everybody is told who wants something of the room.
func (q *quarantine) forUsers() string {
	return "the room is in quarantine because of a fault: an operator of this service has to look at it; it is tried again at " + q.clock()
}

func (q *quarantine) clock() string { return q.until.UTC().Format("2006-01-02 15:04 MST") }

// quarantine keeps the room from running for a while.
func (a *actor) quarantine(now time.Time, reason string) {
	a.log.Error("room is quarantined", "reason", reason, "for", QuarantineTime)
	a.retryAt = now.Add(QuarantineTime)
	if a.quarantined == nil {
		a.g.m.quarantined.Inc()
	}
	a.isolate(&quarantine{reason, a.retryAt})
	a.refuseAll()
}

// restored ends the room's quarantine.
func (a *actor) restored() {
	if a.quarantined != nil {
		a.isolate(nil)
		a.g.m.quarantined.Dec()
	}
}

// isolate lets everybody know whether the room is in quarantine.
func (a *actor) isolate(q *quarantine) {
	a.quarantined = q
	a.g.mu.Lock()
	defer a.g.mu.Unlock()
	if q == nil {
		delete(a.g.quarantines, a.name)
	} else {
		a.g.quarantines[a.name] = *q
	}
}

// refuseAll refuses whatever waits for a room in quarantine, until an operator releases it.
func (a *actor) refuseAll() {
	for items := a.box.take(MaxBatch); len(items) > 0; items = a.box.take(MaxBatch) {
		for i := range items {
			if items[i].release {
				a.log.Info("quarantine is ended by an operator")
				a.retryAt = time.Time{}
				a.box.restore(items[i+1:])
				return
			}
			a.reject(items[i], a.quarantined.forUsers())
		}
	}
}

// unavailable says why the room cannot be looked into.
func (a *actor) unavailable() error {
	if a.quarantined == nil {
		return ErrUnavailable
	}
	return fmt.Errorf("%w: it is %s", ErrUnavailable, a.quarantined.forOperators())
}

// withTrouble is a room's line in lists, with its quarantine.
func (g *Gateway) withTrouble(s mucmap.Summary) mucmap.Summary {
	if q, is := g.quarantineOf(s.Name); is {
		s.Trouble = q.forOperators()
	}
	return s
}

func (g *Gateway) quarantineOf(name string) (quarantine, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	q, is := g.quarantines[name]
	return q, is
}
