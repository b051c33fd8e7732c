package mimihttp

import (
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"net"
	"net/url"
	"strings"
	"testing"

	"anteroom/mimi"
)

// RFC 9525 §6 and §7.1: what proves a provider's name, and what does not.
func TestProviderNames(t *testing.T) {
	for _, test := range []struct {
		why       string
		presented []string
		reference string
		proved    bool
	}{
		{"the same", []string{"a.example"}, "a.example", true},
		{"one of several", []string{"x.example", "a.example"}, "a.example", true},
		{"another case in the certificate", []string{"A.eXample"}, "a.example", true},
		{"another case in the reference", []string{"a.example"}, "A.example", true},
		{"A-labels", []string{"xn--bcher-kva.example"}, "xn--bcher-kva.example", true},
		{"A-labels of another name", []string{"xn--bcher-kva.example"}, "bucher.example", false},
		{"U-labels in the certificate", []string{"bücher.example"}, "xn--bcher-kva.example", false},
		{"U-labels in the reference", []string{"xn--bcher-kva.example"}, "bücher.example", false},
		{"U-labels in both", []string{"bücher.example"}, "bücher.example", false},
		{"a wildcard", []string{"*.example"}, "a.example", false},
		{"a wildcard below", []string{"*.a.example"}, "mimi.a.example", false},
		{"a part of a label", []string{"a*.example"}, "ab.example", false},
		{"a wildcard alone", []string{"*"}, "example", false},
		{"a wildcard as reference", []string{"*.example"}, "*.example", false},
		{"the parent", []string{"example"}, "a.example", false},
		{"a child", []string{"mimi.a.example"}, "a.example", false},
		{"a longer name that ends alike", []string{"nota.example"}, "a.example", false},
		{"a longer name that begins alike", []string{"a.example.evil.example"}, "a.example", false},
		{"a trailing dot", []string{"a.example."}, "a.example", false},
		{"a trailing dot in the reference", []string{"a.example"}, "a.example.", false},
		{"a zero byte", []string{"a.example\x00.evil.example"}, "a.example", false},
		{"an address as a name", []string{"192.0.2.1"}, "192.0.2.1", false},
		{"an IPv6 address as a name", []string{"::1"}, "::1", false},
		{"nothing", nil, "a.example", false},
		{"an empty name", []string{""}, "", false},
	} {
		err := proves(&x509.Certificate{DNSNames: test.presented}, test.reference)
		if (err == nil) != test.proved {
			t.Errorf("%s: %q for %q: %v", test.why, test.presented, test.reference, err)
		}
	}
	elsewhere := &x509.Certificate{Subject: pkix.Name{CommonName: "a.example"}, EmailAddresses: []string{"mimi@a.example"},
		IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, URIs: []*url.URL{{Scheme: "https", Host: "a.example"}}}
	for _, name := range []string{"a.example", "192.0.2.1"} {
		if proves(elsewhere, name) == nil {
			t.Errorf("%s is proved by something else than a DNS-ID", name)
		}
	}
}

func TestFromHeader(t *testing.T) {
	state := func(names ...string) *tls.ConnectionState {
		return &tls.ConnectionState{VerifiedChains: [][]*x509.Certificate{{{DNSNames: names, Subject: pkix.Name{CommonName: "cn.example"}}}}}
	}
	for _, test := range []struct {
		state      *tls.ConnectionState
		from, want string
	}{
		{state("b.example"), "mimi@b.example", "b.example"},
		{state("b.example", "c.example"), "mimi@C.example", "c.example"},
		{state("b.example", "c.example"), "", "b.example"},
		{state("*.example", "c.example"), "", "c.example"},
		{state("b.example"), "mimi@c.example", ""},
		{state("b.example"), "root@b.example", ""},
		{state("b.example"), "b.example", ""},
		{state("*.example"), "mimi@b.example", ""},
		{state("*.example"), "mimi@*.example", ""},
		{state(), "mimi@cn.example", ""},
		{state(), "", ""},
		{&tls.ConnectionState{PeerCertificates: []*x509.Certificate{{DNSNames: []string{"b.example"}}}}, "mimi@b.example", ""},
		{nil, "mimi@b.example", ""},
	} {
		got, err := peerName(test.state, test.from)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("From %q: %q %v, want %q", test.from, got, err, test.want)
		}
	}
}

// A client that trusts the authority still takes no wildcard for a provider.
func TestServerWithWildcard(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("*.example"), handler())
	c := clientOf(t, ca.issue("b.example"), "b.example", "a.example", address)
	if _, err := c.Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, nil); err == nil || !strings.Contains(err.Error(), `not for "a.example"`) {
		t.Errorf("a wildcard certificate was taken for a.example: %v", err)
	}
}
