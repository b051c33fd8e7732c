package sim

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi/follower"
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
		parts, follow := map[string][]byte{}, map[string][]byte{}
		for key, b := range n.disk.secrets {
			if rest, ok := strings.CutPrefix(key, "mls/"); ok {
				parts[rest] = b
			}
			if rest, ok := strings.CutPrefix(key, "follow/"); ok {
				follow[rest] = b
			}
		}
		if len(parts) > 0 {
			g, err := mls.LoadGroup(parts, mls.Config{Authenticate: func(mls.Credential, mls.SignaturePublicKey) error { return nil }, PastEpochs: 4})
			if err != nil {
				panic(err)
			}
			all[p.Name] = g
		}
		if len(follow) > 0 {
			r, err := follower.Load(follow, follower.Options{})
			if err != nil {
				panic(err)
			}
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
func history(seed uint64, faults Faults) (*World, error) {
	w := New(seed, "a.example", "b.example", "c.example")
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
	w.Faults = faults
	said := map[string]string{} // text by id of the message
	iqs := map[*User][]string{}
	for i := range 60 {
		u := users[w.rng.IntN(len(users))]
		v := users[1+w.rng.IntN(len(users)-1)]
		jid := xmpp.MustParseJID(v.JID.Bare().String())
		if v.provider() != u.provider() {
			jid = xmpp.MustParseJID("u%" + v.JID.Local() + "%" + v.JID.Domain() + "@" + u.Room.Domain())
		}
		switch w.rng.IntN(12) {
		case 0, 1, 2:
			u.Join()
		case 3:
			if u != owner {
				u.Leave()
			}
		case 4, 5, 6, 7:
			text := fmt.Sprintf("text %d of %s", i, u.Room.Resource())
			said[text] = u.JID.String()
			u.Say(text)
		case 8:
			iqs[u] = append(iqs[u], u.Set(muc.Item{Nick: v.Room.Resource(), Role: []muc.Role{muc.RoleNone, muc.RoleVisitor, muc.RoleParticipant}[w.rng.IntN(3)], Reason: "r"}))
		case 9:
			iqs[u] = append(iqs[u], u.Set(muc.Item{JID: jid, Affiliation: []muc.Affiliation{muc.AffiliationNone, muc.AffiliationMember, muc.AffiliationAdmin, muc.AffiliationOutcast}[w.rng.IntN(4)]}))
		case 10:
			u.Subject(fmt.Sprintf("subject %d", i))
		case 11:
			w.Wait(time.Duration(w.rng.IntN(20)) * time.Minute)
		}
		for range w.rng.IntN(6) {
			w.Step()
		}
	}
	w.Faults = Faults{}
	if err := w.Settle(); err != nil {
		return w, err
	}
	w.Wait(time.Millisecond)
	if err := w.Settle(); err != nil {
		return w, err
	}
	groups := w.groups("a.example", "garden")
	if groups["a.example"] == nil {
		return w, fmt.Errorf("the hub has no group")
	}
	if err := agree(groups, "a.example"); err != nil {
		return w, err
	}
	// Presences are not repeated after a crash between write and socket in this world, so views are compared where there was none.
	if err := w.views("a.example", "garden", users, func(u *User) bool { return faults.Crash == 0 && len(u.View()) > 0 }); err != nil {
		return w, err
	}
	if err := w.noneLost(users, said); err != nil {
		return w, err
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

// noneLost holds that a message is shown once to everybody who gets it, and that messages that the sender saw are in the hub's archive.
func (w *World) noneLost(users []*User, said map[string]string) error {
	var hub []string
	for _, e := range w.Providers["a.example"].Rooms["garden"].disk.archive {
		st, err := xmpp.ParseStanzaXML(e.Data)
		if err != nil {
			return err
		}
		if body, ok := st.Body(); ok {
			hub = append(hub, body)
		}
	}
	for i, text := range hub {
		if slices.Contains(hub[:i], text) {
			return fmt.Errorf("%q is in the hub's archive twice", text)
		}
	}
	for _, u := range users {
		seen := map[string]bool{}
		for _, st := range u.Inbox() {
			body, ok := st.Body()
			if !ok || st.Kind != xmpp.Message || st.Type != xmpp.TypeGroupchat || st.Child("urn:xmpp:delay", "delay") != nil {
				continue
			}
			if seen[body] {
				return fmt.Errorf("%s was shown %q twice", u.JID, body)
			}
			seen[body] = true
			if !slices.Contains(hub, body) {
				return fmt.Errorf("%s was shown %q, which the hub did not accept", u.JID, body)
			}
		}
	}
	return nil
}

func TestSeededHistories(t *testing.T) {
	for _, tt := range []struct {
		name   string
		faults Faults
	}{
		{"calm", Faults{}},
		{"lossy", Faults{LoseRequest: 0.2, LoseReply: 0.2, Late: 0.3}},
		{"crashing", Faults{LoseRequest: 0.1, LoseReply: 0.1, Late: 0.1, Crash: 0.05}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(70) {
				w, err := history(seed, tt.faults)
				if err != nil {
					t.Fatalf("seed %d: %v\n%s", seed, err, strings.Join(tail(w.Trace, 60), "\n"))
				}
			}
		})
	}
}

func tail(lines []string, n int) []string {
	if len(lines) > n {
		return lines[len(lines)-n:]
	}
	return lines
}
