// Package gateway runs rooms: it feeds the pure room core of package mucmap and carries out what its Steps ask of the world.
//
// One goroutine, the actor, owns a room while it is loaded. Stanzas of the XMPP server and requests of other MIMI providers
// wait in the actor's bounded mailbox; the readers never wait. A turn of an actor takes a batch from the mailbox, Steps for
// each, writes everything durable in one batch, and only then lets stanzas, HTTP answers, deliveries and commit jobs go. One
// goroutine writes the batches of all rooms that are waiting together (group commit).
//
// A write that failed or whose outcome is unknown drops the room, claims and restores it; when the stored sequence shows that
// the write took effect its stanzas and answers are sent, otherwise its inputs are stepped again. A panic in the core costs the
// room a restore and the input that caused it an error; a room that panics again and again is quarantined for a while. Other
// rooms do not notice.
//
// Rooms are loaded on demand and dropped when idle. At start every room that was open when the process ended, has occupants or
// asked to be woken is loaded, and what was not sent is sent.
//
// Not implemented: several gateways at work on the same rooms (a second one waits for the leases of the first), and key packages of our
// own XMPP users for rooms of ours (they enter through their clients).
//
// A Gateway is safe for concurrent use.
package gateway
