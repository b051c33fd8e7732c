package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
)

// clientCommand is a small MIMI provider of its own with one user, its MLS clients and a terminal. It knows nothing of XMPP.
type clientCommand struct {
	State        string            `required:"" type:"path" help:"Directory for keys and rooms; made if missing."`
	User         string            `required:"" help:"The user, such as mimi://b.example/u/bob."`
	Listen       string            `required:"" help:"Address on which other providers reach us."`
	Certificate  string            `required:"" type:"existingfile" help:"Certificate of the user's provider, PEM."`
	Key          string            `required:"" type:"existingfile" help:"Its private key, PEM."`
	Trust        []string          `required:"" type:"existingfile" help:"Certificates that replace the system's roots, PEM."`
	Authority    string            `type:"existingfile" help:"Certificate of the provider's authority for its users, PEM; it vouches for our key. Without it the credential is a basic one, which others may refuse."`
	AuthorityKey string            `type:"existingfile" help:"Its private key, PEM."`
	Basic        []string          `help:"A provider whose users may have basic credentials; * for all." placeholder:"DOMAIN"`
	Peer         map[string]string `help:"Dial ADDR for a provider instead of asking the DNS; the name is still checked." placeholder:"DOMAIN=ADDR"`
	JSON         bool              `name:"json" help:"Print one JSON object per line, see docs/client.md."`
	Consent      string            `enum:"all,ask" default:"all" help:"Who may add the user to rooms: everybody (all), or whom the user allows (ask)."`
	Findable     bool              `help:"Let other providers find the user by its whole address."`
	Suite        []string          `help:"Registered name or number of a cipher suite of which key packages are given away; all that are known without it." placeholder:"SUITE"`
	Capture      string            `type:"path" help:"Append every notify body that arrives to this file, one JSON object per line."`
}

const shutdownTimeout = 2 * time.Second

// Run serves other providers and obeys standard input until quit, the end of input or a signal.
func (c *clientCommand) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return c.run(ctx, os.Stdin, os.Stdout)
}

func (c *clientCommand) run(ctx context.Context, in io.Reader, out io.Writer) error {
	if (c.Authority == "") != (c.AuthorityKey == "") {
		return errors.New("--authority and --authority-key belong together")
	}
	var suites []mls.CipherSuite
	for _, text := range c.Suite {
		suite, known := mls.ParseCipherSuite(text)
		if !known {
			return fmt.Errorf("--suite %q is not known", text)
		}
		suites = append(suites, suite)
	}
	user, err := mimi.ReadURI(c.User)
	if err != nil || user.Kind() != mimi.KindUser {
		return fmt.Errorf("--user %q is not of the form mimi://provider/u/name", c.User)
	}
	id, err := mimihttp.LoadIdentity(c.Certificate, c.Key, c.Trust)
	if err != nil {
		return err
	}
	if err := id.Covers(user.Provider()); err != nil {
		return err
	}
	dir, err := openStateDir(c.State)
	if err != nil {
		return err
	}
	defer dir.Close()
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	transport := mimihttp.NewClient(mimihttp.ClientConfig{Domain: user.Provider(), Identity: id, Peers: c.Peer})
	defer transport.Close()
	printer := &clientPrinter{w: out, json: c.JSON}
	var believes credentials
	authority, err := believes.load(user.Provider(), id, who{authority: c.Authority, key: c.AuthorityKey, basic: c.acceptsBasic(user.Provider())})
	if err != nil {
		listener.Close()
		return err
	}
	native, err := newNativeClient(user, dir, transport, printer, vouching{authority, believes.authenticate})
	if err != nil {
		listener.Close()
		return err
	}
	native.consent, native.findable, native.assets = c.Consent, c.Findable, transport
	if len(suites) > 0 {
		native.suites = suites
	}
	if c.Capture != "" {
		if native.capture, err = os.OpenFile(c.Capture, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600); err != nil {
			listener.Close()
			return err
		}
		defer native.capture.Close()
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	handler := mimihttp.NewHandler(user.Provider(), native, log, mimi.EndpointKeyMaterial, mimi.EndpointNotify,
		mimi.EndpointRequestConsent, mimi.EndpointUpdateConsent, mimi.EndpointIdentifierQuery)
	server := mimihttp.NewServer(id, handler, log)
	served := make(chan error, 1)
	go func() { served <- server.ServeTLS(listener, "", "") }()

	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	native.ready(listener.Addr().String())
	native.start(ctx)
	lines := make(chan string)
	go readLines(ctx, in, lines, printer)
	err = native.obey(ctx, lines, served)
	cancel()
	native.wait()
	end, done := context.WithTimeout(context.Background(), shutdownTimeout)
	defer done()
	server.Shutdown(end)
	return err
}

// acceptsBasic says of which providers basic credentials are accepted: of our own if we have no other.
func (c *clientCommand) acceptsBasic(own string) func(provider string) bool {
	return func(provider string) bool {
		return slices.Contains(c.Basic, provider) || slices.Contains(c.Basic, "*") || c.Authority == "" && provider == own
	}
}

// maxLine bounds a command: a text as long as a message may be, and what stands before it.
const maxLine = content.MaxMessage + 8<<10

// readLines sends each line of in, and closes the channel at its end, or at a line that is too long.
func readLines(ctx context.Context, in io.Reader, lines chan<- string, print *clientPrinter) {
	defer close(lines)
	scanner := bufio.NewScanner(in)
	scanner.Buffer(nil, maxLine)
	for scanner.Scan() {
		select {
		case lines <- scanner.Text():
		case <-ctx.Done():
			return
		}
	}
	if err := scanner.Err(); err != nil {
		print.error(fmt.Errorf("commands cannot be read on: %w", err))
	}
}

// obey carries out commands until there is a reason to end.
func (c *nativeClient) obey(ctx context.Context, lines <-chan string, served <-chan error) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-served:
			if errors.Is(err, http.ErrServerClosed) {
				return nil
			}
			return err
		case line, ok := <-lines:
			if !ok {
				return nil
			}
			quit, err := c.command(strings.TrimSpace(line))
			if err != nil {
				c.print.error(err)
			}
			if quit {
				return nil
			}
		}
	}
}

