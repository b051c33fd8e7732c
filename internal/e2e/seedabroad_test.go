package e2e

import (
	"errors"
	"slices"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

const nsMUCUser, nsMUCAdmin, nsMUCOwner = "http://jabber.org/protocol/muc#user", "http://jabber.org/protocol/muc#admin", "http://jabber.org/protocol/muc#owner"

// far is the address by which users of the other anteroom enter a room of here.
func far(name string) string { return name + "%" + stack.Domain + "@rooms." + otherDomain }

// thereAs is the address of a user of the other anteroom at the service of here.
func thereAs(name string) string { return "u%" + name + "%" + otherDomain + "@" + stack.Rooms }

// thereURI is what the group calls a user of the other anteroom.
func thereURI(name string) string { return "mimi://" + otherDomain + "/u/" + name }

// denied holds that a request is refused, with a text that says why.
func (p *scene) denied(c *xmppclient.Client, to, kind, payload string, want xmpp.Condition, text string) {
	p.Helper()
	_, err := c.Request(p.step(), to, kind, payload)
	var e *xmpp.StanzaError
	if !errors.As(err, &e) || e.Condition != want || !strings.Contains(e.Text, text) {
		p.Errorf("%s asks for %s: %v, want %s with %q", c.JID, payload, err, want, text)
	}
}

// occupantItem waits for the presence of an occupant with an affiliation and a role.
func (p *scene) occupantItem(c *xmppclient.Client, room, nick, affiliation, role string) {
	p.Helper()
	_, err := c.Expect(p.step(), nick+" as "+affiliation+" and "+role+" in "+room, func(st *xmpp.Stanza) bool {
		x := st.Child(nsMUCUser, "x")
		return st.Kind == xmpp.Presence && st.Type == "" && st.From.String() == room+"/"+nick && x != nil &&
			x.Child(nsMUCUser, "item").Attr("affiliation") == affiliation && x.Child(nsMUCUser, "item").Attr("role") == role
	})
	p.must(err)
}

// list reads one of the lists of a room, as JIDs.
func (p *scene) list(c *xmppclient.Client, room, affiliation string) (jids []string) {
	p.Helper()
	st, err := c.Request(p.step(), room, "get", `<query xmlns='`+nsMUCAdmin+`'><item affiliation='`+affiliation+`'/></query>`)
	p.must(err)
	for item := range st.Child(nsMUCAdmin, "query").Elements() {
		jids = append(jids, item.Attr("jid"))
	}
	slices.Sort(jids)
	return jids
}

func (p *scene) wantList(c *xmppclient.Client, room, affiliation string, want ...string) {
	p.Helper()
	if got := p.list(c, room, affiliation); !slices.Equal(got, want) {
		p.Errorf("%s reads as %ss of %s: %q, want %q", c.JID, affiliation, room, got, want)
	}
}

// changed waits until a native user sees what a commit did to somebody, and holds who wanted it.
func (p *scene) changed(n *stack.Native, uri, kind, user, by string) *stack.Line {
	p.Helper()
	l := p.expects(n, kind+" of "+user, func(l *stack.Line) bool { return l.Type == "epoch" && l.Room == uri && l.Has(kind, user) })
	if !slices.Equal(l.Proposer, []string{by}) {
		p.Errorf("%s of %s was proposed by %q, want %s", kind, user, l.Proposer, by)
	}
	return l
}

// pm sends a private message to an occupant.
func (p *scene) pm(c *xmppclient.Client, occupant, text string) {
	p.Helper()
	p.must(c.Send(`<message to='` + occupant + `' type='chat' id='pm'><body>` + text + `</body><x xmlns='` + nsMUCUser + `'/></message>`))
}

func (p *scene) whispered(c *xmppclient.Client, occupant, text string) {
	p.Helper()
	_, err := c.Expect(p.step(), "private message of "+occupant, func(st *xmpp.Stanza) bool {
		body, _ := st.Body()
		return st.Kind == xmpp.Message && st.Type == xmpp.TypeChat && st.From.String() == occupant && body == text
	})
	p.must(err)
}

// abroad: XMPP users of one provider in a room of another: how they enter, what they say, what they may do there by their role, and what only the
// room's own provider can do (XEP-0045 §7 to §10; docs/decisions/050-followed-rooms.md). A native user of a third one sees who did it.
func abroad(p *scene) {
	garden, uri := room("abroad")
	there := far("abroad")
	benvolio, rosaline := thereURI("benvolio"), thereURI("rosaline")
	p.enters(p.juliet, garden, "juliet")
	p.joins(p.bob, uri)
	p.sees(p.juliet, garden, "bob", "", "")

	// The first by external commit, the next is added by the first.
	p.enters(p.benvolio, there, "benvolio")
	if l := p.changed(p.bob, uri, "leaf_added", benvolio, benvolio); !l.External {
		p.Errorf("the first does not come by external commit: %+v", l)
	}
	p.occupantItem(p.juliet, garden, "benvolio", "none", "participant")
	r := p.signsIn(p.there, "rosaline")
	p.enters(r, there, "rosaline")
	if l := p.changed(p.bob, uri, "leaf_added", rosaline, benvolio); l.External || l.Committer != benvolio {
		p.Errorf("the next is not added by the first: %+v", l)
	}
	for _, seen := range []struct {
		c  *xmppclient.Client
		at string
	}{{p.juliet, garden}, {p.benvolio, there}} {
		p.occupantItem(seen.c, seen.at, "rosaline", "none", "participant")
	}

	// Everybody hears everybody.
	p.must(r.Say(there, "good morrow"))
	p.hears(p.juliet, garden, "rosaline", "good morrow")
	said, err := p.benvolio.Hear(p.step(), there, "rosaline", "good morrow")
	p.must(err)
	p.hears(r, there, "rosaline", "good morrow")
	p.expects(p.bob, "what she says", func(l *stack.Line) bool {
		return l.Type == "message" && l.Room == uri && l.Sender == rosaline && l.Body == "good morrow"
	})

	// Privately to each other; not to others while the room hides addresses.
	p.pm(p.benvolio, there+"/rosaline", "psst")
	p.whispered(r, there+"/benvolio", "psst")
	p.pm(p.benvolio, there+"/juliet", "psst")
	_, err = p.benvolio.Expect(p.step(), "that this is refused", func(st *xmpp.Stanza) bool {
		e := st.Err()
		return st.Kind == xmpp.Message && st.From.String() == there+"/juliet" && e != nil && e.Condition == xmpp.NotAllowed && strings.Contains(e.Text, "which this room hides")
	})
	p.must(err)

	// A guest changes nothing that is not its own.
	p.denied(p.benvolio, there, "set", `<query xmlns='`+nsMUCAdmin+`'><item nick='rosaline' role='none'/></query>`, xmpp.Forbidden, "")
	p.denied(p.benvolio, there, "get", `<query xmlns='`+nsMUCAdmin+`'><item affiliation='outcast'/></query>`, xmpp.Forbidden, "")
	p.must(p.benvolio.Send(`<presence to='` + there + `/Ben'/>`))
	p.sees(p.benvolio, there, "benvolio", xmpp.TypeUnavailable, "303")
	p.sees(r, there, "benvolio", xmpp.TypeUnavailable, "303")
	p.sees(r, there, "Ben", "", "")

	// An admin does; his leaf signs for it.
	p.admin(p.juliet, garden, "<item jid='"+thereAs("benvolio")+"' affiliation='admin'/>")
	p.occupantItem(p.benvolio, there, "Ben", "admin", "moderator")
	proposed := p.expects(p.bob, "the proposal", func(l *stack.Line) bool {
		return l.Type == "proposed" && l.Room == uri && l.Has("role_changed", benvolio)
	})
	if c := proposed.Changes[0]; c.FromName != "guest" || c.RoleName != "admin" {
		p.Errorf("proposed for a guest: %+v", c)
	}
	p.expects(p.bob, "benvolio's role", func(l *stack.Line) bool { return l.Type == "epoch" && l.Room == uri && l.Has("role_changed", benvolio) })
	p.admin(p.benvolio, there, "<item nick='rosaline' role='visitor'/>")
	p.changed(p.bob, uri, "role_changed", rosaline, benvolio)
	p.occupantItem(r, there, "rosaline", "none", "visitor")
	p.occupantItem(p.juliet, garden, "rosaline", "none", "visitor")
	p.must(r.Say(there, "mumble"))
	_, err = r.Expect(p.step(), "that she has no voice", func(st *xmpp.Stanza) bool {
		e := st.Err()
		return st.Kind == xmpp.Message && e != nil && e.Condition == xmpp.Forbidden
	})
	p.must(err)
	p.admin(p.benvolio, there, "<item jid='rosaline@"+otherDomain+"' affiliation='member'/>")
	p.changed(p.bob, uri, "role_changed", rosaline, benvolio)
	p.admin(p.benvolio, there, "<item jid='u%bob%"+bobDomain+"@rooms."+otherDomain+"' affiliation='member'/>")
	p.changed(p.bob, uri, "role_changed", p.bob.User, benvolio)
	p.admin(p.benvolio, there, "<item jid='u%edgar%"+edgarDomain+"@rooms."+otherDomain+"' affiliation='outcast'><reason>fights</reason></item>")
	p.changed(p.bob, uri, "participant_added", "mimi://"+edgarDomain+"/u/edgar", benvolio)

	moderate := `<moderate xmlns='urn:xmpp:message-moderate:1' id='` + said.Child("urn:xmpp:sid:0", "stanza-id").Attr("id") + `'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>`
	p.denied(r, there, "set", moderate, xmpp.Forbidden, "only moderators")
	_, err = p.benvolio.Request(p.step(), there, "set", moderate)
	p.must(err)
	for _, seen := range []struct {
		c        *xmppclient.Client
		at, nick string
	}{{p.juliet, garden, "benvolio"}, {p.benvolio, there, "Ben"}, {r, there, "Ben"}} {
		_, err := seen.c.Expect(p.step(), "that her message is taken away", func(st *xmpp.Stanza) bool {
			by := st.Child("urn:xmpp:message-retract:1", "retract").Child("urn:xmpp:message-moderate:1", "moderated")
			return st.Kind == xmpp.Message && st.From.String() == seen.at && by != nil && by.Attr("by") == seen.at+"/"+seen.nick
		})
		p.must(err)
	}

	// Both providers show the same lists, each in its own addresses.
	p.wantList(p.benvolio, there, "member", "rosaline@"+otherDomain, "u%bob%"+bobDomain+"@rooms."+otherDomain)
	p.wantList(p.juliet, garden, "member", "u%bob%"+bobDomain+"@"+stack.Rooms, thereAs("rosaline"))
	p.wantList(p.benvolio, there, "outcast", "u%edgar%"+edgarDomain+"@rooms."+otherDomain)
	p.wantList(p.juliet, garden, "outcast", "u%edgar%"+edgarDomain+"@"+stack.Rooms)
	p.wantList(p.juliet, garden, "admin", thereAs("benvolio"))
	p.denied(p.benvolio, there, "get", `<query xmlns='`+nsMUCAdmin+`'><item affiliation='admin'/></query>`, xmpp.Forbidden, "not for you") // §10.8: for owners

	p.must(p.benvolio.Send(`<message to='` + there + `' type='groupchat' id='title'><subject>The orchard</subject></message>`))
	p.subject(p.juliet, garden, "The orchard")
	p.subject(r, there, "The orchard")
	if l := p.expects(p.bob, "the subject", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && slices.ContainsFunc(l.Changes, func(c stack.Change) bool { return c.Subject == "The orchard" })
	}); !slices.Equal(l.Proposer, []string{benvolio}) {
		p.Errorf("the subject is by %q", l.Proposer)
	}

	// What cannot be done from here is refused and not announced; what the owner does is told.
	p.denied(p.benvolio, there, "get", `<query xmlns='`+nsMUCOwner+`'/>`, xmpp.Forbidden, "only an owner")
	p.denied(p.benvolio, there, "set", `<command xmlns='http://jabber.org/protocol/commands' node='urn:anteroom:room#states' action='execute'/>`, xmpp.NotAllowed,
		"this room belongs to "+stack.Domain)
	info, err := p.benvolio.Request(p.step(), there, "get", `<query xmlns='http://jabber.org/protocol/disco#info'/>`)
	p.must(err)
	for feature, want := range map[string]bool{"muc_open": true, "muc_unmoderated": true, "muc_semianonymous": true, "http://jabber.org/protocol/muc#request": true,
		"urn:xmpp:message-moderate:1": true, "http://jabber.org/protocol/commands": false, "jabber:iq:register": false} {
		if strings.Contains(info.String(), "var='"+feature+"'") != want {
			p.Errorf("feature %s told: %v\n%s", feature, !want, info)
		}
	}
	p.configures(garden, "muc#roomconfig_moderatedroom", "1")
	p.isTold(p.benvolio, there, "104")
	info, err = p.benvolio.Request(p.step(), there, "get", `<query xmlns='http://jabber.org/protocol/disco#info'/>`)
	p.must(err)
	if !strings.Contains(info.String(), "var='muc_moderated'") {
		p.Errorf("the room is not said to be moderated: %s", info)
	}
}

