package mucmap

import (
	"errors"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// askKeys asks the room's hub for key material of one of its own users, signed by the participant's leaf.
func (r *remote) askKeys(target string, change func(*mimi.KeyMaterialRequest)) (int, *mimi.KeyMaterialResponse) {
	r.t.Helper()
	r.catchUp()
	leaf := r.group.Local()[0]
	signer, err := r.group.Signer(leaf)
	r.must(err)
	node, _ := r.group.Public().Leaf(leaf)
	q := &mimi.KeyMaterialRequest{Requester: r.client.ClientUser(), Target: mimi.MustURI(target), Room: r.b.room.uri, Suites: []mls.CipherSuite{suite},
		Required: mimi.RequiredCapabilities(), Credential: node.Credential}
	if change != nil {
		change(q)
	}
	r.must(q.Sign(signer))
	return r.b.material(r.t, r.client.Provider(), wire.Marshal(q))
}

const nurseURI = "mimi://a.example/u/nurse"

// asOwner is a non-anonymous room in which bob of b.example may add participants.
func asOwner(t *testing.T) (*bench, *remote) {
	b, bob := meet(t)
	b.send(t, whois("anyone"))
	b.send(t, adminSet("<item affiliation='owner' jid='u%bob%b.example@rooms.a.example'/>"))
	return b, bob
}

func (r *remote) addNurse(kp *mls.KeyPackage) mimi.UpdateResponse {
	return r.commitOf(listUpdate(mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI(nurseURI), Role: roleMember}}}), mls.Add{KeyPackage: *kp})
}

