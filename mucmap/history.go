package mucmap

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// archiveID names the n-th message of a room: its stanza-id (XEP-0359) and its key in the archive.
func archiveID(n uint64, random string) string { return strconv.FormatUint(n, 16) + "-" + random }

// archiveNumber undoes archiveID.
func archiveNumber(id string) (uint64, bool) {
	hex, _, ok := strings.Cut(id, "-")
	n, err := strconv.ParseUint(hex, 16, 64)
	return n, ok && err == nil
}

// remember keeps a message for those who enter later.
func (s *state) remember(m said) {
	limit := s.svc.cfg.Limits.History
	if limit == 0 || s.frozen {
		return
	}
	if len(s.history) >= 2*limit { // in blocks, so that one message costs no copy
		s.history = slices.Clone(s.history[len(s.history)-limit:])
	}
	m.From.Proof = nil
	s.history = append(s.history, m)
}

// recall is the history that a newcomer gets (XEP-0045 §7.2.13, §7.2.14), oldest first.
func (s *state) recall(e *joined) []xmpp.Broadcast {
	limit := min(s.Config.History, s.svc.cfg.Limits.History)
	chars := -1
	since := time.Time{}
	if h := e.History; h != nil {
		if h.MaxStanzas != nil {
			limit = min(limit, *h.MaxStanzas)
		}
		if h.MaxChars != nil {
			chars = *h.MaxChars
		}
		if h.Seconds != nil {
			since = e.At.Add(-time.Duration(*h.Seconds) * time.Second)
		}
		if h.Since.After(since) {
			since = h.Since
		}
	}
	if from := s.historyFrom(e.User, e.At); from.After(since) {
		since = from
	}
	to := []xmpp.JID{e.JID}
	var bs []xmpp.Broadcast
	for i := len(s.history) - 1; i >= 0 && len(bs) < limit; i-- {
		m := &s.history[i]
		if m.N > e.Said {
			continue
		}
		if m.At.Before(since) {
			break
		}
		st := m.St
		st.Payload = append(slices.Clone(st.Payload), delay(s.addr, m.At))
		t := xmpp.NewTemplate(st)
		if chars >= 0 {
			if chars -= t.Size(e.JID); chars < 0 {
				break
			}
		}
		bs = append(bs, xmpp.Broadcast{Template: t, To: to})
	}
	slices.Reverse(bs)
	return bs
}

// delay says when the room received something (XEP-0203).
func delay(from xmpp.JID, at time.Time) *xmpp.Element {
	return xmpp.NewElement(muc.NSDelay, "delay").WithAttr("from", from.String()).WithAttr("stamp", muc.FormatTime(at))
}

// loadHistory takes the newest archive entries of a restored room.
func (s *state) loadHistory(entries []ArchiveEntry) error {
	for _, e := range entries {
		st, from, err := decodeArchived(e.Data)
		if err != nil {
			return err
		}
		n, ok := archiveNumber(e.ID)
		if !ok {
			continue // of a room that was moved here
		}
		if isSubject(&st) {
			continue // see title
		}
		s.keep(s.newRecord(e.ID, &st, from))
		s.remember(said{N: n, ID: e.ID, At: e.Time, St: st, From: from})
	}
	return nil
}
