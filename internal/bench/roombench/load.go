package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"sync"

	"anteroom/xmpp"
)

// load is a component that acts as many users: user17@users.a.example enters rooms of whatever service, through the server. It looks
// at what comes no further than counting takes.
type load struct {
	domain string
	conn   net.Conn

	mu      sync.Mutex
	counts                // since begin, up to the last read
	err     error         // why reading ended
	changed chan struct{} // closed and renewed
}

// counts are of stanzas that came.
type counts struct {
	presences int64 // available ones: who is in a room
	messages  int64 // with a body: what was said
	results   int64 // of iqs
	errors    int64
	bytes     int64 // of presences and messages
	lastError string
	message   []byte // the last of messages
}

func (c *counts) add(n *counts) {
	c.presences += n.presences
	c.messages += n.messages
	c.results += n.results
	c.errors += n.errors
	c.bytes += n.bytes
	if n.errors > 0 {
		c.lastError = n.lastError
	}
	if n.messages > 0 {
		c.message = n.message
	}
}

// connect shakes hands with a server.
func connect(ctx context.Context, addr, domain, secret string) (*load, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	l := &load{domain: domain, conn: conn, changed: make(chan struct{})}
	if _, err := fmt.Fprintf(conn, "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='%s'>", domain); err != nil {
		return nil, err
	}
	f := &frames{conn: conn, idle: func() {}}
	open, err := f.next()
	if err != nil {
		return nil, err
	}
	id := string(attribute(open, "id"))
	sum := sha1.Sum([]byte(id + secret))
	if _, err := io.WriteString(conn, "<handshake>"+hex.EncodeToString(sum[:])+"</handshake>"); err != nil {
		return nil, err
	}
	answer, err := f.next()
	if err == nil && !bytes.HasPrefix(answer, []byte("<handshake")) {
		err = fmt.Errorf("handshake of %s: %s", domain, answer)
	}
	if err != nil {
		return nil, err
	}
	go l.read(f)
	return l, nil
}

// attribute of a start tag, without entities.
func attribute(tag []byte, name string) []byte {
	for rest := tag; ; {
		i := bytes.Index(rest, []byte(name))
		if i < 1 {
			return nil
		}
		after := rest[i+len(name):]
		if rest[i-1] != ' ' || len(after) < 2 || after[0] != '=' {
			rest = after
			continue
		}
		value, _, _ := bytes.Cut(after[2:], after[1:2])
		return value
	}
}

type frames struct {
	conn   net.Conn
	framer xmpp.Framer
	idle   func() // called before each read
}

func (f *frames) next() ([]byte, error) {
	for {
		frame, err := f.framer.Next()
		if err != nil || frame.Kind != xmpp.NeedMore {
			return frame.Bytes, err
		}
		f.idle()
		n, err := f.conn.Read(f.framer.Space())
		f.framer.Filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// read counts until the stream ends, and tells once for each read, so that it costs those who are measured little.
func (l *load) read(f *frames) {
	var seen counts
	tell := func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.counts.add(&seen)
		l.err = err
		seen = counts{}
		close(l.changed)
		l.changed = make(chan struct{})
	}
	f.idle = func() { tell(nil) }
	for {
		b, err := f.next()
		if err != nil {
			tell(err)
			return
		}
		seen.count(b)
	}
}

var (
	presenceTag, messageTag, iqTag = []byte("<presence"), []byte("<message"), []byte("<iq")
	bodyTag                        = []byte("<body")
)

func (c *counts) count(b []byte) {
	tag := b[:max(0, bytes.IndexByte(b, '>'))]
	kind := attribute(tag, "type")
	switch {
	case string(kind) == "error":
		c.errors++
		c.lastError = string(b)
	case bytes.HasPrefix(b, presenceTag) && len(kind) == 0 && bytes.IndexByte(attribute(tag, "from"), '/') > 0: // a room has one of its own
		c.presences++
		c.bytes += int64(len(b))
	case bytes.HasPrefix(b, messageTag) && bytes.Contains(b, bodyTag):
		c.messages++
		c.bytes += int64(len(b))
		c.message = append(c.message[:0], b...)
	case bytes.HasPrefix(b, iqTag) && string(kind) == "result":
		c.results++
	}
}

// send writes stanzas as they stand.
func (l *load) send(b []byte) error {
	_, err := l.conn.Write(b)
	return err
}

// dead says that the server ended the stream.
func (l *load) dead() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err != nil
}

// now is what was counted up to now.
func (l *load) now() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// wait waits until the counts are as wanted. An error that came is a failure: nothing that is measured may be refused.
func (l *load) wait(ctx context.Context, what string, met func(*counts) bool) error {
	for {
		l.mu.Lock()
		c, err, changed := l.counts, l.err, l.changed
		l.mu.Unlock()
		switch {
		case met(&c):
			return nil
		case c.errors > 0:
			return fmt.Errorf("%s: refused: %s", what, c.lastError)
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w with %d presences, %d messages, %d results", what, context.Cause(ctx), c.presences, c.messages, c.results)
		}
	}
}

// begin forgets all counts.
func (l *load) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.counts = counts{}
}

func (l *load) user(i int) string { return fmt.Sprintf("user%d@%s/x", i, l.domain) }

func (l *load) enter(dst []byte, i int, room string) []byte {
	return fmt.Appendf(dst, "<presence from='%s' to='%s/nick%d'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>", l.user(i), room, i)
}

func (l *load) leave(dst []byte, i int, room string) []byte {
	return fmt.Appendf(dst, "<presence from='%s' to='%s/nick%d' type='unavailable'/>", l.user(i), room, i)
}

// configure submits the form that unlocks a room.
func (l *load) configure(dst []byte, i int, room string, persistent bool) []byte {
	fields := ""
	if persistent {
		fields = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field var='muc#roomconfig_persistentroom'><value>1</value></field>"
	}
	return fmt.Appendf(dst, "<iq from='%s' to='%s' type='set' id='form'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>%s</x></query></iq>",
		l.user(i), room, fields)
}
