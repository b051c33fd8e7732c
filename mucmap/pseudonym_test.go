package mucmap

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"anteroom/internal/conform"
	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

func TestPseudonymNames(t *testing.T) {
	svc := testService(t)
	user := func(jid string) mimi.URI {
		u, err := svc.UserURI(xmpp.MustParseJID(jid))
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	juliet := user("juliet@a.example")
	p := svc.pseudonym([]byte("one room"), juliet)
	if again := svc.pseudonym([]byte("one room"), juliet); again != p || !isPseudonym(p) || !svc.local(p) || isPseudonym(juliet) {
		t.Errorf("%s and %s", p, again)
	}
	for what, other := range map[string]mimi.URI{
		"another room":    svc.pseudonym([]byte("another room"), juliet),
		"another user":    svc.pseudonym([]byte("one room"), user("romeo@a.example")),
		"another domain":  svc.pseudonym([]byte("one room"), user("juliet@other.example")),
		"the user itself": juliet,
	} {
		if other == p {
			t.Errorf("%s has the same name", what)
		}
	}
	// Nobody's address becomes a pseudonym, and nobody is addressed by one.
	for _, jid := range []string{p.Name() + "@a.example", svc.UserJID(p).String()} {
		if j, err := xmpp.ParseJID(jid); err == nil {
			if u, err := svc.UserURI(j); err == nil {
				t.Errorf("%s is %s", jid, u)
			}
		}
	}
}

// whois is juliet's order to show addresses to everybody, or to moderators only.
func whois(who string) string {
	return "<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_whois'><value>" +
		who + "</value></field></x></query></iq>"
}

// tree is what a participant of another provider sees: users with their signature keys.
func (r *remote) tree() map[string]string {
	r.t.Helper()
	r.catchUp()
	if len(r.failed) > 0 {
		r.t.Fatalf("%s failed: %v", r.client, r.failed)
	}
	all := map[string]string{}
	for _, node := range r.group.Public().Leaves() {
		all[nodeUser(node).Name()] = string(node.SignatureKey)
	}
	st, err := policy.StateOf(r.group.Public())
	r.must(err)
	if st.Base().Pseudonyms == r.b.room.pub.Config.Anyone {
		r.t.Errorf("pseudonyms_allowed is %v", st.Base().Pseudonyms)
	}
	for _, p := range st.Participants() {
		if st.Clients(p.User) > 0 && all[p.User.Name()] == "" {
			r.t.Errorf("%s is listed as active and has no leaf", p.User)
		}
	}
	return all
}

// When whois changes, all of our users change their names in the group by one commit, with new keys; on the XMPP side they only hear
// of it (XEP-0045 §10.2.1), and what held for them holds on.
func TestWhoisChangeRenewsCredentials(t *testing.T) {
	b, bob := meet(t)
	b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"+adminSet("<item affiliation='outcast' jid='nurse@a.example'/>")+
		adminSet("<item affiliation='member' jid='paris@a.example'/>"))
	julietHidden, romeoHidden, nurseHidden, id := b.listed("juliet").Name(), b.listed("romeo").Name(), b.listed("nurse"), b.room.pub.occupantID(mimi.MustURI("mimi://a.example/u/juliet"))
	before := bob.tree()
	if before[julietHidden] == "" || before[romeoHidden] == "" || before["juliet"] != "" || len(before) != 4 {
		t.Fatalf("bob sees %q", before)
	}
	epoch := b.room.pub.Epoch

	out := b.send(t, whois("anyone"))
	wantIn(t, "to non-anonymous", out, "<status code='172'/>", "type='result'")
	if strings.Contains(out, "type='unavailable'") || strings.Contains(out, "type='error'") || b.room.pub.Epoch != epoch+2 {
		t.Errorf("epoch %d after %d:\n%s", b.room.pub.Epoch, epoch, out)
	}
	shown := bob.tree()
	if shown["juliet"] == "" || shown["romeo"] == "" || len(shown) != 4 {
		t.Errorf("bob sees %q", shown)
	}
	for user, key := range shown {
		for old, was := range before {
			if key == was && user != old {
				t.Errorf("%s and %s have one key", user, old)
			}
		}
	}
	wantIn(t, "nurse stays banned", b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"), "forbidden")
	b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Here I am</body></message>")
	if bob.tree(); bob.heard[len(bob.heard)-1] != "romeo: Here I am" {
		t.Errorf("bob heard %q", bob.heard)
	}

	// Back: everybody has the same pseudonym as before, and a new key.
	wantIn(t, "to semi-anonymous", b.send(t, whois("moderators")), "<status code='173'/>", "type='result'")
	hidden := bob.tree()
	if hidden[julietHidden] == "" || hidden[romeoHidden] == "" || len(hidden) != 4 {
		t.Errorf("bob sees %q", hidden)
	}
	for user, key := range hidden {
		if isPseudonym(mimi.MustURI("mimi://a.example/u/"+strings.ReplaceAll(strings.ReplaceAll(user, ":", "%3A"), "/", "%2F"))) && (key == before[user] || key == shown["romeo"] || key == shown["juliet"]) {
			t.Errorf("%s keeps its key", user)
		}
	}
	st, err := policy.StateOf(bob.group.Public())
	if err != nil || st.RoleOf(nurseHidden) != roleBanned || st.RoleOf(b.listed("paris")) != roleMember {
		t.Errorf("nurse is %d, paris %d, %v", st.RoleOf(nurseHidden), st.RoleOf(b.listed("paris")), err)
	}
	if now := b.room.pub.occupantID(mimi.MustURI("mimi://a.example/u/juliet")); now != id {
		t.Errorf("juliet's occupant id was %s and is %s", id, now)
	}
	wantIn(t, "nurse stays banned", b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"), "forbidden")
	wantIn(t, "lists hold addresses", b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='get' id='l'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast'/></query></iq>"),
		"jid='nurse@a.example'")
}

// A crash between the two commits, before or after any write: the group ends with the right names.
func TestWhoisChangeWithCrashes(t *testing.T) {
	crashes := 0
	for _, who := range []string{"anyone", "moderators"} {
		for _, after := range []bool{false, true} {
			for n := 1; n <= 4; n++ {
				b, bob := meet(t)
				if who == "moderators" {
					b.send(t, whois("anyone"))
				}
				b.check = false
				b.crashAt, b.after = b.writes+n, after
				all, err := stanzas(whois(who))
				if err != nil {
					t.Fatal(err)
				}
				if err := b.feed(StanzaIn{all[0]}); err != nil {
					t.Fatalf("crash at write %d, after %v: %v", n, after, err)
				}
				if b.crashed {
					crashes++
				}
				for _, u := range []string{"juliet", "romeo"} {
					if name := b.listed(u); isPseudonym(name) != (who == "moderators") || bob.tree()[name.Name()] == "" {
						t.Errorf("%s, crash at write %d, after %v: %s is %s, bob sees %q", who, n, after, u, name, bob.tree())
					}
				}
				if err := b.room.mirrors(); err != nil {
					t.Error(err)
				}
			}
		}
	}
	if crashes == 0 {
		t.Error("no crash happened")
	}
}

// commitOf is bob's commit with proposals of his own.
func (r *remote) commitOf(p ...mls.Proposal) mimi.UpdateResponse {
	r.t.Helper()
	r.catchUp()
	staged, err := r.group.Commit(r.b.seed(), r.group.Local()[0], mls.CommitParams{ByValue: p, AuthenticatedData: emptyAAD})
	r.must(err)
	a := r.update(commitRequest(r.t, staged))
	if a.Code == mimi.UpdateSuccess {
		r.group = staged.Group
		if own := wire.Marshal(staged.Commit); r.read < len(r.b.disk.outbox) && bytes.Contains(r.b.disk.outbox[r.read].Body, own) {
			r.read++
		}
	}
	return a
}

func listUpdate(u mimi.ParticipantListUpdate) mls.Proposal {
	return mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&u)}
}

