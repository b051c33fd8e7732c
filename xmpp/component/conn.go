package component

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"anteroom/xmpp"
)

// Seq is a place in the order of everything that was queued: the number of octets up to there. It only grows.
type Seq int64

// A Handler gets what a connection reads and learns how it fares. All methods are called from the connection's own
// goroutines, must not block and must not call back into [Conn.Send] without a deadline.
type Handler interface {
	// Up says that the handshake is done; stanzas follow.
	Up()
	// Down says why the connection ended or could not be made, as an *[Error]. It will be tried again. It is not called when
	// the connection is closed because the context of [Conn.Run] ended.
	Down(err error)
	// HandleStanza takes one stanza; both its addresses are present and To is in the component's domain. An error says
	// that it is not taken: its sender gets that error, where errors may be answered, and the log has its text.
	HandleStanza(s xmpp.Stanza) *xmpp.StanzaError
	// Written says that everything up to seq was handed to the kernel.
	Written(seq Seq)
}

// Config says where to connect and as whom. Zero durations and sizes mean the default in parentheses.
type Config struct {
	Domain xmpp.JID
	Secret string
	Addr   string // host:port

	Log  *slog.Logger                                                      // (slog.Default)
	Dial func(ctx context.Context, network, addr string) (net.Conn, error) // (net.Dialer)

	HandshakeTimeout time.Duration // dial, stream and handshake together (15s)
	WriteTimeout     time.Duration // one write (60s)
	CloseTimeout     time.Duration // writing the rest and closing the stream at the end (5s)
	PingAfter        time.Duration // between pings (60s)
	PingTimeout      time.Duration // of silence behind a ping that came after silence (30s)
	MinBackoff       time.Duration // first pause before dialling again (1s)
	MaxBackoff       time.Duration // longest pause (60s)
	MaxQueue         int           // octets waiting to be written (64 MiB)
}

func (c *Config) setDefaults() {
	def := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	def(&c.HandshakeTimeout, 15*time.Second)
	def(&c.WriteTimeout, 60*time.Second)
	def(&c.CloseTimeout, 5*time.Second)
	def(&c.PingAfter, 60*time.Second)
	def(&c.PingTimeout, 30*time.Second)
	def(&c.MinBackoff, time.Second)
	def(&c.MaxBackoff, 60*time.Second)
	if c.MaxQueue <= 0 {
		c.MaxQueue = 64 << 20
	}
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Dial == nil {
		c.Dial = new(net.Dialer).DialContext
	}
}

// Stats counts since the start.
type Stats struct {
	Connects   int64 // successful handshakes
	Received   int64 // stanzas handed to the handler
	Overloaded int64 // stanzas refused because the handler had no room
	Unreadable int64 // stanzas that were no acceptable stanzas
	Dropped    int64 // outgoing stanzas that the gate refused
	Queued     int64 // outgoing stanzas that passed the gate
}

type counters struct {
	connects, received, overloaded, unreadable, dropped, queued atomic.Int64
}

// A Conn is one component connection, made again whenever it ends.
type Conn struct {
	cfg   Config
	h     Handler
	gate  xmpp.Gate
	queue *queue
	count counters
	up    atomic.Bool
	token string // tells our pings from those of another gateway

	dropLog, readLog, refuseLog, sharedLog logLimit
}

// New is a connection that [Conn.Run] will make.
func New(cfg Config, h Handler) (*Conn, error) {
	if !cfg.Domain.IsBare() || cfg.Domain.Local() != "" {
		return nil, errors.New("component: Domain must be a domain alone")
	}
	if cfg.Addr == "" {
		return nil, errors.New("component: Addr is missing")
	}
	cfg.setDefaults()
	return &Conn{cfg: cfg, h: h, gate: xmpp.NewGate(cfg.Domain), queue: newQueue(cfg.MaxQueue), token: strconv.FormatUint(rand.Uint64(), 36)}, nil
}

