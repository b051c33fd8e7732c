package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"anteroom/internal/servertest/relay"
	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// The network between the providers fails in every way in which networks fail, and everybody hears everything once.

const (
	hubDomain = stack.Domain
	nsUser    = "http://jabber.org/protocol/muc#user"
)

// company is who is in a room of here: XMPP users of both anterooms, and bob. It notes what each of them hears and sees.
type company struct {
	*scene
	near, far string // the room as users of here and there address it
	uri, name string
	people    map[string]*xmppclient.Client // by nick, which is also the name of the account

	mu      sync.Mutex
	heard   map[string][]string          // by nick: the texts that were said, live, in the order in which they came
	rosters map[string]map[string]string // by nick: who is there, and as what

	said []string          // by anybody, in the order of the scene
	from map[string]string // by text: the provider of who said it
}

// gather lets XMPP users and bob enter a new room, and waits until all see each other.
func (p *scene) gather(name string, people ...*xmppclient.Client) *company {
	p.Helper()
	near, uri := room(name)
	g := &company{scene: p, near: near, far: name + "%" + stack.Domain + "@rooms." + otherDomain, uri: uri, name: name,
		people: map[string]*xmppclient.Client{}, heard: map[string][]string{}, rosters: map[string]map[string]string{}, from: map[string]string{}}
	for _, c := range people {
		g.comes(c)
	}
	p.tells(p.bob, "join %s", uri)
	p.expects(p.bob, "that he is in", entered(uri))
	for _, c := range people {
		p.sees(c, g.at(c), "bob", "", "")
	}
	return g
}

// comes lets somebody enter, and those who are there see it.
func (g *company) comes(c *xmppclient.Client) {
	g.Helper()
	nick := c.JID.Local()
	g.watches(c)
	g.enters(c, g.at(c), nick)
	for _, other := range g.people {
		g.sees(other, g.at(other), nick, "", "")
	}
	g.people[nick] = c
}

