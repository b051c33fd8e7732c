package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/content"
	"anteroom/mimi/follower"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
)

// posterFunc is a poster without a network.
type posterFunc func(ctx context.Context, e mimi.Endpoint, uri mimi.URI, body []byte) (int, []byte)

func (f posterFunc) Post(ctx context.Context, _ string, e mimi.Endpoint, uri mimi.URI, body []byte) (mimihttp.Reply, error) {
	status, answer := f(ctx, e, uri, body)
	return mimihttp.Reply{Status: status, Body: answer}, nil
}

// terminal collects what a client prints. It is safe for concurrent use.
type terminal struct {
	mu     sync.Mutex
	events []clientEvent
	text   bytes.Buffer
}

func (w *terminal) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var e clientEvent
	if err := json.Unmarshal(line, &e); err != nil {
		return 0, err
	}
	w.events = append(w.events, e)
	w.text.WriteString(clientText(&e))
	return len(line), nil
}

// told are the types of what was printed since the last call.
func (w *terminal) told() (types []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, e := range w.events {
		types = append(types, e.Type)
	}
	w.events = nil
	return types
}

// pairOf starts bob's client in a bubble, at a hub without network, and lets it join.
func pairOf(t *testing.T) (*testHub, *nativeClient, *terminal) {
	t.Helper()
	var h *testHub
	var c *nativeClient
	h = newTestRoom(t, posterFunc(func(ctx context.Context, _ mimi.Endpoint, uri mimi.URI, body []byte) (int, []byte) {
		return c.Notify(ctx, "a.example", uri, body)
	}))
	toHub := posterFunc(func(ctx context.Context, e mimi.Endpoint, uri mimi.URI, body []byte) (int, []byte) {
		switch e {
		case mimi.EndpointUpdate:
			return h.Update(ctx, "b.example", uri, body)
		case mimi.EndpointSubmitMessage:
			return h.SubmitMessage(ctx, "b.example", uri, body)
		case mimi.EndpointGroupInfo:
			return h.GroupInfo(ctx, "b.example", uri, body)
		case mimi.EndpointReportAbuse:
			return h.ReportAbuse(ctx, "b.example", uri, body)
		}
		return http.StatusNotFound, nil
	})
	dir, err := openStateDir(t.TempDir())
	h.must(err)
	w := &terminal{}
	c, err = newNativeClient(testBob.ClientUser(), dir, toHub, &clientPrinter{w: w, json: true}, vouching{authenticate: mimi.AuthenticateBasic})
	h.must(err)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() { cancel(); c.wait(); dir.Close() })
	c.start(ctx)
	tell(t, c, "join "+testRoom.String())
	if got := w.told(); !slices.Equal(got, []string{"joined", "epoch"}) {
		t.Fatalf("told %q of the join", got)
	}
	return h, c, w
}

func tell(t *testing.T, c *nativeClient, line string) {
	t.Helper()
	if _, err := c.command(line); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

// A commit never arrives and the hub says nothing more: the client comes back by itself, and says so in words.
func TestClientComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, w := pairOf(t)
		h.locked(func() {
			h.deaf = true
			h.commit(testKeeper, mls.CommitParams{})
			h.deaf = false
			h.say("unreadable")
		})
		synctest.Wait()
		if got := w.told(); len(got) != 0 {
			t.Errorf("told %q before anything is known to be lost", got)
		}
		time.Sleep(follower.GapPatience + time.Second)
		synctest.Wait()
		if got := slices.DeleteFunc(w.told(), func(s string) bool { return s == "dropped" }); !slices.Equal(got, []string{"lost", "resynced"}) {
			t.Errorf("told %q", got)
		}
		for _, want := range []string{testRoom.String() + ": behind: attempt 1", testRoom.String() + ": entered anew in epoch 4 as " + testBob.String()} {
			if !strings.Contains(w.text.String(), want) {
				t.Errorf("nothing of %q in\n%s", want, w.text.String())
			}
		}
		h.locked(func() { h.say("readable") })
		synctest.Wait() // it has arrived
		tell(t, c, "send "+testRoom.String()+" here I am")
		if got := w.told(); !slices.Equal(got, []string{"message", "sent"}) {
			t.Errorf("told %q afterwards", got)
		}
		// Once more, while keys of the first time are kept for a day: nothing of that is waited for.
		time.Sleep(time.Hour)
		h.locked(func() {
			h.deaf = true
			h.commit(testKeeper, mls.CommitParams{})
			h.deaf = false
			h.say("unreadable")
		})
		time.Sleep(follower.GapPatience + time.Second)
		synctest.Wait()
		if got := slices.DeleteFunc(w.told(), func(s string) bool { return s == "dropped" }); !slices.Equal(got, []string{"lost", "resynced"}) {
			t.Errorf("told %q of the second time", got)
		}
	})
}

