package mucmap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/xmpp"
)

func tick(t *testing.T, b *bench, d time.Duration) string {
	t.Helper()
	b.now = b.now.Add(d)
	b.out.Reset()
	if err := b.step(Timer{}); err != nil {
		t.Fatal(err)
	}
	return b.out.String()
}

// The room's messages disappear after the time that it is configured for, sooner if they say so (XEP-0466), also after a restart: retracted by the room,
// gone from history and archive. The group's policy says the time, and so does every message to participants of other providers.
func TestMessagesExpire(t *testing.T) {
	b, bob := meet(t)
	set := func(n string) string {
		return b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='f'><query xmlns='http://jabber.org/protocol/muc#owner'>"+fill(fieldExpiry, n)+"</query></iq>")
	}
	say := func(text, more string) string {
		return b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='m'><body>"+text+"</body>"+more+"</message>")
	}
	if out := say("stays", ""); strings.Contains(out, nsEphemeral) {
		t.Errorf("a message without end:\n%s", out)
	}
	wantIn(t, "configuration", set("600"), "type='result'")
	p, _ := b.room.hub.State().Expiration()
	if p.Expiring != mimi.Required || p.Max != 600 || p.Default != mimi.AtMost(600) {
		t.Errorf("the group says %+v", p)
	}
	wantIn(t, "the room's time", say("late", ""), "<ephemeral xmlns='"+nsEphemeral+"' timer='600'/>")
	wantIn(t, "its own time", say("soon", "<ephemeral xmlns='"+nsEphemeral+"' timer='60'/>"), "timer='60'")
	wantIn(t, "longer than the room allows", say("longer", "<ephemeral xmlns='"+nsEphemeral+"' timer='6000'/>"), "timer='600'")
	bob.catchUp()
	if m := bob.got[len(bob.got)-2]; m.Expires == nil || m.Expires.Relative || int64(m.Expires.Seconds) != b.now.Add(60*time.Second).Unix() {
		t.Errorf("bob is told %+v", m.Expires)
	}
	body, err := plainWithEnd(bob, "from bob", 120)
	if err != nil {
		t.Fatal(err)
	}
	b.out.Reset()
	bob.submit(body, bob.client.ClientUser())
	wantIn(t, "bob's", b.out.String(), "from bob", "timer='120'")
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if out := tick(t, b, 59*time.Second); strings.Contains(out, "retract") {
		t.Errorf("too early:\n%s", out)
	}
	out := tick(t, b, 2*time.Second)
	wantIn(t, "soon is over", out, "<retract xmlns='"+nsRetract+"'", "<moderated xmlns='"+nsModerate+"' by='"+room+"'", "<reason", expiredText)
	if n := strings.Count(out, "<retract "); n != 1 {
		t.Errorf("%d are retracted", n)
	}
	archive := fmt.Sprintf("%s", b.disk.archive)
	if strings.Contains(archive, ">soon<") || !strings.Contains(archive, ">late<") {
		t.Errorf("the archive holds\n%s", archive)
	}
	if strings.Count(tick(t, b, 10*time.Minute), "<retract ") != 3 {
		t.Error("the others stay")
	}
	if got := historyOf(b.send(t, "<presence from='nurse@a.example/x' to='"+room+"/Nurse'>"+joinX+"</presence>"), "stays", "soon", "late", "longer", "from bob"); strings.Join(got, " ") != "stays" {
		t.Errorf("a newcomer gets %q", got)
	}
	if len(b.room.pub.Expiring) != 0 {
		t.Errorf("awaited: %+v", b.room.pub.Expiring)
	}
	wantIn(t, "no more", set("0"), "type='result'")
	wantIn(t, "by itself alone", say("alone", "<ephemeral xmlns='"+nsEphemeral+"' timer='5'/>"), "timer='5'")
	if out := say("for ever", "<ephemeral xmlns='"+nsEphemeral+"' timer='soon'/>"); strings.Contains(out, nsEphemeral) {
		t.Errorf("a timer that is none is passed on:\n%s", out)
	}
	wantIn(t, "too long", set("99999999"), "not-acceptable")
}

// A correction does not outlive what it corrects, whoever makes it, and may end sooner.
func TestCorrectionsExpire(t *testing.T) {
	b, bob := meet(t)
	say := func(id, more string) string {
		return romeoSays(t, b, id, "<body>text</body>"+more)
	}
	const timer60, corrects = "<ephemeral xmlns='" + nsEphemeral + "' timer='60'/>", "<replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"
	say("m1", timer60)
	tick(t, b, 20*time.Second)
	wantIn(t, "a correction without end", say("m2", corrects), "timer='40'")
	if m := bob.last(); m.Expires == nil || int64(m.Expires.Seconds) != b.now.Add(40*time.Second).Unix() {
		t.Errorf("bob is told %+v", m.Expires)
	}
	wantIn(t, "with a later one", say("m3", corrects+timer60), "timer='40'")
	wantIn(t, "with a sooner one", say("m4", corrects+"<ephemeral xmlns='"+nsEphemeral+"' timer='5'/>"), "timer='5'")
	submit := func(m *content.Message) (string, content.MessageID) {
		b.out.Reset()
		_, id := bob.submit(m, bob.client.ClientUser())
		return b.out.String(), id
	}
	m, err := plainWithEnd(bob, "from bob", 30)
	if err != nil {
		t.Fatal(err)
	}
	_, own := submit(m)
	again := *m
	again.Salt, again.Expires, again.Replaces = saltOf(b.seed()), nil, own
	out, _ := submit(&again)
	wantIn(t, "bob's correction", out, "timer='30'")
	if n := strings.Count(tick(t, b, time.Minute), "<retract "); n != 6 || len(b.room.pub.Expiring) != 0 {
		t.Errorf("%d end, %d stay", n, len(b.room.pub.Expiring))
	}
}

