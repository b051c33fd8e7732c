package mucmap

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/xmpp"
)

// limited is a bench whose service has small limits.
func limited(t *testing.T, l Limits) *bench {
	t.Helper()
	key, err := mls.NewSigner(suite, mls.Seed{1})
	if err != nil {
		t.Fatal(err)
	}
	b := newBench(t)
	if b.svc, err = NewService(Config{Domain: xmpp.MustParseJID("rooms.a.example"), Provider: "a.example", Users: []string{"a.example"}, Hub: key, Limits: l, NoLock: true}); err != nil {
		t.Fatal(err)
	}
	b.room = b.svc.New(b.name)
	return b
}

func enter(i int) string {
	return fmt.Sprintf("<presence from='user%d@a.example/x' to='%s/nick%d'>%s</presence>", i, room, i, joinX)
}

// Each limit of Limits, reached and not passed.
func TestLimits(t *testing.T) {
	t.Run("occupants", func(t *testing.T) {
		b := limited(t, Limits{Occupants: 2})
		b.send(t, enter(0)+enter(1))
		wantIn(t, "third occupant", b.send(t, enter(2)), "service-unavailable")
	})
	t.Run("participants", func(t *testing.T) {
		b := limited(t, Limits{Affiliation: 3}) // with the keeper
		b.send(t, enter(0)+enter(1))
		wantIn(t, "fourth participant", b.send(t, enter(2)), "resource-constraint")
	})
	t.Run("history", func(t *testing.T) {
		b := limited(t, Limits{History: 3})
		b.send(t, enter(0))
		for i := range 20 {
			b.send(t, fmt.Sprintf("<message from='user0@a.example/x' to='%s' type='groupchat'><body>line %d</body></message>", room, i))
			if n := len(b.room.pub.history); n > 6 {
				t.Fatalf("%d messages in memory", n)
			}
		}
		if out := b.send(t, enter(1)); strings.Count(out, "<delay") != 3 || !strings.Contains(out, "line 17") {
			t.Errorf("history at join:\n%s", out)
		}
	})
	t.Run("waiting wishes", func(t *testing.T) {
		b := limited(t, Limits{Waiting: 2})
		b.send(t, enter(0))
		b.hold = true
		out := b.send(t, enter(1)+enter(2)+enter(3)+enter(4))
		if strings.Count(out, "resource-constraint") != 1 {
			t.Errorf("one commit under way, two wishes wait, the fourth is refused:\n%s", out)
		}
	})
	t.Run("waiting messages", func(t *testing.T) {
		b := limited(t, Limits{Waiting: 2})
		b.send(t, enter(0))
		b.room.unclean = true
		say := "<message from='user0@a.example/x' to='" + room + "' type='groupchat'><body>x</body></message>"
		if out := b.send(t, say+say+say); strings.Count(out, "resource-constraint") != 1 {
			t.Errorf("three messages, two may wait:\n%s", out)
		}
	})
	t.Run("items", func(t *testing.T) {
		b := limited(t, Limits{})
		b.send(t, enter(0))
		var items strings.Builder
		for i := range MaxItems + 1 {
			fmt.Fprintf(&items, "<item affiliation='member' jid='m%d@a.example'/>", i)
		}
		wantIn(t, "too many items", b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='i'><query xmlns='http://jabber.org/protocol/muc#admin'>"+items.String()+"</query></iq>"), "policy-violation")
	})
	t.Run("subject", func(t *testing.T) {
		b := limited(t, Limits{})
		b.send(t, enter(0))
		wantIn(t, "long subject", b.send(t, "<message from='user0@a.example/x' to='"+room+"' type='groupchat' id='s'><subject>"+strings.Repeat("x", maxSubject+1)+"</subject></message>"), "not-acceptable")
	})
	t.Run("message", func(t *testing.T) {
		b := limited(t, Limits{})
		b.send(t, enter(0))
		say := func(n int) string {
			st := &xmpp.Stanza{Kind: xmpp.Message, Type: xmpp.TypeGroupchat, ID: "l", From: xmpp.MustParseJID("user0@a.example/x"), To: xmpp.MustParseJID(room),
				Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", strings.Repeat("x", n))}}
			b.out.Reset()
			if err := b.step(StanzaIn{st}); err != nil {
				t.Fatal(err)
			}
			return b.out.String()
		}
		wantIn(t, "long message", say(maxMessage), "policy-violation")
		wantIn(t, "message that just fits", say(maxMessage-1000), "stanza-id")
	})
	t.Run("configuration", func(t *testing.T) {
		b := limited(t, Limits{})
		b.send(t, enter(0))
		for field, n := range map[string]int{"roomname": maxName, "roomdesc": maxDescription, "lang": maxLang} {
			wantIn(t, field, b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'><field var='muc#roomconfig_"+
				field+"'><value>"+strings.Repeat("x", n+1)+"</value></field></x></query></iq>"), "not-acceptable")
		}
	})
}

// The log is replaced by the state when it has grown long, and only when its stanzas are out.
func TestSnapshot(t *testing.T) {
	b := newBench(t)
	b.check = true
	b.send(t, enter(0))
	for range SnapshotEvery + 10 {
		b.now = b.now.Add(time.Minute)
		b.send(t, "<presence from='user0@a.example/x' to='"+room+"/nick0'><show>away</show></presence>")
	}
	if b.disk.snapSeq == 0 || len(b.disk.events) > SnapshotEvery {
		t.Errorf("%d events are kept after a snapshot at %d", len(b.disk.events), b.disk.snapSeq)
	}
	want := b.digest()
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if got := b.digest(); got != want {
		t.Errorf("from the snapshot:\n%s\nwas\n%s", got, want)
	}
}

// A room whose name holds "%" is one of another provider, if it is name%provider; anything else is refused with a clear text.
func TestRoomsElsewhere(t *testing.T) {
	for name, known := range map[string]bool{"garden%b.example": true, "=47arden%b.example": true, "garden%a.example": false, "%b.example": false,
		"garden%": false, "a%b%c.example": false, "=67arden%b.example": false} {
		b := newBench(t)
		b.name = name
		b.room = b.svc.New(b.name)
		out := b.send(t, "<presence from='user0@a.example/x' to='"+name+"@rooms.a.example/n' id='1'>"+joinX+"</presence>")
		if got := !strings.Contains(out, "item-not-found"); got != known {
			t.Errorf("%s: %s", name, out)
		}
		u, ok := b.svc.followURI(name)
		if ok != known || ok && b.svc.FollowedName(u) != name {
			t.Errorf("%s is %s, which is %q", name, u, b.svc.FollowedName(u))
		}
	}
}

// Damaged stored bytes are an error that says what is wrong, not a panic.
func TestRestoreRefusesDamage(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0)+enter(1))
	for what, damage := range map[string]func(s *Snapshot){
		"an event that is no JSON":   func(s *Snapshot) { s.Events = append([][]byte{[]byte("x")}, s.Events[1:]...) },
		"an unknown event":           func(s *Snapshot) { s.Events = append([][]byte{[]byte(`{"V":2,"T":"sang","E":{}}`)}, s.Events[1:]...) },
		"an event of another format": func(s *Snapshot) { s.Events = append([][]byte{[]byte(`{"V":1,"T":"left","E":{}}`)}, s.Events[1:]...) },
		"a missing event":            func(s *Snapshot) { s.Events = s.Events[1:] },
		"no group":                   func(s *Snapshot) { s.Secrets = nil },
		"a snapshot of nothing":      func(s *Snapshot) { s.Snapshot, s.SnapshotSeq, s.Events = []byte("{}"), s.Seq, nil },
		"an archive of noise":        func(s *Snapshot) { s.Archive = []ArchiveEntry{{ID: "1-a", Data: []byte("<")}} },
	} {
		snap := b.disk.load(true)
		damage(&snap)
		if _, _, err := b.svc.Restore(b.name, snap); err == nil {
			t.Errorf("%s: restored", what)
		}
	}
}

