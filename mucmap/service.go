package mucmap

import (
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/hub"
	"anteroom/mls"
	"anteroom/xmpp"
)

// Config is what all rooms of a service share.
type Config struct {
	Domain   xmpp.JID              // the component's domain
	Provider string                // our MIMI provider name, a host name
	Teams    map[string][]xmpp.JID // who belongs to the teams that room documents name
	Users    []string              // XMPP domains whose users are u/<local> of Provider; others are u/<local>%40<domain>

	// Hub signs for the provider: it is named in external_senders and signs GroupInfo responses.
	Hub  mls.Signer
	hubs map[mls.CipherSuite]mls.Signer // the hub's key in rooms of each suite

	Software, Version string     // XEP-0092
	Started           time.Time  // of the process (XEP-0012)
	Contact           Contact    // XEP-0157
	Operators         []xmpp.JID // who may use the commands of operators (XEP-0050)

	// Bans gives the bans from all rooms as they are now. It is asked whenever something is decided; nil: there are none.
	Bans func() *Bans

	PingAfter   time.Duration // how long a device may be silent before it is asked whether it is there; zero: it is never asked
	GuestLinger time.Duration // how long an absent guest keeps its leaf; zero: DefaultGuestLinger
	NoLock      bool          // a new room is open at once, instead of locked until its owner has configured it
	LockTimeout time.Duration // after which a locked room is destroyed; zero: DefaultLockTimeout
	Bookmarks   bool          // rooms keep bookmarks of those who belong to them
	Indicators  bool          // rooms say who belongs to them, for indicators of activity
	Search      SearchPolicy  // of other providers
	Limits      Limits        // zero fields take their defaults

	// Issue vouches for the signature keys of our clients. Nil: they have basic credentials. It must be pure: the same arguments give the
	// same credential.
	Issue func(client mimi.URI, suite mls.CipherSuite, key mls.SignaturePublicKey, now time.Time) (mls.Credential, error)
	// Authenticate decides whose credentials are believed. Nil: basic ones of everybody, who is believed because of who delivers them, and
	// no others.
	Authenticate mimi.Authenticate

	// How long an encryption key and a signature key of a leaf of ours serve before they are renewed; zero: until something else renews them.
	RenewEncryption, RenewSignature time.Duration

	// Parallel is mls.Config.Parallel for the groups of all rooms; nil does one thing after the other.
	Parallel func(n int, do func(int))
}

// Service makes rooms. It is immutable.
type Service struct{ cfg Config }

// NewService checks cfg and fills in defaults.
func NewService(cfg Config) (*Service, error) {
	if cfg.Domain.IsZero() || cfg.Domain.Local() != "" || cfg.Domain.IsFull() {
		return nil, fmt.Errorf("mucmap: component domain %q is no domain", cfg.Domain)
	}
	if err := mimi.CheckProvider(cfg.Provider); err != nil {
		return nil, fmt.Errorf("mucmap: provider: %w", err)
	}
	if len(cfg.Hub.Public) == 0 || len(cfg.Hub.Private) == 0 {
		return nil, errors.New("mucmap: the hub has no signature key")
	}
	cfg.Users = slices.Clone(cfg.Users)
	cfg.Operators = slices.Clone(cfg.Operators)
	if cfg.GuestLinger == 0 {
		cfg.GuestLinger = DefaultGuestLinger
	}
	if cfg.LockTimeout == 0 {
		cfg.LockTimeout = DefaultLockTimeout
	}
	for _, limit := range []struct {
		at  *int
		def int
	}{{&cfg.Limits.Occupants, DefaultOccupants}, {&cfg.Limits.History, DefaultHistory}, {&cfg.Limits.Nick, DefaultNick}, {&cfg.Limits.Affiliation, DefaultAffiliation},
		{&cfg.Limits.Waiting, DefaultWaiting}} {
		if *limit.at == 0 {
			*limit.at = limit.def
		}
	}
	if cfg.Limits.Renewal == 0 {
		cfg.Limits.Renewal = DefaultShortestRenewal
	}
	if cfg.Limits.Renewal < MinShortestRenewal || cfg.Limits.Renewal > DefaultShortestRenewal {
		return nil, fmt.Errorf("mucmap: the shortest renewal is between %v and %v, not %v", MinShortestRenewal, DefaultShortestRenewal, cfg.Limits.Renewal)
	}
	cfg.Limits.Rates.setDefaults(cfg.Limits.Occupants)
	for _, every := range []time.Duration{cfg.RenewEncryption, cfg.RenewSignature} {
		if every != 0 && every < MinRenewal {
			return nil, fmt.Errorf("mucmap: keys are renewed every %v at most, not %v", MinRenewal, every)
		}
	}
	cfg.hubs = map[mls.CipherSuite]mls.Signer{}
	for _, suite := range mls.CipherSuites() {
		signer, err := hubSigner(cfg.Hub, suite)
		if err != nil {
			return nil, fmt.Errorf("mucmap: the hub's key for %s: %w", suite.Name(), err)
		}
		cfg.hubs[suite] = signer
	}
	return &Service{cfg: cfg}, nil
}

// hubSigner is the hub's key for rooms of a suite: the configured one for its own, and for others one derived from it, so that all live equally long.
func hubSigner(hub mls.Signer, suite mls.CipherSuite) (mls.Signer, error) {
	if suite == hub.Suite {
		return hub, nil
	}
	mac := hmac.New(sha256.New, hub.Private)
	mac.Write([]byte("anteroom hub " + suite.Name()))
	return mls.NewSigner(suite, mls.Seed(mac.Sum(nil)))
}

