package mucmap

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// elsewhere is garden of a.example as c.example follows it.
func elsewhere(t *testing.T, now time.Time) *bench {
	t.Helper()
	key, err := mls.NewSigner(suite, mls.Seed{9})
	if err != nil {
		t.Fatal(err)
	}
	svc, err := NewService(Config{Domain: xmpp.MustParseJID("rooms.c.example"), Provider: "c.example", Users: []string{"c.example"}, Hub: key})
	if err != nil {
		t.Fatal(err)
	}
	const name = "garden%a.example"
	return &bench{t: t, svc: svc, name: name, room: svc.New(name), disk: newDisk(), reply: map[string]Reply{}, now: now, n: 1 << 32}
}

// keyRequest asks for nurse's key material, signed by bob.
func (r *remote) keyRequest(kp *mls.KeyPackageSecrets, target string, change func(*mimi.KeyMaterialRequest)) []byte {
	r.t.Helper()
	q := &mimi.KeyMaterialRequest{Requester: r.client.ClientUser(), Target: mimi.MustURI(target), Room: mimi.MustURI("mimi://a.example/r/garden"),
		Suites: []mls.CipherSuite{suite}, Required: mimi.RequiredCapabilities(), SignatureKey: kp.KeyPackage.LeafNode.SignatureKey,
		Credential: kp.KeyPackage.LeafNode.Credential}
	if change != nil {
		change(q)
	}
	r.must(q.Sign(mls.Signer{Suite: suite, Public: q.SignatureKey, Private: kp.Signature}))
	return wire.Marshal(q)
}

func (b *bench) material(t *testing.T, from string, body []byte) (int, *mimi.KeyMaterialResponse) {
	t.Helper()
	b.n++
	id := fmt.Sprintf("k%d", b.n)
	if err := b.step(Request{ID: id, Provider: from, Kind: RequestKeyMaterial, Body: body}); err != nil {
		t.Fatal(err)
	}
	reply := b.reply[id]
	var a mimi.KeyMaterialResponse
	if reply.Status == 200 {
		if err := wire.Unmarshal(reply.Body, &a); err != nil {
			t.Fatal(err)
		}
	}
	return reply.Status, &a
}

