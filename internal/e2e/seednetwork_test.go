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
	"anteroom/mimi"
	"anteroom/xmpp"
)

// The network between the providers fails in every way in which networks fail, and everybody hears everything once.

// company is who is in a room of here: XMPP users of both anterooms, and bob. It notes what each of them hears and sees.
type company struct {
	*scene
	near, far string // the room as users of here and there address it
	uri, name string
	people    map[string]*xmppclient.Client // by nick, which is also the name of the account
	speakers  []string                      // one of each provider: the room's owner first, whose order is the hub's

	mu      sync.Mutex
	heard   map[string][]string          // by nick: the texts that were said, live, in the order in which they came
	rosters map[string]map[string]string // by nick: who is there, and as what

	answers map[string]int // to what was asked (asks), by id
	asked   int

	said []string          // by anybody, in the order of the scene
	from map[string]string // by text: the provider of who said it

	late map[string][]string // by nick: texts that come after what was said later
	lost *relay.Rule         // keeps what is lost

	delayed bool // answers to those who spoke were lost, so that they heard others meanwhile who spoke later
}

// gather lets XMPP users and bob enter a new room, and waits until all see each other. The first, who makes it, is of here.
func (p *scene) gather(name string, people ...*xmppclient.Client) *company {
	p.Helper()
	near, uri := room(name)
	g := &company{scene: p, near: near, far: far(name), uri: uri, name: name,
		people: map[string]*xmppclient.Client{}, heard: map[string][]string{}, rosters: map[string]map[string]string{}, answers: map[string]int{}, from: map[string]string{}}
	spoken := map[string]bool{}
	for _, c := range people {
		g.comes(c)
		if !spoken[c.JID.Domain()] {
			spoken[c.JID.Domain()], g.speakers = true, append(g.speakers, c.JID.Local())
		}
	}
	g.speakers = append(g.speakers, "bob")
	p.joins(p.bob, uri)
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
		nick, x := st.From.Resource(), st.Child(nsMUCUser, "x")
		switch {
		case st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat && st.Child("urn:xmpp:delay", "delay") == nil:
			if text, ok := st.Body(); ok {
				g.heard[me] = append(g.heard[me], text)
			}
		case st.Kind == xmpp.IQ && strings.HasPrefix(st.ID, g.name):
			g.answers[st.ID]++
		case st.Kind == xmpp.Presence && st.Type == xmpp.TypeUnavailable:
			delete(g.rosters[me], nick)
		case st.Kind == xmpp.Presence && st.Type == "" && x != nil:
			item := x.Child(nsMUCUser, "item")
			g.rosters[me][nick] = item.Attr("affiliation") + " " + item.Attr("role")
		}
	})
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
			g.expects(g.bob, fmt.Sprintf("%q in %s", text, g.uri), g.toBob(text))
			continue
		}
		c := g.people[listener]
		g.hears(c, g.at(c), nick, text)
	}
}

