package config

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"anteroom/mimi/pki"
	"anteroom/xmpp"
)

// Bounds of the limits that can be configured.
const (
	MaxOccupants  = 100_000
	MaxHistory    = 500
	MinNick       = 8   // characters
	MaxNick       = 250 // characters: of four bytes each they are a resourcepart
	MaxMailbox    = 1 << 16
	MaxUnsent     = 1 << 10 // MiB
	MaxBurst      = 1 << 16
	MaxOutbox     = 1_000_000
	MaxPeers      = 10_000
	MaxNetworks   = 1000
	MaxAssetHosts = 10_000
	MaxContacts   = 20  // addresses of one kind
	MaxAdmins     = 100 // operators
	MaxTeams      = 1000
	MaxTeam       = 10_000 // users of one team
	maxTeamName   = 255    // bytes
	maxSocketPath = 107    // sockaddr_un

	MinRenewal = time.Hour // of keys
	MaxRenewal = 3650 * day
)

// check names the first value of each section that cannot work, in the order of the file.
func (s *source) check(c *Config) (faults []error) {
	for _, section := range []func(*Config) error{s.checkComponent, s.checkProvider, s.checkStore, s.checkContact, s.checkAdmin, s.checkLog, s.checkTeams, s.checkLimits} {
		faults = append(faults, section(c))
	}
	return faults
}

func (s *source) checkComponent(c *Config) error {
	if c.Component.Domain == "" {
		return s.fault("component.domain", "is missing: the domain of the rooms, as in the server's configuration")
	}
	domain, err := domainOf(c.Component.Domain)
	if err != nil {
		return s.fault("component.domain", "%v", err)
	}
	c.Component.Domain = domain
	if c.Component.Secret == "" {
		return s.fault("component.secret", "is missing: the secret that the server's configuration has for %s", domain)
	}
	if c.Component.Host == "" {
		return s.fault("component.host", "must not be empty")
	}
	return s.port("component.port", c.Component.Port)
}

func (s *source) port(key string, n int) error {
	if n < 1 || n > 65535 {
		return s.fault(key, "must be between 1 and 65535")
	}
	return nil
}

func (s *source) checkProvider(c *Config) error {
	p := &c.Provider
	if p.Domain == "" {
		return nil // as component.domain is missing, which was said
	}
	domain, err := domainOf(p.Domain)
	if err == nil && !isMIMIDomain(domain) {
		err = fmt.Errorf("%q cannot stand in a mimi:// URI", domain)
	}
	if err != nil {
		return s.fault("provider.domain", "%v", err)
	}
	p.Domain = domain
	for i, u := range p.Users {
		if p.Users[i], err = domainOf(u); err != nil {
			return s.fault("provider.users", "%v", err)
		}
	}
	if len(p.Peers) > MaxPeers {
		return s.fault("provider.peers", "has more than %d entries", MaxPeers)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Peers)) {
		if d, err := domainOf(name); err != nil || d != name {
			return s.fault("provider.peers."+name, "is not the name of a provider")
		}
		if name == p.Domain {
			return s.fault("provider.peers."+name, "is this provider itself")
		}
		if err := s.address("provider.peers."+name, p.Peers[name], false); err != nil {
			return err
		}
	}
	if len(p.Assets) > MaxAssetHosts {
		return s.fault("provider.assets", "has more than %d entries", MaxAssetHosts)
	}
	for _, a := range p.Assets {
		name, port, _ := strings.Cut(a, ":")
		d, err := domainOf(name)
		if n, bad := strconv.Atoi(port); err != nil || d != name || port != "" && (bad != nil || n < 1 || n > 65535) {
			return s.fault("provider.assets", "%q is not a host like upload.b.example or upload.b.example:8443", a)
		}
	}
	if !slices.Contains([]string{"all", "users", "rooms", "nothing"}, p.Search) {
		return s.fault("provider.search", "is none of all, users, rooms and nothing")
	}
	if len(p.Networks) > MaxNetworks {
		return s.fault("provider.networks", "has more than %d entries", MaxNetworks)
	}
	for _, n := range p.Networks {
		if prefix, err := netip.ParsePrefix(n); err != nil || prefix != prefix.Masked() {
			return s.fault("provider.networks", "%q is not a network like 10.1.0.0/16", n)
		}
	}
	if p.Listen == "" {
		for _, key := range []string{"certificate", "key", "trust", "authority", "authority_key", "authorities", "basic"} {
			if !lookup("provider." + key).value(c).IsZero() {
				return s.fault("provider."+key, "has no use without provider.listen")
			}
		}
		return nil
	}
	if err := s.address("provider.listen", p.Listen, true); err != nil {
		return err
	}
	if err := s.checkTLS(p); err != nil {
		return err
	}
	return s.checkAuthority(p)
}

