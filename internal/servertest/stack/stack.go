// Package stack starts what an anteroom needs to be tried end to end, on 127.0.0.1 and in one directory: Prosody or
// ejabberd, certificates, `anteroom serve`, optionally a redis-server, and native MIMI participants (`anteroom client`) as processes
// of their own. Tests and the demo use it. Linux only.
package stack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"anteroom/internal/servertest"
	"anteroom/internal/servertest/relay"
)

// Options says what to start.
type Options struct {
	Binary   string            // path of the anteroom binary
	Dir      string            // holds all files; it must exist
	Server   string            // "prosody" (default) or "ejabberd"
	Store    string            // "bolt" (default) or "redis"
	Users    map[string]string // XMPP accounts: localpart to password
	Peers    []string          // other providers' domains; Peer if empty
	Config   string            // appended to anteroom.toml
	Provider string            // more lines of its section [provider]
	Domain   string            // XMPP host and MIMI provider; Domain if empty
	Offline  bool              // the XMPP server keeps messages for who is away
	Via      bool              // anteroom reaches the XMPP server through Proxy
	Relays   bool              // providers reach each other through relays (Way); a stack beside this one uses the same
	Beside   *Stack            // a running stack that names this one's Domain among its Peers: both trust one authority and reach each other
}

// Domains of the stack.
const (
	Domain = "a.example"       // XMPP host and MIMI provider
	Rooms  = "rooms.a.example" // the component
	Peer   = "b.example"       // the native participant's provider
)

// Stack is a running system.
type Stack struct {
	Options
	XMPP     *servertest.XMPP
	Redis    *servertest.Redis // nil with bolt
	Proxy    *servertest.Proxy // nil unless asked for
	Anteroom *process

	MIMIAddr  string            // where anteroom listens for providers
	PeerAddrs map[string]string // where each peer's native participant listens
	AdminAddr string

	natives []*Native
	ways    *ways // nil without relays
}

