package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/xmpp"
)

const (
	nurseHall = "nurse@a.example/hall"
	nurseYard = "nurse@a.example/yard"
	romeoWall = "romeo@a.example/wall"
)

// withIndicators runs the real room core with indicators on.
func withIndicators(t *testing.T) func(*Options) {
	bans := new(Bans)
	rooms := withRooms(t, func(c *mucmap.Config) { c.Indicators, c.NoLock, c.Bans = true, true, bans.Now })
	return func(o *Options) {
		rooms(o)
		o.Bans, o.Indicators = bans, o.Rooms.(core).Service
	}
}

// household is a gateway with rooms of juliet.
type household struct {
	*bench
	*conversation
	t *testing.T
	n int
}

func (h *household) affiliate(room, who, a string) {
	h.n++
	h.bench.feed(fmt.Sprintf("<iq xmlns='jabber:client' from='%s' to='%s@rooms.a.example' type='set' id='a%d'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='%s' jid='%s'/></query></iq>", juliet, room, h.n, a, who))
	time.Sleep(2 * time.Second)
	h.bench.settle()
}

func (h *household) say(room, text string) {
	h.bench.feed("<message xmlns='jabber:client' from='" + juliet + "' to='" + room + "@rooms.a.example' type='groupchat'><body>" + text + "</body></message>")
	h.bench.settle()
}

func (h *household) leave(who, room string) {
	h.bench.feed("<presence xmlns='jabber:client' type='unavailable' from='" + who + "' to='" + room + "@rooms.a.example/x'/>")
	time.Sleep(time.Second)
	h.bench.settle()
}

// asks lets a device ask for indicators, or, with a type, end that.
func (h *household) asks(who, typ string) {
	h.bench.feed("<presence xmlns='jabber:client' id='rai' from='" + who + "' to='rooms.a.example'" + typ + "><rai xmlns='urn:xmpp:rai:0'/></presence>")
	time.Sleep(time.Second)
	h.bench.settle()
}

// told are the indicators that a device got since it was last asked, one line for each; they are waited for.
func (h *household) told(who string) string {
	time.Sleep(2 * IndicatorPause)
	h.bench.settle()
	var lines []string
	for _, st := range h.all() {
		if st.To.String() == who && st.From.String() == "rooms.a.example" {
			var rooms []string
			if x := st.Child("urn:xmpp:rai:0", "rai"); x != nil {
				for _, a := range x.ChildrenNamed("urn:xmpp:rai:0", "activity") {
					rooms = append(rooms, strings.TrimSuffix(a.Text(), "@rooms.a.example"))
				}
			} else {
				rooms = append(rooms, st.String())
			}
			lines = append(lines, strings.Join(rooms, " "))
		}
	}
	h.bench.line.mu.Lock()
	h.bench.line.got = nil
	h.bench.line.mu.Unlock()
	return strings.Join(lines, " | ")
}

func (h *household) want(why, who, want string) {
	h.t.Helper()
	if got := h.told(who); got != want {
		h.t.Errorf("%s: %s is told %q, want %q", why, who, got, want)
	}
}

// A device that asks hears at once of the rooms in which something was said while its user was away, then once of each room where something is said;
// much activity makes one message; where it is present it hears nothing, and after it was there again it does (XEP-0437 §3, §4).
func TestIndicators(t *testing.T) {
	inBubble(t, func(b *bench) {
		h := &household{bench: b, conversation: &conversation{b: b}, t: b.t}
		for _, room := range []string{"attic", "garden", "hall", "quiet"} {
			enterRoom(b, juliet, room)
			if room != "hall" {
				h.affiliate(room, "nurse@a.example", "member")
			}
		}
		enterRoom(b, nurseHall, "quiet")
		h.leave(nurseHall, "quiet")
		for _, room := range []string{"attic", "hall"} {
			h.say(room, "early")
		}
		h.told(nurseHall)

		h.asks(nurseHall, "")
		h.want("at once, not of rooms of others", nurseHall, "attic")
		for range 3 {
			h.say("attic", "again")
			h.say("garden", "one")
			h.say("quiet", "two")
			h.say("hall", "three")
		}
		h.want("once each, together", nurseHall, "garden quiet")
		h.say("garden", "more")
		h.want("not a second time", nurseHall, "")

		enterRoom(b, nurseHall, "garden")
		h.told(nurseHall)
		h.say("garden", "in her presence")
		h.want("where she is", nurseHall, "")
		h.asks(nurseYard, "")
		h.want("another device, where its user is", nurseYard, "attic quiet")
		h.say("garden", "for the other device")
		h.want("the other device", nurseYard, "garden")
		h.leave(nurseHall, "garden")
		h.told(nurseHall)
		h.say("garden", "after she was there")
		h.want("again", nurseHall, "garden")

		h.asks(nurseHall, " type='unavailable'")
		h.affiliate("hall", "nurse@a.example", "member")
		h.say("hall", "news")
		if got := h.told(nurseHall); got != "" {
			t.Errorf("after the end: %q", got)
		}
	}, withIndicators(t))
}

