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
// other user gets are both looked at. Then two of them do the rest of what people do in rooms.
func TestProfanity(t *testing.T) {
	onSharedStacks(t, func(t *testing.T, s *shared) {
		s.gateway.RLock()
		defer s.gateway.RUnlock()
		t.Run("beside another client", func(t *testing.T) {
			profanity(t, s.stack)
			showed(t, "beside another client")
		})
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		b := &balcony{juliet: startProfanity(t, ctx, s.stack, "juliet"), romeo: startProfanity(t, ctx, s.stack, "romeo")}
		for _, act := range inTerminals {
			t.Run(act.name, func(t *testing.T) {
				b.juliet.t, b.romeo.t, b.room = t, t, "profanity-"+act.name+"@"+stack.Rooms
				for _, p := range []*terminal{b.juliet, b.romeo} {
					p.enter("/close all")
					p.front("Profanity.")
					p.enter("/clear")
				}
				act.play(b)
				showed(t, act.name)
			})
		}
		b.juliet.t, b.romeo.t = t, t
	})
}

// balcony is two profanities and a room.
type balcony struct {
	juliet, romeo *terminal
	room          string
}

// inTerminals is what two people do with profanity, in this order, each in a room of its own.
var inTerminals = []struct {
	name string
	play func(*balcony)
}{
	{"nick", (*balcony).nick},
	{"subject", (*balcony).subject},
	{"private-message", (*balcony).privateMessage},
	{"voice", (*balcony).voice},
	{"affiliations", (*balcony).affiliations},
	{"kick", (*balcony).kick},
	{"ban", (*balcony).ban},
	{"password", (*balcony).password},
	{"invite", (*balcony).invite},
	{"history", (*balcony).history},
	{"destroy", (*balcony).destroy},
}

// startProfanity logs somebody in.
func startProfanity(t *testing.T, ctx context.Context, s *stack.Stack, name string) *terminal {
	t.Helper()
	_, port, _ := strings.Cut(s.XMPP.ClientAddr(), ":")
	p := startTerminal(t, ctx, "profanity")
	p.shows("Type '/help'")
	p.enter("/connect profanity-" + name + "@" + stack.Domain + " server 127.0.0.1 port " + port + " tls disable")
	p.shows("Enter password:")
	p.enter(password)
	p.shows("logged in successfully")
	return p
}

// begin lets Juliet make the room and Romeo enter it.
func (b *balcony) begin() {
	b.create()
	b.enter()
}

func (b *balcony) create() {
	b.juliet.t.Helper()
	b.juliet.enter("/join " + b.room + " nick juliet")
	b.juliet.front(b.name())
	b.juliet.shows("joined the room as juliet, role: moderator, affiliation: owner")
	b.juliet.enter("/room accept")
	b.juliet.shows("Room unlocked")
}

func (b *balcony) enter(more ...string) {
	b.romeo.t.Helper()
	b.romeo.enter(strings.Join(append([]string{"/join", b.room, "nick romeo"}, more...), " "))
	b.romeo.front(b.name())
	b.romeo.shows("joined the room as romeo")
	b.juliet.shows("  romeo") // in the list of occupants
}

// name is the room's in the title of its window.
func (b *balcony) name() string {
	name, _, _ := strings.Cut(b.room, "@")
	return name
}

func (b *balcony) nick() {
	b.begin()
	b.romeo.enter("/nick montague")
	b.juliet.shows("romeo is now known as montague")
	b.romeo.enter("/nick juliet")
	b.romeo.enter("/win 1")
	b.romeo.front("Profanity.")
	b.romeo.shows("Error from " + b.room + "/juliet: this nick is in use")
}

func (b *balcony) subject() {
	b.begin()
	b.juliet.enter(`/subject set "Fair Verona"`)
	b.romeo.shows("juliet has set the room subject: Fair Verona")
	b.romeo.enter(`/subject set "A plague on both your houses"`)
	b.romeo.shows("you may not change the subject of this room")
}