// A participant of another provider adds one of our users to a room of ours: the key package survives a restart, the user is invited, has a leaf,
// and enters and speaks without a commit (XEP-0045 §7.8.2; docs/multileaf.md: a local leaf added by a remote commit).
func TestRemoteAddsOurUser(t *testing.T) {
	b, bob := asOwner(t)
	status, a := bob.askKeys(nurseURI, nil)
	if status != 200 || a.Code != mimi.KeyMaterialSuccess || len(a.Clients) != 1 || a.Clients[0].KeyPackage == nil {
		t.Fatalf("key material: %d %+v", status, a)
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	b.out.Reset()
	if a := bob.addNurse(a.Clients[0].KeyPackage); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob may not add nurse: %+v", a)
	}
	wantIn(t, "nurse is invited", b.out.String(), "to nurse@a.example", "<invite from='u%bob%b.example@rooms.a.example'")
	if _, ok := b.room.leaf(mimi.MustURI(nurseURI)); !ok || len(b.room.keys) != 0 {
		t.Errorf("nurse has a leaf: %v, %d key packages are kept", ok, len(b.room.keys))
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	epoch := b.room.pub.Epoch
	wantIn(t, "nurse enters", b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"), "affiliation='member'", "code='110'")
	if b.room.pub.Epoch != epoch {
		t.Errorf("entering took a commit")
	}
	b.send(t, "<message from='nurse@a.example/hall' to='"+room+"' type='groupchat' id='1'><body>Here I am</body></message>")
	if bob.catchUp(); len(bob.failed) > 0 || len(bob.heard) == 0 || bob.heard[len(bob.heard)-1] != "nurse: Here I am" {
		t.Errorf("bob heard %q, failed %v", bob.heard, bob.failed)
	}
}

// Nobody adds our users by keys that are not ours.
func TestRemoteForgesOurUser(t *testing.T) {
	b, bob := asOwner(t)
	bob.askKeys(nurseURI, nil)
	forged, err := b.svc.keyPackage(b.seed(), b.now, mimi.MustURI("mimi://a.example/d/nurse/anteroom"), "Nurse")
	if err != nil {
		t.Fatal(err)
	}
	if a := bob.addNurse(&forged.KeyPackage); a.Code != mimi.UpdateNotAllowed || !strings.Contains(a.Text, "did not give out") {
		t.Errorf("%+v", a)
	}
	if b.room.pub.members[mimi.MustURI(nurseURI)] != nil {
		t.Error("nurse is listed")
	}
}

// Key packages of our users go to participants who may add somebody and sign for it, few to each, and not where the room hides who our users are.
func TestHostKeyMaterialIsBounded(t *testing.T) {
	b, bob := asOwner(t)
	for what, change := range map[string]func(*mimi.KeyMaterialRequest){
		"for another room":         func(q *mimi.KeyMaterialRequest) { q.Room = mimi.MustURI("mimi://a.example/r/cellar") },
		"for another's user":       func(q *mimi.KeyMaterialRequest) { q.Requester = mimi.MustURI("mimi://c.example/u/carol") },
		"for a colleague":          func(q *mimi.KeyMaterialRequest) { q.Requester = mimi.MustURI("mimi://b.example/u/bella") },
		"with suites nobody knows": func(q *mimi.KeyMaterialRequest) { q.Suites = []mls.CipherSuite{0xf0f0} },
	} {
		if status, _ := bob.askKeys(nurseURI, change); status != 403 {
			t.Errorf("%s: %d", what, status)
		}
	}
	want := func(what, target string, code mimi.KeyMaterialCode) {
		t.Helper()
		if status, a := bob.askKeys(target, nil); status != 200 || a.Code != code || (len(a.Clients) > 0) != (code == mimi.KeyMaterialSuccess) {
			t.Errorf("%s: %d %+v", what, status, a)
		}
	}
	want("somebody who is listed", "mimi://a.example/u/juliet", mimi.KeyMaterialNoConsentForRoom)
	want("the keeper", b.room.keeper.String(), mimi.KeyMaterialNoConsentForRoom)
	for range MaxKeyPackages + 3 {
		want("nurse", nurseURI, mimi.KeyMaterialSuccess)
	}
	if len(b.room.keys) != MaxKeyPackages {
		t.Errorf("%d key packages are out, want %d", len(b.room.keys), MaxKeyPackages)
	}
	b.send(t, whois("moderators"))
	want("a semi-anonymous room", nurseURI, mimi.KeyMaterialNoConsentForRoom)
	want("a pseudonym", b.room.pub.wanted(mimi.MustURI(nurseURI)).String(), mimi.KeyMaterialNoConsentForRoom)
	b.send(t, whois("anyone")+adminSet("<item affiliation='member' jid='u%bob%b.example@rooms.a.example'/>"))
	want("a member of an open room, who may invite", nurseURI, mimi.KeyMaterialSuccess)
	b.send(t, configure("juliet@a.example/balcony", "muc#roomconfig_membersonly=1"))
	want("who may not add", nurseURI, mimi.KeyMaterialNoConsentForRoom)
}

// A crash at the write of the commit that adds one of our users: either it never was, and the key package is still good, or it was, and the
// user has its leaf and is invited once more.
func TestRemoteAddsOurUserWithCrashes(t *testing.T) {
	for _, after := range []bool{false, true} {
		b, bob := asOwner(t)
		_, a := bob.askKeys(nurseURI, nil)
		kp := a.Clients[0].KeyPackage
		staged, err := bob.group.Commit(b.seed(), bob.group.Local()[0], mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{
			listUpdate(mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI(nurseURI), Role: roleMember}}}), mls.Add{KeyPackage: *kp}}})
		bob.must(err)
		b.check, b.crashAt, b.after = false, b.writes+1, after
		b.out.Reset()
		if err := b.step(Request{ID: "u", Provider: "b.example", Kind: RequestUpdate, Body: wire.Marshal(commitRequest(t, staged))}); !errors.Is(err, errCrash) {
			t.Fatalf("no crash: %v", err)
		}
		bob.must(b.restart(false))
		if after {
			wantIn(t, "nurse is invited", b.out.String(), "again to nurse@a.example", "<invite")
			bob.group = staged.Group
			bob.catchUp()
		} else if a := bob.addNurse(kp); a.Code != mimi.UpdateSuccess {
			t.Fatalf("bob may not try again: %+v", a)
		}
		if _, ok := b.room.leaf(mimi.MustURI(nurseURI)); !ok || len(b.room.keys) != 0 || len(bob.failed) > 0 {
			t.Errorf("after %v: nurse has a leaf: %v, %d key packages are kept, bob failed %v", after, ok, len(b.room.keys), bob.failed)
		}
	}
}
