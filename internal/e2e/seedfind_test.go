package e2e

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// asks sends a line to the user's service, as one writes to a contact, and returns what it says.
func (p *scene) asks(c *xmppclient.Client, service, line string) (answer string) {
	p.Helper()
	said := func(st *xmpp.Stanza) bool {
		text, says := st.Body()
		answer = text
		return says && st.Kind == xmpp.Message && st.From.String() == service
	}
	c.Forget(said) // what it was told before
	p.must(c.Send("<message to='" + service + "' type='chat'><body>" + line + "</body></message>"))
	st, err := c.Expect(p.step(), "the answer to "+line, said)
	p.must(err)
	if e := st.Err(); e != nil {
		p.Fatalf("%s: %v", line, e)
	}
	return answer
}

// fields is a submitted form.
func fields(pairs ...string) string {
	form := `<x xmlns='jabber:x:data' type='submit'>`
	for i := 0; i < len(pairs); i += 2 {
		form += `<field var='` + pairs[i] + `'><value>` + pairs[i+1] + `</value></field>`
	}
	return form + `</x>`
}

// found: users and rooms of another provider are found by XMPP users and by native ones, those alone that want to be, and by those alone whose provider
// proves its name; a room found is entered (draft-ietf-mimi-protocol-06 §5.8, docs/decisions/122-search.md).
func found(p *scene) {
	const hereService, thereService = stack.Rooms, "rooms." + otherDomain
	const julietThere = "u%juliet%" + stack.Domain + "@" + thereService
	const nothing = "Nothing was found at " + stack.Domain + "."
	balcony, balconyURI := room("found")
	balconyThere := "found%" + stack.Domain + "@" + thereService
	listed := strings.Replace(openDocument, `"user-affiliations"`, `"metadata": {"name": "Balcony by night"}, "user-affiliations"`, 1)
	p.create("found", listed)
	p.create("found-not", strings.Replace(strings.Replace(listed, `"discoverable": true`, `"discoverable": false`, 1), "by night", "by night, secretly", 1))

	answers := func(c *xmppclient.Client, service, line, want string) {
		p.Helper()
		if got := p.asks(c, service, line); got != want {
			p.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	answers(p.benvolio, thereService, "find juliet@"+stack.Domain, nothing) // she has not said that she wants to be found
	answers(p.juliet, hereService, "findable handle", "Done.")
	answers(p.benvolio, thereService, "find capulet at "+stack.Domain, nothing)
	answers(p.juliet, hereService, "findable name Juliet Capulet", "Done.")
	answers(p.benvolio, thereService, "find juliet@"+stack.Domain, julietThere+" (Juliet Capulet)")
	answers(p.benvolio, thereService, "find capulet at "+stack.Domain, julietThere+" (Juliet Capulet)")
	answers(p.juliet, hereService, "find cathy@"+cathyDomain, "u%cathy%"+cathyDomain+"@"+hereService)
	answers(p.juliet, hereService, "find bob@"+bobDomain, "Nothing was found at "+bobDomain+".")

	// As clients search: XEP-0055 by its form, XEP-0433, a command.
	holds := func(what string, st *xmpp.Stanza, want string, not ...string) {
		p.Helper()
		for _, no := range not {
			if strings.Contains(st.String(), no) {
				p.Errorf("%s finds %s: %s", what, no, st.String())
			}
		}
		if !strings.Contains(st.String(), want) {
			p.Errorf("%s does not find %s: %s", what, want, st.String())
		}
	}
	request := func(kind, payload string) *xmpp.Stanza {
		p.Helper()
		st, err := p.benvolio.Request(p.step(), thereService, kind, payload)
		p.must(err)
		return st
	}
	st := request("set", `<query xmlns='jabber:iq:search'>`+fields("FORM_TYPE", "jabber:iq:search", "user", "Capulet", "x-anteroom_provider", stack.Domain)+`</query>`)
	holds("XEP-0055", st, "<value>"+julietThere+"</value>")
	st = request("get", `<search xmlns='urn:xmpp:channel-search:0:search'>`+
		fields("FORM_TYPE", "urn:xmpp:channel-search:0:search-params", "q", "night", "x-anteroom_provider", stack.Domain)+`</search>`)
	holds("XEP-0433", st, "address='"+balconyThere+"'", "found-not", "secretly")
	const ns, node = "http://jabber.org/protocol/commands", "urn:anteroom:person#rooms"
	session := request("set", `<command xmlns='`+ns+`' node='`+node+`' action='execute'/>`).Child(ns, "command").Attr("sessionid")
	st = request("set", `<command xmlns='`+ns+`' node='`+node+`' sessionid='`+session+`'>`+fields("provider", stack.Domain, "words", "balcony")+`</command>`)
	holds("the command", st, "<value>"+balconyThere+"</value>", "found-not", "secretly")
	p.enters(p.benvolio, balconyThere, "benvolio")
	p.enters(p.juliet, balcony, "juliet")
	p.must(p.benvolio.Say(balconyThere, "found it"))
	p.hears(p.juliet, balcony, "benvolio", "found it")

	// A native user.
	finds := func(line string, want ...stack.Found) {
		p.Helper()
		p.tells(p.cathy, "%s", line)
		l := p.expects(p.cathy, "what "+line+" finds", func(l *stack.Line) bool { return l.Type == "found" || l.Command == "find" || l.Command == "rooms" })
		if l.Type != "found" || !slices.Equal(l.Found, want) {
			p.Errorf("%s: %+v, want %+v", line, l, want)
		}
	}
	juliet := stack.Found{User: "mimi://" + stack.Domain + "/u/juliet", Name: "Juliet Capulet"}
	finds("find juliet@"+stack.Domain, juliet)
	finds("find capulet at "+stack.Domain, juliet)
	finds("find nurse@" + stack.Domain)
	finds("rooms "+stack.Domain+" balcony night", stack.Found{Room: balconyURI, Name: "Balcony by night"})
	p.tells(p.cathy, "join %s", balconyURI)
	p.expects(p.cathy, "her entry", joined(balconyURI, "cli"))
	p.sees(p.juliet, balcony, "cathy", "", "")

	// Who does not want to be found any more is not.
	answers(p.juliet, hereService, "findable no", "Done.")
	answers(p.benvolio, thereService, "find juliet@"+stack.Domain, nothing)
	answers(p.juliet, hereService, "findable name Juliet Capulet", "Done.")

	// Whoever proves no name, or another than it says, learns nothing; who does is answered.
	_, err := p.here.ForgedAuthority(p.ctx, edgarDomain)
	p.must(err)
	query := wire.Marshal(&mimi.IdentifierRequest{Elements: []mimi.QueryElement{{Type: mimi.SearchHandle, Value: "im:juliet@" + stack.Domain}}})
	asked := func(certificates, as string) (mimihttp.Reply, error) {
		p.Helper()
		own := filepath.Join(certificates, edgarDomain)
		id, err := mimihttp.LoadIdentity(own+".pem", own+".key", []string{filepath.Join(p.here.Dir, "ca.pem")})
		p.must(err)
		client := mimihttp.NewClient(mimihttp.ClientConfig{Domain: as, Identity: id, Peers: map[string]string{stack.Domain: p.here.MIMIAddr}})
		defer client.Close()
		return client.Post(p.step(), stack.Domain, mimi.EndpointIdentifierQuery, mimi.URI{}, query)
	}
	if reply, err := asked(p.here.Dir, edgarDomain); err != nil || reply.Status != http.StatusOK || !strings.Contains(string(reply.Body), "Juliet Capulet") {
		p.Errorf("%s asks: %d %q %v", edgarDomain, reply.Status, reply.Body, err)
	}
	if reply, err := asked(p.here.Dir, cathyDomain); err != nil || reply.Status != http.StatusForbidden {
		p.Errorf("%s asks as %s: %d %q %v", edgarDomain, cathyDomain, reply.Status, reply.Body, err)
	}
	if reply, err := asked(filepath.Join(p.here.Dir, "forged"), edgarDomain); err == nil {
		p.Errorf("somebody whom nobody vouches for is answered: %d %q", reply.Status, reply.Body)
	}
}
