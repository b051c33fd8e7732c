package mucmap

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/content"
)

func plain(text string) content.Part {
	return content.Part{Disposition: content.Render, Cardinality: content.Single, ContentType: content.TypePlain, Content: []byte(text)}
}

func reactionPart(text string) content.Part {
	return content.Part{Disposition: content.Reaction, Cardinality: content.Single, ContentType: content.TypePlain, Content: []byte(text)}
}

func romeoSays(t *testing.T, b *bench, id, payload string) string {
	return b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='"+id+"'>"+payload+"</message>")
}

// What XMPP messages refer to reaches participants of other providers as relations of MIMI content, not as words (MAPPING §5).
func TestRelationsReachMIMI(t *testing.T) {
	b, bob := meet(t)
	first := found(stanzaID, romeoSays(t, b, "m1", "<body>Helo</body>"))[0]
	m1 := bob.last()
	for _, c := range []struct {
		why, id, payload string
		check            func(m received) bool
	}{
		{"a correction replaces (0308)", "m2", "<body>Hello</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>",
			func(m received) bool { return m.Replaces == m1.id }},
		{"a reply is in reply to (0461)", "m3", "<body>Indeed</body><reply xmlns='urn:xmpp:reply:0' id='" + first + "'/>",
			func(m received) bool { return m.InReplyTo == m1.id && m.Replaces.IsZero() }},
		{"a reaction (0444)", "m4", "<reactions xmlns='urn:xmpp:reactions:0' id='" + first + "'><reaction>👋</reaction></reactions>",
			func(m received) bool {
				return m.InReplyTo == m1.id && m.Replaces.IsZero() && m.Body.Disposition == content.Reaction && string(m.Body.Content) == "👋"
			}},
		{"another reaction replaces the first", "m5", "<reactions xmlns='urn:xmpp:reactions:0' id='" + first + "'><reaction>🐢</reaction></reactions>",
			func(m received) bool { return m.InReplyTo == m1.id && m.Replaces == bob.got[3].id }},
		{"none takes it back", "m6", "<reactions xmlns='urn:xmpp:reactions:0' id='" + first + "'/>",
			func(m received) bool {
				return m.Replaces == bob.got[3].id && m.Body.Cardinality == content.Null && m.Body.Disposition == content.Reaction
			}},
		{"a new one after that replaces nothing", "m7", "<reactions xmlns='urn:xmpp:reactions:0' id='" + first + "'><reaction>🐢</reaction></reactions>",
			func(m received) bool { return m.InReplyTo == m1.id && m.Replaces.IsZero() }},
		{"a correction of somebody else's message is none", "m8", "<body>He</body><replace xmlns='urn:xmpp:message-correct:0' id='nothing of romeos'/>",
			func(m received) bool { return m.Replaces.IsZero() }},
		{"a retraction is nothing in place of the message (0424)", "m9", "<retract xmlns='urn:xmpp:message-retract:1' id='" + first + "'/>",
			func(m received) bool { return m.Replaces == m1.id && m.Body.Cardinality == content.Null }},
	} {
		romeoSays(t, b, c.id, c.payload)
		if m := bob.last(); !c.check(m) {
			t.Errorf("%s: replaces %s, in reply to %s, %+v", c.why, m.Replaces, m.InReplyTo, m.Body)
		}
	}
}

