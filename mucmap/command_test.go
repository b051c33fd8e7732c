package mucmap

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"
)

// commander sends commands as user0, who owns the room, unless told otherwise.
type commander struct {
	*bench
	t    *testing.T
	from string
}

func newCommander(t *testing.T) *commander {
	b := newBench(t)
	b.check = true
	b.send(t, enter(0)+enter(1)+enter(2))
	return &commander{b, t, "user0@a.example/x"}
}

func (c *commander) as(from string) *commander { return &commander{c.bench, c.t, from} }

func (c *commander) do(node, attrs, payload string) string {
	c.t.Helper()
	return c.send(c.t, "<iq from='"+c.from+"' to='"+room+"' type='set' id='c'><command xmlns='"+nsCommands+"' node='"+node+"' "+attrs+">"+payload+"</command></iq>")
}

var sessionPattern = regexp.MustCompile(`sessionid='([^']+)'`)

// begin begins a command and returns the attribute that goes on with it.
func (c *commander) begin(node string) (attr, out string) {
	c.t.Helper()
	out = c.do(node, "", "")
	m := sessionPattern.FindStringSubmatch(out)
	if m == nil {
		c.t.Fatalf("%s: no session in\n%s", node, out)
	}
	return m[0], out
}

func fill(fields ...string) string {
	x := "<x xmlns='jabber:x:data' type='submit'>"
	for i := 0; i < len(fields); i += 2 {
		x += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
	}
	return x + "</x>"
}

func (c *commander) disco(space, node string) string {
	c.t.Helper()
	return c.send(c.t, "<iq from='"+c.from+"' to='"+room+"' type='get' id='d'><query xmlns='http://jabber.org/protocol/"+space+"' node='"+node+"'/></iq>")
}

// Everybody sees the commands that are theirs, and no others (XEP-0050 §2.1, §2.2).
func TestCommandsAreListed(t *testing.T) {
	c := newCommander(t)
	wantIn(t, "feature", c.disco("disco#info", ""), "<feature var='"+nsCommands+"'/>")
	wantIn(t, "the list's identity", c.disco("disco#info", nsCommands), "category='automation' type='command-list'")
	for from, n := range map[string]int{"user0@a.example/x": len(roomCommands), "user1@a.example/x": 2, "stranger@a.example/x": 0} {
		if out := c.as(from).disco("disco#items", nsCommands); strings.Count(out, "<item ") != n || !strings.Contains(out, "node='"+nsCommands+"'") {
			t.Errorf("%s sees %d commands, want %d:\n%s", from, strings.Count(out, "<item "), n, out)
		}
	}
	wantIn(t, "one command", c.disco("disco#info", commandDestroy), "category='automation' type='command-node'", nsCommands, "jabber:x:data")
	for _, cmd := range roomCommands {
		if out := c.as("stranger@a.example/x").disco("disco#info", cmd.node); !strings.Contains(out, "<forbidden") {
			t.Errorf("%s is described to a stranger:\n%s", cmd.node, out)
		}
		wantIn(t, cmd.node+" by a stranger", c.as("stranger@a.example/x").do(cmd.node, "", ""), "<forbidden")
	}
}

// The errors of XEP-0050 §4.4, each with its own condition.
func TestCommandErrors(t *testing.T) {
	c := newCommander(t)
	wantIn(t, "no such command", c.do("urn:anteroom:room#none", "", ""), "item-not-found")
	wantIn(t, "no such action", c.do(commandEntry, "action='dance'", ""), "bad-request", "<malformed-action xmlns='"+nsCommands+"'/>")
	wantIn(t, "beginning with next", c.do(commandEntry, "action='next'", ""), "bad-request", "<bad-action")
	wantIn(t, "a session that never was", c.do(commandEntry, "sessionid='x'", ""), "bad-request", "<bad-sessionid")
	session, _ := c.begin(commandDestroy)
	wantIn(t, "somebody else's session", c.as("user0@a.example/y").do(commandDestroy, session, fill()), "<bad-sessionid")
	wantIn(t, "another command's session", c.do(commandEntry, session, fill()), "<bad-sessionid")
	wantIn(t, "completing too early", c.do(commandDestroy, session+" action='complete'", fill()), "<bad-action")
	wantIn(t, "going back from the first stage", c.do(commandDestroy, session+" action='prev'", ""), "<bad-action")
	wantIn(t, "no form", c.do(commandDestroy, session+" action='next'", ""), "bad-request", "<bad-payload")
	wantIn(t, "a bad form", c.do(commandDestroy, session, fill("venue", "a b@c")), "<bad-payload")
	wantIn(t, "a form of the room's side", c.do(commandDestroy, session, "<x xmlns='jabber:x:data' type='result'/>"), "<bad-payload")
	wantIn(t, "a form of something else", c.do(commandDestroy, session, formOf("http://jabber.org/protocol/muc#register", "reason", "x")), "<bad-payload")
	wantIn(t, "two forms", c.do(commandDestroy, session, fill()+fill()), "<bad-payload")
	wantIn(t, "and the session goes on", c.do(commandDestroy, session+" action='next'", fill()), "status='executing'", "<prev/>")
	wantIn(t, "next at the last stage", c.do(commandDestroy, session+" action='next'", fill("name", "garden")), "<bad-action")
	wantIn(t, "cancelling", c.do(commandDestroy, session+" action='cancel'", ""), "status='canceled'")
	wantIn(t, "and it is over", c.do(commandDestroy, session, fill()), "<bad-sessionid")
	session, _ = c.begin(commandEntry)
	c.now = c.now.Add(commandPatience - time.Second)
	wantIn(t, "just in time", c.do(commandEntry, session, fill()), "<bad-payload")
	c.now = c.now.Add(2 * time.Second)
	wantIn(t, "too late", c.do(commandEntry, session, fill(fieldClosed, "1")), "<not-allowed", "<session-expired")
	if c.room.pub.Config.Closed {
		t.Error("and done all the same")
	}
}

