package mucmap

import (
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// ping answers a ping to the room (XEP-0199).
func (t *turn) ping(st *xmpp.Stanza) {
	if !t.r.pub.Exists {
		t.refuse(st, refusal(xmpp.ItemNotFound, "there is no such room"))
		return
	}
	t.result(st)
}

// selfPing answers a ping to an occupant (XEP-0410 §3): a result only for one's own nick, so that a client learns whether it is
// still in the room.
func (t *turn) selfPing(st *xmpp.Stanza) {
	o := t.r.pub.here.BySession(st.From)
	switch {
	case o == nil:
		e := refusal(xmpp.NotAcceptable, "you are not in this room").WithType(xmpp.Cancel)
		e.By = t.r.addr // so that the client knows that it was the room, not a server on the way
		t.refuse(st, e)
	case o.Nick == st.To.Resource():
		t.result(st)
	default:
		t.iqToOccupant(st)
	}
}

const nsTime = "urn:xmpp:time" // XEP-0202

// time tells the room's clock, by which it stamps messages (XEP-0202).
func (t *turn) time(st *xmpp.Stanza) {
	t.result(st, timeElement(t.now))
}

func timeElement(now time.Time) *xmpp.Element {
	return xmpp.NewElement(nsTime, "time").With(xmpp.TextElement(nsTime, "tzo", "+00:00"), xmpp.TextElement(nsTime, "utc", muc.FormatTime(now)))
}

// version answers XEP-0092.
func (t *turn) version(st *xmpp.Stanza) { t.result(st, t.r.svc.versionElement()) }

func (s *Service) versionElement() *xmpp.Element {
	return xmpp.NewElement(muc.NSVersion, "query").With(
		xmpp.TextElement(muc.NSVersion, "name", s.cfg.Software), xmpp.TextElement(muc.NSVersion, "version", s.cfg.Version))
}

func (t *turn) unknownIQ(st *xmpp.Stanza) {
	t.refuse(st, refusal(xmpp.ServiceUnavailable, "the room does not know this request"))
}
