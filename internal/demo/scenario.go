package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

const (
	garden    = "garden@" + stack.Rooms
	gardenURI = "mimi://" + stack.Domain + "/r/garden"
)

// play is the running scenario: two XMPP users and one MLS user.
type play struct {
	ctx           context.Context
	juliet, romeo *xmppclient.Client
	bob           *stack.Native
	names         map[string]string // as whom bob knows our users, by nick: the room is semi-anonymous
}

// scenario plays everything and fails at the first step that the other side does not observe.
func scenario(ctx context.Context, s *stack.Stack) (*stack.Native, error) {
	p := &play{ctx: ctx}
	var err error
	if p.bob, err = s.StartNative(ctx, "bob", stack.Peer); err != nil {
		return nil, err
	}
	dial := func(user, password string) (*xmppclient.Client, error) {
		return xmppclient.Dial(ctx, s.XMPP.ClientAddr(), xmpp.MustParseJID(user+"@"+stack.Domain), "demo", password)
	}
	if p.juliet, err = dial("juliet", "capulet"); err != nil {
		return nil, err
	}
	defer p.juliet.Close()
	if p.romeo, err = dial("romeo", "montague"); err != nil {
		return nil, err
	}
	defer p.romeo.Close()
	for _, act := range []struct {
		title string
		play  func() error
	}{
		{"Meeting", p.meet}, {"Chatting both ways", p.chat}, {"Voice taken and given", p.voice}, {"A kick", p.kick}, {"A ban", p.ban},
		{"The MLS user kicked", p.kickBob},
	} {
		fmt.Printf("\n%s\n", act.title)
		if err := act.play(); err != nil {
			return nil, fmt.Errorf("%s: %w", strings.ToLower(act.title), err)
		}
	}
	fmt.Printf("\nEvery step was observed by the other side.\n")
	return p.bob, nil
}

// step bounds one observation.
func (p *play) step() (context.Context, context.CancelFunc) {
	return context.WithTimeout(p.ctx, stepTime)
}

func (p *play) saw(format string, args ...any) { fmt.Printf("  ✓ "+format+"\n", args...) }

// bobSees waits for a line of the native participant.
func (p *play) bobSees(what string, match func(*stack.Line) bool) (*stack.Line, error) {
	ctx, cancel := p.step()
	defer cancel()
	l, err := p.bob.Expect(ctx, what, match)
	if err != nil {
		return nil, err
	}
	p.saw("bob (MLS) saw: %s", describe(l))
	return l, nil
}

// sees waits for a stanza at an XMPP user.
func (p *play) sees(c *xmppclient.Client, what string, match func(*xmpp.Stanza) bool) error {
	ctx, cancel := p.step()
	defer cancel()
	if _, err := c.Expect(ctx, what, match); err != nil {
		return err
	}
	p.saw("%s (XMPP) saw: %s", c.JID.Local(), what)
	return nil
}

func (p *play) joins(c *xmppclient.Client, nick string) error {
	ctx, cancel := p.step()
	defer cancel()
	st, err := c.Join(ctx, garden, nick)
	if err != nil {
		return err
	}
	created := ""
	if xmppclient.HasStatus(st, "201") {
		created = " and created it (status 201)"
	}
	p.saw("%s (XMPP) joined %s%s", nick, garden, created)
	return nil
}

func (p *play) says(c *xmppclient.Client, text string) error { return c.Say(garden, text) }

func (p *play) hears(c *xmppclient.Client, nick, text string) error {
	ctx, cancel := p.step()
	defer cancel()
	if _, err := c.Hear(ctx, garden, nick, text); err != nil {
		return err
	}
	p.saw("%s (XMPP) heard %s: %q", c.JID.Local(), nick, text)
	return nil
}

// bobJoins lets the MLS user enter by external commit, and waits for both sides.
func (p *play) bobJoins() error {
	if err := p.bob.Command("join " + gardenURI); err != nil {
		return err
	}
	if _, err := p.bobSees("his join", func(l *stack.Line) bool { return l.Type == "joined" && l.Room == gardenURI }); err != nil {
		return err
	}
	return p.sees(p.juliet, "bob's presence in the room", presence("bob", "", ""))
}

func (p *play) bobSays(text string) error { return p.bob.Command("send " + gardenURI + " " + text) }

