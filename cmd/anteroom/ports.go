package main

import (
	"context"
	"sync/atomic"
	"time"

	"anteroom/gateway"
	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/xmpp"
	"anteroom/xmpp/component"
)

// server lets the gateway send through the component connection.
type server struct{ conn *component.Conn }

// Waits for room in the connection's queue. While there is no connection the queue only fills, and rooms should not stand still for it.
const (
	sendPatience = 30 * time.Second
	downPatience = 100 * time.Millisecond
)

func (s server) Send(ctx context.Context, stanzas []xmpp.Broadcast) (gateway.Mark, error) {
	patience := sendPatience
	if !s.conn.IsUp() {
		patience = downPatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	seq, err := s.conn.Broadcast(ctx, stanzas...)
	return gateway.Mark(seq), err
}

func (s server) Written() gateway.Mark { return gateway.Mark(s.conn.Written()) }

func (s server) Flush(ctx context.Context, m gateway.Mark) error {
	return s.conn.Flush(ctx, component.Seq(m))
}

// handler gives what the connection reads to the gateway. The connection begins before there is a gateway; it is set before Run.
type handler struct{ g *gateway.Gateway }

func (h *handler) Up()                                          {}
func (h *handler) Down(error)                                   {} // the connection logs it
func (h *handler) Written(component.Seq)                        {}
func (h *handler) HandleStanza(s xmpp.Stanza) *xmpp.StanzaError { return h.g.Deliver(&s) }

// peers lets the gateway reach other providers. The client is replaced when the configuration is read again.
type peers struct {
	client atomic.Pointer[mimihttp.Client]
}

func (p *peers) use(c *mimihttp.Client) {
	if old := p.client.Swap(c); old != nil {
		old.Close()
	}
}

func (p *peers) Post(ctx context.Context, provider string, e mimi.Endpoint, uri mimi.URI, body []byte) (gateway.PeerReply, error) {
	r, err := p.client.Load().Post(ctx, provider, e, uri, body)
	return gateway.PeerReply{Status: r.Status, Body: r.Body, RetryAfter: r.RetryAfter}, err
}

func (p *peers) Document(ctx context.Context, room mimi.URI) (gateway.PeerReply, error) {
	r, err := p.client.Load().Document(ctx, room)
	return gateway.PeerReply{Status: r.Status, Body: r.Body, RetryAfter: r.RetryAfter}, err
}
