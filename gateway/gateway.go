package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anteroom/store"
	"anteroom/xmpp"
)

// Options says what a gateway works with. Rooms, Store and Server are required; zero limits take their defaults.
type Options struct {
	Rooms  Rooms
	Store  store.Store
	Server Server
	Peers  Peers // nil: no other providers
	Bans   *Bans // that Rooms asks; nil: none

	Indicators Indicators // of the room core, which has them on; nil: off

	Owner    string // names this gateway in leases; the same after a restart, so that it gets its own rooms back at once
	Provider string // our MIMI provider name

	Log      *slog.Logger          // nil: none
	Registry prometheus.Registerer // nil: the figures are kept to itself
	Seed     func() [32]byte       // fresh randomness for each Step; nil: crypto/rand

	Mailbox      int           // items that may wait for one room
	History      int           // archive entries that a room is restored with
	MessageRate  float64       // stanzas per second and user; 0: no limit
	MessageBurst int           // stanzas of one user at once
	Outbox       int           // deliveries of all rooms that may wait for one provider; when there are more, the room that has the most loses its oldest
	OutboxAge    time.Duration // how long a delivery is tried
	Idle         time.Duration // how long a room without work stays in memory
	Farewell     bool          // Stop sends everybody out of the rooms (XEP-0045 §11.2) instead of keeping them for the next Start
	Workers      int           // commit jobs at the same time; 0: one for each processor
}

// Gateway runs the rooms of one service.
type Gateway struct {
	opt    Options
	log    *slog.Logger
	m      *metrics
	writer *writer
	dir    *directory
	outbox *outbox

	belongings *belongings
	indicators *indicators

	rates   *rates
	workers chan struct{} // semaphore of commit jobs
	loading chan struct{} // semaphore of loading rooms
	readers chan struct{} // semaphore of archive queries
	service *mailbox      // stanzas to the bare domain
	orders  chan struct{} // semaphore of orders of operators
	seeking chan struct{} // semaphore of searches of other providers

	mu          sync.Mutex
	actors      map[string]*actor
	quarantines map[string]quarantine
	wakes       map[string]*time.Timer // rooms that are not loaded and asked to be woken
	privileges  privileges
	announcing  bool // an announcement is on its way

	ctx         context.Context // ends when the gateway stops at once
	cancel      context.CancelFunc
	stopping    atomic.Bool
	stop        chan struct{} // closed when no new work is taken
	running     sync.WaitGroup
	jobs        sync.WaitGroup
	writing     sync.WaitGroup
	request     atomic.Uint64
	reports     reports
	newcomers   newcomers
	banning     sync.Mutex // bans are changed one by one
	maxRooms    int        // MaxActors
	maxFollowed int        // MaxFollowed
}

// New prepares a gateway; nothing runs before Start.
func New(opt Options) (*Gateway, error) {
	if opt.Rooms == nil || opt.Store == nil || opt.Server == nil {
		return nil, errors.New("gateway: Rooms, Store and Server are required")
	}
	opt.setDefaults()
	g := &Gateway{
		opt:         opt,
		log:         opt.Log,
		m:           newMetrics(opt.Registry),
		rates:       newRates(opt.MessageRate, opt.MessageBurst),
		workers:     make(chan struct{}, opt.Workers),
		loading:     make(chan struct{}, MaxLoading),
		readers:     make(chan struct{}, MaxReading),
		service:     newMailbox(MaxService),
		orders:      make(chan struct{}, MaxOrders),
		seeking:     make(chan struct{}, MaxSeeking),
		actors:      make(map[string]*actor),
		quarantines: make(map[string]quarantine),
		wakes:       make(map[string]*time.Timer),
		stop:        make(chan struct{}),

		maxRooms:    MaxActors,
		maxFollowed: MaxFollowed,
	}
	g.ctx, g.cancel = context.WithCancel(context.Background())
	g.writer = newWriter(opt.Store, g.m)
	g.dir = newDirectory(opt.Store, g.log)
	g.outbox = newOutbox(g)
	g.belongings, g.indicators = newBelongings(opt.Store, g.log), newIndicators()
	return g, nil
}

