package servertest

import (
	"net"
	"strconv"
	"testing"
)

// A port is given away once, and not by the system to others while its server is not running.
func TestPortsAreReserved(t *testing.T) {
	given := map[int]bool{}
	for range 300 {
		port, err := FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] || port < firstPort || port+10_000 > 65_535 {
			t.Fatalf("port %d, given before: %v", port, given[port])
		}
		given[port] = true
	}
	for port := range given {
		if l, err := listen(guard, port); err == nil {
			l.Close()
			t.Fatalf("port %d can be given away again", port)
		}
		l, err := listen("127.0.0.1", port)
		if err != nil {
			t.Fatalf("the server itself: %v", err)
		}
		l.Close()
	}
	addr, err := FreeAddr()
	if err != nil {
		t.Fatal(err)
	}
	host, port, err := net.SplitHostPort(addr)
	if n, _ := strconv.Atoi(port); err != nil || host != "127.0.0.1" || given[n] {
		t.Errorf("address %s, %v", addr, err)
	}
}
