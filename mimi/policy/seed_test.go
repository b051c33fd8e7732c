package policy

import (
	"errors"
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
)

// The tables of this file are the condition lists of draft-mahy-mimi-group-chat, "Authorizing MLS primitives": each branch of an OR alone
// is allowed, none of them is refused, and so are the further conditions.

// asHub is how the hub of a.example judges.
var asHub = Options{Seed: true, System: userURI("keeper")}

type seedRow struct {
	branch string
	f      *fixture
	said   []said
	rule   string // "" for allowed
}

func seedTable(t *testing.T, rows []seedRow) {
	t.Helper()
	for _, row := range rows {
		t.Run(row.branch, func(t *testing.T) {
			_, r := row.f.judge(t, asHub, row.said...)
			checkRule(t, r, row.rule)
		})
	}
}

func checkRule(t *testing.T, err error, rule string) {
	t.Helper()
	r, _ := err.(*mimi.Refusal)
	switch {
	case r == nil && rule != "":
		t.Errorf("allowed, want rule %s", rule)
	case r != nil && r.Rule != rule:
		t.Errorf("%v, want rule %q", r, rule)
	case r != nil && r.Text == "":
		t.Errorf("rule %s explains nothing", rule)
	}
}

// with changes a new fixture.
func with(change func(f *fixture)) *fixture {
	f := newFixture()
	change(f)
	return f
}

func closedRoom(f *fixture) { f.roles.Roles[none].Capabilities = nil }
func fixedRoom(f *fixture)  { f.base.FixedMembership = true }

func logged(need mimi.Optionality, clients ...string) func(*fixture) {
	return func(f *fixture) { f.logging = &mimi.LoggingPolicy{Logging: need, Clients: clients} }
}

func TestSeedCreate(t *testing.T) {
	alone := func(name string, role mimi.RoleIndex) *fixture {
		f := newFixture()
		f.list.Participants, f.nodes = []mimi.Participant{{User: userURI(name), Role: role}}, nil
		f.leaf(name, "one")
		return f
	}
	unlisted := alone("owner", owner)
	unlisted.nodes = nil
	unlisted.leaf("new", "one")
	for _, c := range []struct {
		branch string
		f      *fixture
		rule   string
	}{
		{"would be owner", alone("x", owner), ""},
		{"would be admin", alone("x", admin), ""},
		{"the hub's own participant", alone("x", keeper), ""},
		{"would be member", alone("x", member), "create"},
		{"would be guest", alone("x", guest), "create"},
		{"would be banned", alone("x", banned), "create-unlisted"},
		{"is not listed", unlisted, "create-unlisted"},
		{"is not alone", newFixture(), "create-alone"},
	} {
		t.Run(c.branch, func(t *testing.T) {
			s, err := StateOf(c.f)
			if err != nil {
				t.Fatal(err)
			}
			err = AuthorizeCreate(s)
			checkRule(t, err, c.rule)
			var r *mimi.Refusal
			if c.rule == "create" && (!errors.As(err, &r) || !slices.Equal(r.Roles, []string{"admin", "owner", "keeper"}) || !r.HasMissing) {
				t.Errorf("%v does not say who may", err)
			}
		})
	}
}

