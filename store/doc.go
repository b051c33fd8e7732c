// Package store keeps what must outlive the process: rooms and small provider-wide records. It knows bytes, not rooms.
//
// A room is an append-only log of events with an optional snapshot standing for the oldest of them, a set of named
// secret parts that are replaced and never logged, an outbox of deliveries that are owed to other providers, and an
// archive. All that one turn of a room changes goes into one Batch, and a Batch is written whole or not at all.
//
// The rule of order is that of a certificate log (stage, compare and swap, publish): build the batch, write it
// guarded by the claim's fence and by the sequence, and let nothing that depends on it leave the process before Write
// has returned nil.
//
//	fence, err := s.Claim(ctx, store.RoomLease(room), owner, ttl) // fences off every earlier writer
//	r, err := s.Load(ctx, room)                                   // ErrNotFound: a room that is to be
//	err = s.Write(ctx, store.Batch{Room: room, Fence: fence, Seq: r.Seq, Events: events})
//
// After an error that is none of ErrConflict and ErrInvalid the outcome is unknown, and the write may still be under
// way: drop the room, Claim it again (so that a late arrival is refused) and only then Load it.
//
// Backends: memstore (tests, faults), boltstore (one file, one process), redisstore (shared between gateways). They
// store what they are given; Seal wraps any of them and encrypts events, snapshots, secret parts, outbox bodies, archive
// bodies, tombstones and records, each for its place alone: none opens in another's.
//
// Not implemented: changing the sealing key of a store that is in use, and protection against somebody who may write to
// the store beyond that: who puts back an older copy, of all or of one part or record, takes away the newest events or
// whole entries, or changes what stays in clear (see Seal), such as an archive entry's sender and time, is not noticed.
//
// All implementations are safe for concurrent use. They neither keep nor change the slices they are given, and what
// they return is the caller's.
package store
