package main

import (
	"fmt"
	"strings"
	"sync"

	"anteroom/internal/servertest/relay"
	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/mimi"
	"anteroom/xmpp"
)

// hearing counts what somebody hears, until it is asked.
type hearing struct {
	mu    sync.Mutex
	texts []string
}

func listen(c *xmppclient.Client) *hearing {
	h := &hearing{}
	c.Watch(func(st *xmpp.Stanza) {
		if text, ok := st.Body(); ok && st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat {
			h.mu.Lock()
			defer h.mu.Unlock()
			h.texts = append(h.texts, text)
		}
	})
	return h
}

func (h *hearing) heard() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.texts, " ")
}

// sameWords holds that juliet and benvolio have heard the same, each thing once and in the same order, up to a last word.
func (f *federation) sameWords(juliet, benvolio *hearing, words ...string) error {
	const last = "So be it."
	if err := f.says(f.juliet, last); err != nil {
		return err
	}
	if err := f.hears(f.juliet, "juliet", last); err != nil {
		return err
	}
	if err := f.hearsAt(f.benvolio, f.there, "juliet", last); err != nil {
		return err
	}
	f.juliet.Watch(nil)
	f.benvolio.Watch(nil)
	want := strings.Join(append(words, last), " ")
	if a, b := juliet.heard(), benvolio.heard(); a != want || b != want {
		return fmt.Errorf("juliet heard %q, benvolio %q, want %q", a, b, want)
	}
	f.saw("juliet and benvolio (XMPP) have heard the same words, each once and in the same order")
	return nil
}

func (f *federation) hearsAt(c *xmppclient.Client, at place, nick, text string) error {
	ctx, cancel := f.step()
	defer cancel()
	if _, err := c.Hear(ctx, string(at), nick, text); err != nil {
		return err
	}
	f.saw("%s (XMPP) heard %s: %q", c.JID.Local(), nick, text)
	return nil
}

// cut separates the two providers while users of both speak and one is kicked, and joins them again.
func (f *federation) cut(s *stack.Stack) error {
	if err := f.enters(f.mercutio, f.there); err != nil {
		return err
	}
	if err := f.seesAt(f.juliet, f.here, "mercutio in the room again", "mercutio", "", "participant"); err != nil {
		return err
	}
	juliet, benvolio := listen(f.juliet), listen(f.benvolio)
	ways := []*relay.Relay{s.Way(stack.Domain, otherDomain), s.Way(otherDomain, stack.Domain)}
	for _, way := range ways {
		way.Cut()
	}
	f.saw("nothing gets through between %s and %s", stack.Domain, otherDomain)
	if err := f.says(f.juliet, "Can you hear me?"); err != nil {
		return err
	}
	if err := f.hears(f.juliet, "juliet", "Can you hear me?"); err != nil {
		return err
	}
	if err := f.bobHears(f.names["juliet"], "Can you hear me?"); err != nil {
		return err
	}
	if err := f.admin(f.juliet, f.here, `<item nick='mercutio' role='none'/>`); err != nil {
		return err
	}
	if err := f.seesAt(f.juliet, f.here, "mercutio's kick, of which he knows nothing yet", "mercutio", "307", "none"); err != nil {
		return err
	}
	if err := f.benvolio.Say(string(f.there), "Is anybody there?"); err != nil {
		return err
	}
	for _, way := range ways {
		way.Mend()
	}
	f.saw("the network is whole again")
	if err := f.hearsAt(f.benvolio, f.there, "juliet", "Can you hear me?"); err != nil {
		return err
	}
	if err := f.seesAt(f.mercutio, f.there, "his kick (status 307)", "mercutio", "307", "none"); err != nil {
		return err
	}
	if err := f.hears(f.juliet, "benvolio", "Is anybody there?"); err != nil {
		return err
	}
	if err := f.hearsAt(f.benvolio, f.there, "benvolio", "Is anybody there?"); err != nil {
		return err
	}
	return f.sameWords(juliet, benvolio, "Can you hear me?", "Is anybody there?")
}

// disorder lets what the hub tells come backwards and twice, and loses the answer to what benvolio says.
func (f *federation) disorder(s *stack.Stack) error {
	juliet, benvolio := listen(f.juliet), listen(f.benvolio)
	out, back := s.Way(stack.Domain, otherDomain), s.Way(otherDomain, stack.Domain)
	held := out.All(relay.Keep, relay.About(mimi.EndpointNotify, gardenURI))
	if err := f.says(f.juliet, "First."); err != nil {
		return err
	}
	if err := f.hears(f.juliet, "juliet", "First."); err != nil {
		return err
	}
	if err := f.admin(f.juliet, f.here, `<item nick='bob' role='visitor'/>`); err != nil {
		return err
	}
	if err := f.says(f.juliet, "Second."); err != nil {
		return err
	}
	if err := f.hears(f.juliet, "juliet", "Second."); err != nil {
		return err
	}
	ctx, cancel := f.step()
	defer cancel()
	kept, err := held.Kept(ctx, func(kept []*relay.Request) bool { return len(kept) == 4 })
	if err != nil {
		return err
	}
	held.End()
	f.saw("what %s tells %s is held up: a message, a proposal, its commit, a message", stack.Domain, otherDomain)
	for _, q := range []*relay.Request{kept[3], kept[2], kept[0], kept[2], kept[1], kept[3], kept[0]} {
		if err := out.Hand(ctx, q); err != nil {
			return err
		}
	}
	f.saw("it arrives backwards, and most of it twice")
	for _, text := range []string{"First.", "Second."} {
		if err := f.hearsAt(f.benvolio, f.there, "juliet", text); err != nil {
			return err
		}
	}
	if err := f.seesAt(f.benvolio, f.there, "that bob's voice is taken", "bob", "", "visitor"); err != nil {
		return err
	}
	back.Next(1, relay.LoseAnswer, relay.About(mimi.EndpointSubmitMessage, gardenURI))
	if err := f.benvolio.Say(string(f.there), "Third."); err != nil {
		return err
	}
	if err := f.hears(f.juliet, "benvolio", "Third."); err != nil {
		return err
	}
	if err := f.hearsAt(f.benvolio, f.there, "benvolio", "Third."); err != nil {
		return err
	}
	f.saw("that was sent twice, since the answer was lost")
	if err := f.setRole("bob", "participant", ""); err != nil {
		return err
	}
	if err := f.seesAt(f.benvolio, f.there, "bob with voice again", "bob", "", "participant"); err != nil {
		return err
	}
	return f.sameWords(juliet, benvolio, "First.", "Second.", "Third.")
}
