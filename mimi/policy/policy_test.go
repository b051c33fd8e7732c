package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
)

// The roles that anteroom gives its rooms (docs: roles of a room), by number.
const (
	none mimi.RoleIndex = iota
	banned
	member
	admin
	owner
	guest
	visitor
	guestModerator
	memberVisitor
	memberModerator
	keeper
)

var (
	base      = []mimi.Capability{mimi.CanAddOwnClient, mimi.CanReceiveMessage}
	moderates = []mimi.Capability{mimi.CanRemoveParticipant, mimi.CanKick, mimi.CanChangeUserRole, mimi.CanSendMessage}
)

// Each row is one condition of room-policy §8 or of mimi-protocol §5.3 and §7.5: allowed, or refused by a named rule.
func TestRules(t *testing.T) {
	f := newFixture()
	closed := newFixture()
	closed.roles.Roles[none].Capabilities = nil
	preauth := newFixture()
	preauth.roles.Roles[none].Capabilities = nil
	preauth.roles.Roles[member].Capabilities = append(preauth.roles.Roles[member].Capabilities, mimi.CanJoinIfPreauthorized)
	preauth.roles.Roles[guest].Capabilities = append(preauth.roles.Roles[guest].Capabilities, mimi.CanChangeOwnRole)
	preauth.preauth.Entries = []mimi.Preauth{
		mimi.PreauthUser(userURI("newcomer"), preauth.roles.Roles[member]),
		mimi.PreauthUser(userURI("guest"), preauth.roles.Roles[memberModerator]),
		mimi.PreauthUser(userURI("outcast"), preauth.roles.Roles[member]),
		mimi.PreauthUser(userURI("other"), preauth.roles.Roles[owner]),
	}
	coded := newFixture()
	coded.roles.Roles[none].Capabilities = []mimi.Capability{mimi.CanUseJoinCode}
	fixed := newFixture()
	fixed.base.FixedMembership = true
	single := newFixture()
	single.base.MultiDevice = false
	crowded := newFixture()
	crowded.base.MaxUsers, crowded.base.MaxClients = mimi.AtMost(9), mimi.AtMost(9)
	multi := newFixture()
	multi.leaf("guest", "two")
	drops := newFixture()
	drops.roles.Roles[member].Capabilities = append(drops.roles.Roles[member].Capabilities, mimi.CanRemoveOwnClient)
	inactive := newFixture()
	inactive.nodes = slices.DeleteFunc(inactive.nodes, func(n *mls.LeafNode) bool {
		return string(n.Credential.Identity) == clientURI("member", "one").String()
	})
	softban := newFixture() // members may set role 1 by canChangeUserRole, without canBan or canKick
	softban.roles.Roles[member].Capabilities = append(softban.roles.Roles[member].Capabilities, mimi.CanChangeUserRole)
	softban.roles.Roles[member].Changes = changes([]mimi.RoleIndex{guest, banned})
	code := Options{JoinCode: func(user mimi.URI, role mimi.RoleIndex) bool { return role == guest }}

	for _, c := range []struct {
		name string
		f    *fixture
		o    Options
		said []said
		rule string // "" for allowed
	}{
		// canAddParticipant, §8.1.1
		{"admin adds a member with its client", f, Options{}, []said{enlist("admin", "new", member), addClient("admin", "new", "one")}, ""},
		{"admin adds a member without client", f, Options{}, []said{enlist("admin", "new", member)}, ""},
		{"member adds nobody", f, Options{}, []said{enlist("member", "new", member)}, "can-add-participant"},
		{"admin makes no owner", f, Options{}, []said{enlist("admin", "new", owner)}, "can-add-participant-change"},
		{"an undefined role", f, Options{}, []said{enlist("owner", "new", 77)}, "role-undefined"},
		{"listed twice", f, Options{}, []said{enlist("owner", "member", guest)}, "list-twice"},
		{"a second keeper", f, Options{}, []said{enlist("keeper", "new", keeper)}, "can-add-participant-change"},
		{"one user too many", crowded, Options{}, []said{enlist("admin", "new", member)}, "max-users"},
		{"a ban is no user", crowded, Options{}, []said{enlist("admin", "new", banned)}, ""},
		{"the client of an unlisted user", f, Options{}, []said{addClient("admin", "new", "one")}, "add-unlisted"},
		{"listed by one, client by another", f, Options{}, []said{enlist("admin", "new", member), addClient("owner", "new", "one")}, "add-client-of-other"},
		{"listed by one, own client", f, Options{}, []said{enlist("admin", "new", member), addClient("new", "new", "one")}, ""},
		// canAddOwnClient, §8.1.1
		{"own further client", f, Options{}, []said{addClient("member", "member", "two")}, ""},
		{"own client after a kick", inactive, Options{}, []said{addClient("member", "member", "one")}, ""},
		{"client of a listed other", f, Options{}, []said{addClient("admin", "member", "two")}, "add-client-of-other"},
		{"client of a banned user", f, Options{}, []said{addClient("outcast", "outcast", "one")}, "add-banned"},
		{"second client in a single-device room", single, Options{}, []said{addClient("member", "member", "two")}, "single-device"},
		{"one client too many", crowded, Options{}, []said{addClient("member", "member", "two")}, "max-clients"},
		{"the same client twice", f, Options{}, []said{addClient("member", "member", "two"), addClient("member", "member", "two")}, "client-twice"},
		{"external commit of a listed user", inactive, Options{}, []said{{by: "member", joining: true}}, ""},
		{"external commit of a banned user", f, Options{}, []said{{by: "outcast", joining: true}}, "add-banned"},
		{"external commit of a stranger", f, Options{}, []said{{by: "new", joining: true}}, "add-unlisted"},
		{"resync", f, Options{}, []said{{by: "member", joining: true}, {by: "member", joining: true, p: f.removes("member", "member").p}}, ""},
		// canOpenJoin, canJoinIfPreauthorized, canUseJoinCode, §8.1.1
		{"open join", f, Options{}, joins("new", guest), ""},
		{"open join in another role", f, Options{}, joins("new", member), "join-role"},
		{"open join as banned", f, Options{}, joins("new", banned), "join-banned"},
		{"join of a closed room", closed, Options{}, joins("new", guest), "join"},
		{"listing oneself without external commit", f, Options{}, []said{enlist("new", "new", guest)}, "join-external"},
		{"preauthorised", preauth, Options{}, joins("newcomer", member), ""},
		{"preauthorised for another role", preauth, Options{}, joins("newcomer", guest), "join"},
		{"preauthorised for a role without canJoinIfPreauthorized", preauth, Options{}, joins("other", owner), "join"},
		{"not preauthorised", preauth, Options{}, joins("new", member), "join"},
		{"join code", coded, code, joins("new", guest), ""},
		{"join code of another role", coded, code, joins("new", member), "join"},
		{"join code without capability", closed, code, joins("new", guest), "join"},
		{"join of a fixed room", fixed, Options{}, joins("new", guest), "fixed-membership"},
		// canRemoveParticipant, §8.1.2
		{"removal with all clients", f, Options{}, []said{f.unlist("admin", "guest"), f.removes("admin", "guest")}, ""},
		{"removal that leaves a client", multi, Options{}, []said{multi.unlist("admin", "guest"), multi.removes("admin", "guest")}, "clients-of-removed"},
		{"removal without capability", f, Options{}, []said{f.unlist("member", "guest"), f.removes("member", "guest")}, "can-remove-participant"},
		{"removal of somebody higher", f, Options{}, []said{f.unlist("admin", "owner"), f.removes("admin", "owner")}, "can-remove-participant-change"},
		{"removal of the last owner", f, Options{}, []said{f.unlist("keeper", "owner"), f.removes("keeper", "owner")}, "min-participants"},
		{"removal from a fixed room", fixed, Options{}, []said{fixed.unlist("admin", "guest"), fixed.removes("admin", "guest")}, "fixed-membership"},
		{"removal by two: list by one, client by who cannot kick", f, Options{}, []said{f.unlist("admin", "guest"), f.removes("member", "guest")}, "can-kick"},
		{"a position that does not exist", f, Options{}, []said{{by: "admin", p: lists(mimi.ParticipantListUpdate{Removed: []uint32{99}})}}, "list-index"},
		{"touched twice", f, Options{}, []said{f.unlist("admin", "guest"), f.role("admin", "guest", visitor)}, "list-twice"},
		// canRemoveSelf, canRemoveOwnClient, §8.1.2
		{"leave", f, Options{}, []said{f.unlist("guest", "guest"), f.removes("guest", "guest")}, ""},
		{"leave with a client left", multi, Options{}, []said{multi.unlist("guest", "guest"), multi.removes("guest", "guest")}, "clients-of-removed"},
		{"leave without capability", f, Options{}, []said{f.unlist("owner", "owner"), f.removes("owner", "owner")}, "can-remove-self"},
		{"own client goes", drops, Options{}, []said{drops.removes("member", "member")}, ""},
		{"own client goes without capability", f, Options{}, []said{f.removes("guest", "guest")}, "can-remove-own-client"},
		// canKick, §8.1.2: authorised changes are not consulted
		{"kick", f, Options{}, []said{f.removes("gmod", "guest")}, ""},
		{"kick of somebody higher is allowed by MIMI", f, Options{}, []said{f.removes("gmod", "owner")}, ""},
		{"kick without capability", f, Options{}, []said{f.removes("member", "guest")}, "can-kick"},
		{"kick of the keeper", f, Options{}, []said{f.removes("gmod", "keeper")}, "min-active"},
		// canChangeUserRole, canChangeOwnRole, §8.1.3
		{"voice taken", f, Options{}, []said{f.role("gmod", "guest", visitor)}, ""},
		{"voice taken without capability", f, Options{}, []said{f.role("member", "guest", visitor)}, "can-change-user-role"},
		{"a change that is not authorised", f, Options{}, []said{f.role("gmod", "guest", owner)}, "can-change-user-role-change"},
		{"own role without capability", f, Options{}, []said{f.role("admin", "admin", owner)}, "can-change-own-role"},
		{"own role as preauthorised", preauth, Options{}, []said{preauth.role("guest", "guest", memberModerator)}, ""},
		{"own role beyond preauthorisation", preauth, Options{}, []said{preauth.role("guest", "guest", owner)}, "can-change-own-role-preauth"},
		{"the last owner steps down", f, Options{}, []said{f.role("keeper", "owner", member)}, "min-participants"},
		// canBan, canUnBan, §8.1.3
		{"ban", f, Options{}, []said{f.role("admin", "guest", banned), f.removes("admin", "guest")}, ""},
		{"ban that leaves the client", f, Options{}, []said{f.role("admin", "guest", banned)}, "clients-of-banned"},
		{"ban without capability", f, Options{}, []said{f.role("gmod", "guest", banned), f.removes("gmod", "guest")}, "can-ban"},
		{"ban of somebody higher", f, Options{}, []said{f.role("admin", "owner", banned), f.removes("admin", "owner")}, "can-ban-change"},
		{"ban before it comes", f, Options{}, []said{enlist("admin", "new", banned)}, ""},
		{"ban before it comes, without capability", f, Options{}, []said{enlist("gmod", "new", banned)}, "can-ban"},
		{"ban with a new client", f, Options{}, []said{enlist("admin", "new", banned), addClient("admin", "new", "one")}, "clients-of-banned"},
		{"ban by a role change needs canKick for the client", softban, Options{}, []said{softban.role("member", "guest", banned), softban.removes("member", "guest")}, "can-kick"},
		{"unban", f, Options{}, []said{f.role("admin", "outcast", member)}, ""},
		{"unban into nothing", f, Options{}, []said{f.unlist("admin", "outcast")}, ""},
		{"unban without capability", f, Options{}, []said{f.role("gmod", "outcast", member)}, "can-unban"},
		{"preauthorisation frees nobody from a ban", preauth, Options{}, []said{{by: "outcast", joining: true}}, "add-banned"},
		// several proposers in one commit
		{"each pair is judged: one may, one may not", f, Options{}, []said{f.role("gmod", "guest", visitor), f.role("member", "visitor", guest)}, "can-change-user-role"},
		{"each pair is judged: both may", f, Options{}, []said{f.role("gmod", "guest", visitor), f.role("admin", "visitor", guest)}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, err := StateOf(c.f)
			if err != nil {
				t.Fatal(err)
			}
			after, refusal := c.f.judge(t, c.o, c.said...)
			switch {
			case refusal == nil && c.rule != "":
				t.Fatalf("allowed, want rule %s", c.rule)
			case refusal != nil && refusal.Rule != c.rule:
				t.Fatalf("%v; want rule %q", refusal, c.rule)
			case refusal != nil:
				if (refusal.Rule == "can-kick" || refusal.Rule == "can-ban") && (!refusal.HasMissing || !slices.Contains(refusal.Roles, "admin")) {
					t.Errorf("%v does not name the capability and the role that has it", refusal)
				}
				return
			}
			consistent(t, c.f, after)
			if again, _ := StateOf(c.f); again.RoleOf(userURI("guest")) != before.RoleOf(userURI("guest")) {
				t.Error("the state before has changed")
			}
		})
	}
}

