package mucmap

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/pki/pkitest"
	"anteroom/mimi/roomdoc"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// vouched holds that the hub stands in a group with a certificate that somebody who knows nothing but whom to trust believes now, also as franking agent,
// and that nobody in the group has a basic credential. It returns when the certificate began.
func vouched(t *testing.T, b *bench, circle *pkitest.Circle, g *mls.Group) time.Time {
	t.Helper()
	hub, ok := mimi.SenderOf(g.Public().Context().Extensions, "a.example")
	if !ok {
		t.Fatal("the hub is no external sender")
	}
	if err := circle.Verifier().Authenticate(hub.Credential, hub.SignatureKey, uint64(b.now.Unix())); err != nil {
		t.Errorf("the hub: %v", err)
	}
	if is := mimi.CredentialName(hub.Credential); is != b.svc.hubClient().String() || !bytes.Equal(hub.SignatureKey, b.svc.cfg.hubs[g.Public().Suite()].Public) {
		t.Errorf("the hub is %s", is)
	}
	agent, ok := mimi.AgentOf(g.Public())
	if !ok || !bytes.Equal(wire.Marshal(agent), wire.Marshal(frankingAgent(hub))) {
		t.Error("the franking agent is not the hub with the same credential")
	}
	for _, s := range mimi.ExternalSenders(g.Public().Context().Extensions) {
		if s.Credential.Type != mls.CredentialX509 {
			t.Errorf("the external sender %s has no certificate", mimi.CredentialName(s.Credential))
		}
	}
	if n := types(g); len(n) != 1 || n[mls.CredentialX509] == 0 {
		t.Errorf("leaves by type of credential: %v", n)
	}
	from, _, err := mimi.CredentialValidity(hub.Credential)
	if err != nil {
		t.Fatal(err)
	}
	return from
}

