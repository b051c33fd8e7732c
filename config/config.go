// Package config is the configuration of anteroom as one documented struct: read from a TOML 1.0 file, overridden by the
// environment, checked, and printed as an example.
//
// The doc tags of the struct are the manual: [Example] prints them. A key that is unknown, of the wrong type or out of
// range is an [*Error], one line that names file, line and key. Every key of a section can be given in the environment
// as ANTEROOM_SECTION_KEY, lists and tables with commas between their items; a variable of a known section with an unknown
// key is refused like a misspelt key in the file. Relative paths are relative to the file.
//
// Not implemented: including other files, and several components in one process.
//
// A Config is a plain value; nothing here is shared.
package config

import (
	"net/netip"
	"slices"
	"strings"

	"anteroom/mimi"
	"anteroom/xmpp"
)

// Config is all of the configuration. Load gives one whose defaults are filled in, whose paths are absolute and whose
// values are checked.
type Config struct {
	Component Component `toml:"component" doc:"The connection to the XMPP server (XEP-0114). The server's own configuration names the same domain and secret."`
	Provider  Provider  `toml:"provider" doc:"Speaking with other MIMI providers. Without this section there is no HTTPS listener: rooms are for local XMPP users, and the provider's name is the parent of component.domain."`
	Store     Store     `toml:"store" doc:"Where rooms are kept."`
	Contact   Contact   `toml:"contact" doc:"Addresses of those who run this service, as URIs such as xmpp:admin@a.example, mailto:abuse@a.example or https://a.example/help; service discovery shows them (XEP-0157)."`
	Admin     Admin     `toml:"admin" doc:"Looking into a running anteroom."`
	Log       Log       `toml:"log" doc:"Logs go to standard error and hold no secrets and no messages."`
	Rooms     Rooms     `toml:"rooms" doc:"How rooms begin, and what becomes of who is in them when anteroom stops."`
	Limits    Limits    `toml:"limits" doc:"Bounds on what users and peers can make grow."`
}

// Component is one external component of an XMPP server.
type Component struct {
	Domain     string `toml:"domain" example:"rooms.a.example" doc:"Domain of the rooms, as in the server's configuration. Required."`
	Secret     Secret `toml:"secret" example:"s3cret" doc:"Secret shared with the server. Required, here or in secret_file."`
	SecretFile string `toml:"secret_file" path:"file" doc:"File that holds the secret, and nothing else but a final newline."`
	Host       string `toml:"host" doc:"Address or name of the server."`
	Port       int    `toml:"port" doc:"Port on which the server expects components."`
}

// Provider is this MIMI provider and its ways to others. Its zero value: no HTTPS listener.
type Provider struct {
	Domain      string   `toml:"domain" example:"a.example" doc:"Name of this provider in mimi:// URIs and in its certificate. Default: the parent of component.domain."`
	Users       []string `toml:"users" example:"a.example" doc:"XMPP domains whose users are this provider's users, u/<local>; users of other domains are u/<local>%40<domain>. Default: the provider's own domain."`
	Listen      string   `toml:"listen" example:"127.0.0.1:8443" doc:"Address of the HTTPS listener for other providers. With it certificate, key, trust and authority (or basic) are required."`
	Certificate string   `toml:"certificate" path:"file" example:"a.pem" doc:"Certificate chain in PEM whose subject alternative name is the provider's domain, for client and server authentication."`
	Key         string   `toml:"key" path:"file" example:"a.key" doc:"Private key of the certificate in PEM."`
	Trust       []string `toml:"trust" path:"file" example:"ca.pem" doc:"Certificates of the authorities that vouch for providers. They replace the system's roots."`
	Networks    []string `toml:"networks" example:"10.1.0.0/16" doc:"Networks in which providers may be although their addresses are private, loopback or otherwise special. Elsewhere a provider's name that leads to such an address is not followed; the addresses of peers are, whatever they are. Read again on SIGHUP."`
	Assets      []string `toml:"assets" example:"upload.b.example" doc:"Hosts at which providers keep files, with a port if it is not 443. Other providers may fetch files of these hosts through this one (proxyDownload), and of no others. Default: none."`
	Search      string   `toml:"search" doc:"What users of other providers may search for here: all (users who made themselves findable, and rooms that are listed), users, rooms, or nothing."`

	Authority    string   `toml:"authority" path:"file" example:"a.example-users.pem" doc:"Certificate of this provider's authority for its users, in PEM (anteroom ca issue makes one). It vouches for the signature key of every user of ours to members at other providers. Read again on SIGHUP; what an earlier one vouched for is believed on, while those in trust vouch for that one."`
	AuthorityKey string   `toml:"authority_key" path:"file" example:"a.example-users.key" doc:"Its private key in PEM (Ed25519)."`
	Basic        []string `toml:"basic" example:"c.example" doc:"Providers whose users may have basic credentials, which prove nothing: members at all providers must believe the hub about who they are. * for all. This provider's own name stands here if it has no authority. Read again on SIGHUP."`

	Authorities map[string]string `toml:"authorities" path:"file" example:"\"b.example\" = \"b-ca.pem\"" doc:"Certificates that vouch for the user authority of one provider, in PEM, by provider, instead of those in trust. Read again on SIGHUP."`

	Peers map[string]string `toml:"peers" example:"\"b.example\" = \"127.0.0.1:8444\"" doc:"Addresses to dial instead of asking the DNS, by provider. The provider's name is still checked against its certificate. Read again on SIGHUP."`
}

