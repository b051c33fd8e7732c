package mucmap

import (
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/pki/pkitest"
	"anteroom/mls"
)

// certified is a bench whose service has an authority for its users, and believes the authorities of three providers. Package remote makes
// its key packages by the same service, so that the authority of each client's provider vouches for it.
func certified(t *testing.T) (*bench, *pkitest.Circle) {
	b := newBench(t)
	circle := pkitest.New(t, b.now, "a.example", "b.example", "c.example")
	b.svc.cfg.Issue, b.svc.cfg.Authenticate = circle.Issue, circle.Verifier().Authenticate
	b.check = true
	return b, circle
}

const twoEnter = "<presence from='juliet@a.example/balcony' to='" + room + "/Juliet'>" + joinX + "</presence>" +
	"<presence from='romeo@a.example/orchard' to='" + room + "/Romeo'>" + joinX + "</presence>"

// types counts the leaves of a group by the type of their credentials.
func types(g *mls.Group) map[mls.CredentialType]int {
	n := map[mls.CredentialType]int{}
	for _, node := range g.Public().Leaves() {
		n[node.Credential.Type]++
	}
	return n
}

// Every leaf of ours has a certificate, which somebody who knows nothing but whom to trust believes; users of other providers enter with one and
// talk.
func TestCertifiedRoom(t *testing.T) {
	b, circle := certified(t)
	b.send(t, twoEnter)
	bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob cannot join: %+v", a)
	}
	if n := types(bob.group); n[mls.CredentialX509] != 4 || len(n) != 1 {
		t.Fatalf("leaves by type of credential: %v, want keeper, juliet, romeo and bob with X.509", n)
	}
	outside := circle.Verifier()
	for i, node := range bob.group.Public().Leaves() {
		if err := outside.Authenticate(node.Credential, node.SignatureKey, uint64(b.now.Unix())); err != nil {
			t.Errorf("leaf %d: %v", i, err)
		}
	}
	if got := requiredIn(bob.group).Credentials; len(got) != 1 || got[0] != mls.CredentialX509 {
		t.Errorf("members must support credentials of types %v", got)
	}
	b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Hello</body></message>")
	bob.catchUp()
	if len(bob.heard) != 1 || len(bob.failed) > 0 {
		t.Errorf("bob heard %q, failed %v", bob.heard, bob.failed)
	}
	if a := bob.say("Hello", bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Errorf("bob's message: %+v", a)
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
}

// Whoever has no certificate by the authority of the provider that its URI names does not get in: not by a GroupInfo, not by an external commit that was
// made without asking, not by an Add.
func TestForgedCertificates(t *testing.T) {
	stranger := func(t *testing.T, b *bench) *pkitest.Circle { return pkitest.New(t, b.now, "b.example", "c.example") }
	for _, test := range []struct {
		name   string
		issue  func(t *testing.T, b *bench, circle *pkitest.Circle) issueFunc // for bob
		refuse bool
	}{
		{"by the authority of b.example", func(t *testing.T, b *bench, c *pkitest.Circle) issueFunc { return c.Issue }, false},
		{"basic", func(*testing.T, *bench, *pkitest.Circle) issueFunc { return nil }, true},
		{"by an authority that nobody knows", func(t *testing.T, b *bench, c *pkitest.Circle) issueFunc { return stranger(t, b).Issue }, true},
		{"over", func(t *testing.T, b *bench, c *pkitest.Circle) issueFunc {
			return func(client mimi.URI, cs mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
				return c.Issue(client, cs, key, now.Add(-91*24*time.Hour))
			}
		}, true},
		{"for another key", func(t *testing.T, b *bench, c *pkitest.Circle) issueFunc {
			return func(client mimi.URI, cs mls.CipherSuite, _ mls.SignaturePublicKey, now time.Time) (mls.Credential, error) {
				other, err := mls.NewSigner(cs, mls.Seed{9})
				if err != nil {
					t.Fatal(err)
				}
				return c.Issue(client, cs, other.Public, now)
			}
		}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, circle := certified(t)
			b.send(t, twoEnter)
			bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
			helper := newRemote(t, b, "mimi://b.example/d/benvolio/cli") // whose GroupInfo bob uses
			info, ok := helper.groupInfo(helper.keyPackage("Benvolio"))
			if !ok {
				t.Fatal("benvolio gets no GroupInfo")
			}
			ours := b.svc
			b.svc = &Service{ours.cfg}
			b.svc.cfg.Issue = test.issue(t, b, circle)
			b.svc.cfg.Authenticate = func(mls.Credential, mls.SignaturePublicKey, uint64) error { return nil } // bob's own group does not mind
			kp, err := b.svc.keyPackage(b.seed(), b.now, bob.client, "Bob")
			var staged *mls.Staged
			if err == nil {
				config := b.svc.groupConfig(b.now)
				staged, err = mls.ExternalCommit(b.seed(), info.GroupInfo, kp, mls.ExternalCommitParams{Tree: info.RatchetTree.Tree, AuthenticatedData: emptyAAD, Config: config,
					ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: marshal(&mimi.ParticipantListUpdate{
						Added: []mimi.Participant{{User: bob.client.ClientUser(), Role: roleGuest}}})}}})
			}
			b.svc = ours
			if test.name == "for another key" {
				if err == nil {
					t.Fatal("bob made a leaf with a certificate for another key")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			_, given := bob.groupInfo(kp)
			if given == test.refuse {
				t.Errorf("bob was given the GroupInfo: %v", given)
			}
			before := b.digest()
			a := bob.update(commitRequest(t, staged))
			if (a.Code != mimi.UpdateSuccess) != test.refuse {
				t.Errorf("bob's commit: %+v", a)
			}
			if test.refuse && (b.digest() != before || !strings.Contains(a.Text, "9420-5.3.1-credential")) {
				t.Errorf("not refused because of the credential: %+v", a)
			}
		})
	}
}

