package boltstore

import (
	"context"
	"encoding/binary"
	"time"

	"go.etcd.io/bbolt"

	"anteroom/store"
)

// An archive entry is: ordering time, time (8 bytes each, microseconds), then id, sender and body, the first two with
// their length in 2 bytes before them. Places are consecutive.
type archived struct {
	order int64
	entry store.ArchiveEntry
}

func (a archived) bytes() []byte {
	out := append(bytesOf(uint64(a.order)), bytesOf(uint64(store.Micros(a.entry.Time)))...)
	return append(out, join([]byte(a.entry.ID), join([]byte(a.entry.Sender), a.entry.Body))...)
}

func parseArchived(raw []byte) (archived, error) {
	if len(raw) < 16 {
		return archived{}, store.ErrCorrupt
	}
	id, rest, ok := cut(raw[16:])
	sender, body, ok2 := cut(rest)
	if !ok || !ok2 {
		return archived{}, store.ErrCorrupt
	}
	return archived{
		order: int64(number(raw)),
		entry: store.ArchiveEntry{
			ID: string(id), Time: time.UnixMicro(int64(number(raw[8:]))).UTC(), Sender: string(sender), Body: clone(body),
		},
	}, nil
}

// join puts a short string, with its length before it, and the rest into one.
func join(short, rest []byte) []byte {
	out := make([]byte, 0, 2+len(short)+len(rest))
	out = binary.BigEndian.AppendUint16(out, uint16(len(short))) // store.MaxKey fits
	return append(append(out, short...), rest...)
}

func cut(raw []byte) (short, rest []byte, ok bool) {
	if len(raw) < 2 {
		return nil, nil, false
	}
	n := int(binary.BigEndian.Uint16(raw))
	if raw = raw[2:]; len(raw) < n {
		return nil, nil, false
	}
	return raw[:n], raw[n:], true
}

func applyArchive(room *bbolt.Bucket, b *store.Batch) error {
	if len(b.Archive)+len(b.Redact) == 0 && b.ArchiveBefore.IsZero() {
		return nil
	}
	archive, err := room.CreateBucketIfNotExists(bucketArchive)
	if err != nil {
		return err
	}
	places, err := room.CreateBucketIfNotExists(bucketPlaces)
	if err != nil {
		return err
	}
	if err := appendArchive(archive, places, b.Archive); err != nil {
		return err
	}
	for _, red := range b.Redact {
		place := places.Get([]byte(red.ID))
		if place == nil {
			continue
		}
		a, err := parseArchived(archive.Get(place))
		if err != nil {
			return err
		}
		a.entry.Body = red.Body
		if err := archive.Put(clone(place), a.bytes()); err != nil {
			return err
		}
	}
	if b.ArchiveBefore.IsZero() {
		return nil
	}
	return retain(archive, places, store.Micros(b.ArchiveBefore))
}

func appendArchive(archive, places *bbolt.Bucket, entries []store.ArchiveEntry) error {
	_, next := span(archive)
	order := int64(0)
	if next > 0 {
		order = int64(number(archive.Get(bytesOf(next - 1))))
	}
	archive.FillPercent = 0.9 // keys ascend
	for _, e := range entries {
		order = max(order, store.Micros(e.Time))
		place := bytesOf(next)
		if err := archive.Put(place, archived{order, e}.bytes()); err != nil {
			return err
		}
		if err := places.Put([]byte(e.ID), place); err != nil {
			return err
		}
		next++
	}
	return nil
}

// retain forgets the entries whose ordering time is before.
func retain(archive, places *bbolt.Bucket, before int64) error {
	var ids [][]byte
	err := forget(archive, func(_, raw []byte) bool {
		if int64(number(raw)) >= before {
			return false
		}
		if len(raw) >= 16 {
			if id, _, ok := cut(raw[16:]); ok {
				ids = append(ids, clone(id))
			}
		}
		return true
	})
	for _, id := range ids {
		if err != nil {
			return err
		}
		err = places.Delete(id)
	}
	return err
}

// span returns the first place and the one after the last; an empty archive begins again at 0.
func span(archive *bbolt.Bucket) (lo, hi uint64) {
	c := archive.Cursor()
	first, _ := c.First()
	if first == nil {
		return 0, 0
	}
	last, _ := c.Last()
	return number(first), number(last) + 1
}

// Archive implements store.Store.
func (s *Store) Archive(ctx context.Context, key string, q store.ArchiveQuery) (store.ArchivePage, error) {
	if err := store.CheckArchive(key, q); err != nil {
		return store.ArchivePage{}, err
	}
	var page store.ArchivePage
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		var archive, places *bbolt.Bucket
		lo, hi := uint64(0), uint64(0)
		if room := tx.Bucket(bucketRooms).Bucket([]byte(key)); room != nil {
			archive, places = room.Bucket(bucketArchive), room.Bucket(bucketPlaces)
		}
		if archive != nil {
			lo, hi = span(archive)
		}
		sel, err := q.Select(lo, hi,
			func(place uint64) (int64, error) { return int64(number(archive.Get(bytesOf(place)))), nil },
			func(id string) (uint64, error) {
				if places == nil {
					return 0, store.ErrNotFound
				}
				place := places.Get([]byte(id))
				if place == nil {
					return 0, store.ErrNotFound
				}
				return number(place), nil
			})
		if err != nil {
			return err
		}
		page = store.ArchivePage{Index: sel.Index, Total: sel.Total, Complete: sel.Complete}
		for place := sel.From; place < sel.To; place++ {
			a, err := parseArchived(archive.Get(bytesOf(place)))
			if err != nil {
				return err
			}
			page.Entries = append(page.Entries, a.entry)
		}
		return nil
	})
	return page, err
}
