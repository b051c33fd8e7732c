package mucmap

import (
	"strings"
	"testing"

	"anteroom/mimi"
	"anteroom/mls/wire"
)

// newTwo is the room of juliet and bob, before anything was said.
func newTwo(t *testing.T) (*bench, *guestHouse) {
	b := newBench(t)
	b.check = true
	b.name = b.svc.DirectName(julietURI, bobURI)
	b.room = b.svc.New(b.name)
	return b, newGuestHouse(t, b)
}

func toBob(text string) string {
	return "<message from='juliet@a.example/balcony' to='" + bobJID + "' type='chat' id='m'><body>" + text + "</body></message>"
}

// What is said before the other one is there waits, up to a bound, and is said when it comes; afterwards nobody can be added, not even by who
// made the room, and both speak (MAPPING §4; draft-ietf-mimi-room-policy-04 §6).
func TestDirectRoom(t *testing.T) {
	b, h := newTwo(t)
	h.consent = false
	for range MaxHeld {
		if out := b.send(t, toBob("Bob?")); strings.Contains(out, "error") {
			t.Fatalf("a message does not wait:\n%s", out)
		}
	}
	wantIn(t, "too many", b.send(t, toBob("Bob!")), "<resource-constraint")
	if owed := h.owed(); len(owed) != 1 || owed[0].Room != b.room.uri {
		t.Errorf("owed %+v", owed)
	}
	if err := b.restart(true); err != nil {
		t.Fatal(err)
	}
	h.consent = true
	wantIn(t, "bob is added", h.tell("b.example", h.grant()), "mimi://b.example/u/bob: role 0 to 2, 1 clients")
	if !h.join() {
		t.Fatal("bob got no Welcome that he can open")
	}
	h.bob.catchUp()
	if len(h.bob.heard) != MaxHeld || len(h.bob.failed) > 0 {
		t.Errorf("bob heard %d messages, failed %v", len(h.bob.heard), h.bob.failed)
	}
	state := b.room.hub.State()
	if !state.Base().FixedMembership || state.Can(julietURI, mimi.CanAddParticipant) || state.Can(julietURI, mimi.CanChangeRoleDefinitions) || len(state.Participants()) != 2 {
		t.Errorf("the room is open: %+v", state.Roles())
	}
	b.send(t, toBob("Hello"))
	if h.bob.catchUp(); h.bob.heard[len(h.bob.heard)-1] != "juliet: Hello" {
		t.Errorf("bob heard %q", h.bob.heard[len(h.bob.heard)-1])
	}
	b.out.Reset()
	if a := h.bob.say("Juliet", h.bob.client.ClientUser()); a.Code != mimi.SubmitAccepted {
		t.Fatalf("bob speaks: %+v", a)
	}
	wantIn(t, "bob speaks", b.out.String(), "to juliet@a.example\n", "<message from='"+bobJID+"'", "type='chat'", "<body>Juliet</body>")
	if !b.room.Idle() || !b.room.Exists() {
		t.Error("the room is not at rest")
	}
	if err := b.restart(false); err != nil { // an unclean end: the epoch is left before anything is said
		t.Fatal(err)
	}
	b.send(t, toBob("Still there?"))
	if h.bob.catchUp(); h.bob.heard[len(h.bob.heard)-1] != "juliet: Still there?" || len(h.bob.failed) > 0 {
		t.Errorf("bob heard %q, failed %v", h.bob.heard[len(h.bob.heard)-1], h.bob.failed)
	}
}

// What is not a message does not go in, and nobody else does.
func TestDirectRoomRefuses(t *testing.T) {
	b, _ := newTwo(t)
	for what, tt := range map[string]struct{ st, want string }{
		"iq":                {"<iq from='juliet@a.example/x' to='" + bobJID + "' type='get' id='q'><query xmlns='jabber:iq:version'/></iq>", "<service-unavailable"},
		"groupchat":         {"<message from='juliet@a.example/x' to='" + bobJID + "' type='groupchat' id='q'><body>x</body></message>", "<bad-request"},
		"somebody else":     {"<message from='romeo@a.example/x' to='" + bobJID + "' id='q'><body>x</body></message>", "<item-not-found"},
		"a join":            {"<presence from='juliet@a.example/x' to='" + b.name + "@rooms.a.example/J' id='q'>" + joinX + "</presence>", "<item-not-found"},
		"presence":          {"<presence from='juliet@a.example/x' to='" + bobJID + "'/>", ""},
		"a notice":          {"<message from='juliet@a.example/x' to='" + bobJID + "' type='chat' id='q'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>", ""},
		"an error":          {"<message from='juliet@a.example/x' to='" + bobJID + "' type='error' id='q'><body>x</body></message>", ""},
		"a subscription":    {"<presence from='juliet@a.example/x' to='" + bobJID + "' type='subscribe'/>", ""},
		"a groupchat, bare": {"<message from='juliet@a.example/x' to='" + bobJID + "' type='groupchat' id='q'/>", "<bad-request"},
	} {
		out := b.send(t, tt.st)
		if tt.want == "" && out != "" || tt.want != "" && !strings.Contains(out, tt.want) {
			t.Errorf("%s: want %q, got\n%s", what, tt.want, out)
		}
	}
	if b.room.Exists() {
		t.Error("the room was made")
	}
}

// The messages that wait come back when the other one refuses.
func TestDirectRoomBounces(t *testing.T) {
	b, h := newTwo(t)
	h.consent = false
	b.send(t, toBob("Bob?"))
	c := h.grant()
	c.Operation = mimi.ConsentRevoke
	b.out.Reset()
	if err := b.step(Request{ID: "consent", Provider: "b.example", Kind: RequestUpdateConsent, Body: wire.Marshal(&c)}); err != nil {
		t.Fatal(err)
	}
	wantIn(t, "refused", b.out.String(), "to juliet@a.example/balcony", "id='m' type='error'", "<forbidden", "from='"+bobJID+"'")
	b.peers = func(PeerRequest) (int, []byte) { return 504, nil }
	wantIn(t, "unreachable", b.send(t, toBob("Bob?")), "<remote-server-timeout")
	if len(b.room.pub.Held) != 0 {
		t.Error("messages still wait")
	}
}

// What is handed over from another room comes from our own provider alone; where the conversation has ended it comes back.
func TestHandOverIsAtHome(t *testing.T) {
	b := newBench(t)
	theirs, err := mimi.RoomURI("b.example", mimi.FixedMembershipName(julietURI.String(), bobURI.String()))
	if err != nil {
		t.Fatal(err)
	}
	b.name = b.svc.FollowedName(theirs)
	b.room = b.svc.New(b.name)
	w := wire.NewWriter(nil)
	w.Opaque(make([]byte, 16))
	w.U32(0)
	w.OpaqueString(toBob("Bob?"))
	for i, tt := range []struct {
		from string
		body []byte
		want int
	}{
		{"b.example", w.Bytes(), 403}, {"a.example", w.Bytes()[:30], 400}, {"a.example", append(w.Bytes(), 0), 400}, {"a.example", w.Bytes(), 201},
	} {
		b.out.Reset()
		id := string(rune('a' + i))
		if err := b.step(Request{ID: id, Provider: tt.from, Kind: RequestHandOver, Body: tt.body}); err != nil {
			t.Fatal(err)
		}
		if got := b.reply[id].Status; got != tt.want {
			t.Errorf("%d: %d %s, want %d", i, got, b.reply[id].Body, tt.want)
		}
		if came := strings.Contains(b.out.String(), "<recipient-unavailable"); came != (tt.want == 201) {
			t.Errorf("%d: the message comes back: %v", i, came)
		}
	}
}
