package main

import (
	"time"

	"anteroom/mimi"
	"anteroom/mimi/follower"
	"anteroom/mls"
)

// Where a room's policy says how long keys serve at most, our clients get new ones in time by themselves (docs/decisions/101-update-intervals.md).

// minRenewal bounds how often keys are renewed, whatever a policy says or a hub answers.
const minRenewal = time.Second

// maxRest bounds how far ahead it is planned, in seconds.
const maxRest = 366 * 24 * 60 * 60

// renewalDue is which client of ours gets new keys next in a room, and when: late in the time that its policy allows, and not before it does. Without a client
// there is none.
func renewalDue(r *follower.Room) (client mimi.URI, at time.Time) {
	if !r.Member() || r.Broken() != "" || r.Behind() || !r.Idle() {
		return mimi.URI{}, time.Time{} // what changes that is followed by another look
	}
	every := longestUse(r.State().UpdateTimes())
	if every == 0 {
		return mimi.URI{}, time.Time{}
	}
	for _, l := range r.Group().RenewalDue(^uint64(0), mls.RenewalInterval{Encryption: 1}) { // all of them, the oldest keys first
		node, ok := r.Group().Public().Leaf(l.Leaf)
		if !ok {
			continue
		}
		if client, err := mimi.CredentialClient(node.Credential); err == nil {
			return client, time.Unix(int64(l.Since+every), 0)
		}
	}
	return mimi.URI{}, time.Time{}
}

// longestUse is for how many seconds keys serve: three quarters of what is usual or allowed, or more where a policy wants less to be done; 0 is for ever.
func longestUse(times mimi.Times) uint64 {
	const ever = 1 << 33 // longer than clocks can wait
	every := times.Max
	if times.Default != 0 {
		every = times.Default
	}
	if every == 0 || every > ever {
		return 0
	}
	return max(every-every/4, (every+times.Min)/2)
}

// restRenewals lets some time pass where new keys are not wanted yet: since we entered, or since somebody set a minimum; and whoever refused is not asked again
// at once.
func (n *nativeRoom) restRenewals(e follower.Event, now time.Time) {
	if !n.room.Member() {
		return
	}
	times, begins := n.room.State().UpdateTimes(), false
	switch e := e.(type) {
	case follower.Joined:
		begins = true
	case follower.Epoch:
		begins = e.Before != nil && e.Before.UpdateTimes() != e.After.UpdateTimes()
	case follower.Refused:
		if e.Wish.Kind == follower.Renew {
			if again := now.Add(max(maxRetry, time.Duration(longestUse(times)/8)*time.Second)); again.After(n.renews) {
				n.renews = again
			}
		}
	}
	if begins {
		n.renews = now.Add(time.Duration(min(times.Min, maxRest)) * time.Second)
	}
}

// renew lets a room do what is due: its own matters, and new keys.
func (n *nativeRoom) renew(r *follower.Room, now time.Time) follower.Output {
	out := r.Tick(now, freshSeed())
	client, at := renewalDue(out.Next)
	if client.IsZero() || now.Before(at) || now.Before(n.renews) {
		return out
	}
	n.renews = now.Add(minRenewal)
	more := out.Next.Do(now, freshSeed(), follower.Wish{Kind: follower.Renew, Client: client})
	more.Events = append(out.Events, more.Events...)
	return more
}

// wake is when a room has something to do by itself.
func (n *nativeRoom) wake() time.Time {
	at := n.room.Wake()
	if client, due := renewalDue(n.room); !client.IsZero() {
		if due.Before(n.renews) {
			due = n.renews
		}
		if at.IsZero() || due.Before(at) {
			at = due
		}
	}
	return at
}
