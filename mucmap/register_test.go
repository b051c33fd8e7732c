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