// An admin of another provider acts on people as the group knows them: the hub takes no second name for anybody, and a ban of
// somebody who has just left holds when it comes back.
func TestRemoteAdminAndPseudonyms(t *testing.T) {
	b, bob := meet(t)
	b.send(t, adminSet("<item affiliation='owner' jid='u%bob%b.example@rooms.a.example'/>"))
	add := func(name string, role mimi.RoleIndex) mimi.UpdateResponse {
		return bob.commitOf(listUpdate(mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI(name), Role: role}}}))
	}
	b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>")
	nurse := b.listed("nurse")
	b.send(t, adminSet("<item nick='Nurse' role='none'/>")) // a guest: not listed any more
	stranger := b.svc.pseudonym([]byte("another room"), mimi.MustURI("mimi://a.example/u/nurse"))
	for what, name := range map[string]string{"a real name": "mimi://a.example/u/nurse", "a real name that is listed": "mimi://a.example/u/juliet", "nobody's pseudonym": stranger.String()} {
		for _, role := range []mimi.RoleIndex{roleBanned, roleMember} {
			if a := add(name, role); a.Code != mimi.UpdateNotAllowed {
				t.Errorf("%s as %d: %+v", what, role, a)
			}
		}
	}
	if a := add("mimi://c.example/u/carol", roleBanned); a.Code != mimi.UpdateSuccess {
		t.Errorf("a user of a third provider: %+v", a)
	}
	if a := add(nurse.String(), roleBanned); a.Code != mimi.UpdateSuccess {
		t.Fatalf("a ban of somebody who has left: %+v", a)
	}
	wantIn(t, "nurse is banned", b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"), "forbidden")
	if m := b.room.pub.members[mimi.MustURI("mimi://a.example/u/nurse")]; m == nil || m.Role != roleBanned {
		t.Errorf("nurse is %+v", m)
	}

	// In a non-anonymous room it is the other way round.
	b.send(t, whois("anyone"))
	if a := add(b.svc.pseudonym(b.room.pub.Veil, mimi.MustURI("mimi://a.example/u/paris")).String(), roleMember); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("a pseudonym in a non-anonymous room: %+v", a)
	}
	if a := add("mimi://a.example/u/paris", roleMember); a.Code != mimi.UpdateSuccess {
		t.Errorf("a user by its name in a non-anonymous room: %+v", a)
	}

	// Whoever may change the base policy changes whois, and our users are renamed as by the form.
	base := b.room.pub.Config.base(b.room.hub.State().Base())
	base.Pseudonyms = true
	b.out.Reset()
	if a := bob.commitOf(mls.AppDataUpdate{Component: mimi.ComponentBaseRoomPolicy, Update: wire.Marshal(base)}); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob's policy: %+v", a)
	}
	wantIn(t, "bob hides everybody", b.out.String(), "<status code='173'/>", "listed as anon%3A")
	if tree := bob.tree(); tree["juliet"] != "" || tree[b.listed("juliet").Name()] == "" {
		t.Errorf("bob sees %q", tree)
	}
}

