package hub_test

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// A member adds clients of a third provider by key packages that this provider gave out by way of the hub, and by no others
// (draft-ietf-mimi-protocol-06 §5.2).
func TestThirdProviders(t *testing.T) {
	both := func(w *world, kp *mls.KeyPackageSecrets) []mls.Proposal {
		return []mls.Proposal{mls.Add{KeyPackage: kp.KeyPackage}, w.roleChange(carol.ClientUser(), roleGuest)}
	}
	proposed := func(w *world, kp *mls.KeyPackageSecrets) *mimi.UpdateRequest {
		group, leaf := bobsGroup(w)
		group, list, err := group.Propose(leaf, w.roleChange(carol.ClientUser(), roleGuest), aad())
		w.must(err)
		_, add, err := group.Propose(leaf, mls.Add{KeyPackage: kp.KeyPackage}, aad())
		w.must(err)
		return &mimi.UpdateRequest{Message: list, More: []*mls.Message{add}}
	}
	for name, test := range map[string]struct {
		rule string
		make func(w *world) *mimi.UpdateRequest
	}{
		"by value, never given out": {"third-provider", func(w *world) *mimi.UpdateRequest { return bobCommits(w, both(w, w.give(carol))...) }},
		"by proposal, never given out": {"third-provider", func(w *world) *mimi.UpdateRequest {
			return proposed(w, w.give(carol))
		}},
		"another key package of the client": {"third-provider", func(w *world) *mimi.UpdateRequest {
			w.learn(carol, w.give(carol))
			return bobCommits(w, both(w, w.give(carol))...)
		}},
		"given out by the adder's provider": {"third-provider", func(w *world) *mimi.UpdateRequest {
			kp := w.give(carol)
			next, err := w.room.LearnKeyMaterial(w.now, "b.example", &mimi.KeyMaterialResponse{User: carol.ClientUser(),
				Clients: []mimi.ClientKeyMaterial{{Client: carol, KeyPackage: &kp.KeyPackage}}})
			w.must(err)
			w.room = next
			return bobCommits(w, both(w, kp)...)
		}},
		"by value, given out": {"", func(w *world) *mimi.UpdateRequest {
			kp := w.give(carol)
			w.learn(carol, kp)
			return bobCommits(w, both(w, kp)...)
		}},
		"by proposal, given out": {"", func(w *world) *mimi.UpdateRequest {
			kp := w.give(carol)
			w.learn(carol, kp)
			return proposed(w, kp)
		}},
		"a client of the adder's own provider": {"", func(w *world) *mimi.UpdateRequest {
			return bobCommits(w, mls.Add{KeyPackage: w.give(bella).KeyPackage}, w.roleChange(bella.ClientUser(), roleGuest))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.bobIsOwner()
			body := wire.Marshal(test.make(w))
			before := string(stored(w.room))
			accepted, answer, err := w.room.AcceptUpdate(w.now, "b.example", body)
			if test.rule != "" {
				wantUpdate(t, name, answer, err, mimi.UpdateNotAllowed, test.rule)
				if accepted != nil || before != string(stored(w.room)) {
					t.Error("something changed")
				}
				return
			}
			if err != nil || accepted == nil {
				t.Fatalf("refused: %v", err)
			}
		})
	}
}

// What was accepted is committed although the hub has forgotten where the key package came from.
func TestThirdProviderForgotten(t *testing.T) {
	w := newWorld(t)
	w.bobIsOwner()
	kp := w.give(carol)
	w.learn(carol, kp)
	group, leaf := bobsGroup(w)
	group, list, err := group.Propose(leaf, w.roleChange(carol.ClientUser(), roleGuest), aad())
	w.must(err)
	group, add, err := group.Propose(leaf, mls.Add{KeyPackage: kp.KeyPackage}, aad())
	w.must(err)
	accepted, _, err := w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(&mimi.UpdateRequest{Message: list, More: []*mls.Message{add}}))
	w.must(err)
	w.room = accepted.Next
	response := &mimi.KeyMaterialResponse{User: carol.ClientUser()}
	for i := range hub.MaxRoutesShare { // later ones
		other := kp.KeyPackage
		other.LeafNode.Lifetime.NotAfter += uint64(i) + 1
		response.Clients = append(response.Clients, mimi.ClientKeyMaterial{Client: carol, KeyPackage: &other})
	}
	w.room, err = w.room.LearnKeyMaterial(w.now, "c.example", response)
	w.must(err)
	var refs []mls.ProposalRef
	for _, p := range group.Public().Pending() {
		refs = append(refs, p.Ref)
	}
	staged, err := group.Commit(w.seed(), leaf, mls.CommitParams{ByReference: refs, ForcePath: true, AuthenticatedData: aad()})
	w.must(err)
	accepted, _, err = w.room.AcceptUpdate(w.now, "b.example", wire.Marshal(update(w, staged)))
	w.must(err)
	if len(accepted.Fanout) != 1 || accepted.Fanout[0].Provider != "c.example" {
		t.Errorf("fan-out %v, want the Welcome to c.example", accepted.Fanout)
	}
}
