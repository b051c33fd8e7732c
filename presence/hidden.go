package presence

import (
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// Whose presence is broadcast (muc#roomconfig_presencebroadcast). An occupant of another role is there, and knows that it is, but
// nobody else is told. Occupants are told lazily where telling at once would be too much: Room.Told keeps up what they know.

// MaxReveal bounds the stanzas that SetHidden lets send at once. Beyond it each presence follows the occupant's next change.
const MaxReveal = 100_000

// hides says that the presence of a role is not broadcast.
func (r *Room) hides(role muc.Role) bool { return int(role) < len(r.hidden) && r.hidden[role] }

// Shows says that an occupant's presence is broadcast.
func (r *Room) Shows(o *Occupant) bool { return !r.hides(o.Role) }

// Told notes that what Announce or ToOthers says of an occupant was said.
func (r *Room) Told(o *Occupant) { o.Unseen = !r.Shows(o) }

// SetHidden says whose presence is not broadcast from now on, and returns whom the others must be told of: render each by ToOthers,
// then call Told. When that would be too many stanzas it returns none, and what others see of an occupant changes with its next presence.
func (r *Room) SetHidden(hides func(muc.Role) bool) (changed []*Occupant) {
	for role := range r.hidden {
		r.hidden[role] = hides != nil && hides(muc.Role(role))
	}
	for _, o := range r.order {
		if o.Unseen != !r.Shows(o) {
			changed = append(changed, o)
		}
	}
	if len(changed)*r.Len() > MaxReveal {
		return nil
	}
	return changed
}

// vanish is how others hear that they see an occupant no more, who is still there.
func (r *Room) vanish(o *Occupant) []xmpp.Broadcast {
	v := r.views(o, xmpp.TypeUnavailable, Change{}, false)
	return r.toOthers(nil, o, v)
}
