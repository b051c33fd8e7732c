package muc

import (
	"strconv"
	"time"

	"anteroom/xmpp"
)

// maxCount is the greatest number read from a peer; greater ones are read as this.
const maxCount = 1<<31 - 1

func bad(text string) error { return xmpp.NewError(xmpp.BadRequest, text) }

// expect refuses a missing element or one of another name.
func expect(e *xmpp.Element, space, local string) error {
	if !e.Is(space, local) {
		return bad("expected <" + local + " xmlns='" + space + "'/>")
	}
	return nil
}

func parseJID(s, what string) (xmpp.JID, error) {
	if s == "" {
		return xmpp.JID{}, nil
	}
	j, err := xmpp.ParseJID(s)
	if err != nil {
		return xmpp.JID{}, xmpp.NewError(xmpp.JIDMalformed, what+": "+err.Error())
	}
	return j.Clone(), nil
}

// parseCount reads a number that is not negative. Digits beyond the range give the greatest number.
func parseCount(s, what string) (int, error) {
	if s == "" {
		return 0, bad(what + " is empty")
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return 0, bad(what + " is not a number")
		}
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil || n > maxCount {
		return maxCount, nil
	}
	return int(n), nil
}

// optionalCount reads an attribute that may be missing.
func optionalCount(e *xmpp.Element, attr string) (*int, error) {
	v, ok := e.LookupAttr("", attr)
	if !ok {
		return nil, nil
	}
	n, err := parseCount(v, attr)
	if err != nil {
		return nil, err
	}
	return &n, nil
}

// FormatTime writes a time as XEP-0082 §3.2 wants it: UTC, with a fraction only when there is one, to the millisecond.
func FormatTime(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.999Z") }

// ParseTime reads a time of XEP-0082 §3.2; what names it in the error.
func ParseTime(s, what string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339Nano, s)
	if t = t.UTC(); err != nil || t.Year() < 0 || t.Year() > 9999 { // an offset can lead out of the years that can be written
		return time.Time{}, bad(what + " is not a date and time of XEP-0082")
	}
	return t, nil
}

// optionalTime reads text that may be missing; the zero time stands for that.
func optionalTime(s, what string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	return ParseTime(s, what)
}

func optionalText(space, local, text string) *xmpp.Element {
	if text == "" {
		return nil
	}
	return xmpp.TextElement(space, local, text)
}

func parseBool(s string) (value, ok bool) {
	switch s {
	case "1", "true":
		return true, true
	case "0", "false":
		return false, true
	}
	return false, false
}
