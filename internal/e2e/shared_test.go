package e2e

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"

	"anteroom/internal/servertest/stack"
)

// shared is one anteroom beside one XMPP server for all tests of well-behaved clients. Each client has accounts and rooms of its own,
// by a prefix.
type shared struct {
	once  sync.Once
	stack *stack.Stack
	err   error
	dir   string

	// gateway is held for writing while anteroom is killed and started again: what is under way in another test then could be lost,
	// since XEP-0114 acknowledges nothing.
	gateway sync.RWMutex
}

var sharedStacks = map[string]*shared{"prosody": {}, "ejabberd": {}}

// clients are the prefixes of the accounts on a shared stack, people their names.
var (
	clients = []string{"slixmpp", "xmppjs", "converse", "profanity"}
	people  = []string{"juliet", "romeo", "nurse", "tybalt"}
)

const password = "secret"

// onSharedStacks runs a test on both servers at the same time.
func onSharedStacks(t *testing.T, test func(t *testing.T, s *shared)) {
	onServers(t, func(t *testing.T, server string) {
		s := sharedStacks[server]
		s.once.Do(func() { s.start(server) })
		if s.err != nil {
			t.Fatal(s.err)
		}
		test(t, s)
	})
}

func (s *shared) start(server string) {
	users := map[string]string{}
	for _, c := range clients {
		for _, p := range people {
			users[c+"-"+p] = password
		}
	}
	if s.dir, s.err = os.MkdirTemp("", "anteroom-shared-"); s.err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.stack, s.err = stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: s.dir, Server: server, Users: users,
		Config: "[limits]\nmessage_rate = 0\n"}) // scripts are faster than people
}

// stopShared ends what the tests have started.
func stopShared() (err error) {
	for _, s := range sharedStacks {
		if s.stack != nil {
			err = errors.Join(err, s.stack.Stop())
		}
		if s.dir != "" {
			err = errors.Join(err, os.RemoveAll(s.dir))
		}
	}
	return err
}

// restart kills anteroom without a word and starts it again.
func (s *shared) restart(t *testing.T) {
	t.Helper()
	s.gateway.Lock()
	defer s.gateway.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s.stack.Anteroom.Kill()
	if err := s.stack.StartAnteroom(ctx); err != nil {
		t.Fatal(err)
	}
}
