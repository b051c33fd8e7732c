package redisstore_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/redis/go-redis/v9"

	"anteroom/internal/servertest"
	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/store/redisstore"
	"anteroom/store/storetest"
)

var (
	shared   *servertest.Redis // for all tests that leave the server as it is; nil: not installed
	prefixes atomic.Int64
)

func TestMain(m *testing.M) {
	var err error
	if shared, err = servertest.StartRedis("--appendfsync", "no"); err != nil && !errors.Is(err, servertest.ErrNoRedis) {
		log.Fatal(err)
	}
	status := m.Run()
	if shared != nil {
		if err := shared.Stop(); err != nil {
			log.Print(err)
			status = 1
		}
	}
	os.Exit(status)
}

// needRedis skips without a redis-server, except in CI, where it fails.
func needRedis(t testing.TB) {
	t.Helper()
	switch {
	case shared != nil:
	case os.Getenv("CI") != "":
		t.Fatal(servertest.ErrNoRedis)
	default:
		t.Skip("SKIPPED, NOTHING TESTED: ", servertest.ErrNoRedis)
	}
}

func open(t testing.TB, url, prefix string) *redisstore.Store {
	t.Helper()
	s, _, err := redisstore.Open(context.Background(), url, redisstore.Options{Prefix: prefix})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func freshPrefix() string { return fmt.Sprintf("t[*]%d:", prefixes.Add(1)) }

func place(url, prefix string) storetest.Place {
	return storetest.Place{
		Open:   func(t *testing.T) store.Store { return open(t, url, prefix) },
		Shared: true,
		Model:  func() store.Store { return memstore.New() },
	}
}

func TestContract(t *testing.T) {
	needRedis(t)
	storetest.Run(t, func(t *testing.T) storetest.Place { return place(shared.URL(), freshPrefix()) })
}

func client(t testing.TB, addr string) *redis.Client {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { c.Close() })
	return c
}

// TestUnixSocket also uses another database, and a prefix from the URL.
func TestUnixSocket(t *testing.T) {
	needRedis(t)
	s := open(t, "unix://"+shared.Socket+"?db=3&prefix=mine:", "ignored:")
	if err := s.Update(t.Context(), "b", store.Change{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	c := redis.NewClient(&redis.Options{Addr: shared.Addr(), DB: 3})
	defer c.Close()
	keys, err := c.Keys(t.Context(), "*").Result()
	if err != nil || len(keys) == 0 {
		t.Fatalf("keys %q, %v", keys, err)
	}
	for _, key := range keys {
		if !strings.HasPrefix(key, "mine:") {
			t.Errorf("key %q has another prefix", key)
		}
	}
}

// TestScriptsForgotten: a server that lost its script cache (SCRIPT FLUSH, failover) is taught again.
func TestScriptsForgotten(t *testing.T) {
	needRedis(t)
	s := open(t, shared.URL(), freshPrefix())
	f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	for seq := range store.Seq(3) {
		if err := client(t, shared.Addr()).ScriptFlush(t.Context()).Err(); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Seq: seq, Events: [][]byte{{1}}}); err != nil {
			t.Fatalf("write %d: %v", seq, err)
		}
	}
}

// TestNothingLeft: a deleted room leaves no keys but its fence, which runs out; the same for a room that was only claimed.
func TestNothingLeft(t *testing.T) {
	needRedis(t)
	prefix := fmt.Sprintf("left%d:", prefixes.Add(1))
	s := open(t, shared.URL(), prefix)
	c := client(t, shared.Addr())
	f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	left := func(why string, forever ...string) {
		t.Helper()
		keys, err := c.Keys(t.Context(), prefix+"*").Result()
		if err != nil {
			t.Fatal(err)
		}
		got := map[string]bool{}
		for _, key := range keys {
			if ttl := c.TTL(t.Context(), key).Val(); ttl < 0 {
				got[strings.TrimPrefix(key, prefix)] = true
			}
		}
		for _, key := range append(forever, "schema") {
			if !got[key] {
				t.Errorf("%s: %s is missing or runs out", why, key)
			}
			delete(got, key)
		}
		if len(got) > 0 {
			t.Errorf("%s: left for ever: %v", why, got)
		}
	}
	left("claimed")
	b := store.Batch{
		Room: "r", Fence: f, Events: [][]byte{{1}}, Snapshot: []byte{2}, SetSecrets: map[string][]byte{"s": {1}},
		Outbox: []store.OutboxEntry{{ID: 1}}, Archive: []store.ArchiveEntry{{ID: "m"}},
	}
	b.Archive[0].Time = b.Archive[0].Time.AddDate(2000, 0, 0)
	if err := s.Write(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	left("written", "room:{r}:fence", "room:{r}:head", "room:{r}:snapshot", "room:{r}:events", "room:{r}:secrets",
		"room:{r}:outbox", "room:{r}:archive", "room:{r}:places")
	if err := s.Delete(t.Context(), "r", f, nil); err != nil {
		t.Fatal(err)
	}
	left("deleted")
}

// TestFenceAhead: fences go on from the last one when the server's clock stepped back, or did not move.
func TestFenceAhead(t *testing.T) {
	needRedis(t)
	s := open(t, shared.URL(), "ahead:")
	const last = 1 << 52
	if err := client(t, shared.Addr()).Set(t.Context(), "ahead:room:{r}:fence", last, 0).Err(); err != nil {
		t.Fatal(err)
	}
	for i := range store.Fence(3) {
		if f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL); err != nil || f != last+1+i {
			t.Errorf("fence %d, %v", f, err)
		}
	}
}

// do sends one command.
func do(t *testing.T, addr, password string, args ...any) string {
	t.Helper()
	c := redis.NewClient(&redis.Options{Addr: addr, Password: password})
	defer c.Close()
	reply, err := c.Do(t.Context(), args...).Text()
	if err != nil {
		t.Fatalf("%v: %v", args[0], err)
	}
	return reply
}

// waitForCluster asks until the server says that all slots are served.
func waitForCluster(t *testing.T, addr string) {
	t.Helper()
	for !strings.Contains(do(t, addr, "", "cluster", "info"), "cluster_state:ok") {
	}
}
