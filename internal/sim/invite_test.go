package sim

import (
	"slices"
	"strings"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// thirdParty is a meeting at a.example of which romeo of b.example is an admin, and bob of c.example, who is not there.
func thirdParty(t *testing.T) (w *World, juliet, romeo, nurse, bob *User) {
	t.Helper()
	w, juliet, romeo, nurse = meeting(t)
	key := New(3, "c.example")
	c := key.Providers["c.example"]
	c.w, w.Providers["c.example"] = w, c
	w.Send(adminIQ(w, juliet, muc.Item{JID: mustJID("u%romeo%b.example@rooms.a.example"), Affiliation: muc.AffiliationAdmin}))
	settle(t, w)
	for _, u := range []*User{juliet, romeo, nurse} {
		u.News()
	}
	return w, juliet, romeo, nurse, w.User("bob@c.example/x", "garden%a.example@rooms.c.example", "Bob")
}

const bobAtB = "u%bob%c.example@rooms.b.example"

// invitations are the mediated invitations that came to a user.
func invitations(u *User) (list []xmpp.Stanza) {
	for _, st := range u.Bare() {
		if x := st.Child(muc.NSUser, "x"); x != nil && x.Child(muc.NSUser, "invite") != nil {
			list = append(list, st)
		}
	}
	return list
}

// An XMPP user invites a user of a third provider into a room that neither's provider owns: key packages by way of the hub, one commit by the
// inviter's leaf, the Welcome routed by the hub, an invitation at the invited's own service; then they talk (draft-ietf-mimi-protocol-06 §5.2, §5.3, §5.7).
func TestInviteIntoRoomOfOther(t *testing.T) {
	for name, faults := range map[string]Faults{"calm": {}, "lossy": {LoseRequest: 0.2, LoseReply: 0.2, Late: 0.2}, "crashing": {Crash: 0.1}} {
		t.Run(name, func(t *testing.T) {
			w, juliet, romeo, nurse, bob := thirdParty(t)
			bob.Tell("others allow")
			settle(t, w)
			if name == "lossy" { // a room for members: a member may not invite, an admin may
				w.Send(adminIQ(w, juliet, muc.Item{JID: mustJID("u%nurse%b.example@rooms.a.example"), Affiliation: muc.AffiliationMember}))
				settle(t, w)
				membersOnly(w, juliet)
				settle(t, w)
				if got := nurse.invites(t, bobAtB); len(got) != 1 || !strings.HasPrefix(got[0], "error not-allowed: your role in this room lacks canAddParticipant") {
					t.Fatalf("a member invites: %q", got)
				}
			}
			w.Faults = faults
			for range 20 { // a crash loses the search for key packages, as the inviter sees: nobody comes
				if name == "calm" { // an open room: a guest may invite
					nurse.invites(t, bobAtB)
				} else {
					romeo.invites(t, bobAtB)
				}
				if len(invitations(bob)) > 0 {
					break
				}
			}
			w.Faults = Faults{}
			settle(t, w)
			if in := invitations(bob); len(in) == 0 || in[0].From.String() != "garden%a.example@rooms.c.example" || name == "calm" && len(in) != 1 {
				t.Fatalf("bob's invitations: %v\n%s", in, strings.Join(tail(w.Trace, 60), "\n"))
			}
			before := w.Providers["a.example"].Rooms["garden"].room.Describe().Epoch
			bob.Join()
			settle(t, w)
			if after := w.Providers["a.example"].Rooms["garden"].room.Describe().Epoch; after != before {
				t.Errorf("entering took commits: epoch %d, then %d", before, after)
			}
			if got := romeo.invites(t, bobAtB); len(got) == 0 || !strings.HasPrefix(got[len(got)-1], "error conflict: this user is in the room already") {
				t.Errorf("a second invitation: %q", got)
			}
			all := []*User{juliet, romeo, nurse, bob}
			for _, u := range all {
				u.News()
			}
			for _, u := range all {
				text := "I am " + u.Room.Resource()
				u.Say(text)
				settle(t, w)
				for _, v := range all {
					if !slices.Contains(v.Texts(), text) {
						t.Errorf("%s does not hear %s", v.JID, u.JID)
					}
				}
			}
			if err := agree(w.groups("a.example", "garden"), "a.example"); err != nil {
				t.Error(err)
			}
		})
	}
}

// invites asks the room to invite somebody, and returns what came of it.
func (u *User) invites(t *testing.T, whom string) []string {
	t.Helper()
	u.News()
	u.Invite(mustJID(whom))
	settle(t, u.w)
	return u.News()
}

// Without consent the user is asked, at its own provider, and agrees by entering or declines; a consent for all rooms lets all in that wait for it.
func TestInviteIntoRoomOfOtherWithConsent(t *testing.T) {
	w, juliet, romeo, _, bob := thirdParty(t)
	membersOnly(w, juliet)
	settle(t, w)
	if got := romeo.invites(t, bobAtB); len(got) != 0 {
		t.Fatalf("the inviter is told %q\n%s", got, strings.Join(tail(w.Trace, 30), "\n"))
	}
	if got := romeo.invites(t, bobAtB); len(got) != 1 || !strings.HasPrefix(got[0], "error conflict: mimi://c.example/u/bob was asked") {
		t.Errorf("asked twice: %q", got)
	}
	if in := invitations(bob); len(in) != 1 || in[0].From.String() != "garden%a.example@rooms.c.example" {
		t.Fatalf("bob is asked: %v", in)
	}
	w.Providers["b.example"].Rooms["garden%a.example"].restore()
	bob.Join()
	settle(t, w)
	if got := bob.News(); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "Bob is here member/participant 110") }) {
		t.Fatalf("bob is let in: %q\n%s", got, strings.Join(tail(w.Trace, 60), "\n"))
	}
	if w.Providers["b.example"].Rooms["garden%a.example"].room.Summary().Awaiting {
		t.Error("the room still waits for bob")
	}

	carl := w.User("carl@c.example/x", "garden%a.example@rooms.c.example", "Carl")
	romeo.invites(t, "u%carl%c.example@rooms.b.example")
	w.Send(xmpp.Stanza{Kind: xmpp.Message, From: carl.JID, To: carl.Room.Bare(), ID: "d", Payload: []*xmpp.Element{
		muc.User{Decline: &muc.Decline{To: mustJID("u%romeo%b.example@rooms.c.example")}}.Element()}})
	settle(t, w)
	in := romeo.Inbox()
	if x, err := muc.ParseUser(in[len(in)-1].Child(muc.NSUser, "x")); err != nil || x.Decline == nil || x.Decline.From.String() != "u%carl%c.example@rooms.b.example" {
		t.Errorf("carl declines: %s", in[len(in)-1].String())
	}

	// dora is asked for two rooms, one of romeo's provider and one elsewhere, and answers for all.
	dora := w.User("dora@c.example/x", "garden%a.example@rooms.c.example", "Dora")
	at := w.User("romeo@b.example/orchard", "orchard@rooms.b.example", "Romeo")
	at.Join()
	settle(t, w)
	whoisAnyone(w, at)
	settle(t, w)
	romeo.invites(t, "u%dora%c.example@rooms.b.example")
	at.invites(t, "u%dora%c.example@rooms.b.example")
	for _, name := range []string{"garden%a.example", "orchard"} {
		if !w.Providers["b.example"].Rooms[name].room.Summary().Awaiting {
			t.Errorf("%s does not wait for dora", name)
		}
	}
	dora.Tell("allow u%romeo%b.example@rooms.c.example")
	settle(t, w)
	for _, name := range []string{"garden%a.example", "orchard"} {
		d := w.Providers["b.example"].Rooms[name].room.Describe()
		i := slices.IndexFunc(d.Participants, func(p participant) bool { return p.User.String() == "mimi://c.example/u/dora" })
		if i < 0 || d.Participants[i].Leaves != 1 {
			t.Errorf("dora is not in %s: %+v", name, d.Participants)
		}
	}

	// Who is put out needs no consent any more: the question is taken back.
	eve := w.User("eve@c.example/x", "garden%a.example@rooms.c.example", "Eve")
	asks := func() bool {
		eve.Tell("consents")
		settle(t, w)
		return strings.Contains(strings.Join(eve.News(), " "), "u%romeo%b.example@rooms.c.example asks")
	}
	romeo.invites(t, "u%eve%c.example@rooms.b.example")
	if !asks() {
		t.Error("eve is not asked")
	}
	for _, name := range []string{"romeo", "nurse"} {
		w.Send(adminIQ(w, juliet, muc.Item{JID: mustJID("u%" + name + "%b.example@rooms.a.example"), Affiliation: muc.AffiliationOutcast}))
	}
	settle(t, w)
	if asks() {
		t.Error("eve is still asked")
	}
}

