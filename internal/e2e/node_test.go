package e2e

import (
	"context"
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

// node runs one of the scripts.
func node(t *testing.T, script string, args ...string) (string, error) {
	t.Helper()
	if err := installClients(); err != nil {
		t.Fatal(err)
	}
	return command(t, "node", append([]string{filepath.Join(npmDir, script)}, args...)...)
}

// An unmodified xmpp.js does what XEP-0045 §7 to §10 give members, moderators and owners.
func TestXMPPJS(t *testing.T) {
	onServers(t, func(t *testing.T, server string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		s, err := stack.Start(ctx, stack.Options{
			Binary: anteroomBinary, Dir: t.TempDir(), Server: server, Users: map[string]string{"juliet": "secret", "romeo": "secret"},
		})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		out, err := node(t, "room_xmppjs.mjs", "xmpp://"+s.XMPP.ClientAddr(), garden, "juliet@"+stack.Domain, "romeo@"+stack.Domain, "secret")
		if err != nil || !strings.Contains(out, "all observed") {
			t.Fatalf("%v\n%s\nanteroom:\n%s", err, out, s.Anteroom.Output())
		}
	})
}

// An unmodified Converse.js in Chromium joins, chats, lists members, changes a nick, configures by the form and kicks. Its screenshots
// are in artefacts/.
func TestConverse(t *testing.T) {
	screenshots, err := filepath.Abs(filepath.Join("..", "..", "artefacts", "converse"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(screenshots, 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := stack.Start(ctx, stack.Options{
		Binary: anteroomBinary, Dir: t.TempDir(), Users: map[string]string{"juliet": "secret", "romeo": "secret"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	out, err := node(t, "room_converse.mjs", s.XMPP.WebSocketURL(), garden, "juliet@"+stack.Domain, "romeo@"+stack.Domain, "secret", screenshots)
	if err != nil || !strings.Contains(out, "all observed") {
		t.Fatalf("%v\n%s\nanteroom:\n%s\nserver:\n%s", err, out, s.Anteroom.Output(), s.XMPP.Log())
	}
}
