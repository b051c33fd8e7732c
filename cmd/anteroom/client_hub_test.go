package main

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/hub"
	"anteroom/mimi/mimihttp"
	"anteroom/mimi/mimitest"
	"anteroom/mls"
	"anteroom/mls/wire"
)

var (
	testRoom   = mimi.MustURI("mimi://a.example/r/garden")
	testKeeper = mimi.MustURI("mimi://a.example/d/keeper!/anteroom")
	testAlice  = mimi.MustURI("mimi://a.example/d/alice/anteroom")
	testBob    = mimi.MustURI("mimi://b.example/d/bob/cli")
)

// Roles of the test room, numbered as in docs/mapping.md §1.
const (
	testOwner   mimi.RoleIndex = 4
	testGuest   mimi.RoleIndex = 5
	testVisitor mimi.RoleIndex = 6
)

// testHub is a provider that owns one room, with a keeper and alice: as little as a hub needs around mimi/hub.
type testHub struct {
	t       *testing.T
	http    poster
	address string
	ctx     context.Context
	options hub.Options
	deaf    bool // what others would be told is lost

	mu      sync.Mutex
	room    *hub.Room
	signers map[mimi.URI]mls.Signer
	outbox  map[string]chan []byte
	heard   chan string // texts of other providers' users

	accepted *hub.Accepted // the last message of theirs

	reports []mimi.AbuseReport // of abuse
	refuses int                // status with which reports are refused; 0: they are taken
}

