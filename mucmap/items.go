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
	var set *muc.RSM
	if e := request.Child(muc.NSRSM, "set"); e != nil {
		r, err := muc.ParseRSM(e)
		if err != nil {
			return nil, asStanzaError(err)
		}
		set = &r
	}
	from, to, e := pageOf(items, set)
	if e != nil {
		return nil, e
	}
	a := muc.DiscoItems{Items: items[from:to]}
	if count := len(items); set != nil || to-from < count {
		a.RSM = &muc.RSM{Count: &count}
		if from < to {
			a.RSM.First, a.RSM.Last, a.RSM.FirstIndex = items[from].JID.String(), items[to-1].JID.String(), &from
		}
	}
	return a.Element(), nil
}

// pageOf is the page that a request asks for.
func pageOf(items []muc.DiscoItem, set *muc.RSM) (from, to int, e *xmpp.StanzaError) {
	size := maxDiscoItems
	if set != nil && set.Max != nil {
		size = min(max(*set.Max, 0), maxDiscoItems)
	}
	at := func(id string) int {
		return slices.IndexFunc(items, func(i muc.DiscoItem) bool { return i.JID.String() == id })
	}
	n := len(items)
	if set == nil {
		return 0, min(size, n), nil
	}
	switch {
	case set.Index != nil:
		from = min(max(*set.Index, 0), n)
	case set.After != nil && *set.After != "":
		i := at(*set.After)
		if i < 0 {
			return 0, 0, refusal(xmpp.ItemNotFound, "there is no such item to go on after")
		}
		from = i + 1
	case set.Before != nil:
		to = n
		if *set.Before != "" {
			if to = at(*set.Before); to < 0 {
				return 0, 0, refusal(xmpp.ItemNotFound, "there is no such item to go back from")
			}
		}
		return max(to-size, 0), to, nil
	}
	return from, min(from+size, n), nil
}
