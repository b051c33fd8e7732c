package main

import (
	"bytes"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"anteroom/config"
	"anteroom/store"
)

// asCommand makes the test binary behave as anteroom itself, so that tests see exit status and output of a real process.
const asCommand = "TEST_AS_ANTEROOM"

func TestMain(m *testing.M) {
	if os.Getenv(asCommand) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// run runs anteroom with arguments and returns exit status, standard output and standard error.
func run(t *testing.T, env []string, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, args...)
	cmd.Env = append(append(os.Environ(), asCommand+"=1"), env...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errs.String()
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "anteroom.toml")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const minimal = "[component]\ndomain = 'rooms.a.example'\nsecret = 's3cret'\n"

func TestVersion(t *testing.T) {
	status, out, _ := run(t, nil, "version")
	if status != 0 || !strings.HasPrefix(out, "anteroom ") || strings.Count(out, "\n") != 1 {
		t.Errorf("status %d, output %q", status, out)
	}
}

func TestCheckConfig(t *testing.T) {
	path := writeConfig(t, minimal+"[store]\nurl = 'redis://:s3cret@127.0.0.1:1/0'\n")
	status, out, errs := run(t, nil, "check-config", "--config", path)
	if status != 0 || errs != "" || !strings.Contains(out, "is good") || strings.Contains(out, "s3cret") {
		t.Errorf("status %d, output %q %q", status, out, errs)
	}
	status, out, _ = run(t, []string{"ANTEROOM_COMPONENT_DOMAIN=other.example"}, "check-config", "--config", path)
	if status != 0 || !strings.Contains(out, "other.example") {
		t.Errorf("the environment does not override: status %d, output %q", status, out)
	}
}

func TestExampleIsAcceptedByCheckConfig(t *testing.T) {
	status, out, _ := run(t, nil, "config", "example")
	if status != 0 {
		t.Fatalf("status %d", status)
	}
	if status, _, errs := run(t, nil, "check-config", "--config", writeConfig(t, out)); status != 0 {
		t.Errorf("status %d, %q", status, errs)
	}
}

// A wrong command line is answered with its usage in a few lines and status 80; without --config it is the file in /etc.
func TestWrongCommandLine(t *testing.T) {
	for _, args := range [][]string{{"dance"}, {"room", "show"}, {"ca", "issue", "--dir", "none.such", "a.example"}, {"serve", "--loud"}} {
		if status, out, errs := run(t, nil, args...); status != 80 || strings.Count(out+errs, "\n") > 5 || !strings.Contains(errs, "anteroom: error: ") {
			t.Errorf("%q: status %d, output %q %q", args, status, out, errs)
		}
	}
	if status, out, _ := run(t, nil, "serve", "--help"); status != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), "/etc/anteroom/anteroom.toml if not given") {
		t.Errorf("status %d, output %q", status, out)
	}
}

// A bad configuration ends with status 1 and one line that names file, line and key, whichever command reads it.
func TestBadConfigurationEndsWithOneLine(t *testing.T) {
	path := writeConfig(t, minimal+"port = 'many'\n")
	for _, command := range [][]string{{"serve"}, {"check-config"}, {"room", "list"}, {"room", "show", "garden"}} {
		status, out, errs := run(t, nil, append(command, "--config", path)...)
		if status != 1 || out != "" || errs != "anteroom: error: "+path+":4: component.port: must be an integer\n" {
			t.Errorf("%q: status %d, output %q %q", command, status, out, errs)
		}
	}
	status, _, errs := run(t, []string{"ANTEROOM_STORE_URI=x"}, "check-config", "--config", writeConfig(t, minimal))
	if status != 1 || !strings.Contains(errs, "environment: ANTEROOM_STORE_URI: no such key") {
		t.Errorf("misspelt variable: status %d, %q", status, errs)
	}
	if status, _, errs := run(t, nil, "serve", "--config", filepath.Join(t.TempDir(), "none")); status != 1 || !strings.Contains(errs, "no such file") {
		t.Errorf("missing file: status %d, %q", status, errs)
	}
}

