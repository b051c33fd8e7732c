package follower_test

import (
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

var carol = mimi.MustURI("mimi://c.example/d/carol/cli")

// adding is a wish of bob's, who may add, and the keys of carol's two clients.
func (w *world) adding() (follower.Wish, []*mls.KeyPackageSecrets) {
	w.t.Helper()
	w.put(bob.ClientUser(), roleOwner)
	w.deliver()
	wish := follower.Wish{ID: 7, Kind: follower.Change, Client: bob, Adds: []follower.Addition{{User: carol.ClientUser(), Role: roleGuest}}}
	var keys []*mls.KeyPackageSecrets
	for _, client := range []mimi.URI{carol, mimi.MustURI("mimi://c.example/d/carol/phone")} {
		kp, err := keyPackage(w.seed(), client, w.now)
		w.must(err)
		keys = append(keys, kp)
		wish.Adds[0].Packages = append(wish.Adds[0].Packages, kp.KeyPackage)
		w.hub, err = w.hub.LearnKeyMaterial(w.now, "c.example", &mimi.KeyMaterialResponse{User: carol.ClientUser(),
			Clients: []mimi.ClientKeyMaterial{{Client: client, KeyPackage: &kp.KeyPackage}}})
		w.must(err)
	}
	w.news()
	return wish, keys
}

// arrived holds that each client of carol can open the Welcome that the hub sent to its provider, into the room's epoch.
func (w *world) arrived(keys []*mls.KeyPackageSecrets) {
	w.t.Helper()
	for _, kp := range keys {
		ok := false
		for _, f := range w.far {
			messages, err := mimi.ParseFanout(f.Body)
			w.must(err)
			for _, m := range messages {
				if f.Provider != "c.example" || m.Message.Welcome == nil {
					continue
				}
				g, err := mls.Join(m.Message.Welcome, kp, mls.JoinParams{Tree: m.RatchetTree.Tree, Config: mls.Config{Components: mimi.Components{}, Now: uint64(w.now.Unix())}})
				ok = ok || err == nil && string(g.EpochAuthenticator()) == string(w.hub.Group().EpochAuthenticator())
			}
		}
		if !ok {
			w.t.Errorf("a client of carol's got no Welcome into epoch %d", w.hub.Group().Public().Epoch())
		}
	}
}

// A member whose role may adds a user of a third provider, with all its clients and with one commit; the hub routes the Welcome. Where the epoch
// moves on meanwhile, or the process ends, it is made anew.
func TestAddUser(t *testing.T) {
	for _, trouble := range []string{"", "wrong epoch", "restart"} {
		w := both(t)
		wish, keys := w.adding()
		w.adopt(w.room.Do(w.now, w.seed(), wish))
		switch trouble {
		case "wrong epoch":
			w.commit(mls.CommitParams{})
		case "restart":
			w.restart()
		}
		for w.ask() || len(w.post) > 0 {
			w.deliver()
		}
		w.agree()
		if role := w.hub.State().RoleOf(carol.ClientUser()); role != roleGuest || w.hub.State().Clients(carol.ClientUser()) != 2 {
			t.Fatalf("%s: carol has role %d and %d clients", trouble, role, w.hub.State().Clients(carol.ClientUser()))
		}
		w.arrived(keys)
		if trouble == "wrong epoch" {
			w.want(trouble, "epoch 4", "epoch 5")
		}
	}
}

// What waits behind another request survives a restart with its key packages.
func TestAddUserStored(t *testing.T) {
	w := both(t)
	wish, keys := w.adding()
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 1, Kind: follower.Send, Client: bella, Data: []byte("first")}))
	w.adopt(w.room.Do(w.now, w.seed(), wish))
	w.restart()
	for w.ask() || len(w.post) > 0 {
		w.deliver()
	}
	w.arrived(keys)
}

// Somebody who was listed meanwhile keeps role and clients as they are: only the user itself adds clients then.
func TestAddUserListedMeanwhile(t *testing.T) {
	w := both(t)
	wish, _ := w.adding()
	w.adopt(w.room.Do(w.now, w.seed(), wish))
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: carol.ClientUser(), Role: roleOwner}}}
	w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}})
	for w.ask() || len(w.post) > 0 {
		w.deliver()
	}
	w.agree()
	if role := w.room.State().RoleOf(carol.ClientUser()); role != roleOwner || w.room.State().Clients(carol.ClientUser()) != 0 {
		t.Errorf("carol has role %d and %d clients", role, w.room.State().Clients(carol.ClientUser()))
	}
	if !slices.ContainsFunc(w.events, func(e follower.Event) bool { done, ok := e.(follower.Done); return ok && done.Wish.ID == 7 }) {
		t.Error("the wish is not told to be fulfilled")
	}
}

