package mucmap

import (
	"bytes"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
)

func (c *commander) allowBot(fields ...string) string {
	c.t.Helper()
	session, _ := c.begin(commandBot)
	return c.do(commandBot, session, fill(fields...))
}

func (c *commander) botsOut(keys ...string) string {
	c.t.Helper()
	session, _ := c.begin(commandBotsOut)
	x := "<x xmlns='jabber:x:data' type='submit'><field var='" + fieldBots + "'>"
	for _, k := range keys {
		x += "<value>" + k + "</value>"
	}
	return c.do(commandBotsOut, session, x+"</field></x>")
}

func (b *bench) allowed() []mimi.Bot {
	p, _ := b.room.hub.State().Bots()
	return p.Allowed
}

const botHat = "uri='" + hatBot + "'"

// The owner lets bots in: an occupant who had a pseudonym, and somebody who is not here yet. Each has a role of its own, is listed by name, and wears the
// hat of a bot; what it may do is what its role says (draft-ietf-mimi-room-policy-04 §7.7, XEP-0317).
func TestBots(t *testing.T) {
	c := newCommander(t)
	user1, user3 := mimi.MustURI("mimi://a.example/u/user1"), mimi.MustURI("mimi://a.example/u/user3")
	if as := c.listed("user1"); !isPseudonym(as) {
		t.Fatalf("user1 is listed as %s", as)
	}
	out := c.allowBot(fieldBot, address(1), fieldBotName, "Weather", fieldBotRights, botWrites)
	wantIn(t, "an occupant becomes a bot", out, "status='completed'", botHat, "title='Bot Weather'", "affiliation='member'", "role='participant'")
	s := c.room.hub.State()
	if s.RoleOf(user1) != roleBot || !s.BotRole(roleBot) || c.room.pub.listed(user1) != user1 || s.Clients(user1) != 1 {
		t.Errorf("user1 is listed as %s with role %d and %d clients", c.room.pub.listed(user1), s.RoleOf(user1), s.Clients(user1))
	}
	if b := c.allowed(); len(b) != 1 || b[0] != (mimi.Bot{Name: "Weather", Homepage: user1.String(), Role: roleBot}) {
		t.Errorf("the group's policy: %+v", b)
	}
	if components := s.Base().PolicyComponents; !strings.Contains(string(marshal(s.Base())), "\x00\x2f") {
		t.Errorf("the base policy names %v", components)
	}
	wantIn(t, "it speaks", c.say("user1", "sunny"), "<body>sunny</body>")

	wantIn(t, "somebody who is not here", c.allowBot(fieldBot, address(3), fieldBotName, "Indexer", fieldBotRights, botReads), "status='completed'")
	out = c.send(t, enter(3))
	wantIn(t, "it enters", out, "title='Bot Indexer, reads only'", "role='visitor'")
	if s := c.room.hub.State(); s.RoleOf(user3) != roleBotReader || s.Clients(user3) != 1 {
		t.Errorf("user3 has role %d", s.RoleOf(user3))
	}
	wantIn(t, "it does not speak", c.say("user3", "spam"), "<forbidden")

	admin := func(item string) string {
		return c.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'>"+item+"</query></iq>")
	}
	wantIn(t, "no voice for it", admin("<item jid='"+address(3)+"' role='participant'/>"), "<not-allowed", "bot policy")
	wantIn(t, "no admin", admin("<item jid='"+address(1)+"' affiliation='admin'/>"), "<not-allowed", "bot policy")

	pm := "<message from='user1@a.example/x' to='" + room + "/nick2' type='chat' id='p'><body>psst</body></message>"
	wantIn(t, "a bot addresses nobody alone", c.send(t, pm), "<forbidden", "bot policy")
	c.allowBot(fieldBot, address(1), fieldBotName, "Forecast", fieldBotRights, botWrites, fieldBotTarget, "1")
	wantIn(t, "unless its policy says so", c.send(t, pm), "to user2@a.example/x", "psst")
	if len(c.allowed()) != 2 {
		t.Errorf("a bot that is changed is a second one: %+v", c.allowed())
	}
	out = c.as("user0@a.example/x").do(commandBots, "", "")
	wantIn(t, "the list", out, "Forecast", address(1), botWrites, "Indexer", botReads, string(StateMember))

	if err := c.restart(true); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "a bot comes back as it was", c.send(t, "<presence from='user3@a.example/x' to='"+room+"/nick3' type='unavailable'/>"+enter(3)), "reads only")

	wantIn(t, "out", c.botsOut(user1.String()), "status='completed'", "code='321'")
	if s := c.room.hub.State(); s.RoleOf(user1) != roleNone || len(c.allowed()) != 1 {
		t.Errorf("user1 has role %d, the policy is %+v", s.RoleOf(user1), c.allowed())
	}
	wantIn(t, "it comes back as everybody does", c.send(t, enter(1)), "affiliation='none'")
	if !isPseudonym(c.listed("user1")) {
		t.Error("who is no bot any more has no pseudonym")
	}
	wantIn(t, "kicked", admin("<item nick='nick3' role='none'/>"), "code='307'")
	wantIn(t, "banned", admin("<item jid='"+address(3)+"' affiliation='outcast'/>"), "type='result'")
	wantIn(t, "and out", c.send(t, enter(3)), "<forbidden")
}

