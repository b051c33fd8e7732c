package component

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"anteroom/xmpp"
)

const streamEnd = "</stream:stream>"

// A session is one connection from dial to close.
type session struct {
	c        *Conn
	conn     net.Conn
	framer   xmpp.Framer
	scope    xmpp.Scope
	first    []byte       // beginning of what the server sent, for telling what it is
	received atomic.Int64 // reads that brought something
	asked    atomic.Bool  // we asked to close
	gaveUp   atomic.Bool  // the writer failed before the reader

	mu    sync.Mutex
	endBy time.Time // when ctx has ended: no write lasts longer
}

// session makes one connection and stays until it ends. Nil says that ctx ended it.
func (c *Conn) session(ctx context.Context) error {
	s := &session{c: c}
	if err := s.connect(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return classify(c.cfg.Addr, err)
	}
	c.count.connects.Add(1)
	c.up.Store(true)
	c.cfg.Log.Info("component connected", "server", c.cfg.Addr, "domain", c.cfg.Domain.String())
	c.h.Up()

	readerDone := make(chan struct{})
	writerErr := make(chan error, 1)
	go func() { writerErr <- s.write(ctx, readerDone) }()
	err := s.read()
	c.up.Store(false)
	gaveUp := s.gaveUp.Load()
	close(readerDone)
	s.conn.Close() // a writer that still writes to who may read no more
	werr := <-writerErr
	if s.asked.Load() {
		return nil
	}
	// The server's own word explains more than the write that failed because of it.
	var e *Error
	if gaveUp && werr != nil && !(errors.As(err, &e) && e.Condition != "") {
		err = werr
	}
	return classify(c.cfg.Addr, err)
}

// connect dials, opens the stream and shakes hands (XEP-0114 §3).
func (s *session) connect(ctx context.Context) error {
	cfg := &s.c.cfg
	ctx, cancel := context.WithTimeout(ctx, cfg.HandshakeTimeout)
	defer cancel()
	conn, err := cfg.Dial(ctx, "tcp", cfg.Addr)
	if err != nil {
		return err
	}
	s.conn = conn
	stop := context.AfterFunc(ctx, func() { conn.SetDeadline(time.Unix(1, 0)) })
	if err = s.handshake(); err == nil && !stop() {
		err = context.DeadlineExceeded
	}
	if err != nil {
		conn.Close()
		return s.recognise(err)
	}
	return conn.SetDeadline(time.Time{})
}

// recognise replaces an error of the handshake by what the first octets show: another protocol.
func (s *session) recognise(err error) error {
	var syntax *xmpp.SyntaxError
	var e *Error
	if errors.As(err, &syntax) || len(s.first) > 0 && s.first[0] != '<' && !errors.As(err, &e) {
		text := ""
		switch {
		case bytes.HasPrefix(s.first, []byte("HTTP/")):
			text = "it speaks HTTP"
		case len(s.first) > 1 && (s.first[0] == 0x15 || s.first[0] == 0x16) && s.first[1] == 3:
			text = "it speaks TLS"
		}
		return &Error{Cause: NotComponents, Addr: s.c.cfg.Addr, Text: text, Err: err}
	}
	return err
}

func (s *session) handshake() error {
	cfg := &s.c.cfg
	open := "<?xml version='1.0'?><stream:stream xmlns='" + xmpp.NSComponent + "' xmlns:stream='" + xmpp.NSStream + "' to='" + cfg.Domain.Domain() + "'>"
	if _, err := io.WriteString(s.conn, open); err != nil {
		return err
	}
	frame, err := s.next()
	if err != nil {
		return err
	}
	head, scope, err := xmpp.ParseStartTag(frame.Bytes, xmpp.Scope{})
	if err != nil {
		return err
	}
	if frame.Kind != xmpp.StreamOpen || !head.Is(xmpp.NSStream, "stream") || scope.Default != xmpp.NSComponent {
		return &Error{Cause: NotComponents, Addr: cfg.Addr, Text: "its stream is in " + scope.Default}
	}
	s.scope = scope
	sum := sha1.Sum([]byte(head.Attr("id") + cfg.Secret))
	if _, err := io.WriteString(s.conn, "<handshake>"+hex.EncodeToString(sum[:])+"</handshake>"); err != nil {
		return err
	}
	el, err := s.nextElement()
	if err != nil {
		return err
	}
	if !el.Is(xmpp.NSClient, "handshake") {
		return &Error{Cause: NotComponents, Addr: cfg.Addr, Text: "the handshake was answered with " + el.Name.Local}
	}
	return nil
}

// nextElement is the next element; a stream error becomes an error.
func (s *session) nextElement() (*xmpp.Element, error) {
	frame, err := s.next()
	if err != nil {
		return nil, err
	}
	if frame.Kind != xmpp.StreamElement {
		return nil, &Error{Cause: ServerClosed, Addr: s.c.cfg.Addr}
	}
	el, err := xmpp.ParseElementIn(frame.Bytes, s.scope)
	if err != nil {
		return nil, err
	}
	if el.Is(xmpp.NSStream, "error") {
		return nil, streamError(s.c.cfg.Addr, el)
	}
	return el, nil
}

