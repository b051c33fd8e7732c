package config

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

const minimal = "[component]\ndomain = \"rooms.a.example\"\nsecret = \"s3cret\"\n"

// The configuration that the section "Configuration and command line" shows, without what needs files.
const full = `[component]
domain = "rooms.a.example"
secret = "s3cret"
[provider]
domain = "a.example"
users  = ["a.example", "other.example"]
[provider.peers]
"b.example" = "127.0.0.1:8444"
[store]
url = "bolt:///var/lib/anteroom/rooms.db"
key_file = "/var/lib/anteroom/seal.key"
[admin]
socket = "/run/anteroom/admin.sock"
listen = "127.0.0.1:9090"
[log]
[rooms]
[limits]
`

func TestMinimalConfigurationHasDefaults(t *testing.T) {
	dir := t.TempDir()
	c, err := Parse(filepath.Join(dir, "anteroom.toml"), []byte(minimal), nil)
	if err != nil {
		t.Fatal(err)
	}
	for what, ok := range map[string]bool{
		"server is on this machine":                   c.Component.Host == "127.0.0.1" && c.Component.Port == 5347,
		"provider is the parent of the domain":        c.Provider.Domain == "a.example",
		"users are the provider's":                    len(c.Provider.Users) == 1 && c.Provider.Users[0] == "a.example",
		"no HTTPS listener":                           !c.Federated(),
		"store lies beside the file":                  c.Store.URL == "bolt://"+filepath.Join(dir, "anteroom.state", "rooms.db"),
		"key lies beside the store":                   c.Store.KeyFile == filepath.Join(dir, "anteroom.state", "seal.key"),
		"admin socket lies there, too":                c.Admin.Socket == filepath.Join(dir, "anteroom.state", "admin.sock"),
		"info on a terminal as text":                  c.Log.Level == "info" && c.Log.Format == "auto",
		"rooms are locked at first, for 5 min":        c.Rooms.Locking && c.Rooms.LockTimeout.D() == 5*time.Minute,
		"keys are renewed in a week and in a month":   c.Rooms.RenewEncryption.D() == 7*24*time.Hour && c.Rooms.RenewSignature.D() == 30*24*time.Hour,
		"guests linger as XMPP cannot tell (30 min)":  c.Limits.GuestLinger.D() == 30*time.Minute,
		"the secret does not show when it is printed": !strings.Contains(fmt.Sprintf("%v %+v %#v", c, c, c), "s3cret"),
	} {
		if !ok {
			t.Errorf("%s: not so in %+v", what, c)
		}
	}
}

