package mucmap

import (
	"slices"
	"strconv"
	"time"

	"anteroom/mimi"
	"anteroom/mimi/policy"
	"anteroom/mls"
	"anteroom/xmpp"
	"anteroom/xmpp/muc"
)

// An owner may bound the time between two renewals of a leaf's keys (LeafNode_update_time of draft-ietf-mimi-room-policy-04's operational policy, the
// seed's min_interval and max_interval; docs/decisions/101-update-intervals.md). The hub refuses Updates that come too early; our own
// schedule obeys (renewplan.go); clients of other providers whose keys are too old are put out by the keeper.

// Bounds of what a form may ask for, in seconds, and how much longer than allowed keys are borne with.
const (
	MaxUpdateTime = 10 * 365 * 24 * 60 * 60
	StaleGrace    = time.Hour
)

// The fields are ours: XEP-0045 registers none.
const (
	fieldUpdateMin = "x-anteroom_update_min"
	fieldUpdateMax = "x-anteroom_update_max"
)

func (c *roomConfig) updateFields() []muc.Field {
	field := func(name, label string, v uint64) muc.Field {
		f := muc.TextField(name, label, strconv.FormatUint(v, 10))
		f.Validate = &muc.Validate{Datatype: "xs:integer", Min: "0", Max: strconv.Itoa(MaxUpdateTime)}
		return f
	}
	return []muc.Field{
		field(fieldUpdateMin, "Seconds at least between two renewals of a participant's keys (0: none)", c.UpdateMin),
		field(fieldUpdateMax, "Seconds at most between two renewals of a participant's keys; clients that wait longer are removed (0: none)", c.UpdateMax),
	}
}

// submitUpdateTimes reads what updateFields offers. A value that the form shows as it is stays, whatever another provider's owner made it.
func (c *roomConfig) submitUpdateTimes(f *muc.Form, shortest time.Duration) *xmpp.StanzaError {
	was := *c
	for _, field := range []struct {
		name string
		at   *uint64
	}{{fieldUpdateMin, &c.UpdateMin}, {fieldUpdateMax, &c.UpdateMax}} {
		text, present := f.Text(field.name)
		if !present || text == strconv.FormatUint(*field.at, 10) {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil || n > MaxUpdateTime {
			return refusal(xmpp.NotAcceptable, field.name+" is no number of seconds up to "+strconv.Itoa(MaxUpdateTime))
		}
		*field.at = n
	}
	switch {
	case *c == was:
	case c.UpdateMax != 0 && c.UpdateMax < uint64(shortest/time.Second):
		return refusal(xmpp.NotAcceptable, fieldUpdateMax+" is less than "+strconv.Itoa(int(shortest/time.Second))+" seconds")
	case c.UpdateMax != 0 && c.UpdateMin > c.UpdateMax/2:
		return refusal(xmpp.NotAcceptable, fieldUpdateMin+" is more than half of "+fieldUpdateMax+": nobody could keep to both")
	}
	return nil
}

// operational is the operational policy of a configuration, with what else old holds; present: the group has one.
func (c *roomConfig) operational(old *mimi.OperationalParameters, present bool) *mimi.OperationalParameters {
	p := *old
	if !present { // what the room is like without one
		p.ExternalProposals, p.ExternalCommits = true, true
	}
	p.LeafUpdate = mimi.Times{Min: c.UpdateMin, Max: c.UpdateMax}
	return &p
}

// replaceUpdateTimes lets the group have the times of a configuration.
func (d *delta) replaceUpdateTimes(now, next *roomConfig) {
	if now.UpdateMin == next.UpdateMin && now.UpdateMax == next.UpdateMax {
		return
	}
	_, present := d.r.hub.Group().Public().AppData(mimi.ComponentOperationalPolicy)
	d.replace(mimi.ComponentOperationalPolicy, next.operational(d.state.Operational(), present))
}

// stale puts out clients of other providers whose keys are older than the room allows, and returns when to look again.
func (t *turn) stale() time.Time {
	r := t.r
	if r.hub == nil || r.pub.Closing || r.unclean || r.renewing.expels {
		return time.Time{}
	}
	if t.now.Before(r.renewing.expel) {
		return r.renewing.expel
	}
	old, next := r.staleLeaves(t.now)
	if len(old) == 0 {
		if r.renewing.expel = next; next.IsZero() {
			return next
		}
		r.renewing.expel = next.Add(StaleGrace)
		return r.renewing.expel
	}
	r.renewing.expels, r.renewing.expel = true, t.now.Add(MaxRenewalPause)
	now := t.now
	t.ask(&wish{
		what: "removal of clients with old keys",
		plan: func(d *delta) *xmpp.StanzaError {
			d.removeStale(now)
			return nil
		},
		done: func(t *turn) { t.r.renewing.expels, t.r.renewing.expel = false, time.Time{} },
		refuse: func(t *turn, e *xmpp.StanzaError) {
			t.r.renewing.expels = false
			t.note(NoteWarn, "clients with old keys stay", Attr{"reason", e.Text})
		},
	})
	return time.Time{}
}

// removeStale takes out the clients whose keys are too old, and off the list who has no affiliation and no other client.
func (d *delta) removeStale(now time.Time) {
	s := d.r.pub
	var users []mimi.URI
	clients := map[mimi.URI]int{}
	d.removes, _ = d.r.staleLeaves(now)
	for _, i := range d.removes {
		u := s.behind(leafUser(d.r.hub.Group().Public(), i))
		if clients[u]++; clients[u] == 1 {
			users = append(users, u)
		}
	}
	for _, u := range users {
		w := why{cause: causeKick, reason: "its keys were not renewed for longer than the room allows"}
		if clients[u] == d.state.Clients(u) && s.affiliation(u) == muc.AffiliationNone && !s.Config.Fixed {
			d.unlist(u, w)
		} else {
			d.touch(u, w)
		}
	}
	d.empty = len(users) == 0
}

// timesMayHaveChanged lets both schedules be looked at anew after a commit that changed the times.
func (t *turn) timesMayHaveChanged(before, after *policy.State) {
	if before == nil || before.UpdateTimes() != after.UpdateTimes() {
		t.r.renewing.look, t.r.renewing.expel, t.r.renewing.policy = time.Time{}, time.Time{}, t.now
	}
}

// staleLeaves are the leaves of other providers' clients that have had their keys for too long, and when the next one's grace begins.
func (r *Room) staleLeaves(now time.Time) ([]mls.LeafIndex, time.Time) {
	old, next := r.hub.Stale(now.Add(-StaleGrace))
	return slices.DeleteFunc(old, r.hub.Group().IsLocal), next
}
