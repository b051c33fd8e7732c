package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"anteroom/internal/servertest/stack"
)

// operations are what each scripted client does, in this order, each in rooms of its own. The scripts say what has to be seen, by whom.
var operations = []struct{ name, section string }{
	{"enter", "XEP-0045 §7.1, §7.2"},
	{"enter-again", "XEP-0045 §7.2"},
	{"enter-password", "XEP-0045 §7.2.5"},
	{"enter-nick-conflict", "XEP-0045 §7.2.8"},
	{"enter-without-nick", "XEP-0045 §7.2.1"},
	{"enter-members-only", "XEP-0045 §7.2.6"},
	{"enter-banned", "XEP-0045 §7.2.7"},
	{"enter-full", "XEP-0045 §7.2.9"},
	{"enter-history", "XEP-0045 §7.2.13, §7.2.14"},
	{"enter-anonymity", "XEP-0045 §7.2.3, §10.2.1"},
	{"enter-two-devices", "XEP-0045 §7.2.8"},
	{"nick", "XEP-0045 §7.6"},
	{"availability", "XEP-0045 §7.7"},
	{"invite", "XEP-0045 §7.8.2"},
	{"invite-members-only", "XEP-0045 §7.8.2"},
	{"invite-decline", "XEP-0045 §7.8.2"},
	{"invite-direct", "XEP-0045 §7.8.1, XEP-0249"},
	{"groupchat", "XEP-0045 §7.4"},
	{"private-message", "XEP-0045 §7.5"},
	{"leave", "XEP-0045 §7.14"},
	{"disconnect", "XEP-0045 §7.14"},
	{"register", "XEP-0045 §7.10, §9.9"},
	{"reserved-nick", "XEP-0045 §7.12"},
	{"voice-request", "XEP-0045 §7.13, §8.6"},
	{"change-subject", "XEP-0045 §8.1"},
	{"kick", "XEP-0045 §8.2"},
	{"voice", "XEP-0045 §8.3, §8.4"},
	{"voice-list", "XEP-0045 §8.5"},
	{"moderator", "XEP-0045 §9.6, §9.7"},
	{"moderator-list", "XEP-0045 §9.8"},
	{"ban", "XEP-0045 §9.1"},
	{"ban-list", "XEP-0045 §9.2"},
	{"membership", "XEP-0045 §9.3, §9.4"},
	{"member-list", "XEP-0045 §9.5"},
	{"admin", "XEP-0045 §10.6, §10.7"},
	{"admin-list", "XEP-0045 §10.8"},
	{"owner", "XEP-0045 §10.3, §10.4"},
	{"owner-list", "XEP-0045 §10.5"},
	{"create-instant", "XEP-0045 §10.1.2"},
	{"create-reserved", "XEP-0045 §10.1.3"},
	{"create-cancel", "XEP-0045 §10.1.3"},
	{"configure", "XEP-0045 §10.2"},
	{"configure-cancel", "XEP-0045 §10.2"},
	{"destroy", "XEP-0045 §10.9"},
	{"temporary", "XEP-0045 §10.9"},
	{"disco", "XEP-0045 §6"},
	{"archive", "XEP-0313, XEP-0059"},
	{"archive-join", "XEP-0313 §5.1"},
	{"retraction", "XEP-0424"},
	{"moderation", "XEP-0425"},
	{"self-ping", "XEP-0410"},
	{"avatar", "XEP-0054, XEP-0486"},
	{"occupant-id", "XEP-0421, XEP-0359"},
}

// An unmodified slixmpp does everything that XEP-0045 §7 to §10 give occupants, moderators, admins and owners.
func TestSlixmpp(t *testing.T) {
	onSharedStacks(t, func(t *testing.T, s *shared) {
		host, port, _ := strings.Cut(s.stack.XMPP.ClientAddr(), ":")
		s.operate(t, exec.Command("/usr/bin/python3", "-B", "testdata/slixmpp/main.py", host, port, stack.Rooms, stack.Domain, "slixmpp", password))
	})
}

// operate runs each operation as a subtest; then the gateway is killed, and the lists are compared.
func (s *shared) operate(t *testing.T, cmd *exec.Cmd) {
	c := startScript(t, s, cmd)
	for _, o := range operations {
		t.Run(o.name, func(t *testing.T) {
			c.do(t, o.name, o.section)
			holds(t, o.name)
		})
	}
	t.Run("restart", func(t *testing.T) {
		const lists = "XEP-0045 §9, §10"
		c.do(t, "lists-before-restart", lists)
		if !t.Failed() {
			s.restart(t)
			c.do(t, "lists-after-restart", lists)
		}
	})
}

// script is a client that is told operations by name and answers each by a line of JSON.
type script struct {
	shared  *shared
	in      io.Writer
	answers chan answer
	log     string // file
}

type answer struct {
	Op    string
	OK    bool
	Error string
}

// operationTime bounds one operation from outside; scripts have a shorter bound.
const operationTime = 6 * time.Minute

func startScript(t *testing.T, s *shared, cmd *exec.Cmd) *script {
	t.Helper()
	c := &script{shared: s, answers: make(chan answer), log: filepath.Join(t.TempDir(), "log")}
	log, err := os.Create(c.log)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = log
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
	c.in = in
	stop := make(chan struct{})
	go func() {
		defer close(c.answers)
		lines := bufio.NewScanner(out)
		lines.Buffer(nil, 4<<20)
		for lines.Scan() {
			var a answer
			if json.Unmarshal(lines.Bytes(), &a) != nil {
				continue
			}
			select {
			case c.answers <- a:
			case <-stop:
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		in.Close()
		done := time.AfterFunc(10*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait() // how it ends tells nothing that the answers did not
		done.Stop()
		log.Close()
	})
	return c
}

// do lets the client do one operation and fails with what it did not see.
func (c *script) do(t *testing.T, name, section string) {
	t.Helper()
	c.shared.gateway.RLock()
	defer c.shared.gateway.RUnlock()
	if _, err := fmt.Fprintln(c.in, name); err != nil {
		t.Fatalf("the client has ended: %v\n%s", err, c.tail())
	}
	select {
	case a, ok := <-c.answers:
		switch {
		case !ok:
			t.Fatalf("the client has ended:\n%s", c.tail())
		case a.Op != name:
			t.Fatalf("the client answered %q", a.Op)
		case !a.OK:
			t.Errorf("%s (%s): %s", name, section, a.Error)
		}
	case <-time.After(operationTime):
		t.Fatalf("%s: no answer\n%s", name, c.tail())
	}
}

func (c *script) tail() string {
	b, err := os.ReadFile(c.log)
	if err != nil {
		return err.Error()
	}
	return tail(string(b))
}
