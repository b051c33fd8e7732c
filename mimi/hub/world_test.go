package hub_test

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mimi/mimitest"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

const suite = mls.SuiteX25519AES128SHA256Ed25519

var (
	garden = mimi.MustURI("mimi://a.example/r/garden")
	keeper = mimi.MustURI("mimi://a.example/d/keeper!/anteroom")
	alice  = mimi.MustURI("mimi://a.example/d/alice/anteroom")
	bob    = mimi.MustURI("mimi://b.example/d/bob/cli")
	bella  = mimi.MustURI("mimi://b.example/d/bella/cli")
	carol  = mimi.MustURI("mimi://c.example/d/carol/cli")

	systemB = mimi.MustURI("mimi://b.example/d/system!/cli") // external sender 1
)

// Roles of the test room, numbered as in docs/mapping.md §1.
const (
	roleBanned  mimi.RoleIndex = 1
	roleOwner   mimi.RoleIndex = 4
	roleGuest   mimi.RoleIndex = 5
	roleVisitor mimi.RoleIndex = 6
	roleKeeper  mimi.RoleIndex = 10
)

func testRoles() mimi.RolesList {
	everything := mimitest.EveryChange(0, roleBanned, roleOwner, roleGuest, roleVisitor)
	moderate := []mimi.Capability{
		mimi.CanAddParticipant, mimi.CanRemoveParticipant, mimi.CanAddOwnClient, mimi.CanRemoveOwnClient, mimi.CanBan, mimi.CanUnBan, mimi.CanKick,
		mimi.CanChangeUserRole, mimi.CanReceiveMessage, mimi.CanChangeRoomSubject,
	}
	own := []mimi.Capability{mimi.CanAddOwnClient, mimi.CanRemoveOwnClient, mimi.CanRemoveSelf, mimi.CanReceiveMessage}
	leave := func(i mimi.RoleIndex) []mimi.RoleTargets {
		return []mimi.RoleTargets{{From: i, Targets: []mimi.RoleIndex{0}}}
	}
	return mimi.RolesList{Roles: []mimi.Role{
		{Index: 0, Name: "no_role", Capabilities: []mimi.Capability{mimi.CanOpenJoin}, Changes: []mimi.RoleTargets{{From: 0, Targets: []mimi.RoleIndex{roleGuest}}}},
		{Index: roleBanned, Name: mimi.BannedName, MaxActive: mimi.AtMost(0)},
		{Index: roleOwner, Name: "owner", Capabilities: append(slices.Clone(moderate), mimi.CanSendMessage), Changes: everything},
		{Index: roleGuest, Name: "guest", Capabilities: append(slices.Clone(own), mimi.CanSendMessage), Changes: leave(roleGuest)},
		{Index: roleVisitor, Name: "visitor", Capabilities: own, Changes: leave(roleVisitor)},
		{Index: roleKeeper, Name: "keeper", Capabilities: moderate, Changes: everything, MinParticipants: 1, MaxParticipants: mimi.AtMost(1), MinActive: 1, MaxActive: mimi.AtMost(1)},
	}}
}

// world is a room at a.example with a keeper and alice, and the other providers that follow it.
type world struct {
	t       *testing.T
	n       byte
	now     time.Time
	options hub.Options
	system  mls.Signer // of the system user of b.example
	room    *hub.Room
	signers map[mimi.URI]mls.Signer
	keys    map[string]*mls.KeyPackageSecrets // given away, by reference
	rooms   map[string]*follower.Room
	stored  map[string]map[string][]byte // what each follower has stored
	events  map[string][]follower.Event
	sent    []sent
	backlog map[string][][]byte // notify bodies that wait, in order
	busy    map[string]bool     // providers whose request is at the hub
}