// consistent compares the counts that a State carries along with a recount.
func consistent(t *testing.T, f *fixture, s *State) {
	t.Helper()
	recounted := *s
	recounted.recount()
	for i := range s.roles {
		if index := s.roles[i].Index; s.count[index] != recounted.count[index] {
			t.Errorf("role %d: carried %+v, recounted %+v", index, s.count[index], recounted.count[index])
		}
	}
	for i, p := range s.list.Participants {
		if at, ok := s.index[p.User]; !ok || at != i {
			t.Errorf("%s is at %d, indexed at %d", p.User, i, at)
		}
	}
}

// Updates of policy and metadata: who may, and what may not be in one commit (§4, §5, §8.2, §8.6).
func TestRoomRules(t *testing.T) {
	f := newFixture()
	metadata := func(change func(*mimi.RoomMetadata)) mls.Proposal {
		m := f.metadata
		change(&m)
		return update(mimi.ComponentRoomMetadata, &m)
	}
	subject := metadata(func(m *mimi.RoomMetadata) { m.Subject = "roses" })
	roles := update(mimi.ComponentRolesList, &f.roles)
	fewer := update(mimi.ComponentRolesList, &mimi.RolesList{Roles: f.roles.Roles[:keeper]})
	preauth := update(mimi.ComponentPreauthList, &f.preauth)
	fixed := update(mimi.ComponentBaseRoomPolicy, &mimi.BaseRoomPolicy{FixedMembership: true})
	flexible := update(mimi.ComponentBaseRoomPolicy, &mimi.BaseRoomPolicy{Persistent: true})
	history := update(mimi.ComponentChatHistoryPolicy, &mimi.HistoryPolicy{Sharing: mimi.Forbidden})
	for _, c := range []struct {
		name string
		said []said
		rule string
	}{
		{"subject by a moderator", []said{{by: "gmod", p: subject}}, ""},
		{"subject by a guest", []said{{by: "guest", p: subject}}, "can-change-subject"},
		{"name by an owner", []said{{by: "owner", p: metadata(func(m *mimi.RoomMetadata) { m.Name = "Orchard" })}}, ""},
		{"name by an admin", []said{{by: "admin", p: metadata(func(m *mimi.RoomMetadata) { m.Name = "Orchard" })}}, "can-change-name"},
		{"description by an admin", []said{{by: "admin", p: metadata(func(m *mimi.RoomMetadata) { m.Descriptions = []mimi.RichDescription{{Content: []byte("x")}} })}}, "can-change-description"},
		{"avatar by an owner without it", []said{{by: "owner", p: metadata(func(m *mimi.RoomMetadata) { m.Avatar = "https://a.example/i" })}}, "can-change-avatar"},
		{"mood by an owner without it", []said{{by: "owner", p: metadata(func(m *mimi.RoomMetadata) { m.Mood = "sad" })}}, "can-change-mood"},
		{"the room's uri", []said{{by: "owner", p: metadata(func(m *mimi.RoomMetadata) { m.Room = mimi.MustURI("mimi://a.example/r/other") })}}, "metadata-room"},
		{"metadata twice", []said{{by: "owner", p: subject}, {by: "owner", p: subject}}, "metadata-once"},
		{"roles by an owner", []said{{by: "owner", p: roles}}, ""},
		{"roles by an admin", []said{{by: "admin", p: roles}}, "can-change-roles"},
		{"a role in use disappears", []said{{by: "owner", p: fewer}}, "roles-used"},
		{"roles with the list", []said{{by: "owner", p: roles}, f.role("owner", "guest", visitor)}, "roles-with-list"},
		{"preauth by an owner", []said{{by: "owner", p: preauth}}, ""},
		{"preauth by an admin", []said{{by: "admin", p: preauth}}, "can-change-preauth"},
		{"preauth with a role change", []said{{by: "owner", p: preauth}, f.role("owner", "guest", visitor)}, "preauth-with-list"},
		{"preauth with a removal", []said{{by: "owner", p: preauth}, f.unlist("owner", "guest"), f.removes("owner", "guest")}, ""},
		{"base policy by an owner", []said{{by: "owner", p: flexible}}, ""},
		{"base policy by an admin", []said{{by: "admin", p: flexible}}, "can-change-membership-style"},
		{"fixed with roles that add", []said{{by: "owner", p: fixed}}, "fixed-roles"},
		{"history by an owner", []said{{by: "owner", p: history}}, ""},
		{"history by an admin", []said{{by: "admin", p: history}}, "can-change-policy"},
		{"an unknown component", []said{{by: "owner", p: mls.AppDataUpdate{Component: 0x8123}}}, "component-unknown"},
		{"the list goes", []said{{by: "owner", p: mls.AppDataUpdate{Component: mimi.ComponentParticipantList, Remove: true}}}, "component-required"},
		{"safe_aad goes", []said{{by: "owner", p: mls.AppDataUpdate{Component: mls.ComponentSafeAAD, Remove: true}}}, "component-required"},
		{"the roles go", []said{{by: "owner", p: mls.AppDataUpdate{Component: mimi.ComponentRolesList, Remove: true}}}, "component-required"},
		{"reinit", []said{{by: "owner", p: mls.ReInit{}}}, "can-reinit"},
		{"extensions by an owner", []said{{by: "owner", p: mls.GroupContextExtensions{}}}, ""},
		{"extensions by an admin", []said{{by: "admin", p: mls.GroupContextExtensions{}}}, "can-change-extensions"},
		{"psk by a stranger", []said{{by: "stranger", p: mls.PreSharedKey{}}}, "not-participant"},
		{"an unknown proposal", []said{{by: "owner", p: mls.UnknownProposal{ProposalType: 0xF7A0}}}, "proposal-type"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, refusal := f.judge(t, Options{}, c.said...)
			if got := ruleOf(refusal); got != c.rule {
				t.Errorf("%v; want rule %q", refusal, c.rule)
			}
		})
	}
}

