package main

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"go/parser"
	"go/token"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// session is a running client with its terminal.
type session struct {
	t      *testing.T
	in     *io.PipeWriter
	events chan clientEvent
	done   chan error
}

func startClient(t *testing.T, c *clientCommand) *session {
	t.Helper()
	inRead, inWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	s := &session{t: t, in: inWrite, events: make(chan clientEvent, 256), done: make(chan error, 1)}
	go func() {
		s.done <- c.run(t.Context(), inRead, outWrite)
		inRead.Close()
		outWrite.Close()
	}()
	go func() {
		defer close(s.events)
		lines := bufio.NewScanner(outRead)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e clientEvent
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				e = clientEvent{Type: "unreadable", Text: lines.Text()}
			}
			s.events <- e
		}
	}()
	s.want("ready")
	return s
}

func (s *session) tell(format string, args ...any) {
	s.t.Helper()
	if _, err := fmt.Fprintf(s.in, format+"\n", args...); err != nil {
		s.t.Fatal(err)
	}
}

// want returns the next event, which must be of a type. Nothing may come in between.
func (s *session) want(kind string) clientEvent {
	s.t.Helper()
	select {
	case e, ok := <-s.events:
		if !ok || e.Type != kind {
			s.t.Fatalf("event %+v, want %s", e, kind)
		}
		return e
	case <-time.After(3 * time.Minute):
		s.t.Fatalf("no event, want %s", kind)
	}
	return clientEvent{}
}

func (s *session) quit() {
	s.t.Helper()
	s.tell("quit")
	if err := <-s.done; err != nil {
		s.t.Fatal(err)
	}
}

