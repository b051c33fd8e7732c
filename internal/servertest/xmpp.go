package servertest

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// ErrNotInstalled: this machine has no such server (Debian: scripts/deps.sh installs it).
var ErrNotInstalled = errors.New("servertest: the server is not installed")

// xmppStart is how long an XMPP server may take until its ports accept connections, with other tests beside it.
const xmppStart = 3 * time.Minute

// XMPPOptions says what an XMPP server serves. Empty fields take the values that the README uses.
type XMPPOptions struct {
	Host      string            // virtual host; "a.example"
	Component string            // component's domain; "rooms." + Host
	Secret    string            // component's secret; "s3cret"
	Users     map[string]string // localpart to password

	// For comparing with the server's own rooms: a second component with the same secret, and the domain of the rooms, which
	// keep archives as ours do. Empty: none.
	Second, MUC string

	Offline bool // messages to who is away are kept (XEP-0160), as servers do unless told otherwise
}

// XMPP is a Prosody or an ejabberd of its own, on 127.0.0.1, with its own data folder, configuration and log.
type XMPP struct {
	XMPPOptions
	ClientPort    int // XMPP client connections, without TLS
	ComponentPort int // XEP-0114
	WebPort       int // XMPP over WebSocket (RFC 7395), without TLS
	Dir           string

	software software
	mu       sync.Mutex
	cmd      *exec.Cmd
	exited   chan error // receives the result of waiting for cmd
}

// software is what differs between the servers.
type software struct {
	name      string
	configure func(*XMPP) error // writes the configuration, and accounts if they are files
	command   func(*XMPP) *exec.Cmd
	ready     func(*XMPP) bool // besides its ports
}

// StartXMPP starts the server that is called "prosody" or "ejabberd". The caller ends it with Stop.
func StartXMPP(name string, o XMPPOptions) (*XMPP, error) {
	switch name {
	case prosody.name:
		return StartProsody(o)
	case ejabberd.name:
		return StartEjabberd(o)
	}
	return nil, fmt.Errorf("servertest: XMPP server %q: prosody or ejabberd", name)
}

func startXMPP(sw software, o XMPPOptions) (*XMPP, error) {
	if o.Host == "" {
		o.Host = "a.example"
	}
	if o.Component == "" {
		o.Component = "rooms." + o.Host
	}
	if o.Secret == "" {
		o.Secret = "s3cret"
	}
	dir, err := os.MkdirTemp("", sw.name+"-")
	if err != nil {
		return nil, err
	}
	x := &XMPP{XMPPOptions: o, Dir: dir, software: sw}
	for range 3 { // somebody who does not ask FreePort may take a port between our asking and using it
		if err = x.configure(); err != nil {
			break
		}
		if err = x.Start(); err == nil {
			return x, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

func (x *XMPP) configure() (err error) {
	for _, port := range []*int{&x.ClientPort, &x.ComponentPort, &x.WebPort} {
		if *port, err = FreePort(); err != nil {
			return err
		}
	}
	return x.software.configure(x)
}

func (x *XMPP) file(name string) string { return filepath.Join(x.Dir, name) }

// PID is the server's process id.
func (x *XMPP) PID() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.cmd.Process.Pid
}

// Software is "prosody" or "ejabberd".
func (x *XMPP) Software() string { return x.software.name }

// ClientAddr is where XMPP clients connect, ComponentAddr where a component does.
func (x *XMPP) ClientAddr() string    { return fmt.Sprintf("127.0.0.1:%d", x.ClientPort) }
func (x *XMPP) ComponentAddr() string { return fmt.Sprintf("127.0.0.1:%d", x.ComponentPort) }

// WebSocketURL is where XMPP clients connect from a browser.
func (x *XMPP) WebSocketURL() string {
	return "ws://" + x.webAddr() + "/xmpp-websocket"
}

func (x *XMPP) webAddr() string { return fmt.Sprintf("127.0.0.1:%d", x.WebPort) }

// Log returns what the server has logged.
func (x *XMPP) Log() string {
	b, err := os.ReadFile(x.file("server.log"))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

// Start starts the server again on its ports and data after Kill or Shutdown.
func (x *XMPP) Start() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	cmd := x.software.command(x)
	cmd.SysProcAttr = DieWithParent()
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return err
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	deadline := time.Now().Add(xmppStart)
	for time.Now().Before(deadline) {
		select {
		case err := <-exited:
			return fmt.Errorf("servertest: %s did not start: %v\n%s%s", x.software.name, err, said.String(), x.Log())
		default:
		}
		if x.software.ready(x) && listening(x.ClientAddr()) && listening(x.ComponentAddr()) && listening(x.webAddr()) {
			x.cmd, x.exited = cmd, exited
			return nil
		}
		time.Sleep(20 * time.Millisecond)
	}
	cmd.Process.Kill()
	<-exited
	return fmt.Errorf("servertest: %s did not listen within %v\n%s", x.software.name, xmppStart, x.Log())
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
func (x *XMPP) Kill() error     { return x.end(syscall.SIGKILL) }
func (x *XMPP) Shutdown() error { return x.end(syscall.SIGTERM) }

// Freeze stops the server from doing anything, with its connections open; Thaw lets it go on.
func (x *XMPP) Freeze() error { return x.signal(syscall.SIGSTOP) }
func (x *XMPP) Thaw() error   { return x.signal(syscall.SIGCONT) }

func (x *XMPP) signal(sig syscall.Signal) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cmd == nil {
		return nil
	}
	return signal(x.cmd.Process, sig)
}

// Stop ends the server and removes its directory.
func (x *XMPP) Stop() error {
	return errors.Join(x.Shutdown(), os.RemoveAll(x.Dir))
}

func (x *XMPP) end(sig syscall.Signal) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.cmd == nil {
		return nil
	}
	err := signal(x.cmd.Process, sig)
	<-x.exited // a signal's status is what we asked for
	x.cmd = nil
	return err
}
