package e2e

import (
	"cmp"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// closed is a document of a room for members only, with whatever is to stand in its policy and beside it.
func closed(policy, more string) string {
	return `{"policy": {"discoverable": true, "open": false, "moderated": false, "logging": false, "fixed-membership": false, "multi-device": true` + policy + `},
  ` + more + `"preauth-owner": [], "preauth-admin": [], "preauth-visitor": [], "owning-system": [], "system-auth": [],
  "user-affiliations": {"owner": ["juliet@a.example"], "admin": [], "member": [], "outcast": []}}`
}

const nobodyPreauthorised = `"preauth-member": [], `

// refused waits for the refusal of a command.
func (p *scene) refused(n *stack.Native, command, uri string) *stack.Line {
	p.Helper()
	return p.expects(n, "a refusal of "+command, func(l *stack.Line) bool { return l.Type == "refused" && l.Command == command && l.Room == uri })
}

// turnedAway lets an XMPP user try to enter in vain.
func (p *scene) turnedAway(c *xmppclient.Client, room, nick string, want xmpp.Condition) {
	p.Helper()
	_, err := c.Join(p.step(), room, nick)
	var e *xmpp.StanzaError
	if !errors.As(err, &e) || e.Condition != want {
		p.Errorf("%s enters %s: %v, want %s", nick, room, err, want)
	}
}

// joinsByConsent: bob adds cathy, who is asked first, and then as one who has consented to all rooms (the seed's ways 1 and 2).
func joinsByConsent(p *scene) {
	garden, uri := room("consent")
	pond, pondURI := room("consent-2")
	asks := func(l *stack.Line) bool { return l.Type == "consent_asked" }
	for _, r := range []struct{ at, uri string }{{garden, uri}, {pond, pondURI}} {
		p.enters(p.juliet, r.at, "juliet")
		p.joins(p.bob, r.uri)
		p.admin(p.juliet, r.at, "<item jid='u%bob%"+bobDomain+"@"+stack.Rooms+"' affiliation='admin'/>")
		p.expects(p.bob, "that he is an admin", func(l *stack.Line) bool {
			return l.Type == "epoch" && l.Room == r.uri && l.Has("role_changed", p.bob.User)
		})
	}

	p.tells(p.bob, "add %s %s", uri, p.cathy.User)
	p.expects(p.bob, "that cathy is asked", asks)
	p.expects(p.cathy, "the question", func(l *stack.Line) bool {
		return l.Type == "consent_requested" && l.User == p.bob.User && l.Room == uri
	})
	p.tells(p.cathy, "consent %s %s", p.bob.User, uri)
	p.expects(p.bob, "that she consents", func(l *stack.Line) bool { return l.Type == "consent_granted" && l.User == p.cathy.User })
	p.expects(p.cathy, "the Welcome", entered(uri))
	p.sees(p.juliet, garden, "cathy", "", "")
	added := p.expects(p.bob, "cathy's entry", func(l *stack.Line) bool { return l.Type == "epoch" && l.Has("participant_added", p.cathy.User) })
	if !slices.Equal(added.Proposer, []string{p.bob.User}) {
		p.Errorf("cathy was added by %q", added.Proposer)
	}
	p.tells(p.cathy, "send %s here I am", uri)
	p.hears(p.juliet, garden, "cathy", "here I am")

	p.tells(p.cathy, "consent %s", p.bob.User) // to all rooms
	p.expects(p.bob, "that she consents to all", func(l *stack.Line) bool { return l.Type == "consent_granted" && l.Room == "" })
	p.tells(p.bob, "add %s %s", pondURI, p.cathy.User)
	p.expects(p.cathy, "the Welcome", entered(pondURI))
	p.sees(p.juliet, pond, "cathy", "", "")
	if n := len(p.bob.Seen(asks)); n != 1 {
		p.Errorf("cathy was asked %d times", n)
	}

	p.tells(p.cathy, "refuse %s", p.bob.User)
	p.expects(p.bob, "that she does not want that any more", func(l *stack.Line) bool { return l.Type == "consent_revoked" })
}

// joinsPreauthorised: who is preauthorised enters by external commit, everybody else does not (the seed's way 3).
func joinsPreauthorised(p *scene) {
	garden, uri := room("preauthorised")
	p.create("preauthorised", closed("", `"preauth-member": [{"user": "`+p.cathy.User+`"}], `))
	p.enters(p.juliet, garden, "juliet")
	p.tells(p.bob, "join %s", uri)
	p.refused(p.bob, "join", uri)
	p.turnedAway(p.benvolio, "preauthorised%"+stack.Domain+"@rooms."+otherDomain, "benvolio", xmpp.Forbidden)
	p.joins(p.cathy, uri)
	st := p.sees(p.juliet, garden, "cathy", "", "")
	if x := st.Child("http://jabber.org/protocol/muc#user", "x"); x == nil || x.Child("http://jabber.org/protocol/muc#user", "item").Attr("affiliation") != "member" {
		p.Errorf("cathy enters as %s", st.String())
	}
}

// joinsByLink: a link with a password lets in whoever shows both, once (the seed's way 4).
func joinsByLink(p *scene) {
	garden, uri := room("link")
	p.create("link", closed("", nobodyPreauthorised))
	p.enters(p.juliet, garden, "juliet")
	const node = "urn:anteroom:room#make-join-link"
	command := func(attrs, form string) *xmpp.Element {
		p.Helper()
		st, err := p.juliet.Request(p.step(), garden, "set", `<command xmlns='http://jabber.org/protocol/commands' node='`+node+`' `+attrs+`>`+form+`</command>`)
		p.must(err)
		return st.Child("http://jabber.org/protocol/commands", "command")
	}
	link := func(password string) (text string) {
		p.Helper()
		session := command("action='execute'", "").Attr("sessionid")
		result := command("sessionid='"+session+"' action='complete'", `<x xmlns='jabber:x:data' type='submit'><field var='affiliation'><value>member</value></field>`+
			`<field var='uses'><value>1</value></field><field var='password'><value>`+password+`</value></field></x>`)
		for field := range result.Child("jabber:x:data", "x").Elements() {
			if field.Attr("var") == "link" {
				text = field.Child("jabber:x:data", "value").Text()
			}
		}
		if text == "" {
			p.Fatalf("no link in %s", result)
		}
		return text
	}
	token := link("sesame")
	p.tells(p.bob, "join %s", uri)
	p.refused(p.bob, "join", uri)
	p.tells(p.bob, "join %s --link %s.open", uri, token)
	p.refused(p.bob, "join", uri)
	p.tells(p.bob, "join %s --link %s.sesame", uri, token)
	p.expects(p.bob, "his entry", entered(uri))
	p.sees(p.juliet, garden, "bob", "", "")
	p.tells(p.cathy, "join %s --link %s.sesame", uri, token) // it was for one
	p.refused(p.cathy, "join", uri)
}

// joinsByKnock: whoever knocks waits for an admin, who adds it, or lets it fetch the GroupInfo.
func joinsByKnock(p *scene) {
	garden, uri := room("knock")
	p.create("knock", closed(`, "membership": "knock-first"`, nobodyPreauthorised))
	p.enters(p.juliet, garden, "juliet")
	decides := func(user string) {
		p.Helper()
		st, err := p.juliet.Expect(p.step(), "the knock of "+user, func(st *xmpp.Stanza) bool {
			return st.Kind == xmpp.Message && st.From.String() == garden && st.Child("jabber:x:data", "x") != nil && strings.Contains(st.String(), user)
		})
		p.must(err)
		fields := ""
		for field := range st.Child("jabber:x:data", "x").Elements() {
			name, value := field.Attr("var"), ""
			if v := field.Child("jabber:x:data", "value"); v != nil {
				value = v.Text()
			}
			if name == "muc#register_allow" {
				value = "1"
			}
			if name != "" {
				fields += "<field var='" + name + "'><value>" + value + "</value></field>"
			}
		}
		p.must(p.juliet.Send("<message to='" + garden + "' id='decided'><x xmlns='jabber:x:data' type='submit'>" + fields + "</x></message>"))
	}

	p.tells(p.cathy, "knock %s", uri)
	decides("cathy")
	p.expects(p.cathy, "that she was added", entered(uri))
	p.sees(p.juliet, garden, "cathy", "", "")

	p.tells(p.bob, "join %s", uri)
	p.refused(p.bob, "join", uri)
	decides("bob")
	p.expects(p.cathy, "that bob is listed", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && l.Has("participant_added", p.bob.User)
	})
	p.expects(p.bob, "that he is let in", func(l *stack.Line) bool { return l.Type == "let_in" && l.Room == uri })
	p.joins(p.bob, uri)
	p.sees(p.juliet, garden, "bob", "", "")

	followed := "knock%" + stack.Domain + "@rooms." + otherDomain
	p.must(p.benvolio.Appear(p.step())) // who is not available gets no invitations
	p.turnedAway(p.benvolio, followed, "benvolio", xmpp.Forbidden)
	decides("benvolio")
	_, err := p.benvolio.Expect(p.step(), "that benvolio is let in", func(st *xmpp.Stanza) bool {
		x := st.Child("http://jabber.org/protocol/muc#user", "x")
		return st.Kind == xmpp.Message && st.From.String() == followed && x != nil && x.Child("http://jabber.org/protocol/muc#user", "invite") != nil
	})
	p.must(err)
	p.enters(p.benvolio, followed, "benvolio")
	p.sees(p.juliet, garden, "benvolio", "", "")
}

