package mucmap

import (
	"strings"
	"testing"
)

// A vCard that would swell every snapshot of the room is refused, and the room keeps the one it had (XEP-0486 §3.2).
func TestAvatarLimit(t *testing.T) {
	b, _ := chatter(t, 0)
	set := func(text string) string {
		return b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='v'><vCard xmlns='vcard-temp'><NOTE>"+text+"</NOTE></vCard></iq>")
	}
	wantIn(t, "a small one", set("Capulets only"), "code='104'", "type='result'")
	wantIn(t, "a large one", set(strings.Repeat("x", maxVCard)), "policy-violation")
	if !strings.Contains(b.room.pub.VCard, "Capulets only") {
		t.Errorf("vCard is %.80q", b.room.pub.VCard)
	}
}