func TestSeedAdd(t *testing.T) {
	closed := with(closedRoom)
	required := with(logged(mimi.Required, userURI("logger").String()))
	present := with(func(f *fixture) {
		logged(mimi.Required, clientURI("logger", "one").String())(f)
		f.list.Participants = append(f.list.Participants, mimi.Participant{User: userURI("logger"), Role: visitor})
		f.leaf("logger", "one")
	})
	optional := with(logged(mimi.Optional, userURI("logger").String()))
	single := with(func(f *fixture) { f.base.MultiDevice = false })
	newMember := []said{enlist("admin", "new", member), addClient("admin", "new", "one")}
	seedTable(t, []seedRow{
		{"OR user of the client is an occupant", closed, []said{addClient("guest", "guest", "two")}, ""},
		{"OR the room is open", newFixture(), joins("new", guest), ""},
		{"OR flexible and the adding user is an admin", closed, newMember, ""},
		{"OR flexible and the adding user is an owner", closed, []said{enlist("owner", "new", member), addClient("owner", "new", "one")}, ""},
		{"none: a member adds a stranger", closed, []said{enlist("member", "new", member), addClient("member", "new", "one")}, "can-add-participant"},
		{"none: a stranger adds its client", closed, []said{addClient("new", "new", "one")}, "add-unlisted"},
		{"none: fixed, though by an admin", with(fixedRoom), newMember, "fixed-membership"},
		{"none: the user is banned", newFixture(), []said{addClient("outcast", "outcast", "one")}, "add-banned"},
		{"AND multi-device: a second client in a single-device room", single, []said{addClient("member", "member", "two")}, "single-device"},
		{"AND multi-device: a new user in a single-device room", single, newMember, ""},
		{"AND a logger is present", present, newMember, ""},
		{"AND a logger is present: it is not", required, newMember, "logger-missing"},
		{"AND a logger is present: it is not, own client", required, []said{addClient("member", "member", "two")}, "logger-missing"},
		{"AND a logger is present: it is the one who is added", required, []said{enlist("owner", "logger", visitor), addClient("owner", "logger", "one")}, ""},
		{"AND a logger is present: logging is optional", optional, newMember, ""},
	})
}

func TestSeedKeyPackages(t *testing.T) {
	alice, bob := userURI("alice"), userURI("bob@b.example")
	for _, c := range []struct {
		branch string
		a      KeyPackageAccess
		rule   string
	}{
		{"OR the requester is the target", KeyPackageAccess{Requester: bob, Target: bob}, ""},
		{"OR the target consented", KeyPackageAccess{Requester: alice, Target: bob, Consented: true}, ""},
		{"OR a small number is outstanding", KeyPackageAccess{Requester: alice, Target: bob, Outstanding: 1, Small: 2}, ""},
		{"OR the target provided it", KeyPackageAccess{Requester: alice, Target: bob, Provided: true}, ""},
		{"none", KeyPackageAccess{Requester: alice, Target: bob}, "key-packages-consent"},
		{"none: too many are outstanding", KeyPackageAccess{Requester: alice, Target: bob, Outstanding: 2, Small: 2}, "key-packages-outstanding"},
		{"none: refused, though few are outstanding", KeyPackageAccess{Requester: alice, Target: bob, Refused: true, Small: 2}, "key-packages-refused"},
	} {
		t.Run(c.branch, func(t *testing.T) { checkRule(t, AuthorizeKeyPackages(c.a), c.rule) })
	}
}

