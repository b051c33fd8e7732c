// Package fakexmpp is an XMPP server with nothing but the server's side of XEP-0114, for tests and benchmarks: it checks the
// handshake, counts or keeps what the component sends, sends what it is told to, and misbehaves on request.
//
// Like real servers it closes the stream for a wrong secret, an unknown domain, a second connection, XML that is not
// well-formed and a stanza from another domain, and it routes a stanza to the component's own domain back to it. What is not
// implemented: users, routing between hosts, any other protocol.
//
// All methods are safe for concurrent use.
package fakexmpp

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"anteroom/xmpp"
)

// Options say how a server behaves.
type Options struct {
	Domain string // the one component that may connect
	Secret string

	// CountOnly makes the server count stanzas without reading them, iqs excepted: for measuring throughput. A ping of the component to
	// itself is answered and not counted.
	CountOnly bool
	// Seen, if there is one, is called with each stanza that is counted, one after the other; the bytes are valid until it returns.
	Seen func(stanza []byte)
	// KickOld lets a second connection replace the first, as Prosody's component_conflict_resolve = "kick_old".
	KickOld bool
	// ReadSize limits one read, in octets; 0 is 256 KiB.
	ReadSize int
}

// A Server is a running server.
type Server struct {
	opts     Options
	listener net.Listener
	addr     string
	wg       sync.WaitGroup

	mu        sync.Mutex
	conns     map[net.Conn]bool
	active    *link // the connection that has shaken hands
	connects  int
	delivered int64
	bytes     int64
	kept      []string
	refuse    string // answer every handshake with this stream error
	banner    string // answer every connection with this instead of a stream
	paused    bool
	closed    bool
	changed   chan struct{}
}

// link is one connection that has shaken hands.
type link struct {
	conn net.Conn
	mu   sync.Mutex // one writer at a time
}

func (l *link) write(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := l.conn.Write(b)
	return err
}

// Start listens on a free port of 127.0.0.1.
func Start(opts Options) (*Server, error) {
	if opts.ReadSize <= 0 {
		opts.ReadSize = 256 << 10
	}
	s := &Server{opts: opts, conns: map[net.Conn]bool{}, changed: make(chan struct{})}
	return s, s.listen("127.0.0.1:0")
}

func (s *Server) listen(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("fakexmpp: %w", err)
	}
	s.mu.Lock()
	s.listener, s.addr, s.closed = l, l.Addr().String(), false
	s.mu.Unlock()
	s.wg.Add(1)
	go s.accept(l)
	return nil
}

// Addr is host:port for the component.
func (s *Server) Addr() string { return s.addr }

// Stop closes the listener and all connections, and waits.
func (s *Server) Stop() {
	s.mu.Lock()
	s.closed = true
	s.listener.Close()
	for c := range s.conns {
		c.Close()
	}
	s.notify()
	s.mu.Unlock()
	s.wg.Wait()
}

// Restart listens on the same port again after Stop.
func (s *Server) Restart() error { return s.listen(s.addr) }

// notify wakes everybody who waits; s.mu is held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *Server) accept(l net.Listener) {
	defer s.wg.Done()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.conns[conn] = true
		s.wg.Add(1)
		s.mu.Unlock()
		go s.serve(conn)
	}
}

// RefuseWith makes every later handshake fail with this stream error condition; "" accepts again.
func (s *Server) RefuseWith(condition string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refuse = condition
}

// AnswerWith makes every later connection get these bytes instead of a stream; "" is a stream again.
func (s *Server) AnswerWith(banner string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.banner = banner
}

// Pause stops reading from the component; Resume goes on.
func (s *Server) Pause() { s.setPaused(true) }

// Resume undoes Pause.
func (s *Server) Resume() { s.setPaused(false) }

func (s *Server) setPaused(p bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = p
	s.notify()
}

// Drop cuts the connection without a word.
func (s *Server) Drop() {
	if l := s.link(); l != nil {
		l.conn.Close()
	}
}

// CloseStream ends the stream with a stream error, as at a shutdown.
func (s *Server) CloseStream(condition, text string) {
	if l := s.link(); l != nil {
		l.write(streamErr(condition, text))
		l.conn.Close()
	}
}

// Inject sends bytes to the component as they are.
func (s *Server) Inject(b []byte) error {
	l := s.link()
	if l == nil {
		return errors.New("fakexmpp: no component is connected")
	}
	return l.write(b)
}