// A participant of a room elsewhere adds an XMPP user: the Welcome comes by notify, survives a restart of the room that knows the key
// package, becomes an invitation, and entering needs no request to the hub any more.
func TestAddedFromOutside(t *testing.T) {
	hub, bob := meet(t)
	hub.send(t, adminSet("<item jid='u%bob%b.example@rooms.a.example' affiliation='admin'/>"))
	bob.catchUp()
	there := elsewhere(t, hub.now)
	signer := bob.keyPackage("Bob")
	const nurse = "mimi://c.example/u/nurse"
	status, a := there.material(t, "a.example", bob.keyRequest(signer, nurse, nil))
	if status != 200 || a.Code != mimi.KeyMaterialSuccess || len(a.Clients) != 1 || a.Clients[0].KeyPackage == nil {
		t.Fatalf("key material: %d %+v", status, a)
	}
	hub.relay(t, "c.example", wire.Marshal(a))
	if err := there.restart(true); err != nil {
		t.Fatal(err)
	}
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI(nurse), Role: roleMember}}}
	staged, err := bob.group.Commit(hub.seed(), bob.group.Local()[0], mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{
		mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}, mls.Add{KeyPackage: *a.Clients[0].KeyPackage}}})
	if err != nil {
		t.Fatal(err)
	}
	if a := bob.update(commitRequest(t, staged)); a.Code != mimi.UpdateSuccess {
		t.Fatalf("the hub says %+v", a)
	}
	told := 0
	for _, d := range hub.disk.outbox {
		if d.Provider != "c.example" {
			continue
		}
		told++
		for range 2 { // and once more, as after a lost answer
			there.out.Reset()
			if err := there.step(Request{ID: "n", Provider: "a.example", Kind: RequestNotify, Body: d.Body}); err != nil {
				t.Fatal(err)
			}
			if there.reply["n"].Status != 201 {
				t.Fatalf("notify: %+v", there.reply["n"])
			}
			if told == 1 && there.room.follow.room.Member() && strings.Contains(there.out.String(), "invite") {
				wantIn(t, "nurse is invited", there.out.String(), "to nurse@c.example", "<invite from='u%bob%b.example@rooms.c.example'")
				told++
			}
		}
	}
	if told != 2 {
		t.Fatalf("nurse was invited %d times", told-1)
	}
	if len(there.room.keys) != 0 {
		t.Error("the key package is still kept")
	}
	out := there.send(t, "<presence from='nurse@c.example/x' to='garden%a.example@rooms.c.example/Nurse' id='1'>"+joinX+"</presence>")
	wantIn(t, "nurse enters", out, "Nurse", "affiliation='member'", "code='110'", "Juliet", "Bob")
	if there.room.follow.room.InFlight() != nil {
		t.Error("entering asks the hub for something")
	}

	// The hub lets through what policy forbids: the room is given up, visibly, and may be tried again after a while.
	list = mimi.ParticipantListUpdate{}
	state, err := policy.StateOf(staged.Group.Public())
	if err != nil {
		t.Fatal(err)
	}
	at, _ := state.Position(hub.listed("juliet"))
	list.Changed = []mimi.RoleChange{{Index: at, Role: roleGuest}}
	bad, err := staged.Group.Commit(hub.seed(), staged.Group.Local()[0], mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{
		mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}})
	if err != nil {
		t.Fatal(err)
	}
	there.out.Reset()
	if err := there.step(Request{ID: "n", Provider: "a.example", Kind: RequestNotify, Body: wire.Marshal(&mimi.FanoutMessage{Timestamp: 1, Message: bad.Commit})}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "nurse is out", there.out.String(), "code='333'", "a.example cannot be followed")
	if d := there.room.Describe(); d.Hub != "a.example" || d.Trouble == "" || !there.room.Exists() {
		t.Errorf("operators see %+v", d)
	}
	const again = "<presence from='nurse@c.example/x' to='garden%a.example@rooms.c.example/Nurse' id='2'>" + joinX + "</presence>"
	wantIn(t, "at once", there.send(t, again), "service-unavailable", "given up", "operator has released it")
	if s := there.room.Summary(); s.Trouble == "" {
		t.Error("lists of rooms do not show the trouble")
	}
	copied := *there
	stored := *there.disk
	stored.secrets = maps.Clone(stored.secrets)
	copied.disk = &stored
	if err := copied.restart(true); err != nil {
		t.Fatal(err)
	}
	if err := copied.step(Release{}); err != nil {
		t.Fatal(err)
	}
	copied.send(t, again)
	if q := copied.room.follow.room.InFlight(); q == nil || q.Endpoint != mimi.EndpointGroupInfo {
		t.Errorf("after an operator released the room the hub is asked %v", q)
	}
	there.now = there.now.Add(DefaultGuestLinger + time.Minute)
	if err := there.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	if there.room.Exists() {
		t.Fatal("the room is never forgotten")
	}
	there.send(t, again)
	if q := there.room.follow.room.InFlight(); q == nil || q.Endpoint != mimi.EndpointGroupInfo {
		t.Errorf("after a while the hub is asked %v", q)
	}
}

// Key packages are given to the room's hub only, few to each, and beyond that the one of last resort.
func TestKeyMaterialIsBounded(t *testing.T) {
	hub, bob := meet(t)
	there := elsewhere(t, hub.now)
	signer := bob.keyPackage("Bob")
	const nurse = "mimi://c.example/u/nurse"
	if status, _ := there.material(t, "b.example", bob.keyRequest(signer, nurse, nil)); status != 403 {
		t.Errorf("by way of another provider: %d", status)
	}
	if status, _ := there.material(t, "a.example", []byte("x")); status != 400 {
		t.Errorf("no request at all: %d", status)
	}
	body := bob.keyRequest(signer, nurse, nil)
	body[len(body)-1] ^= 1
	if status, _ := there.material(t, "a.example", body); status != 403 {
		t.Errorf("with a broken signature: %d", status)
	}
	if _, a := there.material(t, "a.example", bob.keyRequest(signer, "mimi://d.example/u/nurse", nil)); a.Code != mimi.KeyMaterialUserUnknown {
		t.Errorf("for a user of somebody else: %+v", a)
	}
	if _, a := there.material(t, "a.example", bob.keyRequest(signer, nurse, func(q *mimi.KeyMaterialRequest) { q.Required.Proposals = []mls.ProposalType{0xf123} })); a.Code != mimi.KeyMaterialNoCompatible {
		t.Errorf("for a proposal that nobody knows: %+v", a)
	}
	seen := map[string]int{}
	for range MaxKeyPackages + 3 {
		_, a := there.material(t, "a.example", bob.keyRequest(signer, nurse, nil))
		if a.Code != mimi.KeyMaterialSuccess || len(a.Clients) != 1 || a.Clients[0].KeyPackage == nil {
			t.Fatalf("key material: %+v", a)
		}
		seen[string(wire.Marshal(a.Clients[0].KeyPackage))]++
	}
	if len(seen) != MaxKeyPackages {
		t.Errorf("%d different key packages, want %d", len(seen), MaxKeyPackages)
	}
	there.now = there.now.Add(keyPackageLifetime + time.Hour)
	if err := there.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	if len(there.room.keys) != 0 || len(there.disk.secrets) != 0 {
		t.Errorf("after their time %d key packages and %d secrets are kept", len(there.room.keys), len(there.disk.secrets))
	}
	for i := range MaxKeyUsers + 1 {
		_, a := there.material(t, "a.example", bob.keyRequest(signer, fmt.Sprintf("mimi://c.example/u/n%d", i), nil))
		if got := a.Clients[0].Code == mimi.ClientExhausted; got != (i == MaxKeyUsers) {
			t.Fatalf("user %d: %+v", i, a)
		}
	}
	there.room.pub.members[mimi.MustURI("mimi://c.example/u/member")] = &member{Role: roleMember, Leaves: 1}
	if _, a := there.material(t, "a.example", bob.keyRequest(signer, "mimi://c.example/u/member", nil)); a.Clients[0].Code != mimi.ClientSuccess {
		t.Errorf("a member cannot go on to another group: %+v", a)
	}
	if _, a := there.material(t, "a.example", bob.keyRequest(signer, "mimi://c.example/u/n0", nil)); a.Clients[0].Code != mimi.ClientSuccess {
		t.Errorf("one of those for whom key packages are out: %+v", a)
	}
}

