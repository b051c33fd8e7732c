package mucmap

import (
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mls/wire"
)

// An occupant whose client knows no reports makes one by the room's command (XEP-0050): of the last messages under a nick, by whoever had it last.
func TestReportByCommand(t *testing.T) {
	c := newCommander(t)
	say := func(user, text string) {
		c.send(t, "<message from='"+user+"@a.example/x' to='"+room+"' type='groupchat' id='"+text+"'><body>"+text+"</body></message>")
	}
	say("user1", "hello")
	say("user1", "pills")
	say("user2", "go away")
	say("user1", "more pills")
	say("user0", "that will do")
	report := func(fields ...string) string {
		session, _ := c.begin(commandReport)
		return c.do(commandReport, session+" action='complete'", fill(fields...))
	}
	const spam = "urn:xmpp:reporting:spam"
	wantIn(t, "two messages", report("nick", "nick1", "messages", "2", "reason", spam, "text", "again"), "status='completed'", "2 of the last messages of nick1")
	d := c.disk.outbox[len(c.disk.outbox)-1]
	var q mimi.AbuseReport
	if err := wire.Unmarshal(d.Body, &q); err != nil || d.Endpoint != string(mimi.EndpointReportAbuse) {
		t.Fatalf("%s: %v", d.Endpoint, err)
	}
	if q.Reporter != c.listed("user0") || q.Abuser != c.listed("user1") || q.Note != spam+": again" || len(q.Messages) != 2 {
		t.Errorf("reported %+v", q)
	}
	for i, want := range []string{"pills", "more pills"} {
		if m, err := content.Decode(q.Messages[i].Content); err != nil || string(m.Body.Content) != want {
			t.Errorf("message %d: %+v, %v", i, m, err)
		}
	}
	owed := len(c.disk.outbox)
	wantIn(t, "nobody of this nick", report("nick", "nobody", "reason", spam), "item-not-found")
	wantIn(t, "no nick", report("reason", spam), "bad-request")
	wantIn(t, "no reason", report("nick", "nick1"), "bad-request")
	wantIn(t, "none", report("nick", "nick1", "reason", spam, "messages", "0"), "bad-request")
	wantIn(t, "too many", report("nick", "nick1", "reason", spam, "messages", utoa(maxReported+1)), "bad-request")
	wantIn(t, "by who is not here", c.as("stranger@a.example/x").do(commandReport, "", ""), "<forbidden")
	if len(c.disk.outbox) != owed {
		t.Errorf("%d reports too many", len(c.disk.outbox)-owed)
	}
	for range int(reportRate.Burst) - 2 {
		report("nick", "nick1", "reason", spam)
	}
	wantIn(t, "too much at once", report("nick", "nick1", "reason", spam), "policy-violation", "you report too much")
}

// What the history policy withholds from somebody it cannot report either, by stanza-id or by nick: a report would tell that there is such a message.
func TestReportsObeyTheHistoryPolicy(t *testing.T) {
	c := newCommander(t)
	c.configure(fieldHistory, "none")
	c.say("user1", "before")
	before := c.disk.archive[len(c.disk.archive)-1].ID
	c.now = c.now.Add(time.Minute)
	c.send(t, enter(11))
	c.say("user1", "after")
	after := c.disk.archive[len(c.disk.archive)-1].ID
	report := func(user, id string) string {
		return c.send(t, "<iq from='"+user+"@a.example/x' to='"+room+"' type='set' id='r'><report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'>"+
			"<stanza-id xmlns='urn:xmpp:sid:0' by='"+room+"' id='"+id+"'/></report></iq>")
	}
	wantIn(t, "from before somebody joined", report("user11", before), "item-not-found", noEntryForYou)
	wantIn(t, "from after it joined", report("user11", after), "type='result'")
	wantIn(t, "by who was there", report("user2", before), "type='result'")
	if n := len(c.disk.outbox); n != 2 {
		t.Errorf("%d reports, want 2", n)
	}
}
