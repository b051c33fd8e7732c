package mucmap

import (
	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// changeAffiliation plans another affiliation of a user, present or not (XEP-0045 §9.1 to §9.5, §10.3 to §10.8).
func (d *delta) changeAffiliation(actor, target mimi.URI, to muc.Affiliation, w why) *xmpp.StanzaError {
	now := d.state.RoleOf(target)
	if standingOf(now).affiliation == to {
		return nil
	}
	if to == muc.AffiliationOutcast {
		d.ban(target, w)
		return nil
	}
	role := d.r.pub.Config.withAffiliation(now, to, d.state.Clients(target) > 0 && d.r.pub.occupant(target) != nil)
	if isBotRole(now) {
		if to != muc.AffiliationNone {
			return botRefusal()
		}
		role = roleNone
	}
	if actor == target {
		// Nobody changes its own role in MIMI; XEP-0045 §10.4 lets an owner or admin step down: the keeper does it.
		d.signer = d.r.keeper
	}
	if role == roleNone {
		if d.r.pub.Config.MembersOnly {
			w.cause = causeAffiliation
		}
		d.unlist(target, w)
		d.removeLeaves(target)
		return nil
	}
	d.setRole(target, role, w)
	return nil
}
