package follower_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mimi/hub"
	"anteroom/mimi/mimitest"
	"anteroom/mls"
)

const suite = mls.SuiteX25519AES128SHA256Ed25519

var (
	garden = mimi.MustURI("mimi://a.example/r/garden")
	alice  = mimi.MustURI("mimi://a.example/d/alice/anteroom")
	bob    = mimi.MustURI("mimi://b.example/d/bob/cli")
	bella  = mimi.MustURI("mimi://b.example/d/bella/cli")
)

// Roles of the test room.
const (
	roleBanned mimi.RoleIndex = 1
	roleOwner  mimi.RoleIndex = 4
	roleGuest  mimi.RoleIndex = 5
)

// world is a room that alice owns at a.example, and b.example, which follows it. What the hub tells waits in post until a test brings it.
type world struct {
	t       testing.TB
	n       uint16
	now     time.Time
	hub     *hub.Room
	options hub.Options
	room    *follower.Room
	stored  map[string][]byte
	post    [][]byte
	far     []hub.Fanout // to other providers
	events  []follower.Event
	request *follower.Request // on the way to the hub
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) seed() (s mls.Seed) {
	w.n++
	return s.Derive("world", []byte{byte(w.n), byte(w.n >> 8)})
}

func keyPackage(seed mls.Seed, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
	return keyPackageOf(suite, seed, client, now)
}

func keyPackageOf(suite mls.CipherSuite, seed mls.Seed, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
	signer, err := mls.NewSigner(suite, mls.Seed{}.Derive("signer", []byte(client.String())))
	if err != nil {
		return nil, err
	}
	return mimitest.KeyPackage(seed, signer, client, now)
}

// member is keyPackage for Options.Member; suite 0 is the default.
func member(seed mls.Seed, cs mls.CipherSuite, client mimi.URI, now time.Time) (*mls.KeyPackageSecrets, error) {
	if cs == 0 {
		cs = suite
	}
	return keyPackageOf(cs, seed, client, now)
}

func newWorld(t testing.TB) *world {
	t.Helper()
	return newWorldOf(t, mimi.BasicCredential(mimi.MustURI("mimi://a.example/d/hub!/anteroom")))
}

// newWorldOf is a world whose hub has a credential for its key, which is the same in all worlds, and may have one as franking agent, too.
func newWorldOf(t testing.TB, of mls.Credential, franks ...mls.Credential) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), stored: map[string][]byte{}}
	key, err := mls.NewSigner(suite, w.seed())
	w.must(err)
	options := hub.Options{Sender: mls.ExternalSender{SignatureKey: key.Public, Credential: of}, Key: key.Private}
	owner := []mimi.Capability{mimi.CanAddParticipant, mimi.CanRemoveParticipant, mimi.CanAddOwnClient, mimi.CanRemoveOwnClient, mimi.CanBan, mimi.CanUnBan,
		mimi.CanKick, mimi.CanChangeUserRole, mimi.CanReceiveMessage, mimi.CanSendMessage, mimi.CanChangeRoomSubject, mimi.CanChangeRoleDefinitions}
	guest := []mimi.Capability{mimi.CanAddOwnClient, mimi.CanRemoveOwnClient, mimi.CanRemoveSelf, mimi.CanReceiveMessage, mimi.CanSendMessage}
	first := mimi.NewRoom{
		Participants: mimi.ParticipantList{Participants: []mimi.Participant{{User: alice.ClientUser(), Role: roleOwner}}},
		Roles: mimi.RolesList{Roles: []mimi.Role{
			{Index: 0, Name: "no_role", Capabilities: []mimi.Capability{mimi.CanOpenJoin}, Changes: []mimi.RoleTargets{{From: 0, Targets: []mimi.RoleIndex{roleGuest}}}},
			{Index: roleBanned, Name: mimi.BannedName, MaxActive: mimi.AtMost(0)},
			{Index: roleOwner, Name: "owner", Capabilities: owner, Changes: mimitest.EveryChange(0, roleBanned, roleOwner, roleGuest)},
			{Index: roleGuest, Name: "guest", Capabilities: guest, Changes: []mimi.RoleTargets{{From: roleGuest, Targets: []mimi.RoleIndex{0}}}},
		}},
		Metadata: mimi.RoomMetadata{Room: garden, Name: "Garden"},
		Base:     mimi.BaseRoomPolicy{MultiDevice: true, Persistent: true},
		Hub:      []mls.ExternalSender{options.Sender},
	}
	if len(franks) > 0 {
		options.FrankKey = []byte("of the hub")
		first.Franking = &mimi.FrankingAgent{SignatureKey: key.Public, Credential: franks[0]}
	}
	extensions, err := first.Extensions()
	w.must(err)
	creator, err := keyPackage(w.seed(), alice, w.now)
	w.must(err)
	group, err := mls.NewGroup(w.seed(), mls.NewGroupParams{GroupID: []byte("garden-1"), Creator: creator, Extensions: extensions,
		Config: mls.Config{Components: mimi.Components{}, PastEpochs: 2, Now: uint64(w.now.Unix())}})
	w.must(err)
	w.options = options
	w.hub, err = hub.New(garden, group, options)
	w.must(err)
	w.room = follower.New(garden, followOptions)
	return w
}

