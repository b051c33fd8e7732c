package mucmap

import (
	"strings"
	"testing"
)

const destroyIQ = "<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>"

// Whoever waits for key packages of somebody elsewhere is answered when the room is destroyed meanwhile.
func TestDestroyedWhileAskingForKeys(t *testing.T) {
	b, h := atHome(t, "")
	b.check = false
	b.peers = func(q PeerRequest) (int, []byte) {
		all, _ := stanzas(destroyIQ)
		if err := b.step(StanzaIn{all[0]}); err != nil {
			t.Fatal(err)
		}
		return h.answer(q)
	}
	out := b.send(t, adminSet("<item affiliation='admin' jid='"+bobJID+"'/>"))
	if n := strings.Count(out, "id='a'"); n != 1 {
		t.Errorf("answered %d times:\n%s", n, out)
	}
}

// So is who waits for a commit before key packages are asked for.
func TestDestroyedWhileWaiting(t *testing.T) {
	b, _ := atHome(t, "")
	b.check = false
	b.hold = true
	b.send(t, "<presence from='paris@a.example/x' to='"+room+"/Paris'>"+joinX+"</presence>")
	out := b.send(t, adminSet("<item affiliation='admin' jid='"+bobJID+"'/>"))
	out += b.send(t, destroyIQ)
	if n := strings.Count(out, "id='a'"); n != 1 {
		t.Errorf("answered %d times:\n%s", n, out)
	}
}

// A reason that is too long for the presences that would carry it is refused (XEP-0045 §10.9).
func TestDestroyReasonIsBounded(t *testing.T) {
	b, _ := atHome(t, "")
	out := b.send(t, strings.Replace(destroyIQ, "<destroy/>", "<destroy><reason>"+strings.Repeat("x", maxReason+1)+"</reason></destroy>", 1))
	wantIn(t, "long", out, "<not-acceptable")
}
