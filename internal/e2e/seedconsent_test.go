package e2e

import (
	"maps"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// bobThere is the address of the native user at the service of the other anteroom.
const bobThere = "u%bob%" + bobDomain + "@rooms." + otherDomain

// bobIn makes a room of here that the native user is in, too.
func (p *scene) bobIn(name string) (there, uri string) {
	p.Helper()
	garden, uri := room(name)
	p.enters(p.juliet, garden, "juliet")
	p.joins(p.bob, uri)
	p.sees(p.juliet, garden, "bob", "", "")
	return far(name), uri
}

// told matches what the native user hears of the consent of somebody, for a room or, without one, for all.
func told(typ, user, uri string) func(*stack.Line) bool {
	return func(l *stack.Line) bool { return l.Type == typ && l.User == user && l.Room == uri }
}

// decided reads what an XMPP user of the other anteroom has decided about whom, by the form of its service: scope to decision.
func (p *scene) decided(c *xmppclient.Client, about string) map[string]string {
	p.Helper()
	const ns = "http://jabber.org/protocol/commands"
	st, err := c.Request(p.step(), "rooms."+otherDomain, "set", `<command xmlns='`+ns+`' node='urn:anteroom:person#consents' action='execute'/>`)
	p.must(err)
	found := map[string]string{}
	for row := range st.Child(ns, "command").Child("jabber:x:data", "x").Elements() {
		cells := map[string]string{}
		for field := range row.Elements() {
			if v := field.Child("jabber:x:data", "value"); v != nil && row.Is("jabber:x:data", "item") {
				cells[field.Attr("var")] = v.Text()
			}
		}
		if cells["address"] == about {
			found[cells["room"]] = cells["decided"]
		}
	}
	return found
}

func (p *scene) wantDecided(c *xmppclient.Client, about string, want map[string]string) {
	p.Helper()
	if got := p.decided(c, about); !maps.Equal(got, want) {
		p.Errorf("%s has decided about %s: %v, want %v", c.JID, about, got, want)
	}
}

// answers sends a message to the service of an XMPP user and waits for its answer.
func (p *scene) answers(c *xmppclient.Client, line, want string) {
	p.Helper()
	service := "rooms." + c.JID.Domain()
	p.must(c.Send(`<message to='` + service + `' type='chat'><body>` + line + `</body></message>`))
	p.says(c, service, want)
}

// says waits for a chat message from outside of rooms.
func (p *scene) says(c *xmppclient.Client, from, text string) {
	p.Helper()
	_, err := c.Expect(p.step(), from+" saying "+text, func(st *xmpp.Stanza) bool {
		body, _ := st.Body()
		return st.Kind == xmpp.Message && st.Type == xmpp.TypeChat && st.From.String() == from && strings.Contains(body, text)
	})
	p.must(err)
}

// consenting: whoever wants to add an XMPP user of ours to a room elsewhere asks first. The user sees an invitation, or a message of the service; says yes or no
// to one room or to all, by entering, declining or a form; and takes it back (draft-ietf-mimi-protocol-06 §5.7; docs/decisions/071-persons.md).
func consenting(p *scene) {
	paris, user := p.signsIn(p.there, "paris"), thereURI("paris")
	p.must(paris.Appear(p.step()))
	asks := func(there, uri string) {
		p.Helper()
		p.tells(p.bob, "add %s %s", uri, user)
		p.expects(p.bob, "that paris is asked", told("consent_asked", user, uri))
		if by := p.invited(paris, there); by != bobThere {
			p.Errorf("paris is asked by %s", by)
		}
	}

	// Yes to one room, by entering it.
	there, uri := p.bobIn("consenting")
	asks(there, uri)
	p.wantDecided(paris, bobThere, map[string]string{uri: "asks"})
	p.enters(paris, there, "paris")
	p.expects(p.bob, "the consent", told("consent_granted", user, uri))
	p.changed(p.bob, uri, "leaf_added", user, p.bob.User)
	p.wantDecided(paris, bobThere, map[string]string{uri: "may"})

	// No to another, by declining. Who asks again is answered without paris.
	second, secondURI := p.bobIn("consenting-2")
	asks(second, secondURI)
	p.must(paris.Send(`<message to='` + second + `'><x xmlns='` + nsMUCUser + `'><decline to='` + bobThere + `'/></x></message>`))
	p.expects(p.bob, "the refusal", told("consent_revoked", user, secondURI))
	p.tells(p.bob, "add %s %s", secondURI, user)
	p.expects(p.bob, "the refusal, again", told("consent_revoked", user, secondURI))
	p.wantDecided(paris, bobThere, map[string]string{uri: "may", secondURI: "may not"})

	// Yes to all rooms, by a form; but what was said about one room stays.
	p.decides(paris, "allow", "address", bobThere)
	p.expects(p.bob, "the consent to all rooms", told("consent_granted", user, ""))
	third, thirdURI := p.bobIn("consenting-3")
	p.tells(p.bob, "add %s %s", thirdURI, user)
	p.changed(p.bob, thirdURI, "leaf_added", user, p.bob.User)
	p.invited(paris, third)
	p.tells(p.bob, "add %s %s", secondURI, user)
	p.expects(p.bob, "the refusal, once more", told("consent_revoked", user, secondURI))
	p.decides(paris, "forget", "address", bobThere, "room", secondURI)
	p.tells(p.bob, "add %s %s", secondURI, user)
	p.changed(p.bob, secondURI, "leaf_added", user, p.bob.User)
	p.invited(paris, second)

	// No more.
	p.decides(paris, "deny", "address", bobThere)
	p.expects(p.bob, "that paris does not want that any more", told("consent_revoked", user, ""))
	_, fourthURI := p.bobIn("consenting-4")
	p.tells(p.bob, "add %s %s", fourthURI, user)
	p.expects(p.bob, "the refusal", told("consent_revoked", user, fourthURI))
	p.wantDecided(paris, bobThere, map[string]string{uri: "may", "all": "may not"})

	// Asked without a room, the service asks; a line answers.
	p.decides(paris, "forget", "address", bobThere)
	p.tells(p.bob, "ask %s", user)
	p.says(paris, "rooms."+otherDomain, p.bob.User+" asks to be allowed to add you to rooms")
	p.answers(paris, "allow "+bobThere, "Done.")
	p.expects(p.bob, "the consent", told("consent_granted", user, ""))
	p.answers(paris, "consents", bobThere+" may\n")
	if asked := len(p.bob.Seen(told("consent_asked", user, thirdURI))); asked > 0 {
		p.Errorf("with consent to all rooms paris was asked %d times", asked)
	}
}

// few: a user who lets everybody have a few key packages is asked when those are out, and not before; somebody with consent who takes more and more gets the
// one of last resort, which lets in whoever comes by it, more than once; and a Welcome that was opened makes room for fresh ones (the seed, "KeyPackages").
func few(p *scene) {
	garden, _ := room("few")
	there, uri := p.bobIn("few")
	mercutio, user := p.signsIn(p.there, "mercutio"), thereURI("mercutio")
	p.must(mercutio.Appear(p.step()))
	wastes := func() { // the key package comes, and bob may not use it as he says
		p.Helper()
		p.tells(p.bob, "add %s %s 4", uri, user)
		if l := p.refused(p.bob, "change", uri); !strings.Contains(l.Text, "owner") {
			p.Errorf("refused with %q", l.Text)
		}
	}
	comes := func(by *stack.Native) (key string) { // and goes
		p.Helper()
		for _, c := range p.changed(p.bob, uri, "leaf_added", user, by.User).Changes {
			if c.Kind == "leaf_added" {
				key = c.Key
			}
		}
		p.invited(mercutio, there)
		p.admin(p.juliet, garden, "<item nick='mercutio' role='none'/>")
		p.expects(p.bob, "that mercutio is out", func(l *stack.Line) bool { return l.Type == "epoch" && l.Room == uri && l.Has("leaf_removed", user) })
		return key
	}
	adds := func() string {
		p.Helper()
		p.tells(p.bob, "add %s %s", uri, user)
		return comes(p.bob)
	}

	p.decides(mercutio, "others", "others", "few")
	wastes()
	wastes()
	p.tells(p.bob, "add %s %s", uri, user)
	p.expects(p.bob, "that mercutio is asked", told("consent_asked", user, uri))
	p.invited(mercutio, there)
	if asked := len(p.bob.Seen(told("consent_asked", user, uri))); asked != 1 {
		p.Errorf("mercutio was asked %d times", asked)
	}
	p.joins(p.cathy, uri)
	p.tells(p.cathy, "add %s %s", uri, user) // she has had none
	comes(p.cathy)

	// With consent bob gets three, and then the last, with which he adds as often as he likes; when it has been used there are fresh ones.
	p.decides(mercutio, "allow", "address", bobThere)
	p.expects(p.bob, "the consent", told("consent_granted", user, uri))
	fresh := comes(p.bob) // as he had wanted
	for range 3 {
		wastes()
	}
	last := adds()
	again := adds()
	for range 3 {
		wastes()
	}
	if also := adds(); also != last || fresh == last || again == last || again == fresh {
		p.Errorf("mercutio came with the keys %s, %s, %s and %s, want the second and the last to be the same", fresh, last, again, also)
	}
}

// whispering: XMPP users of two providers write to each other outside of rooms, each to the other's address at its own service; who is written to for the first time
// decides, and who is refused gets its message back (docs/decisions/072-direct-messages.md).
func whispering(p *scene) {
	nurse, paris := p.signsIn(p.here, "nurse"), p.signsIn(p.there, "paris")
	for _, c := range []*xmppclient.Client{nurse, paris} {
		p.must(c.Appear(p.step()))
	}
	chats := func(c *xmppclient.Client, to, text string) {
		p.Helper()
		p.must(c.Send(`<message to='` + to + `' type='chat' id='` + strings.ReplaceAll(text, " ", "") + `'><body>` + text + `</body></message>`))
	}
	const nurseThere, nurseURI = "u%nurse%" + stack.Domain + "@rooms." + otherDomain, "mimi://" + stack.Domain + "/u/nurse"
	chats(paris, nurseThere, "where is she?")
	p.says(nurse, stack.Rooms, thereURI("paris")+" wants to write to you")
	p.answers(nurse, "allow "+thereAs("paris"), "Done.")
	p.says(nurse, thereAs("paris"), "where is she?")
	chats(nurse, thereAs("paris"), "not here")
	p.says(paris, nurseThere, "not here")
	chats(paris, nurseThere, "I will wait")
	p.says(nurse, thereAs("paris"), "I will wait")

	// In a room that shows addresses a private message takes the same way.
	garden, _ := room("whispering")
	p.enters(p.juliet, garden, "juliet")
	p.configures(garden, "muc#roomconfig_whois", "anyone")
	p.enters(nurse, garden, "nurse")
	p.enters(paris, far("whispering"), "paris")
	p.sees(nurse, garden, "paris", "", "")
	p.pm(nurse, garden+"/paris", "between us")
	p.says(paris, nurseThere, "between us")

	chats(nurse, thereAs("rosaline"), "good day")
	r := p.returns(p.there, "rosaline", "rooms."+otherDomain)
	p.says(r, "rooms."+otherDomain, nurseURI+" wants to write to you")
	p.answers(r, "deny "+nurseThere, "Done.")
	_, err := nurse.Expect(p.step(), "that she is refused", func(st *xmpp.Stanza) bool {
		e := st.Err()
		return st.Kind == xmpp.Message && st.ID == "goodday" && st.From.String() == thereAs("rosaline") && e != nil && e.Condition == xmpp.Forbidden
	})
	p.must(err)
}