func ruleOf(r *mimi.Refusal) string {
	if r == nil {
		return ""
	}
	return r.Rule
}

// Two external senders without a user are not one another.
func TestExternalSendersAreTold(t *testing.T) {
	a := &actor{credential: mls.Credential{Type: mls.CredentialBasic, Identity: []byte("hub")}}
	b := &actor{credential: mls.Credential{Type: mls.CredentialBasic, Identity: []byte("follower")}}
	again := *a
	if a.same(b) || !a.same(&again) || a.same(&actor{user: userURI("member")}) {
		t.Error("external senders are confused")
	}
}

// A stricter hub is asked about every act that the documents allow, with who does what to whom.
func TestExtra(t *testing.T) {
	f := newFixture()
	var acts []Act
	o := Options{Extra: func(before *State, a Act) *mimi.Refusal {
		acts = append(acts, a)
		if a.Kind == ActKick && a.From == owner {
			return &mimi.Refusal{Rule: "kick-higher"}
		}
		return nil
	}}
	if _, refusal := f.judge(t, o, f.removes("gmod", "owner")); ruleOf(refusal) != "kick-higher" {
		t.Errorf("kick of an owner: %v", refusal)
	}
	want := Act{Kind: ActKick, Actor: userURI("gmod"), ActorRole: guestModerator, Target: userURI("owner"), From: owner, To: owner}
	if len(acts) != 1 || acts[0] != want {
		t.Errorf("asked about %+v, want %+v", acts, want)
	}
	acts = nil
	if _, refusal := f.judge(t, o, f.role("admin", "guest", banned), f.removes("admin", "guest")); refusal != nil {
		t.Fatal(refusal)
	}
	if len(acts) != 1 || acts[0].Kind != ActBan || acts[0].To != banned || acts[0].ClientsNow != 0 {
		t.Errorf("a ban is one act, asked about %+v", acts)
	}
}

