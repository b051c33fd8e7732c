package main

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"anteroom/config"
	"anteroom/gateway"
	"anteroom/internal/parallel"
	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
	"anteroom/mucmap"
	"anteroom/store"
	"anteroom/xmpp/component"
)

type serveCommand struct{ configFile }

// stopPatience bounds a graceful stop; what is not stored by then is as after a crash.
const stopPatience = 10 * time.Second

// reconnectWithin bounds the pause between attempts to reach the XMPP server: users wait for it.
const reconnectWithin = 20 * time.Second

// hubSuite is the cipher suite of the hub's signature key: the one that every MIMI room can use.
const hubSuite = mls.CipherSuite(1)

// Run serves until SIGTERM or SIGINT. A second one ends the process at once.
func (c *serveCommand) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	level := new(slog.LevelVar)
	s := &service{file: c.configFile, cfg: cfg, level: level, log: newLogger(os.Stderr, cfg.Log, level)}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stop := make(chan struct{})
	go s.listen(signals, stop, cancel)
	if err := s.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil // stopped while it started
		}
		s.closeAll()
		return err
	}
	select {
	case <-stop:
		return s.stop()
	case err := <-s.failed:
		return errors.Join(err, s.stop())
	}
}

// service is a running gateway with its transports.
type service struct {
	file  configFile
	cfg   *config.Config // goroutine of listen, after start
	level *slog.LevelVar
	log   *slog.Logger

	store    store.Store
	conn     *component.Conn
	gateway  *gateway.Gateway
	bans     gateway.Bans // which the rooms ask
	peers    *peers
	identity atomic.Pointer[mimihttp.Identity]
	believes credentials
	servers  []*http.Server
	checks   []check
	closing  atomic.Bool
	mu       sync.Mutex // start against reload

	connCancel context.CancelFunc
	connDone   chan struct{}
	failed     chan error // of a listener
}

// listen acts on signals until the process ends. The first SIGTERM or SIGINT stops, the second exits.
func (s *service) listen(signals <-chan os.Signal, stop chan<- struct{}, cancel context.CancelFunc) {
	stopped := false
	for sig := range signals {
		switch {
		case sig == syscall.SIGHUP:
			s.reload()
		case stopped:
			s.log.Error("second signal: exiting at once", "signal", sig.String())
			os.Exit(1)
		default:
			stopped = true
			s.log.Info("stopping on signal", "signal", sig.String())
			_ = notify("STOPPING=1")
			cancel()
			close(stop)
		}
	}
}

func (s *service) start(ctx context.Context) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Info("starting", "version", fullVersion(), "domain", s.cfg.Component.Domain, "provider", s.cfg.Provider.Domain)
	if s.store, err = openStore(ctx, &s.cfg.Store, s.log); err != nil {
		return err
	}
	rooms, err := s.rooms(ctx)
	if err != nil {
		return err
	}
	reg := prometheus.NewRegistry()
	if err := s.connect(reg, rooms); err != nil {
		return err
	}
	if err := s.gateway.Start(ctx); err != nil {
		s.gateway = nil
		return err
	}
	s.failed = make(chan error, 3)
	if err := s.openListeners(reg); err != nil {
		return errors.Join(err, s.gateway.Stop(ctx))
	}
	connCtx, connCancel := context.WithCancel(context.Background())
	s.connCancel, s.connDone = connCancel, make(chan struct{})
	go func() {
		defer close(s.connDone)
		_ = s.conn.Run(connCtx) // ends when connCtx does, always with nil
	}()
	go watchdog(ctx, s.store.Ping)
	go s.announce(ctx)
	return nil
}

// announce tells systemd, and the log, when everything is up for the first time.
func (s *service) announce(ctx context.Context) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for len(missing(ctx, s.checks)) > 0 {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	s.log.Info("ready")
	if err := notify("READY=1"); err != nil {
		s.log.Warn("systemd was not told that we are ready", "error", err)
	}
}

// rooms makes the room core.
func (s *service) rooms(ctx context.Context) (*mucmap.Service, error) {
	var seed mls.Seed
	rand.Read(seed[:])
	hub, err := hubSigner(ctx, s.store, hubSuite, seed)
	if err != nil {
		return nil, err
	}
	core := mucmap.Config{
		Domain:      s.cfg.ComponentJID(),
		Provider:    s.cfg.Provider.Domain,
		Users:       s.cfg.Provider.Users,
		Hub:         hub,
		Software:    software,
		Version:     fullVersion(),
		Started:     time.Now(),
		Contact:     mucmap.Contact(s.cfg.Contact),
		Operators:   s.cfg.Operators(),
		Teams:       s.cfg.Rooms.Members(),
		Bans:        s.bans.Now,
		PingAfter:   s.cfg.Limits.PingAfter.D(),
		GuestLinger: s.cfg.Limits.GuestLinger.D(),
		NoLock:      !s.cfg.Rooms.Locking,
		LockTimeout: s.cfg.Rooms.LockTimeout.D(),
		Bookmarks:   s.cfg.Rooms.Bookmarks,
		Indicators:  true,
		Search:      searchPolicy(s.cfg.Provider.Search),
		Limits:      roomLimits(&s.cfg.Limits),
		Parallel:    parallel.Do,

		RenewEncryption: s.cfg.Rooms.RenewEncryption.D(),
		RenewSignature:  s.cfg.Rooms.RenewSignature.D(),
	}
	if s.cfg.Federated() {
		authority, err := s.credentials(s.cfg)
		if err != nil {
			return nil, err
		}
		core.Authenticate = s.believes.authenticate
		if authority != nil {
			core.Issue = s.believes.issue
		}
	}
	return mucmap.NewService(core)
}

