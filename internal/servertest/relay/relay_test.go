package relay

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/mimihttp"
	"anteroom/mls"
	"anteroom/mls/wire"
)

const (
	asking = "b.example"
	asked  = "a.example"
)

var garden = mimi.MustURI("mimi://a.example/r/garden%2Fpath")

// identities of providers below one authority.
func identities(t *testing.T, names ...string) map[string]*mimihttp.Identity {
	t.Helper()
	issue := func(template, by *x509.Certificate, signer *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		if signer == nil {
			by, signer = template, key
		}
		template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
		der, err := x509.CreateCertificate(rand.Reader, template, by, key.Public(), signer)
		if err != nil {
			t.Fatal(err)
		}
		certificate, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		return certificate, key
	}
	ca, key := issue(&x509.Certificate{SerialNumber: big.NewInt(1), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, nil, nil)
	trust := x509.NewCertPool()
	trust.AddCert(ca)
	all := map[string]*mimihttp.Identity{}
	for i, name := range names {
		leaf, own := issue(&x509.Certificate{SerialNumber: big.NewInt(int64(i) + 2), DNSNames: []string{name}, KeyUsage: x509.KeyUsageDigitalSignature,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}, ca, key)
		all[name] = &mimihttp.Identity{Certificate: tls.Certificate{Certificate: [][]byte{leaf.Raw}, PrivateKey: own}, Trust: trust}
	}
	return all
}

// provider notes what it is asked.
type provider struct {
	mimihttp.Provider
	mu    sync.Mutex
	heard []string
}

func (p *provider) hear(peer string, uri mimi.URI, body []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, peer+" "+uri.String()+" "+string(body))
}

func (p *provider) SubmitMessage(_ context.Context, peer string, uri mimi.URI, body []byte) (int, []byte) {
	p.hear(peer, uri, body)
	return http.StatusOK, append([]byte("to "), body...)
}

func (p *provider) Notify(_ context.Context, peer string, uri mimi.URI, body []byte) (int, []byte) {
	m, err := mimi.ParseFanout(body)
	if err != nil {
		return http.StatusBadRequest, []byte(err.Error())
	}
	if m[0].Timestamp == 0 {
		return http.StatusServiceUnavailable, []byte("not now")
	}
	for _, m := range m {
		p.hear(peer, uri, []byte{'0' + byte(m.Timestamp)})
	}
	return http.StatusCreated, nil
}

// heardAll is what it heard of the garden from who asks through the relay, bodies only.
func (p *provider) heardAll(t *testing.T) (list []string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, line := range p.heard {
		body, ok := strings.CutPrefix(line, asking+" "+garden.String()+" ")
		if !ok {
			t.Errorf("heard %q", line)
		}
		list = append(list, body)
	}
	return list
}

// stage is a relay between an asking client and a provider that listens.
type stage struct {
	*Relay
	*provider
	client     *mimihttp.Client
	identities map[string]*mimihttp.Identity
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s := &stage{provider: &provider{}, identities: identities(t, asking, asked, "c.example")}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	server := mimihttp.NewServer(s.identities[asked], mimihttp.NewHandler(asked, s.provider, log), log)
	go server.ServeTLS(l, "", "")
	t.Cleanup(func() { server.Close() })
	s.Relay, err = Start(Config{From: asking, To: asked, Target: l.Addr().String(), Asks: s.identities[asking], Asked: s.identities[asked]})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	s.client = s.as(t, asking)
	return s
}

func (s *stage) as(t *testing.T, name string) *mimihttp.Client {
	c := mimihttp.NewClient(mimihttp.ClientConfig{Domain: name, Identity: s.identities[name], Peers: map[string]string{asked: s.Addr()}})
	t.Cleanup(c.Close)
	return c
}

// says posts a text and holds whether there is an answer, and the right one.
func (s *stage) says(t *testing.T, text string, answered bool) {
	t.Helper()
	reply, err := s.client.Post(t.Context(), asked, mimi.EndpointSubmitMessage, garden, []byte(text))
	if (err == nil) != answered || answered && string(reply.Body) != "to "+text {
		t.Errorf("%q is answered by %q, %v", text, reply.Body, err)
	}
}

func (s *stage) waits(t *testing.T, n int) {
	t.Helper()
	if err := s.Waiting(t.Context(), n); err != nil {
		t.Fatal(err)
	}
}

