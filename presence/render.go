package presence

import (
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Change says what a presence of the room tells besides the occupant's state.
type Change struct {
	ID        string       // of the stanza that asked, reflected to the occupant itself
	Codes     []muc.Status // for everybody
	SelfCodes []muc.Status // for the occupant itself, besides 110
	Actor     string       // nick of who did it
	Reason    string
	NewNick   string          // with 303
	Destroy   *muc.Destroy    // with the end of the room
	Payload   []*xmpp.Element // of an unavailable presence
	Mav       *muc.Mav        // versions of the affiliations, for everybody
	SelfMav   *muc.Mav        // for the occupant itself, instead
}

// views are the at most three variants of one presence (XEP-0045 §7.2.3): for those who see real JIDs, for those who do not, and
// for the occupant itself.
type views struct{ see, blind, self *xmpp.Template }

func (r *Room) views(o *Occupant, typ string, c Change, forSelf bool) views {
	payload := c.Payload
	plain := typ == xmpp.TypeAvailable && len(c.Codes) == 0 && c.Actor == "" && c.Reason == "" && c.Mav == nil
	if typ == xmpp.TypeAvailable {
		payload = o.payload()
	}
	variant := func(real, self bool) *xmpp.Template {
		if plain && !self {
			return r.plain(o, real)
		}
		s := xmpp.Stanza{Kind: xmpp.Presence, From: r.Address(o.Nick), Type: typ}
		u := r.user(o, typ, real, c)
		if self {
			s.ID = c.ID
			u.Statuses = append(append([]muc.Status{muc.StatusSelf}, c.SelfCodes...), c.Codes...)
			if c.SelfMav != nil {
				u.Mav = c.SelfMav
			}
		}
		s.Payload = o.named(append(append([]*xmpp.Element{}, payload...), u.Element()))
		return xmpp.NewTemplate(s)
	}
	v := views{see: variant(true, false)}
	if r.anonymous {
		v.blind = variant(false, false)
	}
	if forSelf {
		v.self = variant(true, true)
	}
	return v
}

// plain is an occupant's presence as a newcomer sees it. It is encoded once per change of the occupant.
func (r *Room) plain(o *Occupant, real bool) *xmpp.Template {
	at := &o.shown[0]
	if real {
		at = &o.shown[1]
	}
	if *at == nil {
		s := xmpp.Stanza{Kind: xmpp.Presence, From: r.Address(o.Nick)}
		s.Payload = o.named(append(append(s.Payload, o.payload()...), r.user(o, xmpp.TypeAvailable, real, Change{}).Element()))
		*at = xmpp.NewTemplate(s)
	}
	return *at
}

// named is a payload with the occupant's hats (XEP-0317) and id (XEP-0421 §3.1), if it has some.
func (o *Occupant) named(payload []*xmpp.Element) []*xmpp.Element {
	if o.Hats != nil {
		payload = append(payload, o.Hats)
	}
	if o.ID != "" {
		payload = append(payload, muc.OccupantID(o.ID))
	}
	return payload
}

// user is the muc#user payload for others (XEP-0045 §7.2.2).
func (r *Room) user(o *Occupant, typ string, real bool, c Change) muc.User {
	item := muc.Item{Affiliation: o.Affiliation, Role: o.Role, Nick: c.NewNick, Reason: c.Reason}
	if typ == xmpp.TypeUnavailable && c.NewNick == "" {
		item.Role = muc.RoleNone
	}
	if real {
		item.JID = o.ShownJID()
	}
	if c.Actor != "" {
		item.Actor = &muc.Actor{Nick: c.Actor}
	}
	return muc.User{Items: []muc.Item{item}, Statuses: c.Codes, Destroy: c.Destroy, Mav: c.Mav}
}

// ShownJID is the real address of an occupant: of its devices the first, for it is to be a full one (XEP-0045 §17.3, §17.4). A
// participant of another provider has no device here, and the bare address is all there is.
func (o *Occupant) ShownJID() xmpp.JID {
	if len(o.Sessions) > 0 {
		return o.Sessions[0].JID
	}
	return o.Real
}

// Announce is an occupant's presence to everybody, to its own devices last (XEP-0045 §7.2.2). Who is hidden is announced to itself
// alone; the others are told that it is gone, if they saw it. Afterwards call Told.
func (r *Room) Announce(o *Occupant, c Change) []xmpp.Broadcast {
	return r.announce(o, xmpp.TypeAvailable, c, true)
}

// ToOthers is Announce without the occupant's own devices.
func (r *Room) ToOthers(o *Occupant, c Change) []xmpp.Broadcast {
	return r.announce(o, xmpp.TypeAvailable, c, false)
}

// Farewell is an occupant's unavailable presence to everybody, to its own devices last. It is rendered before Leave or Rename.
func (r *Room) Farewell(o *Occupant, c Change) []xmpp.Broadcast {
	return r.announce(o, xmpp.TypeUnavailable, c, true)
}

func (r *Room) announce(o *Occupant, typ string, c Change, self bool) []xmpp.Broadcast {
	v := r.views(o, typ, c, self)
	var bs []xmpp.Broadcast
	switch shows := r.Shows(o); {
	case shows, typ == xmpp.TypeUnavailable && !o.Unseen:
		bs = r.toOthers(nil, o, v)
	case typ == xmpp.TypeAvailable && !o.Unseen:
		bs = r.vanish(o)
	}
	if own := o.Devices(); self && len(own) > 0 {
		bs = append(bs, xmpp.Broadcast{Template: v.self, To: own})
	}
	return bs
}

func (r *Room) toOthers(bs []xmpp.Broadcast, o *Occupant, v views) []xmpp.Broadcast {
	bs = r.see.except(bs, v.see, o.Sessions)
	if r.anonymous {
		bs = r.blind.except(bs, v.blind, o.Sessions)
	}
	return bs
}

// ToSelf is an occupant's presence, of any type, to some of its own devices.
func (r *Room) ToSelf(o *Occupant, typ string, c Change, devices ...xmpp.JID) xmpp.Broadcast {
	return xmpp.Broadcast{Template: r.views(o, typ, c, true).self, To: devices}
}

// Roster is the presence of all occupants that are shown but one to one of its devices, in order of arrival (XEP-0045 §7.2.2).
func (r *Room) Roster(o *Occupant, device xmpp.JID) []xmpp.Broadcast {
	real, to := r.MaySee(o), []xmpp.JID{device}
	bs := make([]xmpp.Broadcast, 0, len(r.order))
	for _, other := range r.order {
		if other != o && r.Shows(other) {
			bs = append(bs, xmpp.Broadcast{Template: r.plain(other, real), To: to})
		}
	}
	return bs
}

// Devices are the full JIDs of an occupant.
func (o *Occupant) Devices() []xmpp.JID { return o.DevicesExcept(xmpp.JID{}) }

// DevicesExcept are the full JIDs of an occupant but one.
func (o *Occupant) DevicesExcept(one xmpp.JID) []xmpp.JID {
	own := make([]xmpp.JID, 0, len(o.Sessions))
	for i := range o.Sessions {
		if o.Sessions[i].JID != one {
			own = append(own, o.Sessions[i].JID)
		}
	}
	return own
}
