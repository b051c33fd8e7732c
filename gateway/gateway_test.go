package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anteroom/mimi"
	"anteroom/store"
	"anteroom/store/memstore"
	"anteroom/xmpp"
)

const (
	juliet = "juliet@a.example/balcony"
	romeo  = "romeo@a.example/garden"
)

func TestStanzasOfARoomKeepTheirOrder(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		want := []string{"joined " + juliet}
		for i := range 200 {
			b.say("garden", romeo, fmt.Sprint(i))
			want = append(want, fmt.Sprintf("%s: %d", romeo, i))
		}
		b.want("messages come in the order in which they were sent", juliet, want...)
	})
}

func TestManyRoomsShareOneWrite(t *testing.T) {
	reg := prometheus.NewRegistry()
	inBubble(t, func(b *bench) {
		for i := range 50 {
			b.join(fmt.Sprintf("r%d", i), juliet)
		}
		b.settle()
		if got := len(b.line.to(juliet)); got != 50 {
			t.Errorf("%d of 50 joins came through", got)
		}
		if got := len(b.g.RoomList()); got != 50 {
			t.Errorf("the directory lists %d rooms", got)
		}
	}, func(o *Options) { o.Registry = reg })
	if families, err := reg.Gather(); err != nil || len(families) == 0 {
		t.Errorf("no metrics: %v", err)
	} else {
		for _, f := range families {
			for _, m := range f.GetMetric() {
				for _, l := range m.GetLabel() {
					if strings.Contains(l.GetValue(), "r1") || strings.Contains(l.GetValue(), "juliet") {
						t.Errorf("%s is labelled %s=%s", f.GetName(), l.GetName(), l.GetValue())
					}
				}
			}
		}
	}
}

func TestFullMailboxRefusesAndOtherRoomsGoOn(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		// The room's lease is held by somebody else, so that its inputs wait for it to be loaded.
		if _, err := b.store.Claim(b.t.Context(), store.RoomLease("busy"), "another gateway", time.Minute); err != nil {
			t.Fatal(err)
		}
		b.g.dir.set(b.core.New("busy").Summary()) // known, so that it must be claimed
		taken := 0
		for range 20 {
			if b.say("busy", romeo, "x") {
				taken++
			}
		}
		if taken != 8 {
			t.Errorf("a mailbox of 8 took %d stanzas", taken)
		}
		b.say("garden", romeo, "still here")
		b.want("another room goes on", juliet, "joined "+juliet, romeo+": still here")
		time.Sleep(2 * Patience)
		b.settle()
		if got := b.line.to(romeo); len(got) != 8 || got[0] != "error internal-server-error wait" {
			t.Errorf("those who wait in vain hear of it: %q", got)
		}
	}, func(o *Options) { o.Mailbox = 8 })
}

func TestFastSenderIsRefusedAndMayStillLeave(t *testing.T) {
	inBubble(t, func(b *bench) {
		taken := 0
		for range 20 {
			if b.say("garden", romeo, "x") {
				taken++
			}
		}
		if taken != 5 {
			t.Errorf("a burst of 5 took %d", taken)
		}
		if !b.leave("garden", romeo) {
			t.Error("leaving is refused")
		}
		if !b.say("garden", juliet, "x") {
			t.Error("another user is refused")
		}
		time.Sleep(2 * time.Second)
		if !b.say("garden", romeo, "x") {
			t.Error("still refused after the pause")
		}
	}, func(o *Options) { o.MessageRate, o.MessageBurst = 1, 5 })
}