// checkAuthority checks who vouches for users.
func (s *source) checkAuthority(p *Provider) error {
	if len(p.Basic) > MaxPeers {
		return s.fault("provider.basic", "has more than %d entries", MaxPeers)
	}
	for _, name := range p.Basic {
		if d, err := domainOf(name); name != anyProvider && (err != nil || d != name) {
			return s.fault("provider.basic", "%q is not the name of a provider", name)
		}
	}
	if len(p.Authorities) > MaxPeers {
		return s.fault("provider.authorities", "has more than %d entries", MaxPeers)
	}
	for _, name := range slices.Sorted(maps.Keys(p.Authorities)) {
		if d, err := domainOf(name); err != nil || d != name {
			return s.fault("provider.authorities."+name, "is not the name of a provider")
		}
		pem, err := readFile(p.Authorities[name])
		if err != nil {
			return s.fault("provider.authorities."+name, "cannot read %s: %s", p.Authorities[name], cause(err))
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return s.fault("provider.authorities."+name, "%s holds no certificate in PEM", p.Authorities[name])
		}
	}
	switch {
	case p.Authority == "" && p.AuthorityKey != "":
		return s.fault("provider.authority", "is missing: provider.authority_key belongs to it")
	case p.Authority == "" && !p.AcceptsBasic(p.Domain):
		return s.fault("provider.authority", "is missing: provider.listen needs it (anteroom ca issue makes one), or %q in provider.basic", p.Domain)
	case p.Authority == "":
		return nil
	case p.AuthorityKey == "":
		return s.fault("provider.authority_key", "is missing: provider.authority needs it")
	}
	certificate, err := readFile(p.Authority)
	if err != nil {
		return s.fault("provider.authority", "cannot read %s: %s", p.Authority, cause(err))
	}
	key, err := readFile(p.AuthorityKey)
	if err != nil {
		return s.fault("provider.authority_key", "cannot read %s: %s", p.AuthorityKey, cause(err))
	}
	if _, err := pki.NewAuthority(p.Domain, certificate, key); err != nil {
		return s.fault("provider.authority", "%s", strings.TrimPrefix(err.Error(), "pki: "))
	}
	return nil
}

func (s *source) checkTLS(p *Provider) error {
	switch {
	case p.Certificate == "":
		return s.fault("provider.certificate", "is missing: provider.listen needs it")
	case p.Key == "":
		return s.fault("provider.key", "is missing: provider.listen needs it")
	case len(p.Trust) == 0:
		return s.fault("provider.trust", "is missing: provider.listen needs it")
	}
	if _, err := readFile(p.Certificate); err != nil {
		return s.fault("provider.certificate", "cannot read %s: %s", p.Certificate, cause(err))
	}
	if _, err := readFile(p.Key); err != nil {
		return s.fault("provider.key", "cannot read %s: %s", p.Key, cause(err))
	}
	pair, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return s.fault("provider.certificate", "%s", strings.TrimPrefix(err.Error(), "tls: "))
	}
	if !slices.ContainsFunc(pair.Leaf.DNSNames, func(name string) bool { return strings.EqualFold(name, p.Domain) }) {
		return s.fault("provider.certificate", "does not name %s: its DNS names are %q, and wildcards do not count", p.Domain, pair.Leaf.DNSNames)
	}
	for _, path := range p.Trust {
		pem, err := readFile(path)
		if err != nil {
			return s.fault("provider.trust", "cannot read %s: %s", path, cause(err))
		}
		if !x509.NewCertPool().AppendCertsFromPEM(pem) {
			return s.fault("provider.trust", "%s holds no certificate in PEM", path)
		}
	}
	return nil
}

