package mucmap

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Random users do random things, jobs come back late, clocks jump, the process crashes at random writes. After every step the log
// replays to the live state, the public room says what the group says, and every stanza can be sent.
func TestRandomWalk(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		b := newBench(t)
		b.check = true
		if rapid.Bool().Draw(rt, "locking") {
			b.svc = locking(b.svc)
			b.room = b.svc.New(b.name)
		}
		who := func(label string) string {
			return fmt.Sprintf("u%d@a.example", rapid.IntRange(0, 4).Draw(rt, label))
		}
		device := func() string { return who("sender") + "/" + rapid.SampledFrom([]string{"a", "b"}).Draw(rt, "device") }
		nick := func() string { return rapid.SampledFrom([]string{"N0", "n0", "N1", "N2", "N3", "N4"}).Draw(rt, "nick") }
		pick := func(label string, s ...string) string { return rapid.SampledFrom(s).Draw(rt, label) }
		stanza := func() string {
			from := device()
			switch rapid.IntRange(0, 9).Draw(rt, "kind") {
			case 0, 1, 2:
				return "<presence from='" + from + "' to='" + room + "/" + nick() + "'>" + pick("x", joinX, joinX, joinX, "") + "</presence>"
			case 3:
				return "<presence from='" + from + "' to='" + room + "/" + nick() + "' type='unavailable'/>"
			case 4:
				return "<message from='" + from + "' to='" + room + "' type='groupchat'>" + pick("what", "<body>x</body>", "<subject>y</subject>", "<subject/>") + "</message>"
			case 5:
				return "<message from='" + from + "' to='" + room + "' type='error'><error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>"
			case 6:
				return "<iq from='" + from + "' to='" + room + "' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_" +
					pick("field", "membersonly", "moderatedroom", "persistentroom", "changesubject", "allowinvites", "publicroom") + "'><value>" + pick("on", "0", "1") + "</value></field><field var='muc#roomconfig_whois'><value>" +
					pick("whois", "anyone", "moderators") + "</value></field></x></query></iq>"
			}
			if rapid.IntRange(0, 4).Draw(rt, "register") == 0 {
				form := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field><field var='muc#register_roomnick'><value>" + nick() + "</value></field>"
				switch pick("registration", "ask", "allow", "remove") {
				case "ask":
					return "<iq from='" + from + "' to='" + room + "' type='set' id='g'><query xmlns='jabber:iq:register'>" + form + "</x></query></iq>"
				case "allow":
					return "<message from='" + from + "' to='" + room + "'>" + form + "<field var='muc#register_allow'><value>1</value></field></x></message>"
				}
				return "<iq from='" + from + "' to='" + room + "' type='set' id='g'><query xmlns='jabber:iq:register'><remove/></query></iq>"
			}
			var items strings.Builder
			for range rapid.IntRange(1, 2).Draw(rt, "items") {
				if rapid.Bool().Draw(rt, "role or affiliation") {
					items.WriteString("<item nick='" + nick() + "' role='" + pick("role", "none", "visitor", "participant", "moderator") + "'/>")
				} else {
					items.WriteString("<item jid='" + who("target") + "' affiliation='" + pick("affiliation", "outcast", "none", "member", "admin", "owner") + "'/>")
				}
			}
			return "<iq from='" + from + "' to='" + room + "' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'>" + items.String() + "</query></iq>"
		}
		survive := func(err error) {
			for errors.Is(err, errCrash) {
				b.hold = false
				err = b.restart(false)
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			b.out.Reset()
			switch rapid.IntRange(0, 19).Draw(rt, "act") {
			case 0:
				b.hold = true
			case 1, 2:
				b.hold = false
				held := b.held
				b.held = nil
				for _, j := range held {
					survive(b.run(j))
				}
			case 3:
				b.now = b.now.Add(time.Duration(rapid.IntRange(1, 60).Draw(rt, "minutes")) * time.Minute)
				survive(b.step(Timer{}))
			case 4:
				b.crashAt, b.after = b.writes+rapid.IntRange(1, 3).Draw(rt, "writes"), rapid.Bool().Draw(rt, "after")
			default:
				all, err := stanzas(stanza())
				if err != nil {
					rt.Fatal(err)
				}
				survive(b.step(StanzaIn{all[0]}))
			}
		}
	})
}
