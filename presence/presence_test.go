package presence

import (
	"fmt"
	"slices"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"

	"pgregory.net/rapid"
)

var addr = xmpp.MustParseJID("garden@rooms.a.example")

func jid(i int) xmpp.JID { return xmpp.MustParseJID(fmt.Sprintf("u%d@a.example/r", i)) }

func person(i int, role muc.Role) Occupant {
	return Occupant{User: fmt.Sprint("user ", i), Nick: fmt.Sprint("nick ", i), Real: jid(i).Bare(), Affiliation: muc.AffiliationNone,
		Role: role, Sessions: []Session{{JID: jid(i)}}}
}

// What was handed out does not change, whatever happens afterwards; the list holds exactly those who are in.
func TestRecipientsAreNeverChanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := newList()
		in := map[xmpp.JID]bool{}
		type handed struct{ slice, copy []xmpp.JID }
		var out []handed
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			j := jid(rapid.IntRange(0, 9).Draw(t, "who"))
			if rapid.Bool().Draw(t, "add") {
				l.add(j)
				in[j] = true
			} else {
				l.remove(j)
				delete(in, j)
			}
			out = append(out, handed{l.all(), slices.Clone(l.all())})
			if len(l.all()) != len(in) || len(l.pos) != len(in) {
				t.Fatalf("%d recipients, %d are in", len(l.all()), len(in))
			}
			for at, x := range l.all() {
				if !in[x] || l.pos[x] != at {
					t.Fatalf("%s at %d, position says %d", x, at, l.pos[x])
				}
			}
		}
		for _, h := range out {
			if !slices.Equal(h.slice, h.copy) {
				t.Fatal("a list that was handed out changed")
			}
		}
	})
}

// Everybody but one's own devices, as pieces of the shared list: nobody is left out, nobody gets it twice.
func TestAnnounceReachesEverybodyOnce(t *testing.T) {
	for _, anonymous := range []bool{false, true} {
		r := New(addr, anonymous)
		for i := range 7 {
			role := muc.RoleParticipant
			if i%3 == 0 {
				role = muc.RoleModerator
			}
			r.Enter(person(i, role))
		}
		o := r.ByUser("user 4")
		r.AddSession(o, Session{JID: jid(40)})
		got := map[xmpp.JID]int{}
		templates := map[*xmpp.Template]bool{}
		for _, b := range r.Announce(o, Change{}) {
			templates[b.Template] = true
			st := b.Template.Stanza()
			u, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
			if err != nil {
				t.Fatal(err)
			}
			for _, j := range b.To {
				got[j]++
				own := j == jid(4) || j == jid(40)
				mod := j == jid(0) || j == jid(3) || j == jid(6)
				if u.Has(muc.StatusSelf) != own {
					t.Errorf("110 for %s: %v", j, u.Has(muc.StatusSelf))
				}
				if sees := !u.Items[0].JID.IsZero(); sees != (own || mod || !anonymous) {
					t.Errorf("anonymous %v: %s sees the real JID: %v", anonymous, j, sees)
				}
			}
		}
		if len(got) != r.Len() || len(templates) > 3 {
			t.Errorf("%d of %d got it, by %d variants", len(got), r.Len(), len(templates))
		}
		for j, n := range got {
			if n != 1 {
				t.Errorf("%s got it %d times", j, n)
			}
		}
	}
}

// A presence that newcomers see is encoded once and anew after each change.
func TestPlainPresenceFollowsChanges(t *testing.T) {
	r := New(addr, false)
	o := r.Enter(person(1, muc.RoleParticipant))
	watcher := r.Enter(person(2, muc.RoleParticipant))
	seen := func() string { return r.Roster(watcher, jid(2))[0].Template.Stanza().String() }
	last := seen()
	first := r.Roster(watcher, jid(2))[0].Template
	if again := r.Roster(watcher, jid(2))[0].Template; again != first {
		t.Error("encoded again without a change")
	}
	for what, change := range map[string]func(){
		"nick": func() { r.Rename(o, "other") },
		"role": func() { r.SetRole(o, muc.AffiliationMember, muc.RoleModerator) },
		"status": func() {
			r.AddSession(o, Session{JID: jid(1), Payload: []*xmpp.Element{xmpp.NewElement(xmpp.NSClient, "show")}})
		},
		"devices": func() { // the address of the first is shown
			r.AddSession(o, Session{JID: jid(9)})
			r.RemoveSession(o, jid(1))
		},
	} {
		change()
		if now := seen(); now == last {
			t.Errorf("%s: newcomers still see %s", what, now)
		} else {
			last = now
		}
	}
}

