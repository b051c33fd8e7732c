// Package policy decides who may do what in a MIMI room: draft-ietf-mimi-room-policy-04 §8 with the rules of
// draft-mahy-mimi-group-chat, each in a file of its own (see seed.go). Hub and members use the same functions; a hub that is
// stricter than the documents gives an Extra.
//
// Not decided here: rooms that depend on a parent room, and what the operational policy says besides the intervals of Updates (reserved
// capabilities 0x0602 to 0x0605).
//
// The package is pure. A State is immutable: safe for concurrent use.
package policy