// Admins cannot list more users than Limits.Affiliation either.
func TestListLimitForAdmins(t *testing.T) {
	b := limited(t, Limits{Affiliation: 3}) // with the keeper
	b.send(t, enter(0))
	out := b.send(t, "<iq from='user0@a.example/x' to='"+room+"' type='set' id='a'><query xmlns='http://jabber.org/protocol/muc#admin'>"+
		"<item affiliation='member' jid='x@a.example'/><item affiliation='member' jid='y@a.example'/></query></iq>")
	wantIn(t, "too many", out, "resource-constraint")
}

// Nor can users of other providers join a room whose list is full.
func TestListLimitForOthers(t *testing.T) {
	b := limited(t, Limits{Affiliation: 2}) // with the keeper
	b.send(t, enter(0))
	bob := newRemote(t, b, "mimi://b.example/d/bob/cli")
	if a := bob.join("Bob"); a.Code != mimi.UpdateNotAllowed {
		t.Errorf("%+v", a)
	}
}

// An admin of another provider does not go beyond it by listing many in one commit, whether members, guests or people to keep out.
func TestListLimitInOneCommit(t *testing.T) {
	b, bob := asOwner(t)
	b.svc.cfg.Limits.Affiliation = len(b.room.pub.members) + 2
	for _, role := range []mimi.RoleIndex{roleMember, roleGuest, roleBanned} {
		var list mimi.ParticipantListUpdate
		for _, name := range []string{"eve", "mallory", "trudy"} {
			list.Added = append(list.Added, mimi.Participant{User: mimi.MustURI("mimi://c.example/u/" + name), Role: role})
		}
		if a := bob.commitOf(listUpdate(list)); a.Code != mimi.UpdateNotAllowed || !strings.Contains(a.Text, fullListText) {
			t.Errorf("role %d: %+v", role, a)
		}
	}
	list := mimi.ParticipantListUpdate{Added: []mimi.Participant{{User: mimi.MustURI("mimi://c.example/u/eve"), Role: roleMember}, {User: mimi.MustURI("mimi://c.example/u/mallory"), Role: roleMember}}}
	if a := bob.commitOf(listUpdate(list)); a.Code != mimi.UpdateSuccess {
		t.Errorf("up to it: %+v", a)
	}
}
