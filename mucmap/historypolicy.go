package mucmap

import (
	"math"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// History given or withheld by policy (draft-ietf-mimi-room-policy-04 §7.6): how much of what was said before somebody joined it gets, on entering and
// out of the archive. The group's chat_history policy says it to everybody; this gateway keeps it for XMPP users.

// fieldHistory is ours: XEP-0045 registers no field for it.
const fieldHistory = "x-anteroom_history_before_joining"

// The values of fieldHistory beside a number of hours, and of roomConfig.Before beside a number of seconds.
const (
	historyAllText  = "all"
	historyNoneText = "none"

	historyAll  = 0
	historyNone = -1

	maxHistoryHours = 24 * 366
)

func (c *roomConfig) historyField() muc.Field {
	value := historyAllText
	switch {
	case c.Before == historyNone:
		value = historyNoneText
	case c.Before > 0:
		value = strconv.Itoa((c.Before + 3599) / 3600)
	}
	return muc.TextField(fieldHistory, "What newcomers get of what was said before they joined: all, none, or so many hours", value)
}

func (c *roomConfig) submitHistory(f *muc.Form) *xmpp.StanzaError {
	text, present := f.Text(fieldHistory)
	hours, err := strconv.Atoi(text)
	switch {
	case !present:
	case text == historyAllText || text == "":
		c.Before = historyAll
	case text == historyNoneText:
		c.Before = historyNone
	case err != nil || hours < 0 || hours > maxHistoryHours:
		return refusal(xmpp.NotAcceptable, fieldHistory+" is none of all, none, and a number of hours up to "+strconv.Itoa(maxHistoryHours))
	case hours == 0:
		c.Before = historyNone
	case (c.Before+3599)/3600 != hours: // what another client set to the second stays as it is
		c.Before = hours * 3600
	}
	return nil
}

// historyPolicy is the chat_history policy of a configuration: who receives messages may share them.
func (c *roomConfig) historyPolicy() *mimi.HistoryPolicy {
	if c.Before == historyNone {
		return &mimi.HistoryPolicy{Sharing: mimi.Forbidden}
	}
	p := &mimi.HistoryPolicy{Automatically: true, MaxPeriod: math.MaxUint32}
	if c.Before > 0 {
		p.MaxPeriod = uint32(c.Before)
	}
	for role := roleMember; role <= roleKeeper; role++ {
		p.Roles = append(p.Roles, role)
	}
	return p
}

// followHistory takes over what the group says.
func (c *roomConfig) followHistory(s *policy.State) {
	p, present := s.History()
	switch {
	case !present, p.Sharing != mimi.Forbidden && p.MaxPeriod == math.MaxUint32:
		c.Before = historyAll
	case p.Sharing == mimi.Forbidden, p.MaxPeriod == 0:
		c.Before = historyNone
	default:
		c.Before = int(p.MaxPeriod)
	}
}

// historyFrom is since when a user may know what was said; zero: always. Who is not on the list joins now.
func (s *state) historyFrom(u mimi.URI, now time.Time) time.Time {
	if s.Config.Before == historyAll {
		return time.Time{}
	}
	from := now
	if m := s.members[u]; m != nil {
		from = m.Since
	}
	if s.Config.Before > 0 {
		from = from.Add(-time.Duration(s.Config.Before) * time.Second)
	}
	return from
}

// withhold lets a query of the archive begin no earlier than what a user may know.
func (s *state) withhold(u mimi.URI, now time.Time, ask *Query) {
	if from := s.historyFrom(u, now); from.After(ask.Since) {
		ask.Since = from
	}
}
