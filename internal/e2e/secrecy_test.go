package e2e

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// Bob keeps all his keys, never hears of his removal, and gets every later message's bytes from Carol, who is a member. Before he is
// kicked or banned he can read such bytes, which shows that the means are right; afterwards he cannot, because the commit
// that removed him changed the keys of everybody else (RFC 9420 §16.6).
func TestRemovedParticipantCannotDecrypt(t *testing.T) {
	for name, removal := range map[string]string{
		"kick": `<item nick='bob' role='none'/>`,
		"ban":  `<item affiliation='outcast' jid='u%bob%b.example@` + stack.Rooms + `'/>`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			e := &eavesdropping{t: t, ctx: ctx, capture: filepath.Join(t.TempDir(), "capture")}
			e.start()
			defer e.s.Stop()

			if line := e.try("said before the removal"); line.Type != "decrypted" || line.Body != "said before the removal" {
				t.Fatalf("the control: bob, still a member, got %+v", line)
			}
			if _, err := e.juliet.Request(ctx, garden, "set", `<query xmlns='http://jabber.org/protocol/muc#admin'>`+removal+`</query>`); err != nil {
				t.Fatal(err)
			}
			if line := e.try("said after the removal"); line.Type != "undecryptable" {
				t.Fatalf("bob, removed, got %+v", line)
			}
		})
	}
}

const (
	garden    = "garden@" + stack.Rooms
	gardenURI = "mimi://" + stack.Domain + "/r/garden"
)

type eavesdropping struct {
	t          *testing.T
	ctx        context.Context
	s          *stack.Stack
	juliet     *xmppclient.Client
	bob, carol *stack.Native
	capture    string // what carol was notified of
}

// start lets Juliet, Bob and Carol meet, and then moves Bob to where anteroom does not reach him.
func (e *eavesdropping) start() {
	e.t.Helper()
	var err error
	must := func(err error) {
		e.t.Helper()
		if err != nil {
			e.t.Fatal(err)
		}
	}
	e.s, err = stack.Start(e.ctx, stack.Options{
		Binary: anteroomBinary, Dir: e.t.TempDir(), Users: map[string]string{"juliet": "secret"}, Peers: []string{"b.example", "c.example"},
	})
	must(err)
	e.juliet, err = xmppclient.Dial(e.ctx, e.s.XMPP.ClientAddr(), xmpp.MustParseJID("juliet@"+stack.Domain), "tests", "secret")
	must(err)
	_, err = e.juliet.Join(e.ctx, garden, "juliet")
	must(err)
	join := func(name, provider string, args ...string) *stack.Native {
		e.t.Helper()
		n, err := e.s.StartNative(e.ctx, name, provider, args...)
		must(err)
		must(n.Command("join " + gardenURI))
		_, err = n.Expect(e.ctx, "the join of "+name, func(l *stack.Line) bool { return l.Type == "joined" })
		must(err)
		return n
	}
	e.carol = join("carol", "c.example", "--capture", e.capture)
	e.bob = join("bob", "b.example")
	must(e.bob.Stop())
	must(e.s.MovePeer("b.example"))
	e.bob, err = e.s.StartNative(e.ctx, "bob", "b.example")
	must(err)
}

// try lets Juliet say something, waits until Carol has read it, and lets Bob try the same bytes.
func (e *eavesdropping) try(text string) *stack.Line {
	e.t.Helper()
	if err := e.juliet.Say(garden, text); err != nil {
		e.t.Fatal(err)
	}
	if _, err := e.carol.Expect(e.ctx, "carol reads "+text, func(l *stack.Line) bool { return l.Type == "message" && l.Body == text }); err != nil {
		e.t.Fatal(err)
	}
	if err := e.bob.Command("decrypt " + gardenURI + " " + hex.EncodeToString(e.lastCaptured())); err != nil {
		e.t.Fatal(err)
	}
	line, err := e.bob.Expect(e.ctx, "bob tries "+text, func(l *stack.Line) bool { return l.Type == "decrypted" || l.Type == "undecryptable" })
	if err != nil {
		e.t.Fatal(err)
	}
	return line
}

// lastCaptured returns the newest PrivateMessage that Carol was notified of, as an MLSMessage.
func (e *eavesdropping) lastCaptured() (last []byte) {
	e.t.Helper()
	data, err := os.ReadFile(e.capture)
	if err != nil {
		e.t.Fatal(err)
	}
	for _, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		var notified struct{ Body []byte }
		if err := json.Unmarshal([]byte(line), &notified); err != nil {
			e.t.Fatal(err)
		}
		messages, err := mimi.ParseFanout(notified.Body)
		if err != nil {
			e.t.Fatal(err)
		}
		for _, m := range messages {
			if m.Message.Format == mls.WireFormatPrivateMessage {
				last = wire.Marshal(m.Message)
			}
		}
	}
	return last
}
