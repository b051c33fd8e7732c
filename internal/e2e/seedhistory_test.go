package e2e

import (
	"slices"
	"strconv"
	"sync"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// during returns the messages that somebody gets while something is done.
func during(c *xmppclient.Client, do func()) []*xmpp.Stanza {
	var mu sync.Mutex
	var got []*xmpp.Stanza
	c.Watch(func(st *xmpp.Stanza) {
		mu.Lock()
		defer mu.Unlock()
		if st.Kind == xmpp.Message {
			got = append(got, st)
		}
	})
	do()
	c.Watch(nil)
	mu.Lock()
	defer mu.Unlock()
	return got
}

// recalls lets somebody enter a room and returns what it is told that was said there before: all that comes before the subject (XEP-0045 §7.1).
func (p *scene) recalls(c *xmppclient.Client, room, nick string) (bodies []string) {
	p.Helper()
	ofRoom := func(st *xmpp.Stanza) bool { return st.Kind == xmpp.Message && st.From.Bare().String() == room }
	c.Forget(ofRoom)
	for _, st := range during(c, func() {
		p.enters(c, room, nick)
		_, err := c.Expect(p.step(), "the subject of "+room, func(st *xmpp.Stanza) bool { return ofRoom(st) && st.Child(xmpp.NSClient, "subject") != nil })
		p.must(err)
	}) {
		if body, _ := st.Body(); ofRoom(st) && body != "" && st.Child("urn:xmpp:delay", "delay") != nil {
			bodies = append(bodies, body)
		}
	}
	return bodies
}

// finds returns what a room's archive gives somebody (XEP-0313).
func (p *scene) finds(c *xmppclient.Client, room string) (bodies []string) {
	p.Helper()
	const ns = "urn:xmpp:mam:2"
	var answer *xmpp.Stanza
	for _, st := range during(c, func() {
		var err error
		answer, err = c.Request(p.step(), room, "set", `<query xmlns='`+ns+`'/>`)
		p.must(err)
	}) {
		result := st.Child(ns, "result")
		if st.From.String() != room || result == nil {
			continue
		}
		message := result.Child("urn:xmpp:forward:0", "forwarded").Child(xmpp.NSClient, "message")
		if body := message.Child(xmpp.NSClient, "body"); body != nil {
			bodies = append(bodies, body.Text())
		}
	}
	if count := answer.Child(ns, "fin").Child("http://jabber.org/protocol/rsm", "set").Child("http://jabber.org/protocol/rsm", "count"); count.Text() != strconv.Itoa(len(bodies)) {
		p.Errorf("%s is told of %s messages in the archive of %s and gets %d", c.JID, count.Text(), room, len(bodies))
	}
	return bodies
}

// history: what was said before somebody joined is given or withheld as the owner decides in the running room, at either provider, on entering and out of the
// archive; a native member is told the policy (docs/decisions/127-history-and-logging.md).
func history(p *scene) {
	garden, uri := room("history")
	there := far("history")
	p.enters(p.juliet, garden, "juliet")
	p.enters(p.benvolio, there, "benvolio")
	p.joins(p.bob, uri)
	newcomers := []struct {
		c        *xmppclient.Client
		at, nick string
	}{{p.signsIn(p.here, "nurse"), garden, "nurse"}, {p.signsIn(p.there, "rosaline"), there, "rosaline"}}
	said := []string{"I was here first"}
	says := func(text string) {
		p.Helper()
		p.must(p.juliet.Say(garden, text))
		p.hears(p.juliet, garden, "juliet", text)
		p.hears(p.benvolio, there, "juliet", text)
	}
	says(said[0])
	for _, policy := range []struct {
		value, told string
		given       bool
	}{
		{"all", "", true}, // from the beginning
		{"none", "history is withheld", false},
		{"1", "history of 3600 s is given", true},
		{"none", "history is withheld", false},
		{"all", "history is given", true},
	} {
		if policy.told != "" {
			p.configures(garden, "x-anteroom_history_before_joining", policy.value)
			p.expects(p.bob, policy.told, func(l *stack.Line) bool {
				return l.Type == "epoch" && l.Room == uri && slices.ContainsFunc(l.Changes, func(c stack.Change) bool { return c.Kind == "policy" && c.Policy == policy.told })
			})
			says("history: " + policy.value)
			said = append(said, "history: "+policy.value)
		}
		for _, n := range newcomers {
			var want []string
			if policy.given {
				want = said
			}
			if got := p.recalls(n.c, n.at, n.nick); !slices.Equal(got, want) {
				p.Errorf("history %s: %s is told %q on entering, want %q", policy.value, n.nick, got, want)
			}
			if got := p.finds(n.c, n.at); !slices.Equal(got, want) {
				p.Errorf("history %s: %s finds %q in the archive, want %q", policy.value, n.nick, got, want)
			}
		}
		if got := p.finds(p.benvolio, there); !slices.Equal(got, said) {
			p.Errorf("history %s: who was there finds %q, want %q", policy.value, got, said)
		}
		p.must(p.bob.Command("send " + uri + " welcome")) // what is said from now on is everybody's
		said = append(said, "welcome")
		for _, n := range newcomers {
			p.hears(n.c, n.at, "bob", "welcome")
			got := p.finds(n.c, n.at)
			if len(got) == 0 || got[len(got)-1] != "welcome" || !policy.given && len(got) != 1 {
				p.Errorf("history %s: %s finds %q after it was welcomed", policy.value, n.nick, got)
			}
			p.admin(p.juliet, garden, "<item nick='"+n.nick+"' role='none'/>") // who has no affiliation is on the list no more, and joins anew
			p.sees(n.c, n.at, n.nick, xmpp.TypeUnavailable, "307")
		}
		p.hears(p.benvolio, there, "bob", "welcome")
		p.sees(p.benvolio, there, "rosaline", xmpp.TypeUnavailable, "307")
	}
}
