package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
)

// A password is stored among the secrets, and nowhere else: not in the log, not in a snapshot, not in what operators read.
func TestPasswordIsNoEvent(t *testing.T) {
	b := limited(t, Limits{})
	b.send(t, enter(0))
	const word = "cauldronburn"
	set := func(fields string) string {
		return b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>"+fields+"</x></query></iq>")
	}
	out := set("<field var='muc#roomconfig_passwordprotectedroom'><value>1</value></field><field var='muc#roomconfig_roomsecret'><value>" + word + "</value></field>")
	if strings.Contains(out, word) || string(b.disk.secrets[secretPassword]) != word {
		t.Fatalf("password among the secrets: %q; out:\n%s", b.disk.secrets[secretPassword], out)
	}
	for _, e := range b.disk.events {
		if strings.Contains(string(e), word) {
			t.Errorf("event holds the password: %s", e)
		}
	}
	if strings.Contains(string(b.room.pub.encode()), word) {
		t.Error("snapshot holds the password")
	}
	wantIn(t, "too long", set("<field var='muc#roomconfig_roomsecret'><value>"+strings.Repeat("x", maxPassword+1)+"</value></field>"), "not-acceptable")
	set("<field var='muc#roomconfig_passwordprotectedroom'><value>0</value></field>")
	if got, kept := b.disk.secrets[secretPassword]; kept {
		t.Errorf("an open room still stores %q", got)
	}
	if e := b.room.checkPassword(mimi.URI{}, ""); e != nil {
		t.Error(e)
	}
	b.room.pub.Config.Protected = true
	if e := b.room.checkPassword(mimi.URI{}, ""); e == nil {
		t.Error("a protected room without password lets everybody in")
	}
}

// Bounds of invitations.
func TestInvitationLimits(t *testing.T) {
	b := limited(t, Limits{})
	b.send(t, enter(0))
	ask := func(x string) string {
		return b.send(t, "<message from='user0@a.example/x' to='"+room+"' id='i'><x xmlns='http://jabber.org/protocol/muc#user'>"+x+"</x></message>")
	}
	wantIn(t, "too many", ask(strings.Repeat("<invite to='a@a.example'/>", MaxInvites+1)), "policy-violation")
	wantIn(t, "long reason", ask("<invite to='a@a.example'><reason>"+strings.Repeat("x", maxReason+1)+"</reason></invite>"), "policy-violation")
	wantIn(t, "long thread", ask("<invite to='a@a.example'><continue thread='"+strings.Repeat("x", maxReason+1)+"'/></invite>"), "policy-violation")
	wantIn(t, "long decline", ask("<decline to='"+room+"/nick0'><reason>"+strings.Repeat("x", maxReason+1)+"</reason></decline>"), "policy-violation")
}