// outcome is what an occupant's unavailable presence says of it.
type outcome struct{ status, reason string }

// out waits until somebody sees an occupant go, and holds why.
func (p *scene) out(c *xmppclient.Client, room, nick string, want outcome) {
	p.Helper()
	st := p.sees(c, room, nick, xmpp.TypeUnavailable, want.status)
	if reason := st.Child(nsMUCUser, "x").Child(nsMUCUser, "item").ChildText(nsMUCUser, "reason"); reason != want.reason {
		p.Errorf("%s sees %s go with the reason %q, want %q", c.JID, nick, reason, want.reason)
	}
	var codes []string
	for _, s := range st.Child(nsMUCUser, "x").ChildrenNamed(nsMUCUser, "status") {
		codes = append(codes, s.Attr("code"))
	}
	var all []string
	if want.status != "" {
		all = append(all, want.status)
	}
	if c.JID.Local() == strings.ToLower(nick) {
		all = append(all, "110")
	}
	if slices.Sort(codes); !slices.Equal(codes, slices.Sorted(slices.Values(all))) {
		p.Errorf("%s sees %s go with the status codes %q, want %q", c.JID, nick, codes, all)
	}
}

// befallen: what befalls XMPP users in a room of another provider, told by status code and reason to them and to all others (XEP-0045 §8.2, §9.1, §9.4,
// §10.3, §10.9): kicked, banned, removed, the room given to them, the room destroyed.
func befallen(p *scene) {
	garden, uri := room("befallen")
	there := far("befallen")
	benvolio, rosaline := thereURI("benvolio"), thereURI("rosaline")
	r, nurse := p.signsIn(p.there, "rosaline"), p.signsIn(p.here, "nurse")
	p.enters(p.juliet, garden, "juliet")
	p.enters(nurse, garden, "nurse")
	p.joins(p.bob, uri)
	p.enters(p.benvolio, there, "benvolio")
	p.sees(p.benvolio, there, "nurse", "", "")
	comes := func() {
		p.Helper()
		p.enters(r, there, "rosaline")
		for _, c := range []*xmppclient.Client{p.juliet, nurse} {
			p.sees(c, garden, "rosaline", "", "")
		}
		p.sees(p.benvolio, there, "rosaline", "", "")
	}
	goes := func(status, reason string) {
		p.Helper()
		for _, c := range []*xmppclient.Client{p.juliet, nurse} {
			p.out(c, garden, "rosaline", outcome{status, reason})
		}
		for _, c := range []*xmppclient.Client{p.benvolio, r} {
			p.out(c, there, "rosaline", outcome{status, reason})
		}
	}
	comes()
	p.admin(p.juliet, garden, "<item nick='rosaline' role='none'><reason>too loud</reason></item>")
	goes("307", "too loud")
	if l := p.expects(p.bob, "her kick", in(uri, "leaf_removed", "anteroom")); !l.Has("participant_removed", rosaline) ||
		!slices.ContainsFunc(l.Changes, func(c stack.Change) bool { return c.Reason == "too loud" }) {
		p.Errorf("bob sees of the kick: %+v", l)
	}

	comes()
	p.admin(p.juliet, garden, "<item jid='"+thereAs("rosaline")+"' affiliation='outcast'><reason>again</reason></item>")
	goes("301", "again")
	p.turnedAway(r, there, "rosaline", xmpp.Forbidden)
	p.admin(p.juliet, garden, "<item jid='"+thereAs("rosaline")+"' affiliation='none'/>")
	p.must(p.juliet.Say(garden, "she may come back")) // which her provider knows when it hears this
	p.hears(p.benvolio, there, "juliet", "she may come back")

	// Who is of the other provider kicks and bans in the same way.
	comes()
	p.admin(p.juliet, garden, "<item nick='benvolio' affiliation='admin'/>")
	p.occupantItem(p.benvolio, there, "benvolio", "admin", "moderator")
	p.admin(p.benvolio, there, "<item nick='nurse' role='none'><reason>to bed</reason></item>")
	p.out(nurse, garden, "nurse", outcome{"307", "to bed"})
	p.out(p.juliet, garden, "nurse", outcome{"307", "to bed"})
	p.out(p.benvolio, there, "nurse", outcome{"307", "to bed"})
	p.out(r, there, "nurse", outcome{"307", "to bed"})
	p.enters(nurse, garden, "nurse")
	p.sees(nurse, garden, "rosaline", "", "")
	p.sees(p.benvolio, there, "nurse", "", "")

	// A native admin does.
	p.admin(p.juliet, garden, "<item jid='u%bob%"+bobDomain+"@"+stack.Rooms+"' affiliation='admin'/>")
	p.expects(p.bob, "that he is an admin", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && l.Has("role_changed", p.bob.User)
	})
	p.tells(p.bob, "kick %s %s", uri, rosaline)
	goes("307", "")

	// A room for members: who is no member goes, and who is no member any more.
	comes()
	p.admin(p.juliet, garden, "<item jid='nurse@"+stack.Domain+"' affiliation='member'/>")
	p.configures(garden, "muc#roomconfig_membersonly", "1")
	p.isTold(p.benvolio, there, "104")
	p.isTold(nurse, garden, "104")
	goes("322", "")
	p.turnedAway(r, there, "rosaline", xmpp.RegistrationRequired)
	p.admin(p.benvolio, there, "<item jid='rosaline@"+otherDomain+"' affiliation='member'/>")
	comes()
	p.admin(p.benvolio, there, "<item nick='rosaline' affiliation='none'><reason>no more</reason></item>")
	goes("321", "no more")

	// The owner gives the room away: whoever has it decides, and the one who had it does not.
	p.admin(p.juliet, garden, "<item nick='benvolio' affiliation='owner'/>")
	p.occupantItem(p.benvolio, there, "benvolio", "owner", "moderator")
	p.occupantItem(nurse, garden, "benvolio", "owner", "moderator")
	p.admin(p.benvolio, there, "<item nick='juliet' affiliation='member'><reason>it is mine</reason></item>")
	p.occupantItem(p.juliet, garden, "juliet", "member", "participant")
	p.wantList(p.benvolio, there, "owner", "benvolio@"+otherDomain)
	p.denied(p.juliet, garden, "get", `<query xmlns='`+nsMUCOwner+`'/>`, xmpp.Forbidden, "")
	p.denied(p.juliet, garden, "set", `<query xmlns='`+nsMUCAdmin+`'><item nick='benvolio' affiliation='none'/></query>`, xmpp.Forbidden, "")
	p.admin(p.benvolio, there, "<item nick='nurse' affiliation='owner'/>")
	p.expects(p.bob, "that the nurse is an owner", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && slices.Equal(l.Proposer, []string{benvolio}) &&
			slices.ContainsFunc(l.Changes, func(c stack.Change) bool { return c.Kind == "role_changed" && c.RoleName == "owner" })
	})
	p.occupantItem(nurse, garden, "nurse", "owner", "moderator")

	// It is called as its owner likes, and everybody is told; what only its provider can do is refused.
	const form = `<query xmlns='` + nsMUCOwner + `'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>`
	st, err := p.benvolio.Request(p.step(), there, "get", `<query xmlns='`+nsMUCOwner+`'/>`)
	p.must(err)
	if text := st.String(); !strings.Contains(text, "muc#roomconfig_roomname") || strings.Contains(text, "muc#roomconfig_membersonly") {
		p.Errorf("the owner is offered %s", text)
	}
	_, err = p.benvolio.Request(p.step(), there, "set", form+`<field var='muc#roomconfig_roomname'><value>Mantua</value></field></x></query>`)
	p.must(err)
	p.isTold(p.benvolio, there, "104")
	p.isTold(nurse, garden, "104")
	if st, err = nurse.Request(p.step(), garden, "get", `<query xmlns='http://jabber.org/protocol/disco#info'/>`); err != nil || !strings.Contains(st.String(), "name='Mantua'") {
		p.Errorf("the room is called %v, %v", st, err)
	}
	p.denied(p.benvolio, there, "set", form+`<field var='muc#roomconfig_membersonly'><value>0</value></field></x></query>`, xmpp.NotAllowed, "this room belongs to "+stack.Domain)
	p.denied(p.benvolio, there, "set", `<query xmlns='`+nsMUCOwner+`'><destroy/></query>`, xmpp.NotAllowed, "this room belongs to "+stack.Domain)

	// An owner at home destroys it.
	const venue = "<destroy jid='orchard@" + stack.Rooms + "'><reason>moving on</reason></destroy>"
	_, err = nurse.Request(p.step(), garden, "set", `<query xmlns='`+nsMUCOwner+`'>`+venue+`</query>`)
	p.must(err)
	for _, told := range []struct {
		c              *xmppclient.Client
		at, nick, want string
	}{{p.juliet, garden, "juliet", "orchard@" + stack.Rooms}, {p.benvolio, there, "benvolio", far("orchard")}} {
		st := p.sees(told.c, told.at, told.nick, xmpp.TypeUnavailable, "")
		d := st.Child(nsMUCUser, "x").Child(nsMUCUser, "destroy")
		if d == nil || d.Attr("jid") != told.want || d.ChildText(nsMUCUser, "reason") != "moving on" {
			p.Errorf("%s is told of the end: %s", told.nick, st)
		}
	}
	p.expects(p.bob, "that he is out", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == uri })
	p.redirected(r, there, "rosaline", "xmpp:orchard%25"+stack.Domain+"@rooms."+otherDomain+"?join")
}