func TestConfigurationBelowEtcUsesVar(t *testing.T) {
	c, err := Parse("/etc/anteroom/anteroom.toml", []byte(minimal), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Store.URL != "bolt:///var/lib/anteroom/rooms.db" || c.Admin.Socket != "/run/anteroom/admin.sock" {
		t.Errorf("store %q, socket %q", c.Store.URL, c.Admin.Socket)
	}
}

func TestFullConfiguration(t *testing.T) {
	c, err := Parse("anteroom.toml", []byte(full), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Provider.Peers["b.example"] != "127.0.0.1:8444" || c.Store.URL != "bolt:///var/lib/anteroom/rooms.db" || len(c.Provider.Users) != 2 {
		t.Errorf("read %+v", c)
	}
}

func TestRelativePathsAreRelativeToTheFile(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("of a file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "[component]\ndomain='rooms.a.example'\nsecret_file='secret'\n[store]\nurl='bolt:state/r.db'\nkey_file='../k'\n[admin]\nsocket='a.sock'"
	c, err := Parse(filepath.Join(dir, "c.toml"), []byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if c.Component.Secret.Reveal() != "of a file" {
		t.Errorf("secret is %q", c.Component.Secret.Reveal())
	}
	for got, want := range map[string]string{
		c.Store.URL:     "bolt://" + filepath.Join(dir, "state", "r.db"),
		c.Store.KeyFile: filepath.Join(filepath.Dir(dir), "k"),
		c.Admin.Socket:  filepath.Join(dir, "a.sock"),
	} {
		if got != want {
			t.Errorf("path %q, want %q", got, want)
		}
	}
}

func TestEnvironmentOverrides(t *testing.T) {
	secret := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(secret, []byte("from file"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Parse("anteroom.toml", []byte(full), []string{
		"ANTEROOM_STORE_URL=redis://127.0.0.1:6379/3",
		"ANTEROOM_COMPONENT_SECRET_FILE=" + secret,
		"ANTEROOM_COMPONENT_PORT=5348",
		"ANTEROOM_PROVIDER_USERS=x.example, y.example",
		"ANTEROOM_PROVIDER_PEERS=c.example=127.0.0.1:1",
		"ANTEROOM_LIMITS_GUEST_LINGER=5m",
		"ANTEROOM_ROOMS_LOCKING=false",
		"ANTEROOM_ROOMS_RENEW_ENCRYPTION=0s",
		"ANTEROOM_LIMITS_MESSAGE_RATE=0.5",
		"ANTEROOM_VECTORS=not a key of the configuration",
		"HOME=/",
	})
	if err != nil {
		t.Fatal(err)
	}
	for what, ok := range map[string]bool{
		"url":                            c.Store.URL == "redis://127.0.0.1:6379/3",
		"secret file replaces secret":    c.Component.Secret.Reveal() == "from file",
		"port":                           c.Component.Port == 5348,
		"list":                           strings.Join(c.Provider.Users, "|") == "x.example|y.example",
		"table replaces the file's":      len(c.Provider.Peers) == 1 && c.Provider.Peers["c.example"] == "127.0.0.1:1",
		"duration":                       c.Limits.GuestLinger.D() == 5*time.Minute,
		"switch":                         !c.Rooms.Locking,
		"renewal never":                  c.Rooms.RenewEncryption.D() == 0,
		"number":                         c.Limits.MessageRate == 0.5,
		"other keys stay as in the file": c.Admin.Listen == "127.0.0.1:9090",
	} {
		if !ok {
			t.Errorf("%s: not so in %+v", what, c)
		}
	}
}

// Every fault is one line with file, line and key (issue: Bad input).
func TestBadConfiguration(t *testing.T) {
	tests := []struct {
		why, text string
		env       []string
		line      int
		key, rule string // rule: part of it
	}{
		{why: "no TOML", text: "[component\ndomain = 1", line: 1, rule: ""},
		{why: "string not ended", text: "[component]\ndomain = \"rooms\nsecret = \"x\"", line: 2, rule: ""},
		{why: "key twice", text: "[component]\ndomain = 'a.b'\ndomain = 'c.d'\n", line: 3, rule: ""},
		{why: "unknown section", text: minimal + "[stor]\nurl='memory:'\n", line: 4, key: "stor", rule: "unknown key"},
		{why: "misspelt key", text: minimal + "[store]\nurll = 'memory:'\n", line: 5, key: "store.urll", rule: "did you mean store.url?"},
		{why: "key outside of a section", text: "domain = 'x'\n" + minimal, line: 1, key: "domain", rule: "unknown key"},
		{why: "text for a number", text: minimal + "port = 'x'\n", line: 4, key: "component.port", rule: "must be an integer"},
		{why: "number for text", text: "[component]\ndomain = 1\n", line: 2, key: "component.domain", rule: "must be a string"},
		{why: "number for a list", text: minimal + "[provider]\nusers = 1\n", line: 5, key: "provider.users", rule: "must be a list of strings"},
		{why: "network with a host", text: minimal + "[provider]\nnetworks=['10.1.2.3/16']\n", line: 5, key: "provider.networks", rule: "is not a network"},
		{why: "network without length", text: minimal + "[provider]\nnetworks=['10.1.0.0']\n", line: 5, key: "provider.networks", rule: "is not a network"},
		{why: "peer is no string", text: minimal + "[provider.peers]\nb = 1\n", line: 5, key: "provider.peers.b", rule: "must be a string"},
		{why: "no duration", text: minimal + "[limits]\n\nidle = 'long'\n", line: 6, key: "limits.idle", rule: "time span"},
		{why: "number for a duration", text: minimal + "[limits]\nidle = 5\n", line: 5, key: "limits.idle", rule: "time span"},
		{why: "no domain", text: "[component]\nsecret='x'\n", line: 1, key: "component.domain", rule: "is missing"},
		{why: "nothing at all", text: "", key: "component.domain", rule: "is missing"},
		{why: "no secret", text: "\n[component]\ndomain='a.b'\n", line: 2, key: "component.secret", rule: "is missing"},
		{why: "domain with localpart", text: "[component]\ndomain='x@a.b'\nsecret='x'", line: 2, key: "component.domain", rule: "not a domain"},
		{why: "domain malformed", text: "[component]\ndomain='a b'\nsecret='x'", line: 2, key: "component.domain", rule: ""},
		{why: "port out of range", text: minimal + "port = 65536\n", line: 4, key: "component.port", rule: "between 1 and 65535"},
		{why: "secret twice", text: minimal + "secret_file = 'f'\n", line: 4, key: "component.secret_file", rule: "keep one"},
		{why: "secret file missing", text: "[component]\ndomain='a.b'\nsecret_file='none.such'\n", line: 3, key: "component.secret_file", rule: "no such file"},
		{why: "secret file of two lines", text: "[component]\ndomain='a.b'\nsecret_file='two'\n", line: 3, key: "component.secret_file", rule: "more than one line"},
		{why: "listener without certificate", text: minimal + "[provider]\nlisten=':8443'\n", line: 4, key: "provider.certificate", rule: "is missing"},
		{why: "certificate missing", text: minimal + "[provider]\nlisten=':8443'\ncertificate='none'\nkey='none'\ntrust=['none']", line: 6, key: "provider.certificate", rule: "no such file"},
		{why: "certificate without listener", text: minimal + "[provider]\ncertificate='c'\n", line: 5, key: "provider.certificate", rule: "no use"},
		{why: "authority without listener", text: minimal + "[provider]\nauthority='c'\n", line: 5, key: "provider.authority", rule: "no use"},
		{why: "listener without port", text: minimal + "[provider]\nlisten='127.0.0.1'\n", line: 5, key: "provider.listen", rule: "not HOST:PORT"},
		{why: "peer without host", text: minimal + "[provider.peers]\n'b.example' = ':1'\n", line: 5, key: "provider.peers.b.example", rule: "no host"},
		{why: "peer is ourselves", text: minimal + "[provider.peers]\n'a.example' = 'x:1'\n", line: 5, key: "provider.peers.a.example", rule: "itself"},
		{why: "unknown store", text: minimal + "[store]\nurl = 'mysql://x'\n", line: 5, key: "store.url", rule: "must begin with"},
		{why: "store without path", text: minimal + "[store]\nurl = 'bolt:'\n", line: 5, key: "store.url", rule: "no path"},
		{why: "redis without host", text: minimal + "[store]\nurl = 'redis:///1'\n", line: 5, key: "store.url", rule: "no host"},
		{why: "level", text: minimal + "[log]\nlevel='loud'\n", line: 5, key: "log.level", rule: "debug, info"},
		{why: "format", text: minimal + "[log]\nformat='xml'\n", line: 5, key: "log.format", rule: "auto"},
		{why: "no occupants", text: minimal + "[limits]\noccupants=0\n", line: 5, key: "limits.occupants", rule: "between 1 and"},
		{why: "nicks of nothing", text: minimal + "[limits]\nnick=7\n", line: 5, key: "limits.nick", rule: "between 8 and 250"},
		{why: "nicks without end", text: minimal + "[limits]\nnick=251\n", line: 5, key: "limits.nick", rule: "between 8 and 250"},
		{why: "not a number", text: minimal + "[limits]\nmessage_rate=nan\n", line: 5, key: "limits.message_rate", rule: "between"},
		{why: "idle too long", text: minimal + "[limits]\nidle='48h'\n", line: 5, key: "limits.idle", rule: "between"},
		{why: "contact is no URI", text: minimal + "[contact]\nabuse=['abuse@a.example']\n", line: 5, key: "contact.abuse", rule: "is no URI"},
		{why: "too many contacts", text: minimal + "[contact]\nadmin=['x:y'" + strings.Repeat(",'x:y'", MaxContacts) + "]\n", line: 5, key: "contact.admin", rule: "more than"},
		{why: "ping negative", text: minimal + "[limits]\nping_after='-1m'\n", line: 5, key: "limits.ping_after", rule: "between"},
		{why: "keys renewed too often", text: minimal + "[rooms]\nrenew_encryption='59m'\n", line: 5, key: "rooms.renew_encryption", rule: "between 1h"},
		{why: "keys renewed in a negative time", text: minimal + "[rooms]\nrenew_signature='-1h'\n", line: 5, key: "rooms.renew_signature", rule: "between 1h"},
		{why: "renewal within too few seconds", text: minimal + "[limits]\nshortest_renewal='7s'\n", line: 5, key: "limits.shortest_renewal", rule: "between 8s and 1h"},
		{why: "no patience with gaps", text: minimal + "[limits]\ngap_patience='4s'\n", line: 5, key: "limits.gap_patience", rule: "between 5s and 1h"},
		{why: "renewal is no time", text: minimal + "[rooms]\nrenew_signature='monthly'\n", line: 5, key: "rooms.renew_signature", rule: "time span"},
		{why: "socket path too long", text: minimal + "[admin]\nsocket='/" + strings.Repeat("x", 120) + "'\n", line: 5, key: "admin.socket", rule: "107 bytes"},
		{why: "operator without localpart", text: minimal + "[admin]\nadmins=['a.example']\n", line: 5, key: "admin.admins", rule: "address of a user"},
		{why: "operator with resource", text: minimal + "[admin]\nadmins=['j@a.example/x']\n", line: 5, key: "admin.admins", rule: "address of a user"},
		{why: "too many operators", text: minimal + "[admin]\nadmins=['x@y'" + strings.Repeat(",'x@y'", MaxAdmins) + "]\n", line: 5, key: "admin.admins", rule: "more than"},
		{why: "team of a domain", text: minimal + "[rooms.teams]\n'sales@a.example' = 'juliet@a.example a.example'\n", line: 5, key: "rooms.teams.sales@a.example", rule: "address of a user"},
		{why: "team without a name", text: minimal + "[rooms.teams]\n'the sales' = ''\n", line: 5, key: "rooms.teams.the sales", rule: "name of a team"},
		{why: "team is a list", text: minimal + "[rooms.teams]\nsales = ['juliet@a.example']\n", line: 5, key: "rooms.teams.sales", rule: "must be a string"},
		{why: "team too large", text: minimal + "[rooms.teams]\nsales = '" + strings.Repeat("a@b ", MaxTeam+1) + "'\n", line: 5, key: "rooms.teams.sales", rule: "more than"},
		{why: "variable of the wrong type", text: minimal, env: []string{"ANTEROOM_COMPONENT_PORT=many"}, key: "ANTEROOM_COMPONENT_PORT", rule: "integer"},
		{why: "variable out of range", text: minimal, env: []string{"ANTEROOM_COMPONENT_PORT=0"}, key: "ANTEROOM_COMPONENT_PORT", rule: "between"},
		{why: "misspelt variable", text: minimal, env: []string{"ANTEROOM_STORE_URI=memory:"}, key: "ANTEROOM_STORE_URI", rule: "no such key"},
	}
	for _, tt := range tests {
		t.Run(tt.why, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "anteroom.toml")
			if err := os.WriteFile(filepath.Join(filepath.Dir(path), "two"), []byte("a\nb\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Parse(path, []byte(tt.text), tt.env)
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("want an *Error, got %v", err)
			}
			file := path
			if tt.env != nil {
				file = "environment"
			}
			if e.File != file || e.Line != tt.line || tt.key != "" && e.Key != tt.key || !strings.Contains(e.Rule, tt.rule) {
				t.Errorf("got %s", e)
			}
			if strings.ContainsAny(e.Error(), "\n\r") {
				t.Errorf("more than one line: %q", e)
			}
		})
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	text := "[component]\ndomain='rooms.a.example'\nadress='x'\n[store]\nurl='blt:x'\n[admn]\nsocket='x'\n[log]\nlevel='loud'\n"
	_, err := Parse("a.toml", []byte(text), []string{"ANTEROOM_LIMITS_HISTORY=many"})
	want := []string{
		"a.toml:3: component.adress: unknown key; there are domain, secret, secret_file, host, port",
		"a.toml:6: admn: unknown key; there are component, provider, store, contact, admin, log, rooms, limits",
		"environment: ANTEROOM_LIMITS_HISTORY: must be an integer",
		"a.toml:1: component.secret: is missing: the secret that the server's configuration has for rooms.a.example",
		"a.toml:5: store.url: must begin with bolt: redis: rediss: unix: redis+sentinel: redis+cluster: or memory:",
		"a.toml:9: log.level: must be debug, info, warn or error",
	}
	if got := strings.Split(fmt.Sprint(err), "\n"); !slices.Equal(got, want) {
		t.Errorf("got\n%s", strings.Join(got, "\n"))
	}
}

func TestFaultsDoNotShowSecrets(t *testing.T) {
	for _, text := range []string{
		"[component]\ndomain='a.b'\nsecret = s3cret\n",
		minimal + "[store]\nurl='redis://:s3cret@%zz'\n",
		minimal + "[store]\nurl='redis://:s3cret@'\n",
		minimal + "[store]\nurl='mysql://:s3cret@h'\n",
	} {
		_, err := Parse("a.toml", []byte(text), nil)
		if err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("error %q", err)
		}
	}
	s := Store{URL: "redis://user:s3cret@h:1/0"}
	if got := s.Redacted(); strings.Contains(got, "s3cret") || !strings.Contains(got, "h:1") {
		t.Errorf("redacted URL %q", got)
	}
}

func TestMissingAndOversizedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.toml")
	if _, err := Load(path, nil); err == nil || !strings.Contains(err.Error(), path+": cannot be read: no such file") {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, make([]byte, MaxFile+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path, nil); err == nil || !strings.Contains(err.Error(), "larger than") {
		t.Errorf("oversized file: %v", err)
	}
}

func TestExampleIsAConfigurationWithEveryKey(t *testing.T) {
	var b bytes.Buffer
	if err := Example(&b); err != nil {
		t.Fatal(err)
	}
	c, err := Parse("/etc/anteroom.toml", b.Bytes(), nil)
	if err != nil {
		t.Fatalf("the example is refused: %v\n%s", err, b.String())
	}
	d, err := Parse("/etc/anteroom.toml", []byte(minimal), nil)
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprintf("%#v", c) != fmt.Sprintf("%#v", d) {
		t.Errorf("the example is not the minimal configuration:\n%#v\n%#v", c, d)
	}
	for _, f := range fields() {
		if f.doc == "" || !strings.HasSuffix(f.doc, ".") && !strings.HasSuffix(f.doc, ".)") {
			t.Errorf("%s: documentation %q is missing or no sentence", f.key(), f.doc)
		}
		if !strings.Contains(b.String(), f.name+" = ") && !strings.Contains(b.String(), "["+f.key()+"]") {
			t.Errorf("%s is not in the example", f.key())
		}
	}
	// With its comments taken away every line is legal TOML of a known key and the right type.
	var open strings.Builder
	for line := range strings.Lines(b.String()) {
		if rest, ok := strings.CutPrefix(line, "# "); ok && (strings.Contains(rest, " = ") || strings.HasPrefix(rest, "[")) && !strings.Contains(rest, "secret_file") && !strings.Contains(rest, "url_file") {
			line = rest
		}
		open.WriteString(line)
	}
	var e *Error
	_, err = Parse("/etc/anteroom.toml", []byte(open.String()), nil)
	if errors.As(err, &e) && e.Key != "provider.certificate" {
		t.Errorf("uncommented example: %v\n%s", err, open.String())
	}
}

func FuzzParse(f *testing.F) {
	f.Add(full)
	f.Add(minimal)
	f.Add("[a.b.c]\nx.y.z = {a=1}\n[[d]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		_, err := Parse("a.toml", []byte(text), nil)
		if err == nil {
			return
		}
		for line := range strings.Lines(err.Error()) {
			if !strings.HasPrefix(line, "a.toml:") || strings.ContainsRune(line, '\r') {
				t.Errorf("a line that names no place: %q", line)
			}
		}
	})
}

func TestChangesTellWhatNeedsARestart(t *testing.T) {
	a, err := Parse("a.toml", []byte(minimal), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse("a.toml", []byte(minimal+"port=1\n[log]\nlevel='debug'\n[provider.peers]\n'b.example'='h:1'\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	reload, restart := Changes(a, b)
	if strings.Join(reload, " ") != "provider.peers log.level" || strings.Join(restart, " ") != "component.port" {
		t.Errorf("reload %q, restart %q", reload, restart)
	}
	if reload, restart = Changes(a, a); len(reload)+len(restart) != 0 {
		t.Errorf("no change, but %q %q", reload, restart)
	}
}

func TestNetworks(t *testing.T) {
	c, err := Parse("a.toml", []byte(minimal+"[provider]\nnetworks=['10.1.0.0/16', 'fd00::/8']\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Provider.Prefixes()); got != "[10.1.0.0/16 fd00::/8]" {
		t.Errorf("networks %s", got)
	}
}

func TestTeams(t *testing.T) {
	c, err := Parse("a.toml", []byte(minimal+"[rooms.teams]\n'sales@a.example' = ' Juliet@a.example  romeo@a.example '\nempty = ''\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(c.Rooms.Members()); got != "map[sales@a.example:[juliet@a.example romeo@a.example]]" {
		t.Errorf("teams %s", got)
	}
	if c, err = Parse("a.toml", []byte(minimal), []string{"ANTEROOM_ROOMS_TEAMS=x=a@b c@d,y=e@f"}); err != nil || len(c.Rooms.Members()["x"]) != 2 || len(c.Rooms.Members()["y"]) != 1 {
		t.Errorf("from the environment: %v %v", c, err)
	}
}
