package redisstore_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"anteroom/store"
	"anteroom/store/redisstore"
)

func isRefusal(err error) bool {
	return errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrInvalid) || errors.Is(err, store.ErrNotFound)
}

func TestWarnings(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string // a part of each
	}{
		{nil, nil},
		{[]string{"--maxmemory-policy", "allkeys-lru"}, nil}, // nothing is evicted without maxmemory
		{[]string{"--maxmemory", "50mb", "--maxmemory-policy", "allkeys-lru"}, []string{"maxmemory-policy is allkeys-lru"}},
		{[]string{"--appendfsync", "everysec"}, []string{"appendfsync is everysec"}},
		{[]string{"--appendonly", "no"}, []string{"appendonly is off"}},
		{[]string{"--rename-command", "CONFIG", ""}, []string{"does not tell its appendfsync"}},
		{[]string{"--rename-command", "INFO", ""}, []string{"does not tell its maxmemory-policy", "does not tell whether appendonly"}},
	} {
		t.Run(strings.Join(c.args, " "), func(t *testing.T) {
			r := startRedis(t, c.args...)
			s, warnings, err := redisstore.Open(t.Context(), r.URL(), redisstore.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if len(warnings) != len(c.want) {
				t.Errorf("warnings: %q, want %q", warnings, c.want)
				return
			}
			for i, want := range c.want {
				if !strings.Contains(warnings[i], want) {
					t.Errorf("warning %q does not say %q", warnings[i], want)
				}
			}
		})
	}
}

// TestAccess opens as a user of an access list that may touch only the keys of the prefix.
func TestAccess(t *testing.T) {
	r := startRedis(t, "--requirepass", "top-secret")
	url := func(user, password, tail string) string {
		return fmt.Sprintf("redis://%s:%s@%s/0%s", user, password, r.Addr(), tail)
	}
	admin := open(t, url("", "top-secret", ""), "admin:")
	if err := admin.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	do(t, r.Addr(), "top-secret", "acl", "setuser", "gateway", "on", ">room-secret", "~mine:*", "+@all", "-@dangerous", "+info")
	s := open(t, url("gateway", "room-secret", "?prefix=mine:"), "")
	f, err := s.Claim(t.Context(), store.RoomLease("r"), "o", store.MaxTTL)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Events: [][]byte{{1}}}); err != nil {
		t.Error(err)
	}
	if rooms, err := s.Rooms(t.Context()); len(rooms) != 1 || err != nil {
		t.Errorf("rooms: %q, %v", rooms, err)
	}
	for _, bad := range []string{url("gateway", "wrong-secret", ""), url("", "wrong-secret", ""), "redis://" + r.Addr(), url("gateway", "room-secret", "?prefix=other:")} {
		_, _, err := redisstore.Open(t.Context(), bad, redisstore.Options{})
		if err == nil || strings.Contains(err.Error(), "-secret") {
			t.Errorf("refused opening: %v", err)
		}
	}
}

func TestSchema(t *testing.T) {
	needRedis(t)
	prefix := freshPrefix()
	open(t, shared.URL(), prefix)
	if err := client(t, shared.Addr()).Set(t.Context(), prefix+"schema", "99", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := redisstore.Open(t.Context(), shared.URL(), redisstore.Options{Prefix: prefix}); err == nil || !strings.Contains(err.Error(), `schema "99"`) {
		t.Errorf("a schema to come: %v", err)
	}
}
