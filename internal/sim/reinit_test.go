package sim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/mucmap"
)

// reInit is an operator's order about a room of a provider.
func (w *World) reInit(hub, name, suite string) (int, mucmap.ReInitState) {
	body, err := json.Marshal(mucmap.ReInitOrder{Suite: suite})
	if err != nil {
		panic(err)
	}
	reply, ok := w.Providers[hub].ask(post{body: body}, mucmap.RequestReInit, name)
	var s mucmap.ReInitState
	if !ok || reply.Status < 300 && json.Unmarshal(reply.Body, &s) != nil {
		return 0, s
	}
	return reply.Status, s
}

// suites holds that all providers that are in a room use a suite, each leaf with keys of it.
func suites(t *testing.T, w *World, want mls.CipherSuite) {
	t.Helper()
	groups := w.groups("a.example", "garden")
	if err := agree(groups, "a.example"); err != nil {
		t.Fatalf("%v\n%s", err, strings.Join(w.Trace, "\n"))
	}
	for name, g := range groups {
		if g.Public().Suite() != want {
			t.Errorf("%s uses suite %d", name, g.Public().Suite())
		}
		for i, node := range g.Public().Leaves() {
			if len(node.Capabilities.CipherSuites) != 1 || node.Capabilities.CipherSuites[0] != want {
				t.Errorf("%s: leaf %d lists %v", name, i, node.Capabilities.CipherSuites)
			}
		}
	}
}

// The group of a room with users of two providers gets another suite, and nobody notices: nobody leaves or enters, what is said meanwhile is heard by all, and
// afterwards the room goes on in every way. Then it gets its first suite again (RFC 9420 §11.2).
func TestReInitAcrossProviders(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	all := []*User{juliet, romeo, nurse}
	before := w.groups("a.example", "garden")["a.example"]
	archive := len(w.archived())
	for n, suite := range []mls.CipherSuite{mls.SuiteP256AES128SHA256P256, mls.SuiteX25519ChaCha20SHA256Ed25519, mls.SuiteX25519AES128SHA256Ed25519} {
		status, s := w.reInit("a.example", "garden", suite.Name())
		if status != 202 || s.Wanted != suite.Name() {
			t.Fatalf("order: %d %+v", status, s)
		}
		if status, _ := w.reInit("a.example", "garden", "7"); status != 409 {
			t.Errorf("a second order meanwhile: %d", status)
		}
		var want []string
		for i := range 20 {
			all[i%3].Say(fmt.Sprintf("line %d.%d", n, i))
			w.Step()
			w.Step()
		}
		settle(t, w)
		suites(t, w, suite)
		if status, s := w.reInit("a.example", "garden", ""); status != 200 || s.Suite != suite.Name() || s.Wanted != "" || s.Refused != "" {
			t.Fatalf("afterwards: %d %+v\n%s", status, s, strings.Join(w.Trace, "\n"))
		}
		want = w.archived()[archive:]
		archive += len(want)
		if len(want) != 20 {
			t.Errorf("%d messages are in the archive", len(want))
		}
		for _, u := range all {
			got := u.News()
			if len(got) != len(want) {
				t.Fatalf("%s got\n  %s\nthe room\n  %s\n%s", u.JID, strings.Join(got, "\n  "), strings.Join(want, "\n  "), strings.Join(w.Trace, "\n"))
			}
			for _, text := range want { // a provider shows what its own users said when the hub has answered
				if !slices.ContainsFunc(got, func(s string) bool { return strings.HasSuffix(s, ": "+text) }) {
					t.Errorf("%s does not hear %q", u.JID, text)
				}
			}
		}
	}
	after := w.groups("a.example", "garden")["a.example"]
	if bytes.Equal(before.Public().GroupID(), after.Public().GroupID()) {
		t.Error("the group has its old name")
	}
	// Whoever enters, speaks, is moderated and leaves does it in the group that follows, and so does somebody who knows of none of its suites.
	if status, _ := w.reInit("a.example", "garden", "2"); status != 202 {
		t.Fatalf("order: %d", status)
	}
	settle(t, w)
	tybalt := w.User("tybalt@b.example/street", "garden%a.example@rooms.b.example", "Tybalt")
	tybalt.Join()
	settle(t, w)
	expect(t, "a guest enters", juliet, "Tybalt is here none/participant")
	paris := w.User("paris@c.example/court", "garden%a.example@rooms.c.example", "Paris")
	w.Add("c.example")
	paris.Join()
	settle(t, w)
	expect(t, "a provider that was not there", juliet, "Paris is here none/participant")
	paris.News()
	tybalt.News()
	romeo.News()
	nurse.News()
	paris.Say("Good morrow")
	settle(t, w)
	for _, u := range append(all, tybalt, paris) {
		expect(t, "heard by all", u, "Paris: Good morrow")
	}
	suites(t, w, mls.SuiteP256AES128SHA256P256)
	w.Providers["b.example"].Rooms["garden%a.example"].restore()
	w.Providers["a.example"].Rooms["garden"].restore()
	settle(t, w)
	juliet.Say("restored")
	settle(t, w)
	for _, u := range append(all, tybalt, paris) {
		expect(t, "after a restart", u, "Juliet: restored")
	}
	suites(t, w, mls.SuiteP256AES128SHA256P256)
}

