package mucmap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/internal/conform"
	"anteroom/mimi"
)

// At a rate: the whole burst passes, one more does not and is told how long to wait; after that time exactly one more passes.
func TestGauge(t *testing.T) {
	r := Rate{Burst: 3, Every: 2 * time.Second}
	now := time.Unix(1000, 0)
	var g gauge
	for i := range 3 {
		if _, ok := g.take(now, r); !ok {
			t.Fatalf("number %d of a burst of 3 is refused", i+1)
		}
	}
	wait, ok := g.take(now, r)
	if ok || wait != 2*time.Second {
		t.Fatalf("beyond the burst: %v, %v", wait, ok)
	}
	if _, ok := g.take(now.Add(wait-1), r); ok {
		t.Error("before the time is over one more passes")
	}
	if _, ok := g.take(now.Add(wait), r); !ok {
		t.Error("after the time told nothing passes")
	}
	if _, ok := g.take(now.Add(wait), r); ok {
		t.Error("after the time told two pass")
	}
	if _, ok := g.take(now.Add(time.Hour), r); !ok {
		t.Error("after a long pause nothing passes")
	}
}

// Who is counted is bounded, and being forgotten does not give a flooding user a new burst before its time.
func TestGaugesAreBounded(t *testing.T) {
	r := Rate{Burst: 2, Every: time.Second}
	now := time.Unix(1000, 0)
	user := func(i int) mimi.URI {
		u, err := mimi.UserURI("a.example", fmt.Sprintf("u%d", i))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	var g gauges
	for i := range 2*maxWatched + 10 {
		g.take(now, user(i), r)
	}
	if n := len(g.now) + len(g.old); n > 2*maxWatched {
		t.Errorf("%d users are watched", n)
	}
	g = gauges{}
	passed := 0
	for i := range 40 { // twice as fast as allowed, over many turns of the maps
		if _, ok := g.take(now.Add(time.Duration(i)*500*time.Millisecond), user(0), r); ok {
			passed++
		}
	}
	if passed != 21 {
		t.Errorf("%d pass in 20 s, want one a second and one of the burst", passed)
	}
}

// once is a rate at which so many pass and then none for a long time.
func once(n int) Rate { return Rate{Burst: n, Every: time.Hour} }

func groupchat(i int, payload string) string {
	return fmt.Sprintf("<message from='user%d@a.example/x' to='%s' type='groupchat' id='m'>%s</message>", i, room, payload)
}

func status(i int, payload string) string {
	return fmt.Sprintf("<presence from='user%d@a.example/x' to='%s/nick%d' id='p'>%s</presence>", i, room, i, payload)
}

// Every rate of a room: so many pass, the next is refused with type wait and a time, and other users go on.
func TestRates(t *testing.T) {
	conform.Holds(t, "0045-14.6-2")
	for name, tt := range map[string]struct {
		rates           Rates
		one, other      func(n int) string
		text, condition string
		all             bool // the rate is everybody's
	}{
		"messages": {Rates{Messages: once(3)}, func(int) string { return groupchat(1, "<body>x</body>") }, func(int) string { return groupchat(0, "<body>by a moderator</body>") },
			"too much is said in this room at once; try again in ", "resource-constraint", true},
		"subjects": {Rates{Messages: once(3)}, func(int) string { return groupchat(1, "<subject>x</subject>") }, func(int) string { return groupchat(0, "<subject>by a moderator</subject>") },
			"too much is said", "resource-constraint", true},
		"status": {Rates{Presence: once(3)}, func(n int) string { return status(1, fmt.Sprintf("<status>%d</status>", n)) },
			func(n int) string { return status(2, fmt.Sprintf("<status>%d</status>", n)) }, "you change your status too often", "policy-violation", false},
		"nicks": {Rates{Renames: once(3)}, func(n int) string {
			return fmt.Sprintf("<presence from='user1@a.example/x' to='%s/other%d' id='p'/>", room, n)
		},
			func(n int) string {
				return fmt.Sprintf("<presence from='user2@a.example/x' to='%s/another%d' id='p'/>", room, n)
			}, "you change your nick too often", "policy-violation", false},
		"entering again": {Rates{Rejoins: once(4)}, func(int) string { return enter(1) }, func(int) string { return enter(2) }, "you enter this room too often", "policy-violation", false},
		"newcomers":      {Rates{Joins: once(6)}, func(n int) string { return enter(10 + n) }, func(int) string { return enter(2) }, "too many users enter this room at once", "resource-constraint", true},
	} {
		t.Run(name, func(t *testing.T) {
			b := limited(t, Limits{Rates: tt.rates})
			b.send(t, enter(0)+enter(1)+enter(2))
			b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"+
				"<field var='muc#roomconfig_changesubject'><value>1</value></field></x></query></iq>")
			for n := range 3 {
				if out := b.send(t, tt.one(n)); strings.Contains(out, "type='wait'") {
					t.Fatalf("number %d of 3 is refused:\n%s", n+1, out)
				}
			}
			out := b.send(t, tt.one(3))
			wantIn(t, "one too many", out, "<error type='wait'><"+tt.condition, tt.text, "try again in ")
			if strings.Contains(out, "\nto ") {
				t.Errorf("somebody else hears of what is refused:\n%s", out)
			}
			if out := b.send(t, tt.other(0)); strings.Contains(out, "type='error'") {
				t.Errorf("who may go on is refused:\n%s", out)
			}
			b.now = b.now.Add(time.Hour)
			if out := b.send(t, tt.one(4)); strings.Contains(out, "type='error'") {
				t.Errorf("after the time that was told:\n%s", out)
			}
		})
	}
}

