package e2e

import (
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
	"subject", "configuration", "kick", "ban", "voice", "affiliations", "members-only", "register", "destroy",
	"reaction", "retraction", "moderation", "correction",
}

// An unmodified Converse.js in Chromium does what people do in rooms, and shows what is done to them. Its screenshots are in artefacts/.
func TestConverse(t *testing.T) {
	onSharedStacks(t, func(t *testing.T, s *shared) {
		screenshots, err := filepath.Abs(filepath.Join("..", "..", "artefacts", "converse", s.stack.Server))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.RemoveAll(screenshots); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(screenshots, 0o755); err != nil {
			t.Fatal(err)
		}
		c := startScript(t, s, node(t, "converse/main.mjs", s.stack.XMPP.WebSocketURL(), stack.Rooms, stack.Domain, "converse", password, screenshots))
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