func TestMessages(t *testing.T) {
	f := newFixture()
	s, err := StateOf(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		user          string
		send, receive bool
		groupInfo     bool
	}{{"member", true, true, true}, {"guest", true, true, true}, {"visitor", false, true, true}, {"outcast", false, false, false}, {"stranger", false, false, true}} {
		if err := AuthorizeSend(s, userURI(c.user)); (err == nil) != c.send {
			t.Errorf("%s sends: %v", c.user, err)
		}
		if err := AuthorizeReceive(s, userURI(c.user)); (err == nil) != c.receive {
			t.Errorf("%s receives: %v", c.user, err)
		}
		if err := AuthorizeGroupInfo(s, mimi.BasicCredential(clientURI(c.user, "one")), Options{}); (err == nil) != c.groupInfo {
			t.Errorf("%s gets the GroupInfo: %v", c.user, err)
		}
	}
	if err := AuthorizeGroupInfo(s, mimi.BasicCredential(clientURI("guest", "one")), Options{Provider: "b.example"}); err == nil {
		t.Error("b.example speaks for a user of a.example")
	}
	err = AuthorizeSend(s, userURI("visitor"))
	if err == nil || !strings.Contains(err.Error(), "canSendMessage") || !strings.Contains(err.Error(), "member") {
		t.Errorf("a visitor is told: %v", err)
	}
}

func TestStateOfRefuses(t *testing.T) {
	f := newFixture()
	f.nodes = append(f.nodes, &mls.LeafNode{Credential: mls.Credential{Type: mls.CredentialBasic, Identity: []byte("bob")}})
	if _, err := StateOf(f); err == nil {
		t.Error("a leaf without client uri is accepted")
	}
	f = newFixture()
	f.list.Participants = append(f.list.Participants, f.list.Participants[0])
	if _, err := StateOf(f); err == nil {
		t.Error("a user listed twice is accepted")
	}
}

func BenchmarkKickOfTenThousand(b *testing.B) {
	f := newFixture()
	for i := range 10_000 {
		name := fmt.Sprintf("u%d", i)
		f.list.Participants = append(f.list.Participants, mimi.Participant{User: userURI(name), Role: member})
		f.leaf(name, "one")
	}
	s, err := StateOf(f)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		c := newChange(s, Options{})
		by, _ := c.client(mimi.BasicCredential(clientURI("gmod", "one")))
		if r := c.add(f, by, mls.Sender{}, mls.Remove{Removed: 5000}); r != nil {
			b.Fatal(r)
		}
		if _, r := c.judge(); r != nil {
			b.Fatal(r)
		}
	}
}
