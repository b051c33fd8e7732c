package mucmap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Operators write users and domains in any of their forms; who cannot be meant, or must not be, is refused with a reason.
func TestWhoIsBanned(t *testing.T) {
	cfg := testService(t).cfg
	cfg.Operators = []xmpp.JID{xmpp.MustParseJID("juliet@a.example")}
	svc := &Service{cfg}
	for text, want := range map[string]string{
		"romeo@a.example":                      "romeo@a.example",
		" Romeo@A.example/orchard":             "romeo@a.example",
		"mimi://a.example/u/romeo":             "romeo@a.example",
		"m.example":                            "m.example",
		"a.example":                            "!operators of this service are users of a.example",
		"nurse@m.example":                      "nurse@m.example",
		"mimi://a.example/u/nurse%40m.example": "nurse@m.example",
		"u%bob%b.example@rooms.a.example":      "u%bob%b.example@rooms.a.example",
		"mimi://b.example/u/bob":               "u%bob%b.example@rooms.a.example",
		"mimi://b.example/d/bob/cli":           "u%bob%b.example@rooms.a.example",
		"im:mimi=%40bob@b.example":             "u%bob%b.example@rooms.a.example",
		"juliet@a.example":                     "!operator",
		"mimi://a.example/u/juliet":            "!operator",
		"rooms.a.example":                      "!service itself",
		"garden@rooms.a.example":               "!no user",
		"mimi://a.example/r/garden":            "!no URI of a user",
		"mimi://":                              "!no MIMI URI",
		"":                                     "!neither",
		"a b@c":                                "!neither",
	} {
		j, err := svc.ParseBan(text)
		switch rest, bad := strings.CutPrefix(want, "!"); {
		case bad && (err == nil || !strings.Contains(err.Error(), rest)):
			t.Errorf("%q: %v %v, want an error with %q", text, j, err, rest)
		case !bad && (err != nil || j.String() != want):
			t.Errorf("%q: %v %v, want %s", text, j, err, want)
		}
	}
	var bans *Bans
	bans = bans.With(ServiceBan{Who: xmpp.MustParseJID("b.example")}, ServiceBan{Who: xmpp.MustParseJID("a.example")}, ServiceBan{Who: xmpp.MustParseJID("nurse@m.example")})
	svc.cfg.Bans = func() *Bans { return bans }
	for user, want := range map[string]bool{
		"mimi://b.example/u/bob": true, "mimi://b.example/u/anon%3Abob": true, "mimi://c.example/u/bob": false, "mimi://a.example/u/romeo": true,
		"mimi://a.example/u/juliet": false, "mimi://a.example/u/nurse%40m.example": true, "mimi://a.example/u/paris%40m.example": false,
		"mimi://a.example/u/anon%3Aoxrnvvlndpq5msz2a7ea75xdqlaaygig": false,
	} {
		if got := svc.ban(mimi.MustURI(user)) != nil; got != want {
			t.Errorf("%s is banned: %v", user, got)
		}
	}
	if again := bans.Without(xmpp.MustParseJID("b.example")); again.Len() != 2 || bans.Len() != 3 || bans.All()[0].Who.String() != "a.example" {
		t.Errorf("bans are values: %v, %v", bans.All(), again.All())
	}
}

