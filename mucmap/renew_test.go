package mucmap

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

// thatRenews is a service like s that renews keys.
func thatRenews(s *Service, encryption, signature time.Duration) *Service {
	cfg := s.cfg
	cfg.RenewEncryption, cfg.RenewSignature = encryption, signature
	return &Service{cfg}
}

// wakes lets the room look at the clock whenever it asks to, until a time.
func (b *bench) wakes(end time.Time) error {
	for n := 0; !b.wake.IsZero() && !b.wake.After(end); n++ {
		if n == 100_000 {
			return fmt.Errorf("the room does not come to rest: it asks to be woken at %v", b.wake)
		}
		if b.now.Before(b.wake) {
			b.now = b.wake
		}
		if err := b.feed(Timer{}); err != nil {
			return err
		}
	}
	b.now = end
	return nil
}

// renewed are the leaves whose encryption keys differ between two epochs.
func renewed(before, after *mls.Group) (n int) {
	for i, leaf := range before.Public().Leaves() {
		if now, ok := after.Public().Leaf(i); ok && !bytes.Equal(now.EncryptionKey, leaf.EncryptionKey) {
			n++
		}
	}
	return n
}

// In a room of many no commit renews more than a few leaves, and yet all get their turn before their keys are too old, not all at once. A restart in
// between changes nothing.
func TestRenewalOfMany(t *testing.T) {
	const (
		users = 60
		hours = 24
	)
	b := newBench(t)
	b.svc = thatRenews(b.svc, hours*time.Hour, 3*hours*time.Hour)
	b.room = b.svc.New(b.name)
	for i := range users {
		b.send(t, fmt.Sprintf("<presence from='u%d@a.example/x' to='%s/n%d' id='1'>%s</presence>", i, room, i, joinX))
	}
	start, commits := b.now, map[time.Time]int{}
	every := mls.RenewalInterval{Encryption: hours * 3600, Signature: 3 * hours * 3600}
	for b.now.Before(start.Add(4 * hours * time.Hour)) {
		if b.wake.IsZero() {
			t.Fatal("the room does not ask to be woken")
		}
		if b.now.Before(b.wake) {
			b.now = b.wake
		}
		before := b.room.hub.Group()
		if err := b.step(Timer{}); err != nil {
			t.Fatal(err)
		}
		after := b.room.hub.Group()
		n := renewed(before, after)
		if epochs := after.Public().Epoch() - before.Public().Epoch(); n > MaxRenewed || epochs > 1 {
			t.Fatalf("%v: %d leaves are renewed in %d commits", b.now, n, epochs)
		}
		commits[b.now.Truncate(time.Hour)] += n
		if late := after.RenewalDue(uint64(b.now.Unix()), every); len(late) > 0 {
			t.Fatalf("%v: %d leaves have keys that are too old: %+v", b.now, len(late), late)
		}
		if len(commits) == 30 { // once
			if err := b.restart(true); err != nil {
				t.Fatal(err)
			}
		}
	}
	for at, n := range commits {
		if n > users/2 { // evenly it would be a sixth
			t.Errorf("%d of %d leaves are renewed within %v, beginning at %v", n, users+1, time.Hour, at)
		}
	}
}

// Rooms renew at different times: at any moment few windows are open, also when everything is overdue.
func TestRenewalWindowsAreSpread(t *testing.T) {
	svc := thatRenews(testService(t), 7*24*time.Hour, 0)
	const rooms = 3000
	for _, at := range []time.Time{time.Unix(1_000_000_000, 0), time.Unix(1_800_000_000, 0), time.Unix(1_800_001_234, 0)} {
		open := 0
		for i := range rooms {
			p := svc.planRenewals(fmt.Sprintf("mimi://a.example/r/room%d", i), mimi.Times{}, 10, MaxRenewed)
			now := uint64(at.Unix())
			if p.open(now) {
				open++
			}
			if next := p.next(now); next <= now || next > now+p.pause || !p.open(next) || p.begin(next) != next {
				t.Fatalf("room %d: the window after %d begins at %d", i, now, next)
			}
		}
		if share := float64(RenewalWindow) / float64(MaxRenewalPause); float64(open) > 2*share*rooms {
			t.Errorf("%v: the windows of %d of %d rooms are open", at, open, rooms)
		}
	}
}

// Members of other providers follow a renewal and read what is said with the new keys; a request of theirs that comes while it is under way is
// neither lost nor in its way.
func TestRenewalBeforeOthers(t *testing.T) {
	b, bob := meet(t)
	b.svc = thatRenews(b.svc, 24*time.Hour, 48*time.Hour)
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	before := b.room.hub.Group()
	b.hold = true
	if err := b.wakes(b.now.Add(23 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if len(b.held) != 1 {
		t.Fatalf("%d commits are under way", len(b.held))
	}
	staged, err := bob.group.Commit(b.seed(), bob.group.Local()[0], mls.CommitParams{ForcePath: true, AuthenticatedData: emptyAAD})
	if err != nil {
		t.Fatal(err)
	}
	if a := bob.update(commitRequest(t, staged)); a.Code != 0 {
		t.Fatalf("bob's commit: %+v", a)
	}
	bob.group = staged.Group
	b.hold = false
	held := b.held
	b.held = nil
	for _, j := range held {
		if err := b.run(j); err != nil {
			t.Fatal(err)
		}
	}
	if n := renewed(before, b.room.hub.Group()); n < 3 { // keeper, juliet, and bob's own
		t.Errorf("%d leaves have new keys", n)
	}
	b.send(t, "<message from='juliet@a.example/balcony' to='garden@rooms.a.example' type='groupchat' id='m'><body>new keys</body></message>")
	if got := bob.last(); len(bob.failed) > 0 || got.Message == nil {
		t.Errorf("bob could not process %v", bob.failed)
	}
	if got := bob.heard[len(bob.heard)-1]; !strings.HasSuffix(got, ": new keys") {
		t.Errorf("bob hears %q", got)
	}
}

// What policy forbids is not tried over and over: a refused renewal waits for the next window.
func TestRenewalRefused(t *testing.T) {
	b := newBench(t)
	b.svc = thatRenews(b.svc, 24*time.Hour, 0)
	b.room = b.svc.New(b.name)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet' id='1'>"+joinX+"</presence>")
	b.hold = true
	if err := b.wakes(b.now.Add(23 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	j := b.held[0]
	if err := b.step(CommitDone{Job: j.ID, Err: fmt.Errorf("no luck")}); err != nil {
		t.Fatal(err)
	}
	if len(b.held) != 1 {
		t.Error("it is tried again at once")
	}
	if b.wake.Sub(b.now) < time.Minute || b.wake.Sub(b.now) > MaxRenewalPause {
		t.Errorf("it is tried again after %v", b.wake.Sub(b.now))
	}
	b.hold, b.held = false, nil
	before := b.room.hub.Group()
	if err := b.wakes(b.now.Add(MaxRenewalPause + time.Second)); err != nil {
		t.Fatal(err)
	}
	if renewed(before, b.room.hub.Group()) == 0 {
		t.Error("it is not tried again")
	}
}

// Intervals that cannot be spread over time are refused.
func TestRenewalIntervals(t *testing.T) {
	cfg := testService(t).cfg
	for every, ok := range map[time.Duration]bool{0: true, MinRenewal: true, MinRenewal - 1: false, -MinRenewal: false} {
		for _, at := range []*time.Duration{&cfg.RenewEncryption, &cfg.RenewSignature} {
			*at = every
			if _, err := NewService(cfg); (err == nil) != ok {
				t.Errorf("every %v: %v", every, err)
			}
			*at = 0
		}
	}
}
