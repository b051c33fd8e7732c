package servertest_test

import (
	"context"
	"testing"
	"time"

	"anteroom/internal/servertest"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// A client signs in at a server of our own, before and after a crash of it and after a restart.
func TestXMPPServesAClient(t *testing.T) {
	for _, software := range []string{"prosody", "ejabberd"} {
		t.Run(software, func(t *testing.T) {
			t.Parallel()
			x, err := servertest.StartXMPP(software, servertest.XMPPOptions{Users: map[string]string{"juliet": "pass word", "o'neill": "x"}})
			if err != nil {
				t.Fatal(err)
			}
			defer x.Stop()
			for _, end := range []func() error{x.Kill, x.Shutdown} {
				signIn(t, x)
				if err := end(); err != nil {
					t.Fatal(err)
				}
				if err := x.Start(); err != nil {
					t.Fatal(err)
				}
			}
			signIn(t, x)
		})
	}
}

func signIn(t *testing.T, x *servertest.XMPP) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	c, err := xmppclient.Dial(ctx, x.ClientAddr(), xmpp.MustParseJID("juliet@a.example"), "tests", "pass word")
	if err != nil {
		t.Fatalf("%v\n%s", err, x.Log())
	}
	defer c.Close()
	if _, err := c.Request(ctx, "a.example", "get", "<ping xmlns='urn:xmpp:ping'/>"); err != nil {
		t.Fatal(err)
	}
	if _, err := xmppclient.Dial(ctx, x.ClientAddr(), xmpp.MustParseJID("juliet@a.example"), "x", "wrong"); err == nil {
		t.Fatal("a wrong password was accepted")
	}
}

func TestUnknownSoftware(t *testing.T) {
	if _, err := servertest.StartXMPP("jabberd14", servertest.XMPPOptions{}); err == nil {
		t.Fatal("started")
	}
}
