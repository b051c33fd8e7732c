package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// The providers of the scenes: two anterooms, one beside Prosody and one beside ejabberd, and two providers of native users.
const (
	otherDomain = "b.example"
	bobDomain   = "c.example"
	cathyDomain = "d.example"
	edgarDomain = "e.example"
)

// scenes is the stage on which what draft-mahy-mimi-group-chat describes is played with real processes: started once.
type scenes struct {
	ctx         context.Context
	here, there *stack.Stack
	juliet      *xmppclient.Client // of here
	benvolio    *xmppclient.Client // of there
	bob, cathy  *stack.Native
	assets      string // host and port at which files are; here fetches them for others, there knows them but may not go to this machine

	abram, gregory, sampson *xmppclient.Client // of here, there and there: in no scene but that of the lost touch, which takes its time
	astray                  *company           // when it has begun
}

// What the seed describes, each with two anterooms, two XMPP servers and native users of further providers, all in processes of their own.
func TestSeed(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s := &scenes{ctx: ctx}
	dirs := []string{filepath.Join(t.TempDir(), "a"), filepath.Join(t.TempDir(), "b")}
	for _, dir := range dirs {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	const config = "[limits]\nshortest_renewal = \"8s\"\ngap_patience = \"10s\"\n" // scenes wait for what is renewed, and for a room that lost touch
	var err error
	if s.assets, err = assetHost(); err != nil {
		t.Fatal(err)
	}
	assets := `assets = ["` + s.assets + `"]` + "\n"
	if s.here, err = stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: dirs[0], Peers: []string{otherDomain, bobDomain, cathyDomain, edgarDomain}, Config: config + teams,
		Provider: assets + "networks = [\"127.0.0.0/8\"]\n",
		Relays:   true, Users: map[string]string{"juliet": password, "nurse": password, "tybalt": password, "abram": password}}); err != nil {
		t.Fatal(err)
	}
	defer s.here.Stop()
	if s.there, err = stack.Start(ctx, stack.Options{Binary: anteroomBinary, Dir: dirs[1], Server: "ejabberd", Domain: otherDomain, Beside: s.here, Offline: true, Config: config,
		Provider: assets, Users: map[string]string{"benvolio": password, "rosaline": password, "paris": password, "mercutio": password, "gregory": password, "sampson": password}}); err != nil {
		t.Fatal(err)
	}
	defer s.there.Stop()
	for _, u := range []struct {
		at   **xmppclient.Client
		s    *stack.Stack
		name string
	}{{&s.juliet, s.here, "juliet"}, {&s.benvolio, s.there, "benvolio"}, {&s.abram, s.here, "abram"}, {&s.gregory, s.there, "gregory"}, {&s.sampson, s.there, "sampson"}} {
		c, err := xmppclient.Dial(ctx, u.s.XMPP.ClientAddr(), xmpp.MustParseJID(u.name+"@"+u.s.Domain), "tests", password)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		*u.at = c
	}
	if s.bob, err = s.here.StartNative(ctx, "bob", bobDomain); err != nil {
		t.Fatal(err)
	}
	if s.cathy, err = s.here.StartNative(ctx, "cathy", cathyDomain, "--consent", "ask", "--findable"); err != nil {
		t.Fatal(err)
	}
	for _, part := range []struct {
		name string
		play func(*scene)
	}{
		{"touch lost", losesTouch},
		{"devices", devices},
		{"consent", joinsByConsent},
		{"preauthorised", joinsPreauthorised},
		{"preauthorising", preauthorising},
		{"presets", presets},
		{"link", joinsByLink},
		{"knock", joinsByKnock},
		{"logged", logged},
		{"states", states},
		{"bots", bots},
		{"system users", systemUsers},
		{"reported", reported},
		{"unlogged", unlogged},
		{"full", full},
		{"history", history},
		{"renewed", renewed},
		{"touch regained", regainsTouch}, // before anybody is killed, whose output it counts
		{"directly", directly},
		{"reinitialised", reinitialised},
		{"moved", moved},
		{"found", found},
		{"abroad", abroad},
		{"befallen", befallen},
		{"welcomed", welcomed},
		{"guests", guests},
		{"addressed", addressed},
		{"partitioned", partitioned},
		{"unanswered", unanswered},
		{"disordered", disordered},
		{"consenting", consenting},
		{"few", few},
		{"whispering", whispering},
		{"quarantined", quarantined},
		{"fetched", fetched},
		{"conversed", conversed},
	} {
		t.Run(part.name, func(t *testing.T) {
			p := &scene{t, s}
			part.play(p)
			if t.Failed() {
				t.Logf("%s:\n%s\n%s:\n%s", s.here.Domain, tail(s.here.Anteroom.Output()), s.there.Domain, tail(s.there.Anteroom.Output()))
			}
		})
	}
}

// scene is one of them, with what its steps need.
type scene struct {
	*testing.T
	*scenes
}

// room is the address and the URI of a room of here.
func room(name string) (address, uri string) {
	return name + "@rooms." + stack.Domain, "mimi://" + stack.Domain + "/r/" + name
}