// sent is a request of a follower as it went over the wire.
type sent struct {
	from    string
	request follower.Request
	answer  []byte
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{
		t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), signers: map[mimi.URI]mls.Signer{}, keys: map[string]*mls.KeyPackageSecrets{},
		rooms: map[string]*follower.Room{}, stored: map[string]map[string][]byte{}, events: map[string][]follower.Event{},
		backlog: map[string][][]byte{}, busy: map[string]bool{},
	}
	key, err := mls.NewSigner(suite, w.seed())
	w.must(err)
	w.options = hub.Options{Sender: mls.ExternalSender{SignatureKey: key.Public, Credential: mimi.BasicCredential(mimi.MustURI("mimi://a.example/d/hub!/anteroom"))}, Key: key.Private, FrankKey: []byte("of the hub")}
	w.system, err = mls.NewSigner(suite, w.seed())
	w.must(err)
	roles := testRoles()
	first := mimi.NewRoom{
		Participants: mimi.ParticipantList{Participants: []mimi.Participant{{User: keeper.ClientUser(), Role: roleKeeper}}},
		Roles:        roles,
		Metadata:     mimi.RoomMetadata{Room: garden, Name: "Garden"},
		Base:         mimi.BaseRoomPolicy{MultiDevice: true, Persistent: true},
		Preauth:      mimi.PreauthList{Entries: []mimi.Preauth{mimi.PreauthUser(systemB.ClientUser(), roles.Roles[2])}},
		Franking:     &mimi.FrankingAgent{SignatureKey: w.options.Sender.SignatureKey, Credential: w.options.Sender.Credential},
		Hub:          []mls.ExternalSender{w.options.Sender, {SignatureKey: w.system.Public, Credential: mimi.BasicCredential(systemB)}},
	}
	extensions, err := first.Extensions()
	w.must(err)
	group, err := mls.NewGroup(w.seed(), mls.NewGroupParams{
		GroupID: []byte("mimi://a.example/g/garden-1"), Creator: w.keyPackage(keeper), Extensions: extensions,
		Config: mls.Config{Components: mimi.Components{}, PastEpochs: 2, Now: uint64(w.now.Unix())},
	})
	w.must(err)
	w.room, err = hub.New(garden, group, w.options)
	w.must(err)
	joiner := w.keyPackage(alice)
	w.commit(0, mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: joiner.KeyPackage}, w.roleChange(alice.ClientUser(), roleOwner)}, Joiners: []*mls.KeyPackageSecrets{joiner}})
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) seed() (s mls.Seed) {
	w.n++
	return s.Derive("world", []byte{w.n})
}

func (w *world) signer(client mimi.URI) mls.Signer {
	w.t.Helper()
	s, ok := w.signers[client]
	if !ok {
		var err error
		s, err = mls.NewSigner(suite, w.seed())
		w.must(err)
		w.signers[client] = s
	}
	return s
}

func (w *world) keyPackage(client mimi.URI) *mls.KeyPackageSecrets {
	w.t.Helper()
	kp, err := newKeyPackage(w.seed(), w.signer(client), client, w.now)
	w.must(err)
	return kp
}

var aad, leafOf, newKeyPackage = mimitest.AAD, mimitest.LeafOf, mimitest.KeyPackage

func (w *world) leaf(client mimi.URI) mls.LeafIndex {
	w.t.Helper()
	return leafOf(w.t, w.room.Group().Public(), client)
}

// take adopts what the hub accepted and tells the followers.
func (w *world) take(a *hub.Accepted, err error) *hub.Accepted {
	w.t.Helper()
	w.must(err)
	w.room = a.Next
	w.now = w.now.Add(time.Millisecond)
	for _, f := range a.Fanout {
		w.notify(f)
	}
	return a
}

// commit lets a local leaf commit.
func (w *world) commit(as mls.LeafIndex, p mls.CommitParams) *hub.Accepted {
	w.t.Helper()
	p.AuthenticatedData = aad()
	staged, err := w.room.Group().Commit(w.seed(), as, p)
	w.must(err)
	return w.take(w.room.AcceptLocal(w.now, staged))
}

// propose lets a local client propose a bundle, and the keeper commit it.
func (w *world) propose(as mimi.URI, proposals ...mls.Proposal) *hub.Accepted {
	w.t.Helper()
	group := w.room.Group()
	var messages []*mls.Message
	for _, p := range proposals {
		next, m, err := group.Propose(w.leaf(as), p, aad())
		w.must(err)
		group = next
		messages = append(messages, m)
	}
	return w.take(w.room.AcceptLocalProposals(w.now, group, messages...))
}