// Only who may enter a room hears of it: neither guests nor who lost the affiliation, nobody whom the service bans, and nobody but users
// (XEP-0437 §4, §6).
func TestIndicatorsLeakNothing(t *testing.T) {
	inBubble(t, func(b *bench) {
		h := &household{bench: b, conversation: &conversation{b: b}, t: b.t}
		enterRoom(b, juliet, "garden")
		enterRoom(b, romeoWall, "garden")
		h.leave(romeoWall, "garden")
		h.affiliate("garden", "nurse@a.example", "member")
		h.told(juliet)
		h.say("garden", "one")
		h.asks(romeoWall, "")
		h.want("a guest", romeoWall, "")
		h.asks(nurseHall, "")
		h.want("a member", nurseHall, "garden")
		h.asks(nurseHall, " type='unavailable'")
		h.asks(nurseHall, "")
		h.want("a member who asks anew", nurseHall, "garden")
		h.affiliate("garden", "nurse@a.example", "outcast")
		h.say("garden", "two")
		h.want("who was banned", nurseHall, "")
		h.affiliate("garden", "nurse@a.example", "none")
		h.say("garden", "three")
		h.want("who is nobody any more", nurseHall, "")
		h.affiliate("garden", "romeo@a.example", "member")
		h.told(romeoWall)
		h.say("garden", "four")
		h.want("who became a member", romeoWall, "garden")
		h.affiliate("garden", "nurse@a.example", "member")
		if err := b.g.Ban(b.t.Context(), mucmap.ServiceBan{Who: xmpp.MustParseJID("nurse@a.example"), Reason: "spam"}); err != nil {
			t.Fatal(err)
		}
		h.told(nurseHall)
		h.say("garden", "five")
		h.want("who is banned from the service", nurseHall, "")
		h.asks(nurseHall, "")
		if got := h.told(nurseHall); !strings.Contains(got, "you are banned from this service: spam") {
			t.Errorf("who is banned asks: %q", got)
		}
		for _, who := range []string{"u%bob%b.example@rooms.a.example/x", "a.example", "romeo@a.example"} {
			h.asks(who, "")
			if got := h.told(who); !strings.Contains(got, "jid-malformed") {
				t.Errorf("%s asks: %q", who, got)
			}
		}
	}, withIndicators(t))
}

