package mucmap

import (
	"slices"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// maxDiscoItems bounds the items of one answer to disco#items. Who wants more asks page by page (XEP-0059).
const maxDiscoItems = 500

// answerItems is the answer to a disco#items request: all items, or the page of them that the request asks for. An item is named
// by its address.
func answerItems(request *xmpp.Element, items []muc.DiscoItem) (*xmpp.Element, *xmpp.StanzaError) {
	set, e := requestedPage(request)
	if e != nil {
		return nil, e
	}
	from, to, e := pageOf(len(items), maxDiscoItems, set, func(id string) (int, int, bool) {
		i := slices.IndexFunc(items, func(i muc.DiscoItem) bool { return i.JID.String() == id })
		return i, i + 1, i >= 0
	})
	if e != nil {
		return nil, e
	}
	a := muc.DiscoItems{Items: items[from:to]}
	if set != nil || to-from < len(items) {
		a.RSM = pageSet(from, to, len(items), func(i int) string { return items[i].JID.String() })
	}
	return a.Element(), nil
}

// requestedPage is what a request says of the page that it asks for; nil: nothing.
func requestedPage(request *xmpp.Element) (*muc.RSM, *xmpp.StanzaError) {
	e := request.Child(muc.NSRSM, "set")
	if e == nil {
		return nil, nil
	}
	r, err := muc.ParseRSM(e)
	if err != nil {
		return nil, asStanzaError(err)
	}
	return &r, nil
}

// pageOf is the page of n items, of at most most, that a request asks for; nil asks for the first one. place says that items up to
// before come before the one of an id, and items from after on behind it, or that there is no such place.
func pageOf(n, most int, set *muc.RSM, place func(id string) (before, after int, ok bool)) (from, to int, e *xmpp.StanzaError) {
	size := most
	if set == nil {
		return 0, min(size, n), nil
	}
	if set.Max != nil {
		size = min(max(*set.Max, 0), most)
	}
	switch {
	case set.Index != nil:
		from = min(max(*set.Index, 0), n)
	case set.After != nil && *set.After != "":
		_, after, ok := place(*set.After)
		if !ok {
			return 0, 0, refusal(xmpp.ItemNotFound, "there is no such item to go on after")
		}
		from = after
	case set.Before != nil:
		to = n
		if *set.Before != "" {
			before, _, ok := place(*set.Before)
			if !ok {
				return 0, 0, refusal(xmpp.ItemNotFound, "there is no such item to go back from")
			}
			to = before
		}
		return max(to-size, 0), to, nil
	}
	return from, min(from+size, n), nil
}

// pageSet describes a page of items with ids.
func pageSet(from, to, count int, id func(i int) string) *muc.RSM {
	set := &muc.RSM{Count: &count}
	if from < to {
		set.First, set.Last, set.FirstIndex = id(from), id(to-1), &from
	}
	return set
}
