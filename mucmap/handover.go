package mucmap

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"slices"

	"anteroom/mimi"
	"anteroom/mls/wire"
	"anteroom/xmpp"
)

// What waits in the room of the two that yields (direct.go) goes to the other one's room by the outbox, to our own provider: a crash at any moment neither loses it,
// nor says it twice, for the other room remembers what it took.

// EndpointHandOver is the endpoint of a [Delivery] to our own provider that RequestHandOver answers. No directory has it.
const EndpointHandOver = "handOver"

// handOver owes the messages that wait to the other one's room.
func (t *turn) handOver(peer mimi.URI) {
	r := t.r
	theirs, err := mimi.RoomURI(peer.Provider(), r.uri.Name())
	if err != nil {
		return // a name that is ours is one of theirs
	}
	once := t.derive("hand over")
	for i, xml := range r.pub.Held {
		w := wire.NewWriter(nil)
		w.Opaque(once[:16])
		w.U32(uint32(i)) // the same may have been said twice
		w.OpaqueString(xml)
		t.out.Outbox = append(t.out.Outbox, Delivery{Provider: r.svc.cfg.Provider, Endpoint: EndpointHandOver, Room: theirs.String(), Body: w.Bytes()})
	}
	t.emit(&let{})
}

// handed says that a message was taken over.
type handed struct{ Sum []byte }

func (e *handed) apply(s *state, _ *stage) {
	if len(s.Handed) >= 2*MaxHeld {
		s.Handed = slices.Clone(s.Handed[len(s.Handed)-MaxHeld:])
	}
	s.Handed = append(s.Handed, e.Sum)
}

// handedOver says a message in the other one's room that waited in ours.
func (t *turn) handedOver(in Request) Reply {
	reply := Reply{ID: in.ID, Status: statusCreated}
	if in.Provider != t.r.svc.cfg.Provider {
		return Reply{ID: in.ID, Status: statusForbidden, Body: []byte("messages are handed over at home")}
	}
	q := wire.NewReader(in.Body)
	q.At("once").Opaque()
	q.At("number").U32()
	xml := q.At("message").String()
	st, err := xmpp.ParseStanzaXML([]byte(xml))
	if err = errors.Join(q.Done(), err); err != nil {
		return Reply{ID: in.ID, Status: statusBadRequest, Body: []byte(err.Error())}
	}
	sum := sha256.Sum256(in.Body)
	if slices.ContainsFunc(t.r.pub.Handed, func(known []byte) bool { return bytes.Equal(known, sum[:]) }) {
		return reply
	}
	if t.r.pub.Exists {
		t.emit(&handed{Sum: sum[:]})
	}
	t.directStanza(&st) // where the conversation has ended the message comes back
	return reply
}
