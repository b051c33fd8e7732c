package mucmap

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// remote is a participant of another provider: one MLS client that knows nothing but what the hub sends it.
type remote struct {
	t      *testing.T
	b      *bench
	client mimi.URI
	group  *mls.Group
	read   int      // deliveries taken from the outbox
	heard  []string // texts that it decrypted
	got    []received
	failed []error // what it could not process
	n      int
}

// received is a message as MIMI content, with its id.
type received struct {
	*content.Message
	id content.MessageID
}

// last catches up and returns the newest message.
func (r *remote) last() received {
	r.t.Helper()
	r.catchUp()
	if len(r.got) == 0 || len(r.failed) > 0 {
		r.t.Fatalf("%d messages, failed %v", len(r.got), r.failed)
	}
	return r.got[len(r.got)-1]
}

func newRemote(t *testing.T, b *bench, client string) *remote {
	return &remote{t: t, b: b, client: mimi.MustURI(client)}
}

func (r *remote) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *remote) keyPackage(nick string) *mls.KeyPackageSecrets {
	r.t.Helper()
	kp, err := r.b.svc.keyPackage(r.b.seed(), r.b.now, r.client, nick)
	r.must(err)
	return kp
}

// request sends a body to the hub and returns the answer.
func (r *remote) request(kind RequestKind, body []byte) []byte {
	r.t.Helper()
	r.n++
	id := fmt.Sprintf("%s %d", r.client.Provider(), r.n)
	err := r.b.step(Request{ID: id, Provider: r.client.Provider(), Kind: kind, Body: body})
	for errors.Is(err, errCrash) && r.b.onCrash != nil { // no answer: asked again, byte for byte
		r.must(r.b.onCrash())
		err = r.b.step(Request{ID: id, Provider: r.client.Provider(), Kind: kind, Body: body})
	}
	r.must(err)
	for n := 0; r.b.reply[id].Status == statusTryAgain && n < 2; n++ { // as providers do
		r.must(r.b.step(Request{ID: id, Provider: r.client.Provider(), Kind: kind, Body: body}))
	}
	reply, ok := r.b.reply[id]
	if !ok || reply.Status != 200 {
		r.t.Fatalf("%s was answered with %+v", kind, reply)
	}
	return reply.Body
}

func (r *remote) update(q *mimi.UpdateRequest) mimi.UpdateResponse {
	r.t.Helper()
	var a mimi.UpdateResponse
	r.must(wire.Unmarshal(r.request(RequestUpdate, wire.Marshal(q)), &a))
	return a
}

// groupInfo asks for what an external commit needs; ok is false when the hub refuses.
func (r *remote) groupInfo(kp *mls.KeyPackageSecrets) (*mimi.GroupInfoAndTree, bool) {
	r.t.Helper()
	private, public, err := mls.NewHPKEKey(suite, r.b.seed())
	r.must(err)
	q := &mimi.GroupInfoRequest{Suite: suite, SignatureKey: kp.KeyPackage.LeafNode.SignatureKey, Credential: kp.KeyPackage.LeafNode.Credential, HPKEKey: public}
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

// join enters by external commit, as the role that the room gives.
func (r *remote) join(nick string) mimi.UpdateResponse {
	r.t.Helper()
	kp := r.keyPackage(nick)
	info, ok := r.groupInfo(kp)
	if !ok {
		return mimi.UpdateResponse{Code: mimi.UpdateNotAllowed}
	}
	staged := r.external(info, kp, roleGuest)
	a := r.update(commitRequest(r.t, staged))
	if a.Code == mimi.UpdateSuccess {
		r.group, r.read = staged.Group, len(r.b.disk.outbox)
	}
	return a
}

func (r *remote) external(info *mimi.GroupInfoAndTree, kp *mls.KeyPackageSecrets, role mimi.RoleIndex) *mls.Staged {
	r.t.Helper()
	p := mls.ExternalCommitParams{Tree: info.RatchetTree.Tree, AuthenticatedData: emptyAAD, Config: r.b.svc.groupConfig(r.b.now)}
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: r.client.ClientUser(), Role: role}}}
	p.ByValue = []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&list)}}
	staged, err := mls.ExternalCommit(r.b.seed(), info.GroupInfo, kp, p)
	r.must(err)
	return staged
}

