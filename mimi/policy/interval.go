package policy

import (
	"anteroom/mimi"
	"anteroom/mls"
)

// The seed's rule about Updates (draft-mahy-mimi-group-chat, "other": min_interval, max_interval), which its successor has as LeafNode_update_time of
// the operational policy. The minimum is asked of an Update and of a commit without proposals. What a path renews beside other proposals is not
// asked for: whoever removes somebody must. The maximum is the hub's to enforce (hub.Room.Stale).

// UpdateTimes returns the times between two renewals of a leaf's keys, in seconds; zero where the room takes no position.
func (s *State) UpdateTimes() mimi.Times { return s.mls.LeafUpdate }

// Operational returns the operational policy: empty where the room has none. The caller must not change it.
func (s *State) Operational() *mimi.OperationalParameters { return s.mls }

// tooEarly refuses new keys for a leaf whose keys are younger than the room allows.
func (c *change) tooEarly(sender mls.Sender, by *actor) *mimi.Refusal {
	least := c.before.UpdateTimes().Min
	if least == 0 || c.o.Renewed == nil || sender.Type != mls.SenderMember {
		return nil
	}
	if least == mimi.Infinity {
		return deny("update-never", "this room's policy lets nobody renew the keys of its leaf by an Update")
	}
	since, known := c.o.Renewed(sender.Leaf)
	if age := c.o.Now - min(since, c.o.Now); known && age < least {
		return deny("update-early", "%s renewed its keys %d s ago, and this room wants %d s between two Updates of a leaf", by.user, age, least)
	}
	return nil
}

// changeOperational: the capability is reserved but named, so it or whatever allows other policies does.
func (c *change) changeOperational(u *componentUpdate) *mimi.Refusal {
	if c.before.role(u.by.role).Has(mimi.CanChangeMlsOperationalPolicies) {
		return nil
	}
	return c.changeOther(u)
}
