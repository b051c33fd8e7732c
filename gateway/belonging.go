package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/xmpp"
)

// bucketBelonging holds for each user the rooms that it belongs to, and since when it is not in them.
const bucketBelonging = "belonging"

// belongings knows which users belong to which rooms. It is kept in the store, written behind: after a crash the rooms that were open tell it again.
type belongings struct {
	store store.Store
	log   *slog.Logger

	mu      sync.Mutex
	dirty   map[xmpp.JID]map[string]mucmap.Belonging
	writing map[xmpp.JID]map[string]mucmap.Belonging // on the way to the store
	soon    chan struct{}
	quit    chan struct{}
}

func newBelongings(s store.Store, log *slog.Logger) *belongings {
	return &belongings{store: s, log: log, dirty: map[xmpp.JID]map[string]mucmap.Belonging{}, soon: make(chan struct{}, 1), quit: make(chan struct{})}
}

// note takes what a room says.
func (b *belongings) note(room string, all []mucmap.Belonging) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, one := range all {
		of := b.dirty[one.User]
		if of == nil {
			of = map[string]mucmap.Belonging{}
			b.dirty[one.User] = of
		}
		of[room] = one
	}
	ring(b.soon)
}

// of are the rooms that a user belongs to, with the time since when it was in none of its devices there.
func (b *belongings) of(ctx context.Context, user xmpp.JID) (map[string]time.Time, error) {
	rooms := map[string]time.Time{}
	rec, err := b.store.Get(ctx, bucketBelonging, user.String())
	switch {
	case errors.Is(err, store.ErrNotFound):
	case err != nil:
		return nil, err
	default:
		if err := json.Unmarshal(rec.Value, &rooms); err != nil {
			b.log.Warn("what rooms a user belongs to cannot be read", "user", user.String(), "error", err)
			rooms = map[string]time.Time{} // rooms tell it again when they are next used
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	change(rooms, b.writing[user])
	change(rooms, b.dirty[user])
	return rooms, nil
}

// change follows what rooms said. A user is remembered for MaxBelonging rooms: more do not become known.
func change(rooms map[string]time.Time, said map[string]mucmap.Belonging) {
	for room, one := range said {
		_, known := rooms[room]
		switch {
		case one.Gone:
			delete(rooms, room)
		case known || len(rooms) < MaxBelonging:
			rooms[room] = one.Since
		}
	}
}

// run writes behind until stop.
func (b *belongings) run() {
	var timer <-chan time.Time
	for {
		select {
		case <-timer:
			timer = nil
			if !b.flush() {
				timer = time.After(behind)
			}
		case <-b.soon:
			if timer == nil {
				timer = time.After(behind)
			}
		case <-b.quit:
			b.flush()
			return
		}
	}
}

func (b *belongings) stop() { close(b.quit) }

// flush writes all changes. False: some remain.
func (b *belongings) flush() bool {
	b.mu.Lock()
	users := make([]xmpp.JID, 0, len(b.dirty))
	for u := range b.dirty {
		users = append(users, u)
	}
	b.mu.Unlock()
	slices.SortFunc(users, xmpp.JID.Compare)
	for piece := range slices.Chunk(users, store.MaxChanges) {
		if err := b.write(piece); err != nil {
			b.log.Warn("who belongs to which rooms was not written; trying again", "error", err)
			return false
		}
	}
	return true
}

func (b *belongings) write(users []xmpp.JID) error {
	ctx, cancel := context.WithTimeout(context.Background(), WriteTimeout)
	defer cancel()
	b.mu.Lock()
	b.writing = map[xmpp.JID]map[string]mucmap.Belonging{}
	for _, u := range users {
		b.writing[u] = b.dirty[u]
		delete(b.dirty, u)
	}
	b.mu.Unlock()
	changes, err := b.changes(ctx, users)
	if err == nil {
		err = b.store.Update(ctx, bucketBelonging, changes...)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for u, said := range b.writing {
		if err != nil {
			for room, later := range b.dirty[u] {
				said[room] = later
			}
			b.dirty[u] = said
		}
	}
	b.writing = nil
	return err
}

// changes are the records of users as they are to be.
func (b *belongings) changes(ctx context.Context, users []xmpp.JID) ([]store.Change, error) {
	out := make([]store.Change, 0, len(users))
	for _, u := range users {
		rooms, err := b.of(ctx, u)
		if err != nil {
			return nil, err
		}
		c := store.Change{Key: u.String()}
		if len(rooms) > 0 {
			if c.Value, err = json.Marshal(rooms); err != nil {
				return nil, err
			}
		}
		out = append(out, c)
	}
	return out, nil
}
