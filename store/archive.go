package store

import "time"

// Selection is the answer to an ArchiveQuery in places: entries From to To-1.
type Selection struct {
	From, To     uint64
	Index, Total uint64 // as in ArchivePage
	Complete     bool
}

// Select finds the places of a page in an archive whose entries have the consecutive places lo to hi-1. timeAt gives
// the ordering time of a place in microseconds, placeOf the place of an id, or ErrNotFound. For backends.
func (q ArchiveQuery) Select(lo, hi uint64, timeAt func(uint64) (int64, error), placeOf func(string) (uint64, error)) (Selection, error) {
	first, last := lo, hi
	var err error
	if !q.Since.IsZero() {
		if first, err = searchTime(lo, hi, Micros(q.Since), timeAt); err != nil {
			return Selection{}, err
		}
	}
	if !q.Until.IsZero() {
		if last, err = searchTime(lo, hi, Micros(q.Until)+1, timeAt); err != nil {
			return Selection{}, err
		}
	}
	last = max(last, first)
	from, to := first, last
	if q.After != "" {
		place, err := placeOf(q.After)
		if err != nil {
			return Selection{}, err
		}
		from = min(max(from, place+1), last)
	}
	if q.Before != "" {
		place, err := placeOf(q.Before)
		if err != nil {
			return Selection{}, err
		}
		to = min(to, place)
	}
	to = max(to, from)
	n := min(uint64(q.Limit), to-from)
	s := Selection{From: from, To: from + n, Total: last - first, Complete: n == to-from}
	if q.Newest {
		s.From, s.To = to-n, to
	}
	s.Index = s.From - first
	return s, nil
}

// searchTime returns the first place whose time is at least us, or hi.
func searchTime(lo, hi uint64, us int64, timeAt func(uint64) (int64, error)) (uint64, error) {
	for lo < hi {
		mid := lo + (hi-lo)/2
		t, err := timeAt(mid)
		if err != nil {
			return 0, err
		}
		if t < us {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, nil
}

// Micros returns a time in microseconds since 1970, moved into the range that archives keep.
func Micros(t time.Time) int64 {
	return min(max(t.UnixMicro(), minArchiveMicros), maxArchiveMicros)
}

// Canonical returns the time as an archive gives it back.
func Canonical(t time.Time) time.Time { return time.UnixMicro(Micros(t)).UTC() }
