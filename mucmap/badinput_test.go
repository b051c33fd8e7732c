package mucmap

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/internal/conform"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// badScene is a room with an owner, an admin and a guest who are present, and somebody banned.
func badScene(t *testing.T) *bench {
	b := newBench(t)
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>"+
		"<presence from='nurse@a.example/hall' to='"+room+"/Nurse'>"+joinX+"</presence>"+
		"<presence from='romeo@a.example/orchard' to='"+room+"/Romeo'>"+joinX+"</presence>"+
		adminSet("<item jid='nurse@a.example' affiliation='admin'/><item jid='tybalt@a.example' affiliation='outcast'/>")+
		"<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='m'><body>hello</body></message>")
	return b
}

// refused gives the room one stanza and wants one error of this condition for its sender, under its id, and nothing else; and the
// state as it was.
func (b *bench) refused(t *testing.T, why string, st *xmpp.Stanza, want xmpp.Condition) (unchanged bool) {
	t.Helper()
	b.now = b.now.Add(time.Minute)
	before, seq := b.room.pub.encode(), b.room.Seq()
	var sent []xmpp.Broadcast
	b.seen = func(bs []xmpp.Broadcast) { sent = append(sent, bs...) }
	err := b.step(StanzaIn{st})
	b.seen = nil
	if err != nil {
		t.Errorf("%s: %v", why, err)
		return false
	}
	if b.room.Seq() != seq || !bytes.Equal(before, b.room.pub.encode()) {
		t.Errorf("%s: the room changed", why)
		return false
	}
	if want == "" {
		if len(sent) > 0 {
			t.Errorf("%s: answered by %s", why, line(sent[0]))
		}
		return true
	}
	if len(sent) != 1 {
		t.Errorf("%s: %d stanzas leave, not one error %s", why, len(sent), want)
		for _, s := range sent {
			t.Log(line(s))
		}
		return true
	}
	answer := sent[0].Template.Stanza()
	e := answer.Err()
	switch {
	case len(sent[0].To) != 1 || sent[0].To[0] != st.From || answer.ID != st.ID || answer.Kind != st.Kind:
		t.Errorf("%s: the error is not for the sender: %s", why, line(sent[0]))
	case e == nil || e.Condition != want:
		t.Errorf("%s: not %s but %s", why, want, line(sent[0]))
	case e.Text == "":
		t.Errorf("%s: the error says nothing: %s", why, line(sent[0]))
	}
	return true
}

