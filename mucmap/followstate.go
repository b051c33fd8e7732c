package mucmap

import (
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// followed says that a user of ours became the first one here in a room of another provider: what the room is like now.
type followed struct {
	At      time.Time
	Group   string
	Epoch   uint64
	Config  roomConfig
	Subject string     `json:",omitempty"`
	Secret  []byte     // of occupant ids
	Members []change   // To, Leaves and Nick
	Bots    []mimi.Bot `json:",omitempty"`
}

func (e *followed) apply(s *state, _ *stage) {
	s.Exists, s.Closing, s.Created, s.Group, s.Epoch, s.Config, s.Until, s.Grave = true, false, e.At, e.Group, e.Epoch, e.Config, time.Time{}, nil
	if len(s.Secret) == 0 {
		s.Secret = e.Secret // whoever follows a room again names its occupants as before
	}
	s.Subject, s.Bots = subject{Text: e.Subject}, e.Bots
	s.members = map[mimi.URI]*member{}
	s.forgetVersions()
	s.here.SetAnonymous(!e.Config.Anyone)
	for i := range e.Members {
		c := &e.Members[i]
		m := &member{Role: c.To, Leaves: c.Leaves, Nick: c.Nick}
		s.members[c.User] = m
		switch {
		case c.Leaves == 0:
		case s.svc.local(c.User):
			m.Gone = e.At
		case standingOf(c.To).role != muc.RoleNone:
			m.Nick = s.here.FreeNick(c.Nick) // under which it speaks, too
			s.here.Enter(s.newOccupant(c.User, m.Nick))
		}
	}
}

// unfollowed says that no user of ours is in the room any more. Reason is there when they were not removed but the room was given up.
type unfollowed struct {
	At     time.Time
	Reason string `json:",omitempty"`
}

func (e *unfollowed) apply(s *state, p *stage) {
	for _, o := range s.here.Sorted() {
		if len(o.Sessions) > 0 {
			c := presence.Change{Reason: e.Reason, Codes: []muc.Status{muc.StatusRemovedServiceError}}
			p.send(func() []xmpp.Broadcast {
				return []xmpp.Broadcast{s.here.ToSelf(o, xmpp.TypeUnavailable, c, o.Devices()...)}
			})
		}
		s.here.Leave(o)
	}
	s.members, s.Awaiting = map[mimi.URI]*member{}, nil
	s.Exists, s.Closing, s.Until = false, false, e.At.Add(s.svc.cfg.GuestLinger)
}

// beginFollowing decides that the room exists for us, as its group says.
func (t *turn) beginFollowing() {
	room := t.r.follow.room
	state, pg := room.State(), room.Group().Public()
	roles := translate(state)
	e := &followed{At: t.now, Group: string(pg.GroupID()), Epoch: uint64(pg.Epoch()), Config: followConfig(roomConfig{History: defaultHistory}, state, roles),
		Subject: state.Metadata().Subject}
	secret := t.derive("occupant ids")
	e.Secret = secret[:]
	bots, _ := state.Bots()
	e.Bots = slices.Clone(bots.Allowed)
	nicks := map[mimi.URI]string{}
	for _, node := range pg.Leaves() {
		if nick, ok := mimi.LeafNick(node); ok {
			nicks[nodeUser(node)] = nick
		}
	}
	for _, p := range state.Participants() {
		c := change{User: p.User, To: roleHere(state, roles, p.User), Leaves: state.Clients(p.User)}
		if c.Leaves > 0 {
			c.Nick = t.r.goodNick(nicks[p.User], p.User)
		}
		e.Members = append(e.Members, c)
	}
	t.r.absent, t.r.tomb = true, nil
	t.note(NoteInfo, "room of another provider is followed", Attr{"hub", t.r.uri.Provider()}, Attr{"epoch", utoa(e.Epoch)})
	t.emit(e)
}

// followEpoch shows what a commit did. What it did is read off the state after it, so that whatever was missed shows too.
func (t *turn) followEpoch(e follower.Epoch) {
	r := t.r
	if !r.pub.Exists || e.Effects == nil || uint64(e.Effects.After.Epoch()) <= r.pub.Epoch {
		return // told by the event followed
	}
	a := &hub.Accepted{Effects: e.Effects, Before: e.Before, After: e.After, AcceptedAt: e.At}
	roles := translate(e.After)
	if r.endsWith(e.Effects) && !r.pub.Closing {
		_, w, _ := mimi.ParseAAD(rolesAAD(e.Effects))
		t.note(NoteInfo, "room is destroyed by its owner", Attr{"reason", w.Reason}, Attr{"venue", w.Alternate})
		d := &destroyed{Venue: r.svc.venueFrom(w.Alternate)}
		if xmpp.LegalText(w.Reason) {
			d.Reason = w.Reason
		}
		if !d.Venue.IsZero() {
			d.At = t.now
		}
		t.emit(d)
	}
	users, by := touchedUsers(a)
	if t.followBots(e.After) || rolesChanged(e.Effects) {
		users = r.pub.users()
		for _, p := range e.After.Participants() {
			if r.pub.members[p.User] == nil {
				users = append(users, p.User)
			}
		}
	}
	ev := &committed{At: t.now, Epoch: uint64(e.Effects.After.Epoch()), Committer: leafUser(e.Effects.After, e.Effects.Committer), Proposers: proposers(e.Effects)}
	for _, u := range users {
		c := change{User: u, To: roleHere(e.After, roles, u), Leaves: e.After.Clients(u)}
		leaves := 0
		if m := r.pub.members[u]; m != nil {
			c.From, leaves = m.Role, m.Leaves
		}
		if c.From == c.To && leaves == c.Leaves {
			continue
		}
		t.explain(&c, by[u])
		switch {
		case c.Cause == causeKick && c.Reason == "" && c.To == roleNone && r.pub.Config.MembersOnly && standingOf(c.From).affiliation == muc.AffiliationNone:
			c.Cause, c.Actor = causeMembersOnly, ""
		case c.Cause == causeKick && c.Reason == "" && r.pub.role(by[u].actor) == roleKeeper:
			c.Cause, c.Actor = causeLinger, "" // an absent guest of the hub's own
		}
		if !r.svc.local(u) && c.Leaves > 0 && r.pub.occupant(u) == nil && standingOf(c.To).role != muc.RoleNone {
			c.Nick = t.remoteNick(e.Effects, u)
		}
		if r.svc.local(u) && leaves == 0 && c.Leaves > 0 {
			r.follow.adders[u] = by[u].actor
		}
		if c.To == roleNone || c.Leaves == 0 {
			delete(r.leaving, u)
		}
		ev.Changes = append(ev.Changes, c)
	}
	t.emit(ev)
	t.noteEpoch(ev)
	was := r.pub.Config
	if cfg := followConfig(was, e.After, roles); cfg != was {
		t.emit(&configured{Config: cfg, Codes: was.codes(&cfg), ID: t.id()})
	}
	if text := e.After.Metadata().Subject; e.Before != nil && text != e.Before.Metadata().Subject && xmpp.LegalText(text) {
		id := r.subjectAsked(t.subjectUser(a), text)
		if id == "" {
			id = t.id()
		}
		t.title(id, t.subjectNick(a), t.subjectUser(a), text)
	}
}

// followConfig is what a room of another provider is like, in the words of XEP-0045.
func followConfig(c roomConfig, s *policy.State, roles map[mimi.RoleIndex]mimi.RoleIndex) roomConfig {
	c = c.follow(s)
	c.Moderated, c.ChangeSubject, c.AllowInvites = false, false, false
	entrance, open := s.Open()
	for i := range entrance {
		c.Moderated = c.Moderated || open && standingOf(roles[entrance[i]]).role == muc.RoleVisitor
	}
	for _, role := range s.Roles() {
		switch roles[role.Index] {
		case roleGuest, roleMember:
			c.ChangeSubject = c.ChangeSubject || role.Has(mimi.CanChangeRoomSubject)
			c.AllowInvites = c.AllowInvites || !open && role.Has(mimi.CanAddParticipant) // where anybody may enter it is no privilege
		}
	}
	if !xmpp.LegalText(c.Name) {
		c.Name = ""
	}
	c.Public = false // it is its provider's to list it
	return c
}

// rolesUpdate finds the commit's new list of roles.
func rolesUpdate(eff *mls.Effects) (*mimi.RolesList, *mls.CommittedProposal) {
	for i := range eff.Proposals {
		p := &eff.Proposals[i]
		if x, is := p.Proposal.(mls.AppDataUpdate); is && x.Component == mimi.ComponentRolesList {
			var list mimi.RolesList
			if unmarshal(x.Update, &list) == nil {
				return &list, p
			}
		}
	}
	return nil, nil
}

func rolesChanged(eff *mls.Effects) bool {
	list, _ := rolesUpdate(eff)
	return list != nil
}

func rolesAAD(eff *mls.Effects) []byte {
	_, p := rolesUpdate(eff)
	if p == nil {
		return nil
	}
	if p.Ref == nil {
		return eff.AuthenticatedData
	}
	return p.AuthenticatedData
}

// endsWith says that a commit begins the end of a room of an anteroom: the demand for an owner is lifted (destroy.go).
func (r *Room) endsWith(eff *mls.Effects) bool {
	list, _ := rolesUpdate(eff)
	if list == nil || !ourLayout(list.Roles) {
		return false
	}
	for i := range list.Roles {
		if list.Roles[i].Index == roleOwner {
			return list.Roles[i].MinParticipants == 0
		}
	}
	return false
}
