package stack

import (
	"errors"
	"path/filepath"
	"sync"

	"anteroom/internal/servertest/relay"
	"anteroom/mimi/mimihttp"
)

// ways are the relays between providers, made when the first of two learns where the other is.
type ways struct {
	dir string // with everybody's certificates

	mu     sync.Mutex
	relays map[[2]string]*relay.Relay // by who asks whom
}

// Way is the relay by which one provider asks another; nil: there is none, or the first does not know of the other.
func (s *Stack) Way(from, to string) *relay.Relay {
	if s.ways == nil {
		return nil
	}
	s.ways.mu.Lock()
	defer s.ways.mu.Unlock()
	return s.ways.relays[[2]string{from, to}]
}

// reach is where one provider connects to ask another.
func (s *Stack) reach(from, to string) (string, error) {
	target := s.PeerAddrs[to]
	if to == s.Domain {
		target = s.MIMIAddr
	}
	if s.ways == nil {
		return target, nil
	}
	return s.ways.between(from, to, target)
}

// between is the address of the relay by which one provider asks another. Once made it leads to the same target.
func (w *ways) between(from, to, target string) (string, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if r := w.relays[[2]string{from, to}]; r != nil {
		return r.Addr(), nil
	}
	asks, err := w.identity(from)
	if err != nil {
		return "", err
	}
	asked, err := w.identity(to)
	if err != nil {
		return "", err
	}
	r, err := relay.Start(relay.Config{From: from, To: to, Target: target, Asks: asks, Asked: asked})
	if err != nil {
		return "", err
	}
	w.relays[[2]string{from, to}] = r
	return r.Addr(), nil
}

func (w *ways) identity(provider string) (*mimihttp.Identity, error) {
	file := func(name string) string { return filepath.Join(w.dir, name) }
	return mimihttp.LoadIdentity(file(provider+".pem"), file(provider+".key"), []string{file("ca.pem")})
}

func (w *ways) stop() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for _, r := range w.relays {
		errs = append(errs, r.Stop())
	}
	return errors.Join(errs...)
}
