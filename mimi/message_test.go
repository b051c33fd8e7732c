package mimi

import (
	"bytes"
	"testing"

	"anteroom/mls"
	"anteroom/mls/wire"
)

const testSuite = mls.SuiteX25519AES128SHA256Ed25519

func testSeed(label string) mls.Seed { return mls.Seed{3}.Derive(label) }

func testSigner(t *testing.T, label string) mls.Signer {
	t.Helper()
	signer, err := mls.NewSigner(testSuite, testSeed(label))
	if err != nil {
		t.Fatal(err)
	}
	return signer
}

func testKeyPackage(t *testing.T, client URI) *mls.KeyPackageSecrets {
	t.Helper()
	extensions, err := LeafExtensions("")
	if err != nil {
		t.Fatal(err)
	}
	kp, err := mls.NewKeyPackage(testSeed(client.String()), mls.KeyPackageParams{Signer: testSigner(t, client.String()),
		Credential: BasicCredential(client), Capabilities: LeafCapabilities(testSuite), Lifetime: mls.Lifetime{NotAfter: 1 << 40}, LeafExtensions: extensions})
	if err != nil {
		t.Fatal(err)
	}
	return kp
}

var (
	testRoom = MustURI("mimi://a.example/r/garden")
	juliet   = MustURI("mimi://a.example/d/juliet/one")
	romeo    = MustURI("mimi://b.example/d/romeo/one")
)

// messages makes one of each kind: a proposal, a commit with its Welcome and GroupInfo, and an application message.
func messages(t *testing.T) (g *mls.Group, proposal *mls.Message, staged *mls.Staged, application *mls.Message) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	hub := testSigner(t, "hub")
	room := NewRoom{Participants: ParticipantList{[]Participant{{juliet.ClientUser(), 2}}}, Roles: RolesList{[]Role{{Index: 2, Name: "member"}}},
		Metadata: RoomMetadata{Room: testRoom}, Hub: []mls.ExternalSender{{SignatureKey: hub.Public, Credential: BasicCredential(juliet)}}}
	extensions, err := room.Extensions()
	must(err)
	g, err = mls.NewGroup(testSeed("group"), mls.NewGroupParams{GroupID: []byte("mimi://a.example/g/x"), Creator: testKeyPackage(t, juliet),
		Extensions: extensions, Config: mls.Config{Components: Components{}}})
	must(err)
	g, err = g.Reserve(0, 8)
	must(err)
	_, application, err = g.Protect(testSeed("message"), 0, []byte("hi"), Why{}.AAD())
	must(err)
	add := mls.Add{KeyPackage: testKeyPackage(t, romeo).KeyPackage}
	_, proposal, err = g.Propose(0, add, Why{}.AAD())
	must(err)
	staged, err = g.Commit(testSeed("commit"), 0, mls.CommitParams{ByValue: []mls.Proposal{add}, AuthenticatedData: Why{}.AAD()})
	must(err)
	return g, proposal, staged, application
}

func roundTrip(t *testing.T, in wire.Marshaler, out tlsStruct) {
	t.Helper()
	b := wire.Marshal(in)
	if err := wire.Unmarshal(b[:len(b)-1], out); err == nil {
		t.Errorf("%T cut short is accepted", in)
	}
	if err := wire.Unmarshal(b, out); err != nil { // whatever the failure left behind
		t.Fatalf("%T: %v", in, err)
	}
	if !bytes.Equal(wire.Marshal(out), b) {
		t.Errorf("%T encodes differently the second time", in)
	}
}