// What a bot's form may not say.
func TestBotFormRefused(t *testing.T) {
	c := newCommander(t)
	for name, tt := range map[string]struct {
		fields []string
		wants  string
	}{
		"no name":                  {[]string{fieldBot, address(1), fieldBotRights, botReads}, fieldBotName},
		"no rights":                {[]string{fieldBot, address(1), fieldBotName, "b"}, fieldBotRights},
		"unknown rights":           {[]string{fieldBot, address(1), fieldBotName, "b", fieldBotRights, "all"}, fieldBotRights},
		"nobody who takes part":    {[]string{fieldBotName, "b", fieldBotRights, botReads}, "address"},
		"a user as homepage":       {[]string{fieldBotName, "b", fieldBotRights, botIsLocal, fieldBotHomepage, "mimi://a.example/u/user1"}, fieldBotHomepage},
		"address and homepage":     {[]string{fieldBot, address(1), fieldBotName, "b", fieldBotRights, botReads, fieldBotHomepage, "https://b"}, "homepage"},
		"a domain":                 {[]string{fieldBot, "a.example", fieldBotName, "b", fieldBotRights, botReads}, "address"},
		"too long a name":          {[]string{fieldBot, address(1), fieldBotName, strings.Repeat("b", maxBotName+1), fieldBotRights, botReads}, fieldBotName},
		"an owner":                 {[]string{fieldBot, address(0), fieldBotName, "b", fieldBotRights, botReads}, "admin or owner is no bot"},
		"an address that is local": {[]string{fieldBot, address(1), fieldBotName, "b", fieldBotRights, botIsLocal}, "local"},
	} {
		wantIn(t, name, c.allowBot(tt.fields...), "type='error'", tt.wants)
		if len(c.allowed()) != 0 {
			t.Errorf("%s: %+v", name, c.allowed())
		}
	}
	wantIn(t, "a bot in the client of somebody", c.allowBot(fieldBotName, "dice", fieldBotRights, botIsLocal, fieldBotHomepage, "https://dice.example"), "status='completed'")
	if b := c.allowed(); len(b) != 1 || !b[0].LocalClient || b[0].Role != roleNone {
		t.Errorf("%+v", b)
	}
	wantIn(t, "one that takes no part", c.allowBot(fieldBot, address(5), fieldBotName, "idle", fieldBotRights, botIsOutside), "status='completed'")
	wantIn(t, "does not enter", c.send(t, enter(5)), "<not-allowed", "takes no part")
	session, _ := c.begin(commandBotsOut)
	wantIn(t, "one that is not there", c.do(commandBotsOut, session, fill(fieldBots, "nobody")), "<bad-payload")
}

