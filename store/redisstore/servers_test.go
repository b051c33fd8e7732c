package redisstore_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"anteroom/internal/servertest"
	"anteroom/store"
	"anteroom/store/redisstore"
	"anteroom/store/storetest"
)

// TestCluster runs the contract on a server in cluster mode, which refuses scripts whose keys do not share a slot.
func TestCluster(t *testing.T) {
	r := startRedis(t, "--cluster-enabled", "yes", "--appendfsync", "no")
	do(t, r.Addr(), "", "cluster", "addslotsrange", "0", "16383")
	waitForCluster(t, r.Addr())
	storetest.Run(t, func(t *testing.T) storetest.Place {
		return place("redis+cluster://"+r.Addr(), freshPrefix())
	})
}

func TestSentinel(t *testing.T) {
	r := startRedis(t)
	sentinel, err := servertest.StartSentinel("rooms", r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sentinel.Stop(); err != nil {
			t.Error(err)
		}
	})
	s := open(t, "redis+sentinel://"+sentinel.Addr()+"/rooms/2", "p:")
	if err := s.Update(t.Context(), "b", store.Change{Key: "k", Value: []byte("v")}); err != nil {
		t.Fatal(err)
	}
	rec, err := open(t, fmt.Sprintf("redis://%s/2", r.Addr()), "p:").Get(t.Context(), "b", "k")
	if err != nil || string(rec.Value) != "v" {
		t.Errorf("by the server itself: %q, %v", rec.Value, err)
	}
}

func TestTLS(t *testing.T) {
	needRedis(t)
	dir := t.TempDir()
	cert, key, roots := certificate(t, dir)
	port, err := servertest.FreePort()
	if err != nil {
		t.Fatal(err)
	}
	startRedis(t, "--tls-port", fmt.Sprint(port), "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	url := fmt.Sprintf("rediss://127.0.0.1:%d", port)
	s, _, err := redisstore.Open(t.Context(), url, redisstore.Options{TLS: &tls.Config{RootCAs: roots}})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(s.Ping(t.Context()), s.Close()); err != nil {
		t.Error(err)
	}
	if s, _, err := redisstore.Open(t.Context(), url, redisstore.Options{TLS: &tls.Config{RootCAs: x509.NewCertPool()}}); err == nil {
		s.Close()
		t.Error("a certificate that nobody vouches for")
	}
}

// certificate makes one for 127.0.0.1 that vouches for itself.
func certificate(t *testing.T, dir string) (certFile, keyFile string, roots *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	certPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	keyPEM := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	if err := errors.Join(os.WriteFile(certFile, certPEM, 0o600), os.WriteFile(keyFile, keyPEM, 0o600)); err != nil {
		t.Fatal(err)
	}
	roots = x509.NewCertPool()
	roots.AppendCertsFromPEM(certPEM)
	return certFile, keyFile, roots
}
