package e2e

import (
	"slices"

	"anteroom/internal/servertest/stack"
)

// directly: the Welcome goes with the commit that adds. Whoever adds may be gone as soon as the hub took that: who was added reads the very next message, in the
// same epoch, with nobody's further help (the seed's "welcome-directly").
func directly(p *scene) {
	// By an XMPP user elsewhere, whose anteroom is killed.
	garden, uri := room("directly")
	there := far("directly")
	p.enters(p.juliet, garden, "juliet")
	p.enters(p.benvolio, there, "benvolio")
	p.admin(p.juliet, garden, "<item nick='benvolio' affiliation='admin'/>")
	p.occupantItem(p.benvolio, there, "benvolio", "admin", "moderator")
	p.joins(p.cathy, uri)
	p.must(p.benvolio.Send(`<message to='` + there + `'><x xmlns='` + nsMUCUser + `'><invite to='` + bobThere + `'/></x></message>`))
	added := p.changed(p.cathy, uri, "leaf_added", p.bob.User, thereURI("benvolio"))
	p.must(p.there.Anteroom.Kill())
	p.must(p.juliet.Say(garden, "the next word"))
	welcome := p.expects(p.bob, "the Welcome", entered(uri))
	p.readsIn(p.bob, uri, "the next word", added.Epoch)
	if added.External || welcome.Epoch != added.Epoch {
		p.Errorf("bob was added in epoch %d (external: %v) and is in since epoch %d", added.Epoch, added.External, welcome.Epoch)
	}
	p.must(p.there.StartAnteroom(p.step()))

	// By a native user, who is killed, an XMPP user elsewhere who is offline and the first of its provider.
	second, secondURI := room("directly-2")
	abram, err := p.here.StartNative(p.ctx, "abram", edgarDomain)
	p.must(err)
	r := p.signsIn(p.there, "rosaline")
	p.decides(r, "provider", "provider", edgarDomain, "users", "allow")
	p.must(r.Close())
	p.enters(p.juliet, second, "juliet")
	for _, n := range []*stack.Native{abram, p.cathy} {
		p.joins(n, secondURI)
	}
	p.tells(abram, "add %s %s", secondURI, thereURI("rosaline"))
	added = p.changed(p.cathy, secondURI, "leaf_added", thereURI("rosaline"), abram.User)
	p.must(abram.Kill())
	p.must(p.juliet.Say(second, "hear this"))
	p.readsIn(p.cathy, secondURI, "hear this", added.Epoch)
	r = p.returns(p.there, "rosaline", far("directly-2"))
	p.invited(r, far("directly-2"))
	p.until("rosaline finds what was said", func() bool { return slices.Equal(p.finds(r, far("directly-2")), []string{"hear this"}) })
	p.enters(r, far("directly-2"), "rosaline")
	p.must(r.Say(far("directly-2"), "I hear"))
	p.readsIn(p.cathy, secondURI, "I hear", added.Epoch)
	p.decides(r, "provider", "provider", edgarDomain, "users", "ask")
}

// readsIn waits until a native user reads something, and holds in which epoch it was said.
func (p *scene) readsIn(n *stack.Native, uri, text string, epoch uint64) {
	p.Helper()
	l := p.expects(n, text, func(l *stack.Line) bool { return l.Type == "message" && l.Room == uri && l.Body == text })
	if l.Epoch != epoch {
		p.Errorf("%s reads %q in epoch %d, want %d", n.User, text, l.Epoch, epoch)
	}
}
