package mucmap

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/xmpp"
)

var (
	resultID = regexp.MustCompile(`<result xmlns='urn:xmpp:mam:2'[^>]* id='([^']*)'`)
	stanzaID = regexp.MustCompile(`<stanza-id xmlns='urn:xmpp:sid:0' by='garden@rooms.a.example' id='([^']*)'`)
)

func found(re *regexp.Regexp, text string) []string {
	var ids []string
	for _, m := range re.FindAllStringSubmatch(text, -1) {
		ids = append(ids, m[1])
	}
	return ids
}

// mam asks for a page: fields of the form, then the rest of the query.
func (b *bench) mam(t *testing.T, rest string, fields ...string) string {
	t.Helper()
	form := ""
	if len(fields) > 0 {
		form = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE' type='hidden'><value>urn:xmpp:mam:2</value></field>"
		for _, f := range fields {
			name, values, _ := strings.Cut(f, "=")
			form += "<field var='" + name + "'><value>" + strings.ReplaceAll(values, ",", "</value><value>") + "</value></field>"
		}
		form += "</x>"
	}
	return b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='q'><query xmlns='urn:xmpp:mam:2'>"+form+rest+"</query></iq>")
}

func rsm(inner string) string {
	return "<set xmlns='http://jabber.org/protocol/rsm'>" + inner + "</set>"
}

// chatter is a room in which juliet said n things, and the ids that these have.
func chatter(t *testing.T, n int) (*bench, []string) {
	b := newBench(t)
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>")
	var ids []string
	for i := range n {
		ids = append(ids, found(stanzaID, b.send(t, fmt.Sprintf("<message from='juliet@a.example/balcony' to='%s' type='groupchat' id='%d'><body>text %d</body></message>", room, i, i)))...)
	}
	if len(ids) != n {
		t.Fatalf("%d of %d messages have an id", len(ids), n)
	}
	return b, ids
}

// Paging either way gives every message once, in order, whatever the size of the page (XEP-0313 §4.3, XEP-0059 §2.2, §2.3).
func TestArchivePages(t *testing.T) {
	b, ids := chatter(t, 7)
	for size := 1; size <= 8; size++ {
		var up, down []string
		for ask := ""; ; {
			page := b.mam(t, rsm(fmt.Sprintf("<max>%d</max>", size)+ask))
			got := found(resultID, page)
			up = append(up, got...)
			if strings.Contains(page, "complete='true'") {
				break
			}
			ask = "<after>" + got[len(got)-1] + "</after>"
		}
		for ask := "<before/>"; ; {
			page := b.mam(t, rsm(fmt.Sprintf("<max>%d</max>", size)+ask))
			got := found(resultID, page)
			down = append(slices.Clone(got), down...)
			if strings.Contains(page, "complete='true'") {
				break
			}
			ask = "<before>" + got[0] + "</before>"
		}
		if !slices.Equal(up, ids) || !slices.Equal(down, ids) {
			t.Errorf("pages of %d: up %q, down %q, want %q", size, up, down, ids)
		}
	}
	if page := b.mam(t, rsm("<after>"+ids[6]+"</after>")); len(found(resultID, page)) != 0 || !strings.Contains(page, "complete='true'") {
		t.Errorf("after the last message: %s", page)
	}
	wantIn(t, "place and number of a page", b.mam(t, rsm("<max>2</max><after>"+ids[2]+"</after>")), "<first index='3'>"+ids[3], "<count>7</count>")
}

