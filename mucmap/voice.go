package mucmap

import (
	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// voice plans another role of an occupant: visitor, participant or moderator (XEP-0045 §8.3, §8.4, §9.6, §9.7).
func (d *delta) voice(target mimi.URI, to muc.Role, w why) *xmpp.StanzaError {
	now := d.state.RoleOf(target)
	s := standingOf(now)
	if s.role == to {
		return nil
	}
	if isBotRole(now) {
		return botRefusal()
	}
	role, ok := roleOf(standing{s.affiliation, to})
	if !ok {
		return refusal(xmpp.NotAllowed, "this affiliation does not go with this role") // XEP-0045 §5.2
	}
	d.setRole(target, role, w)
	return nil
}
