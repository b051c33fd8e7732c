package hub

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Where the operational policy bounds the time between two renewals of a leaf's keys, the hub knows since when each leaf has its keys: since the commit
// that brought them, or since the policy began. It refuses Updates that come too early (policy, rule update-early), and says whose keys
// are too old. Members cannot: they learn later, and not when, what the hub accepted.

// renewals is since when leaves have their keys, in seconds since 1970; nil: the policy does not ask.
type renewals map[mls.LeafIndex]uint64

// after is r after a commit.
func (r renewals) after(now time.Time, e *mls.Effects, times mimi.Times) renewals {
	if !times.Limited() {
		return nil
	}
	seconds, next := uint64(now.Unix()), maps.Clone(r)
	if next == nil {
		next = renewals{}
		for i := range e.After.Leaves() {
			next[i] = seconds
		}
		return next
	}
	for _, gone := range e.Removed {
		delete(next, gone.Index)
	}
	for _, i := range append(slices.Clone(e.Added), e.Updated...) {
		next[i] = seconds
	}
	if e.Sender.Type == mls.SenderNewMemberCommit {
		next[e.Committer] = seconds
	}
	return next
}

func (r renewals) since(i mls.LeafIndex) (uint64, bool) {
	at, known := r[i]
	return at, known
}

// Renewed is since when a leaf has its keys as the operational policy counts, in seconds since 1970; not known where it bounds nothing.
func (r *Room) Renewed(i mls.LeafIndex) (since uint64, known bool) { return r.renewals.since(i) }

// Stale returns the leaves whose keys are older than the operational policy allows, in ascending order, and when the next one's will be; zero: none is known.
func (r *Room) Stale(now time.Time) (stale []mls.LeafIndex, next time.Time) {
	most := r.state.UpdateTimes().Max
	if most == 0 || most == mimi.Infinity {
		return nil, time.Time{}
	}
	first := mimi.Infinity
	for i, since := range r.renewals {
		end := since + min(most, mimi.Infinity-since)
		if end < uint64(now.Unix()) {
			stale = append(stale, i)
		} else {
			first = min(first, end)
		}
	}
	slices.Sort(stale)
	if first < 1<<40 { // a time that a clock will show
		next = time.Unix(int64(first)+1, 0).UTC()
	}
	return stale, next
}

func (r renewals) write(w *wire.Writer) {
	w.Vector(func(w *wire.Writer) {
		for _, i := range slices.SortedFunc(maps.Keys(r), cmp.Compare[mls.LeafIndex]) {
			w.U32(uint32(i))
			w.U64(r[i])
		}
	})
}

func readRenewals(in *wire.Reader) (r renewals) {
	in.At("room.renewals").Vector(func(in *wire.Reader) {
		if r == nil {
			r = renewals{}
		}
		i := mls.LeafIndex(in.U32())
		r[i] = in.U64()
	})
	return r
}
