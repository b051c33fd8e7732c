package mucmap

import (
	"strings"
	"testing"
)

// What is explained is what happens: each question is asked, then tried, and the error of the attempt has the text of the explanation.
func TestExplainIsWhatHappens(t *testing.T) {
	b := newBench(t)
	b.send(t, twoEnter+"<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"+
		adminSet("<item jid='nurse@a.example' affiliation='admin'/>")+adminSet("<item nick='Romeo' role='visitor'/>"))
	item := func(from, item string) string {
		return "<iq from='" + from + "' to='" + room + "' type='set' id='x'><query xmlns='http://jabber.org/protocol/muc#admin'>" + item + "</query></iq>"
	}
	const juliet, romeo, nurse, eve = "juliet@a.example", "romeo@a.example", "nurse@a.example", "eve@a.example"
	for _, q := range []struct {
		user, act, target string
		muc, policy       string // parts of what is said; both empty: it is allowed
		try               string // the attempt, where it can be made without changing what the next ones need
	}{
		{juliet, "speak", "", "", "", ""},
		{romeo, "speak", "", "visitors have no voice", "can-send", "<message from='romeo@a.example/orchard' to='" + room + "' type='groupchat' id='x'><body>x</body></message>"},
		{eve, "speak", "", "only occupants", "can-send", ""},
		{eve, "enter", "", "", "", ""},
		{romeo, "subject", "", "you may not change the subject", "canChangeRoomSubject", "<message from='romeo@a.example/orchard' to='" + room + "' type='groupchat' id='x'><subject>x</subject></message>"},
		{juliet, "subject", "", "", "", ""},
		{romeo, "kick", nurse, "only a moderator may change roles", "", item("romeo@a.example/orchard", "<item nick='Nurse' role='none'/>")},
		{nurse, "ban", juliet, "only an owner bans admins and owners", "may not change", item("nurse@a.example/hall", "<item jid='juliet@a.example' affiliation='outcast'/>")},
		{nurse, "ban", romeo, "", "", ""},
		{nurse, "owner", romeo, "only an owner makes or unmakes", "may not change", item("nurse@a.example/hall", "<item jid='romeo@a.example' affiliation='owner'/>")},
		{juliet, "member", juliet, "at least one owner", "", item("juliet@a.example/balcony", "<item jid='juliet@a.example' affiliation='member'/>")},
		{eve, "ban", romeo, "only an admin or owner", "no client in the group", ""},
	} {
		before := b.digest()
		e, err := b.room.Explain(q.user, q.act, q.target)
		if err != nil {
			t.Fatalf("%+v: %v", q, err)
		}
		if b.digest() != before {
			t.Errorf("%s %s %s: explaining changed something", q.user, q.act, q.target)
		}
		if e.Allowed() != (q.muc == "" && q.policy == "") || !strings.Contains(e.MUC, q.muc) || !strings.Contains(e.Policy, q.policy) {
			t.Errorf("%s %s %s: %+v", q.user, q.act, q.target, e)
		}
		if q.try == "" {
			continue
		}
		b.out.Reset()
		b.send(t, q.try)
		if _, text, _ := strings.Cut(e.MUC, ": "); !strings.Contains(b.out.String(), text) {
			t.Errorf("%s %s %s: explained by %q, but\n%s", q.user, q.act, q.target, text, b.out.String())
		}
		if b.digest() != before {
			t.Fatalf("%s %s %s was done", q.user, q.act, q.target)
		}
	}
	for _, q := range [][3]string{{"juliet@a.example", "fly", ""}, {"juliet@a.example", "kick", ""}, {"juliet@a.example", "speak", romeo}, {"mimi://a.example/r/x", "speak", ""},
		{"@", "speak", ""}, {"juliet@a.example", "ban", "mimi:"}} {
		if _, err := b.room.Explain(q[0], q[1], q[2]); err == nil {
			t.Errorf("%q was answered", q)
		}
	}
}

// A pseudonym in the group is the same user as the address behind it, and a user of another provider can be asked about.
func TestExplainNames(t *testing.T) {
	b, bob := meet(t)
	_ = bob
	byAddress, err := b.room.Explain("romeo@a.example", "speak", "")
	if err != nil {
		t.Fatal(err)
	}
	byName, err := b.room.Explain(byAddress.User, "speak", "")
	if err != nil || byName != byAddress || byName.User == "mimi://a.example/u/romeo" {
		t.Errorf("%+v by address, %+v by name (%v)", byAddress, byName, err)
	}
	e, err := b.room.Explain("u%bob%b.example@rooms.a.example", "kick", "romeo@a.example")
	if err != nil || e.MUC == "" || !strings.Contains(e.Policy, "canRemoveParticipant") {
		t.Errorf("%+v (%v)", e, err)
	}
}
