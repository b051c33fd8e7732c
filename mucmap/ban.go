package mucmap

import "anteroom/mimi"

// ban plans a ban (XEP-0045 §9.1): role banned and the removal of all clients in one commit, as draft-ietf-mimi-room-policy-04
// §8.1.3 wants. Who was never seen is listed with that role.
func (d *delta) ban(target mimi.URI, w why) {
	w.cause = causeBan
	d.setRole(target, roleBanned, w)
	d.removeLeaves(target)
}