// MaxDeparted bounds what a room remembers of those who left; the newest stay known, also after a restart from a snapshot.
func TestDepartedAreBounded(t *testing.T) {
	s := newState(testService(t), xmpp.MustParseJID(room))
	s.Veil = []byte("key")
	p := &stage{}
	user := func(i int) mimi.URI { return mimi.MustURI(fmt.Sprintf("mimi://a.example/u/u%d", i)) }
	for i := range MaxDeparted + 10 {
		u := user(i)
		(&change{User: u, As: s.wanted(u), To: roleGuest, Leaves: 1}).apply(s, p, s.Created)
		(&change{User: u, As: s.wanted(u), From: roleGuest}).apply(s, p, s.Created)
	}
	if len(s.Departed) != MaxDeparted || len(s.veiled) != MaxDeparted {
		t.Errorf("%d departed, %d known", len(s.Departed), len(s.veiled))
	}
	if u := user(0); s.behind(s.wanted(u)) == u {
		t.Error("the first to leave is still known")
	}
	back, err := decodeState(s.svc, s.addr, s.encode())
	if err != nil {
		t.Fatal(err)
	}
	if u := user(MaxDeparted + 9); back.behind(s.wanted(u)) != u || s.behind(s.wanted(u)) != u {
		t.Error("the last to leave is not known")
	}
	// Who comes back is no departed any more.
	u := user(MaxDeparted)
	(&change{User: u, As: s.wanted(u), To: roleGuest, Leaves: 1}).apply(s, p, s.Created)
	if len(s.Departed) != MaxDeparted-1 || s.behind(s.wanted(u)) != u {
		t.Errorf("%d departed", len(s.Departed))
	}
}

