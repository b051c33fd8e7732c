package mucmap

import (
	"fmt"
	"testing"

	"anteroom/internal/conform"
)

// Subjects, names and descriptions of rooms do not deceive; what people say is theirs and passes as it is.
func TestTitlesDoNotDeceive(t *testing.T) {
	conform.Holds(t, "0045-14.6-5")
	b := newBench(t)
	b.send(t, enter(0))
	for _, bad := range []string{"gar\u202eden", "\u200b", "garden\u2067"} {
		wantIn(t, "subject", b.send(t, groupchat(0, "<subject>"+bad+"</subject>")), "not-acceptable", "this subject is not possible: ")
		for _, field := range []string{"muc#roomconfig_roomname", "muc#roomconfig_roomdesc"} {
			wantIn(t, field, b.send(t, setField(field, bad)), "not-acceptable", field+" is not possible: ")
		}
		wantIn(t, "message", b.send(t, groupchat(0, "<body>"+bad+"</body>")), "<body>"+bad+"</body>", "stanza-id")
	}
	wantIn(t, "a good subject", b.send(t, groupchat(0, "<subject>שלום ❤\ufe0f</subject>")), "<subject>שלום ❤\ufe0f</subject>")
}

// Every way to take somebody else's nick in disguise is refused with conflict and a text that says why, against the nick of an
// occupant and against a reserved one, at entering and at renaming (XEP-0045 §7.2.8, §7.6, §7.10); what is only written differently is
// changed, and 210 says so.
func TestImpersonation(t *testing.T) {
	conform.Holds(t, "0045-14.6-1")
	for why, disguise := range map[string]string{
		"case": "rOMEO", "full width (PRECIS maps it)": "Ｒomeo", "Cyrillic": "Rоmeo", "digit": "R0meo", "space inside": "Rom eo",
		"spaces (PRECIS takes them away)": "  Romeo ", "a letter of two": "Rorneo and", "Greek": "Rοmeo",
	} {
		t.Run(why, func(t *testing.T) {
			b := newBench(t)
			victim := "Romeo"
			if why == "a letter of two" {
				victim = "Romeo and"
			}
			b.send(t, enter(0))
			b.send(t, "<presence from='victim@a.example/x' to='"+room+"/"+victim+"'>"+joinX+"</presence>"+enter(2))
			join := fmt.Sprintf("<presence from='user1@a.example/x' to='%s/%s' id='j'>%s</presence>", room, disguise, joinX)
			rename := fmt.Sprintf("<presence from='user2@a.example/x' to='%s/%s' id='r'/>", room, disguise)
			wantIn(t, "entering", b.send(t, join), "<conflict", "this nick ")
			wantIn(t, "renaming", b.send(t, rename), "<conflict", "this nick ")
			b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='m'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='victim@a.example'/></query></iq>")
			b.send(t, "<iq from='victim@a.example/x' to='"+room+"' type='set' id='g'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>"+
				"<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>"+victim+"</value></field></x></query></iq>")
			b.send(t, "<presence type='unavailable' from='victim@a.example/x' to='"+room+"/"+victim+"'/>")
			if b.room.pub.here.ByNick(victim) != nil || len(b.room.pub.reserved) != 1 {
				t.Fatal("the nick is not reserved by somebody absent")
			}
			wantIn(t, "entering as somebody absent", b.send(t, join), "<conflict", "reserved for somebody else")
			wantIn(t, "renaming to somebody absent", b.send(t, rename), "<conflict", "reserved for somebody else")
		})
	}
	b := newBench(t)
	b.send(t, enter(0))
	wantIn(t, "a nick with spaces around it", b.send(t, "<presence from='user1@a.example/x' to='"+room+"/ Paris  of Troy '>"+joinX+"</presence>"), room+"/Paris of Troy", "<status code='210'/>")
	for _, bad := range []string{"\u202eoemoR", "\u200bRomeo", "Rom\u2060eo", "\u2800", "Romeoש", " "} {
		st := fmt.Sprintf("<presence from='user2@a.example/x' to='%s/%s' id='j'>%s</presence>", room, bad, joinX)
		all, err := stanzas(st)
		if err != nil {
			continue // no address can hold it: the server, or the component's reader, refuses it as jid-malformed
		}
		b.out.Reset()
		if err := b.step(StanzaIn{all[0]}); err != nil {
			t.Fatal(err)
		}
		wantIn(t, fmt.Sprintf("%q deceives by itself", bad), b.out.String(), "not-acceptable")
	}
}
