package e2e

import (
	"strings"

	"anteroom/internal/servertest/stack"
	"anteroom/internal/servertest/xmppclient"
	"anteroom/xmpp"
)

// guests: native users in a room of ours are occupants like others: with nick, affiliation, occupant id and a card; present while they have a client in the
// room; muted, kicked, banned and invited by their address (XEP-0045 §7 to §9, XEP-0421).
func guests(p *scene) {
	garden, uri := room("guests")
	bob := "u%bob%" + bobDomain + "@" + stack.Rooms
	nurse := p.signsIn(p.here, "nurse")
	p.enters(p.juliet, garden, "juliet")
	p.enters(nurse, garden, "nurse")
	id := ""
	comes := func() {
		p.Helper()
		p.joins(p.bob, uri)
		for _, c := range []*xmppclient.Client{p.juliet, nurse} {
			st := p.sees(c, garden, "bob", "", "")
			item := st.Child(nsMUCUser, "x").Child(nsMUCUser, "item")
			if item.Attr("affiliation") != "none" || item.Attr("role") != "participant" || (c == p.juliet) != (item.Attr("jid") == bob) {
				p.Errorf("%s sees bob as %s", c.JID, item)
			}
			is := st.Child("urn:xmpp:occupant-id:0", "occupant-id").Attr("id")
			if is == "" || id != "" && is != id {
				p.Errorf("bob's occupant id is %q now and was %q", is, id)
			}
			id = is
		}
	}
	goes := func(status, reason string) {
		p.Helper()
		p.out(p.juliet, garden, "bob", outcome{status, reason})
		p.out(nurse, garden, "bob", outcome{status, reason})
		p.expects(p.bob, "that he is out", func(l *stack.Line) bool { return l.Type == "removed" && l.Room == uri })
	}

	// He is there while he has a client in the room.
	comes()
	st, err := p.juliet.Request(p.step(), garden+"/bob", "get", `<vCard xmlns='vcard-temp'/>`)
	p.must(err)
	if card := st.Child("vcard-temp", "vCard"); card.ChildText("vcard-temp", "NICKNAME") != "bob" || card.ChildText("vcard-temp", "URL") != p.bob.User {
		p.Errorf("bob's card: %s", st)
	}
	p.denied(p.juliet, garden+"/bob", "get", `<query xmlns='jabber:iq:version'/>`, xmpp.ServiceUnavailable, "does not speak XMPP")
	p.tells(p.bob, "leave %s", uri)
	goes("", "")

	// Without voice he is heard by nobody.
	comes()
	p.admin(p.juliet, garden, "<item nick='bob' role='visitor'/>")
	p.expects(p.bob, "that he is muted", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && l.Has("role_changed", p.bob.User)
	})
	p.occupantItem(nurse, garden, "bob", "none", "visitor")
	p.tells(p.bob, "send %s mumble", uri)
	if l := p.refused(p.bob, "send", uri); !strings.Contains(l.Text, "canSendMessage") {
		p.Errorf("refused with %q", l.Text)
	}
	p.admin(p.juliet, garden, "<item nick='bob' role='participant'/>")
	p.occupantItem(p.juliet, garden, "bob", "none", "visitor")
	p.occupantItem(p.juliet, garden, "bob", "none", "participant")
	p.occupantItem(nurse, garden, "bob", "none", "participant")
	p.expects(p.bob, "that he has voice", func(l *stack.Line) bool {
		return l.Type == "epoch" && l.Room == uri && l.Has("role_changed", p.bob.User)
	})
	p.tells(p.bob, "send %s thanks", uri)
	p.hears(nurse, garden, "bob", "thanks")

	// Out, and back as far as he may.
	p.admin(p.juliet, garden, "<item nick='bob' role='none'><reason>hush</reason></item>")
	goes("307", "hush")
	comes()
	p.admin(p.juliet, garden, "<item jid='"+bob+"' affiliation='outcast'><reason>for good</reason></item>")
	goes("301", "for good")
	p.tells(p.bob, "join %s", uri)
	p.refused(p.bob, "join", uri)
	p.denied(p.juliet, garden, "get", `<query xmlns='`+nsMUCAdmin+`'/>`, xmpp.BadRequest, "")
	p.wantList(p.juliet, garden, "outcast", bob)
	p.admin(p.juliet, garden, "<item jid='"+bob+"' affiliation='none'/>")
	comes()
	p.tells(p.bob, "leave %s", uri)
	goes("", "")

	// Invited by address into a room for members, which he cannot enter by himself.
	p.configures(garden, "muc#roomconfig_membersonly", "1")
	p.tells(p.bob, "join %s", uri)
	p.refused(p.bob, "join", uri)
	p.must(p.juliet.Send(`<message to='` + garden + `'><x xmlns='` + nsMUCUser + `'><invite to='` + bob + `'><reason>come in</reason></invite></x></message>`))
	p.expects(p.bob, "the Welcome", entered(uri))
	p.occupantItem(p.juliet, garden, "bob", "member", "participant")
	p.wantList(p.juliet, garden, "member", bob)
	p.tells(p.bob, "send %s I was asked in", uri)
	p.hears(p.juliet, garden, "bob", "I was asked in")
}