var aad = mimitest.AAD

var followOptions = follower.Options{Member: member}

// accept lets the hub go on; what it tells waits.
func (w *world) accept(a *hub.Accepted, err error) {
	w.t.Helper()
	w.must(err)
	w.hub = a.Next
	w.now = w.now.Add(time.Millisecond)
	for _, f := range a.Fanout {
		if f.Provider == "b.example" {
			w.post = append(w.post, f.Body)
		} else {
			w.far = append(w.far, f)
		}
	}
}

// commit lets alice commit.
func (w *world) commit(p mls.CommitParams) {
	w.t.Helper()
	p.AuthenticatedData, p.ForcePath = aad(), true
	staged, err := w.hub.Group().Commit(w.seed(), 0, p)
	w.must(err)
	w.accept(w.hub.AcceptLocal(w.now, staged))
}

// put changes the list of participants by a commit; whoever is put out or banned loses its clients.
func (w *world) put(user mimi.URI, role mimi.RoleIndex) {
	w.t.Helper()
	if _, ok := w.hub.State().Position(user); !ok {
		w.t.Fatalf("%s is not listed", user)
	}
	proposals := []mls.Proposal{mimitest.RoleChange(w.hub.State(), user, role)}
	for i, node := range w.hub.Group().Public().Leaves() {
		if client, err := mimi.CredentialClient(node.Credential); err == nil && client.ClientUser() == user && (role == mimi.RoleNone || role == roleBanned) {
			proposals = append([]mls.Proposal{mls.Remove{Removed: i}}, proposals...)
		}
	}
	w.commit(mls.CommitParams{ByValue: proposals})
}

func (w *world) say(text string) {
	w.t.Helper()
	group, err := w.hub.Group().Reserve(0, 8)
	w.must(err)
	w.hub = w.hub.WithGroup(group)
	group, m, err := group.Protect(w.seed(), 0, []byte(text), aad())
	w.must(err)
	w.accept(w.hub.AcceptLocalMessage(w.now, group, m, alice.ClientUser()))
}

// propose lets alice propose, and returns the references.
func (w *world) propose(p mls.Proposal) mls.ProposalRef {
	w.t.Helper()
	group, m, err := w.hub.Group().Propose(0, p, aad())
	w.must(err)
	w.accept(w.hub.AcceptLocalProposals(w.now, group, m))
	pending := w.hub.Group().Public().Pending()
	return pending[len(pending)-1].Ref
}

// adopt stores a step as a provider would; each step tests Parts and Load.
func (w *world) adopt(out follower.Output) {
	w.t.Helper()
	change := out.Next.Parts(w.room)
	if len(w.stored) == 0 {
		change = out.Next.Parts(nil)
	}
	for _, name := range change.Drop {
		delete(w.stored, name)
	}
	maps.Copy(w.stored, change.Set)
	w.room = out.Next
	w.events = append(w.events, out.Events...)
	if out.Request != nil {
		w.request = out.Request
	}
	if _, err := follower.Load(w.stored, followOptions); err != nil {
		w.t.Fatalf("what was stored cannot be loaded: %v", err)
	}
	w.must(mimitest.SameParts(w.stored, out.Next.Parts(nil).Set))
}

// restart begins anew from what is stored.
func (w *world) restart() {
	w.t.Helper()
	room, err := follower.Load(w.stored, followOptions)
	w.must(err)
	w.room, w.request = room, nil
	w.adopt(w.room.Resume(w.now, w.seed()))
}

