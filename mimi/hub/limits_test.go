package hub_test

import (
	"bytes"
	"encoding/binary"
	"maps"
	"slices"
	"strconv"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mimi/mimitest"
	"anteroom/mls"
	"anteroom/mls/wire"
)

func memory(provider string, i int) (m hub.Memory) {
	m.Provider = provider
	binary.BigEndian.PutUint64(m.Digest[:], uint64(i))
	return m
}

// stored is all that is stored of a room besides its group.
func stored(room *hub.Room) []byte {
	parts := room.Parts(nil).Set
	var all []byte
	for _, name := range slices.Sorted(maps.Keys(parts)) {
		all = append(append(all, name...), parts[name]...)
	}
	return all
}

// What other providers can make a room remember is bounded.
func TestLimits(t *testing.T) {
	w := newWorld(t)
	for i := range hub.MaxRemembered {
		w.room = w.room.Remember(memory("b.example", i))
	}
	full := len(stored(w.room))
	for i := range 2 * mimi.RecentBlock {
		w.room = w.room.Remember(memory("b.example", hub.MaxRemembered+i))
		if got := len(stored(w.room)); got > full*(hub.MaxRemembered+mimi.RecentBlock)/hub.MaxRemembered {
			t.Errorf("memory of requests grows from %d to %d bytes", full, got)
		}
	}

	learn := func(provider string, n int) {
		t.Helper()
		client := mimi.MustURI("mimi://" + provider + "/d/carol/cli")
		kp := w.keyPackage(client).KeyPackage
		response := &mimi.KeyMaterialResponse{User: client.ClientUser()}
		for i := range n {
			other := kp
			other.Signature = binary.BigEndian.AppendUint32(nil, uint32(i)) // another key package to whoever does not verify it
			response.Clients = append(response.Clients, mimi.ClientKeyMaterial{Client: client, KeyPackage: &other})
		}
		next, err := w.room.LearnKeyMaterial(w.now, provider, response)
		w.must(err)
		if again, err := next.LearnKeyMaterial(w.now, provider, response); err != nil || len(stored(again)) != len(stored(next)) {
			t.Errorf("key packages of %s are kept twice: %v", provider, err)
		}
		if stranger, err := next.LearnKeyMaterial(w.now, "z.example", response); err != nil || len(stored(stranger)) != len(stored(next)) {
			t.Errorf("a provider speaks for another's key packages: %v", err)
		}
		w.room = next
	}
	learn("c.example", hub.MaxRoutesShare)
	share := len(stored(w.room))
	learn("c.example", hub.MaxRoutesShare+10)
	if got := len(stored(w.room)); got != share {
		t.Errorf("one provider's routes grow from %d to %d bytes", share, got)
	}
	for i := range hub.MaxRoutes/hub.MaxRoutesShare - 1 {
		learn(string(rune('d'+i))+".example", hub.MaxRoutesShare)
	}
	full = len(stored(w.room))
	learn("y.example", hub.MaxRoutesShare)
	if got := len(stored(w.room)); got != full {
		t.Errorf("routes grow from %d to %d bytes", full, got)
	}
}

// A provider that asks much makes the hub forget what it asked itself: a repetition of another's request has its first answer.
func TestWhoAsksMuchForgetsItsOwn(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	group, leaf := bobsGroup(w)
	_, m, err := group.Protect(w.seed(), leaf, []byte("text"), aad())
	w.must(err)
	body := wire.Marshal(&mimi.SubmitMessageRequest{Message: m, Sender: bob.ClientUser()})
	accepted, first, err := w.room.AcceptSubmit(w.now, "b.example", body)
	w.must(err)
	w.take(accepted, nil)
	again := func(when string) {
		t.Helper()
		accepted, answer, err := w.room.AcceptSubmit(w.now, "b.example", body)
		if err != nil || accepted != nil || !bytes.Equal(answer, first) {
			t.Errorf("%s: a repetition is answered with %x, %v", when, answer, err)
		}
	}
	for i := range 2 * hub.MaxRemembered {
		w.room = w.room.Remember(memory("c.example", i))
	}
	again("after another provider asked much")
	restored, err := hub.Load(w.room.Parts(nil).Set, w.room.Group(), w.options)
	w.must(err)
	w.room = restored
	kept := w.room.Parts(nil).Set
	remember := func(m hub.Memory) {
		next := w.room.Remember(m)
		change := next.Parts(w.room)
		for _, name := range change.Drop {
			delete(kept, name)
		}
		maps.Copy(kept, change.Set)
		w.room = next
	}
	for i := range 2 * hub.MaxRemembered {
		remember(memory("d.example", i))
	}
	w.must(mimitest.SameParts(kept, w.room.Parts(nil).Set))
	again("after a restart")
	for i := range 2 * hub.MaxRemembered {
		remember(memory("b.example", i))
	}
	if accepted, _, err := w.room.AcceptSubmit(w.now, "b.example", body); err == nil || accepted != nil {
		t.Errorf("after it asked much itself: %v", err)
	}
	for i := range 2 * hub.MaxRemembered { // most of them are forgotten whole, in the store too
		remember(memory("p"+strconv.Itoa(i)+".example", i))
	}
	w.must(mimitest.SameParts(kept, w.room.Parts(nil).Set))
}

