package sim

import (
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

func settle(t *testing.T, w *World) {
	t.Helper()
	if err := w.Settle(); err != nil {
		t.Fatal(err)
	}
}

// expect holds that the news of a user are these lines; each begins a line of what came, in order.
func expect(t *testing.T, what string, u *User, want ...string) {
	t.Helper()
	got := u.News()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Fatalf("%s: %s got\n  %s\nwant\n  %s\n\n%s", what, u.JID, strings.Join(got, "\n  "), strings.Join(want, "\n  "), strings.Join(u.w.Trace, "\n"))
	}
}

// meeting is a room of a.example with its owner juliet, and romeo and nurse of b.example in it.
func meeting(t *testing.T) (w *World, juliet, romeo, nurse *User) {
	t.Helper()
	w = New(1, "a.example", "b.example")
	juliet = w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
	romeo = w.User("romeo@b.example/orchard", "garden%a.example@rooms.b.example", "Romeo")
	nurse = w.User("nurse@b.example/house", "garden%a.example@rooms.b.example", "Nurse")
	juliet.Join()
	settle(t, w)
	expect(t, "creation", juliet, "Juliet is here owner/moderator 110 201", " sets subject ")
	romeo.Join()
	if got := romeo.News(); len(got) != 0 {
		t.Fatalf("before the hub has accepted anything, romeo is told %q", got)
	}
	settle(t, w)
	expect(t, "first join from elsewhere", romeo, "Juliet is here owner/moderator", "Romeo is here none/participant 110", " sets subject ")
	expect(t, "first join from elsewhere", juliet, "Romeo is here none/participant")
	nurse.Join()
	settle(t, w)
	expect(t, "second join from elsewhere", nurse, "Juliet is here owner/moderator", "Romeo is here none/participant", "Nurse is here none/participant 110", " sets subject ")
	expect(t, "second join from elsewhere", romeo, "Nurse is here none/participant")
	expect(t, "second join from elsewhere", juliet, "Nurse is here none/participant")
	return w, juliet, romeo, nurse
}

// XMPP users enter a room of another provider, the second one into the group that their gateway holds already, and talk.
func TestChatAcrossProviders(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	romeo.Say("But soft")
	if got := append(romeo.News(), nurse.News()...); len(got) != 0 {
		t.Fatalf("before the hub has accepted the message it is shown: %q", got)
	}
	settle(t, w)
	for _, u := range []*User{juliet, romeo, nurse} {
		expect(t, "from a follower", u, "Romeo: But soft")
	}
	juliet.Say("Ay me")
	settle(t, w)
	for _, u := range []*User{juliet, romeo, nurse} {
		expect(t, "from the hub", u, "Juliet: Ay me")
	}
	romeo.Subject("The balcony")
	settle(t, w)
	expect(t, "a guest may not change the subject", romeo, "error forbidden")
	juliet.Subject("Names")
	settle(t, w)
	for _, u := range []*User{juliet, romeo, nurse} {
		expect(t, "subject", u, "Juliet sets subject Names")
	}
	// Going offline is not leaving: others hear of it when the guest's leaf goes.
	nurse.Leave()
	settle(t, w)
	expect(t, "leave", nurse, "Nurse is gone none/none 110")
	expect(t, "leave", romeo, "Nurse is gone")
	w.Wait(31 * time.Minute)
	settle(t, w)
	expect(t, "a guest's leaf goes", juliet, "Nurse is gone none/none")
	romeo.Say("Stay")
	settle(t, w)
	expect(t, "afterwards", juliet, "Romeo: Stay")
	expect(t, "afterwards", romeo, "Romeo: Stay")
}

