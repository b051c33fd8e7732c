package stack

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// stopGrace is how long a process may take to end after SIGTERM before it is killed.
const stopGrace = time.Minute

// process is a child whose lines are kept and can be waited for.
type process struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser

	mu     sync.Mutex
	lines  []string
	more   chan struct{} // closed and replaced when a line comes or the process ends
	ended  bool
	exited chan struct{} // closed when the process has ended
	status error         // set before exited is closed
}

// start runs a command; its standard output and error are read line by line into one list.
func start(name string, cmd *exec.Cmd) (*process, error) {
	p := &process{name: name, cmd: cmd, more: make(chan struct{}), exited: make(chan struct{})}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C goes to us, and we end them in order
	var err error
	if p.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = w, w
	if err := cmd.Start(); err != nil {
		return nil, errors.Join(err, r.Close(), w.Close())
	}
	w.Close()
	go func() {
		lines := bufio.NewScanner(r)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			p.add(lines.Text(), false)
		}
		r.Close()
		p.add("", true)
		p.status = cmd.Wait()
		close(p.exited)
	}()
	return p, nil
}

func (p *process) add(line string, end bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended = end; !end {
		p.lines = append(p.lines, line)
	}
	close(p.more)
	p.more = make(chan struct{})
}

// Output returns all lines so far.
func (p *process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// await returns the first line at or after index from that matches, and the index behind it.
func (p *process) await(ctx context.Context, what string, from int, match func(string) bool) (string, int, error) {
	for i := from; ; {
		p.mu.Lock()
		for ; i < len(p.lines); i++ {
			if line := p.lines[i]; match(line) {
				p.mu.Unlock()
				return line, i + 1, nil
			}
		}
		more, ended := p.more, p.ended
		p.mu.Unlock()
		if ended {
			return "", i, fmt.Errorf("%s: %s ended before it; its output:\n%s", what, p.name, p.Output())
		}
		select {
		case <-more:
		case <-ctx.Done():
			return "", i, fmt.Errorf("%s: not seen from %s; its output:\n%s", what, p.name, p.Output())
		}
	}
}

// PID is the process id.
func (p *process) PID() int { return p.cmd.Process.Pid }

// Kill ends the process as a crash would. A process that has ended already is no error.
func (p *process) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.exited
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Stop asks the process to end, kills it if it does not, and returns how it ended. It may be called again.
func (p *process) Stop() error {
	p.cmd.Process.Signal(syscall.SIGTERM)
	p.in.Close()
	select {
	case <-p.exited:
		return p.status
	case <-time.After(stopGrace):
		return errors.Join(fmt.Errorf("%s did not end within %v after SIGTERM", p.name, stopGrace), p.Kill())
	}
}