// The hub has a certificate from the room's first epoch on, and renews it in the last third of its time, once and in a window of the room, by a commit that
// members of other providers, who verify, follow (RFC 9420 §5.3.1). The room does not speak of it. A restart changes nothing.
func TestHubCertificateIsRenewed(t *testing.T) {
	b, circle := certified(t)
	b.send(t, twoEnter)
	bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob cannot join: %+v", a)
	}
	first := vouched(t, b, circle, bob.group)
	start := b.now
	seen := map[time.Time]time.Time{first: start}
	for day := range 100 {
		b.out.Reset()
		if err := b.wakes(start.AddDate(0, 0, day)); err != nil {
			t.Fatal(err)
		}
		bob.group = bob.group.WithNow(uint64(b.now.Unix()))
		bob.catchUp()
		from := vouched(t, b, circle, bob.group)
		if _, known := seen[from]; !known {
			seen[from] = b.now
			if after := b.now.Sub(start); after < 60*24*time.Hour || after > 62*24*time.Hour {
				t.Errorf("renewed after %v", after)
			}
		}
		if strings.Contains(b.out.String(), "<message") {
			t.Errorf("day %d: the room speaks of it:\n%s", day, b.out.String())
		}
		if day == 50 {
			if err := b.restart(true); err != nil {
				t.Fatal(err)
			}
			if err := b.step(Timer{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if len(seen) != 2 || len(bob.failed) > 0 {
		t.Errorf("%d certificates in 100 days, bob failed %v", len(seen), bob.failed)
	}
	if a := bob.say("Hello", bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Errorf("bob's message: %+v", a)
	}
}

// A room that began with basic credentials gets a certificate for its hub soon after there is an authority. Nobody takes it away again.
func TestHubCertificateComesLater(t *testing.T) {
	b := newBench(t)
	b.send(t, twoEnter)
	if hub, _ := b.room.standingHub(); hub.Credential.Type != mls.CredentialBasic || !b.room.Describe().HubUntil.IsZero() {
		t.Fatalf("without an authority the hub has a credential of type %d", hub.Credential.Type)
	}
	circle := pkitest.New(t, b.now, "a.example")
	circle.Trust.Basic = func(string) bool { return true }
	b.svc.cfg.Issue, b.svc.cfg.Authenticate = circle.Issue, circle.Verifier().Authenticate
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if err := b.feed(Timer{}); err != nil {
		t.Fatal(err)
	}
	if err := b.wakes(b.now.AddDate(0, 0, 30)); err != nil {
		t.Fatal(err)
	}
	vouched(t, b, circle, b.room.hub.Group())
	if until := b.room.Describe().HubUntil; !until.After(b.now) {
		t.Errorf("operators are told that it is valid until %v", until)
	}
	g := b.room.hub.Group()
	leaf, _ := b.room.leaf(b.room.keeper)
	weaker := append([]mls.Extension{}, g.Public().Context().Extensions...)
	for i := range weaker {
		if weaker[i].Type == mls.ExtensionExternalSenders {
			weaker[i].Data = wire.Marshal(mls.ExternalSenders{b.svc.hubKey(suite)})
		}
	}
	staged, err := g.Commit(b.seed(), leaf, mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{mls.GroupContextExtensions{Extensions: weaker}}})
	if err != nil {
		t.Fatal(err)
	}
	var refused *mimi.Refusal
	if _, err := b.room.hub.AcceptLocal(b.now, staged); !errors.As(err, &refused) || refused.Rule != "external-sender" {
		t.Errorf("the hub goes back to a basic credential: %v", err)
	}
}

// A hub that was away until its certificate was over answers with a new one, and puts it into the group; nobody is kept out meanwhile.
func TestHubCertificateIsOver(t *testing.T) {
	b, circle := certified(t)
	b.send(t, twoEnter)
	b.now = b.now.AddDate(0, 0, 200)
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	private, public, err := mls.NewHPKEKey(suite, b.seed())
	if err != nil {
		t.Fatal(err)
	}
	bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
	kp := bob.keyPackage("Bob")
	q := &mimi.GroupInfoRequest{Suite: suite, SignatureKey: kp.KeyPackage.LeafNode.SignatureKey, Credential: kp.KeyPackage.LeafNode.Credential, HPKEKey: public}
	bob.must(q.Sign(mls.Signer{Suite: suite, Public: q.SignatureKey, Private: kp.Signature}))
	var a mimi.GroupInfoResponse
	bob.must(wire.Unmarshal(bob.request(RequestGroupInfo, wire.Marshal(q)), &a))
	info, err := a.Open(suite, private)
	bob.must(err)
	if err := circle.Verifier().Authenticate(a.Hub.Credential, a.Hub.SignatureKey, uint64(b.now.Unix())); err != nil {
		t.Errorf("the hub answers with a certificate that is over: %v", err)
	}
	standing, _ := mimi.SenderOf(info.GroupInfo.Context.Extensions, "a.example")
	if _, until, err := mimi.CredentialValidity(standing.Credential); err != nil || until.After(b.now) {
		t.Fatalf("the group has a certificate until %v, %v: nothing is tested", until, err)
	}
	if err := b.feed(Timer{}); err != nil {
		t.Fatal(err)
	}
	if err := b.wakes(b.now.Add(2 * MaxRenewalPause)); err != nil {
		t.Fatal(err)
	}
	hub, _ := b.room.standingHub()
	if err := circle.Verifier().Authenticate(hub.Credential, hub.SignatureKey, uint64(b.now.Unix())); err != nil {
		t.Errorf("the group's certificate is not renewed: %v", err)
	}
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Errorf("bob cannot join: %+v", a)
	}
}

// With another cipher suite the hub has another key, and a certificate for it.
func TestHubCertificateAfterReInit(t *testing.T) {
	b, circle := certified(t)
	b.send(t, twoEnter)
	if r := b.orderReInit("2"); r.Status != 200 && r.Status != 202 {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
	if b.room.suite() != mls.SuiteP256AES128SHA256P256 {
		t.Fatalf("the group has %s", b.room.suite().Name())
	}
	vouched(t, b, circle, b.room.hub.Group())
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
}

// A system user of another provider proves itself by a certificate in the document, where basic credentials of its provider are not accepted.
func TestSystemUserCertificate(t *testing.T) {
	b, circle := certified(t)
	signer, sys := system(t)
	for _, c := range []struct {
		why, client string
		by          *pkitest.Circle
		wants       string
	}{
		{"without", "", nil, "credential-basic"},
		{"of somebody else", "mimi://b.example/d/bob/system", circle, "not one of"},
		{"by an unknown authority", "mimi://b.example/d/system/system", pkitest.New(t, b.now, "b.example"), "x509-unknown-authority"},
		{"its own", "mimi://b.example/d/system/system", circle, ""},
	} {
		d, err := roomdoc.Preset("one-on-one", roomdoc.Names{Owners: []string{address(0)}, Admins: []string{"mimi://b.example/u/bob"}})
		if err != nil {
			t.Fatal(err)
		}
		sys.Certificates = nil
		if c.by != nil {
			credential, err := c.by.Issue(mimi.MustURI(c.client), suite, signer.Public, b.now)
			if err != nil {
				t.Fatal(err)
			}
			sys.Certificates = credential.Certificates
		}
		d.SystemAuth = []roomdoc.SystemUser{sys}
		r := b.document(t, RequestCreate, "a.example", d.Format())
		if c.wants != "" {
			if r.Status != statusBadRequest || !strings.Contains(string(r.Body), c.wants) {
				t.Errorf("%s: %d %s, want %q", c.why, r.Status, r.Body, c.wants)
			}
			continue
		}
		if d.OwningSystem = []string{b.svc.systemName()}; !b.room.Exists() {
			t.Fatalf("%s: %d %s", c.why, r.Status, r.Body)
		}
		if r := b.document(t, RequestDocument, "a.example", nil); !bytes.Equal(r.Body, d.Format()) {
			t.Errorf("document\n%s\nwant\n%s", r.Body, d.Format())
		}
		vouched(t, b, circle, b.room.hub.Group())
	}
}

// In a conversation of two there is no keeper: the leaf of our user renews the hub's certificate, and neither of the two notices.
func TestHubCertificateInConversation(t *testing.T) {
	b, circle := certified(t)
	b.name = b.svc.DirectName(julietURI, bobURI)
	b.room = b.svc.New(b.name)
	h := newGuestHouse(t, b)
	b.send(t, toBob("Bob?"))
	if !h.join() {
		t.Fatal("bob got no Welcome that he can open")
	}
	first := vouched(t, b, circle, h.bob.group)
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	b.out.Reset()
	if err := b.feed(Timer{}); err != nil {
		t.Fatal(err)
	}
	if err := b.wakes(b.now.AddDate(0, 0, 70)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(b.out.String(), "<message") {
		t.Errorf("the room speaks of it:\n%s", b.out.String())
	}
	h.bob.group = h.bob.group.WithNow(uint64(b.now.Unix()))
	h.bob.catchUp()
	if from := vouched(t, b, circle, h.bob.group); !from.After(first) || len(h.bob.failed) > 0 {
		t.Errorf("after 70 days the hub's certificate is of %v, the first was of %v; bob failed %v", from, first, h.bob.failed)
	}
	b.send(t, toBob("Still there?"))
	if h.bob.catchUp(); h.bob.heard[len(h.bob.heard)-1] != "juliet: Still there?" {
		t.Errorf("bob heard %q", h.bob.heard)
	}
}

// Who follows a room warns once, while it has the room loaded, of a hub that does not renew its certificate, tells operators since when, and goes on.
func TestHubElsewhereDoesNotRenew(t *testing.T) {
	hub, circle := certified(t)
	hub.send(t, twoEnter)
	bob := newRemote(t, hub, "mimi://b.example/d/bob/cli")
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob cannot join: %+v", a)
	}
	there := elsewhere(t, hub.now)
	there.svc.cfg.Issue, there.svc.cfg.Authenticate = circle.Issue, circle.Verifier().Authenticate
	post := nurseComes(hub, bob, there)
	until := hubUntil(there.room.follow.room.Group().Public(), "a.example")
	for _, step := range []struct {
		at   time.Time
		want int
	}{{until.Add(-time.Minute), 0}, {until.Add(time.Minute), 1}, {until.AddDate(0, 0, 10), 1}} {
		there.now = step.at
		if err := there.feed(Timer{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(there.out.String(), "the hub's certificate is over, and it has not renewed it"); got != step.want {
			t.Errorf("%v after the end %d warnings, want %d", step.at.Sub(until), got, step.want)
		}
	}
	if got := there.room.Describe().HubUntil; !got.Equal(until) {
		t.Errorf("operators are told %v, the certificate is valid until %v", got, until)
	}
	hub.now = there.now
	hub.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Good night</body></message>")
	wantIn(t, "a message after the end", post.bring(post.collect()), "Good night")
}
