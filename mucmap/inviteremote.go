package mucmap

import (
	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// To invite a user of another provider is to add it (the seed's first way in): with its key packages, in one commit with its entry in the
// participant list. Where it has not consented, it is asked, and added when it agrees (docs/decisions/070-consent.md).

// inviteRemote adds a user of another provider on behalf of an occupant's user. What does not come true is answered to st.
func (t *turn) inviteRemote(st *xmpp.Stanza, by, target mimi.URI, reason string) {
	refuse := func(t *turn, e *xmpp.StanzaError) { t.refuse(st, e) }
	if e := t.r.addable(target); e != nil {
		refuse(t, e)
		return
	}
	t.seekKeys(by, target, func(t *turn, m material) {
		switch {
		case m.consent:
			t.await(by, target, reason, refuse)
		case m.refused != nil:
			refuse(t, m.refused)
		default:
			t.addRemote(by, target, m.packages, reason, refuse)
		}
	})
}

// addable says why a user of another provider cannot be added.
func (r *Room) addable(target mimi.URI) *xmpp.StanzaError {
	m := r.pub.members[target]
	switch {
	case r.pub.barred(target):
		return refusal(xmpp.NotAllowed, "this user is banned: an admin would have to lift the ban first")
	case m == nil:
		return nil
	case m.Leaves > 0:
		return refusal(xmpp.Conflict, "this user is in the room already")
	}
	// Only the user itself adds clients of somebody who is listed (docs/decisions/030-mimi-readings.md).
	return refusal(xmpp.Conflict, "this user is on the room's list already and enters by itself")
}

// addRemote lists a user of another provider and adds its clients. The inviter proposes both if its role may, the keeper otherwise: in a room
// where anybody may enter, anybody with voice may invite.
func (t *turn) addRemote(by, target mimi.URI, packages []mls.KeyPackage, reason string, refuse func(*turn, *xmpp.StanzaError)) {
	switch {
	case t.r.forTwo():
		t.admitPeer(packages)
		return
	case t.r.follow != nil:
		t.followAdd(by, target, packages, reason, refuse)
		return
	}
	t.ask(&wish{
		what: "addition of " + target.String() + " by " + by.String(),
		plan: func(d *delta) *xmpp.StanzaError {
			role := d.r.pub.Config.defaultRole(muc.AffiliationNone)
			if d.r.pub.Config.MembersOnly {
				role = roleMember
				if e := d.r.mayAddMembers(by); e != nil {
					return e
				}
			}
			if e := d.r.addable(target); e != nil {
				return e
			}
			if d.state.Clients(by) > 0 && d.state.Can(by, mimi.CanAddParticipant) && d.state.MayChange(by, roleNone, role) {
				d.signer = by
			}
			d.actor, d.reason, d.guests = d.r.nickOf(by), reason, packages
			d.setRole(target, role, why{})
			return nil
		},
		done:   func(*turn) {},
		refuse: refuse,
	})
}

// listRemote gives affiliations to users of other providers who are not listed yet: their clients come with them, if their providers give key
// packages now. It calls next, in this Step or a later one, with what there is.
func (t *turn) listRemote(by mimi.URI, items []muc.Item, next func(t *turn, guests map[mimi.URI][]mls.KeyPackage)) {
	targets := t.r.newcomers(items)
	if len(targets) == 0 {
		next(t, nil)
		return
	}
	// Who gives an affiliation may be absent and without leaf; the request for key packages needs one.
	t.askAs(by, &wish{
		what:   "leaf of " + by.String(),
		plan:   func(d *delta) *xmpp.StanzaError { d.empty = true; return nil },
		done:   func(t *turn) { t.seekAll(by, targets, next) },
		refuse: func(t *turn, _ *xmpp.StanzaError) { next(t, nil) },
	})
}

// newcomers are the users of other providers who get an affiliation by items and are not listed yet, if they are not too many to ask about.
func (r *Room) newcomers(items []muc.Item) (targets []mimi.URI) {
	for i := range items {
		u, e := r.target(&items[i])
		if e == nil && !r.svc.local(u) && items[i].Affiliation >= muc.AffiliationMember && r.pub.members[u] == nil {
			targets = append(targets, u)
		}
	}
	if len(targets) > MaxInvites {
		return nil
	}
	return targets
}

// seekAll asks for the key packages of several users and calls next with what came.
func (t *turn) seekAll(by mimi.URI, targets []mimi.URI, next func(t *turn, guests map[mimi.URI][]mls.KeyPackage)) {
	guests, open := map[mimi.URI][]mls.KeyPackage{}, len(targets)
	for _, u := range targets {
		t.seekKeys(by, u, func(t *turn, m material) {
			if open--; m.refused == nil {
				guests[u] = m.packages
			}
			if open == 0 {
				next(t, guests)
			}
		})
	}
}