func (o *Options) setDefaults() {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Bans == nil {
		o.Bans = new(Bans)
	}
	if o.Owner == "" {
		o.Owner = "anteroom"
	}
	if o.Seed == nil {
		o.Seed = func() (seed [32]byte) {
			rand.Read(seed[:])
			return seed
		}
	}
	for _, f := range []struct {
		n   *int
		def int
	}{{&o.Mailbox, DefaultMailbox}, {&o.History, DefaultHistory}, {&o.Outbox, DefaultOutbox}, {&o.Workers, processors()}} {
		if *f.n <= 0 {
			*f.n = f.def
		}
	}
	o.History = min(o.History, store.MaxPage)
	if o.OutboxAge <= 0 {
		o.OutboxAge = DefaultOutboxAge
	}
	if o.Idle <= 0 {
		o.Idle = DefaultIdle
	}
}

// Start reads the directory of rooms and begins to run them: those that were open, have occupants or want to be woken are
// loaded in the background.
func (g *Gateway) Start(ctx context.Context) error {
	if err := g.loadBans(ctx); err != nil {
		return fmt.Errorf("gateway: cannot read the bans: %w", err)
	}
	rooms, err := g.dir.load(ctx)
	if err != nil {
		return fmt.Errorf("gateway: cannot read the directory of rooms: %w", err)
	}
	g.writing.Go(g.writer.run)
	g.writing.Go(g.dir.run)
	g.writing.Go(g.belongings.run)
	if g.opt.Indicators != nil {
		g.jobs.Go(g.resumeIndicators)
	}
	g.running.Go(g.serve)
	loaded, overdue := 0, time.Now()
	for _, e := range rooms {
		switch {
		case e.Open || e.Occupants > 0:
			loaded++
			g.rouse(e.Name)
		case !e.Wake.IsZero():
			if overdue.Before(e.Wake) {
				g.wakeAt(e.Name, e.Wake)
				continue
			}
			g.wakeAt(e.Name, overdue) // after a long time all rooms may be overdue
			overdue = overdue.Add(WakePace)
		}
	}
	g.log.Info("rooms found in the store", "rooms", len(rooms), "loading", loaded)
	return nil
}

// Deliver takes a stanza from the server. It never waits; an error says that it is not taken, and what its sender should be told.
func (g *Gateway) Deliver(st *xmpp.Stanza) *xmpp.StanzaError {
	now := time.Now()
	if g.stopping.Load() {
		return g.tooBusy("stopping")
	}
	if wait, ok := g.rates.allow(now, st); !ok {
		g.m.refused.WithLabelValues("rate").Inc()
		return g.rates.refusal(wait)
	}
	g.m.stanzas.WithLabelValues(st.Kind.String()).Inc()
	it := item{stanza: st, at: now}
	name, err := g.route(st)
	if err != nil {
		return err
	}
	if name == "" {
		if g.service.put(it) != putOK {
			return g.tooBusy("service")
		}
		return nil
	}
	if why := g.putOrWhy(name, it); why != "" {
		return g.tooBusy(why)
	}
	return nil
}

// route finds the room that a stanza is for; "": it is for the service itself. A panic of the core is the stanza's.
func (g *Gateway) route(st *xmpp.Stanza) (name string, err *xmpp.StanzaError) {
	defer func() {
		if p := recover(); p != nil {
			g.panicked("finding the room of a stanza", p)
			err = xmpp.NewError(xmpp.InternalServerError, "").WithType(xmpp.Wait)
		}
	}()
	return g.opt.Rooms.Route(st, g.dir.direct), nil
}

// busy says in words why a stanza is not taken, by the label of the counter.
var busy = map[string]string{
	"stopping": "the service is stopping; try again later",
	"service":  "the service has too much to do; try again later",
	"rooms":    "too many rooms are in use; try again later",
	"mailbox":  "too much waits for this room; try again later",
}

