package mucmap

import (
	"anteroom/mimi"
	"anteroom/xmpp/muc"
)

// kick plans a kick (XEP-0045 §8.2): all clients of the user leave the group. Who has an affiliation stays listed.
func (d *delta) kick(target mimi.URI, w why) {
	w.cause = causeKick
	if standingOf(d.state.RoleOf(target)).affiliation == muc.AffiliationNone {
		d.unlist(target, w)
	} else {
		d.touch(target, w)
	}
	d.removeLeaves(target)
}