func commitRequest(t *testing.T, staged *mls.Staged) *mimi.UpdateRequest {
	t.Helper()
	info, err := staged.Group.GroupInfo(staged.Effects.Committer, false)
	if err != nil {
		t.Fatal(err)
	}
	return &mimi.UpdateRequest{Message: staged.Commit, Welcome: staged.Welcome, GroupInfo: mimi.GroupInfoOption{Full: info},
		RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeDistributionService}}
}

// catchUp processes what the hub has sent since.
func (r *remote) catchUp() {
	r.t.Helper()
	for ; r.read < len(r.b.disk.outbox); r.read++ {
		d := r.b.disk.outbox[r.read]
		if d.Provider != r.client.Provider() {
			continue
		}
		messages, err := mimi.ParseFanout(d.Body)
		r.must(err)
		for _, m := range messages {
			r.take(m.Message)
			for _, more := range m.More {
				r.take(more)
			}
		}
	}
}

func (r *remote) take(m *mls.Message) {
	var err error
	var next *mls.Group
	switch {
	case m.Private != nil:
		var app *mls.ApplicationMessage
		if next, app, err = r.group.Unprotect(m); err == nil {
			msg, derr := content.Decode(app.Data)
			r.must(derr)
			user := nodeUser(app.SenderNode)
			r.got = append(r.got, received{msg, content.ID(user, r.b.room.uri, app.Data, msg.Salt)})
			text := ""
			for _, e := range msg.ToXMPP(content.Names{}).Payload {
				if e.Name.Local == "body" {
					text = e.Text()
				}
			}
			r.heard = append(r.heard, user.Name()+": "+text)
		}
	case m.Public != nil && m.Public.Content.ContentType == mls.ContentProposal:
		next, _, err = r.group.AddProposal(m)
	case m.Public != nil:
		var staged *mls.Staged
		if staged, err = r.group.StageCommit(m); err == nil {
			before, perr := policy.StateOf(staged.Effects.Before)
			r.must(perr)
			if _, perr := policy.AuthorizeCommit(before, staged.Effects, policy.Options{}); perr != nil {
				r.t.Errorf("the hub let through what policy refuses: %v", perr)
			}
			next = staged.Group
		}
	default:
		err = errors.New("unexpected message")
	}
	if err != nil {
		r.failed = append(r.failed, err)
		return
	}
	if next != nil {
		r.group = next
	}
}

// say sends a message as MIMI content.
func (r *remote) say(text string, sender mimi.URI) mimi.SubmitMessageResponse {
	r.t.Helper()
	st, err := stanzas("<message to='garden@rooms.a.example' type='groupchat'><body>" + text + "</body></message>")
	r.must(err)
	a, _ := r.submit(content.FromXMPP(st[0], saltOf(r.b.seed()), r.client.ClientUser(), r.b.room.uri, content.References{}), sender)
	return a
}

// submit sends MIMI content and returns the answer and the message's id.
func (r *remote) submit(m *content.Message, sender mimi.URI) (mimi.SubmitMessageResponse, content.MessageID) {
	r.t.Helper()
	body, err := m.Encode()
	r.must(err)
	leaf := r.group.Local()[0]
	g, err := r.group.Reserve(leaf, 1)
	r.must(err)
	g, sealed, err := g.Protect(r.b.seed(), leaf, body, emptyAAD)
	r.must(err)
	r.group = g
	var a mimi.SubmitMessageResponse
	r.must(wire.Unmarshal(r.request(RequestSubmitMessage, wire.Marshal(&mimi.SubmitMessageRequest{Message: sealed, Sender: sender})), &a))
	return a, content.ID(r.client.ClientUser(), r.b.room.uri, body, m.Salt)
}

