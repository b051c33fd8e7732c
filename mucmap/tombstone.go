package mucmap

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// TombstoneFor is how long the name of a room that was destroyed with an alternate venue stays closed to all but its former owners.
const TombstoneFor = 30 * 24 * time.Hour

// Bounds of a stored tombstone, in bytes and in number.
const (
	maxTombstone       = 4 << 10
	maxTombstoneReason = 512
	maxTombstoneOwners = 20
)

// tombstone is what stays of a destroyed room that names an alternate venue (docs/decisions/043-tombstones.md). The venue's password
// is not part of it.
type tombstone struct {
	V      int
	At     time.Time
	Venue  xmpp.JID
	Reason string     `json:",omitempty"`
	Owners []mimi.URI `json:",omitempty"`
}

// encode keeps within the bound: an over-long reason and then owners are left out.
func (b tombstone) encode() []byte {
	b.V = stateFormat
	b.Owners = slices.Clone(b.Owners[:min(len(b.Owners), maxTombstoneOwners)])
	for {
		out := encodeJSON(b)
		switch {
		case len(out) <= maxTombstone:
			return out
		case b.Reason != "":
			b.Reason = ""
		case len(b.Owners) > 0:
			b.Owners = b.Owners[:len(b.Owners)-1]
		default:
			return nil
		}
	}
}

func decodeTombstone(data []byte) (*tombstone, error) {
	b := new(tombstone)
	if err := json.Unmarshal(data, b); err != nil {
		return nil, fmt.Errorf("tombstone: %w", err)
	}
	if b.V != stateFormat {
		return nil, fmt.Errorf("tombstone has format %d, this program knows %d", b.V, stateFormat)
	}
	return b, nil
}

// owners are the users who own the room, in order.
func (s *state) owners() (all []mimi.URI) {
	for _, u := range s.users() {
		if s.affiliation(u) == muc.AffiliationOwner {
			all = append(all, u)
		}
	}
	return all
}

// destruction is the event of an order to destroy, by an owner or, if u is zero, by an operator: what operators close owners do not open again.
func (t *turn) destruction(u mimi.URI, d muc.Destroy) *destroyed {
	e := &destroyed{Venue: d.Venue, Password: d.Password, Reason: d.Reason}
	if !d.Venue.IsZero() {
		e.At = t.now
	}
	if !d.Venue.IsZero() && !u.IsZero() {
		e.Owners = t.r.pub.owners()
	}
	return e
}

// grave is what a destroyed event leaves behind; nil: nothing.
func (e *destroyed) grave() *tombstone {
	if e.At.IsZero() {
		return nil
	}
	b := &tombstone{At: e.At, Venue: e.Venue.Bare(), Owners: e.Owners}
	if len(e.Reason) <= maxTombstoneReason {
		b.Reason = e.Reason
	}
	return b
}

// grave is the tombstone under this name, if one stands: of the room that was just destroyed, or of one before.
func (t *turn) grave() *tombstone {
	b := t.r.pub.Grave
	if b == nil {
		b = t.r.tomb
	}
	if b == nil || !t.now.Before(b.At.Add(TombstoneFor)) {
		return nil
	}
	return b
}

// noRoom is the refusal of who asks for a room that does not exist: gone, with the alternate venue, while a tombstone stands
// (XEP-0045 §10.9); u may be zero.
func (t *turn) noRoom(u mimi.URI) *xmpp.StanzaError {
	b := t.grave()
	if b == nil || !u.IsZero() && slices.Contains(b.Owners, u) {
		return refusal(xmpp.ItemNotFound, "there is no such room")
	}
	text := "this room was destroyed; go to " + b.Venue.String()
	if b.Reason != "" {
		text += " (" + b.Reason + ")"
	}
	e := refusal(xmpp.Gone, text)
	e.Address = b.Venue.Bare().URI() + "?join"
	return e
}