// More users than fit into one commit are renamed by several.
func TestManyAreRenamed(t *testing.T) {
	b, bob := meet(t)
	b.check = false
	for n := 0; n < MaxRenamed; n += MaxItems {
		var items strings.Builder
		for i := range MaxItems {
			fmt.Fprintf(&items, "<item affiliation='member' jid='u%d@a.example'/>", n+i)
		}
		wantIn(t, "members", b.send(t, adminSet(items.String())), "type='result'")
	}
	epoch, commits := b.room.pub.Epoch, 1+(len(b.room.pub.members)+MaxRenamed-1)/MaxRenamed
	if commits < 3 {
		t.Fatalf("%d members are too few", len(b.room.pub.members))
	}
	b.send(t, whois("anyone"))
	if got := b.room.pub.Epoch - epoch; got != uint64(commits) || len(b.room.pub.misnamed()) > 0 {
		t.Errorf("%d commits, want %d; %d have the wrong name", got, commits, len(b.room.pub.misnamed()))
	}
	if err := b.room.mirrors(); err != nil {
		t.Error(err)
	}
	if tree := bob.tree(); tree["juliet"] == "" {
		t.Error("bob does not know juliet")
	}
}

// spy is everything that other providers get of a room: bodies as they leave, and what they hold once opened.
type spy struct {
	raw  [][]byte
	seen int // deliveries looked at
}

func (y *spy) collect(b *bench, members ...*remote) {
	for ; y.seen < len(b.disk.outbox); y.seen++ {
		y.raw = append(y.raw, b.disk.outbox[y.seen].Body)
	}
	for _, r := range b.reply {
		y.raw = append(y.raw, r.Body)
	}
	for _, r := range members {
		if r.group == nil {
			continue
		}
		r.catchUp()
		for _, m := range r.got {
			data, err := m.Encode()
			r.must(err)
			y.raw = append(y.raw, data)
		}
		for _, part := range r.group.Parts(nil).Set { // tree, context and all that joining gave
			y.raw = append(y.raw, part)
		}
	}
}

// names are those of the words that occur.
func (y *spy) names(words ...string) (found []string) {
	for _, w := range words {
		for _, b := range y.raw {
			if bytes.Contains(bytes.ToLower(b), []byte(w)) {
				found = append(found, w)
				break
			}
		}
	}
	return found
}

