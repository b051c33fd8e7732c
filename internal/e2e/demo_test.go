package e2e

import (
	"strings"
	"testing"
)

// Two anterooms, each with its own XMPP server, and an MLS user are in one room: everybody hears everybody, both sides moderate, and either
// anteroom may be killed.
func TestFederation(t *testing.T) {
	for _, server := range []string{"prosody", "ejabberd"} {
		t.Run("prosody and "+server, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, demoBinary, "-anteroom", anteroomBinary, "-server", server, "-federation", "-once")
			if err != nil || !strings.Contains(out, "Every step was observed by the other side.") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// The demo's scenario is observed completely, on either store and either server.
func TestDemo(t *testing.T) {
	for _, on := range []struct{ server, store string }{{"prosody", "bolt"}, {"prosody", "redis"}, {"ejabberd", "bolt"}} {
		t.Run(on.server+"/"+on.store, func(t *testing.T) {
			t.Parallel()
			out, err := command(t, demoBinary, "-anteroom", anteroomBinary, "-server", on.server, "-store", on.store, "-once")
			if err != nil || !strings.Contains(out, "Every step was observed by the other side.") {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}
