package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi/roomdoc"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Who may enter, who takes part and who has a client are told apart (draft-mahy-mimi-group-chat, "Security Considerations"), to admins and nobody
// else, and so many of them as a stanza holds.
func TestStates(t *testing.T) {
	b := newBench(t)
	d, err := roomdoc.Preset("administrated", roomdoc.Names{Owners: []string{address(0)}, Members: []string{address(1)}})
	if err != nil {
		t.Fatal(err)
	}
	d.PreauthMember = []roomdoc.Preauth{{Kind: roomdoc.User, Name: address(2)}, {Kind: roomdoc.Domain, Name: "b.example"}}
	b.made(t, d)
	b.send(t, enter(0))
	has := func(when string, want ...string) {
		t.Helper()
		var got []string
		desc := b.room.Describe()
		for _, p := range desc.Participants {
			got = append(got, p.JID.String()+" "+string(p.State))
		}
		for _, p := range desc.Preauthorised {
			got = append(got, strings.TrimSpace(p.JID.String()+" "+p.Kind+" "+p.Name+" as "+p.Affiliation))
		}
		if strings.Join(got, "|") != strings.Join(want, "|") {
			t.Errorf("%s: %q, want %q", when, got, want)
		}
	}
	has("at first", address(0)+" MLS member", address(1)+" participant", address(2)+" user "+address(2)+" as member", "domain b.example as member")
	b.send(t, enter(1)+enter(2))
	has("all in", address(0)+" MLS member", address(1)+" MLS member", address(2)+" MLS member", "domain b.example as member")

	from := func(n int) string {
		return "<iq from='" + xmpp.MustParseJID(address(n)).String() + "/x' to='" + room + "' type='set' id='c'><command xmlns='http://jabber.org/protocol/commands' node='" + commandStates +
			"' action='execute'/></iq>"
	}
	b.send(t, "<iq from='"+address(0)+"/x' to='"+room+"' type='set' id='a'><query xmlns='"+muc.NSAdmin+"'><item jid='"+address(2)+"' affiliation='outcast'/></query></iq>")
	has("one banned", address(0)+" MLS member", address(1)+" MLS member", address(2)+" banned", "domain b.example as member")
	wantIn(t, "the owner", b.send(t, from(0)), address(2), "<value>banned</value>", "<value>domain b.example</value>", "<value>pre-authorised</value>", "status='completed'")
	wantIn(t, "a member", b.send(t, from(1)), "<forbidden")

	b.many(t, maxStates+1, member{Role: roleMember})
	out := b.send(t, from(0))
	wantIn(t, "many", out, "more are not shown")
	if n := strings.Count(out, "<item>"); n != maxStates {
		t.Errorf("%d users are shown", n)
	}
}
