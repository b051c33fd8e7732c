package gateway

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"anteroom/mimi"
	"anteroom/mls/wire"
)

// A provider speaks for its own users, clients and rooms only, at every endpoint: what d.example says about those of others never
// reaches a room and nobody else. (What rooms themselves decide by the same rule is in mimi/hub: TestForgedUpdates, TestForgedMessages,
// TestGroupInfoRefusals.)
func TestNobodySpeaksForOthers(t *testing.T) {
	const bob, carol, juliet = "mimi://b.example/u/bob", "mimi://c.example/u/carol", "mimi://a.example/u/juliet"
	garden, foreign := mimi.MustURI("mimi://a.example/r/garden"), mimi.MustURI("mimi://b.example/r/hall")
	consent := func(op mimi.ConsentOperation, requester, target string) []byte {
		return wire.Marshal(&mimi.ConsentEntry{Operation: op, Requester: mimi.MustURI(requester), Target: mimi.MustURI(target)})
	}
	type call = func(context.Context, string, mimi.URI, []byte) (int, []byte)
	inBubble(t, func(b *bench) {
		g := b.g
		for _, test := range []struct {
			why    string
			call   call
			uri    mimi.URI
			body   []byte
			status int
		}{
			{"update of a room elsewhere", g.Update, foreign, []byte("x"), http.StatusNotFound},
			{"message to a room elsewhere", g.SubmitMessage, foreign, []byte("x"), http.StatusNotFound},
			{"group info of a room elsewhere", g.GroupInfo, foreign, []byte("x"), http.StatusNotFound},
			{"news of a room of another hub", g.Notify, foreign, []byte("x"), http.StatusForbidden},
			{"news of our own room", g.Notify, garden, []byte("x"), http.StatusForbidden},
			{"key packages for another provider's user", g.KeyMaterial, mimi.MustURI(carol), keyRequest(t, bob, carol, garden.String()), http.StatusForbidden},
			{"key packages for our own user", g.KeyMaterial, mimi.MustURI(carol), keyRequest(t, juliet, carol, garden.String()), http.StatusForbidden},
			{"key packages of our user for a room of another hub", g.KeyMaterial, mimi.MustURI(juliet), keyRequest(t, bob, juliet, foreign.String()), http.StatusForbidden},
			{"consent asked for another provider's user", g.RequestConsent, mimi.MustURI(juliet), consent(mimi.ConsentRequest, bob, juliet), http.StatusForbidden},
			{"consent asked for our own user", g.RequestConsent, mimi.MustURI(juliet), consent(mimi.ConsentRequest, juliet, juliet), http.StatusForbidden},
			{"consent given by another provider's user", g.UpdateConsent, mimi.MustURI(juliet), consent(mimi.ConsentGrant, juliet, bob), http.StatusForbidden},
			{"consent given by our own user", g.UpdateConsent, mimi.MustURI(juliet), consent(mimi.ConsentGrant, juliet, juliet), http.StatusForbidden},
			{"consent given to another provider's user", g.UpdateConsent, mimi.MustURI(bob), consent(mimi.ConsentGrant, bob, "mimi://d.example/u/dora"), http.StatusNotFound},
			{"path and body differ", g.UpdateConsent, mimi.MustURI(juliet), consent(mimi.ConsentGrant, bob, "mimi://d.example/u/dora"), http.StatusBadRequest},
		} {
			if status, text := test.call(b.t.Context(), "d.example", test.uri, bytes.Clone(test.body)); status != test.status {
				t.Errorf("%s: %d %q, want %d", test.why, status, text, test.status)
			}
		}
		b.settle()
		if n := len(b.posts.all()); n != 0 {
			t.Errorf("%d requests were sent to others", n)
		}
		if rooms := b.g.RoomList(); len(rooms) != 0 {
			t.Errorf("rooms came to be: %v", rooms)
		}
	})
}
