package mucmap

import (
	"strings"
	"testing"
)

// Who is not in the room is told that somebody else changed its affiliation (XEP-0045 §15.6.2, code 101), also by an admin who has no nick because it was
// never in the room (docs/decisions/156-who-is-told.md); what users do to themselves they are not told.
func TestAbsentAreToldByWhoHasNoNick(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0)+enter(1))
	as := func(from, item string) string {
		return b.send(t, "<iq from='"+from+"' to='"+room+"' type='set' id='i'><query xmlns='http://jabber.org/protocol/muc#admin'><item "+item+"</query></iq>")
	}
	wantIn(t, "by the owner", as("user0@a.example/x", "jid='nurse@a.example' affiliation='admin'/>"),
		"<item affiliation='admin' role='none'><actor nick='nick0'/></item><status code='101'/>")
	wantIn(t, "by an admin without a nick", as("nurse@a.example/x", "jid='tybalt@a.example' affiliation='member'><reason>kin</reason></item>"),
		"<item affiliation='member' role='none'><reason>kin</reason></item><status code='101'/>")
	wantIn(t, "a ban by that admin", as("nurse@a.example/x", "jid='tybalt@a.example' affiliation='outcast'/>"),
		"<item affiliation='outcast' role='none'/><status code='101'/>")
	as("user0@a.example/x", "jid='mercutio@a.example' affiliation='member'/>")
	register := func(payload string) string {
		return "<iq from='mercutio@a.example/x' to='" + room + "' type='set' id='i'><query xmlns='jabber:iq:register'>" + payload + "</query></iq>"
	}
	wantIn(t, "a nick", b.send(t, register("<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>"+
		"<field var='muc#register_roomnick'><value>Mercutio</value></field></x>")), "type='result'")
	for why, out := range map[string]string{
		"who resigns":        b.send(t, register("<remove/>")),
		"who is in the room": as("user0@a.example/x", "jid='user1@a.example' affiliation='member'/>"),
	} {
		if !strings.Contains(out, "type='result'") || strings.Contains(out, "code='101'") {
			t.Errorf("%s: %s", why, out)
		}
	}
}
