package servertest

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// ErrNoRedis: there is no redis-server on this machine (Debian: apt-get install redis-server).
var ErrNoRedis = errors.New("servertest: redis-server is not installed")

// Redis is a redis-server of its own, on 127.0.0.1, with its own directory and append-only file.
type Redis struct {
	Port   int
	Dir    string // holds socket, append-only file and dump
	Socket string // unix socket

	command func(port int) ([]string, error) // the command line
	ready   string                           // what the server says when it is ready
	mu      sync.Mutex
	cmd     *exec.Cmd
}

// StartRedis starts a redis-server on a free port and returns when it accepts connections. args are further command
// line settings, such as "--requirepass", "x". The caller ends it with Stop.
func StartRedis(args ...string) (*Redis, error) {
	return start("Ready to accept connections", func(r *Redis, port int) ([]string, error) {
		return append([]string{
			"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--unixsocket", r.Socket, "--dir", r.Dir,
			"--save", "", "--appendonly", "yes", "--appendfsync", "always", "--daemonize", "no",
		}, args...), nil
	})
}

// StartSentinel starts a sentinel that watches a server by the given name.
func StartSentinel(name string, watched *Redis) (*Redis, error) {
	return start("+monitor master", func(r *Redis, port int) ([]string, error) {
		conf := filepath.Join(r.Dir, "sentinel.conf")
		text := fmt.Sprintf("port %d\nbind 127.0.0.1\ndir %s\nsentinel monitor %s 127.0.0.1 %d 1\n", port, r.Dir, name, watched.Port)
		return []string{conf, "--sentinel"}, os.WriteFile(conf, []byte(text), 0o600)
	})
}

func start(ready string, command func(r *Redis, port int) ([]string, error)) (*Redis, error) {
	if _, err := exec.LookPath("redis-server"); err != nil {
		return nil, ErrNoRedis
	}
	dir, err := os.MkdirTemp("", "redis-")
	if err != nil {
		return nil, err
	}
	r := &Redis{Dir: dir, Socket: filepath.Join(dir, "s"), ready: ready}
	r.command = func(port int) ([]string, error) { return command(r, port) }
	for range 3 { // somebody who does not ask FreePort may take the port between our asking and using it
		if r.Port, err = FreePort(); err != nil {
			break
		}
		if err = r.Start(); err == nil {
			return r, nil
		}
	}
	return nil, errors.Join(err, os.RemoveAll(dir))
}

// URL returns the server's address as redis://127.0.0.1:port/0.
func (r *Redis) URL() string { return fmt.Sprintf("redis://127.0.0.1:%d/0", r.Port) }

// Addr returns host and port.
func (r *Redis) Addr() string { return fmt.Sprintf("127.0.0.1:%d", r.Port) }

// Start starts the server again on its port and directory after Kill.
func (r *Redis) Start() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	args, err := r.command(r.Port)
	if err != nil {
		return err
	}
	cmd := exec.Command("redis-server", args...)
	cmd.SysProcAttr = DieWithParent()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	var said strings.Builder
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.Contains(lines.Text(), r.ready) {
			r.cmd = cmd
			go func() { // so that it never blocks on a full pipe
				for lines.Scan() {
				}
			}()
			return nil
		}
		said.WriteString(lines.Text() + "\n")
	}
	cmd.Wait()
	return fmt.Errorf("servertest: redis-server did not start:\n%s", said.String())
}

// Kill ends the server as a crash would, and keeps what it wrote.
func (r *Redis) Kill() error { return r.end(syscall.SIGKILL) }

// Stop ends the server and removes its directory.
func (r *Redis) Stop() error {
	return errors.Join(r.end(syscall.SIGTERM), os.RemoveAll(r.Dir))
}

func (r *Redis) end(sig syscall.Signal) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cmd == nil {
		return nil
	}
	err := signal(r.cmd.Process, sig)
	r.cmd.Wait() // a signal's status is what we asked for
	r.cmd = nil
	return err
}