// Moderation, from either side, is signed by the acting user's leaf and explained to the one it hits.
func TestModerationAcrossProviders(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	romeo.Set(muc.Item{Nick: "Nurse", Role: muc.RoleNone})
	settle(t, w)
	expect(t, "a guest kicks", romeo, "error forbidden")

	juliet.Set(muc.Item{Nick: "Nurse", Role: muc.RoleVisitor, Reason: "hush"})
	settle(t, w)
	for _, u := range []*User{romeo, nurse} {
		expect(t, "voice is taken", u, "Nurse is here none/visitor because hush")
	}
	nurse.Say("Madam!")
	settle(t, w)
	expect(t, "no voice", nurse, "error forbidden")
	juliet.News()

	juliet.Set(muc.Item{JID: romeo.JID.Bare(), Affiliation: muc.AffiliationAdmin})
	settle(t, w)
	if got := strings.Join(juliet.News(), "\n"); !strings.Contains(got, "error jid-malformed") && !strings.Contains(got, "iq result") {
		t.Errorf("an XMPP address of another provider: %q", got)
	}
	w.Send(adminIQ(w, juliet, muc.Item{JID: mustJID("u%romeo%b.example@rooms.a.example"), Affiliation: muc.AffiliationAdmin}))
	settle(t, w)
	expect(t, "romeo becomes admin", juliet, "Romeo is here admin/moderator", "iq result")
	if got := romeo.News(); len(got) == 0 || !strings.HasPrefix(got[0], "Romeo is here admin/moderator") {
		t.Fatalf("romeo becomes admin: %q", got)
	}
	nurse.News()

	romeo.Set(muc.Item{Nick: "Nurse", Role: muc.RoleNone, Reason: "go"})
	settle(t, w)
	expect(t, "kicked", nurse, "Nurse is gone none/none because go 110 307")
	expect(t, "kicked", juliet, "Nurse is gone none/none because go 307")
	if got := romeo.News(); !slices.ContainsFunc(got, func(s string) bool { return s == "iq result" }) {
		t.Errorf("the kick is answered: %q", got)
	}
	nurse.Join()
	settle(t, w)
	nurse.News()
	romeo.News()
	juliet.News()
	romeo.Set(muc.Item{JID: nurse.JID.Bare(), Affiliation: muc.AffiliationOutcast, Reason: "out"})
	settle(t, w)
	expect(t, "banned", nurse, "Nurse is gone outcast/none because out 110 301")
	expect(t, "banned", juliet, "Nurse is gone outcast/none because out 301")
	nurse.Join()
	settle(t, w)
	expect(t, "banned users stay out", nurse, "error forbidden")

	romeo.News()
	juliet.Set(muc.Item{JID: mustJID("u%romeo%b.example@rooms.a.example"), Affiliation: muc.AffiliationOutcast, Reason: "you too"})
	settle(t, w)
	expect(t, "the last one of a provider is banned", romeo, "Romeo is gone outcast/none because you too 110 301")
	romeo.Join()
	settle(t, w)
	expect(t, "banned users stay out", romeo, "error forbidden")
}

// The room ends where it lives.
func TestRoomEndsAcrossProviders(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	w.Send(ownerDestroy(w, juliet, muc.Destroy{Reason: "curtain"}))
	settle(t, w)
	expect(t, "destroyed", juliet, "Juliet is gone none/none 110 destroyed curtain", "iq result")
	expect(t, "destroyed", romeo, "Romeo is gone none/none 110 destroyed curtain")
	expect(t, "destroyed", nurse, "Nurse is gone none/none 110 destroyed curtain")
	romeo.Join()
	settle(t, w)
	expect(t, "there is no such room", romeo, "error item-not-found")
}

// The alternate venue of a room that ends reaches each user as an address that its own client can enter: the room's own address where it lives, and
// name%provider elsewhere. Who tries the old name later is told the same, unless there is a room again (XEP-0045 §10.9).
func TestVenueAcrossProviders(t *testing.T) {
	for _, test := range []struct{ venue, a, b, c string }{
		{"garden%b.example@rooms.a.example", "garden%b.example@rooms.a.example", "garden@rooms.b.example", "garden%b.example@rooms.c.example"},
		{"orchard@rooms.a.example", "orchard@rooms.a.example", "orchard%a.example@rooms.b.example", "orchard%a.example@rooms.c.example"},
		{"=52ose%b.example@rooms.a.example", "=52ose%b.example@rooms.a.example", "=52ose@rooms.b.example", "=52ose%b.example@rooms.c.example"},
		{"hall@muc.x.example", "hall@muc.x.example", "hall@muc.x.example", "hall@muc.x.example"},
	} {
		w := New(1, "a.example", "b.example", "c.example")
		juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
		romeo := w.User("romeo@b.example/orchard", "garden%a.example@rooms.b.example", "Romeo")
		paris := w.User("paris@c.example/house", "garden%a.example@rooms.c.example", "Paris")
		all := []*User{juliet, romeo, paris}
		enter := func() {
			for _, u := range all {
				u.Join()
				settle(t, w)
			}
			for _, u := range all {
				u.News()
			}
		}
		enter()
		w.Send(ownerDestroy(w, juliet, muc.Destroy{Reason: "gone", Venue: mustJID(test.venue)}))
		settle(t, w)
		expect(t, "destroyed", juliet, "Juliet is gone none/none 110 destroyed gone, go to "+test.a, "iq result")
		expect(t, "destroyed", romeo, "Romeo is gone none/none 110 destroyed gone, go to "+test.b)
		expect(t, "destroyed", paris, "Paris is gone none/none 110 destroyed gone, go to "+test.c)

		late := w.User("tybalt@b.example/street", "garden%a.example@rooms.b.example", "Tybalt")
		refused := func(when string) {
			t.Helper()
			late.Join()
			settle(t, w)
			expect(t, when, late, "error gone: this room was destroyed; go to "+test.b+" (gone)")
		}
		refused("at once")
		w.Wait(2 * time.Hour)
		settle(t, w)
		if r := w.Providers["b.example"].Rooms["garden%a.example"]; r != nil {
			r.restore()
		}
		for range 2 {
			refused("when the room is forgotten but for its tombstone")
		}
		enter() // juliet could have left the room as it was
		late.Join()
		settle(t, w)
		if got := strings.Join(late.News(), "\n"); !strings.Contains(got, "Tybalt is here none/participant 110") {
			t.Errorf("the room is there again: %s", got)
		}
	}
}