func (b *bench) send(t *testing.T, input string) string {
	t.Helper()
	b.out.Reset()
	all, err := stanzas(input)
	if err != nil {
		t.Fatal(err)
	}
	for _, st := range all {
		if err := b.step(StanzaIn{st}); err != nil {
			t.Fatal(err)
		}
	}
	return b.out.String()
}

const (
	joinX = "<x xmlns='http://jabber.org/protocol/muc'/>"
	room  = "garden@rooms.a.example"
)

func adminSet(item string) string {
	return "<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'>" + item + "</query></iq>"
}

func wantIn(t *testing.T, why, got string, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(got, w) {
			t.Errorf("%s: no %q in\n%s", why, w, got)
		}
	}
}

// meet is juliet, owner, and romeo in the room, and bob of b.example.
func meet(t *testing.T) (*bench, *remote) {
	b := newBench(t)
	b.check = true
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>"+
		"<presence from='romeo@a.example/orchard' to='"+room+"/Romeo'>"+joinX+"</presence>")
	bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
	b.out.Reset()
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob cannot join: %+v", a)
	}
	return b, bob
}

// An XMPP user and an MLS user of another provider talk in one room; every XMPP user has a leaf and a signature key of its own.
func TestRemoteParticipantTalks(t *testing.T) {
	b, bob := meet(t)
	wantIn(t, "bob appears", b.out.String(), "garden@rooms.a.example/Bob", "jid='u%bob%b.example@rooms.a.example'", "proposed by mimi://b.example/u/bob")
	keys := map[string]bool{}
	for _, node := range bob.group.Public().Leaves() {
		keys[string(node.SignatureKey)] = true
	}
	if len(keys) != 4 {
		t.Errorf("bob sees %d signature keys, want those of keeper, juliet, romeo and his own", len(keys))
	}
	b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Hello Bob</body></message>")
	bob.catchUp()
	if got := strings.Join(bob.heard, "|"); got != b.listed("romeo").Name()+": Hello Bob" {
		t.Errorf("bob heard %q", got)
	}
	b.out.Reset()
	if a := bob.say("Hello Romeo", bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Fatalf("bob's message: %+v", a)
	}
	wantIn(t, "bob speaks", b.out.String(), "to juliet@a.example/balcony, romeo@a.example/orchard", "from='garden@rooms.a.example/Bob'", "<body>Hello Romeo</body>", "stanza-id")
	// Many changes; bob follows every epoch.
	b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"+adminSet("<item nick='Nurse' role='none'/>")+
		"<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat'><subject>Night</subject></message>"+
		"<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='2'><body>Still there?</body></message>")
	bob.catchUp()
	if len(bob.failed) > 0 || bob.heard[len(bob.heard)-1] != b.listed("juliet").Name()+": Still there?" {
		t.Errorf("bob heard %q, failed %v", bob.heard, bob.failed)
	}
	st, err := policy.StateOf(bob.group.Public())
	if err != nil || st.Metadata().Subject != "Night" {
		t.Errorf("bob's subject: %v %v", st.Metadata(), err)
	}
}

// Voice taken by XMPP is taken from MLS: the hub refuses the message (MAPPING §1).
func TestRemoteParticipantLosesVoice(t *testing.T) {
	b, bob := meet(t)
	wantIn(t, "voice taken", b.send(t, adminSet("<item nick='Bob' role='visitor'/>")), "mimi://b.example/u/bob: role 5 to 6", "role='visitor'", "type='result'")
	bob.catchUp()
	if a := bob.say("mmm", bob.client.ClientUser()); a.Code != mimi.SubmitNotAllowed {
		t.Errorf("a visitor's message: %+v", a)
	}
	wantIn(t, "voice given", b.send(t, adminSet("<item nick='Bob' role='participant'/>")), "role='participant'")
	bob.catchUp()
	if a := bob.say("thanks", bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Errorf("with voice again: %+v", a)
	}
}

