package mucmap

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// ask puts a get to the service.
func ask(t *testing.T, s *Service, payload string, rooms iter.Seq[Summary]) *xmpp.Stanza {
	t.Helper()
	all, err := stanzas("<iq from='tybalt@a.example/street' to='rooms.a.example' type='get' id='i'>" + payload + "</iq>")
	if err != nil {
		t.Fatal(err)
	}
	answers, _ := s.HandleService(time.Unix(0, 0), all[0], rooms)
	if len(answers) != 1 {
		t.Fatalf("%d answers", len(answers))
	}
	return &answers[0]
}

func searchFor(fields, set string) string {
	return "<search xmlns='" + nsSearch + "'>" + set + "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>" + formSearch + "</value></field>" + fields + "</x></search>"
}

// Walking through the pages by address gives every room exactly once, though none is longer than maxSearchItems and rooms appear
// and vanish on the way (XEP-0433 §6.1); a search has a bounded number of words.
func TestSearchPages(t *testing.T) {
	s := testService(t)
	var rooms []Summary
	for i := range 250 {
		rooms = append(rooms, Summary{Name: fmt.Sprintf("room%03d", i), Public: true, Occupants: i % 7})
	}
	const all = "<field var='all'><value>1</value></field><field var='key'><value>" + orderAddress + "</value></field>"
	seen := map[string]int{}
	set := "<set xmlns='" + muc.NSRSM + "'><max>1000</max></set>"
	for range 10 {
		result := ask(t, s, searchFor(all, set), slices.Values(rooms)).Child(nsSearch, "result")
		items := result.ChildrenNamed(nsSearch, "item")
		if len(items) > maxSearchItems {
			t.Fatalf("a page of %d", len(items))
		}
		for _, i := range items {
			seen[i.Attr("address")]++
		}
		if len(items) == 0 {
			break
		}
		page, err := muc.ParseRSM(result.Child(muc.NSRSM, "set"))
		if err != nil {
			t.Fatal(err)
		}
		set = "<set xmlns='" + muc.NSRSM + "'><after>" + page.Last + "</after></set>"
		rooms = slices.DeleteFunc(rooms, func(r Summary) bool { return r.Name == "room099" }) // the last one of the first page
	}
	for i := range 250 {
		if n := seen[fmt.Sprintf("room%03d@rooms.a.example", i)]; n != 1 {
			t.Errorf("room %d was found %d times", i, n)
		}
	}
	many := strings.Repeat("a ", maxSearchTerms+1)
	if e := ask(t, s, searchFor("<field var='q'><value>"+many+"</value></field>", ""), slices.Values(rooms)).Err(); e == nil || e.App == nil || e.App.Name.Local != "invalid-search-terms" {
		t.Errorf("too many words: %v", e)
	}
}

// A service without contact addresses shows no form for them (XEP-0157 §3).
func TestContacts(t *testing.T) {
	s := testService(t)
	info := func() *xmpp.Element {
		return ask(t, s, "<query xmlns='"+muc.NSDiscoInfo+"'/>", slices.Values[[]Summary](nil)).Child(muc.NSDiscoInfo, "query")
	}
	if f := info().Child(muc.NSForm, "x"); f == nil || !strings.Contains(f.String(), "mailto:abuse@a.example") {
		t.Errorf("contacts are %v", f)
	}
	s.cfg.Contact = Contact{}
	if f := info().Child(muc.NSForm, "x"); f != nil {
		t.Errorf("a form without addresses: %v", f)
	}
}
