package gateway

import "anteroom/xmpp"

// A room answers many requests of users only when something else has come: a commit, its hub, another provider. Who asked is known to nobody but the room in
// memory. When that is dropped, the gateway answers in its place, with an error: what is under way may take effect yet, and whoever asked looks again.

// unanswered are the requests that a room has taken and not answered.
type unanswered map[askedAs]*xmpp.Stanza

// askedAs is what an answer has in common with its request.
type askedAs struct {
	user, room xmpp.JID
	id         string
}

// took notes what was asked in a turn that is over, and what was answered. Requests to occupants are not the room's to answer; those that became a look into
// the archive, or were passed on to another room, are answered without it.
func (u *unanswered) took(t *turn) {
	for _, st := range t.asked {
		if *u == nil {
			*u = make(unanswered)
		}
		if len(*u) < MaxUnanswered {
			(*u)[askedAs{st.From, st.To, st.ID}] = st
		}
	}
	for i := range t.outs {
		if len(*u) == 0 {
			*u = nil
			return
		}
		for _, b := range t.outs[i].Stanzas {
			if st := b.Template.Stanza(); st.Kind == xmpp.IQ && !st.IsRequest() {
				for _, to := range b.To {
					delete(*u, askedAs{to, st.From, st.ID})
				}
			}
		}
	}
}

// refuseUnanswered answers what a room that is gone will not.
func (a *actor) refuseUnanswered() {
	open := a.unanswered
	a.unanswered = nil
	for _, st := range open {
		a.reject(item{stanza: st}, "the room was lost while this was under way: look whether it took effect")
	}
}
