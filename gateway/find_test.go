package gateway

import (
	"strings"
	"testing"
	"time"

	"anteroom/mucmap"
)

const (
	serviceA, serviceB = "rooms.a.example", "rooms.b.example"
	romeoB             = "romeo@b.example/orchard"
	nurseA             = "nurse@a.example/hall"
)

// A user finds users and rooms of another provider, by message, by command and by the searches that clients have (draft-ietf-mimi-protocol-06 §5.8;
// XEP-0433, XEP-0055); and those alone who want to be found.
func TestFindAcrossProviders(t *testing.T) {
	inPair(t, func(p *pair) {
		find := func(why, line string, parts ...string) {
			t.Helper()
			time.Sleep(time.Minute) // not too often
			p.send(message(juliet, serviceA, body(line)))
			p.want(why, juliet, parts...)
		}
		const nobody = "Nothing was found at b.example."
		find("who has said nothing", "find romeo@b.example", nobody)
		p.send(message(romeoB, serviceB, body("findable handle")))
		find("by address", "find romeo@b.example", "u%romeo%b.example@rooms.a.example")
		find("by another address", "find rome@b.example", nobody)
		find("by a part of a name", "find montague at b.example", nobody)
		p.send(message(romeoB, serviceB, body("findable name Romeo Montague")))
		find("by a part of the name", "find montague at b.example", "u%romeo%b.example@rooms.a.example (Romeo Montague)")
		find("by too little", "find mo at b.example", "finds too many")
		p.send(message(romeoB, serviceB, body("others deny")))
		find("who lets nobody add it", "find montague at b.example", nobody)
		p.send(message(romeoB, serviceB, body("others ask")))
		p.b.stop()
		p.b.start()
		find("after a restart", "find romeo@b.example", "u%romeo%b.example@rooms.a.example (Romeo Montague)")

		form := func(fields ...string) string {
			x := "<x xmlns='jabber:x:data' type='submit'>"
			for i := 0; i < len(fields); i += 2 {
				x += "<field var='" + fields[i] + "'><value>" + fields[i+1] + "</value></field>"
			}
			return x + "</x>"
		}
		p.send(iq("get", juliet, serviceA, "<query xmlns='jabber:iq:search'/>"))
		p.want("form of XEP-0055", juliet, "jabber:iq:search", "var='user'", "var='x-anteroom_provider'")
		p.send(iq("set", juliet, serviceA, "<query xmlns='jabber:iq:search'>"+form("FORM_TYPE", "jabber:iq:search", "user", "montague", "x-anteroom_provider", "b.example")+"</query>"))
		p.want("XEP-0055", juliet, "type='result'", "jabber:iq:search", "<value>u%romeo%b.example@rooms.a.example</value>", "<value>Romeo Montague</value>")

		p.send(enter(romeoB, "orchard@rooms.b.example/Romeo"))
		p.send(enter(romeoB, "cellar@rooms.b.example/Romeo"))
		p.send(iq("set", romeoB, "orchard@rooms.b.example", "<query xmlns='http://jabber.org/protocol/muc#owner'>"+form("FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig",
			"muc#roomconfig_publicroom", "1", "muc#roomconfig_roomname", "Apples and Pears", "muc#roomconfig_roomdesc", "Where fruit is picked")+"</query>"))
		p.send(iq("set", romeoB, "cellar@rooms.b.example", "<query xmlns='http://jabber.org/protocol/muc#owner'>"+form("FORM_TYPE", "http://jabber.org/protocol/muc#roomconfig",
			"muc#roomconfig_publicroom", "0", "muc#roomconfig_roomname", "Hidden apples")+"</query>"))
		find("rooms", "rooms b.example", "orchard%b.example@rooms.a.example (Apples and Pears)")
		find("rooms by words", "rooms b.example apples fruit", "orchard%b.example@rooms.a.example (Apples and Pears)")
		if strings.Contains(p.last(juliet), "cellar") {
			t.Errorf("a hidden room is found: %s", p.last(juliet))
		}
		find("rooms by other words", "rooms b.example plums", nobody)
		search := "<search xmlns='urn:xmpp:channel-search:0:search'>" + form("FORM_TYPE", "urn:xmpp:channel-search:0:search-params", "q", "pears", "x-anteroom_provider", "b.example") + "</search>"
		p.send(iq("get", juliet, serviceA, search))
		p.want("XEP-0433", juliet, "type='result'", "address='orchard%b.example@rooms.a.example'", "<name>Apples and Pears</name>", "<nusers>1</nusers>", "<is-open>true</is-open>")
		p.send(message(juliet, serviceA, body("rooms a.example")))
		p.want("at home", juliet, "Nothing was found at a.example.")
		for range 12 {
			p.send(message(nurseA, serviceA, body("find romeo@b.example")))
		}
		p.want("too often", nurseA, "you search too much at once")
		for range cap(p.g.seeking) {
			p.g.seeking <- struct{}{}
		}
		time.Sleep(time.Minute)
		find("too many", "find romeo@b.example", "too many are searching")
	})
}

// What the operator closes is not found.
func TestFindNothing(t *testing.T) {
	inPair(t, func(p *pair) {
		p.send(message(romeoB, serviceB, body("findable handle")))
		for _, line := range []string{"find romeo@b.example", "rooms b.example"} {
			p.send(message(juliet, serviceA, body(line)))
			p.want(line, juliet, "b.example does not let others search for this")
		}
	}, func(c *mucmap.Config) { c.Search = mucmap.SearchPolicy{NoUsers: true, NoRooms: true} })
}
