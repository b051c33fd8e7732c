package e2e

import (
	"errors"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// configures lets juliet change fields of a room's configuration, each followed by its value.
func (p *scene) configures(room string, fields ...string) {
	p.Helper()
	form := ""
	for i := 0; i < len(fields); i += 2 {
		form += `<field var='` + fields[i] + `'><value>` + fields[i+1] + `</value></field>`
	}
	_, err := p.juliet.Request(p.step(), room, "set", `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>`+
		`http://jabber.org/protocol/muc#roomconfig</value></field>`+form+`</x></query>`)
	p.must(err)
}

// isTold waits for a message to everybody with a status code (XEP-0045 §10.2.1).
func (p *scene) isTold(c *xmppclient.Client, room, status string) {
	p.Helper()
	_, err := c.Expect(p.step(), "status "+status+" of "+room, func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat && st.From.String() == room && xmppclient.HasStatus(st, status)
	})
	p.must(err)
}

// unlogged: an owner turns logging off and on. Everybody is told, also at the other provider, and who was a logger is one no more.
func unlogged(p *scene) {
	garden, uri := room("unlogged")
	there := "unlogged%" + stack.Domain + "@rooms." + otherDomain
	p.create("unlogged", strings.NewReplacer(`"logging": false`, `"logging": true`, `"preauth-member": []`, `"preauth-member": [{"system": "`+p.cathy.User+`"}]`).Replace(openDocument))
	p.joins(p.cathy, uri)
	for _, who := range []struct {
		c        *xmppclient.Client
		at, nick string
	}{{p.juliet, garden, "juliet"}, {p.benvolio, there, "benvolio"}} {
		st, err := who.c.Join(p.step(), who.at, who.nick)
		p.must(err)
		if !xmppclient.HasStatus(st, "170") {
			p.Errorf("%s is not told that the room is logged: %s", who.nick, st.String())
		}
	}
	p.configures(garden, "muc#roomconfig_enablelogging", "0")
	p.isTold(p.juliet, garden, "171")
	p.isTold(p.benvolio, there, "171")
	p.admin(p.juliet, garden, "<item nick='cathy' role='none'/>")
	p.expects(p.cathy, "that she is out", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == uri })
	p.configures(garden, "muc#roomconfig_enablelogging", "1")
	p.isTold(p.juliet, garden, "170")
}

// full: the group has as many clients as its owner allows. A user with two gets one in, nobody else enters, and both are told why.
func full(p *scene) {
	garden, uri := room("full")
	p.enters(p.juliet, garden, "juliet")
	p.configures(garden, "x-anteroom_max_clients", "3") // the keeper, juliet and one
	p.joins(p.bob, uri)
	first := p.clients(p.bob, uri, p.bob.User)
	p.tells(p.bob, "device add tablet")
	if l := p.refused(p.bob, "join", uri); !strings.HasSuffix(l.Client, "/tablet") || !strings.Contains(l.Text, "allows 3 clients") {
		p.Errorf("refused %+v", l)
	}
	p.wantClients(p.bob, uri, p.bob.User, first...)
	p.tells(p.cathy, "join %s", uri)
	p.refused(p.cathy, "join", uri)
	_, err := p.benvolio.Join(p.step(), "full%"+stack.Domain+"@rooms."+otherDomain, "benvolio")
	var e *xmpp.StanzaError
	if !errors.As(err, &e) || !strings.Contains(e.Text, "allows 3 clients") {
		p.Errorf("benvolio enters the full room: %v", err)
	}
	p.configures(garden, "x-anteroom_max_clients", "4")
	p.joins(p.cathy, uri)
	p.sees(p.juliet, garden, "cathy", "", "")
	p.tells(p.bob, "device delete tablet")
	p.expects(p.bob, "that the tablet is forgotten", func(l *stack.Line) bool { return l.Type == "device_deleted" && strings.HasSuffix(l.Client, "/tablet") })
}
