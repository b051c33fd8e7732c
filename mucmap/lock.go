package mucmap

import (
	"time"

	"anteroom/mimi"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// A new room is locked until its owner has said how it should be (XEP-0045 §10.1): for everybody else it is as if there was no room.
// Config.NoLock turns this off. A presence without the x of muc creates no room here, so every new room is locked.

// unlocked says that the owner has submitted the first form, or asked for an instant room by an empty one.
type unlocked struct{}

func (*unlocked) apply(s *state, _ *stage) { s.Locked = false }

// lockedOut is the refusal of everybody who does not own a locked room; nil: there is no such obstacle.
func (r *Room) lockedOut(a muc.Affiliation) *xmpp.StanzaError {
	if !r.pub.Locked || a == muc.AffiliationOwner {
		return nil
	}
	return refusal(xmpp.ItemNotFound, "the room is locked until its owner has configured it")
}

// shut refuses what comes to a locked room from others than its owners.
func (t *turn) shut(st *xmpp.Stanza) bool {
	r := t.r
	if !r.pub.Locked || st.Type == xmpp.TypeError || st.Type == xmpp.TypeUnavailable || r.pub.here.BySession(st.From) != nil {
		return false
	}
	a := muc.AffiliationNone
	if u, err := r.svc.UserURI(st.From); err == nil {
		a = r.pub.affiliation(u)
	}
	e := r.lockedOut(a)
	if e == nil {
		return false
	}
	t.refuse(st, e)
	return true
}

// unlock opens the room after the owner's first form.
func (t *turn) unlock() {
	if t.r.pub.Locked {
		t.emit(&unlocked{})
		t.note(NoteInfo, "room unlocked")
	}
}

// lockEnd is when a locked room is given up; zero: never, or not while something is under way.
func (r *Room) lockEnd() time.Time {
	if !r.pub.Locked || r.pub.Closing || r.job != nil || len(r.queue) > 0 {
		return time.Time{}
	}
	return r.pub.Created.Add(r.svc.cfg.LockTimeout)
}

// abandoned destroys a room whose owner leaves before configuring it (XEP-0045 §10.1.3). What the owner submitted before is not lost:
// while it is under way the room stays, and expire looks again.
func (t *turn) abandoned() bool {
	if t.r.lockEnd().IsZero() || t.r.pub.here.Len() > 1 {
		return false
	}
	t.giveUp("the owner left without configuring the room")
	return true
}

// overdue destroys a room that was not configured in time (XEP-0045 §10.1.1 step 5).
func (t *turn) overdue() {
	if end := t.r.lockEnd(); !end.IsZero() && !t.now.Before(end) {
		t.giveUp("the room was not configured in time")
	}
}

func (t *turn) giveUp(reason string) {
	t.raze(mimi.URI{}, muc.Destroy{Reason: reason}, func(*turn) {}, func(t *turn, e *xmpp.StanzaError) {
		t.note(NoteError, "the group of a locked room cannot be emptied", Attr{"reason", e.Text})
		t.vanish()
	})
}
