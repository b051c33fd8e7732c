package mucmap

import (
	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// ban plans a ban (XEP-0045 §9.1): role banned and the removal of all clients in one commit, as draft-ietf-mimi-room-policy-04
// §8.1.3 wants. Who was never seen is listed with that role.
func (d *delta) ban(target mimi.URI, w why) {
	w.cause = causeBan
	d.setRole(target, roleBanned, w)
	d.removeLeaves(target)
}

// rebanned says that a ban has another reason. It is the XMPP side's alone: the group keeps no reasons.
type rebanned struct {
	User   mimi.URI
	Reason string
}

func (e *rebanned) apply(s *state, _ *stage) {
	if m := s.members[e.User]; m != nil {
		m.Reason = e.Reason
	}
}

// banned tells somebody who is why, as the list has it.
func (s *state) banned(u mimi.URI) *xmpp.StanzaError {
	text := "you are banned from this room"
	if m := s.members[u]; m != nil && m.Reason != "" {
		text += ": " + m.Reason
	}
	return refusal(xmpp.Forbidden, text)
}

// banReasons lets the ban list show the reason that was given last, also for who was banned before (XEP-0045 §9.2).
func (t *turn) banReasons(items []muc.Item) {
	for i := range items {
		it := &items[i]
		if it.Affiliation != muc.AffiliationOutcast || it.Reason == "" {
			continue
		}
		u, e := t.r.target(it)
		if e != nil {
			continue // it was an occupant's nick
		}
		if m := t.r.pub.members[u]; m != nil && m.Role == roleBanned && m.Reason != it.Reason {
			t.emit(&rebanned{User: u, Reason: it.Reason})
		}
	}
}
