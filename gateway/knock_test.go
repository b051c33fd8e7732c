package gateway

import (
	"strings"
	"testing"
)

// A user knocks at a members-only room of another provider by trying to enter; the owner lets it in; it gets an invitation of the room and enters, at once.
// Whoever consents to nothing of the room's hears nothing.
func TestKnockIsAnswered(t *testing.T) {
	const garden, there = "garden@rooms.a.example", "garden%a.example@rooms.b.example"
	for _, deaf := range []bool{false, true} {
		inPair(t, func(p *pair) {
			p.send(enter(juliet, garden+"/Juliet"))
			p.send(iq("set", juliet, garden, "<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>"+
				"<field var='muc#roomconfig_membersonly'><value>1</value></field><field var='x-anteroom_knock'><value>1</value></field></x></query>"))
			if deaf {
				p.send("<message xmlns='jabber:client' from='" + romeoB + "' to='rooms.b.example' type='chat'><body>deny mimi://a.example/u/%2Fhub</body></message>")
				p.want("his decision", romeoB, "Done")
			}
			p.send(enter(romeoB, there+"/Romeo"))
			p.want("the door", romeoB, "type='error'")
			form := p.last(juliet, "muc#register_allow")
			if !strings.Contains(form, "romeo") {
				t.Fatalf("juliet is not asked: %s", form)
			}
			user := form[strings.Index(form, "x-anteroom_jid"):]
			user = user[strings.Index(user, "<value>")+len("<value>"):]
			user = user[:strings.Index(user, "<")]
			p.send("<message xmlns='jabber:client' from='" + juliet + "' to='" + garden + "'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>" +
				"<field var='x-anteroom_jid'><value>" + user + "</value></field><field var='muc#register_allow'><value>1</value></field></x></message>")
			if deaf {
				if got := p.last("romeo@b.example", "<invite"); got != "" {
					t.Errorf("he is told: %s", got)
				}
				return
			}
			p.want("the invitation", "romeo@b.example", "<invite from='"+there+"'>", "You knocked")
			p.send(enter(romeoB, there+"/Romeo"))
			p.want("his entry, at once", romeoB, "code='110'")
			p.want("what juliet sees", juliet, "Romeo", "affiliation='member'")
		})
	}
}
