package mucmap

import (
	"strings"
	"testing"

	"anteroom/xmpp"
)

// forwarded is an answer of a user's server to a privileged iq (XEP-0356 §6.3).
func forwarded(t *testing.T, inner string) *xmpp.Stanza {
	t.Helper()
	return oneStanza(t, "<iq from='romeo@a.example' to='rooms.a.example' type='result' id='1'><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'>"+
		inner+"</forwarded></privilege></iq>")
}

func oneStanza(t *testing.T, text string) *xmpp.Stanza {
	t.Helper()
	all, err := stanzas(text)
	if err != nil || len(all) != 1 {
		t.Fatal(text, err)
	}
	return all[0]
}

// A bookmark is asked for in the user's name before it is changed (XEP-0356 §6.3). What the user made stays; what a room made is changed, keeps
// what clients put in, and can be taken away; nothing is done when the server refuses.
func TestBookmarkNext(t *testing.T) {
	add := Bookmark{User: xmpp.MustParseJID("romeo@a.example"), Room: xmpp.MustParseJID(room), Name: "The garden"}
	registered, remove := add, add
	registered.Nick, registered.Autojoin = "Montague", true
	remove.Remove = true
	wantIn(t, "question", add.Ask("q").String(), "<iq to='romeo@a.example' from='rooms.a.example' id='q' type='get'><privileged_iq xmlns='urn:xmpp:privilege:2'>",
		"<iq xmlns='jabber:client' id='q' type='get'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'><item id='"+room+"'/></items></pubsub></iq>")

	items := func(conference string) string {
		return "<iq xmlns='jabber:client' type='result' id='1'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'>" + conference + "</items></pubsub></iq>"
	}
	item := func(inner string) string {
		return items("<item id='" + room + "'>" + inner + "</item>")
	}
	const extensions = "<extensions><made xmlns='urn:anteroom:bookmark:0'/><state xmlns='urn:example:x' minimized='true'/></extensions>"
	refused := func(condition string) string {
		return "<iq xmlns='jabber:client' type='error' id='1'><error type='cancel'><" + condition + " xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
	}
	own := item("<conference xmlns='urn:xmpp:bookmarks:1' autojoin='true'><nick>Me</nick></conference>")
	made := item("<conference xmlns='urn:xmpp:bookmarks:1' name='Mine'><nick>Me</nick>" + extensions + "</conference>")
	for _, tt := range []struct {
		why    string
		b      Bookmark
		answer string
		want   []string // parts of what is sent; none: nothing
	}{
		{"no bookmark", add, items(""), []string{"<publish node='urn:xmpp:bookmarks:1'>", "<item id='" + room + "'><conference xmlns='urn:xmpp:bookmarks:1' name='The garden'><extensions>",
			"<field var='pubsub#access_model' type='text-single'><value>whitelist</value>", "<field var='pubsub#max_items'", "<field var='pubsub#persist_items'", "<field var='pubsub#send_last_published_item'"}},
		{"no node", add, refused("item-not-found"), []string{"<publish ", "<made xmlns='urn:anteroom:bookmark:0'/>"}},
		{"no bookmark, registered", registered, items(""), []string{"autojoin='true'", "<nick>Montague</nick>"}},
		{"another room's", add, strings.ReplaceAll(own, room, "other@rooms.a.example"), []string{"<publish "}},
		{"the user's own", registered, own, nil},
		{"one that we made", registered, made, []string{"name='Mine'", "autojoin='true'", extensions[:30], "minimized='true'", "<nick>Montague</nick>"}},
		{"nothing to remove", remove, items(""), nil},
		{"nothing to remove, no node", remove, refused("item-not-found"), nil},
		{"the user's own is not removed", remove, own, nil},
		{"one that we made is removed", remove, made, []string{"<retract node='urn:xmpp:bookmarks:1' notify='true'><item id='" + room + "'/></retract>"}},
		{"no such feature", add, refused("feature-not-implemented"), nil},
		{"an answer without items", add, "<iq xmlns='jabber:client' type='result' id='1'/>", nil},
		{"no iq", add, "<message xmlns='jabber:client'/>", nil},
		{"an empty item", remove, item(""), nil},
	} {
		st, ok := tt.b.Next("n", forwarded(t, tt.answer))
		if ok != (tt.want != nil) {
			t.Errorf("%s: sends %v: %s", tt.why, ok, st)
		}
		if ok {
			wantIn(t, tt.why, st.String(), append(tt.want, "to='romeo@a.example'", "<privileged_iq", "<iq xmlns='jabber:client' id='n' type='set'>")...)
			if strings.Contains(st.String(), "<nick>Me") || tt.b.Nick == "" && strings.Contains(st.String(), "autojoin") {
				t.Errorf("%s: %s", tt.why, st)
			}
			if err := xmpp.NewTemplate(st).Err(); err != nil {
				t.Errorf("%s: %v", tt.why, err)
			}
		}
	}
	for _, answer := range []string{"<iq from='romeo@a.example' to='rooms.a.example' type='error' id='1'><error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>",
		"<iq from='romeo@a.example' to='rooms.a.example' type='result' id='1'/>"} {
		if st, ok := add.Next("n", oneStanza(t, answer)); ok {
			t.Errorf("%s is followed by %s", answer, st)
		}
	}
}

// Only a server, for itself, grants; only reading and writing together are enough (XEP-0356 §6.2).
func TestGrantsBookmarks(t *testing.T) {
	perm := func(inner string) string { return "<privilege xmlns='urn:xmpp:privilege:2'>" + inner + "</privilege>" }
	ns := func(name, typ string) string {
		return "<perm access='iq'><namespace ns='" + name + "' type='" + typ + "'/></perm>"
	}
	const pubsub = "http://jabber.org/protocol/pubsub"
	for _, tt := range []struct {
		why, from, payload string
		granted, told      bool
	}{
		{"both", "a.example", perm("<perm access='roster' type='both'/>" + ns("urn:example:x", "get") + ns(pubsub, "both")), true, true},
		{"set alone", "a.example", perm(ns(pubsub, "set")), false, true},
		{"get alone", "a.example", perm(ns(pubsub, "get")), false, true},
		{"none", "a.example", perm(ns(pubsub, "none")), false, true},
		{"another namespace", "a.example", perm(ns("urn:example:x", "both")), false, true},
		{"the roster", "a.example", perm("<perm access='roster' type='both'><namespace ns='" + pubsub + "' type='both'/></perm>"), false, true},
		{"nothing", "a.example", perm(""), false, true},
		{"a user", "romeo@a.example", perm(ns(pubsub, "both")), false, false},
		{"a resource", "a.example/x", perm(ns(pubsub, "both")), false, false},
		{"an older version", "a.example", strings.ReplaceAll(perm(ns(pubsub, "both")), ":2'", ":1'"), false, false},
		{"no privilege", "a.example", "<body>hello</body>", false, false},
	} {
		granted, told := GrantsBookmarks(oneStanza(t, "<message from='"+tt.from+"' to='rooms.a.example'>"+tt.payload+"</message>"))
		if granted != tt.granted || told != tt.told {
			t.Errorf("%s: granted %v, told %v", tt.why, granted, told)
		}
	}
}
