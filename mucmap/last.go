package mucmap

import (
	"strconv"
	"time"

	"anteroom/xmpp"
)

const nsLast = "jabber:iq:last" // XEP-0012

// lastElement says how many seconds ago something was.
func lastElement(now, then time.Time) *xmpp.Element {
	return xmpp.NewElement(nsLast, "query").WithAttr("seconds", strconv.FormatInt(max(int64(now.Sub(then)/time.Second), 0), 10))
}

// last tells how long the service has been running (XEP-0012 §5).
func (q *serviceQuery) last() (*xmpp.Element, *xmpp.StanzaError) {
	return lastElement(q.now, q.svc.cfg.Started), nil
}
