package gateway

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/xmpp"
)

// withBans runs the real room core with juliet as operator and bans that the gateway keeps.
func withBans(t *testing.T) func(*Options) {
	bans := new(Bans)
	rooms := withRooms(t, func(c *mucmap.Config) {
		c.Operators = []xmpp.JID{xmpp.MustParseJID(juliet).Bare()}
		c.Bans, c.NoLock = bans.Now, true
	})
	return func(o *Options) {
		rooms(o)
		o.Bans = bans
	}
}

func getBans(b *bench) string {
	w := httptest.NewRecorder()
	b.g.AdminHandler().ServeHTTP(w, httptest.NewRequest("GET", "/bans", nil).WithContext(b.t.Context()))
	return w.Body.String()
}

// A ban at the administration's socket takes who is present out of every room, refuses the next one, is listed, survives a crash, and ends when it
// is lifted. What is no ban is refused with its reason.
func TestBanFromTheService(t *testing.T) {
	const romeo = "romeo@m.example/orchard"
	inBubble(t, func(b *bench) {
		enterRoom(b, juliet, "garden")
		enterRoom(b, juliet, "hall")
		enterRoom(b, romeo, "garden")
		enterRoom(b, romeo, "hall")
		c := &conversation{b: b}
		if status, body := post(b, "/bans", `{"who":"m.example","reason":"spam"}`); status != http.StatusOK || !strings.Contains(body, "m.example is banned from all rooms") {
			t.Fatalf("ban: %d %s", status, body)
		}
		time.Sleep(5 * time.Second)
		b.settle()
		for _, room := range []string{"garden", "hall"} {
			if !c.got(romeo, "from='"+room+"@rooms.a.example/rom'", "type='unavailable'", "<reason>spam</reason>", "code='301'", "code='110'") {
				t.Errorf("he is still in the %s", room)
			}
		}
		b.crash()
		b.start()
		if got := getBans(b); !strings.Contains(got, `"who": "m.example"`) || !strings.Contains(got, `"reason": "spam"`) || strings.Contains(got, `"by"`) {
			t.Errorf("after a crash the list is %s", got)
		}
		c = &conversation{b: b}
		enterRoom(b, romeo, "attic")
		if !c.got(romeo, "type='error'", "<forbidden", "the users of m.example are banned from this service: spam") {
			t.Error("he made a room")
		}
		for text, want := range map[string]int{`{"who":""}`: 400, `{"who":"rooms.a.example"}`: 400, `{"who":"juliet@a.example"}`: 400, `{"whom":"x"}`: 400, "x": 400,
			`{"who":"x.example","reason":"` + strings.Repeat("x", 5000) + `"}`: 400} {
			if status, body := post(b, "/bans", text); status != want {
				t.Errorf("%.60s: %d %s", text, status, body)
			}
		}
		if status, body := post(b, "/bans/lift", `{"who":"x.example"}`); status != http.StatusNotFound || !strings.Contains(body, "x.example is not banned") {
			t.Errorf("no such ban: %d %s", status, body)
		}
		if status, body := post(b, "/bans/lift", `{"who":"m.example"}`); status != http.StatusOK || !strings.Contains(body, "m.example is not banned any more") {
			t.Errorf("lifting: %d %s", status, body)
		}
		enterRoom(b, romeo, "attic")
		if !c.got(romeo, "from='attic@rooms.a.example/rom'", "code='110'") {
			t.Error("he stays out when the ban has ended")
		}
		if got := strings.TrimSpace(getBans(b)); got != "[]" {
			t.Errorf("the list is %s", got)
		}
	}, withBans(t))
}

// The same by ad-hoc command; the list says who did it.
func TestBanByCommand(t *testing.T) {
	inBubble(t, func(b *bench) {
		c := &conversation{b: b}
		command := func(id, node, fields string) string {
			t.Helper()
			session := " sessionid='s'"
			if fields == "" {
				session = ""
			}
			b.feed("<iq xmlns='jabber:client' from='" + juliet + "' to='rooms.a.example' type='set' id='" + id + "'><command xmlns='http://jabber.org/protocol/commands' node='urn:anteroom:service#" + node + "'" + session +
				"><x xmlns='jabber:x:data' type='submit'>" + fields + "</x></command></iq>")
			time.Sleep(time.Second)
			b.settle()
			for _, st := range c.all() {
				if st.ID == id {
					return st.String()
				}
			}
			t.Fatalf("%s: no answer", node)
			return ""
		}
		const bob = "<field var='who'><value>mimi://b.example/u/bob</value></field>"
		for _, step := range []struct{ id, node, fields, want string }{
			{"1", "bans", "", "Nobody is banned"},
			{"2", "ban", bob + "<field var='reason'><value>spam</value></field>", "u%bob%b.example@rooms.a.example is banned from all rooms"},
			{"3", "bans", "", "<value>u%bob%b.example@rooms.a.example</value></field><field var='reason'><value>spam</value></field><field var='by'><value>juliet@a.example</value>"},
			{"4", "unban", bob, "is not banned any more"},
			{"5", "unban", bob, "<item-not-found"},
		} {
			if out := command(step.id, step.node, step.fields); !strings.Contains(out, step.want) {
				t.Errorf("%s: no %q in %s", step.node, step.want, out)
			}
		}
	}, withBans(t))
}

// Bans are bounded; one that is known may be changed all the same. What the store does not take does not count, and a damaged record does not let
// anybody in.
func TestBansAreBounded(t *testing.T) {
	inBubble(t, func(b *bench) {
		var all []mucmap.ServiceBan
		for i := range mucmap.MaxServiceBans {
			j, err := xmpp.NewJID("", "d"+strconv.Itoa(i)+".example", "")
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, mucmap.ServiceBan{Who: j})
		}
		b.g.opt.Bans.now.Store((*mucmap.Bans)(nil).With(all...))
		if n := b.g.opt.Bans.Now().Len(); n != mucmap.MaxServiceBans {
			t.Fatalf("%d bans", n)
		}
		if status, body := post(b, "/bans", `{"who":"m.example"}`); status != http.StatusBadRequest || !strings.Contains(body, "at most 10000") {
			t.Errorf("one more: %d %s", status, body)
		}
		if status, body := post(b, "/bans", `{"who":"`+all[7].Who.String()+`","reason":"other"}`); status != http.StatusOK {
			t.Errorf("a known one: %d %s", status, body)
		}
		b.g.opt.Bans.now.Store(nil)
		b.store.SetFaults(func(uint64) memstore.Fault { return memstore.Before })
		if status, _ := post(b, "/bans", `{"who":"m.example"}`); status != http.StatusServiceUnavailable || len(b.g.BanList()) != 0 {
			t.Errorf("not stored: %d %v", status, b.g.BanList())
		}
		b.store.SetFaults(nil)
		if err := b.opt.Store.Update(b.t.Context(), bucketBans, store.Change{Key: "m.example", Value: []byte("{")}); err != nil {
			t.Fatal(err)
		}
		if err := b.g.loadBans(b.t.Context()); err == nil || !strings.Contains(err.Error(), "m.example") {
			t.Errorf("a damaged record: %v", err)
		}
	}, withBans(t))
}
