package e2e

import (
	"strings"
	"sync/atomic"

	"anteroom/internal/servertest/stack"
	"anteroom/xmpp"
)

// The operator gives the group of a room another cipher suite while an XMPP user of each side and a native user of a third provider talk in it: nobody is
// seen to leave or enter, what they say is heard before and after, and the native client goes on by itself. A client that gives away no key packages
// of a suite keeps the room from it, and is named (draft-mahy-mimi-group-chat, ReInit among the MLS primitives; RFC 9420 §11.2).
func reinitialised(p *scene) {
	const p256, chacha = "MLS_128_DHKEMP256_AES128GCM_SHA256_P256", "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519"
	p.create("suite", openDocument)
	address, uri := room("suite")
	there := "suite%" + stack.Domain + "@rooms." + otherDomain
	p.enters(p.juliet, address, "Juliet")
	p.enters(p.benvolio, there, "Benvolio")
	p.joins(p.bob, uri)
	p.sees(p.juliet, address, "bob", "", "")
	p.sees(p.juliet, address, "Benvolio", "", "")
	p.sees(p.benvolio, there, "bob", "", "")

	reinit := func(suite string) (string, error) {
		return command(p.T, anteroomBinary, "room", "reinit", "--config", p.here.ConfigFile(), "--suite", suite, "suite")
	}
	var presences atomic.Int32
	watch := func(st *xmpp.Stanza) {
		if st.Kind == xmpp.Presence && (st.From.Bare().String() == address || st.From.Bare().String() == there) {
			presences.Add(1)
		}
	}
	p.juliet.Watch(watch)
	p.benvolio.Watch(watch)
	for _, suite := range []string{p256, chacha} {
		if out, err := reinit(suite); err != nil || !strings.Contains(out, "suite: the group has "+suite+" now") {
			p.Fatalf("room reinit: %v\n%s", err, out)
		}
		p.expects(p.bob, "that the group has another suite", func(l *stack.Line) bool { return l.Type == "reinitialised" && l.Room == uri && l.Suite == suite })
		p.must(p.juliet.Say(address, "by "+suite))
		p.hears(p.benvolio, there, "Juliet", "by "+suite)
		p.expects(p.bob, "what Juliet says", func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri && l.Body == "by "+suite })
		p.tells(p.bob, "send %s bob by %s", uri, suite)
		p.hears(p.juliet, address, "bob", "bob by "+suite)
		p.hears(p.benvolio, there, "bob", "bob by "+suite)
		p.must(p.benvolio.Say(there, "benvolio by "+suite))
		p.hears(p.juliet, address, "Benvolio", "benvolio by "+suite)
		if out, err := command(p.T, anteroomBinary, "room", "show", "--config", p.here.ConfigFile(), "suite"); err != nil || !strings.Contains(out, suite) {
			p.Errorf("room show: %v\n%s", err, out)
		}
	}
	if n := presences.Load(); n != 0 {
		p.Errorf("%d presences tell of what nobody should notice", n)
	}
	p.juliet.Watch(func(*xmpp.Stanza) {})
	p.benvolio.Watch(func(*xmpp.Stanza) {})

	limited, err := p.here.StartNative(p.ctx, "edgar", edgarDomain, "--suite", "1", "--suite", "3")
	p.must(err)
	p.joins(limited, uri)
	if out, err := reinit(p256); err == nil || !strings.Contains(out, "mimi://"+edgarDomain+"/u/edgar") || !strings.Contains(out, "nothing has changed") {
		p.Errorf("room reinit with somebody who cannot follow: %v\n%s", err, out)
	}
	p.tells(limited, "send %s still here", uri)
	p.hears(p.juliet, address, "edgar", "still here")
	if out, err := reinit("1"); err != nil {
		p.Errorf("room reinit to the first suite: %v\n%s", err, out)
	}
	p.expects(limited, "that the group has another suite", func(l *stack.Line) bool { return l.Type == "reinitialised" && l.Room == uri })
}
