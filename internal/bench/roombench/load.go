package main

import (
	"bytes"
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"

	"anteroom/xmpp"
)

// load is a component that acts as many users: user17@users.a.example enters rooms of whatever service, through the server. It looks
// at what comes no further than counting takes.
type load struct {
	domain string
	conn   net.Conn

	mu        sync.Mutex
	presences int64 // available ones: who is in a room
	messages  int64 // with a body: what was said
	results   int64 // of iqs
	errors    int64
	lastError string
	err       error
	changed   chan struct{} // closed and renewed
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
	f := &frames{conn: conn}
	open, err := f.next()
	if err != nil {
		return nil, err
	}
	id := attribute(open, "id")
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
func attribute(tag []byte, name string) string {
	for _, quote := range []string{"'", `"`} {
		if _, rest, ok := strings.Cut(string(tag), " "+name+"="+quote); ok {
			value, _, _ := strings.Cut(rest, quote)
			return value
		}
	}
	return ""
}

type frames struct {
	conn   net.Conn
	framer xmpp.Framer
}

func (f *frames) next() ([]byte, error) {
	for {
		frame, err := f.framer.Next()
		if err != nil || frame.Kind != xmpp.NeedMore {
			return frame.Bytes, err
		}
		n, err := f.conn.Read(f.framer.Space())
		f.framer.Filled(n)
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

func (l *load) read(f *frames) {
	for {
		b, err := f.next()
		l.mu.Lock()
		if err != nil {
			l.err = err
		} else {
			l.count(b)
		}
		close(l.changed)
		l.changed = make(chan struct{})
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

var (
	presenceTag, messageTag, iqTag = []byte("<presence"), []byte("<message"), []byte("<iq")
	bodyTag                        = []byte("<body")
)

func (l *load) count(b []byte) {
	tag := b[:max(0, bytes.IndexByte(b, '>'))]
	kind := attribute(tag, "type")
	switch {
	case kind == "error":
		l.errors++
		l.lastError = string(b)
	case bytes.HasPrefix(b, presenceTag) && kind == "" && strings.Contains(attribute(tag, "from"), "/"): // a room has one of its own
		l.presences++
	case bytes.HasPrefix(b, messageTag) && bytes.Contains(b, bodyTag):
		l.messages++
	case bytes.HasPrefix(b, iqTag) && kind == "result":
		l.results++
	}
}

// send writes stanzas as they stand.
func (l *load) send(b []byte) error {
	_, err := l.conn.Write(b)
	return err
}

// wait waits until the counts are as wanted. An error that came is a failure: nothing that is measured may be refused.
func (l *load) wait(ctx context.Context, what string, met func() bool) error {
	for {
		l.mu.Lock()
		ok, changed := met(), l.changed
		state := fmt.Sprintf("%d presences, %d messages, %d results", l.presences, l.messages, l.results)
		failed, last, err := l.errors > 0, l.lastError, l.err
		l.mu.Unlock()
		switch {
		case ok:
			return nil
		case failed:
			return fmt.Errorf("%s: refused: %s", what, last)
		case err != nil:
			return fmt.Errorf("%s: %w", what, err)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%s: %w with %s", what, ctx.Err(), state)
		}
	}
}

// begin forgets all counts.
func (l *load) begin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.presences, l.messages, l.results, l.errors = 0, 0, 0, 0
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
