// Package process starts `anteroom serve` for benchmarks, behind a fake XEP-0114 server in the benchmark's own process, and reads what
// the process uses: CPU and resident memory from /proc, the heap by its administration socket. Linux only.
package process

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"anteroom/internal/servertest"
	"anteroom/internal/servertest/fakexmpp"
)

// Secret is the component's.
const Secret = "s3cret"

// Options says what to start. Config is appended to anteroom.toml, which has the sections component, store, admin and log already.
type Options struct {
	Binary string
	Domain string // of the component
	Store  string // URL; empty: memory:
	Config string
	Seen   func(stanza []byte) // called with each stanza that the fake server gets, if not nil
	Dir    string              // for files; empty: a temporary one
}

// Anteroom is a running process. The caller ends it with Stop.
type Anteroom struct {
	Options
	Server *fakexmpp.Server
	admin  *http.Client
	cmd    *exec.Cmd
	ended  chan error // receives how the process ended
	temp   string
}

// Start starts one and waits until it is connected.
func Start(ctx context.Context, o Options) (started *Anteroom, err error) {
	a := &Anteroom{Options: o}
	defer func() {
		if err != nil {
			a.Stop()
		}
	}()
	if a.Dir == "" {
		if a.temp, err = os.MkdirTemp("", "anteroom-bench-"); err != nil {
			return nil, err
		}
		a.Dir = a.temp
	}
	if a.Store == "" {
		a.Store = "memory:"
	}
	if a.Server, err = fakexmpp.Start(fakexmpp.Options{Domain: o.Domain, Secret: Secret, CountOnly: true, Seen: o.Seen}); err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(a.Server.Addr(), ":")
	text := fmt.Sprintf(`[component]
domain = %q
secret = %q
port   = %s
[store]
url = %q
key_file = "seal.key"
[admin]
socket = "admin.sock"
listen = ""
[log]
level = "error"
%s`, o.Domain, Secret, port, a.Store, o.Config)
	if err := os.WriteFile(a.ConfigFile(), []byte(text), 0o600); err != nil {
		return nil, err
	}
	a.admin = &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(a.Dir, "admin.sock"))
	}}}
	a.cmd = exec.Command(o.Binary, "serve", "--config", a.ConfigFile())
	a.cmd.Stdout, a.cmd.Stderr = os.Stderr, os.Stderr
	a.cmd.SysProcAttr = servertest.DieWithParent()
	if err := a.cmd.Start(); err != nil {
		a.cmd = nil
		return nil, err
	}
	a.ended = make(chan error, 1)
	waiting, connected := context.WithCancelCause(ctx)
	defer connected(nil)
	go func() {
		err := a.cmd.Wait()
		connected(fmt.Errorf("it ended: %v", err))
		a.ended <- err
	}()
	if err := a.Server.WaitConnects(waiting, 1); err != nil {
		return nil, fmt.Errorf("%s did not connect: %w", o.Domain, err)
	}
	return a, nil
}

// ConfigFile is its configuration.
func (a *Anteroom) ConfigFile() string { return filepath.Join(a.Dir, "anteroom.toml") }

// Stop kills the process and removes what Start made.
func (a *Anteroom) Stop() {
	if a.cmd != nil {
		a.cmd.Process.Kill()
		<-a.ended
	}
	if a.Server != nil {
		a.Server.Stop()
	}
	if a.temp != "" {
		os.RemoveAll(a.temp)
	}
}

// CPU and Resident are CPU and Resident of the process.
func (a *Anteroom) CPU() time.Duration { return CPU(a.cmd.Process.Pid) }
func (a *Anteroom) Resident() int64    { return Resident(a.cmd.Process.Pid) }

// Get asks the administration socket.
func (a *Anteroom) Get(ctx context.Context, path string, body func(io.Reader) error) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://anteroom"+path, nil)
	if err != nil {
		return err
	}
	response, err := a.admin.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", path, response.Status)
	}
	return body(response.Body)
}

// Heap is what is reachable on the heap and on the stacks of goroutines, in bytes, after the garbage was collected.
func (a *Anteroom) Heap(ctx context.Context) (heap int64, err error) {
	err = a.Get(ctx, "/debug/pprof/heap?gc=1&debug=1", func(r io.Reader) error {
		found := 0
		for lines := bufio.NewScanner(r); lines.Scan(); {
			name, value, _ := strings.Cut(strings.TrimPrefix(lines.Text(), "# "), " = ")
			if name != "HeapAlloc" && name != "Stack" {
				continue
			}
			value, _, _ = strings.Cut(value, " ") // Stack = in use / of the system
			n, err := strconv.ParseInt(value, 10, 64)
			if err != nil {
				return err
			}
			heap += n
			found++
		}
		if found != 2 {
			return errors.New("the heap profile tells no sizes")
		}
		return nil
	})
	return heap, err
}

// Save writes a profile to a file.
func (a *Anteroom) Save(ctx context.Context, path, file string) error {
	return a.Get(ctx, path, func(r io.Reader) error {
		f, err := os.Create(file)
		if err != nil {
			return err
		}
		_, err = io.Copy(f, r)
		return errors.Join(err, f.Close())
	})
}

// Room is what is measured of one room.
type Room struct {
	Epoch     uint64
	Occupants int
	Leaves    int
	Loaded    bool
	Owed      int
}

// Show describes one room, and loads it.
func (a *Anteroom) Show(ctx context.Context, name string) (room Room, err error) {
	err = a.Get(ctx, "/rooms/"+url.PathEscape(name), func(r io.Reader) error { return json.NewDecoder(r).Decode(&room) })
	return room, err
}

// Await waits until a room is as wanted.
func (a *Anteroom) Await(ctx context.Context, name string, want func(Room) bool) (Room, error) {
	for {
		room, err := a.Show(ctx, name)
		if err == nil && want(room) {
			return room, nil
		}
		select {
		case <-ctx.Done():
			return room, fmt.Errorf("room %s did not become what it should: %+v %w %v", name, room, context.Cause(ctx), err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// Loaded counts the rooms that are in memory.
func (a *Anteroom) Loaded(ctx context.Context) (n int, err error) {
	var rooms []Room
	err = a.Get(ctx, "/rooms", func(r io.Reader) error { return json.NewDecoder(r).Decode(&rooms) })
	for _, room := range rooms {
		if room.Loaded {
			n++
		}
	}
	return n, err
}

// ticksPerSecond is the unit of /proc/PID/stat on Linux (USER_HZ).
const ticksPerSecond = 100

// CPU is what a process has used, in user and system mode, to 10 ms.
func CPU(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	fields := strings.Fields(rest)
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(fields[11], 10, 64)
	system, _ := strconv.ParseInt(fields[12], 10, 64)
	return time.Duration(user+system) * time.Second / ticksPerSecond
}

// Resident is the resident memory of a process, in bytes.
func Resident(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(b))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseInt(fields[1], 10, 64)
	return pages * int64(os.Getpagesize())
}
