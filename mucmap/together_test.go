package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
)

// bring lets bob, in one commit, list users of his provider as role and add a client of each.
func (r *remote) bring(role mimi.RoleIndex, client bool, names ...string) mimi.UpdateResponse {
	r.t.Helper()
	p := mls.CommitParams{AuthenticatedData: emptyAAD}
	var list mimi.ParticipantListUpdate
	for _, name := range names {
		kp, err := r.b.svc.keyPackage(r.b.seed(), r.b.now, mimi.MustURI("mimi://b.example/d/"+name+"/cli"), strings.ToUpper(name))
		r.must(err)
		list.Added = append(list.Added, mimi.Participant{User: mimi.MustURI("mimi://b.example/u/" + name), Role: role})
		if client {
			p.ByValue, p.Joiners = append(p.ByValue, mls.Add{KeyPackage: kp.KeyPackage}), append(p.Joiners, kp)
		}
	}
	p.ByValue = append(p.ByValue, listUpdate(list))
	staged, err := r.group.Commit(r.b.seed(), r.group.Local()[0], p)
	r.must(err)
	a := r.update(commitRequest(r.t, staged))
	if a.Code == mimi.UpdateSuccess {
		r.group = staged.Group
	}
	return a
}

// A guest of another provider brings others of it along into an open room, in one commit: they are guests as by their own join, and occupants at once.
func TestGuestsComeTogether(t *testing.T) {
	b, bob := meet(t)
	b.out.Reset()
	if a := bob.bring(roleGuest, true, "eve", "mallory", "trudy"); a.Code != mimi.UpdateSuccess {
		t.Fatalf("%+v", a)
	}
	for _, nick := range []string{"EVE", "MALLORY", "TRUDY"} {
		wantIn(t, "a colleague", b.out.String(), "from='garden@rooms.a.example/"+nick+"'><x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'")
	}
	if got := strings.Count(b.out.String(), "epoch "); got != 1 {
		t.Errorf("%d epochs", got)
	}
	if b.room.pub.Config.AllowInvites {
		t.Error("the right to bring guests counts as members' right to invite")
	}
}

// What such a guest may not: make members, list names that nobody stands behind, bring whom the room keeps out, or add to a room that is not open.
func TestGuestsBringNoStrangers(t *testing.T) {
	const domain = "<item affiliation='outcast' jid='b.example'/>"
	for _, c := range []struct {
		name, before string
		role         mimi.RoleIndex
		client       bool
		text         string
	}{
		{"a member", "", roleMember, true, "may not change"},
		{"a name alone", "", roleGuest, false, "who adds a guest adds a client of it"},
		{"closed to newcomers", configure("juliet@a.example/balcony", "x-anteroom_closed=1"), roleGuest, true, "closed to newcomers"},
		{"members-only", adminSet("<item affiliation='member' jid='u%bob%b.example@rooms.a.example'/>") + configure("juliet@a.example/balcony", "muc#roomconfig_membersonly=1"), roleGuest, true, "canAddParticipant"},
		{"a banned domain", adminSet("<item affiliation='member' jid='u%bob%b.example@rooms.a.example'/>") + adminSet(domain), roleGuest, true, "your domain is banned"},
		{"a member's member of a banned domain", adminSet("<item affiliation='member' jid='u%bob%b.example@rooms.a.example'/>") +
			configure("juliet@a.example/balcony", "muc#roomconfig_membersonly=1", "muc#roomconfig_allowinvites=1") + adminSet(domain), roleMember, true, "your domain is banned"},
		{"an admin's guest of a banned domain", adminSet("<item affiliation='owner' jid='u%bob%b.example@rooms.a.example'/>") + adminSet(domain), roleGuest, true, "your domain is banned"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, bob := meet(t)
			if c.before != "" {
				b.send(t, c.before)
			}
			bob.catchUp()
			before := b.digest()
			if a := bob.bring(c.role, c.client, "eve"); a.Code != mimi.UpdateNotAllowed || !strings.Contains(a.Text, c.text) {
				t.Errorf("%+v", a)
			}
			if b.digest() != before || len(bob.failed) > 0 {
				t.Errorf("the room changed, or bob lost touch: %v", bob.failed)
			}
		})
	}
}

// The list of participants is bounded, whoever fills it.
func TestGuestsAreBounded(t *testing.T) {
	b, bob := meet(t)
	b.svc.cfg.Limits.Affiliation = len(b.room.pub.members)
	if a := bob.bring(roleGuest, true, "eve"); a.Code != mimi.UpdateNotAllowed || !strings.Contains(a.Text, "too many participants") {
		t.Errorf("%+v", a)
	}
	if a := newRemote(t, b, "mimi://b.example/d/eve/cli").join("Eve"); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("by itself: %+v", a)
	}
}