func (s *Server) link() *link {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.active
}

// Delivered is how many stanzas arrived.
func (s *Server) Delivered() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivered
}

// Bytes is how many octets of stanzas arrived.
func (s *Server) Bytes() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

// Stanzas are the stanzas that arrived, as they were; none with CountOnly.
func (s *Server) Stanzas() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.kept...)
}

// Connects is how many handshakes succeeded.
func (s *Server) Connects() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.connects
}

// WaitDelivered waits until n stanzas have arrived since the start.
func (s *Server) WaitDelivered(ctx context.Context, n int64) error {
	return s.wait(ctx, func() bool { return s.delivered >= n })
}

// WaitConnects waits until n handshakes have succeeded since the start and the last of them still holds.
func (s *Server) WaitConnects(ctx context.Context, n int) error {
	return s.wait(ctx, func() bool { return s.connects >= n && s.active != nil })
}

// WaitGone waits until no component is connected.
func (s *Server) WaitGone(ctx context.Context) error {
	return s.wait(ctx, func() bool { return s.active == nil })
}

// wait waits until done says so; done is called with s.mu held.
func (s *Server) wait(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		ok, changed := done(), s.changed
		s.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-changed:
		}
	}
}

const streamHead = "<?xml version='1.0'?><stream:stream xmlns='" + xmpp.NSComponent + "' xmlns:stream='" + xmpp.NSStream + "' from='%s' id='%s'>"

func streamErr(condition, text string) []byte {
	return []byte("<stream:error><" + condition + " xmlns='" + xmpp.NSStreams + "'/><text xmlns='" + xmpp.NSStreams + "'>" + text +
		"</text></stream:error></stream:stream>")
}

func (s *Server) serve(conn net.Conn) {
	defer s.wg.Done()
	l := &link{conn: conn}
	err := s.run(l)
	var end *streamEnd
	if errors.As(err, &end) {
		l.write(streamErr(end.condition, end.text))
	}
	// Read what is on its way, so that closing does not reset the connection before the component has read the error.
	if tcp, ok := conn.(*net.TCPConn); ok && end != nil {
		tcp.CloseWrite()
		conn.SetReadDeadline(time.Now().Add(time.Second))
		buf := make([]byte, 4096)
		for {
			if _, err := conn.Read(buf); err != nil {
				break
			}
		}
	}
	conn.Close()
	s.mu.Lock()
	delete(s.conns, conn)
	if s.active == l {
		s.active = nil
	}
	s.notify()
	s.mu.Unlock()
}

// streamEnd is why the server ends a stream.
type streamEnd struct{ condition, text string }

func (e *streamEnd) Error() string { return e.condition }

func (s *Server) run(l *link) error {
	s.mu.Lock()
	banner := s.banner
	s.mu.Unlock()
	if banner != "" {
		return l.write([]byte(banner))
	}
	r := &reader{server: s, conn: l.conn}
	frame, err := r.next()
	if err != nil {
		return err
	}
	head, scope, err := xmpp.ParseStartTag(frame.Bytes, xmpp.Scope{})
	if err != nil {
		return err
	}
	const id = "fake-1"
	if err := l.write(fmt.Appendf(nil, streamHead, s.opts.Domain, id)); err != nil {
		return err
	}
	s.mu.Lock()
	refuse := s.refuse
	s.mu.Unlock()
	switch {
	case refuse != "":
		return &streamEnd{refuse, "as told"}
	case scope.Default != xmpp.NSComponent:
		return &streamEnd{"invalid-namespace", ""}
	case head.Attr("to") != s.opts.Domain:
		return &streamEnd{"host-unknown", "no such component"}
	}
	if err := s.handshake(r, l, id, scope); err != nil {
		return err
	}
	return s.receive(r, l, scope)
}

func (s *Server) handshake(r *reader, l *link, id string, scope xmpp.Scope) error {
	frame, err := r.next()
	if err != nil {
		return err
	}
	el, err := xmpp.ParseElementIn(frame.Bytes, scope)
	if err != nil {
		return err
	}
	sum := sha1.Sum([]byte(id + s.opts.Secret))
	if !el.Is(xmpp.NSClient, "handshake") || el.Text() != hex.EncodeToString(sum[:]) {
		return &streamEnd{"not-authorized", "the digest does not match"}
	}
	s.mu.Lock()
	if old := s.active; old != nil {
		if !s.opts.KickOld {
			s.mu.Unlock()
			return &streamEnd{"conflict", "a component is connected already"}
		}
		go func() {
			old.write(streamErr("conflict", "replaced by a new connection"))
			old.conn.Close()
		}()
	}
	// The answer goes out before anybody can inject a stanza.
	err = l.write([]byte("<handshake/>"))
	s.active = l
	s.connects++
	s.notify()
	s.mu.Unlock()
	return err
}