// New is a room that does not exist yet; the first join creates it. The name is the localpart of its address. Every name gives a
// Room: one that no room can have refuses whatever is asked of it.
func (s *Service) New(name string) *Room {
	r := &Room{svc: s, name: name}
	if u, ok := s.personOf(name); ok {
		r.person = &person{user: u}
		r.reset()
		return r
	}
	addr, err := xmpp.NewJID(name, s.cfg.Domain.Domain(), "")
	if err == nil {
		r.addr = addr
	}
	if u, ok := s.roomURI(name); ok && err == nil {
		r.uri, r.keeper = u, s.keeperURI(u.Name())
	} else if u, ok := s.followURI(name); ok && err == nil {
		r.uri, r.follow = u, newFollow(u)
	}
	r.reset()
	return r
}

// The stored secrets: what the hub remembers and the parts of the group, each behind a prefix, and the password of the room.
const (
	secretHub      = "hub"
	secretPassword = "password"
	secretGroup    = "mls/"
)

// Restore rebuilds a stored room. An error means that the stored bytes are damaged.
func (s *Service) Restore(name string, snap Snapshot) (*Room, Recovery, error) {
	r := s.New(name)
	fail := func(err error) (*Room, Recovery, error) {
		return nil, Recovery{}, fmt.Errorf("mucmap: room %q: %w", name, err)
	}
	if r.person != nil {
		p, err := loadPerson(r.person.user, snap.Secrets)
		if err != nil {
			return fail(err)
		}
		r.person = p
		r.summary = r.personSummary()
		return r, Recovery{Summary: r.summary}, nil
	}
	if snap.Seq != snap.SnapshotSeq+uint64(len(snap.Events)) {
		return fail(fmt.Errorf("%d events after event %d do not make %d", len(snap.Events), snap.SnapshotSeq, snap.Seq))
	}
	if snap.Snapshot != nil {
		st, err := decodeState(s, r.addr, snap.Snapshot)
		if err != nil {
			return fail(err)
		}
		r.pub = st
	}
	if len(snap.Tombstone) > 0 && snap.Seq == 0 {
		b, err := decodeTombstone(snap.Tombstone)
		if err != nil {
			return fail(err)
		}
		r.tomb = b
		return r, Recovery{Summary: r.summary}, nil
	}
	var recovery Recovery
	r.seq, r.snapAt, r.sent = snap.SnapshotSeq, snap.SnapshotSeq, snap.Sent
	archived := slices.Clone(snap.Archive)
	if err := r.pub.loadHistory(archived); err != nil {
		return fail(err)
	}
	r.pub.frozen = true
	var unsent broadcasts
	for _, b := range snap.Events {
		e, err := decodeEvent(b)
		if err != nil {
			return fail(err)
		}
		r.seq++
		e.apply(r.pub, &stage{live: r.seq > snap.Sent, out: &unsent})
	}
	recovery.Stanzas = unsent.all()
	r.pub.frozen = false
	if r.follow != nil {
		if err := r.loadFollow(snap.Secrets); err != nil {
			return fail(err)
		}
		recovery.Wake = time.Unix(0, 0)
	} else if r.pub.Exists {
		if err := r.loadKeys(snap.Secrets); err != nil {
			return fail(err)
		}
		if err := r.loadGroup(snap.Secrets); err != nil {
			return fail(err)
		}
	}
	if r.pub.Direct != nil {
		r.keeper = r.pub.Direct.User // who commits there
	}
	r.unclean = !snap.Clean && r.hub != nil
	r.suspect = !snap.Clean
	r.restored, r.absent = true, true
	r.summary = r.Summary()
	if recovery.Wake.IsZero() {
		recovery.Wake = r.lockEnd()
		if x := r.pub.Expiring; len(x) > 0 {
			recovery.Wake = earlier(recovery.Wake, x[0].At)
		}
	}
	recovery.Summary = r.summary
	if r.unclean || s.cfg.PingAfter > 0 && r.pub.here.Len() > 0 || r.renews() {
		recovery.Wake = time.Unix(0, 0)
	}
	return r, recovery, nil
}

// loadGroup rebuilds group and hub, which must be where the log is.
func (r *Room) loadGroup(secrets map[string][]byte) error {
	g, err := mls.LoadGroup(behind(secrets, secretGroup), r.svc.groupConfig(time.Time{}))
	if err != nil {
		return fmt.Errorf("group: %w", err)
	}
	if e := uint64(g.Public().Epoch()); e != r.pub.Epoch {
		return fmt.Errorf("the group is in epoch %d, the log in %d", e, r.pub.Epoch)
	}
	if r.hub, err = hub.Load(behind(secrets, secretHub), g, r.hubOptions(g.Public().Suite())); err != nil {
		return err
	}
	r.stored, r.storedHub = g, r.hub
	r.password = string(secrets[secretPassword])
	r.storedPassword = r.password
	return nil
}

// behind are the secrets whose names begin with a prefix, without it.
func behind(secrets map[string][]byte, prefix string) map[string][]byte {
	parts := map[string][]byte{}
	for name, b := range secrets {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			parts[rest] = b
		}
	}
	return parts
}
