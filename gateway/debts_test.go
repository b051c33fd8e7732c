package gateway

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mucmap"
	"anteroom/store"
)

// A message of a megabyte to forty providers is written once. After a kill it goes to whoever has not taken it, and to nobody else.
func TestAMessageForManyIsStoredOnce(t *testing.T) {
	inBubble(t, func(b *bench) {
		var down atomic.Bool
		down.Store(true)
		b.posts.answer = func(provider, _ string, _ int) (PeerReply, error) {
			if provider == "p07.example" && down.Load() {
				return PeerReply{}, errors.New("connection refused")
			}
			return PeerReply{Status: 201}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "tell everybody")
		b.settle()
		b.say("garden", juliet, "tell everybody more")
		b.want("it is not too much", juliet, "joined "+juliet, juliet+": tell everybody", juliet+": tell everybody more")
		time.Sleep(2 * FlushAfter)
		b.settle()
		if got := b.counts(); len(got) != 40 || got["p06.example"] != 2 {
			t.Errorf("messages that providers got: %v", got)
		}
		r, err := b.store.Load(b.t.Context(), "garden")
		if err != nil || len(r.Outbox) != 2 || len(r.Outbox[0].Body)+len(r.Outbox[1].Body) > 3<<20 {
			t.Fatalf("the store has %d entries, %v", len(r.Outbox), err)
		}
		b.crash()
		down.Store(false)
		b.posts.forget()
		b.start()
		time.Sleep(time.Minute)
		b.settle()
		if got := b.counts(); len(got) != 1 || got["p07.example"] != 2 {
			t.Errorf("messages that providers got after the kill: %v", got)
		}
		r, err = b.store.Load(b.t.Context(), "garden")
		if err != nil || len(r.Outbox) != 0 || r.Secrets[partTaken] != nil {
			t.Errorf("the store still has %d entries, and %q, %v", len(r.Outbox), r.Secrets[partTaken], err)
		}
	})
}

// counts is how many messages of the garden each provider got.
func (b *bench) counts() map[string]int {
	counts := map[string]int{}
	for _, post := range b.posts.all() {
		provider, body, _ := strings.Cut(post, " ")
		counts[provider] += strings.Count(body, "garden-")
	}
	return counts
}

