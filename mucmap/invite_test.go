package mucmap

import (
	"strings"
	"testing"
)

// The id of an invitation tells the room who sent it; other ids tell nothing.
func TestInviteID(t *testing.T) {
	for _, tt := range []struct{ nick, id string }{{"Romeo", "i1"}, {"Ro meo ♥", ""}} {
		if nick, id, ok := invitedBy(inviteID(tt.nick, tt.id)); !ok || nick != tt.nick || id != tt.id {
			t.Errorf("%q %q came back as %q %q %v", tt.nick, tt.id, nick, id, ok)
		}
	}
	if nick, id, ok := invitedBy(inviteID("Romeo", strings.Repeat("x", maxInviteID+1))); !ok || nick != "Romeo" || id != "" {
		t.Errorf("a very long id: %q %q %v", nick, id, ok)
	}
	for _, id := range []string{"", "i1", inviteMark + "!", inviteMark + "Um9tZW8", inviteMark + "//8A"} {
		if nick, _, ok := invitedBy(id); ok {
			t.Errorf("%q was taken for an invitation by %q", id, nick)
		}
	}
}