// And the other way: content relations become the payloads that XMPP clients know, by the room's ids.
func TestRelationsReachXMPP(t *testing.T) {
	b, bob := meet(t)
	user := bob.client.ClientUser()
	submit := func(m *content.Message) (string, content.MessageID) {
		t.Helper()
		b.out.Reset()
		m.Salt, m.Sender, m.Room = saltOf(b.seed()), user.String(), b.room.uri.String()
		a, id := bob.submit(m, user)
		if a.Code != mimi.SubmitAccepted {
			t.Fatalf("refused: %+v", a)
		}
		return b.out.String(), id
	}
	romeos := found(stanzaID, romeoSays(t, b, "m1", "<body>Hello</body>"))[0]
	m1 := bob.last()
	out, own := submit(&content.Message{Body: plain("Helo")})
	bobs := found(stanzaID, out)[0]
	bobsOwn := strings.Split(strings.Split(out, room+"/Bob' id='")[1], "'")[0]

	out, _ = submit(&content.Message{Body: plain("Hello"), Replaces: own})
	wantIn(t, "correction", out, "<replace xmlns='urn:xmpp:message-correct:0' id='"+bobsOwn+"'/>", "<body>Hello</body>")
	out, _ = submit(&content.Message{Body: plain("You too"), InReplyTo: m1.id})
	wantIn(t, "reply", out, "<body>&gt; Romeo wrote:\n&gt; Hello\nYou too</body>", "<reply xmlns='urn:xmpp:reply:0' id='"+romeos+"' to='"+room+"/Romeo'/>",
		"<fallback xmlns='urn:xmpp:fallback:0' for='urn:xmpp:reply:0'><body start='0' end='23'/></fallback>")
	out, like := submit(&content.Message{Body: reactionPart("👋"), InReplyTo: m1.id})
	wantIn(t, "reaction", out, "<reactions xmlns='urn:xmpp:reactions:0' id='"+romeos+"'><reaction>👋</reaction></reactions>")
	out, _ = submit(&content.Message{Body: content.Part{}, Replaces: like})
	wantIn(t, "reaction taken back", out, "<reactions xmlns='urn:xmpp:reactions:0' id='"+romeos+"'/>")

	out, _ = submit(&content.Message{Body: plain("Romeo never said that"), Replaces: m1.id})
	if strings.Contains(out, "to romeo") {
		t.Errorf("a correction of somebody else's message is shown: %s", out)
	}
	out, _ = submit(&content.Message{Body: content.Part{}, Replaces: m1.id})
	if strings.Contains(out, "to romeo") {
		t.Errorf("a guest takes somebody else's message away: %s", out)
	}
	out, _ = submit(&content.Message{Body: content.Part{}, Replaces: own})
	wantIn(t, "retraction", out, "<retract xmlns='urn:xmpp:message-retract:1' id='"+bobs+"'/>")
	wantIn(t, "tombstone", b.mam(t, "", "ids="+bobs), "<retracted xmlns='urn:xmpp:message-retract:1'", "<stanza-id xmlns='urn:xmpp:sid:0' id='"+bobs+"'")
	if page := b.mam(t, "", "ids="+bobs); strings.Contains(page, "Helo") {
		t.Errorf("the archive still has the text: %s", page)
	}

	out, _ = submit(&content.Message{Body: plain("What was it?"), InReplyTo: own})
	wantIn(t, "reply to what was retracted", out, "<body>What was it?</body>", "<reply xmlns='urn:xmpp:reply:0' id='"+bobs+"'/>")

	// A moderator of another provider may.
	b.send(t, adminSet("<item nick='Bob' role='moderator'/>"))
	bob.catchUp()
	out, _ = submit(&content.Message{Body: content.Part{}, Replaces: m1.id})
	wantIn(t, "moderation", out, "<message from='"+room+"' id=", "<retract xmlns='urn:xmpp:message-retract:1' id='"+romeos+"'><moderated xmlns='urn:xmpp:message-moderate:1' by='"+room+"/Bob'>")
}