func (w *world) commitPending() *hub.Accepted {
	w.t.Helper()
	var refs []mls.ProposalRef
	for _, p := range w.room.Group().Public().Pending() {
		refs = append(refs, p.Ref)
	}
	return w.commit(w.leaf(keeper), mls.CommitParams{ByReference: refs})
}

// say lets a local client send.
func (w *world) say(client mimi.URI, text string) *hub.Accepted {
	w.t.Helper()
	group, err := w.room.Group().Reserve(w.leaf(client), 8)
	w.must(err)
	w.room = w.room.WithGroup(group)
	group, m, err := group.Protect(w.seed(), w.leaf(client), []byte(text), aad())
	w.must(err)
	return w.take(w.room.AcceptLocalMessage(w.now, group, m, client.ClientUser()))
}

// roleChange is a participant list update about one user.
func (w *world) roleChange(user mimi.URI, role mimi.RoleIndex) mls.Proposal {
	return mimitest.RoleChange(w.room.State(), user, role)
}

// follow returns a provider's view of the room.
func (w *world) follow(provider string) *follower.Room {
	if w.rooms[provider] == nil {
		w.rooms[provider] = follower.New(garden, w.followOptions())
	}
	return w.rooms[provider]
}

func (w *world) followOptions() follower.Options {
	return follower.Options{
		Member: func(seed mls.Seed, _ mls.CipherSuite, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
			return newKeyPackage(seed, w.signer(client), client, now)
		},
		KeyPackage: func(ref mls.KeyPackageRef) (*mls.KeyPackageSecrets, bool) {
			kp, ok := w.keys[string(ref)]
			return kp, ok
		},
	}
}

// give makes a key package that a client gives away.
func (w *world) give(client mimi.URI) *mls.KeyPackageSecrets {
	w.t.Helper()
	kp := w.keyPackage(client)
	ref, err := kp.KeyPackage.Ref()
	w.must(err)
	w.keys[string(ref)] = kp
	return kp
}

// learn lets the hub see a client's provider give a key package away.
func (w *world) learn(client mimi.URI, kp *mls.KeyPackageSecrets) {
	w.t.Helper()
	next, err := w.room.LearnKeyMaterial(w.now, client.Provider(), &mimi.KeyMaterialResponse{User: client.ClientUser(),
		Clients: []mimi.ClientKeyMaterial{{Client: client, KeyPackage: &kp.KeyPackage}}})
	w.must(err)
	w.room = next
}

// adopt stores a follower's step as a provider would, and goes on from what was stored: each step also tests Parts and Load.
func (w *world) adopt(provider string, out follower.Output) {
	w.t.Helper()
	change := out.Next.Parts(w.rooms[provider])
	if w.stored[provider] == nil {
		w.stored[provider] = out.Next.Parts(nil).Set
	} else {
		for _, name := range change.Drop {
			delete(w.stored[provider], name)
		}
		maps.Copy(w.stored[provider], change.Set)
	}
	w.rooms[provider] = out.Next
	w.events[provider] = append(w.events[provider], out.Events...)
	if _, err := follower.Load(w.stored[provider], w.followOptions()); err != nil {
		w.t.Fatalf("%s: what was stored cannot be loaded: %v", provider, err)
	}
	w.must(mimitest.SameParts(w.stored[provider], out.Next.Parts(nil).Set))
}

// restart lets a provider begin anew from what it stored.
func (w *world) restart(provider string) {
	w.t.Helper()
	room, err := follower.Load(w.stored[provider], w.followOptions())
	w.must(err)
	w.rooms[provider] = room
}

// notify delivers in order per provider; what a follower puts off is delivered again later.
func (w *world) notify(f hub.Fanout) {
	w.t.Helper()
	w.backlog[f.Provider] = append(w.backlog[f.Provider], f.Body)
	w.deliver(f.Provider)
}

