// Package mucmap is the room core: XEP-0045 words in, policy changes and MUC stanzas out.
//
// A [Room] changes only in [Room.Step], which decides events, applies them and renders the stanzas that follow from them. The
// public room is the fold of its events; the MLS group beside it is stored as secrets that are replaced. [Service.Restore]
// folds the same events with the same code.
//
// Specifications: XEP-0045 1.35.5, with XEP-0030, 0004, 0092, 0199, 0203, 0249, 0202, 0313, 0317, 0359, 0410, 0421, 0424, 0425, 0486; roles and capabilities of rooms by
// draft-ietf-mimi-room-policy-04; messages of other providers by draft-ietf-mimi-protocol-06 through package hub. One file per
// MUC feature; route.go says which stanza goes where.
//
// Not implemented: requests to occupants,
// pings to find ghosts, renewal of leaf keys on a schedule, configuration of
// rooms of other providers, invitations into rooms of other providers. References to
// messages older than the newest [MaxRecords] travel between XMPP and MIMI as readable text.
//
// The package is pure: no clock, no randomness, no goroutine. A Service is safe for concurrent use, a Room is not.
package mucmap
