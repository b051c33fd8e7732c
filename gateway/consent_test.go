package gateway

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/store/memstore"
)

// A provider decides only for its own users, and learns nothing of who asked (draft-ietf-mimi-protocol-06 §5.7).
func TestUpdateConsent(t *testing.T) {
	juliet, bob := mimi.MustURI("mimi://a.example/u/juliet"), mimi.MustURI("mimi://b.example/u/bob")
	inBubble(t, func(b *bench) {
		if !b.join("garden", "juliet@a.example/x") {
			t.Fatal("juliet is refused")
		}
		b.settle()
		entry := func(change func(*mimi.ConsentEntry)) []byte {
			c := &mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: juliet, Target: bob, Room: mimi.MustURI("mimi://a.example/r/garden")}
			change(c)
			return wire.Marshal(c)
		}
		for _, tt := range []struct {
			why, peer string
			about     mimi.URI
			body      []byte
			status    int
		}{
			{"junk", "b.example", juliet, []byte("x"), http.StatusBadRequest},
			{"path names another", "b.example", mimi.MustURI("mimi://a.example/u/romeo"), entry(func(*mimi.ConsentEntry) {}), http.StatusBadRequest},
			{"a request", "b.example", juliet, entry(func(c *mimi.ConsentEntry) { c.Operation = mimi.ConsentRequest }), http.StatusBadRequest},
			{"for another provider's user", "c.example", juliet, entry(func(*mimi.ConsentEntry) {}), http.StatusForbidden},
			{"a room that nobody knows", "b.example", juliet, entry(func(c *mimi.ConsentEntry) { c.Room = mimi.MustURI("mimi://a.example/r/nowhere") }), http.StatusCreated},
			{"a room of another provider", "b.example", juliet, entry(func(c *mimi.ConsentEntry) { c.Room = mimi.MustURI("mimi://b.example/r/garden") }), http.StatusCreated},
			{"of nobody of ours", "b.example", bob, entry(func(c *mimi.ConsentEntry) { c.Requester = bob }), http.StatusNotFound},
		} {
			if status, body := b.g.UpdateConsent(b.t.Context(), tt.peer, tt.about, tt.body); status != tt.status {
				t.Errorf("%s: %d %q, want %d", tt.why, status, body, tt.status)
			}
		}
		if len(b.g.actors) != 1 {
			t.Errorf("%d rooms are loaded, want the one that juliet is in", len(b.g.actors))
		}
	})
}

// Consent for a room goes to that room, whoever owns it; consent for all rooms to each that waits for somebody's.
func TestUpdateConsentReachesRooms(t *testing.T) {
	juliet, bob := mimi.MustURI("mimi://a.example/u/juliet"), mimi.MustURI("mimi://b.example/u/bob")
	inBubble(t, func(b *bench) {
		names := []string{"garden", "hall%c.example", "waiting1", "waiting2%c.example"}
		for _, name := range names {
			if !b.join(name, "juliet@a.example/x") {
				t.Fatal("juliet is refused")
			}
		}
		b.settle()
		told := func(room mimi.URI) (list []string) {
			before := map[string]uint64{}
			for s := range b.g.dir.all() {
				before[s.Name] = b.epoch(s.Name)
			}
			body := wire.Marshal(&mimi.ConsentEntry{Operation: mimi.ConsentGrant, Requester: juliet, Target: bob, Room: room})
			if status, text := b.g.UpdateConsent(b.t.Context(), "b.example", juliet, body); status != http.StatusCreated {
				t.Errorf("%s: %d %q", room, status, text)
			}
			b.settle()
			for _, name := range names {
				if b.epoch(name) != before[name] {
					list = append(list, name)
				}
			}
			return list
		}
		for room, want := range map[string][]string{"": {"waiting1", "waiting2%c.example"}, "mimi://a.example/r/garden": {"garden"},
			"mimi://c.example/r/hall": {"hall%c.example"}} {
			var uri mimi.URI
			if room != "" {
				uri = mimi.MustURI(room)
			}
			if got := told(uri); !slices.Equal(got, want) {
				t.Errorf("%q: told %q, want %q", room, got, want)
			}
		}
	})
}

// epoch is the number of events of a room.
func (b *bench) epoch(name string) (n uint64) {
	done := make(chan uint64, 1)
	if err := b.g.inspect(b.t.Context(), name, func(a *actor) { done <- a.room.Describe().Epoch }); err != nil {
		b.t.Fatal(err)
	}
	return <-done
}

