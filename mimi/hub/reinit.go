package hub

import (
	"bytes"
	"slices"
	"time"

	"anteroom/mimi"
	"anteroom/mls"
)

// A room goes on in another group when its group ends with a ReInit (RFC 9420 §11.2): a new suite, the same members and the same policy. The hub ends
// it, and nobody else, for it must know before the end that every member can follow (docs/decisions/140-reinit.md).

// former is a group of the room that has ended, and the epoch in which it did.
type former struct {
	group []byte
	epoch mls.Epoch
}

// ended sends whoever still speaks in a group that ended to its end: the ReInit, which is on its way to it, or was missed. Nil: the group did not end.
func (r *Room) ended(e mimi.Endpoint, code uint8, group []byte) *mimi.Refusal {
	i := slices.IndexFunc(r.formers, func(f former) bool { return bytes.Equal(f.group, group) })
	if i < 0 {
		return nil
	}
	refusal := refuse(e, code, "former-group", "the group ended with a ReInit in epoch %d", r.formers[i].epoch)
	refusal.Epoch = r.formers[i].epoch
	return refusal
}

// epochFor is the epoch that the answer to a refused request names.
func (r *Room) epochFor(refusal *mimi.Refusal) mls.Epoch {
	if refusal.Epoch != 0 {
		return refusal.Epoch
	}
	return r.group.Public().Epoch()
}

// AcceptReInit decides on a ReInit by a local leaf, together with the first commit of the group that follows, as Reinitialize made it. o are
// the options in the new suite. Each provider gets the commit and its Welcome in one body, so that nobody is left between the groups. The error is a
// *mimi.Refusal.
func (r *Room) AcceptReInit(now time.Time, end, first *mls.Staged, o Options) (*Accepted, error) {
	reInit := end.Effects.After.ReInit()
	if reInit == nil {
		return nil, notAllowed("reinit-missing", "the commit holds no ReInit")
	}
	a, err := r.acceptLocal(now, end)
	if err != nil {
		return nil, err
	}
	next, err := keep(r.uri, first.Group, o)
	if err != nil {
		return nil, refusalOf(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), "reinit-policy", err)
	}
	pg := first.Group.Public()
	if pg.Epoch() != 1 || !bytes.Equal(pg.GroupID(), reInit.GroupID) || pg.Suite() != reInit.Suite {
		return nil, notAllowed("reinit-group", "this is not the group that the ReInit names")
	}
	for user := range a.After.Active() {
		if next.state.Clients(user) != a.After.Clients(user) {
			return nil, notAllowed("reinit-members", "%s has %d clients in the new group, not %d", user, next.state.Clients(user), a.After.Clients(user))
		}
	}
	added, err := additions(first.Effects)
	if err != nil {
		return nil, refusalOf(mimi.EndpointUpdate, uint8(mimi.UpdateNotAllowed), "added-client", err)
	}
	if refusal := checkWelcome(r.provider(), first.Welcome, added); refusal != nil {
		return nil, refusal
	}
	next.routes, next.remembered = a.Next.routes, a.Next.remembered
	next.renewals = renewals(nil).after(now, first.Effects, next.state.UpdateTimes())
	next.formers = append(slices.Clone(r.formers[max(0, len(r.formers)-MaxFormers+1):]), former{group: end.Effects.After.GroupID(), epoch: end.Effects.After.Epoch()})
	next.routes = slices.DeleteFunc(slices.Clone(next.routes), func(e route) bool {
		return slices.ContainsFunc(added, func(n addition) bool { return bytes.Equal(n.ref, e.ref) })
	})
	nobody := *r
	nobody.followers = nil // the new group's first commit is told to nobody
	for _, f := range nobody.commitFanout(a.AcceptedAt, r.provider(), first.Commit, first.Welcome, added, first.Effects.After) {
		if i := slices.IndexFunc(a.Fanout, func(g Fanout) bool { return g.Provider == f.Provider }); i >= 0 {
			a.Fanout[i].Body = slices.Concat(a.Fanout[i].Body, f.Body)
		} else {
			a.Fanout = append(a.Fanout, f)
		}
	}
	a.Next, a.After, a.Welcome = next, next.state, first.Welcome
	return a, nil
}