// next reads until there is a frame.
func (s *session) next() (xmpp.Frame, error) {
	for {
		frame, err := s.framer.Next()
		if err != nil || frame.Kind != xmpp.NeedMore {
			return frame, err
		}
		buf := s.framer.Space()
		n, err := s.conn.Read(buf)
		if n > 0 {
			s.received.Add(1)
			if missing := 16 - len(s.first); missing > 0 {
				s.first = append(s.first, buf[:min(n, missing)]...)
			}
			s.framer.Filled(n)
			continue
		}
		if err != nil {
			return xmpp.Frame{}, err
		}
	}
}

// read hands over stanzas until the stream ends.
func (s *session) read() error {
	for {
		frame, err := s.next()
		if err != nil {
			return err
		}
		switch frame.Kind {
		case xmpp.StreamClose:
			return &Error{Cause: ServerClosed, Addr: s.c.cfg.Addr, Text: "end of stream"}
		case xmpp.StreamTooLarge:
			s.c.tooMuch(frame.Bytes, s.scope, "the stanza is too large")
		case xmpp.StreamElement:
			if err := s.element(frame.Bytes); err != nil {
				return err
			}
		}
	}
}

func (s *session) element(b []byte) error {
	el, err := xmpp.ParseElementIn(b, s.scope)
	var limit *xmpp.LimitError
	switch {
	case errors.As(err, &limit):
		s.c.tooMuch(b, s.scope, limit.Rule)
	case err != nil:
		return err
	case el.Is(xmpp.NSStream, "error"):
		return streamError(s.c.cfg.Addr, el)
	default:
		s.c.deliver(el)
	}
	return nil
}

// write writes what is queued until the reader is done or ctx ends; in the latter case it closes the stream.
func (s *session) write(ctx context.Context, readerDone <-chan struct{}) error {
	watch := time.NewTicker(s.c.cfg.PingAfter)
	defer watch.Stop()
	stop := context.AfterFunc(ctx, s.limitWrites)
	defer stop()
	last, pinged := s.received.Load(), false
	for {
		if err := s.drain(); err != nil {
			s.abandon(readerDone)
			return err
		}
		select {
		case <-readerDone:
			return nil
		case <-ctx.Done():
			s.close(readerDone)
			return nil
		case <-s.c.queue.ready:
		case <-watch.C:
			now := s.received.Load()
			switch {
			case now != last:
				last, pinged = now, false
				s.c.queue.tryAdd(s.c.ping())
				watch.Reset(s.c.cfg.PingAfter)
			case !pinged:
				pinged = true
				s.c.queue.tryAdd(s.c.ping())
				watch.Reset(s.c.cfg.PingTimeout)
			default:
				s.gaveUp.Store(true)
				s.conn.Close()
				return &Error{Cause: TimedOut, Addr: s.c.cfg.Addr, Text: "no answer to a ping"}
			}
		}
	}
}

// limitWrites gives all that is still written CloseTimeout, the write that goes on included.
func (s *session) limitWrites() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.endBy.IsZero() {
		s.asked.Store(true)
		s.endBy = time.Now().Add(s.c.cfg.CloseTimeout)
		s.conn.SetWriteDeadline(s.endBy)
	}
}

// setWriteDeadline gives one write WriteTimeout, or what limitWrites left.
func (s *session) setWriteDeadline() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	deadline := time.Now().Add(s.c.cfg.WriteTimeout)
	if !s.endBy.IsZero() && s.endBy.Before(deadline) {
		deadline = s.endBy
	}
	return s.conn.SetWriteDeadline(deadline)
}

// drain writes everything that is queued.
func (s *session) drain() error {
	for {
		chunk := s.c.queue.take()
		if chunk == nil {
			return nil
		}
		if err := s.setWriteDeadline(); err != nil {
			s.c.queue.failed(0)
			return err
		}
		n, err := s.conn.Write(chunk)
		if err != nil {
			s.c.h.Written(s.c.queue.failed(n))
			return err
		}
		s.c.h.Written(s.c.queue.done())
	}
}

// lastWords is how long a reader may look for the reason why writing failed.
const lastWords = 200 * time.Millisecond

func (s *session) abandon(readerDone <-chan struct{}) {
	s.gaveUp.Store(true)
	s.conn.SetReadDeadline(time.Now().Add(lastWords))
	<-readerDone
}

// close writes the rest, ends the stream and waits for the server to end its own (RFC 6120 §4.4), all within CloseTimeout.
func (s *session) close(readerDone <-chan struct{}) {
	s.limitWrites() // ctx's end may not have come to it yet
	if s.drain() == nil && s.setWriteDeadline() == nil {
		io.WriteString(s.conn, streamEnd)
	}
	s.conn.SetReadDeadline(s.endBy)
	<-readerDone
}
