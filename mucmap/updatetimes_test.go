package mucmap

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

func timesForm(min, max string) string {
	return "<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='t'><query xmlns='http://jabber.org/protocol/muc#owner'>" +
		formOf("http://jabber.org/protocol/muc#roomconfig", fieldUpdateMin, min, fieldUpdateMax, max) + "</query></iq>"
}

// updates proposes new keys for bob, who goes on only if the hub agrees.
func (r *remote) updates() mimi.UpdateResponse {
	r.t.Helper()
	r.catchUp()
	next, m, err := r.group.ProposeUpdate(r.b.seed(), r.group.Local()[0], nil, emptyAAD)
	r.must(err)
	was := r.group
	r.group = next // the commit of the keeper comes at once
	a := r.update(&mimi.UpdateRequest{Message: m})
	if a.Code != mimi.UpdateSuccess {
		r.group = was
	}
	return a
}

// The owner bounds the time between two Updates of a leaf. What comes too early is refused with a reason, an Update and a commit for nothing else alike;
// our own schedule keeps to the bounds; a client that keeps its keys for too long is put out, and nobody else.
func TestUpdateTimes(t *testing.T) {
	b, bob := meet(t)
	if err := b.restart(true); err != nil { // keys are not renewed by configuration
		t.Fatal(err)
	}
	wantIn(t, "times", b.send(t, timesForm("7200", "86400")), "type='result'", "code='104'")
	bob.catchUp()
	if got := b.room.hub.State().Base().PolicyComponents; len(got) == 0 || got[len(got)-1] != mimi.ComponentOperationalPolicy {
		t.Errorf("the base policy names the components %v", got)
	}
	if p := b.room.hub.State().Operational(); !p.ExternalCommits || !p.ExternalProposals {
		t.Errorf("other parameters changed: %+v", p)
	}

	early := bob.updates()
	if early.Code != mimi.UpdateNotAllowed || !strings.Contains(early.Text, "wants 7200 s between two Updates") {
		t.Errorf("an early Update: %+v", early)
	}
	staged, err := bob.group.Commit(b.seed(), bob.group.Local()[0], mls.CommitParams{ForcePath: true, AuthenticatedData: emptyAAD})
	if err != nil {
		t.Fatal(err)
	}
	if a := bob.update(commitRequest(t, staged)); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("an early commit: %+v", a)
	}
	if err := b.restart(true); err != nil { // what the hub knows survives
		t.Fatal(err)
	}
	b.now = b.now.Add(2*time.Hour - time.Minute)
	if a := bob.updates(); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("after two hours less a minute: %+v", a)
	}
	b.now = b.now.Add(2 * time.Minute)
	if a := bob.updates(); a.Code != mimi.UpdateSuccess {
		t.Fatalf("after two hours: %+v", a)
	}
	bob.catchUp()
	if len(bob.failed) > 0 {
		t.Fatalf("bob could not process %v", bob.failed)
	}
	if a := bob.updates(); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("again at once: %+v", a)
	}

	start := b.room.hub.Group()
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if err := b.wakes(b.now.Add(24 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n, local := renewed(start, b.room.hub.Group()), len(start.Local()); n < local {
		t.Errorf("%d of %d leaves of ours have new keys after a day", n, local)
	}
	if b.room.hub.State().Clients(bob.client.ClientUser()) != 1 {
		t.Fatal("bob was put out too early")
	}
	b.out.Reset()
	if err := b.wakes(b.now.Add(2 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "bob's keys are too old", b.out.String(), "garden@rooms.a.example/Bob", "type='unavailable'", "code='307'", "not renewed for longer than the room allows")
	if s := b.room.hub.State(); s.Clients(bob.client.ClientUser()) != 0 || s.RoleOf(bob.client.ClientUser()) != roleNone {
		t.Error("bob is still in the group")
	}
	if n := b.room.pub.here.Occupants(); n != 2 {
		t.Errorf("%d occupants are there, want juliet and romeo", n)
	}
	if err := b.room.mirrors(); err != nil {
		t.Error(err)
	}
	b.send(t, timesForm("0", "0"))
	if times := b.room.hub.State().UpdateTimes(); times != (mimi.Times{}) {
		t.Errorf("without bounds the group has %+v", times)
	}
	b.n++
	b.out.Reset()
	if err := b.wakes(b.now.Add(100 * time.Hour)); err != nil || strings.Contains(b.out.String(), "epoch") {
		t.Errorf("without bounds keys are renewed all the same: %v\n%s", err, b.out.String())
	}
}

// Times that cannot be kept are refused, and so is whoever may not set them.
func TestUpdateTimesRefused(t *testing.T) {
	b, _ := meet(t)
	for _, c := range [][2]string{{"0", "3599"}, {"1801", "3600"}, {"-1", "0"}, {"0", "315360001"}, {"a day", "0"}, {"", "0"}} {
		wantIn(t, c[0]+" and "+c[1], b.send(t, timesForm(c[0], c[1])), "not-acceptable")
	}
	wantIn(t, "romeo", b.send(t, strings.ReplaceAll(timesForm("0", "7200"), "juliet@a.example/balcony", "romeo@a.example/orchard")), "forbidden")
	if _, present := b.room.hub.Group().Public().AppData(mimi.ComponentOperationalPolicy); present {
		t.Error("the group has an operational policy")
	}
	wantIn(t, "the form", b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='get' id='f'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>"),
		"var='"+fieldUpdateMin+"'", "var='"+fieldUpdateMax+"'")
}

// The schedule of our leaves obeys a room's policy, whatever the configuration says.
func TestScheduleObeys(t *testing.T) {
	const hour = 3600
	for name, c := range map[string]struct {
		every time.Duration
		times mimi.Times
		want  uint64
	}{
		"configured":              {10 * time.Hour, mimi.Times{}, 10 * hour},
		"never":                   {0, mimi.Times{}, 0},
		"never, but at most":      {0, mimi.Times{Max: 5 * hour}, 5 * hour},
		"at most":                 {10 * time.Hour, mimi.Times{Max: 5 * hour}, 5 * hour},
		"at most, infinitely":     {10 * time.Hour, mimi.Times{Max: mimi.Infinity}, 10 * hour},
		"usually":                 {10 * time.Hour, mimi.Times{Default: 20 * hour, Max: 30 * hour}, 20 * hour},
		"usually never, but most": {10 * time.Hour, mimi.Times{Default: mimi.Infinity, Max: mimi.Infinity}, 0},
		"at least":                {10 * time.Hour, mimi.Times{Min: 15 * hour}, 15 * hour},
		"nobody ever":             {10 * time.Hour, mimi.Times{Min: mimi.Infinity}, 0},
		"at least, where never":   {0, mimi.Times{Min: 15 * hour}, 0},
		"at least and at most":    {10 * time.Hour, mimi.Times{Min: 2 * hour, Max: 4 * hour}, 4 * hour},
		"usual beside the bounds": {0, mimi.Times{Min: 2 * hour, Default: 3 * hour, Max: 4 * hour}, 3 * hour},
	} {
		p := thatRenews(testService(t), c.every, 0).planRenewals("room", c.times, 3, MaxRenewed)
		if p.every.Encryption != c.want {
			t.Errorf("%s: keys serve %d s, want %d", name, p.every.Encryption, c.want)
		}
	}
	b := newBench(t)
	b.svc = thatRenews(b.svc, time.Hour, 0)
	b.room = b.svc.New(b.name)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet' id='1'>"+joinX+"</presence>"+timesForm("36000", "0"))
	before, start := b.room.hub.Group(), b.now
	if err := b.wakes(start.Add(8 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := renewed(before, b.room.hub.Group()); n != 0 || strings.Contains(b.out.String(), "keys are not renewed") {
		t.Errorf("%d leaves have new keys before the room allows it, or it was tried:\n%s", n, b.out.String())
	}
	if err := b.wakes(start.Add(13 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	if n := renewed(before, b.room.hub.Group()); n != 2 {
		t.Errorf("%d leaves have new keys when the room allows it", n)
	}
}

// A policy, of another provider perhaps, names times beyond all clocks: the room does not wake at once, and again, for it.
func TestTimesThatNoClockShows(t *testing.T) {
	b := newBench(t)
	b.svc = thatRenews(b.svc, time.Hour, 0)
	b.room = b.svc.New(b.name)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet' id='1'>"+joinX+"</presence>")
	for _, n := range []uint64{1 << 62, 1 << 63, mimi.Infinity - 1} {
		for _, times := range []mimi.Times{{Default: n}, {Min: n}} {
			p := b.svc.planRenewals("room", times, 2, MaxRenewed)
			if at := p.look(b.room.hub.Group(), uint64(b.now.Unix())); !at.IsZero() && !at.After(b.now) {
				t.Errorf("%+v: look again at %v, which is over", times, at)
			}
		}
	}
}

// The least time of a policy counts from when the hub knows: old keys wait for it, too, and nothing is tried before it.
func TestScheduleWaitsForThePolicyToCount(t *testing.T) {
	b := newBench(t)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet' id='1'>"+joinX+"</presence>")
	b.now = b.now.Add(30 * 24 * time.Hour)
	b.send(t, timesForm("3600", "7200"))
	before, start := b.room.hub.Group(), b.now
	b.out.Reset()
	for _, tt := range []struct {
		after time.Duration
		want  int
	}{{time.Hour - time.Second, 0}, {2 * time.Hour, 2}} {
		if err := b.wakes(start.Add(tt.after)); err != nil {
			t.Fatal(err)
		}
		if n := renewed(before, b.room.hub.Group()); n != tt.want || strings.Contains(b.out.String(), "keys are not renewed") {
			t.Errorf("after %v %d leaves have new keys, want %d:\n%s", tt.after, n, tt.want, b.out.String())
		}
	}
}

// Where the service allows it owners may want keys to be renewed within seconds, and they are.
func TestShortestRenewal(t *testing.T) {
	b := newBench(t)
	cfg := b.svc.cfg
	cfg.Limits.Renewal = time.Second
	if _, err := NewService(cfg); err == nil {
		t.Error("renewal every second is allowed")
	}
	cfg.Limits.Renewal = MinShortestRenewal
	var err error
	if b.svc, err = NewService(cfg); err != nil {
		t.Fatal(err)
	}
	b.room = b.svc.New(b.name)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet' id='1'>"+joinX+"</presence>")
	wantIn(t, "seven seconds", b.send(t, timesForm("0", "7")), "not-acceptable", "less than 8 seconds")
	wantIn(t, "eight seconds", b.send(t, timesForm("3", "8")), "type='result'")
	for range 5 {
		before := b.room.hub.Group()
		if err := b.wakes(b.now.Add(8 * time.Second)); err != nil {
			t.Fatal(err)
		}
		if n := renewed(before, b.room.hub.Group()); n != 2 {
			t.Errorf("%d leaves have new keys after eight seconds, want 2", n)
		}
	}
}
