package follower

import (
	"bytes"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

// Touch is often lost because what the hub tells is late, and not because it is gone. So the room as it was is kept behind the one that was entered
// anew, as its trail: it applies what still comes of the epochs between the two, and what was said then is told late rather than never. It asks
// the hub for nothing. It goes when both meet and nothing more can come, when it cannot go on, or after TrailTime.

const (
	// TrailTime is how long keys of epochs are kept that were over when the room was entered anew.
	TrailTime = 24 * time.Hour
	// MaxTrails is how many are kept, one behind the other, of a room that loses touch again and again.
	MaxTrails = 4
)

// trail is a room as it was when touch was lost.
type trail struct {
	room  *Room
	into  []byte    // the group that was entered anew
	until mls.Epoch // of that, in which it was: the first of which the trail tells nothing
	ends  time.Time
}

// leaveTrail keeps the room as it is, when it is entered anew in an epoch. What of its time was kept goes there when it is looked at again.
func (t *turn) leaveTrail(into []byte, until mls.Epoch) {
	r := t.r
	if r.lost != "" {
		r.trail = nil // the group cannot go on
		return
	}
	behind := &Room{uri: r.uri, group: r.group, state: r.state, member: true, trail: r.trail}
	last := behind
	for range MaxTrails - 1 {
		if last.trail != nil {
			last = last.trail.cut(last)
		}
	}
	last.trail = nil
	r.trail = &trail{behind, into, until, t.now.Add(TrailTime)}
}

// cut makes the trail of a room that may be changed, and returns its room.
func (tr *trail) cut(of *Room) *Room {
	next := *tr
	room := *tr.room
	next.room, of.trail = &room, &next
	return &room
}

// belated says that a message belongs to the trail, and lets it have it.
func (t *turn) belated(m *mimi.FanoutMessage) bool {
	tr := t.r.trail
	if tr == nil || !t.oldNews(tr, m) {
		return false
	}
	o := t.r.options
	o.Invited = false
	behind := tr.room.WithOptions(o).turn(t.now, t.fresh("trail"))
	if behind.apply(m) != nil && behind.keep(m) != nil {
		t.tell(Dropped{"a message of the time when touch was lost: too many were kept"})
	}
	behind.catchUp()
	for _, e := range behind.out.Events {
		switch e := e.(type) {
		case Message, Dropped:
			t.tell(e)
		case Broken:
			t.breakDown("while touch was lost: %s", e.Text)
			return true
		}
	}
	behind.r.queue = nil // it asks for nothing
	t.r.trail = &trail{behind.r, tr.into, tr.until, tr.ends}
	return true
}

// oldNews says whether a message is of the trail's time: of the group that we came back into, before that epoch; or of another that it holds or held, unless we went on
// into it since; or the Welcome to the one that follows its group by ReInit.
func (t *turn) oldNews(tr *trail, m *mimi.FanoutMessage) bool {
	held, ours := tr.room.group.Public().GroupID(), t.r.group.Public().GroupID()
	id, epoch, ok := epochOf(m)
	switch {
	case m.Message.Welcome != nil:
		ended, _, follows := t.welcomeFollows(m.Message.Welcome)
		return follows && bytes.Equal(ended, held) && !bytes.Equal(ended, ours)
	case !ok:
		return false
	case bytes.Equal(id, tr.into):
		return epoch < tr.until
	case bytes.Equal(id, ours):
		return false
	}
	return bytes.Equal(id, held) || tr.room.former != nil && bytes.Equal(id, tr.room.former.Public().GroupID())
}

// endTrail forgets trails that can tell nothing more.
func (t *turn) endTrail() {
	r := t.r
	if tr := r.trail; tr != nil && (!r.member || r.broken != "" || tr.over(r, t.now)) {
		r.trail = nil
	}
	if tr := r.trail; tr != nil && tr.room.trail != nil && tr.room.trail.over(tr.room, t.now) {
		tr.cut(r).trail = nil
	}
}

// over says that nothing more can come of a trail of a room.
func (tr *trail) over(of *Room, now time.Time) bool {
	reached := tr.room.group.Public().Epoch()+1 >= tr.until
	return !now.Before(tr.ends) || !tr.room.member || tr.room.lost != "" || reached && bytes.Equal(tr.room.group.Public().GroupID(), of.group.Public().GroupID()) && of.group.Public().Epoch() >= tr.until+pastEpochs
}

// trailParts adds the change of the trail. One that takes another's place is written anew.
func (r *Room) trailParts(out *mls.Parts, since *Room) {
	var now, old *trail
	if now = r.trail; since != nil {
		old = since.trail
	}
	if now == old {
		return
	}
	change := mls.Parts{}
	switch {
	case now != nil && old != nil && now.until == old.until:
		change = now.room.Parts(old.room)
	default:
		if now != nil {
			change = now.room.Parts(nil)
		}
		if old != nil {
			for name := range old.room.Parts(nil).Set {
				if _, kept := change.Set[name]; !kept {
					change.Drop = append(change.Drop, name)
				}
			}
			slices.Sort(change.Drop)
		}
	}
	for name, value := range change.Set {
		out.Set[trailPrefix+name] = value
	}
	for _, name := range change.Drop {
		out.Drop = append(out.Drop, trailPrefix+name)
	}
}
