package redisstore

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// inspect returns what about the servers' settings may lose data. What a server does not tell is a warning as well.
func (s *Store) inspect(ctx context.Context) ([]string, error) {
	var mu sync.Mutex
	var warnings []string
	err := s.eachMaster(ctx, func(ctx context.Context, db redis.UniversalClient) error {
		found, err := inspectServer(ctx, db)
		mu.Lock()
		defer mu.Unlock()
		warnings = append(warnings, found...)
		return err
	})
	if err != nil {
		return nil, failed("inspect", err)
	}
	slices.Sort(warnings)
	return slices.Compact(warnings), nil
}

func inspectServer(ctx context.Context, db redis.UniversalClient) ([]string, error) {
	settings := make(map[string]string)
	for _, section := range []string{"memory", "persistence"} {
		text, err := db.Info(ctx, section).Result()
		if err != nil {
			if _, refused := err.(redis.Error); refused {
				continue // by an access list
			}
			return nil, err
		}
		for line := range strings.Lines(text) {
			if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
				settings[name] = value
			}
		}
	}
	if values, err := db.ConfigGet(ctx, "appendfsync").Result(); err == nil {
		settings["appendfsync"] = values["appendfsync"]
	}
	return judge(settings), nil
}

// judge reads INFO's maxmemory, maxmemory_policy and aof_enabled, and CONFIG's appendfsync.
func judge(settings map[string]string) (warnings []string) {
	switch policy := settings["maxmemory_policy"]; {
	case policy == "":
		warnings = append(warnings, "redis does not tell its maxmemory-policy: make sure that it is noeviction")
	case policy != "noeviction" && settings["maxmemory"] != "0":
		warnings = append(warnings, "redis may evict rooms: maxmemory-policy is "+policy+"; set it to noeviction")
	}
	switch settings["aof_enabled"] {
	case "":
		warnings = append(warnings, "redis does not tell whether appendonly is on: make sure that it is yes")
	case "0":
		return append(warnings, "redis forgets acknowledged writes when it ends: appendonly is off; set it to yes, and appendfsync to always")
	}
	switch fsync := settings["appendfsync"]; fsync {
	case "always":
	case "":
		warnings = append(warnings, "redis does not tell its appendfsync: always is the setting that loses nothing when its machine fails")
	default:
		warnings = append(warnings, "redis may forget the last second of writes when its machine fails: appendfsync is "+fsync+"; set it to always")
	}
	return warnings
}