func (b *balcony) privateMessage() {
	b.begin()
	b.juliet.enter(`/msg romeo "Good night, good night!"`)
	b.juliet.shows("me: Good night, good night!")
	b.romeo.enter("/win 1")
	b.romeo.front("Profanity.")
	b.romeo.shows("private message: juliet in " + b.room)
	b.romeo.enter("/win " + b.room + "/juliet")
	b.romeo.front(b.room + "/juliet")
	b.romeo.shows("juliet: Good night, good night!")
}

func (b *balcony) voice() {
	b.begin()
	b.juliet.enter("/role set visitor romeo hush")
	b.romeo.shows("Your role has been changed to: visitor, by: juliet, reason: hush")
	b.romeo.enter("I have a soul of lead")
	b.romeo.shows("no voice")
	b.juliet.enter("/role set participant romeo")
	b.romeo.shows("Your role has been changed to: participant, by: juliet")
	b.juliet.enter("/role set moderator romeo")
	b.romeo.shows("Your role has been changed to: moderator, by: juliet")
	b.juliet.enter("/role list moderator")
	b.juliet.shows("  romeo (profanity-romeo@" + stack.Domain)
	b.juliet.enter("/role set participant romeo")
	b.juliet.shows("romeo's role has been changed to: participant, by: juliet")
}

func (b *balcony) affiliations() {
	b.begin()
	romeo := "profanity-romeo@" + stack.Domain
	b.juliet.enter("/affiliation set member " + romeo + " welcome")
	b.romeo.shows("Your affiliation has been changed to: member, by: juliet, reason: welcome")
	b.juliet.enter("/affiliation list member")
	b.juliet.shows("  " + romeo)
	b.juliet.enter("/affiliation set admin " + romeo)
	b.romeo.shows("role: moderator, affiliation: admin, by: juliet")
	b.romeo.enter("/ban profanity-juliet@" + stack.Domain)
	b.romeo.shows("Error setting outcast affiliation for profanity-juliet@" + stack.Domain)
	b.juliet.enter("/affiliation set owner " + romeo)
	b.romeo.shows("Your affiliation has been changed to: owner, by: juliet")
	b.romeo.enter("/affiliation list owner")
	b.romeo.shows("  profanity-juliet@" + stack.Domain)
	b.juliet.enter("/affiliation set none " + romeo)
	b.romeo.shows("role: participant, affiliation: none, by: juliet")
}

func (b *balcony) kick() {
	b.begin()
	b.juliet.enter("/kick romeo too loud")
	b.romeo.shows("Kicked from " + b.room + " by juliet, reason: too loud")
	b.juliet.shows("romeo has been kicked from the room by juliet, reason: too loud")
	b.enter()
}

func (b *balcony) ban() {
	b.begin()
	b.juliet.enter("/ban profanity-romeo@" + stack.Domain + " enough")
	b.romeo.shows("Banned from " + b.room + " by juliet, reason: enough")
	b.juliet.shows("romeo has been banned from the room by juliet, reason: enough")
	b.juliet.enter("/affiliation list outcast")
	b.juliet.shows("  profanity-romeo@" + stack.Domain)
	b.romeo.enter("/join " + b.room + " nick romeo")
	b.romeo.shows("Error joining room " + b.room + ", reason: forbidden")
	b.juliet.enter("/affiliation set none profanity-romeo@" + stack.Domain)
	b.juliet.enter("/affiliation list outcast")
	b.juliet.shows("No users found with affiliation: outcast")
	b.enter()
}

