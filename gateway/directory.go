package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
)

// bucketRooms holds one record per room: what lists of rooms need, and which rooms to load at start.
const bucketRooms = "rooms"

// entry is a room's record. Open: the room was written since it was loaded and not left clean, so that the next start must load
// it whatever the rest, which is written with some delay, says.
type entry struct {
	mucmap.Summary
	Open bool
}

// directory knows all rooms. It is kept in memory and written behind, by one goroutine and many records at a time; only the mark
// Open is waited for.
type directory struct {
	store store.Store
	log   *slog.Logger

	mu      sync.Mutex
	rooms   map[string]entry
	waiting map[string]bool // names of rooms that wait for somebody's consent
	dirty   map[string]bool
	waiters []chan error
	sorted  []string // names, nil when out of date
	urgent  chan struct{}
	soon    chan struct{}
	quit    chan struct{}
}

// behind is how long a change of a summary may wait to be written.
const behind = time.Second

func newDirectory(s store.Store, log *slog.Logger) *directory {
	return &directory{
		store: s, log: log,
		rooms: make(map[string]entry), waiting: make(map[string]bool), dirty: make(map[string]bool),
		urgent: make(chan struct{}, 1), soon: make(chan struct{}, 1), quit: make(chan struct{}),
	}
}

// load reads all records and compares them with the rooms that are there. It returns the rooms, sorted by name.
func (d *directory) load(ctx context.Context) ([]entry, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for after := ""; ; {
		page, err := d.store.List(ctx, bucketRooms, "", after, store.MaxPage)
		if err != nil {
			return nil, err
		}
		for _, rec := range page {
			e := entry{Open: true} // a record that cannot be read is made anew from the room
			if err := json.Unmarshal(rec.Value, &e); err != nil {
				d.log.Warn("record of a room cannot be read", "room", rec.Key, "error", err)
			}
			e.Name = rec.Key
			d.rooms[rec.Key], after = e, rec.Key
		}
		if len(page) < store.MaxPage {
			break
		}
	}
	names, err := d.store.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	there := make(map[string]bool, len(names))
	for _, name := range names {
		there[name] = true
		if _, ok := d.rooms[name]; !ok {
			d.rooms[name] = entry{Summary: mucmap.Summary{Name: name}, Open: true}
		}
	}
	for name := range d.rooms {
		if !there[name] {
			delete(d.rooms, name)
			d.dirty[name] = true
		}
	}
	out := make([]entry, 0, len(d.rooms))
	for _, name := range slices.Sorted(maps.Keys(d.rooms)) {
		d.index(d.rooms[name])
		out = append(out, d.rooms[name])
	}
	return out, nil
}

func (d *directory) known(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.rooms[name]
	return ok
}

// countSuffix counts the rooms whose names end so.
func (d *directory) countSuffix(suffix string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.rooms {
		if strings.HasSuffix(name, suffix) {
			n++
		}
	}
	return n
}

// countPrefix counts the rooms whose names begin so.
func (d *directory) countPrefix(prefix string) (n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.rooms {
		if strings.HasPrefix(name, prefix) {
			n++
		}
	}
	return n
}

// direct says that a room is one of two users for themselves.
func (d *directory) direct(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rooms[name].Direct
}

// awaiting names the rooms that wait for somebody's consent, sorted.
func (d *directory) awaiting() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.waiting))
}

// hides says that a room does not tell who the users of our provider are.
func (d *directory) hides(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.rooms[name]
	return ok && !e.Anyone
}

func (d *directory) isOpen(name string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.rooms[name].Open
}

// open marks a room as being written to, durably.
func (d *directory) open(name string) error {
	done := make(chan error, 1)
	d.mu.Lock()
	e := d.rooms[name]
	e.Name, e.Open = name, true
	d.put(e)
	d.waiters = append(d.waiters, done)
	d.mu.Unlock()
	ring(d.urgent)
	return <-done
}

// set notes a summary.
func (d *directory) set(s mucmap.Summary) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.put(entry{Summary: s, Open: d.rooms[s.Name].Open})
	ring(d.soon)
}

// close notes that a room was left clean, to be woken at a time, if any.
func (d *directory) close(name string, wake time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.rooms[name]
	e.Name, e.Open, e.Wake = name, false, wake
	d.put(e)
	ring(d.soon)
}

// remove forgets a room.
func (d *directory) remove(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.rooms[name]; ok {
		delete(d.rooms, name)
		delete(d.waiting, name)
		d.dirty[name] = true
		d.sorted = nil
		ring(d.soon)
	}
}

// put stores an entry; d.mu is held.
func (d *directory) put(e entry) {
	old, ok := d.rooms[e.Name]
	if ok && old == e {
		return
	}
	if !ok {
		d.sorted = nil
	}
	d.rooms[e.Name] = e
	d.index(e)
	d.dirty[e.Name] = true
}

// index keeps the set of rooms that wait for consent; d.mu is held.
func (d *directory) index(e entry) {
	if e.Awaiting {
		d.waiting[e.Name] = true
	} else {
		delete(d.waiting, e.Name)
	}
}

// all yields the summaries of all rooms that exist, sorted by name, as of one moment.
func (d *directory) all() iter.Seq[mucmap.Summary] {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sorted == nil {
		d.sorted = slices.Sorted(maps.Keys(d.rooms))
	}
	names := d.sorted
	return func(yield func(mucmap.Summary) bool) {
		for _, name := range names {
			d.mu.Lock()
			e, ok := d.rooms[name]
			d.mu.Unlock()
			if ok && !yield(e.Summary) {
				return
			}
		}
	}
}

// run writes behind until stop.
func (d *directory) run() {
	var timer <-chan time.Time
	for {
		select {
		case <-d.urgent:
		case <-timer:
		case <-d.soon:
			if timer == nil {
				timer = time.After(behind)
			}
			continue
		case <-d.quit:
			d.flush()
			return
		}
		timer = nil
		if !d.flush() {
			timer = time.After(behind)
		}
	}
}

func (d *directory) stop() { close(d.quit) }

// flush writes all changes, in pieces that the store takes. False: some remain.
func (d *directory) flush() bool {
	d.mu.Lock()
	waiters := d.waiters
	d.waiters = nil
	names := slices.Sorted(maps.Keys(d.dirty))
	d.mu.Unlock()
	var failed error
	for piece := range slices.Chunk(names, store.MaxChanges) {
		if err := d.writeSome(piece); err != nil {
			failed = errors.Join(failed, err)
		}
	}
	for _, w := range waiters {
		w <- failed
	}
	if failed != nil {
		d.log.Warn("directory of rooms was not written; trying again", "error", failed)
	}
	return failed == nil
}

func (d *directory) writeSome(names []string) error {
	changes := make([]store.Change, 0, len(names))
	d.mu.Lock()
	for _, name := range names {
		c := store.Change{Key: name}
		if e, ok := d.rooms[name]; ok {
			value, err := json.Marshal(e)
			if err != nil {
				d.mu.Unlock()
				return err
			}
			c.Value = value
		}
		changes = append(changes, c)
		delete(d.dirty, name)
	}
	d.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), WriteTimeout)
	defer cancel()
	err := d.store.Update(ctx, bucketRooms, changes...)
	if err != nil {
		d.mu.Lock()
		for _, name := range names {
			d.dirty[name] = true
		}
		d.mu.Unlock()
	}
	return err
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}