// receive counts stanzas until the stream ends.
func (s *Server) receive(r *reader, l *link, scope xmpp.Scope) error {
	for {
		frame, err := r.next()
		if err != nil {
			var syntax *xmpp.SyntaxError
			if errors.As(err, &syntax) {
				return &streamEnd{"not-well-formed", ""}
			}
			return err
		}
		switch frame.Kind {
		case xmpp.StreamClose:
			return l.write([]byte("</stream:stream>"))
		case xmpp.StreamTooLarge:
			return &streamEnd{"policy-violation", "stanza too large"}
		}
		if s.opts.CountOnly && !bytes.HasPrefix(frame.Bytes, []byte("<iq")) { // a ping to itself is answered
			if s.opts.Seen != nil {
				s.opts.Seen(frame.Bytes)
			}
			r.pending++
			r.pendingBytes += int64(len(frame.Bytes))
			continue
		}
		back, err := s.check(frame.Bytes, scope)
		if err != nil {
			return err
		}
		if !s.opts.CountOnly || !back {
			if s.opts.Seen != nil {
				s.opts.Seen(frame.Bytes)
			}
			s.mu.Lock()
			s.delivered++
			s.bytes += int64(len(frame.Bytes))
			if !back && !s.opts.CountOnly {
				s.kept = append(s.kept, string(frame.Bytes))
			}
			s.notify()
			s.mu.Unlock()
		}
		if back {
			if err := l.write(frame.Bytes); err != nil {
				return err
			}
		}
	}
}

// check does what real servers do with a stanza; back says that it is for the component itself.
func (s *Server) check(b []byte, scope xmpp.Scope) (back bool, err error) {
	el, err := xmpp.ParseElementIn(b, scope)
	var syntax *xmpp.SyntaxError
	if errors.As(err, &syntax) {
		return false, &streamEnd{"not-well-formed", syntax.Rule}
	}
	if err != nil {
		return false, &streamEnd{"policy-violation", err.Error()}
	}
	if el.Name.Space != xmpp.NSClient || el.Name.Local != "message" && el.Name.Local != "presence" && el.Name.Local != "iq" {
		return false, &streamEnd{"unsupported-stanza-type", el.Name.Local}
	}
	// Servers look at the domain only: an address that their own rules allow may be malformed by the rules of package xmpp.
	if domainOf(el.Attr("from")) != s.opts.Domain {
		return false, &streamEnd{"invalid-from", ""}
	}
	return domainOf(el.Attr("to")) == s.opts.Domain, nil
}

func domainOf(addr string) string {
	bare, _, _ := strings.Cut(addr, "/")
	return bare[strings.IndexByte(bare, '@')+1:]
}

// reader reads frames, adds up counts once per read, and stands still while the server is paused.
type reader struct {
	server                *Server
	conn                  net.Conn
	framer                xmpp.Framer
	pending, pendingBytes int64
}

func (r *reader) next() (xmpp.Frame, error) {
	for {
		frame, err := r.framer.Next()
		if err != nil || frame.Kind != xmpp.NeedMore {
			return frame, err
		}
		if err := r.settle(); err != nil {
			return xmpp.Frame{}, err
		}
		buf := r.framer.Space()
		n, err := r.conn.Read(buf[:min(len(buf), r.server.opts.ReadSize)])
		r.framer.Filled(n)
		if n == 0 && err != nil {
			return xmpp.Frame{}, err
		}
	}
}

// settle adds up and waits while the server is paused.
func (r *reader) settle() error {
	s := r.server
	s.mu.Lock()
	if r.pending > 0 {
		s.delivered += r.pending
		s.bytes += r.pendingBytes
		r.pending, r.pendingBytes = 0, 0
		s.notify()
	}
	s.mu.Unlock()
	return s.wait(context.Background(), func() bool { return !s.paused || s.closed })
}