// A hub that is away costs those who enter an error, and those who are in nothing but time.
func TestHubIsAway(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	w.Down("a.example", true)
	tybalt := w.User("tybalt@b.example/street", "other%a.example@rooms.b.example", "Tybalt")
	tybalt.Join()
	romeo.Say("Anybody?")
	for range 60 {
		w.Step()
	}
	expect(t, "entering", tybalt, "error remote-server-timeout")
	expect(t, "speaking", romeo)
	w.Down("a.example", false)
	settle(t, w)
	for _, u := range []*User{juliet, romeo, nurse} {
		expect(t, "it is back", u, "Romeo: Anybody?")
	}
}

// A commit that the hub told and nobody here heard of: the room comes back by itself, shows what it missed, and nobody has to enter again.
func TestLostCommitAcrossProviders(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	key := [2]string{"a.example", "b.example"}
	juliet.Set(muc.Item{Nick: "Nurse", Role: muc.RoleVisitor})
	for len(w.mail[key]) == 0 {
		if !w.Step() {
			t.Fatal("the hub tells nothing")
		}
	}
	w.mail[key] = nil
	settle(t, w)
	juliet.News()
	juliet.Say("unreadable")
	settle(t, w)
	expect(t, "what cannot be read", romeo)
	romeo.Say("is anybody there?")
	settle(t, w)
	expect(t, "waits", romeo)
	if agree(w.groups("a.example", "garden"), "a.example") == nil {
		t.Fatal("nothing was lost")
	}
	follow := w.Providers["b.example"].Rooms["garden%a.example"]
	w.Wait(2 * time.Minute)
	follow.restore()
	settle(t, w)
	if err := agree(w.groups("a.example", "garden"), "a.example"); err != nil {
		t.Fatal(err)
	}
	if err := w.views("a.example", "garden", []*User{juliet, romeo, nurse}, func(*User) bool { return true }); err != nil {
		t.Fatal(err)
	}
	if got := romeo.News(); len(got) == 0 || got[0] != "Nurse is here none/visitor" {
		t.Errorf("romeo sees what was missed: %q", got)
	}
	if text := follow.room.Summary().Trouble; text != "" {
		t.Errorf("trouble: %s", text)
	}
	juliet.News()
	nurse.News()
	romeo.Say("again")
	settle(t, w)
	for _, u := range []*User{juliet, romeo, nurse} {
		expect(t, "afterwards", u, "Romeo: again")
	}
}

// What the hub tells so late that the room was entered anew meanwhile is shown all the same, once, also after a crash.
func TestLateNewsAcrossProviders(t *testing.T) {
	for _, crash := range []bool{false, true} {
		w, juliet, romeo, _ := meeting(t)
		key := [2]string{"a.example", "b.example"}
		hub, follow := w.Providers["a.example"].Rooms["garden"], w.Providers["b.example"].Rooms["garden%a.example"]
		juliet.Set(muc.Item{Nick: "Nurse", Role: muc.RoleVisitor})
		for len(hub.jobs) > 0 {
			hub.work()
		}
		juliet.Say("late")
		late := w.mail[key]
		w.mail[key] = nil
		losesTouch(t, w)
		if crash {
			follow.restore()
			settle(t, w)
		}
		romeo.News()
		w.mail[key] = append(late, w.mail[key]...)
		settle(t, w)
		expect(t, "late news", romeo, "Juliet: late")
		if crash {
			follow.restore()
		}
		juliet.Say("now")
		settle(t, w)
		expect(t, "afterwards", romeo, "Juliet: now")
	}
}

// So it is in a room of two: the Welcome comes, who was let in answers, and the rest is late.
func TestLateNewsBetweenTwo(t *testing.T) {
	w := New(1, "a.example", "b.example")
	juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
	romeo := w.User("romeo@b.example/orchard", "garden@rooms.b.example", "Romeo")
	const toRomeo, toJuliet = "u%romeo%b.example@rooms.a.example", "u%juliet%a.example@rooms.b.example"
	romeo.Tell("others allow")
	write(w, juliet, toRomeo, "late")
	key := [2]string{"a.example", "b.example"}
	for len(w.mail[key]) < 3 {
		if !w.Step() {
			t.Fatal("the hub does not tell Welcome, commit and message")
		}
	}
	late := w.mail[key][1:]
	w.mail[key] = w.mail[key][:1]
	settle(t, w)
	write(w, romeo, toJuliet, "Who is there?")
	losesTouch(t, w)
	if got := strings.Join(texts(romeo, toJuliet), " "); got != "" {
		t.Fatalf("romeo hears %q already", got)
	}
	w.mail[key] = append(late, w.mail[key]...)
	settle(t, w)
	if a, b := strings.Join(texts(romeo, toJuliet), " "), strings.Join(texts(juliet, toRomeo), " "); a != "late" || b != "Who is there?" {
		t.Errorf("romeo hears %q, juliet %q\n%s", a, b, strings.Join(w.Trace, "\n"))
	}
}