// Whatever is malformed is answered by one error of the condition that XEP-0045 or RFC 6120 names, and changes nothing; of a list with
// one bad item nothing is done.
func TestBadInput(t *testing.T) {
	conform.Holds(t, "0045-9.2-6", "0045-9.2-7", "0045-17.4-3", "0045-7.10-8", "0045-10.1.3-3")
	const (
		owner = "juliet@a.example/balcony"
		guest = "romeo@a.example/orchard"
		stray = "paris@a.example/street"
	)
	iq := func(from, typ, payload string) string {
		return "<iq from='" + from + "' to='" + room + "' type='" + typ + "' id='q'>" + payload + "</iq>"
	}
	admin := func(items string) string {
		return iq(owner, "set", "<query xmlns='"+muc.NSAdmin+"'>"+items+"</query>")
	}
	own := func(inner string) string {
		return iq(owner, "set", "<query xmlns='"+muc.NSOwner+"'>"+inner+"</query>")
	}
	config := func(field, value string) string {
		return own(formOf(muc.FormRoomConfig, "muc#roomconfig_"+field, value))
	}
	enter := func(history string) string {
		return "<presence from='" + stray + "' to='" + room + "/Paris' id='q'><x xmlns='" + muc.NS + "'><history " + history + "/></x></presence>"
	}
	message := func(from, to, typ, inner string) string {
		return "<message from='" + from + "' to='" + room + to + "' type='" + typ + "' id='q'>" + inner + "</message>"
	}
	user := func(inner string) string {
		return message(guest, "", "normal", "<x xmlns='"+muc.NSUser+"'>"+inner+"</x>")
	}
	mam := func(inner string) string { return iq(guest, "set", "<query xmlns='"+muc.NSMAM+"'>"+inner+"</query>") }
	items := func(set string) string {
		return iq(guest, "get", "<query xmlns='"+muc.NSDiscoItems+"'><set xmlns='"+muc.NSRSM+"'>"+set+"</set></query>")
	}
	register := func(inner string) string {
		return iq(guest, "set", "<query xmlns='"+muc.NSRegister+"'>"+inner+"</query>")
	}
	const good = "<item jid='paris@a.example' affiliation='member'/>"

	b := badScene(t)
	for _, tt := range []struct {
		why, stanza string
		want        xmpp.Condition
	}{
		{"a list of changes without one", admin(""), xmpp.BadRequest},
		{"an item that says nothing", admin("<item/>"), xmpp.BadRequest},
		{"an item of nobody", admin("<item affiliation='member'/>"), xmpp.BadRequest},
		{"an item of no change", admin("<item jid='paris@a.example'/>"), xmpp.BadRequest},
		{"an unknown affiliation", admin("<item jid='paris@a.example' affiliation='king'/>"), xmpp.BadRequest},
		{"an affiliation in capitals", admin("<item jid='paris@a.example' affiliation='Member'/>"), xmpp.BadRequest},
		{"an unknown role", admin("<item nick='Romeo' role='king'/>"), xmpp.BadRequest},
		{"role and affiliation at once", admin("<item nick='Romeo' role='visitor' affiliation='member'/>"), xmpp.BadRequest},
		{"an item of another namespace", admin("<item xmlns='urn:example:x' jid='paris@a.example' affiliation='member'/>"), xmpp.BadRequest},
		{"a malformed address", admin("<item jid='@' affiliation='member'/>"), xmpp.JIDMalformed},
		{"an address of this service that stands for nobody", admin("<item jid='nobody@rooms.a.example' affiliation='member'/>"), xmpp.JIDMalformed},
		{"the room itself", admin("<item jid='" + room + "' affiliation='member'/>"), xmpp.JIDMalformed},
		{"an occupant's address", admin("<item jid='" + room + "/Romeo' affiliation='member'/>"), xmpp.JIDMalformed},
		{"a nick that nobody has", admin("<item nick='Nobody' role='none'/>"), xmpp.ItemNotFound},
		{"a role of somebody absent", admin("<item jid='paris@a.example' role='visitor'/>"), xmpp.ItemNotFound},
		{"a user twice", admin(good + "<item jid='paris@a.example/x' affiliation='admin'/>"), xmpp.BadRequest},
		{"more users than one request may change", admin(strings.Repeat(good, MaxItems+1)), xmpp.PolicyViolation},
		{"a good item and an unknown affiliation", admin(good + "<item jid='friar@a.example' affiliation='king'/>"), xmpp.BadRequest},
		{"a good item and nobody", admin(good + "<item nick='Nobody' role='none'/>"), xmpp.ItemNotFound},
		{"a good item and a malformed address", admin(good + "<item jid='@' affiliation='member'/>"), xmpp.JIDMalformed},
		{"a good item and a ban of oneself", admin(good + "<item jid='juliet@a.example' affiliation='outcast'/>"), xmpp.Conflict},
		{"a good item and the last owner gone", admin(good + "<item jid='juliet@a.example' affiliation='none'/>"), xmpp.Conflict},
		{"a good item and a mute owner", admin(good + "<item nick='Juliet' role='visitor'/>"), xmpp.NotAllowed},
		{"a list without a name", iq(owner, "get", "<query xmlns='"+muc.NSAdmin+"'><item/></query>"), xmpp.BadRequest},
		{"no list", iq(owner, "get", "<query xmlns='"+muc.NSAdmin+"'/>"), xmpp.BadRequest},
		{"two lists", iq(owner, "get", "<query xmlns='"+muc.NSAdmin+"'><item affiliation='owner'/><item affiliation='admin'/></query>"), xmpp.BadRequest},
		{"an unknown list", iq(owner, "get", "<query xmlns='"+muc.NSAdmin+"'><item affiliation='king'/></query>"), xmpp.BadRequest},

		{"two queries in one request", iq(owner, "set", "<query xmlns='"+muc.NSAdmin+"'>"+good+"</query><query xmlns='"+muc.NSAdmin+"'>"+good+"</query>"), xmpp.BadRequest},
		{"something before the query", iq(owner, "set", "<x xmlns='urn:example:x'/><query xmlns='"+muc.NSAdmin+"'>"+good+"</query>"), xmpp.BadRequest},
		{"a request of nothing", iq(owner, "set", ""), xmpp.BadRequest},
		{"a namespace that is not ours", iq(owner, "set", "<query xmlns='"+muc.NSAdmin+"s'>"+good+"</query>"), xmpp.ServiceUnavailable},
		{"a ping of another namespace", iq(guest, "get", "<ping xmlns='urn:xmpp:ping:2'/>"), xmpp.ServiceUnavailable},
		{"a ping that sets", iq(guest, "set", "<ping xmlns='urn:xmpp:ping'/>"), xmpp.ServiceUnavailable},
		{"an unknown node", iq(guest, "get", "<query xmlns='"+muc.NSDiscoInfo+"' node='urn:example:x'/>"), xmpp.ItemNotFound},
		{"an error that nobody asked for", iq(guest, "error", "<error type='cancel'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>"), ""},
		{"a result that nobody asked for", iq(guest, "result", ""), ""},

		{"a configuration of nothing", own(""), xmpp.BadRequest},
		{"a form that is no answer", own("<x xmlns='jabber:x:data' type='form'/>"), xmpp.BadRequest},
		{"a form without type", own("<x xmlns='jabber:x:data'/>"), xmpp.BadRequest},
		{"a form of an unknown type", own("<x xmlns='jabber:x:data' type='offer'/>"), xmpp.BadRequest},
		{"a form of something else", own(formOf(muc.FormRegister, "muc#roomconfig_membersonly", "1")), xmpp.BadRequest},
		{"two forms", own("<x xmlns='jabber:x:data' type='submit'/><x xmlns='jabber:x:data' type='cancel'/>"), xmpp.BadRequest},
		{"a form and the end of the room", own("<x xmlns='jabber:x:data' type='submit'/><destroy/>"), xmpp.BadRequest},
		{"a venue that is no address", own("<destroy jid='@'/>"), xmpp.JIDMalformed},
		{"neither yes nor no", config("membersonly", "perhaps"), xmpp.NotAcceptable},
		{"an unknown choice", config("whois", "none"), xmpp.NotAcceptable},
		{"a negative number", config("maxusers", "-1"), xmpp.NotAcceptable},
		{"a number beyond all bounds", config("maxusers", "99999999999999999999"), xmpp.NotAcceptable},
		{"a name beyond all bounds", config("roomname", strings.Repeat("x", maxName+1)), xmpp.NotAcceptable},
		{"a role that is none", config("getmemberlist", "king"), xmpp.NotAcceptable},
		{"an admin that is no address", config("roomadmins", "@"), xmpp.JIDMalformed},
		{"protection without a password", config("passwordprotectedroom", "1"), xmpp.NotAcceptable},
		{"history of a negative length", own(formOf(muc.FormRoomConfig, "muc#maxhistoryfetch", "-5")), xmpp.NotAcceptable},

		{"a negative number of messages", enter("maxstanzas='-1'"), xmpp.BadRequest},
		{"a number of characters that is none", enter("maxchars='many'"), xmpp.BadRequest},
		{"a time that is none", enter("since='yesterday'"), xmpp.BadRequest},
		{"no nick", "<presence from='" + stray + "' to='" + room + "' id='q'>" + joinX + "</presence>", xmpp.JIDMalformed},
		{"a device without resource", "<presence from='paris@a.example' to='" + room + "/Paris' id='q'>" + joinX + "</presence>", xmpp.JIDMalformed},
		{"a service as user", "<presence from='a.example/x' to='" + room + "/Paris' id='q'>" + joinX + "</presence>", xmpp.JIDMalformed},
		{"a presence of no known type", "<presence from='" + stray + "' to='" + room + "/Paris' id='q' type='here'>" + joinX + "</presence>", ""},
		{"an error presence from outside", "<presence from='" + stray + "' to='" + room + "/Paris' id='q' type='error'/>", ""},

		{"a private message for all", message(guest, "/Juliet", "groupchat", "<body>x</body>"), xmpp.BadRequest},
		{"a headline", message(guest, "", "headline", "<body>x</body>"), xmpp.BadRequest},
		{"a message that is for nobody", message(guest, "", "chat", "<body>x</body>"), xmpp.BadRequest},
		{"a message from outside", message(stray, "", "groupchat", "<body>x</body>"), xmpp.NotAcceptable},
		{"a message of somebody banned", message("tybalt@a.example/x", "", "groupchat", "<body>x</body>"), xmpp.NotAcceptable},
		{"an error of a message", message(stray, "", "error", "<body>x</body>"), ""},
		{"an invitation of nobody", user("<invite/>"), xmpp.BadRequest},
		{"an invitation of no address", user("<invite to='@'/>"), xmpp.JIDMalformed},
		{"an invitation to oneself, the room", user("<invite to='" + room + "'/>"), xmpp.ItemNotFound},
		{"more invitations than one message may have", user(strings.Repeat("<invite to='paris@a.example'/>", MaxInvites+1)), xmpp.PolicyViolation},
		{"a good invitation and a bad one", user("<invite to='paris@a.example'/><invite to='rooms.a.example'/>"), xmpp.ItemNotFound},
		{"a refusal for nobody", user("<decline/>"), xmpp.ItemNotFound},
		{"a form that nobody asked for", message(guest, "", "normal", formOf("urn:example:form", "a", "b")), xmpp.BadRequest},
		{"a request to be moderator", message(guest, "", "normal", formOf(muc.FormRequest, muc.RequestRole, "moderator")), xmpp.BadRequest},
		{"a request for voice of somebody with voice", message(guest, "", "normal", formOf(muc.FormRequest, muc.RequestRole, "participant")), xmpp.NotAcceptable},
		{"an answer of a guest", message(guest, "", "normal", formOf(muc.FormRequest, muc.RequestRole, "participant", muc.RequestRoomNick, "Romeo", muc.RequestAllow, "1")), xmpp.Forbidden},
		{"an answer that is neither yes nor no", message(owner, "", "normal", formOf(muc.FormRequest, muc.RequestRoomNick, "Romeo", muc.RequestAllow, "well")), xmpp.NotAcceptable},

		{"a registration without form", register(""), xmpp.BadRequest},
		{"a registration by another form", register(formOf("urn:example:form", muc.RegisterRoomNick, "Romeo")), xmpp.BadRequest},
		{"a registration without nick", register(formOf(muc.FormRegister)), xmpp.NotAcceptable},
		{"the end of no registration", register("<remove/>"), xmpp.RegistrationRequired},

		{"a page of a negative size", items("<max>-1</max>"), xmpp.BadRequest},
		{"a page of a size that is none", items("<max>all</max>"), xmpp.BadRequest},
		{"a page at a negative place", items("<index>-1</index>"), xmpp.BadRequest},
		{"a page after nothing known", items("<after>x</after>"), xmpp.ItemNotFound},
		{"a page of the archive of a negative size", mam("<set xmlns='" + muc.NSRSM + "'><max>-1</max></set>"), xmpp.BadRequest},
		{"a page of the archive after nothing known", mam("<set xmlns='" + muc.NSRSM + "'><after>x</after></set>"), xmpp.ItemNotFound},
		{"a filter that nobody knows", mam(formOf(muc.NSMAM, "colour", "red")), xmpp.FeatureNotImplemented},
		{"a time of the archive that is none", mam(formOf(muc.NSMAM, "start", "yesterday")), xmpp.BadRequest},
	} {
		all, err := stanzas(tt.stanza)
		if err != nil {
			t.Fatalf("%s: %v", tt.why, err)
		}
		if !b.refused(t, tt.why, all[0], tt.want) {
			b = badScene(t)
		}
	}
}

