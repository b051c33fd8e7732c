package sim

import (
	"slices"
	"strings"
	"testing"

	"anteroom/xmpp/muc"
)

// changes is what a user sees of an administrative act by another: presences, without the iq that answers whoever acted.
func changes(u *User) []string {
	return slices.DeleteFunc(u.News(), func(s string) bool { return strings.HasPrefix(s, "iq ") })
}

func wantChanges(t *testing.T, what string, u *User, want ...string) {
	t.Helper()
	if got := changes(u); !slices.Equal(got, want) {
		t.Errorf("%s: %s sees %q, want %q", what, u.JID, got, want)
	}
}

// What befalls an XMPP user in a room of another provider is told by the codes and reasons of XEP-0045, to it and to those who stay (§9.4, §9.5, §10.3 to §10.5).
func TestWhatBefallsUsersInRoomsOfOthers(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	at := func(u *User) muc.Item {
		return muc.Item{JID: mustJID("u%" + u.JID.Local() + "%b.example@rooms.a.example")}
	}
	set := func(u *User, affiliation muc.Affiliation, reason string) {
		t.Helper()
		item := at(u)
		item.Affiliation, item.Reason = affiliation, reason
		w.Send(adminIQ(w, juliet, item))
		settle(t, w)
	}
	set(romeo, muc.AffiliationMember, "trusted")
	wantChanges(t, "membership", romeo, "Romeo is here member/participant because trusted 110")
	wantChanges(t, "membership", nurse, "Romeo is here member/participant because trusted")
	wantChanges(t, "membership", juliet, "Romeo is here member/participant because trusted")

	membersOnly(w, juliet)
	settle(t, w)
	wantChanges(t, "members only", nurse, ": ", "Nurse is gone none/none 110 322") // a message tells of the configuration
	if got := changes(romeo); !slices.Contains(got, "Nurse is gone none/none 322") {
		t.Errorf("members only: romeo sees %q", got)
	}
	juliet.News()
	nurse.Join()
	settle(t, w)
	wantChanges(t, "members only", nurse, "error registration-required: only members may enter this room")

	set(romeo, muc.AffiliationNone, "no more")
	wantChanges(t, "membership taken", romeo, "Romeo is gone none/none because no more 110 321")
	wantChanges(t, "membership taken", juliet, "Romeo is gone none/none because no more 321")
	set(romeo, muc.AffiliationOwner, "")
	romeo.Join()
	settle(t, w)
	if got := changes(romeo); !slices.Contains(got, "Romeo is here owner/moderator 110") {
		t.Errorf("an owner enters: %q", got)
	}
	juliet.News()
	w.Send(adminIQ(w, romeo, muc.Item{Nick: "Juliet", Affiliation: muc.AffiliationAdmin, Reason: "my turn"}))
	settle(t, w)
	wantChanges(t, "another owner", juliet, "Juliet is here admin/moderator because my turn 110")
	wantChanges(t, "another owner", romeo, "Juliet is here admin/moderator because my turn")
	w.Send(adminIQ(w, romeo, muc.Item{Nick: "Romeo", Affiliation: muc.AffiliationMember}))
	settle(t, w)
	expect(t, "the last owner", romeo, "error conflict: a room keeps at least one owner")
}

// A participant of another provider is present here while it has a client in the room: an occupant with nick, affiliation and id, who can be kicked and comes
// back as what it was (docs/mapping.md §1, §4a).
func TestPresenceFollowsActivity(t *testing.T) {
	w, juliet, romeo, nurse := meeting(t)
	id := func(u *User, from string) string {
		all := u.Inbox()
		for i := len(all) - 1; i >= 0; i-- {
			if e := all[i].Child("urn:xmpp:occupant-id:0", "occupant-id"); e != nil && all[i].From.Resource() == from {
				return e.Attr("id")
			}
		}
		return ""
	}
	before := id(juliet, "Romeo")
	if before == "" || before == id(juliet, "Nurse") {
		t.Errorf("occupant ids %q and %q", before, id(juliet, "Nurse"))
	}
	item := muc.Item{JID: mustJID("u%romeo%b.example@rooms.a.example"), Affiliation: muc.AffiliationMember}
	w.Send(adminIQ(w, juliet, item))
	settle(t, w)
	for _, u := range []*User{juliet, romeo, nurse} {
		u.News()
	}
	juliet.Set(muc.Item{Nick: "Romeo", Role: muc.RoleNone, Reason: "rest"})
	settle(t, w)
	wantChanges(t, "inactive", juliet, "Romeo is gone member/none because rest 307")
	wantChanges(t, "inactive", nurse, "Romeo is gone member/none because rest 307")
	wantChanges(t, "inactive", romeo, "Romeo is gone member/none because rest 110 307")
	romeo.Join()
	settle(t, w)
	wantChanges(t, "active", juliet, "Romeo is here member/participant")
	wantChanges(t, "active", nurse, "Romeo is here member/participant")
	if after := id(juliet, "Romeo"); after != before {
		t.Errorf("occupant id %q, then %q", before, after)
	}
	if got := juliet.sends(t, "iq type='get'", "garden@rooms.a.example/Romeo", "<vCard xmlns='vcard-temp'/>"); len(got) != 1 || got[0] != "iq result" {
		t.Errorf("romeo's card: %q", got)
	}
	juliet.Set(muc.Item{Nick: "Romeo", Role: muc.RoleVisitor})
	settle(t, w)
	wantChanges(t, "muted", juliet, "Romeo is here member/visitor")
	romeo.News()
	romeo.Say("mmm")
	settle(t, w)
	if got := romeo.News(); len(got) != 1 || !strings.HasPrefix(got[0], "error forbidden") {
		t.Errorf("a muted member speaks: %q", got)
	}
}