// What check-config can see of the store without opening it it says before serve does.
func TestCheckConfigLooksAtTheStore(t *testing.T) {
	dir := t.TempDir()
	for why, tt := range map[string]struct {
		text, key string
		mode      os.FileMode
		want      string
	}{
		"no key yet":         {"", "", 0, ""},
		"key of others":      {"", "x", 0o644, "set it to 0600"},
		"no key at all":      {"", "x", 0o600, "malformed"},
		"Redis":              {"url = 'redis://127.0.0.1/1'\n", "", 0, ""},
		"Redis at no number": {"url = 'redis://127.0.0.1/x'\n", "", 0, "store.url: redisstore: the store URL is not of a form like redis://HOST:PORT/NUMBER"},
		"in memory":          {"url = 'memory:'\n", "x", 0o644, ""},
	} {
		path, key := filepath.Join(dir, "anteroom.toml"), filepath.Join(dir, "key")
		os.Remove(key)
		if tt.key != "" {
			if err := os.WriteFile(key, []byte(tt.key), tt.mode); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.WriteFile(path, []byte(minimal+"[store]\nkey_file = 'key'\n"+tt.text), 0o600); err != nil {
			t.Fatal(err)
		}
		status, out, errs := run(t, nil, "check-config", "--config", path)
		if good := tt.want == ""; good != (status == 0) || good != strings.Contains(out, "is good") || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") > 1 {
			t.Errorf("%s: status %d, output %q %q, want %q", why, status, out, errs, tt.want)
		}
	}
}

// A key file that is gone is not replaced by a new one that opens nothing: the store says which key it wants.
func TestMissingKeyOfASealedStore(t *testing.T) {
	dir := t.TempDir()
	cfg := &config.Store{URL: "bolt://" + filepath.Join(dir, "rooms.db"), KeyFile: filepath.Join(dir, "key")}
	log := slog.New(slog.DiscardHandler)
	s, err := openStore(t.Context(), cfg, log)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	key, err := store.LoadKeyFile(cfg.KeyFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(cfg.KeyFile, filepath.Join(dir, "copy")); err != nil {
		t.Fatal(err)
	}
	if _, err := openStore(t.Context(), cfg, log); err == nil || !strings.Contains(err.Error(), "is sealed with key "+key.ID()+": put the copy") {
		t.Errorf("without its key: %v", err)
	}
	if _, err := os.Stat(cfg.KeyFile); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a key file was made: %v", err)
	}
	if err := os.Rename(filepath.Join(dir, "copy"), cfg.KeyFile); err != nil {
		t.Fatal(err)
	}
	if s, err = openStore(t.Context(), cfg, log); err != nil {
		t.Fatalf("with its key again: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// What serve cannot start with ends it with one line on top of its log.
func TestServeThatCannotStart(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), mode); err != nil {
			t.Fatal(err)
		}
	}
	file("open.key", "x", 0o644)
	file("bad.key", "x", 0o600)
	for _, tt := range []struct{ why, text, want string }{
		{"key that others may read", "[store]\nkey_file = 'open.key'\n", "set it to 0600"},
		{"key that is none", "[store]\nkey_file = 'bad.key'\n", "malformed"},
		{"store that is a directory", "[store]\nurl = 'bolt:.'\n", "is a directory: name a file in it"},
		{"Redis at no database", "[store]\nurl = 'redis://127.0.0.1/x'\n", "store.url: redisstore: "},
		{"address that is not ours", "[store]\nurl='memory:'\n[admin]\nlisten = '192.0.2.1:9090'\n", "admin.listen: listen tcp 192.0.2.1:9090"},
	} {
		path := filepath.Join(dir, "anteroom.toml")
		file("anteroom.toml", minimal+tt.text, 0o600)
		status, _, errs := run(t, nil, "serve", "--config", path)
		lines := strings.Split(strings.TrimSuffix(errs, "\n"), "\n")
		if last := lines[len(lines)-1]; status != 1 || !strings.HasPrefix(last, "anteroom: error: ") || !strings.Contains(last, tt.want) {
			t.Errorf("%s: status %d, %q", tt.why, status, errs)
		}
	}
}

func TestRoomCommandWithoutGateway(t *testing.T) {
	status, _, errs := run(t, nil, "room", "list", "--config", writeConfig(t, minimal))
	if status != 1 || !strings.Contains(errs, "is anteroom serve running?") {
		t.Errorf("status %d, %q", status, errs)
	}
}

func TestPrintableKeepsTheTerminalSafe(t *testing.T) {
	if got := printable("a\x1b[2Jb\u009bc\n"); got != "a�[2Jb�c�" {
		t.Errorf("%q", got)
	}
}
