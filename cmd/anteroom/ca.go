package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/pki"
)

// caCommand makes certificates for providers that trust each other without a public certificate authority.
type caCommand struct {
	Init  caInitCommand  `cmd:"" help:"Make a certificate authority: ca.pem and ca.key."`
	Issue caIssueCommand `cmd:"" help:"Issue a provider's certificate, DOMAIN.pem and DOMAIN.key, and its authority for its users, DOMAIN-users.pem and DOMAIN-users.key."`
}

type caInitCommand struct {
	Dir string `required:"" type:"path" placeholder:"DIR" help:"Directory for ca.pem and ca.key; made if missing."`
}

type caIssueCommand struct {
	Dir    string `required:"" type:"existingdir" placeholder:"DIR" help:"Directory that holds ca.pem and ca.key."`
	Domain string `arg:"" help:"The provider's domain."`
}

const (
	caLifetime          = 10 * 365 * 24 * time.Hour
	certificateLifetime = 825 * 24 * time.Hour
	clockTolerance      = time.Hour
)

// Run makes the authority. It never overwrites one.
func (c *caInitCommand) Run() error {
	if err := os.MkdirAll(c.Dir, 0o755); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := certificateTemplate("anteroom certificate authority", caLifetime)
	if err != nil {
		return err
	}
	template.IsCA, template.BasicConstraintsValid, template.MaxPathLen = true, true, 1 // below it: authorities for users
	template.KeyUsage = x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	if err := writePair(c.Dir, "ca", der, key); err != nil {
		return err
	}
	fmt.Printf("%s is for all providers of the circle (trust under [provider]); ca.key beside it stays here, and anteroom ca issue signs with it\n", filepath.Join(c.Dir, "ca.pem"))
	return nil
}

// Run issues a certificate whose only name is the domain, for both ends of a connection, and one for the authority that vouches for the
// provider's users.
func (c *caIssueCommand) Run() error {
	if err := mimi.CheckProvider(c.Domain); err != nil {
		return fmt.Errorf("ca issue: %q: %w", c.Domain, err)
	}
	if c.Domain == "ca" {
		return errors.New("ca issue: the domain \"ca\" would replace the authority's own files")
	}
	authority, authorityKey, err := readAuthority(c.Dir)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template, err := certificateTemplate(c.Domain, certificateLifetime)
	if err != nil {
		return err
	}
	template.DNSNames = []string{c.Domain}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	if template.NotAfter.After(authority.NotAfter) {
		template.NotAfter = authority.NotAfter
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	if err != nil {
		return err
	}
	users, usersKey, err := c.users(authority, authorityKey)
	if err != nil {
		return err
	}
	if err := writePair(c.Dir, c.Domain, der, key); err != nil {
		return err
	}
	if err := writePair(c.Dir, c.Domain+"-users", users, usersKey); err != nil {
		return err
	}
	path := filepath.Join(c.Dir, c.Domain)
	fmt.Printf("for %s, with ca.pem, under [provider]:\ncertificate = \"%s.pem\"\nkey = \"%s.key\"\nauthority = \"%s-users.pem\"\nauthority_key = \"%s-users.key\"\n", c.Domain, path, path, path, path)
	return nil
}

// users issues the certificate of the authority for the provider's users (package pki has the profile).
func (c *caIssueCommand) users(authority *x509.Certificate, authorityKey crypto.Signer) ([]byte, crypto.Signer, error) {
	if authority.MaxPathLen == 0 {
		return nil, nil, errors.New("ca issue: ca.pem may not vouch for authorities for users: anteroom ca init makes one that may")
	}
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	plain, err := certificateTemplate(c.Domain, caLifetime)
	if err != nil {
		return nil, nil, err
	}
	if plain.NotAfter.After(authority.NotAfter) {
		plain.NotAfter = authority.NotAfter
	}
	template, err := pki.UserAuthority(c.Domain, plain.SerialNumber, plain.NotBefore, plain.NotAfter)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, authority, key.Public(), authorityKey)
	return der, key, err
}

func certificateTemplate(name string, lifetime time.Duration) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	if len(name) > 64 {
		name = name[:64] // the limit of a common name (RFC 5280 appendix A.1); the DNS name is what counts
	}
	now := time.Now()
	return &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    now.Add(-clockTolerance),
		NotAfter:     now.Add(lifetime),
	}, nil
}

func readAuthority(dir string) (*x509.Certificate, crypto.Signer, error) {
	certificate, err := readPEM(filepath.Join(dir, "ca.pem"), "CERTIFICATE")
	if err != nil {
		return nil, nil, err
	}
	authority, err := x509.ParseCertificate(certificate)
	if err != nil {
		return nil, nil, fmt.Errorf("ca.pem: %w", err)
	}
	private, err := readPEM(filepath.Join(dir, "ca.key"), "PRIVATE KEY")
	if err != nil {
		return nil, nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("ca.key: %w", err)
	}
	key, ok := parsed.(*ecdsa.PrivateKey)
	if !ok || !key.PublicKey.Equal(authority.PublicKey) {
		return nil, nil, errors.New("ca.key does not belong to ca.pem")
	}
	return authority, key, nil
}

func readPEM(file, kind string) ([]byte, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: no PEM block %q", file, kind)
	}
	return block.Bytes, nil
}

// writePair writes NAME.key (0600) and NAME.pem. The key comes first and exclusively: if it exists nothing is written.
func writePair(dir, name string, certificate []byte, key crypto.Signer) error {
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	certificateFile, keyFile := filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	if _, err := os.Lstat(certificateFile); err == nil {
		return fmt.Errorf("%s: exists, not overwritten", certificateFile)
	}
	if err := writeNew(keyFile, 0o600, "PRIVATE KEY", private); err != nil {
		return err
	}
	return writeNew(certificateFile, 0o644, "CERTIFICATE", certificate)
}

func writeNew(file string, mode os.FileMode, kind string, content []byte) error {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s: exists, not overwritten", file)
	}
	if err != nil {
		return err
	}
	if err := pem.Encode(f, &pem.Block{Type: kind, Bytes: content}); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
