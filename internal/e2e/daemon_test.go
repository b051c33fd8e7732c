package e2e

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// daemon is an `anteroom serve` of its own, without the rest of a stack.
type daemon struct {
	t   *testing.T
	cmd *exec.Cmd

	mu    sync.Mutex
	lines []string
	more  chan struct{} // closed and replaced when a line comes
	ended bool
	err   error
}

// serve writes a configuration into a directory of its own and runs it.
func serve(t *testing.T, format string, args ...any) *daemon {
	t.Helper()
	file := filepath.Join(t.TempDir(), "anteroom.toml")
	if err := os.WriteFile(file, fmt.Appendf(nil, format, args...), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &daemon{t: t, cmd: exec.Command(anteroomBinary, "serve", "--config", file), more: make(chan struct{})}
	r, err := d.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go d.read(r)
	t.Cleanup(func() { d.cmd.Process.Kill() })
	return d
}

func (d *daemon) read(r io.Reader) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		d.note(func() { d.lines = append(d.lines, lines.Text()) })
	}
	err := d.cmd.Wait()
	d.note(func() { d.ended, d.err = true, err })
}

func (d *daemon) note(change func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change()
	close(d.more)
	d.more = make(chan struct{})
}

// await waits until a line holds all parts, n times.
func (d *daemon) await(n int, parts ...string) {
	d.t.Helper()
	d.until(fmt.Sprintf("%d lines with %q", n, parts), func() bool {
		seen := 0
		for _, line := range d.lines {
			all := true
			for _, p := range parts {
				all = all && strings.Contains(line, p)
			}
			if all {
				seen++
			}
		}
		return seen >= n
	})
}

func (d *daemon) until(what string, met func() bool) {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), stepTime)
	defer cancel()
	for {
		d.mu.Lock()
		ok, ended, more := met(), d.ended, d.more
		text := strings.Join(d.lines, "\n")
		d.mu.Unlock()
		if ok {
			return
		}
		if ended {
			d.t.Fatalf("%s: anteroom ended before:\n%s", what, text)
		}
		select {
		case <-more:
		case <-ctx.Done():
			d.t.Fatalf("%s: not seen:\n%s", what, text)
		}
	}
}

// stop sends a signal and returns how the process ended.
func (d *daemon) stop(sig syscall.Signal) error {
	d.t.Helper()
	d.cmd.Process.Signal(sig)
	d.until("the end", func() bool { return d.ended })
	return d.err
}

// get asks /readyz or another page of the administration's listener.
func (d *daemon) get(path string) (int, string) {
	d.t.Helper()
	addr := ""
	d.until("the operators' listener", func() bool {
		for _, line := range d.lines {
			if strings.Contains(line, "listening for operators") {
				_, rest, _ := strings.Cut(line, `"address":"`)
				addr, _, _ = strings.Cut(rest, `"`)
			}
		}
		return addr != ""
	})
	resp, err := http.Get("http://" + addr + path)
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		d.t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}