// Who sends too fast is told what is allowed and how long to wait; a request is counted like a message, an answer is not.
func TestFastSenderIsToldWhy(t *testing.T) {
	inBubble(t, func(b *bench) {
		send := func(typ string) *xmpp.StanzaError {
			return b.g.Deliver(&xmpp.Stanza{Kind: xmpp.IQ, Type: typ, ID: "i", From: xmpp.MustParseJID(romeo), To: xmpp.MustParseJID("garden@rooms.a.example")})
		}
		for range 4 {
			if e := send(xmpp.TypeGet); e != nil {
				t.Fatal(e)
			}
		}
		e := send(xmpp.TypeGet)
		if e == nil || e.Condition != xmpp.PolicyViolation || e.Type != xmpp.Wait ||
			e.Text != "you send too much: 0.5 stanzas per second, and 4 at once, are allowed to one user; try again in 2 s" {
			t.Errorf("the fifth request: %v", e)
		}
		if e := send(xmpp.TypeResult); e != nil {
			t.Errorf("a result: %v", e)
		}
		time.Sleep(2*time.Second - 1)
		if e := send(xmpp.TypeSet); e == nil {
			t.Error("taken before the time is over")
		}
		time.Sleep(time.Nanosecond)
		if e := send(xmpp.TypeSet); e != nil {
			t.Errorf("after the time: %v", e)
		}
	}, func(o *Options) { o.MessageRate, o.MessageBurst = 0.5, 4 })
}

// A user who floods a room as fast as the gateway lets it fills neither the room's mailbox nor another's: what others say comes
// through at once and in order.
func TestOneUsersFloodDelaysNobody(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		want := []string{"joined " + juliet}
		for n := range 5 {
			for i := range 100 {
				if taken := b.say("garden", romeo, "flood"); taken != (n == 0 && i < 12) {
					t.Fatalf("round %d: number %d of the flood taken: %v", n, i, taken)
				} else if taken {
					want = append(want, romeo+": flood")
				}
			}
			text := fmt.Sprintf("round %d", n)
			if !b.say("garden", juliet, text) || !b.join(fmt.Sprintf("hall%d", n), juliet) {
				t.Fatalf("round %d: another user's stanza is refused", n)
			}
			want = append(want, juliet+": "+text)
			b.settle()
		}
		var got []string
		for _, s := range b.line.to(juliet) {
			if s != "joined "+juliet || len(got) == 0 {
				got = append(got, s)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("juliet got %q, want %q", got, want)
		}
	}, func(o *Options) { o.Mailbox, o.MessageRate, o.MessageBurst = 16, 0.1, 12 })
}

func TestWatchedSendersAreBounded(t *testing.T) {
	r := newRates(1, 1)
	now := time.Now()
	for i := range 2*MaxSenders + 10 {
		r.allow(now, &xmpp.Stanza{Kind: xmpp.Message, From: xmpp.MustParseJID(fmt.Sprintf("u%d@a.example", i))})
	}
	if n := len(r.now) + len(r.old); n > 2*MaxSenders {
		t.Errorf("%d users are watched", n)
	}
}

// A write fails before or after it took effect, for each write of a short conversation: nobody loses a message, nobody gets one
// twice, and the room goes on.
func TestEveryWriteMayFail(t *testing.T) {
	for _, fault := range []memstore.Fault{memstore.Before, memstore.After} {
		for n := range uint64(12) {
			t.Run(fmt.Sprintf("fault %d at write %d", fault, n+1), func(t *testing.T) {
				inBubble(t, func(b *bench) {
					b.store.SetFaults(func(write uint64) memstore.Fault {
						if write == n+1 {
							return fault
						}
						return memstore.None
					})
					b.join("garden", juliet)
					want := []string{"joined " + juliet}
					for i := range 6 {
						b.settle()
						b.say("garden", romeo, fmt.Sprint(i))
						want = append(want, fmt.Sprintf("%s: %d", romeo, i))
						time.Sleep(700 * time.Millisecond)
					}
					time.Sleep(10 * time.Second)
					b.want("all messages once and in order", juliet, want...)
					if ids := b.line.ids(juliet); len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) {
						t.Errorf("an id was sent twice: %q", ids)
					}
				})
			})
		}
	}
}

