package follower_test

import (
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// reinit lets the hub give the room another group. kps are the key packages of all members but alice.
func (w *world) reinit(id string, kps ...*mls.KeyPackageSecrets) {
	w.t.Helper()
	pg := w.hub.Group().Public()
	end, err := w.hub.Group().Commit(w.seed(), 0, mls.CommitParams{AuthenticatedData: aad(), ByValue: []mls.Proposal{
		mls.ReInit{GroupID: []byte(id), Version: mls.ProtocolVersionMLS10, Suite: suite, Extensions: pg.Context().Extensions}}})
	w.must(err)
	creator, err := keyPackage(w.seed(), alice, w.now)
	w.must(err)
	p := mls.SubgroupParams{Creator: creator, AuthenticatedData: aad(), SameClient: mimi.SameIdentities(),
		Config: mls.Config{Components: mimi.Components{}, PastEpochs: 2, Now: uint64(w.now.Unix())}}
	for _, kp := range kps {
		p.Members = append(p.Members, &kp.KeyPackage)
	}
	first, err := end.Group.Reinitialize(w.seed(), p)
	w.must(err)
	w.accept(w.hub.AcceptReInit(w.now, end, first, w.options))
}

// mayReinit lets alice reinitialise the room.
func (w *world) mayReinit() {
	w.t.Helper()
	roles := mimi.RolesList{Roles: slices.Clone(w.hub.State().Roles())}
	for i := range roles.Roles {
		if r := &roles.Roles[i]; r.Index == roleOwner {
			r.Capabilities = append(slices.Clone(r.Capabilities), mimi.CanSendMLSReinitProposal)
		}
	}
	w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentRolesList, Update: wire.Marshal(&roles)}}})
	w.deliver()
}

// give makes key packages of clients of ours that are out, and the options that find them.
func (w *world) give(clients ...mimi.URI) (kps []*mls.KeyPackageSecrets, o follower.Options) {
	w.t.Helper()
	out := map[string]*mls.KeyPackageSecrets{}
	for _, client := range clients {
		kp, err := keyPackage(w.seed(), client, w.now)
		w.must(err)
		ref, err := kp.KeyPackage.Ref()
		w.must(err)
		out[string(ref)] = kp
		kps = append(kps, kp)
	}
	return kps, follower.Options{Member: member, Invited: true, KeyPackage: func(ref mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) {
		kp, ok := out[string(ref)]
		return kp, ok
	}}
}

// orders are all orders of n things.
func orders(n int) (all [][]int) {
	if n == 0 {
		return [][]int{nil}
	}
	for _, rest := range orders(n - 1) {
		for at := range n {
			all = append(all, slices.Insert(slices.Clone(rest), at, n-1))
		}
	}
	return all
}

// The group ends, and in the one that follows a client of ours is added: in whatever order the end, both Welcomes and the commit come, everybody is in
// the new group, once, and nobody has to come back to it.
func TestReInitInAnyOrder(t *testing.T) {
	beth := mimi.MustURI("mimi://b.example/d/beth/cli")
	for _, order := range orders(4) {
		w := both(t)
		w.mayReinit()
		kps, o := w.give(bob, bella, beth)
		w.room = w.room.WithOptions(o)
		w.reinit("garden-2", kps[:2]...)
		list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: beth.ClientUser(), Role: roleGuest}}}
		w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: kps[2].KeyPackage},
			mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}})
		_, told, err := mimi.SplitFanout(slices.Concat(w.post...))
		w.must(err)
		if len(told) != 4 {
			t.Fatalf("the hub tells %d times", len(told))
		}
		w.post = nil
		w.news()
		for _, i := range order {
			w.must(w.bring(told[i]))
			room, err := follower.Load(w.stored, o)
			w.must(err)
			w.room = room
		}
		if w.room.Behind() || w.room.InFlight() != nil {
			t.Errorf("order %v: behind %v, asks %v", order, w.room.Behind(), w.room.InFlight())
			continue
		}
		w.agree()
		for _, client := range []mimi.URI{bob, bella, beth} {
			if _, in := w.room.Leaf(client); !in || w.hub.State().Clients(client.ClientUser()) != 1 {
				t.Errorf("order %v: %s is in: %v", order, client, in)
			}
		}
		if got := slices.DeleteFunc(w.news(), func(s string) bool { return s != "joined beth" }); len(got) != 1 {
			t.Errorf("order %v: beth joined %d times", order, len(got))
		}
	}
}

