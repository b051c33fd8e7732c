package mucmap

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
)

var occupantIDs = regexp.MustCompile(`<occupant-id xmlns='urn:xmpp:occupant-id:0' id='([^']*)'`)

// Everything that comes from one user names it alike, users differ, a stanza has one id, and a MIMI user has one too (XEP-0421 §4).
func TestOccupantIDs(t *testing.T) {
	b, bob := meet(t)
	byWhom := map[string][]string{}
	look := func(text string) {
		for _, l := range strings.Split(text, "\n") {
			ids := found(occupantIDs, l)
			if len(ids) > 1 {
				t.Errorf("%d occupant ids in %s", len(ids), l)
			}
			for _, who := range []string{"Juliet", "Romeo", "Bob"} {
				if strings.Contains(l, " from='"+room+"/"+who) {
					if len(ids) == 0 {
						t.Errorf("no occupant id in %s", l)
					}
					byWhom[who] = append(byWhom[who], ids...)
				}
			}
		}
	}
	look(b.out.String())
	b.out.Reset()
	if a := bob.say("Hello", bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Fatalf("bob's message: %+v", a)
	}
	look(b.out.String())
	look(b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Hi</body></message>"+
		"<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat'><subject>Night</subject></message>"+
		"<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'><show>away</show></presence>"+adminSet("<item nick='Romeo' role='visitor'/>")))
	all := map[string]string{}
	for who, ids := range byWhom {
		slices.Sort(ids)
		if ids = slices.Compact(ids); len(ids) != 1 {
			t.Errorf("%s has the ids %q", who, ids)
		}
		if other, taken := all[ids[0]]; taken {
			t.Errorf("%s and %s have the same id", who, other)
		}
		all[ids[0]] = who
	}
	if len(all) != 3 {
		t.Errorf("ids of %d users", len(all))
	}
}

// A participant of another provider wears a hat that says so, and how far its encryption reaches (XEP-0317 §4).
func TestHats(t *testing.T) {
	b, _ := meet(t)
	const hat = "<hats xmlns='urn:xmpp:hats:0'><hat uri='urn:anteroom:hat:mls' title='MIMI user of b.example, encrypted by MLS up to this gateway'/></hats>"
	wantIn(t, "bob appears", b.out.String(), hat)
	join := b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"<hats xmlns='urn:xmpp:hats:0'><hat uri='urn:anteroom:hat:mls' title='fake'/></hats></presence>")
	if strings.Count(join, "<hats") != 1 || !strings.Contains(join, hat) {
		t.Errorf("hats in %s", join)
	}
}

// The same user has another id in another room, also in one of the same name that came after.
func TestOccupantIDsDifferPerRoom(t *testing.T) {
	in := "<presence from='juliet@a.example/balcony' to='" + room + "/Juliet'>" + joinX + "</presence>"
	b := newBench(t)
	first := found(occupantIDs, b.send(t, in))
	b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='d'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>")
	second := found(occupantIDs, b.send(t, in))
	if len(first) == 0 || len(second) == 0 || first[0] == second[0] {
		t.Errorf("ids %q, then %q", first, second)
	}
}
