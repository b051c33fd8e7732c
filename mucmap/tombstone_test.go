package mucmap

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// A tombstone is given back by the store, keeps within its bound, and damage is an error.
func TestTombstone(t *testing.T) {
	long := tombstone{At: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), Venue: xmpp.MustParseJID("hall@rooms.a.example"), Reason: strings.Repeat("\x01", maxTombstoneReason)}
	for range 100 {
		u, err := mimi.UserURI("a.example", strings.Repeat("o", 900))
		if err != nil {
			t.Fatal(err)
		}
		long.Owners = append(long.Owners, u)
	}
	if b := long.encode(); len(b) == 0 || len(b) > maxTombstone {
		t.Errorf("%d bytes", len(b))
	}
	b := newBench(t)
	for _, bad := range []string{"{", "{}", `{"V":99}`} {
		if _, _, err := b.svc.Restore(b.name, Snapshot{Tombstone: []byte(bad)}); err == nil {
			t.Errorf("%q is no tombstone", bad)
		}
	}
	r, _, err := b.svc.Restore(b.name, Snapshot{Tombstone: tombstone{At: b.now, Venue: long.Venue}.encode()})
	if err != nil || r.Exists() {
		t.Fatal(err)
	}
	b.room = r
	wantIn(t, "who enters", b.send(t, enter(0)), "xmpp:hall@rooms.a.example?join")
	b.now = b.now.Add(TombstoneFor)
	wantIn(t, "later", b.send(t, enter(0)), "code='201'")
}