// configure fills a form: each field is found by its label.
func (b *balcony) configure(values ...string) {
	b.juliet.t.Helper()
	b.juliet.enter("/room config")
	b.juliet.front(b.room + " config")
	b.juliet.shows("Use '/form submit'")
	screen := b.juliet.screen()
	for i := 0; i < len(values); i += 2 {
		before, _, found := strings.Cut(screen, "] "+values[i])
		if !found {
			b.juliet.t.Fatalf("the form has no %q:\n%s", values[i], screen)
		}
		b.juliet.enter("/" + before[strings.LastIndex(before, "[")+1:] + " " + values[i+1])
	}
	b.juliet.enter("/form submit")
	b.juliet.enter("/join " + b.room)
	b.juliet.front(b.name())
	b.juliet.shows("configuration successful")
}

func (b *balcony) password() {
	b.create()
	b.configure("Entering takes a password", "on", "Password", "cauldronburn")
	b.romeo.enter("/join " + b.room + " nick romeo")
	b.romeo.enter("/win 1")
	b.romeo.front("Profanity.")
	b.romeo.shows("Error joining room " + b.room + ", reason: not-authorized")
	b.enter("password cauldronburn")
}

// Who becomes a member of a members-only room is invited by it.
func (b *balcony) invite() {
	b.create()
	b.configure("Only members may enter", "on")
	b.romeo.enter("/join " + b.room + " nick romeo")
	b.romeo.enter("/win 1")
	b.romeo.front("Profanity.")
	b.romeo.shows("Error joining room " + b.room + ", reason: registration-required")
	b.juliet.enter("/affiliation set member profanity-romeo@" + stack.Domain)
	b.romeo.shows("Chat room invite received:")
	b.romeo.shows("Room   : " + b.room)
	b.enter()
}

// Who comes back reads what was said meanwhile, once.
func (b *balcony) history() {
	b.begin()
	b.juliet.enter("Wilt thou be gone?")
	b.romeo.shows("juliet: Wilt thou be gone?")
	b.romeo.enter("/close")
	b.romeo.front("Profanity.")
	b.juliet.awaits("a room without Romeo", func(screen string) bool { return !strings.Contains(screen, "  romeo") })
	b.juliet.enter("It was the nightingale.")
	b.juliet.shows("juliet: It was the nightingale.")
	b.enter()
	b.romeo.shows("juliet: It was the nightingale.")
	b.juliet.enter("Believe me, love.")
	b.romeo.shows("juliet: Believe me, love.")
	for _, text := range []string{"Wilt thou be gone?", "It was the nightingale.", "Believe me, love."} {
		if screen := b.romeo.screen(); strings.Count(screen, "juliet: "+text) != 1 {
			b.romeo.t.Errorf("%q is not there once:\n%s", text, screen)
		}
	}
}

func (b *balcony) destroy() {
	b.begin()
	b.juliet.enter("/room destroy")
	for _, p := range []*terminal{b.juliet, b.romeo} {
		p.front("Profanity.")
		p.shows("Room destroyed: " + b.room)
	}
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

	p := startProfanity(t, ctx, s, "juliet")
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

func (p *terminal) screen() string {
	p.t.Helper()
	return p.run("capture-pane", "-p")
}

// shows waits until the screen holds a text.
func (p *terminal) shows(text string) {
	p.t.Helper()
	p.awaits(text, func(screen string) bool { return strings.Contains(screen, text) })
}

func (p *terminal) awaits(what string, is func(screen string) bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	defer cancel()
	for screen := ""; ; {
		if screen = p.screen(); is(screen) {
			return
		}
		select {
		case <-ctx.Done():
			p.t.Fatalf("%q is not on the screen:\n%s", what, screen)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// front waits until the window with a title is the one on the screen.
func (p *terminal) front(title string) {
	p.t.Helper()
	p.awaits(title, func(screen string) bool { return strings.HasPrefix(screen, " "+title+" ") })
}

// ends waits until the program has ended, and tmux with it.
func (p *terminal) ends() {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	defer cancel()
	for exec.CommandContext(ctx, "tmux", append(p.tmux, "has-session")...).Run() == nil {
		time.Sleep(50 * time.Millisecond)
	}
	if ctx.Err() != nil {
		p.t.Fatal("the program did not end")
	}
}