// logged: a room that must be logged has its logger before anybody comes, tells everybody so, and keeps it.
func logged(p *scene) {
	garden, uri := room("logged")
	document := strings.Replace(closed("", `"preauth-member": [{"system": "`+p.cathy.User+`"}], `), `"logging": false`, `"logging": true`, 1)
	p.create("logged", document)
	_, err := p.juliet.Join(p.step(), garden, "juliet")
	var e *xmpp.StanzaError
	if !errors.As(err, &e) || !strings.Contains(e.Text, "logged by its policy") {
		p.Errorf("juliet enters before the logger: %v", err)
	}
	p.joins(p.cathy, uri)
	st, err := p.juliet.Join(p.step(), garden, "juliet")
	p.must(err)
	if !xmppclient.HasStatus(st, "170") {
		p.Errorf("juliet is not told that the room is logged: %s", st.String())
	}
	for _, item := range []string{"<item nick='cathy' role='none'/>", "<item jid='u%cathy%" + cathyDomain + "@" + stack.Rooms + "' affiliation='outcast'/>"} {
		_, err = p.juliet.Request(p.step(), garden, "set", `<query xmlns='http://jabber.org/protocol/muc#admin'>`+item+`</query>`)
		if !errors.As(err, &e) || !strings.Contains(e.Text, "logs this room") {
			p.Errorf("%s: %v", item, err)
		}
	}
	p.must(p.juliet.Say(garden, "on the record"))
	p.expects(p.cathy, "what is said", func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri && l.Body == "on the record" })
	p.wantClients(p.cathy, uri, p.cathy.User, "cli")
}

