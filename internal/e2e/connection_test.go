package e2e

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"anteroom/internal/servertest"
)

const minimalConfig = "[component]\ndomain = 'rooms.a.example'\nsecret = %q\nport = %d\n[admin]\nlisten = '127.0.0.1:0'\n"

func startServer(t *testing.T, software string) *servertest.XMPP {
	t.Helper()
	p, err := servertest.StartXMPP(software, servertest.XMPPOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { p.Stop() })
	return p
}

// onServers runs a test on each XMPP server, at the same time.
func onServers(t *testing.T, test func(t *testing.T, server string)) {
	for _, server := range servers {
		t.Run(server, func(t *testing.T) {
			t.Parallel()
			test(t, server)
		})
	}
}

// Each way in which the connection to the server can fail has a log line of its own, with advice, and is tried again (issue: Bad
// input). /readyz names what is missing.
func TestConnectionFaults(t *testing.T) {
	onServers(t, func(t *testing.T, server string) {
		p := startServer(t, server)
		for _, tt := range []struct {
			why, secret string
			port        int
			cause       string
		}{
			{"wrong secret", "wr0ng", p.ComponentPort, "wrong secret"},
			{"a client port", p.Secret, p.ClientPort, "not a component port"},
			{"nothing listens", p.Secret, 1, "connection refused"},
		} {
			t.Run(tt.why, func(t *testing.T) {
				d := serve(t, minimalConfig, tt.secret, tt.port)
				d.await(2, "component connection: "+tt.cause, `"advice":"`, `"retry_in":"`)
				if status, text := d.get("/readyz"); status != http.StatusServiceUnavailable || !strings.HasPrefix(text, "component: not connected") || strings.Count(text, "\n") != 1 {
					t.Errorf("/readyz: %d %q", status, text)
				}
				if status, _ := d.get("/healthz"); status != http.StatusOK {
					t.Errorf("/healthz: %d", status)
				}
				if err := d.stop(syscall.SIGTERM); err != nil {
					t.Errorf("SIGTERM: %v", err)
				}
				for _, line := range d.lines { // all of them: it has ended
					if strings.Contains(line, tt.secret) {
						t.Errorf("the log shows the secret: %s", line)
					}
				}
			})
		}
	})
}

func TestServerDownAndRestarting(t *testing.T) {
	onServers(t, func(t *testing.T, server string) {
		p := startServer(t, server)
		if err := p.Shutdown(); err != nil {
			t.Fatal(err)
		}
		d := serve(t, minimalConfig, p.Secret, p.ComponentPort)
		d.await(1, "component connection: connection refused", "retry_in")
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		d.await(1, "component connected")
		d.await(1, `"msg":"ready"`)
		if status, text := d.get("/readyz"); status != http.StatusOK {
			t.Errorf("/readyz: %d %q", status, text)
		}
		if _, text := d.get("/metrics"); !strings.Contains(text, "anteroom_component_up 1") || !strings.Contains(text, "anteroom_rooms_loaded 0") {
			t.Errorf("/metrics: %s", text)
		}
		if err := p.Shutdown(); err != nil {
			t.Fatal(err)
		}
		d.until("the end of the connection, which ejabberd may announce", func() bool {
			return slices.ContainsFunc(d.lines, func(line string) bool {
				return strings.Contains(line, "retry_in") &&
					(strings.Contains(line, "component connection: server closed the connection") || strings.Contains(line, "component connection: server is shutting down"))
			})
		})
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
		d.await(2, "component connected")
		if err := d.stop(syscall.SIGINT); err != nil {
			t.Errorf("SIGINT: %v", err)
		}
		d.await(1, `"msg":"stopped"`)
	})
}

// Prosody refuses a second component of a domain; ejabberd hands the stanzas to either.
func TestSecondComponentWaitsForTheFirst(t *testing.T) {
	p := startServer(t, "prosody")
	first := serve(t, minimalConfig, p.Secret, p.ComponentPort)
	first.await(1, "component connected")
	second := serve(t, minimalConfig, p.Secret, p.ComponentPort)
	second.await(2, "component connection: another component holds the domain", "retry_in")
	if status, text := first.get("/readyz"); status != http.StatusOK {
		t.Errorf("the first is disturbed: %d %s", status, text)
	}
	if err := first.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	second.await(1, "component connected")
}
