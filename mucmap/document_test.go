package mucmap

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/roomdoc"
	"anteroom/xmpp"
)

func (b *bench) document(t *testing.T, kind RequestKind, provider string, body []byte) Reply {
	t.Helper()
	if err := b.step(Request{ID: "doc", Provider: provider, Kind: kind, Body: body}); err != nil {
		t.Fatal(err)
	}
	return b.reply["doc"]
}

func address(n int) string { return fmt.Sprintf("user%d@a.example", n) }

// draft-mahy-mimi-group-chat, "Specific examples": each preset is a room whose document is the one that made it, before and after a restart,
// and whose group has the policy.
func TestPresetsMakeRooms(t *testing.T) {
	names := map[string]roomdoc.Names{
		"one-on-one":         {Owners: []string{address(0)}, Admins: []string{address(1)}},
		"administrated":      {Owners: []string{address(0)}, Admins: []string{address(1)}, Members: []string{"mimi://b.example/u/bob"}},
		"open":               {Owners: []string{address(0)}},
		"semi-open":          {Owners: []string{address(0)}, Preauth: []roomdoc.Preauth{{Kind: roomdoc.Domain, Name: "a.example"}}},
		"moderated":          {Owners: []string{address(0)}},
		"fixed-with-logging": {Owners: []string{address(0)}, Admins: []string{address(1)}, Loggers: []string{address(2)}},
	}
	for _, preset := range roomdoc.Presets() {
		t.Run(preset, func(t *testing.T) {
			b := newBench(t)
			d, err := roomdoc.Preset(preset, names[preset])
			if err != nil {
				t.Fatal(err)
			}
			if r := b.document(t, RequestCreate, "a.example", d.Format()); r.Status != statusCreated {
				t.Fatalf("%d %s", r.Status, r.Body)
			}
			if r := b.document(t, RequestCreate, "a.example", d.Format()); r.Status != statusConflict {
				t.Errorf("a second time: %d %s", r.Status, r.Body)
			}
			d.OwningSystem = []string{b.svc.systemName()}
			for range 2 {
				if r := b.document(t, RequestDocument, "a.example", nil); r.Status != statusOK || !bytes.Equal(r.Body, d.Format()) {
					t.Errorf("%d, document\n%s\nwant\n%s", r.Status, r.Body, d.Format())
				}
				base := b.room.hub.State().Base()
				if base.FixedMembership != d.Policy.FixedMembership || base.MultiDevice != d.Policy.MultiDevice || base.Discoverable != d.Policy.Discoverable || !base.Persistent {
					t.Errorf("base policy %+v", base)
				}
				if err := b.restart(true); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestCreateRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, wants string }{
		"no document":          {`no`, "invalid character"},
		"no owner":             {`{"policy": {"open": true}}`, "owner"},
		"a system without key": {`{"system-auth": [{"system": "mimi://b.example/u/sys"}], "user-affiliations": {"owner": ["user0@a.example"]}}`, "system-auth"},
		"another's system":     {`{"owning-system": ["sys@b.example"], "user-affiliations": {"owner": ["user0@a.example"]}}`, "owning-system"},
		"no Welcome":           {`{"policy": {"welcome-directly": false}, "user-affiliations": {"owner": ["user0@a.example"]}}`, "welcome-directly"},
		"no address":           {`{"user-affiliations": {"owner": ["a.example"]}}`, "owner"},
		"a device":             {`{"user-affiliations": {"owner": ["user0@a.example/x"]}}`, "owner"},
		"the keeper":           {`{"user-affiliations": {"owner": ["mimi://a.example/u/garden!"]}}`, "owner"},
		"two names of one":     {`{"user-affiliations": {"owner": ["user0@a.example"], "member": ["mimi://a.example/u/user0"]}}`, "twice"},
		"a long name":          {`{"metadata": {"name": "` + strings.Repeat("x", maxName+1) + `"}, "user-affiliations": {"owner": ["user0@a.example"]}}`, "metadata: name is longer"},
		"a long language":      {`{"metadata": {"language": "` + strings.Repeat("x", maxLang+1) + `"}, "user-affiliations": {"owner": ["user0@a.example"]}}`, "metadata: language is longer"},
		"a strange subject":    {`{"metadata": {"subject": "\u0001"}, "user-affiliations": {"owner": ["user0@a.example"]}}`, "metadata: subject holds characters"},
		"a deceiving subject":  {`{"metadata": {"subject": "\u202e"}, "user-affiliations": {"owner": ["user0@a.example"]}}`, "metadata: subject is not possible"},
		"an unknown team":      {`{"preauth-admin": [{"team": "sales@example.com"}], "user-affiliations": {"owner": ["user0@a.example"]}}`, "sales@example.com"},
	} {
		b := newBench(t)
		if r := b.document(t, RequestCreate, "a.example", []byte(c.text)); r.Status != statusBadRequest || !strings.Contains(string(r.Body), c.wants) || b.room.Exists() {
			t.Errorf("%s: %d %s, want it to be about %s", name, r.Status, r.Body, c.wants)
		}
	}
	b := newBench(t)
	if r := b.document(t, RequestCreate, "b.example", []byte(`{"user-affiliations": {"owner": ["user0@a.example"]}}`)); r.Status != statusForbidden || b.room.Exists() {
		t.Errorf("by another provider: %d %s", r.Status, r.Body)
	}
}

func (b *bench) made(t *testing.T, d *roomdoc.Document) {
	t.Helper()
	if r := b.document(t, RequestCreate, "a.example", d.Format()); r.Status != statusCreated {
		t.Fatalf("%d %s", r.Status, r.Body)
	}
}

// Preauthorised users, everybody of a domain and of a team enter a members-only room, each in the role of the first entry that names it.
func TestPreauthorisedEnter(t *testing.T) {
	b := newBench(t)
	cfg := b.svc.cfg
	cfg.Teams = map[string][]xmpp.JID{"sales@example.com": {xmpp.MustParseJID(address(1))}}
	b.svc = &Service{cfg}
	b.room = b.svc.New(b.name)
	d, err := roomdoc.Preset("administrated", roomdoc.Names{Owners: []string{address(0)}})
	if err != nil {
		t.Fatal(err)
	}
	d.PreauthAdmin = []roomdoc.Preauth{{Kind: roomdoc.Team, Name: "sales@example.com"}}
	d.PreauthMember = []roomdoc.Preauth{{Kind: roomdoc.User, Name: address(2)}, {Kind: roomdoc.Domain, Name: "b.example"}}
	d.PreauthVisitor = []roomdoc.Preauth{{Kind: roomdoc.System, Name: address(3)}}
	b.made(t, d)
	for n, role := range []mimi.RoleIndex{roleOwner, roleAdmin, roleMember, roleVisitor, roleNone} {
		got := b.send(t, enter(n))
		u, err := b.svc.UserURI(xmpp.MustParseJID(address(n)))
		if err != nil {
			t.Fatal(err)
		}
		if is := b.room.pub.role(u); is != role || (b.room.pub.occupant(u) != nil) != (role != roleNone) {
			t.Errorf("user %d has role %d, want %d:\n%s", n, is, role, got)
		}
		if role == roleNone {
			wantIn(t, "a stranger enters", got, "registration-required")
		}
	}
	entries := b.room.hub.State().Preauth().Entries
	if len(entries) != 2 || entries[0].Role.Index != roleMember || entries[1].Role.Index != roleVisitor {
		t.Errorf("preauth_list of the group: %+v", entries)
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	if _, may := b.room.pub.preauthorised(mimi.MustURI("mimi://b.example/u/bob")); !may {
		t.Error("forgotten with the process")
	}

	// Members of other providers cannot see who is of a domain: who asks for the GroupInfo is told to ask again, listed, and joins then as any participant.
	bob, carol := newRemote(t, b, "mimi://b.example/d/bob/cli"), newRemote(t, b, "mimi://c.example/d/carol/cli")
	if _, ok := carol.groupInfo(carol.keyPackage("Carol")); ok || b.room.pub.role(mimi.MustURI("mimi://c.example/u/carol")) != roleNone {
		t.Error("somebody of another domain is let in")
	}
	kp := bob.keyPackage("Bob")
	b.disk.outbox = nil
	info, ok := bob.groupInfo(kp)
	if n := len(b.disk.outbox); !ok || b.room.pub.role(mimi.MustURI("mimi://b.example/u/bob")) != roleMember || n != 0 {
		t.Fatalf("bob is let in: %v, with role %d; %d deliveries are owed", ok, b.room.pub.role(mimi.MustURI("mimi://b.example/u/bob")), n)
	}
	b.out.Reset()
	bob.enterListed(info, kp)
	wantIn(t, "bob enters", b.out.String(), "Bob", "affiliation='member'")
}

// A room of fixed membership that must be logged: its users enter once the logger is there; nobody else does; nobody of them goes.
func TestFixedRoomWithLogging(t *testing.T) {
	b := newBench(t)
	d, err := roomdoc.Preset("fixed-with-logging", roomdoc.Names{Owners: []string{address(0)}, Admins: []string{address(1)}, Loggers: []string{address(2)}})
	if err != nil {
		t.Fatal(err)
	}
	b.made(t, d)
	wantIn(t, "before the logger", b.send(t, enter(0)), "this room is logged by its policy")
	wantIn(t, "the logger", b.send(t, enter(2)), "code='170'")
	wantIn(t, "after the logger", b.send(t, enter(0)), "code='110'")
	b.send(t, enter(1))
	wantIn(t, "a stranger", b.send(t, enter(4)), "registration-required")
	second := strings.Replace(enter(1), "/x'", "/y'", 1)
	wantIn(t, "a second device", b.send(t, second), "conflict")
	admin := func(item string) string {
		return "<iq from='user0@a.example/x' to='" + room + "' type='set' id='i'><query xmlns='http://jabber.org/protocol/muc#admin'>" + item + "</query></iq>"
	}
	wantIn(t, "a new member", b.send(t, admin("<item affiliation='member' jid='user5@a.example'/>")), "fixed-membership")
	wantIn(t, "an admin is banned", b.send(t, admin("<item affiliation='outcast' jid='user1@a.example'/>")), "fixed-remove")
	wantIn(t, "the logger is banned", b.send(t, admin("<item affiliation='outcast' jid='user2@a.example'/>")), "type='error'")
	if n := len(b.room.hub.State().Participants()); n != 4 {
		t.Errorf("%d participants, want three and the keeper", n)
	}
}

// The document goes to operators and to providers that take part or are preauthorised; others learn nothing of the room.
func TestDocumentForProviders(t *testing.T) {
	b := newBench(t)
	cfg := b.svc.cfg
	cfg.Teams = map[string][]xmpp.JID{"sales@example.com": {xmpp.MustParseJID(address(1)), xmpp.MustParseJID("u%eve%e.example@rooms.a.example")}}
	b.svc = &Service{cfg}
	b.room = b.svc.New(b.name)
	d, err := roomdoc.Preset("semi-open", roomdoc.Names{Owners: []string{address(0)}, Members: []string{"mimi://b.example/u/bob"},
		Preauth: []roomdoc.Preauth{{Kind: roomdoc.Domain, Name: "c.example"}, {Kind: roomdoc.Team, Name: "sales@example.com"}, {Kind: roomdoc.User, Name: "mimi://f.example/u/fay"}}})
	if err != nil {
		t.Fatal(err)
	}
	absent := b.document(t, RequestDocument, "b.example", nil)
	b.made(t, d)
	for provider, status := range map[string]int{"a.example": statusOK, "b.example": statusOK, "c.example": statusOK, "d.example": absent.Status, "e.example": statusOK, "f.example": statusOK} {
		r := b.document(t, RequestDocument, provider, nil)
		if r.Status != status {
			t.Errorf("%s: status %d, want %d: %s", provider, r.Status, status, r.Body)
		}
		if shows := bytes.Contains(r.Body, []byte(address(0))); shows != (provider == "a.example") {
			t.Errorf("%s is shown the owner's address: %v; the room hides it from others", provider, shows)
		}
		if r.Status == statusOK {
			if got, err := roomdoc.Parse(r.Body); err != nil || !slices.Contains(got.Affiliations.Member, "mimi://b.example/u/bob") || len(got.Affiliations.Owner) != 1 {
				t.Errorf("%s: %+v %v", provider, got, err)
			}
		}
	}
}
