package sim

import (
	"strings"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A user knocks at a room of another provider that is for members only, by registering; its owner lets it in by the form; the user, invited, enters
// with the key package that it had sent.
func TestKnockAcrossProviders(t *testing.T) {
	w := New(1, "a.example", "b.example")
	juliet := w.User("juliet@a.example/balcony", "garden@rooms.a.example", "Juliet")
	romeo := w.User("romeo@b.example/orchard", "garden%a.example@rooms.b.example", "Romeo")
	juliet.Join()
	settle(t, w)
	f := muc.NewForm(muc.FormSubmit, muc.FormRoomConfig, muc.BoolField("muc#roomconfig_membersonly", "", true), muc.BoolField("x-anteroom_knock", "", true))
	juliet.sends(t, "iq type='set'", juliet.Room.Bare().String(), string(xmpp.NewElement(muc.NSOwner, "query").With(f.Element()).AppendXML(nil, "")))
	form := muc.NewForm(muc.FormSubmit, muc.FormRegister, muc.TextField(muc.RegisterRoomNick, "", "Romeo"))
	register := xmpp.NewElement(muc.NSRegister, "query").With(form.Element())
	if got := romeo.sends(t, "iq type='set'", romeo.Room.Bare().String(), string(register.AppendXML(nil, ""))); len(got) != 1 || got[0] != "iq result" {
		t.Fatalf("romeo registers: %q", got)
	}
	in := juliet.Inbox()
	asked := in[len(in)-1].String()
	if !strings.Contains(asked, "u%romeo%b.example@rooms.a.example") || !strings.Contains(asked, "muc#register_allow") {
		t.Fatalf("juliet is asked: %s", asked)
	}
	juliet.News()
	yes := muc.NewForm(muc.FormSubmit, muc.FormRegister, muc.TextField("x-anteroom_jid", "", "u%romeo%b.example@rooms.a.example"), muc.BoolField(muc.RegisterAllow, "", true))
	juliet.sends(t, "message", juliet.Room.Bare().String(), string(yes.Element().AppendXML(nil, "")))
	invited := romeo.Bare()
	if len(invited) != 1 || invited[0].Child(muc.NSUser, "x") == nil || invited[0].Child(muc.NSUser, "x").Child(muc.NSUser, "invite") == nil {
		t.Fatalf("romeo is told %v", invited)
	}
	romeo.Join()
	settle(t, w)
	expect(t, "romeo is in", romeo, "Juliet is here owner/moderator", "Romeo is here member/participant 110", " sets subject ")
}
