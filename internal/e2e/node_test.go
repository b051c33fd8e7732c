package e2e

import (
	"context"
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
