package mucmap

import (
	"anteroom/presence"
	"anteroom/xmpp"
)

// showState shows the occupants here a message of which nothing lasts, a chat state (XEP-0085): it is not archived, not logged, and no message of
// the group (docs/decisions/092-content.md).
func (t *turn) showState(st *xmpp.Stanza, o *presence.Occupant) {
	s := t.r.pub
	passing := t.spoken(st, o.Nick)
	passing.Payload = s.withOccupantID(passing.Payload, userOf(o))
	t.stanzas.add(s.here.Broadcast(passing))
}
