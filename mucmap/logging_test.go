package mucmap

import (
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/xmpp"
)

// Loggers that a commit names turn the field for logging on, turning it off takes them out of the policy, and a policy that forbids logging turns it off
// (draft-ietf-mimi-room-policy-04 §7.5, XEP-0045 §15.6.2).
func TestLoggingPolicyAndField(t *testing.T) {
	b := newBench(t)
	d, err := roomdoc.Preset("administrated", roomdoc.Names{Owners: []string{address(0)}})
	if err != nil {
		t.Fatal(err)
	}
	d.Policy.Logging = true
	d.PreauthMember = []roomdoc.Preauth{{Kind: roomdoc.System, Name: address(2)}}
	b.made(t, d)
	b.send(t, enter(2))
	wantIn(t, "the owner enters", b.send(t, enter(0)), "code='170'", "code='110'")
	c := &commander{b, t, "user0@a.example/x"}
	if c.configure("muc#roomconfig_enablelogging", "0"); b.room.pub.Config.Logging || b.room.hub.State().Logging().Logging != mimi.Forbidden {
		t.Errorf("turned off: %v, the group says %+v", b.room.pub.Config.Logging, b.room.hub.State().Logging())
	}
	if err := b.room.mirrors(); err != nil {
		t.Error(err)
	}
	set := func(p *mimi.LoggingPolicy) string {
		u := mimi.MustURI("mimi://a.example/u/user0")
		b.room.queue = append(b.room.queue, &wish{what: "policy", done: func(*turn) {}, refuse: func(_ *turn, e *xmpp.StanzaError) { t.Error(e) },
			plan: func(d *delta) *xmpp.StanzaError { d.signer = u; d.replace(mimi.ComponentLoggingPolicy, p); return nil }})
		return tick(t, b, 1)
	}
	wantIn(t, "a logger by commit", set(&mimi.LoggingPolicy{Clients: []string{b.listed("user2").String()}}), "code='170'")
	wantIn(t, "forbidden by commit", set(&mimi.LoggingPolicy{Logging: mimi.Forbidden}), "code='171'")
	if c.configure("muc#roomconfig_enablelogging", "1"); !b.room.pub.Config.Logging || b.room.hub.State().Logging().Logging == mimi.Forbidden {
		t.Errorf("turned on: %v, the group says %+v", b.room.pub.Config.Logging, b.room.hub.State().Logging())
	}
	if err := b.room.mirrors(); err != nil {
		t.Error(err)
	}
}