// Start brings everything up and returns when anteroom says that it is ready. The caller ends it with Stop.
func Start(ctx context.Context, o Options) (*Stack, error) {
	s := &Stack{Options: o}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

func (s *Stack) start(ctx context.Context) (err error) {
	if s.Server == "" {
		s.Server = "prosody"
	}
	if s.Domain == "" {
		s.Domain = Domain
	}
	if s.XMPP, err = servertest.StartXMPP(s.Server, servertest.XMPPOptions{Host: s.Domain, Component: "rooms." + s.Domain, Users: s.Users, Offline: s.Offline}); err != nil {
		return err
	}
	if s.Via {
		if s.Proxy, err = servertest.StartProxy(s.XMPP.ComponentAddr()); err != nil {
			return err
		}
	}
	if s.Store == "redis" {
		if s.Redis, err = servertest.StartRedis(); err != nil {
			return err
		}
	}
	if len(s.Peers) == 0 {
		s.Peers = []string{Peer}
	}
	for _, addr := range []*string{&s.MIMIAddr, &s.AdminAddr} {
		if *addr, err = servertest.FreeAddr(); err != nil {
			return err
		}
	}
	s.PeerAddrs = map[string]string{}
	if s.Relays {
		s.ways = &ways{dir: s.Dir, relays: map[[2]string]*relay.Relay{}}
	}
	if s.Beside != nil {
		s.ways = s.Beside.ways
		return s.startBeside(ctx)
	}
	certificates := [][]string{{"init"}, {"issue", s.Domain}}
	for _, peer := range s.Peers {
		if s.PeerAddrs[peer], err = servertest.FreeAddr(); err != nil {
			return err
		}
		certificates = append(certificates, []string{"issue", peer})
	}
	for _, args := range certificates {
		args = append([]string{"ca", args[0], "--dir", s.Dir}, args[1:]...)
		if out, err := exec.CommandContext(ctx, s.Binary, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("anteroom %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	return s.configure(ctx)
}

// startBeside takes address and certificate from the stack beside it.
func (s *Stack) startBeside(ctx context.Context) error {
	s.MIMIAddr = s.Beside.PeerAddrs[s.Domain]
	for peer, addr := range s.Beside.PeerAddrs {
		if peer != s.Domain {
			s.PeerAddrs[peer] = addr
		}
	}
	s.PeerAddrs[s.Beside.Domain] = s.Beside.MIMIAddr
	for _, file := range []string{"ca.pem", s.Domain + ".pem", s.Domain + ".key", s.Domain + "-users.pem", s.Domain + "-users.key"} {
		b, err := os.ReadFile(filepath.Join(s.Beside.Dir, file))
		if err == nil {
			err = os.WriteFile(filepath.Join(s.Dir, file), b, 0o600)
		}
		if err != nil {
			return err
		}
	}
	s.Peers = nil
	for peer := range s.PeerAddrs {
		s.Peers = append(s.Peers, peer)
	}
	return s.configure(ctx)
}

// configure writes the configuration and starts anteroom with it.
func (s *Stack) configure(ctx context.Context) error {
	config, err := s.config()
	if err != nil {
		return err
	}
	if err := os.WriteFile(s.ConfigFile(), []byte(config), 0o600); err != nil {
		return err
	}
	return s.StartAnteroom(ctx)
}

// ConfigFile is anteroom's configuration.
func (s *Stack) ConfigFile() string { return filepath.Join(s.Dir, "anteroom.toml") }

func (s *Stack) config() (string, error) {
	url := "bolt://" + filepath.Join(s.Dir, "rooms.db")
	if s.Redis != nil {
		url = s.Redis.URL()
	}
	port, peers := s.XMPP.ComponentPort, ""
	if s.Proxy != nil {
		port = s.Proxy.Port()
	}
	for _, peer := range s.Peers {
		addr, err := s.reach(s.Domain, peer)
		if err != nil {
			return "", err
		}
		peers += fmt.Sprintf("%q = %q\n", peer, addr)
	}
	return fmt.Sprintf(`[component]
domain = %q
secret = %q
port   = %d

[provider]
domain = %q
users  = [%q]
listen = %q
certificate = %q
key    = %q
trust  = ["ca.pem"]
authority     = %q
authority_key = %q
%s

[provider.peers]
%s
[store]
url = %q
key_file = "seal.key"

[admin]
socket = "admin.sock"
listen = %q
%s`, "rooms."+s.Domain, s.XMPP.Secret, port, s.Domain, s.Domain, s.MIMIAddr,
		s.Domain+".pem", s.Domain+".key", s.Domain+"-users.pem", s.Domain+"-users.key", s.Provider, peers, url, s.AdminAddr, s.Config), nil
}

// StartAnteroom starts `anteroom serve`, also again after a kill, and waits until /readyz is 200.
func (s *Stack) StartAnteroom(ctx context.Context) (err error) {
	if s.Anteroom, err = start("anteroom", exec.Command(s.Binary, "serve", "--config", s.ConfigFile())); err != nil {
		return err
	}
	return s.Ready(ctx)
}

// MovePeer gives a peer's next native participant another address, which anteroom does not know.
func (s *Stack) MovePeer(provider string) (err error) {
	s.PeerAddrs[provider], err = servertest.FreeAddr()
	return err
}

// Ready waits until anteroom's /readyz is 200.
func (s *Stack) Ready(ctx context.Context) error {
	for {
		status := ""
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.AdminAddr+"/readyz", nil)
		if err != nil {
			return err
		}
		if resp, err := http.DefaultClient.Do(req); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return nil
			}
			status = resp.Status
		}
		s.Anteroom.mu.Lock()
		ended := s.Anteroom.ended
		s.Anteroom.mu.Unlock()
		if ended {
			return fmt.Errorf("anteroom ended before it was ready:\n%s", s.Anteroom.Output())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("anteroom is not ready (%s):\n%s", status, s.Anteroom.Output())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Stop ends everything in the reverse order and leaves the directory.
func (s *Stack) Stop() error {
	var errs []error
	for _, n := range s.natives {
		errs = append(errs, n.Stop())
	}
	if s.Anteroom != nil {
		errs = append(errs, s.Anteroom.Stop())
	}
	if s.Proxy != nil {
		errs = append(errs, s.Proxy.Stop())
	}
	if s.Redis != nil {
		errs = append(errs, s.Redis.Stop())
	}
	if s.XMPP != nil {
		errs = append(errs, s.XMPP.Stop())
	}
	if s.ways != nil && s.Beside == nil {
		errs = append(errs, s.ways.stop())
	}
	return errors.Join(errs...)
}