// Nicks are compared as RFC 8266 §2.4 says, and a free one is found beside a taken one.
func TestNicks(t *testing.T) {
	r := New(addr, true)
	r.Enter(person(1, muc.RoleParticipant))
	if r.ByNick("NICK  1") == nil {
		t.Error("case or spaces make another nick")
	}
	if got := r.FreeNick("Nick 1"); got != "Nick 1 (2)" {
		t.Errorf("free nick %q", got)
	}
}

// Who is hidden is announced to itself alone; who becomes hidden is gone for the others, once, and who is shown again is there.
func TestHidden(t *testing.T) {
	r := New(addr, true)
	mod := r.Enter(person(0, muc.RoleModerator))
	speaker := r.Enter(person(1, muc.RoleParticipant))
	visitor := r.Enter(person(2, muc.RoleVisitor))
	visitors := func(role muc.Role) bool { return role == muc.RoleVisitor }
	// told is what others and the occupant itself get: their number, and the type of what others get.
	told := func(bs []xmpp.Broadcast) (others, own int, typ string) {
		for _, b := range bs {
			st := b.Template.Stanza()
			u, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
			if err != nil {
				t.Fatal(err)
			}
			if u.Has(muc.StatusSelf) {
				own += len(b.To)
			} else {
				others, typ = others+len(b.To), st.Type
			}
		}
		return others, own, typ
	}
	check := func(what string, bs []xmpp.Broadcast, wantOthers, wantOwn int, wantType string) {
		t.Helper()
		if others, own, typ := told(bs); others != wantOthers || own != wantOwn || wantOthers > 0 && typ != wantType {
			t.Errorf("%s: %d others get %q, %d of its own; want %d, %q, %d", what, others, typ, own, wantOthers, wantType, wantOwn)
		}
	}
	check("shown", r.Announce(visitor, Change{}), 2, 1, "")
	changed := r.SetHidden(visitors)
	if len(changed) != 1 || changed[0] != visitor {
		t.Fatalf("%d are told of", len(changed))
	}
	check("becomes hidden", r.ToOthers(visitor, Change{}), 2, 0, "unavailable")
	r.Told(visitor)
	check("hidden", r.Announce(visitor, Change{}), 0, 1, "")
	check("leaves hidden", r.Farewell(visitor, Change{}), 0, 1, "")
	if n := len(r.Roster(speaker, jid(1))); n != 1 {
		t.Errorf("the roster has %d", n)
	}
	late := r.Enter(person(3, muc.RoleVisitor))
	check("enters hidden", r.ToOthers(late, Change{}), 0, 0, "")
	r.SetRole(visitor, muc.AffiliationNone, muc.RoleParticipant)
	check("gets voice", r.Announce(visitor, Change{}), 3, 1, "")
	r.Told(visitor)
	r.SetRole(visitor, muc.AffiliationNone, muc.RoleVisitor)
	check("loses voice", r.Announce(visitor, Change{}), 3, 1, "unavailable")
	r.Told(visitor)
	if changed := r.SetHidden(nil); len(changed) != 2 {
		t.Errorf("%d are shown again", len(changed))
	}
	check("shown again", r.ToOthers(visitor, Change{}), 3, 0, "")
	check("a moderator is always shown here", r.Announce(mod, Change{}), 3, 1, "")
}

// With 10,000 occupants of whom few are shown, what an occupant costs is what is shown; a change of whom to show is not told all at once.
func TestHiddenCrowd(t *testing.T) {
	r := New(addr, true)
	r.SetHidden(func(role muc.Role) bool { return role == muc.RoleVisitor })
	for i := range 10_000 {
		role := muc.RoleVisitor
		if i < 10 {
			role = muc.RoleParticipant
		}
		r.Enter(person(i, role))
	}
	o := r.ByUser("user 5000")
	if n := len(r.Announce(o, Change{})); n != 1 {
		t.Errorf("a hidden occupant is announced by %d broadcasts", n)
	}
	if n := len(r.Roster(o, jid(5000))); n != 10 {
		t.Errorf("a newcomer gets %d presences", n)
	}
	if n := len(r.SetHidden(nil)); n != 0 {
		t.Errorf("%d occupants are shown to 10,000 at once", n)
	}
	if n := len(r.Announce(o, Change{})); n < 2 {
		t.Error("shown from now on, it is not announced")
	}
}
