package policy

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
)

// The policies of room-policy §7.6 to §7.8: who may change them, what makes sense, and that the next state has them.
func TestOptionalPolicies(t *testing.T) {
	f := with(botRoom())
	history := func(roles ...mimi.RoleIndex) mls.Proposal {
		return update(mimi.ComponentChatHistoryPolicy, &mimi.HistoryPolicy{Roles: roles, Automatically: true, MaxPeriod: 3600})
	}
	expiration := func(def mimi.Maximum) mls.Proposal {
		return update(mimi.ComponentMessageExpiration, &mimi.MessageExpiration{Expiring: mimi.Required, Min: 60, Max: 600, Default: def})
	}
	bots := func(role mimi.RoleIndex) mls.Proposal {
		return update(mimi.ComponentBotPolicy, &mimi.BotPolicy{Allowed: []mimi.Bot{{Name: "weather", Role: role}}})
	}
	gone := func(id mls.ComponentID) mls.Proposal { return mls.AppDataUpdate{Component: id, Remove: true} }
	seedTable(t, []seedRow{
		{"history by an owner", f, []said{{by: "owner", p: history(member, admin)}}, ""},
		{"history by an admin", f, []said{{by: "admin", p: history(member)}}, "can-change-policy"},
		{"history by a stranger", f, []said{{by: "new", p: history(member)}}, "can-change-policy"},
		{"history shared by a role that is not there", f, []said{{by: "owner", p: history(99)}}, "history-roles"},
		{"history removed by a member", f, []said{{by: "member", p: gone(mimi.ComponentChatHistoryPolicy)}}, "can-change-policy"},
		{"expiration by an owner", f, []said{{by: "owner", p: expiration(mimi.AtMost(300))}}, ""},
		{"expiration by a member", f, []said{{by: "member", p: expiration(mimi.Maximum{})}}, "can-change-policy"},
		{"expiration by default too late", f, []said{{by: "owner", p: expiration(mimi.AtMost(601))}}, "expiration-default"},
		{"expiration by default too soon", f, []said{{by: "owner", p: expiration(mimi.AtMost(59))}}, "expiration-default"},
		{"bots by an owner", f, []said{{by: "owner", p: bots(bot)}}, ""},
		{"bots that are no participants", f, []said{{by: "owner", p: bots(none)}}, ""},
		{"bots by a guest", f, []said{{by: "guest", p: bots(bot)}}, "can-change-policy"},
		{"bots of a role that is not there", f, []said{{by: "owner", p: bots(99)}}, "bot-role"},
		{"bots that are banned", f, []said{{by: "owner", p: bots(banned)}}, "bot-role"},
	})
	after, r := f.judge(t, Options{}, said{by: "owner", p: history(member)}, said{by: "owner", p: expiration(mimi.Maximum{})}, said{by: "owner", p: bots(bot)})
	if r != nil {
		t.Fatal(r)
	}
	h, ok := after.History()
	if e, there := after.Expiration(); !ok || !there || h.MaxPeriod != 3600 || e.Max != 600 {
		t.Errorf("after the commit: %+v %+v", h, e)
	}
	if b, there := after.Bots(); !there || len(b.Allowed) != 1 || b.Allowed[0].Name != "weather" {
		t.Errorf("after the commit: %+v", b)
	}
	before, err := StateOf(f)
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := before.History(); ok {
		t.Error("a room without history policy has one, or the commit changed the state before it")
	}
}