// The process is killed after a write took effect and before its stanzas left, or before the write: the next process sends what
// was not sent, with the same ids, and nobody has to join again.
func TestKilledProcessIsContinued(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		time.Sleep(2 * FlushAfter)
		b.line.down = true // stanzas are queued, and nothing leaves
		b.say("garden", romeo, "stored and not sent")
		b.settle()
		ids := b.line.ids(juliet)
		b.crash()
		b.start()
		b.want("what was not sent is sent", juliet, romeo+": stored and not sent")
		if again := b.line.ids(juliet); len(again) != 1 || again[0] != ids[len(ids)-1] {
			t.Errorf("sent again with ids %q, before %q", again, ids)
		}
		b.say("garden", romeo, "and on")
		b.want("nobody has to join again", juliet, romeo+": stored and not sent", romeo+": and on")
		last := b.core.restored[len(b.core.restored)-1]
		if last.Clean {
			t.Error("a killed room was restored as clean")
		}
	})
}

func TestWhatWasSentIsNotSentAgain(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.say("garden", romeo, "hello")
		b.settle()
		time.Sleep(2 * FlushAfter)
		b.crash()
		b.start()
		b.want("progress was noted in time", juliet)
		if len(b.core.restored) != 1 || b.core.restored[0].Seq != 2 || b.core.restored[0].Sent != 2 {
			t.Errorf("restored as %+v", b.core.restored)
		}
	})
}

func TestGracefulStopLeavesRoomsClean(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		b.say("garden", romeo, "one")
		b.say("garden", romeo, "work") // comes back as an event
		b.stop()
		if got := b.line.to(juliet); len(got) != 3 || got[2] != "job: worked" {
			t.Errorf("before the end came %q", got)
		}
		b.line = &line{}
		b.opt.Server = b.line
		b.start()
		b.want("nothing is sent again", juliet)
		if n := len(b.core.restored); n != 1 || !b.core.restored[0].Clean || b.core.restored[0].Seq != 3 {
			t.Errorf("restored %d rooms, %+v", n, b.core.restored)
		}
		if b.g.Deliver(&xmpp.Stanza{}); b.g.stopping.Load() {
			t.Error("the new gateway stops")
		}
		b.say("garden", romeo, "two")
		b.want("and the room goes on", juliet, romeo+": two")
		time.Sleep(2 * FlushAfter)
		b.crash()
		b.start()
		if last := b.core.restored[len(b.core.restored)-1]; last.Clean {
			t.Error("the mark of a clean end outlived the next write")
		}
	})
}

func TestStopTakesNoNewWork(t *testing.T) {
	inBubble(t, func(b *bench) {
		g := b.g
		b.stop()
		if g.Deliver(&xmpp.Stanza{Kind: xmpp.Message, From: xmpp.MustParseJID(romeo), To: xmpp.MustParseJID("garden@rooms.a.example")}) == nil {
			t.Error("a stanza was taken after the stop")
		}
		if status, _ := g.Update(b.t.Context(), "b.example", mimi.MustURI("mimi://a.example/r/garden"), nil); status != http.StatusServiceUnavailable {
			t.Errorf("a request got status %d after the stop", status)
		}
		if err := g.Stop(b.t.Context()); err == nil {
			t.Error("stopped twice")
		}
	})
}

func TestTimersWakeRoomsThatWereDropped(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.say("garden", juliet, "wake 1h")
		b.leave("garden", juliet)
		b.settle()
		time.Sleep(DefaultIdle + 3*time.Second)
		b.settle()
		if n := loaded(b.g); n != 0 {
			t.Fatalf("%d rooms are loaded", n)
		}
		b.stop()
		b.start() // the directory remembers the time
		time.Sleep(time.Hour)
		b.settle()
		r, err := b.store.Load(b.t.Context(), "garden")
		if err != nil || len(r.Events) != 4 || !strings.Contains(string(r.Events[3]), "woken") {
			t.Errorf("events %q, %v", r.Events, err)
		}
	})
}

func loaded(g *Gateway) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.actors)
}