// issueFunc is Config.Issue.
type issueFunc = func(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error)

// A member that may add others cannot add a user of somebody else with a key of its own, whatever its certificate says.
func TestForgedClientOfAnother(t *testing.T) {
	b, _ := certified(t)
	b.send(t, twoEnter)
	bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob cannot join: %+v", a)
	}
	b.send(t, adminSet("<item jid='u%bob%b.example@rooms.a.example' affiliation='owner'/>"))
	bob.catchUp()
	evil := pkitest.New(t, b.now, "a.example", "c.example")
	for _, client := range []string{"mimi://c.example/d/carol/phone", "mimi://a.example/d/nurse/anteroom"} {
		forger := &Service{b.svc.cfg}
		forger.cfg.Issue = evil.Issue
		kp, err := forger.keyPackage(b.seed(), b.now, mimi.MustURI(client), "Forged")
		if err != nil {
			t.Fatal(err)
		}
		careless := bob.group.WithConfig(mls.Config{Components: mimi.Components{}, Now: uint64(b.now.Unix())})
		staged, err := careless.Commit(b.seed(), careless.Local()[0], mls.CommitParams{AuthenticatedData: emptyAAD, ByValue: []mls.Proposal{
			mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: marshal(&mimi.ParticipantListUpdate{
				Added: []mimi.Participant{{User: mimi.MustURI(client).ClientUser(), Role: roleMember}}})},
			mls.Add{KeyPackage: kp.KeyPackage},
		}})
		if err != nil {
			t.Fatal(err)
		}
		if a := bob.update(commitRequest(t, staged)); a.Code == mimi.UpdateSuccess || !strings.Contains(a.Text, "x509-unknown-authority") {
			t.Errorf("%s: %+v", client, a)
		}
	}
}

// Certificates of the leaves that commit are renewed with the commit when two thirds of their time are over, and also when all of it is: a gateway that
// was away for long comes back with leaves that others believe.
func TestCertificatesAreRenewed(t *testing.T) {
	b, _ := certified(t)
	b.send(t, twoEnter)
	bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob cannot join: %+v", a)
	}
	until := func() time.Time {
		t.Helper()
		leaf, ok := b.room.leaf(b.room.keeper)
		if !ok {
			t.Fatal("the keeper has no leaf")
		}
		node, _ := b.room.hub.Group().Public().Leaf(leaf)
		_, until, err := mimi.CredentialValidity(node.Credential)
		if err != nil {
			t.Fatal(err)
		}
		return until
	}
	first := until()
	for _, step := range []struct {
		days    int
		renewed bool
	}{{30, false}, {31, true}, {200, true}} {
		b.now = b.now.AddDate(0, 0, step.days)
		before := until()
		b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat'><subject>After "+first.String()+"</subject></message>"+
			"<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"+adminSet("<item nick='Nurse' role='none'/>"))
		if after := until(); after.After(before) != step.renewed || step.renewed && after.Before(b.now.AddDate(0, 0, 80)) {
			t.Errorf("after %d more days the keeper's certificate is valid until %v, before until %v", step.days, after, before)
		}
		bob.group = bob.group.WithNow(uint64(b.now.Unix()))
		bob.catchUp()
		if len(bob.failed) > 0 {
			t.Fatalf("bob, who verifies, could not follow: %v", bob.failed)
		}
	}
}

// A gateway that gets an authority later gives its leaves certificates as they commit; what has one keeps one.
func TestCertificatesComeLater(t *testing.T) {
	b := newBench(t)
	circle := pkitest.New(t, b.now, "a.example")
	b.send(t, twoEnter)
	if n := types(b.room.hub.Group()); n[mls.CredentialBasic] != 3 || len(n) != 1 {
		t.Fatalf("leaves by type of credential: %v", n)
	}
	circle.Trust.Basic = func(string) bool { return true }
	b.svc.cfg.Issue, b.svc.cfg.Authenticate = circle.Issue, circle.Verifier().Authenticate
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	b.send(t, adminSet("<item nick='Romeo' role='none'/>"))
	if n := types(b.room.hub.Group()); n[mls.CredentialX509] == 0 {
		t.Errorf("after a commit nobody has a certificate: %v", n)
	}
	g := b.room.hub.Group()
	leaf, _ := b.room.leaf(b.room.keeper)
	if _, ok := g.Public().Leaf(leaf); !ok {
		t.Fatal("the keeper has no leaf")
	}
	for _, i := range g.Local() {
		node, _ := g.Public().Leaf(i)
		if node.Credential.Type != mls.CredentialX509 {
			continue
		}
		client, err := mimi.CredentialClient(node.Credential)
		if err != nil {
			t.Fatal(err)
		}
		basic := mimi.BasicCredential(client)
		if _, err := g.Commit(b.seed(), i, mls.CommitParams{AuthenticatedData: emptyAAD, Leaf: &mls.LeafChange{Credential: &basic}}); err == nil || !strings.Contains(err.Error(), "credential-weaker") {
			t.Errorf("leaf %d goes back to a basic credential: %v", i, err)
		}
	}
}