// The tail of UpdateRequest and FanoutMessage follows from the message in front of it (protocol §5.3, §5.5).
func TestHandshakeAndFanout(t *testing.T) {
	g, proposal, staged, application := messages(t)
	info, err := staged.Group.GroupInfo(0, false)
	if err != nil {
		t.Fatal(err)
	}
	tree := RatchetTreeOption{Representation: TreeFull, Tree: g.Public().Tree()}
	partial := &PartialGroupInfo{Extensions: info.Extensions, Signature: info.Signature}
	for _, q := range []*UpdateRequest{
		{Message: proposal},
		{Message: proposal, More: []*mls.Message{proposal, proposal}},
		{Message: staged.Commit, Welcome: staged.Welcome, GroupInfo: GroupInfoOption{Full: info}, RatchetTree: tree},
		{Message: staged.Commit, GroupInfo: GroupInfoOption{Partial: partial}, RatchetTree: RatchetTreeOption{Representation: TreeDistributionService}},
		{Message: staged.Commit, GroupInfo: GroupInfoOption{Partial: partial}, RatchetTree: RatchetTreeOption{Representation: TreeHTTPS, URL: "https://a.example/t", Signature: []byte{1}}},
		{Message: staged.Commit, GroupInfo: GroupInfoOption{Partial: partial}, RatchetTree: RatchetTreeOption{Representation: TreeOutOfBand, Signature: []byte{1}}},
	} {
		got := new(UpdateRequest)
		roundTrip(t, q, got)
		if got.IsCommit() != (q.Message == staged.Commit) || (got.Welcome == nil) != (q.Welcome == nil) || len(got.More) != len(q.More) {
			t.Errorf("%+v came back as %+v", q, got)
		}
	}
	if rebuilt := partial.Rebuild(info.Context, info.ConfirmationTag, info.Signer); !bytes.Equal(wire.Marshal(rebuilt), wire.Marshal(info)) {
		t.Error("the rebuilt GroupInfo differs")
	}
	welcome := &mls.Message{Format: mls.WireFormatWelcome, Welcome: staged.Welcome}
	var body []byte
	all := []*FanoutMessage{
		{Timestamp: 1, Message: proposal, More: []*mls.Message{proposal}},
		{Timestamp: 2, Message: staged.Commit},
		{Timestamp: 3, Message: welcome, RatchetTree: tree},
		{Timestamp: 4, Message: application, Frank: &Frank{Suite: testSuite, Signature: []byte{1}}},
		{Timestamp: 5, Message: application},
	}
	for _, m := range all {
		roundTrip(t, m, new(FanoutMessage))
		body = append(body, wire.Marshal(m)...)
	}
	got, err := ParseFanout(body)
	if err != nil || len(got) != len(all) {
		t.Fatalf("%d messages: %v", len(got), err)
	}
	for i, m := range got {
		if !bytes.Equal(wire.Marshal(m), wire.Marshal(all[i])) {
			t.Errorf("message %d came back as %+v", i, m)
		}
	}
	if _, err := ParseFanout(nil); err == nil {
		t.Error("an empty body is accepted")
	}
	if _, err := ParseFanout(bytes.Repeat(wire.Marshal(all[4]), MaxFanout+1)); err == nil {
		t.Errorf("%d messages are accepted", MaxFanout+1)
	}
	roundTrip(t, &SubmitMessageRequest{Message: application, Sender: juliet.ClientUser()}, new(SubmitMessageRequest))
	for why, b := range map[string][]byte{
		"an application message as update": wire.Marshal(&UpdateRequest{Message: application, GroupInfo: GroupInfoOption{Partial: partial}, RatchetTree: tree}),
		"a welcome as update":              wire.Marshal(&UpdateRequest{Message: welcome, GroupInfo: GroupInfoOption{Partial: partial}, RatchetTree: tree}),
		"a commit among more proposals":    wire.Marshal(&UpdateRequest{Message: proposal, More: []*mls.Message{staged.Commit}}),
		"a tree by http": wire.Marshal(&UpdateRequest{Message: staged.Commit, GroupInfo: GroupInfoOption{Partial: partial},
			RatchetTree: RatchetTreeOption{Representation: TreeHTTPS, URL: "http://a.example/t"}}),
	} {
		if err := wire.Unmarshal(b, new(UpdateRequest)); err == nil {
			t.Errorf("%s is accepted", why)
		}
	}
	if err := wire.Unmarshal(wire.Marshal(&SubmitMessageRequest{Message: proposal, Sender: juliet.ClientUser()}), new(SubmitMessageRequest)); err == nil {
		t.Error("a proposal is submitted as application message")
	}
}

