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

// followInvite passes invitations to users of ours on, all or none (XEP-0045 §7.8.2). In a room for members they are listed first.
func (t *turn) followInvite(st *xmpp.Stanza, o *presence.Occupant, users []mimi.URI, invites []muc.Invite) {
	r, u := t.r, userOf(o)
	for _, user := range users {
		if !r.svc.local(user) {
			t.refuse(st, refusal(xmpp.NotAllowed, "from here only users of "+r.svc.cfg.Provider+" are invited: ask somebody at "+r.uri.Provider()+" to invite "+user.String()))
			return
		}
	}
	send := func(t *turn) {
		for i := range invites {
			t.sendInvite(st, o, invites[i])
		}
	}
	w := follower.Wish{Kind: follower.Change, Client: r.svc.clientURI(u)}
	state := r.follow.room.State()
	for _, user := range users {
		if !r.pub.Config.MembersOnly || state.RoleOf(user) != mimi.RoleNone {
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
