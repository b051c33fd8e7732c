// Package interop drives package mls live against other implementations of RFC 9420: the peers of interop/peers, npm packages
// each behind a small driver that speaks one JSON object per line over stdin and stdout. There are only tests here.
//
// The table of docs/interop.md says what works in which direction and what does not, and why; TestTable writes it anew (-update)
// or checks that it is still true. Where a peer departs from the RFC, package mls stays strict: the departure is made good in
// the peer's driver, or stands in the table.
package interop

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// extension is an extension on its way to or from a driver.
type extension struct {
	Type uint16 `json:"type"`
	Data []byte `json:"data"`
}

// proposal is a proposal as drivers understand it.
type proposal struct {
	Type       string      `json:"type"` // add, remove, update, extensions, psk, resumption, reinit
	KeyPackage []byte      `json:"keyPackage,omitempty"`
	Leaf       *uint32     `json:"leaf,omitempty"`
	Identity   []byte      `json:"identity,omitempty"` // of Leaf, for peers that name members instead of counting them
	Extensions []extension `json:"extensions,omitempty"`
	ID         []byte      `json:"id,omitempty"`
	Nonce      []byte      `json:"nonce,omitempty"`
	Group      []byte      `json:"group,omitempty"` // of resumption and reinit, as are the fields below
	Epoch      int64       `json:"epoch,omitempty"`
	Suite      uint16      `json:"suite,omitempty"`
}

// request is one line to a driver; most fields belong to a few operations only.
type request struct {
	Op             string      `json:"op"`
	Member         string      `json:"member,omitempty"`
	Suite          uint16      `json:"suite,omitempty"`
	Identity       []byte      `json:"identity,omitempty"`
	Group          []byte      `json:"group,omitempty"`
	Extensions     []extension `json:"extensions,omitempty"`
	Welcome        []byte      `json:"welcome,omitempty"`
	Tree           []byte      `json:"tree,omitempty"`
	GroupInfo      []byte      `json:"groupInfo,omitempty"`
	Message        []byte      `json:"message,omitempty"`
	Kind           string      `json:"kind,omitempty"` // of Message: proposal, commit, data
	ExternalSender []byte      `json:"externalSender,omitempty"`
	Data           []byte      `json:"data,omitempty"`
	Proposal       *proposal   `json:"proposal,omitempty"`
	Proposals      []proposal  `json:"proposals,omitempty"`
	WithoutTree    bool        `json:"withoutTree,omitempty"`
	Private        bool        `json:"private,omitempty"`
	Resync         bool        `json:"resync,omitempty"`
	Lenient        bool        `json:"lenient,omitempty"`
	ID             []byte      `json:"id,omitempty"`
	Secret         []byte      `json:"secret,omitempty"`
	Old            string      `json:"old,omitempty"` // member of the group that a subgroup comes from
	Usage          string      `json:"usage,omitempty"`
	KeyPackages    [][]byte    `json:"keyPackages,omitempty"`
}

// reply is the body of a driver's answer. Authenticator is empty where the peer has no way to tell it.
type reply struct {
	Removed       bool   `json:"removed"`
	Epoch         int64  `json:"epoch"`
	Authenticator []byte `json:"authenticator"`
	Exporter      []byte `json:"exporter"`
	KeyPackage    []byte `json:"keyPackage"`
	Commit        []byte `json:"commit"`
	Welcome       []byte `json:"welcome"`
	Tree          []byte `json:"tree"`
	GroupInfo     []byte `json:"groupInfo"`
	Message       []byte `json:"message"`
	Proposal      []byte `json:"proposal"`
	Data          []byte `json:"data"`
}

// peerError is what the peer's implementation said.
type peerError struct{ op, text string }

func (e *peerError) Error() string { return e.op + ": " + e.text }

// unsupportedError is the driver's word that the peer cannot do it.
type unsupportedError struct{ why string }

func (e *unsupportedError) Error() string { return "unsupported: " + e.why }

// peer is one running driver.
type peer struct {
	mu   sync.Mutex
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader
	next int
}

// startPeer starts peers/<driver>. The driver ends with the test.
func startPeer(t testing.TB, driver string) *peer {
	t.Helper()
	if _, err := os.Stat(filepath.Join("peers", "node_modules", ".package-lock.json")); err != nil {
		missing(t, "the peers are not installed: make peers")
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing(t, "no node in PATH")
	}
	cmd := exec.Command(node, driver)
	cmd.Dir = "peers"
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Errorf("%s: %v", driver, err)
		}
	})
	return &peer{cmd: cmd, in: in, out: bufio.NewReader(out)}
}

// missing skips the test, or fails it in CI, where everything must be there.
func missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// patience is what one operation of a driver may take.
const patience = 2 * time.Minute

// call sends one request and waits for its answer; a driver that does not answer is killed. The error is a *peerError or *unsupportedError unless the driver is broken.
func (p *peer) call(r request) (*reply, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	line, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	timer := time.AfterFunc(patience, func() { p.cmd.Process.Kill() })
	defer timer.Stop()
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	line, err = p.out.ReadBytes('\n')
	if err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	var answer struct {
		OK          *reply
		Error       *string
		Unsupported *string
	}
	if err := json.Unmarshal(line, &answer); err != nil {
		return nil, fmt.Errorf("driver: %w", err)
	}
	switch {
	case answer.Error != nil:
		return nil, &peerError{r.Op, *answer.Error}
	case answer.Unsupported != nil:
		return nil, &unsupportedError{*answer.Unsupported}
	case answer.OK == nil:
		return nil, errors.New("driver: empty answer")
	}
	return answer.OK, nil
}
