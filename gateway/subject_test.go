package gateway

import "testing"

// Who sets the subject of a room of another provider gets it back under its own id (XEP-0045 §7.4), and so does everybody at its provider; the same subject again, too.
func TestSubjectElsewhereKeepsItsID(t *testing.T) {
	inPair(t, func(p *pair) {
		const here, there = "garden@rooms.a.example", "garden%a.example@rooms.b.example"
		const romeo, nurse = romeoB, "nurse@b.example/x"
		p.send(enter(juliet, here+"/Juliet"))
		p.send(enter(romeo, there+"/Romeo"))
		p.send(enter(nurse, there+"/Nurse"))
		p.send(iq("set", juliet, here, "<query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='admin' jid='u%romeo%b.example@rooms.a.example'/></query>"))
		set := func(id, text string) {
			p.send("<message xmlns='jabber:client' from='" + romeo + "' to='" + there + "' type='groupchat' id='" + id + "'><subject>" + text + "</subject></message>")
		}
		set("s1", "Orchard")
		for _, who := range []string{romeo, nurse} {
			p.want("the subject", who, "<subject>Orchard</subject>", "id='s1'", there+"/Romeo'")
		}
		p.want("where the room lives", juliet, "<subject>Orchard</subject>", here+"/Romeo'")
		set("s2", "Orchard")
		p.want("the same again", romeo, "<subject>Orchard</subject>", "id='s2'")
		set("s3", "")
		p.want("none", nurse, "<subject/>", "id='s3'")
	})
}
