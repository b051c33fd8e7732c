package mucmap

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

const bobJID = "u%bob%b.example@rooms.a.example"

// guestHouse is a provider with one user, bob, whose clients give key packages if he has consented.
type guestHouse struct {
	t       *testing.T
	b       *bench
	bob     *remote
	consent bool
	code    mimi.KeyMaterialCode // if there is consent
	keys    []*mls.KeyPackageSecrets
	asked   []*mimi.KeyMaterialRequest
}

func newGuestHouse(t *testing.T, b *bench) *guestHouse {
	h := &guestHouse{t: t, b: b, bob: newRemote(t, b, "mimi://b.example/d/bob/cli"), consent: true}
	b.peers = h.answer
	return h
}

func (h *guestHouse) answer(q PeerRequest) (int, []byte) {
	var k mimi.KeyMaterialRequest
	if q.Provider != "b.example" || q.Endpoint != string(mimi.EndpointKeyMaterial) || wire.Unmarshal(q.Body, &k) != nil || q.Room != k.Target.String() {
		h.t.Errorf("asked %+v", q)
		return 400, nil
	}
	if err := k.Verify(); err != nil {
		h.t.Errorf("request for key material: %v", err)
	}
	h.asked = append(h.asked, &k)
	a := &mimi.KeyMaterialResponse{Code: h.code, User: k.Target}
	switch {
	case k.Target != h.bob.client.ClientUser():
		a.Code = mimi.KeyMaterialUserUnknown
	case !h.consent:
		a.Code = mimi.KeyMaterialNoConsent
	case h.code == mimi.KeyMaterialSuccess:
		kp := h.bob.keyPackage("Bobby")
		h.keys = append(h.keys, kp)
		a.Clients = []mimi.ClientKeyMaterial{{Code: mimi.ClientSuccess, Client: h.bob.client, KeyPackage: &kp.KeyPackage}}
	}
	return 200, wire.Marshal(a)
}

// join lets bob in by the Welcome that the hub sent, if there is one.
func (h *guestHouse) join() bool {
	h.t.Helper()
	for h.bob.read = 0; h.bob.read < len(h.b.disk.outbox); h.bob.read++ {
		d := h.b.disk.outbox[h.bob.read]
		if d.Provider != "b.example" || d.Endpoint != string(mimi.EndpointNotify) {
			continue
		}
		messages, err := mimi.ParseFanout(d.Body)
		h.bob.must(err)
		for _, m := range messages {
			if m.Message.Welcome == nil {
				continue
			}
			for _, kp := range h.keys {
				g, err := mls.Join(m.Message.Welcome, kp, mls.JoinParams{Tree: m.RatchetTree.Tree, Config: h.b.svc.groupConfig(h.b.now)})
				if err == nil {
					h.bob.group = g
					h.bob.read++
					return true
				}
			}
		}
	}
	return false
}

// owed are the consent entries that the room owes b.example.
func (h *guestHouse) owed() []mimi.ConsentEntry {
	var all []mimi.ConsentEntry
	for _, d := range h.b.disk.outbox {
		if d.Endpoint != string(mimi.EndpointRequestConsent) {
			continue
		}
		var c mimi.ConsentEntry
		h.bob.must(wire.Unmarshal(d.Body, &c))
		if d.Room != c.Target.String() || d.Provider != "b.example" {
			h.t.Errorf("consent is asked of %s about %s", d.Provider, d.Room)
		}
		all = append(all, c)
	}
	return all
}

// tell is bob's word about his consent, from provider.
func (h *guestHouse) tell(provider string, c mimi.ConsentEntry) string {
	h.t.Helper()
	h.b.out.Reset()
	h.bob.must(h.b.step(Request{ID: "consent", Provider: provider, Kind: RequestUpdateConsent, Body: wire.Marshal(&c)}))
	return h.b.out.String()
}

// juliet is her name in the group: a pseudonym.
func (h *guestHouse) juliet() mimi.URI {
	return h.b.room.pub.listed(mimi.MustURI("mimi://a.example/u/juliet"))
}

func (h *guestHouse) grant(packages ...mls.KeyPackage) mimi.ConsentEntry {
	return mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: h.juliet(), Target: h.bob.client.ClientUser(), Room: h.b.room.uri, KeyPackages: packages}
}

