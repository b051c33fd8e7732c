package follower_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

func visitor(i int) mimi.URI { return mimi.MustURI(fmt.Sprintf("mimi://b.example/d/v%03d/cli", i)) }

// crowd lets n clients wish to join at once, with ids from 1.
func (w *world) crowd(n int) {
	w.t.Helper()
	for i := range n {
		w.adopt(w.room.Do(w.now, w.seed(), follower.Wish{ID: uint64(i + 1), Kind: follower.Join, Client: visitor(i)}))
	}
}

// settle goes on until nothing is on the way.
func (w *world) settle() {
	w.t.Helper()
	for w.ask() || len(w.post) > 0 {
		w.deliver()
	}
}

// fulfilled lists the wishes that were, in order, and refused those that were not.
func (w *world) outcome() (fulfilled, refused []uint64) {
	for _, e := range w.events {
		switch e := e.(type) {
		case follower.Done:
			fulfilled = append(fulfilled, e.Wish.ID)
		case follower.Refused:
			refused = append(refused, e.Wish.ID)
		}
	}
	return fulfilled, refused
}

func ids(n int) (all []uint64) {
	for i := range n {
		all = append(all, uint64(i+1))
	}
	return all
}

// inside holds that clients are members with leaves of ours and the role that their own join would have given.
func (w *world) inside(n int) {
	w.t.Helper()
	w.agree()
	for i := range n {
		client := visitor(i)
		leaf, ok := w.room.Leaf(client)
		if role := w.hub.State().RoleOf(client.ClientUser()); !ok || role != roleGuest {
			w.t.Fatalf("%s has leaf %d %v and role %d", client, leaf, ok, role)
		}
	}
}

// Who waits while a commit is on the way enters with the next one, if a member of ours may add others (canAddParticipant, room-policy §8.1.1); each by
// itself, if none may. Everybody has a leaf that can send.
func TestTogether(t *testing.T) {
	const n = 12
	for _, may := range []bool{true, false} {
		for _, trouble := range []string{"", "wrong epoch", "restart", "told before the answer", "answer lost in a crash"} {
			t.Run(fmt.Sprintf("%v %s", may, trouble), func(t *testing.T) {
				w := both(t)
				if may {
					w.put(bob.ClientUser(), roleOwner)
					w.deliver()
				}
				w.news()
				before := w.hub.Group().Public().Epoch()
				w.crowd(n)
				want := mls.Epoch(n)
				if may {
					want = 2 // who came first, and all others
				}
				switch trouble {
				case "wrong epoch":
					w.commit(mls.CommitParams{})
					want++
					if may {
						want-- // whoever waits when it is built anew shares it
					}
				case "restart":
					w.ask() // the first is in, the others are on the way
					w.restart()
				case "told before the answer":
					w.ask()
					q := w.room.InFlight()
					body := w.decide(q)
					own := &mimi.FanoutMessage{Timestamp: uint64(w.now.UnixMilli()), Message: commitOf(t, q)}
					w.must(w.bring(wire.Marshal(own)))
					w.answer(q, 200, body)
				case "answer lost in a crash":
					w.ask()
					w.decide(w.room.InFlight())
					w.restart()
				}
				w.settle()
				if got := w.hub.Group().Public().Epoch() - before; got != want {
					t.Errorf("%d commits, want %d", got, want)
				}
				w.inside(n)
				if got, refused := w.outcome(); !slices.Equal(got, ids(n)) || len(refused) > 0 {
					t.Errorf("fulfilled %v, refused %v", got, refused)
				}
				joined := 0
				for _, e := range w.events {
					if j, ok := e.(follower.Joined); ok {
						joined++
						if leaf, _ := w.room.Leaf(j.Client); leaf != j.Leaf || j.Added {
							t.Errorf("told %+v, leaf %d", j, leaf)
						}
					}
				}
				if joined != n {
					t.Errorf("%d joins were told, want %d", joined, n)
				}
				w.news()
				w.wish(follower.Wish{Kind: follower.Send, Client: visitor(n - 1), Data: []byte("hello")})
				w.want("the last one speaks", "sent hello")
				w.say("welcome")
				w.deliver()
				w.want("the hub's user speaks", "welcome")
			})
		}
	}
}

func commitOf(t *testing.T, q *follower.Request) *mls.Message {
	t.Helper()
	var request mimi.UpdateRequest
	if err := wire.Unmarshal(q.Body, &request); err != nil {
		t.Fatal(err)
	}
	return request.Message
}

