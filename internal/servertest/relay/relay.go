// Package relay is the network between two providers, as bad as a test wants it. A Relay carries what one provider asks of another: to the one that
// asks it is the other provider, to the other it is the one that asks, and to both it has the right certificate. So the mutual TLS of
// draft-ietf-mimi-protocol-06 §5 is whole on both sides, and the relay reads what is between. The other direction is another relay.
//
// It can be cut and mended, or stalled, as a whole (relay.go), and give single requests another fate (fate.go): lost before or after they arrived,
// delivered twice, or kept and delivered later, in any order and as often as the test likes.
//
// All methods are safe for concurrent use.
package relay

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/url"
	"sync"

	"anteroom/mimi/mimihttp"
)

const (
	maxBody = 16 << 20
	// patience bounds an exchange with who is asked: longer than the asker's, so that what it gave up may still arrive.
	patience = 2 * mimihttp.ExchangeTimeout
)

// Config says between whom a relay stands.
type Config struct {
	From, To    string             // providers: who asks, and who is asked
	Target      string             // address where To listens
	Asks, Asked *mimihttp.Identity // the certificates of From and To
}

// Relay carries requests.
type Relay struct {
	from, to string
	listener *listener
	server   *http.Server
	upstream *http.Transport
	ctx      context.Context // ends what is on its way
	end      context.CancelFunc
	wg       sync.WaitGroup

	mu      sync.Mutex
	flowing chan struct{} // closed unless stalled
	waiting int           // requests that are stalled
	changed chan struct{} // closed and replaced when waiting changes
	rules   []*Rule
}

// Start listens on a free port of 127.0.0.1.
func Start(c Config) (*Relay, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	serves := c.Asked.ServerTLS()
	serves.VerifyConnection = func(state tls.ConnectionState) error { return state.PeerCertificates[0].VerifyHostname(c.From) }
	r := &Relay{from: c.From, to: c.To, listener: &listener{Listener: l, open: map[*connection]bool{}}, flowing: make(chan struct{}),
		changed: make(chan struct{})}
	close(r.flowing)
	r.ctx, r.end = context.WithCancel(context.Background())
	r.upstream = &http.Transport{TLSClientConfig: c.Asks.ClientTLS(), ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 8,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, c.Target)
		}}
	r.server = &http.Server{Handler: http.HandlerFunc(r.carry), TLSConfig: serves, ReadHeaderTimeout: patience, ErrorLog: log.New(io.Discard, "", 0)}
	r.wg.Go(func() { r.server.ServeTLS(r.listener, "", "") })
	return r, nil
}

// Addr is where From connects instead of To.
func (r *Relay) Addr() string { return r.listener.Addr().String() }

// Stop ends everything.
func (r *Relay) Stop() error {
	r.end()
	err := r.server.Close()
	r.wg.Wait()
	r.upstream.CloseIdleConnections()
	return err
}

// Cut ends all connections without a word and lets none through until Mend: a request that had not arrived is lost, of one that had the answer is.
func (r *Relay) Cut() { r.listener.cut(true) }

// Mend lets connections through again.
func (r *Relay) Mend() { r.listener.cut(false) }

// Stall lets requests wait until Flow: the connection is there and nothing comes of it. Who gives up waiting was not heard.
func (r *Relay) Stall() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.flowing:
		r.flowing = make(chan struct{})
	default:
	}
}

// Flow ends Stall.
func (r *Relay) Flow() {
	r.mu.Lock()
	defer r.mu.Unlock()
	select {
	case <-r.flowing:
	default:
		close(r.flowing)
	}
}

// Waiting waits until so many requests are stalled.
func (r *Relay) Waiting(ctx context.Context, n int) error {
	for {
		r.mu.Lock()
		waiting, changed := r.waiting, r.changed
		r.mu.Unlock()
		if waiting == n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("relay: %d requests of %s wait, want %d", waiting, r.from, n)
		}
	}
}

// wait until there is a flow, or who asked has given up.
func (r *Relay) wait(ctx context.Context) error {
	r.mu.Lock()
	flowing := r.flowing
	r.mu.Unlock()
	select {
	case <-flowing:
		return ctx.Err()
	default:
	}
	r.count(1)
	defer r.count(-1)
	select {
	case <-flowing:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (r *Relay) count(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.waiting += n
	close(r.changed)
	r.changed = make(chan struct{})
}

// carry brings one request to To and the answer back, unless fate has something else in mind. That no answer comes looks like a lost connection.
func (r *Relay) carry(w http.ResponseWriter, in *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, in.Body, maxBody))
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	q := newRequest(in, body)
	if r.wait(in.Context()) != nil {
		panic(http.ErrAbortHandler)
	}
	rule := r.ruleFor(q)
	var answer *answer
	switch rule.fate() {
	case Lose:
	case Keep:
		answer = rule.keep(q)
	case LoseAnswer:
		r.deliver(q)
	case Repeat:
		if answer = r.deliver(q); answer != nil {
			answer = r.deliver(q)
		}
	default:
		answer = r.deliver(q)
	}
	rule.befell()
	if answer == nil {
		panic(http.ErrAbortHandler)
	}
	for name, values := range answer.header {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.status)
	w.Write(answer.body)
}

// answer is what To said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// deliver brings a request to To, also when From does not wait for it any more. Nil: To gave no answer.
func (r *Relay) deliver(q *Request) *answer {
	ctx, cancel := context.WithTimeout(r.ctx, patience)
	defer cancel()
	a, err := r.post(ctx, q)
	if err != nil {
		return nil
	}
	return a
}

func (r *Relay) post(ctx context.Context, q *Request) (*answer, error) {
	target := &url.URL{Scheme: "https", Host: r.to, Path: q.url.Path, RawPath: q.url.RawPath, RawQuery: q.url.RawQuery}
	out, err := http.NewRequestWithContext(ctx, q.method, target.String(), bytes.NewReader(q.Body))
	if err != nil {
		return nil, err
	}
	out.Header = q.header.Clone()
	response, err := r.upstream.RoundTrip(out)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return &answer{response.StatusCode, response.Header, body}, err
}

// Hand delivers a request that was kept, once more if it was delivered before. An answer that does not take it is an error.
func (r *Relay) Hand(ctx context.Context, q *Request) error {
	a, err := r.post(ctx, q)
	if err == nil && (a.status < 200 || a.status > 299) {
		err = fmt.Errorf("status %d: %s", a.status, bytes.TrimSpace(a.body))
	}
	if err != nil {
		return fmt.Errorf("relay: %s hands %s to %s: %w", r.from, q, r.to, err)
	}
	return nil
}

// listener knows its connections, so that they can be cut.
type listener struct {
	net.Listener

	mu   sync.Mutex
	down bool
	open map[*connection]bool
}

func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		l.mu.Lock()
		down, known := l.down, &connection{c, l}
		if !down {
			l.open[known] = true
		}
		l.mu.Unlock()
		if !down {
			return known, nil
		}
		c.Close()
	}
}

func (l *listener) cut(down bool) {
	l.mu.Lock()
	l.down = down
	var open []*connection
	for c := range l.open {
		open = append(open, c)
	}
	l.mu.Unlock()
	if down {
		for _, c := range open {
			c.Close()
		}
	}
}

type connection struct {
	net.Conn
	l *listener
}

func (c *connection) Close() error {
	c.l.mu.Lock()
	delete(c.l.open, c)
	c.l.mu.Unlock()
	return c.Conn.Close()
}
