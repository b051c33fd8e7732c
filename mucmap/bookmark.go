package mucmap

import (
	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Bookmark is what should become of a user's bookmark of a room (XEP-0402). It is carried out by iqs in the user's name, where the user's
// server lets the component send them (XEP-0356 §6): first [Bookmark.Ask], then, by what is there, [Bookmark.Next]. It is not stored: one that a
// crash or a missing privilege loses is not made up for.
type Bookmark struct {
	User, Room xmpp.JID
	Name, Nick string
	Autojoin   bool
	Remove     bool
}

const (
	nsPrivilege = "urn:xmpp:privilege:2"
	nsBookmarks = "urn:xmpp:bookmarks:1"
	nsBookmark  = "urn:anteroom:bookmark:0" // marks, among the extensions of a bookmark, one that a room made
)

// bookmarks notes whose bookmark an event may change: users who get or lose an affiliation, who reserve a nick, and all when the room ends.
func (t *turn) bookmarks(e event) {
	if !t.r.svc.cfg.Bookmarks || t.r.forTwo() {
		return
	}
	if _, two := t.r.direct(); two {
		return
	}
	switch e := e.(type) {
	case *committed:
		for _, c := range e.Changes {
			if (standingOf(c.From).affiliation >= muc.AffiliationMember) != (standingOf(c.To).affiliation >= muc.AffiliationMember) {
				t.bookmark(c.User)
			}
		}
	case *reserved:
		if e.Nick != "" {
			t.bookmark(e.User)
		}
	case *destroyed:
		for u := range t.r.pub.members {
			if t.r.pub.affiliation(u) >= muc.AffiliationMember {
				t.bookmark(u)
			}
		}
	}
}

func (t *turn) bookmark(u mimi.URI) {
	if u == t.r.keeper || !t.r.svc.local(u) {
		return
	}
	if t.marks == nil {
		t.marks = map[mimi.URI]bool{}
	}
	t.marks[u] = true
}

// putBookmarks decides at the end of a Step. A bookmark lets clients enter by themselves only for who registered; one that does not sends
// clients out that are in the room (XEP-0402 §4), and so does one that is taken away: both is only done to who is not present.
func (t *turn) putBookmarks() {
	s := t.r.pub
	us := make([]mimi.URI, 0, len(t.marks))
	for u := range t.marks {
		us = append(us, u)
	}
	sortURIs(us)
	for _, u := range us {
		b := Bookmark{User: t.r.svc.UserJID(u).Bare(), Room: t.r.addr, Name: s.Config.Name}
		switch m := s.members[u]; {
		case m == nil || s.Closing || s.affiliation(u) < muc.AffiliationMember:
			if s.occupant(u) != nil {
				continue // may stay in an open room, but would leave it without its bookmark
			}
			b = Bookmark{User: b.User, Room: b.Room, Remove: true}
		case m.Reserved != "":
			b.Nick, b.Autojoin = m.Reserved, true
		case s.occupant(u) != nil || t.r.entering(u):
			continue
		}
		t.out.Bookmarks = append(t.out.Bookmarks, b)
	}
}

// entering says that a user is about to be an occupant.
func (r *Room) entering(u mimi.URI) bool {
	for _, j := range r.joining {
		if j.user == u {
			return true
		}
	}
	return false
}

// GrantsBookmarks reads what a server grants to the component (XEP-0356 §6.2). told is false when st says nothing about that; granted, that
// the component may both read and write the nodes of the server's users, as bookmarks need.
func GrantsBookmarks(st *xmpp.Stanza) (granted, told bool) {
	p := st.Child(nsPrivilege, "privilege")
	if st.Kind != xmpp.Message || st.Type == xmpp.TypeError || st.From.Local() != "" || st.From.IsFull() || p == nil {
		return false, false
	}
	for _, perm := range p.ChildrenNamed(nsPrivilege, "perm") {
		if perm.Attr("access") != "iq" {
			continue
		}
		for _, n := range perm.ChildrenNamed(nsPrivilege, "namespace") {
			granted = granted || n.Attr("ns") == nsPubSub && n.Attr("type") == "both"
		}
	}
	return granted, true
}

// Ask asks for the user's present bookmark of the room.
func (b *Bookmark) Ask(id string) xmpp.Stanza {
	return b.privileged(id, xmpp.TypeGet, xmpp.NewElement(nsPubSub, "items").WithAttr("node", nsBookmarks).
		With(xmpp.NewElement(nsPubSub, "item").WithAttr("id", b.Room.String())))
}

// Next goes on with the answer to [Bookmark.Ask]; false when nothing is left to do. A bookmark that the user made is the user's: it
// stays as it is. One that a room made is changed, and keeps what clients added to it.
func (b *Bookmark) Next(id string, answer *xmpp.Stanza) (xmpp.Stanza, bool) {
	iq, ok := unwrap(answer)
	if !ok {
		return xmpp.Stanza{}, false
	}
	there := false
	var old *xmpp.Element
	switch e := iq.Err(); {
	case e != nil && e.Condition != xmpp.ItemNotFound: // no node yet is no bookmark yet
		return xmpp.Stanza{}, false
	case e == nil:
		items := iq.Child(nsPubSub, "pubsub").Child(nsPubSub, "items")
		if items == nil {
			return xmpp.Stanza{}, false
		}
		for _, item := range items.ChildrenNamed(nsPubSub, "item") {
			if item.Attr("id") == b.Room.String() {
				there, old = true, item.Child(nsBookmarks, "conference")
			}
		}
	}
	ours := old.Child(nsBookmarks, "extensions").Child(nsBookmark, "made") != nil
	item := xmpp.NewElement(nsPubSub, "item").WithAttr("id", b.Room.String())
	switch {
	case there && !ours, b.Remove && !ours:
		return xmpp.Stanza{}, false
	case b.Remove:
		return b.privileged(id, xmpp.TypeSet, xmpp.NewElement(nsPubSub, "retract").WithAttr("node", nsBookmarks).WithAttr("notify", "true").With(item)), true
	}
	return b.privileged(id, xmpp.TypeSet, xmpp.NewElement(nsPubSub, "publish").WithAttr("node", nsBookmarks).With(item.With(b.conference(old))),
		xmpp.NewElement(nsPubSub, "publish-options").With(bookmarkNode().Element())), true
}

// conference is the bookmark's payload; old is what it replaces, or nil.
func (b *Bookmark) conference(old *xmpp.Element) *xmpp.Element {
	c := xmpp.NewElement(nsBookmarks, "conference")
	if old != nil {
		c = old.Clone()
		c.RemoveChildren(nsBookmarks, "nick")
	} else {
		if b.Name != "" {
			c.SetAttr("name", b.Name)
		}
		c.With(xmpp.NewElement(nsBookmarks, "extensions").With(xmpp.NewElement(nsBookmark, "made")))
	}
	if b.Autojoin {
		c.SetAttr("autojoin", "true")
	}
	if b.Nick != "" {
		c.With(xmpp.TextElement(nsBookmarks, "nick", b.Nick))
	}
	return c
}

// bookmarkNode is how the node must be for a bookmark to be put there: for the user's eyes only (XEP-0402 §3.3).
func bookmarkNode() muc.Form {
	const options = nsPubSub + "#publish-options"
	return muc.NewForm(muc.FormSubmit, options, muc.TextField("pubsub#persist_items", "", "true"), muc.TextField("pubsub#max_items", "", "max"),
		muc.TextField("pubsub#send_last_published_item", "", "never"), muc.TextField("pubsub#access_model", "", "whitelist"))
}

// privileged is an iq to the user's own account, sent in the user's name (XEP-0356 §6.3).
func (b *Bookmark) privileged(id, typ string, payload ...*xmpp.Element) xmpp.Stanza {
	inner := xmpp.Stanza{Kind: xmpp.IQ, ID: id, Type: typ, Payload: []*xmpp.Element{xmpp.NewElement(nsPubSub, "pubsub").With(payload...)}}
	from, _ := xmpp.NewJID("", b.Room.Domain(), "") // the domain of an address is one
	return xmpp.Stanza{Kind: xmpp.IQ, From: from, To: b.User, ID: id, Type: typ,
		Payload: []*xmpp.Element{xmpp.NewElement(nsPrivilege, "privileged_iq").With(inner.Element())}}
}

// unwrap is the answer that the server forwards (XEP-0356 §6.3); false when the server refused to ask.
func unwrap(answer *xmpp.Stanza) (xmpp.Stanza, bool) {
	f, err := muc.ParseForwarded(answer.Child(nsPrivilege, "privilege").Child(muc.NSForward, "forwarded"))
	if err != nil || answer.Type != xmpp.TypeResult {
		return xmpp.Stanza{}, false
	}
	iq, err := xmpp.ParseStanza(f.Stanza)
	return iq, err == nil && iq.Kind == xmpp.IQ
}
