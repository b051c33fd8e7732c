// Package xmppclient is a small XMPP client for tests, benchmarks and the demo: RFC 6120 over plain TCP on the loopback
// interface, SASL PLAIN, resource binding, presence, and waiting for a stanza. It is no client for people: it has no TLS.
//
// A Client is safe for one sending and one waiting goroutine.
package xmppclient

import (
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"anteroom/xmpp"
)

const (
	nsClient  = "jabber:client"
	nsStreams = "http://etherx.jabber.org/streams"
	nsSASL    = "urn:ietf:params:xml:ns:xmpp-sasl"
	nsBind    = "urn:ietf:params:xml:ns:xmpp-bind"

	// backlog is how many received stanzas wait for Expect before the reader stops reading.
	backlog = 4096
)

// Client is one connected resource.
type Client struct {
	JID xmpp.JID // full, as bound by the server

	conn    net.Conn
	dec     *xml.Decoder
	writeMu sync.Mutex
	in      chan *xmpp.Stanza
	err     error // why in was closed

	mu     sync.Mutex
	unread []*xmpp.Stanza // received, passed over by an earlier Expect
	seen   func(*xmpp.Stanza)
}

// Dial connects to addr (host:port), signs in as account with password and binds resource.
func Dial(ctx context.Context, addr string, account xmpp.JID, resource, password string) (*Client, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("xmppclient: %w", err)
	}
	c := &Client{conn: conn, in: make(chan *xmpp.Stanza, backlog)}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	err = c.signIn(account, resource, password)
	if !stop() {
		err = errors.Join(ctx.Err(), err)
	}
	if err != nil {
		conn.Close()
		return nil, fmt.Errorf("xmppclient: %s: %w", account, err)
	}
	go c.read()
	return c, nil
}

func (c *Client) signIn(account xmpp.JID, resource, password string) error {
	if err := c.open(account.Domain()); err != nil {
		return err
	}
	plain := base64.StdEncoding.EncodeToString([]byte("\x00" + account.Local() + "\x00" + password))
	if err := c.Send(`<auth xmlns='` + nsSASL + `' mechanism='PLAIN'>` + plain + `</auth>`); err != nil {
		return err
	}
	e, err := c.element()
	if err != nil {
		return err
	}
	if !e.Is(nsSASL, "success") {
		return fmt.Errorf("sign-in refused: %s", e)
	}
	if err := c.open(account.Domain()); err != nil {
		return err
	}
	if err := c.Send(`<iq type='set' id='bind'><bind xmlns='` + nsBind + `'><resource>` + resource + `</resource></bind></iq>`); err != nil {
		return err
	}
	if e, err = c.element(); err != nil {
		return err
	}
	bound := e.Child(nsBind, "bind")
	if bound == nil {
		return fmt.Errorf("binding refused: %s", e)
	}
	c.JID, err = xmpp.ParseJID(bound.ChildText(nsBind, "jid"))
	return err
}

// open begins a stream and reads the server's header and features.
func (c *Client) open(domain string) error {
	c.dec = xml.NewDecoder(c.conn)
	if err := c.Send(`<?xml version='1.0'?><stream:stream xmlns='` + nsClient + `' xmlns:stream='` + nsStreams + `' to='` + domain + `' version='1.0'>`); err != nil {
		return err
	}
	for {
		tok, err := c.dec.Token()
		if err != nil {
			return err
		}
		if start, ok := tok.(xml.StartElement); ok && start.Name.Local == "stream" {
			break
		}
	}
	e, err := c.element()
	if err != nil {
		return err
	}
	if !e.Is(nsStreams, "features") {
		return fmt.Errorf("expected stream features, got %s", e)
	}
	return nil
}

// element reads the next child of the stream.
func (c *Client) element() (*xmpp.Element, error) {
	for {
		tok, err := c.dec.Token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			return c.tree(tok)
		case xml.EndElement:
			return nil, io.EOF
		}
	}
}

func (c *Client) tree(start xml.StartElement) (*xmpp.Element, error) {
	e := xmpp.NewElement(start.Name.Space, start.Name.Local)
	for _, a := range start.Attr {
		switch {
		case a.Name.Local == "xmlns" || a.Name.Space == "xmlns":
		case a.Name.Space == "http://www.w3.org/XML/1998/namespace" || a.Name.Space == "xml":
			e.WithLang(a.Value)
		default:
			e.SetAttr(a.Name.Local, a.Value)
		}
	}
	for {
		tok, err := c.dec.Token()
		if err != nil {
			return nil, err
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			child, err := c.tree(tok)
			if err != nil {
				return nil, err
			}
			e.With(child)
		case xml.CharData:
			e.WithText(string(tok))
		case xml.EndElement:
			return e, nil
		}
	}
}

func (c *Client) read() {
	defer close(c.in)
	for {
		e, err := c.element()
		if err != nil {
			c.err = err
			return
		}
		st, err := xmpp.ParseStanza(e)
		if err != nil {
			c.err = fmt.Errorf("the server sent %s: %w", e, err)
			return
		}
		c.mu.Lock()
		seen := c.seen
		c.mu.Unlock()
		if seen != nil {
			seen(&st)
		}
		c.in <- &st
	}
}

// Watch calls f for every stanza from now on, before Expect sees it.
func (c *Client) Watch(f func(*xmpp.Stanza)) {
	c.mu.Lock()
	c.seen = f
	c.mu.Unlock()
}

// Send writes XML as it stands.
func (c *Client) Send(text string) error {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	_, err := io.WriteString(c.conn, text)
	return err
}

