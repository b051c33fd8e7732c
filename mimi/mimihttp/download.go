package mimihttp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"anteroom/mimi"
)

// Bounds on downloads for other providers.
const (
	MaxAsset         = 100 << 20 // bytes of an asset
	MaxDownloads     = 32        // at the same time
	MaxPeerDownloads = 4         // of them, for one provider
	DownloadTime     = 10 * time.Minute
	DownloadStall    = 20 * time.Second // without a byte read or written
	chunk            = 32 << 10
)

// Proxy fetches assets for other providers, so that asset providers do not learn who reads them (draft-ietf-mimi-protocol-06 §5.10.2). It asks the
// configured hosts alone, by https, and passes nothing on but the content: docs/decisions/124-downloads.md.
type Proxy struct {
	hosts  map[string]bool
	client *http.Client
	stall  time.Duration
	limit  int64

	mu     sync.Mutex
	active int
	peers  map[string]int
}

// NewProxy returns a proxy for assets at certain hosts, each a name, or a name and a port when it is another than 443. Names that lead into
// special networks are dialled only if networks has them. trust verifies their certificates; nil stands for the system's roots.
func NewProxy(hosts []string, networks []netip.Prefix, trust *x509.CertPool) *Proxy {
	p := &Proxy{hosts: map[string]bool{}, peers: map[string]int{}, stall: DownloadStall, limit: MaxAsset}
	for _, h := range hosts {
		p.hosts[strings.TrimSuffix(strings.ToLower(h), ":443")] = true
	}
	p.client = &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            publicDialer(networks).DialContext,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: trust},
			TLSHandshakeTimeout:    DialTimeout,
			ResponseHeaderTimeout:  DownloadStall,
			IdleConnTimeout:        IdleTimeout,
			MaxResponseHeaderBytes: MaxHeaderBytes,
			DisableCompression:     true, // what is counted is what is sent
			ForceAttemptHTTP2:      true,
		},
	}
	return p
}

// target reads the URL of an asset; the text says why it is not fetched.
func (p *Proxy) target(raw string) (u *url.URL, why string) {
	u, err := url.Parse(raw)
	switch {
	case err != nil || u.Scheme != "https" || u.Host == "" || u.Opaque != "":
		return nil, "downloadUrl: is no https url"
	case u.User != nil || u.Fragment != "":
		return nil, "downloadUrl: has a user or a fragment"
	case !p.hosts[strings.TrimSuffix(strings.ToLower(u.Host), ":443")]:
		return nil, "downloadUrl: its host is no asset server of a provider that we know"
	}
	return u, ""
}

// begin counts a download; end must be called after it unless ok is false.
func (p *Proxy) begin(peer string) (end func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.active >= MaxDownloads || p.peers[peer] >= MaxPeerDownloads {
		return nil, false
	}
	p.active++
	p.peers[peer]++
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.active--
		if p.peers[peer]--; p.peers[peer] == 0 {
			delete(p.peers, peer)
		}
	}, true
}

// UseProxy serves proxyDownload by p, and says so in the directory. It is for before the handler serves.
func (h *Handler) UseProxy(p *Proxy) {
	h.endpoints = append(h.endpoints, mimi.EndpointProxyDownload)
	h.mux.HandleFunc("GET "+pathPrefix+string(mimi.EndpointProxyDownload)+"/", func(w http.ResponseWriter, r *http.Request) { h.download(w, r, p) })
}

func (h *Handler) download(w http.ResponseWriter, r *http.Request, p *Proxy) {
	peer, err := peerName(r.TLS, r.Header.Get("From"))
	if err != nil {
		refuse(w, http.StatusForbidden, err.Error())
		return
	}
	raw, err := pathParameter(r.URL.EscapedPath(), mimi.EndpointProxyDownload)
	if err != nil {
		refuse(w, http.StatusBadRequest, err.Error())
		return
	}
	done, wait, why := h.floods.begin(time.Now(), peer, mimi.EndpointProxyDownload, "")
	if why != "" {
		later(w, wait)
		refuse(w, http.StatusTooManyRequests, why)
		return
	}
	defer done()
	u, why := p.target(raw)
	if why != "" {
		h.log.Info("download refused", "peer", peer, "text", why)
		refuse(w, http.StatusForbidden, why)
		return
	}
	end, ok := p.begin(peer)
	if !ok {
		refuse(w, http.StatusTooManyRequests, "too many downloads at the same time")
		return
	}
	defer end()
	status, err := p.fetch(r.Context(), w, u)
	if err != nil {
		h.log.Info("download failed", "peer", peer, "host", u.Host, "error", err)
	}
	if status != 0 {
		refuse(w, status, err.Error())
	} else if err != nil {
		panic(http.ErrAbortHandler) // in the middle of it: the peer must not take it for whole
	}
}

