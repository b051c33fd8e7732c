package main

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"testing"

	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mls/wire"
)

// testPost is a provider that takes what it is sent, or is not there.
type testPost struct {
	away  bool
	tried chan struct{}

	mu    sync.Mutex
	taken []mimi.ConsentEntry
}

func (p *testPost) Post(ctx context.Context, _ string, _ mimi.Endpoint, _ mimi.URI, body []byte) (mimihttp.Reply, error) {
	if p.away {
		p.tried <- struct{}{}
		<-ctx.Done()
		return mimihttp.Reply{}, ctx.Err()
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	var c mimi.ConsentEntry
	if err := wire.Unmarshal(body, &c); err != nil {
		return mimihttp.Reply{Status: 400}, nil
	}
	p.taken = append(p.taken, c)
	return mimihttp.Reply{Status: 201}, nil
}

// A decision about consent that its requester's provider has not heard of is told after a restart, once and in order (draft-ietf-mimi-protocol-06 §5.7).
func TestErrandsSurviveRestart(t *testing.T) {
	path := t.TempDir()
	run := func(p *testPost, commands ...string) {
		t.Helper()
		dir, err := openStateDir(path)
		if err != nil {
			t.Fatal(err)
		}
		defer dir.Close()
		c, err := newNativeClient(testBob.ClientUser(), dir, p, &clientPrinter{w: &bytes.Buffer{}}, vouching{})
		if err != nil {
			t.Fatal(err)
		}
		c.consent = consentAsk
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		c.start(ctx)
		for _, line := range commands {
			if _, err := c.command(line); err != nil {
				t.Fatal(err)
			}
		}
		if p.away {
			<-p.tried
			cancel()
		}
		c.wait()
	}
	alice := testAlice.ClientUser().String()
	run(&testPost{away: true, tried: make(chan struct{}, 1)}, "consent "+alice+" "+testRoom.String(), "refuse "+alice, "ask "+alice)
	back := &testPost{}
	run(back)
	var got []mimi.ConsentOperation
	for _, c := range back.taken {
		got = append(got, c.Operation)
	}
	if want := []mimi.ConsentOperation{mimi.ConsentGrant, mimi.ConsentRevoke, mimi.ConsentRequest}; !slices.Equal(got, want) || len(back.taken[0].KeyPackages) != 1 {
		t.Fatalf("told %v, want %v", got, want)
	}
	again := &testPost{}
	if run(again); len(again.taken) > 0 {
		t.Errorf("told twice: %+v", again.taken)
	}
}

// What a client owes is bounded.
func TestErrandsAreBounded(t *testing.T) {
	c := openClient(t, t.TempDir())
	c.state.Errands = make([]storedErrand, maxErrands)
	if _, err := c.command("ask " + testAlice.ClientUser().String()); err == nil || len(c.state.Errands) != maxErrands {
		t.Errorf("%d errands, %v", len(c.state.Errands), err)
	}
}
