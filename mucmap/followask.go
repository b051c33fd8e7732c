package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Invitations and requests for voice in a room of another provider: what only concerns users of ours is passed on here, what changes the room's list is
// a commit by the leaf of whoever acts.

// followInvite passes invitations to users of ours on (XEP-0045 §7.8.2); in a room for members they are listed first. Everybody else is added, if the
// inviter's role may add.
func (t *turn) followInvite(st *xmpp.Stanza, o *presence.Occupant, users []mimi.URI, invites []muc.Invite) {
	r, u := t.r, userOf(o)
	for _, user := range users {
		if _, e := r.roleToAdd(u); e != nil && !r.svc.local(user) {
			t.refuse(st, e)
			return
		}
	}
	send := func(t *turn) {
		for i := range invites {
			if r.svc.local(users[i]) {
				t.sendInvite(st, o, invites[i])
			} else {
				t.inviteRemote(st, u, users[i], invites[i].Reason)
			}
		}
	}
	w := follower.Wish{Kind: follower.Change, Client: r.svc.clientURI(u)}
	state := r.follow.room.State()
	for _, user := range users {
		if !r.pub.Config.MembersOnly || !r.svc.local(user) || state.RoleOf(user) != mimi.RoleNone {
			continue
		}
		role, e := roleFor(state, u, roleNone, roleMember)
		if e != nil {
			t.refuse(st, e)
			return
		}
		w.Roles = append(w.Roles, mimi.Participant{User: user, Role: role})
	}
	if len(w.Roles) == 0 {
		send(t)
		return
	}
	w.AAD = r.followWhy(mimi.Why{Actor: r.nickOf(u)})
	t.wish(&asker{st: st, done: send}, w)
}

// roleToAdd is the room's role into which a user of ours may add somebody: that of whoever enters, or else of a member; in a room for members that
// of a member. Without keeper of our own, who adds needs the right itself.
func (r *Room) roleToAdd(by mimi.URI) (mimi.RoleIndex, *xmpp.StanzaError) {
	state := r.follow.room.State()
	if !state.Can(by, mimi.CanAddParticipant) {
		return 0, refusal(xmpp.NotAllowed, "your role in this room lacks canAddParticipant: ask an admin, or somebody at "+r.uri.Provider())
	}
	wanted := []mimi.RoleIndex{roleMember, roleMemberVisitor}
	if !r.pub.Config.MembersOnly {
		wanted = []mimi.RoleIndex{r.pub.Config.defaultRole(muc.AffiliationNone), roleMember, roleMemberVisitor}
	}
	roles := translate(state)
	for _, want := range wanted {
		for i := range state.Roles() {
			if index := state.Roles()[i].Index; index != roleNone && roles[index] == want && state.MayChange(by, roleNone, index) {
				return index, nil
			}
		}
	}
	return 0, refusal(xmpp.NotAllowed, "your role in this room may not make anybody a guest or a member of it")
}

// followAdd lists a user of another provider and adds its clients, by the inviter's own leaf.
func (t *turn) followAdd(by, target mimi.URI, packages []mls.KeyPackage, reason string, refuse func(*turn, *xmpp.StanzaError)) {
	r := t.r
	role, e := r.roleToAdd(by)
	if e == nil {
		e = r.addable(target)
	}
	if e != nil {
		refuse(t, e)
		return
	}
	t.wish(&asker{fail: refuse}, follower.Wish{Kind: follower.Change, Client: r.svc.clientURI(by), AAD: r.followWhy(mimi.Why{Actor: r.nickOf(by), Reason: reason}),
		Adds: []follower.Addition{{User: target, Role: role, Packages: packages}}})
}

// followVoice gives voice to somebody who asked for it (XEP-0045 §8.6).
func (t *turn) followVoice(st *xmpp.Stanza, u mimi.URI, target *presence.Occupant) {
	w := follower.Wish{Kind: follower.Change, Client: t.r.svc.clientURI(u)}
	if e := t.r.followItems(u, []muc.Item{{Nick: target.Nick, Role: muc.RoleParticipant}}, &w); e != nil {
		t.refuse(st, e)
		return
	}
	t.wish(&asker{st: st}, w)
}

// followWhy is the explanation of an act as authenticated data, where the group carries such.
func (r *Room) followWhy(why mimi.Why) []byte {
	if _, safe := r.follow.room.Group().Public().AppData(mls.ComponentSafeAAD); safe {
		return why.AAD()
	}
	return nil
}