func atHome(t *testing.T, config string) (*bench, *guestHouse) {
	b := newBench(t)
	b.check = true
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>"+
		"<presence from='romeo@a.example/orchard' to='"+room+"/Romeo'>"+joinX+"</presence>")
	if config != "" {
		b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'>"+
			"<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"+config+"</x></query></iq>")
	}
	return b, newGuestHouse(t, b)
}

const membersOnlyField = "<field var='muc#roomconfig_membersonly'><value>1</value></field>"

func inviteBob(from string) string {
	return "<message from='" + from + "' to='" + room + "' id='i'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='" + bobJID + "'><reason>Come</reason></invite></x></message>"
}

// An occupant invites a user of another provider: key packages by a request that the inviter's leaf signed, one commit that lists it and adds
// its client, the Welcome to its provider (draft-ietf-mimi-protocol-06 §5.2, §5.3).
func TestInviteRemoteUser(t *testing.T) {
	for _, c := range []struct{ name, config, from, role, proposer string }{
		{"owner, open room", "", "juliet@a.example/balcony", "role 0 to 5, 1 clients", "juliet"},
		{"guest, open room", "", "romeo@a.example/orchard", "role 0 to 5, 1 clients", "romeo"},
		{"owner, members-only room", membersOnlyField, "juliet@a.example/balcony", "role 0 to 2, 1 clients", "juliet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, h := atHome(t, c.config)
			out := b.send(t, inviteBob(c.from))
			wantIn(t, "invitation", out, "proposed by "+c.proposer+"\n", "mimi://b.example/u/bob: "+c.role, "from='garden@rooms.a.example/Bobby'", "deliver notify to b.example")
			if strings.Contains(out, "type='error'") || strings.Contains(out, "<invite") {
				t.Errorf("the inviter, or the component, gets an answer:\n%s", out)
			}
			if q := h.asked[0]; q.Requester != b.room.pub.listed(mimi.MustURI("mimi://a.example/u/"+strings.Split(c.from, "@")[0])) || q.Room != b.room.uri {
				t.Errorf("key material was asked for by %s for %s", q.Requester, q.Room)
			}
			if !h.join() {
				t.Fatal("bob got no Welcome that he can open")
			}
			b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='1'><body>Welcome</body></message>")
			h.bob.catchUp()
			if got := strings.Join(h.bob.heard, "|"); !strings.HasSuffix(got, ": Welcome") || len(h.bob.failed) > 0 {
				t.Errorf("bob heard %q, failed %v", got, h.bob.failed)
			}
			if a := h.bob.say("Thanks", h.bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
				t.Errorf("bob speaks: %+v", a)
			}
			wantIn(t, "a second invitation", b.send(t, inviteBob(c.from)), "<conflict", "in the room already")
		})
	}
}

// An affiliation given to somebody elsewhere who is not listed yet brings the clients along, if there are key packages; the entry is made in
// any case.
func TestAffiliationOfRemoteUserAddsClients(t *testing.T) {
	b, h := atHome(t, "")
	out := b.send(t, adminSet("<item affiliation='admin' jid='"+bobJID+"'/>"))
	wantIn(t, "with key packages", out, "proposed by juliet", "mimi://b.example/u/bob: role 0 to 3, 1 clients", "affiliation='admin'", "type='result'")
	if !h.join() {
		t.Fatal("bob got no Welcome that he can open")
	}
	b, h = atHome(t, "")
	h.consent = false
	out = b.send(t, adminSet("<item affiliation='admin' jid='"+bobJID+"'/>"))
	wantIn(t, "without", out, "mimi://b.example/u/bob: role 0 to 3, 0 clients", "type='result'")
	if len(h.owed()) != 0 {
		t.Errorf("consent was asked for: %+v", h.owed())
	}
	wantIn(t, "an invitation then", b.send(t, inviteBob("juliet@a.example/balcony")), "<conflict", "enters by itself")
}

