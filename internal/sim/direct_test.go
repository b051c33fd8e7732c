package sim

import (
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

func write(w *World, u *User, to, text string) {
	w.Send(xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: u.JID, To: mustJID(to), ID: w.ID(), Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}})
}

// said is the last message that came to a user's bare address.
func said(u *User) string {
	all := u.Bare()
	if len(all) == 0 {
		return ""
	}
	body, _ := all[len(all)-1].Body()
	return all[len(all)-1].From.String() + " " + all[len(all)-1].Type + " " + body
}

// Two users of different providers write to each other: the first message makes the room of the two, which waits for consent; both then use
// it, whoever owns it (MAPPING §4).
func TestDirectMessages(t *testing.T) {
	for name, faults := range map[string]Faults{"calm": {}, "lossy": {LoseRequest: 0.1, LoseReply: 0.1, Late: 0.1}, "crashing": {Crash: 0.3}} {
		t.Run(name, func(t *testing.T) {
			w := New(1, "a.example", "b.example")
			w.Faults = faults
			juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
			romeo := w.User("romeo@b.example/orchard", "garden@rooms.b.example", "Romeo")
			const toRomeo, toJuliet = "u%romeo%b.example@rooms.a.example", "u%juliet%a.example@rooms.b.example"
			write(w, juliet, toRomeo, "Art thou there?")
			write(w, juliet, toRomeo, "I wait.")
			settle(t, w)
			expect(t, "held", juliet)
			if got := said(romeo); !strings.Contains(got, "wants to write to you") || !strings.Contains(got, "allow "+toJuliet) {
				t.Fatalf("romeo is asked: %q", got)
			}
			romeo.Tell("allow " + toJuliet)
			settle(t, w)
			if got := said(romeo); got != toJuliet+" chat I wait." {
				t.Fatalf("romeo got %q\n%s", got, strings.Join(w.Trace, "\n"))
			}
			if in := romeo.Bare(); len(in) != 3 {
				t.Errorf("romeo got %d messages, want the question and two", len(in))
			}
			write(w, romeo, toJuliet, "I am here.")
			settle(t, w)
			if got := said(juliet); got != toRomeo+" chat I am here." {
				t.Fatalf("juliet got %q\n%s", got, strings.Join(w.Trace, "\n"))
			}
			write(w, juliet, toRomeo, "Come!")
			settle(t, w)
			if got := said(romeo); got != toJuliet+" chat Come!" {
				t.Errorf("romeo got %q", got)
			}
			rooms := func(p string) (n int) {
				for name, node := range w.Providers[p].Rooms {
					if node.room.Exists() && !strings.HasPrefix(name, "@") {
						n++
					}
				}
				return n
			}
			if a, b := rooms("a.example"), rooms("b.example"); a != 1 || b != 1 {
				t.Errorf("%d rooms at a.example, %d at b.example: not one room of two", a, b)
			}
		})
	}
}

// Who refuses gets nothing, and the messages come back; so they do where nobody is.
func TestDirectMessagesRefused(t *testing.T) {
	w := New(1, "a.example", "b.example")
	juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
	tybalt := w.User("tybalt@b.example/street", "garden@rooms.b.example", "Tybalt")
	write(w, juliet, "u%tybalt%b.example@rooms.a.example", "Peace?")
	settle(t, w)
	tybalt.Tell("deny u%juliet%a.example@rooms.b.example")
	settle(t, w)
	expect(t, "refused", juliet, "error forbidden: mimi://b.example/u/tybalt does not want")
	if got := said(tybalt); strings.Contains(got, "Peace?") {
		t.Errorf("tybalt got %q", got)
	}
	write(w, juliet, "u%tybalt%b.example@rooms.a.example", "Peace!")
	settle(t, w)
	expect(t, "refused again", juliet, "error forbidden")
	w.Down("b.example", true)
	write(w, juliet, "u%romeo%b.example@rooms.a.example", "Romeo?")
	for range 60 {
		w.Step()
	}
	expect(t, "nobody is there", juliet, "error remote-server-timeout: b.example does not answer")
}

