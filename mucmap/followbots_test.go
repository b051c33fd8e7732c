package mucmap

import (
	"iter"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
)

// paperGroup is a group's application data without a tree.
type paperGroup map[mls.ComponentID][]byte

func (g paperGroup) AppData(id mls.ComponentID) ([]byte, bool) { data, ok := g[id]; return data, ok }

func (g paperGroup) Leaves() iter.Seq2[mls.LeafIndex, *mls.LeafNode] {
	return func(func(mls.LeafIndex, *mls.LeafNode) bool) {}
}

func paper(t *testing.T, roles []mimi.Role, bots *mimi.BotPolicy, list ...mimi.Participant) *policy.State {
	t.Helper()
	s, err := policy.StateOf(paperGroup{
		mimi.ComponentRolesList:       marshal(&mimi.RolesList{Roles: roles}),
		mimi.ComponentParticipantList: marshal(&mimi.ParticipantList{Participants: list}),
		mimi.ComponentBaseRoomPolicy:  marshal(&mimi.BaseRoomPolicy{}),
		mimi.ComponentBotPolicy:       marshal(bots),
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Bots of rooms elsewhere: an anteroom's are what they are there, whatever else that room has; in other rooms a role is one for bots by its name, and a user is a bot by
// the policy that names it.
func TestBotsOfOtherRooms(t *testing.T) {
	c := defaultConfig()
	c.Bots, c.Systems = true, true
	ours := c.roles(false).Roles
	if !ourLayout(ours) {
		t.Error("an anteroom with bots and system users is not known as one")
	}
	renamed := c.roles(false).Roles
	for i := range renamed {
		if renamed[i].Index == roleBot {
			renamed[i].Name = "robot"
		}
	}
	if ourLayout(renamed) {
		t.Error("a role that is not ours passes for one")
	}
	user := func(name string) mimi.URI { return mimi.MustURI("mimi://b.example/u/" + name) }
	send := []mimi.Capability{mimi.CanSendMessage, mimi.CanReceiveMessage}
	foreign := []mimi.Role{
		{Index: 0, Name: "no_role", Capabilities: []mimi.Capability{mimi.CanOpenJoin}, Changes: []mimi.RoleTargets{targets(0, 7)}},
		{Index: 1, Name: mimi.BannedName},
		{Index: 7, Name: "everybody", Capabilities: send},
		{Index: 8, Name: "bot_poker", Capabilities: send},
		{Index: 9, Name: "bot_log", Capabilities: send[1:]},
	}
	listed := []mimi.Participant{{User: user("alice"), Role: 7}, {User: user("dealer"), Role: 8}, {User: user("log"), Role: 9}, {User: user("weather"), Role: 7}}
	s := paper(t, foreign, &mimi.BotPolicy{Allowed: []mimi.Bot{{Name: "Weather", Homepage: user("weather").String(), Role: 7}}}, listed...)
	for name, want := range map[string]mimi.RoleIndex{"alice": roleGuest, "dealer": roleBot, "log": roleBotReader, "weather": roleBot, "nobody": roleNone} {
		if got := roleHere(s, translate(s), user(name)); got != want {
			t.Errorf("%s is %d here, want %d", name, got, want)
		}
	}
	same := paper(t, ours, &mimi.BotPolicy{}, mimi.Participant{User: user("dealer"), Role: roleBot}, mimi.Participant{User: user("log"), Role: roleBotReader})
	if a, b := roleHere(same, translate(same), user("dealer")), roleHere(same, translate(same), user("log")); a != roleBot || b != roleBotReader {
		t.Errorf("bots of an anteroom are %d and %d", a, b)
	}
}