// Joining and access to the GroupInfo have the same list: who may not join gets none, and the other way round.
func TestSeedJoin(t *testing.T) {
	canJoin := func(f *fixture) {
		f.roles.Roles[visitor].Capabilities = append(f.roles.Roles[visitor].Capabilities, mimi.CanJoinIfPreauthorized)
	}
	preauth := func(name string, role mimi.RoleIndex) func(*fixture) {
		return func(f *fixture) {
			f.preauth.Entries = append(f.preauth.Entries, mimi.PreauthUser(userURI(name), f.roles.Roles[role]))
		}
	}
	closed := with(closedRoom)
	away := with(func(f *fixture) {
		closedRoom(f)
		f.nodes = slices.DeleteFunc(f.nodes, func(n *mls.LeafNode) bool {
			return string(n.Credential.Identity) == clientURI("member", "one").String()
		})
	})
	links := with(func(f *fixture) { f.roles.Roles[none].Capabilities = []mimi.Capability{mimi.CanUseJoinCode} })
	logging := with(func(f *fixture) {
		closedRoom(f)
		canJoin(f)
		preauth("logger", visitor)(f)
		logged(mimi.Required, userURI("logger").String())(f)
	})
	unauthorised := with(func(f *fixture) { closedRoom(f); canJoin(f); logged(mimi.Required, userURI("logger").String())(f) })
	single := with(func(f *fixture) { f.base.MultiDevice = false })
	link := asHub
	link.JoinCode = func(user mimi.URI, role mimi.RoleIndex) bool { return user == userURI("new") && role == guest }
	for _, c := range []struct {
		branch    string
		f         *fixture
		o         Options
		who       string
		said      []said
		rule      string
		groupInfo string
	}{
		{"OR an occupant", away, asHub, "member", []said{{by: "member", joining: true}}, "", ""},
		{"OR the room is open", newFixture(), asHub, "new", joins("new", guest), "", ""},
		{"OR a link", links, link, "new", joins("new", guest), "", ""},
		{"OR a system logger in a logging room", logging, asHub, "logger", joins("logger", visitor), "", ""},
		{"none", closed, asHub, "new", joins("new", guest), "join", "join"},
		{"none: the link is another's", links, link, "other", joins("other", guest), "join", "join"},
		{"none: the logger is not the one", logging, asHub, "other", joins("other", visitor), "join", "join"},
		{"none: a logger without preauthorisation", unauthorised, asHub, "logger", joins("logger", visitor), "join", "join"},
		{"none: fixed", with(fixedRoom), asHub, "new", joins("new", guest), "fixed-membership", "fixed-membership"},
		{"none: banned in an open room", newFixture(), asHub, "outcast", []said{{by: "outcast", joining: true}}, "add-banned", "join-banned"},
		// The check for one device cannot be asked before the commit says whether the old client goes with it.
		{"AND multi-device: a second client in a single-device room", single, asHub, "member", []said{{by: "member", joining: true}}, "single-device", ""},
		{"AND multi-device: the client anew", single, asHub, "member", []said{{by: "member", joining: true}, {by: "member", joining: true, p: single.removes("member", "member").p}}, "", ""},
	} {
		t.Run(c.branch, func(t *testing.T) {
			_, r := c.f.judge(t, c.o, c.said...)
			checkRule(t, r, c.rule)
			s, err := StateOf(c.f)
			if err != nil {
				t.Fatal(err)
			}
			checkRule(t, AuthorizeGroupInfo(s, mimi.BasicCredential(clientURI(c.who, "one")), c.o), c.groupInfo)
		})
	}
}

// systems lists users of b.example, and system users of a.example, b.example and c.example that may kick.
func systems(f *fixture) {
	for _, name := range []string{"bob@b.example", "bea@b.example"} {
		f.list.Participants = append(f.list.Participants, mimi.Participant{User: userURI(name), Role: member})
		f.leaf(name, "one")
	}
	f.leaf("bob@b.example", "two")
	f.leaf("guest", "two")
	for _, name := range []string{"sys@a.example", "sys@b.example", "sys@c.example"} {
		f.preauth.Entries = append(f.preauth.Entries, mimi.PreauthUser(userURI(name), f.roles.Roles[admin]))
	}
}

// bySystem is what an external sender says.
func bySystem(s said) said {
	s.external = true
	return s
}

func TestSeedRemoveFlexible(t *testing.T) {
	f := with(systems)
	roleless := with(func(f *fixture) { systems(f); f.preauth.Entries = nil })
	drops := with(func(f *fixture) {
		systems(f)
		f.roles.Roles[guest].Capabilities = append(f.roles.Roles[guest].Capabilities, mimi.CanRemoveOwnClient)
	})
	expendable := with(func(f *fixture) { f.roles.Roles[keeper].MinActive, f.roles.Roles[keeper].MinParticipants = 0, 0 })
	seedTable(t, []seedRow{
		{"OR an admin removes", f, []said{f.unlist("admin", "visitor"), f.removes("admin", "visitor")}, ""},
		{"OR an owner removes", f, []said{f.unlist("owner", "visitor"), f.removes("owner", "visitor")}, ""},
		{"OR SelfRemove: one client of two", drops, []said{drops.removes("guest", "guest")}, ""},
		{"OR SelfRemove: with the list", f, []said{f.unlist("visitor", "visitor"), f.removes("visitor", "visitor")}, ""},
		{"OR the system user of the owning provider", f, []said{bySystem(f.removes("sys@a.example", "bea@b.example"))}, ""},
		{"OR the owning provider's own participant", f, []said{f.removes("keeper", "bea@b.example")}, ""},
		{"OR the system user of the removed user's provider", f, []said{bySystem(f.removes("sys@b.example", "bea@b.example"))}, ""},
		{"none: a member", f, []said{f.removes("member", "guest")}, "can-kick"},
		{"none: the system user of a third provider", f, []said{bySystem(f.removes("sys@c.example", "bea@b.example"))}, "system-user"},
		{"none: the system user of b.example, a user of a.example", f, []said{bySystem(f.removes("sys@b.example", "guest"))}, "system-user"},
		{"NOT the system user", expendable, []said{expendable.removes("owner", "keeper")}, "system-removed"},
		{"none: an external sender that the room gives no role", roleless, []said{bySystem(roleless.removes("sys@b.example", "bea@b.example"))}, "can-kick"},
	})
}

