package gateway

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
)

// load claims and restores the room, or makes one that does not exist yet. A store that does not answer is asked again later.
func (a *actor) load(now time.Time) {
	select {
	case a.g.loading <- struct{}{}:
		defer func() { <-a.g.loading }()
	case <-a.g.ctx.Done():
		return
	}
	ctx, cancel := context.WithTimeout(a.g.ctx, LoadTimeout)
	defer cancel()
	stored, err := a.fetch(ctx, now)
	if err == nil {
		err = a.restore(ctx, now, stored)
	}
	if err != nil {
		a.postpone(time.Now(), err)
		return
	}
	a.failures, a.retryAt = 0, time.Time{}
	a.restored()
}

// fetch reads the room under our claim; nil: there is none. A room that nobody knows is looked for before it is claimed, so that
// stanzas to rooms that do not exist cost no write.
func (a *actor) fetch(ctx context.Context, now time.Time) (*store.Room, error) {
	if a.fence == 0 && !a.g.dir.known(a.name) {
		_, err := a.g.opt.Store.Load(ctx, a.name)
		if errors.Is(err, store.ErrNotFound) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	if err := a.claim(now); err != nil {
		return nil, err
	}
	r, err := a.g.opt.Store.Load(ctx, a.name)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	return r, err
}

// claim takes the room's lease, which fences off every write that is still under way.
func (a *actor) claim(now time.Time) error {
	ctx, cancel := context.WithTimeout(a.g.ctx, WriteTimeout)
	defer cancel()
	fence, err := a.g.opt.Store.Claim(ctx, store.RoomLease(a.name), a.g.opt.Owner, LeaseTime)
	if err != nil {
		return fmt.Errorf("cannot claim the room: %w", err)
	}
	a.fence, a.renewAt = fence, now.Add(LeaseTime/3)
	return nil
}

// renew prolongs the lease. False: it was lost, and the room with it.
func (a *actor) renew(now time.Time) bool {
	ctx, cancel := context.WithTimeout(a.g.ctx, WriteTimeout)
	defer cancel()
	err := a.g.opt.Store.Renew(ctx, store.RoomLease(a.name), a.g.opt.Owner, a.fence, LeaseTime)
	switch {
	case err == nil:
		a.renewAt = now.Add(LeaseTime / 3)
	case errors.Is(err, store.ErrConflict):
		a.log.Warn("room was claimed by another gateway")
		a.drop("lease")
		a.refuseUnanswered()
		return false
	default:
		a.log.Warn("lease was not renewed", "error", err)
		a.renewAt = now.Add(LeaseTime / 12)
	}
	return true
}

// release gives the lease back.
func (a *actor) release() {
	if a.fence == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(a.g.ctx, WriteTimeout)
	defer cancel()
	if err := a.g.opt.Store.Release(ctx, store.RoomLease(a.name), a.g.opt.Owner, a.fence); err != nil {
		a.log.Warn("lease was not released", "error", err)
	}
	a.fence = 0
}

// restore makes the room of what is stored, or a new one; settles what a failed write left open; and sends what was not sent.
func (a *actor) restore(ctx context.Context, now time.Time, stored *store.Room) error {
	if stored == nil {
		stored = &store.Room{}
	}
	a.settle(now, stored)
	empty := stored.Seq == 0 && stored.Snapshot == nil && !holdsSecrets(stored)
	var r Room
	var recovery mucmap.Recovery
	var last Mark
	if empty {
		r = a.begin(stored.Tombstone)
		a.stored = false
	} else {
		snap, err := a.snapshot(ctx, stored)
		if err != nil {
			return err
		}
		if r, recovery, err = a.rebuild(snap); err != nil && stored.Secrets[partTombstone] == nil {
			return err // what is destroyed need not be whole
		} else if err != nil {
			r = a.g.opt.Rooms.New(a.name)
		}
		a.stored = true
		if !snap.Clean {
			a.log.Info("room restored", "events", snap.Seq, "unsent", len(recovery.Stanzas))
		}
	}
	a.room, a.seq, a.sentStored = r, stored.Seq, stored.Sent
	a.sent, a.queued = min(max(a.sent, stored.Sent), stored.Seq), min(a.queued, stored.Seq)
	a.incarnation++
	a.jobs = 0
	a.idleSince = now
	a.wake, a.flushAt = recovery.Wake, time.Time{}
	_, a.clean = stored.Secrets[partClean]
	a.tombstone, a.buryBy = stored.Secrets[partTombstone], now.Add(BuryWithin)
	a.opened = a.g.dir.isOpen(a.name)
	a.resumeOutbox(now, stored)
	if !empty {
		a.g.dir.set(recovery.Summary)
		last = a.g.send(recovery.Stanzas)
	}
	a.handed(now, last)
	return nil
}

// holdsSecrets says that a room without events has something stored all the same: a request on its way, or key packages that are out.
func holdsSecrets(stored *store.Room) bool {
	for name := range stored.Secrets {
		if !strings.HasPrefix(name, "~") {
			return true
		}
	}
	return false
}

// begin is a room that does not exist, with the tombstone of the one that had its name.
func (a *actor) begin(tombstone []byte) Room {
	if len(tombstone) > 0 {
		r, _, err := a.rebuild(mucmap.Snapshot{Tombstone: tombstone})
		if err == nil {
			return r
		}
		a.log.Warn("tombstone is ignored", "error", err)
	}
	return a.g.opt.Rooms.New(a.name)
}

// snapshot is what the core needs of what is stored.
func (a *actor) snapshot(ctx context.Context, stored *store.Room) (mucmap.Snapshot, error) {
	page, err := a.g.opt.Store.Archive(ctx, a.name, store.ArchiveQuery{Newest: true, Limit: max(a.g.opt.History, mucmap.MaxRecords)})
	if err != nil {
		return mucmap.Snapshot{}, err
	}
	snap := mucmap.Snapshot{
		Seq:         uint64(stored.Seq),
		Snapshot:    stored.Snapshot,
		SnapshotSeq: uint64(stored.SnapshotSeq),
		Events:      stored.Events,
		Secrets:     maps.Clone(stored.Secrets),
		Sent:        uint64(stored.Sent),
	}
	if a.queued > stored.Sent && a.queued <= stored.Seq {
		snap.Sent = uint64(a.queued) // this process has queued more than the store knows of
	}
	if mark := stored.Secrets[partClean]; len(mark) == 8 {
		snap.Clean = binary.BigEndian.Uint64(mark) == snap.Seq
	}
	maps.DeleteFunc(snap.Secrets, func(name string, _ []byte) bool { return strings.HasPrefix(name, "~") })
	for _, e := range page.Entries {
		snap.Archive = append(snap.Archive, mucmap.ArchiveEntry{ID: e.ID, Time: e.Time, Sender: e.Sender, Data: e.Body})
	}
	return snap, nil
}

// errDamaged: what is stored cannot be restored, now or later.
var errDamaged = errors.New("gateway: stored room cannot be restored")

// rebuild restores the room; a panic is damage.
func (a *actor) rebuild(snap mucmap.Snapshot) (r Room, recovery mucmap.Recovery, err error) {
	defer func() {
		if p := recover(); p != nil {
			a.g.m.crashes.Inc()
			a.log.Error("panic while a room was restored", "panic", p, "stack", string(debug.Stack()))
			err = fmt.Errorf("%w: panic", errDamaged)
		}
	}()
	r, recovery, err = a.g.opt.Rooms.Restore(a.name, snap)
	if err != nil {
		err = fmt.Errorf("%w: %w", errDamaged, err)
	}
	return r, recovery, err
}

// postpone decides when to load again after a failure.
func (a *actor) postpone(now time.Time, err error) {
	if a.g.ctx.Err() != nil {
		return
	}
	if errors.Is(err, errDamaged) || errors.Is(err, store.ErrCorrupt) || errors.Is(err, store.ErrWrongKey) {
		a.quarantine(now, err.Error())
		return
	}
	a.failures++
	pause := backoff(a.failures)
	var held *store.HeldError
	if errors.As(err, &held) {
		pause = min(pause, max(held.Left, MinBackoff/4))
	}
	a.retryAt = now.Add(pause)
	a.log.Warn("room cannot be loaded; trying again", "error", err, "in", pause.Round(time.Millisecond))
	a.rejectWaiting(now)
}

// backoff is the pause after the n-th failure in a row: doubled each time, with a fifth of jitter either way.
func backoff(n int) time.Duration {
	d := MaxBackoff
	if n < 16 {
		d = min(MinBackoff<<(n-1), MaxBackoff)
	}
	return time.Duration(float64(d) * (0.8 + 0.4*rand.Float64()))
}

// tombstoneFormat begins a stored tombstone, so that an empty one is told from none.
const tombstoneFormat = 1

// bury waits until providers have what a destroyed room owes them, and the server its last stanzas, and deletes it; then its name
// is free for a new room. Nothing new is taken meanwhile. False: the gateway stops, and the next one goes on here.
func (a *actor) bury(now time.Time) bool {
	for _, it := range a.box.takeDelivered() {
		a.debts.pay(it.delivered, it.by)
	}
	owed := a.debts.count() > 0
	switch {
	case (!owed && len(a.marks) == 0) || !now.Before(a.buryBy):
	case a.g.stopping.Load():
		if a.flushed(); owed {
			a.release()
			a.abandon()
			return false
		}
	default:
		a.wait(now)
		return true
	}
	if !a.delete() {
		return true
	}
	a.g.dir.remove(a.name)
	a.refuseUnanswered()
	a.room = a.begin(a.tombstone[1:])
	a.incarnation++
	a.jobs, a.debts = 0, debts{last: a.debts.last}
	a.tombstone, a.clean, a.opened, a.wake, a.flushAt = nil, false, false, time.Time{}, time.Time{}
	return true
}

// delete removes a destroyed room from the store. False: it failed, and the room was dropped to be restored.
func (a *actor) delete() bool {
	ctx, cancel := context.WithTimeout(context.Background(), WriteTimeout)
	defer cancel()
	if err := a.g.opt.Store.Delete(ctx, a.name, a.fence, a.tombstone[1:]); err != nil {
		a.log.Warn("destroyed room was not deleted; trying again", "error", err)
		a.drop("write")
		a.writeFailed(time.Now())
		return false
	}
	a.stored, a.failedWrites = false, 0
	a.seq, a.queued, a.sent, a.sentStored, a.marks = 0, 0, 0, 0, nil
	return true
}