// Once kicked or banned, the participant keeps its keys and all bytes and cannot decrypt what follows.
func TestRemoteParticipantIsOut(t *testing.T) {
	for name, item := range map[string]string{
		"kick": "<item nick='Bob' role='none'><reason>Enough</reason></item>",
		"ban":  "<item affiliation='outcast' jid='u%bob%b.example@rooms.a.example'><reason>Enough</reason></item>",
	} {
		t.Run(name, func(t *testing.T) {
			b, bob := meet(t)
			bella := newRemote(t, b, "mimi://b.example/d/bella/cli")
			if a := bella.join("Bella"); a.Code != mimi.UpdateSuccess {
				t.Fatalf("bella cannot join: %+v", a)
			}
			bob.catchUp()
			code := map[string]string{"kick": "307", "ban": "301"}[name]
			wantIn(t, name, b.send(t, adminSet(item)), "code='"+code+"'", "proposed by juliet", "mimi://b.example/u/bob", "Enough")
			b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Between us</body></message>")
			last := bob.group
			bob.catchUp() // bella is of the same provider: bob sees every byte
			bella.catchUp()
			if bob.group.Public().Epoch() != last.Public().Epoch() {
				t.Errorf("bob went on to epoch %d", bob.group.Public().Epoch())
			}
			if len(bob.failed) == 0 || strings.Contains(strings.Join(bob.heard, " "), "Between us") {
				t.Errorf("bob heard %q, failed %v", bob.heard, bob.failed)
			}
			if got := strings.Join(bella.heard, " "); got != b.listed("romeo").Name()+": Between us" {
				t.Errorf("bella heard %q, failed %v", got, bella.failed)
			}
			a := bob.join("Bob again")
			if want := map[string]mimi.UpdateCode{"kick": mimi.UpdateSuccess, "ban": mimi.UpdateNotAllowed}[name]; a.Code != want {
				t.Errorf("bob comes back: code %d, want %d", a.Code, want)
			}
		})
	}
}

// An admin of another provider takes a member off the list: it goes because it is none any more (XEP-0045 §9.4), not because it was kicked.
func TestRemoteAdminRevokesMembership(t *testing.T) {
	b, bob := meet(t)
	b.send(t, adminSet("<item nick='Romeo' affiliation='member'/>")+adminSet("<item nick='Bob' affiliation='admin'/>"))
	bob.catchUp()
	state, err := policy.StateOf(bob.group.Public())
	bob.must(err)
	at, _ := state.Position(b.listed("romeo"))
	out := []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&mimi.ParticipantListUpdate{Removed: []uint32{at}})}}
	for i, node := range bob.group.Public().Leaves() {
		if nodeUser(node) == b.listed("romeo") {
			out = append(out, mls.Remove{Removed: i})
		}
	}
	staged, err := bob.group.Commit(b.seed(), bob.group.Local()[0], mls.CommitParams{ByValue: out, AuthenticatedData: mimi.Why{Reason: "no more"}.AAD()})
	bob.must(err)
	b.out.Reset()
	if a := bob.update(commitRequest(t, staged)); a.Code != mimi.UpdateSuccess {
		t.Fatalf("the commit: %+v", a)
	}
	wantIn(t, "romeo goes", b.out.String(), "code='321'", "no more", "nick='Bob'")
	if strings.Contains(b.out.String(), "code='307'") {
		t.Errorf("romeo is kicked: %s", b.out.String())
	}
}

