// Package component keeps one XEP-0114 connection to an XMPP server: it dials, shakes hands, reads stanzas, writes stanzas
// in large batches, and dials again with back-off when the connection ends.
//
// Specifications: XEP-0114 1.6 (the accept side's protocol, the only one in use), RFC 6120 §4.9 (stream errors), XEP-0199 (the ping
// that finds a dead connection).
//
// Two promises shape it. Reading never waits for work: a stanza is handed to a [Handler] that must not block, and is refused
// with resource-constraint when the handler has no room. And nothing leaves that would make the server close the stream:
// every stanza passes an [xmpp.Gate].
//
// What is queued outlives the connection it was queued for: after a reconnect writing goes on with the first stanza that was
// not handed to the kernel in full. XEP-0114 has no acknowledgement, so what the kernel took and the server never read is
// lost; the caller learns from [Handler.Down] that this may be so.
//
// Not implemented: XEP-0225, TLS to the server (the connection belongs on loopback or into a tunnel).
//
// All methods of [Conn] are safe for concurrent use.
package component
