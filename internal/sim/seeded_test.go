package sim

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// groups are the stored group values of one room: the hub's and those of providers that follow it and are members.
func (w *World) groups(hub, name string) map[string]*mls.Group {
	all := map[string]*mls.Group{}
	for _, p := range w.Providers {
		room := name
		if p.Name != hub {
			room = name + "%" + hub
		}
		n := p.Rooms[room]
		if n == nil || len(n.disk.secrets) == 0 {
			continue
		}
		parts := map[string][]byte{}
		for key, b := range n.disk.secrets {
			if rest, ok := strings.CutPrefix(key, "mls/"); ok {
				parts[rest] = b
			}
		}
		if len(parts) > 0 {
			g, err := mls.LoadGroup(parts, mls.Config{Authenticate: func(mls.Credential, mls.SignaturePublicKey, uint64) error { return nil }, PastEpochs: 4})
			if err != nil {
				panic(err)
			}
			all[p.Name] = g
		}
		if r := n.follower(); r != nil {
			if r.Broken() != "" {
				panic("sim: " + p.Name + ": " + r.Broken())
			}
			if r.Member() {
				all[p.Name] = r.Group()
			}
		}
	}
	return all
}

// agree holds that all providers that are in a room are in the same epoch of the same group.
func agree(groups map[string]*mls.Group, hub string) error {
	want := groups[hub]
	for name, g := range groups {
		if g.Public().Epoch() != want.Public().Epoch() || !bytes.Equal(g.EpochAuthenticator(), want.EpochAuthenticator()) {
			return fmt.Errorf("%s is in epoch %d with authenticator %x, the hub in %d with %x", name, g.Public().Epoch(), g.EpochAuthenticator(),
				want.Public().Epoch(), want.EpochAuthenticator())
		}
	}
	return nil
}

// holdsKeys holds that a provider which is in a room has the keys of all leaves of its users: nobody renews, and nobody speaks by, a leaf without.
func (w *World) holdsKeys(hub, name string) error {
	for p, g := range w.groups(hub, name) {
		local := g.Local()
		for i, node := range g.Public().Leaves() {
			if client, err := mimi.CredentialClient(node.Credential); err == nil && client.Provider() == p && !slices.Contains(local, i) {
				return fmt.Errorf("%s has no keys of leaf %d, %s", p, i, client)
			}
		}
	}
	return nil
}

// views holds that at every provider presence shows what the room's description says, and that all descriptions say the same.
func (w *World) views(hub, name string, users []*User, inside func(*User) bool) error {
	describe := func(p *Provider) (map[string]string, bool) {
		room := name
		if p.Name != hub {
			room = name + "%" + hub
		}
		n := p.Rooms[room]
		if n == nil || !n.room.Exists() {
			return nil, false
		}
		all := map[string]string{}
		for _, x := range n.room.Describe().Participants {
			if !strings.Contains(x.User.String(), "keeper") {
				all[x.User.String()] = fmt.Sprintf("%s/%s %d", x.Affiliation, x.Role, x.Leaves)
			}
		}
		return all, true
	}
	want, _ := describe(w.Providers[hub])
	for _, p := range w.Providers {
		if got, ok := describe(p); ok && !maps.Equal(got, want) {
			return fmt.Errorf("%s shows %v, the hub %v", p.Name, got, want)
		}
	}
	for _, u := range users {
		if !inside(u) {
			continue
		}
		room := name
		if u.provider().Name != hub {
			room = name + "%" + hub
		}
		n := u.provider().Rooms[room]
		var want []string
		for _, x := range n.room.Describe().Participants {
			remote := x.User.Provider() != u.provider().Name
			if x.Sessions > 0 || remote && x.Leaves > 0 && x.Role != "none" {
				want = append(want, x.Nick+" "+x.Affiliation+"/"+x.Role)
			}
		}
		slices.Sort(want)
		got := u.View()
		slices.Sort(got)
		if !slices.Equal(got, want) {
			return fmt.Errorf("%s sees %q, the room shows %q", u.JID, got, want)
		}
	}
	return nil
}

