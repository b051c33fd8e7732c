// Package content is the MIMI content format, draft-ietf-mimi-content-09, and what it means in XMPP: deterministic CBOR to and
// from Message, and the payloads of groupchat messages to and from Message.
//
// Every message stays readable for other MIMI clients, and two anterooms lose nothing: where XMPP payloads say more than the
// content format can, the payloads ride along as a second part of media type application/xmpp+xml, without addresses.
// Not implemented: message status (draft-mahy-mimi-message-status), decrypting external parts, markdown beyond showing its source.
//
// The package is pure. Values are plain data: safe for concurrent reading, not for writing while read.
package content
