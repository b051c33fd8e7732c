package muc

import (
	"strconv"
	"time"

	"anteroom/xmpp"
)

// Join is the payload of a presence that enters a room (XEP-0045 §7.2).
type Join struct {
	Password string
	History  *History // nil: the service decides
	Mav      *string  // version of the affiliations that is known; "": none, all are asked for; nil: they are not asked for (XEP-0463 §4.1)
}

// History is how much discussion history a joining occupant wants (XEP-0045 §7.2.14). Nil fields do not limit; several limits
// hold together.
type History struct {
	MaxChars   *int      // characters of the complete stanzas
	MaxStanzas *int      // number of messages
	Seconds    *int      // age in seconds
	Since      time.Time // only messages received since then; zero: no such limit
}

// Element is the payload.
func (j Join) Element() *xmpp.Element {
	e := xmpp.NewElement(NS, "x").With(optionalText(NS, "password", j.Password))
	if j.Mav != nil {
		e.With(xmpp.NewElement(NSMav, "mav").WithAttr("since", *j.Mav))
	}
	if h := j.History; h != nil {
		he := xmpp.NewElement(NS, "history")
		for _, limit := range []struct {
			name string
			n    *int
		}{{"maxchars", h.MaxChars}, {"maxstanzas", h.MaxStanzas}, {"seconds", h.Seconds}} {
			if limit.n != nil {
				he.SetAttr(limit.name, strconv.Itoa(*limit.n))
			}
		}
		if !h.Since.IsZero() {
			he.SetAttr("since", FormatTime(h.Since))
		}
		e.With(he)
	}
	return e
}

// ParseJoin reads the payload.
func ParseJoin(e *xmpp.Element) (Join, error) {
	if err := expect(e, NS, "x"); err != nil {
		return Join{}, err
	}
	j := Join{Password: e.ChildText(NS, "password")}
	if m := e.Child(NSMav, "mav"); m != nil {
		since := m.Attr("since")
		j.Mav = &since
	}
	he := e.Child(NS, "history")
	if he == nil {
		return j, nil
	}
	h := &History{}
	var err error
	if h.MaxChars, err = optionalCount(he, "maxchars"); err != nil {
		return Join{}, err
	}
	if h.MaxStanzas, err = optionalCount(he, "maxstanzas"); err != nil {
		return Join{}, err
	}
	if h.Seconds, err = optionalCount(he, "seconds"); err != nil {
		return Join{}, err
	}
	if h.Since, err = optionalTime(he.Attr("since"), "since"); err != nil {
		return Join{}, err
	}
	j.History = h
	return j, nil
}
