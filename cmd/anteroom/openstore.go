package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"anteroom/config"
	"anteroom/mls"
	"anteroom/store"
	"anteroom/store/boltstore"
	"anteroom/store/memstore"
	"anteroom/store/redisstore"
)

// openStore opens the configured store, sealed with its key; a missing key file is created. A Redis that does not answer yet is
// waited for.
func openStore(ctx context.Context, cfg *config.Store, log *slog.Logger) (store.Store, error) {
	if cfg.URL == "memory:" {
		log.Warn("the store is in memory: nothing outlives this process")
		return store.Seal(ctx, memstore.New(), store.NewKey())
	}
	if err := os.MkdirAll(filepath.Dir(cfg.KeyFile), 0o700); err != nil {
		return nil, err
	}
	key, created, err := store.LoadOrCreateKeyFile(cfg.KeyFile)
	if err != nil {
		return nil, err
	}
	if created {
		log.Warn("sealing key created; keep a copy, without it the store cannot be read", "file", cfg.KeyFile, "key", key.ID())
	}
	inner, err := openBackend(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	sealed, err := store.Seal(ctx, inner, key)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	log.Info("store opened", "url", cfg.Redacted(), "key", key.ID())
	return sealed, nil
}

func openBackend(ctx context.Context, cfg *config.Store, log *slog.Logger) (store.Store, error) {
	if strings.HasPrefix(cfg.URL, "bolt:") {
		path, err := boltstore.Path(cfg.URL)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, err
		}
		return boltstore.Open(path)
	}
	redis.SetLogger(redisLog{log})
	for pause := time.Second; ; pause = min(2*pause, 30*time.Second) {
		s, warnings, err := redisstore.Open(ctx, cfg.URL, redisstore.Options{})
		if err == nil {
			for _, w := range warnings {
				log.Warn("store: "+w, "url", cfg.Redacted())
			}
			return s, nil
		}
		log.Error("store cannot be opened; trying again", "url", cfg.Redacted(), "error", err, "retry_in", pause)
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, fmt.Errorf("store %s: %w", cfg.Redacted(), err)
		}
	}
}

// bucketService holds records of the whole service.
const bucketService = "service"

// hubSigner is the key with which the provider signs as hub. Its seed is a sealed record, made on the first start.
func hubSigner(ctx context.Context, s store.Store, suite mls.CipherSuite, fresh mls.Seed) (mls.Signer, error) {
	const key = "hub key seed"
	rec, err := s.Get(ctx, bucketService, key)
	if errors.Is(err, store.ErrNotFound) {
		err = s.Update(ctx, bucketService, store.Change{Key: key, Value: fresh[:], If: store.Absent})
		if err != nil && !errors.Is(err, store.ErrConflict) {
			return mls.Signer{}, fmt.Errorf("hub key: %w", err)
		}
		rec, err = s.Get(ctx, bucketService, key)
	}
	if err != nil {
		return mls.Signer{}, fmt.Errorf("hub key: %w", err)
	}
	if len(rec.Value) != len(fresh) {
		return mls.Signer{}, fmt.Errorf("hub key: %w", store.ErrCorrupt)
	}
	return mls.NewSigner(suite, mls.Seed(rec.Value))
}

// redisLog makes what the Redis client has to say a line of our log.
type redisLog struct{ log *slog.Logger }

func (l redisLog) Printf(ctx context.Context, format string, args ...any) {
	l.log.WarnContext(ctx, "store: "+fmt.Sprintf(format, args...))
}
