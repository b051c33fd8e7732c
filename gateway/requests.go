package gateway

import (
	"context"
	"net/http"
	"time"

	"anteroom/mimi"
	"anteroom/mucmap"
)

// post brings a room's request to its hub and the answer back to the room. A room has one on its way at most: an earlier one is given
// up, since the room knows its outcome. What must not be lost with the process is in the room's secrets, and the restored room asks again.
func (a *actor) post(requests []mucmap.PeerRequest) {
	if len(requests) == 0 {
		return
	}
	a.unpost()
	ctx, cancel := context.WithCancel(a.g.ctx)
	a.cancelPost = cancel
	q := requests[len(requests)-1]
	incarnation, box := a.incarnation, a.box
	a.g.jobs.Go(func() {
		defer cancel()
		if answer, ok := a.g.answerOf(ctx, q); ok {
			box.force(item{answered: &peerAnswer{answer, incarnation}, at: time.Now()})
		}
	})
}

// ask brings requests to other providers and their answers back to the room. They are independent of each other and end with the process.
func (a *actor) ask(requests []mucmap.PeerRequest) {
	for _, q := range requests {
		incarnation, box := a.incarnation, a.box
		a.g.jobs.Go(func() {
			if answer, ok := a.g.answerOf(a.g.ctx, q); ok {
				box.force(item{answered: &peerAnswer{answer, incarnation}, at: time.Now()})
			}
		})
	}
}

// unpost gives up the request that is on its way, if any.
func (a *actor) unpost() {
	if a.cancelPost != nil {
		a.cancelPost()
		a.cancelPost = nil
	}
}

// peerAnswer is what came of a request.
type peerAnswer struct {
	mucmap.Answered
	incarnation int // of the room that asked
}

// answerOf posts until there is an answer. False: given up because the gateway stops or the room knows better.
func (g *Gateway) answerOf(ctx context.Context, q mucmap.PeerRequest) (mucmap.Answered, bool) {
	failed := func(text string) (mucmap.Answered, bool) {
		return mucmap.Answered{Request: q, Status: http.StatusGatewayTimeout, Body: []byte(text)}, true
	}
	var uri mimi.URI
	var err error
	if q.Room != "" {
		uri, err = mimi.ParseURI(q.Room)
	}
	switch {
	case q.Provider == g.opt.Provider && q.Endpoint == string(mimi.EndpointIdentifierQuery): // a user of ours searches at home
		status, body := g.IdentifierQuery(ctx, q.Provider, q.Body)
		return mucmap.Answered{Request: q, Status: status, Body: body}, true
	case err != nil || g.opt.Peers == nil:
		return failed("this provider has no way to others")
	case q.Endpoint == string(mimi.EndpointIdentifierQuery):
		select {
		case g.seeking <- struct{}{}:
			defer func() { <-g.seeking }()
		default:
			return mucmap.Answered{Request: q, Status: http.StatusServiceUnavailable, Body: []byte("too many searches are on the way")}, true
		}
	}
	began := time.Now()
	for n := 1; ; n++ {
		reply, err := g.opt.Peers.Post(ctx, q.Provider, mimi.Endpoint(q.Endpoint), uri, q.Body)
		if err == nil && !transient(reply.Status) {
			g.m.posts.WithLabelValues("answered").Inc()
			return mucmap.Answered{Request: q, Status: reply.Status, Body: reply.Body}, true
		}
		if ctx.Err() != nil {
			return mucmap.Answered{}, false
		}
		g.m.posts.WithLabelValues("retry").Inc()
		if n == 1 {
			g.log.Warn("hub does not answer; trying again", "provider", q.Provider, "endpoint", q.Endpoint, "room", q.Room, "status", reply.Status, "error", err)
		}
		pause := max(backoff(n), reply.RetryAfter)
		if q.Patience > 0 && time.Since(began)+pause > q.Patience {
			return failed("the room's provider cannot be reached now")
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return mucmap.Answered{}, false
		case <-g.stop:
			t.Stop()
			return mucmap.Answered{}, false
		}
	}
}