// Each way of refusing reaches the inviter as an error that names who refused and why.
func TestInviteRemoteUserRefused(t *testing.T) {
	b, h := atHome(t, "")
	for _, c := range []struct {
		code mimi.KeyMaterialCode
		want string
	}{
		{mimi.KeyMaterialUserUnknown, "item-not-found"}, {mimi.KeyMaterialUserDeleted, "gone"}, {mimi.KeyMaterialNoCompatible, "not-acceptable"},
		{mimi.KeyMaterialIncompatibleProtocol, "not-acceptable"}, {mimi.KeyMaterialPartial, "not-acceptable"},
	} {
		h.code = c.code
		wantIn(t, "refused", b.send(t, inviteBob("juliet@a.example/balcony")), "id='i' type='error'", "<"+c.want, "b.example")
	}
	good := b.peers
	for status, want := range map[int]string{404: "item-not-found", 403: "not-allowed", 418: "undefined-condition", 504: "remote-server-timeout"} {
		b.peers = func(PeerRequest) (int, []byte) { return status, []byte("no") }
		wantIn(t, "refused", b.send(t, inviteBob("juliet@a.example/balcony")), "<"+want, "b.example")
	}
	b.peers = func(PeerRequest) (int, []byte) { return 200, []byte("junk") }
	wantIn(t, "junk", b.send(t, inviteBob("juliet@a.example/balcony")), "<undefined-condition", "b.example")
	stranger := newRemote(t, b, "mimi://b.example/d/eve/cli").keyPackage("Eve")
	b.peers = func(q PeerRequest) (int, []byte) {
		return 200, wire.Marshal(&mimi.KeyMaterialResponse{User: h.bob.client.ClientUser(), Clients: []mimi.ClientKeyMaterial{
			{Code: mimi.ClientSuccess, Client: h.bob.client, KeyPackage: &stranger.KeyPackage}}})
	}
	wantIn(t, "key package of somebody else", b.send(t, inviteBob("juliet@a.example/balcony")), "<not-acceptable")
	b.peers = good
	wantIn(t, "a member may not invite", func() string {
		b, _ := atHome(t, membersOnlyField)
		return b.send(t, inviteBob("romeo@a.example/orchard"))
	}(), "type='error'")
	if b.room.pub.members[h.bob.client.ClientUser()] != nil || len(b.room.searches) != 0 {
		t.Error("bob is listed, or is still searched for")
	}
}

// Without consent the user is asked; the consent, with key packages or without, carries the invitation out; anything else ends it with a decline.
func TestInviteRemoteUserWithConsent(t *testing.T) {
	for _, with := range []bool{false, true} {
		b, h := atHome(t, membersOnlyField)
		h.consent = false
		if out := b.send(t, inviteBob("juliet@a.example/balcony")); strings.Contains(out, "type='error'") {
			t.Errorf("the inviter is refused:\n%s", out)
		}
		owed := h.owed()
		if len(owed) != 1 || owed[0].Operation != mimi.ConsentRequest || owed[0].Requester != h.juliet() || !isPseudonym(h.juliet()) || owed[0].Target != h.bob.client.ClientUser() || owed[0].Room != b.room.uri {
			t.Fatalf("owed %+v", owed)
		}
		wantIn(t, "asked twice", b.send(t, inviteBob("juliet@a.example/balcony")), "<conflict", "was asked")
		foreign := h.grant()
		foreign.Requester = mimi.MustURI("mimi://a.example/u/tybalt")
		elsewhere := h.grant()
		elsewhere.Room = mimi.MustURI("mimi://a.example/r/other")
		for what, out := range map[string]string{"another requester": h.tell("b.example", foreign), "another room": h.tell("b.example", elsewhere), "another provider": h.tell("c.example", h.grant())} {
			if strings.Contains(out, "epoch") || len(h.asked) > 2 {
				t.Errorf("%s: %s", what, out)
			}
		}
		if err := b.restart(true); err != nil {
			t.Fatal(err)
		}
		h.consent = !with
		var packages []mls.KeyPackage
		if with {
			kp := h.bob.keyPackage("Bobby")
			h.keys, packages = append(h.keys, kp), append(packages, kp.KeyPackage)
		}
		wantIn(t, "consent", h.tell("b.example", h.grant(packages...)), "reply consent: 201", "mimi://b.example/u/bob: role 0 to 2, 1 clients", "Bobby")
		if !h.join() {
			t.Error("bob got no Welcome that he can open")
		}
		if len(b.room.pub.Awaiting) != 0 {
			t.Error("the room still waits for bob")
		}
	}
	for what, end := range map[string]func(*bench, *guestHouse) string{
		"revoke": func(_ *bench, h *guestHouse) string {
			c := h.grant()
			c.Operation = mimi.ConsentRevoke
			return h.tell("b.example", c)
		},
		"granted, yet no key packages": func(_ *bench, h *guestHouse) string { return h.tell("b.example", h.grant()) },
		"banned meanwhile, with its domain": func(b *bench, h *guestHouse) string {
			b.send(t, adminSet("<item affiliation='outcast' jid='b.example'/>"))
			return h.tell("b.example", h.grant(h.bob.keyPackage("Bobby").KeyPackage))
		},
		"silence": func(b *bench, h *guestHouse) string {
			b.now = b.now.Add(consentPatience + time.Second)
			b.out.Reset()
			h.bob.must(b.step(Timer{}))
			if owed := h.owed(); len(owed) != 2 || owed[1].Operation != mimi.ConsentCancel {
				h.t.Errorf("owed %+v", owed)
			}
			return b.out.String()
		},
	} {
		b, h := atHome(t, membersOnlyField)
		h.consent = false
		b.send(t, inviteBob("juliet@a.example/balcony"))
		reason := "mimi://b.example/u/bob"
		if strings.HasPrefix(what, "banned") {
			reason = "this user is banned"
		}
		wantIn(t, what, end(b, h), "to juliet@a.example/balcony", "<decline from='"+bobJID+"'><reason>"+reason)
		if len(b.room.pub.Awaiting) != 0 {
			t.Errorf("%s: the room still waits for bob", what)
		}
		if b.room.pub.members[h.bob.client.ClientUser()] != nil {
			t.Errorf("%s: bob is on the list", what)
		}
	}
}