// invited waits for a mediated invitation (XEP-0045 §7.8.2) and returns who sent it.
func (p *scene) invited(c *xmppclient.Client, room string) (from string) {
	p.Helper()
	st, err := c.Expect(p.step(), "an invitation to "+room, func(st *xmpp.Stanza) bool {
		x := st.Child(nsMUCUser, "x")
		return st.Kind == xmpp.Message && st.Type != xmpp.TypeError && st.From.String() == room && x != nil && x.Child(nsMUCUser, "invite") != nil
	})
	p.must(err)
	return st.Child(nsMUCUser, "x").Child(nsMUCUser, "invite").Attr("from")
}

// decides lets an XMPP user of the other anteroom fill in one of the commands about consent, at its service (docs/decisions/071-persons.md).
func (p *scene) decides(c *xmppclient.Client, command string, fields ...string) {
	p.Helper()
	p.command(c, "rooms."+otherDomain, "urn:anteroom:person#"+command, fields...)
}

// welcomed: an XMPP user who trusts a provider is added to a room elsewhere by a user of that provider. It is told by an invitation, at once or, if it is away,
// when it comes, and enters without a commit: its leaf is there already.
func welcomed(p *scene) {
	garden, uri := room("welcomed")
	there := far("welcomed")
	p.enters(p.juliet, garden, "juliet")
	p.joins(p.bob, uri)
	p.sees(p.juliet, garden, "bob", "", "")
	r := p.signsIn(p.there, "rosaline")
	for _, c := range []*xmppclient.Client{p.benvolio, r} {
		p.decides(c, "provider", "provider", bobDomain, "users", "allow")
	}
	p.must(r.Close())
	p.must(p.benvolio.Appear(p.step()))

	p.tells(p.bob, "add %s %s", uri, thereURI("benvolio"))
	first := p.changed(p.bob, uri, "leaf_added", thereURI("benvolio"), p.bob.User)
	if by := p.invited(p.benvolio, there); by != "u%bob%"+bobDomain+"@rooms."+otherDomain {
		p.Errorf("benvolio is invited by %s", by)
	}
	p.tells(p.bob, "add %s %s", uri, thereURI("rosaline"))
	second := p.changed(p.bob, uri, "leaf_added", thereURI("rosaline"), p.bob.User)
	if first.External || second.External || second.Epoch != first.Epoch+1 {
		p.Errorf("the two are added in epoch %d and %d", first.Epoch, second.Epoch)
	}
	p.occupantItem(p.juliet, garden, "rosaline", "none", "participant")

	p.enters(p.benvolio, there, "benvolio")
	r = p.returns(p.there, "rosaline", there)
	p.invited(r, there)
	p.enters(r, there, "rosaline")
	p.sees(p.benvolio, there, "rosaline", "", "")
	p.must(r.Say(there, "what is this place?"))
	p.hears(p.juliet, garden, "rosaline", "what is this place?")
	said := p.expects(p.bob, "what she says", func(l *stack.Line) bool {
		return l.Type == "message" && l.Room == uri && l.Sender == thereURI("rosaline")
	})
	if said.Epoch != second.Epoch {
		p.Errorf("to enter took commits: she was added in epoch %d and speaks in %d", second.Epoch, said.Epoch)
	}
	for _, c := range []*xmppclient.Client{p.benvolio, r} {
		p.decides(c, "provider", "provider", bobDomain, "users", "ask")
	}
}