func (w *world) deliver(provider string) {
	w.t.Helper()
	for len(w.backlog[provider]) > 0 {
		out, err := w.follow(provider).Notify(w.now, w.seed(), "a.example", w.backlog[provider][0])
		if errors.Is(err, follower.ErrAhead) {
			return
		}
		if err != nil {
			w.t.Fatalf("notify %s: %v", provider, err)
		}
		w.backlog[provider] = w.backlog[provider][1:]
		w.adopt(provider, out)
		if w.busy[provider] {
			continue // whoever waits for the answer goes on
		}
		w.pump(provider, out.Request)
	}
}

// wish lets a follower's client do something, until nothing is on the way.
func (w *world) wish(wish follower.Wish) {
	w.t.Helper()
	provider := wish.Client.Provider()
	out := w.follow(provider).Do(w.now, w.seed(), wish)
	w.adopt(provider, out)
	w.pump(provider, out.Request)
}

func (w *world) pump(provider string, request *follower.Request) {
	w.t.Helper()
	for request != nil {
		w.busy[provider] = true
		answer := w.ask(provider, *request)
		w.busy[provider] = false
		out := w.rooms[provider].Answer(w.now, w.seed(), request, 200, answer)
		if r := w.rooms[provider]; r.Group() != nil {
			// The state that was carried over our own commits is the one that the group says.
			if anew, err := policy.StateOf(r.Group().Public()); err != nil || !reflect.DeepEqual(r.State(), anew) {
				w.t.Errorf("%s: carried state %+v, its group says %+v %v", provider, r.State(), anew, err)
			}
		}
		w.adopt(provider, out)
		request = out.Request
		if request == nil {
			w.deliver(provider)
		}
	}
}

// ask lets the hub decide on a request. What it accepts takes effect.
func (w *world) ask(from string, request follower.Request) []byte {
	w.t.Helper()
	var accepted *hub.Accepted
	var answer []byte
	switch request.Endpoint {
	case mimi.EndpointUpdate:
		accepted, answer, _ = w.room.AcceptUpdate(w.now, from, request.Body)
	case mimi.EndpointSubmitMessage:
		accepted, answer, _ = w.room.AcceptSubmit(w.now, from, request.Body)
	case mimi.EndpointGroupInfo:
		answer, _ = w.room.GroupInfo(w.now, from, request.Body)
	}
	if answer == nil {
		w.t.Fatalf("%s: malformed request", request.Endpoint)
	}
	w.sent = append(w.sent, sent{from, request, answer})
	if accepted != nil {
		w.take(accepted, nil)
	}
	return answer
}

// received lists a provider's events since the last call, in short.
func (w *world) received(provider string) []string {
	var list []string
	for _, e := range w.events[provider] {
		switch e := e.(type) {
		case follower.Joined:
			list = append(list, fmt.Sprintf("joined %s", e.Client.Name()))
		case follower.Epoch:
			list = append(list, fmt.Sprintf("epoch %d", e.Effects.After.Epoch()))
		case follower.Proposed:
			list = append(list, fmt.Sprintf("proposed %d", len(e.Proposals)))
		case follower.Message:
			list = append(list, fmt.Sprintf("message %s: %s", e.Sender.Name(), e.Message.Data))
		case follower.Sent:
			list = append(list, fmt.Sprintf("sent %s", e.Wish.Data))
		case follower.Removed:
			list = append(list, "removed")
		case follower.Refused:
			list = append(list, fmt.Sprintf("refused %d %d", e.Wish.Kind, e.Code))
		case follower.Dropped:
			list = append(list, "dropped")
		case follower.Broken:
			list = append(list, "broken: "+e.Text)
		}
	}
	w.events[provider] = nil
	return list
}

func (w *world) want(provider string, events ...string) {
	w.t.Helper()
	if got := w.received(provider); !slices.Equal(got, events) {
		w.t.Fatalf("%s: events %q, want %q", provider, got, events)
	}
}

// agree holds that a follower and the hub are in the same epoch of the same group.
func (w *world) agree(provider string) {
	w.t.Helper()
	if string(w.rooms[provider].Group().EpochAuthenticator()) != string(w.room.Group().EpochAuthenticator()) {
		w.t.Fatalf("%s is in another epoch than the hub", provider)
	}
}