// Who asked, and who belongs where, survives a crash and a graceful restart; a device that is gone is found by its bounce.
func TestIndicatorsAfterRestart(t *testing.T) {
	for _, graceful := range []bool{false, true} {
		inBubble(t, func(b *bench) {
			h := &household{bench: b, conversation: &conversation{b: b}, t: b.t}
			enterRoom(b, juliet, "garden")
			h.affiliate("garden", "nurse@a.example", "member")
			h.asks(nurseHall, "")
			h.affiliate("garden", "romeo@a.example", "member")
			if graceful {
				b.stop()
			} else {
				b.crash()
			}
			b.start()
			time.Sleep(5 * time.Second)
			b.settle()
			h.told(nurseHall)
			h.asks(romeoWall, "")
			h.say("garden", "good morning")
			h.want("who asked before", nurseHall, "garden")
			h.say("garden", "and again")
			rooms, err := b.g.belongings.of(b.t.Context(), xmpp.MustParseJID("romeo@a.example"))
			if _, known := rooms["garden"]; err != nil || !known {
				t.Errorf("graceful %v: romeo's rooms are %v %v", graceful, rooms, err)
			}
			b.feed("<message xmlns='jabber:client' type='error' from='" + nurseHall + "' to='rooms.a.example'><rai xmlns='urn:xmpp:rai:0'/><error type='cancel'><service-unavailable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
			time.Sleep(2 * time.Second)
			b.settle()
			page, err := b.opt.Store.List(b.t.Context(), bucketIndicated, "", "", 10)
			if err != nil || len(page) != 1 || page[0].Key != romeoWall || b.g.indicators.devices != 1 {
				t.Errorf("after a bounce %d devices, stored %v %v", b.g.indicators.devices, page, err)
			}
		}, withIndicators(t))
	}
}

// Devices of a user, of all users, and rooms of a user are bounded.
func TestIndicatorsAreBounded(t *testing.T) {
	x := newIndicators()
	x.maxDevices = MaxIndicatedDevices + 1
	device := func(user string, n int) xmpp.JID { return xmpp.MustParseJID(fmt.Sprintf("%s@a.example/%d", user, n)) }
	for n := range MaxIndicatedDevices {
		for range 2 { // a device may ask as often as it likes
			if why := x.begin(device("nurse", n)); why != "" {
				t.Fatalf("device %d: %s", n, why)
			}
		}
	}
	if why := x.begin(device("nurse", 99)); !strings.Contains(why, "of your devices") {
		t.Errorf("a user's device too many: %q", why)
	}
	if x.begin(device("romeo", 1)) != "" || !strings.Contains(x.begin(device("paris", 1)), "too many devices") {
		t.Error("the bound of all devices")
	}
	for n := range MaxBelonging + 5 {
		x.belong(fmt.Sprint("room", n), mucmap.Belonging{User: xmpp.MustParseJID("romeo@a.example")})
	}
	if len(x.rooms) != MaxBelonging {
		t.Errorf("%d rooms of one user", len(x.rooms))
	}
	x.end(device("romeo", 1))
	for n := range MaxIndicatedDevices {
		x.end(device("nurse", n))
	}
	if x.end(device("nurse", 0)) || len(x.users)+len(x.rooms)+x.devices != 0 {
		t.Errorf("left are %d users, %d rooms, %d devices", len(x.users), len(x.rooms), x.devices)
	}

	rooms, said := map[string]time.Time{}, map[string]mucmap.Belonging{}
	for n := range MaxBelonging + 5 {
		said[fmt.Sprint("room", n)] = mucmap.Belonging{}
	}
	if change(rooms, said); len(rooms) != MaxBelonging {
		t.Errorf("%d rooms are remembered", len(rooms))
	}
	for n := range MaxBelonging + 5 {
		said[fmt.Sprint("room", n)] = mucmap.Belonging{Gone: true}
	}
	if change(rooms, said); len(rooms) != 0 {
		t.Errorf("%d rooms are left", len(rooms))
	}
	st := (&mucmap.Service{}).Indicator(device("romeo", 1), nil)
	if st.To.String() != "romeo@a.example/1" {
		t.Error(st)
	}
}

// What the store does not take is written later, and nothing said meanwhile is lost.
func TestBelongingsAreWrittenBehind(t *testing.T) {
	inBubble(t, func(b *bench) {
		nurse := xmpp.MustParseJID("nurse@a.example")
		b.store.SetFaults(func(uint64) memstore.Fault { return memstore.Before })
		b.g.belongings.note("garden", []mucmap.Belonging{{User: nurse}})
		b.g.belongings.note("hall", []mucmap.Belonging{{User: nurse}})
		if b.g.belongings.flush() {
			t.Error("written all the same")
		}
		b.g.belongings.note("hall", []mucmap.Belonging{{User: nurse, Gone: true}})
		b.store.SetFaults(nil)
		time.Sleep(3 * behind)
		b.settle()
		rec, err := b.opt.Store.Get(context.Background(), bucketBelonging, "nurse@a.example")
		var rooms map[string]time.Time
		if err != nil || json.Unmarshal(rec.Value, &rooms) != nil || len(rooms) != 1 {
			t.Errorf("stored %s %v", rec.Value, err)
		}
		if err := b.opt.Store.Update(context.Background(), bucketBelonging, store.Change{Key: "nurse@a.example", Value: []byte("{")}); err != nil {
			t.Fatal(err)
		}
		if got, err := b.g.belongings.of(context.Background(), nurse); err != nil || len(got) != 0 {
			t.Errorf("a damaged record: %v %v", got, err)
		}
	}, withIndicators(t))
}
