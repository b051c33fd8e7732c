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
// honestly where its encryption ends (ARCHITECTURE §3).
func (s *state) hats(u mimi.URI) *xmpp.Element {
	if s.svc.local(u) {
		return nil // what holds for all XMPP users the room's disco#info says
	}
	return xmpp.NewElement(nsHats, "hats").With(xmpp.NewElement(nsHats, "hat").WithAttr("uri", hatMLS).
		WithAttr("title", "MIMI user of "+u.Provider()+", encrypted by MLS up to this gateway"))
}