// The plaintext of a GroupInfo response reaches the requester only, signed by the hub (protocol §5.6).
func TestGroupInfo(t *testing.T) {
	g, proposal, _, _ := messages(t)
	info, err := g.GroupInfo(0, false)
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := mls.NewHPKEKey(testSuite, testSeed("hpke"))
	if err != nil {
		t.Fatal(err)
	}
	request := &GroupInfoRequest{Credential: BasicCredential(romeo), HPKEKey: public, JoiningCode: []byte("code")}
	if err := request.Sign(testSigner(t, "romeo")); err != nil {
		t.Fatal(err)
	}
	received := new(GroupInfoRequest)
	roundTrip(t, request, new(GroupInfoRequest))
	if err := wire.Unmarshal(wire.Marshal(request), received); err != nil || received.Verify() != nil {
		t.Fatalf("%v %v", err, received.Verify())
	}
	received.JoiningCode = []byte("other")
	if received.Verify() == nil {
		t.Error("a changed joining code is not noticed")
	}
	content := &GroupInfoAndTree{GroupInfo: info, RatchetTree: RatchetTreeOption{Representation: TreeFull, Tree: g.Public().Tree()},
		Pending: []PendingProposal{{proposal, 77}}}
	response := new(GroupInfoResponse)
	if err := response.Seal(testSigner(t, "hub"), BasicCredential(juliet), request, testRoom, content); err != nil {
		t.Fatal(err)
	}
	got := new(GroupInfoResponse)
	roundTrip(t, response, got)
	if err := wire.Unmarshal(wire.Marshal(response), got); err != nil {
		t.Fatal(err)
	}
	opened, err := got.Open(testSuite, private)
	if err != nil || !bytes.Equal(wire.Marshal(opened), wire.Marshal(content)) {
		t.Fatalf("opened %+v: %v", opened, err)
	}
	got.Room = MustURI("mimi://a.example/r/other")
	if _, err := got.Open(testSuite, private); err == nil {
		t.Error("an answer for another room is opened")
	}
	other, _, _ := mls.NewHPKEKey(testSuite, testSeed("other"))
	if _, err := response.Open(testSuite, other); err == nil {
		t.Error("opened with another key")
	}
	roundTrip(t, &GroupInfoResponse{Room: testRoom, Code: GroupInfoNoSuchRoom}, new(GroupInfoResponse))
}

func TestKeyMaterial(t *testing.T) {
	kp := testKeyPackage(t, romeo).KeyPackage
	request := &KeyMaterialRequest{Requester: juliet.ClientUser(), Target: romeo.ClientUser(), Room: testRoom,
		Suites: []mls.CipherSuite{0x7777, testSuite}, Required: RequiredCapabilities(), Credential: BasicCredential(juliet)}
	if err := request.Sign(testSigner(t, "juliet")); err != nil {
		t.Fatal(err)
	}
	received := new(KeyMaterialRequest)
	roundTrip(t, request, new(KeyMaterialRequest))
	if err := wire.Unmarshal(wire.Marshal(request), received); err != nil {
		t.Fatal(err)
	}
	if err := received.Verify(); err != nil {
		t.Error(err)
	}
	received.Room = MustURI("mimi://a.example/r/other")
	if received.Verify() == nil {
		t.Error("another room is not noticed")
	}
	foreign := *request
	foreign.Requester = MustURI("mimi://a.example/u/nurse")
	if foreign.Sign(testSigner(t, "juliet")) != nil || foreign.Verify() == nil {
		t.Error("juliet requests as her nurse")
	}
	none := *request
	none.Suites = nil
	if err := wire.Unmarshal(wire.Marshal(&none), new(KeyMaterialRequest)); err == nil {
		t.Error("a request without cipher suite is accepted")
	}
	roundTrip(t, &KeyMaterialResponse{Code: KeyMaterialPartial, User: romeo.ClientUser(), Clients: []ClientKeyMaterial{
		{Code: ClientSuccess, Client: romeo, KeyPackage: &kp}, {Code: ClientExhausted, Client: romeo},
		{Code: ClientNothingCompatible, Client: romeo, Capabilities: &kp.LeafNode.Capabilities}, {Code: ClientNothingCompatible, Client: romeo}}},
		new(KeyMaterialResponse))
	if err := wire.Unmarshal(wire.Marshal(&KeyMaterialResponse{Code: KeyMaterialNoConsent, User: romeo.ClientUser(),
		Clients: []ClientKeyMaterial{{Code: ClientExhausted, Client: romeo}}}), new(KeyMaterialResponse)); err == nil {
		t.Error("clients without consent are accepted")
	}
	roundTrip(t, &ConsentEntry{Operation: ConsentGrant, Requester: juliet.ClientUser(), Target: romeo.ClientUser(), KeyPackages: []mls.KeyPackage{kp}}, new(ConsentEntry))
	roundTrip(t, &IdentifierRequest{Elements: []QueryElement{{SearchNick, "", "juliet"}, {SearchVCardField, "FN", "Juliet"}}}, new(IdentifierRequest))
	roundTrip(t, &IdentifierResponse{Users: []URI{juliet.ClientUser()}, Profiles: []UserProfile{{juliet.ClientUser(), []ProfileField{{SearchVCardField, "FN", []byte("J")}}}}}, new(IdentifierResponse))
	roundTrip(t, &AbuseReport{Abuser: romeo.ClientUser(), Note: "spam", Messages: []AbusiveMessage{{Content: []byte("x"), Frank: Frank{Signature: []byte{1}}}}}, new(AbuseReport))
}

