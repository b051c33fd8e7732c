package gateway

import "testing"

// A user of another provider who is an admin of a semi-anonymous room invites a user of the room's own provider. Key packages would tell who is
// behind a pseudonym: the inviter is told so, and the invited is not asked for a consent that would be of no use. In a room that shows who everybody is it works.
func TestInviteUserOfHub(t *testing.T) {
	inPair(t, func(p *pair) {
		const garden, there = "garden@rooms.a.example", "garden%a.example@rooms.b.example"
		invite := func() {
			p.send("<message xmlns='jabber:client' from='" + romeoB + "' to='" + there + "' id='i'><x xmlns='http://jabber.org/protocol/muc#user'><invite to='u%tybalt%a.example@rooms.b.example'/></x></message>")
		}
		p.send(enter(juliet, garden+"/Juliet"))
		p.send(enter(romeoB, there+"/Romeo"))
		p.send(iq("set", juliet, garden, "<query xmlns='http://jabber.org/protocol/muc#admin'><item jid='u%romeo%b.example@rooms.a.example' affiliation='admin'/></query>"))
		invite()
		p.want("why not", romeoB, "type='error'", "id='i'", "<not-allowed", "a.example does not let mimi://a.example/u/tybalt be added: this room is semi-anonymous")
		if asked := p.last("tybalt@a.example", ""); asked != "" {
			t.Errorf("tybalt is asked in vain: %s", asked)
		}

		p.send(iq("set", juliet, garden, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"+
			"<field var='muc#roomconfig_whois'><value>anyone</value></field></x></query>"))
		invite()
		p.want("the question", "tybalt@a.example", "mimi://b.example/u/romeo", "Answer with")
		p.send("<message xmlns='jabber:client' from='tybalt@a.example/x' to='rooms.a.example' type='chat'><body>allow mimi://b.example/u/romeo</body></message>")
		p.want("the invitation", "tybalt@a.example", "<invite from='u%romeo%b.example@rooms.a.example'")
		p.send(enter("tybalt@a.example/x", garden+"/Tybalt"))
		p.want("his entry", "tybalt@a.example/x", "code='110'")
		p.want("what romeo sees", romeoB, there+"/tybalt", "affiliation='none' role='participant'") // as whoever enters an open room
	})
}
