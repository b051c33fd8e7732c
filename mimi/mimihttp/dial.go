package mimihttp

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
)

// special is every block of addresses that is no place of a provider on the Internet (IANA's special-purpose address registries, RFC 6890,
// and RFC 1112 §4). A name that a peer chose must not lead into them: they are our own machine, our neighbours and their administration.
var special = prefixes(
	"0.0.0.0/8",       // this network, RFC 791
	"10.0.0.0/8",      // private, RFC 1918
	"100.64.0.0/10",   // behind a carrier's NAT, RFC 6598
	"127.0.0.0/8",     // loopback, RFC 1122
	"169.254.0.0/16",  // link-local, RFC 3927; metadata services of clouds
	"172.16.0.0/12",   // private, RFC 1918
	"192.0.0.0/24",    // IETF protocol assignments, RFC 6890
	"192.0.2.0/24",    // documentation, RFC 5737
	"192.88.99.0/24",  // 6to4 relays, RFC 7526
	"192.168.0.0/16",  // private, RFC 1918
	"198.18.0.0/15",   // benchmarks, RFC 2544
	"198.51.100.0/24", // documentation, RFC 5737
	"203.0.113.0/24",  // documentation, RFC 5737
	"224.0.0.0/4",     // multicast, RFC 1112
	"240.0.0.0/4",     // reserved and broadcast, RFC 1112, RFC 919
	"::/96",           // unspecified, loopback, IPv4-compatible, RFC 4291
	"::ffff:0:0/96",   // IPv4-mapped, RFC 4291; unmapped before it is compared, so that nothing is left here
	"::ffff:0:0:0/96", // IPv4-translated, RFC 2765
	"64:ff9b::/96",    // IPv4 behind NAT64, RFC 6052
	"64:ff9b:1::/48",  // the same with a local prefix, RFC 8215
	"100::/64",        // discard, RFC 6666
	"2001::/23",       // IETF protocol assignments, Teredo among them, RFC 2928
	"2001:db8::/32",   // documentation, RFC 3849
	"2002::/16",       // 6to4, which holds any IPv4 address, RFC 3056
	"3fff::/20",       // documentation, RFC 9637
	"5f00::/16",       // segment routing, RFC 9602
	"fc00::/7",        // unique local, RFC 4193
	"fe80::/10",       // link-local, RFC 4291
	"fec0::/10",       // site-local, RFC 3879
	"ff00::/8",        // multicast, RFC 4291
)

func prefixes(list ...string) []netip.Prefix {
	out := make([]netip.Prefix, len(list))
	for i, s := range list {
		out[i] = netip.MustParsePrefix(s)
	}
	return out
}

// mayDial says whether a connection to an address is allowed: a public one, or one in a configured network.
func mayDial(a netip.Addr, networks []netip.Prefix) error {
	a = a.Unmap()
	if a.Zone() != "" {
		return fmt.Errorf("%s has a zone", a)
	}
	for _, p := range networks {
		if p.Contains(a) {
			return nil
		}
	}
	for _, p := range special {
		if p.Contains(a) {
			return fmt.Errorf("%s is in %s, where no provider is looked for unless configured", a, p)
		}
	}
	return nil
}

// publicDialer connects to names that others chose. The address is judged after the name was resolved and before anything is sent, for
// each address that is tried: an answer of the DNS cannot change in between.
func publicDialer(networks []netip.Prefix) *net.Dialer {
	return &net.Dialer{Timeout: DialTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("mimihttp: %w", err)
		}
		if err := mayDial(at.Addr(), networks); err != nil {
			return fmt.Errorf("mimihttp: %w", err)
		}
		return nil
	}}
}

// dialPeer connects to the configured address of a provider, or to where the DNS has it on the public Internet.
func dialPeer(peers map[string]string, networks []netip.Prefix) func(context.Context, string, string) (net.Conn, error) {
	configured, public := &net.Dialer{Timeout: DialTimeout}, publicDialer(networks)
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, _, err := net.SplitHostPort(address); err == nil {
			if override, ok := peers[strings.ToLower(host)]; ok {
				return configured.DialContext(ctx, network, override)
			}
		}
		return public.DialContext(ctx, network, address)
	}
}
