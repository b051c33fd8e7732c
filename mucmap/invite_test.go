package mucmap

import (
	"strings"
	"testing"

	"anteroom/xmpp"
)

// The id of an invitation tells the room who sent it, when who was invited answers; other ids, and other senders, tell nothing.
func TestInviteID(t *testing.T) {
	s := newState(testService(t), xmpp.MustParseJID(room))
	s.Secret = []byte("secret")
	nurse := xmpp.MustParseJID("nurse@a.example")
	for _, tt := range []struct{ nick, id string }{{"Romeo", "i1"}, {"Ro meo ♥", ""}} {
		if nick, id, ok := s.invitedBy(xmpp.MustParseJID("nurse@a.example/hall"), s.inviteID(nurse, tt.nick, tt.id)); !ok || nick != tt.nick || id != tt.id {
			t.Errorf("%q %q came back as %q %q %v", tt.nick, tt.id, nick, id, ok)
		}
	}
	if nick, id, ok := s.invitedBy(nurse, s.inviteID(nurse, "Romeo", strings.Repeat("x", maxInviteID+1))); !ok || nick != "Romeo" || id != "" {
		t.Errorf("a very long id: %q %q %v", nick, id, ok)
	}
	for _, id := range []string{"", "i1", inviteMark + "!", inviteMark + "Um9tZW8AaTE", s.inviteID(xmpp.MustParseJID("tybalt@a.example"), "Romeo", "i1")} {
		if nick, _, ok := s.invitedBy(nurse, id); ok {
			t.Errorf("%q was taken for an invitation by %q", id, nick)
		}
	}
	s.Secret = nil
	if _, _, ok := s.invitedBy(nurse, s.inviteID(nurse, "Romeo", "i1")); ok {
		t.Error("without a secret anybody could have made the id")
	}
}

// Nobody but who was invited tells an occupant that an invitation came back.
func TestForgedBounceOfAnInvitation(t *testing.T) {
	b, _ := atHome(t, "")
	out := b.send(t, "<message from='mallory@evil.example/x' to='"+room+"' type='error' id='"+b.room.pub.inviteID(xmpp.MustParseJID("nobody@a.example"), "Romeo", "mine")+"'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>")
	if strings.Contains(out, "to romeo") {
		t.Error(out)
	}
}