// Filters by id are bounds that pages stay within; an id that is not there is an error (XEP-0313 §4.1.3).
func TestArchiveFiltersByID(t *testing.T) {
	b, ids := chatter(t, 7)
	for _, c := range []struct {
		why, rest string
		fields    []string
		want      []string
	}{
		{"between two", "", []string{"after-id=" + ids[1], "before-id=" + ids[5]}, ids[2:5]},
		{"first page of them", rsm("<max>2</max>"), []string{"after-id=" + ids[1], "before-id=" + ids[5]}, ids[2:4]},
		{"next page of them", rsm("<max>2</max><after>" + ids[3] + "</after>"), []string{"after-id=" + ids[1], "before-id=" + ids[5]}, ids[4:5]},
		{"last page of them", rsm("<max>2</max><before/>"), []string{"after-id=" + ids[1], "before-id=" + ids[5]}, ids[3:5]},
		{"a page from before the bound", rsm("<after>" + ids[0] + "</after>"), []string{"after-id=" + ids[4]}, ids[5:]},
		{"one by one, in order", "", []string{"ids=" + ids[6] + "," + ids[0] + "," + ids[3]}, []string{ids[0], ids[3], ids[6]}},
		{"a page of those", rsm("<max>1</max><after>" + ids[0] + "</after>"), []string{"ids=" + ids[6] + "," + ids[0] + "," + ids[3]}, ids[3:4]},
		{"the last of those", rsm("<max>1</max><before/>"), []string{"ids=" + ids[6] + "," + ids[0]}, ids[6:]},
		{"one publisher", rsm("<max>3</max><after>" + ids[2] + "</after>"), []string{"with=juliet@a.example"}, ids[3:6]},
		{"one publisher, last page", rsm("<max>3</max><before/>"), []string{"with=" + room + "/Juliet"}, ids[4:]},
		{"nobody's", "", []string{"with=nobody@a.example"}, nil},
		{"the room's own address matches all", "", []string{"with=" + room}, ids},
	} {
		if got := found(resultID, b.mam(t, c.rest, c.fields...)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
	}
	for _, field := range []string{"after-id=1-x", "before-id=1-x", "ids=1-x", "ids=" + ids[0] + ",1-x"} {
		wantIn(t, field, b.mam(t, "", field), "item-not-found")
	}
	wantIn(t, "a page within a bound that is not there", b.mam(t, rsm("<after>"+ids[0]+"</after>"), "after-id=0-x"), "item-not-found")
	many := "ids=" + strings.Repeat(ids[0]+",", maxAskedIDs) + ids[1]
	wantIn(t, "too many ids", b.mam(t, "", many), "policy-violation")
}

// A client that comes back joins without history, or with it, and fetches what it missed: by the ids, which are the same in live
// messages, history and archive, it shows every message once (XEP-0313 §6.1, XEP-0359).
func TestArchiveAfterJoinWithoutDuplicates(t *testing.T) {
	b, ids := chatter(t, 6)
	last := ids[2] // what romeo's client saw before it went away
	for _, history := range []string{"<history maxstanzas='0'/>", "<history maxstanzas='2'/>", ""} {
		out := b.send(t, "<presence from='romeo@a.example/orchard' to='"+room+"/Romeo'><x xmlns='http://jabber.org/protocol/muc'>"+history+"</x></presence>"+
			"<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='live'><body>live</body></message>")
		seen := map[string]bool{}
		for _, id := range found(stanzaID, out) {
			seen[id] = true
		}
		ids = append(ids, found(stanzaID, out)[len(found(stanzaID, out))-1])
		page := b.send(t, "<iq from='romeo@a.example/orchard' to='"+room+"' type='set' id='q'><query xmlns='urn:xmpp:mam:2'>"+rsm("<after>"+last+"</after>")+"</query></iq>")
		missed := found(resultID, page)
		if want := ids[3:]; !slices.Equal(missed, want) {
			t.Fatalf("missed %q, want %q", missed, want)
		}
		for _, id := range missed {
			seen[id] = true
		}
		for _, id := range ids[3:] {
			if !seen[id] {
				t.Errorf("history %q: %s never came", history, id)
			}
		}
		for id := range seen {
			if !slices.Contains(ids, id) {
				t.Errorf("history %q: %s is no message of the archive: it would be shown twice", history, id)
			}
		}
		b.send(t, "<presence from='romeo@a.example/orchard' to='"+room+"/Romeo' type='unavailable'/>")
	}
}

// A subject is one message under one id: live, in the archive, and after each join, also after a restart. History for newcomers never has it,
// and neither retraction nor moderation takes it away: what it says is part of the room.
func TestArchivedSubjectsWithoutDuplicates(t *testing.T) {
	b, ids := chatter(t, 2)
	b.check = true
	live := found(stanzaID, b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='s'><subject>Night</subject></message>"))
	if len(live) != 1 || !strings.HasPrefix(live[0], "3-") {
		t.Fatalf("the live subject has ids %q", live)
	}
	ids = append(ids, live[0])
	for range 2 {
		if got := found(resultID, b.mam(t, "")); !slices.Equal(got, ids) {
			t.Errorf("the archive has %q, want %q", got, ids)
		}
		out := b.send(t, "<presence from='romeo@a.example/orchard' to='"+room+"/Romeo'>"+joinX+"</presence><presence from='romeo@a.example/orchard' to='"+room+"/Romeo' type='unavailable'/>")
		if got := found(stanzaID, out); !slices.Equal(got, ids) || strings.Count(out, "<subject>") != 1 {
			t.Errorf("who enters gets %q, want two messages of history and the subject: %s", got, out)
		}
		if err := b.restart(true); err != nil {
			t.Fatal(err)
		}
	}
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>")
	wantIn(t, "retraction", b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='"+live[0]+"'/><body>gone</body></message>"), "not-allowed")
	wantIn(t, "moderation", b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='m'><moderate xmlns='urn:xmpp:message-moderate:1' id='"+live[0]+"'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>"), "not-allowed")
	wantIn(t, "the archive afterwards", b.mam(t, ""), "<subject>Night</subject>")
}

// What a client can make the archive do is bounded.
func TestArchiveLimits(t *testing.T) {
	b, _ := chatter(t, 1)
	// Queries under way: nobody answers them here.
	ask, err := stanzas("<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
	if err != nil {
		t.Fatal(err)
	}
	var queries []Query
	for i := range maxQueries + 1 {
		o := b.room.Step(b.now, b.seed(), StanzaIn{ask[0]})
		queries = append(queries, o.Queries...)
		if refused := len(o.Stanzas) > 0; refused != (i == maxQueries) {
			t.Fatalf("query %d refused: %v", i, refused)
		}
	}
	if o := b.room.Step(b.now, b.seed(), queries[0].Run(b.disk.read)); len(o.Stanzas) != 2 {
		t.Errorf("%d stanzas for a page of one", len(o.Stanzas))
	}
	if o := b.room.Step(b.now, b.seed(), StanzaIn{ask[0]}); len(o.Queries) != 1 {
		t.Error("an answered query leaves no place for another")
	}

	// The size of a page, in messages and bytes; a huge message comes alone.
	b, ids := chatter(t, maxPage+5)
	if got := found(resultID, b.mam(t, "")); !slices.Equal(got, ids[:defaultPage]) {
		t.Errorf("%d messages without a wish", len(got))
	}
	if got := found(resultID, b.mam(t, rsm("<max>999999999</max>"))); !slices.Equal(got, ids[:maxPage]) {
		t.Errorf("%d messages when all are wanted", len(got))
	}
	for i := range b.disk.archive {
		e := &b.disk.archive[i]
		e.Data = []byte(strings.Replace(string(e.Data), "<body>", "<body>"+strings.Repeat("x", maxPageBytes/8), 1))
	}
	page := b.mam(t, rsm("<max>10</max>"))
	if got := found(resultID, page); len(got) != 7 || strings.Contains(page, "complete") {
		t.Errorf("%d messages of an eighth of a page's bytes", len(got))
	}
	page = b.mam(t, rsm("<max>10</max><before/>"))
	if got := found(resultID, page); !slices.Equal(got, ids[len(ids)-7:]) || !strings.Contains(page, fmt.Sprintf("<first index='%d'>", len(ids)-7)) {
		t.Errorf("the newest messages of an eighth of a page's bytes: %d", len(got))
	}

	// A filter that would look through everything.
	seen := 0
	q := Query{Match: func(*ArchiveEntry) bool { return false }, Limit: 1}
	p := q.Run(func(r ArchiveRange) (ArchiveSlice, error) {
		seen += r.Limit
		return ArchiveSlice{Entries: make([]ArchiveEntry, r.Limit)}, nil
	})
	if p.Err != ErrScan || seen > MaxScan {
		t.Errorf("%v after %d entries", p.Err, seen)
	}
}

// A query that a lost room asked is answered by the restored one; a page that nobody asked for changes nothing.
func TestArchivePageAfterRestore(t *testing.T) {
	b, ids := chatter(t, 2)
	ask, err := stanzas("<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
	if err != nil {
		t.Fatal(err)
	}
	o := b.room.Step(b.now, b.seed(), StanzaIn{ask[0]})
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	b.out.Reset()
	if err := b.step(o.Queries[0].Run(b.disk.read)); err != nil {
		t.Fatal(err)
	}
	if got := found(resultID, b.out.String()); !slices.Equal(got, ids) {
		t.Errorf("%q, want %q", got, ids)
	}
	b.out.Reset()
	if err := b.step(ArchivePage{}); err != nil || b.out.Len() > 0 {
		t.Errorf("%v %s", err, &b.out)
	}
	// Whoever lost the right meanwhile gets nothing.
	o = b.room.Step(b.now.Add(time.Second), b.seed(), StanzaIn{&xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, ID: "q", From: xmpp.MustParseJID("tybalt@a.example/street"),
		To: xmpp.MustParseJID(room), Payload: ask[0].Payload}})
	b.send(t, adminSet("<item affiliation='outcast' jid='tybalt@a.example'/>"))
	b.out.Reset()
	if err := b.step(o.Queries[0].Run(b.disk.read)); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "banned while the archive was read", b.out.String(), "forbidden")
	if len(found(resultID, b.out.String())) > 0 {
		t.Error("a banned user got messages")
	}
}

// Who has not shown the room's password may not read what is said behind it, unless the room knows who it is (XEP-0313 §5.1.3).
func TestArchiveOfAProtectedRoom(t *testing.T) {
	b, _ := chatter(t, 1)
	b.room.pub.Config.Protected = true
	ask := func(from string) string {
		return b.send(t, "<iq from='"+from+"' to='"+room+"' type='set' id='q'><query xmlns='urn:xmpp:mam:2'/></iq>")
	}
	wantIn(t, "a stranger", ask("tybalt@a.example/street"), "forbidden", "password")
	wantIn(t, "the owner", ask("juliet@a.example/chamber"), "<fin")
}