func TestRoomsThatDoNotExistCostNoWrite(t *testing.T) {
	inBubble(t, func(b *bench) {
		writes := b.store.Writes()
		for i := range 100 {
			b.say(fmt.Sprintf("none%d", i), romeo, "x")
		}
		b.settle()
		if n := b.store.Writes() - writes; n != 0 {
			t.Errorf("%d writes", n)
		}
		if n := loaded(b.g); n != 0 {
			t.Errorf("%d rooms stay loaded", n)
		}
		if got := b.line.to(romeo); len(got) != 100 || got[0] != "error item-not-found cancel" {
			t.Errorf("answers %q", got)
		}
	})
}

func TestDestroyedRoomLeavesATombstone(t *testing.T) {
	inBubble(t, func(b *bench) {
		var down atomic.Bool
		down.Store(true)
		b.posts.answer = func(_, _ string, _ int) (PeerReply, error) {
			if down.Load() {
				return PeerReply{}, errors.New("nobody there")
			}
			return PeerReply{Status: 201}, nil
		}
		b.join("garden", juliet)
		b.say("garden", juliet, "deliver b.example")
		b.say("garden", juliet, "end")
		b.want("the end is told", juliet, "joined "+juliet, juliet+": deliver b.example", "ended")
		if r, err := b.store.Load(b.t.Context(), "garden"); err != nil || len(r.Outbox) != 1 {
			t.Errorf("the room went while a provider waits for it: %+v, %v", r, err)
		}
		b.crash()
		b.posts.forget()
		down.Store(false)
		b.start()
		time.Sleep(BuryWithin + time.Second)
		b.settle()
		if got := b.posts.all(); len(got) != 1 {
			t.Errorf("the provider got %q", got)
		}
		r, err := b.store.Load(b.t.Context(), "garden")
		if err != nil || string(r.Tombstone) != "moved" {
			t.Errorf("tombstone %+v, %v", r, err)
		}
		if n := len(b.g.RoomList()); n != 0 {
			t.Errorf("the directory still lists %d rooms", n)
		}
		if last := b.core.restored[len(b.core.restored)-1]; string(last.Tombstone) != "moved" || last.Seq != 0 {
			t.Errorf("the core got %+v, not the tombstone", last)
		}
		b.crash()
		b.start()
		before := len(b.core.restored)
		b.join("garden", romeo)
		b.want("a new room of the same name begins anew", romeo, "joined "+romeo)
		if got := b.core.restored[before:]; len(got) == 0 || string(got[0].Tombstone) != "moved" {
			t.Errorf("after a restart the core got %+v, not the tombstone", got)
		}
	})
}

func TestRequestsOfProviders(t *testing.T) {
	inBubble(t, func(b *bench) {
		garden := mimi.MustURI("mimi://a.example/r/garden")
		b.join("garden", juliet)
		b.settle()
		if status, body := b.g.Update(b.t.Context(), "b.example", garden, []byte("hi")); status != 200 || string(body) != "took hi" {
			t.Errorf("update: %d %q", status, body)
		}
		b.want("and it is told", juliet, "joined "+juliet, "b.example: hi")
		for _, uri := range []string{"mimi://c.example/r/garden", "mimi://a.example/u/garden", "mimi://a.example/r/none"} {
			if status, _ := b.g.SubmitMessage(b.t.Context(), "b.example", mimi.MustURI(uri), nil); status != 404 {
				t.Errorf("%s: %d", uri, status)
			}
		}
		for room, want := range map[string]int{"mimi://a.example/r/garden": 403, "mimi://b.example/r/unknown": 404} {
			if status, _ := b.g.Notify(b.t.Context(), "b.example", mimi.MustURI(room), nil); status != want {
				t.Errorf("notify about %s: %d, want %d", room, status, want)
			}
		}
		b.store.SetFaults(func(uint64) memstore.Fault { return memstore.Before })
		if status, _ := b.g.GroupInfo(b.t.Context(), "b.example", garden, nil); status != 503 {
			t.Errorf("a request that could not be stored: %d", status)
		}
		b.store.SetFaults(nil)
		b.store.FailAfter(1)
		if status, body := b.g.Update(b.t.Context(), "b.example", garden, []byte("unknown")); status != 200 || string(body) != "took unknown" {
			t.Errorf("a request whose write took effect: %d %q", status, body)
		}
		ctx, cancel := context.WithCancel(b.t.Context())
		cancel()
		if status, _ := b.g.Update(ctx, "b.example", garden, nil); status != 503 && status != 200 {
			t.Errorf("a request given up: %d", status)
		}
	})
}

