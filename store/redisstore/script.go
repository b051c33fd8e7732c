package redisstore

import (
	"context"
	_ "embed" // scripts
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"

	"anteroom/store"
)

var (
	//go:embed load.lua
	sourceLoad string
	//go:embed write.lua
	sourceWrite string
	//go:embed delete.lua
	sourceDelete string
	//go:embed archive.lua
	sourceArchive string
	//go:embed claim.lua
	sourceClaim string
	//go:embed renew.lua
	sourceRenew string
	//go:embed release.lua
	sourceRelease string
	//go:embed update.lua
	sourceUpdate string
	//go:embed list.lua
	sourceList string

	scriptLoad    = newScript(sourceLoad).reading()
	scriptWrite   = newScript(sourceWrite)
	scriptDelete  = newScript(sourceDelete)
	scriptArchive = newScript(sourceArchive).reading()
	scriptClaim   = newScript(sourceClaim)
	scriptRenew   = newScript(sourceRenew)
	scriptRelease = newScript(sourceRelease)
	scriptUpdate  = newScript(sourceUpdate)
	scriptList    = newScript(sourceList).reading()
)

type script struct {
	source, hash string
	reads        bool // and changes nothing: the client may repeat it
}

func newScript(source string) script {
	return script{source: source, hash: redis.NewScript(source).Hash()}
}

func (sc script) reading() script {
	sc.reads = true
	return sc
}

// once is a command that the client never repeats by itself: a script that had run already would find its own write
// and report a conflict.
type once struct{ *redis.Cmd }

// NoRetry is asked by the client.
func (once) NoRetry() bool { return true }

// call is one run of a script.
type call struct {
	script script
	keys   []string
	args   []any
}

func (c call) command(ctx context.Context, verb, script string) *redis.Cmd {
	args := make([]any, 0, 3+len(c.keys)+len(c.args))
	args = append(args, verb, script, len(c.keys))
	for _, key := range c.keys {
		args = append(args, key)
	}
	return redis.NewCmd(ctx, append(args, c.args...)...)
}

// run runs one script.
func (s *Store) run(ctx context.Context, sc script, keys []string, args ...any) *redis.Cmd {
	return s.runAll(ctx, []call{{sc, keys, args}})[0]
}

// runAll runs scripts in one round trip. Those the server does not know yet, and has therefore not run, are sent once
// more with their source.
func (s *Store) runAll(ctx context.Context, calls []call) []*redis.Cmd {
	out := make([]*redis.Cmd, len(calls))
	first := make([]int, len(calls))
	for i := range calls {
		first[i] = i
	}
	s.send(ctx, calls, first, out, "evalsha", func(sc script) string { return sc.hash })
	var unknown []int
	for i, cmd := range out {
		if err := cmd.Err(); err != nil && strings.HasPrefix(err.Error(), "NOSCRIPT") {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) > 0 {
		s.send(ctx, calls, unknown, out, "eval", func(sc script) string { return sc.source })
	}
	return out
}

func (s *Store) send(ctx context.Context, calls []call, which []int, out []*redis.Cmd, verb string, text func(script) string) {
	if err := ctx.Err(); err != nil {
		for _, i := range which {
			out[i] = redis.NewCmd(ctx)
			out[i].SetErr(err)
		}
		return
	}
	pipe := s.db.Pipeline()
	for _, i := range which {
		out[i] = calls[i].command(ctx, verb, text(calls[i].script))
		if calls[i].script.reads {
			pipe.Process(ctx, out[i]) // only queues
		} else {
			pipe.Process(ctx, once{out[i]})
		}
	}
	pipe.Exec(ctx) // every command has its own error
}

// verdict turns the reply of a script that changes something into the error of a method.
func verdict(what string, cmd *redis.Cmd) error {
	reply, err := cmd.Text()
	if err != nil {
		return failed(what, err)
	}
	switch reply {
	case "ok":
		return nil
	case "conflict":
		return store.ErrConflict
	case "snapshot":
		return store.ErrSnapshotOrder
	case "outbox":
		return store.ErrOutboxID
	case "archive":
		return store.ErrArchiveID
	}
	return fmt.Errorf("%w: %s: unknown reply", store.ErrCorrupt, what)
}

// failed wraps the client's error, which names no arguments.
func failed(what string, err error) error { return fmt.Errorf("redisstore: %s: %w", what, err) }

func number[T ~uint64 | ~int64](n T) string { return strconv.FormatUint(uint64(n), 10) }

func parseNumber(text string) (uint64, error) {
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%w: a number is expected", store.ErrCorrupt)
	}
	return n, nil
}