// history runs one seeded history and checks it at its end.
func history(seed uint64, faults Faults, c Credentials) (*World, error) {
	w := NewWith(seed, c, "a.example", "b.example", "c.example")
	owner := w.User("owner@a.example/x", "garden@rooms.a.example", "owner")
	owner.Join()
	if err := w.Settle(); err != nil {
		return w, err
	}
	users := []*User{owner}
	for i, p := range []string{"a", "b", "b", "b", "c", "c"} {
		room := "garden%a.example@rooms." + p + ".example"
		if p == "a" {
			room = "garden@rooms.a.example"
		}
		users = append(users, w.User(fmt.Sprintf("u%d@%s.example/x", i, p), room, fmt.Sprintf("n%d", i)))
	}
	hermit := w.User("hermit@c.example/x", "garden%a.example@rooms.c.example", "hermit")
	hermit.Tell("others deny")
	if err := w.Settle(); err != nil {
		return w, err
	}
	w.Faults = faults
	var whispers []whisper
	said := map[string]saying{} // by text
	iqs := map[*User][]string{}
	for i := range 80 {
		for _, name := range []string{"a.example", "b.example", "c.example"} {
			if p := w.Providers[name]; p.down {
				p.down = !w.chance(0.3)
			} else {
				p.down = w.chance(w.Faults.Partition)
			}
		}
		if i%30 == 20 && seed%2 == 0 { // to one of the first three suites, or a refusal if it is the present one
			w.reInit("a.example", "garden", strconv.Itoa(1+w.rng.IntN(3)))
		}
		u := users[w.rng.IntN(len(users))]
		act := w.rng.IntN(21)
		if act > 7 && act < 10 && w.chance(0.6) {
			u = owner // most others may not
		}
		v := users[1+w.rng.IntN(len(users)-1)]
		jid := u.addressAt(v)
		switch act {
		case 0, 1, 2, 12, 13:
			u.Join()
		case 3:
			if u != owner {
				u.Leave()
			}
		case 4, 5, 6, 7:
			text := fmt.Sprintf("text %d of %s", i, u.Room.Resource())
			said[text] = u.saying(text, users)
		case 8:
			iqs[u] = append(iqs[u], u.Set(muc.Item{Nick: v.Room.Resource(), Role: []muc.Role{muc.RoleNone, muc.RoleVisitor, muc.RoleParticipant}[w.rng.IntN(3)], Reason: "r"}))
		case 9:
			iqs[u] = append(iqs[u], u.Set(muc.Item{JID: jid, Affiliation: []muc.Affiliation{muc.AffiliationNone, muc.AffiliationMember, muc.AffiliationAdmin, muc.AffiliationOutcast}[w.rng.IntN(4)]}))
		case 10:
			u.Subject(fmt.Sprintf("subject %d", i))
		case 14:
			u.Invite(jid)
		case 15:
			u.Invite(u.addressAt(hermit))
		case 16, 17:
			if u.provider() != v.provider() {
				whispers = append(whispers, u.whisper(v, fmt.Sprintf("whisper %d", i)))
			}
		case 18:
			u.decide(v)
		case 20:
			w.Wake(2 * time.Hour)
		case 19: // who was made an admin elsewhere invites, too
			jid := v.addressAt(u)
			if len(v.View()) > 0 {
				v.Invite(jid)
			}
		case 11:
			w.Wait(time.Duration(w.rng.IntN(20)) * time.Minute)
		}
		for range w.rng.IntN(6) {
			w.Step()
		}
	}
	w.Faults = Faults{}
	for _, p := range w.Providers {
		p.down = false
	}
	if err := w.Settle(); err != nil {
		return w, err
	}
	w.Wait(time.Millisecond)
	if err := w.Settle(); err != nil {
		return w, err
	}
	if err := w.hours(6); err != nil {
		return w, err
	}
	if err := w.holdsKeys("a.example", "garden"); err != nil {
		return w, err
	}
	if err := w.fresh("a.example", "garden"); err != nil {
		return w, err
	}
	if c.Issue != nil {
		if err := w.certified("a.example", "garden", c); err != nil {
			return w, err
		}
	}
	if faults.LoseNews > 0 { // who hears nothing knows nothing: everybody does something
		for _, u := range users {
			u.Say("where is " + u.Room.Resource() + "?")
			if err := w.Settle(); err != nil {
				return w, err
			}
		}
		w.Wait(31 * time.Minute) // and guests who are absent leave
		if err := w.Settle(); err != nil {
			return w, err
		}
	}
	if err := w.answerAll(whispers); err != nil {
		return w, err
	}
	if err := w.comeBack(); err != nil {
		return w, err
	}
	sure := faults.Crash == 0 && faults.LoseNews == 0
	if err := whispersArrive(whispers, sure); err != nil {
		return w, err
	}
	if faults.LoseNews == 0 {
		if err := pairsAgree(whispers); err != nil {
			return w, err
		}
		if err := w.pairsShareEpochs(); err != nil {
			return w, err
		}
	}
	if err := w.staysOut("a.example", "garden", hermit); err != nil {
		return w, err
	}
	groups := w.groups("a.example", "garden")
	if groups["a.example"] == nil {
		return w, fmt.Errorf("the hub has no group")
	}
	if err := agree(groups, "a.example"); err != nil {
		return w, err
	}
	if faults.Crash > 0 { // presences may have been lost between write and socket: everybody looks again
		if err := w.reenter(users); err != nil {
			return w, err
		}
	}
	if err := w.views("a.example", "garden", users, func(u *User) bool { return len(u.View()) > 0 }); err != nil {
		return w, err
	}
	if err := w.everybodyHears(owner, users); err != nil {
		return w, err
	}
	if err := w.outsidersAreBlind(owner, "a.example", "garden"); err != nil {
		return w, err
	}
	if err := w.noneTwice(users); err != nil {
		return w, err
	}
	if faults.Crash == 0 {
		if err := w.noneUnanswered(said); err != nil {
			return w, err
		}
	}
	if faults.Crash == 0 && faults.LoseNews == 0 && faults.Reorder == 0 {
		if err := w.noneSkipped(users, said); err != nil {
			return w, err
		}
	}
	for u, ids := range iqs {
		for _, id := range ids {
			n := 0
			for _, st := range u.Inbox() {
				if st.Kind == xmpp.IQ && st.ID == id {
					n++
				}
			}
			if n > 1 || n == 0 && faults.Crash == 0 {
				return w, fmt.Errorf("request %s of %s was answered %d times", id, u.JID, n)
			}
		}
	}
	return w, nil
}

