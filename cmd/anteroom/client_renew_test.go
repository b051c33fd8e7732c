package main

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Where a policy wants keys to be renewed, they are: not before it allows it, counted from its begin, in time, again and again, and never where it wants
// nothing. What is asked for too early is refused.
func TestClientRenewsItsKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, w := pairOf(t)
		policy := func(times mimi.Times) {
			h.locked(func() {
				h.commit(testAlice, mls.CommitParams{ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentOperationalPolicy,
					Update: wire.Marshal(&mimi.OperationalParameters{ExternalProposals: true, ExternalCommits: true, LeafUpdate: times})}}})
			})
			synctest.Wait()
		}
		wants := func(when string, wait time.Duration, types ...string) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			if got := w.told(); !slices.Equal(got, types) {
				t.Errorf("%s: told %q, want %q", when, got, types)
			}
		}
		wants("without a policy", 60*24*time.Hour)
		policy(mimi.Times{Min: 3600, Max: 7200})
		wants("the policy", 0, "epoch")
		tell(t, c, "renew "+testRoom.String())
		wants("at once", 0, "refused")
		wants("before the least time, of old keys", 3590*time.Second)
		wants("after it", 20*time.Second, "epoch")
		wants("before three quarters of the longest", 5380*time.Second)
		wants("after them", 20*time.Second, "epoch")
		wants("and again", 5400*time.Second, "epoch")
		policy(mimi.Times{})
		wants("without times", 60*24*time.Hour, "epoch")
		tell(t, c, "renew "+testRoom.String())
		wants("by command", 0, "epoch")
		if text := w.text.String(); strings.Count(text, "leaf updated 2: "+testBob.String()) != 4 || !strings.Contains(text, "renew refused: ") || !strings.Contains(text, "wants 3600 s between two Updates") {
			t.Errorf("in words:\n%s", text)
		}
	})
}

func TestLongestUse(t *testing.T) {
	for _, tt := range []struct {
		times mimi.Times
		want  uint64
	}{
		{mimi.Times{}, 0}, {mimi.Times{Min: 10}, 0}, {mimi.Times{Max: 100}, 75}, {mimi.Times{Max: mimi.Infinity}, 0}, {mimi.Times{Min: 60, Max: 100}, 80},
		{mimi.Times{Min: 90, Max: 100}, 95}, {mimi.Times{Default: 40, Max: 100}, 30}, {mimi.Times{Default: mimi.Infinity, Max: mimi.Infinity}, 0}, {mimi.Times{Max: 1 << 62}, 0},
	} {
		if got := longestUse(tt.times); got != tt.want {
			t.Errorf("%+v: %d, want %d", tt.times, got, tt.want)
		}
	}
}
