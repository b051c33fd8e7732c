package mucmap

import (
	"strconv"
	"time"

	"anteroom/presence"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Slow mode (XEP-0500): a user waits between two messages. It holds for the messages of XMPP users that have a body.

// MaxSlowMode is the longest time between two messages that a room can demand, in seconds.
const MaxSlowMode = 6 * 60 * 60

// The fields of XEP-0500 §5.1 and §5.2.
const (
	fieldSlowMode = "muc#roomconfig_slow_mode_duration"
	infoSlowMode  = "muc#roominfo_slow_mode_duration"
)

func (c *roomConfig) slowModeField() muc.Field {
	f := muc.TextField(fieldSlowMode, "Seconds that everybody but moderators waits between two messages (0: none)", strconv.Itoa(c.SlowMode))
	f.Validate = &muc.Validate{Datatype: "xs:integer", Min: "0", Max: strconv.Itoa(MaxSlowMode)}
	return f
}

// submitSlowMode reads what slowModeField offers.
func (c *roomConfig) submitSlowMode(f *muc.Form) *xmpp.StanzaError {
	n, present, err := f.Count(fieldSlowMode)
	switch {
	case err != nil:
		return asStanzaError(err)
	case present && n > MaxSlowMode:
		return refusal(xmpp.NotAcceptable, fieldSlowMode+" is more than "+strconv.Itoa(MaxSlowMode)+" seconds")
	case present:
		c.SlowMode = n
	}
	return nil
}

// tooSoon refuses a message that comes before slow mode allows it (XEP-0500 §6). The account counts, whatever its devices.
func (t *turn) tooSoon(st *xmpp.Stanza, o *presence.Occupant) *xmpp.StanzaError {
	s := t.r.pub
	m := s.members[userOf(o)]
	if s.Config.SlowMode == 0 || o.Role == muc.RoleModerator || m == nil || !hasBody(st) {
		return nil
	}
	pause := time.Duration(s.Config.SlowMode) * time.Second
	if wait := m.Spoke.Add(pause).Sub(t.now); wait > 0 {
		return tooFast(xmpp.PolicyViolation, "slow mode: this room wants "+strconv.Itoa(s.Config.SlowMode)+" s between two messages of a user", wait)
	}
	return nil
}

func hasBody(st *xmpp.Stanza) bool { return st.Child(xmpp.NSClient, "body") != nil }

// spokeNow notes when a user last said something, as long as anybody wants to know.
func (s *state) spokeNow(e *spoke) {
	if m := s.members[e.From.User]; m != nil && s.Config.SlowMode > 0 && hasBody(e.st) {
		m.Spoke = e.At
	}
}