// watches notes what somebody hears and sees from now on.
func (g *company) watches(c *xmppclient.Client) {
	me, at := c.JID.Local(), g.at(c)
	g.mu.Lock()
	g.rosters[me] = map[string]string{}
	g.mu.Unlock()
	c.Watch(func(st *xmpp.Stanza) {
		if st.From.Bare().String() != at {
			return
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		nick, x := st.From.Resource(), st.Child(nsUser, "x")
		switch {
		case st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat && st.Child("urn:xmpp:delay", "delay") == nil:
			if text, ok := st.Body(); ok {
				g.heard[me] = append(g.heard[me], text)
			}
		case st.Kind == xmpp.Presence && st.Type == xmpp.TypeUnavailable:
			delete(g.rosters[me], nick)
		case st.Kind == xmpp.Presence && st.Type == "" && x != nil:
			item := x.Child(nsUser, "item")
			g.rosters[me][nick] = item.Attr("affiliation") + " " + item.Attr("role")
		}
	})
	g.Cleanup(func() { c.Watch(nil) })
}

func (g *company) at(c *xmppclient.Client) string {
	if c.JID.Domain() == otherDomain {
		return g.far
	}
	return g.near
}

// says lets somebody say something, which nobody need hear yet.
func (g *company) says(nick, text string) {
	g.Helper()
	g.said = append(g.said, text)
	if nick == "bob" {
		g.from[text] = bobDomain
		g.tells(g.bob, "send %s %s", g.uri, text)
		return
	}
	c := g.people[nick]
	g.from[text] = c.JID.Domain()
	g.must(c.Say(g.at(c), text))
}

// hear waits until some have heard what somebody said.
func (g *company) hear(nick, text string, who ...string) {
	g.Helper()
	for _, listener := range who {
		if listener == "bob" {
			g.expects(g.bob, fmt.Sprintf("%q in %s", text, g.uri), func(l *stack.Line) bool {
				return (l.Type == "message" || l.Type == "sent") && l.Room == g.uri && l.Body == text
			})
			continue
		}
		c := g.people[listener]
		g.hears(c, g.at(c), nick, text)
	}
}

// talk is somebody who says something that some hear at once.
func (g *company) talk(nick, text string, who ...string) {
	g.Helper()
	g.says(nick, text)
	g.hear(nick, text, who...)
}

// everybody is who is in the room by their own notes, and bob.
func (g *company) everybody() []string {
	return append(slices.Sorted(maps.Keys(g.people)), "bob")
}

// goes waits until somebody sees that it was put out.
func (g *company) goes(nick, status string) {
	g.Helper()
	c := g.people[nick]
	g.sees(c, g.at(c), nick, xmpp.TypeUnavailable, status)
	delete(g.people, nick)
}

// agree ends a scene: after a last word of every provider all have heard everything once and in one order, as juliet has, and see the same people in the same roles
// in the same epoch. Who came later, or was put out, has missed something; the last words too who is not there any more.
func (g *company) agree(missed map[string][]string) {
	g.Helper()
	all, last := g.everybody(), len(g.said)
	for _, nick := range []string{"juliet", "benvolio", "bob"} {
		g.talk(nick, "the last word of "+nick+" in "+g.name, all...)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard["bob"] = nil
	for _, l := range g.bob.Seen(func(l *stack.Line) bool { return (l.Type == "message" || l.Type == "sent") && l.Room == g.uri }) {
		g.heard["bob"] = append(g.heard["bob"], l.Body)
	}
	order := g.heard["juliet"]
	if got, want := slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(g.said)); !slices.Equal(got, want) {
		g.Errorf("juliet heard\n%q, said was\n%q", order, g.said)
	}
	for nick, heard := range g.heard {
		want := slices.DeleteFunc(slices.Clone(order), func(text string) bool {
			return slices.Contains(missed[nick], text) || !slices.Contains(all, nick) && slices.Contains(g.said[last:], text)
		})
		if !slices.Equal(heard, want) {
			g.Errorf("%s heard\n%q, want\n%q", nick, heard, want)
		}
	}
	g.sameRoom()
}

// sameRoom holds that all have the same epoch and the same people in the same roles; g.mu is held.
func (g *company) sameRoom() {
	g.Helper()
	members, err := g.bob.Members(g.step(), g.uri)
	g.must(err)
	roles := map[string]string{}
	for _, p := range members.Participants {
		roles[p.User] = p.RoleName
	}
	listed := map[string]string{}
	for _, l := range members.Leaves {
		if nick := cmp.Or(l.Nick, l.User[strings.LastIndex(l.User, "/")+1:]); roles[l.User] != "keeper" {
			listed[nick] = standings[roles[l.User]]
		}
	}
	for nick := range g.people {
		if !maps.Equal(g.rosters[nick], listed) {
			g.Errorf("%s sees %v, bob %v", nick, g.rosters[nick], listed)
		}
	}
	for at, name := range map[*stack.Stack]string{g.here: g.name, g.there: g.name + "%" + stack.Domain} {
		out, said, err := g.operates(at, "show", "--json", name)
		g.must(err)
		var shown struct {
			Epoch        uint64
			Leaves, Owed int
			Trouble      string
		}
		g.must(json.Unmarshal([]byte(out), &shown))
		if shown.Epoch != members.Epoch || shown.Leaves != len(members.Leaves) || shown.Trouble != "" {
			g.Errorf("%s has epoch %d, %d leaves, trouble %q, bob epoch %d, %d leaves\n%s", at.Domain, shown.Epoch, shown.Leaves, shown.Trouble, members.Epoch, len(members.Leaves), said)
		}
	}
}

// standings are the roles of rooms of ours as XMPP users see them.
var standings = map[string]string{"owner": "owner moderator", "admin": "admin moderator", "member": "member participant", "guest": "none participant", "visitor": "none visitor"}

// partitioned: two providers do not reach each other for a while, and both go on: they speak, moderate, and one more comes. When the network is whole
// again everybody has heard everything once, and all agree on who is there as what.
func partitioned(p *scene) {
	nurse, tybalt, rosaline := p.signsIn(p.here, "nurse"), p.signsIn(p.here, "tybalt"), p.signsIn(p.there, "rosaline")
	g := p.gather("partitioned", p.juliet, nurse, p.benvolio, rosaline)
	p.admin(p.juliet, g.near, `<item jid='u%benvolio%`+otherDomain+`@`+stack.Rooms+`' affiliation='admin'/>`)
	p.standing(p.benvolio, g.far, "benvolio", "admin")
	for _, nick := range g.everybody() {
		g.talk(nick, nick+" is here", g.everybody()...)
	}
	before := slices.Clone(g.said)

	ways := []*relay.Relay{p.here.Way(hubDomain, otherDomain), p.here.Way(otherDomain, hubDomain)}
	for _, way := range ways {
		way.Cut()
	}
	onThisSide := []string{"juliet", "nurse", "bob"}
	g.talk("juliet", "is benvolio gone?", onThisSide...)
	g.says("benvolio", "do you hear us?")
	p.admin(p.juliet, g.near, `<item nick='rosaline' role='none'/>`)
	p.sees(nurse, g.near, "rosaline", xmpp.TypeUnavailable, "307")
	g.talk("bob", "now rosaline is", onThisSide...)
	p.must(p.benvolio.Send(`<iq type='set' id='kick' to='` + g.far + `'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='nurse' role='none'/></query></iq>`))
	g.says("benvolio", "nurse had to go")
	p.must(rosaline.Say(g.far, "nobody hears me"))
	delete(g.people, "benvolio")
	delete(g.people, "rosaline")
	g.comes(tybalt)
	p.admin(p.juliet, g.near, `<item nick='tybalt' role='visitor'/>`)
	g.talk("juliet", "hush, tybalt", append(onThisSide, "tybalt")...)
	g.people["benvolio"], g.people["rosaline"] = p.benvolio, rosaline

	for _, way := range ways {
		way.Mend()
	}
	g.goes("rosaline", "307")
	_, err := rosaline.Expect(p.step(), "that rosaline cannot speak any more", func(st *xmpp.Stanza) bool { return st.Kind == xmpp.Message && st.Type == xmpp.TypeError })
	p.must(err)
	_, err = p.benvolio.Expect(p.step(), "that the kick was obeyed", func(st *xmpp.Stanza) bool { return st.Kind == xmpp.IQ && st.ID == "kick" && st.Type == "result" })
	p.must(err)
	g.goes("nurse", "307")
	p.sees(p.benvolio, g.far, "nurse", xmpp.TypeUnavailable, "307")
	g.hear("benvolio", "nurse had to go", "juliet", "benvolio", "tybalt", "bob")
	g.agree(map[string][]string{
		"rosaline": {"do you hear us?", "now rosaline is", "nurse had to go", "hush, tybalt"},
		"nurse":    {"nurse had to go"},
		"tybalt":   append(before, "is benvolio gone?", "now rosaline is"),
	})
}
