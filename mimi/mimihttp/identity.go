package mimihttp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// Identity is a provider's certificate with what it trusts in others.
type Identity struct {
	Certificate tls.Certificate
	Trust       *x509.CertPool // nil: the system's roots
}

// LoadIdentity reads a certificate chain, its key and any number of trusted certificates, all PEM. With trust files the system's
// roots are not used.
func LoadIdentity(certificate, key string, trust []string) (*Identity, error) {
	pair, err := tls.LoadX509KeyPair(certificate, key)
	if err != nil {
		return nil, fmt.Errorf("mimihttp: certificate %s with key %s: %w", certificate, key, err)
	}
	id := &Identity{Certificate: pair}
	for _, file := range trust {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("mimihttp: trust: %w", err)
		}
		if id.Trust == nil {
			id.Trust = x509.NewCertPool()
		}
		if !id.Trust.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("mimihttp: trust: %s holds no certificate", file)
		}
	}
	return id, nil
}

// Covers reports an error unless the certificate names domain.
func (id *Identity) Covers(domain string) error {
	leaf, err := id.leaf()
	if err != nil {
		return err
	}
	if err := proves(leaf, domain); err != nil {
		return fmt.Errorf("mimihttp: certificate: %w", err)
	}
	return nil
}

func (id *Identity) leaf() (*x509.Certificate, error) {
	if id.Certificate.Leaf != nil {
		return id.Certificate.Leaf, nil
	}
	if len(id.Certificate.Certificate) == 0 {
		return nil, errors.New("mimihttp: no certificate")
	}
	return x509.ParseCertificate(id.Certificate.Certificate[0])
}

// ServerTLS demands and verifies a certificate from every client.
func (id *Identity) ServerTLS() *tls.Config {
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		Certificates: []tls.Certificate{id.Certificate},
		ClientAuth:   tls.RequireAndVerifyClientCert,
		ClientCAs:    id.Trust,
		NextProtos:   []string{"h2", "http/1.1"},
	}
}

// ClientTLS presents the certificate to every server and verifies the server's.
func (id *Identity) ClientTLS() *tls.Config {
	return &tls.Config{
		MinVersion:       tls.VersionTLS13,
		Certificates:     []tls.Certificate{id.Certificate},
		RootCAs:          id.Trust,
		VerifyConnection: checkServer,
	}
}
