package mucmap

import (
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp/muc"
)

// An owner of a room elsewhere changes its name and no other field of the form, and takes away messages of others only where the room's own list of roles lets it
// (docs/decisions/171-acts-in-rooms-elsewhere.md). What is refused here is not asked of the hub.
func TestActsOfOwnersElsewhere(t *testing.T) {
	hub, bob := meet(t)
	there := elsewhere(t, hub.now)
	post := nurseComes(hub, bob, there)
	const from = "from='nurse@c.example/x' to='garden%a.example@rooms.c.example"
	wantIn(t, "nurse enters", there.send(t, "<presence "+from+"/Nurse' id='1'>"+joinX+"</presence>"), "code='110'")
	hub.send(t, adminSet("<item jid='u%nurse%c.example@rooms.a.example' affiliation='owner'/>")+"<message from='romeo@a.example/orchard' to='"+room+"' type='groupchat' id='1'><body>Fie</body></message>")
	said := post.bring(post.collect())
	wantIn(t, "nurse owns the room", said, "affiliation='owner'", "<body>Fie</body>")

	keeper := slices.IndexFunc(hub.room.hub.Group().Local(), func(i mls.LeafIndex) bool {
		node, _ := hub.room.hub.Group().Public().Leaf(i)
		return hub.room.pub.role(nodeUser(node)) == roleKeeper
	})
	roles := hub.room.pub.Config.roles(false)
	for i := range roles.Roles {
		can := &roles.Roles[i].Capabilities
		*can = slices.DeleteFunc(slices.Clone(*can), func(c mimi.Capability) bool { return c == mimi.CanDeleteOtherMessage })
	}
	staged, err := hub.room.hub.Group().Commit(hub.seed(), hub.room.hub.Group().Local()[keeper], mls.CommitParams{AuthenticatedData: emptyAAD,
		ByValue: []mls.Proposal{mls.AppDataUpdate{Component: mimi.ComponentRolesList, Update: marshal(roles)}}})
	bob.must(err)
	accepted, err := hub.room.hub.AcceptLocal(hub.now, staged)
	bob.must(err)
	for _, d := range accepted.Fanout {
		if d.Provider == "c.example" {
			post.bring([][]byte{d.Body})
		}
	}

	form := func(field string) string {
		return there.send(t, "<iq "+from+"' type='set' id='"+field+"'><query xmlns='http://jabber.org/protocol/muc#owner'>"+formOf(muc.FormRoomConfig, field, "1")+"</query></iq>")
	}
	wantIn(t, "a rule of the room", form(muc.FieldMembersOnly), "not-allowed", "this room belongs to a.example")
	wantIn(t, "moderation", there.send(t, "<iq "+from+"' type='set' id='2'><moderate xmlns='"+nsModerate+"' id='"+there.room.pub.records[len(there.room.pub.records)-1].ID+"'><retract xmlns='"+nsRetract+"'/></moderate></iq>"),
		"forbidden", "canDeleteOtherMessage")
	if q := there.room.follow.room.InFlight(); q != nil {
		t.Errorf("the hub is asked %v", q)
	}
	form(muc.FieldRoomName)
	if q := there.room.follow.room.InFlight(); q == nil || q.Endpoint != mimi.EndpointUpdate {
		t.Errorf("for another name the hub is asked %v", q)
	}
}
