package mimihttp

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"anteroom/mimi"
)

// ClientConfig says who we are and how to reach others.
type ClientConfig struct {
	Domain   string            // our own provider name, for the From header
	Identity *Identity         // what we present and trust
	Peers    map[string]string // provider name → host:port to dial instead of the name; the name is still what is verified
	Networks []netip.Prefix    // where providers are dialled although the addresses are private; Peers are dialled wherever they are
}

// Client sends requests to other providers.
type Client struct {
	domain string
	http   *http.Client

	mu          sync.Mutex
	directories map[string]cachedDirectory
}

type cachedDirectory struct {
	directory mimi.Directory
	expires   time.Time
}

// Reply is a peer's answer. RetryAfter is positive if the peer asked for patience.
type Reply struct {
	Status     int
	Body       []byte
	RetryAfter time.Duration
}

// NewClient returns a client that keeps connections open between requests.
func NewClient(cfg ClientConfig) *Client {
	peers := make(map[string]string, len(cfg.Peers))
	for name, address := range cfg.Peers {
		peers[strings.ToLower(name)] = address
	}
	transport := &http.Transport{
		TLSClientConfig:        cfg.Identity.ClientTLS(),
		TLSHandshakeTimeout:    DialTimeout,
		IdleConnTimeout:        IdleTimeout,
		MaxIdleConnsPerHost:    8,
		ForceAttemptHTTP2:      true,
		DialContext:            dialPeer(peers, cfg.Networks),
		MaxResponseHeaderBytes: MaxHeaderBytes,
	}
	return &Client{
		domain: cfg.Domain,
		http: &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		directories: map[string]cachedDirectory{},
	}
}

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Post sends body to an endpoint of a provider about uri; the zero URI stands for the provider itself, as identifierQuery wants it. An error means that no complete answer came: it is unknown whether the
// request took effect. A refusal is not an error here but a Reply with its status.
func (c *Client) Post(ctx context.Context, peer string, e mimi.Endpoint, uri mimi.URI, body []byte) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, ExchangeTimeout)
	defer cancel()
	value := uri.String()
	if uri.IsZero() {
		value = peer
	}
	target, err := c.endpoint(ctx, peer, e, value)
	if err != nil {
		return Reply{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target.String(), bytes.NewReader(body))
	if err != nil {
		return Reply{}, fmt.Errorf("mimihttp: %s at %s: %w", e, peer, err)
	}
	request.Header.Set("Content-Type", ContentType)
	reply, err := c.do(request, MaxResponseBody)
	if err != nil {
		return Reply{}, fmt.Errorf("mimihttp: %s at %s: %w", e, peer, err)
	}
	if reply.Status == http.StatusNotFound || reply.Status == http.StatusGone {
		c.forget(peer)
	}
	return reply, nil
}

// Document asks a provider for the document of one of its rooms, by the path that the seed gives it (Documents). Errors and refusals are as in Post.
func (c *Client) Document(ctx context.Context, room mimi.URI) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, ExchangeTimeout)
	defer cancel()
	target := "https://" + room.Provider() + "/room/" + room.Provider() + "/" + url.PathEscape(room.Name())
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return Reply{}, fmt.Errorf("mimihttp: document of %s: %w", room, err)
	}
	reply, err := c.do(request, MaxResponseBody)
	if err != nil {
		return Reply{}, fmt.Errorf("mimihttp: document of %s: %w", room, err)
	}
	return reply, nil
}

func (c *Client) do(request *http.Request, limit int64) (Reply, error) {
	request.Header.Set("From", "mimi@"+c.domain)
	response, err := c.http.Do(request)
	if err != nil {
		return Reply{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, limit+1))
	if err != nil {
		return Reply{}, err
	}
	if int64(len(body)) > limit {
		return Reply{}, fmt.Errorf("answer exceeds %d bytes", limit)
	}
	return Reply{Status: response.StatusCode, Body: body, RetryAfter: retryAfter(response.Header, time.Now())}, nil
}

// retryAfter reads both forms of the header (RFC 9110 §10.2.3).
func retryAfter(h http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(h.Get("Retry-After"))
	if value == "" {
		return 0
	}
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return min(time.Duration(seconds)*time.Second, MaxRetryAfter)
	}
	if at, err := http.ParseTime(value); err == nil && at.After(now) {
		return min(at.Sub(now), MaxRetryAfter)
	}
	return 0
}

func (c *Client) endpoint(ctx context.Context, peer string, e mimi.Endpoint, value string) (*url.URL, error) {
	d, err := c.directory(ctx, peer)
	if err != nil {
		return nil, err
	}
	target, err := endpointURL(peer, d, e, value)
	if err != nil {
		c.forget(peer)
	}
	return target, err
}

func (c *Client) directory(ctx context.Context, peer string) (mimi.Directory, error) {
	c.mu.Lock()
	cached, ok := c.directories[peer]
	c.mu.Unlock()
	if ok && time.Now().Before(cached.expires) {
		return cached.directory, nil
	}
	target := url.URL{Scheme: "https", Host: peer, Path: mimi.DirectoryPath}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("mimihttp: directory of %s: %w", peer, err)
	}
	reply, err := c.do(request, mimi.MaxDirectory)
	if err != nil {
		return nil, fmt.Errorf("mimihttp: directory of %s: %w", peer, err)
	}
	if reply.Status != http.StatusOK {
		return nil, fmt.Errorf("mimihttp: directory of %s: status %d", peer, reply.Status)
	}
	d, err := mimi.ParseDirectory(reply.Body)
	if err != nil {
		return nil, fmt.Errorf("mimihttp: %s: %w", peer, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.directories) >= MaxDirectories {
		clear(c.directories)
	}
	c.directories[peer] = cachedDirectory{directory: d, expires: time.Now().Add(DirectoryLifetime)}
	return d, nil
}

func (c *Client) forget(peer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.directories, peer)
}