func TestSeedRemoveFixed(t *testing.T) {
	own := func(f *fixture) {
		systems(f)
		fixedRoom(f)
		for i := range f.roles.Roles[member:] {
			role := &f.roles.Roles[int(member)+i]
			role.Capabilities = append(role.Capabilities, mimi.CanRemoveOwnClient)
		}
	}
	f := with(own)
	logging := with(func(f *fixture) {
		own(f)
		logged(mimi.Required, userURI("guest").String())(f)
	})
	last := func(s said, user string) []said { // both clients of a user
		var all []said
		for i, node := range f.nodes {
			if c, _ := mimi.CredentialClient(node.Credential); c.ClientUser() == userURI(user) {
				s.p = mls.Remove{Removed: mls.LeafIndex(i)}
				all = append(all, s)
			}
		}
		return all
	}
	seedTable(t, []seedRow{
		{"OR an occupant removes another of its clients", f, []said{f.removes("guest", "guest")}, ""},
		{"OR the system user of the owning provider", f, []said{bySystem(f.removes("sys@a.example", "bob@b.example"))}, ""},
		{"OR the owning provider's own participant", f, []said{f.removes("keeper", "bob@b.example")}, ""},
		{"OR the system user of another provider, one of its own", f, []said{bySystem(f.removes("sys@b.example", "bob@b.example"))}, ""},
		{"none: an owner", f, []said{f.removes("owner", "guest")}, "fixed-remove"},
		{"none: an owner, with the list", f, []said{f.unlist("owner", "guest"), f.removes("owner", "guest")}, "fixed-membership"},
		{"none: the last own client", f, []said{f.removes("member", "member")}, "fixed-last-client"},
		{"none: both own clients", f, last(said{by: "guest"}, "guest"), "fixed-last-client"},
		{"none: the last client, by the owning provider", f, []said{bySystem(f.removes("sys@a.example", "bea@b.example"))}, "fixed-last-client"},
		{"none: the last client, by its provider", f, []said{bySystem(f.removes("sys@b.example", "bea@b.example"))}, "fixed-last-client"},
		{"none: both clients, by their provider", f, last(bySystem(said{by: "sys@b.example"}), "bob@b.example"), "fixed-last-client"},
		{"none: a client of another provider", f, []said{bySystem(f.removes("sys@b.example", "guest"))}, "system-user"},
		{"NOT an authorised logger: its last client", logging, last(bySystem(said{by: "sys@a.example"}), "guest"), "fixed-last-client"},
		{"NOT the system user", f, []said{f.removes("owner", "keeper")}, "min-active"},
	})
}

// A logger that the policy names stays until the policy names it no more.
func TestSeedLoggerStays(t *testing.T) {
	room := func(need mimi.Optionality) *fixture {
		return with(func(f *fixture) {
			logged(need, userURI("guest").String())(f)
			f.leaf("visitor", "two")
		})
	}
	required, optional := room(mimi.Required), room(mimi.Optional)
	free := newFixture()
	forget := said{by: "owner", p: update(mimi.ComponentLoggingPolicy, &mimi.LoggingPolicy{Logging: mimi.Forbidden})}
	demand := func(user string) said {
		return said{by: "owner", p: update(mimi.ComponentLoggingPolicy, &mimi.LoggingPolicy{Logging: mimi.Required, Clients: []string{userURI(user).String()}})}
	}
	out := func(f *fixture, by string) []said { return []said{f.unlist(by, "guest"), f.removes(by, "guest")} }
	seedTable(t, []seedRow{
		{"removed by an admin", required, out(required, "admin"), "logger-removed"},
		{"banned by an admin", required, []said{required.role("admin", "guest", banned), required.removes("admin", "guest")}, "logger-removed"},
		{"kicked", optional, []said{optional.removes("admin", "guest")}, "logger-removed"},
		{"leaves though it must not", required, out(required, "guest"), "logger-missing"},
		{"leaves where logging is optional", optional, out(optional, "guest"), ""},
		{"with the policy that named it", required, append(out(required, "owner"), forget), ""},
		{"another is removed", required, []said{required.unlist("admin", "member"), required.removes("admin", "member")}, ""},
		{"logging is demanded with the logger there", free, []said{demand("guest")}, ""},
		{"logging is demanded without a logger", free, []said{demand("new")}, "logger-missing"},
	})
}

