package mucmap

import (
	"anteroom/mimi"
	"anteroom/xmpp"
)

// askAs queues a wish whose proposals a user signs. A listed user without a leaf, such as an owner who never entered, gets one
// first, by its own Add.
func (t *turn) askAs(u mimi.URI, w *wish) {
	if m := t.r.pub.members[u]; m == nil || m.Leaves > 0 || !t.r.svc.local(u) || m.Role == roleBanned {
		t.ask(w)
		return
	}
	t.ask(&wish{
		what: "leaf of " + u.String(),
		plan: func(d *delta) *xmpp.StanzaError {
			if d.state.RoleOf(u) == roleNone || d.state.RoleOf(u) == roleBanned {
				return refusal(xmpp.Forbidden, "you are not in the room's list any more")
			}
			if d.state.Clients(u) > 0 {
				d.empty = true
				return nil
			}
			d.touch(u, why{})
			d.joiners = append(d.joiners, joiner{user: u, as: d.r.pub.listed(u), nick: d.r.nickOf(u), self: true})
			return nil
		},
		done:   func(t *turn) { t.ask(w) },
		refuse: w.refuse,
	})
}