// bring brings one body, and returns the error.
func (w *world) bring(body []byte) error {
	w.t.Helper()
	out, err := w.room.Notify(w.now, w.seed(), "a.example", body)
	if err != nil {
		if len(out.Events) > 0 || out.Next != w.room {
			w.t.Fatal("an error, and something has changed")
		}
		return err
	}
	w.adopt(out)
	return nil
}

// deliver brings all that waits, in order.
func (w *world) deliver() {
	w.t.Helper()
	for len(w.post) > 0 {
		body := w.post[0]
		w.post = w.post[1:]
		w.must(w.bring(body))
	}
}

// ask brings the request that is on the way to the hub and its answer back; false: none is.
func (w *world) ask() bool {
	w.t.Helper()
	q := w.room.InFlight()
	if q == nil {
		return false
	}
	w.answer(q, 200, w.decide(q))
	return true
}

func (w *world) answer(q *follower.Request, status int, body []byte) {
	w.t.Helper()
	w.adopt(w.room.Answer(w.now, w.seed(), q, status, body))
}

func (w *world) decide(q *follower.Request) []byte {
	w.t.Helper()
	var accepted *hub.Accepted
	var body []byte
	switch q.Endpoint {
	case mimi.EndpointUpdate:
		accepted, body, _ = w.hub.AcceptUpdate(w.now, "b.example", q.Body)
	case mimi.EndpointSubmitMessage:
		accepted, body, _ = w.hub.AcceptSubmit(w.now, "b.example", q.Body)
	case mimi.EndpointGroupInfo:
		body, _ = w.hub.GroupInfo(w.now, "b.example", q.Body)
	}
	if accepted != nil {
		w.accept(accepted, nil)
	}
	return body
}

// wish lets a client do something, until nothing is on the way, and takes what the hub tells meanwhile.
func (w *world) wish(wish follower.Wish) {
	w.t.Helper()
	w.adopt(w.room.Do(w.now, w.seed(), wish))
	for w.ask() {
	}
	w.deliver()
}

func (w *world) tick() {
	w.t.Helper()
	w.adopt(w.room.Tick(w.now, w.seed()))
}

// wait lets time pass until the room wants to be looked at, and looks.
func (w *world) wait() {
	w.t.Helper()
	at := w.room.Wake()
	if at.IsZero() {
		w.t.Fatal("the room waits for nothing")
	}
	if at.After(w.now) {
		w.now = at
	}
	w.tick()
}

// news lists the events since the last call.
func (w *world) news() []string {
	var list []string
	for _, e := range w.events {
		switch e := e.(type) {
		case follower.Joined:
			list = append(list, "joined "+e.Client.Name())
		case follower.Epoch:
			list = append(list, fmt.Sprintf("epoch %d", e.Effects.After.Epoch()))
		case follower.Proposed:
			list = append(list, "proposed")
		case follower.Message:
			list = append(list, string(e.Message.Data))
		case follower.Sent:
			list = append(list, "sent "+string(e.Wish.Data))
		case follower.Removed:
			list = append(list, "removed")
		case follower.Refused:
			list = append(list, "refused "+e.Text)
		case follower.Dropped:
			list = append(list, "dropped")
		case follower.Lost:
			list = append(list, "lost")
		case follower.Resynced:
			list = append(list, fmt.Sprintf("resynced %s %d", e.Client.Name(), e.Epoch))
		case follower.Broken:
			list = append(list, "broken "+e.Text)
		}
	}
	w.events = nil
	return list
}

func (w *world) want(what string, events ...string) {
	w.t.Helper()
	if got := w.news(); !slices.Equal(got, events) {
		w.t.Fatalf("%s: %q, want %q", what, got, events)
	}
}

// agree holds that the room and the hub are in the same epoch of the same group.
func (w *world) agree() {
	w.t.Helper()
	if string(w.room.Group().EpochAuthenticator()) != string(w.hub.Group().EpochAuthenticator()) {
		w.t.Fatalf("epoch %d, the hub is in %d", w.room.Group().Public().Epoch(), w.hub.Group().Public().Epoch())
	}
}

// both is a world in which bob and bella are members.
func both(t testing.TB) *world {
	w := newWorld(t)
	w.wish(follower.Wish{Kind: follower.Join, Client: bob})
	w.wish(follower.Wish{Kind: follower.Join, Client: bella})
	w.agree()
	w.news()
	return w
}

func isAhead(err error) bool { return errors.Is(err, follower.ErrAhead) }