func TestSeedLeave(t *testing.T) {
	foreign := func(change func(f *fixture)) *fixture { // a room of somebody else, whose roles demand no owner
		return with(func(f *fixture) {
			for i := range f.roles.Roles {
				role := &f.roles.Roles[i]
				role.MinParticipants, role.MinActive = 0, 0
				if role.Index > banned {
					role.Capabilities = append(role.Capabilities, mimi.CanRemoveSelf)
					role.Changes = append(role.Changes, mimi.RoleTargets{From: role.Index, Targets: []mimi.RoleIndex{none}})
				}
			}
			change(f)
		})
	}
	only := func(names ...string) func(*fixture) {
		return func(f *fixture) {
			f.list.Participants = slices.DeleteFunc(f.list.Participants, func(p mimi.Participant) bool { return !slices.Contains(names, p.User.Name()) })
			f.nodes = slices.DeleteFunc(f.nodes, func(n *mls.LeafNode) bool {
				c, _ := mimi.CredentialClient(n.Credential)
				return !slices.Contains(names, c.ClientUser().Name())
			})
		}
	}
	leaves := func(f *fixture, name string) []said { return []said{f.unlist(name, name), f.removes(name, name)} }
	all, single, withKeeper, last := foreign(func(*fixture) {}), foreign(only("owner", "member")), foreign(only("owner", "member", "keeper")), foreign(only("owner"))
	seedTable(t, []seedRow{
		{"a member", all, leaves(all, "member"), ""},
		{"an owner of several who administer", all, leaves(all, "owner"), ""},
		{"a member beside the only owner", single, leaves(single, "member"), ""},
		{"EXCEPT the only owner", single, leaves(single, "owner"), "leave-only-admin"},
		{"EXCEPT the only owner: the hub's participant is none", withKeeper, leaves(withKeeper, "owner"), "leave-only-admin"},
		{"EXCEPT the last member of the group", last, leaves(last, "owner"), "leave-last"},
	})
	t.Run("our own rooms demand an owner by the roles list", func(t *testing.T) {
		f := newFixture()
		_, r := f.judge(t, asHub, f.unlist("keeper", "owner"), f.removes("keeper", "owner"))
		checkRule(t, r, "min-participants")
	})
}

func TestSeedDestroy(t *testing.T) {
	last := with(func(f *fixture) { f.nodes = nil; f.leaf("owner", "one") })
	member := with(func(f *fixture) { f.nodes = nil; f.leaf("member", "one") })
	for _, c := range []struct {
		branch, user string
		f            *fixture
		rule         string
	}{
		{"the last member", "owner", last, ""},
		{"somebody else is in", "owner", newFixture(), "destroy-last"},
		{"somebody else is the last", "keeper", last, "destroy-last"},
		{"the last member's role may not", "member", member, "can-destroy"},
	} {
		t.Run(c.branch, func(t *testing.T) {
			s, err := StateOf(c.f)
			if err != nil {
				t.Fatal(err)
			}
			checkRule(t, AuthorizeDestroy(s, userURI(c.user)), c.rule)
		})
	}
}

