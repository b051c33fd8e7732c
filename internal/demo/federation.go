package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// The second anteroom, and the provider of the native participant when there are two.
const (
	otherDomain  = "b.example"
	nativeDomain = "c.example"
	forgerDomain = "d.example"                                        // of somebody whose user authority nobody knows
	elsewhere    = "garden%" + stack.Domain + "@rooms." + otherDomain // the room as users of otherDomain enter it
)

// federation is a running scenario of three providers in one room.
type federation struct {
	*play
	other       *stack.Stack
	benvolio    *xmppclient.Client // of otherDomain, like mercutio
	mercutio    *xmppclient.Client
	here, there place
}

// place is the room as the users of one service address it.
type place string

// federate is the scenario of several providers.
func federate(ctx context.Context, with setting) (err error) {
	bounded, cancel := context.WithTimeout(ctx, scenarioTime)
	defer cancel()

	fmt.Printf("Starting two XMPP servers (Prosody, %s), two anterooms (%s store) and a native MIMI participant on 127.0.0.1 ...\n", with.server, with.store)
	dirs := []string{filepath.Join(with.dir, "a"), filepath.Join(with.dir, "b")}
	for _, d := range dirs {
		if err := os.Mkdir(d, 0o700); err != nil {
			return err
		}
	}
	s, err := stack.Start(bounded, stack.Options{Binary: with.binary, Dir: dirs[0], Store: with.store, Peers: []string{otherDomain, nativeDomain, forgerDomain}, Relays: true,
		Users: map[string]string{"juliet": "capulet", "you": "anteroom"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Stop()) }()
	other, err := stack.Start(bounded, stack.Options{Binary: with.binary, Dir: dirs[1], Server: with.server, Store: with.store, Domain: otherDomain, Beside: s,
		Users: map[string]string{"benvolio": "montague", "mercutio": "verona", "you": "anteroom"}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, other.Stop()) }()
	f := &federation{play: &play{ctx: bounded}, other: other, here: garden, there: elsewhere}
	if err := f.run(s); err != nil || with.once {
		return err
	}
	fmt.Printf(`
Now you, from either side (it runs until Ctrl-C). Password: anteroom
    you@%s   server %s   room %s
    you@%s   server %s   room %s
To moderate be who owns the room, juliet@%s (password capulet), or its admin, benvolio@%s (montague).
`, stack.Domain, s.XMPP.ClientAddr(), garden, otherDomain, other.XMPP.ClientAddr(), elsewhere, stack.Domain, otherDomain)
	return converse(ctx, f.bob)
}

func (f *federation) run(s *stack.Stack) (err error) {
	if f.bob, err = s.StartNative(f.ctx, "bob", nativeDomain); err != nil {
		return err
	}
	for _, c := range []struct {
		at             **xmppclient.Client
		s              *stack.Stack
		name, password string
	}{{&f.juliet, s, "juliet", "capulet"}, {&f.benvolio, f.other, "benvolio", "montague"}, {&f.mercutio, f.other, "mercutio", "verona"}} {
		client, err := xmppclient.Dial(f.ctx, c.s.XMPP.ClientAddr(), xmpp.MustParseJID(c.name+"@"+c.s.Domain), "demo", c.password)
		if err != nil {
			return err
		}
		defer client.Close()
		*c.at = client
	}
	for _, act := range []struct {
		title string
		play  func() error
	}{
		{"Meeting across providers", f.meetAll}, {"Chatting among all", f.chatAll}, {"Moderation from where the room lives", f.moderateHere},
		{"Moderation from the other side", f.moderateThere}, {"A room that is not there", f.nowhere}, {"A provider is away and comes back", f.away},
		{"The network is cut and comes back", func() error { return f.cut(s) }}, {"Deliveries come twice and in another order", func() error { return f.disorder(s) }},
		{"A certificate that nobody vouches for", func() error { return f.forged(s) }},
	} {
		fmt.Printf("\n%s\n", act.title)
		if err := act.play(); err != nil {
			return fmt.Errorf("%s: %w\n\nlog of %s:\n%s\n\nlog of %s:\n%s", strings.ToLower(act.title), err,
				stack.Domain, s.Anteroom.Output(), otherDomain, f.other.Anteroom.Output())
		}
	}
	fmt.Printf("\nEvery step was observed by the other side.\n")
	return nil
}

func (f *federation) enters(c *xmppclient.Client, at place) error {
	ctx, cancel := f.step()
	defer cancel()
	if _, err := c.Join(ctx, string(at), c.JID.Local()); err != nil {
		return err
	}
	f.saw("%s (XMPP) joined %s", c.JID.Local(), at)
	return nil
}

// seesAt waits for the presence of a nick in the room as c addresses it.
func (f *federation) seesAt(c *xmppclient.Client, at place, what, nick, code, role string) error {
	return f.sees(c, what, presenceAt(string(at), nick, code, role))
}

func (f *federation) meetAll() error {
	if err := f.enters(f.juliet, f.here); err != nil {
		return err
	}
	if err := f.enters(f.benvolio, f.there); err != nil {
		return err
	}
	if err := f.seesAt(f.juliet, f.here, "benvolio of "+otherDomain+" in the room", "benvolio", "", "participant"); err != nil {
		return err
	}
	if err := f.bobJoins(); err != nil {
		return err
	}
	if err := f.seesAt(f.benvolio, f.there, "bob of "+nativeDomain+" in the room", "bob", "", "participant"); err != nil {
		return err
	}
	if err := f.enters(f.mercutio, f.there); err != nil {
		return err
	}
	if err := f.seesAt(f.juliet, f.here, "mercutio of "+otherDomain+" in the room", "mercutio", "", "participant"); err != nil {
		return err
	}
	if _, err := f.bobSees("mercutio's own leaf", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Has("leaf_added", "mimi://"+otherDomain+"/u/mercutio")
	}); err != nil {
		return err
	}
	_, err := f.learnNames("juliet")
	return err
}

