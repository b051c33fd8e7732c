package component

import (
	"errors"
	"strings"
	"time"

	"anteroom/xmpp"
)

// pingPrefix begins the id of a ping that a gateway sends to its own domain; its own token follows.
const pingPrefix = "anteroom-component-ping-"

// ping is addressed to the component's own domain, so that it needs no other host to answer it. That it comes back shows that the server lives; that the
// ping of another connection comes shows that two gateways share the domain, which ejabberd allows: it then gives each of them a part of the stanzas.
func (c *Conn) ping() []byte {
	s := xmpp.Stanza{
		Kind: xmpp.IQ, From: c.cfg.Domain, To: c.cfg.Domain, ID: pingPrefix + c.token, Type: xmpp.TypeGet,
		Payload: []*xmpp.Element{xmpp.NewElement("urn:xmpp:ping", "ping")},
	}
	return s.AppendXML(nil)
}

// pinged takes in a ping of ours, or of another gateway, which learns the same by one of ours.
func (c *Conn) pinged(token string) {
	if token == c.token {
		return
	}
	c.queue.tryAdd(c.ping())
	if ok, _ := c.sharedLog.allow(time.Now()); ok {
		c.cfg.Log.Error("another gateway shares the domain", "advice", "stop one of them: the server gives each a part of the stanzas, and rooms are in disorder until then",
			"server", c.cfg.Addr, "domain", c.cfg.Domain.String())
	}
}

// deliver hands one element to the handler, or answers it.
func (c *Conn) deliver(el *xmpp.Element) {
	s, err := xmpp.ParseStanza(el)
	var pe *xmpp.StanzaParseError
	if errors.As(err, &pe) {
		c.unreadable(el, xmpp.NewError(pe.Answer, pe.Error()))
		return
	}
	if token, ok := strings.CutPrefix(s.ID, pingPrefix); ok && s.From == c.cfg.Domain && s.To == c.cfg.Domain {
		c.pinged(token)
		return
	}
	if s.From.IsZero() || s.To.Domain() != c.cfg.Domain.Domain() {
		c.unreadable(el, xmpp.NewError(xmpp.BadRequest, "an address is missing, or the stanza is not for this component"))
		return
	}
	refused := c.h.HandleStanza(s)
	if refused == nil {
		c.count.received.Add(1)
		return
	}
	c.count.overloaded.Add(1)
	if ok, suppressed := c.refuseLog.allow(time.Now()); ok {
		c.cfg.Log.Info("stanza refused", "from", shorten(s.From.String()), "to", shorten(s.To.String()), "error", refused.Text, "suppressed", suppressed)
	}
	if s.AcceptsError() {
		reply := s.ErrorReply(refused)
		if b, err := c.gate.Append(nil, &reply); err == nil {
			c.queue.tryAdd(b)
		}
	}
}

// tooMuch answers a stanza of which only the start tag can be read.
func (c *Conn) tooMuch(b []byte, scope xmpp.Scope, why string) {
	el, _, err := xmpp.ParseStartTag(b, scope)
	if err != nil {
		el = xmpp.NewElement("", "")
	}
	c.unreadable(el, xmpp.NewError(xmpp.PolicyViolation, why))
}

// unreadable answers an element that is no acceptable stanza, if it can be answered. Addresses are taken as the server wrote
// them: it knows them even if our rules do not allow them.
func (c *Conn) unreadable(el *xmpp.Element, e *xmpp.StanzaError) {
	c.count.unreadable.Add(1)
	if ok, suppressed := c.readLog.allow(time.Now()); ok {
		c.cfg.Log.Warn("unreadable stanza", "from", shorten(el.Attr("from")), "name", shorten(el.Name.Local), "error", e.Text, "suppressed", suppressed)
	}
	from, typ := el.Attr("from"), el.Attr("type")
	switch el.Name.Local {
	case "message":
	case "presence":
		if typ == xmpp.TypeUnavailable {
			return
		}
	case "iq":
		if typ == xmpp.TypeResult || el.Attr("id") == "" {
			return
		}
	default:
		return
	}
	if el.Name.Space != xmpp.NSClient || typ == xmpp.TypeError || from == "" {
		return
	}
	self := el.Attr("to")
	if rawDomain(self) != c.cfg.Domain.Domain() {
		self = c.cfg.Domain.String()
	}
	reply := xmpp.NewElement(xmpp.NSClient, el.Name.Local).WithAttr("to", from).WithAttr("from", self).
		WithAttr("id", el.Attr("id")).WithAttr("type", xmpp.TypeError).With(e.Element())
	if reply.Validate() != nil {
		return
	}
	if b := reply.AppendXML(nil, xmpp.NSClient); len(b) <= xmpp.MaxStanzaBytes {
		c.queue.tryAdd(b)
	}
}

// shorten cuts what a peer wrote to a length for a log line.
func shorten(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// rawDomain is the domainpart of an address that may be malformed.
func rawDomain(addr string) string {
	bare, _, _ := strings.Cut(addr, "/")
	if _, domain, ok := strings.Cut(bare, "@"); ok {
		return domain
	}
	return bare
}
