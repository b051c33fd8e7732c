package e2e

import (
	"context"
	"strings"
	"testing"

	"anteroom/internal/servertest/stack"
)

// An unmodified slixmpp joins, configures, chats, takes voice, kicks, bans and unbans.
func TestSlixmpp(t *testing.T) {
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
		host, port, _ := strings.Cut(s.XMPP.ClientAddr(), ":")
		out, err := command(t, "/usr/bin/python3", "-B", "testdata/slixmpp_room.py", host, port, garden, "juliet@"+stack.Domain, "romeo@"+stack.Domain, "secret")
		if err != nil || !strings.Contains(out, "all observed") {
			t.Fatalf("%v\n%s\nanteroom:\n%s", err, out, s.Anteroom.Output())
		}
	})
}
