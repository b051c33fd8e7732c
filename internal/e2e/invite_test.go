package e2e

import (
	"context"
	"testing"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// Juliet invites Bob, whose provider is a process of its own: he is asked for his consent, gives it, and is added with a Welcome; what the
// two say reaches the other. He leaves it at that when he refuses: Juliet is told.
func TestInviteOfNativeParticipant(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Users: map[string]string{"juliet": "secret"}, Peers: []string{"b.example", "c.example"}})
	must(err)
	defer s.Stop()
	juliet, err := xmppclient.Dial(ctx, s.XMPP.ClientAddr(), xmpp.MustParseJID("juliet@"+stack.Domain), "tests", "secret")
	must(err)
	defer juliet.Close()
	_, err = juliet.Join(ctx, garden, "juliet")
	must(err)
	var asker string // juliet's name in the room: a pseudonym
	invite := func(name, provider string) *stack.Native {
		t.Helper()
		n, err := s.StartNative(ctx, name, provider, "--consent", "ask")
		must(err)
		must(juliet.Send(`<message to='` + garden + `'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='u%` + name + `%` + provider + `@` + stack.Rooms + `'/></x></message>`))
		line, err := n.Expect(ctx, "the question", func(l *stack.Line) bool { return l.Type == "consent_requested" && l.Room == gardenURI })
		must(err)
		asker = line.User
		return n
	}
	bob := invite("bob", "b.example")
	must(bob.Command("consent " + asker + " " + gardenURI))
	_, err = bob.Expect(ctx, "the Welcome", func(l *stack.Line) bool { return l.Type == "joined" && l.Room == gardenURI })
	must(err)
	_, err = juliet.Expect(ctx, "bob in the room", func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Presence && st.From.String() == garden+"/bob" && st.Type == ""
	})
	must(err)
	must(juliet.Say(garden, "Welcome, Bob"))
	_, err = bob.Expect(ctx, "what juliet says", func(l *stack.Line) bool {
		return l.Type == "message" && l.Sender == asker && l.Body == "Welcome, Bob"
	})
	must(err)
	must(bob.Command("send " + gardenURI + " Thank you"))
	_, err = juliet.Hear(ctx, garden, "bob", "Thank you")
	must(err)

	carol := invite("carol", "c.example")
	must(carol.Command("refuse " + asker + " " + gardenURI))
	_, err = juliet.Expect(ctx, "that carol declines", func(st *xmpp.Stanza) bool {
		x := st.Child("http://jabber.org/protocol/muc#user", "x")
		return st.Kind == xmpp.Message && x != nil && x.Child("http://jabber.org/protocol/muc#user", "decline").Attr("from") == "u%carol%c.example@"+stack.Rooms
	})
	must(err)
}

// Juliet writes to Bob outside of any room: their room of two is made, he consents, gets what waited, and answers.
func TestDirectMessagesWithNativeParticipant(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, err := stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Users: map[string]string{"juliet": "secret"}, Peers: []string{"b.example"}})
	must(err)
	defer s.Stop()
	juliet, err := xmppclient.Dial(ctx, s.XMPP.ClientAddr(), xmpp.MustParseJID("juliet@"+stack.Domain), "tests", "secret")
	must(err)
	defer juliet.Close()
	must(juliet.Appear(ctx))
	bob, err := s.StartNative(ctx, "bob", "b.example", "--consent", "ask")
	must(err)
	const address, julietURI = "u%bob%b.example@" + stack.Rooms, "mimi://" + stack.Domain + "/u/juliet"
	must(juliet.Send(`<message to='` + address + `' type='chat' id='m1'><body>Are you there?</body></message>`))
	asked, err := bob.Expect(ctx, "the question", func(l *stack.Line) bool { return l.Type == "consent_requested" && l.User == julietURI })
	must(err)
	must(bob.Command("consent " + julietURI + " " + asked.Room))
	_, err = bob.Expect(ctx, "what waited", func(l *stack.Line) bool {
		return l.Type == "message" && l.Room == asked.Room && l.Sender == julietURI && l.Body == "Are you there?"
	})
	must(err)
	must(bob.Command("send " + asked.Room + " I am"))
	_, err = juliet.Expect(ctx, "bob's answer", func(st *xmpp.Stanza) bool {
		body, _ := st.Body()
		return st.Kind == xmpp.Message && st.From.String() == address && st.Type == xmpp.TypeChat && body == "I am"
	})
	must(err)
}
