package mimihttp

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"anteroom/mimi"
)

var garden = mimi.MustURI("mimi://a.example/r/garden%2Fpath")

// authority issues identities for tests.
type authority struct {
	t           *testing.T
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	serial      int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &authority{t: t, certificate: certificate, key: key, serial: 1}
}

func (a *authority) issue(names ...string) *Identity {
	a.t.Helper()
	a.serial++
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(a.serial), DNSNames: names, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.certificate)
	return &Identity{Certificate: tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, Trust: pool}
}

// echo is a Provider that answers with what it understood.
type echo struct{}

func (echo) answer(kind, peer string, uri mimi.URI, body []byte) (int, []byte) {
	switch string(body) {
	case "panic":
		panic("as asked")
	case "busy":
		return http.StatusServiceUnavailable, []byte("later")
	case "large":
		return http.StatusOK, make([]byte, MaxResponseBody+1)
	}
	return http.StatusOK, []byte(kind + " " + peer + " " + uri.String() + " " + string(body))
}

func (e echo) KeyMaterial(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return e.answer("keyMaterial", peer, u, b)
}
func (e echo) Update(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return e.answer("update", peer, u, b)
}
func (e echo) Notify(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return http.StatusCreated, nil
}
func (e echo) SubmitMessage(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return e.answer("submitMessage", peer, u, b)
}
func (e echo) GroupInfo(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return e.answer("groupInfo", peer, u, b)
}

func (e echo) RequestConsent(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return e.answer("requestConsent", peer, u, b)
}
func (e echo) UpdateConsent(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return e.answer("updateConsent", peer, u, b)
}

func (e echo) ReportAbuse(_ context.Context, peer string, u mimi.URI, b []byte) (int, []byte) {
	return e.answer("reportAbuse", peer, u, b)
}

func (e echo) IdentifierQuery(_ context.Context, peer string, b []byte) (int, []byte) {
	return e.answer("identifierQuery", peer, mimi.URI{}, b)
}

// listen serves h with mutual TLS on a free port and returns its address.
func listen(t *testing.T, id *Identity, h http.Handler) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := NewServer(id, h, slog.New(slog.DiscardHandler))
	done := make(chan struct{})
	go func() { server.ServeTLS(l, "", ""); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	return l.Addr().String()
}

func clientOf(t *testing.T, id *Identity, domain, peer, address string) *Client {
	t.Helper()
	c := NewClient(ClientConfig{Domain: domain, Identity: id, Peers: map[string]string{peer: address}})
	t.Cleanup(c.Close)
	return c
}

func handler(endpoints ...mimi.Endpoint) *Handler {
	return NewHandler("a.example", echo{}, slog.New(slog.DiscardHandler), endpoints...)
}

func TestExchange(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("a.example"), handler())
	c := clientOf(t, ca.issue("b.example"), "b.example", "a.example", address)
	for _, e := range implemented {
		uri := garden
		if e == mimi.EndpointIdentifierQuery {
			uri = mimi.URI{} // about the provider itself
		}
		reply, err := c.Post(t.Context(), "a.example", e, uri, []byte("body"))
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if e == mimi.EndpointNotify {
			if reply.Status != http.StatusCreated || len(reply.Body) > 0 {
				t.Errorf("notify: %d %q, want an empty 201", reply.Status, reply.Body)
			}
			continue
		}
		if want := string(e) + " b.example " + uri.String() + " body"; reply.Status != http.StatusOK || string(reply.Body) != want {
			t.Errorf("%s: %d %q, want %q", e, reply.Status, reply.Body, want)
		}
	}
}

