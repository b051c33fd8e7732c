package mucmap

import (
	"strconv"
	"time"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// infoActivity is the field of muc#roominfo that tells how much is said in a room (XEP-0502 §4).
const infoActivity = "{urn:xmpp:muc-activity}message-activity"

// activityHours is how many full hours the rate is the mean of.
const activityHours = 24

// activity counts messages by the hour, the newest first: the present hour and activityHours before it.
type activity struct {
	Hour   int64    `json:",omitempty"` // of the first count, in hours since 1970
	Counts []uint32 `json:",omitempty"`
}

func hourOf(at time.Time) int64 { return at.Unix() / 3600 }

// note counts a message, if it is one that is read by itself (XEP-0502 §5).
func (a *activity) note(at time.Time, st *xmpp.Stanza) {
	if body, _ := st.Body(); body == "" || st.Child(nsCorrect, "replace") != nil {
		return
	}
	counts := make([]uint32, activityHours+1)
	shift := max(hourOf(at)-a.Hour, 0)
	if shift <= activityHours {
		copy(counts[shift:], a.Counts)
	}
	a.Hour += shift
	counts[0]++
	for counts[len(counts)-1] == 0 {
		counts = counts[:len(counts)-1]
	}
	a.Counts = counts
}

// rate is the number of messages per hour, over the hours before this one since the room was made, at most activityHours; ok is false when there
// was none yet.
func (a *activity) rate(now, created time.Time) (perHour float64, ok bool) {
	hours := min(hourOf(now)-hourOf(created), activityHours)
	if hours < 1 {
		return 0, false
	}
	var sum uint64
	for i, n := range a.Counts {
		if ago := hourOf(now) - a.Hour + int64(i); ago >= 1 && ago <= activityHours {
			sum += uint64(n)
		}
	}
	return float64(sum) / float64(hours), true
}

// activityField tells the rate of a room that everybody may know of and enter (XEP-0502 §4, §9).
func (s *state) activityField(now time.Time) (muc.Field, bool) {
	c := &s.Config
	rate, ok := s.Activity.rate(now, s.Created)
	if !ok || !c.Public || !c.Persistent || c.MembersOnly || c.Protected || c.Closed {
		return muc.Field{}, false
	}
	return muc.TextField(infoActivity, "Messages per hour", strconv.FormatFloat(rate, 'f', 2, 64)), true
}