func (s *stage) wantHeard(t *testing.T, want ...string) {
	t.Helper()
	if got := s.heardAll(t); !slices.Equal(got, want) {
		t.Errorf("%s heard %q, want %q", asked, got, want)
	}
}

var words = About(mimi.EndpointSubmitMessage, garden.String())

func TestCarries(t *testing.T) {
	s := newStage(t)
	s.says(t, "good morrow", true)
	s.wantHeard(t, "good morrow")
	if reply, err := s.as(t, "c.example").Post(t.Context(), asked, mimi.EndpointSubmitMessage, garden, []byte("let me in")); err == nil {
		t.Errorf("another provider is answered %d %q", reply.Status, reply.Body)
	}
	s.wantHeard(t, "good morrow")
}

func TestCut(t *testing.T) {
	s := newStage(t)
	s.says(t, "before", true)
	s.Cut()
	s.says(t, "into the void", false)
	s.Mend()
	s.says(t, "after", true)
	s.wantHeard(t, "before", "after")

	// What had arrived has, but nobody learns of it.
	arrived := s.Next(1, Deliver, func(*Request) bool { s.Cut(); return true })
	s.says(t, "in between", false)
	<-arrived.Done()
	s.wantHeard(t, "before", "after", "in between")
}

func TestStall(t *testing.T) {
	s := newStage(t)
	s.says(t, "before", true)
	s.Stall()
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := s.client.Post(ctx, asked, mimi.EndpointSubmitMessage, garden, []byte("never mind"))
		gaveUp <- err
	}()
	s.waits(t, 1)
	cancel()
	if err := <-gaveUp; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up has %v", err)
	}
	s.waits(t, 0)
	said := make(chan bool)
	go func() {
		s.says(t, "at last", true)
		close(said)
	}()
	s.waits(t, 1)
	s.wantHeard(t, "before")
	s.Flow()
	<-said
	s.wantHeard(t, "before", "at last")
}

func TestFates(t *testing.T) {
	s := newStage(t)
	lost := s.Next(1, Lose, words)
	s.says(t, "one", false)
	<-lost.Done()
	s.Next(1, LoseAnswer, words)
	s.says(t, "two", false)
	s.Next(1, Repeat, words)
	s.says(t, "three", true)
	s.says(t, "four", true)
	s.wantHeard(t, "two", "three", "three", "four")
	all := s.All(Lose, words)
	s.says(t, "five", false)
	s.says(t, "six", false)
	all.End()
	s.says(t, "seven", true)
	s.wantHeard(t, "two", "three", "three", "four", "seven")
}

// fanout is a notification of welcomes with these times.
func fanout(times ...uint64) (body []byte) {
	for _, at := range times {
		m := &mimi.FanoutMessage{Timestamp: at, RatchetTree: mimi.RatchetTreeOption{Representation: mimi.TreeDistributionService},
			Message: &mls.Message{Format: mls.WireFormatWelcome, Welcome: &mls.Welcome{Suite: mls.SuiteX25519AES128SHA256Ed25519}}}
		body = append(body, wire.Marshal(m)...)
	}
	return body
}

func TestKeep(t *testing.T) {
	s := newStage(t)
	rule := s.All(Keep, About(mimi.EndpointNotify, garden.String()))
	tell := func(times ...uint64) {
		t.Helper()
		if reply, err := s.client.Post(t.Context(), asked, mimi.EndpointNotify, garden, fanout(times...)); err != nil || reply.Status != http.StatusCreated {
			t.Errorf("answered %d, %v", reply.Status, err)
		}
	}
	tell(1, 2)
	tell(3)
	kept, err := rule.Kept(t.Context(), func(kept []*Request) bool { return len(kept) == 3 })
	if err != nil {
		t.Fatal(err)
	}
	s.wantHeard(t)
	if got := kept[0].String(); got != "notify "+garden.String()+" "+Welcome {
		t.Errorf("kept %q", got)
	}
	rule.End()
	tell(4)
	for _, i := range []int{2, 0, 1, 0} {
		if err := s.Hand(t.Context(), kept[i]); err != nil {
			t.Error(err)
		}
	}
	s.wantHeard(t, "4", "3", "1", "2", "1")
	bad := *kept[0]
	bad.Body = fanout(0)
	if err := s.Hand(t.Context(), &bad); err == nil || !strings.Contains(err.Error(), "status 503: not now") {
		t.Errorf("handing over what is not taken: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rule.Kept(ctx, func(kept []*Request) bool { return len(kept) > 3 }); err == nil {
		t.Error("there is more than was told")
	}
}