// What has no sender, is for no room here, or cannot be answered, is not answered, and changes nothing.
func TestStanzasThatAreNotAnswered(t *testing.T) {
	b := badScene(t)
	juliet, ping := xmpp.MustParseJID("juliet@a.example/balcony"), xmpp.NewElement(muc.NSPing, "ping")
	for why, st := range map[string]*xmpp.Stanza{
		"no addressee":         {Kind: xmpp.IQ, Type: xmpp.TypeGet, ID: "q", From: juliet, Payload: []*xmpp.Element{ping}},
		"no sender":            {Kind: xmpp.IQ, Type: xmpp.TypeGet, ID: "q", To: xmpp.MustParseJID(room), Payload: []*xmpp.Element{ping}},
		"another room":         {Kind: xmpp.IQ, Type: xmpp.TypeGet, ID: "q", From: juliet, To: xmpp.MustParseJID("tomb@rooms.a.example"), Payload: []*xmpp.Element{ping}},
		"a request without id": {Kind: xmpp.IQ, Type: xmpp.TypeGet, From: juliet, To: xmpp.MustParseJID(room), Payload: []*xmpp.Element{ping}},
	} {
		b.refused(t, why, st, "")
	}
}

// What only the room may say is taken out of a message, wherever it stands and however often; what is forwarded inside is content.
func TestClaimsAreTakenOut(t *testing.T) {
	conform.Holds(t, "0045-17.3-6", "0045-17.2-4")
	b := badScene(t)
	forwarded := "<forwarded xmlns='urn:xmpp:forward:0'><delay xmlns='urn:xmpp:delay' stamp='2001-01-01T00:00:00Z'/><message xmlns='jabber:client' from='" + room +
		"/Juliet'><body>I said it</body><stanza-id xmlns='urn:xmpp:sid:0' by='" + room + "' id='1'/><occupant-id xmlns='urn:xmpp:occupant-id:0' id='x'/>" +
		"<forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'><body>deeper</body></message></forwarded></message></forwarded>"
	claims := "<delay xmlns='urn:xmpp:delay' from='" + room + "' stamp='2001-01-01T00:00:00Z'/><stanza-id xmlns='urn:xmpp:sid:0' by='" + room + "' id='forged'/>" +
		"<occupant-id xmlns='urn:xmpp:occupant-id:0' id='forged'/><x xmlns='" + muc.NSUser + "'><item affiliation='owner' role='moderator'/><status code='301'/></x>"
	for _, to := range []struct{ to, typ string }{{"", "groupchat"}, {"/Juliet", "chat"}} {
		var sent []xmpp.Broadcast
		b.seen = func(bs []xmpp.Broadcast) { sent = append(sent, bs...) }
		b.send(t, "<message from='romeo@a.example/orchard' to='"+room+to.to+"' type='"+to.typ+"' id='f'>"+claims+"<body>x</body>"+forwarded+claims+"</message>")
		b.seen = nil
		if len(sent) != 1 {
			t.Fatalf("%s: %d stanzas", to.typ, len(sent))
		}
		st := sent[0].Template.Stanza()
		if st.From.String() != room+"/Romeo" {
			t.Errorf("%s: from %s", to.typ, st.From)
		}
		count := map[string]int{}
		for _, e := range st.Payload {
			count[e.Name.Local]++
			if strings.Contains(e.String(), "forged") || e.Is(muc.NSUser, "x") && e.FirstElement() != nil {
				t.Errorf("%s: a claim was passed on: %s", to.typ, e.String())
			}
		}
		want := map[string]int{"body": 1, "forwarded": 1, "occupant-id": 1, "stanza-id": 1}
		if to.typ == "chat" {
			want = map[string]int{"body": 1, "forwarded": 1, "occupant-id": 1, "x": 1}
		}
		if fmt.Sprint(count) != fmt.Sprint(want) {
			t.Errorf("%s: payload %v, want %v", to.typ, count, want)
		}
		original, err := xmpp.ParseElement([]byte(forwarded))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range st.Payload {
			if e.Name.Local == "forwarded" && !e.Equal(original) {
				t.Errorf("%s: what was forwarded is changed: %s", to.typ, e.String())
			}
		}
	}
}