// walkAnonymously does everything that a room's users do, with nicks that say nothing, while bob and carol of other providers listen.
func walkAnonymously(t *testing.T, who string) *spy {
	b := newBench(t)
	b.check = true
	y := &spy{}
	const (
		owner, guest, other = "capulet-juliet@a.example/balcony", "montague-romeo@a.example/orchard", "angelica-nurse@other.example/hall"
		absent, applicant   = "county-paris@a.example", "friar-laurence@a.example/cell"
	)
	join := func(from, nick string) string {
		return "<presence from='" + from + "' to='" + room + "/" + nick + "'>" + joinX + "</presence>"
	}
	say := func(from, id, payload string) string {
		return "<message from='" + from + "' to='" + room + "' type='groupchat' id='" + id + "'>" + payload + "</message>"
	}
	set := func(item string) string {
		return "<iq from='" + owner + "' to='" + room + "' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'>" + item + "</query></iq>"
	}
	form := func(field, value string) string {
		return "<iq from='" + owner + "' to='" + room + "' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='" +
			field + "'><value>" + value + "</value></field></x></query></iq>"
	}
	eve := newRemote(t, b, "mimi://d.example/d/eve/cli")
	b.peers = func(q PeerRequest) (int, []byte) {
		y.raw = append(y.raw, []byte(q.Room), q.Body)
		var k mimi.KeyMaterialRequest
		eve.must(wire.Unmarshal(q.Body, &k))
		if k.Target != eve.client.ClientUser() {
			return 200, wire.Marshal(&mimi.KeyMaterialResponse{Code: mimi.KeyMaterialNoConsent, User: k.Target})
		}
		return 200, wire.Marshal(&mimi.KeyMaterialResponse{User: k.Target, Clients: []mimi.ClientKeyMaterial{{Client: eve.client, KeyPackage: &eve.keyPackage("Eve").KeyPackage}}})
	}
	b.send(t, join(owner, "Jay")+form("muc#roomconfig_whois", who)+join(guest, "Ro"))
	bob, carol := newRemote(t, b, "mimi://b.example/d/bob/cli"), newRemote(t, b, "mimi://c.example/d/carol/cli")
	for _, r := range []*remote{bob, carol} {
		kp := r.keyPackage("x")
		info, ok := r.groupInfo(kp)
		if !ok {
			t.Fatal("no GroupInfo")
		}
		y.raw = append(y.raw, wire.Marshal(info.GroupInfo), wire.Marshal(&info.RatchetTree))
		if a := r.join(strings.ToUpper(r.client.Name())); a.Code != mimi.UpdateSuccess {
			t.Fatalf("%s cannot join: %+v", r.client, a)
		}
	}
	b.send(t, join(other, "En")+join("montague-romeo@a.example/tablet", "Ro")+
		say(owner, "1", "<body>Hello</body><thread>t</thread>")+
		say(guest, "2", "<body>Hi</body><delay xmlns='urn:xmpp:delay' from='montague-romeo@a.example' stamp='2026-05-03T12:00:00Z'/>"+
			"<stanza-id xmlns='urn:xmpp:sid:0' by='montague-romeo@a.example' id='z'/><origin-id xmlns='urn:xmpp:sid:0' id='o'/>"+
			"<addresses xmlns='http://jabber.org/protocol/address'><address type='ofrom' jid='montague-romeo@a.example'/></addresses>"+
			"<archived xmlns='urn:xmpp:mam:tmp' by='montague-romeo@a.example' id='q'/><x xmlns='urn:example:card'><jid>Montague-Romeo@a.example/orchard</jid></x>"+
			"<active xmlns='http://jabber.org/protocol/chatstates'/>")+
		say(guest, "3", "<body>Hi all</body><replace xmlns='urn:xmpp:message-correct:0' id='2'/>")+
		"")
	b.send(t, say(owner, "4", "<body>Welcome</body><reply xmlns='urn:xmpp:reply:0' to='"+room+"/Ro' id='"+b.lastID()+"'/>")+
		"")
	b.send(t, say(other, "5", "<reactions xmlns='urn:xmpp:reactions:0' id='"+b.lastID()+"'><reaction>+</reaction></reactions>")+
		say(owner, "6", "<subject>Night</subject>")+
		"<presence from='"+guest+"' to='"+room+"/Roo'/>"+
		set("<item nick='Roo' role='visitor'><reason>hush</reason></item>")+set("<item nick='Roo' role='participant'/>")+
		set("<item jid='montague-romeo@a.example' affiliation='admin'><reason>trusted</reason></item>")+
		set("<item jid='"+absent+"' affiliation='member'/><item jid='tybalt-capulet@a.example' affiliation='outcast'><reason>r</reason></item>")+
		set("<item nick='En' role='none'><reason>out</reason></item>")+
		set("<item jid='u%bob%b.example@rooms.a.example' affiliation='member'/><item jid='u%carol%c.example@rooms.a.example' affiliation='member'/>")+
		form("muc#roomconfig_membersonly", "1")+form("muc#roomconfig_roomname", "Orchard")+form("muc#roomconfig_membersonly", "0")+
		"<iq from='"+applicant+"' to='"+room+"' type='set' id='g'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>Lo</value></field></x></query></iq>"+
		"<message from='"+owner+"' to='"+room+"'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>Lo</value></field><field var='muc#register_allow'><value>1</value></field></x></message>"+
		join(applicant, "Lo")+join(other, "En")+
		"<message from='"+owner+"' to='"+room+"'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='balthasar-page@a.example'><reason>come</reason></invite>"+
		"<invite to='u%dave%d.example@rooms.a.example'><reason>come too</reason></invite><invite to='u%eve%d.example@rooms.a.example'/></x></message>")
	if b.room.pub.members[eve.client.ClientUser()] == nil || len(b.room.pub.Awaiting) != 1 {
		t.Errorf("eve was not added, or dave not asked:\n%s", b.out.String())
	}
	b.send(t, "<iq from='"+owner+"' to='"+room+"' type='set' id='m'><moderate xmlns='urn:xmpp:message-moderate:1' id='"+b.lastID()+"'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>"+
		"<presence from='"+other+"' to='"+room+"/En' type='unavailable'/>")
	for _, r := range []*remote{bob, carol} {
		y.collect(b, bob, carol)
		if len(r.failed) > 0 || len(r.got) == 0 {
			t.Fatalf("%s heard %q, failed %v", r.client, r.heard, r.failed)
		}
		info, ok := r.groupInfo(r.keyPackage("x")) // of a room that has grown
		if !ok {
			t.Fatal("no GroupInfo")
		}
		y.raw = append(y.raw, wire.Marshal(info.GroupInfo), wire.Marshal(&info.RatchetTree))
		if a := r.say("I hear", r.client.ClientUser()); a.Code != mimi.SubmitAccepted {
			t.Errorf("%s speaks: %+v", r.client, a)
		}
	}
	y.collect(b, bob, carol)
	b.send(t, "<iq from='"+owner+"' to='"+room+"' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy><reason>End</reason></destroy></query></iq>")
	y.collect(b)
	return y
}