// A crash at any write between invitation and addition: bob is in, once, and can read.
func TestInviteRemoteUserWithCrashes(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; n <= 8; n++ {
			b, h := atHome(t, membersOnlyField)
			h.consent = false
			b.check = false
			b.crashAt, b.after = b.writes+n, after
			invite, err := stanzas(inviteBob("juliet@a.example/balcony"))
			h.bob.must(err)
			h.bob.must(b.feed(StanzaIn{invite[0]}))
			h.consent = true
			in := Request{ID: "consent", Provider: "b.example", Kind: RequestUpdateConsent, Body: wire.Marshal(ptr(h.grant()))}
			for b.reply["consent"].Status != 201 { // b.example repeats it until it is answered
				h.bob.must(b.feed(in))
			}
			b.crashAt = 0
			u := h.bob.client.ClientUser()
			if m := b.room.pub.members[u]; m == nil || m.Leaves != 1 || len(b.room.pub.Awaiting) != 0 {
				t.Fatalf("crash at write %d, after %v: bob is %+v, waiting %v", n, after, m, b.room.pub.Awaiting)
			}
			if !h.join() {
				t.Fatalf("crash at write %d, after %v: bob got no Welcome that he can open", n, after)
			}
			b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='1'><body>Welcome</body></message>")
			if h.bob.catchUp(); len(h.bob.failed) > 0 {
				t.Errorf("crash at write %d, after %v: bob failed %v", n, after, h.bob.failed)
			}
			if !b.crashed && n < 4 {
				t.Errorf("there was no crash at write %d", n)
			}
		}
	}
}

func ptr[T any](v T) *T { return &v }

// What others can make a room remember, or ask, is bounded.
func TestInviteRemoteLimits(t *testing.T) {
	b, h := atHome(t, "")
	h.consent = false
	by := mimi.MustURI("mimi://a.example/u/juliet")
	refused := 0
	for i := range MaxAwaiting + 1 {
		u, err := mimi.UserURI("b.example", "bob"+utoa(uint64(i)))
		h.bob.must(err)
		tt := &turn{r: b.room, now: b.now, seed: b.seed()}
		tt.await(by, u, "", func(*turn, *xmpp.StanzaError) { refused++ })
	}
	if len(b.room.pub.Awaiting) != MaxAwaiting || refused != 1 {
		t.Errorf("%d users are waited for, %d refused", len(b.room.pub.Awaiting), refused)
	}
	refused = 0
	for range MaxSearches + 1 {
		tt := &turn{r: b.room, now: b.now, seed: b.seed()}
		tt.seekKeys(by, h.bob.client.ClientUser(), func(_ *turn, m material) {
			if m.refused != nil {
				refused++
			}
		})
	}
	if len(b.room.searches) != MaxSearches || refused != 1 {
		t.Errorf("%d searches, %d refused", len(b.room.searches), refused)
	}
}