// A user of another provider is removed from the group, and enters, is added and speaks no more.
func TestServiceBanOfRemoteUser(t *testing.T) {
	for _, who := range []string{"mimi://b.example/u/bob", "b.example"} {
		b, bob := meet(t)
		b.ban(who, "spam")
		wantSubmit := func(why string) {
			t.Helper()
			if a := bob.say("Still here", bob.client.ClientUser()); a.Code != mimi.SubmitNotAllowed {
				t.Errorf("%s: %+v", why, a)
			}
		}
		b.out.Reset()
		wantSubmit("what he says in the moment of the ban")
		wantIn(t, "he is removed", b.out.String(), "mimi://b.example/u/bob: role 5 to 0, 0 clients", "<reason>spam</reason></item><status code='301'/>", "affiliation='outcast'")
		if strings.Contains(b.out.String(), "Still here") {
			t.Error("what a banned user says is shown")
		}
		if _, ok := bob.groupInfo(bob.keyPackage("Bob")); ok {
			t.Error("he gets a GroupInfo")
		}
		h := newGuestHouse(t, b)
		wantIn(t, "invited", b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' id='i'><x xmlns='"+muc.NSUser+"'><invite to='"+bobJID+"'/></x></message>"), "banned from this service: spam")
		b.send(t, adminSet("<item jid='"+bobJID+"' affiliation='member'/>"))
		if h.join() || b.room.hub.State().Clients(bob.client.ClientUser()) != 0 {
			t.Error("an admin added his clients all the same")
		}
		b.bans = nil
		if h.bob.catchUp(); bob.join("Bob").Code != mimi.UpdateSuccess {
			t.Error("he stays out when the ban has ended")
		}
	}
}

// A ban that came while the room was not in memory, or while somebody's join was under way, is enforced all the same.
func TestServiceBanComesBetween(t *testing.T) {
	b := newBench(t)
	b.check = true
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence><presence from='romeo@a.example/orchard' to='"+room+"/Romeo'>"+joinX+"</presence>")
	b.ban("romeo@a.example", "walls")
	b.out.Reset()
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if err := b.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "after a restart", b.out.String(), "romeo: role 5 to 0, 0 clients", "<status code='301'/>")
	b.hold = true
	b.send(t, "<presence from='paris@a.example/tomb' to='"+room+"/Paris'>"+joinX+"</presence>")
	b.ban("paris@a.example", "late")
	if err := b.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	b.hold = false
	b.out.Reset()
	for _, j := range b.held {
		if err := b.run(j); err != nil {
			t.Fatal(err)
		}
	}
	wantIn(t, "a join under way", b.out.String(), "you are banned from this service: late", "paris: role 5 to 0, 0 clients")
	if strings.Contains(b.out.String(), "from='"+room+"/Paris'><x") {
		t.Errorf("he entered:\n%s", b.out.String())
	}
}

// No room is made by who is banned, and no conversation goes on with who is, in either direction.
func TestServiceBanOutsideOfRooms(t *testing.T) {
	b := newBench(t)
	b.ban("romeo@a.example", "")
	wantIn(t, "a new room", b.send(t, "<presence from='romeo@a.example/orchard' to='"+room+"/Romeo' id='1'>"+joinX+"</presence>"), "<forbidden", "you are banned from this service<")
	if b.room.Exists() {
		t.Error("the room was made")
	}
	for _, who := range []string{"juliet@a.example", "b.example"} {
		b, h := newTwo(t)
		b.send(t, toBob("Bob?"))
		if !h.join() {
			t.Fatal("bob got no Welcome")
		}
		b.ban(who, "")
		wantIn(t, "to bob", b.send(t, toBob("Bob!")), "<forbidden", "banned from this service")
		b.out.Reset()
		h.bob.say("Juliet", h.bob.client.ClientUser())
		if strings.Contains(b.out.String(), "<message") {
			t.Errorf("ban of %s: bob is heard:\n%s", who, b.out.String())
		}
		b.bans = nil
		wantIn(t, "afterwards", fmt.Sprint(h.bob.say("Juliet", h.bob.client.ClientUser()), b.out.String()), "<body>Juliet</body>")
	}
}

// In a room of another provider a banned user of ours is shown out at once, and its leaf leaves; no key package of it is given away.
func TestServiceBanInFollowedRoom(t *testing.T) {
	hub, bob := meet(t)
	hub.send(t, adminSet("<item jid='"+bobJID+"' affiliation='admin'/>"))
	bob.catchUp()
	there := elsewhere(t, hub.now)
	cfg := there.svc.cfg
	cfg.Bans = func() *Bans { return there.bans }
	there.svc = &Service{cfg}
	there.room = there.svc.New(there.name)
	signer := bob.keyPackage("Bob")
	const nurse = "mimi://c.example/u/nurse"
	_, a := there.material(t, "a.example", bob.keyRequest(signer, nurse, nil))
	hub.relay(t, "c.example", wire.Marshal(a))
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI(nurse), Role: roleMember}}}
	staged, err := bob.group.Commit(hub.seed(), bob.group.Local()[0], mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{
		mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}, mls.Add{KeyPackage: *a.Clients[0].KeyPackage}}})
	if err != nil {
		t.Fatal(err)
	}
	if a := bob.update(commitRequest(t, staged)); a.Code != mimi.UpdateSuccess {
		t.Fatalf("the hub says %+v", a)
	}
	for _, d := range hub.disk.outbox {
		if d.Provider == "c.example" {
			if err := there.step(Request{ID: "n", Provider: "a.example", Kind: RequestNotify, Body: d.Body}); err != nil {
				t.Fatal(err)
			}
		}
	}
	const enter = "<presence from='nurse@c.example/x' to='garden%a.example@rooms.c.example/Nurse' id='1'>" + joinX + "</presence>"
	wantIn(t, "she enters", there.send(t, enter), "code='110'")
	there.ban("c.example", "no guests")
	there.out.Reset()
	there.check = true
	if err := there.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "she is out", there.out.String(), "to nurse@c.example/x", "type='unavailable'", "affiliation='outcast'", "<reason>no guests</reason>", "<status code='301'/>")
	if q := there.room.follow.room.InFlight(); q == nil || q.Endpoint != mimi.EndpointUpdate {
		t.Errorf("her leaf stays: %v", q)
	}
	wantIn(t, "she comes again", there.send(t, enter), "<forbidden", "the users of c.example are banned from this service: no guests")
	if _, a := there.material(t, "a.example", bob.keyRequest(signer, "mimi://c.example/u/paris", nil)); a.Code != mimi.KeyMaterialNoConsentForRoom {
		t.Errorf("key material of a banned user: %+v", a)
	}
	there.bans = nil
	if _, a := there.material(t, "a.example", bob.keyRequest(signer, "mimi://c.example/u/paris", nil)); a.Code != mimi.KeyMaterialSuccess {
		t.Errorf("key material afterwards: %+v", a)
	}
}