// XMPP clients get all reactions of a user to a message with each (XEP-0444 §3.2), where MIMI clients send each by itself, replace it and take it back
// (draft-ietf-mimi-content §5.2, §5.5): also after a restart. What a moderator took away is none of them.
func TestReactionsAreGathered(t *testing.T) {
	b, bob := meet(t)
	user := bob.client.ClientUser()
	romeos := found(stanzaID, romeoSays(t, b, "m1", "<body>Hello</body>"))[0]
	other := found(stanzaID, romeoSays(t, b, "m2", "<body>Hello again</body>"))[0]
	bob.catchUp()
	m1, m2 := bob.got[len(bob.got)-2].id, bob.got[len(bob.got)-1].id
	react := func(m *content.Message, want string) content.MessageID {
		t.Helper()
		b.out.Reset()
		m.Salt, m.Sender, m.Room = saltOf(b.seed()), user.String(), b.room.uri.String()
		a, id := bob.submit(m, user)
		if a.Code != mimi.SubmitAccepted {
			t.Fatalf("refused: %+v", a)
		}
		wantIn(t, "reactions "+want, b.out.String(), want)
		return id
	}
	reactions := func(id string, all ...string) string {
		if len(all) == 0 {
			return "<reactions xmlns='urn:xmpp:reactions:0' id='" + id + "'/>"
		}
		return "<reactions xmlns='urn:xmpp:reactions:0' id='" + id + "'><reaction>" + strings.Join(all, "</reaction><reaction>") + "</reaction></reactions>"
	}
	wave := react(&content.Message{Body: reactionPart("👋"), InReplyTo: m1}, reactions(romeos, "👋"))
	react(&content.Message{Body: reactionPart("🎉"), InReplyTo: m2}, reactions(other, "🎉"))
	turtle := react(&content.Message{Body: reactionPart("🐢"), InReplyTo: m1}, reactions(romeos, "👋", "🐢"))
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	both := content.Part{Disposition: content.Reaction, Cardinality: content.Multi, Semantics: content.ProcessAll, Parts: []content.Part{reactionPart("🐢"), reactionPart("💜")}}
	react(&content.Message{Body: both, InReplyTo: m1}, reactions(romeos, "👋", "🐢", "💜"))
	heart := react(&content.Message{Body: reactionPart("❤"), InReplyTo: m1, Replaces: wave}, reactions(romeos, "❤", "🐢", "💜"))
	react(&content.Message{Replaces: turtle}, reactions(romeos, "❤", "🐢", "💜"))
	react(&content.Message{Replaces: heart}, reactions(romeos, "🐢", "💜"))
	react(&content.Message{Body: reactionPart(strings.Repeat("x", content.MaxReaction+1)), InReplyTo: m1}, reactions(romeos, "🐢", "💜"))
	last := react(&content.Message{Body: reactionPart("👀"), InReplyTo: m1}, reactions(romeos, "🐢", "💜", "👀"))
	b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='mod'><moderate xmlns='urn:xmpp:message-moderate:1' id='"+b.room.pub.recordByMessage(last).ID+"'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>")
	react(&content.Message{Body: reactionPart("👍"), InReplyTo: m1}, reactions(romeos, "🐢", "💜", "👍"))
	for n := range content.MaxReactions {
		b.out.Reset()
		bob.submit(&content.Message{Salt: saltOf(b.seed()), Sender: user.String(), Room: b.room.uri.String(), Body: reactionPart(strconv.Itoa(n)), InReplyTo: m1}, user)
	}
	if n := strings.Count(b.out.String(), "<reaction>"); n != content.MaxReactions {
		t.Errorf("%d reactions", n)
	}
}

// What was retracted is not corrected: neither here, nor for others, nor by them.
func TestRetractedIsNotCorrected(t *testing.T) {
	b, bob := meet(t)
	user := bob.client.ClientUser()
	const correct = "<body>Hello</body><replace xmlns='urn:xmpp:message-correct:0' id='m1'/>"
	romeoSays(t, b, "m1", "<body>Helo</body>")
	wantIn(t, "before", romeoSays(t, b, "m2", correct), "to juliet@a.example/balcony", "<body>Hello</body>")
	romeoSays(t, b, "m3", "<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>")
	bob.catchUp()
	heard := len(bob.got)
	if out := romeoSays(t, b, "m4", correct); !strings.Contains(out, "<item-not-found") || strings.Contains(out, "to juliet") {
		t.Errorf("afterwards: %s", out)
	}
	if bob.catchUp(); len(bob.got) != heard {
		t.Error("bob gets it")
	}
	submit := func(m *content.Message) (string, content.MessageID) {
		b.out.Reset()
		m.Salt, m.Sender, m.Room = saltOf(b.seed()), user.String(), b.room.uri.String()
		_, id := bob.submit(m, user)
		return b.out.String(), id
	}
	_, own := submit(&content.Message{Body: plain("Helo")})
	submit(&content.Message{Replaces: own})
	if out, _ := submit(&content.Message{Body: plain("Hello"), Replaces: own}); strings.Contains(out, "to romeo") {
		t.Errorf("bob's: %s", out)
	}
}

