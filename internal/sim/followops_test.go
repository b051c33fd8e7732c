package sim

import (
	"slices"
	"strings"
	"testing"

	"anteroom/mucmap"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// sends lets a user send to the room at its own service what inner and its attributes say, and returns what came of it.
func (u *User) sends(t *testing.T, open, to, inner string) []string {
	t.Helper()
	kind, _, _ := strings.Cut(open, " ")
	st, err := xmpp.ParseStanzaXML([]byte("<" + open + " xmlns='jabber:client' from='" + u.JID.String() + "' to='" + to + "' id='" + u.w.ID() + "'>" + inner + "</" + kind + ">"))
	if err != nil {
		t.Fatal(err)
	}
	u.w.Send(st)
	settle(t, u.w)
	return u.News()
}

// Every operation that XMPP users know from rooms of ours is done in rooms of other providers, or refused with a reason.
func TestOperationsInRoomsOfOthers(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	const room = "garden%a.example@rooms.b.example"
	for _, tt := range []struct{ what, open, to, inner, want string }{
		{"self-ping", "iq type='get'", room + "/Romeo", "<ping xmlns='urn:xmpp:ping'/>", "iq result"},
		{"ping", "iq type='get'", room, "<ping xmlns='urn:xmpp:ping'/>", "iq result"},
		{"version", "iq type='get'", room, "<query xmlns='jabber:iq:version'/>", "iq result"},
		{"time", "iq type='get'", room, "<time xmlns='urn:xmpp:time'/>", "iq result"},
		{"description", "iq type='get'", room, "<query xmlns='http://jabber.org/protocol/disco#info'/>", "iq result"},
		{"reserved nick", "iq type='get'", room, "<query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/>", "iq result"},
		{"occupants", "iq type='get'", room, "<query xmlns='http://jabber.org/protocol/disco#items'/>", "iq result"},
		{"archive's form", "iq type='get'", room, "<query xmlns='urn:xmpp:mam:2'/>", "iq result"},
		{"avatar", "iq type='get'", room, "<vCard xmlns='vcard-temp'/>", "iq result"},
		{"new avatar", "iq type='set'", room, "<vCard xmlns='vcard-temp'/>", "error not-allowed: this room belongs to a.example"},
		{"configuration", "iq type='get'", room, "<query xmlns='http://jabber.org/protocol/muc#owner'/>", "error forbidden: only an owner may do this"},
		{"destruction", "iq type='set'", room, "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>", "error forbidden: only an owner may do this"},
		{"registration", "iq type='get'", room, "<query xmlns='jabber:iq:register'/>", "iq result"},
		{"moderation", "iq type='set'", room, "<moderate xmlns='urn:xmpp:message-moderate:1' id='x'><retract xmlns='urn:xmpp:message-retract:1'/></moderate>", "error forbidden: only moderators who are present may moderate messages"},
		{"commands", "iq type='set'", room, "<command xmlns='http://jabber.org/protocol/commands' node='x' action='execute'/>", "error not-allowed: this room belongs to a.example"},
		{"voice that one has", "message", room, "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>" +
			"<field var='muc#role'><value>participant</value></field></x>", "error not-acceptable: you have voice already"},
		{"invitation of somebody elsewhere", "message", room, "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='u%bob%c.example@rooms.b.example'/></x>", "error remote-server-timeout: a.example or c.example does not answer"},
	} {
		if got := romeo.sends(t, tt.open, tt.to, tt.inner); len(got) != 1 || !strings.HasPrefix(got[0], tt.want) {
			t.Errorf("%s: %q, want %q", tt.what, got, tt.want)
		}
	}

	romeo.sends(t, "message type='chat'", room+"/Nurse", "<body>psst</body>")
	expect(t, "private message", nurse, "Romeo: psst")
	juliet.News()

	tybalt := w.User("tybalt@b.example/street", room, "Tybalt")
	const invite = "<x xmlns='http://jabber.org/protocol/muc#user'><invite to='tybalt@b.example'><reason>come</reason></invite></x>"
	romeo.sends(t, "message", room, invite)
	if in := tybalt.Bare(); len(in) != 1 || in[0].From.String() != room || in[0].Child(muc.NSUser, "x").Child(muc.NSUser, "invite") == nil {
		t.Errorf("tybalt's invitation: %v", in)
	}

	juliet.Set(muc.Item{Nick: "Nurse", Role: muc.RoleVisitor})
	settle(t, w)
	nurse.News()
	const request = "<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#request</value></field>" +
		"<field var='muc#role'><value>participant</value></field>"
	if got := nurse.sends(t, "message", room, request+"</x>"); len(got) != 1 || !strings.HasPrefix(got[0], "error item-not-found: no moderator") {
		t.Errorf("no moderator is here: %q", got)
	}
	w.Send(adminIQ(w, juliet, muc.Item{JID: mustJID("u%romeo%b.example@rooms.a.example"), Affiliation: muc.AffiliationAdmin}))
	settle(t, w)
	nurse.News()
	romeo.News()
	nurse.sends(t, "message", room, request+"</x>")
	form := romeo.Inbox()[len(romeo.Inbox())-1]
	if form.Child(muc.NSForm, "x") == nil {
		t.Fatalf("romeo is asked: %s", form.String())
	}
	romeo.News()
	got := romeo.sends(t, "message", room, request+"<field var='muc#roomnick'><value>Nurse</value></field><field var='muc#request_allow'><value>true</value></field></x>")
	if len(got) != 1 || got[0] != "Nurse is here none/participant" {
		t.Errorf("voice is given: %q", got)
	}
	juliet.News()

	// In a room for members, who is invited is listed first.
	membersOnly(w, juliet)
	settle(t, w)
	romeo.News()
	romeo.sends(t, "message", room, invite)
	invited := slices.DeleteFunc(slices.Clone(tybalt.Bare()), func(st xmpp.Stanza) bool { return st.Child(muc.NSUser, "x").Child(muc.NSUser, "invite") == nil })
	if len(invited) != 2 {
		t.Errorf("tybalt is invited %d times", len(invited))
	}
	listed := w.Providers["a.example"].Rooms["garden"].room.Describe().Participants
	if !slices.ContainsFunc(listed, func(p mucmap.Participant) bool {
		return p.User.String() == "mimi://b.example/u/tybalt" && p.Affiliation == "member"
	}) {
		t.Errorf("tybalt is not listed: %v", listed)
	}
	tybalt.Join()
	settle(t, w)
	if got := tybalt.News(); !slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "Tybalt is here member/participant 110") }) {
		t.Errorf("tybalt enters: %q", got)
	}
}

