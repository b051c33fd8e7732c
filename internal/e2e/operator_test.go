package e2e

import (
	"context"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// What an operator does: look at rooms, reload, stop and start again. A graceful restart keeps everybody in the room, in the same
// epoch.
func TestOperator(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s, err := stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: t.TempDir(), Users: map[string]string{"juliet": "secret"}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	room := "garden@" + stack.Rooms
	juliet, err := xmppclient.Dial(ctx, s.XMPP.ClientAddr(), xmpp.MustParseJID("juliet@"+stack.Domain), "tests", "secret")
	if err != nil {
		t.Fatal(err)
	}
	defer juliet.Close()
	if _, err := juliet.Join(ctx, room, "Juliet"); err != nil {
		t.Fatalf("%v\n%s", err, s.Anteroom.Output())
	}

	ask := func(args ...string) string {
		t.Helper()
		out, err := command(t, anteroomBinary, append([]string{"room", args[0], "--config", s.ConfigFile()}, args[1:]...)...)
		if err != nil {
			t.Fatalf("room %q: %v\n%s", args, err, out)
		}
		return out
	}
	if out := ask("list"); !strings.Contains(out, "garden") || !strings.Contains(out, "OCCUPANTS") {
		t.Errorf("room list: %s", out)
	}
	if out := ask("members", "garden"); !strings.Contains(out, "mimi://a.example/u/anon%3A") || !strings.Contains(out, "juliet@a.example") || !strings.Contains(out, "owner") || !strings.Contains(out, "Juliet") {
		t.Errorf("room members: %s", out)
	}
	before := ask("show", "garden")
	if !strings.Contains(before, "mimi://a.example/r/garden") {
		t.Errorf("room show: %s", before)
	}
	if out, err := command(t, anteroomBinary, "room", "show", "--config", s.ConfigFile(), "none"); err == nil || !strings.Contains(out, "no such room") {
		t.Errorf("room show none: %v %s", err, out)
	}
	for name, mode := range map[string]os.FileMode{"admin.sock": 0o600, "seal.key": 0o600, "rooms.db": 0o600} {
		if info, err := os.Stat(filepath.Join(s.Dir, name)); err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	resp, err := http.Get("http://" + s.AdminAddr + "/readyz")
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Errorf("/readyz: %v %v", resp, err)
	}

	if err := s.Anteroom.Stop(); err != nil {
		t.Fatalf("SIGTERM: %v\n%s", err, s.Anteroom.Output())
	}
	if err := s.StartAnteroom(ctx); err != nil {
		t.Fatal(err)
	}
	epoch := func(show string) string {
		_, rest, _ := strings.Cut(show, "\nepoch")
		line, _, _ := strings.Cut(rest, "\n")
		return strings.TrimSpace(line)
	}
	if after := ask("show", "garden"); epoch(after) != epoch(before) || epoch(after) == "" {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	if err := juliet.Say(room, "still here"); err != nil {
		t.Fatal(err)
	}
	if _, err := juliet.Hear(ctx, room, "Juliet", "still here"); err != nil {
		t.Errorf("%v\n%s", err, s.Anteroom.Output())
	}
}

// SIGHUP takes over what can be changed and says what needs a restart; a bad file changes nothing. A store in use by another
// process ends the second one.
func TestReloadAndSecondProcess(t *testing.T) {
	p := startServer(t, "prosody")
	d := serve(t, minimalConfig, p.Secret, p.ComponentPort)
	d.await(1, `"msg":"ready"`)
	file := d.cmd.Args[len(d.cmd.Args)-1]
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	change := func(more string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(string(text)+more), 0o600); err != nil {
			t.Fatal(err)
		}
		d.cmd.Process.Signal(syscall.SIGHUP)
	}
	change("[log]\nlevel = 'loud'\n")
	d.await(1, "configuration was not reloaded", file+":8: log.level")
	change("[log]\nlevel = 'debug'\n[limits]\nmailbox = 7\n")
	d.await(1, "configuration reloaded", `"changed":["log.level"]`, `"needs_restart":["limits.mailbox"]`)

	out, err := command(t, anteroomBinary, "serve", "--config", file)
	if err == nil || !strings.Contains(out, "anteroom: error: ") {
		t.Errorf("a second process on the same store: %v %s", err, out)
	}
	if status, text := d.get("/readyz"); status != http.StatusOK {
		t.Errorf("the first is disturbed: %d %s", status, text)
	}
	if err := d.stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}
