package sim

import (
	"regexp"
	"strings"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

var sessionOf, linkOf = regexp.MustCompile(`sessionid='([^']+)'`), regexp.MustCompile(`var='link'[^>]*><value>([^<]+)<`)

// invents lets an owner make a join link in a room of its own provider.
func (u *User) invents(t *testing.T, fields ...muc.Field) string {
	t.Helper()
	const node = "urn:anteroom:room#make-join-link"
	ask := func(attrs, inner string) string {
		u.sends(t, "iq type='set'", u.Room.Bare().String(), "<command xmlns='http://jabber.org/protocol/commands' node='"+node+"' "+attrs+">"+inner+"</command>")
		in := u.Inbox()
		return in[len(in)-1].String()
	}
	session := sessionOf.FindString(ask("", ""))
	form := muc.NewForm(muc.FormSubmit, "urn:anteroom:room#command", fields...)
	out := ask(session, string(form.Element().AppendXML(nil, "")))
	m := linkOf.FindStringSubmatch(out)
	if m == nil {
		t.Fatalf("no link in %s", out)
	}
	return m[1]
}

// JoinWith asks to enter with a password.
func (u *User) JoinWith(password string) {
	u.w.Send(xmpp.Stanza{Kind: xmpp.Presence, From: u.JID, To: u.Room, ID: u.w.ID(), Payload: []*xmpp.Element{
		xmpp.NewElement(muc.NS, "x").With(xmpp.TextElement(muc.NS, "password", password))}})
}

// XMPP users enter a room of another provider that is for members only, or takes a password, by a join link: the first one of their
// provider, and one whose gateway holds the group already.
func TestJoinLinkAcrossProviders(t *testing.T) {
	for _, field := range []string{"muc#roomconfig_membersonly", "muc#roomconfig_passwordprotectedroom"} {
		w := New(1, "a.example", "b.example")
		juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
		romeo := w.User("romeo@b.example/orchard", "garden%a.example@rooms.b.example", "Romeo")
		nurse := w.User("nurse@b.example/house", "garden%a.example@rooms.b.example", "Nurse")
		juliet.Join()
		settle(t, w)
		f := muc.NewForm(muc.FormSubmit, muc.FormRoomConfig, muc.BoolField(field, "", true), muc.TextField("muc#roomconfig_roomsecret", "", "sesame"))
		juliet.sends(t, "iq type='set'", juliet.Room.Bare().String(), string(xmpp.NewElement(muc.NSOwner, "query").With(f.Element()).AppendXML(nil, "")))
		link := juliet.invents(t, muc.TextField("uses", "", "2"))
		juliet.News()
		romeo.Join()
		settle(t, w)
		expect(t, field+": without the link", romeo, "error forbidden")
		romeo.JoinWith(link[:len(link)-2] + "AA")
		settle(t, w)
		expect(t, field+": with a broken link", romeo, "error not-authorized")
		romeo.JoinWith(link)
		settle(t, w)
		expect(t, field+": with the link", romeo, "Juliet is here owner/moderator", "Romeo is here member/participant 110", " sets subject ")
		expect(t, field+": with the link", juliet, "Romeo is here member/participant")
		nurse.Join()
		settle(t, w)
		if got := nurse.News(); len(got) != 1 || !strings.HasPrefix(got[0], "error registration-required") {
			t.Fatalf("%s: the second without the link: %q", field, got)
		}
		nurse.JoinWith(link)
		settle(t, w)
		expect(t, field+": the second with the link", nurse, "Juliet is here owner/moderator", "Romeo is here member/participant", "Nurse is here member/participant 110", " sets subject ")
		juliet.Say("Welcome")
		settle(t, w)
		romeo.News()
		expect(t, field+": the second reads", nurse, "Juliet: Welcome")
		other := w.User("tybalt@b.example/street", "garden%a.example@rooms.b.example", "Tybalt")
		other.JoinWith(link)
		settle(t, w)
		expect(t, field+": a third one", other, "error not-authorized")
	}
}
