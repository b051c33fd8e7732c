package gateway

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"testing"

	"anteroom/mimi"
	"anteroom/mls"
	"anteroom/mls/wire"
	"anteroom/store"
	"anteroom/xmpp"
)

func keyRequest(t *testing.T, requester, target, room string) []byte {
	t.Helper()
	client := mimi.MustURI("mimi://b.example/d/bob/cli")
	s, err := mls.NewSigner(1, mls.Seed{7})
	if err != nil {
		t.Fatal(err)
	}
	q := mimi.KeyMaterialRequest{Requester: mimi.MustURI(requester), Target: mimi.MustURI(target), Room: mimi.MustURI(room),
		Suites: []mls.CipherSuite{1}, SignatureKey: s.Public, Credential: mimi.BasicCredential(client)}
	if err := q.Sign(s); err != nil {
		t.Fatal(err)
	}
	return wire.Marshal(&q)
}

// keyMaterial goes by way of the hub to the target's provider (draft-ietf-mimi-protocol-06 §5.2).
func TestKeyMaterialIsRelayed(t *testing.T) {
	const bob, carol, garden = "mimi://b.example/u/bob", "mimi://c.example/u/carol", "mimi://a.example/r/garden"
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		ask := func(peer, target string, body []byte) (int, []byte) {
			return b.g.KeyMaterial(b.t.Context(), peer, mimi.MustURI(target), body)
		}
		good := keyRequest(t, bob, carol, garden)
		b.posts.answer = func(string, string, int) (PeerReply, error) {
			return PeerReply{Status: 200, Body: []byte("packages")}, nil
		}
		if status, body := ask("b.example", carol, good); status != 200 || string(body) != "took packages" || !slices.Equal(b.posts.all(), []string{"c.example " + string(good)}) {
			t.Errorf("relayed: %d %q, posted %d", status, body, len(b.posts.all()))
		}
		b.want("the room learns what c.example gave out", juliet, "joined "+juliet, "c.example: packages")
		b.posts.forget()
		for _, tt := range []struct {
			why, peer, target string
			body              []byte
			status            int
		}{
			{"no request at all", "b.example", carol, []byte("x"), http.StatusBadRequest},
			{"another user in the path", "b.example", "mimi://c.example/u/carl", good, http.StatusBadRequest},
			{"a client in place of a user", "b.example", "mimi://c.example/d/carol/cli", keyRequest(t, bob, "mimi://c.example/d/carol/cli", garden), http.StatusBadRequest},
			{"on behalf of another provider's user", "d.example", carol, good, http.StatusForbidden},
			{"with a broken signature", "b.example", carol, append(slices.Clone(good[:len(good)-1]), good[len(good)-1]^1), http.StatusForbidden},
			{"for a room that does not exist", "b.example", carol, keyRequest(t, bob, carol, "mimi://a.example/r/hall"), http.StatusNotFound},
			{"for a room that is not ours", "b.example", carol, keyRequest(t, bob, carol, "mimi://d.example/r/garden"), http.StatusNotFound},
		} {
			if status, body := ask(tt.peer, tt.target, tt.body); status != tt.status {
				t.Errorf("%s: %d %q", tt.why, status, body)
			}
		}
		if n := len(b.posts.all()); n != 0 {
			t.Errorf("%d refused requests were relayed", n)
		}

		own := "mimi://a.example/u/juliet"
		if status, body := ask("b.example", own, keyRequest(t, bob, own, "mimi://a.example/r/hall")); status != http.StatusNotFound {
			t.Errorf("our own user, for a room that is not there: %d %q", status, body)
		}
		for want, err := range map[int]error{http.StatusGatewayTimeout: context.DeadlineExceeded, http.StatusBadGateway: errors.New("refused")} {
			b.posts.answer = func(string, string, int) (PeerReply, error) { return PeerReply{}, err }
			if status, _ := ask("b.example", carol, good); status != want {
				t.Errorf("%v: status %d", err, status)
			}
		}
	})
}

func TestRoomsInMemoryAreBounded(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.g.maxRooms = 2
		for _, room := range []string{"one", "two"} {
			if !b.join(room, juliet) {
				t.Errorf("%s is refused", room)
			}
		}
		b.settle()
		if b.join("three", juliet) {
			t.Error("a third room is taken")
		}
		if !b.say("one", juliet, "x") {
			t.Error("a loaded room is refused")
		}
	})
}

func TestServiceMailboxIsBounded(t *testing.T) {
	inBubble(t, func(b *bench) {
		service := xmpp.Stanza{Kind: xmpp.IQ, Type: xmpp.TypeGet, ID: "1", From: xmpp.MustParseJID(juliet), To: xmpp.MustParseJID("rooms.a.example")}
		taken := 0
		for range 4 * MaxService {
			if b.g.Deliver(&service) == nil {
				taken++
			}
		}
		b.settle()
		if got := len(b.line.ids(juliet)); got != taken || taken < MaxService {
			t.Errorf("%d taken, %d answered", taken, got)
		}
		m := newMailbox(2)
		for i, want := range []putResult{putOK, putOK, putFull} {
			if got := m.put(item{}); got != want {
				t.Errorf("a mailbox of two answers %v to item %d", got, i+1)
			}
		}
	})
}

func TestGroupsAreBounded(t *testing.T) {
	w := newWriter(nil, newMetrics(nil))
	for range MaxGroup {
		w.jobs <- writeJob{}
	}
	group := []writeJob{{}}
	if held := w.gather(&group); held != nil || len(group) != MaxGroup {
		t.Errorf("a group of %d, held %v", len(group), held)
	}
	for len(w.jobs) > 0 {
		<-w.jobs
	}
	big := store.Batch{Snapshot: make([]byte, store.MaxBatchBytes*2/3)}
	w.jobs <- writeJob{batch: big}
	group = []writeJob{{batch: big}}
	if held := w.gather(&group); held == nil || len(group) != 1 {
		t.Errorf("two large batches are one group: %d", len(group))
	}
}