// The commands: bans are listed, banning and lifting are orders for the gateway, what is malformed is refused.
func TestServiceBanCommands(t *testing.T) {
	d := newDesk(t)
	var bans *Bans
	d.svc.cfg.Bans = func() *Bans { return bans }
	out, _ := d.command(operatorJuliet, operatorBans, "", "")
	wantIn(t, "empty", out, "Nobody is banned")
	bans = bans.With(ServiceBan{Who: xmpp.MustParseJID("m.example"), Reason: "spam", By: "juliet@a.example", At: time.Unix(0, 0)}, ServiceBan{Who: xmpp.MustParseJID("bob@c.example")})
	out, _ = d.command(operatorJuliet, operatorBans, "", "")
	wantIn(t, "list", out, "<field var='who'><value>m.example</value></field><field var='reason'><value>spam</value></field><field var='by'><value>juliet@a.example</value></field>"+
		"<field var='at'><value>1970-01-01T00:00:00Z</value></field>", "<value>bob@c.example</value>")
	_, o := d.command(operatorJuliet, operatorBan, "sessionid='s'", fill("who", "mimi://b.example/u/bob", "reason", "spam"))
	if o == nil || o.Kind != OrderBan || o.Who.String() != bobJID || o.Text != "spam" || o.By.String() != "juliet@a.example" {
		t.Fatalf("ban: %+v", o)
	}
	answer := o.Answer(OrderResult{Status: statusOK})
	wantIn(t, "banned", answer.String(), bobJID+" is banned from all rooms of this service.")
	_, o = d.command(operatorJuliet, operatorUnban, "sessionid='s'", fill("who", "m.example"))
	if o == nil || o.Kind != OrderUnban || o.Who.String() != "m.example" {
		t.Fatalf("unban: %+v", o)
	}
	answer = o.Answer(OrderResult{Status: statusOK})
	wantIn(t, "lifted", answer.String(), "m.example is not banned any more.")
	answer = o.Answer(OrderResult{Status: statusNotFound, Text: "m.example is not banned"})
	wantIn(t, "no ban", answer.String(), "item-not-found", "m.example is not banned")
	for why, form := range map[string]string{"nobody": fill(), "no address": fill("who", "a b@c"), "a room": fill("who", "garden@rooms.a.example"), "an operator": fill("who", "juliet@a.example"),
		"a long reason": fill("who", "m.example", "reason", strings.Repeat("x", maxReason+1))} {
		if out, order := d.command(operatorJuliet, operatorBan, "sessionid='s'", form); order != nil || !strings.Contains(out, "<bad-payload") {
			t.Errorf("%s: %s %+v", why, out, order)
		}
	}
}

// A user whom the room's policy keeps does not keep the others.
func TestServiceBanSplits(t *testing.T) {
	b := newBench(t)
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>")
	for i := range 5 {
		b.send(t, fmt.Sprintf("<presence from='n%d@m.example/x' to='%s/N%d'>%s</presence>", i, room, i, joinX))
	}
	b.ban("m.example", "")
	turn := &turn{r: b.room, now: b.now, seed: b.seed()}
	turn.enforceBans()
	if len(b.room.queue) != 1 {
		t.Fatalf("%d wishes", len(b.room.queue))
	}
	notes := 0
	for len(b.room.queue) > 0 {
		w := b.room.queue[0]
		b.room.queue = b.room.queue[1:]
		w.refuse(turn, refusal(xmpp.NotAllowed, "no"))
	}
	for _, n := range turn.out.Notes {
		if n.Msg == "a user who is banned from the service stays" {
			notes++
		}
	}
	if notes != 5 {
		t.Errorf("%d users were tried alone, want 5", notes)
	}
}
