package mucmap

import "anteroom/xmpp"

// Who makes a room by entering it may ask it something before it is made: clients want to know what it can do and, as there was nothing to ask
// before, do so right behind their presence. Stanzas are dealt with in the order in which they come (RFC 6120 §10.1): the answer is that of the
// new room, not that there is none. Converse.js otherwise takes no occupant ids (XEP-0421) from the first presences, and lists who has entered a
// second time when it has learned of them.

// tooEarly lets a request wait for the room that its sender makes.
func (t *turn) tooEarly(st *xmpp.Stanza) bool {
	r := t.r
	if r.pub.Exists || r.follow != nil || !st.IsRequest() || r.joining[st.From] == nil {
		return false
	}
	if len(r.early) >= r.svc.cfg.Limits.Waiting {
		t.refuse(st, refusal(xmpp.ResourceConstraint, "too many requests are waiting for the room to be made"))
		return true
	}
	r.early = append(r.early, st)
	return true
}

// answerEarly answers what had to wait, when the room is made or nobody makes it any more.
func (t *turn) answerEarly() {
	if !t.r.pub.Exists && len(t.r.joining) > 0 {
		return
	}
	early := t.r.early
	t.r.early = nil
	for _, st := range early {
		t.stanza(st)
	}
}
