package mucmap

import (
	"slices"
	"strings"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// form submits fields of the room's configuration, one per "name=value value".
func configure(from string, fields ...string) string {
	var b strings.Builder
	b.WriteString("<iq from='" + from + "' to='" + room + "' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>")
	for _, f := range fields {
		name, values, _ := strings.Cut(f, "=")
		b.WriteString("<field var='" + name + "'>")
		for _, v := range strings.Fields(values) {
			b.WriteString("<value>" + v + "</value>")
		}
		b.WriteString("</field>")
	}
	return b.String() + "</x></query></iq>"
}

// All fields that are registered for muc#roominfo are there, with what the room's configuration and state say (XEP-0045 §6.4).
func TestRoomInfo(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0)+enter(1))
	b.send(t, configure("user0@a.example/x", "x-anteroom_contactjid=nurse@a.example juliet@a.example/balcony", "x-anteroom_ldapgroup=cn=capulets",
		"x-anteroom_logs=https://a.example/logs/", "muc#roomconfig_roomdesc=orchard", "muc#roomconfig_lang=en", "muc#roomconfig_changesubject=1",
		"muc#maxhistoryfetch=7", "muc#roomconfig_pubsub=xmpp:pubsub.a.example"))
	b.send(t, "<message from='user0@a.example/x' to='"+room+"' type='groupchat'><subject>walls</subject></message>")
	info := func() map[string][]string {
		o := b.room.Step(b.now, b.seed(), StanzaIn{&xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeGet, ID: "i", From: user(7), To: xmpp.MustParseJID(room),
			Payload: []*xmpp.Element{xmpp.NewElement(muc.NSDiscoInfo, "query")}}})
		d, err := muc.ParseDiscoInfo(o.Stanzas[0].Template.Stanza().Payload[0])
		if err != nil || len(d.Forms) != 1 || d.Forms[0].FormType() != muc.FormRoomInfo {
			t.Fatalf("%v: %+v", err, d.Forms)
		}
		fields := map[string][]string{}
		for _, f := range d.Forms[0].Fields {
			fields[f.Var] = f.Values
		}
		return fields
	}
	got := info()
	for name, want := range map[string][]string{
		"muc#maxhistoryfetch": {"7"}, "muc#roominfo_contactjid": {"nurse@a.example", "juliet@a.example"}, "muc#roominfo_description": {"orchard"},
		"muc#roominfo_lang": {"en"}, "muc#roominfo_ldapgroup": {"cn=capulets"}, "muc#roominfo_logs": {"https://a.example/logs/"},
		"muc#roominfo_occupants": {"2"}, "muc#roominfo_subject": {"walls"}, "muc#roominfo_subjectmod": {"1"}, "muc#roominfo_changesubject": {"1"},
		"muc#roomconfig_changesubject": {"1"}, "muc#roomconfig_pubsub": {"xmpp:pubsub.a.example"},
	} {
		if !slices.Equal(got[name], want) {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
	b.send(t, configure("user0@a.example/x", "x-anteroom_contactjid=", "muc#roomconfig_changesubject=0"))
	if got = info(); len(got["muc#roominfo_contactjid"]) != 0 || !slices.Equal(got["muc#roominfo_subjectmod"], []string{"0"}) {
		t.Errorf("after it was taken back: %q", got)
	}
}
