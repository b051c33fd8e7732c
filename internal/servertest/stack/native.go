package stack

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// Native is an `anteroom client` process, driven and read as docs/client.md says.
type Native struct {
	*process
	User string // mimi:// URI

	next int // lines before this were passed by Expect
}

// Line is one JSON line of a native participant; docs/client.md says which fields go with which Type.
type Line struct {
	Type, Room    string
	User          string
	Epoch         uint64
	Proposer      []string
	Committer     string
	CommitterLeaf uint32 `json:"committer_leaf"`
	External      bool
	Changes       []Change
	Sender, Body  string
	Command, Text string
	Endpoint      string
	Code          uint8
	Participants  []Participant
	Leaves        []Leaf
	Client, Key   string
	At            string // RFC 3339
	Certificates  []string
	Suite         string
	ID, Replaces  string
	InReplyTo     string `json:"in_reply_to"`
	Found         []Found
	Files         []File
	ContentType   string `json:"content_type"`
	Status        int
}

// Change, Participant, Leaf, Found and File are parts of a Line.
type (
	Change struct {
		Kind, Proposer, User, Client, Key string
		Role, From, Leaf                  uint32
		RoleName                          string `json:"role_name"`
		FromName                          string `json:"from_name"`
		Reason, Alternate                 string
		Name, Subject                     string // of metadata
		Policy                            string
	}
	Participant struct {
		User     string
		Role     uint32
		RoleName string `json:"role_name"`
		Active   bool
	}
	Leaf struct {
		Leaf                    uint32
		Client, User, Key, Nick string
	}
	File struct {
		URL, Name   string
		ContentType string `json:"content_type"`
		Size        uint64
		Encrypted   bool
	}
	Found struct {
		User, Room, Name string
	}
)

// Has says whether an epoch has a change of this kind to this user.
func (l *Line) Has(kind, user string) bool {
	return slices.ContainsFunc(l.Changes, func(c Change) bool { return c.Kind == kind && c.User == user })
}

// StartNative starts the native participant of a peer provider, with further arguments, and waits until it listens.
func (s *Stack) StartNative(ctx context.Context, name, provider string, args ...string) (*Native, error) {
	state := filepath.Join(s.Dir, "client-"+name)
	if err := os.MkdirAll(state, 0o700); err != nil {
		return nil, err
	}
	file := func(f string) string { return filepath.Join(s.Dir, f) }
	user := "mimi://" + provider + "/u/" + name
	if !slices.Contains(args, "--authority") {
		args = append([]string{"--authority", file(provider + "-users.pem"), "--authority-key", file(provider + "-users.key")}, args...)
	}
	args = append([]string{"client", "--state", state, "--user", user, "--listen", s.PeerAddrs[provider],
		"--certificate", file(provider + ".pem"), "--key", file(provider + ".key"), "--trust", file("ca.pem"),
		"--json"}, args...)
	peers := []string{s.Domain}
	for peer := range s.PeerAddrs {
		if peer != provider {
			peers = append(peers, peer)
		}
	}
	for _, peer := range peers {
		addr, err := s.reach(provider, peer)
		if err != nil {
			return nil, err
		}
		args = append(args, "--peer", peer+"="+addr)
	}
	p, err := start("client "+name, exec.Command(s.Binary, args...))
	if err != nil {
		return nil, err
	}
	n := &Native{process: p, User: user}
	s.natives = append(s.natives, n)
	_, err = n.Expect(ctx, "the native participant listens", func(l *Line) bool { return l.Type == "ready" })
	return n, err
}

// ForgedAuthority makes an authority for a provider's users below a certificate authority of its own, which nobody trusts, and returns the
// arguments by which a native participant uses it.
func (s *Stack) ForgedAuthority(ctx context.Context, provider string) ([]string, error) {
	dir := filepath.Join(s.Dir, "forged")
	for _, args := range [][]string{{"ca", "init", "--dir", dir}, {"ca", "issue", "--dir", dir, provider}} {
		if out, err := exec.CommandContext(ctx, s.Binary, args...).CombinedOutput(); err != nil {
			return nil, fmt.Errorf("anteroom %s: %w\n%s", strings.Join(args, " "), err, out)
		}
	}
	users := filepath.Join(dir, provider+"-users")
	return []string{"--authority", users + ".pem", "--authority-key", users + ".key"}, nil
}

// Command writes one line to the participant's standard input.
func (n *Native) Command(line string) error {
	_, err := io.WriteString(n.in, line+"\n")
	return err
}

// Expect returns the first line not passed yet for which match is true, and passes it and all before it.
func (n *Native) Expect(ctx context.Context, what string, match func(*Line) bool) (*Line, error) {
	var found Line
	_, next, err := n.await(ctx, what, n.next, func(text string) bool {
		var l Line
		if json.Unmarshal([]byte(text), &l) != nil || !match(&l) {
			return false
		}
		found = l
		return true
	})
	if err != nil {
		return nil, err
	}
	n.next = next
	return &found, nil
}

// Seen returns all lines so far that match, passed or not.
func (n *Native) Seen(match func(*Line) bool) []Line {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []Line
	for _, text := range n.lines {
		var l Line
		if json.Unmarshal([]byte(text), &l) == nil && match(&l) {
			found = append(found, l)
		}
	}
	return found
}

// Members asks for the members of a room and returns the answer.
func (n *Native) Members(ctx context.Context, room string) (*Line, error) {
	if err := n.Command("members " + room); err != nil {
		return nil, err
	}
	return n.Expect(ctx, "members of "+room, func(l *Line) bool { return l.Type == "members" && l.Room == room })
}

// String names the participant.
func (n *Native) String() string { return fmt.Sprintf("native %s", n.User) }
