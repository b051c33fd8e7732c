package follower_test

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// Who is told that somebody proposes its removal, and never hears of the commit, finds out by what it wants next, also when the room is open and it could come again.
func TestLostRemoval(t *testing.T) {
	for _, kind := range []follower.WishKind{follower.Send, follower.Renew} {
		for _, banned := range []bool{false, true} {
			w := newWorld(t)
			w.wish(follower.Wish{Kind: follower.Join, Client: bob})
			w.news()
			leaf, _ := w.room.Leaf(bob)
			position, _ := w.hub.State().Position(bob.ClientUser())
			update := mimi.ParticipantListUpdate{Removed: []uint32{position}}
			if banned {
				update = mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: position, Role: roleBanned}}}
			}
			list := mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&update)}
			refs := w.proposeAll(mls.Remove{Removed: leaf}, list)
			w.deliver()
			w.want("proposals", "proposed")
			w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 1, Kind: kind, Client: bob, Data: []byte("hello")}))
			w.ask()
			w.want("nothing is committed yet")

			w.commit(mls.CommitParams{ByReference: refs})
			w.post = nil // lost
			w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 2, Kind: kind, Client: bob, Data: []byte("hello")}))
			w.restart() // the question is asked again
			for w.ask() {
			}
			w.wait()
			for w.ask() {
			}
			if w.room.Member() {
				t.Fatalf("%v: bob thinks to be a member still: %q", banned, w.news())
			}
			none := "refused " + bob.String() + " is not a member"
			w.want("afterwards", "lost", "removed", none, none)
		}
	}
}

// Where the commit comes after all, it is told as always.
func TestRemovalComesLate(t *testing.T) {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	leaf, _ := w.room.Leaf(bob)
	position, _ := w.hub.State().Position(bob.ClientUser())
	update := mimi.ParticipantListUpdate{Removed: []uint32{position}}
	refs := w.proposeAll(mls.Remove{Removed: leaf}, mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&update)})
	w.deliver()
	w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: 1, Kind: follower.Send, Client: bob, Data: []byte("hello")}))
	w.ask()
	w.commit(mls.CommitParams{ByReference: refs})
	w.news()
	w.deliver()
	w.want("the commit", "epoch 2", "removed", "refused "+bob.String()+" is not a member")
}

// proposeAll lets alice propose together what only goes together.
func (w *world) proposeAll(all ...mls.Proposal) (refs []mls.ProposalRef) {
	w.t.Helper()
	group := w.hub.Group()
	var messages []*mls.Message
	for _, p := range all {
		next, m, err := group.Propose(0, p, aad())
		w.must(err)
		group = next
		messages = append(messages, m)
	}
	w.accept(w.hub.AcceptLocalProposals(w.now, group, messages...))
	for _, p := range w.hub.Group().Public().Pending() {
		refs = append(refs, p.Ref)
	}
	return refs
}