// everybodyHears holds that a message reaches all, its sender included.
func (f *federation) everybodyHears(nick, sender, text string) error {
	for _, c := range []*xmppclient.Client{f.juliet, f.benvolio, f.mercutio} {
		at := f.here
		if c != f.juliet {
			at = f.there
		}
		ctx, cancel := f.step()
		_, err := c.Hear(ctx, string(at), nick, text)
		cancel()
		if err != nil {
			return err
		}
		f.saw("%s (XMPP) heard %s: %q", c.JID.Local(), nick, text)
	}
	if sender == f.bob.User {
		return nil
	}
	return f.bobHears(sender, text)
}

func (f *federation) chatAll() error {
	if err := f.benvolio.Say(string(f.there), "Part, fools!"); err != nil {
		return err
	}
	if err := f.everybodyHears("benvolio", "mimi://"+otherDomain+"/u/benvolio", "Part, fools!"); err != nil {
		return err
	}
	if err := f.says(f.juliet, "O me!"); err != nil {
		return err
	}
	if err := f.everybodyHears("juliet", f.names["juliet"], "O me!"); err != nil {
		return err
	}
	if err := f.bobSays("Peace."); err != nil {
		return err
	}
	return f.everybodyHears("bob", f.bob.User, "Peace.")
}

// admin sends one item of muc#admin and waits for the result.
func (f *federation) admin(c *xmppclient.Client, at place, item string) error {
	ctx, cancel := f.step()
	defer cancel()
	_, err := c.Request(ctx, string(at), "set", `<query xmlns='http://jabber.org/protocol/muc#admin'>`+item+`</query>`)
	return err
}

func (f *federation) moderateHere() error {
	if err := f.admin(f.juliet, f.here, `<item nick='mercutio' role='visitor'/>`); err != nil {
		return err
	}
	if err := f.seesAt(f.mercutio, f.there, "that his voice is taken", "mercutio", "", "visitor"); err != nil {
		return err
	}
	if err := f.admin(f.juliet, f.here, `<item jid='u%benvolio%`+otherDomain+`@`+stack.Rooms+`' affiliation='admin'/>`); err != nil {
		return err
	}
	if err := f.seesAt(f.benvolio, f.there, "that he is a moderator", "benvolio", "110", "moderator"); err != nil {
		return err
	}
	_, err := f.bobSees("benvolio's new role", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Has("role_changed", "mimi://"+otherDomain+"/u/benvolio")
	})
	return err
}

func (f *federation) moderateThere() error {
	if err := f.admin(f.benvolio, f.there, `<item nick='mercutio' role='none'><reason>a plague</reason></item>`); err != nil {
		return err
	}
	if err := f.seesAt(f.mercutio, f.there, "his kick (status 307)", "mercutio", "307", "none"); err != nil {
		return err
	}
	if err := f.seesAt(f.juliet, f.here, "mercutio's kick (status 307)", "mercutio", "307", "none"); err != nil {
		return err
	}
	l, err := f.bobSees("the Remove of mercutio", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Has("leaf_removed", "mimi://"+otherDomain+"/u/mercutio")
	})
	if err != nil {
		return err
	}
	if by := "mimi://" + otherDomain + "/u/benvolio"; len(l.Proposer) != 1 || l.Proposer[0] != by {
		return fmt.Errorf("the kick was proposed by %v, want %s alone", l.Proposer, by)
	}
	if err := f.admin(f.benvolio, f.there, `<item nick='bob' role='none'/>`); err != nil {
		return err
	}
	if _, err := f.bobSees("that he is out", func(l *stack.Line) bool { return l.Type == "removed" }); err != nil {
		return err
	}
	if err := f.seesAt(f.juliet, f.here, "bob's kick (status 307)", "bob", "307", "none"); err != nil {
		return err
	}
	return f.bobJoins()
}