// Converse.js retracts by the id that it gave the message, not by the room's: that is understood, of one's own messages.
func TestRetractionByOwnID(t *testing.T) {
	b, bob := meet(t)
	id := found(stanzaID, romeoSays(t, b, "m1", "<body>Helo</body>"))[0]
	m1 := bob.last()
	const retract = "<retract xmlns='urn:xmpp:message-retract:1' id='m1'/>"
	wantIn(t, "somebody else's", b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='r'>"+retract+"</message>"), "item-not-found")
	wantIn(t, "one's own", romeoSays(t, b, "m2", retract), "to juliet@a.example/balcony", retract)
	if m := bob.last(); m.Replaces != m1.id || m.Body.Cardinality != content.Null {
		t.Errorf("elsewhere: replaces %s, %+v", m.Replaces, m.Body)
	}
	wantIn(t, "tombstone", b.mam(t, "", "ids="+id), "<retracted xmlns='urn:xmpp:message-retract:1' id='m2'", "<stanza-id xmlns='urn:xmpp:sid:0' id='"+id+"'")
	wantIn(t, "again", romeoSays(t, b, "m3", retract), "item-not-found", "already")
}

// Whichever version of a message is retracted, by who sent it or by a moderator: all are gone, in archive and history, also those of before a restart, and
// nothing else is.
func TestRetractionTakesAllVersions(t *testing.T) {
	corrects := func(id string) string { return "<replace xmlns='urn:xmpp:message-correct:0' id='" + id + "'/>" }
	for _, by := range []string{"first", "last", "moderator"} {
		b, bob := meet(t)
		ids := map[string]string{}
		romeo := func(id, payload string) {
			ids[id] = found(stanzaID, romeoSays(t, b, id, payload))[0]
		}
		romeo("m1", "<body>secret one</body>")
		romeo("m2", "<body>secret two</body>"+corrects("m1"))
		if err := b.restart(true); err != nil {
			t.Fatal(err)
		}
		b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='m1'><body>juliet's own</body></message>"+
			"<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='j2'><body>juliet's correction</body>"+corrects("m1")+"</message>")
		romeo("m3", "<body>secret three</body>"+corrects("m1"))
		romeo("m4", "<body>another</body>")
		bob.catchUp()
		switch by {
		case "first":
			romeoSays(t, b, "r", "<retract xmlns='urn:xmpp:message-retract:1' id='"+ids["m1"]+"'/>")
		case "last":
			romeoSays(t, b, "r", "<retract xmlns='urn:xmpp:message-retract:1' id='"+ids["m3"]+"'/>")
		case "moderator":
			b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='mod'><moderate xmlns='urn:xmpp:message-moderate:1' id='"+ids["m2"]+
				"'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>")
		}
		seen := b.mam(t, "") + b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>")
		if strings.Contains(seen, "secret") || strings.Count(seen, "<retracted ") != 2*3 {
			t.Errorf("%s: %s", by, seen)
		}
		wantIn(t, by, seen, "juliet's own", "juliet's correction", "another")
		wantIn(t, by+": a correction then", romeoSays(t, b, "m5", "<body>secret four</body>"+corrects("m1")), "item-not-found")
	}
}