// Several ask for the consent of one user: the answer goes to all of them, also after a restart, and the key package to who asked first. Only so many may wait.
func TestAllInvitersAreAnswered(t *testing.T) {
	const nurse, hall = "nurse@c.example/x", "garden%a.example@rooms.c.example"
	for _, tt := range []struct {
		answer string
		op     mimi.ConsentOperation
		keys   int
	}{
		{"<presence from='" + nurse + "' to='" + hall + "/Nurse' id='1'>" + joinX + "</presence>", mimi.ConsentGrant, 1},
		{"<message from='" + nurse + "' to='" + hall + "'><x xmlns='http://jabber.org/protocol/muc#user'><decline to='bob@b.example'/></x></message>", mimi.ConsentRevoke, 0},
	} {
		there := elsewhere(t, time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC))
		ask := func(by string) string {
			t.Helper()
			c := &mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: mimi.MustURI(by), Target: mimi.MustURI("mimi://c.example/u/nurse"), Room: there.room.uri}
			there.out.Reset()
			there.n++
			if err := there.step(Request{ID: fmt.Sprint(there.n), Provider: "c.example", Kind: RequestRequestConsent, Body: wire.Marshal(c)}); err != nil {
				t.Fatal(err)
			}
			return there.out.String()
		}
		for i := range MaxInviters {
			wantIn(t, "question", ask(fmt.Sprintf("mimi://b.example/u/bob%d", i)), fmt.Sprintf("bob%d asks to add you", i))
		}
		wantIn(t, "asked again", ask("mimi://b.example/u/bob0"), "bob0 asks to add you")
		if out := ask("mimi://b.example/u/more"); strings.Contains(out, "<message") {
			t.Errorf("one more: %s", out)
		}
		if err := there.restart(true); err != nil {
			t.Fatal(err)
		}
		owed := len(there.disk.outbox)
		there.send(t, tt.answer)
		told, keys := map[string]int{}, 0
		for _, d := range there.disk.outbox[owed:] {
			var c mimi.ConsentEntry
			if err := wire.Unmarshal(d.Body, &c); err != nil || c.Operation != tt.op {
				t.Fatalf("%+v, %v", c, err)
			}
			if d.Provider == "c.example" {
				keys += len(c.KeyPackages)
				if len(c.KeyPackages) > 0 && c.Requester.Name() != "bob0" {
					t.Errorf("the key package is for %s", c.Requester)
				}
			}
			told[c.Requester.Name()]++
		}
		if len(told) != MaxInviters || keys != tt.keys || len(there.room.follow.inviters) != 0 {
			t.Errorf("told %v, %d key packages, still waiting: %v", told, keys, there.room.follow.inviters)
		}
		for name := range there.disk.secrets {
			if strings.HasPrefix(name, secretAsked) {
				t.Errorf("%s is stored", name)
			}
		}
		if waits := tt.op == mimi.ConsentGrant; there.room.Exists() != waits {
			t.Errorf("the room is kept in memory: %v; nurse waits to be added: %v", !waits, waits)
		}
	}
}