// What policy does not allow never leaves, nor do key packages of somebody else.
func TestAddUserRefused(t *testing.T) {
	w := both(t)
	wish, _ := w.adding()
	wish.Client = bella // a guest
	w.wish(wish)
	if got := w.news(); len(got) != 1 || !strings.Contains(got[0], "canAddParticipant") {
		t.Errorf("a guest adds: %q", got)
	}
	wish.Client = bob
	wish.Adds[0].User = mimi.MustURI("mimi://c.example/u/eve")
	w.wish(wish)
	w.want("a key package of somebody else", "refused key package: is not one of mimi://c.example/u/eve")
	if w.room.InFlight() != nil || len(w.far) > 0 {
		t.Error("something left")
	}
}

// What overtakes a Welcome is kept until it comes, and across restarts; without key packages of ours that are out it is refused.
func TestWelcomeIsOvertaken(t *testing.T) {
	for _, invited := range []bool{true, false} {
		w := newWorld(t)
		kp, err := keyPackage(w.seed(), bob, w.now)
		w.must(err)
		ref, err := kp.KeyPackage.Ref()
		w.must(err)
		followOptions := follower.Options{Member: member, Invited: invited, KeyPackage: func(r mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) { return kp, string(r) == string(ref) }}
		w.room = w.room.WithOptions(followOptions)
		list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: bob.ClientUser(), Role: roleGuest}}}
		w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: kp.KeyPackage},
			mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}})
		welcome := w.post
		w.post = nil
		w.commit(mls.CommitParams{})
		w.say("hello")
		for _, body := range w.post {
			if err := w.bring(body); (err == nil) != invited {
				t.Fatalf("invited %v: %v", invited, err)
			}
		}
		if !invited {
			continue
		}
		if !w.room.Keeping() || w.room.Member() {
			t.Fatal("nothing is kept")
		}
		room, err := follower.Load(w.stored, followOptions)
		w.must(err)
		w.room = room
		w.post = welcome
		w.deliver()
		w.agree()
		w.want("afterwards", "joined bob", "epoch 2", "hello")
		if w.room.Keeping() {
			t.Error("something is kept still")
		}
	}
}

// What is kept before a Welcome is bounded, and keeps no hub waiting.
func TestKeptBeforeWelcomeIsBounded(t *testing.T) {
	w := both(t)
	w.room, w.stored = follower.New(garden, follower.Options{Member: member, Invited: true}), map[string][]byte{}
	for range follower.MaxKept + 5 {
		w.say("x")
	}
	for _, body := range w.post {
		w.must(w.bring(body))
	}
	n := 0
	for name := range w.stored {
		if strings.HasPrefix(name, "k.") {
			n++
		}
	}
	if n != follower.MaxKept {
		t.Errorf("%d messages are kept, want %d", n, follower.MaxKept)
	}
}

// addsBeth is a room with bob and bella in it, a key package of beth's that is out, and what the hub tells when alice adds her,
// so many epochs of which nothing is told later, and commits once more.
func addsBeth(t *testing.T, epochs int) (w *world, beth mimi.URI, o follower.Options, told [][]byte) {
	w, beth = both(t), mimi.MustURI("mimi://b.example/d/beth/cli")
	kp, err := keyPackage(w.seed(), beth, w.now)
	w.must(err)
	ref, err := kp.KeyPackage.Ref()
	w.must(err)
	o = follower.Options{Member: member, Invited: true, KeyPackage: func(r mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) { return kp, string(r) == string(ref) }}
	w.room = w.room.WithOptions(o)
	for range epochs {
		w.commit(mls.CommitParams{})
	}
	w.post = nil
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: beth.ClientUser(), Role: roleGuest}}}
	w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: kp.KeyPackage},
		mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}})
	w.commit(mls.CommitParams{})
	_, told, err = mimi.SplitFanout(slices.Concat(w.post...)) // commit and Welcome come together
	w.must(err)
	w.post = nil
	return w, beth, o, told
}

