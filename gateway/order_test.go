package gateway

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"anteroom/mucmap"
	"anteroom/xmpp"
)

// withOperator runs the real room core with juliet as operator.
func withOperator(t *testing.T) func(*Options) {
	return withRooms(t, func(c *mucmap.Config) { c.Operators = []xmpp.JID{xmpp.MustParseJID(juliet).Bare()} })
}

func enterRoom(b *bench, user, room string) {
	b.feed("<presence xmlns='jabber:client' from='" + user + "' to='" + room + "@rooms.a.example/" + user[:3] + "'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	time.Sleep(5 * time.Second)
	b.settle()
}

// post sends an order to the administration's socket.
func post(b *bench, path, body string) (int, string) {
	w := httptest.NewRecorder()
	b.g.AdminHandler().ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(body)).WithContext(b.t.Context()))
	b.settle()
	return w.Code, w.Body.String()
}

// Operators announce to all occupied rooms, spread over time, and destroy a room, by the administration's socket.
func TestOrdersOfOperators(t *testing.T) {
	inBubble(t, func(b *bench) {
		enterRoom(b, juliet, "garden")
		enterRoom(b, juliet, "hall")
		c := &conversation{b: b}
		if status, body := post(b, "/announce", `{"text":"Back at noon"}`); status != http.StatusOK || !strings.Contains(body, `"rooms": 2`) {
			t.Errorf("announcement: %d %s", status, body)
		}
		if !c.got(juliet, "from='garden@rooms.a.example'", "type='groupchat'", "Back at noon") || c.got(juliet, "from='hall@rooms.a.example'", "Back at noon") {
			t.Error("the first room hears it at once, the second a moment later")
		}
		if status, body := post(b, "/announce", `{"text":"again"}`); status != http.StatusServiceUnavailable || !strings.Contains(body, ErrAnnouncing.Error()) {
			t.Errorf("two at the same time: %d %s", status, body)
		}
		time.Sleep(AnnouncePace)
		b.settle()
		if !c.got(juliet, "from='hall@rooms.a.example'", "Back at noon") {
			t.Error("nobody in the hall heard it")
		}
		time.Sleep(AnnouncePace)
		b.settle()
		for text, want := range map[string]int{`{"text":""}`: 400, `{"text":"` + strings.Repeat("x", maxOrder+1) + `"}`: 400, "x": 400, `{"txt":"x"}`: 400, `{"text":"x"}`: 200} {
			if status, body := post(b, "/announce", text); status != want {
				t.Errorf("an announcement of %d bytes: %d %s", len(text), status, body)
			}
		}
		for path, want := range map[string]int{"/rooms/cellar/destroy": http.StatusNotFound, "/rooms/@juliet/destroy": http.StatusNotFound} {
			if status, body := post(b, path, "{}"); status != want {
				t.Errorf("%s: %d %s", path, status, body)
			}
		}
		if status, _ := post(b, "/rooms/hall/destroy", `{"venue":"a b@c"}`); status != http.StatusBadRequest {
			t.Errorf("bad venue: %d", status)
		}
		if status, body := post(b, "/rooms/hall/destroy", `{"reason":"spam","venue":"garden@rooms.a.example"}`); status != http.StatusOK || !strings.Contains(body, "destroyed") {
			t.Errorf("destroy: %d %s", status, body)
		}
		if !c.got(juliet, "from='hall@rooms.a.example/jul'", "<destroy jid='garden@rooms.a.example'><reason>spam</reason>") {
			t.Error("the occupant does not hear of it")
		}
		time.Sleep(2 * BuryWithin)
		b.settle()
		var names []string
		for _, r := range b.g.RoomList() {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != "garden" {
			t.Errorf("rooms: %s", got)
		}
	}, withOperator(t))
}

// The same by ad-hoc command, with what came of it as the answer (XEP-0050 §3.4).
func TestCommandsOfOperators(t *testing.T) {
	const romeo = "romeo@a.example/orchard"
	inBubble(t, func(b *bench) {
		enterRoom(b, romeo, "garden")
		c := &conversation{b: b}
		n := 0
		command := func(from, node string, fields ...string) string {
			t.Helper()
			n++
			form := "<x xmlns='jabber:x:data' type='submit'>"
			for i := 0; i < len(fields); i += 2 {
				form += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
			}
			session, id := " sessionid='s'", "c"+strings.Repeat("i", n)
			if len(fields) == 0 {
				session = ""
			}
			b.feed("<iq xmlns='jabber:client' from='" + from + "' to='rooms.a.example' type='set' id='" + id + "'><command xmlns='http://jabber.org/protocol/commands' node='" + node + "'" + session + ">" + form + "</x></command></iq>")
			b.settle()
			time.Sleep(time.Second)
			b.settle()
			for _, st := range c.all() {
				if st.ID == id && st.To.String() == from {
					return st.String()
				}
			}
			t.Fatalf("%s: no answer", node)
			return ""
		}
		want := func(why, out string, parts ...string) {
			t.Helper()
			for _, p := range parts {
				if !strings.Contains(out, p) {
					t.Errorf("%s: no %q in\n%s", why, p, out)
				}
			}
		}
		want("list", command(juliet, "urn:anteroom:service#rooms"), "<value>garden</value>", "status='completed'")
		want("by a user", command(romeo, "urn:anteroom:service#rooms"), "<forbidden")
		want("details", command(juliet, "urn:anteroom:service#room", "room", "garden"), "<value>mimi://a.example/r/garden</value>")
		want("no such room", command(juliet, "urn:anteroom:service#room", "room", "cellar"), "item-not-found")
		want("announcement", command(juliet, "urn:anteroom:service#announce", "text", "Back at noon"), "goes to 1 room.")
		if !c.got(romeo, "from='garden@rooms.a.example'", "Back at noon") {
			t.Error("romeo did not hear it")
		}
		want("destroying", command(juliet, "urn:anteroom:service#destroy", "room", "garden", "confirm", "garden", "reason", "spam"), "The room is destroyed.")
		if !c.got(romeo, "<destroy><reason>spam</reason>") {
			t.Error("romeo is not told")
		}
		want("a user's own commands", command(romeo, "urn:anteroom:person#consents"), "status='completed'", "<value>ask</value>")
	}, withOperator(t))
}

// Orders by command are bounded in number; one more is told to wait.
func TestOrdersAreBounded(t *testing.T) {
	inBubble(t, func(b *bench) {
		for range MaxOrders {
			b.g.orders <- struct{}{}
		}
		b.feed("<iq xmlns='jabber:client' from='" + juliet + "' to='rooms.a.example' type='set' id='c'><command xmlns='http://jabber.org/protocol/commands' node='urn:anteroom:service#announce' sessionid='s'><x xmlns='jabber:x:data' type='submit'><field var='text'><value>x</value></field></x></command></iq>")
		b.settle()
		c := &conversation{b: b}
		if !c.got(juliet, "id='c'", "resource-constraint", "type='wait'") {
			t.Error("taken all the same")
		}
		for range MaxOrders {
			<-b.g.orders
		}
	}, withOperator(t))
}

// An order that no room can obey is answered, and a room that crashes is found destroyed or as it was.
func TestDestroyAfterRestart(t *testing.T) {
	inBubble(t, func(b *bench) {
		enterRoom(b, juliet, "garden")
		if status, text := b.g.RoomDestroy(b.t.Context(), "garden", mucmap.Destruction{Reason: "spam", Venue: xmpp.MustParseJID("hall@rooms.a.example")}); status != http.StatusOK {
			t.Fatalf("%d %s", status, text)
		}
		b.crash()
		b.start()
		time.Sleep(2 * BuryWithin)
		b.settle()
		if rooms := b.g.RoomList(); len(rooms) != 0 {
			t.Errorf("rooms after the crash: %+v", rooms)
		}
		if status, _ := b.g.RoomDestroy(b.t.Context(), "garden", mucmap.Destruction{}); status != http.StatusNotFound {
			t.Errorf("destroyed twice: %d", status)
		}
	}, withOperator(t))
	if mucmap.RequestDestroy.String() != "destroy" || mucmap.RequestAnnounce.String() != "announce" {
		t.Error("names in figures")
	}
}
