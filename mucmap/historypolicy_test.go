package mucmap

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
)

func (c *commander) say(n, text string) string {
	c.t.Helper()
	return c.send(c.t, "<message from='"+n+"@a.example/x' to='"+room+"' type='groupchat' id='m'><body>"+text+"</body></message>")
}

func (c *commander) mam(from, inner string) string {
	c.t.Helper()
	return c.send(c.t, "<iq from='"+from+"' to='"+room+"' type='set' id='q'><query xmlns='urn:xmpp:mam:2' queryid='f'>"+inner+"</query></iq>")
}

// historyOf says which of the words are in an answer.
func historyOf(out string, words ...string) (got []string) {
	for _, w := range words {
		if strings.Contains(out, "<body>"+w+"</body>") {
			got = append(got, w)
		}
	}
	return got
}

// What was said before somebody joined is withheld, or given for so many hours, on entering and out of the archive, by every filter of it; who was there sees
// all of it. The group's policy says the same (draft-ietf-mimi-room-policy-04 §7.6).
func TestHistoryPolicy(t *testing.T) {
	c := newCommander(t)
	c.say("user0", "old")
	c.now = c.now.Add(2 * time.Hour)
	c.say("user0", "recent")
	var ids []string
	for _, e := range c.disk.archive {
		ids = append(ids, e.ID)
	}
	policy := func() *mimi.HistoryPolicy {
		p, _ := c.room.hub.State().History()
		return p
	}
	for _, tt := range []struct {
		value, want string
		n           int
		sharing     mimi.Optionality
		period      uint32
	}{{"none", "", 11, mimi.Forbidden, 0}, {"1", "recent", 12, mimi.Optional, 3600}, {"all", "old recent", 13, mimi.Optional, math.MaxUint32}, {"0", "", 14, mimi.Forbidden, 0}} {
		c.configure(fieldHistory, tt.value)
		if p := policy(); p.Sharing != tt.sharing || p.MaxPeriod != tt.period || tt.sharing == mimi.Optional && len(p.Roles) == 0 {
			t.Errorf("%s: the group says %+v", tt.value, p)
		}
		if got := historyOf(c.send(t, enter(tt.n)), "old", "recent"); strings.Join(got, " ") != tt.want {
			t.Errorf("%s: a newcomer gets %q", tt.value, got)
		}
		from := strings.SplitN(enter(tt.n), "'", 3)[1]
		out := c.mam(from, "")
		if got := historyOf(out, "old", "recent"); strings.Join(got, " ") != tt.want {
			t.Errorf("%s: the archive gives a newcomer %q", tt.value, got)
		}
		wantIn(t, "how many there are for "+from, out, fmt.Sprintf("<count>%d</count>", len(strings.Fields(tt.want))))
		if got := historyOf(c.mam("user1@a.example/x", ""), "old", "recent"); len(got) != 2 {
			t.Errorf("%s: who was there gets %q", tt.value, got)
		}
		wantIn(t, "the form", c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='get' id='g'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>"),
			"<value>"+strings.Replace(tt.value, "0", "none", 1)+"</value>")
	}
	newcomer := "user14@a.example/x"
	byID := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='ids'><value>" + ids[0] + "</value></field></x>"
	wantIn(t, "by its id", c.mam(newcomer, byID), "item-not-found")
	wantIn(t, "by its id, who was there", c.mam("user1@a.example/x", byID), "<body>old</body>")
	since := "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>urn:xmpp:mam:2</value></field><field var='start'><value>2020-01-01T00:00:00Z</value></field></x>"
	if got := historyOf(c.mam(newcomer, since), "old", "recent"); len(got) != 0 {
		t.Errorf("from an early start: %q", got)
	}
	if got := historyOf(c.mam(newcomer, "<set xmlns='http://jabber.org/protocol/rsm'><before/></set>"), "old", "recent"); len(got) != 0 {
		t.Errorf("the newest: %q", got)
	}
	ends := "<iq from='" + newcomer + "' to='" + room + "' type='get' id='e'><metadata xmlns='urn:xmpp:mam:2'/></iq>"
	if out := c.send(t, ends); strings.Contains(out, ids[0]) || strings.Contains(out, ids[1]) {
		t.Errorf("metadata names what is withheld:\n%s", out)
	}
	if got := historyOf(c.mam("user20@a.example/x", ""), "old", "recent"); len(got) != 0 {
		t.Errorf("somebody who never joined gets %q", got)
	}
	c.say("user0", "new")
	c.send(t, "<presence from='"+newcomer+"' to='"+room+"/nick14' type='unavailable'/>")
	if err := c.restart(true); err != nil {
		t.Fatal(err)
	}
	if got := historyOf(c.send(t, enter(14)), "old", "recent", "new"); strings.Join(got, " ") != "new" {
		t.Errorf("who comes again gets %q", got)
	}
	wantIn(t, "nonsense", c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='f'><query xmlns='http://jabber.org/protocol/muc#owner'>"+fill(fieldHistory, "-5")+"</query></iq>"), "not-acceptable")
}

// Somebody else's owner may set a policy to the second: the form shows hours and keeps it.
func TestHistoryPolicyToTheSecond(t *testing.T) {
	c := roomConfig{Before: 5400}
	f := c.form()
	if v, _ := f.Text(fieldHistory); v != "2" {
		t.Errorf("shown as %q", v)
	}
	if e := c.submitHistory(&f); e != nil || c.Before != 5400 {
		t.Errorf("submitted unchanged it becomes %d, %v", c.Before, e)
	}
}