// A client of ours is added to a room in which others of ours are: it is let in once, in whatever order commit, Welcome and the next commit come, and
// also if the room was entered anew meanwhile. A Welcome to an epoch that is over leads to an external commit, which replaces the leaf that nobody holds.
func TestWelcomeInAnyOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}, {-1, 0, 1, 2}, {-1, 2, 1, 0}} {
		w, beth, o, told := addsBeth(t, 0)
		if len(told) != 3 {
			t.Fatalf("the hub tells %d times", len(told))
		}
		for _, i := range order {
			if i < 0 {
				w.room = behind(w)
				w.wait()
			} else {
				w.must(w.bring(told[i]))
			}
			room, err := follower.Load(w.stored, o)
			w.must(err)
			w.room = room
			if i < 0 {
				w.adopt(w.room.Resume(w.now, w.seed()))
			}
			for i < 0 && w.ask() {
				w.room = w.room.WithOptions(o)
			}
		}
		for w.ask() {
		}
		w.deliver()
		w.agree()
		if _, in := w.room.Leaf(beth); !in || w.room.Behind() {
			t.Errorf("order %v: beth is in: %v, behind: %v", order, in, w.room.Behind())
		}
		if got := slices.DeleteFunc(w.news(), func(s string) bool { return s != "joined beth" }); len(got) != 1 {
			t.Errorf("order %v: beth joined %d times", order, len(got))
		}
		if n := w.hub.State().Clients(beth.ClientUser()); n != 1 {
			t.Errorf("order %v: beth has %d clients", order, n)
		}
	}
}

// Who was put out before its Welcome came does not come back by it.
func TestWelcomeAfterRemoval(t *testing.T) {
	w, beth, _, told := addsBeth(t, 0)
	w.put(beth.ClientUser(), mimi.RoleNone)
	var welcome [][]byte
	for _, body := range append(told, w.post...) {
		if list, err := mimi.ParseFanout(body); err == nil && list[0].Message.Welcome != nil {
			welcome = append(welcome, body)
			continue
		}
		w.must(w.bring(body))
	}
	w.post = welcome
	w.deliver()
	for w.ask() {
	}
	w.agree()
	if _, in := w.room.Leaf(beth); in || w.hub.State().Clients(beth.ClientUser()) != 0 {
		t.Error("beth is back")
	}
}

// A Welcome to an epoch that never comes costs one attempt to come back.
func TestWelcomeOfNoEpoch(t *testing.T) {
	w, _, _, told := addsBeth(t, 9)
	w.hub = both(t).hub // a hub that has not taken the commit
	for _, body := range told {
		if list, err := mimi.ParseFanout(body); err == nil && list[0].Message.Welcome != nil {
			w.must(w.bring(body))
		}
	}
	if !w.room.Behind() {
		t.Fatal("it is not kept")
	}
	attempts := 0
	for ; w.room.Behind() && attempts < 20; attempts++ {
		w.wait()
		for w.ask() {
		}
		w.deliver()
	}
	returns := slices.DeleteFunc(w.news(), func(s string) bool { return !strings.HasPrefix(s, "resynced") })
	if attempts != 1 || len(returns) != 1 || w.room.Broken() != "" {
		t.Errorf("%d attempts, broken: %q, %q", attempts, w.room.Broken(), returns)
	}
}

// A Welcome for one client of ours that comes before the answer to the commit by which another one enters waits for it: that commit is of an earlier
// epoch. If the hub refused the commit the Welcome lets in.
func TestWelcomeBeforeOurFirstCommit(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		w := newWorld(t)
		kp, err := keyPackage(w.seed(), bella, w.now)
		w.must(err)
		ref, err := kp.KeyPackage.Ref()
		w.must(err)
		o := follower.Options{Member: member, Invited: true, KeyPackage: func(r mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) { return kp, string(r) == string(ref) }}
		w.room = w.room.WithOptions(o)
		w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 1, Kind: follower.Join, Client: bob}))
		w.ask() // for the GroupInfo
		q := w.room.InFlight()
		var answer []byte
		add := func() {
			list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: bella.ClientUser(), Role: roleGuest}}}
			w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: kp.KeyPackage},
				mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}})
		}
		if accepted {
			answer = w.decide(q)
			add()
		} else {
			add()
			answer = w.decide(q)
		}
		w.deliver()
		room, err := follower.Load(w.stored, o)
		w.must(err)
		w.room = room
		w.answer(q, 200, answer)
		w.settle()
		w.agree()
		for _, client := range []mimi.URI{bob, bella} {
			if _, in := w.room.Leaf(client); !in || w.hub.State().Clients(client.ClientUser()) != 1 {
				t.Errorf("accepted %v: %s is in: %v", accepted, client, in)
			}
		}
		if w.room.Behind() || w.room.Keeping() {
			t.Errorf("accepted %v: something is missing still", accepted)
		}
		if got := slices.DeleteFunc(w.news(), func(s string) bool { return !strings.HasPrefix(s, "joined") }); len(got) != 2 {
			t.Errorf("accepted %v: %q", accepted, got)
		}
	}
}