func (p *play) bobHears(sender, text string) error {
	_, err := p.bobSees(fmt.Sprintf("%q from %s", text, sender), func(l *stack.Line) bool {
		return l.Type == "message" && l.Sender == sender && l.Body == text
	})
	return err
}

func (p *play) meet() error {
	if err := p.joins(p.juliet, "juliet"); err != nil {
		return err
	}
	if err := p.bobJoins(); err != nil {
		return err
	}
	if err := p.joins(p.romeo, "romeo"); err != nil {
		return err
	}
	if _, err := p.bobSees("romeo's own leaf", func(l *stack.Line) bool {
		return l.Type == "epoch" && slices.ContainsFunc(l.Changes, func(c stack.Change) bool { return c.Kind == "leaf_added" && c.User != p.bob.User })
	}); err != nil {
		return err
	}
	members, err := p.learnNames("juliet", "romeo")
	if err != nil {
		return err
	}
	keys := map[string]string{}
	for _, leaf := range members.Leaves {
		if other, twice := keys[leaf.Key]; twice {
			return fmt.Errorf("%s and %s share a signature key", other, leaf.User)
		}
		keys[leaf.Key] = leaf.User
		p.saw("bob's tree: leaf %d, %s, signature key %s", leaf.Leaf, leaf.Client, leaf.Key)
	}
	if len(members.Leaves) < 4 { // keeper, juliet, bob, romeo
		return fmt.Errorf("%d leaves in the tree, want one for each of four participants", len(members.Leaves))
	}
	return nil
}

// learnNames lets bob look at the nicks of the room: he does not learn who has them.
func (p *play) learnNames(nicks ...string) (*stack.Line, error) {
	ctx, cancel := p.step()
	defer cancel()
	members, err := p.bob.Members(ctx, gardenURI)
	if err != nil {
		return nil, err
	}
	p.names = map[string]string{}
	for _, leaf := range members.Leaves {
		p.names[leaf.Nick] = leaf.User
	}
	for _, nick := range nicks {
		user := p.names[nick]
		if user == "" || strings.Contains(user, nick) {
			return nil, fmt.Errorf("bob knows %s as %q, want a pseudonym", nick, user)
		}
		p.saw("bob (MLS) knows %s of this semi-anonymous room as %s", nick, user)
	}
	return members, nil
}

func (p *play) chat() error {
	if err := p.says(p.juliet, "Good morrow, Bob. I speak XMPP."); err != nil {
		return err
	}
	if err := p.bobHears(p.names["juliet"], "Good morrow, Bob. I speak XMPP."); err != nil {
		return err
	}
	if err := p.bobSays("And I speak MLS."); err != nil {
		return err
	}
	for _, c := range []*xmppclient.Client{p.juliet, p.romeo} {
		if err := p.hears(c, "bob", "And I speak MLS."); err != nil {
			return err
		}
	}
	return nil
}

func (p *play) voice() error {
	if err := p.setRole("bob", "visitor", ""); err != nil {
		return err
	}
	if _, err := p.bobSees("his voice taken", func(l *stack.Line) bool { return l.Type == "epoch" && l.Has("role_changed", p.bob.User) }); err != nil {
		return err
	}
	if err := p.bobSays("Can anybody hear me?"); err != nil {
		return err
	}
	if _, err := p.bobSees("a refusal", func(l *stack.Line) bool { return l.Type == "refused" && l.Command == "send" }); err != nil {
		return err
	}
	if err := p.setRole("romeo", "visitor", ""); err != nil {
		return err
	}
	if err := p.says(p.romeo, "And me?"); err != nil {
		return err
	}
	if err := p.sees(p.romeo, "that without voice his message is refused (forbidden)", func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Message && st.Type == xmpp.TypeError && st.Err() != nil && st.Err().Condition == xmpp.Forbidden
	}); err != nil {
		return err
	}
	for _, nick := range []string{"bob", "romeo"} {
		if err := p.setRole(nick, "participant", ""); err != nil {
			return err
		}
		if err := p.sees(p.juliet, nick+" with voice again", presence(nick, "", "participant")); err != nil {
			return err
		}
	}
	if _, err := p.bobSees("his voice given", func(l *stack.Line) bool { return l.Type == "epoch" && l.Has("role_changed", p.bob.User) }); err != nil {
		return err
	}
	if err := p.bobSays("I have my voice back."); err != nil {
		return err
	}
	return p.hears(p.juliet, "bob", "I have my voice back.")
}