// What claims to end more than a year from now or ago is not shown (draft-ietf-mimi-content, Security Considerations); a longer timer of an XMPP user becomes a year.
func TestAbsurdEnds(t *testing.T) {
	b, bob := meet(t)
	year := uint32((366 * 24 * time.Hour).Seconds())
	now := uint32(b.now.Unix())
	for _, tt := range []struct {
		name    string
		expires content.Expiration
		shown   string
	}{
		{"a year", content.Expiration{Relative: true, Seconds: year}, "timer='31536000'"},
		{"more", content.Expiration{Relative: true, Seconds: year + 1}, ""},
		{"a year from now", content.Expiration{Seconds: now + year}, "timer='31536000'"},
		{"later", content.Expiration{Seconds: now + year + 1}, ""},
		{"over", content.Expiration{Seconds: now - year + 1}, "timer='1'"},
		{"long over", content.Expiration{Seconds: now - year - 1}, ""},
		{"the beginning", content.Expiration{}, ""},
	} {
		m, err := plainWithEnd(bob, tt.name, 0)
		if err != nil {
			t.Fatal(err)
		}
		m.Expires = &tt.expires
		b.out.Reset()
		if a, _ := bob.submit(m, bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
			t.Fatalf("%s: %+v", tt.name, a)
		}
		if out := b.out.String(); tt.shown == "" && strings.Contains(out, "<message") || !strings.Contains(out, tt.shown) {
			t.Errorf("%s: %s", tt.name, out)
		}
	}
	wantIn(t, "romeo's", romeoSays(t, b, "m1", "<body>x</body><ephemeral xmlns='"+nsEphemeral+"' timer='99999999'/>"), "timer='31536000'")
}

func plainWithEnd(r *remote, text string, seconds uint32) (*content.Message, error) {
	m := &content.Message{Salt: saltOf(r.b.seed()), Sender: r.client.ClientUser().String(), Room: r.b.room.uri.String(), Expires: &content.Expiration{Relative: true, Seconds: seconds},
		Body: content.Part{Disposition: content.Render, Cardinality: content.Single, ContentType: content.TypePlain, Content: []byte(text)}}
	_, err := m.Encode()
	return m, err
}

// A room awaits the end of so many messages; beyond it the next one to end does so at once. What was retracted is not awaited any more.
func TestExpiringIsBounded(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0))
	for i := range MaxExpiring {
		b.room.pub.awaitEnd(b.now.Add(time.Hour+time.Duration(i%7)*time.Minute), record{ID: fmt.Sprintf("%x-x", i)})
	}
	for i := range b.room.pub.Expiring[1:] {
		if b.room.pub.Expiring[i+1].At.Before(b.room.pub.Expiring[i].At) {
			t.Fatal("not in order")
		}
	}
	out := b.send(t, "<message from='user0@a.example/x' to='"+room+"' type='groupchat' id='m'><body>one more</body><ephemeral xmlns='"+nsEphemeral+"' timer='86400'/></message>")
	if n := strings.Count(out, "<retract "); n != 1 || len(b.room.pub.Expiring) != MaxExpiring {
		t.Errorf("%d end at once, %d are awaited", n, len(b.room.pub.Expiring))
	}
	id := b.room.pub.Expiring[5].Record.ID
	b.room.pub.buried(id)
	if len(b.room.pub.Expiring) != MaxExpiring-1 {
		t.Error("a buried message is awaited")
	}
}

// What policies of other owners come to.
func TestLifetime(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0))
	set := func(p *mimi.MessageExpiration) {
		t.Helper()
		u := b.room.pub.behind(b.listed("user0"))
		b.room.queue = append(b.room.queue, &wish{what: "policy", done: func(*turn) {}, refuse: func(_ *turn, e *xmpp.StanzaError) { t.Error(e) },
			plan: func(d *delta) *xmpp.StanzaError {
				d.signer = u
				d.replace(mimi.ComponentMessageExpiration, p)
				return nil
			}})
		tick(t, b, time.Second)
	}
	set(&mimi.MessageExpiration{Expiring: mimi.Forbidden})
	if d := b.room.lifetime(time.Minute); d != 0 {
		t.Errorf("where it is forbidden: %s", d)
	}
	set(&mimi.MessageExpiration{Min: 120, Max: 3600})
	for wanted, want := range map[time.Duration]time.Duration{0: 0, time.Minute: 2 * time.Minute, time.Hour / 2: time.Hour / 2, 2 * time.Hour: time.Hour} {
		if d := b.room.lifetime(wanted); d != want {
			t.Errorf("optional: %s becomes %s", wanted, d)
		}
	}
	set(&mimi.MessageExpiration{Expiring: mimi.Required, Min: 120, Max: 3600})
	if d := b.room.lifetime(0); d != time.Hour {
		t.Errorf("required without default: %s", d)
	}
	if end := b.room.ends(&content.Expiration{Seconds: uint32(b.now.Add(-time.Hour).Unix())}, b.now); !end.After(b.now) {
		t.Errorf("what is over already ends at %s", end)
	}
}