// fetch passes the content on. A status is what is still to be answered.
func (p *Proxy) fetch(ctx context.Context, w http.ResponseWriter, u *url.URL) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, DownloadTime)
	defer cancel()
	stalled := time.AfterFunc(p.stall, cancel)
	defer stalled.Stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return http.StatusBadRequest, err
	}
	request.Header.Set("User-Agent", "") // nothing of ours, nothing of who asks
	response, err := p.client.Do(request)
	if err != nil {
		var dial *net.OpError
		if errors.As(err, &dial) {
			return http.StatusBadGateway, errors.New("the asset server cannot be reached")
		}
		return http.StatusBadGateway, errors.New("the asset server gives no answer")
	}
	defer response.Body.Close()
	switch {
	case response.StatusCode == http.StatusNotFound || response.StatusCode == http.StatusGone:
		return response.StatusCode, errors.New("the asset server has no such asset")
	case response.StatusCode != http.StatusOK:
		return http.StatusBadGateway, fmt.Errorf("the asset server answers with status %d", response.StatusCode)
	case response.ContentLength > p.limit:
		return http.StatusBadGateway, fmt.Errorf("the asset exceeds %d bytes", p.limit)
	}
	// Whatever the asset server says that it is: it is bytes to be saved, which nobody shows as ours.
	w.Header().Set("Content-Type", ContentType)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Disposition", "attachment")
	if response.ContentLength >= 0 {
		w.Header().Set("Content-Length", strconv.FormatInt(response.ContentLength, 10))
	}
	control := http.NewResponseController(w)
	buffer := make([]byte, chunk)
	for sent := int64(0); ; {
		n, err := response.Body.Read(buffer)
		if sent += int64(n); sent > p.limit {
			return 0, fmt.Errorf("the asset exceeds %d bytes", p.limit)
		}
		stalled.Reset(p.stall)
		if n > 0 {
			if e := control.SetWriteDeadline(time.Now().Add(p.stall)); e != nil {
				return 0, e
			}
			if _, e := w.Write(buffer[:n]); e != nil {
				return 0, e
			}
		}
		if err == io.EOF {
			return 0, nil
		}
		if err != nil {
			return 0, err
		}
	}
}

// Download fetches an asset by way of a hub, at most limit bytes, into w. The Reply has the status; its Body is the text of a refusal.
func (c *Client) Download(ctx context.Context, hub, asset string, limit int64, w io.Writer) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, DownloadTime)
	defer cancel()
	target, err := c.endpoint(ctx, hub, mimi.EndpointProxyDownload, asset)
	if err != nil {
		return Reply{}, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return Reply{}, fmt.Errorf("mimihttp: download at %s: %w", hub, err)
	}
	request.Header.Set("From", "mimi@"+c.domain)
	response, err := c.http.Do(request)
	if err != nil {
		return Reply{}, fmt.Errorf("mimihttp: download at %s: %w", hub, err)
	}
	defer response.Body.Close()
	reply := Reply{Status: response.StatusCode, RetryAfter: retryAfter(response.Header, time.Now())}
	if reply.Status != http.StatusOK {
		reply.Body, err = io.ReadAll(io.LimitReader(response.Body, maxRefusalText))
		return reply, err
	}
	n, err := io.Copy(w, io.LimitReader(response.Body, limit+1))
	if err == nil && n > limit {
		err = fmt.Errorf("asset exceeds %d bytes", limit)
	}
	if err != nil {
		return Reply{}, fmt.Errorf("mimihttp: download at %s: %w", hub, err)
	}
	return reply, nil
}
