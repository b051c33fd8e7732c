package e2e

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"anteroom/internal/servertest/stack"
)

// npmDir holds the clients that run in Node.js, and what they need from npm.
const npmDir = "testdata/npm"

// installClients installs what package-lock.json names, once; the folder is not in the repository.
var installClients = sync.OnceValue(func() error {
	cmd := exec.Command("npm", "ci", "--no-audit", "--no-fund")
	cmd.Dir = npmDir
	if out, err := cmd.CombinedOutput(); err != nil {
		return &exec.Error{Name: "npm ci: " + string(out), Err: err}
	}
	return nil
})

// node is the command line of one of the scripts.
func node(t *testing.T, script string, args ...string) *exec.Cmd {
	t.Helper()
	if err := installClients(); err != nil {
		t.Fatal(err)
	}
	return exec.Command("node", append([]string{filepath.Join(npmDir, script)}, args...)...)
}

// An unmodified xmpp.js does everything that XEP-0045 §7 to §10 give occupants, moderators, admins and owners.
func TestXMPPJS(t *testing.T) {
	onSharedStacks(t, func(t *testing.T, s *shared) {
		s.operate(t, node(t, "xmppjs/main.mjs", "xmpp://"+s.stack.XMPP.ClientAddr(), stack.Rooms, stack.Domain, "xmppjs", password))
	})
}

// onScreen is what people do with Converse.js, in this order, each in rooms of its own.
var onScreen = []string{
	"chat", "nick", "nick-conflict", "private-message", "password", "invite", "history",
	"subject", "subject-by-all", "configuration", "kick", "ban", "voice", "affiliations", "members-only", "register", "destroy",
	"reaction", "retraction", "moderation", "correction",
}

// onScreenElsewhere is what of it is done in a room of another provider, too: the rest is configured where the room is (docs/decisions/171-acts-in-rooms-elsewhere.md).
var onScreenElsewhere = []string{
	"chat", "nick", "nick-conflict", "private-message", "history", "subject", "kick", "ban", "affiliations", "reaction", "retraction", "moderation", "correction",
}

// An unmodified Converse.js in Chromium does what people do in rooms, and shows what is done to them. Its screenshots are in artefacts/.
func TestConverse(t *testing.T) {
	onSharedStacks(t, func(t *testing.T, s *shared) {
		c := converse(t, s, s.stack.Server, "@"+stack.Rooms)
		for _, name := range onScreen {
			if name == "private-message" && s.stack.Server == "ejabberd" {
				continue // Converse.js writes its occupant address into from, and ejabberd takes nothing that a client says in another's name
			}
			t.Run(name, func(t *testing.T) {
				c.do(t, name, "see the screenshots")
				showed(t, name)
			})
		}
	})
}

// It does so, too, in rooms of another anteroom, whose owner there makes Juliet another one.
func TestConverseElsewhere(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	p := &scene{t, &scenes{ctx: ctx}}
	const config = "[limits]\nmessage_rate = 0\n" // scripts are faster than people
	var err error
	p.here, err = stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Server: "ejabberd", Peers: []string{otherDomain}, Config: config, Users: map[string]string{"tybalt": password}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.here.Stop()
	p.there, err = stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Domain: otherDomain, Beside: p.here, Config: config,
		Users: map[string]string{"converse-juliet": password, "converse-romeo": password, "converse-nurse": password}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.there.Stop()
	tybalt := p.signsIn(p.here, "tybalt")
	c := converse(t, &shared{stack: p.there}, "elsewhere", "%"+stack.Domain+"@rooms."+otherDomain)
	for _, name := range onScreenElsewhere {
		t.Run(name, func(t *testing.T) {
			p := &scene{t, p.scenes}
			garden, _ := room("converse-" + name)
			p.enters(tybalt, garden, "tybalt")
			p.admin(tybalt, garden, "<item jid='u%converse-juliet%"+otherDomain+"@"+stack.Rooms+"' affiliation='owner'/>")
			c.do(t, name, "see the screenshots")
		})
	}
	if t.Failed() {
		t.Logf("%s:\n%s\n%s:\n%s", p.here.Domain, tail(p.here.Anteroom.Output()), p.there.Domain, tail(p.there.Anteroom.Output()))
	}
}

// converse starts it for the people of a server, in rooms whose addresses end so.
func converse(t *testing.T, s *shared, pictures, rooms string) *script {
	t.Helper()
	screenshots, err := filepath.Abs(filepath.Join("..", "..", "artefacts", "converse", pictures))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(screenshots); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	return startScript(t, s, node(t, "converse/main.mjs", s.stack.XMPP.WebSocketURL(), rooms, s.stack.Domain, "converse", password, screenshots))
}
