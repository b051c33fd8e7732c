package mucmap

import (
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// orderReInit is an operator's order.
func (b *bench) orderReInit(suite string) Reply {
	b.t.Helper()
	delete(b.reply, "reinit")
	if err := b.feed(Request{ID: "reinit", Kind: RequestReInit, Body: encodeJSON(ReInitOrder{Suite: suite})}); err != nil {
		b.t.Fatal(err)
	}
	return b.reply["reinit"]
}

// A crash at any write of a reinitialisation leaves the room in its old group or in the one that follows, and both with what others must be told: there
// is none without the other (RFC 9420 §11.2). Afterwards the room talks, and can be reinitialised again.
func TestReInitWithCrashes(t *testing.T) {
	for _, after := range []bool{false, true} {
		changed := 0
		for n := 1; n <= 3; n++ {
			b, bob := meet(t)
			b.check = false
			kp, err := b.svc.keyPackageOf(mls.SuiteP256AES128SHA256P256, b.seed(), b.now, bob.client, "Bob")
			bob.must(err)
			b.peers = func(q PeerRequest) (int, []byte) {
				return 200, wire.Marshal(&mimi.KeyMaterialResponse{User: bob.client.ClientUser(),
					Clients: []mimi.ClientKeyMaterial{{Client: bob.client, KeyPackage: &kp.KeyPackage}}})
			}
			old, told := b.room.pub.Group, len(b.disk.outbox)
			b.crashAt, b.after = b.writes+n, after
			b.orderReInit("2")
			if b.crashed {
				b.crashAt = 0
				if err := b.recover(); err != nil {
					t.Fatalf("crash at write %d, after %v: %v", n, after, err)
				}
			}
			notes := slices.DeleteFunc(slices.Clone(b.disk.outbox[told:]), func(d Delivery) bool { return d.Endpoint != string(mimi.EndpointNotify) })
			welcome := slices.ContainsFunc(notes, func(d Delivery) bool {
				list, err := mimi.ParseFanout(d.Body)
				return err == nil && slices.ContainsFunc(list, func(m *mimi.FanoutMessage) bool { return m.Message.Welcome != nil }) && len(list) == 2
			})
			if followed := b.room.pub.Group != old; followed != welcome || followed != (b.room.suite() == mls.SuiteP256AES128SHA256P256) {
				t.Errorf("crash at write %d, after %v: goes on in another group is %v, bob was told is %v, suite %s", n, after, followed, welcome, b.room.suite().Name())
			} else if followed {
				changed++
			}
			b.crashAt, b.check = 0, true
			if got := b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='m'><body>afterwards</body></message>"); !strings.Contains(got, "afterwards") {
				t.Errorf("crash at write %d, after %v: nothing is said any more:\n%s", n, after, got)
			}
		}
		if changed == 0 {
			t.Errorf("no crash after %v left the room in the group that follows", after)
		}
	}
}

// Who may not reinitialise the group is refused before anything is asked of anybody: a member by command, a participant of another provider by whatever
// commit it makes, though its role had the capability (policy rule can-reinit, hub rule reinit-by-hub).
func TestReInitIsDenied(t *testing.T) {
	b, bob := meet(t)
	asked := 0
	b.peers = func(PeerRequest) (int, []byte) { asked++; return 404, nil }
	if got := b.send(t, "<iq from='nurse@a.example/house' to='"+room+"' type='set' id='c'><command xmlns='http://jabber.org/protocol/commands' node='"+commandReInit+"' action='execute'/></iq>"); !strings.Contains(got, "forbidden") {
		t.Errorf("somebody who owns nothing: %s", got)
	}
	for suite, status := range map[string]int{"1": statusConflict, "9": statusBadRequest} {
		if r := b.orderReInit(suite); r.Status != status {
			t.Errorf("suite %s: %d %s", suite, r.Status, r.Body)
		}
	}
	leaf := bob.group.Local()[0]
	g := bob.group
	staged, err := g.Commit(b.seed(), leaf, mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{
		mls.ReInit{GroupID: []byte("mimi://a.example/g/other"), Version: mls.ProtocolVersionMLS10, Suite: 2, Extensions: g.Public().Context().Extensions}}})
	bob.must(err)
	if a := bob.update(commitRequest(t, staged)); a.Code != mimi.UpdateNotAllowed || !strings.Contains(a.Text, "reinit-by-hub") {
		t.Errorf("a participant of another provider: %+v", a)
	}
	before := b.room.pub.Epoch
	if r := b.orderReInit("2"); r.Status != statusAccepted || asked != 1 || b.room.pub.Epoch != before {
		t.Errorf("whose provider has no key package: %d %s, asked %d times", r.Status, r.Body, asked)
	}
	if r := b.orderReInit(""); !strings.Contains(string(r.Body), bob.client.ClientUser().String()) || b.room.reInit != nil {
		t.Errorf("who could not follow: %s", r.Body)
	}
}