// A moderator takes away a message in a room of another provider: all see it, once, also when its provider crashes with the request on its way.
func TestModerationOfMessagesElsewhere(t *testing.T) {
	for _, crash := range []bool{false, true} {
		w, juliet, romeo, nurse := meeting(t)
		w.Send(adminIQ(w, juliet, muc.Item{JID: mustJID("u%romeo%b.example@rooms.a.example"), Affiliation: muc.AffiliationAdmin}))
		juliet.Say("fie")
		settle(t, w)
		id := ""
		for _, st := range romeo.Inbox() {
			if body, _ := st.Body(); body == "fie" {
				id = st.Child(muc.NSStanzaID, "stanza-id").Attr("id")
			}
		}
		st := xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeSet, From: romeo.JID, To: romeo.Room.Bare(), ID: "m", Payload: []*xmpp.Element{
			xmpp.NewElement("urn:xmpp:message-moderate:1", "moderate").WithAttr("id", id).With(xmpp.NewElement("urn:xmpp:message-retract:1", "retract"))}}
		w.Send(st)
		if crash {
			w.Providers["b.example"].Rooms["garden%a.example"].restore()
		}
		settle(t, w)
		for _, u := range []*User{juliet, romeo, nurse} {
			taken := 0
			for _, st := range u.Inbox() {
				if e := st.Child("urn:xmpp:message-retract:1", "retract").Child("urn:xmpp:message-moderate:1", "moderated"); e != nil && strings.HasSuffix(e.Attr("by"), "/Romeo") {
					taken++
				}
			}
			if taken != 1 {
				t.Errorf("crash %v: %s is told %d times that the message is taken away", crash, u.JID, taken)
			}
		}
	}
}
