package component

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"

	"anteroom/xmpp"
)

// Cause says why there is no connection.
type Cause uint8

// The causes that an operator tells apart. All are retried.
const (
	Refused       Cause = iota + 1 // nothing listens there
	Unreachable                    // no such host, or no way to it
	NotComponents                  // something else than a component port answered
	WrongSecret                    // the server does not accept the handshake
	WrongDomain                    // the server does not know the component's domain
	SecondOne                      // another component is connected for this domain
	ShuttingDown                   // the server said that it stops
	StreamError                    // the server ended the stream for another reason
	ServerClosed                   // the connection ended without a word
	NotWellFormed                  // what the server sent is no XML stream
	TimedOut                       // no answer in time
)

var causes = map[Cause]struct{ name, advice string }{
	Refused: {"connection refused", "nothing listens there: start the server, or compare host and port under [component] with " +
		"component_ports in prosody.cfg.lua (default 5347) or with the listen block of ejabberd_service in ejabberd.yml"},
	Unreachable: {"server unreachable", "check host under [component], name resolution and routes"},
	NotComponents: {"not a component port", "something else answered: port under [component] must be the one of component_ports in " +
		"prosody.cfg.lua or of the ejabberd_service listener in ejabberd.yml, not a client, server, HTTP or TLS port"},
	WrongSecret: {"wrong secret", "secret under [component] must equal component_secret in prosody.cfg.lua or password of the host under " +
		"ejabberd_service in ejabberd.yml; ejabberd says the same of a domain that is no host there"},
	WrongDomain: {"domain unknown to the server", "domain under [component] must be the name of a Component block in prosody.cfg.lua or of " +
		"a host under ejabberd_service in ejabberd.yml; reload the server after adding it"},
	SecondOne: {"another component holds the domain", "stop the other gateway with this domain, or give Prosody " +
		"component_conflict_resolve = \"kick_old\" in the Component block of prosody.cfg.lua and run the second gateway as a standby"},
	ShuttingDown: {"server is shutting down", "nothing to do: the connection returns with the server"},
	StreamError:  {"server ended the stream", "the server's log says more"},
	ServerClosed: {"server closed the connection", "the server stopped, or its log says why it threw the component out; if it never let the component in, " +
		"port under [component] may not be the one for components"},
	NotWellFormed: {"server sent no well-formed XML", "check that nothing between here and the server changes the bytes"},
	TimedOut:      {"server does not answer", "check that the server is alive and that no firewall drops the packets"},
}

// String is the cause in words.
func (c Cause) String() string { return causes[c].name }

// Advice says what to change in which file.
func (c Cause) Advice() string { return causes[c].advice }

// An Error is why a connection failed or ended.
type Error struct {
	Cause     Cause
	Addr      string
	Condition string // of the stream error, when the server sent one (RFC 6120 §4.9.3)
	Text      string // what the server said with it
	Err       error
}

func (e *Error) Error() string {
	s := "component: " + e.Addr + ": " + e.Cause.String()
	if e.Condition != "" {
		s += " (" + e.Condition + ")"
	}
	if e.Text != "" {
		s += ": " + fmt.Sprintf("%.200q", e.Text)
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Errors of sending.
var (
	ErrClosed = errors.New("component: connection is closed for good")
	ErrFull   = errors.New("component: the queue to the server is full")
)

// classify gives a network error its cause.
func classify(addr string, err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	e = &Error{Cause: ServerClosed, Addr: addr, Err: err}
	var dns *net.DNSError
	var netErr net.Error
	var syntax *xmpp.SyntaxError
	switch {
	case errors.As(err, &syntax):
		e.Cause = NotWellFormed
	case errors.Is(err, syscall.ECONNREFUSED):
		e.Cause = Refused
	case errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &netErr) && netErr.Timeout():
		e.Cause = TimedOut
	case errors.As(err, &dns), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH):
		e.Cause = Unreachable
	}
	return e
}

// streamError reads a stream error (RFC 6120 §4.9).
func streamError(addr string, el *xmpp.Element) *Error {
	e := &Error{Cause: StreamError, Addr: addr, Condition: "undefined-condition", Text: el.ChildText(xmpp.NSStreams, "text")}
	for c := range el.Elements() {
		if c.Name.Space == xmpp.NSStreams && c.Name.Local != "text" {
			e.Condition = c.Name.Local
			break
		}
	}
	switch e.Condition {
	case "not-authorized":
		e.Cause = WrongSecret
	case "host-unknown", "host-gone":
		e.Cause = WrongDomain
	case "conflict":
		e.Cause = SecondOne
		if strings.Contains(e.Text, "local domain") { // ejabberd: the domain is one of its virtual hosts
			e.Cause = WrongDomain
		}
	case "system-shutdown":
		e.Cause = ShuttingDown
	case "connection-timeout":
		e.Cause = TimedOut
	case "invalid-namespace", "unsupported-version", "bad-namespace-prefix":
		e.Cause = NotComponents
	}
	return e
}
