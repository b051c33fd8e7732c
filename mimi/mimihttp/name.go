package mimihttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"anteroom/mimi"
)

// A provider's name is proved by a DNS-ID of its certificate (RFC 9525 §6): a dNSName of the subject alternative names that is the same
// domain name, compared label by label without regard to case. What this package leaves out is narrower than the RFC allows, never wider:
// the common name says nothing (§2), wildcards prove nothing (§7.1 lets a protocol forbid them; one provider has one name), and neither do
// addresses, URIs and SRV names. Internationalised names are compared as A-labels (§6.3): U-labels are not decoded on either side.

// presented lists the DNS-IDs of a certificate that can be the name of a provider, in lower case.
func presented(certificate *x509.Certificate) []string {
	var names []string
	for _, name := range certificate.DNSNames {
		if name = strings.ToLower(name); isProvider(name) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// isProvider says whether name can be a reference identifier: a domain name as in mimi:// URIs, and no address.
func isProvider(name string) bool {
	if _, err := netip.ParseAddr(name); err == nil {
		return false
	}
	return mimi.CheckProvider(name) == nil
}

// proves reports an error unless the certificate has name among its DNS-IDs.
func proves(certificate *x509.Certificate, name string) error {
	name = strings.ToLower(name)
	if !isProvider(name) {
		return fmt.Errorf("%q cannot be the name of a provider", name)
	}
	if names := presented(certificate); !slices.Contains(names, name) {
		return fmt.Errorf("the certificate is for %q, not for %q", names, name)
	}
	return nil
}

// checkServer is what a client demands beyond a valid chain.
func checkServer(state tls.ConnectionState) error {
	if len(state.PeerCertificates) == 0 {
		return errors.New("mimihttp: the server showed no certificate")
	}
	if err := proves(state.PeerCertificates[0], state.ServerName); err != nil {
		return fmt.Errorf("mimihttp: %w", err)
	}
	return nil
}

// peerName decides which provider sent a request: a DNS-ID of its verified certificate. A certificate with several names speaks
// for the one in the From header if that is among them; a From header with another name is refused.
func peerName(state *tls.ConnectionState, from string) (string, error) {
	if state == nil || len(state.VerifiedChains) == 0 || len(state.VerifiedChains[0]) == 0 {
		return "", errors.New("no verified client certificate")
	}
	names := presented(state.VerifiedChains[0][0])
	if len(names) == 0 {
		return "", errors.New("client certificate has no DNS name of a provider")
	}
	if from == "" {
		return names[0], nil
	}
	local, claimed, ok := strings.Cut(strings.Trim(from, " <>"), "@")
	if !ok || local != "mimi" {
		return "", errors.New("the From header must be mimi@ and the name of a provider")
	}
	if claimed = strings.ToLower(claimed); !slices.Contains(names, claimed) {
		return "", fmt.Errorf("the From header names %q, the certificate %q", claimed, names)
	}
	return claimed, nil
}
