package mucmap

import (
	"maps"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// destroyed says that the room ends: everybody is out. The group is closed by the commits that follow, unless nobody elsewhere
// is in it; then the room is gone with this event.
type destroyed struct {
	Venue    xmpp.JID `json:",omitzero"`
	Password string   `json:",omitempty"`
	Reason   string   `json:",omitempty"`

	At     time.Time  `json:",omitzero"`  // with an alternate venue: since when the name points there
	Owners []mimi.URI `json:",omitempty"` // who may use the name again at once, if one of them destroyed it
}

func (e *destroyed) apply(s *state, p *stage) {
	s.Closing, s.Grave = true, e.grave()
	d := &muc.Destroy{Venue: e.Venue, Password: e.Password, Reason: e.Reason}
	for _, o := range s.here.Sorted() {
		if len(o.Sessions) > 0 {
			c := presence.Change{Destroy: d}
			s.here.SetRole(o, muc.AffiliationNone, muc.RoleNone) // XEP-0045 §10.9, example 200
			p.send(func() []xmpp.Broadcast {
				return []xmpp.Broadcast{s.here.ToSelf(o, xmpp.TypeUnavailable, c, o.Devices()...)}
			})
		}
	}
	s.here.Clear()
}

// destroy ends the room (XEP-0045 §10.9). The hub must agree that the owner may: with participants elsewhere this is seen in a
// commit that lifts the demand for an owner; then everybody is removed, by the owner's proposals as far as they reach.
func (t *turn) destroy(st *xmpp.Stanza, u mimi.URI, d muc.Destroy) {
	t.raze(u, d, func(t *turn) { t.result(st) }, func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) })
}

// raze is destroy without a stanza to answer. Where u is zero the room does it by itself, by its keeper.
func (t *turn) raze(u mimi.URI, d muc.Destroy, done func(*turn), refuse func(*turn, *xmpp.StanzaError)) {
	by := Attr{"by", u.String()}
	if !t.r.pub.elsewhere() {
		t.emit(t.destruction(u, d))
		t.note(NoteInfo, "room destroyed", by, Attr{"reason", d.Reason})
		done(t)
		t.vanish()
		return
	}
	w := &wish{
		what: "destruction of the room",
		plan: func(x *delta) *xmpp.StanzaError {
			if !u.IsZero() {
				if x.r.pub.affiliation(u) != muc.AffiliationOwner {
					return refusal(xmpp.Forbidden, "only an owner may destroy the room")
				}
				x.signer = u
			}
			x.reason, x.alternate = d.Reason, x.r.svc.venueElsewhere(d.Venue)
			end := x.r.pub.Config
			end.Fixed = false // everybody is going
			x.replace(mimi.ComponentRolesList, end.roles(true))
			if x.r.pub.Config.Fixed {
				x.replace(mimi.ComponentBaseRoomPolicy, end.base(x.state.Base()))
			}
			if len(x.state.Logging().Clients) > 0 { // loggers too
				x.replace(mimi.ComponentLoggingPolicy, &mimi.LoggingPolicy{Logging: mimi.Forbidden})
			}
			return nil
		},
		done: func(t *turn) {
			t.emit(t.destruction(u, d))
			t.note(NoteInfo, "room destroyed", by, Attr{"reason", d.Reason})
			done(t)
			t.close(u)
		},
		refuse: refuse,
	}
	if u.IsZero() {
		t.ask(w)
		return
	}
	t.askAs(u, w)
}

// elsewhere says that users of other providers have clients in the group.
func (s *state) elsewhere() bool {
	for u, m := range s.members {
		if m.Leaves > 0 && !s.svc.local(u) {
			return true
		}
	}
	return false
}

// close removes everybody else by the owner's proposals, then the owner by the keeper's. What is left is the keeper, and with it
// the group ends.
func (t *turn) close(owner mimi.URI) {
	t.ask(&wish{
		what: "removal of everybody",
		plan: func(d *delta) *xmpp.StanzaError {
			if d.state.Clients(owner) > 0 && standingOf(d.state.RoleOf(owner)).affiliation == muc.AffiliationOwner {
				d.signer = owner
			}
			for _, p := range d.state.Participants() {
				if p.User != d.r.keeper && p.User != d.signer {
					d.unlist(p.User, why{cause: causeDestroy})
					d.removeLeaves(p.User)
				}
			}
			d.empty = len(d.touched) == 0
			return nil
		},
		done: func(t *turn) {
			if len(t.r.hub.State().Participants()) > 1 {
				t.close(mimi.URI{})
				return
			}
			if err := policy.AuthorizeDestroy(t.r.hub.State(), t.r.keeper); err != nil {
				t.note(NoteError, "a group ends before its time", Attr{"reason", err.Error()})
			}
			t.vanish()
		},
		refuse: func(t *turn, e *xmpp.StanzaError) {
			t.note(NoteError, "the group of a destroyed room cannot be emptied", Attr{"reason", e.Text})
			t.vanish()
		},
	})
}

const goneText = "the room was destroyed"

// gone is the refusal of who waited for something when the room ended.
func (t *turn) gone() *xmpp.StanzaError {
	if t.grave() != nil {
		return t.noRoom(mimi.URI{})
	}
	return refusal(xmpp.Gone, goneText)
}

// vanish forgets the room, and refuses what still waits for an answer. Its next Step begins a new one.
func (t *turn) vanish() {
	r := t.r
	for _, id := range slices.Sorted(maps.Keys(r.searches)) {
		r.searches[id].done(t, noMaterial(xmpp.Gone, goneText))
	}
	var wishes []*wish
	if r.job != nil {
		wishes = r.job.wishes
	}
	for wishes = append(wishes, r.queue...); len(wishes) > 0; wishes = r.queue { // some ask for something else when they are refused
		r.queue = nil
		for _, w := range wishes {
			w.refuse(t, t.gone())
		}
	}
	if ri := r.reInit; ri != nil {
		ri.refuse(t, refusal(xmpp.Gone, "the room was destroyed"))
	}
	for _, st := range r.waiting {
		t.refuse(st, t.gone())
	}
	t.out.Destroyed, t.out.Seq = true, r.seq
	if r.tomb = t.grave(); r.tomb != nil {
		t.out.Tombstone = r.tomb.encode()
	}
	r.reset()
}

// expire ends a temporary room that nobody is in any more (XEP-0045 §10.9).
func (t *turn) expire() {
	r := t.r
	if !r.pub.Exists || r.pub.Closing || r.forTwo() || r.pub.Config.Persistent && !r.pub.Locked || r.pub.here.Occupants() > 0 || len(r.joining) > 0 || r.job != nil ||
		len(r.queue) > 0 || r.pub.elsewhere() {
		return
	}
	t.note(NoteInfo, "temporary room is empty")
	t.emit(&destroyed{Reason: "the last occupant has left"})
	t.vanish()
}
