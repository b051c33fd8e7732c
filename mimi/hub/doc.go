// Package hub is the order-keeper of a room that our provider owns (draft-ietf-mimi-protocol-06 §5.3 to §5.6, §7): it decides
// which proposals, commits and messages take effect, in which order, and what every other provider is told.
//
// A Room is a value. Each Accept method either returns an Accepted, which holds the next value and everything that follows from
// the event, or an error and, for requests of other providers, the answer that carries the refusal; the room is then unchanged.
// Local and remote events pass the same checks and produce the same Accepted.
//
// The hub of a room always holds a local leaf in its group (the keeper, or a member of a room without keeper): GroupInfos for
// joiners are signed by such a leaf, and a commit that would remove the last of them is refused. See docs/decisions.
//
// Not implemented: SemiPrivateMessage, joining codes.
//
// Room and Accepted are safe for concurrent reading.
package hub
