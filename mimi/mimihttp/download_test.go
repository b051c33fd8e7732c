package mimihttp

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// draft-ietf-mimi-protocol-06 §5.10.2: a hub fetches assets for its peers, from hosts that it knows, by https, without telling who asks; it is no open
// proxy, leads nowhere inside, and passes on bytes, so many and no more.
func TestProxyDownload(t *testing.T) {
	ca := newAuthority(t)
	var asked []string
	var mu sync.Mutex
	assets := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		asked = append(asked, fmt.Sprint(r.Method, " ", r.URL, " ", r.Header))
		mu.Unlock()
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, "https://assets.c.example/file", http.StatusFound)
		case "/large":
			w.Header().Set("Content-Length", "1001")
			w.Write(make([]byte, 1001))
		case "/endless":
			for range 100 {
				w.Write(make([]byte, 100))
				w.(http.Flusher).Flush()
			}
		case "/stalls":
			w.Write([]byte("begin"))
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		case "/file", "/a b":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Set-Cookie", "a=b")
			w.Write([]byte("<script>"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	assets.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue("assets.c.example", "localhost").Certificate}}
	assets.StartTLS()
	t.Cleanup(assets.Close)
	inside := assets.Listener.Addr().String()
	_, port, _ := net.SplitHostPort(inside)

	p := NewProxy([]string{"assets.c.example", "localhost:" + port}, nil, ca.issue("x.example").Trust)
	guarded := p.client.Transport.(*http.Transport).DialContext
	p.client.Transport.(*http.Transport).DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		if strings.EqualFold(address, "assets.c.example:443") { // where the DNS would have it
			return net.Dial("tcp", inside)
		}
		return guarded(ctx, network, address)
	}
	p.limit = 1000
	h := handler()
	h.UseProxy(p)
	c := clientOf(t, ca.issue("b.example"), "b.example", "a.example", listen(t, ca.issue("a.example"), h))
	for _, test := range []struct {
		why, url string
		status   int // 0: it breaks off
		body     string
	}{
		{"a file", "https://assets.c.example/file", http.StatusOK, "<script>"},
		{"with its port", "https://assets.c.example:443/file?x=1%2F2", http.StatusOK, "<script>"},
		{"escaped", "https://ASSETS.c.example/a%20b", http.StatusOK, "<script>"},
		{"not there", "https://assets.c.example/none", http.StatusNotFound, "no such asset"},
		{"another host", "https://www.c.example/file", http.StatusForbidden, "no asset server"},
		{"a host below", "https://x.assets.c.example/file", http.StatusForbidden, "no asset server"},
		{"another port", "https://assets.c.example:8443/file", http.StatusForbidden, "no asset server"},
		{"without TLS", "http://assets.c.example/file", http.StatusForbidden, "no https url"},
		{"a file of ours", "file:///etc/passwd", http.StatusForbidden, "no https url"},
		{"with a user", "https://b@assets.c.example/file", http.StatusForbidden, "user"},
		{"inside", "https://localhost:" + port + "/file", http.StatusBadGateway, "cannot be reached"},
		{"elsewhere by redirect", "https://assets.c.example/redirect", http.StatusBadGateway, "status 302"},
		{"too large", "https://assets.c.example/large", http.StatusBadGateway, "exceeds"},
		{"too large without saying so", "https://assets.c.example/endless", 0, ""},
	} {
		var got bytes.Buffer
		reply, err := c.Download(t.Context(), "a.example", test.url, 2000, &got)
		if test.status == 0 {
			if err == nil {
				t.Errorf("%s: taken for whole: %d, %d bytes", test.why, reply.Status, got.Len())
			}
			continue
		}
		if test.status != http.StatusOK {
			got.Write(reply.Body)
		}
		if err != nil || reply.Status != test.status || !strings.Contains(got.String(), test.body) {
			t.Errorf("%s: %d %q %v, want %d %q", test.why, reply.Status, got.String(), err, test.status, test.body)
		}
	}
	hurried := NewProxy([]string{"assets.c.example"}, nil, nil)
	hurried.client, hurried.stall = p.client, 100*time.Millisecond
	h = handler()
	h.UseProxy(hurried)
	impatient := clientOf(t, ca.issue("b.example"), "b.example", "a.example", listen(t, ca.issue("a.example"), h))
	var part bytes.Buffer
	if reply, err := impatient.Download(t.Context(), "a.example", "https://assets.c.example/stalls", 2000, &part); err == nil && reply.Status == http.StatusOK {
		t.Errorf("what never ends is taken for whole: %d, %d bytes", reply.Status, part.Len())
	}
	mu.Lock()
	for _, a := range asked {
		if strings.Contains(a, "b.example") || strings.Contains(a, "From") || !strings.HasPrefix(a, "GET ") {
			t.Errorf("the asset server learns %s", a)
		}
	}
	mu.Unlock()
	if _, err := c.Download(t.Context(), "a.example", "https://assets.c.example/file", 3, new(bytes.Buffer)); err == nil {
		t.Error("more than the caller wants is read")
	}

	target, err := c.endpoint(t.Context(), "a.example", "proxyDownload", "https://assets.c.example/file")
	if err != nil {
		t.Fatal(err)
	}
	response, err := c.http.Get(target.String())
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	for name, want := range map[string]string{"Content-Type": ContentType, "X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment", "Set-Cookie": ""} {
		if got := response.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

// Downloads of one provider, and of all, are bounded.
func TestDownloadsAreBounded(t *testing.T) {
	p := NewProxy(nil, nil, nil)
	var ends []func()
	for range MaxPeerDownloads {
		end, ok := p.begin("b.example")
		if !ok {
			t.Fatal("refused within the bound")
		}
		ends = append(ends, end)
	}
	if _, ok := p.begin("b.example"); ok {
		t.Error("more than a provider's share")
	}
	for i := range MaxDownloads - MaxPeerDownloads {
		if _, ok := p.begin(fmt.Sprint(i, ".example")); !ok {
			t.Fatalf("refused within the bound of all: %d", i)
		}
	}
	if _, ok := p.begin("c.example"); ok {
		t.Error("more than all may")
	}
	ends[0]()
	if _, ok := p.begin("c.example"); !ok {
		t.Error("refused after one has ended")
	}
}
