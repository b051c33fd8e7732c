// Package mimi holds the identifiers, messages and room state of the MIMI protocol: draft-ietf-mimi-protocol-06,
// draft-ietf-mimi-room-policy-04, draft-mahy-mls-ratchet-tree-options-03 and the component framing of
// draft-ietf-mls-extensions. Where a draft is ambiguous the reading taken is written beside the structure.
//
// Credentials are X.509 credentials whose subject alternative names are a client URI (mimi://a.example/d/juliet/anteroom) and the URI of
// its user (mimi://a.example/u/juliet), or basic credentials whose identity is a client URI. Not implemented: SemiPrivateMessage, metadata
// minimisation (protocol §6), JWT and CWT credentials.
//
// The package is pure. Values are plain data: safe for concurrent reading, not for writing while read.
package mimi
