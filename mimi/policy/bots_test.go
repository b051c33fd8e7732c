package policy

import (
	"testing"

	"anteroom/mimi"
)

// Roles for bots, behind those that the other fixtures have.
const (
	bot       = keeper + 1
	botReader = keeper + 2
)

// botRoom has roles for bots, into and out of which owners may move everybody, and the bots that its policy allows.
func botRoom(allowed ...mimi.Bot) func(*fixture) {
	return func(f *fixture) {
		own := &f.roles.Roles[owner]
		own.Changes = nil
		for from := none; from <= botReader; from++ {
			t := mimi.RoleTargets{From: from}
			for to := none; to <= botReader; to++ {
				if from != to {
					t.Targets = append(t.Targets, to)
				}
			}
			own.Changes = append(own.Changes, t)
		}
		f.roles.Roles = append(f.roles.Roles,
			mimi.Role{Index: bot, Name: "bot", Capabilities: caps(base, []mimi.Capability{mimi.CanSendMessage, mimi.CanRemoveSelf}), Changes: changes([]mimi.RoleIndex{bot, none})},
			mimi.Role{Index: botReader, Name: "bot_reader", Capabilities: base})
		if len(allowed) > 0 {
			f.bots = &mimi.BotPolicy{Allowed: allowed}
		}
	}
}

func named(user string, role mimi.RoleIndex) mimi.Bot {
	return mimi.Bot{Name: user, Homepage: userURI(user).String(), Role: role}
}

// takesPart lists a user with one client.
func takesPart(f *fixture, user string, role mimi.RoleIndex) {
	f.list.Participants = append(f.list.Participants, mimi.Participant{User: userURI(user), Role: role})
	f.leaf(user, "one")
}

func allow(bots ...mimi.Bot) said {
	return said{by: "owner", p: update(mimi.ComponentBotPolicy, &mimi.BotPolicy{Allowed: bots})}
}