func (g *Gateway) tooBusy(why string) *xmpp.StanzaError {
	g.m.refused.WithLabelValues(why).Inc()
	return xmpp.NewError(xmpp.ResourceConstraint, busy[why])
}

// put gives an item to a room's actor, and starts one where there is none.
func (g *Gateway) put(name string, it item) bool {
	why := g.putOrWhy(name, it)
	if why != "" {
		g.m.refused.WithLabelValues(why).Inc()
	}
	return why == ""
}

// putOrWhy is put; a text says what there is too much of.
func (g *Gateway) putOrWhy(name string, it item) (why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for {
		a, ok := g.actors[name]
		if !ok {
			if len(g.actors) >= g.maxRooms || g.stopping.Load() {
				return "rooms"
			}
			a = g.begin(name)
		}
		switch a.box.put(it) {
		case putOK:
			return ""
		case putFull:
			return "mailbox"
		}
		delete(g.actors, name) // its actor is leaving
	}
}

// begin starts an actor; g.mu is held.
func (g *Gateway) begin(name string) *actor {
	a := newActor(g, name)
	g.actors[name] = a
	if t := g.wakes[name]; t != nil {
		t.Stop()
		delete(g.wakes, name)
	}
	g.m.rooms.Set(float64(len(g.actors)))
	g.running.Go(a.run)
	return a
}

// rouse loads a room that is not loaded.
func (g *Gateway) rouse(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.actors[name]; !ok && !g.stopping.Load() {
		g.begin(name)
	}
}

// forget removes an actor whose mailbox is closed.
func (g *Gateway) forget(a *actor, wake time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.actors[a.name] == a {
		delete(g.actors, a.name)
		if !wake.IsZero() {
			g.setWake(a.name, wake)
		}
	}
	g.m.rooms.Set(float64(len(g.actors)))
}

func (g *Gateway) wakeAt(name string, at time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.setWake(name, at)
}

func (g *Gateway) setWake(name string, at time.Time) {
	if g.stopping.Load() {
		return
	}
	if t := g.wakes[name]; t != nil {
		t.Stop()
	}
	g.wakes[name] = time.AfterFunc(max(time.Until(at), 0), func() {
		g.mu.Lock()
		delete(g.wakes, name)
		g.mu.Unlock()
		g.rouse(name)
	})
}

// force gives an item of ours to a room that is loaded.
func (g *Gateway) force(name string, it item) {
	g.mu.Lock()
	a := g.actors[name]
	g.mu.Unlock()
	if a != nil {
		a.box.force(it)
	}
}

// Stop ends the gateway: no new work is taken, what waits is worked on, commits under way come back, everything is stored and
// the rooms are left clean. When ctx ends first the rest is given up, as after a crash; the error says so.
func (g *Gateway) Stop(ctx context.Context) error {
	if g.stopping.Swap(true) {
		return errors.New("gateway: stopped twice")
	}
	g.mu.Lock()
	for name, t := range g.wakes {
		t.Stop()
		delete(g.wakes, name)
	}
	left := len(g.actors)
	if g.opt.Farewell {
		for _, a := range g.actors {
			a.box.force(item{shutdown: true, at: time.Now()})
		}
	}
	g.mu.Unlock()
	g.log.Info("stopping", "rooms", left)
	close(g.stop)
	g.outbox.stop()
	done := make(chan struct{})
	go func() {
		g.running.Wait()
		close(done)
	}()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = fmt.Errorf("gateway: not everything was stored in time: %w", ctx.Err())
		g.cancel()
		<-done
	}
	g.cancel()
	g.jobs.Wait()
	g.outbox.wait()
	close(g.writer.jobs)
	g.belongings.stop()
	g.dir.stop()
	g.writing.Wait()
	return err
}

// serve answers stanzas to the service itself, one after the other: they are rare and only look.
func (g *Gateway) serve() {
	for {
		items := g.service.take(MaxBatch)
		for _, it := range items {
			g.answerService(it.stanza)
		}
		if len(items) > 0 {
			continue
		}
		select {
		case <-g.service.bell:
		case <-g.stop:
			return
		}
	}
}