// A provider asks only for its own users, and only users of ours; what a room tells at home finds user and room.
func TestRequestConsent(t *testing.T) {
	juliet, bob, garden := mimi.MustURI("mimi://a.example/u/juliet"), mimi.MustURI("mimi://b.example/u/bob"), mimi.MustURI("mimi://b.example/r/garden")
	inBubble(t, func(b *bench) {
		entry := func(op mimi.ConsentOperation, requester, target mimi.URI) []byte {
			return wire.Marshal(&mimi.ConsentEntry{Operation: op, Requester: requester, Target: target, Room: garden})
		}
		for _, tt := range []struct {
			why, peer string
			about     mimi.URI
			body      []byte
			status    int
		}{
			{"bob asks", "b.example", juliet, entry(mimi.ConsentRequest, bob, juliet), http.StatusOK}, // as the small room answers
			{"junk", "b.example", juliet, []byte("x"), http.StatusBadRequest},
			{"path names another", "b.example", bob, entry(mimi.ConsentRequest, bob, juliet), http.StatusBadRequest},
			{"a grant", "b.example", juliet, entry(mimi.ConsentGrant, bob, juliet), http.StatusBadRequest},
			{"for another provider's user", "c.example", juliet, entry(mimi.ConsentRequest, bob, juliet), http.StatusForbidden},
			{"nobody of ours", "b.example", bob, entry(mimi.ConsentRequest, bob, bob), http.StatusNotFound},
		} {
			if status, body := b.g.RequestConsent(b.t.Context(), tt.peer, tt.about, tt.body); status != tt.status {
				t.Errorf("%s: %d %q, want %d", tt.why, status, body, tt.status)
			}
		}
		at := func(e mimi.Endpoint, uri mimi.URI) int {
			return b.g.errandsAtHome(b.t.Context(), &delivery{provider: "a.example", endpoint: e, uri: uri})
		}
		b.join("garden%b.example", "juliet@a.example/x")
		b.settle()
		for _, tt := range []struct {
			e    mimi.Endpoint
			uri  mimi.URI
			want int
		}{
			{mimi.EndpointUpdateConsent, juliet, 200}, {mimi.EndpointRequestConsent, garden, 200}, {mucmap.EndpointHandOver, garden, 200},
			{mimi.EndpointUpdateConsent, bob, 404}, {mimi.EndpointNotify, garden, 404},
		} {
			if got := at(tt.e, tt.uri); got != tt.want {
				t.Errorf("at home, %s about %s: %d, want %d", tt.e, tt.uri, got, tt.want)
			}
		}
	})
}

// A provider that asks everybody uses up what it may ask for itself; tomorrow it may go on.
func TestNewPersonsOfOneProvider(t *testing.T) {
	inBubble(t, func(b *bench) {
		ask := func(provider, user string) int {
			target, requester := mimi.MustURI("mimi://a.example/u/"+user), mimi.MustURI("mimi://"+provider+"/u/bob")
			status, _ := b.g.RequestConsent(b.t.Context(), provider, target, wire.Marshal(&mimi.ConsentEntry{Operation: mimi.ConsentRequest, Requester: requester, Target: target}))
			return status
		}
		for i := range MaxNewPersons {
			if status := ask("b.example", fmt.Sprint("u", i)); status != http.StatusOK { // as the small room answers
				t.Fatalf("question %d: %d", i, status)
			}
		}
		if status := ask("b.example", "juliet"); status != http.StatusServiceUnavailable {
			t.Errorf("one more: %d", status)
		}
		if status := ask("c.example", "juliet"); status != http.StatusOK {
			t.Errorf("another provider: %d", status)
		}
		time.Sleep(24 * time.Hour)
		if status := ask("b.example", "nurse"); status != http.StatusOK {
			t.Errorf("a day later: %d", status)
		}
	})
}

// Which rooms wait for consent is known without looking at all of them, also after a start.
func TestRoomsThatWaitAreIndexed(t *testing.T) {
	s := memstore.New()
	for _, name := range []string{"garden", "hall", "tower"} { // the directory forgets what is not there
		f, err := s.Claim(t.Context(), store.RoomLease(name), "o", time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), store.Batch{Room: name, Fence: f, Events: [][]byte{{1}}}); err != nil {
			t.Fatal(err)
		}
	}
	d := newDirectory(s, slog.New(slog.DiscardHandler))
	want := func(when string, d *directory, names ...string) {
		t.Helper()
		if got := d.awaiting(); !slices.Equal(got, names) {
			t.Errorf("%s: %q, want %q", when, got, names)
		}
	}
	for _, name := range []string{"tower", "garden", "hall"} {
		d.set(mucmap.Summary{Name: name, Awaiting: name != "hall"})
	}
	want("two wait", d, "garden", "tower")
	if !d.flush() {
		t.Fatal("not written")
	}
	again := newDirectory(s, d.log)
	if _, err := again.load(t.Context()); err != nil {
		t.Fatal(err)
	}
	want("after a start", again, "garden", "tower")
	d.set(mucmap.Summary{Name: "tower"})
	d.close("garden", time.Time{})
	want("one has its answer, one is not loaded any more", d, "garden")
	d.remove("garden")
	want("a room ends", d)
}
