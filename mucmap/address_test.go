package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/xmpp"

	"pgregory.net/rapid"
)

// The addresses of MAPPING §4, both ways.
func TestAddresses(t *testing.T) {
	s := testService(t)
	for _, c := range []struct{ jid, uri string }{
		{"juliet@a.example", "mimi://a.example/u/juliet"},
		{"juliet@other.example", "mimi://a.example/u/juliet%40other.example"},
		{"u%bob%b.example@rooms.a.example", "mimi://b.example/u/bob"},
		{"u%=42ob=20=c3=a9%b.example@rooms.a.example", "mimi://b.example/u/Bob%20%C3%A9"},
	} {
		j := xmpp.MustParseJID(c.jid)
		u, err := s.UserURI(j)
		if err != nil || u.String() != c.uri {
			t.Errorf("%s is %s (%v), want %s", c.jid, u, err, c.uri)
		}
		if back := s.UserJID(u); back != j {
			t.Errorf("%s is %s, want %s", u, back, j)
		}
	}
	for _, j := range []string{"a.example", "juliet@rooms.a.example", "u%bob@rooms.a.example", "u%bob%a.example@rooms.a.example", "u%BOB=4%b.example@rooms.a.example"} {
		if u, err := s.UserURI(xmpp.MustParseJID(j)); err == nil {
			t.Errorf("%s is no user, read as %s", j, u)
		}
	}
}

// What people type names the same user and room by address, by URI and by the URI of draft-mahy-mimi-group-chat.
func TestTypedNames(t *testing.T) {
	s := testService(t)
	bob, garden := mimi.MustURI("mimi://b.example/u/bob"), mimi.MustURI("mimi://b.example/r/garden")
	for _, name := range []string{"u%bob%b.example@rooms.a.example", bob.String(), "im:mimi=%40bob@b.example", "im:mimi=@bob@B.example"} {
		if u, err := s.documentUser(name); err != nil || u != bob {
			t.Errorf("%s in a document: %s %v", name, u, err)
		}
		if u, ok := s.namedUser(name); !ok || u != bob {
			t.Errorf("%s in a message: %s %v", name, u, ok)
		}
	}
	for _, name := range []string{"garden%b.example@rooms.a.example", garden.String(), "im:mimi=garden@b.example"} {
		if u, ok := s.namedRoom(name); !ok || u != garden {
			t.Errorf("%s in a message: %s %v", name, u, ok)
		}
		if j, err := s.ParseVenue(name); err != nil || j.String() != "garden%b.example@rooms.a.example" {
			t.Errorf("%s as a venue: %s %v", name, j, err)
		}
	}
	for _, handle := range []string{"juliet@a.example", "im:juliet@a.example", "mimi://a.example/u/juliet", "im:mimi=%40juliet@a.example"} {
		if u := s.handleOf(handle); u.String() != "mimi://a.example/u/juliet" {
			t.Errorf("%s in a search: %s", handle, u)
		}
	}
	for _, name := range []string{"im:mimi=garden@b.example", "im:mimi=%40bob", "im:bob@b.example", "mimi:bob"} {
		if u, err := s.documentUser(name); err == nil {
			t.Errorf("%s in a document: %s", name, u)
		}
	}
}

// Every room has one URI. Others lead neither to it, nor to what no room's address can name: persons, rooms elsewhere.
func TestOneURIPerRoom(t *testing.T) {
	s := testService(t)
	for _, uri := range []string{"mimi://a.example/r/%3Dgarden", "mimi://a.example/r/%3D%40juliet", "mimi://a.example/r/%3Dgarden%25b.example",
		"mimi://a.example/r/%3DCAF%C3%89", "mimi://a.example/r/%3Da%20%C3%A9", "mimi://a.example/r/%3D", "mimi://a.example/r/garden!"} {
		if local := s.RoomName(mimi.MustURI(uri)); local != "" {
			t.Errorf("%s leads to %q", uri, local)
		}
	}
}

// A room's localpart and its MIMI name determine each other; names with "%" are those of rooms elsewhere.
func TestRoomNames(t *testing.T) {
	s := testService(t)
	for local, want := range map[string]string{"garden": "garden", "a=20b": "a b", "café": "=café", "a=2": "=a=2"} {
		u, ok := s.roomURI(local)
		if !ok || u.Name() != want || s.RoomName(u) != local {
			t.Errorf("%q is %v %v and back %q, want the name %q", local, u, ok, s.RoomName(u), want)
		}
	}
	for _, local := range []string{"", "garden%b.example", "=3dx"} {
		if u, ok := s.roomURI(local); ok {
			t.Errorf("%q is no room of ours, read as %s", local, u)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		local := rapid.StringMatching(`[a-z0-9=._~+é-]{1,20}`).Draw(t, "localpart")
		if u, ok := s.roomURI(local); ok && s.addressable(local) && s.RoomName(u) != local {
			t.Fatalf("%q becomes %s becomes %q", local, u, s.RoomName(u))
		}
		name := rapid.StringMatching(`[A-Za-z0-9 =%/é._~-]{1,20}`).Draw(t, "name")
		u, err := mimi.UserURI("b.example", name)
		if err != nil {
			return
		}
		if back, err := s.UserURI(s.UserJID(u)); err != nil || back != u {
			t.Fatalf("%s becomes %s becomes %s (%v)", u, s.UserJID(u), back, err)
		}
	})
}

// No XMPP user can have the keeper's name or the hub's.
func TestKeeperIsNoUser(t *testing.T) {
	s := testService(t)
	for _, u := range []mimi.URI{s.keeperURI("garden"), mimi.MustURI("mimi://a.example/u/%2Fhub")} {
		if !strings.Contains(u.Name(), "/") {
			t.Errorf("%s has a name that a localpart could be", u)
		}
		if back, err := s.UserURI(s.UserJID(u)); err == nil && back == u {
			t.Errorf("%s has the XMPP address %s", u, s.UserJID(u))
		}
	}
}
