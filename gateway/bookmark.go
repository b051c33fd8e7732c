package gateway

import (
	"slices"
	"strconv"
	"time"

	"anteroom/mucmap"
	"anteroom/xmpp"
)

// privileges are what servers grant to the component (XEP-0356), and the bookmarks that are under way by them. Nothing of it is stored: servers
// say again what they grant whenever the component connects.
type privileges struct {
	granted []string // domains whose users' bookmarks may be changed
	pending []bookmarking
	n       uint64
}

// bookmarking is one bookmark under way. Of one user and room there is one at a time; next waits for it, a later one replaces it.
type bookmarking struct {
	mucmap.Bookmark
	id   string
	asks bool // for what is there; otherwise it changes it
	next *mucmap.Bookmark
	at   time.Time
}

// bookmark begins to carry out what a room wants.
func (g *Gateway) bookmark(now time.Time, all []mucmap.Bookmark) {
	for _, b := range all {
		if st, ok := g.privileged(now, b); ok {
			g.send([]xmpp.Broadcast{single(st)})
		}
	}
}

func (g *Gateway) privileged(now time.Time, b mucmap.Bookmark) (xmpp.Stanza, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &g.privileges
	if !slices.Contains(p.granted, b.User.Domain()) {
		return xmpp.Stanza{}, false
	}
	p.pending = slices.DeleteFunc(p.pending, func(w bookmarking) bool { return now.Sub(w.at) >= BookmarkPatience })
	for i := range p.pending {
		if w := &p.pending[i]; w.User == b.User && w.Room == b.Room {
			w.next = &b
			return xmpp.Stanza{}, false
		}
	}
	return p.ask(now, b)
}

// ask begins with the present bookmark; g.mu is held.
func (p *privileges) ask(now time.Time, b mucmap.Bookmark) (xmpp.Stanza, bool) {
	if len(p.pending) >= MaxBookmarks {
		return xmpp.Stanza{}, false
	}
	w := bookmarking{Bookmark: b, id: p.id(), asks: true, at: now}
	p.pending = append(p.pending, w)
	return w.Ask(w.id), true
}

func (p *privileges) id() string {
	p.n++
	return "bookmark-" + strconv.FormatUint(p.n, 10)
}

// hearPrivilege takes what a server grants, and answers to what was sent by it. False: the stanza is another one.
func (g *Gateway) hearPrivilege(now time.Time, st *xmpp.Stanza) bool {
	if granted, told := mucmap.GrantsBookmarks(st); told {
		g.grant(st.From.Domain(), granted)
		return true
	}
	if st.Kind != xmpp.IQ || st.IsRequest() {
		return false
	}
	next, ok := g.answered(now, st)
	g.send(next)
	return ok
}

func (g *Gateway) grant(domain string, granted bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &g.privileges
	p.granted = slices.DeleteFunc(p.granted, func(d string) bool { return d == domain })
	if granted && len(p.granted) < MaxPrivileges {
		p.granted = append(p.granted, domain)
		g.log.Info("the server lets us keep its users' bookmarks", "domain", domain)
	}
}

// answered goes on with a bookmark by the answer that came. Nobody but the user's own server can answer for the user.
func (g *Gateway) answered(now time.Time, st *xmpp.Stanza) (next []xmpp.Broadcast, ours bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p := &g.privileges
	i := slices.IndexFunc(p.pending, func(w bookmarking) bool { return w.id == st.ID && w.User == st.From })
	if i < 0 {
		return nil, false
	}
	w := p.pending[i]
	p.pending = slices.Delete(p.pending, i, i+1)
	if e := st.Err(); e != nil {
		g.log.Info("the server refused to change a bookmark", "domain", st.From.Domain(), "condition", string(e.Condition))
	}
	var out xmpp.Stanza
	more := false
	if w.asks && w.next == nil { // what was wanted before something else is not begun any more
		w.id = p.id()
		if out, more = w.Next(w.id, st); more {
			w.asks, w.at = false, now
			p.pending = append(p.pending, w)
		}
	} else if w.next != nil {
		out, more = p.ask(now, *w.next)
	}
	if more {
		next = append(next, single(out))
	}
	return next, true
}
