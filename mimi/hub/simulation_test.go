package hub_test

import (
	"errors"
	"math/rand/v2"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mls"
)

// network is a world whose requests, answers and notifications arrive when chance wants it, and whose followers crash.
type network struct {
	*world
	rng     *rand.Rand
	notes   map[string][][]byte // to be delivered in order
	answers map[string][]answer // on the way back
}

type answer struct {
	request *follower.Request
	body    []byte
}

func (n *network) accept(a *hub.Accepted) {
	n.room = a.Next
	for _, f := range a.Fanout {
		n.notes[f.Provider] = append(n.notes[f.Provider], f.Body)
	}
}

// request brings what a follower has on the way to the hub; it may do so again and again.
func (n *network) request(provider string) {
	request := n.rooms[provider].InFlight()
	if request == nil {
		return
	}
	var accepted *hub.Accepted
	var body []byte
	switch request.Endpoint {
	case mimi.EndpointUpdate:
		accepted, body, _ = n.room.AcceptUpdate(n.now, provider, request.Body)
	case mimi.EndpointSubmitMessage:
		accepted, body, _ = n.room.AcceptSubmit(n.now, provider, request.Body)
	case mimi.EndpointGroupInfo:
		body, _ = n.room.GroupInfo(n.now, provider, request.Body)
	}
	if accepted != nil {
		n.accept(accepted)
	}
	if n.rng.IntN(4) > 0 { // else the answer is lost
		n.answers[provider] = append(n.answers[provider], answer{request, body})
	}
}

func (n *network) answer(provider string) {
	if list := n.answers[provider]; len(list) > 0 {
		n.answers[provider] = list[1:]
		n.adopt(provider, n.rooms[provider].Answer(n.now, n.seed2(), list[0].request, 200, list[0].body))
	}
}

func (n *network) note(provider string) {
	list := n.notes[provider]
	if len(list) == 0 {
		return
	}
	out, err := n.rooms[provider].Notify(n.now, n.seed2(), "a.example", list[0])
	switch {
	case errors.Is(err, follower.ErrAhead):
		return
	case errors.Is(err, follower.ErrNoRoom): // an answer to a join was lost together with the process
		n.t.Fatalf("%s: a notification for a room that it does not know", provider)
	case err != nil:
		n.t.Fatalf("%s: %v", provider, err)
	}
	n.adopt(provider, out)
	if n.rng.IntN(4) > 0 { // else it comes again
		n.notes[provider] = list[1:]
	}
}

func (n *network) crash(provider string) {
	if n.stored[provider] == nil {
		return
	}
	n.answers[provider] = nil
	n.restart(provider)
	n.adopt(provider, n.rooms[provider].Resume(n.now, n.seed2()))
}

// seed2 never repeats, unlike the world's short counter.
func (n *network) seed2() (s mls.Seed) {
	for i := range s {
		s[i] = byte(n.rng.Uint32())
	}
	return s
}

func (n *network) wishAtRandom(clients []mimi.URI) {
	client := clients[n.rng.IntN(len(clients))]
	kinds := []follower.WishKind{follower.Join, follower.Join, follower.Send, follower.Send, follower.Send, follower.Leave}
	wish := follower.Wish{Kind: kinds[n.rng.IntN(len(kinds))], Client: client}
	if wish.Kind == follower.Send {
		wish.Data = []byte("text")
	}
	provider := client.Provider()
	n.adopt(provider, n.rooms[provider].Do(n.now, n.seed2(), wish))
}

// local is something that happens at the hub's own provider.
func (n *network) local(clients []mimi.URI) {
	group := n.room.Group()
	if len(group.Public().Pending()) > 0 {
		n.commitLocal(group, nil)
		return
	}
	switch n.rng.IntN(3) {
	case 0:
		n.commitLocal(group, nil)
	case 1:
		user := clients[n.rng.IntN(len(clients))].ClientUser()
		if role := n.room.State().RoleOf(user); role == roleGuest || role == roleVisitor {
			n.commitLocal(group, n.roleChange(user, roleGuest+roleVisitor-role))
		}
	case 2:
		leaf := n.leaf(alice)
		group, err := group.Reserve(leaf, 1)
		n.must(err)
		group, m, err := group.Protect(n.seed2(), leaf, []byte("text"), aad())
		n.must(err)
		accepted, err := n.room.AcceptLocalMessage(n.now, group, m, alice.ClientUser())
		n.must(err)
		n.accept(accepted)
	}
}

func (n *network) commitLocal(group *mls.Group, p mls.Proposal) {
	params := mls.CommitParams{ForcePath: true, AuthenticatedData: aad()}
	if p != nil {
		params.ByValue = []mls.Proposal{p}
	}
	for _, pending := range group.Public().Pending() {
		params.ByReference = append(params.ByReference, pending.Ref)
	}
	staged, err := group.Commit(n.seed2(), n.leaf(keeper), params)
	n.must(err)
	accepted, err := n.room.AcceptLocal(n.now, staged)
	n.must(err)
	n.accept(accepted)
}

// Whatever is late, repeated, lost or restarted: nobody breaks, and when everything has arrived all members are in the hub's epoch.
func TestSimulation(t *testing.T) {
	clients := []mimi.URI{bob, bella, carol}
	providers := []string{"b.example", "c.example"}
	joined, messages := 0, 0
	for seed := range uint64(25) {
		n := &network{world: newWorld(t), rng: rand.New(rand.NewPCG(seed, 7)), notes: map[string][][]byte{}, answers: map[string][]answer{}}
		for _, provider := range providers {
			n.follow(provider)
		}
		step := func(provider string) {
			switch n.rng.IntN(12) {
			case 0, 1, 2, 3:
				n.request(provider)
			case 4, 5, 6, 7:
				n.answer(provider)
			case 8, 9, 10:
				n.note(provider)
			case 11:
				n.crash(provider)
			}
		}
		for range 150 {
			switch n.rng.IntN(12) {
			case 0:
				n.wishAtRandom(clients)
			case 1:
				n.local(clients)
			default:
				step(providers[n.rng.IntN(len(providers))])
			}
		}
		for range 2000 { // everything arrives
			for _, provider := range providers {
				n.request(provider)
				n.answer(provider)
				n.note(provider)
			}
			if n.quiet(providers) {
				break
			}
		}
		if !n.quiet(providers) {
			t.Fatalf("seed %d: never quiet", seed)
		}
		for _, provider := range providers {
			for _, e := range n.events[provider] {
				switch e := e.(type) {
				case follower.Broken:
					t.Fatalf("seed %d: %s broke: %s", seed, provider, e.Text)
				case follower.Joined:
					joined++
				case follower.Message:
					messages++
				}
			}
			if n.rooms[provider].Member() {
				n.agree(provider)
			}
			if follows := contains(n.room.Followers(), provider); follows != n.rooms[provider].Member() {
				t.Fatalf("seed %d: %s believes member %v, the hub %v", seed, provider, n.rooms[provider].Member(), follows)
			}
		}
	}
	if joined < 25 || messages < 25 {
		t.Errorf("%d joins and %d messages: the simulation does not do what it is for", joined, messages)
	}
}

func (n *network) quiet(providers []string) bool {
	for _, provider := range providers {
		if n.rooms[provider].InFlight() != nil || len(n.notes[provider]) > 0 || len(n.answers[provider]) > 0 {
			return false
		}
	}
	return true
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
