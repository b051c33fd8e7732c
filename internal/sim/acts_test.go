package sim

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"anteroom/mls"
	"anteroom/xmpp"
)

// whisper is a message to a user of another provider outside of rooms.
type whisper struct {
	from, to *User
	text, id string
}

// addressAt is how a user's own service calls another user.
func (u *User) addressAt(v *User) xmpp.JID {
	if v.provider() == u.provider() {
		return v.JID.Bare()
	}
	return mustJID("u%" + v.JID.Local() + "%" + v.JID.Domain() + "@" + u.Room.Domain())
}

// whisper sends a message to a user of another provider.
func (u *User) whisper(v *User, text string) whisper {
	x := whisper{from: u, to: v, text: text, id: u.w.ID()}
	u.w.Send(xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: u.JID, To: u.addressAt(v), ID: x.id,
		Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", text)}})
	return x
}

// decide lets a user decide about consent, at random.
func (u *User) decide(v *User) {
	n := u.w.rng.IntN(6)
	if n < 3 || u.provider() == v.provider() {
		u.Tell("others " + []string{"ask", "few", "allow"}[n%3])
		return
	}
	u.Tell([]string{"allow ", "deny ", "forget "}[n-3] + u.addressAt(v).String())
}

// answerAll lets everybody answer who was written to: then no message waits any more.
func (w *World) answerAll(said []whisper) error {
	for _, x := range said {
		x.to.Tell("allow " + x.to.addressAt(x.from).String())
	}
	return w.Settle()
}

// heard is how often a message arrived.
func (x *whisper) heard() (n int) {
	for _, st := range x.to.Bare() {
		if body, ok := st.Body(); ok && body == x.text && st.From == x.to.addressAt(x.from) {
			n++
		}
	}
	return n
}

func (x *whisper) refused() bool {
	return slices.ContainsFunc(x.from.Inbox(), func(st xmpp.Stanza) bool { return st.ID == x.id && st.Err() != nil })
}

// whispersArrive holds that no message of two users arrives twice and, where nothing is lost for good, that each arrives or comes back.
func whispersArrive(said []whisper, all bool) error {
	for i := range said {
		x := &said[i]
		switch n := x.heard(); {
		case n > 1:
			return fmt.Errorf("%q arrived %d times", x.text, n)
		case all && (n == 1) == x.refused():
			return fmt.Errorf("%q from %s to %s: arrived is %v, refused is %v", x.text, x.from.JID, x.to.JID, n == 1, x.refused())
		}
	}
	return nil
}

// speaksAt is the provider that owns the room in which a user writes to another.
func (u *User) speaksAt(v *User) string {
	p := u.provider()
	name := p.svc.Route(&xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeChat, From: u.JID, To: u.addressAt(v)}, p.direct)
	if _, hub, elsewhere := strings.Cut(name, "%"); elsewhere {
		return hub
	}
	return p.Name
}

// pairsAgree holds that two users who heard of each other write in one room.
func pairsAgree(said []whisper) error {
	for i := range said {
		x := &said[i]
		if a, b := x.from.speaksAt(x.to), x.to.speaksAt(x.from); x.heard() > 0 && a != b {
			return fmt.Errorf("%s writes to %s in a room of %s, and back in one of %s", x.from.JID, x.to.JID, a, b)
		}
	}
	return nil
}

// pairsShareEpochs holds that both sides of every room of two are in the same epoch.
func (w *World) pairsShareEpochs() error {
	for _, hub := range slices.Sorted(maps.Keys(w.Providers)) {
		for _, name := range slices.Sorted(maps.Keys(w.Providers[hub].Rooms)) {
			if !strings.HasPrefix(name, "=23=23") || strings.Contains(name, "%") {
				continue
			}
			if groups := w.groups(hub, name); groups[hub] != nil {
				if err := agree(groups, hub); err != nil {
					return fmt.Errorf("%s at %s: %w", name, hub, err)
				}
			}
		}
	}
	return nil
}

// staysOut holds that a user who lets nobody add it, and enters nowhere, has no client in a room.
func (w *World) staysOut(hub, name string, u *User) error {
	for _, p := range w.Providers[hub].Rooms[name].room.Describe().Participants {
		if p.User.String() == "mimi://"+u.JID.Domain()+"/u/"+u.JID.Local() && p.Leaves > 0 {
			return fmt.Errorf("%s is in the room without its consent", u.JID)
		}
	}
	return nil
}

// Each check of messages between two and of consent fails when what it holds is not so.
func TestActChecksCanFail(t *testing.T) {
	begin := func() (*World, *User, *User, []whisper) {
		w, juliet, romeo, _ := meeting(t)
		romeo.Tell("others allow")
		juliet.Tell("others allow")
		settle(t, w)
		said := []whisper{juliet.whisper(romeo, "one")}
		settle(t, w)
		said = append(said, romeo.whisper(juliet, "two"))
		settle(t, w)
		for _, err := range []error{whispersArrive(said, true), pairsAgree(said), w.pairsShareEpochs(), w.staysOut("a.example", "garden", w.User("eve@b.example/x", "garden%a.example@rooms.b.example", "Eve"))} {
			if err != nil {
				t.Fatal(err)
			}
		}
		return w, juliet, romeo, said
	}
	fails := func(what string, err error) {
		t.Helper()
		if err == nil {
			t.Errorf("%s is not noticed", what)
		}
	}
	w, juliet, romeo, said := begin()
	fails("a message that did not arrive", whispersArrive(append(said, whisper{juliet, romeo, "three", "never sent"}), true))
	inbox := w.Providers["b.example"].Inbox
	inbox["romeo@b.example"] = append(inbox["romeo@b.example"], romeo.Bare()[len(romeo.Bare())-1])
	fails("a message that arrived twice", whispersArrive(said, false))
	fails("somebody in the room without consent", w.staysOut("a.example", "garden", romeo))

	w, _, _, said = begin()
	for name, n := range w.Providers["b.example"].Rooms {
		if strings.HasPrefix(name, "=23=23") {
			n.room = w.Providers["b.example"].svc.New(name)
		}
	}
	fails("a side that has lost the room of the two", pairsAgree(said))

	w, _, _, _ = begin()
	for name, n := range w.Providers["a.example"].Rooms {
		if !strings.HasPrefix(name, "=23=23") {
			continue
		}
		g := w.groups("a.example", name)["a.example"]
		staged, err := g.Commit(w.seed(), g.Local()[0], mls.CommitParams{AuthenticatedData: []byte{0}, ForcePath: true})
		if err != nil {
			t.Fatal(err)
		}
		for part, b := range staged.Group.Parts(nil).Set {
			n.disk.secrets["mls/"+part] = b
		}
	}
	fails("an epoch that the other side has not heard of", w.pairsShareEpochs())
}
