package mucmap

import (
	"iter"
	"time"

	"anteroom/mls"
	"anteroom/xmpp"
)

// Config is what all rooms of a service share.
type Config struct {
	Domain   xmpp.JID // the component's domain
	Provider string   // our MIMI provider name, a host name
	Users    []string // XMPP domains whose users are u/<local> of Provider; others are u/<local>%40<domain>

	// Hub signs for the provider: it is named in external_senders and signs GroupInfo responses.
	Hub mls.Signer

	Software, Version string // XEP-0092

	GuestLinger time.Duration // how long an absent guest keeps its leaf; zero: DefaultGuestLinger
	Limits      Limits        // zero fields take their defaults
}

// Service makes rooms. It is immutable.
type Service struct{ cfg Config }

// NewService checks cfg and fills in defaults.
func NewService(cfg Config) (*Service, error) { panic("skeleton") }

// New is a room that does not exist yet; the first join creates it. The name is the localpart of its address.
func (s *Service) New(name string) *Room { panic("skeleton") }

// Restore rebuilds a stored room. An error means that the stored bytes are damaged.
func (s *Service) Restore(name string, snap Snapshot) (*Room, Recovery, error) { panic("skeleton") }

// HandleService answers a stanza to the bare domain of the component. rooms yields all rooms, sorted by name.
func (s *Service) HandleService(now time.Time, st *xmpp.Stanza, rooms iter.Seq[Summary]) []xmpp.Stanza {
	panic("skeleton")
}
