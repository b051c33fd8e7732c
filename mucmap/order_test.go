package mucmap

import (
	"encoding/json"
	"strings"
	"testing"

	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// order gives an operator's order to the room; it returns the answer and what else went out.
func (b *bench) order(t *testing.T, kind RequestKind, body string) (Reply, string) {
	t.Helper()
	b.out.Reset()
	delete(b.reply, "order")
	if err := b.step(Request{ID: "order", Kind: kind, Body: []byte(body)}); err != nil {
		t.Fatal(err)
	}
	r, ok := b.reply["order"]
	if !ok {
		t.Fatal("no answer")
	}
	return r, b.out.String()
}

func destroyOrder(t *testing.T, d muc.Destroy) string {
	t.Helper()
	b, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Operators tell everybody present something, which is nobody's message, and destroy a room whoever owns it (XEP-0045 §10.9).
func TestOrders(t *testing.T) {
	b := newBench(t)
	for _, kind := range []RequestKind{RequestAnnounce, RequestDestroy} {
		if r, _ := b.order(t, kind, "hello"); r.Status != statusNotFound {
			t.Errorf("no room: %+v", r)
		}
	}
	b.send(t, enter(0)+enter(1))
	for text, status := range map[string]int{"": statusBadRequest, strings.Repeat("x", MaxAnnouncement+1): statusBadRequest, "\x01": statusBadRequest, strings.Repeat("x", MaxAnnouncement): statusOK} {
		if r, _ := b.order(t, RequestAnnounce, text); r.Status != status {
			t.Errorf("%d bytes: %+v", len(text), r)
		}
	}
	said := b.room.pub.Said
	r, out := b.order(t, RequestAnnounce, "Back at noon")
	wantIn(t, "announcement", out, "to user0@a.example/x, user1@a.example/x", "<message from='garden@rooms.a.example'", "<body>Back at noon</body>")
	if r.Status != statusOK || b.room.pub.Said != said || strings.Contains(out, "stanza-id") {
		t.Errorf("%+v; archived: %v", r, b.room.pub.Said != said)
	}
	for why, body := range map[string]string{"junk": "x", "long reason": destroyOrder(t, muc.Destroy{Reason: strings.Repeat("x", maxReason+1)}),
		"long password": destroyOrder(t, muc.Destroy{Password: strings.Repeat("x", maxPassword+1)}), "control": destroyOrder(t, muc.Destroy{Reason: "\x01"})} {
		if r, _ := b.order(t, RequestDestroy, body); r.Status != statusBadRequest {
			t.Errorf("%s: %+v", why, r)
		}
	}
	r, out = b.order(t, RequestDestroy, destroyOrder(t, muc.Destroy{Reason: "spam", Venue: xmpp.MustParseJID("meadow@rooms.a.example")}))
	wantIn(t, "destroying", out, "<destroy jid='meadow@rooms.a.example'><reason>spam</reason>", "room is gone")
	if r.Status != statusOK {
		t.Errorf("%+v", r)
	}
	wantIn(t, "the name points to the other room", b.send(t, enter(2)), "<gone", "meadow@rooms.a.example")
	wantIn(t, "for the owner, too, who did not close it", b.send(t, enter(0)), "<gone", "meadow@rooms.a.example")
}

// With participants elsewhere the order is answered before the commits that it takes.
func TestOrderToDestroyAFederatedRoom(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0))
	newRemote(t, b, "mimi://b.example/d/bob/cli").join("Bob")
	r, out := b.order(t, RequestDestroy, destroyOrder(t, muc.Destroy{Reason: "spam"}))
	if r.Status != statusAccepted {
		t.Errorf("%+v", r)
	}
	wantIn(t, "destroying", out, "<destroy><reason>spam</reason>", "room is gone", "deliver notify to b.example")
}

// Who comes while the others are still being removed is told where to go already.
func TestEnteringWhileTheRoomIsEmptied(t *testing.T) {
	b := newBench(t)
	b.send(t, enter(0))
	newRemote(t, b, "mimi://b.example/d/bob/cli").join("Bob")
	b.hold = true
	b.order(t, RequestDestroy, destroyOrder(t, muc.Destroy{Venue: xmpp.MustParseJID("meadow@rooms.a.example")}))
	first := b.held[0]
	b.held = nil
	if err := b.run(first); err != nil || !b.room.pub.Closing || len(b.held) != 1 {
		t.Fatalf("%v; the removal is not under way: %d jobs", err, len(b.held))
	}
	for _, who := range []int{0, 1} {
		wantIn(t, "entering", b.send(t, enter(who)), "<gone", "xmpp:meadow@rooms.a.example?join")
	}
}