// losesTouch lets time pass until a room has entered anew: by the renewal of keys it notices that it is behind.
func losesTouch(t *testing.T, w *World) {
	t.Helper()
	for range 100 {
		if slices.ContainsFunc(w.Trace, func(s string) bool { return strings.Contains(s, "entered anew") }) {
			return
		}
		w.Wake(12 * time.Hour)
		settle(t, w)
	}
	t.Fatalf("touch was not lost\n%s", strings.Join(tail(w.Trace, 30), "\n"))
}

// A user of another provider is invited: its gateway asks it, by an invitation; it agrees by entering, which adds it with the key package that
// comes with its consent, and reads. Whoever it has allowed needs not ask, and whoever declines is not added.
func TestInviteAcrossProviders(t *testing.T) {
	w, juliet, romeo, _ := meeting(t)
	tybalt := w.User("tybalt@b.example/street", "garden%a.example@rooms.b.example", "Tybalt")
	invite := func(name string) {
		t.Helper()
		juliet.Invite(mustJID("u%" + name + "%b.example@rooms.a.example"))
		settle(t, w)
	}
	membersOnly(w, juliet)
	settle(t, w)
	juliet.News()
	romeo.News()
	invite("tybalt")
	expect(t, "nothing has happened yet", juliet)
	if in := tybalt.Bare(); len(in) != 1 || in[0].From.String() != "garden%a.example@rooms.b.example" || in[0].Child(muc.NSUser, "x") == nil {
		t.Fatalf("tybalt's invitation: %v", in)
	}
	tybalt.Join()
	settle(t, w)
	expect(t, "added", juliet, "Tybalt is here member/participant")
	if got := tybalt.News(); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "Tybalt is here member/participant 110") }) {
		t.Fatalf("tybalt is let in: %q\n%s", got, strings.Join(w.Trace, "\n"))
	}
	if n := len(tybalt.Bare()); n != 1 {
		t.Errorf("tybalt, who is in, is invited %d times", n)
	}
	juliet.Say("Who's there?")
	settle(t, w)
	expect(t, "reads", tybalt, "Juliet: Who's there?")

	abram := w.User("abram@b.example/street", "garden%a.example@rooms.b.example", "Abram")
	invite("abram")
	w.Send(xmpp.Stanza{Kind: xmpp.Message, From: abram.JID, To: abram.Room.Bare(), ID: "d", Payload: []*xmpp.Element{
		muc.User{Decline: &muc.Decline{To: mustJID("u%juliet%a.example@rooms.b.example")}}.Element()}})
	settle(t, w)
	in := juliet.Inbox()
	if x, err := muc.ParseUser(in[len(in)-1].Child(muc.NSUser, "x")); err != nil || x.Decline == nil || x.Decline.From.String() != "u%abram%b.example@rooms.a.example" {
		t.Errorf("abram declines: %s", in[len(in)-1].String())
	}
	invite("abram")
	if n := len(abram.Bare()); n != 1 {
		t.Errorf("abram, who has decided, is asked again: %d", n)
	}

	benvolio := w.User("benvolio@b.example/street", "garden%a.example@rooms.b.example", "Benvolio")
	benvolio.Tell("provider a.example allow")
	settle(t, w)
	expect(t, "done", benvolio, ": Done.")
	juliet.News()
	invite("benvolio")
	expect(t, "added at once", juliet, "benvolio is here member/participant")
	if in := benvolio.Bare(); len(in) != 2 || in[1].Child(muc.NSUser, "x").Child(muc.NSUser, "invite") == nil {
		t.Errorf("benvolio is told: %v", in)
	}
	before := w.Providers["a.example"].Rooms["garden"].room.Describe().Epoch
	benvolio.Join()
	settle(t, w)
	if after := w.Providers["a.example"].Rooms["garden"].room.Describe().Epoch; after != before {
		t.Errorf("entering took commits: epoch %d, then %d", before, after)
	}
	juliet.News()
	w.Down("b.example", true)
	invite("peter")
	for range 60 {
		w.Step()
	}
	expect(t, "nobody is there", juliet, "error remote-server-timeout: b.example does not answer")
}