// A moderator's retraction reaches everybody, the archive, newcomers and other providers; others are refused (XEP-0425 §3, §5).
func TestModeration(t *testing.T) {
	b, bob := meet(t)
	ask := func(from, id, inner string) string {
		return b.send(t, "<iq from='"+from+"' to='"+room+"' type='set' id='mod'><moderate xmlns='urn:xmpp:message-moderate:1' id='"+id+"'>"+inner+"</moderate></iq>")
	}
	const retract = "<retract xmlns='urn:xmpp:message-retract:1'/><reason>Not here</reason>"
	id := found(stanzaID, romeoSays(t, b, "m1", "<body>potions</body>"))[0]
	m1 := bob.last()
	wantIn(t, "by a participant", ask("romeo@a.example/orchard", id, retract), "forbidden", "only moderators")
	wantIn(t, "by nobody", ask("tybalt@a.example/street", id, retract), "forbidden")
	wantIn(t, "something else", ask("juliet@a.example/balcony", id, "<praise xmlns='x'/>"), "feature-not-implemented")
	wantIn(t, "an unknown message", ask("juliet@a.example/balcony", "9-x", retract), "item-not-found")
	wantIn(t, "no message", ask("juliet@a.example/balcony", "", retract), "bad-request")
	wantIn(t, "a long reason", ask("juliet@a.example/balcony", id, retract[:strings.Index(retract, "<reason")]+"<reason>"+strings.Repeat("x", maxReason+1)+"</reason>"), "not-acceptable")
	out := ask("juliet@a.example/balcony", id, retract)
	wantIn(t, "by the owner", out, "to juliet@a.example/balcony, romeo@a.example/orchard", "<message from='"+room+"' id=", "<retract xmlns='urn:xmpp:message-retract:1' id='"+id+"'>",
		"by='"+room+"/Juliet'", "occupant-id", "<reason>Not here</reason>", "id='mod' type='result'")
	if m := bob.last(); m.Replaces != m1.id || m.Body.Cardinality != content.Null {
		t.Errorf("bob got %+v", m.Message)
	}
	wantIn(t, "again", ask("juliet@a.example/balcony", id, retract), "item-not-found", "already")
	page := b.mam(t, "", "ids="+id)
	wantIn(t, "tombstone", page, "<retracted xmlns='urn:xmpp:message-retract:1' id=", "<moderated", "Not here", "from='"+room+"/Romeo'")
	join := b.send(t, "<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>")
	wantIn(t, "history", join, "<retracted")
	if strings.Contains(page+join, "potions") {
		t.Error("the text is still there")
	}
	// After a restart the archive says the same, and the message stays retracted.
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "after a restart", ask("juliet@a.example/balcony", id, retract), "item-not-found", "already")
}

// What the room does not remember any more is looked up in the archive (XEP-0424, XEP-0425); the map is bounded.
func TestOldMessagesAreRetracted(t *testing.T) {
	b, bob := meet(t)
	b.check = false
	old := found(stanzaID, romeoSays(t, b, "old", "<body>old words</body>"))[0]
	m1 := bob.last()
	for i := range 2*MaxRecords + 1 {
		b.room.pub.keep(record{ID: fmt.Sprint("x", i)})
	}
	if n := len(b.room.pub.records); n > 2*MaxRecords || b.room.pub.recordBy(func(m *record) bool { return m.ID == old }) != nil {
		t.Fatalf("%d records", n)
	}
	wantIn(t, "somebody else's", b.send(t, "<message from='juliet@a.example/balcony' to='"+room+"' type='groupchat' id='r'><retract xmlns='urn:xmpp:message-retract:1' id='"+old+"'/></message>"), "forbidden")
	wantIn(t, "unknown", romeoSays(t, b, "r", "<retract xmlns='urn:xmpp:message-retract:1' id='1-x'/>"), "item-not-found")
	wantIn(t, "one's own", romeoSays(t, b, "r1", "<retract xmlns='urn:xmpp:message-retract:1' id='"+old+"'/><body>/me retracted a message</body>"), "to juliet@a.example/balcony, romeo@a.example/orchard", "<retract")
	if m := bob.last(); m.Replaces != m1.id {
		t.Errorf("bob got %+v", m.Message)
	}
	page := b.mam(t, "", "ids="+old)
	wantIn(t, "tombstone", page, "<retracted xmlns='urn:xmpp:message-retract:1' id='r1'")
	wantIn(t, "again", romeoSays(t, b, "r2", "<retract xmlns='urn:xmpp:message-retract:1' id='"+old+"'/>"), "item-not-found")
}
