package e2e

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// signsIn connects an XMPP user of one of the two providers.
func (p *scene) signsIn(at *stack.Stack, name string) *xmppclient.Client {
	p.Helper()
	c, err := xmppclient.Dial(p.step(), at.XMPP.ClientAddr(), xmpp.MustParseJID(name+"@"+at.Domain), "tests", password)
	p.must(err)
	p.Cleanup(func() { c.Close() })
	return c
}

// returns signs an XMPP user in to whom somebody wrote while it was away, once its server keeps that: who comes while a server is about to put something away gets it
// the next time only (seen on ejabberd, once in ten or a hundred times). It asks without being available, which leaves what is kept where it is (XEP-0013 §2.3).
func (p *scene) returns(at *stack.Stack, name, from string) *xmppclient.Client {
	p.Helper()
	const ns = "http://jabber.org/protocol/disco#items"
	c := p.signsIn(at, name)
	p.until("a message of "+from+" is kept for "+name, func() bool {
		answer, err := c.Request(p.step(), c.JID.Bare().String(), xmpp.TypeGet, "<query xmlns='"+ns+"' node='http://jabber.org/protocol/offline'/>")
		p.must(err)
		return slices.ContainsFunc(answer.Child(ns, "query").ChildrenNamed(ns, "item"), func(item *xmpp.Element) bool { return item.Attr("name") == from })
	})
	p.must(c.Close())
	c = p.signsIn(at, name)
	p.must(c.Appear(p.step()))
	return c
}

// operates runs `anteroom room` on one of the two gateways, with what it prints apart.
func (p *scene) operates(at *stack.Stack, what string, args ...string) (out, said string, err error) {
	p.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, stepTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, anteroomBinary, append([]string{"room", what, "--config", at.ConfigFile()}, args...)...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// destroyed waits until somebody is told that the room ends, and returns where to go instead.
func (p *scene) destroyed(c *xmppclient.Client, room string) (venue string) {
	p.Helper()
	const ns = "http://jabber.org/protocol/muc#user"
	st, err := c.Expect(p.step(), "the end of "+room, func(st *xmpp.Stanza) bool {
		x := st.Child(ns, "x")
		return st.Kind == xmpp.Presence && st.Type == xmpp.TypeUnavailable && st.From.Bare().String() == room && x != nil && x.Child(ns, "destroy") != nil
	})
	p.must(err)
	return st.Child(ns, "x").Child(ns, "destroy").Attr("jid")
}

// entersAs lets somebody enter and holds what it is there.
func (p *scene) entersAs(c *xmppclient.Client, room, nick, affiliation string) {
	p.Helper()
	st, err := c.Join(p.step(), room, nick)
	p.must(err)
	if !strings.Contains(st.String(), "affiliation='"+affiliation+"'") {
		p.Errorf("%s is not %s: %s", nick, affiliation, st.String())
	}
}

// standing waits until somebody sees an occupant with an affiliation.
func (p *scene) standing(c *xmppclient.Client, room, nick, affiliation string) {
	p.Helper()
	_, err := c.Expect(p.step(), nick+" as "+affiliation+" in "+room, func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Presence && st.Type == "" && st.From.String() == room+"/"+nick && strings.Contains(st.String(), "affiliation='"+affiliation+"'")
	})
	p.must(err)
}

// redirected lets somebody try a name that points to another room now.
func (p *scene) redirected(c *xmppclient.Client, room, nick, to string) {
	p.Helper()
	_, err := c.Join(p.step(), room, nick)
	var e *xmpp.StanzaError
	if !errors.As(err, &e) || e.Condition != xmpp.Gone || e.Address != to {
		p.Errorf("%s enters %s: %+v, want to be sent to %s", nick, room, err, to)
	}
}