// Numbers beyond all bounds mean as much as there is, and cost no more.
func TestHugeNumbers(t *testing.T) {
	const huge = "99999999999999999999"
	for why, tt := range map[string]struct{ stanza, want string }{
		"history": {"<presence from='paris@a.example/x' to='" + room + "/Paris'><x xmlns='" + muc.NS + "'><history maxstanzas='" + huge + "' maxchars='" + huge + "' seconds='" + huge + "'/></x></presence>",
			"<body>hello</body>"},
		"items": {"<iq from='romeo@a.example/orchard' to='" + room + "' type='get' id='q'><query xmlns='" + muc.NSDiscoItems + "'><set xmlns='" + muc.NSRSM + "'><max>" + huge + "</max></set></query></iq>",
			"<count>3</count>"},
		"index": {"<iq from='romeo@a.example/orchard' to='" + room + "' type='get' id='q'><query xmlns='" + muc.NSDiscoItems + "'><set xmlns='" + muc.NSRSM + "'><index>" + huge + "</index></set></query></iq>",
			"type='result'"},
		"archive": {"<iq from='romeo@a.example/orchard' to='" + room + "' type='set' id='q'><query xmlns='" + muc.NSMAM + "'><set xmlns='" + muc.NSRSM + "'><max>" + huge + "</max></set></query></iq>",
			"<body>hello</body>"},
	} {
		wantIn(t, why, badScene(t).send(t, tt.stanza), tt.want)
	}
}

