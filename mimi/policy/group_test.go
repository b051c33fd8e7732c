package policy

import (
	"errors"
	"maps"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

const suite = mls.SuiteX25519AES128SHA256Ed25519

var config = mls.Config{Components: mimi.Components{}}

func seed(label string) mls.Seed { return mls.Seed{7}.Derive(label) }

// keyPackage makes a client of a user.
func keyPackage(t *testing.T, name, device string) *mls.KeyPackageSecrets {
	t.Helper()
	signer, err := mls.NewSigner(suite, seed("signer "+name+device))
	if err != nil {
		t.Fatal(err)
	}
	extensions, err := mimi.LeafExtensions(name)
	if err != nil {
		t.Fatal(err)
	}
	kp, err := mls.NewKeyPackage(seed("key package "+name+device), mls.KeyPackageParams{
		Signer: signer, Credential: mimi.BasicCredential(clientURI(name, device)), Capabilities: mimi.LeafCapabilities(suite),
		Lifetime: mls.Lifetime{NotAfter: 1 << 40}, LeafExtensions: extensions,
	})
	if err != nil {
		t.Fatal(err)
	}
	return kp
}

// room is a group whose members are all local, with the state that every commit's Authorize returned.
type room struct {
	t     *testing.T
	group *mls.Group
	state *State
}

// newRoom has the keeper alone, and then, by its first commit, an owner, a member and a moderator.
func newRoom(t *testing.T) *room {
	t.Helper()
	hub, err := mls.NewSigner(suite, seed("hub"))
	if err != nil {
		t.Fatal(err)
	}
	extensions, err := (&mimi.NewRoom{
		Participants: mimi.ParticipantList{Participants: []mimi.Participant{{User: userURI("keeper"), Role: keeper}}},
		Roles:        mimi.RolesList{Roles: testRoles()},
		Metadata:     mimi.RoomMetadata{Room: mimi.MustURI("mimi://a.example/r/garden"), Name: "Garden"},
		Base:         mimi.BaseRoomPolicy{MultiDevice: true},
		Hub:          []mls.ExternalSender{{SignatureKey: hub.Public, Credential: mimi.BasicCredential(clientURI("hub", "one"))}},
	}).Extensions()
	if err != nil {
		t.Fatal(err)
	}
	g, err := mls.NewGroup(seed("group"), mls.NewGroupParams{GroupID: []byte("mimi://a.example/g/garden"), Creator: keyPackage(t, "keeper", "one"),
		Extensions: extensions, Config: config})
	if err != nil {
		t.Fatal(err)
	}
	state, err := StateOf(g.Public())
	if err != nil {
		t.Fatal(err)
	}
	r := &room{t, g, state}
	params := mls.CommitParams{AuthenticatedData: mimi.Why{Reason: "begin"}.AAD()}
	var list mimi.ParticipantListUpdate
	for name, role := range map[string]mimi.RoleIndex{"owner": owner, "member": member, "gmod": guestModerator} {
		kp := keyPackage(t, name, "one")
		list.Added = append(list.Added, mimi.Participant{User: userURI(name), Role: role})
		params.ByValue = append(params.ByValue, mls.Add{KeyPackage: kp.KeyPackage})
		params.Joiners = append(params.Joiners, kp)
	}
	params.ByValue = append(params.ByValue, lists(list))
	r.must(r.commit("keeper", params))
	return r
}

func (r *room) leaf(name string) mls.LeafIndex {
	for i, node := range r.group.Public().Leaves() {
		if c, _ := mimi.CredentialClient(node.Credential); c.ClientUser() == userURI(name) {
			return i
		}
	}
	r.t.Fatalf("%s has no leaf", name)
	return 0
}

func (r *room) must(err error) {
	r.t.Helper()
	if err != nil {
		r.t.Fatal(err)
	}
}

// commit commits, asks the policy, and on success moves on. The carried state must equal the one read anew.
func (r *room) commit(by string, p mls.CommitParams) error {
	r.t.Helper()
	if p.AuthenticatedData == nil {
		p.AuthenticatedData = mimi.Why{}.AAD()
	}
	staged, err := r.group.Commit(seed("commit"), r.leaf(by), p)
	r.must(err)
	return r.adopt(staged, Options{Provider: "a.example"})
}

func (r *room) adopt(staged *mls.Staged, o Options) error {
	r.t.Helper()
	after, err := AuthorizeCommit(r.state, staged.Effects, o)
	if err != nil {
		return err
	}
	anew, err := StateOf(staged.Group.Public())
	r.must(err)
	if !maps.Equal(after.index, anew.index) || !maps.Equal(after.clients, anew.clients) || after.leaves != anew.leaves {
		r.t.Errorf("carried %v %v %d, read anew %v %v %d", after.index, after.clients, after.leaves, anew.index, anew.clients, anew.leaves)
	}
	r.group, r.state = staged.Group, after
	return nil
}

// propose signs proposals by one member and returns them with the group that holds them.
func (r *room) propose(by string, proposals ...mls.Proposal) (*mls.Group, []mls.PendingProposal) {
	r.t.Helper()
	g := r.group
	for _, p := range proposals {
		var err error
		g, _, err = g.Propose(r.leaf(by), p, mimi.Why{}.AAD())
		r.must(err)
	}
	pending := g.Public().Pending()
	return g, pending[len(pending)-len(proposals):]
}

func refs(pending []mls.PendingProposal) []mls.ProposalRef {
	var list []mls.ProposalRef
	for _, p := range pending {
		list = append(list, p.Ref)
	}
	return list
}

func wantRule(t *testing.T, err error, rule string) {
	t.Helper()
	var refusal *mimi.Refusal
	if !errors.As(err, &refusal) || refusal.Rule != rule {
		t.Errorf("%v, want rule %s", err, rule)
	}
}

// A moderator's proposals are judged as the moderator's, although the keeper commits them.
func TestCommitByReference(t *testing.T) {
	r := newRoom(t)
	at, _ := r.state.Position(userURI("member"))
	kick := mls.Remove{Removed: r.leaf("member")}
	leave := lists(mimi.ParticipantListUpdate{Removed: []uint32{at}})

	g, bundle := r.propose("member", kick, leave)
	r.must(AuthorizeProposals(r.state, g.Public(), bundle, Options{Provider: "a.example"}))
	wantRule(t, AuthorizeProposals(r.state, g.Public(), bundle, Options{Provider: "b.example"}), "provider")
	err := AuthorizeProposals(r.state, g.Public(), bundle[:1], Options{})
	wantRule(t, err, "can-remove-own-client") // without the list change it is no leave

	r.group = g
	r.must(r.commit("keeper", mls.CommitParams{ByReference: refs(bundle)}))
	if r.state.RoleOf(userURI("member")) != none || r.state.Clients(userURI("member")) != 0 {
		t.Error("the member is still there")
	}

	g, bundle = r.propose("gmod", mls.Remove{Removed: r.leaf("owner")})
	r.must(AuthorizeProposals(r.state, g.Public(), bundle, Options{}))
	r.group = g
	before := r.state
	wantRule(t, func() error {
		staged, err := g.Commit(seed("x"), r.leaf("keeper"), mls.CommitParams{ByReference: refs(bundle), AuthenticatedData: mimi.Why{}.AAD()})
		r.must(err)
		return r.adopt(staged, Options{Extra: func(_ *State, a Act) *mimi.Refusal {
			if a.Actor != userURI("gmod") {
				t.Errorf("judged as %s", a.Actor)
			}
			return &mimi.Refusal{Rule: "stricter"}
		}})
	}(), "stricter")
	if r.state != before {
		t.Error("a refused commit changed the state")
	}
}

func TestCommitRefused(t *testing.T) {
	r := newRoom(t)
	wantRule(t, r.commit("member", mls.CommitParams{ByValue: []mls.Proposal{mls.Remove{Removed: r.leaf("gmod")}}}), "can-kick")
	staged, err := r.group.Commit(seed("y"), r.leaf("member"), mls.CommitParams{ForcePath: true, AuthenticatedData: mimi.Why{}.AAD()})
	r.must(err)
	wantRule(t, r.adopt(staged, Options{Provider: "b.example"}), "provider")
	r.must(r.adopt(staged, Options{Provider: "a.example"}))
}

// Two bundles that touch the same user cannot both be committed.
func TestPendingConflict(t *testing.T) {
	r := newRoom(t)
	at, _ := r.state.Position(userURI("member"))
	g, _ := r.propose("owner", lists(mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: at, Role: visitor}}}))
	r.group = g
	g, second := r.propose("owner", lists(mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: at, Role: guest}}}))
	wantRule(t, AuthorizeProposals(r.state, g.Public(), second, Options{}), "pending")
}