func TestUpdateResponse(t *testing.T) {
	for _, q := range []*UpdateResponse{{AcceptedAt: 5}, {Code: UpdateWrongEpoch, Text: "no", Epoch: 9}, {Code: UpdateNotAllowed},
		{Code: UpdateInvalidProposal, Invalid: []mls.ProposalRef{[]byte("ref")}}} {
		roundTrip(t, q, new(UpdateResponse))
	}
	refusal := &Refusal{Endpoint: EndpointUpdate, Code: uint8(UpdateNotAllowed), Rule: "can-kick", Text: "no", Missing: CanKick, HasMissing: true, Roles: []string{"admin"}}
	if got, want := RefuseUpdate(refusal).Text, "refused by rule can-kick: no; missing capability canKick, which has: admin"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	refusal.Text = string(bytes.Repeat([]byte("é"), MaxErrorText))
	roundTrip(t, RefuseUpdate(refusal), new(UpdateResponse))
}

// A receiver verifies the hub's signature, the hub its own stamp; neither survives a change (protocol §5.4.1).
func TestFrank(t *testing.T) {
	agent := testSigner(t, "hub")
	tag := FrankingTag([]byte("salt"), []byte("data"))
	context := &FrankingContext{juliet.ClientUser(), testRoom, 1644387225019}
	f, err := NewFrank([]byte("hub key"), agent, tag, context)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Verify(agent.Public, context); err != nil || !f.Own([]byte("hub key"), tag, context) {
		t.Errorf("an honest frank: %v", err)
	}
	later := *context
	later.AcceptedAt++
	if f.Verify(agent.Public, &later) == nil || f.Own([]byte("hub key"), tag, &later) || f.Own([]byte("other"), tag, context) {
		t.Error("a changed frank is accepted")
	}
}

func TestDirectory(t *testing.T) {
	d, err := ParseDirectory([]byte(`{"update":"https://mimi.a.example/v1/update/{roomId}","other":7,"groupInfo":"https://mimi.a.example/v1/groupInfo/{roomId}"}`))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := d.URL(EndpointUpdate, testRoom.String()); err != nil || got != "https://mimi.a.example/v1/update/mimi%3A%2F%2Fa.example%2Fr%2Fgarden" {
		t.Errorf("%s %v", got, err)
	}
	if _, err := d.URL(EndpointNotify, "x"); err == nil {
		t.Error("an endpoint that the provider does not have")
	}
	for why, s := range map[string]string{
		"not json":            `{`,
		"not a string":        `{"update":7}`,
		"http":                `{"update":"http://a.example/{roomId}"}`,
		"no variable":         `{"update":"https://a.example/"}`,
		"variable twice":      `{"update":"https://a.example/{roomId}/{roomId}"}`,
		"variable as host":    `{"update":"https://{roomId}/x"}`,
		"user information":    `{"update":"https://a.example@b.example/{roomId}"}`,
		"another variable":    `{"update":"https://a.example/{roomId}/{x}"}`,
		"query":               `{"update":"https://a.example/x?r={roomId}"}`,
		"fragment":            `{"update":"https://a.example/{roomId}#x"}`,
		"a space":             `{"update":"https://a.example/ /{roomId}"}`,
		"more than the limit": `{"update":"` + string(bytes.Repeat([]byte("x"), MaxDirectory)) + `"}`,
	} {
		if d, err := ParseDirectory([]byte(s)); err == nil {
			t.Errorf("%s: accepted as %v", why, d)
		}
	}
	own := NewDirectory("https://a.example/mimi", EndpointUpdate)
	if got, _ := own.URL(EndpointUpdate, "x"); got != "https://a.example/mimi/update/x" {
		t.Error(got)
	}
}
