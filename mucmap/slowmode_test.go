package mucmap

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"anteroom/internal/conform"
)

func setField(name, value string) string {
	return "<iq from='user0@a.example/x' to='" + room + "' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>" +
		"<field var='" + name + "'><value>" + value + "</value></field></x></query></iq>"
}

// XEP-0500: the field, the announcement, 104, and what is refused for how long.
func TestSlowMode(t *testing.T) {
	b := newBench(t)
	b.check = true
	b.send(t, enter(0)+enter(1)+enter(2))
	ask := "<iq from='user0@a.example/x' to='" + room + "' type='get' id='f'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>"
	wantIn(t, "form (§5.1)", b.send(t, ask), "var='muc#roomconfig_slow_mode_duration' type='text-single'", "datatype='xs:integer'><range min='0' max='21600'/>")
	info := "<iq from='user1@a.example/x' to='" + room + "' type='get' id='i'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>"
	wantIn(t, "disco#info (§5.2)", b.send(t, info), "var='muc#roominfo_slow_mode_duration' type='text-single' label='Seconds between two messages of a user'><value>0</value>")
	wantIn(t, "above the limit", b.send(t, setField(fieldSlowMode, strconv.Itoa(MaxSlowMode+1))), "not-acceptable")
	wantIn(t, "no number", b.send(t, setField(fieldSlowMode, "-1")), "not-acceptable")
	wantIn(t, "at the limit", b.send(t, setField(fieldSlowMode, strconv.Itoa(MaxSlowMode))), "type='result'", "code='104'")
	wantIn(t, "20 s", b.send(t, setField(fieldSlowMode, "20")), "type='result'", "code='104'")
	wantIn(t, "disco#info (§5.2)", b.send(t, info), "<value>20</value>")

	say := groupchat(1, "<body>x</body>")
	wantIn(t, "the first message", b.send(t, say), "stanza-id")
	out := b.send(t, say)
	wantIn(t, "the second (§6)", out, "<error type='wait'><policy-violation", "this room wants 20 s between two messages", "try again in 20 s")
	if strings.Contains(out, "user0") {
		t.Error("and it is forwarded (§6)")
	}
	wantIn(t, "of another device (§8)", b.send(t, strings.ReplaceAll(enter(1), "/x'", "/y'")+strings.ReplaceAll(say, "/x'", "/y'")), "slow mode")
	wantIn(t, "without body (§6)", b.send(t, groupchat(1, "<composing xmlns='http://jabber.org/protocol/chatstates'/>")), "<composing", "occupant-id")
	wantIn(t, "of somebody else", b.send(t, groupchat(2, "<body>x</body>")), "stanza-id")
	wantIn(t, "of an owner (§6)", b.send(t, groupchat(0, "<body>x</body>")+groupchat(0, "<body>y</body>")), "<body>y</body>")
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "after a restart", b.send(t, say), "slow mode")
	b.now = b.now.Add(19 * time.Second)
	wantIn(t, "19 s later", b.send(t, say), "slow mode", "try again in 1 s")
	b.now = b.now.Add(time.Second)
	wantIn(t, "20 s later", b.send(t, say), "stanza-id")
	b.send(t, setField(fieldSlowMode, "0"))
	wantIn(t, "switched off", b.send(t, say+say), "stanza-id")
}

// Of two messages that wait for a commit slow mode lets one pass.
func TestSlowModeAfterWaiting(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0)+enter(1)+setField(fieldSlowMode, "20"))
	b.room.unclean = true
	say := groupchat(1, "<body>x</body>")
	if out := b.send(t, say+say); strings.Contains(out, "error") {
		t.Fatalf("they do not wait:\n%s", out)
	}
	b.room.unclean = false
	b.out.Reset()
	if err := b.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	if out := b.out.String(); strings.Count(out, "stanza-id") != 1 || strings.Count(out, "slow mode") != 1 {
		t.Errorf("released:\n%s", out)
	}
}

// A room that is closed to newcomers: who is known comes and goes, nobody else enters; it stays so over a restart.
func TestClosedToNewcomers(t *testing.T) {
	conform.Holds(t, "0045-14.6-4")
	b := newBench(t)
	b.check = true
	b.send(t, enter(0)+enter(1)+enter(2))
	b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='m'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='member' jid='user3@a.example'/></query></iq>")
	wantIn(t, "closing", b.send(t, setField(fieldClosed, "1")), "type='result'", "code='104'")
	for _, restarted := range []bool{false, true} {
		if restarted {
			if err := b.restart(true); err != nil {
				t.Fatal(err)
			}
		}
		wantIn(t, "a newcomer", b.send(t, enter(4)), "<error type='cancel'><not-allowed", closedText)
		leave := "<presence type='unavailable' from='user1@a.example/x' to='" + room + "/nick1'/>"
		wantIn(t, "a guest who comes back", b.send(t, leave+enter(1)), "code='110'")
		wantIn(t, "another device of an occupant", b.send(t, strings.ReplaceAll(enter(2), "/x'", "/y'")), "code='110'")
		wantIn(t, "a member", b.send(t, enter(3)), "code='110'")
	}
	b.send(t, "<presence type='unavailable' from='user1@a.example/x' to='"+room+"/nick1'/>")
	b.now = b.now.Add(DefaultGuestLinger + time.Second)
	if err := b.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "a guest who was away for long", b.send(t, enter(1)), "not-allowed")
	wantIn(t, "opening", b.send(t, setField(fieldClosed, "0")+enter(4)), "code='110'")
}
