package mimihttp

import (
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"anteroom/mimi"
)

func TestForbiddenAddresses(t *testing.T) {
	for _, test := range []struct {
		address string
		allowed bool
	}{
		{"8.8.8.8", true}, {"::ffff:8.8.8.8", true}, {"2606:4700::1111", true}, {"172.15.255.255", true}, {"172.32.0.0", true}, {"100.63.255.255", true}, {"100.128.0.0", true},
		{"0.0.0.0", false}, {"0.1.2.3", false}, {"127.0.0.1", false}, {"127.255.0.1", false}, {"10.0.0.1", false}, {"172.16.0.1", false}, {"172.31.255.255", false},
		{"192.168.1.1", false}, {"100.64.0.1", false}, {"100.127.255.255", false}, {"169.254.169.254", false}, {"192.0.0.8", false}, {"198.19.0.1", false},
		{"224.0.0.1", false}, {"239.255.255.255", false}, {"240.0.0.1", false}, {"255.255.255.255", false}, {"192.0.2.1", false}, {"203.0.113.9", false},
		{"::", false}, {"::1", false}, {"::127.0.0.1", false}, {"::ffff:127.0.0.1", false}, {"::ffff:10.0.0.1", false}, {"::ffff:169.254.169.254", false},
		{"64:ff9b::7f00:1", false}, {"2002:7f00:1::", false}, {"2001:0:1::", false}, {"2001:db8::1", false}, {"::ffff:0:127.0.0.1", false},
		{"fc00::1", false}, {"fd12:3456::1", false}, {"fe80::1", false}, {"fe80::1%eth0", false}, {"2606:4700::1111%eth0", false}, {"fec0::1", false}, {"ff02::1", false},
	} {
		if err := mayDial(netip.MustParseAddr(test.address), nil); (err == nil) != test.allowed {
			t.Errorf("%s: %v, allowed is %t", test.address, err, test.allowed)
		}
	}
	networks := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16")}
	for address, allowed := range map[string]bool{"10.1.2.3": true, "::ffff:10.1.2.3": true, "10.2.0.1": false, "127.0.0.1": false} {
		if err := mayDial(netip.MustParseAddr(address), networks); (err == nil) != allowed {
			t.Errorf("%s with 10.1.0.0/16 configured: %v", address, err)
		}
	}
}

// A name that leads to this machine is not followed, however it is written; an operator can say otherwise.
func TestPublicDialer(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	for _, host := range []string{"127.0.0.1", "localhost", "::ffff:127.0.0.1", "0.0.0.0"} {
		c, err := publicDialer(nil).DialContext(t.Context(), "tcp", net.JoinHostPort(host, port))
		if err == nil {
			c.Close()
			t.Errorf("%s was dialled", host)
		} else if !strings.Contains(err.Error(), "unless configured") {
			t.Errorf("%s: %v, want the rule", host, err)
		}
	}
	c, err := publicDialer([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}).DialContext(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", port))
	if err != nil {
		t.Fatalf("configured network: %v", err)
	}
	c.Close()
}

// Neither a provider's name nor an endpoint of its directory leads requests into our own network.
func TestRequestsStayOutside(t *testing.T) {
	ca := newAuthority(t)
	address := listen(t, ca.issue("a.example", "localhost", "mimi.a.example"), handler())
	_, port, _ := net.SplitHostPort(address)
	id := ca.issue("b.example")
	c := NewClient(ClientConfig{Domain: "b.example", Identity: id})
	t.Cleanup(c.Close)
	if _, err := c.Post(t.Context(), "localhost", mimi.EndpointUpdate, garden, nil); err == nil || !strings.Contains(err.Error(), "unless configured") {
		t.Errorf("a provider called localhost: %v", err)
	}
	listing := `{"update":"https://localhost:` + port + `/u/{roomId}"}`
	first := listen(t, ca.issue("a.example"), serveDirectory(listing, func(http.ResponseWriter, *http.Request) { t.Error("request sent") }))
	if _, err := clientOf(t, id, "b.example", "a.example", first).Post(t.Context(), "a.example", mimi.EndpointUpdate, garden, nil); err == nil || !strings.Contains(err.Error(), "leads to localhost") {
		t.Errorf("an endpoint at localhost: %v", err)
	}
}
