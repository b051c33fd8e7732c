package mucmap

import (
	"fmt"
	"strings"
	"testing"

	"anteroom/internal/conform"
)

// So many users wait to be registered, and no more.
func TestApplicantsLimit(t *testing.T) {
	conform.Holds(t, "0045-14.6-7")
	b := limited(t, Limits{})
	b.send(t, enter(0))
	ask := func(i int) string {
		return fmt.Sprintf("<iq from='w%d@a.example/x' to='%s' type='set' id='r'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>wait%cing%c</value></field></x></query></iq>",
			i, room, rune('a'+i/20), rune('a'+i%20+0x4e00-'a'))
	}
	for i := range MaxApplicants {
		if out := b.send(t, ask(i)); strings.Contains(out, "type='error'") {
			t.Fatalf("applicant %d: %s", i, out)
		}
	}
	wantIn(t, "one more", b.send(t, ask(MaxApplicants)), "resource-constraint")
	if out := b.send(t, ask(0)); strings.Contains(out, "type='error'") || len(b.room.pub.Applicants) != MaxApplicants {
		t.Errorf("who waits may ask again: %s", out)
	}
}

// Who asks to be registered once more, for the same nick, is answered, and the admins are not asked again.
func TestRegistrationTwice(t *testing.T) {
	c := newCommander(t)
	register := func(nick string) string {
		return c.send(t, "<iq from='user7@a.example/x' to='"+room+"' type='set' id='g'><query xmlns='jabber:iq:register'>"+
			fill("FORM_TYPE", "http://jabber.org/protocol/muc#register", "muc#register_roomnick", nick)+"</query></iq>")
	}
	wantIn(t, "first", register("Seven"), "type='result'", "Request for registration")
	out := register("Seven")
	if wantIn(t, "again", out, "type='result'"); strings.Contains(out, "Request for registration") {
		t.Errorf("the admins are asked again:\n%s", out)
	}
	wantIn(t, "for another nick", register("Sept"), "type='result'", "Request for registration")
}
