package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Room activity indicators (XEP-0437): the service tells users who ask for it, once, that something was said in a room that they belong to and are
// not in. Rooms say who belongs to them and that something was said; the gateway keeps who asked, and who belongs where
// (docs/decisions/111-activity-indicators.md).

const nsIndicator = "urn:xmpp:rai:0"

// MaxIndicated is how many rooms one indicator names. More make several.
const MaxIndicated = 100

// Belonging is how one of our users belongs to a room: by an affiliation of member or higher, so that it may enter whenever it likes.
type Belonging struct {
	User    xmpp.JID   // bare
	Devices []xmpp.JID // that are in the room
	Since   time.Time  // none is; zero: it never was there
	Gone    bool       // it does not belong any more
}

// IndicatorWish is what a presence to the service means for indicators.
type IndicatorWish uint8

// What somebody may want.
const (
	IndicatorNothing IndicatorWish = iota
	IndicatorBegin                 // XEP-0437 §3.1
	IndicatorEnd                   // §3.2: a presence of type unavailable or error, or an indicator that came back
)

// IndicatorWish reads a stanza to the bare domain of the component.
func (s *Service) IndicatorWish(st *xmpp.Stanza) (IndicatorWish, *xmpp.StanzaError) {
	asks := st.Child(nsIndicator, "rai") != nil
	switch {
	case st.Kind == xmpp.Presence && (st.Type == xmpp.TypeUnavailable || st.Type == xmpp.TypeError), st.Kind == xmpp.Message && st.Type == xmpp.TypeError && asks:
		return IndicatorEnd, nil
	case st.Kind != xmpp.Presence || st.Type != xmpp.TypeAvailable || !asks:
		return IndicatorNothing, nil
	}
	if u, err := s.UserURI(st.From.Bare()); err != nil || !s.local(u) || !st.From.IsFull() {
		return IndicatorNothing, refusal(xmpp.JIDMalformed, "only a device of an XMPP user can ask for indicators of activity")
	}
	return IndicatorBegin, s.banRefusal(st)
}

// Indicator tells a device that something was said in rooms.
func (s *Service) Indicator(to xmpp.JID, rooms []string) xmpp.Stanza {
	x := xmpp.NewElement(nsIndicator, "rai")
	for _, name := range rooms {
		if j, err := xmpp.NewJID(name, s.cfg.Domain.Domain(), ""); err == nil {
			x.With(xmpp.TextElement(nsIndicator, "activity", j.String()))
		}
	}
	return xmpp.Stanza{Kind: xmpp.Message, From: s.cfg.Domain, To: to, Payload: []*xmpp.Element{x}}
}

// MayBeIndicated says that a user is not kept out of all rooms.
func (s *Service) MayBeIndicated(user xmpp.JID) bool {
	u, err := s.UserURI(user)
	return err == nil && s.ban(u) == nil
}

// Belonging is how a user belongs to the room.
func (r *Room) Belonging(user xmpp.JID) Belonging {
	b := Belonging{User: user.Bare(), Gone: true}
	u, err := r.svc.UserURI(b.User)
	m := r.pub.members[u]
	if _, two := r.direct(); err != nil || m == nil || two || r.pub.Closing || r.pub.Locked && r.pub.affiliation(u) < muc.AffiliationOwner || r.pub.affiliation(u) < muc.AffiliationMember {
		return b
	}
	b.Gone, b.Since = false, m.Gone
	if o := r.pub.occupant(u); o != nil {
		b.Devices, b.Since = o.Devices(), time.Time{}
	}
	return b
}

// belongs notes whose belonging an event may change. It is called before and after the event is applied.
func (t *turn) belongs(e event) {
	s := t.r.pub
	switch e := e.(type) {
	case *spoke:
		if e.st == nil {
			return // not applied yet
		}
		if body, _ := e.st.Body(); body != "" {
			t.out.Spoken = true
		}
	case *joined:
		t.belong(e.User)
	case *left:
		if o := s.here.BySession(e.JID); o != nil {
			t.belong(userOf(o))
		}
	case *expelled:
		t.belong(e.User)
	case *committed:
		for i := range e.Changes {
			t.belong(e.Changes[i].User)
		}
	case *created, *followed, *unfollowed, *destroyed, *stopped, *unlocked:
		t.belongAll()
	}
}

func (t *turn) belong(u mimi.URI) {
	if !t.r.svc.local(u) || u == t.r.keeper {
		return
	}
	if t.belonging == nil {
		t.belonging = map[mimi.URI]bool{}
	}
	if _, known := t.belonging[u]; !known {
		t.belonging[u] = t.r.pub.affiliation(u) >= muc.AffiliationMember
	}
}

func (t *turn) belongAll() {
	for u := range t.r.pub.members {
		if t.r.pub.affiliation(u) >= muc.AffiliationMember {
			t.belong(u)
		}
	}
}

// putBelonging tells at the end of a Step how those belong to the room for whom that changed. Guests, before and after, are left out.
func (t *turn) putBelonging() {
	if !t.r.svc.cfg.Indicators {
		return
	}
	if t.r.suspect { // what was told before a crash may be lost
		t.r.suspect = false
		t.belongAll()
	}
	us := make([]mimi.URI, 0, len(t.belonging))
	for u, was := range t.belonging {
		if was || t.r.pub.affiliation(u) >= muc.AffiliationMember {
			us = append(us, u)
		}
	}
	slices.SortFunc(us, compareURI)
	for _, u := range us {
		t.out.Belonging = append(t.out.Belonging, t.r.Belonging(t.r.svc.UserJID(u)))
	}
}