func (p *scene) step() context.Context {
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	p.Cleanup(cancel)
	return ctx
}

func (p *scene) must(err error) {
	p.Helper()
	if err != nil {
		p.Fatalf("%v\n%s:\n%s\n%s:\n%s\nbob:\n%s\ncathy:\n%s", err, p.here.Domain, tail(p.here.Anteroom.Output()), p.there.Domain, tail(p.there.Anteroom.Output()),
			tail(p.bob.Output()), tail(p.cathy.Output()))
	}
}

// enters lets an XMPP user enter.
func (p *scene) enters(c *xmppclient.Client, room, nick string) {
	p.Helper()
	_, err := c.Join(p.step(), room, nick)
	p.must(err)
}

// sees waits for a presence of a nick, with a status if one is given.
func (p *scene) sees(c *xmppclient.Client, room, nick string, typ, status string) *xmpp.Stanza {
	p.Helper()
	st, err := c.Expect(p.step(), fmt.Sprintf("presence %s of %s/%s %s", typ, room, nick, status), func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Presence && st.From.String() == room+"/"+nick && st.Type == typ && (status == "" || xmppclient.HasStatus(st, status))
	})
	p.must(err)
	return st
}

func (p *scene) hears(c *xmppclient.Client, room, nick, text string) {
	p.Helper()
	_, err := c.Hear(p.step(), room, nick, text)
	p.must(err)
}

// tells gives a native user a command.
func (p *scene) tells(n *stack.Native, format string, args ...any) {
	p.Helper()
	p.must(n.Command(fmt.Sprintf(format, args...)))
}

func (p *scene) expects(n *stack.Native, what string, match func(*stack.Line) bool) *stack.Line {
	p.Helper()
	l, err := n.Expect(p.step(), what, match)
	p.must(err)
	return l
}

// joins lets a native user enter.
func (p *scene) joins(n *stack.Native, uri string) {
	p.Helper()
	p.tells(n, "join %s", uri)
	p.expects(n, "the entry into "+uri, entered(uri))
}

// expectsAll waits for lines in any order.
func (p *scene) expectsAll(n *stack.Native, what string, matches ...func(*stack.Line) bool) (lines []*stack.Line) {
	p.Helper()
	for len(matches) > 0 {
		lines = append(lines, p.expects(n, fmt.Sprintf("%s (%d more)", what, len(matches)), func(l *stack.Line) bool {
			for i, match := range matches {
				if match(l) {
					matches = slices.Delete(matches, i, i+1)
					return true
				}
			}
			return false
		}))
	}
	return lines
}

// admin sends one item of muc#admin and waits for the answer.
func (p *scene) admin(c *xmppclient.Client, room, item string) {
	p.Helper()
	_, err := c.Request(p.step(), room, "set", `<query xmlns='http://jabber.org/protocol/muc#admin'>`+item+`</query>`)
	p.must(err)
}

// clients are the devices of a user that have a leaf in a room, as a native user's tree says, with the signature keys, all different.
func (p *scene) clients(n *stack.Native, uri, user string) []string {
	p.Helper()
	members, err := n.Members(p.step(), uri)
	p.must(err)
	var names []string
	keys := map[string]bool{}
	for _, leaf := range members.Leaves {
		if keys[leaf.Key] {
			p.Errorf("%s: two leaves have the signature key %s", uri, leaf.Key)
		}
		keys[leaf.Key] = true
		if leaf.User == user {
			names = append(names, leaf.Client[strings.LastIndex(leaf.Client, "/")+1:])
		}
	}
	slices.Sort(names)
	return names
}

func (p *scene) wantClients(n *stack.Native, uri, user string, want ...string) {
	p.Helper()
	if got := p.clients(n, uri, user); !slices.Equal(got, want) {
		p.Errorf("%s has the clients %q in %s, want %q", user, got, uri, want)
	}
}

func joined(uri, device string) func(*stack.Line) bool {
	return func(l *stack.Line) bool {
		return l.Type == "joined" && l.Room == uri && strings.HasSuffix(l.Client, "/"+device)
	}
}

// entered matches any client of a native user that is in a room now.
func entered(uri string) func(*stack.Line) bool {
	return func(l *stack.Line) bool { return l.Type == "joined" && l.Room == uri }
}

// in matches what happened to a client of a user in an epoch of a room.
func in(uri, kind, device string) func(*stack.Line) bool {
	return func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && slices.ContainsFunc(l.Changes, func(c stack.Change) bool { return c.Kind == kind && strings.HasSuffix(c.Client, "/"+device) })
	}
}

