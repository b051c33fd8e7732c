package mucmap

import (
	"strings"
	"testing"
)

// Forms that wait for a commit together are carried out one after the other: none undoes what another one changed.
func TestFormsAtTheSameTime(t *testing.T) {
	b := newBench(t)
	b.check = true
	b.send(t, "<presence from='juliet@a.example/balcony' to='"+room+"/Juliet'>"+joinX+"</presence>")
	b.hold = true
	b.send(t, "<presence from='romeo@a.example/orchard' to='"+room+"/Romeo'>"+joinX+"</presence>")
	b.send(t, ownerForm("f1", "muc#roomconfig_roomname", "Garden", "muc#roomconfig_maxusers", "7"))
	b.send(t, ownerForm("f2", "muc#roomconfig_moderatedroom", "1", "muc#roomconfig_lang", "it"))
	b.send(t, ownerForm("f3", "muc#roomconfig_allowpm", "none"))
	b.hold = false
	b.out.Reset()
	for _, j := range b.held {
		if err := b.run(j); err != nil {
			t.Fatal(err)
		}
	}
	c := b.room.pub.Config
	if c.Name != "Garden" || c.MaxUsers != 7 || !c.Moderated || c.Lang != "it" || c.AllowPM != pmNone {
		t.Errorf("%+v", c)
	}
	if err := b.room.mirrors(); err != nil {
		t.Error(err)
	}
	for _, id := range []string{"f1", "f2", "f3"} {
		if n := strings.Count(b.out.String(), "id='"+id+"'"); n != 1 {
			t.Errorf("%s answered %d times", id, n)
		}
	}
}

// ownerForm is a configuration form of juliet.
func ownerForm(id string, fields ...string) string {
	return "<iq from='juliet@a.example/balcony' to='" + room + "' type='set' id='" + id + "'><query xmlns='http://jabber.org/protocol/muc#owner'>" + fill(fields...) + "</query></iq>"
}
