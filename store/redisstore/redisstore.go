// Package redisstore keeps rooms and records in Redis or Valkey: one server, Sentinel, or Cluster. Several gateways
// share it; a write of a room is one Lua script that compares fence and sequence on the server and touches only keys
// of that room, which share a slot.
//
// How long an acknowledged write lasts is the server's matter: Open returns a warning for every setting it can see
// that may lose or evict data. A write is never sent twice by itself. Needs Redis 6.2 or later.
//
// Not implemented: reading from replicas, WAIT for replicas. After a failover that lost acknowledged writes, a
// gateway's next write of such a room is store.ErrConflict, and it loads what is left.
package redisstore

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"anteroom/store"
)

// fenceLife is how long the fence of a room that was never written is remembered. It exceeds every lease, and fences
// come from the server's clock, so one that was forgotten is not given out again.
const fenceLife = 7 * 24 * time.Hour

// DefaultPrefix begins all keys unless Options say otherwise.
const DefaultPrefix = "anteroom:"

// Options are what a URL does not say.
type Options struct {
	Prefix string      // of all keys, no braces; empty: DefaultPrefix. A prefix in the URL wins
	TLS    *tls.Config // for rediss schemes; nil: the system's roots
}

// Store is a store.Store on a Redis server.
type Store struct {
	db     redis.UniversalClient
	prefix string
}

// Open connects and checks the layout of what is there. warnings say what about the server's settings may lose data,
// each a line for the log.
//
// URLs: redis://user:password@host:port/db, rediss:// for TLS, unix://user:password@/path?db=1,
// redis+sentinel://user:password@host:port,host:port/master/db, redis+cluster://host:port,host:port, and
// rediss+sentinel, rediss+cluster. ?prefix=x: sets the key prefix.
func Open(ctx context.Context, rawURL string, o Options) (s *Store, warnings []string, err error) {
	opts, prefix, err := parseURL(rawURL, o)
	if err != nil {
		return nil, nil, err
	}
	opts.ContextTimeoutEnabled = true
	opts.DisableIdentity = true
	opts.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	s = &Store{db: redis.NewUniversalClient(opts), prefix: prefix}
	if err = s.checkSchema(ctx); err == nil {
		warnings, err = s.inspect(ctx)
	}
	if err != nil {
		return nil, nil, errors.Join(err, s.db.Close())
	}
	return s, warnings, nil
}

func (s *Store) checkSchema(ctx context.Context) error {
	if err := s.db.SetNX(ctx, s.prefix+schemaKey, schema, 0).Err(); err != nil {
		return fmt.Errorf("redisstore: %w", err)
	}
	have, err := s.db.Get(ctx, s.prefix+schemaKey).Result()
	if err != nil {
		return fmt.Errorf("redisstore: %w", err)
	}
	if have != schema {
		return fmt.Errorf("redisstore: schema %q; this program reads %q", have, schema)
	}
	return nil
}

// Rooms implements store.Store. It goes through all keys of the server.
func (s *Store) Rooms(ctx context.Context) ([]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	var mu sync.Mutex
	var rooms []string
	err := s.eachMaster(ctx, func(ctx context.Context, db redis.UniversalClient) error {
		keys := db.Scan(ctx, 0, s.headPattern(), 1000).Iterator()
		for keys.Next(ctx) {
			room, err := s.roomOf(keys.Val())
			if err != nil {
				return err
			}
			mu.Lock()
			rooms = append(rooms, room)
			mu.Unlock()
		}
		return keys.Err()
	})
	if err != nil {
		return nil, failed("rooms", err)
	}
	slices.Sort(rooms)
	return slices.Compact(rooms), nil // SCAN may return a key twice
}

func (s *Store) eachMaster(ctx context.Context, do func(context.Context, redis.UniversalClient) error) error {
	if cluster, ok := s.db.(*redis.ClusterClient); ok {
		return cluster.ForEachMaster(ctx, func(ctx context.Context, c *redis.Client) error { return do(ctx, c) })
	}
	return do(ctx, s.db)
}

// Claim implements store.Store.
func (s *Store) Claim(ctx context.Context, l store.Lease, owner string, ttl time.Duration) (store.Fence, error) {
	if err := store.CheckClaim(l, owner, ttl); err != nil {
		return 0, err
	}
	reply, err := s.run(ctx, scriptClaim, s.leaseKeys(l), owner, ttl.Milliseconds(), fenceLife.Milliseconds()).StringSlice()
	if err != nil {
		return 0, failed("claim", err)
	}
	if len(reply) == 2 {
		left, err := parseNumber(reply[1])
		if err != nil {
			return 0, err
		}
		return 0, &store.HeldError{Lease: l, Owner: reply[0], Left: time.Duration(max(left, 1)) * time.Millisecond}
	}
	if len(reply) != 1 {
		return 0, fmt.Errorf("%w: claim", store.ErrCorrupt)
	}
	fence, err := parseNumber(reply[0])
	return store.Fence(fence), err
}

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, l store.Lease, owner string, f store.Fence, ttl time.Duration) error {
	if err := store.CheckClaim(l, owner, ttl); err != nil {
		return err
	}
	return verdict("renew", s.run(ctx, scriptRenew, s.leaseKeys(l)[:2], owner, number(f), ttl.Milliseconds(), fenceLife.Milliseconds()))
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, l store.Lease, owner string, f store.Fence) error {
	return verdict("release", s.run(ctx, scriptRelease, s.leaseKeys(l)[:2], owner, number(f)))
}

// Delete implements store.Store.
func (s *Store) Delete(ctx context.Context, room string, f store.Fence, tombstone []byte) error {
	if err := store.CheckDelete(room, f, tombstone); err != nil {
		return err
	}
	return verdict("delete", s.run(ctx, scriptDelete, s.roomKeys(room), number(f), tombstone, fenceLife.Milliseconds()))
}

// Ping implements store.Store.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.db.Ping(ctx).Err(); err != nil {
		return failed("ping", err)
	}
	return nil
}

// Close implements store.Store.
func (s *Store) Close() error {
	err := s.db.Close()
	if errors.Is(err, redis.ErrClosed) {
		return nil
	}
	return err
}
