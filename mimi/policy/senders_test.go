package policy

import (
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/pki/pkitest"
	"anteroom/mls"
	"anteroom/mls/wire"
)

// The hub stays an external sender of its rooms (draft-ietf-mimi-protocol-06 §7.4), external senders stay who they are, and a provider renews the
// certificates of its own without a capability, and changes nothing else with that. So the credential of the franking agent (§5.4.1).
func TestCredentialsOfExternalSenders(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	circle := pkitest.New(t, now, "a.example", "b.example")
	sender := func(name, key string, age int) mls.ExternalSender { // age in days; negative: a basic credential
		signer, err := mls.NewSigner(suite, seed(key))
		if err != nil {
			t.Fatal(err)
		}
		s := mls.ExternalSender{SignatureKey: signer.Public, Credential: mimi.BasicCredential(clientURI(name, "one"))}
		if age >= 0 {
			if s.Credential, err = circle.Issue(clientURI(name, "one"), suite, signer.Public, now.AddDate(0, 0, -age)); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	agent := func(s mls.ExternalSender) []byte {
		return wire.Marshal(&mimi.FrankingAgent{SignatureKey: s.SignatureKey, Credential: s.Credential})
	}
	old, renewed, system := sender("hub", "hub", 70), sender("hub", "hub", 0), sender("system@b.example", "system", 70)
	dictionary := mls.Extension{Type: mls.ExtensionAppDataDictionary, Data: wire.Marshal(mls.AppDataDictionary{}.With(mimi.ComponentFrankingAgent, agent(old)))}
	required := mls.Extension{Type: mls.ExtensionRequiredCapabilities, Data: wire.Marshal(mimi.RequiredCapabilities())}
	list := func(senders ...mls.ExternalSender) []mls.Extension {
		return []mls.Extension{required, {Type: mls.ExtensionExternalSenders, Data: wire.Marshal(mls.ExternalSenders(senders))}, dictionary}
	}
	change := func(by string, senders ...mls.ExternalSender) said {
		return said{by: by, p: mls.GroupContextExtensions{Extensions: list(senders...)}}
	}
	franks := func(by string, s mls.ExternalSender) said {
		return said{by: by, p: mls.AppDataUpdate{Component: mimi.ComponentFrankingAgent, Update: agent(s)}}
	}
	f := newFixture()
	f.extensions = list(old, system)
	basic := newFixture()
	basic.extensions = list(sender("hub", "hub", -1))
	other := change("member", renewed, system).p.(mls.GroupContextExtensions)
	other.Extensions[0].Data = wire.Marshal(mimi.RequiredCapabilities(mls.CredentialX509))
	for _, c := range []struct {
		why  string
		f    *fixture
		all  []said
		rule string
	}{
		{"renewed by a member of the hub's provider", f, []said{change("member", renewed, system)}, ""},
		{"renewed with the franking agent", f, []said{change("member", renewed, system), franks("member", renewed)}, ""},
		{"renewed by somebody who is banned", f, []said{change("outcast", renewed, system)}, "can-change-extensions"},
		{"renewed by an external sender", f, []said{{by: "member", external: true, p: change("", renewed, system).p}}, "can-change-extensions"},
		{"renewed by a stranger of the hub's provider", f, []said{change("stranger", renewed, system)}, "can-change-extensions"},
		{"the other provider's, by a member of the hub's", f, []said{change("member", old, sender("system@b.example", "system", 0))}, "can-change-extensions"},
		{"a certificate instead of a basic credential", basic, []said{change("member", renewed)}, ""},
		{"a basic credential instead of a certificate", f, []said{change("owner", sender("hub", "hub", -1), system)}, "external-sender"},
		{"somebody else with the hub's key", f, []said{change("owner", sender("mallory", "hub", 0), system)}, "external-sender"},
		{"the hub with another key", f, []said{change("owner", sender("hub", "other", 0), system)}, "hub-sender"},
		{"no hub", f, []said{change("owner", system)}, "hub-sender"},
		{"no system user, by a member", f, []said{change("member", old)}, "can-change-extensions"},
		{"no system user, by an owner", f, []said{change("owner", old)}, ""},
		{"one more, by a member", f, []said{change("member", renewed, system, sender("more", "more", 0))}, "can-change-extensions"},
		{"in another order", f, []said{change("member", system, renewed)}, "can-change-extensions"},
		{"with other capabilities", f, []said{{by: "member", p: other}}, "can-change-extensions"},
		{"as it was, by a member", f, []said{change("member", old, system)}, ""},
		{"another franking agent", f, []said{change("owner", renewed, system), franks("owner", sender("hub", "other", 0))}, "franking-agent"},
		{"somebody else franks", f, []said{change("owner", old, system), franks("owner", sender("mallory", "hub", 0))}, "franking-agent"},
		{"franking goes back to a basic credential", f, []said{franks("owner", sender("hub", "hub", -1))}, "franking-agent"},
		{"a franking agent that was not verified", f, []said{franks("owner", renewed)}, "franking-agent-sender"},
		{"a franking agent where there is none", newFixture(), []said{franks("owner", renewed)}, "franking-agent"},
		{"a franking agent that cannot be read", f, []said{{by: "owner", p: mls.AppDataUpdate{Component: mimi.ComponentFrankingAgent, Update: []byte{9}}}}, "franking-agent"},
		{"no franking agent any more, by a member", f, []said{{by: "member", p: mls.AppDataUpdate{Component: mimi.ComponentFrankingAgent, Remove: true}}}, "can-change-policy"},
	} {
		if _, refusal := c.f.judge(t, Options{}, c.all...); ruleOf(refusal) != c.rule {
			t.Errorf("%s: %v, want %q", c.why, refusal, c.rule)
		}
	}
}