// Expect returns the first stanza, received before or after the call and not returned yet, for which match is true. what
// begins the error's text when ctx ends before; the error lists what came instead.
func (c *Client) Expect(ctx context.Context, what string, match func(*xmpp.Stanza) bool) (*xmpp.Stanza, error) {
	for i, st := range c.unread {
		if match(st) {
			c.unread = append(c.unread[:i:i], c.unread[i+1:]...)
			return st, nil
		}
	}
	for {
		select {
		case st, ok := <-c.in:
			if !ok {
				return nil, fmt.Errorf("%s: stream of %s ended: %w", what, c.JID, c.err)
			}
			if match(st) {
				return st, nil
			}
			c.unread = append(c.unread, st)
		case <-ctx.Done():
			var got strings.Builder
			for _, st := range c.unread {
				fmt.Fprintf(&got, "\n    %s", st)
			}
			return nil, fmt.Errorf("%s: not seen by %s; what came instead:%s", what, c.JID, got.String())
		}
	}
}

// Forget drops everything received so far that no Expect has returned and for which match is true.
func (c *Client) Forget(match func(*xmpp.Stanza) bool) {
	for {
		select {
		case st, ok := <-c.in:
			if ok {
				c.unread = append(c.unread, st)
				continue
			}
		default:
		}
		break
	}
	c.unread = slices.DeleteFunc(c.unread, match)
}

// Request sends an IQ with payload and returns the answer; an error answer is returned as *xmpp.StanzaError.
func (c *Client) Request(ctx context.Context, to, kind, payload string) (*xmpp.Stanza, error) {
	id := fmt.Sprintf("q%d", time.Now().UnixNano())
	if err := c.Send(`<iq to='` + escape(to) + `' type='` + kind + `' id='` + id + `'>` + payload + `</iq>`); err != nil {
		return nil, err
	}
	st, err := c.Expect(ctx, "answer to IQ "+kind+" of "+to, func(st *xmpp.Stanza) bool { return st.Kind == xmpp.IQ && st.ID == id })
	if err != nil {
		return nil, err
	}
	if e := st.Err(); e != nil {
		return st, e
	}
	return st, nil
}

// Appear makes the user available and waits until its server holds it for that: what comes for the account from now on comes here (RFC 6120 §10.1: stanzas of a
// stream are taken in order). Before that, a server may still put it away (XEP-0160) for the next time.
func (c *Client) Appear(ctx context.Context) error {
	if err := c.Send("<presence/>"); err != nil {
		return err
	}
	_, err := c.Request(ctx, c.JID.Domain(), xmpp.TypeGet, "<query xmlns='http://jabber.org/protocol/disco#info'/>")
	return err
}

// Join enters room (a bare JID) as nick and waits for the self-presence. Presences of an earlier stay are forgotten. When the room is
// new (201) it asks for an instant room (XEP-0045 §10.1.2), so that others can enter, too.
func (c *Client) Join(ctx context.Context, room, nick string) (*xmpp.Stanza, error) {
	me := room + "/" + nick
	c.Forget(func(st *xmpp.Stanza) bool { return st.Kind == xmpp.Presence && st.From.Bare().String() == room })
	if err := c.Send(`<presence to='` + escape(me) + `'><x xmlns='http://jabber.org/protocol/muc'/></presence>`); err != nil {
		return nil, err
	}
	st, err := c.Expect(ctx, "self-presence in "+room, func(st *xmpp.Stanza) bool {
		return st.Kind == xmpp.Presence && st.From.Bare().String() == room && (st.Type == "error" || HasStatus(st, "110") && st.Type == "")
	})
	if err != nil {
		return nil, err
	}
	if e := st.Err(); e != nil {
		return st, e
	}
	if HasStatus(st, "201") {
		if _, err := c.Request(ctx, room, "set", `<query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query>`); err != nil {
			return st, fmt.Errorf("unlocking %s: %w", room, err)
		}
	}
	return st, nil
}

// Say sends a groupchat message.
func (c *Client) Say(room, text string) error {
	return c.Send(`<message to='` + escape(room) + `' type='groupchat' id='m` + fmt.Sprint(time.Now().UnixNano()) + `'><body>` + escape(text) + `</body></message>`)
}

// Hear waits for a live groupchat message with this body from this nick.
func (c *Client) Hear(ctx context.Context, room, nick, text string) (*xmpp.Stanza, error) {
	return c.Expect(ctx, fmt.Sprintf("%q from %s in %s", text, nick, room), func(st *xmpp.Stanza) bool {
		body, _ := st.Body()
		return st.Kind == xmpp.Message && st.Type == xmpp.TypeGroupchat && st.From.String() == room+"/"+nick && body == text &&
			st.Child("urn:xmpp:delay", "delay") == nil
	})
}

// HasStatus says whether st's muc#user element carries a status code.
func HasStatus(st *xmpp.Stanza, code string) bool {
	x := st.Child("http://jabber.org/protocol/muc#user", "x")
	if x == nil {
		return false
	}
	for _, s := range x.ChildrenNamed("http://jabber.org/protocol/muc#user", "status") {
		if s.Attr("code") == code {
			return true
		}
	}
	return false
}

// Close ends the stream.
func (c *Client) Close() error {
	err := c.Send("</stream:stream>")
	return errors.Join(err, c.conn.Close())
}

// Drop cuts the connection without a word, as a lost network does.
func (c *Client) Drop() error { return c.conn.Close() }

func escape(s string) string {
	var b strings.Builder
	if err := xml.EscapeText(&b, []byte(s)); err != nil {
		return ""
	}
	return b.String()
}
