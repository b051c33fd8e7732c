package memstore

import (
	"context"
	"errors"
	"time"

	"anteroom/store"
)

// Fault is what happens to one write.
type Fault int

// The faults.
const (
	None   Fault = iota
	Before       // the write fails and has no effect
	After        // the write takes effect, and its caller is told that it failed
)

// ErrInjected is the error of a write that was made to fail: an unknown outcome, as far as its caller can tell.
var ErrInjected = errors.New("memstore: injected fault")

// FailBefore makes the n-th write from now fail without effect; 1 is the next one.
func (s *Store) FailBefore(n int) { s.inject(n, Before) }

// FailAfter makes the n-th write from now take effect and fail nevertheless.
func (s *Store) FailAfter(n int) { s.inject(n, After) }

func (s *Store) inject(n int, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.injected[s.writes+uint64(n)] = f
}

// SetFaults asks hook about every write, numbered from 1, that FailBefore and FailAfter leave alone; nil ends it. The
// hook runs while the store is locked and must not call it.
func (s *Store) SetFaults(hook func(write uint64) Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hook = hook
}

// Writes counts the writes so far, failed and refused ones included: batches, Delete and Update. Leases do not count.
func (s *Store) Writes() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writes
}

// Each calls f with everything the store holds that its users gave as bytes; for tests that look for what must not be
// there. f must not keep or change them.
func (s *Store) Each(f func([]byte)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.rooms {
		f(r.Snapshot)
		for _, e := range r.Events {
			f(e)
		}
		for _, part := range r.Secrets {
			f(part)
		}
		for _, e := range r.Outbox {
			f(e.Body)
		}
		for _, e := range r.archive {
			f([]byte(e.Sender))
			f(e.Body)
		}
	}
	for _, tomb := range s.tombs {
		f(tomb)
	}
	for _, records := range s.buckets {
		for _, rec := range records {
			f(rec.Value)
		}
	}
}

// write counts one write and lets it fail where that was asked for.
func (s *Store) write(ctx context.Context, do func() error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.writes++
	fault, ok := s.injected[s.writes]
	delete(s.injected, s.writes)
	if !ok && s.hook != nil {
		fault = s.hook(s.writes)
	}
	if fault == Before {
		return ErrInjected
	}
	err := do()
	if fault == After {
		return ErrInjected
	}
	return err
}

// Claim implements store.Store.
func (s *Store) Claim(ctx context.Context, l store.Lease, owner string, ttl time.Duration) (store.Fence, error) {
	if err := store.CheckClaim(l, owner, ttl); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	if have, ok := s.leases[l]; ok && have.owner != owner && now.Before(have.expires) {
		return 0, &store.HeldError{Lease: l, Owner: have.owner, Left: have.expires.Sub(now)}
	}
	s.fence++
	s.leases[l] = lease{owner: owner, fence: s.fence, expires: now.Add(ttl)}
	return s.fence, ctx.Err()
}

// Renew implements store.Store.
func (s *Store) Renew(ctx context.Context, l store.Lease, owner string, f store.Fence, ttl time.Duration) error {
	if err := store.CheckClaim(l, owner, ttl); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	have, ok := s.leases[l]
	if !ok || have.fence != f || have.owner != owner {
		return store.ErrConflict
	}
	have.expires = time.Now().Add(ttl)
	s.leases[l] = have
	return ctx.Err()
}

// Release implements store.Store.
func (s *Store) Release(ctx context.Context, l store.Lease, owner string, f store.Fence) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if have, ok := s.leases[l]; ok && have.fence == f && have.owner == owner {
		delete(s.leases, l)
	}
	return ctx.Err()
}
