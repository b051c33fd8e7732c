package gateway

import (
	"context"
	"iter"
	"time"

	"anteroom/mimi"
	"anteroom/mucmap"
	"anteroom/xmpp"
)

// Server is the connection to the XMPP server.
type Server interface {
	// Send queues stanzas, in order, and returns the place behind the last one. It may wait for room in the queue, no
	// longer than ctx; what it could not queue is lost.
	Send(ctx context.Context, stanzas []xmpp.Broadcast) (Mark, error)
	// Written is the place up to which everything has left this process. XEP-0114 has no acknowledgement beyond that.
	Written() Mark
	// Flush waits until everything up to a place has left this process.
	Flush(ctx context.Context, m Mark) error
}

// Mark is a place in the order of everything that was sent to the server; it only grows. 0 is the beginning.
type Mark int64

// Peers sends requests to other MIMI providers.
type Peers interface {
	// Post sends one request about uri, zero for the provider itself. An error means that no complete answer came.
	Post(ctx context.Context, provider string, endpoint mimi.Endpoint, uri mimi.URI, body []byte) (PeerReply, error)
	// Document asks the provider of a room for the room's JSON document.
	Document(ctx context.Context, room mimi.URI) (PeerReply, error)
}

// PeerReply is a provider's answer; RetryAfter is positive when it asks for patience.
type PeerReply struct {
	Status     int
	Body       []byte
	RetryAfter time.Duration
}

// Room is what a gateway needs of a *mucmap.Room; see there.
type Room interface {
	Step(now time.Time, seed [32]byte, in mucmap.Input) mucmap.Output
	Exists() bool
	Idle() bool
	Seq() uint64
	MarkSent(seq uint64)
	Summary() mucmap.Summary
	Describe() mucmap.Description
	Belonging(user xmpp.JID) mucmap.Belonging
}

// Rooms is what a gateway needs of a *mucmap.Service; see there.
type Rooms interface {
	New(name string) Room
	Restore(name string, snap mucmap.Snapshot) (Room, mucmap.Recovery, error)
	RoomName(uri mimi.URI) string                    // "": not one of ours
	FollowedName(uri mimi.URI) string                // "": one of ours, or one that has no address here
	PersonName(uri mimi.URI) string                  // where consent of one of our users is kept; "": nobody of ours
	RoomURI(provider, local string) (mimi.URI, bool) // the room with a localpart at an anteroom of a provider
	ParseVenue(text string) (xmpp.JID, error)        // which room an operator sends people to
	DirectName(user, peer mimi.URI) string
	ParseBan(who string) (xmpp.JID, error)                              // whom an operator means who bans
	Route(st *xmpp.Stanza, direct func(name string) bool) string        // "": to the service itself
	Judge(room, abuser mimi.URI, m *mimi.AbusiveMessage) mucmap.Verdict // of a message in a report about one of ours
	IdentifierQuery(body []byte, rooms iter.Seq[mucmap.Summary]) (status int, answer []byte)
	HandleService(now time.Time, st *xmpp.Stanza, rooms iter.Seq[mucmap.Summary]) ([]xmpp.Stanza, *mucmap.Order)
}

// Core makes the rooms of s runnable.
func Core(s *mucmap.Service) Rooms { return core{s} }

type core struct{ *mucmap.Service }

type room struct{ *mucmap.Room }

func (c core) New(name string) Room { return room{c.Service.New(name)} }

func (c core) Restore(name string, snap mucmap.Snapshot) (Room, mucmap.Recovery, error) {
	r, recovery, err := c.Service.Restore(name, snap)
	return room{r}, recovery, err
}

func (r room) Step(now time.Time, seed [32]byte, in mucmap.Input) mucmap.Output {
	return r.Room.Step(now, seed, in)
}