func (s *source) checkStore(c *Config) error {
	key := "store.url"
	if c.Store.URLFile != "" {
		key = "store.url_file"
	}
	u, err := url.Parse(c.Store.URL)
	if err != nil {
		return s.fault(key, "is not a URL") // the parser's error would show the password
	}
	switch u.Scheme {
	case "bolt":
		if u.Path == "" {
			return s.fault(key, "has no path: write bolt:PATH")
		}
	case "memory":
	case "redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+cluster", "rediss+cluster":
		if u.Host == "" {
			return s.fault(key, "has no host: write %s://HOST:PORT", u.Scheme)
		}
	case "unix":
		if u.Path == "" {
			return s.fault(key, "has no path: write unix:///PATH")
		}
	default:
		return s.fault(key, "must begin with bolt: redis: rediss: unix: redis+sentinel: redis+cluster: or memory:")
	}
	return nil
}

// checkContact: XEP-0157 §3 demands valid URIs.
func (s *source) checkContact(c *Config) error {
	for _, f := range fields() {
		if f.section != "contact" {
			continue
		}
		addresses := f.value(c).Interface().([]string)
		if len(addresses) > MaxContacts {
			return s.fault(f.key(), "has more than %d entries", MaxContacts)
		}
		for _, a := range addresses {
			if u, err := url.Parse(a); err != nil || u.Scheme == "" || u.Opaque == "" && u.Host == "" {
				return s.fault(f.key(), "%q is no URI such as mailto:admin@a.example, xmpp:admin@a.example or https://a.example", a)
			}
		}
	}
	return nil
}

func (s *source) checkAdmin(c *Config) error {
	if len(c.Admin.Socket) > maxSocketPath {
		return s.fault("admin.socket", "%s is longer than the %d bytes that a socket's path may have", c.Admin.Socket, maxSocketPath)
	}
	if len(c.Admin.Admins) > MaxAdmins {
		return s.fault("admin.admins", "has more than %d entries", MaxAdmins)
	}
	for i, text := range c.Admin.Admins {
		j, err := xmpp.ParseJID(text)
		if err != nil || j.Local() == "" || j.IsFull() {
			return s.fault("admin.admins", "%q is not the address of a user such as juliet@a.example", text)
		}
		c.Admin.Admins[i] = j.String()
	}
	if c.Admin.Listen == "" {
		return nil
	}
	return s.address("admin.listen", c.Admin.Listen, true)
}

func (s *source) checkTeams(c *Config) error {
	if len(c.Rooms.Teams) > MaxTeams {
		return s.fault("rooms.teams", "has more than %d entries", MaxTeams)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Rooms.Teams)) {
		key := "rooms.teams." + name
		if name == "" || len(name) > maxTeamName || strings.ContainsAny(name, " \t\r\n") {
			return s.fault(key, "is not the name of a team such as sales@a.example")
		}
		users := strings.Fields(c.Rooms.Teams[name])
		if len(users) > MaxTeam {
			return s.fault(key, "has more than %d users", MaxTeam)
		}
		for i, text := range users {
			j, err := xmpp.ParseJID(text)
			if err != nil || j.Local() == "" || j.IsFull() {
				return s.fault(key, "%q is not the address of a user such as juliet@a.example", text)
			}
			users[i] = j.String()
		}
		c.Rooms.Teams[name] = strings.Join(users, " ")
	}
	return nil
}

func (s *source) checkLog(c *Config) error {
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, c.Log.Level) {
		return s.fault("log.level", "must be debug, info, warn or error")
	}
	if !slices.Contains([]string{"auto", "text", "json"}, c.Log.Format) {
		return s.fault("log.format", "must be auto, text or json")
	}
	return nil
}