// What says the same to several providers is one entry, unless a provider would get it before what was said to it first.
func TestWhatSaysTheSameIsOneEntry(t *testing.T) {
	a, turned := &actor{}, &turn{}
	now := time.Unix(1_800_000_000, 0)
	for _, d := range []struct{ to, room, body string }{
		{"b", "garden", "x"}, {"c", "garden", "x"}, {"d", "garden", "y"}, {"e", "garden", "x"}, {"d", "garden", "x"}, {"e", "garden", "x"}, {"b", "hall", "x"},
	} {
		if err := a.owe(now, turned, mucmap.Delivery{Provider: d.to, Endpoint: "notify", Room: "mimi://a.example/r/" + d.room, Body: []byte(d.body)}); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for i, d := range turned.debts {
		if i > 0 && d.id <= turned.debts[i-1].id {
			t.Errorf("id %d after %d", d.id, turned.debts[i-1].id)
		}
		back, err := decodeDebt(store.OutboxEntry{ID: d.id, Body: d.encode()})
		if err != nil || fmt.Sprint(back) != fmt.Sprint(d) {
			t.Errorf("%v is stored and read as %v, %v", d, back, err)
		}
		got = append(got, fmt.Sprint(d.to, d.uri.Name(), string(d.body)))
	}
	if want := []string{"[b c e]gardenx", "[d]gardeny", "[d e]gardenx", "[b]hallx"}; !slices.Equal(got, want) {
		t.Errorf("entries %q, want %q", got, want)
	}
	for _, body := range []string{"", "x", string(turned.debts[0].encode()) + "x"} {
		if _, err := decodeDebt(store.OutboxEntry{ID: 1, Body: []byte(body)}); err == nil {
			t.Errorf("%q is taken for an entry", body)
		}
	}
}

// However deliveries, writes and crashes follow each other: what no provider took is owed, and what the store knows to be taken in order is not owed again.
func TestDebtsSurviveCrashes(t *testing.T) {
	garden := mimi.MustURI("mimi://a.example/r/garden")
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 1))
		type pair struct {
			id uint64
			to string
		}
		g := &Gateway{opt: Options{Outbox: 1 << 20, Provider: "a.example"}, m: newMetrics(nil), log: slog.New(slog.DiscardHandler)}
		g.outbox = newOutbox(g)
		g.outbox.stopped = true
		a := &actor{g: g, log: g.log, name: "garden"}
		stored := &store.Room{Secrets: map[string][]byte{}}
		owed, known := map[pair]bool{}, map[pair]bool{} // by nobody taken; paid in order, which the store knows
		write := func(batch *store.Batch) {
			batch.SetSecrets = map[string][]byte{}
			a.debts.write(batch)
			for _, name := range batch.DropSecrets {
				delete(stored.Secrets, name)
			}
			for name, part := range batch.SetSecrets {
				stored.Secrets[name] = part
			}
			stored.Outbox = slices.DeleteFunc(stored.Outbox, func(e store.OutboxEntry) bool { return slices.Contains(batch.OutboxDone, e.ID) })
			stored.Outbox = append(stored.Outbox, batch.Outbox...)
			a.debts.written(batch)
			for _, e := range stored.Outbox {
				for i := range 6 {
					if p := (pair{e.ID, fmt.Sprint("p", i)}); !owed[p] && slices.IndexFunc(stored.Outbox, func(e store.OutboxEntry) bool { return owed[pair{e.ID, p.to}] && e.ID < p.id }) < 0 {
						known[p] = true
					}
				}
			}
		}
		for step := range 200 {
			switch n := rng.IntN(10); {
			case n < 4:
				d := debt{id: uint64(step + 1), endpoint: "notify", uri: garden, body: []byte("x")}
				for i := range 6 {
					if rng.IntN(2) == 0 {
						d.to = append(d.to, fmt.Sprint("p", i))
						owed[pair{d.id, fmt.Sprint("p", i)}] = true
					}
				}
				if len(d.to) > 0 {
					write(&store.Batch{Outbox: []store.OutboxEntry{{ID: d.id, Body: d.encode()}}})
					a.debts.owe(d.id, d.to)
				}
			case n < 8:
				to := fmt.Sprint("p", rng.IntN(6))
				if rng.IntN(4) == 0 {
					to = "p0" // gets ahead of the others
				}
				if c := a.debts.at[to]; c != nil && len(c.owed) > 0 {
					i := 0
					if rng.IntN(8) == 0 {
						i = rng.IntN(len(c.owed)) // given up out of its turn
					}
					delete(owed, pair{c.owed[i], to})
					a.debts.pay(c.owed[i], to)
				}
			case n < 9:
				write(&store.Batch{})
			default:
				lost := rng.IntN(2) == 0
				if lost {
					a.debts = debts{} // with the process; otherwise only the room was dropped
				}
				a.resumeOutbox(time.Now(), stored)
				for p := range owed {
					if a.debts.paid(p.id, p.to) || a.debts.open[p.id] == 0 {
						t.Fatalf("seed %d, step %d: %v is not owed any more", seed, step, p)
					}
				}
				for to, c := range a.debts.at {
					for _, id := range c.owed {
						if p := (pair{id, to}); !owed[p] && (!lost || known[p]) {
							t.Fatalf("seed %d, step %d: %v is owed again", seed, step, p)
						}
						owed[pair{id, to}] = true
						delete(known, pair{id, to})
					}
				}
			}
			if a.debts.count() != len(owed) {
				t.Fatalf("seed %d, step %d: %d owed, counted %d", seed, step, len(owed), a.debts.count())
			}
			marks := map[string]uint64{}
			if part := stored.Secrets[partTaken]; part != nil && json.Unmarshal(part, &marks) != nil || len(marks) > 6 {
				t.Fatalf("seed %d, step %d: %q is kept", seed, step, part)
			}
		}
	}
}