// searchPolicy says what other providers may search for here.
func searchPolicy(search string) mucmap.SearchPolicy {
	return mucmap.SearchPolicy{NoUsers: search != "all" && search != "users", NoRooms: search != "all" && search != "rooms"}
}

// roomLimits are the limits of each room.
func roomLimits(l *config.Limits) mucmap.Limits {
	return mucmap.Limits{Occupants: l.Occupants, History: l.History, Nick: l.Nick, Renewal: l.ShortestRenewal.D(), Gap: l.GapPatience.D(), Rates: mucmap.Rates{
		Messages: rateOf(l.RoomRate, l.RoomBurst), Joins: rateOf(l.JoinRate, l.Occupants)}}
}

// rateOf is so many per second after a burst; 0 per second is no limit.
func rateOf(perSecond float64, burst int) mucmap.Rate {
	if perSecond == 0 {
		return mucmap.Rate{Burst: 1 << 30, Every: time.Nanosecond}
	}
	return mucmap.Rate{Burst: burst, Every: time.Duration(float64(time.Second) / perSecond)}
}

// connect makes the component connection and the gateway, which need each other; neither runs yet.
func (s *service) connect(reg *prometheus.Registry, rooms *mucmap.Service) (err error) {
	h := new(handler)
	s.conn, err = component.New(component.Config{
		Domain: s.cfg.ComponentJID(),
		Secret: s.cfg.Component.Secret.Reveal(),
		Addr:   net.JoinHostPort(s.cfg.Component.Host, strconv.Itoa(s.cfg.Component.Port)),
		Log:    s.log,

		MaxBackoff: reconnectWithin,
		MaxQueue:   s.cfg.Limits.Unsent << 20,
	}, h)
	if err != nil {
		return err
	}
	opt := gateway.Options{
		Rooms: gateway.Core(rooms), Bans: &s.bans, Indicators: rooms, Store: s.store, Server: server{s.conn}, Owner: owner(s.cfg), Provider: s.cfg.Provider.Domain,
		Log: s.log, Registry: reg,
		Mailbox: s.cfg.Limits.Mailbox, History: max(s.cfg.Limits.History, 1),
		MessageRate: s.cfg.Limits.MessageRate, MessageBurst: s.cfg.Limits.MessageBurst,
		Outbox: s.cfg.Limits.Outbox, OutboxAge: s.cfg.Limits.OutboxAge.D(), Idle: s.cfg.Limits.Idle.D(), Farewell: s.cfg.Rooms.Farewell,
	}
	if s.cfg.Federated() {
		if err := s.usePeers(s.cfg); err != nil {
			return err
		}
		opt.Peers = s.peers
	}
	s.gateway, err = gateway.New(opt)
	h.g = s.gateway
	observeConnection(reg, s.conn)
	return err
}

// owner names this gateway in leases: the same after a restart, another on another machine.
func owner(cfg *config.Config) string {
	host, err := os.Hostname()
	if err != nil {
		host = "localhost"
	}
	return host + "/" + cfg.Component.Domain
}

// usePeers reads certificates and makes the client for other providers anew.
func (s *service) usePeers(cfg *config.Config) error {
	id, err := mimihttp.LoadIdentity(cfg.Provider.Certificate, cfg.Provider.Key, cfg.Provider.Trust)
	if err != nil {
		return err
	}
	s.identity.Store(id)
	if s.peers == nil {
		s.peers = new(peers)
	}
	s.peers.use(mimihttp.NewClient(mimihttp.ClientConfig{Domain: cfg.Provider.Domain, Identity: id, Peers: cfg.Provider.Peers, Networks: cfg.Provider.Prefixes()}))
	return nil
}

