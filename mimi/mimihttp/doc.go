// Package mimihttp carries the MIMI protocol over HTTPS with mutual TLS (draft-ietf-mimi-protocol-06 §5): the directory, the
// endpoints keyMaterial, update, notify, submitMessage, groupInfo, requestConsent, updateConsent, reportAbuse and identifierQuery as a net/http handler over a Provider, and a client that
// finds a peer's endpoints by its directory.
//
// A provider is known by its domain name, and proves it with a certificate in both directions: the server checks the client's
// certificate like the client checks the server's. Bodies are opaque here; what they mean is decided by the Provider.
//
// Nothing that a peer names leads into our own network (dial.go), names are proved as RFC 9525 says (name.go), and what one provider can
// ask of us is bounded (flood.go, limits.go).
//
// Not implemented, and therefore absent from the directory that Handler serves: the gateway of Oblivious HTTP.
//
// Handler and Client are safe for concurrent use.
package mimihttp