// lastID is the stanza-id of the newest message.
func (b *bench) lastID() string {
	if n := len(b.disk.archive); n > 0 {
		return b.disk.archive[n-1].ID
	}
	return "none"
}

// In a semi-anonymous room no byte that leaves for another provider, and nothing that a member of another provider can open, holds the
// localpart of one of our users. The same walk in a non-anonymous room shows that the search finds what is there.
func TestNothingNamesPseudonymousUsers(t *testing.T) {
	people := []string{"capulet-juliet", "montague-romeo", "angelica-nurse", "county-paris", "friar-laurence", "tybalt-capulet"}
	y := walkAnonymously(t, "moderators")
	if found := y.names(people...); len(found) > 0 {
		t.Errorf("other providers learn of %q", found)
	}
	if found := y.names("anon%3a", "orchard", "night", "hush", "welcome"); len(found) != 5 {
		t.Errorf("of the walk only %q arrived", found)
	}
	if found := walkAnonymously(t, "anyone").names(people...); len(found) != len(people) {
		t.Errorf("in a non-anonymous room only %q occur", found)
	}
}

// Members read the member list of a members-only room, which holds addresses, only where addresses are for everybody (XEP-0045 §5.2.1, §9.5).
func TestMemberListHoldsAddresses(t *testing.T) {
	conform.Holds(t, "0045-5.2.1-1", "0045-9.5-2")
	b, _ := meet(t)
	b.send(t, adminSet("<item affiliation='member' jid='romeo@a.example'/><item affiliation='member' jid='paris@a.example'/>")+strings.Replace(whois("moderators"), "</x>",
		"<field var='muc#roomconfig_membersonly'><value>1</value></field></x>", 1))
	const ask = "<iq from='romeo@a.example/orchard' to='" + room + "' type='get' id='l'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member'/></query></iq>"
	out := b.send(t, ask)
	if wantIn(t, "semi-anonymous", out, "forbidden"); strings.Contains(out, "paris") {
		t.Errorf("a member learns addresses:\n%s", out)
	}
	b.send(t, whois("anyone"))
	wantIn(t, "non-anonymous", b.send(t, ask), "type='result'", "jid='paris@a.example'")
}