// Two bundles of which each may be committed and both may not: the hub, whose keeper commits all that waits, does not take the second. A member that judges what
// another hub took does not ask (Options.Seed): the next commit shows what becomes of them.
func TestPendingIsOneCommit(t *testing.T) {
	r := newRoom(t)
	roles := mimi.RolesList{Roles: testRoles()}
	roles.Roles[len(roles.Roles)-1].Name = "another"
	g, first := r.propose("owner", mls.AppDataUpdate{Component: mimi.ComponentRolesList, Update: wire.Marshal(&roles)})
	r.must(AuthorizeProposals(r.state, g.Public(), first, Options{Seed: true}))
	r.group = g
	at, _ := r.state.Position(userURI("member"))
	g, second := r.propose("owner", lists(mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: at, Role: visitor}}}))
	wantRule(t, AuthorizeProposals(r.state, g.Public(), second, Options{Seed: true}), "pending")
	r.must(AuthorizeProposals(r.state, g.Public(), second, Options{}))
	r.group = g
	wantRule(t, r.commit("keeper", mls.CommitParams{ByReference: refs(g.Public().Pending())}), "roles-with-list")
}

func TestExternalCommit(t *testing.T) {
	r := newRoom(t)
	gi, err := r.group.GroupInfo(r.leaf("keeper"), true)
	r.must(err)
	join := func(name string, list ...mimi.Participant) *mls.Staged {
		var by []mls.Proposal
		if list != nil {
			by = append(by, lists(mimi.ParticipantListUpdate{Added: list}))
		}
		staged, err := mls.ExternalCommit(seed("join"), gi, keyPackage(t, name, "two"), mls.ExternalCommitParams{ByValue: by, Config: config, AuthenticatedData: mimi.Why{}.AAD()})
		r.must(err)
		return staged
	}
	wantRule(t, r.adopt(join("new"), Options{}), "add-unlisted")
	wantRule(t, r.adopt(join("new", mimi.Participant{User: userURI("new"), Role: owner}), Options{}), "join-role")
	wantRule(t, r.adopt(join("new", mimi.Participant{User: userURI("other"), Role: guest}), Options{}), "can-add-participant")
	r.must(r.adopt(join("new", mimi.Participant{User: userURI("new"), Role: guest}), Options{}))
	if r.state.RoleOf(userURI("new")) != guest || r.state.Clients(userURI("new")) != 1 {
		t.Error("the guest did not come in")
	}
}

