package main

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls/wire"
)

// maxErrands bounds what a client owes to other providers.
const maxErrands = 256

// storedErrand is a word about consent, or a report of abuse, that a provider has not taken yet. It is stored before it leaves and sent until it is taken, after
// a restart too; to one provider in order.
type storedErrand struct {
	Endpoint mimi.Endpoint
	User     mimi.URI // whom it is about, of the provider that gets it; of a report the room
	Body     []byte
}

// owe stores an errand and sends it.
func (c *nativeClient) owe(e mimi.Endpoint, user mimi.URI, q wire.Marshaler) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.state.Errands) >= maxErrands {
		return fmt.Errorf("%s: %d words to other providers wait already", e, maxErrands)
	}
	next := *c.state
	next.Errands = append(slices.Clone(c.state.Errands), storedErrand{e, user, wire.Marshal(q)})
	if err := c.dir.save(&next); err != nil {
		return err
	}
	c.state = &next
	c.runErrands()
	return nil
}

// runErrands begins to send what is owed; c.mu is held.
func (c *nativeClient) runErrands() {
	if c.ctx == nil || c.ctx.Err() != nil {
		return
	}
	for _, e := range c.state.Errands {
		if provider := e.User.Provider(); !c.running[provider] {
			ctx := c.ctx
			c.running[provider] = true
			c.senders.Go(func() { c.errands(ctx, provider) })
		}
	}
}

// firstErrand is what a provider gets next; nil: nothing, and nobody sends to it any more.
func (c *nativeClient) firstErrand(provider string) *storedErrand {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range c.state.Errands {
		if c.state.Errands[i].User.Provider() == provider {
			return &c.state.Errands[i]
		}
	}
	delete(c.running, provider)
	return nil
}

// errands sends what is owed to a provider until nothing is, or the client ends.
func (c *nativeClient) errands(ctx context.Context, provider string) {
	wait := firstRetry
	for e := c.firstErrand(provider); e != nil; e = c.firstErrand(provider) {
		reply, err := c.http.Post(ctx, provider, e.Endpoint, e.User, e.Body)
		if err == nil && reply.Status != http.StatusTooManyRequests && reply.Status < http.StatusInternalServerError {
			switch {
			case e.Endpoint == mimi.EndpointReportAbuse:
				c.print.reported(e.User, &reply)
			case reply.Status != http.StatusCreated:
				c.print.error(fmt.Errorf("%s at %s: status %d", e.Endpoint, provider, reply.Status))
			}
			if err = c.taken(e); err == nil {
				wait = firstRetry
				continue
			}
		}
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = fmt.Errorf("%s at %s: status %d", e.Endpoint, provider, reply.Status)
		}
		c.print.error(fmt.Errorf("%w; trying again", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(max(wait, reply.RetryAfter)):
		}
		wait = min(2*wait, maxRetry)
	}
}

// taken forgets an errand that its provider answered.
func (c *nativeClient) taken(e *storedErrand) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.state.Errands, func(s storedErrand) bool { return s.User == e.User && bytes.Equal(s.Body, e.Body) })
	if i < 0 {
		return nil
	}
	next := *c.state
	next.Errands = slices.Delete(slices.Clone(c.state.Errands), i, i+1)
	if err := c.dir.save(&next); err != nil {
		return err
	}
	c.state = &next
	return nil
}
