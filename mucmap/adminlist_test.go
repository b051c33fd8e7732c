package mucmap

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

func wantList(affiliation, set string) string {
	return "<iq from='user0@a.example/x' to='" + room + "' type='get' id='l'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='" + affiliation + "'/>" + set + "</query></iq>"
}

func pageSetXML(inner string) string {
	return "<set xmlns='http://jabber.org/protocol/rsm'>" + inner + "</set>"
}

// page asks for a page of a list and returns its addresses and its set.
func (b *bench) page(t *testing.T, request string) (jids []string, set *muc.RSM) {
	t.Helper()
	in, err := stanzas(request)
	if err != nil {
		t.Fatal(err)
	}
	o := b.room.Step(b.now, b.seed(), StanzaIn{in[0]})
	if len(o.Stanzas) != 1 {
		t.Fatalf("%d answers", len(o.Stanzas))
	}
	st := o.Stanzas[0].Template.Stanza()
	if err := o.Stanzas[0].Template.Err(); err != nil {
		t.Fatal(err)
	}
	if st.Type != xmpp.TypeResult {
		t.Fatalf("answer: %s", st.String())
	}
	if n := len(st.AppendXML(nil)); n > xmpp.MaxStanzaBytes {
		t.Fatalf("an answer of %d bytes", n)
	}
	q, err := muc.ParseAdminQuery(st.Payload[0])
	if err != nil {
		t.Fatal(err)
	}
	if e := st.Payload[0].Child(muc.NSRSM, "set"); e != nil {
		r, err := muc.ParseRSM(e)
		if err != nil {
			t.Fatal(err)
		}
		set = &r
	}
	for _, it := range q.Items {
		jids = append(jids, it.JID.String())
	}
	return jids, set
}

// many gives a room members without asking its group: lists only look.
func (b *bench) many(t *testing.T, n int, m member) (want []string) {
	t.Helper()
	for i := range n {
		u, err := mimi.UserURI("a.example", fmt.Sprintf("m%d", i))
		if err != nil {
			t.Fatal(err)
		}
		mine := m
		b.room.pub.members[u] = &mine
		want = append(want, b.svc.UserJID(u).String())
	}
	slices.Sort(want)
	return want
}

// The list of 10,000 members comes page by page, forwards, backwards and by position: each member once, in one order, also when the
// one that a page goes on behind is a member no more.
func TestMemberListPages(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0))
	want := b.many(t, 10000, member{Role: roleMember})

	first, set := b.page(t, wantList("member", ""))
	if !slices.Equal(first, want[:maxListItems]) || set == nil || *set.Count != 10000 || set.Last != first[len(first)-1] {
		t.Fatalf("without a set: %d entries, set %+v", len(first), set)
	}
	var got []string
	for after := ""; ; {
		inner := "<max>9999</max>"
		if after != "" {
			inner += "<after>" + after + "</after>"
		}
		part, set := b.page(t, wantList("member", rsm(inner)))
		if len(part) == 0 {
			break
		}
		if len(part) > maxListItems || *set.FirstIndex != len(got) || set.First != part[0] {
			t.Fatalf("a page of %d, set %+v", len(part), set)
		}
		got, after = append(got, part...), set.Last
	}
	if !slices.Equal(got, want) {
		t.Errorf("forwards: %d entries in another order", len(got))
	}
	got = nil
	for before := ""; ; {
		part, set := b.page(t, wantList("member", pageSetXML("<max>400</max><before>"+before+"</before>")))
		if len(part) == 0 {
			break
		}
		got, before = append(part, got...), set.First
	}
	if !slices.Equal(got, want) {
		t.Errorf("backwards: %d entries in another order", len(got))
	}
	if part, _ := b.page(t, wantList("member", pageSetXML("<max>3</max><index>9998</index>"))); !slices.Equal(part, want[9998:]) {
		t.Errorf("by position: %q", part)
	}
	if part, set := b.page(t, wantList("member", pageSetXML("<max>0</max>"))); len(part) != 0 || *set.Count != 10000 {
		t.Errorf("only the count: %q %+v", part, set)
	}
	gone, err := b.svc.UserURI(xmpp.MustParseJID(want[500]))
	if err != nil {
		t.Fatal(err)
	}
	delete(b.room.pub.members, gone)
	if part, _ := b.page(t, wantList("member", pageSetXML("<max>2</max><after>"+want[500]+"</after>"))); !slices.Equal(part, want[501:503]) {
		t.Errorf("behind somebody who is gone: %q", part)
	}
	if _, set := b.page(t, wantList("owner", "")); set != nil {
		t.Errorf("a short list has a set: %+v", set)
	}
	wantIn(t, "a malformed set", b.send(t, wantList("member", pageSetXML("<max>x</max>"))), "bad-request")
}

// A page ends where an answer would become too long, in either direction.
func TestAdminListBytes(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0))
	want := b.many(t, 400, member{Role: roleBanned, Reason: strings.Repeat("&", maxReason)})
	first, set := b.page(t, wantList("outcast", ""))
	if len(first) == 0 || len(first) == 400 || !slices.Equal(first, want[:len(first)]) || *set.Count != 400 {
		t.Errorf("%d entries, set %+v", len(first), set)
	}
	last, _ := b.page(t, wantList("outcast", pageSetXML("<before/>")))
	if len(last) == 0 || !slices.Equal(last, want[400-len(last):]) {
		t.Errorf("backwards: %d entries", len(last))
	}
}