// Whom the hub keeps out does not keep out the others: what is refused together is tried one by one.
func TestTogetherRefused(t *testing.T) {
	const n, bad = 5, 3
	for _, status := range []int{200, 413} {
		w := both(t)
		w.put(bob.ClientUser(), roleOwner)
		w.deliver()
		w.hub = w.hub.WithOptions(hub.Options{Sender: w.options.Sender, Key: w.options.Key, Extra: func(_ *policy.State, act policy.Act) *mimi.Refusal {
			if act.Target == visitor(bad).ClientUser() {
				return &mimi.Refusal{Endpoint: mimi.EndpointUpdate, Code: uint8(mimi.UpdateNotAllowed), Rule: "test", Text: "not this one"}
			}
			return nil
		}})
		w.news()
		w.crowd(n)
		w.ask()
		q := w.room.InFlight()
		if status == 200 {
			w.answer(q, status, w.decide(q))
		} else {
			w.answer(q, status, []byte("too large"))
		}
		w.restart() // who goes alone is stored
		w.settle()
		fulfilled, refused := w.outcome()
		if want := slices.DeleteFunc(ids(n), func(id uint64) bool { return id == bad+1 }); !slices.Equal(fulfilled, want) || !slices.Equal(refused, []uint64{bad + 1}) {
			t.Errorf("%d: fulfilled %v, refused %v", status, fulfilled, refused)
		}
		w.agree()
	}
}

// Who enters in the place of one of ours who leaves by the same commit is told to be in like everybody. Whoever is on its way out commits for nobody.
func TestTogetherInAPlaceThatIsLeft(t *testing.T) {
	for _, leaves := range []mimi.URI{bella, bob} {
		w := both(t)
		w.put(bob.ClientUser(), roleOwner)
		w.put(bella.ClientUser(), roleOwner)
		w.deliver()
		leaf, _ := w.room.Leaf(leaves)
		group, m, err := w.hub.Group().Propose(0, mls.Remove{Removed: leaf}, aad())
		w.must(err)
		w.accept(w.hub.AcceptLocalProposals(w.now, group, m))
		w.deliver()
		before := w.hub.Group().Public().Epoch()
		w.news()
		w.crowd(3)
		w.settle()
		w.inside(3)
		if got := w.hub.Group().Public().Epoch() - before; got != 2 {
			t.Errorf("%s leaves: %d commits", leaves, got)
		}
		if _, in := w.room.Leaf(leaves); in {
			t.Errorf("%s is still in: its removal was made void", leaves)
		}
		fulfilled, _ := w.outcome()
		got := slices.DeleteFunc(w.news(), func(s string) bool { return !strings.HasPrefix(s, "joined") })
		if len(got) != 3 || !slices.Equal(fulfilled, ids(3)) {
			t.Errorf("%s leaves: %q, fulfilled %v", leaves, got, fulfilled)
		}
	}
}

// Where the room has no place for all, those who wait are not tried together again and again: each goes by itself, and makes one attempt's keys.
func TestTogetherWithoutPlaceForAll(t *testing.T) {
	const n, places = 20, 10
	w := both(t)
	w.put(bob.ClientUser(), roleOwner)
	roles := mimi.RolesList{Roles: slices.Clone(w.hub.State().Roles())}
	for i := range roles.Roles {
		if r := &roles.Roles[i]; r.Index == roleGuest {
			r.MaxParticipants = mimi.AtMost(places + 1) // and bella
		}
	}
	w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentRolesList, Update: wire.Marshal(&roles)}}})
	w.deliver()
	w.news()
	made := 0
	w.room = w.room.WithOptions(follower.Options{Member: func(seed mls.Seed, cs mls.CipherSuite, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
		made++
		return member(seed, cs, client, now)
	}})
	w.crowd(n)
	w.settle()
	fulfilled, refused := w.outcome()
	if len(fulfilled) != places || len(refused) != n-places {
		t.Errorf("fulfilled %v, refused %v", fulfilled, refused)
	}
	if made > 2*n+1 {
		t.Errorf("%d key packages were made for %d who wait", made, n)
	}
	w.agree()
}

// A member of ours who may add others adds nobody whom the room would not let in by itself: that is for the member to want.
func TestTogetherNeedsAnOpenRoom(t *testing.T) {
	w := both(t)
	w.put(bob.ClientUser(), roleOwner)
	roles := mimi.RolesList{Roles: slices.Clone(w.hub.State().Roles())}
	roles.Roles[0].Capabilities = nil
	w.commit(mls.CommitParams{ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentRolesList, Update: wire.Marshal(&roles)}}})
	w.deliver()
	w.news()
	w.crowd(2)
	w.settle()
	for _, e := range w.news() {
		if !strings.Contains(e, "not on its list") {
			t.Errorf("told %q", e)
		}
	}
	if w.hub.State().RoleOf(visitor(0).ClientUser()) != mimi.RoleNone {
		t.Error("somebody was listed")
	}
}

// One commit lets in a bounded number; who wants something else first, or is listed already, keeps to the order.
func TestTogetherIsBounded(t *testing.T) {
	w := both(t)
	w.put(bob.ClientUser(), roleOwner)
	w.deliver()
	w.news()
	before := w.hub.Group().Public().Epoch()
	w.crowd(follower.MaxTogether + 10)
	w.settle()
	if got := w.hub.Group().Public().Epoch() - before; got != 3 { // the first; MaxTogether; the rest
		t.Errorf("%d commits", got)
	}
	w.inside(follower.MaxTogether + 10)
}