// states: pre-authorised, participant and MLS member are shown apart, to operators and to owners (the seed, "Security Considerations").
func states(p *scene) {
	garden, uri := room("states")
	document := closed("", `"preauth-member": [{"user": "`+p.cathy.User+`"}, {"domain": "`+otherDomain+`"}], `)
	p.create("states", strings.Replace(document, `"member": []`, `"member": ["`+p.bob.User+`"]`, 1))
	p.enters(p.juliet, garden, "juliet")
	wants := func(when string, want map[string]string) {
		p.Helper()
		out, err := command(p.T, anteroomBinary, "room", "members", "--config", p.here.ConfigFile(), "--json", "states")
		p.must(err)
		var lines []struct{ User, JID, State string }
		p.must(json.Unmarshal([]byte(out), &lines))
		got := map[string]string{}
		for _, l := range lines {
			got[cmp.Or(l.JID, l.User)] = l.State
		}
		if !maps.Equal(got, want) {
			p.Errorf("%s operators see %v, want %v", when, got, want)
		}
		st, err := p.juliet.Request(p.step(), garden, "set", `<command xmlns='http://jabber.org/protocol/commands' node='urn:anteroom:room#states' action='execute'/>`)
		p.must(err)
		clear(got)
		for row := range st.Child("http://jabber.org/protocol/commands", "command").Child("jabber:x:data", "x").Elements() {
			cells := map[string]string{}
			for field := range row.Elements() {
				if v := field.Child("jabber:x:data", "value"); v != nil && row.Is("jabber:x:data", "item") {
					cells[field.Attr("var")] = v.Text()
				}
			}
			if cells["user"] != "" {
				got[cells["user"]] = cells["state"]
			}
		}
		if !maps.Equal(got, want) {
			p.Errorf("%s the owner sees %v, want %v", when, got, want)
		}
	}
	const juliet, domain = "juliet@" + stack.Domain, "domain " + otherDomain
	bob, cathy := "u%bob%"+bobDomain+"@"+stack.Rooms, "u%cathy%"+cathyDomain+"@"+stack.Rooms
	wants("at first", map[string]string{juliet: "MLS member", bob: "participant", cathy: "pre-authorised", domain: "pre-authorised"})
	for _, n := range []*stack.Native{p.bob, p.cathy} {
		p.joins(n, uri)
	}
	wants("when both are in", map[string]string{juliet: "MLS member", bob: "MLS member", cathy: "MLS member", domain: "pre-authorised"})
	p.admin(p.juliet, garden, "<item nick='bob' role='none'/>") // a member who is kicked stays a participant
	p.admin(p.juliet, garden, "<item jid='"+cathy+"' affiliation='outcast'/>")
	wants("after a kick and a ban", map[string]string{juliet: "MLS member", bob: "participant", cathy: "banned", domain: "pre-authorised"})
}
