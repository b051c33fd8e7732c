package component

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"anteroom/internal/servertest"
	"anteroom/internal/servertest/fakexmpp"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// onServers runs a test on each XMPP server.
func onServers(t *testing.T, test func(t *testing.T, x *servertest.XMPP)) {
	for _, software := range []string{"prosody", "ejabberd"} {
		t.Run(software, func(t *testing.T) {
			x, err := servertest.StartXMPP(software, servertest.XMPPOptions{Users: map[string]string{"juliet": "pw"}})
			if errors.Is(err, servertest.ErrNotInstalled) && os.Getenv("CI") == "" {
				t.Skip(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { x.Stop() })
			test(t, x)
		})
	}
}

// connect starts a component on a server.
func connect(t *testing.T, x *servertest.XMPP, change func(*Config)) *fixture {
	return start(t, func(_ *fakexmpp.Options, c *Config) {
		c.Addr = x.ComponentAddr()
		if change != nil {
			change(c)
		}
	})
}

// waitCause waits until a failure has this cause.
func (f *fixture) waitCause(want Cause) {
	f.t.Helper()
	for {
		var e *Error
		if err := get(f, "Down with "+want.String(), f.rec.down); errors.As(err, &e) && e.Cause == want {
			return
		}
	}
}

// A client of a real server and the component exchange stanzas; after a crash of the server the component comes back by
// itself and what was queued meanwhile arrives.
func TestServer(t *testing.T) {
	onServers(t, func(t *testing.T, p *servertest.XMPP) {
		f := connect(t, p, nil)
		get(f, "Up", f.rec.up)
		for _, round := range []string{"before", "after"} {
			client, err := xmppclient.Dial(f.ctx, p.ClientAddr(), xmpp.MustParseJID("juliet@a.example"), "balcony", "pw")
			f.must(err)
			f.must(client.Send(fmt.Sprintf(`<message to='garden@%s' id='%s' type='groupchat'><body>ü &lt; &#x1F339;</body><x xmlns='urn:x'/></message>`, domain, round)))
			s := get(f, "the message", f.rec.stanzas)
			if body, _ := s.Body(); s.From != juliet || s.ID != round || body != "ü < 🌹" || s.Child("urn:x", "x") == nil {
				t.Errorf("got %s", s)
			}
			// Many stanzas in one go, in order, and the server keeps the stream although each uses what an encoder can get wrong.
			const n = 200
			for i := range n {
				m := message(fmt.Sprint(i), "<&>'\"\n\t ü 🌹")
				m.Lang = "de"
				m.Payload = append(m.Payload, xmpp.NewElement("urn:xmpp:forward:0", "forwarded").With(
					xmpp.NewElement(xmpp.NSClient, "message").With(xmpp.TextElement(xmpp.NSClient, "body", "inner"))))
				_, err := f.conn.Send(f.ctx, m)
				f.must(err)
			}
			for i := range n {
				got, err := client.Expect(f.ctx, "a message", func(s *xmpp.Stanza) bool { return s.Kind == xmpp.Message })
				f.must(err)
				inner := got.Child("urn:xmpp:forward:0", "forwarded").Child(xmpp.NSClient, "message")
				if body, _ := got.Body(); got.ID != fmt.Sprint(i) || body != "<&>'\"\n\t ü 🌹" || inner.ChildText(xmpp.NSClient, "body") != "inner" {
					t.Fatalf("message %d is %s", i, got)
				}
			}
			client.Close()
			if round == "before" {
				f.must(p.Kill())
				f.waitCause(Refused)
				f.must(p.Start())
				get(f, "Up", f.rec.up)
			}
		}
		if s := f.conn.Stats(); s.Connects != 2 || s.Dropped != 0 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestServerFailures(t *testing.T) {
	onServers(t, func(t *testing.T, p *servertest.XMPP) {
		tests := []struct {
			comment string
			change  func(*Config)
			want    Cause
			on      string // only this server
		}{
			{"wrong secret", func(c *Config) { c.Secret = "guess" }, WrongSecret, ""},
			{"domain unknown", func(c *Config) { c.Domain = xmpp.MustParseJID("other.a.example") }, WrongDomain, "prosody"},
			{"domain unknown", func(c *Config) { c.Domain = xmpp.MustParseJID("other.a.example") }, WrongSecret, "ejabberd"}, // its words
			{"domain of a virtual host", func(c *Config) { c.Domain = xmpp.MustParseJID("a.example") }, WrongDomain, ""},
			{"client port", func(c *Config) { c.Addr = p.ClientAddr() }, NotComponents, ""},
		}
		for _, tt := range tests {
			if tt.on != "" && tt.on != p.Software() {
				continue
			}
			t.Run(tt.comment, func(t *testing.T) {
				f := connect(t, p, tt.change)
				f.waitCause(tt.want)
				f.stop()
				if !strings.Contains(f.log.String(), tt.want.String()) {
					t.Errorf("the log says %s", f.log)
				}
			})
		}
		if p.Software() == "prosody" { // ejabberd hands the stanzas to either
			t.Run("second component", func(t *testing.T) {
				first := connect(t, p, nil)
				get(first, "Up", first.rec.up)
				second := connect(t, p, nil)
				second.waitCause(SecondOne)
				if s := first.conn.Stats(); s.Connects != 1 || !first.conn.IsUp() {
					t.Errorf("the first connection suffered: %+v", s)
				}
				first.stop()
				get(second, "Up after the first has gone", second.rec.up)
			})
		}
		t.Run("shutdown", func(t *testing.T) {
			f := connect(t, p, nil)
			get(f, "Up", f.rec.up)
			f.must(p.Shutdown())
			// Prosody 0.12 ends a component's connection without a word.
			var e *Error
			if err := get(f, "Down", f.rec.down); !errors.As(err, &e) || e.Cause != ShuttingDown && e.Cause != ServerClosed {
				t.Errorf("got %v", err)
			}
		})
	})
}

// The ping that finds a dead connection comes back from a real server, too.
func TestServerReturnsThePing(t *testing.T) {
	onServers(t, func(t *testing.T, p *servertest.XMPP) {
		f := connect(t, p, nil)
		get(f, "Up", f.rec.up)
		ping, err := xmpp.ParseStanzaXML(f.conn.ping())
		f.must(err)
		ping.ID = "seen"
		_, err = f.conn.Send(f.ctx, ping)
		f.must(err)
		if s := get(f, "the ping", f.rec.stanzas); s.ID != "seen" || s.From.String() != domain || s.To.String() != domain {
			t.Errorf("got %s", s)
		}
	})
}

// noticer is a log that notices when another gateway is reported.
type noticer chan struct{}

func (n noticer) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("another gateway shares the domain")) {
		keep(n, struct{}{})
	}
	return len(p), nil
}

// ejabberd lets two gateways in for one domain and gives each a part of the stanzas: both say so.
func TestTwoGatewaysNoticeEachOther(t *testing.T) {
	x, err := servertest.StartXMPP("ejabberd", servertest.XMPPOptions{})
	if errors.Is(err, servertest.ErrNotInstalled) && os.Getenv("CI") == "" {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { x.Stop() })
	var notices []noticer
	var last *fixture
	for range 2 {
		n := make(noticer, 1)
		notices = append(notices, n)
		last = connect(t, x, func(c *Config) {
			c.PingAfter, c.PingTimeout = 5*time.Millisecond, 50*time.Millisecond // of two pings about one goes to the other
			c.Log = slog.New(slog.NewJSONHandler(n, nil))
		})
		get(last, "Up", last.rec.up)
	}
	for _, n := range notices {
		get(last, "a notice of the other gateway", n)
	}
}
