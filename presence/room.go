package presence

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Session is one device of an occupant.
type Session struct {
	JID     xmpp.JID        // full JID
	Payload []*xmpp.Element // of its latest presence, without what belongs to the protocol of the room
}

// Occupant is one user who is present under one nick, from one or more devices. A remote occupant has none.
type Occupant struct {
	User        string // who it is, whatever the nick: unique in the room
	Nick        string
	ID          string        // of the occupant, whatever the nick (XEP-0421); empty: none
	Hats        *xmpp.Element // what its presence says of it besides (XEP-0317); nil: nothing
	Real        xmpp.JID      // bare
	Remote      bool
	Affiliation muc.Affiliation
	Role        muc.Role
	Sessions    []Session // in order of joining; the last one speaks for the occupant
	Unseen      bool      // others were not told of it, or that they see it no more
	Since       int64     // number of its arrival: the order in which newcomers see the others

	shown [2]*xmpp.Template // its plain presence without and with the real JID, as of its last change
}

// Session returns the session of a full JID.
func (o *Occupant) Session(j xmpp.JID) *Session {
	for i := range o.Sessions {
		if o.Sessions[i].JID == j {
			return &o.Sessions[i]
		}
	}
	return nil
}

// payload is what the occupant last said about its availability.
func (o *Occupant) payload() []*xmpp.Element {
	if n := len(o.Sessions); n > 0 {
		return o.Sessions[n-1].Payload
	}
	return nil
}

// Room is the set of occupants of one room. Make it with New.
type Room struct {
	addr      xmpp.JID // bare address of the room
	anonymous bool     // only moderators see real JIDs

	hidden [muc.RoleModerator + 1]bool // whose presence is not broadcast

	byNick    map[string]*Occupant // by NicknameKey
	byLook    map[string]*Occupant // by NicknameLook; one of those that look the same
	byUser    map[string]*Occupant
	bySession map[xmpp.JID]*Occupant
	order     []*Occupant // by Since
	arrivals  int64

	everybody list // all sessions
	see       list // those who may see real JIDs
	blind     list // those who may not
}

// New is an empty room. In an anonymous room only moderators see real JIDs (muc#roomconfig_whois, XEP-0045 §4.2).
func New(addr xmpp.JID, anonymous bool) *Room {
	return &Room{addr: addr, anonymous: anonymous,
		byNick: map[string]*Occupant{}, byLook: map[string]*Occupant{}, byUser: map[string]*Occupant{}, bySession: map[xmpp.JID]*Occupant{},
		everybody: newList(), see: newList(), blind: newList()}
}

// Len is the number of sessions, Occupants that of occupants.
func (r *Room) Len() int       { return len(r.bySession) }
func (r *Room) Occupants() int { return len(r.byUser) }

// Anonymous says that only moderators see real JIDs.
func (r *Room) Anonymous() bool { return r.anonymous }

// SetAnonymous changes who sees real JIDs from now on.
func (r *Room) SetAnonymous(anonymous bool) {
	r.anonymous = anonymous
	r.see, r.blind = newList(), newList()
	for _, o := range r.Sorted() {
		r.place(o)
	}
}

// ByUser, ByNick and BySession find an occupant; nil when there is none. Nicks are compared as RFC 8266 §2.4 says.
func (r *Room) ByUser(user string) *Occupant      { return r.byUser[user] }
func (r *Room) BySession(full xmpp.JID) *Occupant { return r.bySession[full] }
func (r *Room) ByNick(nick string) (o *Occupant)  { return r.byNick[nickKey(nick)] }
func (r *Room) Address(nick string) xmpp.JID      { return occupantJID(r.addr, nick) }
func (r *Room) Everybody() []xmpp.JID             { return r.everybody.all() }
func (r *Room) Broadcast(s xmpp.Stanza) xmpp.Broadcast {
	return xmpp.Broadcast{Template: xmpp.NewTemplate(s), To: r.Everybody()}
}

// Watchers are the sessions of those who may see real JIDs and of those who may not.
func (r *Room) Watchers() (see, blind []xmpp.JID) { return r.see.all(), r.blind.all() }

// ByLook finds an occupant whose nick looks like another (xmpp.NicknameLook).
func (r *Room) ByLook(nick string) *Occupant { return r.byLook[xmpp.NicknameLook(nick)] }

func nickKey(nick string) string {
	key, err := xmpp.NicknameKey(nick)
	if err != nil {
		return nick
	}
	return key
}

func occupantJID(room xmpp.JID, nick string) xmpp.JID {
	j, err := room.WithResource(nick)
	if err != nil {
		return room // a nick was prepared as a resourcepart before it became one
	}
	return j
}

// Sorted is all occupants in order of arrival.
func (r *Room) Sorted() []*Occupant { return slices.Clone(r.order) }