// A room has so many bots and no more.
func TestBotsAreBounded(t *testing.T) {
	b := newBench(t)
	d, err := roomdoc.Parse([]byte(`{"policy": {"open": true, "multi-device": true}, "user-affiliations": {"owner": ["user0@a.example"]}}`))
	if err != nil {
		t.Fatal(err)
	}
	for i := range MaxBots {
		d.Bots = append(d.Bots, roomdoc.Bot{Name: strings.Repeat("x", i+1), Rights: roomdoc.BotIsLocal})
	}
	b.made(t, d)
	c := &commander{b, t, "user0@a.example/x"}
	wantIn(t, "one more", c.allowBot(fieldBotName, "more", fieldBotRights, botIsLocal), "resource-constraint", "too many bots")
	wantIn(t, "in place of another", c.allowBot(fieldBotName, "x", fieldBotRights, botIsLocal, fieldBotText, "new"), "status='completed'")
	d.Bots = append(d.Bots, roomdoc.Bot{Name: "more", Rights: roomdoc.BotIsLocal})
	if _, err := roomdoc.Parse(d.Format()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("one more in a document: %v", err)
	}
}

// A room's document says its bots, and makes them: listed by name in a semi-anonymous room, with their roles.
func TestDocumentOfBots(t *testing.T) {
	b := newBench(t)
	d, err := roomdoc.Parse([]byte(`{"policy": {"open": true, "multi-device": true}, "user-affiliations": {"owner": ["user0@a.example"]}, "bots": [
		{"user": "user1@a.example", "name": "Weather", "description": "Tells the weather", "rights": "read-write", "private-messages": true, "per-user-content": true},
		{"user": "mimi://b.example/u/index", "name": "Index", "rights": "read", "private-messages": false, "per-user-content": false},
		{"name": "Dice", "homepage": "https://dice.example/", "rights": "local", "private-messages": false, "per-user-content": false}]}`))
	if err != nil {
		t.Fatal(err)
	}
	b.made(t, d)
	d.OwningSystem = []string{b.svc.systemName()}
	user1 := mimi.MustURI("mimi://a.example/u/user1")
	for range 2 {
		if r := b.document(t, RequestDocument, "a.example", nil); !bytes.Equal(r.Body, d.Format()) {
			t.Errorf("document\n%s\nwant\n%s", r.Body, d.Format())
		}
		s := b.room.hub.State()
		if s.RoleOf(user1) != roleBot || s.RoleOf(mimi.MustURI("mimi://b.example/u/index")) != roleBotReader || len(b.allowed()) != 3 {
			t.Errorf("roles %d, policy %+v", s.RoleOf(user1), b.allowed())
		}
		if err := b.restart(true); err != nil {
			t.Fatal(err)
		}
	}
	wantIn(t, "the bot enters", b.send(t, enter(1)), "title='Bot Weather'")
	for name, bot := range map[string]string{
		"a bot that is the owner":    `{"user": "user0@a.example", "name": "x", "rights": "read", "private-messages": false, "per-user-content": false}`,
		"rights that are none":       `{"user": "user1@a.example", "name": "x", "rights": "all", "private-messages": false, "per-user-content": false}`,
		"a reader that is no user":   `{"name": "x", "rights": "read", "private-messages": false, "per-user-content": false}`,
		"a user that is no user":     `{"user": "mimi://a.example/r/x", "name": "x", "rights": "read", "private-messages": false, "per-user-content": false}`,
		"a homepage that is a user":  `{"name": "x", "homepage": "mimi://a.example/u/user1", "rights": "local", "private-messages": false, "per-user-content": false}`,
		"the owner by another name":  `{"user": "mimi://a.example/u/user0", "name": "x", "rights": "read", "private-messages": false, "per-user-content": false}`,
		"a name with control bytes":  `{"user": "user1@a.example", "name": "\u0001", "rights": "read", "private-messages": false, "per-user-content": false}`,
		"two of them with one user":  `{"user": "user1@a.example", "name": "x", "rights": "read", "private-messages": false, "per-user-content": false}, {"user": "user1@a.example", "name": "y", "rights": "read", "private-messages": false, "per-user-content": false}`,
		"one that is local and user": `{"user": "user1@a.example", "name": "x", "rights": "local", "private-messages": false, "per-user-content": false}`,
	} {
		b := newBench(t)
		text := `{"user-affiliations": {"owner": ["user0@a.example"]}, "bots": [` + bot + `]}`
		if r := b.document(t, RequestCreate, "a.example", []byte(text)); r.Status != statusBadRequest || !strings.Contains(string(r.Body), "bots") || b.room.Exists() {
			t.Errorf("%s: %d %s", name, r.Status, r.Body)
		}
	}
}