// The operators of two providers move a room from one to the other: XMPP users of both and a native user of a third are told where it is, each by what
// its own client can enter; they follow, and are there what they were before. Whoever does not follow is not in the new group, who was banned stays
// out, and the old name points to the new place for everybody (draft-mahy-mimi-group-chat, ReInit; docs/decisions/141-moving.md).
func moved(p *scene) {
	nurse, tybalt := p.signsIn(p.here, "nurse"), p.signsIn(p.here, "tybalt")
	old, oldURI := room("moving")
	oldThere := "moving%" + stack.Domain + "@rooms." + otherDomain
	p.create("moving", `{"policy": {"discoverable": true, "open": true, "multi-device": true}, "metadata": {"name": "The moving room"},
  "user-affiliations": {"owner": ["juliet@a.example"], "admin": ["mimi://b.example/u/benvolio"], "member": ["nurse@a.example", "`+p.bob.User+`"]}}`)
	p.enters(p.juliet, old, "Juliet")
	p.enters(nurse, old, "Nurse")
	p.enters(tybalt, old, "Tybalt")
	p.enters(p.benvolio, oldThere, "Benvolio")
	p.joins(p.bob, oldURI)
	p.sees(p.juliet, old, "bob", "", "")
	p.sees(p.benvolio, oldThere, "bob", "", "")
	p.admin(p.juliet, old, "<item jid='tybalt@a.example' affiliation='outcast' reason='fights'/>")
	p.sees(tybalt, old, "Tybalt", xmpp.TypeUnavailable, "301")
	p.must(p.juliet.Send(`<message to='` + old + `' type='groupchat' id='subject'><subject>Where to go</subject></message>`))
	p.subject(nurse, old, "Where to go")

	// Nothing ends before the new room is there.
	const done = "--done"
	to := []string{"moving", "--to", otherDomain}
	if _, said, err := p.operates(p.here, "move", append(to, done)...); err == nil || !strings.Contains(said, "it has to be made there first") {
		p.Fatalf("room move --done without a new room: %v\n%s", err, said)
	}
	document, said, err := p.operates(p.here, "move", to...)
	if err != nil || !strings.Contains(said, "anteroom room create --config FILE --from DOCUMENT moving\n") ||
		!strings.Contains(said, "anteroom room move --config "+p.here.ConfigFile()+" moving --to "+otherDomain+" --done\n") {
		p.Fatalf("room move: %v\n%s", err, said)
	}
	file := filepath.Join(p.TempDir(), "moving.json")
	p.must(os.WriteFile(file, []byte(document), 0o600))
	if out, said, err := p.operates(p.there, "create", "--from", file, "moving"); err != nil {
		p.Fatalf("room create: %v\n%s%s", err, out, said)
	}
	p.must(p.juliet.Say(old, "still here"))
	p.hears(p.benvolio, oldThere, "Juliet", "still here")
	if out, said, err := p.operates(p.here, "move", append(to, done)...); err != nil || !strings.HasPrefix(out, "moving: moved to "+otherDomain) {
		p.Fatalf("room move --done: %v\n%s%s", err, out, said)
	}

	// Everybody is told where to go, in words of their own.
	newURI, newHere, newThere := "mimi://"+otherDomain+"/r/moving", "moving%"+otherDomain+"@rooms."+stack.Domain, "moving@rooms."+otherDomain
	for _, told := range []struct {
		c         *xmppclient.Client
		old, want string
	}{{p.juliet, old, newHere}, {nurse, old, newHere}, {p.benvolio, oldThere, newThere}} {
		if venue := p.destroyed(told.c, told.old); venue != told.want {
			p.Errorf("%s is sent to %q, want %q", told.c.JID, venue, told.want)
		}
	}
	end := p.expects(p.bob, "where to go", func(l *stack.Line) bool { return l.Type == "epoch" && l.Room == oldURI && alternate(l) != "" })
	if alternate(end) != newURI {
		p.Errorf("bob is sent to %q, want %q", alternate(end), newURI)
	}
	p.expects(p.bob, "that he is out", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == oldURI })

	// They follow, and are what they were.
	p.entersAs(p.juliet, newHere, "Juliet", "owner")
	p.subject(p.juliet, newHere, "Where to go")
	p.entersAs(p.benvolio, newThere, "Benvolio", "admin")
	p.standing(p.juliet, newHere, "Benvolio", "admin")
	p.must(p.juliet.Say(newHere, "who is here?"))
	p.hears(p.benvolio, newThere, "Juliet", "who is here?")
	for user, state := range map[string]string{"mimi://" + stack.Domain + "/u/nurse": "participant", p.bob.User: "participant", "mimi://" + stack.Domain + "/u/tybalt": "banned",
		"mimi://" + stack.Domain + "/u/juliet": "MLS member"} {
		p.listed(p.there, "moving", user, state)
	}
	p.joins(p.bob, newURI)
	p.standing(p.juliet, newHere, "bob", "member")
	p.entersAs(nurse, newHere, "Nurse", "member")
	p.tells(p.bob, "send %s here we are", newURI)
	for _, hears := range []struct {
		c    *xmppclient.Client
		room string
	}{{p.juliet, newHere}, {nurse, newHere}, {p.benvolio, newThere}} {
		p.hears(hears.c, hears.room, "bob", "here we are")
	}
	if early := p.bob.Seen(func(l *stack.Line) bool { return l.Body == "who is here?" }); len(early) > 0 {
		p.Errorf("bob reads what was said before he entered: %+v", early)
	}
	out, said, err := p.operates(p.there, "show", "moving")
	if err != nil || !strings.Contains(out, "The moving room") {
		p.Errorf("room show: %v\n%s%s", err, out, said)
	}

	// The owner is one, the moderator is one, and who was banned is.
	p.admin(p.juliet, newHere, "<item nick='Nurse' affiliation='admin'/>")
	p.standing(p.benvolio, newThere, "Nurse", "admin")
	p.turnedAway(tybalt, newHere, "Tybalt", xmpp.Forbidden)
	rosaline := p.signsIn(p.there, "rosaline")
	p.enters(rosaline, newThere, "Rosaline")
	p.sees(p.juliet, newHere, "Rosaline", "", "")
	p.admin(p.benvolio, newThere, "<item nick='Rosaline' role='none' reason='go'/>")
	p.sees(p.juliet, newHere, "Rosaline", xmpp.TypeUnavailable, "307")

	// The old name sends everybody there, also who owned it.
	for _, c := range []*xmppclient.Client{p.juliet, nurse, tybalt} {
		p.redirected(c, old, "Me", "xmpp:moving%25"+otherDomain+"@rooms."+stack.Domain+"?join")
	}
	p.redirected(rosaline, oldThere, "Rosaline", "xmpp:"+newThere+"?join")
	p.tells(p.bob, "join %s", oldURI)
	p.refused(p.bob, "join", oldURI)
}

// alternate is where a commit that ends a room sends those who are in it.
func alternate(l *stack.Line) string {
	for _, c := range l.Changes {
		if c.Alternate != "" {
			return c.Alternate
		}
	}
	return ""
}

func (p *scene) subject(c *xmppclient.Client, room, text string) {
	p.Helper()
	_, err := c.Expect(p.step(), "the subject of "+room, func(st *xmpp.Stanza) bool {
		s := st.Child("jabber:client", "subject")
		return st.Kind == xmpp.Message && st.From.Bare().String() == room && s != nil && s.Text() == text
	})
	p.must(err)
}

// listed holds what the operator sees of a user.
func (p *scene) listed(at *stack.Stack, room, user, state string) {
	p.Helper()
	out, said, err := p.operates(at, "members", room)
	p.must(err)
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, user+" ") && strings.Contains(line, "  "+state+"  ") {
			return
		}
	}
	p.Errorf("%s is not listed as %s:\n%s%s", user, state, out, said)
}
