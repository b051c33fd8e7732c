package e2e

import (
	"errors"
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/xmpp"
)

// addressed: the im:mimi= form of URIs, in which the seed names rooms ("Fixed-membership groups"), is understood wherever people type one: in documents
// and on the command line of operators, by native users, and in what XMPP users say to their service. What travels is the other form.
func addressed(p *scene) {
	const thereService = "rooms." + otherDomain
	seed := func(name, provider string) string { return "im:mimi=" + name + "@" + provider }
	garden, uri := room("addressed")
	typed := seed("addressed", stack.Domain)
	bob, cathy, benvolio, edgar := seed("%40bob", bobDomain), seed("%40cathy", cathyDomain), seed("%40benvolio", otherDomain), seed("%40edgar", edgarDomain)

	// Operators.
	document := closed("", `"preauth-member": [{"user": "`+cathy+`"}, {"user": "`+benvolio+`"}], `)
	document = strings.Replace(document, `"owner": ["juliet@a.example"], "admin": []`, `"owner": ["`+seed("%40juliet", stack.Domain)+`"], "admin": ["`+bob+`"]`, 1)
	p.create(typed, strings.Replace(document, `"outcast": []`, `"outcast": ["`+edgar+`"]`, 1))
	operator := func(want string, args ...string) {
		p.Helper()
		args = append([]string{args[0], args[1], "--config", p.here.ConfigFile()}, args[2:]...)
		out, err := command(p.T, anteroomBinary, args...)
		if p.must(err); !strings.Contains(out, want) {
			p.Errorf("%q: no %q in\n%s", args, want, out)
		}
	}
	operator(uri, "room", "show", typed)
	operator(uri, "room", "show", uri)
	operator(p.cathy.User, "room", "members", typed)
	operator("allowed", "policy", "explain", typed, cathy, "enter")
	operator("banned", "policy", "explain", typed, edgar, "enter")
	operator("u%edgar%"+edgarDomain+"@"+stack.Rooms+" is banned", "ban", "add", edgar)
	operator("u%edgar%"+edgarDomain+"@"+stack.Rooms+" is not banned any more", "ban", "remove", edgar)

	// Native users.
	p.enters(p.juliet, garden, "juliet")
	for _, n := range []*stack.Native{p.bob, p.cathy} {
		p.tells(n, "join %s", typed)
		p.expects(n, "the entry", entered(uri))
	}
	p.expects(p.bob, "cathy's entry", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && l.Has("participant_added", p.cathy.User)
	})
	p.tells(p.bob, "send %s by whatever name", typed)
	p.hears(p.juliet, garden, "bob", "by whatever name")
	p.tells(p.bob, "kick %s %s", typed, cathy)
	p.expects(p.cathy, "that she is out", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == uri })

	// XMPP users, whose clients take addresses alone: their service tells them which.
	there := "addressed%" + stack.Domain + "@" + thereService
	for line, want := range map[string]string{
		"find " + typed:                          there,
		"find " + seed("addressed", otherDomain): "addressed@" + thereService,
		"find " + cathy:                          "u%cathy%" + cathyDomain + "@" + thereService,
		"allow " + bob + " " + typed:             "Done.",
		"find " + seed("%23%23", stack.Domain):   "=23=23%" + stack.Domain + "@" + thereService,
	} {
		if got := p.asks(p.benvolio, thereService, line); got != want {
			p.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	if got := p.asks(p.benvolio, thereService, "consents"); !strings.Contains(got, "u%bob%"+bobDomain+"@"+thereService+" may "+uri) {
		p.Errorf("consents: %q", got)
	}
	p.asks(p.benvolio, thereService, "forget "+bob+" "+typed)
	p.enters(p.benvolio, there, "benvolio")
	p.sees(p.juliet, garden, "benvolio", "", "")

	// Where to go when the room ends.
	operator("destroyed", "room", "destroy", typed, "--venue", seed("found", stack.Domain))
	p.sees(p.benvolio, there, "benvolio", xmpp.TypeUnavailable, "")
	_, err := p.benvolio.Join(p.step(), there, "benvolio")
	var e *xmpp.StanzaError
	if !errors.As(err, &e) || e.Condition != xmpp.Gone || !strings.Contains(e.Element().String(), "xmpp:found%25"+stack.Domain+"@"+thereService) {
		p.Errorf("benvolio enters what has ended: %v", err)
	}
}
