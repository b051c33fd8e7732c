package follower_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Whatever the order in which the hub's deliveries come, doubled too, all is applied once, across restarts.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		w := both(t)
		w.say("one")
		ref := w.propose(mls.AppDataUpdate{Component: mimi.ComponentRoomMetadata, Update: wire.Marshal(&mimi.RoomMetadata{Room: garden, Name: "Garden", Subject: "new"})})
		w.commit(mls.CommitParams{ByReference: []mls.ProposalRef{ref}})
		w.say("two")
		w.commit(mls.CommitParams{})
		w.say("three")
		post := append(slices.Clone(w.post), w.post...)
		w.post = nil
		rng := rand.New(rand.NewPCG(seed, 1))
		rng.Shuffle(len(post), func(i, j int) { post[i], post[j] = post[j], post[i] })
		for i, body := range post {
			w.must(w.bring(body))
			if i == len(post)/2 {
				w.restart()
			}
		}
		w.must(w.bring(slices.Concat(post...))) // a hub that started again puts them together in another way
		w.agree()
		got := w.news()
		slices.Sort(got)
		if want := []string{"epoch 3", "epoch 4", "one", "proposed", "three", "two"}; !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q, want %q", seed, got, want)
		}
		if w.room.Behind() || !w.room.Wake().IsZero() {
			t.Fatalf("seed %d: it thinks that something is missing", seed)
		}
		if s := w.room.State().Metadata().Subject; s != "new" {
			t.Fatalf("subject %q", s)
		}
		for name := range w.stored {
			if bytes.HasPrefix([]byte(name), []byte("k.")) {
				t.Errorf("%s is still stored", name)
			}
		}
	}
}

// A message that the hub has taken as late as it takes them is read, even when a dozen commits of ours were answered before it came; one later it is not.
func TestOwnCommitsOvertakeMessages(t *testing.T) {
	for _, tt := range []struct {
		own  int
		read []string
	}{
		{follower.OwnAhead, []string{"early"}},
		{follower.OwnAhead + 1, []string{"dropped"}},
	} {
		w := both(t)
		w.say("early")
		early := w.post
		w.post = nil
		for range mimi.LateEpochs {
			w.commit(mls.CommitParams{})
		}
		w.deliver()
		for range tt.own {
			w.wish(follower.Wish{Kind: follower.Renew, Client: bob})
		}
		w.restart()
		w.news()
		w.must(w.bring(early[0]))
		w.want("the message", tt.read...)
	}
}

// What is kept of later epochs is bounded, in number and in size; beyond that the hub is asked to come again, and nothing changes.
func TestKeptIsBounded(t *testing.T) {
	for _, size := range []int{1, 100_000} {
		w := both(t)
		w.commit(mls.CommitParams{})
		commit := w.post[0]
		w.post = nil
		total, n := 0, 0
		var err error
		var refused []byte
		for ; n <= follower.MaxKept; n++ {
			w.say(string(bytes.Repeat([]byte("x"), size)))
			body := w.post[0]
			w.post = nil
			if err = w.bring(body); err != nil {
				refused = body
				break
			}
			total += len(body)
		}
		if !isAhead(err) {
			t.Fatalf("after %d messages of %d octets: %v", n, size, err)
		}
		if byNumber := n == follower.MaxKept; byNumber != (size == 1) || total > follower.MaxKeptBytes {
			t.Errorf("size %d: %d messages of %d octets are kept", size, n, total)
		}
		w.must(w.bring(commit))
		w.must(w.bring(refused))
		w.agree()
		if got := len(w.news()); got != n+2 {
			t.Errorf("size %d: %d events, want %d", size, got, n+2)
		}
	}
}

// Nothing is sent while the room is behind, and what waits goes out afterwards.
func TestWishesWaitForTheGap(t *testing.T) {
	w := both(t)
	w.commit(mls.CommitParams{})
	w.say("later")
	w.must(w.bring(w.post[1]))
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Send, Client: bob, Data: []byte("mine")}))
	if w.room.InFlight() != nil {
		t.Fatal("something is sent in an epoch that is over")
	}
	w.must(w.bring(w.post[0]))
	if !w.ask() {
		t.Fatal("nothing is sent afterwards")
	}
	w.want("afterwards", "epoch 3", "later", "sent mine")
}

// FuzzNotify: any body from the hub is answered, without panic, and what it leaves can be stored and loaded.
func FuzzNotify(f *testing.F) {
	start := both(f)
	start.say("one")
	start.commit(mls.CommitParams{})
	start.say("two")
	for _, body := range start.post {
		f.Add(body)
	}
	f.Add(bytes.Join(start.post, nil))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, body []byte) {
		out, err := start.room.Notify(start.now, mls.Seed{7}, "a.example", body)
		if err != nil {
			if !errors.Is(err, follower.ErrMalformed) && !errors.Is(err, follower.ErrAhead) && !errors.Is(err, follower.ErrNoRoom) {
				t.Fatalf("an error of no kind: %v", err)
			}
			if out.Next != start.room {
				t.Fatal("an error, and something has changed")
			}
			return
		}
		loaded, err := follower.Load(out.Next.Parts(nil).Set, followOptions)
		if err != nil {
			t.Fatal(err)
		}
		again, err := loaded.Notify(start.now, mls.Seed{8}, "a.example", body)
		if err != nil || len(again.Events) != 0 {
			t.Fatalf("the same body again: %v, %d events", err, len(again.Events))
		}
	})
}