// An owner gives the group another suite by a command; its own leaf signs that, and in a room whose roles are older than the capability they are brought up to date first.
func TestReInitByOwner(t *testing.T) {
	b := newBench(t)
	b.check = true
	keeper, owner := capsKeeper, capsOwner
	without := func(c mimi.Capability) bool { return c == mimi.CanSendMLSReinitProposal }
	capsKeeper, capsOwner = slices.DeleteFunc(slices.Clone(keeper), without), slices.DeleteFunc(slices.Clone(owner), without)
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet' id='1'>"+joinX+"</presence>")
	capsKeeper, capsOwner = keeper, owner
	if b.room.hub.State().Can(b.room.keeper, mimi.CanSendMLSReinitProposal) {
		t.Fatal("the room is not older than the capability")
	}
	command := func(attrs, payload string) string {
		return b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='c'><command xmlns='http://jabber.org/protocol/commands' node='"+commandReInit+"' "+attrs+">"+payload+"</command></iq>")
	}
	got := command("action='execute'", "")
	_, rest, found := strings.Cut(got, "sessionid='")
	if !found || !strings.Contains(got, "MLS_128_DHKEMP256_AES128GCM_SHA256_P256") {
		t.Fatalf("form: %s", got)
	}
	session, _, _ := strings.Cut(rest, "'")
	got = command("action='complete' sessionid='"+session+"'", "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>"+formCommand+"</value></field><field var='suite'><value>MLS_128_DHKEMP256_AES128GCM_SHA256_P256</value></field></x>")
	if !strings.Contains(got, "The group has MLS_128_DHKEMP256_AES128GCM_SHA256_P256 now.") || b.room.suite() != mls.SuiteP256AES128SHA256P256 {
		t.Fatalf("by command: %s", got)
	}
	if node, ok := b.room.hub.Group().Public().Leaf(0); !ok || nodeUser(node) != b.room.keeper {
		t.Error("the keeper did not make the new group")
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	b.send(t, "<presence from='romeo@a.example/orchard' to='"+room+"/Romeo' id='2'>"+joinX+"</presence>")
	if n := len(b.room.hub.Group().Local()); n != 3 {
		t.Errorf("%d leaves are ours", n)
	}
}

// The bounds on the time between two renewals hold from the new group's first epoch on: all keys in it are of then.
func TestReInitKeepsUpdateTimes(t *testing.T) {
	b, bob := meet(t)
	b.send(t, timesForm("7200", "86400"))
	kp, err := b.svc.keyPackageOf(mls.SuiteP256AES128SHA256P256, b.seed(), b.now, bob.client, "Bob")
	bob.must(err)
	b.peers = func(q PeerRequest) (int, []byte) {
		return 200, wire.Marshal(&mimi.KeyMaterialResponse{User: bob.client.ClientUser(),
			Clients: []mimi.ClientKeyMaterial{{Client: bob.client, KeyPackage: &kp.KeyPackage}}})
	}
	if b.orderReInit("2"); b.room.suite() != mls.SuiteP256AES128SHA256P256 {
		t.Fatal("the group is the old one")
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if stale, next := b.room.hub.Stale(b.now); len(stale) > 0 || next.Before(b.now.Add(86000*time.Second)) || next.After(b.now.Add(87000*time.Second)) {
		t.Errorf("too old now %v, the next at %v", stale, next)
	}
}
