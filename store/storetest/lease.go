package storetest

import (
	"errors"
	"sync"
	"testing"
	"time"

	"anteroom/store"
)

func testLease(t *testing.T, p Place) {
	s := p.open(t)
	var last store.Fence
	for range 3 {
		f := claim(t, s, "r")
		if f <= last {
			t.Fatalf("fence %d after %d", f, last)
		}
		last = f
	}
	room, service := store.RoomLease("r"), store.ServiceLease("r")
	sf, err := s.Claim(t.Context(), service, owner, ttl)
	want(t, "claim of a service lease by the name of a room", err, nil)
	want(t, "renew", s.Renew(t.Context(), room, owner, last, ttl), nil)
	want(t, "renew of the service", s.Renew(t.Context(), service, owner, sf, ttl), nil)
	if err := s.Renew(t.Context(), room, owner, last-1, ttl); !errors.Is(err, store.ErrConflict) {
		t.Errorf("renew with an old fence: %v", err)
	}
	want(t, "release with an old fence", s.Release(t.Context(), room, owner, last-1), nil)
	write(t, s, store.Batch{Room: "r", Fence: last, Events: texts("still ours")})
	want(t, "release", s.Release(t.Context(), room, owner, last), nil)
	want(t, "release again", s.Release(t.Context(), room, owner, last), nil)
	if err := s.Renew(t.Context(), room, owner, last, ttl); !errors.Is(err, store.ErrConflict) {
		t.Errorf("renew after release: %v", err)
	}
	want(t, "renew of the service after the room's release", s.Renew(t.Context(), service, owner, sf, ttl), nil)
	for _, bad := range []struct {
		why   string
		lease store.Lease
		owner string
		ttl   time.Duration
	}{
		{"no name", store.RoomLease(""), owner, ttl},
		{"no owner", room, "", ttl},
		{"short", room, owner, store.MinTTL - 1},
		{"long", room, owner, store.MaxTTL + 1},
	} {
		if _, err := s.Claim(t.Context(), bad.lease, bad.owner, bad.ttl); !errors.Is(err, store.ErrInvalid) {
			t.Errorf("%s: %v", bad.why, err)
		}
	}
	s.Close()
	s = p.open(t)
	if f := claim(t, s, "r"); f <= last {
		t.Errorf("fence %d after opening again, %d before", f, last)
	}
	if err := s.Write(t.Context(), store.Batch{Room: "r", Fence: last, Seq: 1}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("write with a fence from before: %v", err)
	}
}

// grantsAll holds of a store that only one process opens: every claim is granted, with a greater fence.
func grantsAll(t *testing.T, p Place) {
	t.Helper()
	s, last := p.open(t), store.Fence(0)
	for _, owner := range []string{"one", "other", "one"} {
		f, err := s.Claim(t.Context(), store.RoomLease("r"), owner, time.Minute)
		if err != nil || f <= last {
			t.Errorf("claim of %s: %d after %d, %v", owner, f, last, err)
		}
		last = f
	}
}

func testContention(t *testing.T, p Place) {
	if !p.Shared {
		grantsAll(t, p)
		return
	}
	s := p.open(t)
	for _, l := range []store.Lease{store.RoomLease("r"), store.ServiceLease("component")} {
		f, err := s.Claim(t.Context(), l, "a", ttl)
		want(t, "claim", err, nil)
		_, err = s.Claim(t.Context(), l, "b", ttl)
		var held *store.HeldError
		if !errors.Is(err, store.ErrHeld) || !errors.As(err, &held) {
			t.Fatalf("claim of a held lease: %v", err)
		}
		if held.Owner != "a" || held.Lease != l || held.Left <= 0 || held.Left > ttl {
			t.Errorf("held: %+v", held)
		}
		if err := s.Renew(t.Context(), l, "b", f, ttl); !errors.Is(err, store.ErrConflict) {
			t.Errorf("renew by another owner: %v", err)
		}
		want(t, "release by another owner", s.Release(t.Context(), l, "b", f), nil)
		want(t, "renew", s.Renew(t.Context(), l, "a", f, ttl), nil)
		want(t, "release", s.Release(t.Context(), l, "a", f), nil)
		g, err := s.Claim(t.Context(), l, "b", ttl)
		if err != nil || g <= f {
			t.Errorf("claim after release: %d after %d, %v", g, f, err)
		}
	}
}

// testExpiry lets a lease of the shortest kind run out. It waits by trying to claim, and judges no durations.
func testExpiry(t *testing.T, p Place) {
	if !p.Shared {
		grantsAll(t, p)
		return
	}
	s := p.open(t)
	l := store.RoomLease("r")
	f, err := s.Claim(t.Context(), l, "a", store.MinTTL)
	want(t, "claim", err, nil)
	var g store.Fence
	for {
		if g, err = s.Claim(t.Context(), l, "b", ttl); err == nil {
			break
		}
		if !errors.Is(err, store.ErrHeld) {
			t.Fatalf("claim: %v", err)
		}
	}
	if g <= f {
		t.Errorf("fence %d after %d", g, f)
	}
	if err := s.Renew(t.Context(), l, "a", f, ttl); !errors.Is(err, store.ErrConflict) {
		t.Errorf("renew of a lost lease: %v", err)
	}
	if err := s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Events: texts("late")}); !errors.Is(err, store.ErrConflict) {
		t.Errorf("write of the former owner: %v", err)
	}
	write(t, s, store.Batch{Room: "r", Fence: g, Events: texts("in time")})
	want(t, "events", load(t, s, "r").Events, texts("in time"))
}

func testCancelled(t *testing.T, p Place) {
	s := p.open(t)
	write(t, s, full("r", claim(t, s, "r")))
	ctx := cancelled()
	f := claim(t, s, "r")
	if err := s.Write(ctx, store.Batch{Room: "r", Fence: f, Seq: 3}); err == nil {
		t.Error("write succeeded")
	}
	if _, err := s.Load(ctx, "r"); err == nil {
		t.Error("load succeeded")
	}
	if _, err := s.Rooms(ctx); err == nil {
		t.Error("rooms succeeded")
	}
	want(t, "room", load(t, s, "r"), fullRoom())
}

// testRace has two writers append as fast as they can, each claiming again when it lost. What was acknowledged, and
// only that, must be there, in the order of the acknowledgements.
func testRace(t *testing.T, p Place) {
	s := p.open(t)
	const each = 25
	acked := make([][]string, 2)
	var wg sync.WaitGroup
	for w := range acked {
		wg.Go(func() {
			for n := 0; n < each; {
				f, err := s.Claim(t.Context(), store.RoomLease("r"), owner, ttl)
				if err != nil {
					t.Errorf("claim: %v", err)
					return
				}
				var seq store.Seq
				if r, err := s.Load(t.Context(), "r"); err == nil {
					seq = r.Seq
				}
				event := string(rune('a'+w)) + string(rune('0'+n))
				switch err := s.Write(t.Context(), store.Batch{Room: "r", Fence: f, Seq: seq, Events: texts(event)}); {
				case err == nil:
					acked[w] = append(acked[w], event)
					n++
				case !errors.Is(err, store.ErrConflict):
					t.Errorf("write: %v", err)
					return
				}
			}
		})
	}
	wg.Wait()
	var got [2][]string
	for _, e := range load(t, s, "r").Events {
		w := e[0] - 'a'
		got[w] = append(got[w], string(e))
	}
	want(t, "first writer's events", got[0], acked[0])
	want(t, "second writer's events", got[1], acked[1])
}
