package mucmap

import (
	"strings"
	"testing"

	"anteroom/presence"
)

// Where telling everybody at once who is hidden would be too much, the others hear of each when it next would be announced. That a
// snapshot keeps; the room costs no more than the presences that are shown.
func TestHidingACrowd(t *testing.T) {
	n := 10
	for n*n <= presence.MaxReveal {
		n++
	}
	b := crowd(t, n+1)
	b.out.Reset()
	out := b.send(t, configure("user0@a.example/phone", "muc#roomconfig_presencebroadcast=moderator"))
	if strings.Contains(out, "unavailable") || !strings.Contains(out, "code='104'") {
		t.Fatalf("the change itself: %.500s", out)
	}
	restored, err := decodeState(b.svc, b.room.addr, b.room.pub.encode())
	if err != nil {
		t.Fatal(err)
	}
	if string(restored.encode()) != string(b.room.pub.encode()) {
		t.Error("a snapshot forgets who was not told yet")
	}
	b.room.pub = restored
	away := "<presence from='user1@a.example/phone' to='" + room + "/nick1'><show>away</show></presence>"
	if out := b.send(t, away); strings.Count(out, "type='unavailable'") != 2 || strings.Count(out, "<show>") != 1 {
		t.Errorf("a status of somebody hidden whom the others see: gone for owner and others, a status for itself:\n%.2000s", out)
	}
	if out := b.send(t, away); strings.Contains(out, "unavailable") || strings.Count(out, "\nto ") > 0 {
		t.Errorf("once more, to itself alone:\n%.2000s", out)
	}
	if out := b.send(t, enter(n+5)); strings.Count(out, "<presence from='"+room+"/") != 2 {
		t.Errorf("a newcomer sees the owner and itself:\n%.2000s", out)
	}
}

// No more absent members are shown than the limit says.
func TestAbsentShownLimit(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0)+configure("user0@a.example/x", "x-anteroom_show_absent=1"))
	for i := range MaxAbsentShown + 5 {
		u, err := b.svc.UserURI(user(i + 1))
		if err != nil {
			t.Fatal(err)
		}
		b.room.pub.members[u] = &member{Role: roleMember, Nick: user(i + 1).Local()}
	}
	if got := len(b.room.pub.absentees()); got != MaxAbsentShown {
		t.Errorf("%d absent members are shown", got)
	}
}
