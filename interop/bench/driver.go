package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"time"
)

// request is one line to the driver peers/ts-mls-bench.mjs.
type request struct {
	Op       string   `json:"op"`
	Name     string   `json:"name,omitempty"`
	State    string   `json:"state,omitempty"`
	Message  []byte   `json:"message,omitempty"`
	Messages [][]byte `json:"messages,omitempty"`
	Add      [][]byte `json:"add,omitempty"`
	Remove   *uint32  `json:"remove,omitempty"`
	Keep     bool     `json:"keep,omitempty"`
	Budget   int64    `json:"budget"` // milliseconds
	Times    int      `json:"times"`
}

type reply struct {
	MS       float64  `json:"ms"`
	Message  []byte   `json:"message"`
	Messages [][]byte `json:"messages"`
	held
}

func (r *reply) time() time.Duration { return time.Duration(r.MS * float64(time.Millisecond)) }

// driver is the peer's process. After the first operation that fails or takes too long it is gone, and so are all later ones.
type driver struct {
	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	limit  time.Duration
	end    time.Time // of all operations
	budget time.Duration
}

var errGone = errors.New("the driver is gone")

// startNode starts the driver of ts-mls.
func startNode(limit, total, budget time.Duration) (*driver, error) {
	cmd := exec.Command("node", "--expose-gc", "ts-mls-bench.mjs")
	cmd.Dir = "interop/peers"
	return startDriver(cmd, limit, total, budget)
}

// startMember starts this program as a member of our own.
func startMember(limit time.Duration) (*driver, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startDriver(exec.Command(self, memberArgument), limit, limit*4, 0)
}

func startDriver(cmd *exec.Cmd, limit, total, budget time.Duration) (*driver, error) {
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return &driver{cmd, in, bufio.NewReader(out), limit, time.Now().Add(total), budget}, nil
}

func (d *driver) stop() {
	if d.cmd == nil {
		return
	}
	d.in.Close()
	d.cmd.Process.Kill()
	d.cmd.Wait()
	d.cmd = nil
}

// call sends one request. What takes longer than the limit ends the driver.
func (d *driver) call(r request) (*reply, error) {
	if d.cmd == nil {
		return nil, errGone
	}
	r.Budget = d.budget.Milliseconds()
	r.Times = repetitions
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	process, limit := d.cmd.Process, min(d.limit, time.Until(d.end))
	timer := time.AfterFunc(limit, func() { process.Kill() })
	_, err = d.in.Write(append(line, '\n'))
	if err == nil {
		line, err = d.out.ReadBytes('\n')
	}
	timer.Stop()
	if err != nil {
		d.stop()
		return nil, fmt.Errorf("%s: ended, or took longer than %v", r.Op, limit.Round(time.Second))
	}
	var answer struct {
		OK    *reply
		Error string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, err
	}
	if answer.OK == nil {
		return nil, fmt.Errorf("%s: %s", r.Op, answer.Error)
	}
	return answer.OK, nil
}
