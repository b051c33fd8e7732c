package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mls"
	"anteroom/mucmap"
	"anteroom/store/memstore"
	"anteroom/xmpp"
)

// withRooms runs the real room core.
func withRooms(t *testing.T, change ...func(*mucmap.Config)) func(*Options) {
	t.Helper()
	hub, err := mls.NewSigner(1, mls.Seed{1})
	if err != nil {
		t.Fatal(err)
	}
	cfg := mucmap.Config{Domain: xmpp.MustParseJID("rooms.a.example"), Provider: "a.example", Users: []string{"a.example"},
		Hub: hub, Software: "anteroom", Version: "test"}
	for _, c := range change {
		c(&cfg)
	}
	s, err := mucmap.NewService(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return func(o *Options) {
		o.Rooms = Core(s)
	}
}

// act is one thing that a user does and how it is seen to have happened.
type act struct {
	stanza string
	seen   func(*conversation) bool
}

// conversation is what all users got, over all processes.
type conversation struct {
	b   *bench
	old []xmpp.Stanza
}

func (c *conversation) all() []xmpp.Stanza {
	c.b.line.mu.Lock()
	defer c.b.line.mu.Unlock()
	return append(slices.Clone(c.old), c.b.line.got...)
}

// got says whether a user got a stanza whose encoding holds all parts.
func (c *conversation) got(user string, parts ...string) bool {
	for _, st := range c.all() {
		if st.To.String() != user {
			continue
		}
		text, all := st.String(), true
		for _, p := range parts {
			all = all && strings.Contains(text, p)
		}
		if all {
			return true
		}
	}
	return false
}

// heard lists the live messages that a user got, each once by its id.
func (c *conversation) heard(user string) []string {
	var out []string
	ids := map[string]bool{}
	for _, st := range c.all() {
		body, ok := st.Body()
		if st.To.String() != user || !ok || st.Type != xmpp.TypeGroupchat || st.Child("urn:xmpp:delay", "delay") != nil {
			continue
		}
		if id := st.Child("urn:xmpp:sid:0", "stanza-id").Attr("id"); ids[id] {
			continue
		} else if id != "" {
			ids[id] = true
		}
		out = append(out, st.From.Resource()+": "+body)
	}
	return out
}

func entering(user, nick string) act {
	return act{fmt.Sprintf("<presence xmlns='jabber:client' from='%s' to='garden@rooms.a.example/%s'><x xmlns='http://jabber.org/protocol/muc'/></presence>", user, nick),
		func(c *conversation) bool { return c.got(user, "garden@rooms.a.example/"+nick, "code='110'") }}
}

// opening asks for an instant room: a new one is locked until then (XEP-0045 §10.1.2).
func opening(user string) act {
	return act{fmt.Sprintf("<iq xmlns='jabber:client' from='%s' to='garden@rooms.a.example' type='set' id='open'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>", user),
		func(c *conversation) bool { return c.got(user, "type='result'", "id='open'") }}
}

func saying(user, nick, body string) act {
	return act{fmt.Sprintf("<message xmlns='jabber:client' from='%s' to='garden@rooms.a.example' type='groupchat' id='%s'><body>%s</body></message>", user, body, body),
		func(c *conversation) bool { return slices.Contains(c.heard(user), nick+": "+body) }}
}

func kicking(user, nick, victim string) act {
	return act{fmt.Sprintf("<iq xmlns='jabber:client' from='%s' to='garden@rooms.a.example' type='set' id='kick'><query xmlns='http://jabber.org/protocol/muc#admin'><item nick='%s' role='none'/></query></iq>", user, nick),
		func(c *conversation) bool {
			return c.got(victim, "type='unavailable'", "code='307'") && c.got(user, "type='result'", "id='kick'")
		}}
}

const nurse = "nurse@a.example/hall"

var plot = []act{
	entering(juliet, "Juliet"),
	opening(juliet),
	entering(romeo, "Romeo"),
	saying(juliet, "Juliet", "one"),
	saying(romeo, "Romeo", "two"),
	entering(nurse, "Nurse"),
	kicking(juliet, "Nurse", nurse),
	saying(romeo, "Romeo", "three"),
}

// play lets the acts happen one after the other; what is not seen to have happened is done again, as a user would.
func (c *conversation) play(t *testing.T, between func()) {
	for i, a := range plot {
		for try := 0; !a.seen(c); try++ {
			if try == 3 {
				t.Fatalf("act %d did not happen\n%s", i, c.b.logs)
			}
			st, err := xmpp.ParseStanzaXML([]byte(a.stanza))
			if err != nil {
				t.Fatal(err)
			}
			c.b.g.Deliver(&st)
			time.Sleep(5 * time.Second)
			c.b.settle()
			between()
		}
	}
}

// check: messages came to everybody once and in order, and the room is what it should be.
func (c *conversation) check(t *testing.T) {
	t.Helper()
	want := []string{"Juliet: one", "Romeo: two", "Romeo: three"}
	for _, user := range []string{juliet, romeo} {
		got := c.heard(user)
		if !slices.Equal(slices.Compact(slices.Clone(got)), want) {
			t.Errorf("%s heard %q", user, got)
		}
	}
	m, err := c.b.g.RoomMembers(c.b.t.Context(), "garden")
	if err != nil {
		t.Fatalf("%v\n%s", err, c.b.logs)
	}
	var here []string
	for _, x := range m {
		if x.Sessions > 0 {
			here = append(here, fmt.Sprintf("%s %d", x.JID, x.Leaves))
		}
	}
	if !slices.Equal(here, []string{"juliet@a.example 1", "romeo@a.example 1"}) {
		t.Errorf("present with leaves are %q\n%s", here, c.b.logs)
	}
}

func TestRealRoom(t *testing.T) {
	inBubble(t, func(b *bench) {
		c := &conversation{b: b}
		c.play(t, func() {})
		c.check(t)
		if strings.Contains(b.logs.String(), "level=ERROR") {
			t.Errorf("errors:\n%s", b.logs)
		}
		d, err := b.g.RoomShow(b.t.Context(), "garden")
		if err != nil || d.Epoch == 0 || d.Leaves != 3 || d.Occupants != 2 {
			t.Errorf("shown as %+v, %v", d, err)
		}
	}, withRooms(t))
}

// A graceful restart makes no commit: the epoch is the same, and the group goes on in it.
func TestRealRoomAfterAGracefulRestart(t *testing.T) {
	inBubble(t, func(b *bench) {
		c := &conversation{b: b}
		c.play(t, func() {})
		before, err := b.g.RoomShow(b.t.Context(), "garden")
		if err != nil {
			t.Fatal(err)
		}
		b.stop()
		b.start()
		after, err := b.g.RoomShow(b.t.Context(), "garden")
		if err != nil || after.Epoch != before.Epoch || after.Occupants != 2 {
			t.Errorf("before %+v, after %+v, %v", before, after, err)
		}
		c.check(t)
	}, withRooms(t))
}

// Every write fails before or after it took effect: the same conversation comes out.
func TestRealRoomWithEveryWriteFailing(t *testing.T) {
	for _, fault := range []memstore.Fault{memstore.Before, memstore.After} {
		for n := range uint64(24) {
			t.Run(fmt.Sprintf("fault %d at write %d", fault, n+1), func(t *testing.T) {
				inBubble(t, func(b *bench) {
					b.store.SetFaults(func(write uint64) memstore.Fault {
						if write == n+1 {
							return fault
						}
						return memstore.None
					})
					c := &conversation{b: b}
					c.play(t, func() {})
					c.check(t)
				}, withRooms(t))
			})
		}
	}
}

// The process is killed at every write, before or after it took effect. Nobody who is in the room has to enter again: an act that
// was seen to happen is not repeated.
func TestRealRoomWithAKillAtEveryWrite(t *testing.T) {
	for _, fault := range []memstore.Fault{memstore.Before, memstore.After} {
		for n := range uint64(24) {
			t.Run(fmt.Sprintf("fault %d at write %d", fault, n+1), func(t *testing.T) {
				inBubble(t, func(b *bench) {
					dead := false
					b.store.SetFaults(func(write uint64) memstore.Fault {
						switch {
						case write == n+1:
							dead = true
							return fault
						case dead:
							return memstore.Before
						}
						return memstore.None
					})
					c := &conversation{b: b}
					c.play(t, func() {
						if !dead {
							return
						}
						dead = false
						old := c.all()
						b.crash()
						c.old = old
						b.start()
						time.Sleep(2 * time.Second)
						b.settle()
					})
					c.check(t)
				}, withRooms(t))
			})
		}
	}
}
