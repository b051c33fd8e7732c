package mucmap

import (
	"slices"
	"sort"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// maxListItems and maxListBytes bound a list in one answer, so that it is a stanza that can be sent. One item always fits.
const (
	maxListItems = 2000
	maxListBytes = maxMessage / 2 // as they are written
)

// pageOfItems is the part of a list that a request asks for (XEP-0059), or its beginning if it is too long. An item is named by its
// address. In a list that is sorted by address a page also goes on behind somebody who is not on it any more.
func pageOfItems(request *xmpp.Element, items []muc.Item, sorted bool) ([]muc.Item, *muc.RSM, *xmpp.StanzaError) {
	set, e := requestedPage(request)
	if e != nil {
		return nil, nil, e
	}
	id := func(i int) string { return items[i].JID.String() }
	from, to, e := pageOf(len(items), maxListItems, set, func(at string) (before, after int, ok bool) {
		if sorted {
			before = sort.Search(len(items), func(i int) bool { return id(i) >= at })
			after = sort.Search(len(items), func(i int) bool { return id(i) > at })
			return before, after, true
		}
		i := slices.IndexFunc(items, func(it muc.Item) bool { return it.JID.String() == at })
		return i, i + 1, i >= 0
	})
	if e != nil {
		return nil, nil, e
	}
	backwards := set != nil && set.Index == nil && (set.After == nil || *set.After == "") && set.Before != nil
	for to-from > 1 && listBytes(items[from:to]) > maxListBytes {
		if half := (to - from) / 2; backwards {
			from += half
		} else {
			to -= half
		}
	}
	if set == nil && to-from == len(items) {
		return items, nil, nil
	}
	return items[from:to], pageSet(from, to, len(items), id), nil
}

func listBytes(items []muc.Item) int {
	return len(muc.AdminQuery{Items: items}.Element().AppendXML(nil, ""))
}