// openClient is bob's client with what is stored in a folder: without a process or a way to others, it believes all names and prints nothing.
func openClient(t *testing.T, path string) *nativeClient {
	t.Helper()
	dir, err := openStateDir(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	c, err := newNativeClient(testBob.ClientUser(), dir, nil, &clientPrinter{w: io.Discard}, vouching{authenticate: mimi.AuthenticateBasic})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func hear(t *testing.T, h *testHub, want string) {
	t.Helper()
	select {
	case got := <-h.heard:
		if got != want {
			t.Fatalf("the hub heard %q, want %q", got, want)
		}
	case <-time.After(3 * time.Minute):
		t.Fatalf("the hub heard nothing, want %q", want)
	}
}

func changeOf(t *testing.T, e clientEvent, kind string) clientChange {
	t.Helper()
	for _, c := range e.Changes {
		if c.Kind == kind {
			return c
		}
	}
	t.Fatalf("epoch %+v has no %s", e, kind)
	return clientChange{}
}

// Two providers over mutual TLS, each in a role of its own: bob's client meets alice in a room of a.example.
func TestNativeParticipant(t *testing.T) {
	ca := newTestAuthority(t, "a.example", "b.example", "c.example")
	address := freeAddress(t)
	h := newTestHub(t, ca.identity("a.example"), map[string]string{"b.example": address})
	command := &clientCommand{
		State: filepath.Join(t.TempDir(), "bob"), User: "mimi://b.example/u/bob", Listen: address, JSON: true,
		Certificate: ca.file("b.example.pem"), Key: ca.file("b.example.key"), Trust: []string{ca.file("ca.pem")},
		Basic: []string{"a.example"}, Peer: map[string]string{"a.example": h.address}, Capture: filepath.Join(t.TempDir(), "capture"),
	}
	const alice, bob, keeper = "mimi://a.example/u/alice", "mimi://b.example/u/bob", "mimi://a.example/u/keeper!"
	s := startClient(t, command)

	s.tell("join mimi://a.example/r/desert")
	if e := s.want("refused"); e.Code == nil || *e.Code != uint8(mimi.GroupInfoNoSuchRoom) {
		t.Errorf("join of a room that does not exist: %+v", e)
	}
	s.tell("join %s", testRoom)
	joined := s.want("joined")
	e := s.want("epoch")
	if !e.External || e.Committer != bob || *e.Epoch != 2 || *joined.Epoch != 2 {
		t.Errorf("joined by %+v, want bob's external commit", e)
	}
	if c := changeOf(t, e, "participant_added"); c.User != bob || c.RoleName != "guest" || c.Proposer != bob {
		t.Errorf("listed as %+v", c)
	}
	if c := changeOf(t, e, "leaf_added"); c.Client != testBob.String() || *c.Leaf != *joined.Leaf {
		t.Errorf("leaf %+v", c)
	}

	h.locked(func() { h.say("hello bob") })
	if e := s.want("message"); e.Sender != alice || e.Body != "hello bob" {
		t.Errorf("message %+v", e)
	}
	s.tell("send %s hello alice", testRoom)
	if e := s.want("sent"); e.Body != "hello alice" {
		t.Errorf("sent %+v", e)
	}
	hear(t, h, bob+" hello alice")

	s.tell("members %s", testRoom)
	members := s.want("members")
	keys := map[string]bool{}
	for _, l := range members.Leaves {
		keys[l.Key] = true
	}
	if len(members.Leaves) != 3 || len(keys) != 3 || len(members.Participants) != 3 {
		t.Errorf("members %+v, want three users, each with a leaf and key of its own", members)
	}

	// Somebody enters by an Add.
	dora := mimi.MustURI("mimi://a.example/d/dora/anteroom")
	h.locked(func() {
		kp := h.keyPackage(dora)
		h.commit(testKeeper, mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: kp.KeyPackage}, h.role(dora.ClientUser(), testGuest)}, Joiners: []*mls.KeyPackageSecrets{kp}})
	})
	if c := changeOf(t, s.want("epoch"), "leaf_added"); c.Client != dora.String() || c.Proposer != keeper {
		t.Errorf("dora enters: %+v", c)
	}

	// Voice is taken and given: proposer and committer are seen.
	h.locked(func() {
		h.act(mimi.Why{Reason: "too loud"}, h.role(testBob.ClientUser(), testVisitor))
	})
	if e := s.want("proposed"); !slices.Equal(e.Proposer, []string{alice}) {
		t.Errorf("proposed by %v, want alice", e.Proposer)
	}
	e = s.want("epoch")
	if c := changeOf(t, e, "role_changed"); c.Proposer != alice || e.Committer != keeper || c.FromName != "guest" || c.RoleName != "visitor" || c.Reason != "too loud" {
		t.Errorf("voice: committer %s, change %+v", e.Committer, c)
	}
	s.tell("send %s may I?", testRoom)
	if e := s.want("refused"); e.Command != "send" || !strings.Contains(e.Text, "canSendMessage") {
		t.Errorf("refused %+v, want the missing capability", e)
	}
	h.locked(func() { h.act(mimi.Why{}, h.role(testBob.ClientUser(), testOwner)) })
	s.want("proposed")
	s.want("epoch")

	// As an owner bob moderates.
	s.tell("ban %s mimi://c.example/u/pest", testRoom)
	if e := s.want("epoch"); e.Committer != bob || changeOf(t, e, "participant_added").RoleName != mimi.BannedName {
		t.Errorf("ban: %+v", e)
	}
	h.locked(func() { h.act(mimi.Why{}, h.role(testBob.ClientUser(), testGuest)) })
	s.want("proposed")
	s.want("epoch")
	s.tell("kick %s %s", testRoom, alice)
	s.want("refused")

	// A restart goes on where it was; what was said meanwhile arrives.
	s.quit()
	h.locked(func() { h.say("while you were out") })
	s = startClient(t, command)
	if e := s.want("message"); e.Body != "while you were out" {
		t.Errorf("after the restart: %+v", e)
	}
	s.tell("send %s back again", testRoom)
	s.want("sent")
	hear(t, h, bob+" back again")

	// A kick: keys and captures are of no use afterwards.
	h.locked(func() {
		h.act(mimi.Why{}, mls.Remove{Removed: h.leaf(testBob)}, h.role(testBob.ClientUser(), mimi.RoleNone))
	})
	s.want("proposed")
	if c := changeOf(t, s.want("epoch"), "leaf_removed"); c.Proposer != alice || c.User != bob {
		t.Errorf("kick: %+v", c)
	}
	s.want("removed")
	var later []byte
	h.locked(func() { later = h.say("without bob") })
	s.tell("decrypt %s %s", testRoom, hex.EncodeToString(later))
	s.want("undecryptable")

	// An invitation: key package, Welcome.
	kp, err := h.claim()
	if err != nil {
		t.Fatal(err)
	}
	h.locked(func() { h.act(mimi.Why{}, mls.Add{KeyPackage: *kp}, h.role(testBob.ClientUser(), testGuest)) })
	s.want("joined")
	h.locked(func() { h.say("welcome") })
	if e := s.want("message"); e.Body != "welcome" {
		t.Errorf("after the Welcome: %+v", e)
	}
	s.tell("leave %s", testRoom)
	s.want("proposed")
	h.locked(func() {
		var refs []mls.ProposalRef
		for _, p := range h.room.Group().Public().Pending() {
			refs = append(refs, p.Ref)
		}
		h.commit(testKeeper, mls.CommitParams{ByReference: refs})
	})
	if e := s.want("epoch"); changeOf(t, e, "leaf_removed").Proposer != bob || e.Committer != keeper {
		t.Errorf("leave: %+v", e)
	}
	s.want("removed")

	// A ban.
	s.tell("join %s", testRoom)
	s.want("joined")
	s.want("epoch")
	h.locked(func() {
		h.act(mimi.Why{}, mls.Remove{Removed: h.leaf(testBob)}, h.role(testBob.ClientUser(), mimi.RoleBanned))
	})
	s.want("proposed")
	s.want("epoch")
	s.want("removed")
	s.tell("join %s", testRoom)
	if e := s.want("refused"); e.Code == nil || *e.Code != uint8(mimi.GroupInfoNotAuthorized) {
		t.Errorf("join of a banned user: %+v", e)
	}
	s.quit()

	captured, err := os.ReadFile(command.Capture)
	if err != nil || bytes.Count(captured, []byte("\n")) < 10 {
		t.Errorf("capture: %d bytes, %v", len(captured), err)
	}
}