// What the participant forges is refused with the right code and changes nothing.
func TestRemoteForgeries(t *testing.T) {
	b, bob := meet(t)
	leaf := bob.group.Local()[0]
	state, err := policy.StateOf(bob.group.Public())
	if err != nil {
		t.Fatal(err)
	}
	at, _ := state.Position(bob.client.ClientUser())
	victim, _ := state.Position(b.listed("juliet"))
	list := func(u mimi.ParticipantListUpdate) mls.Proposal {
		return mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Update: wire.Marshal(&u)}
	}
	commit := func(p ...mls.Proposal) *mls.Staged {
		t.Helper()
		staged, err := bob.group.Commit(b.seed(), leaf, mls.CommitParams{ByValue: p, AuthenticatedData: emptyAAD})
		if err != nil {
			t.Fatal(err)
		}
		return staged
	}
	tampered := commitRequest(t, commit())
	m := *tampered.Message
	pm := *m.Public
	pm.Auth.Signature = append([]byte{}, pm.Auth.Signature...)
	pm.Auth.Signature[3] ^= 1
	m.Public = &pm
	tampered.Message = &m
	old := commitRequest(t, commit())
	b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat'><subject>Night</subject></message>")
	// old and tampered are now of a past epoch; tampered is checked in its own epoch below.
	before := b.digest()
	if a := bob.update(old); a.Code != mimi.UpdateWrongEpoch || a.Epoch != b.room.hub.Group().Public().Epoch() {
		t.Errorf("a commit of a past epoch: %+v", a)
	}
	bob.catchUp()
	tampered2 := commitRequest(t, commit())
	m2 := *tampered2.Message
	pm2 := *m2.Public
	pm2.Auth.Signature = append([]byte{}, pm2.Auth.Signature...)
	pm2.Auth.Signature[3] ^= 1
	m2.Public = &pm2
	tampered2.Message = &m2
	for what, q := range map[string]*mimi.UpdateRequest{
		"make himself owner":       commitRequest(t, commit(list(mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: at, Role: roleOwner}}}))),
		"ban the owner":            commitRequest(t, commit(list(mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: victim, Role: roleBanned}}}))),
		"remove a leaf":            commitRequest(t, commit(mls.Remove{Removed: 1})),
		"add somebody":             commitRequest(t, commit(list(mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI("mimi://b.example/u/eve"), Role: roleMember}}}))),
		"a bad signature":          tampered2,
		"change the subject":       commitRequest(t, commit(mls.AppDataUpdate{Component: mimi.ComponentRoomMetadata, Update: wire.Marshal(&mimi.RoomMetadata{Room: b.room.uri, Subject: "mine"})})),
		"change the list of roles": commitRequest(t, commit(mls.AppDataUpdate{Component: mimi.ComponentRolesList, Update: wire.Marshal(b.room.pub.Config.roles(true))})),
	} {
		if a := bob.update(q); a.Code == mimi.UpdateSuccess || a.Code == mimi.UpdateWrongEpoch {
			t.Errorf("%s: %+v", what, a)
		}
	}
	if a := bob.say("I am Juliet", b.listed("juliet")); a.Code != mimi.SubmitNotAllowed {
		t.Errorf("a message in another's name: %+v", a)
	}
	if a := bob.say("I am Bella", mimi.MustURI("mimi://b.example/u/bella")); a.Code != mimi.SubmitNotAllowed {
		t.Errorf("a message in a colleague's name: %+v", a)
	}
	if got := b.digest(); got != before {
		t.Errorf("a forgery changed the room:\n%s\nwas\n%s", got, before)
	}
	for _, body := range [][]byte{nil, {0}, []byte(strings.Repeat("\xff", 1000))} {
		for _, kind := range []RequestKind{RequestUpdate, RequestSubmitMessage, RequestGroupInfo} {
			if err := b.step(Request{ID: "junk", Provider: "b.example", Kind: kind, Body: body}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := b.digest(); got != before {
		t.Error("junk changed the room")
	}
}

// Proposals that nobody can commit are dropped, also by those who hold them already and may not speak before they are committed: the next epoch begins without them.
func TestDroppedProposalsEnd(t *testing.T) {
	b, bob := meet(t)
	bob.catchUp()
	leaf := bob.group.Local()[0]
	group, remove, err := bob.group.Propose(leaf, mls.Remove{Removed: leaf}, emptyAAD)
	bob.must(err)
	b.hold = true
	if a := bob.update(&mimi.UpdateRequest{Message: remove}); a.Code != mimi.UpdateSuccess {
		t.Fatalf("proposal: %+v", a)
	}
	bob.group = group
	epoch := group.Public().Epoch()
	failed := b.room.job.id
	b.held, b.hold = nil, false
	if err := b.step(CommitDone{Job: failed, Err: errors.New("cannot be")}); err != nil {
		t.Fatal(err)
	}
	bob.catchUp()
	if pg := bob.group.Public(); pg.Epoch() != epoch+1 || len(pg.Pending()) > 0 || len(bob.failed) > 0 {
		t.Fatalf("bob is in epoch %d with %d proposals, failed %v", pg.Epoch(), len(pg.Pending()), bob.failed)
	}
	wantIn(t, "juliet speaks", b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='m'><body>Hello</body></message>"), "<body>Hello</body>", "stanza-id")
	if a := bob.say("Hello", bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Errorf("bob speaks: %+v", a)
	}
}

// A participant leaves by proposals; the keeper commits at once, and messages wait for that commit (RFC 9420 §12.4).
func TestRemoteParticipantLeaves(t *testing.T) {
	b, bob := meet(t)
	leaf := bob.group.Local()[0]
	state, err := policy.StateOf(bob.group.Public())
	if err != nil {
		t.Fatal(err)
	}
	at, _ := state.Position(bob.client.ClientUser())
	g, list, err := bob.group.Propose(leaf, mls.AppDataUpdate{Component: mimi.ComponentParticipantList,
		Update: wire.Marshal(&mimi.ParticipantListUpdate{Removed: []uint32{at}})}, emptyAAD)
	bob.must(err)
	_, remove, err := g.Propose(leaf, mls.Remove{Removed: leaf}, emptyAAD)
	bob.must(err)
	b.hold = true
	b.out.Reset()
	if a := bob.update(&mimi.UpdateRequest{Message: list, More: []*mls.Message{remove}}); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob may not leave: %+v", a)
	}
	if out := b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='w'><body>Wait</body></message>"); strings.Contains(out, "<body>") {
		t.Errorf("a message was sent while a proposal is pending:\n%s", out)
	}
	b.hold = false
	held := b.held
	b.held = nil
	for _, j := range held {
		if err := b.run(j); err != nil {
			t.Fatal(err)
		}
	}
	wantIn(t, "bob leaves", b.out.String(), "proposed by mimi://b.example/u/bob", "role 5 to 0, 0 clients", "type='unavailable'", "<body>Wait</body>")
	if strings.Contains(b.out.String(), "status code='307'") {
		t.Errorf("leaving looks like a kick:\n%s", b.out.String())
	}
}

// The owner destroys a room that others follow: everybody is removed by commits, and the hub then knows no such room.
func TestDestroyWithRemoteParticipant(t *testing.T) {
	b, bob := meet(t)
	out := b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy><reason>End</reason></destroy></query></iq>")
	wantIn(t, "destroy", out, "<destroy><reason>End</reason></destroy>", "type='result'", "proposed by juliet", "proposed by keeper", "room is gone")
	bob.catchUp()
	if len(bob.failed) > 0 {
		t.Logf("bob after his removal: %v", bob.failed)
	}
	if _, ok := bob.groupInfo(bob.keyPackage("Bob")); ok {
		t.Error("the hub still gives out the group")
	}
}

// A crash anywhere in the end of a room that others follow: the room still ends, and its owner is told.
func TestDestroyWithCrashes(t *testing.T) {
	for _, after := range []bool{false, true} {
		for n := 1; n <= 4; n++ {
			b, _ := meet(t)
			b.check = false
			b.crashAt, b.after = b.writes+n, after
			all, err := stanzas("<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>")
			if err != nil {
				t.Fatal(err)
			}
			if err := b.feed(StanzaIn{all[0]}); err != nil {
				t.Fatalf("crash at write %d, after %v: %v", n, after, err)
			}
			if b.room.pub.Exists || b.disk.exists {
				t.Errorf("crash at write %d, after %v: the room is still there:\n%s", n, after, b.digest())
			}
		}
	}
}
