package mucmap

import (
	"fmt"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A version is remembered for maxAffiliationChanges changes and not longer; a client that followed every difference has what a full
// response says (XEP-0463 §4.2.1).
func TestAffiliationVersions(t *testing.T) {
	s := newState(testService(t), xmpp.MustParseJID("garden@rooms.a.example"))
	owner := mimi.MustURI("mimi://a.example/u/owner")
	s.members[owner] = &member{Role: roleOwner}
	first := s.affiliationVersion()
	known := map[string]muc.Affiliation{}
	version := first
	join := func(since string) []muc.User {
		e := &joined{JID: xmpp.MustParseJID("owner@a.example/1"), User: owner, Affiliations: &since}
		var got []muc.User
		for _, b := range s.affiliationsFor(e) {
			st := b.Template.Stanza()
			u, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, u)
		}
		return got
	}
	roles := []mimi.RoleIndex{roleMember, roleAdmin, roleBanned, roleNone}
	for i := range 3 * maxAffiliationChanges {
		u := mimi.MustURI(fmt.Sprintf("mimi://a.example/u/u%d", i%50))
		c := change{User: u, From: s.role(u), To: roles[(i+i/50)%len(roles)]}
		c.apply(s, new(stage), s.Created)
		if len(s.Affiliations.Changes) > 2*maxAffiliationChanges {
			t.Fatalf("%d changes are kept", len(s.Affiliations.Changes))
		}
		if i%7 > 0 {
			continue
		}
		for _, m := range join(version) {
			if m.Mav.Since != version {
				t.Fatalf("difference from %s, the client has %s", m.Mav.Since, version)
			}
			version = m.Mav.Until
			for _, it := range m.Items {
				if known[it.JID.String()] = it.Affiliation; it.Affiliation == muc.AffiliationNone {
					delete(known, it.JID.String())
				}
			}
		}
		if version != s.affiliationVersion() {
			t.Fatalf("the client is at %s, the room at %s", version, s.affiliationVersion())
		}
		full := map[string]muc.Affiliation{}
		for _, m := range join("") {
			for _, it := range m.Items {
				full[it.JID.String()] = it.Affiliation
			}
		}
		delete(full, "owner@a.example")
		if fmt.Sprint(full) != fmt.Sprint(known) {
			t.Fatalf("the client knows %v, the room says %v", known, full)
		}
	}
	if m := join(first); len(m) != 1 || m[0].Mav.Since != "" {
		t.Errorf("a version out of mind is answered by %+v", m)
	}
}

// A long list is several messages that lead from one version to the next; it is encoded once for all who ask.
func TestLongAffiliationList(t *testing.T) {
	s := newState(testService(t), xmpp.MustParseJID("garden@rooms.a.example"))
	const n = 2*maxAffiliationItems + 1
	for i := range n {
		s.members[mimi.MustURI(fmt.Sprintf("mimi://a.example/u/u%d", i))] = &member{Role: roleOwner}
	}
	first := s.allAffiliations(15)
	at, items := "", 0
	for _, b := range first {
		st := b.Stanza()
		u, err := muc.ParseUser(st.Child(muc.NSUser, "x"))
		if err != nil || u.Mav.Since != at || len(u.Items) > maxAffiliationItems {
			t.Fatalf("%v: %d items from %q, want from %q", err, len(u.Items), u.Mav.Since, at)
		}
		at, items = u.Mav.Until, items+len(u.Items)
	}
	if items != n || at != s.affiliationVersion() {
		t.Errorf("%d items up to %s", items, at)
	}
	if again := s.allAffiliations(15); again[0] != first[0] {
		t.Error("the list was encoded again")
	}
	s.versionAfter(mimi.MustURI("mimi://a.example/u/x"), muc.AffiliationNone, muc.AffiliationMember)
	if again := s.allAffiliations(15); again[0] == first[0] {
		t.Error("the list of an old version is still given out")
	}
	if _, ok := s.changesSince(at + "/1"); ok {
		t.Error("a version in between is known")
	}
}

// An over-long version in a client's presence is not kept.
func TestAffiliationVersionIsBounded(t *testing.T) {
	b := newBench(t)
	b.send(t, "<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'><mav xmlns='"+
		muc.NSMav+"' since='"+strings.Repeat("v", maxVersion+1)+"'/></x></presence>")
	for _, e := range b.disk.events {
		if strings.Contains(string(e), "vvv") {
			t.Errorf("kept in %s", e)
		}
	}
}