func TestSeedSend(t *testing.T) {
	moderated := newFixture()
	unmoderated := with(func(f *fixture) {
		f.roles.Roles[visitor].Capabilities = append(f.roles.Roles[visitor].Capabilities, mimi.CanSendMessage)
	})
	gone := with(func(f *fixture) { f.nodes = nil })
	for _, c := range []struct {
		branch, user string
		f            *fixture
		rule         string
	}{
		{"OR a member", "member", moderated, ""},
		{"OR a moderator", "gmod", moderated, ""},
		{"OR a visitor of a moderated room with voice", "guest", moderated, ""},
		{"a visitor of an unmoderated room", "visitor", unmoderated, ""},
		{"none: a visitor of a moderated room", "visitor", moderated, "can-send"},
		{"none: a member without voice", "mvis", moderated, "can-send"},
		{"none: banned", "outcast", moderated, "can-send"},
		{"none: a stranger", "new", moderated, "can-send"},
		{"none: no client in the group", "member", gone, "send-inactive"},
	} {
		t.Run(c.branch, func(t *testing.T) {
			s, err := StateOf(c.f)
			if err != nil {
				t.Fatal(err)
			}
			checkRule(t, AuthorizeSend(s, userURI(c.user)), c.rule)
		})
	}
}

func TestSeedUpdatePolicy(t *testing.T) {
	f := newFixture()
	base := update(mimi.ComponentBaseRoomPolicy, &mimi.BaseRoomPolicy{MultiDevice: true, Discoverable: true})
	roles := update(mimi.ComponentRolesList, &mimi.RolesList{Roles: testRoles()})
	preauth := update(mimi.ComponentPreauthList, &mimi.PreauthList{})
	logging := update(mimi.ComponentLoggingPolicy, &mimi.LoggingPolicy{Logging: mimi.Forbidden})
	var rows []seedRow
	for _, p := range []struct {
		name, rule string
		p          mls.Proposal
	}{
		{"base policy", "can-change-membership-style", base}, {"roles", "can-change-roles", roles}, {"preauthorisation", "can-change-preauth", preauth},
		{"logging", "can-change-policy", logging}, {"intervals of Updates", "can-change-policy", update(mimi.ComponentOperationalPolicy, &mimi.OperationalParameters{LeafUpdate: mimi.Times{Min: 5}})}, {"extensions", "can-change-extensions", mls.GroupContextExtensions{}},
	} {
		rows = append(rows, seedRow{p.name + " by an owner", f, []said{{by: "owner", p: p.p}}, ""},
			seedRow{p.name + " by an admin without the capability", f, []said{{by: "admin", p: p.p}}, p.rule},
			seedRow{p.name + " by a member", f, []said{{by: "member", p: p.p}}, p.rule},
			seedRow{p.name + " by a stranger", f, []said{{by: "new", p: p.p}}, p.rule})
	}
	seedTable(t, rows)
}

func TestSeedOther(t *testing.T) {
	f := newFixture()
	reinit := with(func(f *fixture) {
		f.roles.Roles[owner].Capabilities = append(f.roles.Roles[owner].Capabilities, mimi.CanSendMLSReinitProposal)
	})
	system := with(systems)
	seedTable(t, []seedRow{
		{"PSK by a participant", f, []said{{by: "member", p: mls.PreSharedKey{}}}, ""},
		{"PSK by a stranger", f, []said{{by: "new", p: mls.PreSharedKey{}}}, "not-participant"},
		{"PSK by a banned user", f, []said{{by: "outcast", p: mls.PreSharedKey{}}}, "not-participant"},
		{"ReInit by who may", reinit, []said{{by: "owner", p: mls.ReInit{}}}, ""},
		{"ReInit by who may not", reinit, []said{{by: "admin", p: mls.ReInit{}}}, "can-reinit"},
		{"ReInit where nobody may", f, []said{{by: "owner", p: mls.ReInit{}}}, "can-reinit"},
		{"Update of one's own leaf", f, []said{{by: "visitor", p: mls.Update{LeafNode: mls.LeafNode{Credential: mimi.BasicCredential(clientURI("visitor", "one"))}}}}, ""},
		{"Update to somebody else", f, []said{{by: "visitor", p: mls.Update{LeafNode: mls.LeafNode{Credential: mimi.BasicCredential(clientURI("owner", "one"))}}}}, "credential-user"},
		{"external proposal: Add of an occupant's own new client", f, []said{bySystem(addClient("member", "member", "two"))}, ""},
		{"external proposal: Add by a stranger", f, []said{bySystem(addClient("new", "new", "one"))}, "add-unlisted"},
		{"external proposal: Remove by a system user", system, []said{bySystem(system.removes("sys@b.example", "bea@b.example"))}, ""},
	})
}

