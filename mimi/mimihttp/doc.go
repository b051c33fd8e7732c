// Package mimihttp carries the MIMI protocol over HTTPS with mutual TLS (draft-ietf-mimi-protocol-06 §5): the directory, the
// endpoints keyMaterial, update, notify, submitMessage and groupInfo as a net/http handler over a Provider, and a client that
// finds a peer's endpoints by its directory.
//
// A provider is known by its domain name, and proves it with a certificate in both directions: the server checks the client's
// certificate like the client checks the server's. Bodies are opaque here; what they mean is decided by the Provider.
//
// Not implemented, and therefore absent from the directory that Handler serves: requestConsent, updateConsent, identifierQuery,
// reportAbuse, proxyDownload.
//
// Handler and Client are safe for concurrent use.
package mimihttp
