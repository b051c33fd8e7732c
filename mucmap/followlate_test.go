package mucmap

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// postman carries what a hub owes to a provider that follows its room.
type postman struct {
	hub, there *bench
	told       int // how much of the hub's outbox was looked at
}

// nurseComes lets bob, whom the hub makes an admin, add nurse of c.example, who is not present yet.
func nurseComes(hub *bench, bob *remote, there *bench) *postman {
	t := bob.t
	t.Helper()
	hub.send(t, adminSet("<item jid='u%bob%b.example@rooms.a.example' affiliation='admin'/>"))
	bob.catchUp()
	const nurse = "mimi://c.example/u/nurse"
	_, a := there.material(t, "a.example", bob.keyRequest(bob.keyPackage("Bob"), nurse, nil))
	hub.relay(t, "c.example", wire.Marshal(a))
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI(nurse), Role: roleMember}}}
	if a := bob.commitOf(listUpdate(list), mls.Add{KeyPackage: *a.Clients[0].KeyPackage}); a.Code != mimi.UpdateSuccess {
		t.Fatalf("the hub says %+v", a)
	}
	p := &postman{hub: hub, there: there}
	p.bring(p.collect())
	return p
}

// collect takes what the hub owes since the last time.
func (p *postman) collect() (bodies [][]byte) {
	for ; p.told < len(p.hub.disk.outbox); p.told++ {
		if d := p.hub.disk.outbox[p.told]; d.Provider == p.there.svc.cfg.Provider {
			bodies = append(bodies, d.Body)
		}
	}
	return bodies
}

// bring tells it and returns what comes of it.
func (p *postman) bring(bodies [][]byte) string {
	p.there.out.Reset()
	for _, body := range bodies {
		if err := p.there.step(Request{ID: "n", Provider: p.hub.svc.cfg.Provider, Kind: RequestNotify, Body: body}); err != nil {
			p.there.t.Fatal(err)
		}
	}
	return p.there.out.String()
}

// What somebody said before it was put out is shown where it comes later, under its nick, and under nobody else's who has that one by now.
func TestLateWordsOfWhoIsOut(t *testing.T) {
	for _, taken := range []bool{false, true} {
		hub, bob := meet(t)
		there := elsewhere(t, hub.now)
		post := nurseComes(hub, bob, there)
		wantIn(t, "nurse enters", there.send(t, "<presence from='nurse@c.example/x' to='garden%a.example@rooms.c.example/Nurse' id='1'>"+joinX+"</presence>"), "Romeo", "code='110'")

		hub.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Farewell</body></message>")
		late := post.collect()
		hub.send(t, adminSet("<item nick='Romeo' role='none'/>"))
		if taken {
			hub.send(t, "<presence from='paris@a.example/x' to='"+room+"/Romeo' id='2'>"+joinX+"</presence>")
		}
		wantIn(t, "romeo is out", post.bring(post.collect()), "code='307'")
		if there.room.pub.members[hub.listed("romeo")] != nil {
			t.Fatal("romeo is still listed")
		}
		out, from := post.bring(late), "/Romeo'"
		if taken {
			from = "/Romeo (2)'"
		}
		wantIn(t, "what he said", out, "<body>Farewell</body>", from)
		if n := strings.Count(out, "<body>"); n != 1 {
			t.Errorf("%d messages", n)
		}
	}
}

// A room elsewhere of which something is missing waits for it as long as the service says, and then asks its hub.
func TestGapPatienceOfTheService(t *testing.T) {
	hub, bob := meet(t)
	there := elsewhere(t, hub.now)
	there.svc.cfg.Limits.Gap = 10 * time.Second
	post := nurseComes(hub, bob, there)
	hub.send(t, adminSet("<item nick='Romeo' affiliation='member'/>"))
	post.collect() // is lost
	hub.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Hello</body></message>")
	post.bring(post.collect())
	missed := there.now
	for _, tt := range []struct {
		after time.Duration
		asks  bool
	}{{9 * time.Second, false}, {11 * time.Second, true}} {
		if err := there.wakes(missed.Add(tt.after)); err != nil {
			t.Fatal(err)
		}
		if q := there.room.follow.room.InFlight(); (q != nil) != tt.asks {
			t.Errorf("after %v the hub is asked %v", tt.after, q)
		}
	}
}
