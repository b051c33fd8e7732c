package mucmap

import (
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
)

// used says that a key package for a room was used, as the room tells it.
func (h *home) used(provider string, room mimi.URI) int {
	c := &mimi.ConsentEntry{Operation: mimi.ConsentCancel, Requester: julietURI, Target: julietURI, Room: room}
	return h.step(Request{ID: "u", Provider: provider, Kind: RequestRequestConsent, Body: wire.Marshal(c)}).Status
}

// With `others few` everybody gets a small number of key packages without consent, and a further one when one was used or cannot be used any more.
// Decisions go before it.
func TestFewKeysWithoutConsent(t *testing.T) {
	h := newHome(t)
	h.say("others few")
	for i := range MaxUnasked {
		if !h.may([]mimi.URI{atBob, atBob2}[i%2]) {
			t.Fatalf("key package %d is refused", i)
		}
	}
	if h.may(atBob) {
		t.Errorf("more than %d are out", MaxUnasked)
	}
	if s := h.used("b.example", atBob); s != 403 || h.may(atBob) {
		t.Errorf("bob's provider says that one was used: %d", s)
	}
	if s := h.used("a.example", mimi.MustURI("mimi://b.example/r/third")); s != 201 || h.may(atBob) {
		t.Errorf("one for another room: %d", s)
	}
	if s := h.used("a.example", atBob2); s != 201 || !h.may(atBob) || h.may(atBob) {
		t.Errorf("one was used: %d, and one further key package is not given", s)
	}
	h.now = h.now.Add(keyPackageLifetime + time.Hour)
	for i := range 3 {
		if got, want := h.may(atBob), i < 2; got != want {
			t.Errorf("when the time of the earlier ones is over, key package %d is given: %v", i, got)
		}
	}
	h.say("allow mimi://b.example/u/bob")
	for range MaxUnasked + 1 {
		if !h.may(atBob) {
			t.Error("consent is not enough")
		}
	}
	h.say("deny mimi://b.example/u/bob")
	h.now = h.now.Add(keyPackageLifetime + time.Hour)
	if h.may(atBob) {
		t.Error("who is refused gets key packages")
	}
}

// What others can make a user's person keep of key packages is bounded.
func TestFewKeysAreBounded(t *testing.T) {
	p := &person{user: julietURI, Default: openFew}
	at := time.Unix(1, 0)
	for i := range MaxConsents + 1 {
		u, err := mimi.UserURI("b.example", "u"+utoa(uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		if err := p.mayHaveKeys(at, u, atBob); (err == nil) != (i < MaxConsents) {
			t.Fatalf("requester %d: %v", i, err)
		}
	}
}

// A question that the user's own message implied to be answered makes room, what the user said itself does not.
func TestImpliedConsentMakesRoom(t *testing.T) {
	p := &person{user: julietURI}
	at := time.Unix(1, 0)
	for i := range MaxConsents {
		u, err := mimi.UserURI("b.example", "u"+utoa(uint64(i)))
		if err != nil {
			t.Fatal(err)
		}
		p.note(at, u, atBob, granted)
	}
	p.Consents[7].Implied = true
	if !p.note(at, bobURI, atBob, refused) || p.find(bobURI, atBob) == nil || len(p.Consents) != MaxConsents {
		t.Error("implied consent does not make room")
	}
	if p.note(at, bobURI, atBob2, refused) {
		t.Error("a decision was forgotten")
	}
}