// What cannot be stored when it is due is tried again.
func TestClientWakesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, w := pairOf(t)
		h.locked(func() {
			h.deaf = true
			h.commit(testKeeper, mls.CommitParams{})
			h.deaf = false
			h.say("unreadable")
		})
		synctest.Wait()
		c.mu.Lock()
		path := c.dir.path
		c.dir.path = filepath.Join(path, "missing")
		c.mu.Unlock()
		time.Sleep(follower.GapPatience + time.Second)
		synctest.Wait()
		if got := w.told(); !slices.Contains(got, "error") {
			t.Errorf("told %q without a place to store", got)
		}
		c.mu.Lock()
		c.dir.path = path
		c.mu.Unlock()
		time.Sleep(maxRetry)
		synctest.Wait()
		if got := w.told(); !slices.Contains(got, "resynced") {
			t.Errorf("told %q with one again", got)
		}
	})
}

// What the client says is stamped by a hub that stamps, and the stamp proves it: it committed to the text, as itself and for this room
// (draft-ietf-mimi-protocol-06 §5.4.1).
func TestClientCommitsToWhatItSays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, w := pairOf(t)
		tell(t, c, "send "+testRoom.String()+" buy my pills")
		if got := w.told(); !slices.Equal(got, []string{"sent"}) {
			t.Fatalf("told %q", got)
		}
		a := h.accepted
		m, err := content.Decode(a.Application.Data)
		h.must(err)
		if m.Sender != testBob.ClientUser().String() || m.Room != testRoom.String() {
			t.Errorf("the text is %q's in %q", m.Sender, m.Room)
		}
		said := &mimi.FrankingContext{Sender: testBob.ClientUser(), Room: testRoom, AcceptedAt: a.AcceptedAt}
		if a.Frank == nil || !a.Frank.Own(h.options.FrankKey, mimi.FrankingTag(m.Salt[:], a.Application.Data), said) {
			t.Errorf("the hub's stamp %+v does not prove the text", a.Frank)
		}
	})
}

// A commit that comes before its proposals waits for them: then it is told what was proposed, as it was when it was, and what became of it.
func TestProposalsBehindTheirCommit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h, c, w := pairOf(t)
		held := make(chan []byte, 2)
		h.locked(func() {
			h.outbox["b.example"] = held
			h.act(mimi.Why{}, h.role(testBob.ClientUser(), testVisitor))
		})
		proposal, commit := <-held, <-held
		for _, body := range [][]byte{commit, proposal} {
			if status, text := c.Notify(t.Context(), "a.example", testRoom, body); status != http.StatusCreated {
				t.Fatalf("%d %s", status, text)
			}
		}
		for _, e := range w.events {
			if len(e.Changes) != 1 || e.Changes[0].FromName != "guest" || e.Changes[0].RoleName != "visitor" {
				t.Errorf("%s: %+v", e.Type, e.Changes)
			}
		}
		if got := w.told(); !slices.Equal(got, []string{"proposed", "epoch"}) {
			t.Errorf("told %q", got)
		}
	})
}