// devices: a new device of a user joins all her rooms by itself, a deleted one leaves all of them, and to the occupants she is one (the seed, "Basic
// Operations").
func devices(p *scene) {
	garden, gardenURI := room("devices")
	orchard, orchardURI := room("devices-2")
	for _, at := range []string{garden, orchard} {
		p.enters(p.juliet, at, "juliet")
	}
	for _, uri := range []string{gardenURI, orchardURI} {
		p.tells(p.bob, "join %s", uri)
		p.expects(p.bob, "bob's first device in "+uri, joined(uri, "cli"))
	}
	p.sees(p.juliet, garden, "bob", "", "")
	p.sees(p.juliet, orchard, "bob", "", "")

	p.tells(p.bob, "device add laptop")
	p.expectsAll(p.bob, "the laptop in both rooms", joined(gardenURI, "laptop"), joined(orchardURI, "laptop"))
	for _, uri := range []string{gardenURI, orchardURI} {
		p.wantClients(p.bob, uri, p.bob.User, "cli", "laptop")
	}
	for _, device := range []string{"laptop", "cli"} {
		p.tells(p.bob, "device use %s", device)
		p.tells(p.bob, "send %s from the %s", gardenURI, device)
		p.hears(p.juliet, garden, "bob", "from the "+device)
	}

	// A room that bob enters later gets both at about the same time.
	pond, pondURI := room("devices-3")
	p.enters(p.juliet, pond, "juliet")
	p.tells(p.bob, "join %s", pondURI)
	p.expects(p.bob, "the device in use", joined(pondURI, "cli"))
	p.expects(p.bob, "the other by itself", joined(pondURI, "laptop"))

	p.tells(p.bob, "device delete cli")
	for _, l := range p.expectsAll(p.bob, "the removals of the old device", in(gardenURI, "leaf_removed", "cli"), in(orchardURI, "leaf_removed", "cli"),
		in(pondURI, "leaf_removed", "cli")) {
		if !slices.Equal(l.Proposer, []string{p.bob.User}) {
			p.Errorf("%s: removed by %q", l.Room, l.Proposer)
		}
	}
	p.expects(p.bob, "that its keys are forgotten", func(l *stack.Line) bool { return l.Type == "device_deleted" && strings.HasSuffix(l.Client, "/cli") })
	for _, uri := range []string{gardenURI, orchardURI, pondURI} {
		p.wantClients(p.bob, uri, p.bob.User, "laptop")
	}
	p.tells(p.bob, "send %s I am still here", orchardURI)
	p.hears(p.juliet, orchard, "bob", "I am still here")

	// A kick takes all devices out, and all come back.
	p.tells(p.bob, "device add phone")
	p.expectsAll(p.bob, "the phone", joined(gardenURI, "phone"), joined(orchardURI, "phone"), joined(pondURI, "phone"))
	p.admin(p.juliet, garden, "<item nick='bob' role='none'/>")
	p.sees(p.juliet, garden, "bob", xmpp.TypeUnavailable, "307")
	p.expects(p.bob, "that he is out", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == gardenURI })
	p.tells(p.bob, "join %s", gardenURI)
	p.expects(p.bob, "one device", joined(gardenURI, "laptop"))
	p.expects(p.bob, "the other", joined(gardenURI, "phone"))
	p.sees(p.juliet, garden, "bob", "", "")

	// In a room for single devices there is one.
	p.create("single", strings.Replace(openDocument, `"multi-device": true`, `"multi-device": false`, 1))
	_, singleURI := room("single")
	p.tells(p.bob, "join %s", singleURI)
	p.expects(p.bob, "one device", joined(singleURI, "laptop"))
	p.tells(p.bob, "send %s the only one", singleURI)
	p.expects(p.bob, "that it may speak", func(l *stack.Line) bool { return l.Type == "sent" && l.Room == singleURI })
	p.wantClients(p.bob, singleURI, p.bob.User, "laptop")
	p.tells(p.bob, "device delete laptop")
	p.expectsAll(p.bob, "that the deleted one has left", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == singleURI },
		func(l *stack.Line) bool { return l.Type == "device_deleted" && strings.HasSuffix(l.Client, "/laptop") })
	p.tells(p.bob, "join %s", singleURI)
	p.expects(p.bob, "the other in its place", joined(singleURI, "phone"))
	p.wantClients(p.bob, singleURI, p.bob.User, "phone")

	if gone := p.bob.Seen(func(l *stack.Line) bool { return l.Type == "error" || l.Type == "dropped" || l.Type == "broken" }); len(gone) > 0 {
		p.Errorf("bob was told of trouble: %+v", gone)
	}
}

// openDocument is an open room (the seed, "Example Use").
const openDocument = `{
  "policy": {"discoverable": true, "open": true, "moderated": false, "logging": false, "fixed-membership": false, "multi-device": true},
  "preauth-owner": [], "preauth-admin": [], "preauth-member": [], "preauth-visitor": [], "owning-system": [], "system-auth": [],
  "user-affiliations": {"owner": ["juliet@a.example"], "admin": [], "member": [], "outcast": []}
}`

// create makes a room of here by its document, as an operator does.
func (p *scene) create(name, document string) {
	p.Helper()
	file := filepath.Join(p.TempDir(), name+".json")
	p.must(os.WriteFile(file, []byte(document), 0o600))
	out, err := command(p.T, anteroomBinary, "room", "create", "--config", p.here.ConfigFile(), "--from", file, name)
	if err != nil {
		p.Fatalf("room create: %v\n%s", err, out)
	}
}
