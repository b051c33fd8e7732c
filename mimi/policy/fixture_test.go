package policy

import (
	"iter"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

func caps(lists ...[]mimi.Capability) []mimi.Capability { return slices.Concat(lists...) }

func changes(pairs ...[]mimi.RoleIndex) []mimi.RoleTargets {
	var list []mimi.RoleTargets
	for _, p := range pairs {
		list = append(list, mimi.RoleTargets{From: p[0], Targets: p[1:]})
	}
	return list
}

func anyChange(except ...mimi.RoleIndex) []mimi.RoleTargets {
	var list []mimi.RoleTargets
	for from := none; from < keeper; from++ {
		t := mimi.RoleTargets{From: from}
		for to := none; to < keeper; to++ {
			if from != to {
				t.Targets = append(t.Targets, to)
			}
		}
		list = append(list, t)
	}
	return list
}

func testRoles() []mimi.Role {
	ri := func(i ...mimi.RoleIndex) []mimi.RoleIndex { return i }
	adminCaps := caps(base, moderates, []mimi.Capability{mimi.CanAddParticipant, mimi.CanBan, mimi.CanUnBan, mimi.CanChangeRoomSubject})
	disruptive := []mimi.Capability{mimi.CanDestroyRoom, mimi.CanChangeRoomMembershipStyle, mimi.CanChangeRoleDefinitions, mimi.CanChangePreauthorizedUserList}
	self := []mimi.Capability{mimi.CanRemoveSelf}
	send := []mimi.Capability{mimi.CanSendMessage}
	return []mimi.Role{
		{Index: none, Name: "no_role", Capabilities: []mimi.Capability{mimi.CanOpenJoin}, Changes: changes(ri(none, guest))},
		{Index: banned, Name: "banned", MaxActive: mimi.AtMost(0)},
		{Index: member, Name: "member", Capabilities: caps(base, send, self), Changes: changes(ri(member, none))},
		{Index: admin, Name: "admin", Capabilities: adminCaps, Changes: changes(ri(none, banned, member), ri(banned, none, member),
			ri(member, none, banned, guest, visitor, memberVisitor, memberModerator), ri(guest, none, banned, member, visitor, guestModerator),
			ri(visitor, none, banned, member, guest, guestModerator))},
		{Index: owner, Name: "owner", MinParticipants: 1, Changes: anyChange(),
			Capabilities: caps(adminCaps, disruptive, []mimi.Capability{mimi.CanChangeRoomName, mimi.CanChangeRoomDescription})},
		{Index: guest, Name: "guest", Capabilities: caps(base, send, self), Changes: changes(ri(guest, none))},
		{Index: visitor, Name: "visitor", Capabilities: caps(base, self), Changes: changes(ri(visitor, none))},
		{Index: guestModerator, Name: "guest_moderator", Capabilities: caps(base, moderates, self, []mimi.Capability{mimi.CanChangeRoomSubject}),
			Changes: changes(ri(guest, none, visitor), ri(visitor, none, guest), ri(guestModerator, none))},
		{Index: memberVisitor, Name: "member_visitor", Capabilities: caps(base, self), Changes: changes(ri(memberVisitor, none))},
		{Index: memberModerator, Name: "member_moderator", Capabilities: caps(base, moderates, self), Changes: changes(ri(memberModerator, none))},
		{Index: keeper, Name: "keeper", MinParticipants: 1, MaxParticipants: mimi.AtMost(1), MinActive: 1, MaxActive: mimi.AtMost(1),
			Capabilities: caps(adminCaps, disruptive), Changes: append(anyChange(), mimi.RoleTargets{From: owner, Targets: ri(none, member, admin, guest)})},
	}
}

// fixture is a room as components and leaves: a Group.
type fixture struct {
	extensions []mls.Extension // of the group, where it matters
	list       mimi.ParticipantList
	roles      mimi.RolesList
	base       mimi.BaseRoomPolicy
	metadata   mimi.RoomMetadata
	preauth    mimi.PreauthList
	logging    *mimi.LoggingPolicy
	mls        *mimi.OperationalParameters
	bots       *mimi.BotPolicy
	others     map[mls.ComponentID][]byte
	nodes      []*mls.LeafNode
}

func (f *fixture) AppData(id mls.ComponentID) ([]byte, bool) {
	switch id {
	case mimi.ComponentParticipantList:
		return wire.Marshal(&f.list), true
	case mimi.ComponentRolesList:
		return wire.Marshal(&f.roles), true
	case mimi.ComponentBaseRoomPolicy:
		return wire.Marshal(&f.base), true
	case mimi.ComponentRoomMetadata:
		return wire.Marshal(&f.metadata), true
	case mimi.ComponentPreauthList:
		return wire.Marshal(&f.preauth), true
	case mimi.ComponentLoggingPolicy:
		if f.logging != nil {
			return wire.Marshal(f.logging), true
		}
	case mimi.ComponentOperationalPolicy:
		if f.mls != nil {
			return wire.Marshal(f.mls), true
		}
	case mimi.ComponentBotPolicy:
		if f.bots != nil {
			return wire.Marshal(f.bots), true
		}
	}
	data, present := f.others[id]
	return data, present
}

func (f *fixture) Leaves() iter.Seq2[mls.LeafIndex, *mls.LeafNode] {
	return func(yield func(mls.LeafIndex, *mls.LeafNode) bool) {
		for i, node := range f.nodes {
			if !yield(mls.LeafIndex(i), node) {
				return
			}
		}
	}
}

func (f *fixture) Leaf(i mls.LeafIndex) (*mls.LeafNode, bool) {
	if int(i) >= len(f.nodes) {
		return nil, false
	}
	return f.nodes[i], true
}

// userURI names a user of a.example, or with an at sign of another provider.
func userURI(name string) mimi.URI {
	name, provider := split(name)
	return mimi.MustURI("mimi://" + provider + "/u/" + name)
}

func clientURI(name, device string) mimi.URI {
	name, provider := split(name)
	return mimi.MustURI("mimi://" + provider + "/d/" + name + "/" + device)
}

func split(name string) (user, provider string) {
	if user, provider, ok := strings.Cut(name, "@"); ok {
		return user, provider
	}
	return name, "a.example"
}

// newFixture lists everybody named, each with one client, the banned without. The users' names are their roles'.
func newFixture() *fixture {
	f := &fixture{
		roles:    mimi.RolesList{Roles: testRoles()},
		base:     mimi.BaseRoomPolicy{MultiDevice: true},
		metadata: mimi.RoomMetadata{Room: mimi.MustURI("mimi://a.example/r/garden"), Name: "Garden"},
	}
	for _, p := range []struct {
		name string
		role mimi.RoleIndex
	}{{"keeper", keeper}, {"owner", owner}, {"admin", admin}, {"member", member}, {"guest", guest}, {"visitor", visitor},
		{"gmod", guestModerator}, {"mmod", memberModerator}, {"mvis", memberVisitor}, {"outcast", banned}} {
		f.list.Participants = append(f.list.Participants, mimi.Participant{User: userURI(p.name), Role: p.role})
		if p.role != banned {
			f.leaf(p.name, "one")
		}
	}
	return f
}

func (f *fixture) leaf(name, device string) {
	f.nodes = append(f.nodes, &mls.LeafNode{Credential: mimi.BasicCredential(clientURI(name, device))})
}

// said is a proposal with its proposer: a member, or a joiner by external commit.
type said struct {
	by       string
	joining  bool
	external bool // by an external sender of the group
	p        mls.Proposal
}

func (f *fixture) position(name string) uint32 {
	return uint32(slices.IndexFunc(f.list.Participants, func(p mimi.Participant) bool { return p.User == userURI(name) }))
}

func update(id mls.ComponentID, v wire.Marshaler) mls.Proposal {
	return mls.AppDataUpdate{Component: id, Update: wire.Marshal(v)}
}

func lists(u mimi.ParticipantListUpdate) mls.Proposal {
	return update(mimi.ComponentParticipantList, &u)
}

func (f *fixture) role(by, target string, to mimi.RoleIndex) said {
	return said{by: by, p: lists(mimi.ParticipantListUpdate{Changed: []mimi.RoleChange{{Index: f.position(target), Role: to}}})}
}

func (f *fixture) unlist(by, target string) said {
	return said{by: by, p: lists(mimi.ParticipantListUpdate{Removed: []uint32{f.position(target)}})}
}

func enlist(by, target string, role mimi.RoleIndex) said {
	return said{by: by, p: lists(mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: userURI(target), Role: role}}})}
}