func (p *play) kick() error {
	if err := p.setRole("romeo", "none", "too many sonnets"); err != nil {
		return err
	}
	if err := p.sees(p.romeo, "his kick (status 307)", presence("romeo", "307", "none")); err != nil {
		return err
	}
	return p.bobSeesRemoval(p.names["romeo"])
}

// bobSeesRemoval waits for the commit that removes a user's leaf, proposed by juliet.
func (p *play) bobSeesRemoval(user string) error {
	l, err := p.bobSees("the Remove of "+user, func(l *stack.Line) bool { return l.Type == "epoch" && l.Has("leaf_removed", user) })
	if err != nil {
		return err
	}
	if !slices.Contains(l.Proposer, p.names["juliet"]) {
		return fmt.Errorf("epoch %d removes %s but juliet is not among its proposers %v", l.Epoch, user, l.Proposer)
	}
	return nil
}

func (p *play) ban() error {
	if err := p.joins(p.romeo, "romeo"); err != nil {
		return err
	}
	ctx, cancel := p.step()
	defer cancel()
	if _, err := p.juliet.Request(ctx, garden, "set", `<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='romeo@`+stack.Domain+`'><reason>banished</reason></item></query>`); err != nil {
		return err
	}
	if err := p.sees(p.romeo, "his ban (status 301)", presence("romeo", "301", "none")); err != nil {
		return err
	}
	if err := p.bobSeesRemoval(p.names["romeo"]); err != nil {
		return err
	}
	_, err := p.romeo.Join(ctx, garden, "romeo")
	var refused *xmpp.StanzaError
	if !errors.As(err, &refused) || refused.Condition != xmpp.Forbidden {
		return fmt.Errorf("romeo's join while banned: %v, want forbidden", err)
	}
	p.saw("romeo (XMPP) was refused while banned (forbidden)")
	return nil
}

func (p *play) kickBob() error {
	if err := p.setRole("bob", "none", "even MLS users"); err != nil {
		return err
	}
	if err := p.bobSeesRemoval(p.bob.User); err != nil {
		return err
	}
	if _, err := p.bobSees("that he is out", func(l *stack.Line) bool { return l.Type == "removed" }); err != nil {
		return err
	}
	if err := p.says(p.juliet, "Bob cannot read this."); err != nil {
		return err
	}
	if err := p.hears(p.juliet, "juliet", "Bob cannot read this."); err != nil {
		return err
	}
	if err := p.bobJoins(); err != nil {
		return err
	}
	if err := p.says(p.juliet, "Welcome back."); err != nil {
		return err
	}
	if err := p.bobHears(p.names["juliet"], "Welcome back."); err != nil {
		return err
	}
	if n := p.bob.Seen(func(l *stack.Line) bool { return l.Type == "message" && l.Body == "Bob cannot read this." }); len(n) > 0 {
		return fmt.Errorf("bob read a message that was sent while he was out")
	}
	p.saw("bob (MLS) never saw what was said while he was out")
	return nil
}

// setRole asks for a role as a moderator does, by nick (XEP-0045 §8).
func (p *play) setRole(nick, role, reason string) error {
	ctx, cancel := p.step()
	defer cancel()
	item := `<item nick='` + nick + `' role='` + role + `'/>`
	if reason != "" {
		item = `<item nick='` + nick + `' role='` + role + `'><reason>` + reason + `</reason></item>`
	}
	_, err := p.juliet.Request(ctx, garden, "set", `<query xmlns='http://jabber.org/protocol/muc#admin'>`+item+`</query>`)
	return err
}

// presence matches a presence of nick with a status code and a role, each only if given.
func presence(nick, code, role string) func(*xmpp.Stanza) bool {
	return presenceAt(garden, nick, code, role)
}

// presenceAt is presence in a room of another address.
func presenceAt(room, nick, code, role string) func(*xmpp.Stanza) bool {
	const ns = "http://jabber.org/protocol/muc#user"
	return func(st *xmpp.Stanza) bool {
		if st.Kind != xmpp.Presence || st.Type == xmpp.TypeError || st.From.String() != room+"/"+nick || code != "" && !xmppclient.HasStatus(st, code) {
			return false
		}
		x := st.Child(ns, "x")
		if x == nil || x.Child(ns, "item") == nil {
			return false
		}
		return role == "" || x.Child(ns, "item").Attr("role") == role
	}
}