// Store is where rooms are kept.
type Store struct {
	URL     string `toml:"url" example:"bolt:///var/lib/anteroom/rooms.db" doc:"bolt:PATH (embedded, one file), redis:// rediss:// unix:// redis+sentinel:// redis+cluster:// (Redis or Valkey), or memory: (nothing outlives the process). Default: rooms.db in /var/lib/anteroom when this file lies under /etc, otherwise in the directory anteroom.state beside this file."`
	URLFile string `toml:"url_file" path:"file" doc:"File that holds the URL, for a URL with a password."`
	KeyFile string `toml:"key_file" path:"file" example:"/var/lib/anteroom/seal.key" doc:"Key that seals room secrets in the store; serve creates it with mode 0600 when there is none. Keep a copy: without it the store cannot be read. Default: seal.key, beside where rooms.db is by default."`
}

// Contact are the addresses that service discovery shows of those who run the service (XEP-0157).
type Contact struct {
	Admin    []string `toml:"admin" example:"xmpp:admin@a.example" doc:"Administrators."`
	Abuse    []string `toml:"abuse" example:"mailto:abuse@a.example" doc:"For reports of abuse."`
	Security []string `toml:"security" example:"mailto:security@a.example" doc:"For reports of security problems."`
	Support  []string `toml:"support" example:"https://a.example/help" doc:"Help for users."`
	Feedback []string `toml:"feedback" example:"mailto:feedback@a.example" doc:"For what users think of the service."`
	Sales    []string `toml:"sales" example:"mailto:sales@a.example" doc:"For customers."`
	Status   []string `toml:"status" example:"https://status.a.example" doc:"Where to see whether the service works."`
}

// Admin is how operators look into a running anteroom.
type Admin struct {
	Socket string   `toml:"socket" path:"file" example:"/run/anteroom/admin.sock" doc:"Unix socket for anteroom room …, with mode 0600. Default: admin.sock in /run/anteroom when this file lies under /etc, otherwise in the directory anteroom.state beside this file."`
	Admins []string `toml:"admins" example:"juliet@a.example" doc:"Addresses of users who may use the service's ad-hoc commands for operators (XEP-0050): list and destroy rooms, announce something to all who are in rooms. Default: nobody."`
	Listen string   `toml:"listen" example:"127.0.0.1:9090" doc:"Address of /metrics, /healthz and /readyz, without authentication. Default: none."`
}

// Log is what is logged and how.
type Log struct {
	Level  string `toml:"level" doc:"debug, info, warn or error. Read again on SIGHUP."`
	Format string `toml:"format" doc:"text, json, or auto: text on a terminal and json otherwise."`
}

// Rooms is how rooms begin, and what becomes of who is in them when the service stops.
type Rooms struct {
	Locking     bool     `toml:"locking" doc:"Whether a new room is locked until its creator has submitted the configuration form, or an empty one (XEP-0045 §10.1). false: a new room is open at once, with the default configuration."`
	LockTimeout Duration `toml:"lock_timeout" doc:"How long a new room waits for that. Then it is destroyed."`
	Farewell    bool     `toml:"farewell" doc:"Whether everybody is sent out of the rooms, with status 332, when anteroom is told to stop. false: who is in a room is in it when anteroom is back, and need not enter again. true is for a service that stops for long; temporary rooms end then."`
	Bookmarks   bool     `toml:"bookmarks" doc:"Whether rooms put themselves among the bookmarks of local users who become members, admins or owners while they are away, or register, and take themselves out when that ends (XEP-0402). The XMPP server must let the component send iqs of http://jabber.org/protocol/pubsub, get and set, for its users (XEP-0356, urn:xmpp:privilege:2); otherwise nothing happens."`

	RenewEncryption Duration `toml:"renew_encryption" doc:"How long the encryption keys of a local user's leaf in a room's MLS group serve before the gateway renews them, some leaves at a time; whoever got hold of them reads no longer than that. What a room's policy says of it comes first. 0s: until something else renews them."`
	RenewSignature  Duration `toml:"renew_signature" doc:"The same for signature keys. A leaf that gets one gets a new encryption key, too."`

	Teams map[string]string `toml:"teams" example:"\"sales@a.example\" = \"juliet@a.example romeo@a.example\"" doc:"Who belongs to the teams that room documents preauthorise: addresses with spaces between them, by the team's name."`
}

