package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"text/template"
	"time"
)

// ErrNoProsody: there is no prosody on this machine (Debian: apt-get install prosody).
var ErrNoProsody = errors.New("servertest: prosody is not installed")

// prosodyStart is how long Prosody may take until its ports accept connections.
const prosodyStart = 20 * time.Second

// ProsodyOptions says what a Prosody serves. Empty fields take the values that the README uses.
type ProsodyOptions struct {
	Host      string            // virtual host; "a.example"
	Component string            // component's domain; "rooms." + Host
	Secret    string            // component's secret; "s3cret"
	Users     map[string]string // localpart to password
}

// Prosody is a prosody of its own, on 127.0.0.1, with its own data folder, configuration and log.
type Prosody struct {
	ProsodyOptions
	ClientPort    int // XMPP client connections, without TLS
	ComponentPort int // XEP-0114
	Dir           string

	mu     sync.Mutex
	cmd    *exec.Cmd
	exited chan error // receives the result of waiting for cmd
}

// The component's block is the one that the README tells an administrator to use.
var prosodyConfig = template.Must(template.New("prosody").Parse(`run_as_root = true
pidfile = "{{.Dir}}/prosody.pid"
data_path = "{{.Dir}}/data"
certificates = "{{.Dir}}/certs"
interfaces = { "127.0.0.1" }
c2s_ports = { {{.ClientPort}} }
c2s_direct_tls_ports = {}
s2s_ports = {}
component_ports = { {{.ComponentPort}} }
modules_enabled = { "roster"; "saslauth"; "disco"; "ping"; "posix" }
modules_disabled = { "s2s" }
allow_unencrypted_plain_auth = true
c2s_require_encryption = false
authentication = "internal_plain"
log = { info = "{{.Dir}}/prosody.log" }

VirtualHost "{{.Host}}"

Component "{{.Component}}"
    component_secret = "{{.Secret}}"
`))

// StartProsody starts an installed prosody and returns when its ports accept connections. The caller ends it with Stop.
func StartProsody(o ProsodyOptions) (*Prosody, error) {
	if _, err := exec.LookPath("prosody"); err != nil {
		return nil, ErrNoProsody
	}
	if o.Host == "" {
		o.Host = "a.example"
	}
	if o.Component == "" {
		o.Component = "rooms." + o.Host
	}
	if o.Secret == "" {
		o.Secret = "s3cret"
	}
	dir, err := os.MkdirTemp("", "prosody-")
	if err != nil {
		return nil, err
	}
	p := &Prosody{ProsodyOptions: o, Dir: dir}
	for range 3 { // another process may take a port between our asking and using it
		if err = p.configure(); err != nil {
			break
		}
		if err = p.Start(); err == nil {
			return p, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

func (p *Prosody) configure() (err error) {
	if p.ClientPort, err = freePort(); err != nil {
		return err
	}
	if p.ComponentPort, err = freePort(); err != nil {
		return err
	}
	accounts := filepath.Join(p.Dir, "data", encodeProsodyName(p.Host), "accounts")
	for _, dir := range []string{accounts, filepath.Join(p.Dir, "certs")} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	for user, password := range p.Users {
		account := fmt.Sprintf("return { [\"password\"] = %s };\n", strconv.Quote(password))
		if err := os.WriteFile(filepath.Join(accounts, encodeProsodyName(user)+".dat"), []byte(account), 0o600); err != nil {
			return err
		}
	}
	var config bytes.Buffer
	if err := prosodyConfig.Execute(&config, p); err != nil {
		return err
	}
	return os.WriteFile(p.configFile(), config.Bytes(), 0o600)
}

// encodeProsodyName writes every byte but letters and digits as %hh, as Prosody's data manager names its files.
func encodeProsodyName(s string) string {
	var b bytes.Buffer
	for _, c := range []byte(s) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "%%%02x", c)
		}
	}
	return b.String()
}

func (p *Prosody) configFile() string { return filepath.Join(p.Dir, "prosody.cfg.lua") }

// ClientAddr is where XMPP clients connect, ComponentAddr where a component does.
func (p *Prosody) ClientAddr() string    { return fmt.Sprintf("127.0.0.1:%d", p.ClientPort) }
func (p *Prosody) ComponentAddr() string { return fmt.Sprintf("127.0.0.1:%d", p.ComponentPort) }

// Log returns what Prosody has logged.
func (p *Prosody) Log() string {
	b, err := os.ReadFile(filepath.Join(p.Dir, "prosody.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Start starts the server again on its ports and data after Kill or Shutdown.
func (p *Prosody) Start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	cmd := exec.Command("prosody", "--config", p.configFile(), "-F")
	cmd.SysProcAttr = dieWithParent()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	deadline := time.Now().Add(prosodyStart)
	for time.Now().Before(deadline) {
		select {
		case err := <-exited:
			return fmt.Errorf("servertest: prosody did not start: %v\n%s%s", err, said.String(), p.Log())
		default:
		}
		if listening(p.ClientAddr()) && listening(p.ComponentAddr()) {
			p.cmd, p.exited = cmd, exited
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	cmd.Process.Kill()
	<-exited
	return fmt.Errorf("servertest: prosody did not listen within %v\n%s", prosodyStart, p.Log())
}

func listening(addr string) bool {
	c, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	c.Close()
	return true
}

// Kill ends the server as a crash would; Shutdown lets it close its streams. Both keep its data for Start.
func (p *Prosody) Kill() error     { return p.end(syscall.SIGKILL) }
func (p *Prosody) Shutdown() error { return p.end(syscall.SIGTERM) }

// Stop ends the server and removes its directory.
func (p *Prosody) Stop() error {
	return errors.Join(p.Shutdown(), os.RemoveAll(p.Dir))
}

func (p *Prosody) end(sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return nil
	}
	err := signal(p.cmd.Process, sig)
	<-p.exited // a signal's status is what we asked for
	p.cmd = nil
	return err
}