// command carries out one line. Its outcome is printed when it is known.
func (c *nativeClient) command(line string) (quit bool, err error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "":
		return false, nil
	case "quit":
		return true, nil
	case "consent", "refuse", "ask":
		return false, c.consentCommand(verb, rest)
	case "find", "rooms":
		return false, c.findCommand(verb, rest)
	case "device":
		return false, c.deviceCommand(strings.TrimSpace(rest))
	case "system":
		return false, c.systemCommand(strings.TrimSpace(rest))
	}
	address, rest, _ := strings.Cut(strings.TrimSpace(rest), " ")
	rest = strings.TrimSpace(rest)
	room, err := mimi.ReadURI(address)
	if err != nil {
		return false, fmt.Errorf("%s: %w", verb, err)
	}
	if room.Kind() != mimi.KindRoom || room.Provider() == c.user.Provider() {
		return false, fmt.Errorf("%s: %s is not a room of another provider", verb, room)
	}
	var wish follower.Wish
	switch verb {
	case "join":
		wish.Kind = follower.Join
		if code, with := strings.CutPrefix(rest, "--link"); with {
			wish.Data = []byte(strings.TrimSpace(code))
			if _, _, err := mimi.ParseJoinLink(string(wish.Data)); err != nil {
				return false, fmt.Errorf("join: this is no join link: %w", err)
			}
		} else if rest != "" {
			return false, fmt.Errorf("join: nothing but --link LINK goes behind the room, %q does", rest)
		}
		return false, c.wish(room, wish)
	case "leave":
		wish.Kind = follower.Leave
		return false, c.wish(room, wish)
	case "renew":
		wish.Kind = follower.Renew
		return false, c.wish(room, wish)
	case "send":
		return false, c.say(room, rest)
	case "members":
		return false, c.members(room)
	case "decrypt":
		return false, c.decrypt(room, rest)
	case "add":
		return false, c.addCommand(room, rest)
	case "knock":
		return false, c.knock(room)
	case "report":
		return false, c.report(room, rest)
	case "fetch":
		return false, c.fetchCommand(room, rest)
	case "expel":
		return false, c.expel(room, rest)
	case "role", "ban", "kick":
		return false, c.moderate(room, verb, rest)
	}
	return false, fmt.Errorf("unknown command %q: join, knock, add, send, members, leave, role, kick, ban, renew, report, find, rooms, fetch, device, system, expel, consent, refuse, ask, decrypt or quit", verb)
}

// moderate commits what a moderator's client may do: role URI USER NUMBER, kick URI USER, ban URI USER.
func (c *nativeClient) moderate(room mimi.URI, verb, rest string) error {
	name, number, _ := strings.Cut(rest, " ")
	user, err := mimi.ReadURI(name)
	if err != nil || user.Kind() != mimi.KindUser {
		return fmt.Errorf("%s: %q is not a user", verb, name)
	}
	wish := follower.Wish{Kind: follower.Change}
	switch verb {
	case "kick":
		wish.Kick = []mimi.URI{user}
	case "ban":
		wish.Roles = []mimi.Participant{{User: user, Role: mimi.RoleBanned}}
	default:
		role, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
		if err != nil {
			return fmt.Errorf("role: %q is not a role's number", number)
		}
		wish.Roles = []mimi.Participant{{User: user, Role: mimi.RoleIndex(role)}}
	}
	return c.wish(room, wish)
}