func addClient(by, target, device string) said {
	return said{by: by, p: mls.Add{KeyPackage: mls.KeyPackage{LeafNode: mls.LeafNode{Credential: mimi.BasicCredential(clientURI(target, device))}}}}
}

func (f *fixture) removes(by, target string) said {
	i := slices.IndexFunc(f.nodes, func(n *mls.LeafNode) bool {
		c, _ := mimi.CredentialClient(n.Credential)
		return c.ClientUser() == userURI(target)
	})
	return said{by: by, p: mls.Remove{Removed: mls.LeafIndex(i)}}
}

// judge decides on everything that is said, as one commit.
func (f *fixture) judge(t *testing.T, o Options, all ...said) (*State, *mimi.Refusal) {
	t.Helper()
	before, err := StateOf(f)
	if err != nil {
		t.Fatal(err)
	}
	c := newChange(before, o)
	c.extensions = f.extensions
	for _, s := range all {
		by, refusal := c.client(mimi.BasicCredential(clientURI(s.by, "one")))
		if refusal != nil {
			t.Fatal(refusal)
		}
		by.joining, by.member, by.external = s.joining, !s.joining && !s.external, s.external
		if s.external && by.role == none {
			by.role, _ = before.PreauthRole(by.credential)
		}
		if s.p == nil {
			c.adds = append(c.adds, move{by, by.user, clientURI(s.by, "one")})
			continue
		}
		if refusal = c.add(f, by, mls.Sender{}, s.p); refusal != nil {
			return nil, refusal
		}
	}
	return c.judge()
}

// joins is an external commit: the joiner's own leaf, and what it says about the list.
func joins(name string, role mimi.RoleIndex) []said {
	return []said{{by: name, joining: true}, {by: name, joining: true, p: enlist(name, name, role).p}}
}
