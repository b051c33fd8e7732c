package mucmap

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

var linkPattern = regexp.MustCompile(`var='link'[^>]*><value>([^<]+)</value>`)

// link makes a join link by the command.
func (c *commander) link(fields ...string) string {
	c.t.Helper()
	session, _ := c.begin(commandLink)
	out := c.do(commandLink, session, fill(fields...))
	m := linkPattern.FindStringSubmatch(out)
	if m == nil {
		c.t.Fatalf("no link in\n%s", out)
	}
	wantIn(c.t, "the link as an address", out, "<value>xmpp:"+room+"?join;password="+m[1]+"</value>", "<value>mimi://a.example/r/garden</value>")
	return m[1]
}

func (c *commander) configure(fields ...string) {
	c.t.Helper()
	wantIn(c.t, "configuration", c.send(c.t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='f'><query xmlns='http://jabber.org/protocol/muc#owner'>"+fill(fields...)+"</query></iq>"), "type='result'")
}

// entering is user n at the door with a password.
func entering(n int, password string) string {
	return fmt.Sprintf("<presence from='user%d@a.example/x' to='%s/nick%d' id='e'><x xmlns='http://jabber.org/protocol/muc'><password>%s</password></x></presence>", n, room, n, password)
}

// Only members enter, and who has a link: as a member, as often as it says, across a crash, and no more when it is revoked or its time is
// over. Who came by it stays a member.
func TestJoinLink(t *testing.T) {
	c := newCommander(t)
	c.configure("muc#roomconfig_membersonly", "1")
	link := c.link("uses", "2", "hours", "1")
	wantIn(t, "without it", c.send(t, enter(5)), "registration-required")
	wantIn(t, "with a password that is no link", c.send(t, entering(5, "sesame")), "registration-required")
	wantIn(t, "with it", c.send(t, entering(5, link)), "affiliation='member'", "code='110'")
	c.send(t, "<presence from='user5@a.example/x' to='"+room+"/nick5' type='unavailable'/>")
	wantIn(t, "a member comes again with what its client keeps", c.send(t, entering(5, link)), "code='110'")
	if l := c.room.pub.Links[0]; l.Used != 1 || len(l.Pending) != 0 {
		t.Fatalf("one user came, twice: %+v", l)
	}

	c.hold = true // the commit that lets user6 in never comes through
	c.send(t, entering(6, link))
	c.hold = false
	if err := c.restart(false); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "another one after the crash", c.send(t, entering(7, link)), "not-authorized", "used as often as it may be")
	wantIn(t, "user6 is counted already", c.send(t, entering(6, link)), "affiliation='member'", "code='110'")
	wantIn(t, "the list", c.do(commandLinks, "", ""), "<value>2 of 2</value>", "<value>user0@a.example</value>", "<value>member</value>")

	link = c.link()
	session, form := c.begin(commandUnlink)
	handle := c.room.pub.Links[1].handle()
	wantIn(t, "links to revoke", form, handle)
	wantIn(t, "revoking", c.do(commandUnlink, session, fill("links", handle)), "status='completed'")
	wantIn(t, "revoked", c.send(t, entering(8, link)), "not-authorized", linkText)

	link = c.link("hours", "2")
	c.now = c.now.Add(2*time.Hour + time.Second)
	wantIn(t, "too late", c.send(t, entering(8, link)), "not-authorized", linkText)
	wantIn(t, "nothing left", c.do(commandLinks, "", ""), "no join links")
	c.send(t, "<presence from='user5@a.example/x' to='"+room+"/nick5' type='unavailable'/>")
	wantIn(t, "user5 is a member still", c.send(t, entering(5, link)), "affiliation='member'", "code='110'")
}

// Two at one moment cannot both use up a link for one.
func TestJoinLinkRaced(t *testing.T) {
	c := newCommander(t)
	c.configure("muc#roomconfig_membersonly", "1")
	link := c.link()
	c.hold = true
	if out := c.send(t, entering(5, link)); strings.Contains(out, "error") {
		t.Fatalf("the first is refused:\n%s", out)
	}
	wantIn(t, "the second", c.send(t, entering(6, link)), "not-authorized")
	c.hold = false
	c.out.Reset()
	for _, j := range c.held {
		if err := c.run(j); err != nil {
			t.Fatal(err)
		}
	}
	wantIn(t, "the first", c.out.String(), "user5", "affiliation='member'")
}

// A link stands for the room's password, takes one of its own, makes what it says, and is worth no more than who signed it.
func TestJoinLinkAndPasswords(t *testing.T) {
	c := newCommander(t)
	c.configure("muc#roomconfig_passwordprotectedroom", "1", "muc#roomconfig_roomsecret", "sesame")
	link := c.link("affiliation", "none", "uses", "9", "password", "rose.garden")
	wantIn(t, "no password", c.send(t, enter(5)), "not-authorized")
	wantIn(t, "the link alone", c.send(t, entering(5, link)), "not-authorized", "takes its password")
	wantIn(t, "the room's password behind it", c.send(t, entering(5, link+".sesame")), "not-authorized")
	wantIn(t, "both", c.send(t, entering(5, link+".rose.garden")), "affiliation='none'", "role='participant'", "code='110'")
	wantIn(t, "a second device by the same", c.send(t, strings.Replace(entering(5, link), "/x'", "/y'", 1)), "code='110'")
	wantIn(t, "the room's password", c.send(t, entering(6, "sesame")), "code='110'")

	forged, _, err := mimi.ParseJoinLink(link)
	if err != nil {
		t.Fatal(err)
	}
	forged.Role, forged.Password = roleOwner, false
	wantIn(t, "forged", c.send(t, entering(7, forged.String())), "not-authorized", linkText)

	c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='i'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='admin' jid='user1@a.example'/></query></iq>")
	admin := c.as("user1@a.example/x")
	session, _ := admin.begin(commandLink)
	wantIn(t, "an admin for admins", admin.do(commandLink, session, fill("affiliation", "admin")), "forbidden")
	member := admin.link("uses", "9")
	wantIn(t, "an admin's link", c.send(t, entering(7, member)), "affiliation='member'")
	admins := c.link("affiliation", "admin")
	wantIn(t, "an owner's link for admins", c.send(t, entering(8, admins)), "affiliation='admin'", "role='moderator'")
	c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='i'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='user1@a.example'/></query></iq>")
	wantIn(t, "by who is no admin any more", c.send(t, entering(9, member)), "not-authorized", linkText)
	c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='i'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='user10@a.example'/></query></iq>")
	wantIn(t, "who is banned", c.send(t, entering(10, link+".rose.garden")), "forbidden")
	if l := c.room.pub.Links[0]; l.Used != 1 {
		t.Errorf("the link was used once, it says %d", l.Used)
	}
	if err := c.restart(true); err != nil {
		t.Fatal(err)
	}
	log := fmt.Sprintf("%s %s", c.disk.events, c.disk.snapshot)
	for _, secret := range []string{link, "rose.garden"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
}

func TestJoinLinkFormsRefused(t *testing.T) {
	c := newCommander(t)
	session, _ := c.begin(commandLink)
	for _, fields := range [][]string{{"affiliation", "owner"}, {"hours", "0"}, {"hours", "721"}, {"uses", "1001"}, {"uses", "-1"}, {"uses", "many"}, {"password", strings.Repeat("x", maxPassword+1)}} {
		wantIn(t, fields[0], c.do(commandLink, session, fill(fields...)), "<bad-payload", fields[0])
	}
	c.configure("muc#roomconfig_membersonly", "1")
	wantIn(t, "guests of a room for members", c.do(commandLink, session, fill("affiliation", "none")), "<bad-payload")
	c.configure("muc#roomconfig_membersonly", "0")
	for range MaxJoinLinks {
		c.link()
	}
	session, _ = c.begin(commandLink)
	wantIn(t, "too many", c.do(commandLink, session, fill()), "has 64 join links")
	session, _ = c.begin(commandUnlink)
	wantIn(t, "none named", c.do(commandUnlink, session, fill()), "<bad-payload")
	wantIn(t, "no such link", c.do(commandUnlink, session, fill("links", "00000000")), "<bad-payload")
	wantIn(t, "a stranger", c.as("user2@a.example/x").do(commandLink, "", ""), "<forbidden")
}

// withCode asks for the GroupInfo with a joining code.
func (r *remote) withCode(kp *mls.KeyPackageSecrets, code string) (*mimi.GroupInfoAndTree, bool) {
	r.t.Helper()
	private, public, err := mls.NewHPKEKey(suite, r.b.seed())
	r.must(err)
	q := &mimi.GroupInfoRequest{Suite: suite, SignatureKey: kp.KeyPackage.LeafNode.SignatureKey, Credential: kp.KeyPackage.LeafNode.Credential, HPKEKey: public, JoiningCode: []byte(code)}
	r.must(q.Sign(mls.Signer{Suite: suite, Public: q.SignatureKey, Private: kp.Signature}))
	var a mimi.GroupInfoResponse
	r.must(wire.Unmarshal(r.request(RequestGroupInfo, wire.Marshal(q)), &a))
	if a.Code != mimi.GroupInfoSuccess {
		return nil, false
	}
	info, err := a.Open(suite, private)
	r.must(err)
	return info, true
}

// A user of another provider shows the link as joining code, and joins by external commit as what it makes, as nothing more, and not without
// having shown it (draft-ietf-mimi-protocol-06 §5.6, draft-ietf-mimi-room-policy-04 §8.1.1).
func TestJoinLinkAsJoiningCode(t *testing.T) {
	c := newCommander(t)
	c.configure("muc#roomconfig_membersonly", "1")
	link := c.link("uses", "2")
	bob := newRemote(t, c.bench, "mimi://b.example/d/bob/cli")
	kp := bob.keyPackage("Bob")
	if _, ok := bob.groupInfo(kp); ok {
		t.Fatal("the GroupInfo without a code")
	}
	if _, ok := bob.withCode(kp, link[:len(link)-2]+"AA"); ok {
		t.Fatal("the GroupInfo for a broken code")
	}
	info, ok := bob.withCode(kp, link)
	if !ok {
		t.Fatal("no GroupInfo for the link")
	}
	eve := newRemote(t, c.bench, "mimi://b.example/d/eve/cli")
	if a := eve.update(commitRequest(t, eve.external(info, eve.keyPackage("Eve"), roleMember))); a.Code != mimi.UpdateNotAllowed {
		t.Fatalf("somebody else of the same provider uses bob's GroupInfo: %+v", a)
	}
	for _, role := range []mimi.RoleIndex{roleGuest, roleAdmin, roleOwner} {
		if a := bob.update(commitRequest(t, bob.external(info, kp, role))); a.Code != mimi.UpdateNotAllowed {
			t.Fatalf("as role %d: %+v", role, a)
		}
	}
	if _, ok := bob.withCode(kp, link); !ok {
		t.Error("asking again, after a lost answer")
	}
	c.out.Reset()
	if a := bob.update(commitRequest(t, bob.external(info, kp, roleMember))); a.Code != mimi.UpdateSuccess {
		t.Fatalf("as a member: %+v", a)
	}
	wantIn(t, "XMPP users see", c.out.String(), "Bob", "affiliation='member'")
	if l := c.room.pub.Links[0]; l.Used != 1 || len(l.Pending) != 0 {
		t.Errorf("bob is in by %+v", l)
	}
	if _, ok := eve.withCode(eve.keyPackage("Eve"), link); !ok {
		t.Error("the second use")
	}
	mallory := newRemote(t, c.bench, "mimi://m.example/d/mallory/cli")
	if _, ok := mallory.withCode(mallory.keyPackage("M"), link); ok {
		t.Error("a third use")
	}
}

// A link that was shown and has not let in yet ends with the right of who made it.
func TestJoinLinkOfSomebodyDemoted(t *testing.T) {
	c := newCommander(t)
	c.configure("muc#roomconfig_membersonly", "1")
	c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='admin' jid='user1@a.example'/></query></iq>")
	link := c.as("user1@a.example/x").link()
	c.hold = true
	c.send(t, entering(5, link))
	c.hold = false
	if err := c.restart(false); err != nil {
		t.Fatal(err)
	}
	c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='none' jid='user1@a.example'/></query></iq>")
	wantIn(t, "demoted", c.send(t, enter(5)), "type='error'")
}