// A private message to an occupant of another provider takes the same way, where addresses are no secret.
func TestPrivateMessageAcrossProviders(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	pm := func() {
		w.Send(xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: juliet.JID, To: mustJID("garden@rooms.a.example/Romeo"), ID: w.ID(),
			Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", "psst"), xmpp.NewElement(muc.NSUser, "x")}})
		settle(t, w)
	}
	pm()
	expect(t, "semi-anonymous", juliet, "error not-allowed")
	w.Send(xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: romeo.JID, To: mustJID("garden%a.example@rooms.b.example/Nurse"), ID: w.ID(),
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", "between us")}})
	settle(t, w)
	expect(t, "users of one provider, in a room of another", nurse, "Romeo: between us")
	whoisAnyone(w, juliet)
	settle(t, w)
	romeo.Tell("others allow")
	settle(t, w)
	juliet.News()
	pm()
	expect(t, "sent", juliet)
	if got := said(romeo); got != "u%juliet%a.example@rooms.b.example chat psst" {
		t.Errorf("romeo got %q", got)
	}
}

// texts are the chat messages that came to a user's bare address from somebody, sorted.
func texts(u *User, from string) (list []string) {
	for _, st := range u.Bare() {
		if body, ok := st.Body(); ok && st.From.String() == from {
			list = append(list, body)
		}
	}
	slices.Sort(list)
	return list
}

// Both write first, before either has heard of the other: whoever writes lets itself be answered, each message arrives once, and from then on both use
// one room, of the user whose name comes first.
func TestDirectMessagesFromBothSides(t *testing.T) {
	const toRomeo, toJuliet = "u%romeo%b.example@rooms.a.example", "u%juliet%a.example@rooms.b.example"
	for seed := range uint64(12) {
		for name, faults := range map[string]Faults{"calm": {}, "lossy": {LoseRequest: 0.2, LoseReply: 0.2, Late: 0.1}, "crashing": {Crash: 0.2, LoseReply: 0.2, Late: 0.2}} {
			w := New(seed, "a.example", "b.example")
			w.Faults = faults
			juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
			romeo := w.User("romeo@b.example/orchard", "garden@rooms.b.example", "Romeo")
			steps := func() {
				for range w.rng.IntN(4) {
					w.Step()
				}
			}
			write(w, juliet, toRomeo, "a")
			steps()
			write(w, romeo, toJuliet, "1")
			steps()
			write(w, juliet, toRomeo, "b")
			steps()
			write(w, romeo, toJuliet, "2")
			settle(t, w)
			write(w, juliet, toRomeo, "c")
			write(w, romeo, toJuliet, "3")
			settle(t, w)
			hears := func(u *User, from, want string) {
				t.Helper()
				if got := strings.Join(texts(u, from), ""); got != want {
					t.Fatalf("seed %d, %s: %s hears %q, want %q\n%s", seed, name, u.JID, got, want, strings.Join(w.Trace, "\n"))
				}
			}
			hears(romeo, toJuliet, "abc")
			hears(juliet, toRomeo, "123")
			if news := append(juliet.News(), romeo.News()...); len(news) > 0 {
				t.Errorf("seed %d, %s: %q", seed, name, news)
			}
			route := func(u *User, to string) string {
				p := u.provider()
				return p.svc.Route(&xmpp.Stanza{Kind: xmpp.Message, From: u.JID, To: mustJID(to)}, p.direct)
			}
			at, bt := route(juliet, toRomeo), route(romeo, toJuliet)
			if strings.TrimSuffix(at, "%b.example") != strings.TrimSuffix(bt, "%a.example") || strings.Contains(at, "b.example") == strings.Contains(bt, "a.example") {
				t.Errorf("seed %d, %s: juliet speaks in %s, romeo in %s", seed, name, at, bt)
			}
			if both := w.Providers["a.example"].direct(strings.TrimSuffix(at, "%b.example")) && w.Providers["b.example"].direct(strings.TrimSuffix(bt, "%a.example")); both && strings.Contains(at, "%") {
				t.Errorf("seed %d, %s: of two rooms juliet's is not the one that is used", seed, name)
			}
		}
	}
}

// Who writes while the other one's question waits has answered it; and where its provider says nothing of it, the room that it makes is the answer.
func TestAnswerIsConsent(t *testing.T) {
	for _, silent := range []bool{false, true} {
		answerIsConsent(t, silent)
	}
}

func answerIsConsent(t *testing.T, silent bool) {
	t.Helper()
	w := New(1, "a.example", "b.example")
	juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
	romeo := w.User("romeo@b.example/orchard", "garden@rooms.b.example", "Romeo")
	const toRomeo, toJuliet = "u%romeo%b.example@rooms.a.example", "u%juliet%a.example@rooms.b.example"
	write(w, juliet, toRomeo, "Art thou there?")
	settle(t, w)
	w.Providers["a.example"].Rooms[w.Providers["a.example"].svc.DirectName(mustURI("mimi://a.example/u/juliet"), mustURI("mimi://b.example/u/romeo"))].restore()
	write(w, romeo, toJuliet, "Who asks?")
	for w.Step() {
		key := [2]string{"b.example", "a.example"}
		w.mail[key] = slices.DeleteFunc(w.mail[key], func(p post) bool { return silent && p.endpoint == string(mimi.EndpointUpdateConsent) })
	}
	if got := strings.Join(texts(romeo, toJuliet), ""); got != "Art thou there?" {
		t.Errorf("romeo hears %q", got)
	}
	if got := strings.Join(texts(juliet, toRomeo), ""); got != "Who asks?" {
		t.Errorf("juliet hears %q\n%s", got, strings.Join(w.Trace, "\n"))
	}
}
