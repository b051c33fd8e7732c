package mucmap

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A room of another provider does not tell features that only its hub could serve (XEP-0030 §3.1).
func TestFeaturesOfFollowedRooms(t *testing.T) {
	svc := testService(t)
	for name, ours := range map[string]bool{"garden": true, "garden%b.example": false} {
		s := newState(svc, xmpp.MustParseJID(name+"@rooms.a.example"))
		features := s.info().Features
		for _, f := range []string{muc.NSRegister, nsVCard, nsCommands} {
			if slices.Contains(features, f) != ours {
				t.Errorf("%s: feature %s is %v", name, f, !ours)
			}
		}
		if !slices.Contains(features, muc.NSMAM) || !slices.Contains(features, muc.FormRequest) || !slices.Contains(features, nsModerate) || len(slices.Compact(slices.Sorted(slices.Values(features)))) != len(features) {
			t.Errorf("%s: %q", name, features)
		}
	}
}

// The hash in the room's own presence is that of what disco#info answers for its node (XEP-0115 §5.4, §6.2). Subject and occupants do
// not change it; configuration and avatar do.
func TestCaps(t *testing.T) {
	b := newBench(t)
	enter := func(device string) string {
		b.out.Reset()
		all, err := stanzas("<presence from='juliet@a.example/" + device + "' to='garden@rooms.a.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		if err != nil {
			t.Fatal(err)
		}
		if b.disk.exists {
			o := b.room.Step(b.now, b.seed(), StanzaIn{all[0]})
			st := o.Stanzas[0].Template.Stanza()
			b.disk.write(&o)
			c, err := muc.ParseCaps(st.Child(muc.NSCaps, "c"))
			if err != nil || st.From != b.room.addr {
				t.Fatalf("first of all comes %s", st)
			}
			return c.Ver
		}
		if err := b.feed(StanzaIn{all[0]}); err != nil {
			t.Fatal(err)
		}
		return ""
	}
	do := func(stanza string) {
		t.Helper()
		b.send(t, stanza)
	}
	enter("one")
	ver := enter("two")
	all, err := stanzas("<iq from='juliet@a.example/one' to='garden@rooms.a.example' type='get' id='d'><query xmlns='" + muc.NSDiscoInfo + "' node='" + nodeCaps + "#" + ver + "'/></iq>")
	if err != nil {
		t.Fatal(err)
	}
	answer := b.room.Step(b.now, b.seed(), StanzaIn{all[0]}).Stanzas[0].Template.Stanza()
	d, err := muc.ParseDiscoInfo(answer.Child(muc.NSDiscoInfo, "query"))
	if err != nil || d.Node != nodeCaps+"#"+ver || d.CapsHash() != ver {
		t.Fatalf("%v: %s does not hash to %s", err, answer, ver)
	}
	do("<message from='juliet@a.example/one' to='garden@rooms.a.example' type='groupchat' id='s'><subject>Moon</subject></message>")
	do("<presence from='romeo@a.example/x' to='garden@rooms.a.example/Romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	if got := enter("three"); got != ver {
		t.Errorf("subject or occupants changed the hash from %s to %s", ver, got)
	}
	do("<iq from='juliet@a.example/one' to='garden@rooms.a.example' type='set' id='c'><query xmlns='" + muc.NSOwner + "'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>" +
		muc.FormRoomConfig + "</value></field><field var='muc#roomconfig_roomdesc'><value>by night</value></field></x></query></iq>")
	configured := enter("four")
	do("<iq from='juliet@a.example/one' to='garden@rooms.a.example' type='set' id='v'><vCard xmlns='vcard-temp'><PHOTO><TYPE>image/png</TYPE><BINVAL>AAAA</BINVAL></PHOTO></vCard></iq>")
	if pictured := enter("five"); configured == ver || pictured == configured || pictured == ver {
		t.Errorf("hashes %s, %s, %s", ver, configured, pictured)
	}
}

// However many enter, the room's own presence is encoded once per configuration.
func TestCapsArePreparedOnce(t *testing.T) {
	s := newState(testService(t), xmpp.MustParseJID("garden@rooms.a.example"))
	first := s.introduce(xmpp.MustParseJID("a@a.example/1")).Template
	if s.introduce(xmpp.MustParseJID("b@a.example/1")).Template != first {
		t.Error("encoded twice")
	}
	s.Config.Moderated = true
	if s.introduce(xmpp.MustParseJID("c@a.example/1")).Template == first {
		t.Error("not encoded anew after a change of configuration")
	}
}

// The counters forget what is older than a day, and a clock that goes back does no harm (XEP-0502 §5).
func TestActivityRate(t *testing.T) {
	var a activity
	start := time.Unix(1_000_000*3600, 0)
	st := &xmpp.Stanza{Kind: xmpp.Message, Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", "x")}}
	for i := range 240 {
		a.note(start.Add(time.Duration(i)*6*time.Minute), st) // ten an hour for a day
	}
	for _, c := range []struct {
		at   time.Duration
		want float64
	}{{24 * time.Hour, 10}, {36 * time.Hour, 5}, {47 * time.Hour, 10.0 / 24}, {49 * time.Hour, 0}} {
		if got, ok := a.rate(start.Add(c.at), start); !ok || got != c.want {
			t.Errorf("after %v: %v %v, want %v", c.at, got, ok, c.want)
		}
	}
	a.note(start.Add(-time.Hour), st)
	a.note(start.Add(1000*time.Hour), st)
	if len(a.Counts) != 1 || a.Counts[0] != 1 {
		t.Errorf("after a long pause: %+v", a)
	}
	if _, ok := a.rate(start, start); ok {
		t.Error("a rate without an hour")
	}
}

// A list that is longer than an answer may be is cut, and its pages give every user once (XEP-0059 §2).
func TestListsArePaged(t *testing.T) {
	b := newBench(t)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
	const n = 2*maxListItems + 3
	for i := range n {
		b.room.pub.members[mimi.MustURI(fmt.Sprintf("mimi://a.example/u/u%05d", i))] = &member{Role: roleBanned, Reason: strings.Repeat("r", i/30)}
	}
	seen := map[string]int{}
	set := ""
	for range 20 {
		all, err := stanzas("<iq from='juliet@a.example/balcony' to='garden@rooms.a.example' type='get' id='l'><query xmlns='" + muc.NSAdmin +
			"'><item affiliation='outcast'/>" + set + "</query></iq>")
		if err != nil {
			t.Fatal(err)
		}
		o := b.room.Step(b.now, b.seed(), StanzaIn{all[0]})
		st := o.Stanzas[0].Template.Stanza()
		if err := o.Stanzas[0].Template.Err(); err != nil {
			t.Fatal(err)
		}
		q := st.Child(muc.NSAdmin, "query")
		items := q.ChildrenNamed(muc.NSAdmin, "item")
		if len(items) > maxListItems {
			t.Fatalf("%d items in an answer", len(items))
		}
		for _, i := range items {
			seen[i.Attr("jid")]++
		}
		page, err := muc.ParseRSM(q.Child(muc.NSRSM, "set"))
		if err != nil || *page.Count != n {
			t.Fatalf("%v, %+v", err, page)
		}
		if len(items) == 0 {
			break
		}
		set = "<set xmlns='" + muc.NSRSM + "'><after>" + page.Last + "</after></set>"
	}
	if len(seen) != n {
		t.Errorf("%d of %d users", len(seen), n)
	}
	for jid, times := range seen {
		if times != 1 {
			t.Fatalf("%s is listed %d times", jid, times)
		}
	}
}