func (h *testHub) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func newTestHub(t *testing.T, id *mimihttp.Identity, peers map[string]string) *testHub {
	t.Helper()
	client := mimihttp.NewClient(mimihttp.ClientConfig{Domain: "a.example", Identity: id, Peers: peers})
	t.Cleanup(client.Close)
	h := newTestRoom(t, client)
	log := slog.New(slog.DiscardHandler)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	h.must(err)
	h.address = listener.Addr().String()
	server := mimihttp.NewServer(id, mimihttp.NewHandler("a.example", h, log), log)
	done := make(chan struct{})
	go func() { server.ServeTLS(listener, "", ""); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	return h
}

// newTestRoom is a hub without a server, which reaches others by a poster.
func newTestRoom(t *testing.T, others poster) *testHub {
	t.Helper()
	h := &testHub{t: t, http: others, ctx: t.Context(), signers: map[mimi.URI]mls.Signer{}, outbox: map[string]chan []byte{}, heard: make(chan string, 16)}
	key, err := mls.NewSigner(clientSuite, freshSeed())
	h.must(err)
	h.options = hub.Options{Sender: mls.ExternalSender{SignatureKey: key.Public, Credential: mimi.BasicCredential(mimi.MustURI("mimi://a.example/d/hub!/anteroom"))}, Key: key.Private, FrankKey: []byte("of the hub")}
	first := mimi.NewRoom{
		Participants: mimi.ParticipantList{Participants: []mimi.Participant{{User: testKeeper.ClientUser(), Role: 10}}},
		Roles:        testRoles(),
		Metadata:     mimi.RoomMetadata{Room: testRoom, Name: "Garden"},
		Base:         mimi.BaseRoomPolicy{MultiDevice: true, Persistent: true},
		Hub:          []mls.ExternalSender{h.options.Sender},
		Franking:     &mimi.FrankingAgent{SignatureKey: key.Public, Credential: h.options.Sender.Credential},
	}
	extensions, err := first.Extensions()
	h.must(err)
	group, err := mls.NewGroup(freshSeed(), mls.NewGroupParams{
		GroupID: []byte("mimi://a.example/g/garden-1"), Creator: h.keyPackage(testKeeper), Extensions: extensions,
		Config: mls.Config{Components: mimi.Components{}, PastEpochs: 2},
	})
	h.must(err)
	h.room, err = hub.New(testRoom, group, h.options)
	h.must(err)
	alice := h.keyPackage(testAlice)
	h.commit(testKeeper, mls.CommitParams{ByValue: []mls.Proposal{mls.Add{KeyPackage: alice.KeyPackage}, h.role(testAlice.ClientUser(), testOwner)}, Joiners: []*mls.KeyPackageSecrets{alice}})
	return h
}

func testRoles() mimi.RolesList {
	everything := mimitest.EveryChange(0, mimi.RoleBanned, testOwner, testGuest, testVisitor)
	moderate := []mimi.Capability{
		mimi.CanAddParticipant, mimi.CanRemoveParticipant, mimi.CanAddOwnClient, mimi.CanBan, mimi.CanUnBan, mimi.CanKick,
		mimi.CanChangeUserRole, mimi.CanReceiveMessage, mimi.CanChangeRoomSubject,
	}
	own := []mimi.Capability{mimi.CanAddOwnClient, mimi.CanRemoveOwnClient, mimi.CanRemoveSelf, mimi.CanReceiveMessage}
	return mimi.RolesList{Roles: []mimi.Role{
		{Index: 0, Name: "no_role", Capabilities: []mimi.Capability{mimi.CanOpenJoin}, Changes: []mimi.RoleTargets{{From: 0, Targets: []mimi.RoleIndex{testGuest}}}},
		{Index: mimi.RoleBanned, Name: mimi.BannedName, MaxActive: mimi.AtMost(0)},
		{Index: testOwner, Name: "owner", Capabilities: append(slices.Clone(moderate), mimi.CanChangeMlsOperationalPolicies, mimi.CanSendMessage), Changes: everything},
		{Index: testGuest, Name: "guest", Capabilities: append(slices.Clone(own), mimi.CanSendMessage), Changes: []mimi.RoleTargets{{From: testGuest, Targets: []mimi.RoleIndex{0}}}},
		{Index: testVisitor, Name: "visitor", Capabilities: own, Changes: []mimi.RoleTargets{{From: testVisitor, Targets: []mimi.RoleIndex{0}}}},
		{Index: 10, Name: "keeper", Capabilities: moderate, Changes: everything, MaxParticipants: mimi.AtMost(1)},
	}}
}

func (h *testHub) keyPackage(client mimi.URI) *mls.KeyPackageSecrets {
	h.t.Helper()
	signer, ok := h.signers[client]
	if !ok {
		var err error
		signer, err = mls.NewSigner(clientSuite, freshSeed())
		h.must(err)
		h.signers[client] = signer
	}
	kp, err := mimitest.KeyPackage(freshSeed(), signer, client, time.Now())
	h.must(err)
	return kp
}

func (h *testHub) leaf(client mimi.URI) mls.LeafIndex {
	h.t.Helper()
	return mimitest.LeafOf(h.t, h.room.Group().Public(), client)
}

func (h *testHub) role(user mimi.URI, role mimi.RoleIndex) mls.Proposal {
	return mimitest.RoleChange(h.room.State(), user, role)
}

// take adopts what was accepted and puts what others must be told into the outbox.
func (h *testHub) take(a *hub.Accepted) {
	h.room = a.Next
	if h.deaf {
		return
	}
	for _, f := range a.Fanout {
		queue, ok := h.outbox[f.Provider]
		if !ok {
			queue = make(chan []byte, 256)
			h.outbox[f.Provider] = queue
			go h.deliver(f.Provider, queue)
		}
		queue <- f.Body
	}
}

// deliver brings notifications to a provider in order, each until it is taken.
func (h *testHub) deliver(provider string, queue <-chan []byte) {
	for {
		var body []byte
		select {
		case <-h.ctx.Done():
			return
		case body = <-queue:
		}
		for {
			reply, err := h.http.Post(h.ctx, provider, mimi.EndpointNotify, testRoom, body)
			if err == nil && reply.Status == http.StatusCreated {
				break
			}
			select {
			case <-h.ctx.Done():
				return
			case <-time.After(20 * time.Millisecond):
			}
		}
	}
}

func (h *testHub) commit(as mimi.URI, p mls.CommitParams) {
	h.t.Helper()
	p.AuthenticatedData = mimi.Why{}.AAD()
	staged, err := h.room.Group().Commit(freshSeed(), h.leaf(as), p)
	h.must(err)
	accepted, err := h.room.AcceptLocal(time.Now(), staged)
	h.must(err)
	h.take(accepted)
}

// act lets alice propose and the keeper commit.
func (h *testHub) act(why mimi.Why, proposals ...mls.Proposal) {
	h.t.Helper()
	group := h.room.Group()
	var messages []*mls.Message
	for _, p := range proposals {
		next, m, err := group.Propose(h.leaf(testAlice), p, why.AAD())
		h.must(err)
		group = next
		messages = append(messages, m)
	}
	accepted, err := h.room.AcceptLocalProposals(time.Now(), group, messages...)
	h.must(err)
	h.take(accepted)
	var refs []mls.ProposalRef
	for _, p := range h.room.Group().Public().Pending() {
		refs = append(refs, p.Ref)
	}
	h.commit(testKeeper, mls.CommitParams{ByReference: refs})
}

// say lets alice send and returns the ciphertext.
func (h *testHub) say(text string) []byte {
	h.t.Helper()
	m, err := plainContent(text)
	h.must(err)
	data, err := m.Encode()
	h.must(err)
	return h.send(data, mimi.Why{}.AAD())
}

// commitTo lets alice send content to whose text she commits.
func (h *testHub) commitTo(m *content.Message) {
	h.t.Helper()
	data, err := m.Encode()
	h.must(err)
	h.send(data, mimi.FrankingAAD(mimi.FrankingTag(m.Salt[:], data)))
}

func (h *testHub) send(data, aad []byte) []byte {
	h.t.Helper()
	group, err := h.room.Group().Reserve(h.leaf(testAlice), 1)
	h.must(err)
	group, sealed, err := group.Protect(freshSeed(), h.leaf(testAlice), data, aad)
	h.must(err)
	accepted, err := h.room.AcceptLocalMessage(time.Now(), group, sealed, testAlice.ClientUser())
	h.must(err)
	h.take(accepted)
	return wire.Marshal(sealed)
}

// locked runs f while no request is being answered.
func (h *testHub) locked(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f()
}

func answerOf(answer []byte, err error) (int, []byte) {
	if answer == nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	return http.StatusOK, answer
}

func (h *testHub) Update(_ context.Context, peer string, _ mimi.URI, body []byte) (int, []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	accepted, answer, err := h.room.AcceptUpdate(time.Now(), peer, body)
	if accepted != nil {
		h.take(accepted)
	}
	return answerOf(answer, err)
}

func (h *testHub) SubmitMessage(_ context.Context, peer string, _ mimi.URI, body []byte) (int, []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	accepted, answer, err := h.room.AcceptSubmit(time.Now(), peer, body)
	if accepted != nil {
		h.take(accepted)
		h.accepted = accepted
		if m, err := content.Decode(accepted.Application.Data); err == nil {
			h.heard <- accepted.Sender.String() + " " + string(m.Body.Content)
		}
	}
	return answerOf(answer, err)
}

func (h *testHub) GroupInfo(_ context.Context, peer string, room mimi.URI, body []byte) (int, []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if room != testRoom {
		answer, _ := hub.NoSuchRoom(mimi.EndpointGroupInfo, room)
		return http.StatusOK, answer
	}
	return answerOf(h.room.GroupInfo(time.Now(), peer, body))
}

func (h *testHub) ReportAbuse(_ context.Context, _ string, _ mimi.URI, body []byte) (int, []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.refuses != 0 {
		return h.refuses, []byte("not here")
	}
	var q mimi.AbuseReport
	if err := wire.Unmarshal(body, &q); err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	h.reports = append(h.reports, q)
	return http.StatusCreated, nil
}

func (h *testHub) Notify(context.Context, string, mimi.URI, []byte) (int, []byte) {
	return http.StatusNotFound, nil
}

func (h *testHub) KeyMaterial(context.Context, string, mimi.URI, []byte) (int, []byte) {
	return http.StatusNotFound, nil
}

func (h *testHub) RequestConsent(context.Context, string, mimi.URI, []byte) (int, []byte) {
	return http.StatusNotFound, nil
}

func (h *testHub) UpdateConsent(context.Context, string, mimi.URI, []byte) (int, []byte) {
	return http.StatusNotFound, nil
}

// claim asks bob's provider for a key package, as alice.
func (h *testHub) claim() (*mls.KeyPackage, error) {
	request := &mimi.KeyMaterialRequest{
		Requester: testAlice.ClientUser(), Target: testBob.ClientUser(), Room: testRoom, Suites: []mls.CipherSuite{clientSuite},
		Required: mimi.RequiredCapabilities(), Credential: mimi.BasicCredential(testAlice),
	}
	if err := request.Sign(h.signers[testAlice]); err != nil {
		return nil, err
	}
	reply, err := h.http.Post(h.ctx, "b.example", mimi.EndpointKeyMaterial, request.Target, wire.Marshal(request))
	if err != nil {
		return nil, err
	}
	var response mimi.KeyMaterialResponse
	if err := wire.Unmarshal(reply.Body, &response); err != nil {
		return nil, err
	}
	if response.Code != mimi.KeyMaterialSuccess || len(response.Clients) != 1 {
		return nil, errors.New("no key material")
	}
	return response.Clients[0].KeyPackage, nil
}

// testAuthority issues certificates with the program's own commands.
type testAuthority struct {
	t   *testing.T
	dir string
}

func newTestAuthority(t *testing.T, domains ...string) *testAuthority {
	t.Helper()
	a := &testAuthority{t, t.TempDir()}
	if err := (&caInitCommand{Dir: a.dir}).Run(); err != nil {
		t.Fatal(err)
	}
	for _, domain := range domains {
		if err := (&caIssueCommand{Dir: a.dir, Domain: domain}).Run(); err != nil {
			t.Fatal(err)
		}
	}
	return a
}

func (a *testAuthority) file(name string) string { return filepath.Join(a.dir, name) }

func (a *testAuthority) identity(domain string) *mimihttp.Identity {
	a.t.Helper()
	id, err := mimihttp.LoadIdentity(a.file(domain+".pem"), a.file(domain+".key"), []string{a.file("ca.pem")})
	if err != nil {
		a.t.Fatal(err)
	}
	return id
}
