package redisstore

import (
	"context"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"anteroom/store"
)

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, bucket, key string) (store.Record, error) {
	if err := store.CheckGet(bucket, key); err != nil {
		return store.Record{}, err
	}
	if err := ctx.Err(); err != nil {
		return store.Record{}, err
	}
	raw, err := s.db.HGet(ctx, s.recordKeys(bucket)[0], key).Result()
	if err == redis.Nil {
		return store.Record{}, store.ErrNotFound
	}
	if err != nil {
		return store.Record{}, failed("get", err)
	}
	return parseRecord(key, raw)
}

func parseRecord(key, raw string) (store.Record, error) {
	version, value, ok := strings.Cut(raw, ":")
	n, err := parseNumber(version)
	if !ok || err != nil {
		return store.Record{}, fmt.Errorf("%w: record", store.ErrCorrupt)
	}
	return store.Record{Key: key, Value: []byte(value), Version: store.Version(n)}, nil
}

// Update implements store.Store.
func (s *Store) Update(ctx context.Context, bucket string, changes ...store.Change) error {
	if err := store.CheckUpdate(bucket, changes); err != nil {
		return err
	}
	args := make([]any, 0, 3*len(changes))
	for _, c := range changes {
		condition, change := "", "x"
		switch c.If {
		case 0:
		case store.Absent:
			condition = "-"
		default:
			condition = number(c.If)
		}
		if c.Value != nil {
			change = "s" + string(c.Value)
		}
		args = append(args, c.Key, condition, change)
	}
	return verdict("update", s.run(ctx, scriptUpdate, s.recordKeys(bucket), args...))
}

// List implements store.Store.
func (s *Store) List(ctx context.Context, bucket, prefix, after string, limit int) ([]store.Record, error) {
	if err := store.CheckList(bucket, prefix, after, limit); err != nil {
		return nil, err
	}
	least, greatest := "["+prefix, lexEnd(prefix)
	if after >= prefix {
		least = "(" + after
	}
	reply, err := s.run(ctx, scriptList, s.recordKeys(bucket)[:2], least, greatest, limit).StringSlice()
	if err != nil {
		return nil, failed("list", err)
	}
	var out []store.Record
	for i := 0; i+1 < len(reply); i += 2 {
		rec, err := parseRecord(reply[i], reply[i+1])
		if err != nil {
			return nil, err
		}
		out = append(out, rec)
	}
	return out, nil
}

// lexEnd is the bound for ZRANGEBYLEX that is just beyond all keys with a prefix.
func lexEnd(prefix string) string {
	end := []byte(prefix)
	for len(end) > 0 && end[len(end)-1] == 0xff {
		end = end[:len(end)-1]
	}
	if len(end) == 0 {
		return "+"
	}
	end[len(end)-1]++
	return "(" + string(end)
}
