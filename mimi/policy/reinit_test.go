package policy

import (
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// A ReInit keeps all of the room's policy: who may reinitialise the group may not for that change anything else. Only the hub's keys, which are of the
// suite, may be others (RFC 9420 §11.2; docs/decisions/140-reinit.md).
func TestReInitKeepsPolicy(t *testing.T) {
	hub := func(name string, key byte) mls.ExternalSender {
		return mls.ExternalSender{SignatureKey: []byte{key}, Credential: mimi.BasicCredential(mimi.MustURI("mimi://a.example/d/" + name + "/anteroom"))}
	}
	agent := func(name string, key byte) []byte {
		h := hub(name, key)
		return wire.Marshal(&mimi.FrankingAgent{SignatureKey: h.SignatureKey, Credential: h.Credential})
	}
	system := func(key byte) mls.ExternalSender { // of another provider
		return mls.ExternalSender{SignatureKey: []byte{key}, Credential: mimi.BasicCredential(mimi.MustURI("mimi://b.example/d/system/anteroom"))}
	}
	others := system(7)
	extensions := func(sender mls.ExternalSender, d mls.AppDataDictionary) []mls.Extension {
		return []mls.Extension{
			{Type: mls.ExtensionRequiredCapabilities, Data: wire.Marshal(mimi.RequiredCapabilities())},
			{Type: mls.ExtensionExternalSenders, Data: wire.Marshal(mls.ExternalSenders{sender, others})},
			{Type: mls.ExtensionAppDataDictionary, Data: wire.Marshal(d)},
		}
	}
	policy := mls.AppDataDictionary{}.With(mimi.ComponentRoomMetadata, wire.Marshal(&mimi.RoomMetadata{Room: mimi.MustURI("mimi://a.example/r/garden")})).
		With(mimi.ComponentRolesList, []byte{1}).With(mimi.ComponentParticipantList, []byte{2})
	old := mls.GroupContext{GroupID: []byte("old"), Extensions: extensions(hub("hub", 1), policy.With(mimi.ComponentFrankingAgent, agent("hub", 1)))}
	good := extensions(hub("hub", 2), policy.With(mimi.ComponentFrankingAgent, agent("hub", 2)))
	others = system(8)
	forged := extensions(hub("hub", 2), policy.With(mimi.ComponentFrankingAgent, agent("hub", 2)))
	others = system(7)
	foreign := mls.GroupContext{GroupID: old.GroupID, Extensions: extensions(hub("hub", 1), policy.Without(mimi.ComponentRoomMetadata))}
	if r := reInitKeeps(foreign, &mls.ReInit{GroupID: []byte("new"), Extensions: extensions(hub("hub", 2), policy.Without(mimi.ComponentRoomMetadata))}); r == nil {
		t.Error("keys of a hub that the group does not name are others")
	}
	turned := slices.Clone(good)
	slices.Reverse(turned)
	required := slices.Clone(good)
	required[0].Data = wire.Marshal(mimi.RequiredCapabilities(mls.CredentialX509))
	for _, c := range []struct {
		name, group string
		extensions  []mls.Extension
		rule        string
	}{
		{"the hub's keys", "new", good, ""},
		{"in another order", "new", turned, ""},
		{"the same name", "old", good, "reinit-group"},
		{"no name", "", good, "reinit-group"},
		{"fewer extensions", "new", good[1:], "reinit-policy"},
		{"another extension", "new", append(slices.Clone(good[:2]), mls.Extension{Type: 0x7777}), "reinit-policy"},
		{"other capabilities", "new", required, "reinit-policy"},
		{"somebody else as hub", "new", extensions(hub("mallory", 2), policy.With(mimi.ComponentFrankingAgent, agent("hub", 2))), "reinit-policy"},
		{"another key of another provider's system user", "new", forged, "reinit-policy"},
		{"somebody else franks", "new", extensions(hub("hub", 2), policy.With(mimi.ComponentFrankingAgent, agent("mallory", 2))), "reinit-policy"},
		{"another list of participants", "new", extensions(hub("hub", 2), policy.With(mimi.ComponentParticipantList, []byte{3}).With(mimi.ComponentFrankingAgent, agent("hub", 2))), "reinit-policy"},
		{"a component less", "new", extensions(hub("hub", 2), policy.Without(mimi.ComponentRolesList).With(mimi.ComponentFrankingAgent, agent("hub", 2))), "reinit-policy"},
	} {
		r := reInitKeeps(old, &mls.ReInit{GroupID: []byte(c.group), Version: mls.ProtocolVersionMLS10, Suite: 2, Extensions: c.extensions})
		got := ""
		if r != nil {
			got = r.Rule
		}
		if got != c.rule {
			t.Errorf("%s: %q, want %q", c.name, got, c.rule)
		}
	}
	if err := AuthorizeReInit(nil, nil); err != nil {
		t.Errorf("no ReInit: %v", err)
	}
}
