package boltstore

import (
	"bytes"
	"context"

	"go.etcd.io/bbolt"

	"anteroom/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, bucket, key string) (store.Record, error) {
	if err := store.CheckGet(bucket, key); err != nil {
		return store.Record{}, err
	}
	var rec store.Record
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketRecords).Bucket([]byte(bucket))
		if b == nil {
			return store.ErrNotFound
		}
		raw := b.Get([]byte(key))
		if raw == nil {
			return store.ErrNotFound
		}
		var err error
		rec, err = parseRecord([]byte(key), raw)
		return err
	})
	return rec, err
}

func parseRecord(key, raw []byte) (store.Record, error) {
	if len(raw) < 8 {
		return store.Record{}, store.ErrCorrupt
	}
	return store.Record{Key: string(key), Value: clone(raw[8:]), Version: store.Version(number(raw))}, nil
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, bucket string, changes ...store.Change) error {
	if err := store.CheckUpdate(bucket, changes); err != nil {
		return err
	}
	return s.update(ctx, func(tx *bbolt.Tx) error {
		records := tx.Bucket(bucketRecords)
		b, err := records.CreateBucketIfNotExists([]byte(bucket))
		if err != nil {
			return err
		}
		for _, c := range changes {
			raw := b.Get([]byte(c.Key))
			if !c.Holds(store.Version(number(raw)), raw != nil) {
				return store.ErrConflict
			}
		}
		for _, c := range changes {
			if c.Value == nil {
				if err := b.Delete([]byte(c.Key)); err != nil {
					return err
				}
				continue
			}
			version, err := records.NextSequence()
			if err != nil {
				return err
			}
			if err := b.Put([]byte(c.Key), append(bytesOf(version), c.Value...)); err != nil {
				return err
			}
		}
		return nil
	})
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, bucket, prefix, after string, limit int) ([]store.Record, error) {
	if err := store.CheckList(bucket, prefix, after, limit); err != nil {
		return nil, err
	}
	var out []store.Record
	err := s.view(ctx, func(tx *bbolt.Tx) error {
		b := tx.Bucket(bucketRecords).Bucket([]byte(bucket))
		if b == nil {
			return nil
		}
		c := b.Cursor()
		k, v := c.Seek([]byte(max(prefix, after)))
		if after != "" && string(k) == after {
			k, v = c.Next()
		}
		for ; k != nil && bytes.HasPrefix(k, []byte(prefix)) && len(out) < limit; k, v = c.Next() {
			rec, err := parseRecord(k, v)
			if err != nil {
				return err
			}
			out = append(out, rec)
		}
		return nil
	})
	return out, err
}
