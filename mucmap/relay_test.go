package mucmap

import (
	"strings"
	"testing"
)

// A user of another provider has no XMPP client to ask: the room answers with a card. Who it is stands there for those who may know.
func TestCardOfRemoteParticipant(t *testing.T) {
	b, _ := meet(t)
	ask := func(from, payload string) string {
		return b.send(t, "<iq from='"+from+"' to='garden@rooms.a.example/Bob' type='get' id='c1'>"+payload+"</iq>")
	}
	owner := ask("juliet@a.example/balcony", "<vCard xmlns='vcard-temp'/>")
	wantIn(t, "moderators", owner, "type='result'", "<FN>Bob</FN>", "<URL>mimi://b.example/u/bob</URL>", "<JABBERID>u%bob%b.example@rooms.a.example</JABBERID>")
	guest := ask("romeo@a.example/orchard", "<vCard xmlns='vcard-temp'/>")
	wantIn(t, "guests", guest, "type='result'", "<NICKNAME>Bob</NICKNAME>")
	if strings.Contains(guest, "b.example") {
		t.Errorf("a guest of a semi-anonymous room learns who Bob is: %s", guest)
	}
	wantIn(t, "other requests", ask("juliet@a.example/balcony", "<query xmlns='jabber:iq:version'/>"), "service-unavailable", "does not speak XMPP")
	wantIn(t, "unknown nick", b.send(t, "<iq from='juliet@a.example/balcony' to='garden@rooms.a.example/Bobby' type='get' id='c2'><vCard xmlns='vcard-temp'/></iq>"), "item-not-found")
}