func TestNickInLeaf(t *testing.T) {
	r := newRoom(t)
	node, _ := r.group.Public().Leaf(r.leaf("owner"))
	if nick, ok := mimi.LeafNick(node); !ok || nick != "owner" {
		t.Errorf("nick %q %v", nick, ok)
	}
}

// A policy that is updated and removed at once is neither: in one bundle, in one commit, or in bundles that wait together (draft-ietf-mls-extensions §4.7).
func TestUpdatedAndRemovedAtOnce(t *testing.T) {
	forever := mimi.MessageExpiration{Expiring: mimi.Optional, Max: 60}
	share := mimi.HistoryPolicy{Sharing: mimi.Optional, Roles: []mimi.RoleIndex{owner}}
	files := mimi.AssetPolicy{}
	bots := mimi.BotPolicy{Allowed: []mimi.Bot{{Name: "x"}}}
	for id, v := range map[mls.ComponentID]wire.Marshaler{mimi.ComponentMessageExpiration: &forever, mimi.ComponentChatHistoryPolicy: &share,
		mimi.ComponentAssetPolicy: &files, mimi.ComponentBotPolicy: &bots} {
		update, remove := mls.AppDataUpdate{Component: id, Update: wire.Marshal(v)}, mls.AppDataUpdate{Component: id, Remove: true}
		r := newRoom(t)
		r.must(r.commit("owner", mls.CommitParams{ByValue: []mls.Proposal{update}}))
		for _, two := range [][]mls.Proposal{{update, remove}, {remove, update}} {
			g, bundle := r.propose("owner", two...)
			wantRule(t, AuthorizeProposals(r.state, g.Public(), bundle, Options{}), "component-removed")
			wantRule(t, AuthorizeProposals(r.state, g.Public(), bundle[1:], Options{Seed: true}), "pending")
		}
	}
}
