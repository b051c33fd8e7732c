package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
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
		return nil, writable(err, filepath.Dir(cfg.KeyFile))
	}
	if err := checkStore(cfg); err != nil {
		return nil, err
	}
	inner, err := openBackend(ctx, cfg, log)
	if err != nil {
		return nil, err
	}
	sealed, key, err := sealStore(ctx, inner, cfg.KeyFile, log)
	if err != nil {
		return nil, errors.Join(err, inner.Close())
	}
	log.Info("store opened", "url", cfg.Redacted(), "key", key.ID())
	return sealed, nil
}

// checkStore says what keeps a store from being opened, as far as that can be told without opening it.
func checkStore(cfg *config.Store) error {
	if cfg.URL == "memory:" {
		return nil
	}
	if !strings.HasPrefix(cfg.URL, "bolt:") {
		if err := redisstore.CheckURL(cfg.URL); err != nil {
			return fmt.Errorf("store.url: %w", err)
		}
	}
	if _, err := store.LoadKeyFile(cfg.KeyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sealStore seals a store with the key of a file. A new key is only made for a new store: beside one that is sealed it would be taken
// for the key that is missing.
func sealStore(ctx context.Context, inner store.Store, file string, log *slog.Logger) (store.Store, store.Key, error) {
	if _, err := os.Lstat(file); errors.Is(err, fs.ErrNotExist) {
		switch id, err := store.SealedWith(ctx, inner); {
		case err != nil:
			return nil, store.Key{}, err
		case id != "":
			return nil, store.Key{}, fmt.Errorf("store.key_file %s is missing, and the store is sealed with key %s: put the copy of that key file there", file, id)
		}
	}
	key, created, err := store.LoadOrCreateKeyFile(file)
	if err != nil {
		return nil, key, writable(err, file)
	}
	if created {
		log.Warn("sealing key created; keep a copy, without it the store cannot be read", "file", file, "key", key.ID())
	}
	sealed, err := store.Seal(ctx, inner, key)
	return sealed, key, err
}

// writable says, of a file that this user may not make or write, who must be able to.
func writable(err error, file string) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: user %d, who runs anteroom, must be able to write in %s", err, os.Getuid(), filepath.Dir(file))
	}
	return err
}

func openBackend(ctx context.Context, cfg *config.Store, log *slog.Logger) (store.Store, error) {
	if strings.HasPrefix(cfg.URL, "bolt:") {
		path, err := boltstore.Path(cfg.URL)
		if err != nil {
			return nil, err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, writable(err, filepath.Dir(path))
		}
		s, err := boltstore.Open(path)
		return s, writable(err, path)
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
		log.Error("store cannot be opened; trying again", "url", cfg.Redacted(), "advice", "start the server that store.url names, or correct the URL", "error", err, "retry_in", pause.String())
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
	level := slog.LevelWarn
	if strings.Contains(format, "failed to dial") {
		level = slog.LevelDebug // the store says so itself, and again when it waits
	}
	l.log.Log(ctx, level, "store: "+fmt.Sprintf(format, args...))
}