// Run connects and stays connected until ctx ends; then it writes what is queued, closes the stream and returns nil. It must be
// called once.
func (c *Conn) Run(ctx context.Context) error {
	pause := c.cfg.MinBackoff
	for ctx.Err() == nil {
		started := time.Now()
		err := c.session(ctx)
		if err == nil {
			break
		}
		c.h.Down(err)
		// Two components that throw each other out both connect with success: only a connection that lasted resets the pause.
		if time.Since(started) > c.cfg.MaxBackoff {
			pause = c.cfg.MinBackoff
		}
		wait := pause/2 + rand.N(pause/2+1)
		c.report(err, wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		pause = min(2*pause, c.cfg.MaxBackoff)
	}
	c.queue.close()
	return nil
}

// report writes the one log line of a failure.
func (c *Conn) report(err error, wait time.Duration) {
	var e *Error
	if !errors.As(err, &e) {
		e = classify(c.cfg.Addr, err)
	}
	level := slog.LevelError
	if e.Cause == ShuttingDown {
		level = slog.LevelWarn
	}
	c.cfg.Log.Log(context.Background(), level, "component connection: "+e.Cause.String(), "advice", e.Cause.Advice(),
		"server", c.cfg.Addr, "domain", c.cfg.Domain.String(), "retry_in", wait.Round(time.Millisecond).String(), "error", err.Error())
}

// IsUp says whether the handshake is done and the connection has not been found dead.
func (c *Conn) IsUp() bool { return c.up.Load() }

// Stats is a snapshot of the counters.
func (c *Conn) Stats() Stats {
	return Stats{
		Connects: c.count.connects.Load(), Received: c.count.received.Load(), Overloaded: c.count.overloaded.Load(),
		Unreadable: c.count.unreadable.Load(), Dropped: c.count.dropped.Load(), Queued: c.count.queued.Load(),
	}
}

// Broadcast queues stanzas in order, waiting while the queue is full. What the gate refuses is dropped, counted and logged,
// and the rest goes on. It gives the place behind the last stanza. On an error, which wraps [ErrFull] when ctx ended the wait,
// the first part of the stanzas may be queued.
func (c *Conn) Broadcast(ctx context.Context, batch ...xmpp.Broadcast) (Seq, error) {
	for _, b := range batch {
		if err := c.gate.CheckTemplate(b.Template); err != nil {
			c.drop(err, len(b.To))
			continue
		}
		if err := c.broadcastOne(ctx, b); err != nil {
			return c.queue.end(), err
		}
	}
	return c.queue.end(), nil
}

// burst is how many stanzas are queued under one lock, so that nobody waits long for it.
const burst = 256

func (c *Conn) broadcastOne(ctx context.Context, b xmpp.Broadcast) error {
	for to := b.To; len(to) > 0; {
		n := min(burst, len(to))
		refused := 0
		err := c.queue.add(ctx, func(q *queue) {
			for _, j := range to[:n] {
				if c.gate.CheckRecipient(b.Template, j) != nil {
					refused++
					continue
				}
				buf := q.space(b.Template.Size(j))
				q.fill(b.Template.AppendTo(buf, j))
			}
		})
		if err != nil {
			return err
		}
		if refused > 0 {
			c.drop(c.gate.CheckRecipient(b.Template, xmpp.JID{}), refused)
		}
		c.count.queued.Add(int64(n - refused))
		to = to[n:]
	}
	return nil
}

// Send queues one stanza, waiting while the queue is full. A stanza that the gate refuses is dropped, counted and logged, and
// the gate's error returned.
func (c *Conn) Send(ctx context.Context, s xmpp.Stanza) (Seq, error) {
	b, err := c.gate.Append(nil, &s)
	if err != nil {
		c.drop(err, 1)
		return c.queue.end(), err
	}
	return c.enqueue(ctx, b)
}

// SendBytes queues one encoded stanza as [Conn.Send] does.
func (c *Conn) SendBytes(ctx context.Context, b []byte) (Seq, error) {
	if err := c.gate.CheckBytes(b); err != nil {
		c.drop(err, 1)
		return c.queue.end(), err
	}
	return c.enqueue(ctx, b)
}

func (c *Conn) enqueue(ctx context.Context, b []byte) (Seq, error) {
	err := c.queue.add(ctx, func(q *queue) { q.fill(append(q.space(len(b)), b...)) })
	if err == nil {
		c.count.queued.Add(1)
	}
	return c.queue.end(), err
}

func (c *Conn) drop(err error, stanzas int) {
	c.count.dropped.Add(int64(stanzas))
	if ok, suppressed := c.dropLog.allow(time.Now()); ok {
		c.cfg.Log.Error("outgoing stanza dropped: it would have made the server close the stream",
			"stanzas", stanzas, "error", err.Error(), "suppressed", suppressed)
	}
}

// Written is the place up to which everything was handed to the kernel.
func (c *Conn) Written() Seq { return c.queue.writtenSeq() }

// Flush waits until everything up to seq was handed to the kernel.
func (c *Conn) Flush(ctx context.Context, seq Seq) error { return c.queue.wait(ctx, seq) }
