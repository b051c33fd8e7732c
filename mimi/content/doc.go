// Package content is the MIMI content format, draft-ietf-mimi-content-09, and what it means in XMPP: deterministic CBOR to and
// from Message, and the payloads of groupchat messages to and from Message.
//
// Every message stays readable for other MIMI clients, and two anterooms lose nothing: where XMPP payloads say more than the
// content format can, the payloads ride along as a second part of media type application/xmpp+xml, without addresses.
// Reports on messages are draft-mahy-mimi-message-status-01. Not implemented: decrypting external parts, showing parts that are neither text
// nor external, markdown's indented code with styling, reference links and footnotes, which stay as written.
//
// The package is pure. Values are plain data: safe for concurrent reading, not for writing while read.
package content