func (s *source) checkLimits(c *Config) error {
	l := &c.Limits
	for _, r := range []struct {
		key       string
		n, lo, hi int
	}{
		{"occupants", l.Occupants, 1, MaxOccupants},
		{"history", l.History, 0, MaxHistory},
		{"nick", l.Nick, MinNick, MaxNick},
		{"mailbox", l.Mailbox, 1, MaxMailbox},
		{"message_burst", l.MessageBurst, 1, MaxBurst},
		{"room_burst", l.RoomBurst, 1, MaxBurst},
		{"unsent", l.Unsent, 1, MaxUnsent},
		{"outbox", l.Outbox, 1, MaxOutbox},
	} {
		if r.n < r.lo || r.n > r.hi {
			return s.fault("limits."+r.key, "must be between %d and %d", r.lo, r.hi)
		}
	}
	for _, r := range []struct {
		key string
		n   float64
	}{{"message_rate", l.MessageRate}, {"room_rate", l.RoomRate}, {"join_rate", l.JoinRate},
		{"provider_requests", l.ProviderRequests}, {"provider_updates", l.ProviderUpdates}} {
		if !(r.n >= 0 && r.n <= MaxBurst) { // not a number is refused, too
			return s.fault("limits."+r.key, "must be between 0 and %d", MaxBurst)
		}
	}
	for _, r := range []struct {
		key    string
		d      Duration
		lo, hi time.Duration
	}{
		{"limits.outbox_age", l.OutboxAge, time.Minute, 30 * day},
		{"limits.idle", l.Idle, time.Second, day},
		{"limits.ping_after", l.PingAfter, 0, day},
		{"limits.gap_patience", l.GapPatience, 5 * time.Second, time.Hour},
		{"limits.shortest_renewal", l.ShortestRenewal, 8 * time.Second, time.Hour},
		{"limits.guest_linger", l.GuestLinger, time.Second, 30 * day},
		{"rooms.lock_timeout", c.Rooms.LockTimeout, time.Second, day},
	} {
		if _, err := time.ParseDuration(string(r.d)); err != nil {
			return s.fault(r.key, "must be %s", spanWords)
		}
		if r.d.D() < r.lo || r.d.D() > r.hi {
			return s.fault(r.key, "must be between %v and %v", r.lo, r.hi)
		}
	}
	return s.checkRenewal(&c.Rooms)
}

// checkRenewal: keys are renewed seldom enough to be spread over time, or never.
func (s *source) checkRenewal(r *Rooms) error {
	for _, k := range []struct {
		key string
		d   Duration
	}{{"rooms.renew_encryption", r.RenewEncryption}, {"rooms.renew_signature", r.RenewSignature}} {
		if _, err := time.ParseDuration(string(k.d)); err != nil {
			return s.fault(k.key, "must be %s", spanWords)
		}
		if d := k.d.D(); d != 0 && (d < MinRenewal || d > MaxRenewal) {
			return s.fault(k.key, "must be between %v and %v, or 0s for never", MinRenewal, MaxRenewal)
		}
	}
	return nil
}

const day = 24 * time.Hour

// domainOf prepares a domain; an address with localpart or resource is none.
func domainOf(s string) (string, error) {
	j, err := xmpp.ParseJID(s)
	if err != nil {
		return "", fmt.Errorf("%s", strings.TrimPrefix(err.Error(), "xmpp: "))
	}
	if j.Local() != "" || j.Resource() != "" {
		return "", fmt.Errorf("%q is not a domain", s)
	}
	return j.Domain(), nil
}

// address checks HOST:PORT; the host may be empty where one listens.
func (s *source) address(key, addr string, listen bool) error {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return s.fault(key, "%q is not HOST:PORT", addr)
	}
	if host == "" && !listen {
		return s.fault(key, "%q has no host", addr)
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return s.fault(key, "port %q is not a number", port)
	}
	if n == 0 && listen {
		return nil // the system chooses
	}
	return s.port(key, n)
}
