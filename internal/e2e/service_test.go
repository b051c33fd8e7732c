package e2e

import (
	"context"
	"os/exec"
	"strings"
	"testing"

	"anteroom/internal/servertest/stack"
)

// slixmpp with an operator and a gateway that pings the silent: bans of domains and from the service, indicators of activity, and
// a device that goes while the server cannot tell, which is found although nobody says anything.
func TestSlixmppWithTheService(t *testing.T) {
	onServers(t, func(t *testing.T, server string) {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		users := map[string]string{}
		for _, p := range people {
			users["slixmpp-"+p] = password
		}
		s, err := stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Server: server, Users: users, Via: true,
			Config: "admins = [\"slixmpp-juliet@" + stack.Domain + "\"]\n[limits]\nmessage_rate = 0\nping_after = \"3s\"\n"})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Stop()
		host, port, _ := strings.Cut(s.XMPP.ClientAddr(), ":")
		c := startScript(t, &shared{stack: s}, exec.Command("/usr/bin/python3", "-B", "testdata/slixmpp/main.py", host, port, stack.Rooms, stack.Domain, "slixmpp", password))
		step := func(name, section string) {
			t.Helper()
			if !t.Run(name, func(t *testing.T) { c.do(t, name, section) }) {
				t.Logf("anteroom:\n%s", tail(s.Anteroom.Output()))
			}
		}
		step("domain-ban", "XEP-0045 §9.2")
		step("service-ban", "XEP-0050")
		step("activity", "XEP-0437")
		w := &trouble{ctx: ctx, s: s}
		step("ghost-enters", "XEP-0045 §7.2")
		s.Proxy.Cut()
		w.unready(t)
		step("ghost-goes", "XEP-0045 §7.14")
		s.Proxy.Mend()
		w.ready(t)
		step("ghost-is-found", "XEP-0199")
	})
}
