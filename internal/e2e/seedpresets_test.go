package e2e

import (
	"errors"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// presets: each of the seed's "Specific examples" as an operator makes it lets in whom it is for, nobody else, and keeps its essential rule.
func presets(p *scene) {
	nurse, tybalt := p.signsIn(p.here, "nurse"), p.signsIn(p.here, "tybalt")
	made := func(preset string, names ...string) (garden, uri string) {
		p.Helper()
		if _, said, err := p.operates(p.here, "create", append([]string{"--preset", preset, "--owner", "juliet@a.example", "preset-" + preset}, names...)...); err != nil {
			p.Fatalf("room create --preset %s: %v\n%s", preset, err, said)
		}
		return room("preset-" + preset)
	}
	admin := func(item string) string {
		return `<query xmlns='http://jabber.org/protocol/muc#admin'>` + item + `</query>`
	}

	// For two, who stay.
	garden, uri := made("one-on-one", "--admin", "nurse@a.example")
	p.entersAs(p.juliet, garden, "juliet", "owner")
	p.entersAs(nurse, garden, "nurse", "admin")
	p.turnedAway(tybalt, garden, "tybalt", xmpp.RegistrationRequired)
	p.tells(p.bob, "join %s", uri)
	p.refused(p.bob, "join", uri)
	p.denied(p.juliet, garden, "set", admin("<item jid='nurse@a.example' affiliation='outcast'/>"), xmpp.NotAllowed, "fixed")
	p.denied(p.juliet, garden, "set", admin("<item jid='tybalt@a.example' affiliation='member'/>"), xmpp.NotAllowed, "fixed")
	p.must(nurse.Say(garden, "only you and me"))
	p.hears(p.juliet, garden, "nurse", "only you and me")

	// For members, whom an admin makes.
	garden, _ = made("administrated", "--member", "nurse@a.example")
	p.entersAs(p.juliet, garden, "juliet", "owner")
	p.entersAs(nurse, garden, "nurse", "member")
	p.turnedAway(tybalt, garden, "tybalt", xmpp.RegistrationRequired)
	p.denied(nurse, garden, "set", admin("<item jid='tybalt@a.example' affiliation='member'/>"), xmpp.Forbidden, "")
	p.admin(p.juliet, garden, "<item jid='tybalt@a.example' affiliation='member'/>")
	p.entersAs(tybalt, garden, "tybalt", "member")

	// For everybody, who speaks at once.
	garden, uri = made("open")
	p.entersAs(p.juliet, garden, "juliet", "owner")
	p.entersAs(tybalt, garden, "tybalt", "none")
	p.joins(p.bob, uri)
	for nick, says := range map[string]func() error{"tybalt": func() error { return tybalt.Say(garden, "good day") }, "bob": func() error { return p.bob.Command("send " + uri + " good day") }} {
		p.must(says())
		p.hears(p.juliet, garden, nick, "good day")
	}

	// For a domain and a team.
	garden, uri = made("semi-open", "--preauth", "domain:"+otherDomain, "--preauth", "team:sales@a.example")
	p.entersAs(p.juliet, garden, "juliet", "owner")
	p.entersAs(nurse, garden, "nurse", "member")
	p.entersAs(p.benvolio, far("preset-semi-open"), "benvolio", "member")
	p.turnedAway(tybalt, garden, "tybalt", xmpp.RegistrationRequired)
	p.tells(p.bob, "join %s", uri)
	p.refused(p.bob, "join", uri)

	// For everybody, who speaks when a moderator allows it.
	garden, uri = made("moderated")
	p.entersAs(p.juliet, garden, "juliet", "owner")
	p.enters(tybalt, garden, "tybalt")
	p.occupantItem(p.juliet, garden, "tybalt", "none", "visitor")
	p.must(tybalt.Say(garden, "may I?"))
	_, err := tybalt.Expect(p.step(), "a refusal", func(st *xmpp.Stanza) bool {
		e := st.Err()
		return st.Kind == xmpp.Message && st.From.String() == garden && e != nil && e.Condition == xmpp.Forbidden
	})
	p.must(err)
	p.joins(p.bob, uri)
	p.tells(p.bob, "send %s may I?", uri)
	p.refused(p.bob, "send", uri)
	for _, nick := range []string{"tybalt", "bob"} {
		p.admin(p.juliet, garden, "<item nick='"+nick+"' role='participant'/>")
	}
	p.must(tybalt.Say(garden, "I may"))
	p.hears(p.juliet, garden, "tybalt", "I may")
	p.expects(p.bob, "that he may speak", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && l.Has("role_changed", p.bob.User)
	})
	p.tells(p.bob, "send %s I may", uri)
	p.hears(p.juliet, garden, "bob", "I may")

	// For its users, each with one device, once the logger is there.
	garden, uri = made("fixed-with-logging", "--member", "nurse@a.example", "--logger", p.cathy.User)
	_, err = p.juliet.Join(p.step(), garden, "juliet")
	var e *xmpp.StanzaError
	if !errors.As(err, &e) {
		p.Errorf("juliet enters before the logger: %v", err)
	}
	p.joins(p.cathy, uri)
	for nick, c := range map[string]*xmppclient.Client{"juliet": p.juliet, "nurse": nurse} {
		st, err := c.Join(p.step(), garden, nick)
		p.must(err)
		if !xmppclient.HasStatus(st, "170") {
			p.Errorf("%s is not told that the room is logged: %s", nick, st.String())
		}
	}
	p.turnedAway(tybalt, garden, "tybalt", xmpp.RegistrationRequired)
	p.denied(p.juliet, garden, "set", admin("<item jid='u%cathy%"+cathyDomain+"@"+stack.Rooms+"' affiliation='outcast'/>"), xmpp.NotAllowed, "")
	second, err := xmppclient.Dial(p.step(), p.here.XMPP.ClientAddr(), xmpp.MustParseJID("nurse@"+stack.Domain), "second", password)
	p.must(err)
	p.Cleanup(func() { second.Close() })
	p.turnedAway(second, garden, "nurse", xmpp.Conflict)
	p.must(nurse.Say(garden, "for the record"))
	p.expects(p.cathy, "what is said", func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri && l.Body == "for the record" })
}