// Room-policy §7.7, as a hub holds it for its own rooms.
func TestBots(t *testing.T) {
	empty := with(botRoom())
	weather := with(botRoom(named("weather", bot), named("idle", none), mimi.Bot{Name: "any", Homepage: "https://bots.example/any", Role: botReader}))
	there := with(func(f *fixture) {
		botRoom(named("weather", bot))(f)
		takesPart(f, "weather", bot)
	})
	open := with(func(f *fixture) { // bots may join as what everybody joins as
		botRoom(named("new", bot))(f)
	})
	local := mimi.Bot{Name: "dice", LocalClient: true}
	renamed := with(botRoom(named("weather", bot)))
	roles := func(change func(r *mimi.Role)) said {
		list := mimi.RolesList{Roles: append([]mimi.Role(nil), renamed.roles.Roles...)}
		change(&list.Roles[bot])
		return said{by: "owner", p: update(mimi.ComponentRolesList, &list)}
	}
	seedTable(t, []seedRow{
		// what the policy says
		{"a bot with a role for bots", empty, []said{allow(named("weather", bot))}, ""},
		{"a bot without a participant", empty, []said{allow(local, named("idle", none))}, ""},
		{"a bot with a role for people", empty, []said{allow(named("weather", member))}, "bot-own-role"},
		{"one user as two bots", empty, []said{allow(named("weather", bot), named("weather", botReader))}, "bot-twice"},
		{"the role is for bots no more", renamed, []said{roles(func(r *mimi.Role) { r.Name = "robot" })}, "bot-own-role"},
		{"the role can do something else", renamed, []said{roles(func(r *mimi.Role) { r.Capabilities = nil })}, ""},
		// who takes part
		{"with the policy", empty, []said{allow(named("weather", bot)), enlist("owner", "weather", bot)}, ""},
		{"by the policy", weather, []said{enlist("owner", "weather", bot), addClient("owner", "weather", "one")}, ""},
		{"without the policy", empty, []said{enlist("owner", "weather", bot)}, "bot-not-allowed"},
		{"another than the policy names", weather, []said{enlist("owner", "other", bot)}, "bot-not-allowed"},
		{"by an admin, whose role makes no bots", weather, []said{enlist("admin", "weather", bot)}, "can-add-participant-change"},
		{"by a member", weather, []said{enlist("member", "weather", bot)}, "can-add-participant"},
		{"in another role for bots", weather, []said{enlist("owner", "weather", botReader)}, "bot-other-role"},
		{"in a role for people", weather, []said{enlist("owner", "weather", member)}, "bot-other-role"},
		{"joining by itself as everybody", open, joins("new", guest), "bot-other-role"},
		{"a bot that takes no part", weather, []said{enlist("owner", "idle", member)}, "bot-no-participant"},
		{"a nameless entry lets one in", weather, []said{enlist("owner", "reader", botReader)}, ""},
		{"a nameless entry lets two in", weather, []said{enlist("owner", "reader", botReader), enlist("owner", "second", botReader)}, "bot-not-allowed"},
		{"somebody becomes a bot", empty, []said{allow(named("member", bot)), empty.role("owner", "member", bot)}, ""},
		{"somebody is named a bot and stays a member", empty, []said{allow(named("member", bot))}, "bot-other-role"},
		{"a bot is banned", there, []said{there.role("owner", "weather", banned), there.removes("owner", "weather")}, ""},
		{"a bot becomes an admin", there, []said{there.role("owner", "weather", admin)}, "bot-other-role"},
		{"a bot leaves", there, []said{there.unlist("weather", "weather"), there.removes("weather", "weather")}, ""},
		{"a bot is kicked", there, []said{there.removes("admin", "weather")}, ""},
		{"a bot is allowed no more, and stays", there, []said{{by: "owner", p: update(mimi.ComponentBotPolicy, &mimi.BotPolicy{})}}, "bot-not-allowed"},
		{"a bot is allowed no more, and goes", there, []said{{by: "owner", p: update(mimi.ComponentBotPolicy, &mimi.BotPolicy{})}, there.unlist("owner", "weather"), there.removes("owner", "weather")}, ""},
		{"a bot brings nobody", there, []said{enlist("weather", "friend", member)}, "can-add-participant"},
		{"a bot changes no policy", there, []said{{by: "weather", p: update(mimi.ComponentBotPolicy, &mimi.BotPolicy{})}}, "can-change-policy"},
	})
	// A member that checks what another provider's hub accepted does not know these rules.
	if _, r := weather.judge(t, Options{}, enlist("owner", "weather", member)); r != nil {
		t.Errorf("followed: %v", r)
	}
}

// What a bot may do is what its role says: one that reads does not speak.
func TestBotSpeaks(t *testing.T) {
	s, err := StateOf(with(func(f *fixture) {
		botRoom(named("weather", bot), named("reader", botReader))(f)
		takesPart(f, "weather", bot)
		takesPart(f, "reader", botReader)
	}))
	if err != nil {
		t.Fatal(err)
	}
	checkRule(t, AuthorizeSend(s, userURI("weather")), "")
	checkRule(t, AuthorizeSend(s, userURI("reader")), "can-send")
	checkRule(t, AuthorizeReceive(s, userURI("reader")), "")
}

func TestBotOf(t *testing.T) {
	s, err := StateOf(with(func(f *fixture) {
		botRoom(named("weather", bot), mimi.Bot{Name: "any", Homepage: "https://bots.example/any", Role: botReader}, mimi.Bot{Name: "no", Role: member})(f)
		takesPart(f, "weather", bot)
		takesPart(f, "reader", botReader)
	}))
	if err != nil {
		t.Fatal(err)
	}
	for user, want := range map[string]string{"weather": "weather", "reader": "any", "member": "", "nobody": ""} {
		b, is := s.Bot(userURI(user))
		if is != (want != "") || is && b.Name != want {
			t.Errorf("%s is %+v", user, b)
		}
	}
	if !s.BotRole(bot) || !s.BotRole(botReader) || s.BotRole(member) || s.BotRole(none) || s.BotRole(99) {
		t.Error("roles for bots")
	}
}