// A request that cannot be taken ends with its own status, and the next one is served.
func TestRefusals(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("a.example"), handler())
	c := clientOf(t, ca.issue("b.example"), "b.example", "a.example", address)
	for _, test := range []struct {
		name   string
		e      mimi.Endpoint
		body   []byte
		status int
	}{
		{"update too large", mimi.EndpointUpdate, make([]byte, MaxUpdateBody+1), http.StatusRequestEntityTooLarge},
		{"notify too large", mimi.EndpointNotify, make([]byte, MaxNotifyBody+1), http.StatusRequestEntityTooLarge},
		{"message too large", mimi.EndpointSubmitMessage, make([]byte, MaxSubmitBody+1), http.StatusRequestEntityTooLarge},
		{"groupInfo too large", mimi.EndpointGroupInfo, make([]byte, MaxGroupInfoBody+1), http.StatusRequestEntityTooLarge},
		{"keyMaterial too large", mimi.EndpointKeyMaterial, make([]byte, MaxKeyMaterialBody+1), http.StatusRequestEntityTooLarge},
		{"consent too large", mimi.EndpointUpdateConsent, make([]byte, MaxConsentBody+1), http.StatusRequestEntityTooLarge},
		{"report too large", mimi.EndpointReportAbuse, make([]byte, MaxAbuseBody+1), http.StatusRequestEntityTooLarge},
		{"query of what is no provider", mimi.EndpointIdentifierQuery, nil, http.StatusNotFound},
		{"panic in the provider", mimi.EndpointUpdate, []byte("panic"), http.StatusInternalServerError},
		{"busy", mimi.EndpointUpdate, []byte("busy"), http.StatusServiceUnavailable},
		{"and on", mimi.EndpointUpdate, nil, http.StatusOK},
	} {
		reply, err := c.Post(t.Context(), "a.example", test.e, garden, test.body)
		if err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if reply.Status != test.status {
			t.Errorf("%s: status %d, want %d", test.name, reply.Status, test.status)
		}
		if test.status == http.StatusServiceUnavailable && reply.RetryAfter != DefaultRetryAfter {
			t.Errorf("%s: Retry-After %v, want %v", test.name, reply.RetryAfter, DefaultRetryAfter)
		}
	}
	if _, err := c.Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, []byte("large")); err == nil {
		t.Error("an answer beyond the limit was read")
	}
}

// post sends to a path as it stands, by a plain client that presents id.
func post(t *testing.T, id *Identity, address, path string, header http.Header) (int, string, error) {
	t.Helper()
	config := id.ClientTLS()
	config.ServerName = "a.example"
	transport := &http.Transport{TLSClientConfig: config}
	defer transport.CloseIdleConnections()
	request := &http.Request{Method: http.MethodPost, URL: &url.URL{Scheme: "https", Host: address, Opaque: path}, Header: header, Body: http.NoBody}
	response, err := (&http.Client{Transport: transport}).Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func TestPathParameter(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("a.example"), handler())
	id := ca.issue("b.example")
	for _, test := range []struct {
		path   string
		status int
	}{
		{"/v1/update/mimi%3A%2F%2Fa.example%2Fr%2Fgarden", http.StatusOK},
		{"/v1/update/mimi:%2F%2Fa.example%2Fr%2Fgarden", http.StatusOK},
		{"/v1/update/garden", http.StatusBadRequest},
		{"/v1/update/", http.StatusBadRequest},
		{"/v1/update/mimi%3A%2F%2Fa.example%2Fr%2F" + strings.Repeat("x", MaxPathParameter), http.StatusBadRequest},
		{"/v1/reportAbuse/x", http.StatusBadRequest},
		{"/v1/identifierQuery/x", http.StatusNotFound},
	} {
		status, text, err := post(t, id, address, test.path, nil)
		if err != nil || status != test.status {
			t.Errorf("%.60s: %d %q %v, want %d", test.path, status, text, err, test.status)
		}
	}
}

