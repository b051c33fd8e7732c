package sim

import (
	"fmt"
	"slices"
	"time"

	"anteroom/mls"
	"anteroom/mucmap"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// What a history holds at its end.

// everybodyHears holds that what the owner says last reaches everybody who is there.
func (w *World) everybodyHears(owner *User, users []*User) error {
	if len(owner.View()) == 0 {
		owner.Join()
	}
	const text = "the end"
	owner.Say(text)
	if err := w.Settle(); err != nil {
		return err
	}
	for _, u := range users {
		if len(u.View()) > 0 && !slices.Contains(u.Texts(), text) {
			return fmt.Errorf("%s is there and did not hear the last message", u.JID)
		}
	}
	return nil
}

// outsidersAreBlind holds that providers which were in the room and are not any more cannot read what is said there now, with all keys
// that they kept.
func (w *World) outsidersAreBlind(owner *User, hub, name string) error {
	before := w.groups(hub, name)
	hubRoom := w.Providers[hub].Rooms[name].room
	sent, err := spy(w, owner, before[hub])
	if err != nil || !hubRoom.Exists() {
		return err
	}
	for _, p := range w.Providers {
		n := p.Rooms[name+"%"+hub]
		if n == nil {
			continue
		}
		r := n.follower()
		if r == nil || r.Group() == nil {
			continue
		}
		_, _, err := r.Group().Unprotect(sent)
		if r.Member() && err != nil {
			return fmt.Errorf("%s is a member and cannot read: %w", p.Name, err)
		}
		if !r.Member() && err == nil {
			return fmt.Errorf("%s is no member and can read", p.Name)
		}
	}
	return nil
}

// spy is an application message in the room's present epoch, by a copy of the hub's group.
func spy(w *World, _ *User, g *mls.Group) (*mls.Message, error) {
	leaf := g.Local()[0]
	g, err := g.WithoutPending().Reserve(leaf, 64)
	if err != nil {
		return nil, err
	}
	_, m, err := g.Protect(w.seed(), leaf, []byte("who reads this?"), []byte{0})
	return m, err
}

// saying is a message that a user sent.
type saying struct {
	by *User
	id string
	at map[*User]int // how much had come to each user by then

	reaches map[*User]bool // whether the sender's provider knew by then that the user is in the room
}

func (u *User) saying(text string, users []*User) saying {
	s := saying{by: u, at: map[*User]int{}, reaches: map[*User]bool{}}
	for _, v := range users {
		s.at[v], s.reaches[v] = len(v.Inbox()), u.knows(v)
	}
	s.id = u.Say(text)
	return s
}

// knows says that a user's provider knows that another user has a client in the room. The hub's own users hear everything.
func (u *User) knows(v *User) bool {
	n := u.provider().Rooms[u.Room.Local()]
	if v.provider().Name == "a.example" || n == nil {
		return true
	}
	return slices.ContainsFunc(n.room.Describe().Participants, func(p mucmap.Participant) bool {
		return p.Leaves > 0 && p.User.String() == "mimi://"+v.JID.Domain()+"/u/"+v.JID.Local()
	})
}

// archived are the texts that the hub accepted, in order.
func (w *World) archived() []string {
	var hub []string
	for _, e := range w.Providers["a.example"].Rooms["garden"].disk.archive {
		st, err := xmpp.ParseStanzaXML(e.Data)
		if err != nil {
			panic(err)
		}
		if body, ok := st.Body(); ok {
			hub = append(hub, body)
		}
	}
	return hub
}

// comeBack lets time pass until every room that lost touch has come back.
func (w *World) comeBack() error {
	for range 40 {
		behind := ""
		for _, p := range w.Providers {
			for name, n := range p.Rooms {
				if r := n.follower(); r != nil && r.Behind() {
					behind = p.Name + " " + name + ": " + r.Trouble()
				}
			}
		}
		if behind == "" {
			return nil
		}
		w.Wait(time.Minute)
		if err := w.Settle(); err != nil {
			return err
		}
	}
	return fmt.Errorf("a room does not come back")
}

// reenter lets everybody who thinks to be in the room leave and enter. Who is alone only enters: the room is a temporary one.
func (w *World) reenter(users []*User) error {
	for _, u := range users {
		if len(u.View()) == 0 {
			continue
		}
		if w.Providers["a.example"].Rooms["garden"].room.Summary().Occupants > 1 {
			u.Leave()
		}
		if err := w.Settle(); err != nil {
			return err
		}
		u.forget()
		u.Join()
		if err := w.Settle(); err != nil {
			return err
		}
	}
	return nil
}

// noneUnanswered holds that every message was accepted or refused: it is in the hub's archive, or its sender got an error.
func (w *World) noneUnanswered(said map[string]saying) error {
	hub := w.archived()
	for text, s := range said {
		refused := slices.ContainsFunc(s.by.Inbox(), func(st xmpp.Stanza) bool { return st.ID == s.id && st.Err() != nil })
		if refused == slices.Contains(hub, text) {
			return fmt.Errorf("%q: refused is %v, accepted is %v", text, refused, !refused)
		}
	}
	return nil
}

// noneSkipped holds that whoever was shown two messages of other providers' users during one stay was shown all such that the hub accepted between, in
// order. What was said before the stay, while the room had lost touch, or by somebody whose provider had not heard of it, may be encrypted for an epoch in which the reader was no member.
func (w *World) noneSkipped(users []*User, said map[string]saying) error {
	for _, u := range users {
		var foreign []string
		for _, text := range w.archived() {
			if s, ok := said[text]; ok && s.by.provider() != u.provider() {
				foreign = append(foreign, text)
			}
		}
		last, since := -1, 0
		for n, st := range u.Inbox() {
			if x, err := muc.ParseUser(st.Child(muc.NSUser, "x")); st.Kind == xmpp.Presence && err == nil && x.Has(muc.StatusSelf) {
				last, since = -1, n
			}
			body, ok := st.Body()
			if !ok || st.Kind != xmpp.Message || st.Child("urn:xmpp:delay", "delay") != nil {
				continue
			}
			i := slices.Index(foreign, body)
			if i < 0 {
				continue
			}
			for k := last + 1; last >= 0 && k < i; k++ {
				if s := said[foreign[k]]; s.at[u] > since && s.reaches[u] {
					return fmt.Errorf("%s was shown %q after %q, and not %q", u.JID, body, foreign[last], foreign[k])
				}
			}
			if i < last {
				return fmt.Errorf("%s was shown %q after %q", u.JID, body, foreign[last])
			}
			last = i
		}
	}
	return nil
}

// noneTwice holds that a message is shown once to everybody who gets it, and that messages that anybody saw are in the hub's archive.
func (w *World) noneTwice(users []*User) error {
	hub := w.archived()
	for i, text := range hub {
		if slices.Contains(hub[:i], text) {
			return fmt.Errorf("%q is in the hub's archive twice", text)
		}
	}
	for _, u := range users {
		seen := map[string]bool{}
		for _, st := range u.Inbox() {
			body, ok := st.Body()
			if !ok || st.Kind != xmpp.Message || st.Type != xmpp.TypeGroupchat || st.Child("urn:xmpp:delay", "delay") != nil {
				continue
			}
			if seen[body] {
				return fmt.Errorf("%s was shown %q twice", u.JID, body)
			}
			seen[body] = true
			if !slices.Contains(hub, body) {
				return fmt.Errorf("%s was shown %q, which the hub did not accept", u.JID, body)
			}
		}
	}
	return nil
}
