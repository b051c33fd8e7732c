package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
)

// An authority for our users that takes another's place issues from then on, and what the other has issued is still believed: also by who starts
// anew, as long as those whom all trust vouch for both.
func TestReplacedAuthority(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "ca")
	if err := (&caInitCommand{Dir: dir}).Run(); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	w := who{authority: file("b.example-users.pem"), key: file("b.example-users.key"), basic: func(string) bool { return false }}
	signer, err := mls.NewSigner(clientSuite, freshSeed())
	if err != nil {
		t.Fatal(err)
	}
	client, now := mimi.MustURI("mimi://b.example/d/bob/cli"), time.Now()
	var running credentials
	load := func(c *credentials) {
		t.Helper()
		id, err := mimihttp.LoadIdentity(file("b.example.pem"), file("b.example.key"), []string{file("ca.pem")})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.load("b.example", id, w); err != nil {
			t.Fatal(err)
		}
	}
	var issued []mls.Credential
	for range 2 {
		for _, name := range []string{"b.example.pem", "b.example.key", "b.example-users.pem", "b.example-users.key"} {
			if err := os.Remove(file(name)); err != nil && !os.IsNotExist(err) {
				t.Fatal(err)
			}
		}
		if err := (&caIssueCommand{Dir: dir, Domain: "b.example"}).Run(); err != nil {
			t.Fatal(err)
		}
		load(&running)
		c, err := running.issue(client, clientSuite, signer.Public, now)
		if err != nil {
			t.Fatal(err)
		}
		issued = append(issued, c)
	}
	var anew credentials
	load(&anew)
	for i, c := range issued {
		for name, known := range map[string]*credentials{"running": &running, "started anew": &anew} {
			if err := known.authenticate(c, signer.Public, uint64(now.Unix())); err != nil {
				t.Errorf("%s: the credential by authority %d: %v", name, i, err)
			}
		}
	}
}

// A signal to read the configuration again while the process still starts, and perhaps waits for its store, does not keep it from hearing the next one.
func TestReloadWhileStarting(t *testing.T) {
	s := &service{log: slog.New(slog.DiscardHandler)}
	s.mu.Lock()
	s.reload()
}