func TestSeededHistories(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults Faults
		kept   []uint64 // seeds that once failed
	}{
		{"calm", Faults{}, nil},
		{"lossy", Faults{LoseRequest: 0.2, LoseReply: 0.2, Late: 0.3}, []uint64{60228}},
		{"crashing", Faults{LoseRequest: 0.1, LoseReply: 0.1, Late: 0.1, Crash: 0.05}, []uint64{10322}},
		{"partitioned", Faults{LoseRequest: 0.1, LoseReply: 0.1, Late: 0.1, Partition: 0.1}, []uint64{10295, 40091, 60152}},
		{"reordered", Faults{Late: 0.3, Reorder: 0.3, Partition: 0.05}, nil},
		{"losing commits", Faults{LoseNews: 0.1, Reorder: 0.1, Late: 0.1}, []uint64{10085, 20093}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			changed := 0
			certificates := certificates(t)
			first, many := number(t, "ANTEROOM_SIM_FIRST", 0), number(t, "ANTEROOM_SIM_SEEDS", 35)
			seeds := tt.kept
			for seed := first; seed < first+many; seed++ {
				seeds = append(seeds, seed)
			}
			for _, seed := range seeds {
				c := Credentials{}
				if seed%3 == 2 {
					c = certificates
				}
				w, err := history(seed, tt.faults, c)
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(tail(w.Trace, 60), "\n"))
				}
				changed += strings.Count(strings.Join(w.Trace, "\n"), "a.example garden: the group is reinitialised")
			}
			if changed == 0 {
				t.Error("no group got another suite")
			}
		})
	}
}

// number is what a variable of the environment says, or the number without it: ANTEROOM_SIM_SEEDS is how many histories of each kind are run,
// ANTEROOM_SIM_FIRST the seed of the first.
func number(t *testing.T, variable string, without uint64) uint64 {
	text := os.Getenv(variable)
	if text == "" {
		return without
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("%s: %v", variable, err)
	}
	return n
}

func tail(lines []string, n int) []string {
	if len(lines) > n {
		return lines[len(lines)-n:]
	}
	return lines
}