// toBob matches that bob hears a text, or that it was taken from him.
func (g *company) toBob(text string) func(*stack.Line) bool {
	return func(l *stack.Line) bool {
		return (l.Type == "message" || l.Type == "sent") && l.Room == g.uri && l.Body == text
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

// agree ends a scene: after a last word of every provider all have heard everything once and in one order, as the room's owner has, and see the same people in the same roles
// in the same epoch. Who came later, or was put out, has missed something; the last words too who is not there any more.
func (g *company) agree(missed map[string][]string) {
	g.Helper()
	all, last := g.everybody(), len(g.said)
	for _, nick := range g.speakers {
		g.talk(nick, "the last word of "+nick+" in "+g.name, all...)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard["bob"] = nil
	for _, l := range g.bob.Seen(func(l *stack.Line) bool { return (l.Type == "message" || l.Type == "sent") && l.Room == g.uri }) {
		g.heard["bob"] = append(g.heard["bob"], l.Body)
	}
	for id, n := range g.answers {
		if n != 1 {
			g.Errorf("%s is answered %d times", id, n)
		}
	}
	owner := g.speakers[0]
	order := g.heard[owner]
	if got, want := slices.Sorted(slices.Values(order)), slices.Sorted(slices.Values(g.said)); !slices.Equal(got, want) {
		g.Errorf("%s heard\n%q, said was\n%q", owner, order, g.said)
	}
	for nick, heard := range g.heard {
		want := slices.DeleteFunc(slices.Clone(order), func(text string) bool {
			return slices.Contains(missed[nick], text) || !slices.Contains(all, nick) && slices.Contains(g.said[last:], text)
		})
		if g.delayed && nick != owner {
			heard, want = g.apart(nick, heard), g.apart(nick, want)
		}
		if late := g.late[nick]; late != nil {
			heard, want = behind(heard, late), behind(want, late)
		}
		if !slices.Equal(heard, want) {
			g.Errorf("%s heard\n%q, want\n%q", nick, heard, want)
		}
	}
	g.sameRoom()
}

// apart puts what somebody's own provider said behind what others said.
func (g *company) apart(nick string, texts []string) []string {
	own := bobDomain
	if c := g.people[nick]; c != nil {
		own = c.JID.Domain()
	}
	return behind(texts, slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return g.from[text] != own }))
}

// behind puts some texts behind the others.
func behind(texts, late []string) []string {
	is := func(want bool) func(string) bool {
		return func(text string) bool { return slices.Contains(late, text) != want }
	}
	return append(slices.DeleteFunc(slices.Clone(texts), is(false)), slices.DeleteFunc(slices.Clone(texts), is(true))...)
}

// asks lets somebody send items of muc#admin, and returns the id of the request.
func (g *company) asks(nick, items string) string {
	g.Helper()
	c := g.people[nick]
	g.asked++
	id := fmt.Sprintf("%s-%d", g.name, g.asked)
	g.must(c.Send(`<iq type='set' id='` + id + `' to='` + g.at(c) + `'><query xmlns='http://jabber.org/protocol/muc#admin'>` + items + `</query></iq>`))
	return id
}

// obeyed waits until somebody's request has its result.
func (g *company) obeyed(c *xmppclient.Client, id string) {
	g.Helper()
	_, err := c.Expect(g.step(), "the result of "+id, func(st *xmpp.Stanza) bool { return st.Kind == xmpp.IQ && st.ID == id && st.Type == "result" })
	g.must(err)
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

	out, back := p.here.Way(stack.Domain, otherDomain), p.here.Way(otherDomain, stack.Domain)
	out.Cut()
	back.Cut()
	onThisSide := []string{"juliet", "nurse", "bob"}
	g.talk("juliet", "is benvolio gone?", onThisSide...)
	g.says("benvolio", "do you hear us?")
	p.admin(p.juliet, g.near, `<item nick='rosaline' role='none'/>`)
	p.sees(nurse, g.near, "rosaline", xmpp.TypeUnavailable, "307")
	g.talk("bob", "now rosaline is", onThisSide...)
	kick := g.asks("benvolio", `<item nick='nurse' role='none'/>`)
	g.says("benvolio", "nurse had to go")
	p.must(rosaline.Say(g.far, "nobody hears me"))
	delete(g.people, "benvolio")
	delete(g.people, "rosaline")
	g.comes(tybalt)
	p.admin(p.juliet, g.near, `<item nick='tybalt' role='visitor'/>`)
	g.talk("juliet", "hush, tybalt", append(onThisSide, "tybalt")...)
	g.people["benvolio"], g.people["rosaline"] = p.benvolio, rosaline

	out.Mend()
	back.Mend()
	g.goes("rosaline", "307")
	_, err := rosaline.Expect(p.step(), "that rosaline cannot speak any more", func(st *xmpp.Stanza) bool { return st.Kind == xmpp.Message && st.Type == xmpp.TypeError })
	p.must(err)
	g.obeyed(p.benvolio, kick)
	g.goes("nurse", "307")
	p.sees(p.benvolio, g.far, "nurse", xmpp.TypeUnavailable, "307")
	g.hear("benvolio", "nurse had to go", "juliet", "benvolio", "tybalt", "bob")
	g.agree(map[string][]string{
		"rosaline": {"do you hear us?", "now rosaline is", "nurse had to go", "hush, tybalt"},
		"nurse":    {"nurse had to go"},
		"tybalt":   append(before, "is benvolio gone?", "now rosaline is"),
	})
}

// unanswered: requests and answers are lost, requests come twice, and the network works in one direction only. Nobody's words are lost or doubled, each who
// speaks hears it once, each who asks has one answer.
func unanswered(p *scene) {
	nurse, rosaline := p.signsIn(p.here, "nurse"), p.signsIn(p.there, "rosaline")
	g := p.gather("unanswered", p.juliet, nurse, p.benvolio)
	p.admin(p.juliet, g.near, `<item jid='u%benvolio%`+otherDomain+`@`+stack.Rooms+`' affiliation='admin'/>`)
	p.standing(p.benvolio, g.far, "benvolio", "admin")
	out, back := p.here.Way(stack.Domain, otherDomain), p.here.Way(otherDomain, stack.Domain)
	submit, update := relay.About(mimi.EndpointSubmitMessage, g.uri), relay.About(mimi.EndpointUpdate, g.uri)

	g.delayed = true
	for _, fate := range []relay.Fate{relay.LoseAnswer, relay.Lose, relay.Repeat} {
		for _, way := range []*relay.Relay{back, p.here.Way(bobDomain, stack.Domain)} {
			way.Next(1, fate, submit)
		}
		heard := fmt.Sprintf("do you hear me? (%d)", fate)
		g.says("benvolio", "benvolio: "+heard)
		g.says("bob", "bob: "+heard)
		g.hear("benvolio", "benvolio: "+heard, "juliet", "nurse", "benvolio")
		g.hear("bob", "bob: "+heard, "juliet", "nurse", "benvolio")
		p.expectsAll(p.bob, "both", g.toBob("benvolio: "+heard), g.toBob("bob: "+heard))
	}

	voice := []string{"visitor", "participant"}
	for i, fate := range []relay.Fate{relay.LoseAnswer, relay.Repeat} {
		back.Next(1, fate, update)
		g.obeyed(p.benvolio, g.asks("benvolio", `<item nick='nurse' role='`+voice[i]+`'/>`))
		p.sees(nurse, g.near, "nurse", "", "110")
	}
	back.Next(1, relay.LoseAnswer, update)
	g.comes(rosaline)
	all := g.everybody()
	g.talk("rosaline", "here I am", all...)

	// The hub is heard and does not hear.
	back.Cut()
	g.says("benvolio", "nobody answers")
	g.talk("juliet", "speak, benvolio", all...)
	back.Mend()
	g.hear("benvolio", "nobody answers", all...)

	// It hears and is not heard.
	out.Cut()
	g.talk("juliet", "are you deaf?", "juliet", "nurse", "bob")
	g.says("rosaline", "I hear nothing")
	g.hear("rosaline", "I hear nothing", "juliet", "nurse", "bob")
	out.Mend()
	g.hear("juliet", "are you deaf?", "benvolio", "rosaline")
	g.hear("rosaline", "I hear nothing", "benvolio", "rosaline")
	g.agree(map[string][]string{"rosaline": slices.Clone(g.said[:6])})
}

// disordered: what the hub tells comes twice and in another order, also a Welcome and the commit that it belongs to. It is heard once, and as long as
// something is missing that a commit needs, in the hub's order.
func disordered(p *scene) {
	nurse, rosaline := p.signsIn(p.here, "nurse"), p.signsIn(p.there, "rosaline")
	g := p.gather("disordered", p.juliet, nurse, p.benvolio)
	notify := relay.About(mimi.EndpointNotify, g.uri)
	out, toBob := p.here.Way(stack.Domain, otherDomain), p.here.Way(stack.Domain, bobDomain)
	keptOut, keptToBob := out.All(relay.Keep, notify), toBob.All(relay.Keep, notify)
	nearby := []string{"juliet", "nurse"}
	for i, role := range []string{"visitor", "participant", "visitor"} {
		g.talk("juliet", fmt.Sprintf("%d: nurse will be %s", i, role), nearby...)
		p.admin(p.juliet, g.near, `<item nick='nurse' role='`+role+`'/>`)
	}
	all := func(kept []*relay.Request) bool { return len(kept) == 9 } // three times a message, a proposal and its commit
	for _, of := range []struct {
		way  *relay.Relay
		rule *relay.Rule
		turn []int
	}{{out, keptOut, []int{8, 7, 8, 6, 5, 4, 4, 3, 0, 2, 1, 7, 0}}, {toBob, keptToBob, []int{2, 0, 0, 8, 5, 3, 6, 1, 4, 7, 3, 3, 6, 2, 1}}} {
		kept, err := of.rule.Kept(p.step(), all)
		p.must(err)
		of.rule.End()
		for _, i := range of.turn {
			p.must(of.way.Hand(p.step(), kept[i]))
		}
	}
	g.hear("juliet", "2: nurse will be visitor", "benvolio", "bob")
	g.talk("juliet", "now all is in order", g.everybody()...)

	// Rosaline is added by the hub's side: her provider gets a commit and a Welcome.
	p.must(rosaline.Appear(p.step()))
	p.must(p.juliet.Send(`<message to='` + g.near + `'><x xmlns='` + nsMUCUser + `'><invite to='u%rosaline%` + otherDomain + `@` + stack.Rooms + `'/></x></message>`))
	p.invited(rosaline, g.far)
	keptOut = out.All(relay.Keep, notify)
	g.watches(rosaline)
	p.must(rosaline.Send(`<presence to='` + g.far + `/rosaline'><x xmlns='http://jabber.org/protocol/muc'/></presence>`))
	_, err := keptOut.Kept(p.step(), func(kept []*relay.Request) bool {
		return tellsOf(kept, relay.Welcome) != nil && tellsOf(kept, relay.Commit) != nil
	})
	p.must(err)
	g.talk("juliet", "welcome, rosaline", nearby...)
	_, err = keptOut.Kept(p.step(), func(kept []*relay.Request) bool { return tellsOf(kept, relay.Message) != nil })
	p.must(err)
	for _, what := range []string{relay.Message, relay.Welcome, relay.Commit, relay.Welcome, relay.Proposal, relay.Message, relay.Commit} {
		kept, err := keptOut.Kept(p.step(), func([]*relay.Request) bool { return true })
		p.must(err)
		p.must(out.Hand(p.step(), tellsOf(kept, what)))
	}
	keptOut.End()
	p.sees(rosaline, g.far, "rosaline", "", "110")
	_, err = rosaline.Expect(p.step(), "what was said when she was in, from the history", func(st *xmpp.Stanza) bool {
		body, _ := st.Body()
		return st.From.String() == g.far+"/juliet" && body == "welcome, rosaline"
	})
	p.must(err)
	g.hear("juliet", "welcome, rosaline", "benvolio", "bob")
	p.sees(p.juliet, g.near, "rosaline", "", "")
	g.people["rosaline"] = rosaline
	g.talk("rosaline", "thank you", g.everybody()...)
	g.agree(map[string][]string{"rosaline": slices.Clone(g.said[:5])})
}

// tellsOf is the first of some notifications that tells something; nil: none does.
func tellsOf(kept []*relay.Request, what string) *relay.Request {
	for _, q := range kept {
		if slices.Contains(q.Tells(), what) {
			return q
		}
	}
	return nil
}

// losesTouch: what a hub tells gets lost on the way, although the hub was told that it had arrived, and so much happens meanwhile that nobody could read on. The other
// provider notices a gap, and waits a while (limits.gap_patience) for what is missing (docs/decisions/051-lost-touch.md): so other scenes come between this one and regainsTouch.
func losesTouch(p *scene) {
	g := p.gather("astray", p.abram, p.gregory, p.sampson)
	p.astray = g
	for _, nick := range g.everybody() {
		g.talk(nick, nick+" is here", g.everybody()...)
	}
	g.lost = p.here.Way(stack.Domain, otherDomain).All(relay.Keep, relay.About(mimi.EndpointNotify, g.uri))
	near := []string{"abram", "bob"}
	g.talk("abram", "gregory does not hear this", near...)
	p.admin(p.abram, g.near, `<item nick='sampson' role='none'/>`)
	for i := range 2 * mimi.LateEpochs {
		p.admin(p.abram, g.near, `<item nick='bob' role='`+[]string{"visitor", "participant"}[i%2]+`'/>`)
	}
	g.talk("abram", "nor this", near...)
	p.admin(p.abram, g.near, `<item jid='u%gregory%`+otherDomain+`@`+stack.Rooms+`' affiliation='member'/>`)
	_, err := g.lost.Kept(p.step(), func(kept []*relay.Request) bool {
		return len(kept) > 2+4*mimi.LateEpochs && slices.Contains(kept[len(kept)-1].Tells(), relay.Commit)
	})
	p.must(err)
	g.lost.End()

	// What comes now cannot be read, and what gregory says is of an epoch that is long over.
	g.talk("abram", "do you hear me again?", near...)
	g.says("gregory", "is anybody there?")
}

// regainsTouch: the provider enters the room anew, once. Its users see who is there as what, and that one of them was put out; what they said themselves was only late. When
// what was lost comes after all, they hear it, once.
func regainsTouch(p *scene) {
	if p.astray == nil {
		losesTouch(p)
	}
	g := p.astray
	g.scene = p
	g.goes("sampson", "307")
	g.hear("gregory", "is anybody there?", "abram", "gregory")
	kept, err := g.lost.Kept(p.step(), func([]*relay.Request) bool { return true })
	p.must(err)
	for _, q := range kept {
		p.must(p.here.Way(stack.Domain, otherDomain).Hand(p.step(), q))
	}
	g.hear("abram", "do you hear me again?", "gregory")
	if n := strings.Count(p.there.Anteroom.Output(), `"room":"astray%`+stack.Domain+`"`+`,"hub":"`+stack.Domain+`","reason":"attempt`); n != 1 {
		g.Errorf("%d attempts were made to come back", n)
	}
	late := []string{"gregory does not hear this", "nor this", "do you hear me again?"}
	g.late = map[string][]string{"gregory": late}
	g.agree(map[string][]string{"sampson": append(slices.Clone(late), "is anybody there?")})
}
