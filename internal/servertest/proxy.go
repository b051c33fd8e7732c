package servertest

import (
	"io"
	"net"
	"sync"
)

// Proxy stands between a component and the port of a real server, and makes the trouble that networks and servers make: it cuts
// connections, lets nobody through, stops reading from the component, or ends the stream with an error. All methods are safe for
// concurrent use.
type Proxy struct {
	listener net.Listener
	target   string
	wg       sync.WaitGroup

	mu      sync.Mutex
	conns   map[net.Conn]net.Conn // component's side to server's side
	down    bool
	flowing chan struct{} // closed unless stalled
}

// StartProxy listens on a free port of 127.0.0.1 and passes connections on to target.
func StartProxy(target string) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{listener: l, target: target, conns: map[net.Conn]net.Conn{}, flowing: make(chan struct{})}
	close(p.flowing)
	p.wg.Go(p.accept)
	return p, nil
}

// Port is where the component connects.
func (p *Proxy) Port() int { return p.listener.Addr().(*net.TCPAddr).Port }

func (p *Proxy) accept() {
	for {
		component, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			component.Close()
			continue
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			component.Close()
			continue
		}
		p.mu.Lock()
		p.conns[component] = server
		p.mu.Unlock()
		p.wg.Go(func() { p.carry(component, server) })
	}
}

// carry copies both ways until either side ends.
func (p *Proxy) carry(component, server net.Conn) {
	end := func() {
		component.Close()
		server.Close()
	}
	var both sync.WaitGroup
	both.Go(func() {
		defer end()
		io.Copy(component, server)
	})
	both.Go(func() {
		defer end()
		buf := make([]byte, 64<<10)
		for {
			p.mu.Lock()
			flowing := p.flowing
			p.mu.Unlock()
			<-flowing
			n, err := component.Read(buf)
			if n > 0 {
				if _, err := server.Write(buf[:n]); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	})
	both.Wait()
	p.mu.Lock()
	delete(p.conns, component)
	p.mu.Unlock()
}

// Cut ends all connections without a word and lets none through until Mend.
func (p *Proxy) Cut() { p.end("") }

// EndStream says something to the component, a stream error for example, ends its connection, and lets none through until Mend.
func (p *Proxy) EndStream(last string) { p.end(last) }

func (p *Proxy) end(last string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = true
	for component, server := range p.conns {
		io.WriteString(component, last)
		component.Close()
		server.Close()
	}
}

// Mend lets connections through again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = false
}

// Stall stops reading from the component, as a server does that is too busy; what the server says still arrives. Flow ends it.
func (p *Proxy) Stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
		p.flowing = make(chan struct{})
	default:
	}
}

// Flow ends Stall.
func (p *Proxy) Flow() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.flowing:
	default:
		close(p.flowing)
	}
}

// Stop ends everything.
func (p *Proxy) Stop() error {
	err := p.listener.Close()
	p.Flow()
	p.Cut()
	p.wg.Wait()
	return err
}
