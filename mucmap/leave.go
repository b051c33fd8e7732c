package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// left says that a device left, or was found to be gone. Its user keeps the leaf: see linger.
type left struct {
	At      time.Time
	JID     xmpp.JID
	ID      string     `json:",omitempty"`
	Payload string     `json:",omitempty"`
	Code    muc.Status `json:",omitempty"` // 333: a ghost
}

func (e *left) apply(s *state, p *stage) {
	o := s.here.BySession(e.JID)
	if o == nil {
		return
	}
	payload, _ := parsePayload(e.Payload)
	c := presence.Change{ID: e.ID, Payload: payload}
	if e.Code != 0 {
		c.Codes = []muc.Status{e.Code}
	}
	if len(o.Sessions) > 1 {
		p.send(func() []xmpp.Broadcast {
			return []xmpp.Broadcast{s.here.ToSelf(o, xmpp.TypeUnavailable, c, e.JID)}
		})
		s.here.RemoveSession(o, e.JID)
		s.announce(p, o, presence.Change{})
		return
	}
	p.send(func() []xmpp.Broadcast { return s.here.Farewell(o, c) })
	s.here.Leave(o)
	if m := s.members[userOf(o)]; m != nil {
		m.Gone = e.At
	}
}

// available says that an occupant's device changed its status (XEP-0045 §7.7).
type available struct {
	JID     xmpp.JID
	Payload string `json:",omitempty"`
}

func (e *available) apply(s *state, p *stage) {
	o := s.here.BySession(e.JID)
	if o == nil {
		return
	}
	payload, _ := parsePayload(e.Payload)
	s.here.AddSession(o, presence.Session{JID: e.JID, Payload: payload})
	s.announce(p, o, presence.Change{})
}

// changeStatus passes on what an occupant's device says about its availability (XEP-0045 §7.7).
func (t *turn) changeStatus(st *xmpp.Stanza, o *presence.Occupant) {
	if e := t.mayChangeStatus(userOf(o)); e != nil {
		t.limited(st, e)
		return
	}
	t.emit(&available{JID: st.From, Payload: payloadText(ownPayload(st))})
}

// unavailable is an occupant's farewell (XEP-0045 §7.14), or the end of an attempt to enter.
func (t *turn) unavailable(st *xmpp.Stanza) {
	if j := t.r.joining[st.From]; j != nil {
		j.wish.closed = true
		t.unwait(j)
	}
	if t.r.pub.here.BySession(st.From) == nil {
		return
	}
	if t.abandoned() {
		return
	}
	payload := payloadText(ownPayload(st))
	if len(payload) > MaxPresence {
		payload = "" // it leaves all the same
	}
	t.emit(&left{At: t.now, JID: st.From, ID: st.ID, Payload: payload})
}

// ghostly are the errors after which a device is taken to be gone.
var ghostly = map[xmpp.Condition]bool{
	xmpp.Gone: true, xmpp.ItemNotFound: true, xmpp.RecipientUnavailable: true, xmpp.RemoteServerNotFound: true,
	xmpp.RemoteServerTimeout: true, xmpp.JIDMalformed: true, xmpp.ServiceUnavailable: true, xmpp.Redirect: true,
}

// bounced takes out a device that what we sent it came back from (XEP-0045 §18.2): a ghost. An iq's error says nothing about
// presence.
func (t *turn) bounced(st *xmpp.Stanza) {
	e := st.Err()
	if st.Kind == xmpp.Message && t.inviteBounced(st) {
		return
	}
	if e != nil && st.Kind == xmpp.IQ && t.answeredPing(st, e) {
		return
	}
	if e == nil || !ghostly[e.Condition] || st.Kind == xmpp.IQ || t.r.pub.here.BySession(st.From) == nil {
		return
	}
	t.leaveGhost(st.From, e)
}

// lingerers looks after absent guests when their number may have changed or one's time is up, and returns when to look again.
func (t *turn) lingerers() time.Time {
	r := t.r
	if r.absent || !r.wake.IsZero() && !t.now.Before(r.wake) {
		r.absent, r.wake = false, t.linger()
	}
	return r.wake
}

// linger removes guests that have been absent for too long: XMPP cannot tell leaving from going offline, so a guest's leaf
// outlives its presence for a while (ARCHITECTURE §3). It returns when to look again.
func (t *turn) linger() time.Time {
	r := t.r
	if r.hub == nil || r.pub.Closing {
		return time.Time{}
	}
	var due []mimi.URI
	var wake time.Time
	for u, m := range r.pub.members {
		if !r.pub.lingers(u, m) {
			continue
		}
		if end := m.Gone.Add(r.svc.cfg.GuestLinger); end.After(t.now) {
			if wake.IsZero() || end.Before(wake) {
				wake = end
			}
		} else if !r.leaving[u] {
			due = append(due, u)
		}
	}
	if len(due) > 0 {
		t.dismiss(due)
	}
	return wake
}

// lingers says that u is a guest that is absent but holds a leaf.
func (s *state) lingers(u mimi.URI, m *member) bool {
	return m.Leaves > 0 && !m.Gone.IsZero() && m.Role != roleKeeper && standingOf(m.Role).affiliation == muc.AffiliationNone && s.svc.local(u) && !s.logger(u)
}

func (t *turn) dismiss(due []mimi.URI) {
	sortURIs(due)
	for _, u := range due {
		t.r.leaving[u] = true
	}
	end := func() {
		for _, u := range due {
			delete(t.r.leaving, u)
		}
	}
	now := t.now
	t.ask(&wish{
		what: "removal of absent guests",
		plan: func(d *delta) *xmpp.StanzaError {
			for _, u := range due {
				m := d.r.pub.members[u]
				if m == nil || !d.r.pub.lingers(u, m) || m.Gone.Add(d.r.svc.cfg.GuestLinger).After(now) {
					continue // it came back
				}
				d.unlist(u, why{cause: causeLinger})
				d.removeLeaves(u)
			}
			d.empty = len(d.touched) == 0
			return nil
		},
		done: func(*turn) { end() },
		refuse: func(t *turn, e *xmpp.StanzaError) {
			end()
			t.note(NoteWarn, "absent guests stay", Attr{"reason", e.Text})
		},
	})
}