// What arrives at a hub over TLS under a wrong name, too large or malformed changes nothing.
func TestHubOverTLS(t *testing.T) {
	ca := newTestAuthority(t, "a.example", "b.example", "c.example")
	h := newTestHub(t, ca.identity("a.example"), nil)
	epoch := h.room.Group().Public().Epoch()
	post := func(domain string, e mimi.Endpoint, body []byte) mimihttp.Reply {
		c := mimihttp.NewClient(mimihttp.ClientConfig{Domain: domain, Identity: ca.identity(domain), Peers: map[string]string{"a.example": h.address}})
		defer c.Close()
		reply, err := c.Post(t.Context(), "a.example", e, testRoom, body)
		if err != nil {
			t.Fatal(err)
		}
		return reply
	}
	if reply := post("b.example", mimi.EndpointUpdate, []byte("noise")); reply.Status != 400 || len(reply.Body) == 0 {
		t.Errorf("malformed: %d %q", reply.Status, reply.Body)
	}
	if reply := post("b.example", mimi.EndpointUpdate, make([]byte, mimihttp.MaxUpdateBody+1)); reply.Status != 413 {
		t.Errorf("oversized: %d", reply.Status)
	}
	info, err := h.room.Group().GroupInfo(0, true)
	h.must(err)
	staged, err := mls.ExternalCommit(freshSeed(), info, h.keyPackage(testBob), mls.ExternalCommitParams{
		ByValue: []mls.Proposal{h.role(testBob.ClientUser(), testGuest)}, AuthenticatedData: mimi.Why{}.AAD(), Config: mls.Config{Components: mimi.Components{}},
	})
	h.must(err)
	own, err := staged.Group.GroupInfo(staged.Effects.Committer, false)
	h.must(err)
	body := wire.Marshal(&mimi.UpdateRequest{Message: staged.Commit, GroupInfo: mimi.GroupInfoOption{Full: own}, RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeDistributionService}})
	var response mimi.UpdateResponse
	if reply := post("c.example", mimi.EndpointUpdate, body); wire.Unmarshal(reply.Body, &response) != nil || response.Code != mimi.UpdateNotAllowed {
		t.Errorf("c.example speaks for bob: %+v", response)
	}
	if h.room.Group().Public().Epoch() != epoch {
		t.Fatal("something took effect")
	}
	first := post("b.example", mimi.EndpointUpdate, body)
	again := post("b.example", mimi.EndpointUpdate, body)
	if wire.Unmarshal(first.Body, &response) != nil || response.Code != mimi.UpdateSuccess || !bytes.Equal(first.Body, again.Body) {
		t.Errorf("answers %x and %x, want the same success", first.Body, again.Body)
	}
	if h.room.Group().Public().Epoch() != epoch+1 {
		t.Error("a repetition took effect again")
	}
}