// What a limit refuses is in the log with the text that its sender gets, but a flood does not flood the log.
func TestLimitsAreLogged(t *testing.T) {
	b := limited(t, Limits{Rates: Rates{Messages: once(1)}})
	b.send(t, enter(0)+enter(1)+groupchat(1, "<body>x</body>"))
	in, err := stanzas(groupchat(1, "<body>x</body>"))
	if err != nil {
		t.Fatal(err)
	}
	lines, left := 0, ""
	say := func() {
		o := b.room.Step(b.now, b.seed(), StanzaIn{in[0]})
		if len(o.Stanzas) != 1 {
			t.Fatalf("%d answers", len(o.Stanzas))
		}
		for _, n := range o.Notes {
			if n.Msg != "refused by a limit" {
				continue
			}
			lines++
			for _, a := range n.Attrs {
				switch a.Key {
				case "reason":
					if answer := o.Stanzas[0].Template.Stanza().String(); !strings.Contains(answer, a.Value) {
						t.Errorf("the log says %q, the answer is %s", a.Value, answer)
					}
				case "not_logged_before":
					left = a.Value
				}
			}
		}
	}
	for range 100 {
		say()
	}
	if lines != loudness.Burst {
		t.Errorf("%d lines for 100 refusals, want %d", lines, loudness.Burst)
	}
	b.now = b.now.Add(loudness.Every)
	say()
	if lines != loudness.Burst+1 || left != "95" {
		t.Errorf("later there are %d lines, and the last tells of %s others", lines, left)
	}
}

// A presence says at most so much; who leaves with a longer one leaves all the same.
func TestPresenceLimit(t *testing.T) {
	conform.Holds(t, "0045-14.6-3")
	b := newBench(t)
	b.send(t, enter(0)+enter(1))
	empty := len("<status></status>") // as everybody gets it
	fits := "<status>" + strings.Repeat("x", MaxPresence-empty) + "</status>"
	for n, good := range map[string]bool{"<status>x</status>": true, fits: true, strings.Replace(fits, "x", "xx", 1): false} {
		if out := b.send(t, status(1, n)); strings.Contains(out, "policy-violation") == good {
			t.Errorf("a presence of %d bytes: accepted %v, want %v", len(n), !good, good)
		}
	}
	wantIn(t, "joining with too much", b.send(t, strings.Replace(enter(2), "</presence>", fits+"<a xmlns='b'/></presence>", 1)), "policy-violation")
	out := b.send(t, "<presence type='unavailable' from='user1@a.example/x' to='"+room+"/nick1'>"+fits+"<a xmlns='b'/></presence>")
	wantIn(t, "leaving", out, "type='unavailable'")
	if strings.Contains(out, "xxxx") {
		t.Error("and all of it is passed on")
	}
}
