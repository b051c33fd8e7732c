// Package xmpp holds XMPP values: addresses, XML elements, stanzas, stanza errors and the broadcast template.
//
// Specifications: RFC 6120 (stanzas, stanza errors, the XML restrictions of §11), RFC 7622 (addresses, with PRECIS of
// RFC 8264, 8265 and 8266), XEP-0106 1.1 (escaping of localparts), XEP-0114 1.6 (the namespace that a component sees).
//
// Stanzas are values with generic element trees as payload. Both stanza namespaces of a stream, "jabber:client" and
// "jabber:component:accept", are read as [NSClient], so that code never asks which kind of stream a body came from; the
// encoder writes no xmlns where it equals the surrounding namespace.
//
// Not implemented: streams, SASL and TLS negotiation (package component speaks XEP-0114 only), and stringprep of RFC 6122;
// an address that only stringprep allows is refused with jid-malformed.
//
// The package is pure. Values are safe for concurrent reading; an [Element] must not be changed while others read it.
package xmpp
