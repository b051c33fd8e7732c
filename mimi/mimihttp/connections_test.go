package mimihttp

import (
	"crypto/tls"
	"io"
	"net"
	"testing"
	"time"
)

// Connections are bounded: in total, for one provider, and before anybody has proved who it is.
func TestConnectionsAreBounded(t *testing.T) {
	ca := newAuthority(t)
	server, b, c := ca.issue("a.example"), ca.issue("b.example"), ca.issue("c.example")
	serve := func(total, perPeer, unproved int) (*Listener, string) {
		inner, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		l := Limit(inner)
		l.total, l.perPeer, l.unproved = total, perPeer, unproved
		cfg := server.ServerTLS()
		cfg.GetConfigForClient = l.TLS(server.ServerTLS)
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				go func() { // greets whoever proves its name, and waits for it to go
					defer conn.Close()
					secure := tls.Server(conn, cfg)
					if secure.Handshake() == nil {
						secure.Write([]byte("."))
						io.Copy(io.Discard, secure)
					}
				}()
			}
		}()
		return l, inner.Addr().String()
	}
	// greeted connects and says whether the server lets it in.
	greeted := func(address string, id *Identity) (net.Conn, bool) {
		raw, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { raw.Close() })
		raw.SetDeadline(time.Now().Add(3 * time.Minute))
		cfg := id.ClientTLS()
		cfg.ServerName = "a.example"
		conn := tls.Client(raw, cfg)
		_, err = io.ReadFull(conn, make([]byte, 1))
		return conn, err == nil
	}
	gone := func(conn net.Conn) bool { _, err := conn.Read(make([]byte, 1)); return err != nil }

	_, address := serve(100, 2, 100)
	first, ok := greeted(address, b)
	if _, again := greeted(address, b); !ok || !again {
		t.Fatal("two connections of a provider are refused")
	}
	if _, ok := greeted(address, b); ok {
		t.Error("a third connection of a provider is taken")
	}
	if _, ok := greeted(address, c); !ok {
		t.Error("another provider is refused")
	}
	first.Close()
	for deadline := time.Now().Add(3 * time.Minute); ; {
		if _, ok := greeted(address, b); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a closed connection is still counted")
		}
	}

	_, address = serve(1, 100, 100)
	if _, ok := greeted(address, b); !ok {
		t.Fatal("the first connection is refused")
	}
	if _, ok := greeted(address, c); ok {
		t.Error("more connections than the limit are taken")
	}

	l, address := serve(100, 100, 1)
	silent, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(3 * time.Minute); ; {
		l.mu.Lock()
		n := l.silent
		l.mu.Unlock()
		if n == 1 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection is not counted")
		}
	}
	if next, err := net.Dial("tcp", address); err != nil || !gone(next) {
		t.Errorf("more clients than the limit may be silent: %v", err)
	}
	silent.Close()
	for deadline := time.Now().Add(3 * time.Minute); ; {
		if _, ok := greeted(address, b); ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a silent client that is gone is still counted")
		}
	}
	if _, ok := greeted(address, b); !ok {
		t.Error("who has proved its name is counted as silent")
	}
}

// A connection that is closed while its client proves who it is, as when the server stops, is counted no more, and under no name.
func TestClosedWhileProving(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := Limit(inner)
	defer l.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := c.(*connection).proved("b.example"); err == nil {
		t.Error("a closed connection proves a name")
	}
	if l.open != 0 || l.silent != 0 || len(l.peers) != 0 {
		t.Errorf("%d open, %d silent, of providers %v: want none", l.open, l.silent, l.peers)
	}
}