// Sessions are bounded, for one device and for the room; what is expired makes room.
func TestCommandSessionsAreBounded(t *testing.T) {
	c := newCommander(t)
	first, _ := c.begin(commandEntry)
	for range maxOwnSessions {
		c.begin(commandEntry)
	}
	wantIn(t, "the oldest of one device gave way", c.do(commandEntry, first, fill(fieldClosed, "1")), "<bad-sessionid")
	for i := 0; len(c.room.commands) < MaxCommandSessions; i++ {
		c.as(fmt.Sprintf("user0@a.example/r%d", i)).begin(commandEntry)
	}
	other := c.as("user0@a.example/more")
	wantIn(t, "one more", other.do(commandEntry, "", ""), "resource-constraint")
	c.now = c.now.Add(commandPatience + time.Minute)
	other.begin(commandEntry)
	if n := len(c.room.commands); n != MaxCommandSessions {
		t.Errorf("%d sessions", n)
	}
}

// Closing, slow mode and bans by command do what form and list do, tell those present, and outlive a restart.
func TestRoomCommands(t *testing.T) {
	c := newCommander(t)
	finish := func(node string, fields ...string) string {
		t.Helper()
		session, out := c.begin(node)
		wantIn(t, node, out, "status='executing'", "<actions execute='complete'><complete/></actions>", "type='form'")
		return c.do(node, session, fill(fields...))
	}
	wantIn(t, "closing", finish(commandEntry, fieldClosed, "1"), "status='completed'", "<note type='info'>", "code='104'")
	wantIn(t, "a newcomer", c.send(t, enter(5)), "not-allowed", closedText)
	wantIn(t, "slow mode", finish(commandSlowMode, fieldSlowMode, "30"), "status='completed'", "code='104'")
	wantIn(t, "too slow", finish(commandSlowMode, fieldSlowMode, "99999999"), "<bad-payload")
	wantIn(t, "no domain", finish(commandBan, "domain", "a@b.example"), "<bad-payload")
	wantIn(t, "nothing banned", c.do(commandBans, "", ""), "No domain is banned.")
	wantIn(t, "banning", finish(commandBan, "domain", "m.example", "reason", "flood"), "status='completed'")
	if err := c.restart(true); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "the list", c.do(commandBans, "", ""), "status='completed'", "<reported>", "<value>m.example</value>", "<value>flood</value>", "<value>user0@a.example</value>")
	if cfg := c.room.pub.Config; !cfg.Closed || cfg.SlowMode != 30 {
		t.Errorf("after a restart: %+v", cfg)
	}
	wantIn(t, "lifting what is not banned", finish(commandLift, "domains", "n.example"), "<bad-payload")
	wantIn(t, "lifting", finish(commandLift, "domains", "m.example"), "status='completed'")
	wantIn(t, "opening", finish(commandEntry, fieldClosed, "0")+c.send(t, enter(5)), "status='completed'", "code='110'")
	if len(c.room.pub.Domains) != 0 {
		t.Errorf("%+v", c.room.pub.Domains)
	}
}

// Encryption is told as it is: to occupants, with the epoch, the clients, and the authenticator's beginning, which changes with the epoch.
func TestEncryptionCommand(t *testing.T) {
	c := newCommander(t)
	guest := c.as("user1@a.example/x")
	before := guest.do(commandStatus, "", "")
	short := hex.EncodeToString(c.room.hub.Group().EpochAuthenticator())[:2*authenticatorLen]
	wantIn(t, "status", before, "status='completed'", "for XMPP clients it ends at this gateway", "<value>"+utoa(c.room.pub.Epoch)+"</value>", "<value>4</value>", "<value>"+short+"</value>")
	c.send(t, enter(7))
	if after := guest.do(commandStatus, "", ""); strings.Contains(after, short) {
		t.Errorf("another epoch, the same authenticator:\n%s", after)
	}
}

// Destroying takes two stages, of which the second can be left again, and does what the owner's iq does.
func TestDestroyCommand(t *testing.T) {
	c := newCommander(t)
	session, out := c.begin(commandDestroy)
	wantIn(t, "first stage", out, "<actions execute='next'><next/></actions>")
	wantIn(t, "second stage", c.do(commandDestroy, session+" action='next'", fill("reason", "winter")), "<actions execute='complete'><prev/><complete/></actions>")
	wantIn(t, "back", c.do(commandDestroy, session+" action='prev'", ""), "<actions execute='next'>")
	wantIn(t, "forward", c.do(commandDestroy, session, fill("reason", "spring", "venue", "meadow@rooms.a.example")), "<complete/>")
	wantIn(t, "another name", c.do(commandDestroy, session+" action='complete'", fill("name", "meadow")), "<bad-payload")
	c.check = false
	wantIn(t, "done", c.do(commandDestroy, session+" action='complete'", fill("name", "garden")), "status='completed'", "<destroy jid='meadow@rooms.a.example'><reason>spring</reason>", "room is gone")
}