// Where only the end of the group, or only the Welcome, came before the room was entered anew, the other one is for what is left of the time before: what was
// said in the group that follows, until we came back, is read when it comes.
func TestReInitComesLate(t *testing.T) {
	for _, first := range []int{0, 1} {
		w := both(t)
		w.mayReinit()
		kps, o := w.give(bob, bella)
		w.room = w.room.WithOptions(o)
		w.reinit("garden-2", kps...)
		w.say("in the group that follows")
		_, told, err := mimi.SplitFanout(slices.Concat(w.post...))
		w.must(err)
		w.post = nil
		w.must(w.bring(told[first]))
		if !w.room.Behind() {
			t.Fatal("nothing is missing")
		}
		w.wait()
		for w.room.InFlight() != nil {
			w.ask()
			w.room = w.room.WithOptions(o)
		}
		w.deliver()
		w.agree()
		if w.room.Behind() {
			t.Errorf("first %d: something is still missing", first)
		}
		w.news()
		w.must(w.bring(told[1-first]))
		w.must(w.bring(told[2]))
		if got := w.news(); !slices.Contains(got, "in the group that follows") {
			t.Errorf("first %d: %q", first, got)
		}
		if w.room.Behind() {
			t.Errorf("first %d: it waits for something that it need not", first)
		}
		w.agree()
	}
}

// The answer to proposals that an external commit made void comes when the group that follows has got to the same epoch: they are made anew, in that group.
func TestReInitBeforeTheAnswerToProposals(t *testing.T) {
	w := both(t)
	w.mayReinit()
	epoch := w.hub.Group().Public().Epoch()
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 1, Kind: follower.Leave, Client: bella}))
	q := w.room.InFlight()
	answer := w.decide(q)
	far := follower.New(garden, followOptions)
	out := far.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: carol})
	for out.Request != nil {
		var accepted *hub.Accepted
		var body []byte
		if out.Request.Endpoint == mimi.EndpointUpdate {
			accepted, body, _ = w.hub.AcceptUpdate(w.now, "c.example", out.Request.Body)
			w.accept(accepted, nil)
		} else {
			body, _ = w.hub.GroupInfo(w.now, "c.example", out.Request.Body)
		}
		out = out.Next.Answer(w.now, w.seed(), out.Request, 200, body)
	}
	if len(w.hub.Group().Public().Pending()) != 0 {
		t.Fatal("the proposals wait still")
	}
	kps, o := w.give(bob, bella, carol)
	w.room = w.room.WithOptions(o)
	w.reinit("garden-2", kps...)
	for w.hub.Group().Public().Epoch() < epoch {
		w.commit(mls.CommitParams{})
	}
	w.deliver()
	w.answer(q, 200, answer)
	w.settle()
	w.agree()
	if w.room.Broken() != "" || len(w.hub.Group().Public().Pending()) != 2 {
		t.Fatalf("broken %q, %d proposals wait", w.room.Broken(), len(w.hub.Group().Public().Pending()))
	}
	w.commit(mls.CommitParams{ByReference: refs(w.hub.Group().Public().Pending())})
	w.deliver()
	if _, in := w.room.Leaf(bella); in {
		t.Error("bella is still in")
	}
}

// A room that came back goes on in the group that follows while news of the time before are out: what is said in either group since belongs to it, also across a restart, whatever the
// numbers of the epochs.
func TestReInitWithTrail(t *testing.T) {
	w := both(t)
	w.mayReinit()
	w.commit(mls.CommitParams{})
	w.say("before")
	late := w.anew()
	w.news()
	w.say("after")
	after := w.post
	w.post = nil
	kps, o := w.give(bob, bella)
	w.room = w.room.WithOptions(o)
	w.reinit("garden-2", kps...)
	w.say("in the next")
	w.deliver()
	room, err := follower.Load(w.stored, o)
	w.must(err)
	w.room = room
	for _, body := range append(after, late...) {
		w.must(w.bring(body))
	}
	var got []string
	for _, s := range w.news() {
		if s == "before" || s == "after" || s == "in the next" || s == "dropped" {
			got = append(got, s)
		}
	}
	if want := []string{"in the next", "after", "before"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if w.room.Behind() {
		t.Error("it thinks that something is missing")
	}
	w.agree()
}

func refs(pending []mls.PendingProposal) (all []mls.ProposalRef) {
	for _, p := range pending {
		all = append(all, p.Ref)
	}
	return all
}