// Each check of a history fails when what it holds is not so.
func TestChecksCanFail(t *testing.T) {
	fresh := func() (*World, *User, *User) {
		w, juliet, romeo, _ := meeting(t)
		romeo.Say("Hello")
		settle(t, w)
		return w, juliet, romeo
	}
	fails := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s is not noticed", what)
		}
	}
	here := func(*User) bool { return true }

	w, juliet, romeo := fresh()
	users := []*User{juliet, romeo}
	if err := w.views("a.example", "garden", users, here); err != nil {
		t.Fatal(err)
	}
	follow := w.Providers["b.example"].Rooms["garden%a.example"]
	old := follow.disk
	old.secrets = maps.Clone(old.secrets)
	juliet.Set(muc.Item{Nick: "Romeo", Role: muc.RoleVisitor})
	juliet.Say("More")
	if w.Providers["a.example"].Rooms["garden"].jobs != nil {
		w.Providers["a.example"].Rooms["garden"].work()
	}
	fails("a commit that a follower has not heard of", agree(w.groups("a.example", "garden"), "a.example"))
	fails("a role that a follower does not show", w.views("a.example", "garden", users, here))
	settle(t, w)
	if err := agree(w.groups("a.example", "garden"), "a.example"); err != nil {
		t.Fatal(err)
	}

	w, _, romeo = fresh()
	inbox := w.Providers["b.example"].Inbox[romeo.JID.String()]
	w.Providers["b.example"].Inbox[romeo.JID.String()] = append(inbox, inbox[len(inbox)-1])
	fails("a message that was shown twice", w.noneTwice([]*User{romeo}))
	w, _, romeo = fresh()
	hub := w.Providers["a.example"].Rooms["garden"]
	hub.disk.archive = nil
	fails("a message that the hub does not have", w.noneTwice([]*User{romeo}))

	w, juliet, romeo = fresh()
	said := map[string]saying{}
	for _, text := range []string{"first", "second", "third"} {
		said[text] = juliet.saying(text, []*User{romeo})
		settle(t, w)
	}
	for _, err := range []error{w.noneSkipped([]*User{romeo}, said), w.noneUnanswered(said)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	said["fourth"] = saying{by: romeo, id: "never sent"}
	fails("a message that nobody answered", w.noneUnanswered(said))
	delete(said, "fourth")
	inbox = w.Providers["b.example"].Inbox[romeo.JID.String()]
	w.Providers["b.example"].Inbox[romeo.JID.String()] = slices.DeleteFunc(inbox, func(st xmpp.Stanza) bool { body, _ := st.Body(); return body == "second" })
	fails("a message that somebody was not shown", w.noneSkipped([]*User{romeo}, said))

	w, juliet, _ = fresh()
	in := w.Providers["a.example"].Inbox
	in[juliet.JID.String()] = in[juliet.JID.String()][:2]
	fails("presences that did not arrive", w.views("a.example", "garden", []*User{juliet}, here))

	w, juliet, romeo = fresh()
	w.Providers["b.example"].down = true
	juliet.Say("the beginning")
	for range 20 {
		w.Step()
	}
	fails("somebody who hears nothing", w.everybodyHears(juliet, []*User{juliet, romeo}))

	w, _, _ = fresh()
	if err := w.holdsKeys("a.example", "garden"); err != nil {
		t.Fatal(err)
	}
	w.Providers["b.example"].Rooms["garden%a.example"].disk.secrets = w.Providers["a.example"].Rooms["garden"].disk.secrets
	fails("a leaf without keys", w.holdsKeys("a.example", "garden"))

	w, _, _ = fresh()
	w.Now = w.Now.Add(12 * time.Hour)
	fails("keys that nobody renewed", w.fresh("a.example", "garden"))

	// A provider whose users were all banned is blind; were it still a member it would read.
	w, juliet, _ = fresh()
	if err := w.outsidersAreBlind(juliet, "a.example", "garden"); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"romeo", "nurse"} {
		juliet.Set(muc.Item{JID: mustJID("u%" + name + "%b.example@rooms.a.example"), Affiliation: muc.AffiliationOutcast})
	}
	w.Providers["b.example"].down = true
	for range 20 {
		w.Step()
	}
	fails("a member that cannot read", w.outsidersAreBlind(juliet, "a.example", "garden"))
	w.Providers["b.example"].down = false
	settle(t, w)
	if err := w.outsidersAreBlind(juliet, "a.example", "garden"); err != nil {
		t.Fatal(err)
	}
	if r := w.Providers["b.example"].Rooms["garden%a.example"].follower(); r.Member() || r.Group() == nil {
		t.Error("the banned provider should hold its last epoch")
	}
}

// What happens in a history follows from its seed, so that a failure can be looked at again.
func TestHistoriesFollowFromTheirSeeds(t *testing.T) {
	certificates := certificates(t)
	for seed := range uint64(6) {
		c := Credentials{}
		if seed%3 == 2 {
			c = certificates
		}
		var traces [2][]string
		for i := range traces {
			w, err := history(seed, Faults{LoseRequest: 0.1, LoseReply: 0.1, Late: 0.1, Crash: 0.05, Partition: 0.05, Reorder: 0.1}, c)
			if err != nil {
				traces[i] = append(traces[i], err.Error()) // the same both times is enough here
			}
			traces[i] = append(traces[i], w.Trace...)
		}
		if len(traces[0]) < 100 {
			t.Errorf("seed %d: %d lines only", seed, len(traces[0]))
		}
		for n := range max(len(traces[0]), len(traces[1])) {
			if n >= len(traces[0]) || n >= len(traces[1]) || traces[0][n] != traces[1][n] {
				t.Errorf("seed %d: the second time differs from line %d on:\n%s\n---\n%s", seed, n, strings.Join(tail(traces[0][:min(n+1, len(traces[0]))], 3), "\n"), strings.Join(tail(traces[1][:min(n+1, len(traces[1]))], 3), "\n"))
				break
			}
		}
	}
}
