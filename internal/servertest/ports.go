package servertest

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"syscall"
)

// Reserved ports lie below those that Linux gives to outgoing connections and to listeners on port 0 (ip_local_port_range), and so low that
// the port 10,000 above is one, too: a Redis in cluster mode takes both.
const firstPort, lastPort = 12_000, 32_000

// guard is an address of the loopback network where nobody else listens. Who listens there on a port has reserved it, among all processes that ask FreePort.
const guard = "127.77.77.77"

var (
	guardMu sync.Mutex
	guards  []net.Listener // kept open until this process ends
)

// FreePort reserves a port of 127.0.0.1 for a server that is about to be started, and may be stopped and started again. Neither the system nor another process
// that asks here gives it to somebody else until this process ends.
func FreePort() (int, error) {
	for range 1000 {
		port := firstPort + rand.IntN(lastPort-firstPort)
		reserved, err := listen(guard, port)
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			continue
		case errors.Is(err, syscall.EADDRNOTAVAIL): // a system with one loopback address: a port that is free now must do
		case err != nil:
			return 0, err
		}
		l, err := listen("127.0.0.1", port)
		if err != nil {
			if reserved != nil {
				reserved.Close()
			}
			continue
		}
		if err := l.Close(); err != nil {
			return 0, err
		}
		if reserved != nil {
			guardMu.Lock()
			guards = append(guards, reserved)
			guardMu.Unlock()
		}
		return port, nil
	}
	return 0, fmt.Errorf("servertest: no port of %d to %d is free", firstPort, lastPort)
}

// FreeAddr is the address of such a port.
func FreeAddr() (string, error) {
	port, err := FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}

func listen(host string, port int) (net.Listener, error) {
	return net.Listen("tcp4", net.JoinHostPort(host, strconv.Itoa(port)))
}
