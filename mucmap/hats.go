package mucmap

import (
	"anteroom/mimi"
	"anteroom/xmpp"
)

const (
	nsHats = "urn:xmpp:hats:0"      // XEP-0317
	hatMLS = "urn:anteroom:hat:mls" // a participant of another provider, and how far its encryption reaches
)

// hats are what an occupant's presence says of it besides affiliation and role: that it is a participant of another provider, and
// honestly where its encryption ends (ARCHITECTURE §3); and that it is a bot.
func (s *state) hats(u mimi.URI) *xmpp.Element {
	hats := xmpp.NewElement(nsHats, "hats")
	if isBotRole(s.role(u)) {
		hats.With(hat(hatBot, s.botTitle(u)))
	}
	if !s.svc.local(u) { // what holds for all XMPP users the room's disco#info says
		hats.With(hat(hatMLS, "MIMI user of "+u.Provider()+", encrypted by MLS up to this gateway"))
	}
	for range hats.Elements() {
		return hats
	}
	return nil
}

func hat(uri, title string) *xmpp.Element {
	return xmpp.NewElement(nsHats, "hat").WithAttr("uri", uri).WithAttr("title", title)
}