func TestPendingLimit(t *testing.T) {
	w := newWorld(t)
	for i := range hub.MaxPending {
		w.propose(keeper, mls.AppEphemeral{Component: 0x8001, Data: binary.BigEndian.AppendUint32(nil, uint32(i))})
	}
	group, m, err := w.room.Group().Propose(w.leaf(keeper), mls.AppEphemeral{Component: 0x8001, Data: []byte("one more")}, aad())
	w.must(err)
	if _, err := w.room.AcceptLocalProposals(w.now, group, m); err == nil {
		t.Error("the limit of pending proposals does not hold")
	}
}

// One provider's clients cannot fill what waits for a commit.
func TestPendingShare(t *testing.T) {
	w := newWorld(t)
	w.bobIsOwner()
	group, leaf := bobsGroup(w)
	propose := func(from, to int) (next *mls.Group, request *mimi.UpdateRequest) {
		next = group
		for i := from; i < to; i++ {
			var m *mls.Message
			var err error
			next, m, err = next.Propose(leaf, mls.AppEphemeral{Component: 0x8001, Data: []byte{byte(i)}}, aad())
			w.must(err)
			if request == nil {
				request = &mimi.UpdateRequest{Message: m}
			} else {
				request.More = append(request.More, m)
			}
		}
		return next, request
	}
	_, request := propose(0, hub.MaxPendingShare+1)
	_, answer, err := w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(request))
	wantUpdate(t, "one more than its share", answer, err, mimi.UpdateNotAllowed, "pending-share")
	next, request := propose(0, hub.MaxPendingShare)
	accepted, _, err := w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(request))
	w.must(err)
	w.room, group = accepted.Next, next
	_, request = propose(hub.MaxPendingShare, hub.MaxPendingShare+1)
	_, answer, err = w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(request))
	wantUpdate(t, "one after its share", answer, err, mimi.UpdateNotAllowed, "pending-share")
	w.propose(alice, mls.AppEphemeral{Component: 0x8001, Data: []byte("others may")})
	w.commitPending()
}

// One commit of another provider adds a bounded number of clients, and whoever sends more costs no verification of each.
func TestAddedLimit(t *testing.T) {
	w := newWorld(t)
	w.bobIsOwner()
	group, leaf := bobsGroup(w)
	var p mls.CommitParams
	var list mimi.ParticipantListUpdate
	for i := range hub.MaxAdded + 1 {
		client := mimi.MustURI("mimi://b.example/d/v" + strconv.Itoa(i) + "/cli")
		seed := mls.Seed{}.Derive("newcomer", []byte(client.Name()))
		signer, err := mls.NewSigner(suite, seed)
		w.must(err)
		kp, err := newKeyPackage(seed.Derive("keys"), signer, client, w.now)
		w.must(err)
		p.Joiners = append(p.Joiners, kp)
		p.ByValue = append(p.ByValue, mls.Add{KeyPackage: kp.KeyPackage})
		list.Added = append(list.Added, mimi.Participant{User: client.ClientUser(), Role: roleGuest})
	}
	offer := func(n int) ([]byte, error) {
		short := list
		short.Added = list.Added[:n]
		staged, err := group.Commit(w.seed(), leaf, mls.CommitParams{Joiners: p.Joiners[:n], AuthenticatedData: aad(),
			ByValue: append(p.ByValue[:n:n], mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&short)})})
		w.must(err)
		info, err := staged.Group.GroupInfo(leaf, false)
		w.must(err)
		_, answer, err := w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(&mimi.UpdateRequest{Message: staged.Commit, GroupInfo: mimi.GroupInfoOption{Full: info},
			RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeDistributionService}}))
		return answer, err
	}
	answer, err := offer(hub.MaxAdded + 1)
	wantUpdate(t, "one too many", answer, err, mimi.UpdateNotAllowed, "added-limit")
	if _, err := offer(hub.MaxAdded); err != nil {
		t.Error(err)
	}
}

// A follower's queue is bounded.
func TestQueueLimit(t *testing.T) {
	w := newWorld(t)
	room := w.follow("b.example")
	for range follower.MaxQueue {
		room = room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob}).Next
	}
	out := room.Do(w.now, w.seed(), follower.Wish{Kind: follower.Join, Client: bob})
	if len(out.Events) != 1 {
		t.Fatalf("events %v, want a refusal", out.Events)
	}
	if _, ok := out.Events[0].(follower.Refused); !ok {
		t.Errorf("event %T, want Refused", out.Events[0])
	}
}