// Limits bounds what users and peers can make grow.
type Limits struct {
	Occupants    int      `toml:"occupants" doc:"Occupants that one room takes; a room may be configured lower (muc#roomconfig_maxusers). Administrators and owners get in nevertheless."`
	History      int      `toml:"history" doc:"Messages of each room that are kept in memory: the most that a room can be configured to show to who enters. New rooms show 20."`
	Nick         int      `toml:"nick" doc:"Characters of a nick. Longer ones are refused; those of users of other providers are cut."`
	Mailbox      int      `toml:"mailbox" doc:"Stanzas and requests that may wait for one room. More are answered with resource-constraint."`
	MessageRate  float64  `toml:"message_rate" doc:"Stanzas per second that one user may send for longer than a moment. 0: no limit."`
	MessageBurst int      `toml:"message_burst" doc:"Stanzas that one user may send at once."`
	RoomRate     float64  `toml:"room_rate" doc:"Messages per second that one room takes for longer than a moment, of all users together; moderators are exempt. 0: no limit."`
	RoomBurst    int      `toml:"room_burst" doc:"Messages that one room takes at once."`
	JoinRate     float64  `toml:"join_rate" doc:"Newcomers per second that one room lets in for longer than a moment, after as many at once as it takes occupants. Who has an affiliation is exempt. 0: no limit."`
	Unsent       int      `toml:"unsent" doc:"MiB that may wait for the XMPP server to take them. When there is more, rooms wait; then new stanzas are refused."`
	Outbox       int      `toml:"outbox" doc:"Deliveries that may wait for one provider. When there are more, the room that has the most loses its oldest."`
	OutboxAge    Duration `toml:"outbox_age" doc:"How long a delivery to a provider is tried."`
	Idle         Duration `toml:"idle" doc:"How long a room that nobody is in, and for which nothing came, stays in memory."`
	PingAfter    Duration `toml:"ping_after" doc:"How long a device in a room may say nothing before the room pings it (XEP-0199), to find those that are gone without a word. 0s: never."`

	ProviderRequests float64 `toml:"provider_requests" doc:"Requests per second that one provider may send for longer than a moment, and twice as many at once. 0: no limit."`
	ProviderUpdates  float64 `toml:"provider_updates" doc:"Of those, commits and proposals for one room, and ten times as many at once. 0: no limit."`

	GapPatience Duration `toml:"gap_patience" doc:"How long a room of another provider waits for news that are missing before it is entered anew, which loses what they told unless they come later."`

	ShortestRenewal Duration `toml:"shortest_renewal" doc:"The shortest time in which the owner of a room may want all keys to be renewed, by the field x-anteroom_update_max of its configuration. Each renewal is a commit."`

	GuestLinger Duration `toml:"guest_linger" doc:"How long a user without affiliation stays a member of the room's MLS group after leaving: XMPP cannot tell leaving from going offline."`
}

// Default is the configuration of an empty file, before paths are filled in.
func Default() Config {
	return Config{
		Component: Component{Host: "127.0.0.1", Port: 5347},
		Provider:  Provider{Search: "all"},
		Log:       Log{Level: "info", Format: "auto"},
		Rooms:     Rooms{Locking: true, LockTimeout: "5m", RenewEncryption: "168h", RenewSignature: "720h"},
		Limits: Limits{
			Occupants:    1000,
			History:      100,
			Nick:         64,
			Mailbox:      4096,
			MessageRate:  20,
			MessageBurst: 100,
			RoomRate:     100,
			RoomBurst:    500,
			JoinRate:     50,
			Unsent:       64,
			Outbox:       10_000,
			OutboxAge:    "72h",
			Idle:         "2m",
			PingAfter:    "15m",
			GuestLinger:  "30m",

			GapPatience:     "1m",
			ShortestRenewal: "1h",

			ProviderRequests: 1000,
			ProviderUpdates:  20,
		},
	}
}

// ComponentJID is the component's domain as an address.
func (c *Config) ComponentJID() xmpp.JID { return xmpp.MustParseJID(c.Component.Domain) }

// Federated reports whether other providers can reach this one.
func (c *Config) Federated() bool { return c.Provider.Listen != "" }

// Prefixes is Networks as checked by Load.
func (p *Provider) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, n := range p.Networks {
		if prefix, err := netip.ParsePrefix(n); err == nil {
			out = append(out, prefix)
		}
	}
	return out
}

// AcceptsBasic says whether basic credentials of a provider's users are accepted.
func (p *Provider) AcceptsBasic(provider string) bool {
	return slices.Contains(p.Basic, provider) || slices.Contains(p.Basic, anyProvider)
}

// anyProvider stands for all providers in Provider.Basic.
const anyProvider = "*"

// isMIMIDomain reports whether s can be the name of a provider.
func isMIMIDomain(s string) bool {
	return mimi.CheckProvider(s) == nil
}

// Members are the users of each team.
func (r *Rooms) Members() map[string][]xmpp.JID {
	out := make(map[string][]xmpp.JID, len(r.Teams))
	for name, list := range r.Teams {
		for _, a := range strings.Fields(list) {
			out[name] = append(out[name], xmpp.MustParseJID(a)) // Load has checked it
		}
	}
	return out
}

// Operators are the users who may use the commands of operators.
func (c *Config) Operators() []xmpp.JID {
	var out []xmpp.JID
	for _, a := range c.Admin.Admins {
		out = append(out, xmpp.MustParseJID(a)) // Load has checked it
	}
	return out
}