// maxReason and MaxDomainBans: at the limit, and beyond.
func TestDomainBanLimits(t *testing.T) {
	b := newBench(t)
	b.check = true
	b.send(t, enter(0))
	ban := func(items string) string {
		return b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='b'><query xmlns='http://jabber.org/protocol/muc#admin'>"+items+"</query></iq>")
	}
	reason := func(n int) string {
		return "<item affiliation='outcast' jid='r.example'><reason>" + strings.Repeat("x", n) + "</reason></item>"
	}
	wantIn(t, "a reason at the limit", ban(reason(maxReason)), "type='result'")
	wantIn(t, "a longer one", ban(reason(maxReason+1)), "not-acceptable", "a reason is longer than "+strconv.Itoa(maxReason)+" bytes")
	items := ""
	for i := range MaxDomainBans - 1 {
		items += "<item affiliation='outcast' jid='d" + strconv.Itoa(i) + ".example'/>"
	}
	wantIn(t, "up to the limit", ban(items), "type='result'")
	wantIn(t, "one more", ban("<item affiliation='outcast' jid='z.example'/>"), "resource-constraint", "a room bans at most 256 domains")
	wantIn(t, "another reason", ban(reason(1)), "type='result'")
	wantIn(t, "one for another", ban("<item affiliation='outcast' jid='z.example'/><item affiliation='none' jid='d0.example'/>"), "type='result'")
	if n := len(b.room.pub.Domains); n != MaxDomainBans {
		t.Errorf("%d domains are banned", n)
	}
}

// A ban of a domain is noted for the audit, with who, what and why, and so is its end.
func TestDomainBanIsNoted(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0))
	for affiliation, msg := range map[string]string{"outcast": "domain banned", "none": "ban of a domain lifted"} {
		in, err := stanzas("<iq from='user0@a.example/x' to='" + room + "' type='set' id='b'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='" +
			affiliation + "' jid='m.example'><reason>flood</reason></item></query></iq>")
		if err != nil {
			t.Fatal(err)
		}
		o := b.room.Step(b.now, b.seed(), StanzaIn{in[0]})
		i := slices.IndexFunc(o.Notes, func(n Note) bool { return n.Msg == msg })
		if i < 0 || o.Notes[i].Level < NoteInfo || !strings.Contains(fmt.Sprint(o.Notes[i].Attrs), "{domain m.example} {by mimi://a.example/u/user0} {reason flood}") {
			t.Errorf("notes %+v", o.Notes)
		}
	}
}

// The users of a provider whose domain is banned are out, and neither get the way into the group nor enter by a commit that they
// made with what they had; the same holds for newcomers of a closed room.
func TestProvidersAreKeptOut(t *testing.T) {
	for name, tt := range map[string]struct{ shut, open string }{
		"banned": {"<iq from='user0@a.example/x' to='" + room + "' type='set' id='b'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='outcast' jid='b.example'/></query></iq>",
			"<iq from='user0@a.example/x' to='" + room + "' type='set' id='b'><query xmlns='http://jabber.org/protocol/muc#admin'><item affiliation='none' jid='b.example'/></query></iq>"},
		"closed": {setField(fieldClosed, "1"), setField(fieldClosed, "0")},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.check = true
			b.send(t, enter(0))
			early := newRemote(t, b, "mimi://b.example/d/bob/cli")
			if a := early.join("Bob"); a.Code != mimi.UpdateSuccess {
				t.Fatalf("joining an open room: %+v", a)
			}
			late := newRemote(t, b, "mimi://b.example/d/lena/cli")
			kp := late.keyPackage("Lena")
			out := b.send(t, tt.shut)
			if name == "banned" {
				wantIn(t, "who is there goes", out, "Bob", "code='301'", "affiliation='outcast'")
			} else if strings.Contains(out, "unavailable") {
				t.Errorf("closing removes somebody:\n%s", out)
			}
			if _, ok := late.groupInfo(kp); ok {
				t.Error("the hub gives the way into the group")
			}
			b.send(t, tt.open)
			info, ok := late.groupInfo(kp)
			if !ok {
				t.Fatal("the open room gives no GroupInfo")
			}
			b.room.pub.Config.Closed = name == "closed" // as if it had been shut meanwhile, in the same epoch
			if name == "banned" {
				b.room.pub.Domains = []domainBan{{Domain: "b.example"}}
			}
			b.check = false
			if a := late.update(commitRequest(t, late.external(info, kp, roleGuest))); a.Code == mimi.UpdateSuccess {
				t.Error("the hub accepts a newcomer's commit")
			}
			b.room.pub.Config.Closed, b.room.pub.Domains = false, nil
			if a := late.join("Lena"); a.Code != mimi.UpdateSuccess {
				t.Errorf("the open room: %+v", a)
			}
		})
	}
}
