package presence

import (
	"slices"

	"anteroom/xmpp"
)

// list is a set of recipients. Slices that it handed out are never changed: adding writes behind their end, removing copies.
type list struct {
	jids []xmpp.JID
	pos  map[xmpp.JID]int
}

func newList() list { return list{pos: map[xmpp.JID]int{}} }

func (l *list) add(j xmpp.JID) {
	if _, in := l.pos[j]; in {
		return
	}
	l.pos[j] = len(l.jids)
	l.jids = append(l.jids, j)
}

func (l *list) remove(j xmpp.JID) {
	i, in := l.pos[j]
	if !in {
		return
	}
	delete(l.pos, j)
	last := len(l.jids) - 1
	next := make([]xmpp.JID, last, last+8)
	copy(next, l.jids[:last])
	if i < last {
		next[i] = l.jids[last]
		l.pos[next[i]] = i
	}
	l.jids = next
}

// all is everybody.
func (l *list) all() []xmpp.JID { return l.jids[:len(l.jids):len(l.jids)] }

// except appends to bs the template for everybody but some, as sub-slices of the one list: nothing is copied.
func (l *list) except(bs []xmpp.Broadcast, t *xmpp.Template, some []Session) []xmpp.Broadcast {
	var skip []int
	for i := range some {
		if at, in := l.pos[some[i].JID]; in {
			skip = append(skip, at)
		}
	}
	slices.Sort(skip)
	from := 0
	for _, at := range append(skip, len(l.jids)) {
		if at > from {
			bs = append(bs, xmpp.Broadcast{Template: t, To: l.jids[from:at:at]})
		}
		from = at + 1
	}
	return bs
}
