package hub_test

import (
	"encoding/binary"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mls"
)

func memory(i int) (m hub.Memory) {
	binary.BigEndian.PutUint64(m.Digest[:], uint64(i))
	return m
}

// What other providers can make a room remember is bounded.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	for i := range hub.MaxRemembered {
		w.room = w.room.Remember(memory(i))
	}
	full := len(w.room.Encode())
	w.room = w.room.Remember(memory(hub.MaxRemembered))
	if got := len(w.room.Encode()); got != full {
		t.Errorf("memory of requests grows from %d to %d bytes", full, got)
	}

	kp := w.keyPackage(carol)
	response := &mimi.KeyMaterialResponse{User: carol.ClientUser()}
	for range 1000 {
		response.Clients = append(response.Clients, mimi.ClientKeyMaterial{Client: carol, KeyPackage: &kp.KeyPackage})
	}
	for range hub.MaxRoutes/1000 + 1 {
		next, err := w.room.LearnKeyMaterial(w.now, "c.example", response)
		w.must(err)
		w.room = next
	}
	full = len(w.room.Encode())
	next, err := w.room.LearnKeyMaterial(w.now, "c.example", response)
	w.must(err)
	if got := len(next.Encode()); got != full {
		t.Errorf("routes grow from %d to %d bytes", full, got)
	}
	if next, err := w.room.LearnKeyMaterial(w.now, "b.example", response); err != nil || len(next.Encode()) != full {
		t.Errorf("a provider speaks for another's key packages: %v", err)
	}
}

func TestPendingLimit(t *testing.T) {
	w := newWorld(t)
	for i := range hub.MaxPending {
		w.propose(keeper, mls.AppEphemeral{Component: 0x8001, Data: binary.BigEndian.AppendUint32(nil, uint32(i))})
	}
	group, m, err := w.room.Group().Propose(w.leaf(keeper), mls.AppEphemeral{Component: 0x8001, Data: []byte("one more")}, aad())
	w.must(err)
	if _, err := w.room.AcceptLocalProposals(w.now, group, m); err == nil {
		t.Error("the limit of pending proposals does not hold")
	}
}

// A follower's queue is bounded.
func TestQueueLimit(t *testing.T) {
	w := newWorld(t)
	room := w.follow("b.example")
	for range follower.MaxQueue {
		room = room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob}).Next
	}
	out := room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob})
	if len(out.Events) != 1 {
		t.Fatalf("events %v, want a refusal", out.Events)
	}
	if _, ok := out.Events[0].(follower.Refused); !ok {
		t.Errorf("event %T, want Refused", out.Events[0])
	}
}