// Enter adds an occupant, whose user and nick must be free.
func (r *Room) Enter(o Occupant) *Occupant {
	if r.byUser[o.User] != nil || r.byNick[nickKey(o.Nick)] != nil {
		panic("presence: user or nick is present already")
	}
	r.arrivals++
	o.Unseen = r.hides(o.Role)
	o.Since = r.arrivals
	in := &o
	r.byUser[in.User], r.byNick[nickKey(in.Nick)] = in, in
	r.byLook[xmpp.NicknameLook(in.Nick)] = in
	r.order = append(r.order, in)
	for _, s := range in.Sessions {
		r.bySession[s.JID] = in
	}
	r.place(in)
	return in
}

// AddSession adds a device to an occupant, which from now on speaks for it; a device that is there already only changes its payload.
func (r *Room) AddSession(o *Occupant, s Session) {
	if have := o.Session(s.JID); have != nil {
		o.Sessions = slices.DeleteFunc(slices.Clone(o.Sessions), func(x Session) bool { return x.JID == s.JID })
	}
	o.Sessions = append(slices.Clip(o.Sessions), s)
	r.bySession[s.JID] = o
	r.place(o)
}

// RemoveSession takes a device away. The occupant stays, even without devices: see Leave.
func (r *Room) RemoveSession(o *Occupant, full xmpp.JID) {
	o.Sessions = slices.DeleteFunc(slices.Clone(o.Sessions), func(s Session) bool { return s.JID == full })
	o.shown = [2]*xmpp.Template{}
	delete(r.bySession, full)
	r.everybody.remove(full)
	r.see.remove(full)
	r.blind.remove(full)
}

// Leave removes an occupant with all its devices.
func (r *Room) Leave(o *Occupant) {
	for _, s := range o.Sessions {
		delete(r.bySession, s.JID)
		r.everybody.remove(s.JID)
		r.see.remove(s.JID)
		r.blind.remove(s.JID)
	}
	delete(r.byUser, o.User)
	delete(r.byNick, nickKey(o.Nick))
	r.dropLook(o)
	if i, found := slices.BinarySearchFunc(r.order, o.Since, func(x *Occupant, since int64) int { return cmp.Compare(x.Since, since) }); found {
		r.order = slices.Delete(r.order, i, i+1)
	}
}

// Clear removes all occupants at once.
func (r *Room) Clear() {
	hidden, arrivals := r.hidden, r.arrivals
	*r = *New(r.addr, r.anonymous)
	r.hidden, r.arrivals = hidden, arrivals
}

// Rename gives an occupant another nick, which must be free or its own.
func (r *Room) Rename(o *Occupant, nick string) {
	delete(r.byNick, nickKey(o.Nick))
	r.dropLook(o)
	o.Nick = nick
	r.byLook[xmpp.NicknameLook(nick)] = o
	o.shown = [2]*xmpp.Template{}
	r.byNick[nickKey(nick)] = o
}

// dropLook forgets how an occupant's nick looks, unless another one is found by it.
func (r *Room) dropLook(o *Occupant) {
	if look := xmpp.NicknameLook(o.Nick); r.byLook[look] == o {
		delete(r.byLook, look)
	}
}

// SetRole changes what an occupant may do and see.
func (r *Room) SetRole(o *Occupant, a muc.Affiliation, role muc.Role) {
	o.Affiliation, o.Role = a, role
	r.place(o)
}

// SetHats changes what an occupant's presence says of it besides.
func (r *Room) SetHats(o *Occupant, hats *xmpp.Element) {
	o.Hats = hats
	o.shown = [2]*xmpp.Template{}
}

// MaySee says whether an occupant may see the real JIDs of others.
func (r *Room) MaySee(o *Occupant) bool {
	return !r.anonymous || o != nil && o.Role == muc.RoleModerator
}

// place puts an occupant's devices on the lists of those who may see real JIDs and of those who may not.
func (r *Room) place(o *Occupant) {
	sees := r.MaySee(o)
	o.shown = [2]*xmpp.Template{}
	for _, s := range o.Sessions {
		r.everybody.add(s.JID)
		if sees {
			r.blind.remove(s.JID)
			r.see.add(s.JID)
		} else {
			r.see.remove(s.JID)
			r.blind.add(s.JID)
		}
	}
}

// FreeNick is the wanted nick, or the wanted nick with the first number that makes it free.
func (r *Room) FreeNick(want string) string {
	if want = strings.TrimSpace(want); want == "" {
		want = "somebody"
	}
	nick := want
	for n := 2; r.ByNick(nick) != nil || r.ByLook(nick) != nil; n++ {
		nick = want + " (" + strconv.Itoa(n) + ")"
	}
	return nick
}
