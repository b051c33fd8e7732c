package servertest_test

import (
	"context"
	"testing"
	"time"

	"anteroom/internal/servertest"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// A client signs in at a Prosody of our own, before and after a crash of it.
func TestProsodyServesAClient(t *testing.T) {
	p, err := servertest.StartProsody(servertest.ProsodyOptions{Users: map[string]string{"juliet": "pass word"}})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Stop()
	for _, resource := range []string{"before", "after"} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		c, err := xmppclient.Dial(ctx, p.ClientAddr(), xmpp.MustParseJID("juliet@a.example"), resource, "pass word")
		if err != nil {
			t.Fatalf("%v\n%s", err, p.Log())
		}
		if _, err := c.Request(ctx, "a.example", "get", "<ping xmlns='urn:xmpp:ping'/>"); err != nil {
			t.Fatal(err)
		}
		if _, err := xmppclient.Dial(ctx, p.ClientAddr(), xmpp.MustParseJID("juliet@a.example"), "x", "wrong"); err == nil {
			t.Fatal("a wrong password was accepted")
		}
		c.Close()
		if err := p.Kill(); err != nil {
			t.Fatal(err)
		}
		if err := p.Start(); err != nil {
			t.Fatal(err)
		}
	}
}
