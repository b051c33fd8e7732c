package follower_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// anew lets the room come back after the hub has told it of a later epoch; what the hub had told before is returned and not brought.
func (w *world) anew() (late [][]byte) {
	w.t.Helper()
	late, w.post = w.post, nil
	w.room = behind(w)
	w.wait()
	for w.ask() {
	}
	w.deliver()
	w.agree()
	return late
}

// trails counts what is stored of the time before touch was lost, one behind the other.
func (w *world) trails() (n int) {
	for prefix := "t.room"; w.stored[prefix] != nil; prefix = "t." + prefix {
		n++
	}
	return n
}

// What the hub tells late, when the room has been entered anew already, is read: in any order, once, across restarts. Epochs are not told again.
func TestLateNewsAreRead(t *testing.T) {
	for seed := range uint64(16) {
		w := both(t)
		w.say("one")
		w.deliver()
		ref := w.propose(mls.AppDataUpdate{Component: mimi.ComponentRoomMetadata, Update: wire.Marshal(&mimi.RoomMetadata{Room: garden, Name: "Garden", Subject: "new"})})
		w.commit(mls.CommitParams{ByReference: []mls.ProposalRef{ref}})
		w.say("two")
		w.commit(mls.CommitParams{})
		w.say("three")
		if early := w.post[len(w.post)-1]; seed%2 == 1 { // it overtakes the rest
			w.must(w.bring(early))
		}
		late := w.anew()
		if got := w.news(); !slices.Contains(got, "resynced bob 5") || slices.Contains(got, "three") {
			t.Fatalf("seed %d: %q", seed, got)
		}
		w.say("four")
		w.deliver()
		w.want("the present", "four")
		post := append(slices.Clone(late), late...)
		if seed > 1 {
			rng := rand.New(rand.NewPCG(seed, 1))
			rng.Shuffle(len(post), func(i, j int) { post[i], post[j] = post[j], post[i] })
		}
		for i, body := range post {
			w.must(w.bring(body))
			if i == len(post)/2 {
				w.restart()
			}
		}
		w.must(w.bring(slices.Concat(late...)))
		got := w.news()
		slices.Sort(got)
		if want := []string{"three", "two"}; !slices.Equal(got, want) {
			t.Fatalf("seed %d: %q, want %q", seed, got, want)
		}
		w.agree()
		if w.room.Behind() {
			t.Fatalf("seed %d: it thinks that something is missing", seed)
		}
		for range mimi.LateEpochs + follower.OwnAhead + 1 { // what no message can come for any more is forgotten
			w.commit(mls.CommitParams{})
		}
		w.deliver()
		if w.trails() != 0 || !w.room.Wake().IsZero() {
			t.Errorf("seed %d: %d trails are stored, and it wakes at %v", seed, w.trails(), w.room.Wake())
		}
		for name := range w.stored {
			if strings.HasPrefix(name, "t.") {
				t.Errorf("seed %d: %s is still stored", seed, name)
			}
		}
	}
}

// A room that loses touch again while news of the first time are out reads what comes of either; only so many times are kept, and for so long.
func TestTrailsAreBounded(t *testing.T) {
	w := both(t)
	var late [][]byte
	for n := range follower.MaxTrails + 1 {
		w.now = w.now.Add(2 * follower.ResyncForgiven)
		w.commit(mls.CommitParams{})
		w.say(fmt.Sprint(n))
		late = append(late, w.anew()...)
		if n == 2 {
			w.restart()
		}
	}
	if w.trails() != follower.MaxTrails {
		t.Errorf("%d trails are kept", w.trails())
	}
	w.news()
	kept := w.room
	for _, body := range late {
		w.must(w.bring(body))
	}
	got := slices.DeleteFunc(w.news(), func(s string) bool { return s == "dropped" })
	if want := []string{"1", "2", "3", "4"}; !slices.Equal(got, want) {
		t.Errorf("%q is read, want %q", got, want)
	}
	if w.room.Behind() {
		t.Error("it waits for what was forgotten")
	}
	out := kept.Tick(w.now.Add(follower.TrailTime), mls.Seed{1})
	for name := range out.Next.Parts(nil).Set {
		if strings.HasPrefix(name, "t.") {
			t.Fatalf("%s is kept for too long", name)
		}
	}
	if at := kept.Wake(); at.IsZero() || at.After(w.now.Add(follower.TrailTime)) {
		t.Errorf("it wakes at %v to forget", at)
	}
}

// Forged late news end the trail and nothing else.
func TestLateNewsAreJudged(t *testing.T) {
	w := both(t)
	w.commit(mls.CommitParams{})
	w.say("two")
	late := w.anew()
	w.news()
	bad := slices.Clone(late[0])
	bad[len(bad)-3] ^= 1 // in the membership tag
	w.must(w.bring(bad))
	w.must(w.bring(late[1]))
	if got := w.news(); slices.Contains(got, "two") || w.room.Behind() || w.room.Broken() != "" {
		t.Errorf("%q, behind %v, broken %q", got, w.room.Behind(), w.room.Broken())
	}
	if w.trails() != 0 {
		t.Error("a trail that cannot go on is kept")
	}
	w.say("three")
	w.deliver()
	w.want("afterwards", "three")
}