// The intervals of Updates (the seed's "other"): -1 is infinite, none is stated by default. Only the hub knows times, so members do not ask.
func TestSeedUpdateInterval(t *testing.T) {
	own := func(by string) mls.Proposal {
		return mls.Update{LeafNode: mls.LeafNode{Credential: mimi.BasicCredential(clientURI(by, "one"))}}
	}
	const now = 1_000_000
	for _, c := range []struct {
		branch string
		times  mimi.Times
		since  uint64 // 0: not known
		member bool   // asks, instead of the hub
		rule   string
	}{
		{"no interval", mimi.Times{}, now, false, ""},
		{"minimum not over", mimi.Times{Min: 100}, now - 99, false, "update-early"},
		{"minimum over", mimi.Times{Min: 100}, now - 100, false, ""},
		{"keys from the future", mimi.Times{Min: 100}, now + 50, false, "update-early"},
		{"age not known", mimi.Times{Min: 100}, 0, false, ""},
		{"infinite minimum", mimi.Times{Min: mimi.Infinity}, 1, false, "update-never"},
		{"infinite maximum", mimi.Times{Max: mimi.Infinity}, now, false, ""},
		{"maximum over: the Update is what is wanted", mimi.Times{Max: 100}, now - 200, false, ""},
		{"a member does not ask", mimi.Times{Min: 100}, now, true, ""},
		{"a member does not ask about infinity", mimi.Times{Min: mimi.Infinity}, now, true, ""},
	} {
		f := with(func(f *fixture) { f.mls = &mimi.OperationalParameters{LeafUpdate: c.times} })
		before, err := StateOf(f)
		if err != nil {
			t.Fatal(err)
		}
		if before.UpdateTimes() != c.times {
			t.Fatalf("%s: the state says %+v", c.branch, before.UpdateTimes())
		}
		o := Options{Seed: true, Now: now, Renewed: func(mls.LeafIndex) (uint64, bool) { return c.since, c.since > 0 }}
		if c.member {
			o = Options{}
		}
		ch := newChange(before, o)
		by, _ := ch.client(mimi.BasicCredential(clientURI("member", "one")))
		by.member = true
		r := ch.add(f, by, mls.Sender{Type: mls.SenderMember, Leaf: 3}, own("member"))
		if r == nil {
			_, r = ch.judge()
		}
		t.Run(c.branch, func(t *testing.T) {
			if r == nil {
				checkRule(t, nil, c.rule)
				return
			}
			checkRule(t, r, c.rule)
		})
	}
	f := newFixture()
	after, r := f.judge(t, asHub, said{by: "owner", p: update(mimi.ComponentOperationalPolicy, &mimi.OperationalParameters{LeafUpdate: mimi.Times{Min: 5, Max: 7}})})
	if r != nil || after.UpdateTimes() != (mimi.Times{Min: 5, Max: 7}) {
		t.Errorf("after the owner's update: %v, %+v", r, after)
	}
	f.mls = &mimi.OperationalParameters{LeafUpdate: mimi.Times{Min: 5}}
	after, r = f.judge(t, asHub, said{by: "owner", p: mls.AppDataUpdate{Component: mimi.ComponentOperationalPolicy, Remove: true}})
	if r != nil || after.UpdateTimes() != (mimi.Times{}) {
		t.Errorf("after its removal: %v", r)
	}
	f.roles.Roles[admin].Capabilities = append(f.roles.Roles[admin].Capabilities, mimi.CanChangeMlsOperationalPolicies)
	if _, r = f.judge(t, asHub, said{by: "admin", p: update(mimi.ComponentOperationalPolicy, &mimi.OperationalParameters{})}); r != nil {
		t.Errorf("by who has the reserved capability: %v", r)
	}
}
