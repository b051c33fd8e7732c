package mucmap

import (
	"strings"
	"testing"
)

// juliet, who owns the room and is away, bans tybalt. romeo goes by her nick meanwhile: he is not named as who did it.
func TestActorWhoseNickIsTaken(t *testing.T) {
	b := newBench(t)
	b.check = true
	for _, who := range []string{"juliet@a.example/balcony Juliet", "romeo@a.example/orchard Romeo", "tybalt@a.example/street Tybalt"} {
		jid, nick, _ := strings.Cut(who, " ")
		b.send(t, "<presence from='"+jid+"' to='"+room+"/"+nick+"'>"+joinX+"</presence>")
	}
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet' type='unavailable'/><presence from='romeo@a.example/orchard' to='"+room+"/Juliet'/>")
	out := b.send(t, adminSet("<item affiliation='outcast' jid='tybalt@a.example'/>"))
	wantIn(t, "the ban", out, "<status code='301'/>", "id='a' type='result'")
	if strings.Contains(out, "<actor") {
		t.Errorf("somebody is named who did not do it:\n%s", out)
	}
}