// What comes at once need not fit into one write: a turn ends when it is large enough.
func TestLargeTurnsAreCut(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		busy, n := make(chan bool), MaxBatch
		b.g.put("garden", item{ask: func(*actor) { <-busy }, at: time.Now()})
		for range n {
			b.say("garden", juliet, "bulk")
		}
		close(busy)
		b.settle()
		if got := len(b.core.restored); got > 0 {
			t.Errorf("the room was restored %d times", got)
		}
		if got := b.line.to(juliet); len(got) != 1+n || got[n] != juliet+": bulk" {
			t.Errorf("%d messages came, the last is %q, want %d", len(got)-1, got[len(got)-1], n)
		}
	})
}

// What a room passes on to another is passed on also when its write took effect and nobody knew: the room has let go of it.
func TestForwardedAfterUnknownWrite(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.join("hall", romeo)
		time.Sleep(2 * FlushAfter)
		b.settle()
		b.store.FailAfter(1)
		b.say("garden", juliet, "forward hall")
		time.Sleep(2 * FlushAfter)
		b.settle()
		b.want("the message that was passed on", romeo, "joined "+romeo, juliet+": forwarded")
		b.want("in the first room", juliet, "joined "+juliet, juliet+": forward hall")
	})
}

func TestServiceAnswersAndSurvivesPanics(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		service := xmpp.MustParseJID("rooms.a.example")
		for _, body := range []string{"panic", "list"} {
			b.g.Deliver(&xmpp.Stanza{Kind: xmpp.Message, From: xmpp.MustParseJID(romeo), To: service, Payload: []*xmpp.Element{xmpp.TextElement(xmpp.NSClient, "body", body)}})
			b.settle()
		}
		if ids := b.line.ids(romeo); len(ids) != 2 || ids[1] != "1 rooms" || b.line.to(romeo)[0] != "error internal-server-error wait" {
			t.Errorf("answers %q %q", ids, b.line.to(romeo))
		}
	})
}

func TestLostLeaseDropsTheRoom(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		// Another process of the same owner claims the room and writes to it.
		fence, err := b.store.Claim(b.t.Context(), store.RoomLease("garden"), "anteroom", LeaseTime)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.store.Write(b.t.Context(), store.Batch{Room: "garden", Fence: fence, Seq: 1, Events: [][]byte{[]byte(`{"N":2,"Who":"other","Say":"x"}`)}}); err != nil {
			t.Fatal(err)
		}
		b.say("garden", romeo, "hello")
		b.settle()
		r, err := b.store.Load(b.t.Context(), "garden")
		if err != nil || len(r.Events) != 3 {
			t.Errorf("the room was not read anew: %q, %v", r.Events, err)
		}
		b.want("both are told, in order", juliet, "joined "+juliet, "other: x", romeo+": hello")
	})
}

func TestAdministration(t *testing.T) {
	inBubble(t, func(b *bench) {
		b.join("garden", juliet)
		b.settle()
		h := b.g.AdminHandler()
		for path, want := range map[string]string{
			"/rooms":                `"name": "garden"`,
			"/rooms/garden":         `"events": 1`,
			"/rooms/none":           "there is no such room",
			"/rooms/garden/members": "mimi://a.example/u/juliet",
		} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
			if !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %d %s", path, w.Code, w.Body)
			}
		}
	})
}

func TestOptionsThatAreMissing(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("a gateway without rooms, store and server")
	}
}
