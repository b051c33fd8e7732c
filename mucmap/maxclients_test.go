package mucmap

import (
	"testing"

	"anteroom/mimi"
)

// An owner bounds the clients of the group: who comes beyond it is told that the room is full (XEP-0045 §7.2.9), from here and from elsewhere, and those who are in
// stay; further resources of an XMPP user are no further clients.
func TestMaxClients(t *testing.T) {
	c := newCommander(t)
	submit := func(value string) string {
		return c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'>"+fill("FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig", fieldMaxClients, value)+"</query></iq>")
	}
	for bad, text := range map[string]string{"a word": "many", "nobody": "0", "the keeper alone": "1", "too large": "4294967296"} {
		wantIn(t, bad, submit(text), "<not-acceptable")
	}
	bob := newRemote(t, c.bench, "mimi://b.example/d/bob/cli")
	const leaves = 4 // the keeper and three users
	wantIn(t, "two more", submit(utoa(leaves+2)), "type='result'")
	if got := c.room.hub.State().Base().MaxClients; got != mimi.AtMost(uint32(leaves+2)) {
		t.Fatalf("the group says %+v", got)
	}
	if a := bob.join("Bob"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("bob joins: %+v", a)
	}
	wantIn(t, "the last one", c.send(t, enter(7)), "code='110'")
	wantIn(t, "one too many", c.send(t, enter(8)), "<service-unavailable", "allows "+utoa(leaves+2)+" clients")
	if a := newRemote(t, c.bench, "mimi://b.example/d/bella/cli").join("Bella"); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("one too many from elsewhere: %+v", a)
	}
	wantIn(t, "another resource", c.send(t, "<presence from='user7@a.example/y' to='"+room+"/nick7'>"+joinX+"</presence>"), "code='110'")
	submit("2")
	wantIn(t, "those who are in stay", c.send(t, "<message from='user7@a.example/y' to='"+room+"' type='groupchat' id='1'><body>still here</body></message>"), "still here")
	submit("")
	wantIn(t, "no bound", c.send(t, enter(8)), "code='110'")
	if err := c.room.mirrors(); err != nil {
		t.Error(err)
	}
}