// Two participants of a room elsewhere want one nick: each speaks under the one by which it is shown.
func TestNamesakesElsewhere(t *testing.T) {
	svc := testService(t)
	addr := xmpp.MustParseJID("hall%b.example@rooms.a.example")
	s := newState(svc, addr)
	e := &followed{Config: defaultConfig(), Secret: []byte("x"), Members: []change{
		{User: mimi.MustURI("mimi://b.example/u/bob"), To: roleMember, Leaves: 1, Nick: "Bob"},
		{User: mimi.MustURI("mimi://d.example/u/bob"), To: roleMember, Leaves: 1, Nick: "Bob"}}}
	e.apply(s, &stage{})
	for u, m := range s.members {
		if o := s.occupant(u); o == nil || o.Nick != m.Nick {
			t.Errorf("%s is %+v, and speaks as %s", u, o, m.Nick)
		}
	}
}

// The hub tells one of several who wait that there is no such room: all are answered.
func TestAllHearThatTheRoomIsGone(t *testing.T) {
	there := elsewhere(t, time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC))
	r := there.room
	r.pub.Exists = true
	tt := &turn{r: r, now: there.now, seed: there.seed()}
	refused := 0
	r.follow.waiting[7] = &asker{fail: func(*turn, *xmpp.StanzaError) { refused++ }}
	r.follow.waiting[8] = &asker{fail: func(*turn, *xmpp.StanzaError) { refused++ }}
	tt.denied(follower.Refused{Wish: follower.Wish{ID: 8}, Status: statusNotFound})
	if refused != 2 || len(r.follow.waiting) != 0 {
		t.Error(refused)
	}
}

// The rate of a room holds in rooms of other providers, too, also for what does not reach their hubs.
func TestFloodElsewhere(t *testing.T) {
	there := elsewhere(t, time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC))
	there.svc.cfg.Limits.Rates.Messages = Rate{2, time.Second}
	r := there.room
	e := &followed{Config: defaultConfig(), Secret: []byte("x"), Members: []change{{User: mimi.MustURI("mimi://c.example/u/nurse"), To: roleMember, Leaves: 1, Nick: "Nurse"}}}
	e.apply(r.pub, &stage{})
	(&joined{JID: xmpp.MustParseJID("nurse@c.example/x"), User: mimi.MustURI("mimi://c.example/u/nurse"), Nick: "Nurse"}).apply(r.pub, &stage{})
	out := ""
	for range 3 {
		out = there.send(t, "<message from='nurse@c.example/x' to='"+there.room.addr.String()+"' type='groupchat' id='m'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>")
	}
	wantIn(t, "flood", out, "resource-constraint")
}

// nurse has left when the hub accepts what she said, and susan has taken her nick: the message is not susan's.
func TestMessageOfSomebodyWhoLeft(t *testing.T) {
	nurse, susan := mimi.MustURI("mimi://c.example/u/nurse"), mimi.MustURI("mimi://c.example/u/susan")
	there := elsewhere(t, time.Date(2026, 5, 3, 12, 0, 0, 0, time.UTC))
	r := there.room
	(&followed{Config: defaultConfig(), Secret: []byte("x"), Members: []change{{User: nurse, To: roleMember, Leaves: 1, Nick: "Nurse"},
		{User: susan, To: roleMember, Leaves: 1}}}).apply(r.pub, &stage{})
	(&joined{JID: xmpp.MustParseJID("susan@c.example/x"), User: susan, Nick: "Nurse"}).apply(r.pub, &stage{})
	tt := &turn{r: r, now: there.now, seed: there.seed()}
	w := follower.Wish{ID: 7, Client: there.svc.clientURI(nurse)}
	r.follow.waiting[7] = &asker{st: &xmpp.Stanza{Kind: xmpp.Message, Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", "adieu")}}}
	tt.followSaid(follower.Sent{Wish: w})
	m := content.Message{Sender: nurse.String(), Room: r.uri.String(), Body: content.Part{Disposition: content.Render, Cardinality: content.Single, ContentType: "text/plain;charset=utf-8", Content: []byte("again")}}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	tt.heardFrom(nurse, nil, data, nil)
	if len(tt.stanzas.all()) != 2 {
		t.Fatalf("%d stanzas", len(tt.stanzas.all()))
	}
	for _, s := range tt.stanzas.all() {
		if from := s.Template.Stanza().From.Resource(); from != "Nurse (2)" {
			t.Errorf("from %q", from)
		}
	}
}