// A message that says of itself that it was retracted is none: moderators can still take it away.
func TestMessageThatPosesAsTombstone(t *testing.T) {
	b := badScene(t)
	out := b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='bad'><body>insult</body><retracted xmlns='urn:xmpp:message-retract:1' id='x' stamp='2001-01-01T00:00:00Z'/></message>")
	if strings.Contains(out, "<retracted") {
		t.Errorf("passed on:\n%s", out)
	}
	id := b.room.pub.records[len(b.room.pub.records)-1].ID
	wantIn(t, "moderation", b.send(t, "<iq from='juliet@a.example/balcony' to='"+room+"' type='set' id='m'><moderate xmlns='urn:xmpp:message-moderate:1' id='"+id+"'><retract xmlns='urn:xmpp:message-retract:1'/></moderate></iq>"), "type='result'")
}

// An address is the room's however it is written (XEP-0359 §4).
func TestStanzaIDOfTheRoomInOtherLetters(t *testing.T) {
	b := badScene(t)
	out := b.send(t, "<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='bad'><body>x</body><stanza-id xmlns='urn:xmpp:sid:0' by='Garden@Rooms.A.example' id='forged'/></message>")
	if strings.Contains(out, "forged") {
		t.Errorf("passed on:\n%s", out)
	}
}
