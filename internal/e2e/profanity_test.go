package e2e

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// An unmodified profanity in a terminal creates a room, configures it by the form, chats, kicks and bans; what it shows and what the
// other user gets are both looked at.
func TestProfanity(t *testing.T) {
	onSharedStacks(t, func(t *testing.T, s *shared) {
		s.gateway.RLock()
		defer s.gateway.RUnlock()
		profanity(t, s.stack)
		showed(t, "chat")
	})
}

func profanity(t *testing.T, s *stack.Stack) {
	const room = "profanity-garden@" + stack.Rooms
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	romeo, err := xmppclient.Dial(ctx, s.XMPP.ClientAddr(), xmpp.MustParseJID("profanity-romeo@"+stack.Domain), "tests", password)
	if err != nil {
		t.Fatal(err)
	}
	defer romeo.Close()
	sees := func(what string, match func(*xmpp.Stanza) bool) {
		t.Helper()
		if _, err := romeo.Expect(ctx, what, match); err != nil {
			t.Fatal(err)
		}
	}
	join := func() {
		t.Helper()
		if _, err := romeo.Join(ctx, room, "romeo"); err != nil {
			t.Fatal(err)
		}
	}

	_, port, _ := strings.Cut(s.XMPP.ClientAddr(), ":")
	p := startTerminal(t, ctx, "profanity")
	p.shows("Type '/help'")
	p.enter("/connect profanity-juliet@" + stack.Domain + " server 127.0.0.1 port " + port + " tls disable")
	p.shows("Enter password:")
	p.enter(password)
	p.shows("logged in successfully")
	p.enter("/join " + room + " nick juliet")
	p.shows("role: moderator, affiliation: owner")
	p.enter("/room config")
	p.shows("[field1]")
	p.enter(`/field1 "The garden"`)
	p.enter("/form submit")
	p.shows("configuration successful")
	p.enter("/join " + room)
	p.shows("The garden")

	join()
	p.shows("romeo") // in the list of occupants
	if err := romeo.Say(room, "But soft, what light?"); err != nil {
		t.Fatal(err)
	}
	p.shows("romeo: But soft, what light?")
	p.enter("Ay me.")
	if _, err := romeo.Hear(ctx, room, "juliet", "Ay me."); err != nil {
		t.Fatal(err)
	}
	p.enter("/kick romeo too loud")
	sees("the kick", func(st *xmpp.Stanza) bool { return xmppclient.HasStatus(st, "307") && st.Type == xmpp.TypeUnavailable })
	p.shows("romeo has been kicked")
	join()
	p.enter("/ban profanity-romeo@" + stack.Domain + " enough")
	sees("the ban", func(st *xmpp.Stanza) bool { return xmppclient.HasStatus(st, "301") && st.Type == xmpp.TypeUnavailable })
	p.shows("romeo has been banned")
	var refused *xmpp.StanzaError
	if _, err := romeo.Join(ctx, room, "romeo"); !errors.As(err, &refused) || refused.Condition != xmpp.Forbidden {
		t.Errorf("joining while banned: %v", err)
	}
	p.enter("/quit")
	p.ends()
}

// terminal is a program in a tmux of its own.
type terminal struct {
	t    *testing.T
	ctx  context.Context
	tmux []string // the beginning of each command line
	dir  string
}

func startTerminal(t *testing.T, ctx context.Context, program string) *terminal {
	t.Helper()
	dir := t.TempDir()
	p := &terminal{t: t, ctx: ctx, dir: dir, tmux: []string{"-S", filepath.Join(dir, "tmux"), "-f", os.DevNull}}
	p.run("new-session", "-d", "-x", "150", "-y", "60", "-e", "HOME="+dir, "-e", "XDG_CONFIG_HOME="+dir, "-e", "XDG_DATA_HOME="+dir,
		"-e", "LANG=C.UTF-8", "-e", "LC_ALL=C.UTF-8", program)
	t.Cleanup(func() { exec.Command("tmux", append(p.tmux, "kill-server")...).Run() })
	return p
}

func (p *terminal) run(args ...string) string {
	p.t.Helper()
	out, err := exec.CommandContext(p.ctx, "tmux", append(p.tmux, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %q: %v %s", args, err, out)
	}
	return string(out)
}

// enter types a line.
func (p *terminal) enter(line string) {
	p.t.Helper()
	p.run("send-keys", "-l", line)
	p.run("send-keys", "Enter")
}

// shows waits until the screen holds a text.
func (p *terminal) shows(text string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	for screen := ""; ; {
		if screen = p.run("capture-pane", "-p"); strings.Contains(screen, text) {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("%q is not on the screen:\n%s", text, screen)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ends waits until the program has ended, and tmux with it.
func (p *terminal) ends() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 30*time.Second)
	defer cancel()
	for exec.CommandContext(ctx, "tmux", append(p.tmux, "has-session")...).Run() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	if ctx.Err() != nil {
		p.t.Fatal("the program did not end")
	}
}
