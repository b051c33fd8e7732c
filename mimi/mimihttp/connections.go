package mimihttp

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
)

// Bounds on connections. What exceeds them is closed: a peer that behaves needs few, as each carries many requests.
const (
	MaxConnections     = 4096 // at the same time, of all providers
	MaxPeerConnections = 32   // of one provider, by the certificate that it showed
	MaxHandshakes      = 256  // whose client has not proved yet who it is; ReadHeaderTimeout ends them
)

// Listener bounds the connections of a listener for providers. NewServer's configuration must come by way of TLS.
type Listener struct {
	net.Listener
	total, perPeer, unproved int

	mu     sync.Mutex
	open   int
	silent int            // of them, those that have not proved who they are
	peers  map[string]int // proved connections by provider
}

// Limit bounds the connections that l accepts.
func Limit(l net.Listener) *Listener {
	return &Listener{Listener: l, total: MaxConnections, perPeer: MaxPeerConnections, unproved: MaxHandshakes, peers: map[string]int{}}
}

// Accept waits for the next connection within the bounds; those beyond them are closed at once.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		full := l.open >= l.total || l.silent >= l.unproved
		if !full {
			l.open++
			l.silent++
		}
		l.mu.Unlock()
		if !full {
			return &connection{Conn: c, l: l}, nil
		}
		c.Close()
	}
}

// TLS is for tls.Config.GetConfigForClient: the server's configuration with a further look at each client, after its certificate was verified.
func (l *Listener) TLS(config func() *tls.Config) func(*tls.ClientHelloInfo) (*tls.Config, error) {
	return func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		c, ok := hello.Conn.(*connection)
		if !ok {
			return nil, errors.New("mimihttp: a connection that was not counted")
		}
		cfg := config().Clone()
		cfg.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("mimihttp: no client certificate")
			}
			names := presented(state.PeerCertificates[0])
			if len(names) == 0 {
				return errors.New("mimihttp: client certificate has no DNS name of a provider")
			}
			return c.proved(names[0])
		}
		return cfg, nil
	}
}

// connection is counted until it is closed.
type connection struct {
	net.Conn
	l *Listener

	closed bool   // l.mu, like peer
	peer   string // that it proved
}

// proved counts the connection as a provider's.
func (c *connection) proved(peer string) error {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.closed {
		return net.ErrClosed
	}
	if l.peers[peer] >= l.perPeer {
		return fmt.Errorf("mimihttp: %s has %d connections already", peer, l.perPeer)
	}
	l.peers[peer]++
	l.silent--
	c.peer = peer
	return nil
}

// Close closes the connection and stops counting it.
func (c *connection) Close() error {
	c.uncount()
	return c.Conn.Close()
}

func (c *connection) uncount() {
	l := c.l
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.closed {
		return
	}
	c.closed = true
	l.open--
	if c.peer == "" {
		l.silent--
	} else if l.peers[c.peer]--; l.peers[c.peer] == 0 {
		delete(l.peers, c.peer)
	}
}
