package follower

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Wishes wait in a queue. Each is stored as a part of its own, and the request for the first, once it is built, as another: what a message costs does not grow
// with what waits behind it.

type queued struct {
	n        uint64 // names its parts; never used twice
	wish     *Wish  // never changed
	attempts int
	alone    bool // a Join that does not share a commit
}

const (
	queuePrefix   = "q." // wishes
	requestPrefix = "r." // the request on the way
)

// queue appends a wish.
func (t *turn) queue(w Wish) { t.r.queue = append(t.r.queue, t.queued(w)) }

func (t *turn) queued(w Wish) queued {
	t.r.count++
	return queued{n: t.r.count, wish: &w}
}

// storedFlight is the request for the wish at a place of the queue that is stored, nil if there is none. A request for a GroupInfo is not kept: asking
// again does no harm, and its key need not be stored.
func (r *Room) storedFlight(place int) *flight {
	if place > 0 || r.flight == nil || r.flight.kind == flightGroupInfo {
		return nil
	}
	return r.flight
}

// queueParts adds the change of wishes and requests.
func (r *Room) queueParts(out *mls.Parts, since *Room) {
	if since == nil || since.old {
		since = &Room{}
	}
	next, found := 0, make([]bool, len(since.queue))
	for i := range r.queue {
		q, was, before := &r.queue[i], (*queued)(nil), (*flight)(nil)
		if d := slices.IndexFunc(since.queue[next:], func(o queued) bool { return o.n == q.n }); d >= 0 {
			was, before = &since.queue[next+d], since.storedFlight(next+d)
			found[next+d] = true
			next += d + 1
		}
		f := r.storedFlight(i)
		// While a request is stored, the attempts that are stored with the wish are those before it.
		if was == nil || q.alone != was.alone || f == nil && (before != nil || q.attempts != was.attempts) {
			attempts := q.attempts
			if f != nil {
				attempts--
			}
			out.Set[partOf(queuePrefix, q.n)] = q.encode(attempts)
		}
		switch {
		case f != nil && f != before:
			out.Set[partOf(requestPrefix, q.n)] = f.encode()
		case f == nil && before != nil:
			out.Drop = append(out.Drop, partOf(requestPrefix, q.n))
		}
	}
	for i := range since.queue {
		if o := &since.queue[i]; !found[i] && !slices.ContainsFunc(r.queue, func(q queued) bool { return q.n == o.n }) {
			out.Drop = append(out.Drop, partOf(queuePrefix, o.n))
			if since.storedFlight(i) != nil {
				out.Drop = append(out.Drop, partOf(requestPrefix, o.n))
			}
		}
	}
}

func partOf(prefix string, n uint64) string { return prefix + strconv.FormatUint(n, 10) }

// front are the numbers of those at the head of the queue that stand before earlier ones.
func (r *Room) front() (front []uint64) {
	k := 0
	for i := len(r.queue) - 1; i > 0; i-- {
		if r.queue[i-1].n > r.queue[i].n {
			k = i
			break
		}
	}
	for i := range r.queue[:k] {
		front = append(front, r.queue[i].n)
	}
	return front
}

func (q *queued) encode(attempts int) []byte {
	w := wire.NewWriter(nil)
	q.wish.MarshalTLS(w)
	w.U32(uint32(attempts))
	wire.WriteVector(w, q.wish.Adds)
	w.Bool(q.alone)
	return w.Bytes()
}

// readQueued reads what encode wrote, in the room's encoding.
func readQueued(in *wire.Reader, version uint8) queued {
	q := queued{wish: new(Wish)}
	q.wish.UnmarshalTLS(in)
	q.attempts = int(in.U32())
	if version > withoutAdds {
		in.At("room.queue.adds").Vector(func(in *wire.Reader) {
			var a Addition
			a.UnmarshalTLS(in)
			q.wish.Adds = append(q.wish.Adds, a)
		})
	}
	q.alone = version > withoutTogether && in.Bool()
	return q
}

func (f *flight) encode() []byte {
	w := wire.NewWriter(nil)
	w.U8(uint8(f.kind))
	w.OpaqueString(string(f.endpoint))
	w.Opaque(f.body)
	w.Bool(f.whole)
	w.Opaque(f.commit)
	w.Bool(f.anew)
	w.Bool(f.together)
	w.Bool(f.former)
	return w.Bytes()
}

// readFlight reads what encode wrote, in the room's encoding.
func readFlight(in *wire.Reader, version uint8) *flight {
	f := &flight{kind: flightKind(in.U8()), endpoint: mimi.Endpoint(in.String())}
	f.body = bytes.Clone(in.Opaque())
	f.whole = in.Bool()
	f.commit = bytes.Clone(in.Opaque())
	f.anew = version > withoutGap && in.Bool()
	f.together = version > withoutTogether && in.Bool()
	f.former = version > withoutFormer && in.Bool()
	return f
}

// loadQueue reads the parts of wishes and requests. front are those that stand before earlier ones.
func (r *Room) loadQueue(parts map[string][]byte, front []uint64) error {
	for name, body := range below(parts, queuePrefix) {
		in := wire.NewReader(body)
		q := readQueued(in, encodingVersion)
		var err error
		if q.n, err = strconv.ParseUint(name, 10, 64); err == nil {
			err = in.Done()
		}
		if err != nil {
			return fmt.Errorf("wish %s: %w", name, err)
		}
		r.count = max(r.count, q.n)
		r.queue = append(r.queue, q)
	}
	place := func(q queued) int {
		if i := slices.Index(front, q.n); i >= 0 {
			return i - len(front)
		}
		return 0
	}
	slices.SortFunc(r.queue, func(a, b queued) int { return cmp.Or(cmp.Compare(place(a), place(b)), cmp.Compare(a.n, b.n)) })
	for name, body := range below(parts, requestPrefix) {
		in := wire.NewReader(body)
		f := readFlight(in, encodingVersion)
		n, err := strconv.ParseUint(name, 10, 64)
		if err == nil {
			err = in.Done()
		}
		if err != nil {
			return fmt.Errorf("request %s: %w", name, err)
		}
		i := slices.IndexFunc(r.queue, func(q queued) bool { return q.n == n })
		if i != 0 {
			return fmt.Errorf("request %s: is not for the first wish", name)
		}
		r.flight = f
		r.queue[i].attempts++
	}
	return nil
}