// nowhere holds that a room which its provider does not have is refused, each time anew.
func (f *federation) nowhere() error {
	const room = "nowhere%" + stack.Domain + "@rooms." + otherDomain
	for _, again := range []string{"", " again"} {
		ctx, cancel := f.step()
		_, err := f.mercutio.Join(ctx, room, "mercutio")
		cancel()
		var refused *xmpp.StanzaError
		if !errors.As(err, &refused) || refused.Condition != xmpp.ItemNotFound {
			return fmt.Errorf("joining %s: %v, want item-not-found", room, err)
		}
		f.saw("mercutio (XMPP) was refused%s: %s", again, refused.Text)
	}
	return nil
}

// away kills the anteroom that owns the room, lets the other side speak, and starts it again.
func (f *federation) away() error {
	hub := f.other.Beside
	if err := hub.Anteroom.Kill(); err != nil {
		return err
	}
	if err := f.benvolio.Say(string(f.there), "Is nobody there?"); err != nil {
		return err
	}
	if err := hub.StartAnteroom(f.ctx); err != nil {
		return err
	}
	f.saw("the anteroom of %s was killed and started again", stack.Domain)
	for _, c := range []struct {
		*xmppclient.Client
		at place
	}{{f.benvolio, f.there}, {f.juliet, f.here}} {
		ctx, cancel := context.WithTimeout(f.ctx, 2*stepTime)
		_, err := c.Hear(ctx, string(c.at), "benvolio", "Is nobody there?")
		cancel()
		if err != nil {
			return err
		}
		f.saw("%s (XMPP) heard benvolio: %q", c.JID.Local(), "Is nobody there?")
	}
	if err := f.other.Anteroom.Kill(); err != nil {
		return err
	}
	if err := f.says(f.juliet, "Where are you all?"); err != nil {
		return err
	}
	if err := f.hears(f.juliet, "juliet", "Where are you all?"); err != nil {
		return err
	}
	if err := f.other.StartAnteroom(f.ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(f.ctx, 2*stepTime)
	defer cancel()
	if _, err := f.benvolio.Hear(ctx, string(f.there), "juliet", "Where are you all?"); err != nil {
		return err
	}
	f.saw("benvolio (XMPP) heard, after his anteroom was killed and started again, juliet: %q", "Where are you all?")
	return nil
}

// forged lets somebody come with a certificate for the right name by an authority that nobody trusts, and then with the right one.
func (f *federation) forged(s *stack.Stack) error {
	args, err := s.ForgedAuthority(f.ctx, forgerDomain)
	if err != nil {
		return err
	}
	tybalt, err := s.StartNative(f.ctx, "tybalt", forgerDomain, args...)
	if err != nil {
		return err
	}
	if err := tybalt.Command("join " + gardenURI); err != nil {
		return err
	}
	ctx, cancel := f.step()
	defer cancel()
	refused, err := tybalt.Expect(ctx, "tybalt is refused, or is in the room", func(l *stack.Line) bool { return l.Type == "refused" || l.Type == "joined" })
	if err != nil {
		return err
	}
	if refused.Type != "refused" {
		return errors.New("tybalt entered the room with a certificate that nobody vouches for")
	}
	f.saw("tybalt (MLS) was refused: his certificate is by an authority for %s that nobody trusts", forgerDomain)
	if err := tybalt.Stop(); err != nil {
		return err
	}
	if tybalt, err = s.StartNative(f.ctx, "tybalt", forgerDomain); err != nil {
		return err
	}
	if err := tybalt.Command("join " + gardenURI); err != nil {
		return err
	}
	again, cancel := f.step()
	defer cancel()
	if _, err := tybalt.Expect(again, "tybalt's join", func(l *stack.Line) bool { return l.Type == "joined" }); err != nil {
		return err
	}
	f.saw("tybalt (MLS) entered with the same key and a certificate by the authority of %s", forgerDomain)
	return f.seesAt(f.juliet, f.here, "tybalt's presence in the room", "tybalt", "", "participant")
}
