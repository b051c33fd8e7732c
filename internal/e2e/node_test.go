package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
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

// An unmodified Converse.js in Chromium joins, chats, lists members, changes a nick, configures by the form and kicks. Its screenshots
// are in artefacts/.
func TestConverse(t *testing.T) {
	onSharedStacks(t, func(t *testing.T, s *shared) {
		screenshots, err := filepath.Abs(filepath.Join("..", "..", "artefacts", "converse", s.stack.Server))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(screenshots, 0o755); err != nil {
			t.Fatal(err)
		}
		cmd := node(t, "room_converse.mjs", s.stack.XMPP.WebSocketURL(), "converse-garden@"+stack.Rooms,
			"converse-juliet@"+stack.Domain, "converse-romeo@"+stack.Domain, password, screenshots)
		s.gateway.RLock()
		defer s.gateway.RUnlock()
		out, err := command(t, cmd.Path, cmd.Args[1:]...)
		if err != nil || !strings.Contains(out, "all observed") {
			t.Fatalf("%v\n%s\nanteroom:\n%s\nserver:\n%s", err, out, s.stack.Anteroom.Output(), s.stack.XMPP.Log())
		}
		showed(t)
	})
}
