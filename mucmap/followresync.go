package mucmap

import (
	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A room of another provider that has lost touch comes back by itself (package follower). What it missed is read off the difference; if it cannot come
// back it is given up, until an operator releases it or, after the guests' time, somebody enters.

// Release lets a room of another provider that was given up be entered at once. It changes nothing in any other room.
type Release struct{}

func (Release) input() {}

// trouble is what operators see of a room that is given up or has lost touch; empty: all is well.
func (f *follow) trouble() string {
	if f == nil {
		return ""
	}
	return f.room.Trouble()
}

func (t *turn) letGo() {
	f := t.r.follow
	if f.room.Broken() == "" {
		return
	}
	t.note(NoteInfo, "the room is released by an operator", Attr{"reason it was given up", f.room.Broken()})
	f.room = follower.New(t.r.uri, t.r.svc.followOptions())
}

// followResynced shows the room as it is after it was entered anew. Who did what, and why, is not known.
func (t *turn) followResynced(e follower.Resynced) {
	r := t.r
	t.note(NoteWarn, "the room was entered anew: some of what took place was not seen", Attr{"hub", r.uri.Provider()}, Attr{"epoch", utoa(uint64(e.Epoch))})
	if !r.pub.Exists {
		return
	}
	roles := translate(e.After)
	nicks := map[mimi.URI]string{}
	for _, node := range r.follow.room.Group().Public().Leaves() {
		if nick, ok := mimi.LeafNick(node); ok {
			nicks[nodeUser(node)] = nick
		}
	}
	users := r.pub.users()
	for _, p := range e.After.Participants() {
		if r.pub.members[p.User] == nil {
			users = append(users, p.User)
		}
	}
	t.followBots(e.After)
	ev := &committed{At: t.now, Epoch: uint64(e.Epoch), Committer: e.Client.ClientUser()}
	for _, u := range users {
		c := change{User: u, To: roleHere(e.After, roles, u), Leaves: e.After.Clients(u)}
		leaves := 0
		if m := r.pub.members[u]; m != nil {
			c.From, leaves = m.Role, m.Leaves
		}
		if c.From == c.To && leaves == c.Leaves {
			continue
		}
		t.explain(&c, blame{})
		if !r.svc.local(u) && c.Leaves > 0 && r.pub.occupant(u) == nil && standingOf(c.To).role != muc.RoleNone {
			c.Nick = r.goodNick(nicks[u], u)
		}
		if c.To == roleNone || c.Leaves == 0 {
			delete(r.leaving, u)
		}
		ev.Changes = append(ev.Changes, c)
	}
	t.emit(ev)
	if pg := r.follow.room.Group().Public(); string(pg.GroupID()) != r.pub.Group { // one that followed after a ReInit
		t.emit(&reinitialised{At: t.now, Group: string(pg.GroupID()), Epoch: uint64(pg.Epoch()), Suite: pg.Suite()})
	}
	was := r.pub.Config
	if cfg := followConfig(was, e.After, roles); cfg != was {
		t.emit(&configured{Config: cfg, Codes: was.codes(&cfg), ID: t.id()})
	}
	if text := e.After.Metadata().Subject; text != r.pub.Subject.Text && xmpp.LegalText(text) {
		t.title(t.id(), "", mimi.URI{}, text)
	}
}