// RFC 6125, draft-ietf-mimi-protocol-06 §4.1: both sides prove their names by certificate.
func TestIdentities(t *testing.T) {
	ca, stranger := newAuthority(t), newAuthority(t)
	address := listen(t, ca.issue("a.example"), handler())
	const path = "/v1/update/mimi%3A%2F%2Fa.example%2Fr%2Fgarden"

	bad := stranger.issue("b.example")
	bad.Trust = ca.issue("b.example").Trust
	if _, _, err := post(t, bad, address, path, nil); err == nil {
		t.Error("a client certificate of an unknown authority was accepted")
	}
	none := &Identity{Trust: bad.Trust}
	if _, _, err := post(t, none, address, path, nil); err == nil {
		t.Error("a client without certificate was accepted")
	}
	if status, _, err := post(t, ca.issue("b.example"), address, path, http.Header{"From": {"mimi@c.example"}}); err != nil || status != http.StatusForbidden {
		t.Errorf("From names another provider: %d %v, want 403", status, err)
	}
	if status, _, err := post(t, ca.issue(), address, path, nil); err != nil || status != http.StatusForbidden {
		t.Errorf("certificate without a name: %d %v, want 403", status, err)
	}
	if status, text, err := post(t, ca.issue("b.example", "c.example"), address, path, http.Header{"From": {"mimi@c.example"}}); err != nil || !strings.Contains(text, " c.example ") {
		t.Errorf("From chooses among the certificate's names: %d %q %v", status, text, err)
	}
	impostor := listen(t, ca.issue("c.example"), handler())
	c := clientOf(t, ca.issue("b.example"), "b.example", "a.example", impostor)
	if _, err := c.Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, nil); err == nil {
		t.Error("c.example was taken for a.example")
	}
}

// serveDirectory is a provider whose directory is given; other names whatever else it answers.
func serveDirectory(listing string, other http.HandlerFunc) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+mimi.DirectoryPath, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, listing) })
	mux.HandleFunc("/", other)
	return mux
}

func TestDirectory(t *testing.T) {
	ca := newAuthority(t)
	id := ca.issue("b.example")
	for _, test := range []struct{ name, listing string }{
		{"malformed", `{`},
		{"another host", `{"update":"https://c.example/{roomId}"}`},
		{"a host that only ends alike", `{"update":"https://nota.example/{roomId}"}`},
		{"plain http", `{"update":"http://a.example/{roomId}"}`},
		{"no variable", `{"update":"https://a.example/"}`},
		{"absent", `{}`},
		{"too large", `{"update":"` + strings.Repeat("x", mimi.MaxDirectory) + `"}`},
	} {
		address := listen(t, ca.issue("a.example"), serveDirectory(test.listing, func(http.ResponseWriter, *http.Request) { t.Errorf("%s: request sent", test.name) }))
		if _, err := clientOf(t, id, "b.example", "a.example", address).Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, nil); err == nil {
			t.Errorf("%s: no error", test.name)
		}
	}
	status, _, err := post(t, id, listen(t, ca.issue("a.example"), handler(mimi.EndpointNotify)), "/v1/update/mimi%3A%2F%2Fa.example%2Fr%2Fgarden", nil)
	if err != nil || status != http.StatusNotFound {
		t.Errorf("endpoint that is not offered: %d %v, want 404", status, err)
	}
}

// A redirect is an answer like any other: bodies go only where directory and certificate point.
func TestNoRedirects(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("a.example"), serveDirectory(`{"update":"https://a.example/u/{roomId}"}`, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/elsewhere" {
			t.Error("redirect was followed")
		}
		http.Redirect(w, r, "https://a.example/elsewhere", http.StatusTemporaryRedirect)
	}))
	reply, err := clientOf(t, ca.issue("b.example"), "b.example", "a.example", address).Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, nil)
	if err != nil || reply.Status != http.StatusTemporaryRedirect {
		t.Errorf("%d %v, want the redirect itself", reply.Status, err)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "7": 7 * time.Second, "-1": 0, "soon": 0, "999999": MaxRetryAfter,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(http.Header{"Retry-After": {value}}, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func TestSystemRootsAreReplaced(t *testing.T) {
	id := newAuthority(t).issue("a.example")
	if id.ServerTLS().ClientCAs != id.Trust || id.ClientTLS().RootCAs != id.Trust {
		t.Error("trust is not what is used")
	}
	if err := id.Covers("a.example"); err != nil {
		t.Error(err)
	}
	if err := id.Covers("b.example"); err == nil {
		t.Error("certificate covers a name that it does not have")
	}
	if !bytes.Contains([]byte(id.Covers("b.example").Error()), []byte("a.example")) {
		t.Error("the error does not say what the certificate is for")
	}
}
