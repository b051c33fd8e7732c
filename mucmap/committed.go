package mucmap

import (
	"cmp"
	"time"

	"anteroom/mimi"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// created says that the room's group began, with the keeper as its only member.
type created struct {
	At     time.Time
	Group  string
	Keeper mimi.URI
	Config roomConfig
	Secret []byte // of occupant ids
	Locked bool   `json:",omitempty"` // until the owner has configured it
	Veil   []byte `json:",omitempty"` // of pseudonyms

	Subject string       `json:",omitempty"`
	Listed  []listedUser `json:",omitempty"` // in a room that an operator made
	Preauth []preauth    `json:",omitempty"`
	Bots    []mimi.Bot   `json:",omitempty"`
}

func (e *created) apply(s *state, _ *stage) {
	s.Secret, s.Veil = e.Secret, e.Veil
	s.Exists, s.Created, s.Group, s.Epoch, s.Config, s.Locked = true, e.At, e.Group, 0, e.Config, e.Locked
	s.members[e.Keeper] = &member{Role: roleKeeper, Leaves: 1}
	s.Preauth, s.Bots, s.Subject = e.Preauth, e.Bots, subject{Text: e.Subject}
	for _, l := range e.Listed {
		s.members[l.User] = &member{Role: l.Role}
		s.veil(l.User, cmp.Or(l.As, l.User))
	}
	s.here.SetAnonymous(!e.Config.Anyone)
	s.here.SetHidden(e.Config.Hidden.has)
}

// cause says in which XEP-0045 act a user's standing changed, where the change itself does not say it.
type cause string

const (
	causeKick        cause = "kick"        // §8.2
	causeBan         cause = "ban"         // §9.1
	causeAffiliation cause = "affiliation" // §9.4: membership was revoked in a members-only room
	causeMembersOnly cause = "members-only"
	causeLeave       cause = "leave" // of the membership, by the user itself
	causeLinger      cause = "linger"
	causeDestroy     cause = "destroy"
	causeDomain      cause = "domain"  // is banned (domainban.go)
	causeService     cause = "service" // bans the user (serviceban.go)
)

// change is what a commit did to one user.
type change struct {
	User     mimi.URI
	As       mimi.URI `json:",omitzero"` // the name in the group, when that is another
	From, To mimi.RoleIndex
	Leaves   int    // afterwards
	Nick     string `json:",omitempty"` // of a remote user who appears
	Actor    string `json:",omitempty"` // nick, or address, of who did it
	Ordered  bool   `json:",omitempty"` // somebody else did it, who may have no nick
	Reason   string `json:",omitempty"`
	Cause    cause  `json:",omitempty"`
}

// committed says that the hub accepted a commit: the room is in the next epoch.
type committed struct {
	At        time.Time
	Epoch     uint64
	Committer mimi.URI
	Proposers []mimi.URI `json:",omitempty"` // whose proposals, the committer's own included
	Changes   []change   `json:",omitempty"`
}

func (e *committed) apply(s *state, p *stage) {
	s.Epoch = e.Epoch
	for i := range e.Changes {
		e.Changes[i].apply(s, p, e.At)
	}
}

func (c *change) apply(s *state, p *stage, at time.Time) {
	m := s.members[c.User]
	mav := s.versionAfter(c.User, standingOf(c.From).affiliation, standingOf(c.To).affiliation)
	if standingOf(c.To).affiliation < muc.AffiliationMember {
		s.reserve(c.User, "")
	}
	if standingOf(c.To).affiliation != muc.AffiliationNone {
		s.settle(c.User) // its request to be registered was decided another way
	}
	if c.Leaves > 0 || c.To == roleBanned {
		s.unawait(c.User)
		s.unknock(c.User)
	}
	switch {
	case c.To == roleNone:
		s.depart(c.User)
		delete(s.members, c.User)
		m = nil
	case m == nil:
		m = &member{}
		s.members[c.User] = m
	}
	if m != nil {
		if c.From != c.To {
			m.Reason = c.Reason
		}
		if m.Leaves == 0 && c.Leaves > 0 && s.svc.local(c.User) {
			m.Gone = at
		}
		if c.From == roleNone || c.From == roleBanned {
			m.Since = at
		}
		m.Role, m.Leaves = c.To, c.Leaves
		s.veil(c.User, cmp.Or(c.As, c.User))
	}
	s.arrive(c)
	o := s.occupant(c.User)
	if o != nil {
		p.seers = nil
	}
	if o == nil {
		if !s.svc.local(c.User) && c.Leaves > 0 {
			s.appear(c, mav, p)
		} else {
			s.announceAbsent(c, mav, p)
		}
		s.tellAbsent(c, p)
		return
	}
	if c.Leaves == 0 || c.To == roleNone || c.To == roleBanned {
		s.evict(o, c, mav, p)
		return
	}
	if c.From == c.To {
		return
	}
	saw := s.here.MaySee(o)
	now := standingOf(c.To)
	s.here.SetRole(o, now.affiliation, now.role)
	s.here.SetHats(o, s.hats(c.User))
	s.announce(p, o, presence.Change{Actor: c.Actor, Reason: c.Reason, Mav: mav})
	p.send(func() (bs []xmpp.Broadcast) {
		if !saw && s.here.MaySee(o) { // a new moderator learns the real JIDs
			for _, x := range o.Sessions {
				bs = append(bs, s.here.Roster(o, x.JID)...)
			}
		}
		return bs
	})
}

// tellAbsent lets an XMPP user who is not in the room know that somebody gave it another affiliation (XEP-0045 §15.6.2, code 101).
func (s *state) tellAbsent(c *change, p *stage) {
	from, to := standingOf(c.From).affiliation, standingOf(c.To).affiliation
	if from == to || c.Actor == "" && !c.Ordered || !s.svc.local(c.User) {
		return
	}
	item := muc.Item{Affiliation: to, Role: muc.RoleNone, Reason: c.Reason}
	if c.Actor != "" {
		item.Actor = &muc.Actor{Nick: c.Actor}
	}
	p.send(func() []xmpp.Broadcast {
		x := muc.User{Items: []muc.Item{item},
			Statuses: []muc.Status{muc.StatusAffiliationChanged}}
		st := xmpp.Stanza{Kind: xmpp.Message, From: s.addr, Payload: []*xmpp.Element{x.Element()}}
		return []xmpp.Broadcast{{Template: xmpp.NewTemplate(st), To: []xmpp.JID{s.svc.UserJID(c.User)}}}
	})
}

// appear lets a participant of another provider become an occupant: it is present while it is active.
func (s *state) appear(c *change, mav *muc.Mav, p *stage) {
	nick := c.Nick
	if nick == "" || s.here.ByNick(nick) != nil {
		nick = s.here.FreeNick(nick)
	}
	o := s.here.Enter(s.newOccupant(c.User, nick))
	s.members[c.User].Nick = nick
	s.announce(p, o, presence.Change{Mav: mav})
}

// evict takes an occupant out whose clients the commit removed.
func (s *state) evict(o *presence.Occupant, c *change, mav *muc.Mav, p *stage) {
	st := standingOf(c.To)
	banned := c.Cause == causeDomain || c.Cause == causeService // whatever the list says
	if banned {
		st.affiliation = muc.AffiliationOutcast
	}
	s.here.SetRole(o, st.affiliation, o.Role)
	ch := presence.Change{Actor: c.Actor, Reason: c.Reason, Mav: mav}
	switch {
	case c.To == roleBanned, banned:
		ch.Codes = []muc.Status{muc.StatusBanned}
	case c.Cause == causeAffiliation:
		ch.Codes = []muc.Status{muc.StatusRemovedAffiliation}
	case c.Cause == causeMembersOnly:
		ch.Codes, ch.Actor = []muc.Status{muc.StatusRemovedMembersOnly}, ""
	case c.Cause == causeKick:
		ch.Codes = []muc.Status{muc.StatusKicked}
	default:
		ch.Actor = ""
	}
	p.send(func() []xmpp.Broadcast { return s.here.Farewell(o, ch) })
	s.here.Leave(o)
}