// The participant knows nothing of XMPP: it imports only what the MIMI side has, and what spreads work over processors.
func TestClientImports(t *testing.T) {
	files, err := filepath.Glob("client*.go")
	if err != nil || len(files) < 5 {
		t.Fatalf("files %q, %v", files, err)
	}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range f.Imports {
			path := strings.Trim(spec.Path.Value, `"`)
			if own, ok := strings.CutPrefix(path, "anteroom/"); ok && own != "mls" && own != "mls/wire" && own != "internal/parallel" && own != "mimi" && !strings.HasPrefix(own, "mimi/") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

func TestClientCommandErrors(t *testing.T) {
	ca := newTestAuthority(t, "b.example")
	command := func() *clientCommand {
		return &clientCommand{
			State: t.TempDir(), User: "mimi://b.example/u/bob", Listen: "127.0.0.1:0", JSON: true,
			Certificate: ca.file("b.example.pem"), Key: ca.file("b.example.key"), Trust: []string{ca.file("ca.pem")},
		}
	}
	for name, change := range map[string]func(*clientCommand){
		"user that is none":       func(c *clientCommand) { c.User = "bob@b.example" },
		"certificate of another":  func(c *clientCommand) { c.User = "mimi://c.example/u/carol" },
		"address that is not one": func(c *clientCommand) { c.Listen = "nonsense" },
		"damaged state": func(c *clientCommand) {
			os.WriteFile(filepath.Join(c.State, clientStateFile), []byte("{"), 0o600)
		},
	} {
		c := command()
		change(c)
		if err := c.run(t.Context(), strings.NewReader(""), io.Discard); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	c := command()
	s := startClient(t, c)
	if err := (c).run(t.Context(), strings.NewReader(""), io.Discard); err == nil {
		t.Error("two processes share a directory")
	}
	for _, line := range []string{"dance", "join", "join nowhere", "join mimi://b.example/r/own", "join mimi://a.example/r/garden --link sesame", "join mimi://a.example/r/garden sesame", "send mimi://a.example/r/garden", "members mimi://a.example/r/garden", "role mimi://a.example/r/garden bob 3"} {
		s.tell("%s", line)
		if e := s.want("error"); e.Text == "" {
			t.Errorf("%q: error without text", line)
		}
	}
	s.quit()
	info, err := os.Stat(filepath.Join(c.State, clientStateFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("state file: %v, %v, want mode 0600", info, err)
	}
}

// Text of others cannot steer the terminal.
func TestClientText(t *testing.T) {
	var b bytes.Buffer
	(&clientPrinter{w: &b}).emit(clientEvent{Type: "message", Room: testRoom.String(), Sender: "mimi://a.example/u/alice", Body: "a\nb\x1b[2J\r"})
	if got, want := b.String(), testRoom.String()+": <mimi://a.example/u/alice> a b[2J\n"; got != want {
		t.Errorf("printed %q, want %q", got, want)
	}
}