// An affiliation that is given to somebody elsewhere brings the clients along; a hub that is away is named.
func TestAffiliationInRoomOfOther(t *testing.T) {
	w, juliet, romeo, _, bob := thirdParty(t)
	bob.Tell("others allow")
	settle(t, w)
	w.Send(adminIQ(w, romeo, muc.Item{JID: mustJID(bobAtB), Affiliation: muc.AffiliationMember}))
	settle(t, w)
	expect(t, "added", juliet, "bob is here member/participant")
	if len(invitations(bob)) != 1 {
		t.Errorf("bob's invitations: %v", invitations(bob))
	}
	w.Send(adminIQ(w, romeo, muc.Item{JID: mustJID("u%carl%c.example@rooms.b.example"), Affiliation: muc.AffiliationMember}))
	settle(t, w)
	if d := w.Providers["b.example"].Rooms["garden%a.example"].room.Describe(); !slices.ContainsFunc(d.Participants, func(p participant) bool {
		return p.User.String() == "mimi://c.example/u/carl" && p.Affiliation == "member" && p.Leaves == 0
	}) {
		t.Errorf("carl, who has not consented, is not listed: %+v", d.Participants)
	}
	romeo.News()
	w.Down("c.example", true)
	romeo.Invite(mustJID("u%dora%c.example@rooms.b.example"))
	for range 60 {
		w.Step()
	}
	expect(t, "nobody is there", romeo, "error remote-server-timeout: a.example or c.example does not answer")
}
