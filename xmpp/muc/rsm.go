package muc

import (
	"strconv"

	"anteroom/xmpp"
)

// RSM asks for one page of a result set, or describes the page that was given (XEP-0059). Nil pointers are absent elements;
// After and Before may be present and empty: an empty Before asks for the last page.
type RSM struct {
	// In requests.
	Max    *int
	After  *string
	Before *string
	Index  *int // also asks by position (XEP-0059 §2.6)

	// In answers.
	First, Last string // ids of the first and last item of the page, "" when it is empty
	FirstIndex  *int
	Count       *int
}

// Element is the set.
func (r RSM) Element() *xmpp.Element {
	e := xmpp.NewElement(NSRSM, "set")
	count := func(local string, n *int) {
		if n != nil {
			e.With(xmpp.TextElement(NSRSM, local, strconv.Itoa(*n)))
		}
	}
	id := func(local string, s *string) {
		if s != nil {
			e.With(xmpp.NewElement(NSRSM, local).WithText(*s))
		}
	}
	count("max", r.Max)
	id("after", r.After)
	id("before", r.Before)
	count("index", r.Index)
	if r.First != "" {
		first := xmpp.TextElement(NSRSM, "first", r.First)
		if r.FirstIndex != nil {
			first.SetAttr("index", strconv.Itoa(*r.FirstIndex))
		}
		e.With(first)
	}
	e.With(optionalText(NSRSM, "last", r.Last))
	count("count", r.Count)
	return e
}

// ParseRSM reads a set.
func ParseRSM(e *xmpp.Element) (RSM, error) {
	if err := expect(e, NSRSM, "set"); err != nil {
		return RSM{}, err
	}
	r := RSM{First: e.ChildText(NSRSM, "first"), Last: e.ChildText(NSRSM, "last")}
	var err error
	for local, into := range map[string]**int{"max": &r.Max, "index": &r.Index, "count": &r.Count} {
		if c := e.Child(NSRSM, local); c != nil {
			n, countErr := parseCount(c.Text(), local)
			if countErr != nil {
				return RSM{}, countErr
			}
			*into = &n
		}
	}
	for local, into := range map[string]**string{"after": &r.After, "before": &r.Before} {
		if c := e.Child(NSRSM, local); c != nil {
			s := c.Text()
			*into = &s
		}
	}
	if first := e.Child(NSRSM, "first"); first != nil {
		if r.FirstIndex, err = optionalCount(first, "index"); err != nil {
			return RSM{}, err
		}
	}
	return r, nil
}

// optionalRSM reads the set inside e, nil when there is none.
func optionalRSM(e *xmpp.Element) (*RSM, error) {
	c := e.Child(NSRSM, "set")
	if c == nil {
		return nil, nil
	}
	r, err := ParseRSM(c)
	if err != nil {
		return nil, err
	}
	return &r, nil
}