// openListeners opens what is configured and serves it in the background.
func (s *service) openListeners(reg *prometheus.Registry) error {
	s.checks = []check{
		{"component", func(context.Context) error {
			if !s.conn.IsUp() {
				return errors.New("not connected to the XMPP server at " + net.JoinHostPort(s.cfg.Component.Host, strconv.Itoa(s.cfg.Component.Port)))
			}
			return nil
		}},
		{"store", s.store.Ping},
		{"service", func(context.Context) error {
			if s.closing.Load() {
				return errors.New("stopping")
			}
			return nil
		}},
	}
	if s.cfg.Federated() {
		open, err := net.Listen("tcp", s.cfg.Provider.Listen)
		if err != nil {
			return fmt.Errorf("provider.listen: %w", err)
		}
		l := mimihttp.Limit(open)
		h := mimihttp.NewHandler(s.cfg.Provider.Domain, s.gateway, s.log, mimi.EndpointKeyMaterial, mimi.EndpointUpdate,
			mimi.EndpointNotify, mimi.EndpointSubmitMessage, mimi.EndpointGroupInfo, mimi.EndpointRequestConsent, mimi.EndpointUpdateConsent,
			mimi.EndpointReportAbuse, mimi.EndpointIdentifierQuery)
		h.SetRates(mimihttp.Rates{Requests: s.cfg.Limits.ProviderRequests, Updates: s.cfg.Limits.ProviderUpdates})
		h.UseProxy(mimihttp.NewProxy(s.cfg.Provider.Assets, s.cfg.Provider.Prefixes(), s.identity.Load().Trust))
		srv := mimihttp.NewServer(s.identity.Load(), h, s.log)
		srv.TLSConfig.GetConfigForClient = l.TLS(func() *tls.Config { return s.identity.Load().ServerTLS() })
		s.serve("provider.listen", srv, func() error { return srv.ServeTLS(l, "", "") })
		s.log.Info("listening for providers", "address", l.Addr().String())
	}
	l, err := listenSocket(s.cfg.Admin.Socket)
	if err != nil {
		return fmt.Errorf("admin.socket: %w", err)
	}
	admin := adminServer(profiles(s.gateway.AdminHandler()), s.log)
	s.serve("admin.socket", admin, func() error { return admin.Serve(l) })
	if s.cfg.Admin.Listen != "" {
		l, err := net.Listen("tcp", s.cfg.Admin.Listen)
		if err != nil {
			return fmt.Errorf("admin.listen: %w", err)
		}
		srv := adminServer(observation(reg, s.checks), s.log)
		s.serve("admin.listen", srv, func() error { return srv.Serve(l) })
		s.log.Info("listening for operators", "address", l.Addr().String())
	}
	return nil
}

// serve runs a server in the background; one that ends by itself ends the process.
func (s *service) serve(name string, srv *http.Server, run func() error) {
	s.servers = append(s.servers, srv)
	go func() {
		if err := run(); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("%s: %w", name, err)
		}
	}()
}

// reload reads the configuration again and takes over what can be; a bad one changes nothing.
func (s *service) reload() {
	if !s.mu.TryLock() { // it may wait for the store, and who waits here hears no other signal
		s.log.Warn("configuration was not reloaded: still starting")
		return
	}
	defer s.mu.Unlock()
	next, err := s.file.load()
	if err != nil {
		s.log.Error("configuration was not reloaded", "error", err)
		return
	}
	if (s.cfg.Provider.Authority == "") != (next.Provider.Authority == "") { // users without certificates get none by this
		s.log.Warn("whether this provider has an authority for its users changes with a restart only")
		next.Provider.Authority, next.Provider.AuthorityKey = s.cfg.Provider.Authority, s.cfg.Provider.AuthorityKey
	}
	reload, restart := config.Changes(s.cfg, next)
	s.level.Set(logLevel(next.Log.Level))
	if s.cfg.Federated() && next.Federated() && next.Provider.Domain == s.cfg.Provider.Domain {
		if err := s.usePeers(next); err != nil { // also for certificates that changed in their files
			s.log.Error("certificates were not reloaded", "error", err)
		} else {
			if _, err := s.credentials(next); err != nil {
				s.log.Error("authorities were not reloaded", "error", err)
			} else {
				p, q := &s.cfg.Provider, &next.Provider
				p.Authority, p.AuthorityKey, p.Authorities, p.Basic = q.Authority, q.AuthorityKey, q.Authorities, q.Basic
			}
			s.cfg.Provider.Peers = next.Provider.Peers
			s.cfg.Provider.Networks = next.Provider.Networks
			s.cfg.Provider.Certificate, s.cfg.Provider.Key, s.cfg.Provider.Trust = next.Provider.Certificate, next.Provider.Key, next.Provider.Trust
		}
	}
	s.cfg.Log.Level = next.Log.Level
	s.log.Info("configuration reloaded", "changed", reload, "needs_restart", restart)
}

// stop ends gracefully: no new work, everything stored, the stream closed.
func (s *service) stop() error {
	s.closing.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), stopPatience)
	defer cancel()
	var servers sync.WaitGroup
	err := s.gateway.Stop(ctx)
	for _, srv := range s.servers {
		servers.Go(func() {
			if srv.Shutdown(ctx) != nil {
				srv.Close()
			}
		})
	}
	servers.Wait()
	s.connCancel()
	<-s.connDone
	if cerr := s.store.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		s.log.Info("stopped")
	}
	return err
}

// closeAll frees what a failed start had opened.
func (s *service) closeAll() {
	for _, srv := range s.servers {
		srv.Close()
	}
	if s.store != nil {
		s.store.Close()
	}
}
