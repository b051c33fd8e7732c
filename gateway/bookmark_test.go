package gateway

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"anteroom/mucmap"
	"anteroom/xmpp"
)

const (
	grantBoth = "<message from='a.example' to='rooms.a.example'><privilege xmlns='urn:xmpp:privilege:2'><perm access='iq'><namespace ns='http://jabber.org/protocol/pubsub' type='both'/></perm></privilege></message>"
	grantNone = "<message from='a.example' to='rooms.a.example'><privilege xmlns='urn:xmpp:privilege:2'/></message>"
)

func withBookmarks(t *testing.T) func(*Options) {
	return withRooms(t, func(c *mucmap.Config) { c.Bookmarks = true })
}

// privilegedIQs are the iqs in users' names so far, taken out of what was sent.
func (b *bench) privilegedIQs() (out []xmpp.Stanza) {
	b.settle()
	b.line.mu.Lock()
	defer b.line.mu.Unlock()
	b.line.got = slices.DeleteFunc(b.line.got, func(st xmpp.Stanza) bool {
		is := st.Child("urn:xmpp:privilege:2", "privileged_iq") != nil
		if is {
			out = append(out, st)
		}
		return is
	})
	return out
}

// hear delivers a stanza.
func (b *bench) hear(text string) {
	b.t.Helper()
	st, err := xmpp.ParseStanzaXML([]byte(text))
	if err != nil {
		b.t.Fatal(err)
	}
	if e := b.g.Deliver(&st); e != nil {
		b.t.Fatal(e)
	}
	b.settle()
}

// one is the only privileged iq so far.
func (b *bench) one(why string, parts ...string) xmpp.Stanza {
	b.t.Helper()
	all := b.privilegedIQs()
	if len(all) != 1 {
		b.t.Fatalf("%s: %d privileged iqs: %v", why, len(all), all)
	}
	for _, p := range parts {
		if !strings.Contains(all[0].String(), p) {
			b.t.Errorf("%s: no %s in %s", why, p, all[0])
		}
	}
	return all[0]
}

func answerTo(st xmpp.Stanza, items string) string {
	return "<iq from='" + st.To.String() + "' to='rooms.a.example' type='result' id='" + st.ID + "'><privilege xmlns='urn:xmpp:privilege:2'><forwarded xmlns='urn:xmpp:forward:0'>" +
		"<iq xmlns='jabber:client' type='result' id='" + st.ID + "'><pubsub xmlns='http://jabber.org/protocol/pubsub'><items node='urn:xmpp:bookmarks:1'>" + items + "</items></pubsub></iq></forwarded></privilege></iq>"
}

// Where the server grants it, who becomes a member while away gets a bookmark: asked for, then published; without the grant nothing is sent, and
// without its renewal nothing more. Nobody else's answer counts.
func TestBookmarks(t *testing.T) {
	inBubble(t, func(b *bench) {
		member := func(user, affiliation string) {
			b.t.Helper()
			b.hear("<iq from='juliet@a.example/balcony' to='garden@rooms.a.example' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'><item jid='" + user + "' affiliation='" + affiliation + "'/></query></iq>")
			time.Sleep(time.Second)
		}
		b.hear("<presence from='juliet@a.example/balcony' to='garden@rooms.a.example/Juliet'><x xmlns='http://jabber.org/protocol/muc'/></presence>")
		time.Sleep(time.Second)
		b.hear("<iq from='juliet@a.example/balcony' to='garden@rooms.a.example' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>")
		time.Sleep(time.Second)
		member("tybalt@a.example", "member")
		if all := b.privilegedIQs(); len(all) > 0 {
			t.Fatalf("without a grant: %s", all[0])
		}
		b.hear(grantBoth)
		member("romeo@a.example", "member")
		ask := b.one("question", "to='romeo@a.example'", "from='rooms.a.example'", "type='get'", "<item id='garden@rooms.a.example'/>")
		b.hear(strings.Replace(answerTo(ask, ""), "romeo@", "tybalt@", 1))
		if all := b.privilegedIQs(); len(all) > 0 {
			t.Fatalf("after an answer of somebody else: %s", all[0])
		}
		b.hear(answerTo(ask, ""))
		set := b.one("change", "to='romeo@a.example'", "type='set'", "<publish node='urn:xmpp:bookmarks:1'>", "urn:anteroom:bookmark:0")
		b.hear(answerTo(set, ""))
		b.hear(answerTo(set, ""))
		if all := b.privilegedIQs(); len(all) > 0 {
			t.Fatalf("after the end: %s", all[0])
		}
		// Two changes while the server is asked: the last one counts.
		member("romeo@a.example", "none")
		ask = b.one("question")
		member("romeo@a.example", "member")
		member("romeo@a.example", "none")
		b.hear(answerTo(ask, ""))
		ask = b.one("second question", "type='get'")
		b.hear(answerTo(ask, "<item id='garden@rooms.a.example'><conference xmlns='urn:xmpp:bookmarks:1'><extensions><made xmlns='urn:anteroom:bookmark:0'/></extensions></conference></item>"))
		b.one("removal", "<retract node='urn:xmpp:bookmarks:1' notify='true'>")

		b.hear(grantNone)
		member("nurse@a.example", "member")
		if all := b.privilegedIQs(); len(all) > 0 {
			t.Errorf("after the grant was taken back: %s", all[0])
		}
		if got := b.line.ids("a.example"); len(got) > 0 {
			t.Errorf("the server is answered: %q", got)
		}
	}, withBookmarks(t))
}

// What servers grant and do not answer is bounded, and given up in time.
func TestBookmarksAreBounded(t *testing.T) {
	inBubble(t, func(b *bench) {
		for i := range MaxPrivileges + 1 {
			b.hear(strings.Replace(grantBoth, "a.example", fmt.Sprintf("d%d.example", i), 1))
		}
		mark := func(domain string, i int) mucmap.Bookmark {
			return mucmap.Bookmark{User: xmpp.MustParseJID(fmt.Sprintf("u%d@%s", i, domain)), Room: xmpp.MustParseJID("garden@rooms.a.example")}
		}
		b.g.bookmark(time.Now(), []mucmap.Bookmark{mark(fmt.Sprintf("d%d.example", MaxPrivileges), 0)})
		if n := len(b.privilegedIQs()); n > 0 {
			t.Errorf("%d iqs to one domain too many", n)
		}
		for i := range MaxBookmarks + 5 {
			b.g.bookmark(time.Now(), []mucmap.Bookmark{mark("d0.example", i)})
		}
		if n := len(b.privilegedIQs()); n != MaxBookmarks {
			t.Errorf("%d bookmarks under way", n)
		}
		time.Sleep(BookmarkPatience)
		b.g.bookmark(time.Now(), []mucmap.Bookmark{mark("d0.example", 0)})
		if n := len(b.privilegedIQs()); n != 1 {
			t.Errorf("%d iqs after the others were given up", n)
		}
	}, withBookmarks(t))
}