// If a client has no key package of the suite nothing happens, and the refusal names it; it is the same when its provider does not answer.
func TestReInitLeavesNobodyBehind(t *testing.T) {
	w, juliet, romeo, _ := meeting(t)
	before := w.groups("a.example", "garden")
	w.noKeys = map[string]func([]byte) mucmap.Reply{"b.example": noKeys}
	if status, _ := w.reInit("a.example", "garden", "2"); status != 202 {
		t.Fatalf("order: %d", status)
	}
	settle(t, w)
	status, s := w.reInit("a.example", "garden", "")
	if status != 200 || s.Wanted != "" || !strings.Contains(s.Refused, "mimi://b.example/u/romeo") || !strings.Contains(s.Refused, "mimi://b.example/u/nurse") {
		t.Fatalf("refusal: %d %+v", status, s)
	}
	w.noKeys = nil
	w.Down("b.example", true)
	if status, _ := w.reInit("a.example", "garden", "2"); status != 202 {
		t.Fatalf("order: %d", status)
	}
	for range 60 {
		w.Step()
	}
	if _, s = w.reInit("a.example", "garden", ""); s.Wanted != "" || !strings.Contains(s.Refused, "does not answer") {
		t.Fatalf("refusal: %+v", s)
	}
	w.Down("b.example", false)
	settle(t, w)
	for name, g := range w.groups("a.example", "garden") {
		if !bytes.Equal(g.EpochAuthenticator(), before[name].EpochAuthenticator()) {
			t.Errorf("%s is in another epoch", name)
		}
	}
	romeo.Say("Still here")
	settle(t, w)
	expect(t, "as before", juliet, "Romeo: Still here")

	for _, c := range []struct {
		room, suite string
		status      int
	}{{"garden", "9", 400}, {"garden", "1", 409}, {"nowhere", "2", 404}} {
		if status, _ := w.reInit("a.example", c.room, c.suite); status != c.status {
			t.Errorf("%s to suite %s: %d", c.room, c.suite, status)
		}
	}
	if status, _ := w.reInit("b.example", "garden%a.example", "2"); status != 409 {
		t.Errorf("a room of another provider: %d", status)
	}
}

// noKeys is an answer that nothing is compatible.
func noKeys(body []byte) mucmap.Reply {
	var q mimi.KeyMaterialRequest
	if err := wire.Unmarshal(body, &q); err != nil {
		panic(err)
	}
	return mucmap.Reply{Status: 200, Body: wire.Marshal(&mimi.KeyMaterialResponse{Code: mimi.KeyMaterialNoCompatible, User: q.Target})}
}

// A hub of another make may tell the end of the group and the Welcome to the one that follows one by one: what is said between waits for the Welcome.
func TestReInitInTwoBodies(t *testing.T) {
	w, juliet, romeo, _ := meeting(t)
	key := [2]string{"a.example", "b.example"}
	if status, _ := w.reInit("a.example", "garden", "2"); status != 202 {
		t.Fatalf("order: %d", status)
	}
	for len(w.mail[key]) == 0 {
		if !w.Step() {
			t.Fatal("the hub tells nothing")
		}
	}
	both := w.mail[key][0]
	_, bodies, err := mimi.SplitFanout(both.body)
	if err != nil || len(bodies) != 2 {
		t.Fatalf("%d messages, %v", len(bodies), err)
	}
	end, welcome := both, both
	end.body, welcome.body = bodies[0], bodies[1]
	w.mail[key] = []post{end}
	settle(t, w)
	romeo.Say("in between")
	settle(t, w)
	expect(t, "nothing is said in a group that ended", romeo)
	w.mail[key] = append(w.mail[key], welcome)
	settle(t, w)
	expect(t, "it is said in the group that follows", romeo, "Romeo: in between")
	expect(t, "it is said in the group that follows", juliet, "Romeo: in between")
	suites(t, w, mls.SuiteP256AES128SHA256P256)
}

// Whoever enters from another provider while key packages are fetched, or while the new group is made of them, is not left behind either.
func TestReInitWhileSomebodyEnters(t *testing.T) {
	for _, during := range []string{"fetching", "making"} {
		w, _, _, _ := meeting(t)
		w.Add("c.example")
		paris := w.User("paris@c.example/court", "garden%a.example@rooms.c.example", "Paris")
		if status, _ := w.reInit("a.example", "garden", "2"); status != 202 {
			t.Fatalf("order: %d", status)
		}
		hub := w.Providers["a.example"].Rooms["garden"]
		for during == "making" && len(hub.jobs) == 0 {
			if !w.Step() {
				t.Fatal("no group is made")
			}
		}
		asks, jobs := hub.asks, hub.jobs
		hub.asks, hub.jobs = nil, nil
		paris.Join()
		settle(t, w)
		hub.asks, hub.jobs = append(hub.asks, asks...), append(hub.jobs, jobs...)
		settle(t, w)
		if _, s := w.reInit("a.example", "garden", ""); s.Refused != "" || s.Wanted != "" {
			t.Fatalf("%s: %+v\n%s", during, s, strings.Join(w.Trace, "\n"))
		}
		suites(t, w, mls.SuiteP256AES128SHA256P256)
		if n := w.groups("a.example", "garden")["a.example"].Public().Size(); n != 5 {
			t.Errorf("%s: %d clients", during, n)
		}
	}
}
