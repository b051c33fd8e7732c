package mucmap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// doorkeeper is a members-only room at which one knocks, owned by user0.
func newDoorkeeper(t *testing.T) *commander {
	c := newCommander(t)
	c.configure("muc#roomconfig_membersonly", "1", fieldKnock, "1")
	return c
}

// decide fills in the form about a user who knocks, as user0.
func (c *commander) decide(jid, allow string) string {
	c.t.Helper()
	return c.send(c.t, "<message from='"+c.from+"' to='"+room+"'>"+
		fill("FORM_TYPE", "http://jabber.org/protocol/muc#register", fieldApplicant, jid, "muc#register_allow", allow)+"</message>")
}

// One of our users tries the door: refused, and the admins are asked. Turned away it is not heard again for a while; let in it gets an invitation and
// enters as a member. What waits survives a restart.
func TestKnockByEntering(t *testing.T) {
	c := newDoorkeeper(t)
	out := c.send(t, enter(5))
	wantIn(t, "user5 knocks", out, "registration-required", "its admins have been asked", "to user0@a.example/x", "Somebody knocks", "<value>user5@a.example</value>")
	if out := c.send(t, enter(5)); strings.Contains(out, "Somebody knocks") {
		t.Errorf("the admins are asked twice:\n%s", out)
	}
	wantIn(t, "turned away by who is no admin", c.as("user1@a.example/x").decide("user5@a.example", "0"), "forbidden")
	c.decide("user5@a.example", "0")
	wantIn(t, "again at once", c.send(t, enter(5)), "registration-required", "turned you away")
	if err := c.restart(true); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "and after a restart", c.send(t, enter(5)), "turned you away")
	c.now = c.now.Add(knockPause + time.Second)
	wantIn(t, "after a while", c.send(t, enter(5)), "Somebody knocks")
	if err := c.restart(true); err != nil {
		t.Fatal(err)
	}
	out = c.decide("user5@a.example", "1")
	wantIn(t, "let in", out, "to user5@a.example\n", "<invite")
	if len(c.room.pub.Applicants) != 0 {
		t.Errorf("still waiting: %+v", c.room.pub.Applicants)
	}
	wantIn(t, "user5 enters", c.send(t, enter(5)), "affiliation='member'", "code='110'")

	c.send(t, enter(6))
	c.now = c.now.Add(knockPatience)
	if err := c.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	if len(c.room.pub.Applicants) != 0 {
		t.Error("user6 waits forever")
	}
	c.configure(fieldKnock, "0")
	if out := c.send(t, enter(7)); strings.Contains(out, "Somebody knocks") || strings.Contains(out, "have been asked") {
		t.Errorf("nobody knocks here any more:\n%s", out)
	}
}

// A user of another provider is refused the GroupInfo, which is a knock; an admin lists it, so that it joins by external commit.
func TestKnockByGroupInfo(t *testing.T) {
	c := newDoorkeeper(t)
	bob := newRemote(t, c.bench, "mimi://b.example/d/bob/cli")
	kp := bob.keyPackage("Bob")
	c.out.Reset()
	if _, ok := bob.groupInfo(kp); ok {
		t.Fatal("the GroupInfo of a members-only room")
	}
	wantIn(t, "the owner is asked", c.out.String(), "to user0@a.example/x", "Somebody knocks", "<value>"+bobJID+"</value>")
	c.decide(bobJID, "1")
	info, ok := bob.groupInfo(kp)
	if !ok {
		t.Fatal("bob is not let in")
	}
	c.out.Reset()
	bob.enterListed(info, kp)
	wantIn(t, "bob is in", c.out.String(), "Bob", "affiliation='member'")
}

// enterListed joins by an external commit that changes no list.
func (r *remote) enterListed(info *mimi.GroupInfoAndTree, kp *mls.KeyPackageSecrets) {
	r.t.Helper()
	p := mls.ExternalCommitParams{Tree: info.RatchetTree.Tree, AuthenticatedData: emptyAAD, Config: r.b.svc.groupConfig(r.b.now)}
	staged, err := mls.ExternalCommit(r.b.seed(), info.GroupInfo, kp, p)
	r.must(err)
	if a := r.update(commitRequest(r.t, staged)); a.Code != mimi.UpdateSuccess {
		r.t.Fatalf("the join: %+v", a)
	}
}

func (h *guestHouse) knock(packages ...mls.KeyPackage) mimi.ConsentEntry {
	door, err := hubUser("a.example")
	h.bob.must(err)
	return mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: door, Target: h.bob.client.ClientUser(), Room: h.b.room.uri, KeyPackages: packages}
}

// A user of another provider sends its key packages unasked (docs/mapping.md §2): an admin's word adds all its clients.
func TestKnockByConsent(t *testing.T) {
	b, h := atHome(t, membersOnlyField+"<field var='"+fieldKnock+"'><value>1</value></field>")
	kp := h.bob.keyPackage("Bob")
	other := newRemote(t, b, "mimi://b.example/d/bob/phone").keyPackage("Bob")
	h.keys = append(h.keys, kp)
	wantIn(t, "bob knocks", h.tell("b.example", h.knock(kp.KeyPackage, other.KeyPackage)), "to juliet@a.example/balcony", "Somebody knocks", "<value>"+bobJID+"</value>")
	if out := h.tell("b.example", h.knock(kp.KeyPackage, other.KeyPackage)); strings.Contains(out, "Somebody knocks") {
		t.Errorf("the same again, as after a lost answer:\n%s", out)
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>")
	allow := "<message from='juliet@a.example/balcony' to='" + room + "'>" + fill("FORM_TYPE", "http://jabber.org/protocol/muc#register", fieldApplicant, bobJID, "muc#register_allow", "1") + "</message>"
	wantIn(t, "juliet lets him in", b.send(t, allow), "proposed by", "role 0 to 2, 2 clients", "Bob", "affiliation='member'")
	if !h.join() {
		t.Error("no Welcome for bob")
	}
	if len(b.room.pub.Applicants) != 0 || len(h.asked) != 0 {
		t.Errorf("waiting %+v, asked for key packages %d times", b.room.pub.Applicants, len(h.asked))
	}
}

// What is no knock, or one too many, and how a knock ends otherwise.
func TestKnockRefused(t *testing.T) {
	b, h := atHome(t, "")
	if h.tell("b.example", h.knock(h.bob.keyPackage("Bob").KeyPackage)); len(b.room.pub.Applicants) != 0 {
		t.Error("a knock at an open room")
	}
	b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'>"+fill("muc#roomconfig_membersonly", "1", fieldKnock, "1")+"</query></iq>")
	knock := h.knock(h.bob.keyPackage("Bob").KeyPackage)
	h.tell("c.example", knock)
	elsewhere := knock
	elsewhere.Room = mimi.MustURI("mimi://a.example/r/other")
	h.tell("b.example", elsewhere)
	if len(b.room.pub.Applicants) != 0 {
		t.Error("a knock by another provider, or at another room")
	}
	h.tell("b.example", knock)
	revoke := knock
	revoke.Operation, revoke.KeyPackages = mimi.ConsentRevoke, nil
	if h.tell("b.example", revoke); len(b.room.pub.Applicants) != 0 {
		t.Error("bob, who took it back, still waits")
	}
	h.tell("b.example", knock)
	b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"'>"+fill("FORM_TYPE", "http://jabber.org/protocol/muc#register", fieldApplicant, bobJID, "muc#register_allow", "0")+"</message>")
	if owed := h.owed(); len(owed) != 1 || owed[0].Operation != mimi.ConsentCancel || owed[0].Target != h.bob.client.ClientUser() {
		t.Errorf("bob is told %+v", owed)
	}
	for i := range MaxKnocks + 2 {
		many := knock
		many.Target = mimi.MustURI(fmt.Sprintf("mimi://b.example/u/bob%d", i))
		h.tell("b.example", many)
	}
	if n := len(b.room.pub.Applicants); n != MaxKnocks {
		t.Errorf("%d users of one provider wait", n)
	}
	b.send(t, "<presence from='nurse@a.example/x' to='"+room+"/Nurse'>"+joinX+"</presence>")
	if !slices.ContainsFunc(b.room.pub.Applicants, func(a applicant) bool { return a.Nick == "Nurse" }) {
		t.Error("another provider's users keep ours from knocking")
	}
	for i := range MaxTurnedAway + 2 {
		b.room.pub.turnAway(mimi.MustURI(fmt.Sprintf("mimi://b.example/u/x%d", i)), b.now)
	}
	if n := len(b.room.pub.TurnedAway); n != MaxTurnedAway {
		t.Errorf("%d users are remembered", n)
	}
}

// One of our users knocks at a room elsewhere by registering: a consent with a key package goes to the room's provider, not too often.
func TestKnockElsewhere(t *testing.T) {
	hub, _ := meet(t)
	there := elsewhere(t, hub.now)
	register := func(typ, payload string) string {
		return there.send(t, "<iq from='nurse@c.example/x' to='garden%a.example@rooms.c.example' type='"+typ+"' id='r'><query xmlns='jabber:iq:register'>"+payload+"</query></iq>")
	}
	form := fill("FORM_TYPE", "http://jabber.org/protocol/muc#register", "muc#register_roomnick", "Nurse")
	wantIn(t, "the form", register("get", ""), "muc#register_roomnick", "at a.example")
	wantIn(t, "no form", register("set", ""), "bad-request")
	wantIn(t, "knocking", register("set", form), "type='result'", "deliver updateConsent to c.example")
	wantIn(t, "again", register("set", form), "policy-violation", "try again in")
	var c mimi.ConsentEntry
	if n := len(there.disk.outbox); n != 1 { // the user's own memory passes it on (TestConsentIsKeptBeforeItIsTold)
		t.Fatalf("%d deliveries", n)
	}
	if err := wire.Unmarshal(there.disk.outbox[0].Body, &c); err != nil {
		t.Fatal(err)
	}
	if c.Operation != mimi.ConsentGrant || c.Target.String() != "mimi://c.example/u/nurse" || c.Room.String() != "mimi://a.example/r/garden" || len(c.KeyPackages) != 1 || c.Requester.Provider() != "a.example" || there.disk.outbox[0].Room != c.Target.String() {
		t.Errorf("the user's memory gets %+v about %s", c, there.disk.outbox[0].Room)
	}
	if len(there.room.keys) != 1 || len(there.disk.secrets) != 1 {
		t.Error("the key package is not kept")
	}
	for range MaxKeyPackages - 1 {
		there.now = there.now.Add(knockAgain)
		wantIn(t, "after a while", register("set", form), "type='result'")
	}
	there.now = there.now.Add(knockAgain)
	wantIn(t, "too often", register("set", form), "resource-constraint")
	wantIn(t, "taken back", register("set", "<remove/>"), "type='result'", "deliver updateConsent to a.example")
	wantIn(t, "twice", register("set", "<remove/>"), "registration-required")
}

// A decision that names nobody is not about whoever knocks without a nick.
func TestDecisionAboutNobody(t *testing.T) {
	c := newDoorkeeper(t)
	tt := &turn{r: c.room, now: c.now, seed: c.seed()}
	if e := tt.knock(applicant{User: bobURI}); e != nil {
		t.Fatal(e)
	}
	if err := c.disk.write(&Output{Events: tt.out.Events, Seq: c.room.seq}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "no name", c.decide("", "1"), "item-not-found")
}
